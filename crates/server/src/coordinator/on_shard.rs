//! The coordinators of one shard.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::{Rc, Weak},
    sync::Arc,
};

use bytes::Bytes;
use klamm_coordinator::Loader;
use klamm_io::{Instant, spawn};
use klamm_log::Isolation;
use klamm_protocol::{ErrorCode, StrBytes, Uuid, records::AppendOrigin};
use tokio::sync::Notify;
use tracing::{error, info};

use super::{
    cluster::KnownCluster,
    driver::{Asked, Driver, Partition},
    group_metadata_partition, load,
    settings::{driver_settings, group_settings},
};
use crate::{
    metadata_change::MetadataChange,
    node::Node,
    shard::{append::Terms, requests::TopicPartition, run::Shard},
    topic_names,
};

/// How much of a partition is read at a time while its coordinator is loaded; other work goes on in between.
const LOAD_BYTES: u32 = 1024 * 1024;

/// A coordinator's partition, on this shard.
struct OwnPartition {
    node: Arc<Node>,
    shard: Weak<Shard>,
    at: TopicPartition,
}

impl Partition for OwnPartition {
    type Cluster = KnownCluster;

    fn cluster(&self) -> KnownCluster {
        let version = self.shard.upgrade().map_or(-1, |shard| shard.coordinators().topics_version.get());
        KnownCluster::of(&self.node, version)
    }

    fn append(&self, batch: Bytes) -> Result<i64, ErrorCode> {
        let Some(shard) = self.shard.upgrade() else { return Err(ErrorCode::NotLeaderOrFollower) };
        let terms = Terms { acks: -1, api_version: i16::MAX, origin: AppendOrigin::Coordinator };
        let answer = shard.append_to(&self.at, batch, terms);
        answer.map(|appended| appended.base_offset).map_err(|refusal| refusal.error.code)
    }

    fn high_watermark(&self) -> i64 {
        self.shard
            .upgrade()
            .and_then(|shard| shard.with_led_log(&self.at, |log| log.high_watermark()))
            .unwrap_or(-1)
    }
}

enum Slot {
    /// Being loaded. The number tells this attempt from later ones.
    Loading(u64),
    Active(Box<Driver<OwnPartition>>),
    /// The partition cannot be read; only a new leadership helps.
    Failed,
}

/// A coordinator's place, and the id of the topic that it belongs to: a topic made anew has other groups.
struct Seat {
    topic_id: Uuid,
    /// The epoch in which it was loaded.
    leader_epoch: i32,
    slot: Slot,
}

impl Seat {
    fn driver(&mut self) -> Option<&mut Driver<OwnPartition>> {
        match &mut self.slot {
            Slot::Active(driver) => Some(driver),
            Slot::Loading(_) | Slot::Failed => None,
        }
    }
}

/// Coordinators by partition of `__consumer_offsets`.
#[derive(Default)]
pub struct Coordinators {
    seats: RefCell<BTreeMap<i32, Seat>>,
    attempts: Cell<u64>,
    /// The metadata record that last changed topics; what else changes does not concern groups.
    topics_version: Cell<i64>,
    /// When the timers are looked at next.
    wakes_at: Cell<Option<Instant>>,
    timers_changed: Notify,
}

impl Coordinators {
    /// Has a coordinator carry out a request.
    pub fn ask(&self, partition: i32, asked: Asked) {
        match self.seats.borrow_mut().get_mut(&partition).map(|seat| &mut seat.slot) {
            Some(Slot::Active(driver)) => {
                driver.ask(asked);
                self.wake_at(driver.next_deadline());
            }
            Some(Slot::Loading(_)) => asked.refuse(ErrorCode::CoordinatorLoadInProgress),
            Some(Slot::Failed) | None => asked.refuse(ErrorCode::NotCoordinator),
        }
    }

    /// Has the timers looked at again no later than this.
    fn wake_at(&self, deadline: Option<Instant>) {
        if deadline.is_some_and(|deadline| self.wakes_at.get().is_none_or(|wakes_at| deadline < wakes_at)) {
            self.timers_changed.notify_one();
        }
    }

    /// The partitions that have a coordinator here, loaded or not.
    pub fn partitions(&self) -> Vec<i32> {
        self.seats.borrow().keys().copied().collect()
    }

    /// The high watermark of a partition has moved. Not to be called from within an append of the coordinator's own,
    /// which looks for itself.
    pub fn high_watermark_moved(&self, partition: i32) {
        if let Some(driver) = self.seats.borrow_mut().get_mut(&partition).and_then(Seat::driver) {
            driver.settle();
            self.wake_at(driver.next_deadline());
        }
    }

    /// Starts and ends coordinators as this broker gains and loses partitions, and has them forget the offsets of topics
    /// that were deleted. Called when the shard has applied the change.
    pub fn apply_metadata(&self, shard: &Rc<Shard>, change: &MetadataChange) {
        if change.touched.everything || !change.touched.topics.is_empty() {
            self.topics_version.set(change.after.provenance.last_offset);
        }
        let led = shard.led_partitions(topic_names::GROUP_METADATA);
        let seats = self.seats.borrow();
        let is_lost = |(partition, seat): &(&i32, &Seat)| match led.get(partition) {
            Some((topic_id, leader_epoch)) => {
                // What could not be loaded in an earlier epoch may be readable now.
                seat.topic_id != *topic_id
                    || (matches!(seat.slot, Slot::Failed) && seat.leader_epoch != *leader_epoch)
            }
            None => true,
        };
        let lost = seats.iter().filter(is_lost);
        let lost: Vec<i32> = lost.map(|(partition, _)| *partition).collect();
        drop(seats);
        for partition in lost {
            self.resigned(partition);
        }
        for (partition, (topic_id, leader_epoch)) in led {
            self.elected(shard, partition, (topic_id, leader_epoch));
        }
        let deleted = deleted_topics(change);
        if !deleted.is_empty() {
            self.seats.borrow_mut().values_mut().filter_map(Seat::driver).for_each(|driver| {
                driver.topics_deleted(&deleted);
            });
        }
    }

    /// This broker leads a partition: its coordinator is loaded, unless there is one.
    fn elected(&self, shard: &Rc<Shard>, partition: i32, (topic_id, leader_epoch): (Uuid, i32)) {
        let mut seats = self.seats.borrow_mut();
        if seats.contains_key(&partition) {
            return;
        }
        let attempt = self.attempts.get() + 1;
        self.attempts.set(attempt);
        seats.insert(partition, Seat { topic_id, leader_epoch, slot: Slot::Loading(attempt) });
        spawn::local(load_coordinator(Rc::downgrade(shard), Arc::clone(shard.node()), partition, attempt));
    }

    /// This broker does not lead a partition any more.
    fn resigned(&self, partition: i32) {
        let seat = self.seats.borrow_mut().remove(&partition);
        if let Some(Seat { slot: Slot::Active(driver), .. }) = seat {
            info!(partition, "group coordinator unloaded");
            driver.stop();
        }
    }

    /// Ends all coordinators.
    pub fn stop(&self) {
        for partition in self.partitions() {
            self.resigned(partition);
        }
    }

    fn loaded(&self, partition: i32, attempt: u64, result: Result<Driver<OwnPartition>, ()>) {
        if let Some(seat) = self.seats.borrow_mut().get_mut(&partition)
            && matches!(seat.slot, Slot::Loading(current) if current == attempt)
        {
            seat.slot = result.map_or(Slot::Failed, |driver| Slot::Active(Box::new(driver)));
        }
        self.timers_changed.notify_one();
    }

    /// Fires timers for as long as the shard runs.
    pub async fn run_timers(shard: Rc<Shard>) {
        let clock = shard.node().world.clock;
        loop {
            let coordinators = shard.coordinators();
            let deadline = coordinators.fire_timers(clock.now());
            tokio::select! {
                biased;
                () = clock.sleep_until_any(deadline) => {}
                () = coordinators.timers_changed.notified() => {}
            }
        }
    }

    fn fire_timers(&self, now: Instant) -> Option<Instant> {
        let mut next = None;
        for driver in self.seats.borrow_mut().values_mut().filter_map(Seat::driver) {
            driver.fire_timers(now);
            next = [next, driver.next_deadline()].into_iter().flatten().min();
        }
        self.wakes_at.set(next);
        next
    }
}

fn deleted_topics(change: &MetadataChange) -> Vec<(StrBytes, Uuid)> {
    let before = &change.before.image.topics;
    let after = &change.after.image.topics;
    let named = |topic: &Arc<klamm_metadata::image::Topic>| (topic.name.clone(), topic.id);
    if change.touched.everything {
        before.iter().filter(|topic| after.by_id(&topic.id).is_none()).map(named).collect()
    } else {
        let gone = change.touched.topics.iter().filter(|id| after.by_id(id).is_none());
        gone.filter_map(|id| before.by_id(id)).map(named).collect()
    }
}

async fn load_coordinator(shard: Weak<Shard>, node: Arc<Node>, partition: i32, attempt: u64) {
    let started = node.world.clock.now();
    let result = load(&shard, &node, partition).await;
    let Some(own) = shard.upgrade() else { return };
    let result = match result {
        Ok((loader, end_offset)) => {
            let took_ms = node.world.clock.now().saturating_since(started).as_millis();
            info!(partition, end_offset, took_ms, "group coordinator loaded");
            let at = group_metadata_partition(partition);
            let own = OwnPartition { node: Arc::clone(&node), shard, at };
            let started = loader.finish(node.world.clock.wall_ms(), &own.cluster());
            let settings = driver_settings(&node.config.load());
            Ok(Driver::start(&node.world, settings, own, started, end_offset))
        }
        Err(reason) => {
            error!(partition, reason, "group coordinator cannot be loaded");
            Err(())
        }
    };
    own.coordinators().loaded(partition, attempt, result);
}

async fn load(shard: &Weak<Shard>, node: &Node, partition: i32) -> Result<(Loader, i64), String> {
    let at = group_metadata_partition(partition);
    let gone = || "the partition is gone".to_owned();
    let with_log = |offset: Option<i64>| {
        let shard = shard.upgrade()?;
        shard.with_led_log(&at, |log| {
            let offset = offset.unwrap_or_else(|| log.log_start_offset());
            let end_offset = log.log_end_offset();
            let slice = if offset >= end_offset {
                Ok(None)
            } else {
                log.read(offset, LOAD_BYTES, Isolation::LogEnd, true).map(|found| found.records)
            };
            (offset, log.high_watermark(), slice)
        })
    };
    let (mut offset, _, _) = with_log(None).ok_or_else(gone)?;
    let mut loader = Loader::new(group_settings(&node.config.load()), offset);
    loop {
        let (_, high_watermark, slice) = with_log(Some(offset)).ok_or_else(gone)?;
        let Some(slice) = slice.map_err(|error| error.to_string())? else { break };
        let bytes = slice.read().map_err(|error| error.to_string())?;
        let before = offset;
        for batch in load::batches(bytes)? {
            // The first batch may start below the offset asked for, but never ends there.
            if batch.end_offset > offset {
                loader.replay(&batch.records, batch.end_offset, high_watermark);
                offset = batch.end_offset;
            }
        }
        if offset == before {
            return Err(format!("no batch at offset {offset}"));
        }
        spawn::yield_now().await;
    }
    Ok((loader, offset))
}
