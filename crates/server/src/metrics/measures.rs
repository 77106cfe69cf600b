//! What the threads of a node tell when they are asked for their numbers, and the samples that are made of it.
//!
//! A shard only copies; everything that takes time happens on the thread that asked.

use std::{cmp::Ordering, collections::BTreeMap, time::Duration};

use klamm_config::broker;

use super::{
    coordinators::{self, CoordinatorMeasures},
    families::{
        AT_MIN_ISR_PARTITION_COUNT, CONNECTIONS, FAILED_ISR_UPDATES, FETCHER_LAG, ISR_EXPANDS, ISR_SHRINKS,
        LATE_TRANSACTIONS, LEADER_COUNT, LOG_END_OFFSET, LOG_FLUSH_TIME, LOG_SEGMENTS, LOG_SIZE,
        LOG_START_OFFSET, MEMORY_POOL_AVAILABLE, MEMORY_POOL_DEPLETED_PERCENT, MEMORY_POOL_DEPLETED_TIME,
        MEMORY_POOL_USED, OFFLINE_REPLICA_COUNT, PARTITION_AT_MIN_ISR, PARTITION_COUNT,
        PARTITION_IN_SYNC_REPLICAS, PARTITION_LSO_LAG, PARTITION_REPLICAS, PARTITION_UNDER_MIN_ISR,
        PARTITION_UNDER_REPLICATED, PRODUCER_ID_COUNT, REASSIGNING_PARTITIONS, REQUEST_QUEUE_SIZE,
        UNDER_MIN_ISR_PARTITION_COUNT, UNDER_REPLICATED_PARTITIONS,
    },
    lately::Times,
    replication::{self, ReplicationMeasures, fetcher_name},
    requests::{self, Apis},
    samples::{Samples, count, signed},
    traffic::Traffic,
    transactions::{self, TransactionMeasures},
};
use crate::{
    listener::memory_pool::MemoryPool,
    metadata::Published,
    node::Node,
    partition::IsrAnswer,
    shard::requests::TopicPartition,
    share::measures::{ShareMeasures, sample_share_sessions},
};

/// A transaction counts as late when it is so much older than any may become.
const LATE_AFTER_MS: i64 = 5 * 60 * 1000;

/// What a shard tells.
#[derive(Debug)]
pub struct ShardMeasures {
    /// Its partitions.
    pub partitions: Vec<PartitionMeasures>,
    /// What went in and out, with partitions that are no longer here.
    pub traffic: Traffic,
    /// Requests that came by its connections, by API.
    pub requests: Apis,
    /// How long syncs of logs took.
    pub flushes: Option<Times>,
    /// Changes of in-sync replicas.
    pub isr_changes: IsrChangeCounts,
    /// Its share partitions.
    pub share: ShareMeasures,
    /// Its coordinators.
    pub coordinators: CoordinatorMeasures,
    /// Its part in the replication.
    pub replication: ReplicationMeasures,
    /// Its part in transactions.
    pub transactions: TransactionMeasures,
    /// How long it has worked since the start, where that can be told.
    pub busy: Option<Duration>,
}

/// How often in-sync replicas changed.
#[derive(Debug, Clone, Copy, Default)]
pub struct IsrChangeCounts {
    /// Followers came in.
    pub expands: u64,
    /// Followers fell out.
    pub shrinks: u64,
    /// The controller refused.
    pub failed: u64,
}

impl IsrChangeCounts {
    /// With one more answer of the controller to a leader that had `in_sync` replicas in sync.
    pub(crate) fn with(self, answer: &IsrAnswer, in_sync: usize) -> Self {
        let Ok(committed) = answer else { return Self { failed: self.failed + 1, ..self } };
        match committed.isr.len().cmp(&in_sync) {
            Ordering::Greater => Self { expands: self.expands + 1, ..self },
            Ordering::Less => Self { shrinks: self.shrinks + 1, ..self },
            Ordering::Equal => self,
        }
    }
}

/// What a partition tells.
#[derive(Debug)]
pub struct PartitionMeasures {
    /// Which it is.
    pub at: TopicPartition,
    /// What went in and out.
    pub traffic: Traffic,
    /// Bytes of its log.
    pub size: u64,
    /// Segments of its log.
    pub segments: usize,
    /// First offset.
    pub log_start_offset: i64,
    /// Next offset.
    pub log_end_offset: i64,
    /// What only a leader knows.
    pub led: Option<LedMeasures>,
    /// What only a follower knows.
    pub followed: Option<FollowedMeasures>,
    /// Records that its copy in another log directory does not have, while it moves there.
    pub copy_lag: Option<i64>,
    /// Producers that are known.
    pub producers: usize,
    /// When a producer with a transaction under way last wrote, in milliseconds since 1970.
    pub open_since_ms: Option<i64>,
}

/// What a follower tells of its partition.
#[derive(Debug, Clone, Copy)]
pub struct FollowedMeasures {
    /// Who leads.
    pub leader: i32,
    /// Number of its fetcher.
    pub fetcher: u64,
    /// Committed records that are missing here.
    pub lag: i64,
    /// Whether nothing more is fetched in this leader epoch.
    pub has_failed: bool,
}

/// What a leader tells of its partition.
#[derive(Debug, Clone, Copy)]
pub struct LedMeasures {
    /// Replicas, the leader included.
    pub replicas: usize,
    /// Of them in sync.
    pub in_sync: usize,
    /// `min.insync.replicas`, but no more than there are replicas.
    pub in_sync_min: usize,
    /// High watermark less last stable offset.
    pub lso_lag: i64,
}

impl ShardMeasures {
    /// Adds the samples of all shards of a broker.
    pub fn sample(shards: &[Self], node: &Node, published: &Published, samples: &mut Samples) {
        let mut apis = Apis::new();
        let mut flushes: Option<Times> = None;
        let mut topics: BTreeMap<&str, Traffic> = BTreeMap::new();
        for shard in shards {
            shard.traffic.sample(None, samples);
            let changes = shard.isr_changes;
            samples.add(ISR_EXPANDS, &[], count(changes.expands));
            samples.add(ISR_SHRINKS, &[], count(changes.shrinks));
            samples.add(FAILED_ISR_UPDATES, &[], count(changes.failed));
            shard.share.sample(samples);
            for (key, api) in &shard.requests {
                apis.entry(*key).and_modify(|known| known.add(api)).or_insert_with(|| api.clone());
            }
            match (&mut flushes, &shard.flushes) {
                (Some(known), Some(more)) => known.add(more),
                (known, more) => *known = more.clone(),
            }
            for partition in &shard.partitions {
                topics.entry(&partition.at.topic).or_default().add(&partition.traffic);
                partition.sample(samples);
            }
        }
        for (topic, traffic) in topics {
            traffic.sample(Some(topic), samples);
        }
        coordinators::sample(shards.iter().map(|shard| &shard.coordinators), samples);
        sample_producers(shards, node, samples);
        replication::sample(shards, node, samples);
        transactions::sample(shards.iter().map(|shard| &shard.transactions), samples);
        node.cleaning().sample(node, node.world.clock.now().since_start(), samples);
        requests::sample(apis, samples);
        if let Some(flushes) = flushes {
            samples.add_quantiles(LOG_FLUSH_TIME, &[], &flushes.microseconds(), 1000.0);
        }
        sample_replicas(shards, node, published, samples);
        let connections = count(node.limits.open() as u64);
        samples.add(CONNECTIONS, &[], connections);
        samples.add(REQUEST_QUEUE_SIZE, &[], count(node.queue.len() as u64));
        sample_memory(&node.request_memory, samples);
        sample_share_sessions(&node.share_sessions(), samples);
    }
}

impl PartitionMeasures {
    fn sample(&self, samples: &mut Samples) {
        let index = self.at.index.to_string();
        let labels = &[("topic", &*self.at.topic), ("partition", index.as_str())][..];
        samples.add(LOG_SIZE, labels, count(self.size));
        samples.add(LOG_SEGMENTS, labels, count(self.segments as u64));
        samples.add(LOG_START_OFFSET, labels, signed(self.log_start_offset));
        samples.add(LOG_END_OFFSET, labels, signed(self.log_end_offset));
        if let Some(followed) = &self.followed {
            let client = fetcher_name(followed.fetcher, followed.leader);
            samples.add(
                FETCHER_LAG,
                &[&[("clientid", client.as_str())], labels].concat(),
                signed(followed.lag),
            );
        }
        let Some(led) = self.led else { return };
        samples.add(PARTITION_REPLICAS, labels, count(led.replicas as u64));
        samples.add(PARTITION_IN_SYNC_REPLICAS, labels, count(led.in_sync as u64));
        samples.add(PARTITION_UNDER_REPLICATED, labels, flag(led.is_under_replicated()));
        samples.add(PARTITION_UNDER_MIN_ISR, labels, flag(led.is_under_min_isr()));
        samples.add(PARTITION_AT_MIN_ISR, labels, flag(led.is_at_min_isr()));
        samples.add(PARTITION_LSO_LAG, labels, signed(led.lso_lag));
    }
}

impl LedMeasures {
    const fn is_under_replicated(&self) -> bool {
        self.in_sync < self.replicas
    }

    const fn is_under_min_isr(&self) -> bool {
        self.in_sync < self.in_sync_min
    }

    const fn is_at_min_isr(&self) -> bool {
        self.in_sync == self.in_sync_min
    }
}

/// What replicas know of producers, and how far they follow.
fn sample_producers(shards: &[ShardMeasures], node: &Node, samples: &mut Samples) {
    let partitions = || shards.iter().flat_map(|shard| &shard.partitions);
    samples.add(PRODUCER_ID_COUNT, &[], count(partitions().map(|one| one.producers as u64).sum()));
    let longest = i64::from(node.config.load().get(&broker::TRANSACTION_MAX_TIMEOUT_MS));
    let late = node.world.clock.wall_ms() - longest - LATE_AFTER_MS;
    let is_late = |one: &&PartitionMeasures| one.open_since_ms.is_some_and(|since| since < late);
    samples.add(LATE_TRANSACTIONS, &[], count(partitions().filter(is_late).count() as u64));
}

fn sample_memory(memory: &MemoryPool, samples: &mut Samples) {
    let (part, time) = memory.depleted();
    samples.add(MEMORY_POOL_AVAILABLE, &[], signed(memory.available()));
    samples.add(MEMORY_POOL_USED, &[], signed(memory.used()));
    samples.add(MEMORY_POOL_DEPLETED_PERCENT, &[], part);
    samples.add(MEMORY_POOL_DEPLETED_TIME, &[], time.as_secs_f64() * 1000.0);
}

/// The replica manager's view of the broker.
fn sample_replicas(shards: &[ShardMeasures], node: &Node, published: &Published, samples: &mut Samples) {
    let partitions = || shards.iter().flat_map(|shard| &shard.partitions);
    let led = |is: fn(&LedMeasures) -> bool| {
        count(partitions().filter_map(|partition| partition.led.as_ref()).filter(|led| is(led)).count() as u64)
    };
    samples.add(PARTITION_COUNT, &[], count(partitions().count() as u64));
    samples.add(LEADER_COUNT, &[], led(|_| true));
    samples.add(UNDER_REPLICATED_PARTITIONS, &[], led(LedMeasures::is_under_replicated));
    samples.add(UNDER_MIN_ISR_PARTITION_COUNT, &[], led(LedMeasures::is_under_min_isr));
    samples.add(AT_MIN_ISR_PARTITION_COUNT, &[], led(LedMeasures::is_at_min_isr));
    let (mut reassigning, mut placed) = (0_u64, 0_u64);
    for partition in published.image.topics.iter().flat_map(|topic| topic.partitions.values()) {
        reassigning += u64::from(partition.leader == node.id && partition.is_reassigning());
        placed += u64::from(partition.replicas.contains(&node.id));
    }
    samples.add(REASSIGNING_PARTITIONS, &[], count(reassigning));
    // A partition that is placed here and not here: its directory has failed, or it has yet to be opened.
    samples.add(OFFLINE_REPLICA_COUNT, &[], count(placed.saturating_sub(partitions().count() as u64)));
}

pub(super) const fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}
