//! A shard's thread: what it owns, and the loop that carries requests out.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use klamm_config::broker;
use klamm_io::spawn;
use klamm_log::{Handles, Log};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tracing::error;

use super::{
    ShardRequest, Shards, partitions::Partitions, requests::TopicPartition, router::ShardSenders, upkeep,
};
use crate::{
    coordinator::{
        groups::GroupDriver,
        on_shard::Coordinators,
        shares::ShareDriver,
        transactions::{TransactionDriver, markers::Markers},
    },
    handlers::Contexts,
    listener::connection::{self, ConnectionOptions},
    metrics::{
        coordinators::CoordinatorMeasures,
        lately::Times,
        measures::{IsrChangeCounts, PartitionMeasures, ShardMeasures},
        replication::{FetchCounts, ReplicationMeasures},
        requests::Requests,
        traffic::Traffic,
        transactions::TransactionMeasures,
    },
    node::Node,
    partition::Partition,
    replication::Replication,
    share::partitions::SharePartitions,
    topic_settings::TopicSettings,
};

/// What one thread owns.
pub struct Shard {
    index: usize,
    pub(super) node: Arc<Node>,
    pub(crate) partitions: RefCell<Partitions>,
    pub(super) settings: RefCell<FxHashMap<StrBytes, Arc<TopicSettings>>>,
    pub(super) handles: Handles,
    /// Syncs under way.
    pub(super) syncs: Cell<usize>,
    groups: Coordinators<GroupDriver>,
    transactions: Coordinators<TransactionDriver>,
    shares: Coordinators<ShareDriver>,
    markers: Markers,
    replication: Replication,
    share: SharePartitions,
    contexts: RefCell<Option<Rc<Contexts>>>,
    /// What went in and out of partitions.
    pub(super) traffic: RefCell<Traffic>,
    /// What its connections asked for.
    requests: Rc<Requests>,
    /// How long syncs of its logs took.
    pub(super) flushes: RefCell<Option<Times>>,
    /// How often in-sync replicas changed.
    pub(crate) isr_changes: Cell<IsrChangeCounts>,
    /// Bytes that came as partitions are moved here, and went as they are moved to others.
    pub(crate) reassignment_bytes_in: Cell<u64>,
    pub(super) reassignment_bytes_out: Cell<u64>,
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard").field("index", &self.index).finish_non_exhaustive()
    }
}

/// What a shard's thread is started with.
pub struct ShardStart {
    /// Its index.
    pub index: usize,
    /// The node.
    pub node: Arc<Node>,
    /// All shards.
    pub senders: ShardSenders,
    /// Its own queue.
    pub queue: mpsc::UnboundedReceiver<ShardRequest>,
    /// Open files that it may keep.
    pub open_files_max: usize,
    /// Makes the contexts of its handlers.
    pub contexts: Box<dyn FnOnce(Rc<Shards>) -> Contexts + Send>,
}

/// Runs a shard until it is stopped.
pub async fn run(start: ShardStart) {
    let ShardStart { index, node, senders, mut queue, open_files_max, contexts } = start;
    let clock = node.world.clock;
    let shard = Rc::new(Shard {
        index,
        partitions: RefCell::default(),
        settings: RefCell::default(),
        handles: Handles::new(node.world.disk.clone(), open_files_max),
        syncs: Cell::new(0),
        groups: Coordinators::default(),
        transactions: Coordinators::default(),
        shares: Coordinators::default(),
        markers: Markers::default(),
        replication: Replication::default(),
        share: SharePartitions::default(),
        contexts: RefCell::new(None),
        traffic: RefCell::default(),
        requests: Rc::default(),
        flushes: RefCell::new(Times::new(clock.now())),
        isr_changes: Cell::default(),
        reassignment_bytes_in: Cell::default(),
        reassignment_bytes_out: Cell::default(),
        node,
    });
    let router = Rc::new(Shards::local(senders, Rc::clone(&shard), clock));
    *shard.contexts.borrow_mut() = Some(Rc::new(contexts(router)));
    let _bound = Bound(Rc::clone(&shard));
    let upkeep = spawn::essential(upkeep::run(Rc::clone(&shard)));
    let tasks = [
        spawn::essential(Coordinators::<GroupDriver>::run_timers(Rc::clone(&shard))),
        spawn::essential(Coordinators::<TransactionDriver>::run_timers(Rc::clone(&shard))),
        spawn::essential(Coordinators::<ShareDriver>::run_timers(Rc::clone(&shard))),
        spawn::essential(Markers::run(Rc::clone(&shard))),
        spawn::essential(SharePartitions::run_timers(Rc::clone(&shard))),
    ];
    let replication = Replication::start(&shard);
    let mut stop = None;
    while let Some(request) = queue.recv().await {
        if let ShardRequest::Stop { reply } = request {
            shard.groups.stop();
            shard.transactions.stop();
            shard.shares.stop();
            shard.replication.stop();
            stop = Some(reply);
            break;
        }
        shard.handle(request);
    }
    upkeep.abort();
    tasks.into_iter().for_each(|task| task.abort());
    shard.markers.stop();
    replication.into_iter().for_each(|task| task.abort());
    if let Some(reply) = stop {
        drop(reply.send(shard.close().await));
    }
}

/// The router, the shard and the contexts refer to each other: until this is dropped, which it is in a simulation too when
/// its process is killed.
struct Bound(Rc<Shard>);

impl Drop for Bound {
    fn drop(&mut self) {
        let contexts = self.0.contexts.try_borrow_mut().ok().and_then(|mut contexts| contexts.take());
        drop(contexts);
    }
}

impl Shard {
    /// Its place among the shards.
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The node.
    pub(crate) const fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// The group coordinators of the partitions here.
    pub(crate) const fn groups(&self) -> &Coordinators<GroupDriver> {
        &self.groups
    }

    /// The transaction coordinators of the partitions here.
    pub(crate) const fn transactions(&self) -> &Coordinators<TransactionDriver> {
        &self.transactions
    }

    /// The share coordinators of the partitions here.
    pub(crate) const fn shares(&self) -> &Coordinators<ShareDriver> {
        &self.shares
    }

    /// The markers that transaction coordinators here have written.
    pub(crate) const fn markers(&self) -> &Markers {
        &self.markers
    }

    /// What the handlers on this thread work with; `None` when the shard ends.
    pub(crate) fn contexts(&self) -> Option<Rc<Contexts>> {
        self.contexts.borrow().clone()
    }

    /// What the partitions here have to do with other brokers.
    pub(crate) const fn replication(&self) -> &Replication {
        &self.replication
    }

    /// The share partitions of the partitions here.
    pub(crate) const fn share(&self) -> &SharePartitions {
        &self.share
    }

    /// Does something with a partition's log, if the partition is here and led by this broker.
    pub(crate) fn with_led_log<T>(&self, at: &TopicPartition, work: impl FnOnce(&mut Log) -> T) -> Option<T> {
        let mut partitions = self.partitions.borrow_mut();
        let partition = partitions.get_mut(at)?;
        partition.check_leader(-1).ok()?;
        Some(work(&mut partition.log))
    }

    /// The largest batch, in bytes, that a partition takes: `max.message.bytes`, but no more than a segment has. `None`
    /// if it is not here.
    pub(crate) fn batch_bytes_max(&self, at: &TopicPartition) -> Option<usize> {
        let mut partitions = self.partitions.borrow_mut();
        let settings = &partitions.get_mut(at)?.settings;
        Some(settings.batch_bytes_max.min(settings.log.segment_bytes as usize))
    }

    /// The partitions of a topic that this broker leads and that are here, with the topic's id and the leader epoch.
    pub(crate) fn led_partitions(&self, topic: &str) -> BTreeMap<i32, (Uuid, i32)> {
        let mut partitions = self.partitions.borrow_mut();
        let led = partitions
            .of_topic(topic)
            .filter_map(|partition| partition.check_leader(-1).ok().map(|epoch| (partition, epoch)));
        led.map(|(partition, epoch)| (partition.at().index, (partition.topic_id(), epoch))).collect()
    }

    /// Carries out a request. Nothing here waits.
    ///
    /// A panic means that the state of this shard's partitions can no longer be trusted: the process ends, and recovery
    /// at the next start works from what is on the disk.
    pub fn handle(self: &Rc<Self>, request: ShardRequest) {
        if std::panic::catch_unwind(AssertUnwindSafe(|| self.carry_out(request))).is_err() {
            error!(
                shard = self.index,
                "a defect in a shard: the node ends, since its state cannot be trusted"
            );
            spawn::abort();
        }
    }

    fn carry_out(self: &Rc<Self>, request: ShardRequest) {
        match request {
            ShardRequest::Serve(connection) => {
                let Some(contexts) = self.contexts.borrow().clone() else { return };
                let options = self.connection_options();
                let requests = Rc::clone(&self.requests);
                let clock = self.node.world.clock;
                spawn::local(connection::serve(*connection, contexts, options, clock, requests));
            }
            ShardRequest::Append(request) => self.append(request),
            ShardRequest::Verify { batches, reply } => {
                drop(reply.send(batches.iter().map(|batch| self.start_verification(batch)).collect()));
            }
            ShardRequest::Read(request) => self.read(request),
            ShardRequest::ListOffsets { queries, reply } => {
                drop(reply.send(queries.iter().map(|query| self.list_offset(query)).collect()));
            }
            ShardRequest::EpochEnds { queries, reply } => {
                let answers = queries.iter().map(|(at, current, epoch)| self.epoch_end(at, *current, *epoch));
                drop(reply.send(answers.collect()));
            }
            ShardRequest::DeleteRecords { queries, timeout, reply } => {
                self.delete_records(&queries, timeout, reply);
            }
            ShardRequest::Producers { partitions, reply } => {
                drop(reply.send(partitions.iter().map(|at| self.producers(at)).collect()));
            }
            ShardRequest::MoveReplicas { moves, reply } => {
                let begun = moves.iter().map(|(at, log_dir)| match self.move_replica(at, *log_dir) {
                    ErrorCode::None => Ok(()),
                    code => Err(code.into()),
                });
                drop(reply.send(begun.collect()));
            }
            ShardRequest::Sizes { reply } => {
                drop(reply.send(self.partitions.borrow().iter().flat_map(Partition::sizes).collect()));
            }
            ShardRequest::Measure { reply } => drop(reply.send(self.measure())),
            ShardRequest::ApplyMetadata { change, reply } => {
                let postponed = self.apply_metadata(&change);
                self.groups.apply_metadata(self, &change);
                self.groups.forget_deleted_topics(&change);
                self.transactions.apply_metadata(self, &change);
                self.shares.apply_metadata(self, &change);
                self.shares.forget_deleted_topics(&change);
                drop(reply.send(postponed));
            }
            ShardRequest::Coordinate { partition, asked } => self.groups.ask(partition, *asked),
            ShardRequest::CoordinatedPartitions { reply } => drop(reply.send(self.groups.partitions())),
            ShardRequest::CoordinateTransaction { partition, asked } => {
                self.transactions.ask(partition, *asked);
            }
            ShardRequest::TransactionPartitions { reply } => {
                drop(reply.send(self.transactions.partitions()));
            }
            ShardRequest::CoordinateShares { partition, asked } => self.shares.ask(partition, asked),
            ShardRequest::ShareFetch(request) => self.visit(*request),
            ShardRequest::ShareAcknowledge(request) => self.acknowledge(*request),
            ShardRequest::ShareRelease(request) => self.release_member(&request),
            ShardRequest::ShareForget { group } => self.forget_group(&group),
            ShardRequest::Checkpoints { reply } => drop(reply.send(self.checkpoints())),
            ShardRequest::Cleanable { reply } => drop(reply.send(self.cleanable())),
            ShardRequest::Clean { at, request } => self.clean(&at, request),
            // The shard's loop has ended by then.
            ShardRequest::Stop { .. } => {}
        }
    }

    /// Counts what went in or out of a partition here.
    pub(crate) fn add_traffic(&self, at: &TopicPartition, traffic: &Traffic) {
        self.traffic.borrow_mut().add(traffic);
        if let Some(partition) = self.partitions.borrow_mut().get_mut(at) {
            partition.traffic.add(traffic);
        }
    }

    /// What went in and out of all partitions that are or were here.
    fn traffic(&self) -> Traffic {
        let mut traffic = *self.traffic.borrow();
        // What comes from leaders is counted with each partition, and moved here when it goes.
        for partition in self.partitions.borrow().iter() {
            traffic.replication_bytes_in += partition.traffic.replication_bytes_in;
        }
        traffic
    }

    fn measure(&self) -> ShardMeasures {
        ShardMeasures {
            partitions: self.measure_partitions(),
            traffic: self.traffic(),
            requests: self.requests.measure(self.node.world.clock.now()),
            flushes: self.measure_flushes(),
            isr_changes: self.isr_changes.get(),
            share: self.share.measure(self.node.world.clock.now().since_start()),
            coordinators: self.measure_coordinators(),
            replication: self.measure_replication(),
            transactions: self.measure_transactions(),
            busy: spawn::busy(),
        }
    }

    fn measure_flushes(&self) -> Option<Times> {
        let mut flushes = self.flushes.borrow_mut();
        flushes.as_mut()?.turn(self.node.world.clock.now());
        flushes.clone()
    }

    fn measure_partitions(&self) -> Vec<PartitionMeasures> {
        let partitions = self.partitions.borrow();
        let measure =
            |partition: &Partition| partition.measure(Replication::fetcher_of(self, partition.at()));
        partitions.iter().map(measure).collect()
    }

    fn measure_transactions(&self) -> TransactionMeasures {
        let now = self.node.world.clock.now();
        let contexts = self.contexts();
        TransactionMeasures {
            verifications: contexts
                .map(|contexts| contexts.transactions.verifications.measure(now))
                .unwrap_or_default(),
            unknown_destinations: self.markers.without_leader(&self.node),
        }
    }

    fn measure_replication(&self) -> ReplicationMeasures {
        let fetches =
            self.contexts().map_or_else(FetchCounts::default, |contexts| contexts.records.fetches.get());
        ReplicationMeasures {
            reassignment_bytes_in: self.reassignment_bytes_in.get(),
            reassignment_bytes_out: self.reassignment_bytes_out.get(),
            fetches,
            ..self.replication.measure(self)
        }
    }

    fn measure_coordinators(&self) -> CoordinatorMeasures {
        let mut censuses = Vec::new();
        self.groups.with_each(|driver| censuses.push(driver.census()));
        let now = self.node.world.clock.now();
        let of_shares = &self.shares.counts;
        CoordinatorMeasures {
            groups: self.groups.seat_counts(now),
            transactions: self.transactions.seat_counts(now),
            censuses,
            counts: self.groups.counts.get(),
            shares: self.shares.seat_counts(now),
            share_writes: of_shares.writes.get(),
            share_write_times: of_shares.write_times.recent(now),
            pruned: of_shares.pruned.borrow().iter().map(|(at, offset)| (*at, *offset)).collect(),
        }
    }

    fn connection_options(&self) -> ConnectionOptions {
        let config = self.node.config.load();
        let idle_ms = config.get(&broker::CONNECTIONS_MAX_IDLE_MS);
        ConnectionOptions {
            request_bytes_max: usize::try_from(config.get(&broker::SOCKET_REQUEST_MAX_BYTES)).unwrap_or(0),
            idle_max: u64::try_from(idle_ms).ok().map(Duration::from_millis),
        }
    }
}
