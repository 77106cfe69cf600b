//! The coordinators of one shard, of any kind: they come with the leadership of their partition and go with it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ops::Range,
    rc::{Rc, Weak},
    sync::Arc,
};

use bytes::Bytes;
use klamm_io::{Instant, spawn};
use klamm_log::Isolation;
use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    records::{AppendOrigin, RecordBatch},
};
use tokio::sync::Notify;
use tracing::{error, info};

use super::{cluster::TopicHashes, load};
use crate::{
    metadata_change::MetadataChange,
    metrics::{coordinators::SeatCounts, lately::Durations},
    node::Node,
    shard::{
        append::Terms,
        requests::{TopicPartition, Transactional},
        run::Shard,
    },
};

/// How much of a partition is read at a time while its coordinator is loaded; other work goes on in between.
const LOAD_BYTES: u32 = 1024 * 1024;

/// A coordinator at work, as its shard drives it.
pub trait AtWork {
    /// A request, with where its answer goes.
    type Asked;

    /// Carries out a request.
    fn ask(&mut self, asked: Self::Asked);
    /// Fires the timers that are due, and ends the waiting of what was not committed in time.
    fn fire_timers(&mut self, now: Instant);
    /// When [`Self::fire_timers`] has something to do next.
    fn next_deadline(&self) -> Option<Instant>;
    /// The partition's high watermark may have moved: does what has waited for that, and what comes of it.
    fn settle(&mut self);
    /// Ends: every request that waits is sent to another broker.
    fn stop(self);
}

/// A kind of coordinator, as its shard sees it.
pub trait Hosted: AtWork + Sized + 'static {
    /// What its partitions belong to.
    const TOPIC: &'static str;
    /// For the log.
    const KIND: &'static str;
    /// Whether another leader epoch of the same broker makes another coordinator.
    const IS_OF_ONE_EPOCH: bool;
    /// How its records are appended, in a producer's terms. All of them wait for the high watermark; with -1 they are
    /// refused besides while there are less than `min.insync.replicas`, and with 1 they are not.
    const ACKS: i16;
    /// A coordinator that is being loaded.
    type Loading;
    /// A record that it loads.
    type Record;
    /// What they count.
    type Counts: Default;

    /// The coordinators of this kind on a shard.
    fn all(shard: &Shard) -> &Coordinators<Self>;
    /// Begins to load, at the log's start.
    fn load(node: &Node, log_start_offset: i64) -> Self::Loading;
    /// The records of a batch.
    ///
    /// # Errors
    /// If one cannot be read.
    fn records(batch: &RecordBatch) -> Result<Vec<Self::Record>, String>;
    /// Takes records that take up these offsets; the first batch may start below them.
    fn replay(
        loading: &mut Self::Loading,
        records: Vec<Self::Record>,
        offsets: Range<i64>,
        high_watermark: i64,
    );
    /// Begins to work.
    fn start(loading: Self::Loading, place: Place, end_offset: i64) -> Self;
    /// Answers that it cannot be done here and now.
    fn refuse(asked: Self::Asked, error: ErrorCode);
}

/// A coordinator's partition, which is on the same shard.
pub struct Place {
    /// The node.
    pub node: Arc<Node>,
    /// The shard.
    pub shard: Weak<Shard>,
    /// The partition.
    pub at: TopicPartition,
    /// In which it was loaded.
    pub leader_epoch: i32,
    /// See [`Hosted::ACKS`].
    pub acks: i16,
}

impl Place {
    /// Appends a batch; does not wait for replicas.
    ///
    /// # Errors
    /// The code that a producer would get.
    pub fn append(&self, batch: Bytes, transactional: Transactional) -> Result<i64, ErrorCode> {
        let Some(shard) = self.shard.upgrade() else { return Err(ErrorCode::NotLeaderOrFollower) };
        let origin = AppendOrigin::Coordinator;
        let terms = Terms { acks: self.acks, api_version: i16::MAX, origin, transactional };
        let answer = shard.append_to(&self.at, batch, terms);
        answer.map(|appended| appended.base_offset).map_err(|refusal| refusal.error.code)
    }

    /// What is committed.
    pub fn high_watermark(&self) -> i64 {
        let shard = self.shard.upgrade();
        shard.and_then(|shard| shard.with_led_log(&self.at, |log| log.high_watermark())).unwrap_or(-1)
    }

    /// The largest batch that the partition takes, in bytes; if it is not led here, which an append tells, any.
    pub fn batch_bytes_max(&self) -> usize {
        let shard = self.shard.upgrade();
        shard.and_then(|shard| shard.batch_bytes_max(&self.at)).unwrap_or(usize::MAX)
    }
}

enum Slot<D> {
    /// Being loaded. The number tells this attempt from later ones.
    Loading(u64),
    Active(Box<D>),
    /// The partition cannot be read; only a new leadership helps.
    Failed,
}

/// A coordinator's place, and the id of the topic that it belongs to: a topic made anew has nothing in common with it.
struct Seat<D> {
    topic_id: Uuid,
    /// The epoch in which it was loaded.
    leader_epoch: i32,
    slot: Slot<D>,
}

impl<D: Hosted> Seat<D> {
    fn driver(&mut self) -> Option<&mut D> {
        match &mut self.slot {
            Slot::Active(driver) => Some(driver),
            Slot::Loading(_) | Slot::Failed => None,
        }
    }

    /// Whether it can stay, as the partition is now.
    fn is_of(&self, (topic_id, leader_epoch): (Uuid, i32)) -> bool {
        // What could not be loaded in an earlier epoch may be readable now.
        let needs_epoch = D::IS_OF_ONE_EPOCH || matches!(self.slot, Slot::Failed);
        self.topic_id == topic_id && (self.leader_epoch == leader_epoch || !needs_epoch)
    }
}

/// Coordinators of one kind, by partition.
pub struct Coordinators<D: Hosted> {
    /// What they have done, those that are gone included.
    pub counts: D::Counts,
    /// How long those took to load that were loaded lately.
    pub load_times: Durations,
    seats: RefCell<BTreeMap<i32, Seat<D>>>,
    attempts: Cell<u64>,
    /// The metadata record that last changed topics.
    topics_version: Cell<i64>,
    /// The metadata record that last made a topic.
    newest_topic_version: Cell<i64>,
    topic_hashes: Rc<TopicHashes>,
    /// When the timers are looked at next.
    wakes_at: Cell<Option<Instant>>,
    timers_changed: Notify,
}

impl<D: Hosted> Default for Coordinators<D> {
    fn default() -> Self {
        Self {
            counts: D::Counts::default(),
            load_times: Durations::default(),
            seats: RefCell::default(),
            attempts: Cell::default(),
            topics_version: Cell::default(),
            newest_topic_version: Cell::default(),
            topic_hashes: Rc::default(),
            wakes_at: Cell::default(),
            timers_changed: Notify::default(),
        }
    }
}

impl<D: Hosted> Coordinators<D> {
    /// Has a coordinator carry out a request.
    pub fn ask(&self, partition: i32, asked: D::Asked) {
        match self.seats.borrow_mut().get_mut(&partition).map(|seat| &mut seat.slot) {
            Some(Slot::Active(driver)) => {
                driver.ask(asked);
                self.wake_at(driver.next_deadline());
            }
            Some(Slot::Loading(_)) => D::refuse(asked, ErrorCode::CoordinatorLoadInProgress),
            Some(Slot::Failed) | None => D::refuse(asked, ErrorCode::NotCoordinator),
        }
    }

    /// Does something with a coordinator that is at work.
    pub fn with<T>(&self, partition: i32, work: impl FnOnce(&mut D) -> T) -> Option<T> {
        let mut seats = self.seats.borrow_mut();
        let driver = seats.get_mut(&partition).and_then(Seat::driver)?;
        let done = work(driver);
        self.wake_at(driver.next_deadline());
        Some(done)
    }

    /// Does something with every coordinator that is at work.
    pub fn with_each(&self, work: impl FnMut(&mut D)) {
        self.seats.borrow_mut().values_mut().filter_map(Seat::driver).for_each(work);
    }

    /// Has the timers looked at again no later than this.
    fn wake_at(&self, deadline: Option<Instant>) {
        if deadline.is_some_and(|deadline| self.wakes_at.get().is_none_or(|wakes_at| deadline < wakes_at)) {
            self.timers_changed.notify_one();
        }
    }

    /// How far the coordinators here are.
    pub fn seat_counts(&self, now: Instant) -> SeatCounts {
        let mut counts = SeatCounts { loads: self.load_times.recent(now), ..SeatCounts::default() };
        for seat in self.seats.borrow().values() {
            match seat.slot {
                Slot::Loading(_) => counts.loading += 1,
                Slot::Active(_) => counts.active += 1,
                Slot::Failed => counts.failed += 1,
            }
        }
        counts
    }

    /// The partitions that have a coordinator here, loaded or not.
    pub fn partitions(&self) -> Vec<i32> {
        self.seats.borrow().keys().copied().collect()
    }

    /// The metadata records that last changed topics, and that last made one, among those up to `last_offset`, which an
    /// image goes up to: a shard hears of a change before it is published.
    pub fn topics_versions(&self, last_offset: i64) -> (i64, i64) {
        (self.topics_version.get().min(last_offset), self.newest_topic_version.get().min(last_offset))
    }

    /// Whether an image up to this metadata record has all topics that the shard has heard of.
    pub fn is_up_to_date(&self, last_offset: i64) -> bool {
        self.topics_version.get() <= last_offset
    }

    /// The hashes that coordinators of this shard have asked for.
    pub fn topic_hashes(&self) -> Rc<TopicHashes> {
        Rc::clone(&self.topic_hashes)
    }

    /// The high watermark of a partition has moved. Not to be called from within an append of the coordinator's own,
    /// which looks for itself.
    pub fn high_watermark_moved(&self, partition: i32) {
        self.with(partition, D::settle);
    }

    /// Starts and ends coordinators as this broker gains and loses partitions. Called when the shard has applied the
    /// change.
    pub fn apply_metadata(&self, shard: &Rc<Shard>, change: &MetadataChange) {
        if change.touched.everything || !change.touched.topics.is_empty() {
            self.topics_version.set(change.after.provenance.last_offset);
        }
        let before = &change.before.image.topics;
        if change.touched.everything || change.touched.topics.iter().any(|id| before.by_id(id).is_none()) {
            self.newest_topic_version.set(change.after.provenance.last_offset);
        }
        let led = shard.led_partitions(D::TOPIC);
        let seats = self.seats.borrow();
        let is_lost = |(partition, seat): &(&i32, &Seat<D>)| {
            led.get(partition).is_none_or(|partition| !seat.is_of(*partition))
        };
        let lost: Vec<i32> = seats.iter().filter(is_lost).map(|(partition, _)| *partition).collect();
        drop(seats);
        for partition in lost {
            self.resigned(partition);
        }
        for (partition, led) in led {
            self.elected(shard, partition, led);
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
        let place = Place {
            node: Arc::clone(shard.node()),
            shard: Rc::downgrade(shard),
            at: TopicPartition { topic: StrBytes::from(D::TOPIC), index: partition },
            leader_epoch,
            acks: D::ACKS,
        };
        spawn::local(load_coordinator::<D>(place, attempt));
    }

    /// This broker does not lead a partition any more.
    fn resigned(&self, partition: i32) {
        let seat = self.seats.borrow_mut().remove(&partition);
        if let Some(Seat { slot: Slot::Active(driver), .. }) = seat {
            info!(kind = D::KIND, partition, "coordinator unloaded");
            driver.stop();
        }
    }

    /// Ends all coordinators.
    pub fn stop(&self) {
        for partition in self.partitions() {
            self.resigned(partition);
        }
    }

    /// Puts a coordinator to work, unless its leadership was lost meanwhile. It is made only then, so that one that is
    /// not wanted any more does nothing.
    fn loaded(&self, partition: i32, attempt: u64, start: Result<impl FnOnce() -> D, ()>) {
        if let Some(seat) = self.seats.borrow_mut().get_mut(&partition)
            && matches!(seat.slot, Slot::Loading(current) if current == attempt)
        {
            seat.slot = start.map_or(Slot::Failed, |start| Slot::Active(Box::new(start())));
        }
        self.timers_changed.notify_one();
    }

    /// Fires timers for as long as the shard runs.
    pub async fn run_timers(shard: Rc<Shard>) {
        let clock = shard.node().world.clock;
        loop {
            let coordinators = D::all(&shard);
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

async fn load_coordinator<D: Hosted>(place: Place, attempt: u64) {
    let clock = place.node.world.clock;
    let (shard, partition) = (place.shard.clone(), place.at.index);
    let started = clock.now();
    let result = read::<D>(&place).await;
    let Some(shard) = shard.upgrade() else { return };
    let start = match result {
        Ok((loading, end_offset)) => {
            let took = clock.now().saturating_since(started);
            D::all(&shard).load_times.note(clock.now(), took);
            let took_ms = took.as_millis();
            info!(kind = D::KIND, partition, end_offset, took_ms, "coordinator loaded");
            Ok(move || D::start(loading, place, end_offset))
        }
        Err(reason) => {
            error!(kind = D::KIND, partition, reason, "coordinator cannot be loaded");
            Err(())
        }
    };
    D::all(&shard).loaded(partition, attempt, start);
}

async fn read<D: Hosted>(place: &Place) -> Result<(D::Loading, i64), String> {
    let gone = || "the partition is gone".to_owned();
    let with_log = |offset: Option<i64>| {
        let shard = place.shard.upgrade()?;
        shard.with_led_log(&place.at, |log| {
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
    let mut loading = D::load(&place.node, offset);
    loop {
        let (_, high_watermark, slice) = with_log(Some(offset)).ok_or_else(gone)?;
        let Some(slice) = slice.map_err(|error| error.to_string())? else { break };
        let bytes = slice.read().map_err(|error| error.to_string())?;
        let before = offset;
        for batch in load::batches(bytes, D::records)? {
            if batch.end_offset > offset {
                D::replay(&mut loading, batch.records, offset..batch.end_offset, high_watermark);
                offset = batch.end_offset;
            }
        }
        if offset == before {
            return Err(format!("no batch at offset {offset}"));
        }
        spawn::yield_now().await;
    }
    Ok((loading, offset))
}
