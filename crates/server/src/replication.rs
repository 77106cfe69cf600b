//! Replication between brokers, as far as a shard has to do with it: requests that wait for replicas, proposals of ISRs,
//! and fetching from leaders.
//!
//! What is decided is in `klamm-replica`; a partition carries its part out (`partition/replica.rs`). Here is what lies
//! beyond one partition.

mod directories;
mod exchange;
mod fetcher;
mod isr;
pub mod throttle;
mod waiting;

use std::{rc::Rc, time::Duration};

use klamm_config::{BrokerConfig, broker};
use klamm_io::{Instant, spawn};
use klamm_protocol::{ErrorCode, Uuid};
use klamm_replica::leader::Input;
use tokio::sync::oneshot;

use crate::{
    error::ApiError,
    metrics::replication::ReplicationMeasures,
    partition::{Effects, Partition},
    shard::{
        requests::{AppendAnswer, Reply, TopicPartition},
        run::Shard,
    },
    topic_names,
};
use directories::Directories;
use fetcher::Fetchers;
use isr::IsrChanges;
use waiting::Waiting;
pub(crate) use waiting::{Unsynced, refuse};

/// `replica.lag.time.max.ms`.
pub fn lag_max(config: &BrokerConfig) -> Duration {
    Duration::from_millis(u64::try_from(config.get(&broker::REPLICA_LAG_TIME_MAX_MS)).unwrap_or(0))
}

/// `replica.fetch.backoff.ms`.
pub fn fetch_backoff(config: &BrokerConfig) -> Duration {
    Duration::from_millis(u64::try_from(config.get(&broker::REPLICA_FETCH_BACKOFF_MS)).unwrap_or(0))
}

/// What made a partition change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// An append of the partition's own coordinator, which looks at the high watermark itself.
    Coordinator,
    /// Anything else.
    Other,
}

/// A shard's part in the replication.
#[derive(Default)]
pub struct Replication {
    waiting: Waiting,
    isr_changes: IsrChanges,
    fetchers: Fetchers,
    directories: Directories,
}

impl Replication {
    /// Starts what runs beside the shard's requests.
    pub(crate) fn start(shard: &Rc<Shard>) -> [spawn::Task<()>; 3] {
        [
            spawn::essential(run_timers(Rc::clone(shard))),
            spawn::essential(isr::run(Rc::clone(shard))),
            spawn::essential(directories::run(Rc::clone(shard))),
        ]
    }

    /// Stops fetching.
    pub(crate) fn stop(&self) {
        self.fetchers.stop();
    }

    /// Fetches a partition from its leader from now on, or not any more.
    pub(crate) fn follow(&self, shard: &Rc<Shard>, at: &TopicPartition, leader: Option<i32>) {
        self.fetchers.follow(shard, at, leader);
    }

    /// The number of the fetcher that a partition has, if it is followed here.
    pub(crate) fn fetcher_of(shard: &Shard, at: &TopicPartition) -> u64 {
        Fetchers::number_of(shard, at)
    }

    /// What there is to tell of fetchers, of what waits and of directories.
    pub(crate) fn measure(&self, shard: &Shard) -> ReplicationMeasures {
        ReplicationMeasures {
            fetchers: self.fetchers.measure(shard),
            untold_directories: self.directories.queued(),
            ..self.waiting.measure()
        }
    }

    /// Divides the partitions among fetchers anew, as the config has it now.
    pub(crate) fn divide_fetchers(&self, shard: &Rc<Shard>) {
        self.fetchers.divide(shard);
    }

    /// Tells the controller which log directory a replica is in.
    pub(crate) fn tell_directory(&self, topic_id: Uuid, index: i32, directory: Uuid) {
        self.directories.tell(topic_id, index, directory);
    }

    /// Tells the controller that a replica is about to be in another directory. Answered when it has taken note, closed
    /// if it does not or if it is told of yet another.
    pub(crate) fn place(&self, topic_id: Uuid, index: i32, directory: Uuid) -> oneshot::Receiver<()> {
        self.directories.place(topic_id, index, directory)
    }

    /// Answers a produce when all in-sync replicas have the `awaited` partitions' batches: places in `answers`, with the
    /// end offsets of the batches.
    pub(crate) fn wait_for_replicas(
        &self,
        shard: &Shard,
        awaited: Vec<(usize, TopicPartition, i64)>,
        answers: Vec<AppendAnswer>,
        timeout: Duration,
        reply: Reply<Vec<AppendAnswer>>,
    ) {
        let deadline = shard.node().world.clock.now() + timeout;
        self.waiting.add_produce(awaited, answers, deadline, reply);
    }

    /// Goes on with a produce when the `unsynced` partitions' batches are synced, as `flush.messages` wants it: places among
    /// the answers, with the end offsets of the batches.
    pub(crate) fn wait_for_sync(&self, unsynced: Vec<(usize, TopicPartition, i64)>, produce: Unsynced) {
        self.waiting.add_unsynced(unsynced, produce);
    }

    /// A partition's log directory has failed, so that what waits for a sync waits in vain.
    pub(crate) fn not_synced(&self, shard: &Shard, at: &TopicPartition) {
        self.waiting.not_synced(shard, at);
    }

    /// Answers DeleteRecords when all live replicas have raised the `awaited` partitions' log starts.
    pub(crate) fn wait_for_deletion(
        &self,
        shard: &Shard,
        awaited: Vec<(usize, TopicPartition, i64)>,
        answers: Vec<Result<i64, ApiError>>,
        timeout: Duration,
        reply: Reply<Vec<Result<i64, ApiError>>>,
    ) {
        let deadline = shard.node().world.clock.now() + timeout;
        self.waiting.add_deletion(awaited, answers, deadline, reply);
    }
}

impl Shard {
    /// Carries out what a partition's change means to others. The shard's partitions must not be borrowed.
    pub(crate) fn settle(self: &Rc<Self>, at: &TopicPartition, effects: Effects, cause: Cause) {
        if effects.is_empty() {
            return;
        }
        let replication = self.replication();
        if effects.resigned {
            let log_dir = self.partitions.borrow().get(at).map(Partition::log_dir);
            let lost = match log_dir {
                Some(log_dir) if self.node().log_dirs.is_offline(log_dir) => ErrorCode::KafkaStorageError,
                Some(_) => ErrorCode::NotLeaderOrFollower,
                None => self.missing(at),
            };
            replication.waiting.resigned(self, at, lost);
            self.resign_share_partitions(at);
        }
        if effects.durable_end {
            replication.waiting.durable_end_moved(self, at);
            replication.fetchers.durable_end_moved(at);
        }
        if effects.high_watermark {
            replication.waiting.high_watermark_moved(self, at);
            if cause == Cause::Other {
                match at.topic.as_str() {
                    topic_names::GROUP_METADATA => self.groups().high_watermark_moved(at.index),
                    topic_names::TRANSACTION_STATE => self.transactions().high_watermark_moved(at.index),
                    topic_names::SHARE_GROUP_STATE => self.shares().high_watermark_moved(at.index),
                    _ => {}
                }
            }
        }
        if effects.low_watermark {
            replication.waiting.low_watermark_moved(self, at);
        }
        if let Some(change) = effects.isr_change {
            replication.isr_changes.propose(self, at, change);
        }
    }
}

/// Ends waiting in time, and looks for followers that lag too far behind.
async fn run_timers(shard: Rc<Shard>) {
    let clock = shard.node().world.clock;
    let period = || lag_max(&shard.node().config.load()).max(Duration::from_millis(2)) / 2;
    let mut next_look = clock.now() + period();
    loop {
        let now = clock.now();
        if now >= next_look {
            look_for_laggards(&shard, now);
            next_look = now + period();
        }
        let waiting = &shard.replication().waiting;
        let deadline = waiting.expire(now).map_or(next_look, |deadline| deadline.min(next_look));
        waiting.wakes_at(deadline);
        tokio::select! {
            biased;
            () = clock.sleep_until(deadline) => {}
            () = waiting.changed() => {}
        }
    }
}

fn look_for_laggards(shard: &Rc<Shard>, now: Instant) {
    let mut settled = Vec::new();
    for partition in shard.partitions.borrow_mut().iter_mut() {
        // One whose log has failed must not take itself for the only one in sync.
        if partition.leader().is_some_and(|leader| leader.follower_count() > 0)
            && !shard.node().log_dirs.is_offline(partition.log_dir())
        {
            let effects = partition.step(Input::Tick, now.since_start());
            settled.push((partition.at().clone(), partition.log_dir(), effects));
        }
    }
    for (at, log_dir, effects) in settled {
        shard.settle_or_fail(&at, log_dir, effects);
    }
}
