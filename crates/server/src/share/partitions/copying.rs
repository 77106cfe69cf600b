//! Bringing records that were given up to the group's dead-letter queue, one batch of a share partition at a time.
//!
//! The task of a share partition lives from its first dead letter to its last, and gives up with the share partition: who
//! takes over from what was kept begins anew.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::{Rc, Weak},
    time::Duration,
};

use bytes::Bytes;
use klamm_io::spawn;
use klamm_log::FileSlice;
use klamm_protocol::ErrorCode;
use klamm_share::{BreakerState, DeadLetter};
use tracing::{error, info, warn};

use super::{Active, Key, give_up};
use crate::{
    error::ApiError,
    fault_to_api::log_error,
    shard::{requests::TopicPartition, run::Shard},
    share::{
        dead_letters::{
            copies::{self, Copies, Making, Origin, READ_BYTES, Refused},
            target::{Blocked, Target},
        },
        partitions::Held,
    },
};

/// Waiting before the second attempt; it doubles with each.
const RETRY: Duration = Duration::from_millis(100);
/// The longest waiting between attempts.
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Waiting varies by this part of it.
const JITTER_PERCENT: u64 = 20;
/// How often what stands in the way is said again, in attempts.
const COMPLAINT_EVERY: u32 = 30;

/// Letters that are looked at for a batch: more do not go into one as a rule.
const LETTERS_MAX: usize = 4096;

/// The dead letters of one share partition that are on their way.
#[derive(Default)]
pub(super) struct Copying {
    /// What is to be copied, by first offset. None overlaps another.
    letters: RefCell<BTreeMap<i64, DeadLetter>>,
    /// What is in the queue already, and is to be written once more.
    copied: RefCell<Vec<DeadLetter>>,
    is_running: Cell<bool>,
    /// Whether the last attempt failed.
    pub(super) is_blocked: Cell<bool>,
    /// How many writes of the share partition's state have failed since one did not.
    write_failures: Cell<u32>,
}

impl Copying {
    /// How many records are on their way.
    pub(super) fn records(&self) -> u64 {
        let letters = self.letters.borrow();
        letters.values().chain(self.copied.borrow().iter()).map(offsets).sum()
    }

    /// Whether none are.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_running.get()
    }

    /// A write of the share partition's state has ended.
    pub(super) fn note_write(&self, is_kept: bool) {
        self.write_failures.set(if is_kept { 0 } else { self.write_failures.get().saturating_add(1) });
    }

    fn extend(&self, more: Vec<DeadLetter>) {
        let (copied, letters): (Vec<_>, Vec<_>) = more.into_iter().partition(|letter| letter.is_copied);
        self.copied.borrow_mut().extend(copied);
        self.letters.borrow_mut().extend(letters.into_iter().map(|letter| (letter.first_offset, letter)));
    }

    /// What is to be copied next, in ascending order.
    fn next(&self) -> Vec<DeadLetter> {
        self.letters.borrow().values().take(LETTERS_MAX).copied().collect()
    }

    /// Whether nothing is left to be done.
    fn is_done(&self) -> bool {
        self.letters.borrow().is_empty() && self.copied.borrow().is_empty()
    }

    /// Takes off what was copied: letters, or what they begin with.
    fn done(&self, done: &[DeadLetter]) {
        let mut letters = self.letters.borrow_mut();
        for part in done {
            let Some(letter) = letters.remove(&part.first_offset) else { continue };
            if part.last_offset < letter.last_offset {
                let first_offset = part.last_offset + 1;
                letters.insert(first_offset, DeadLetter { first_offset, ..letter });
            }
        }
    }
}

const fn offsets(letter: &DeadLetter) -> u64 {
    (letter.last_offset - letter.first_offset + 1).unsigned_abs()
}

/// Why a batch did not get to the queue.
enum Failure {
    /// The share partition is not here any more, or the node ends.
    Gone,
    Blocked(Blocked),
    /// The log of the records cannot be read.
    Unread(ApiError),
    /// The queue does not take them.
    Refused(Target, ApiError),
    /// It does not take as much at a time.
    TooLarge,
}

impl Failure {
    fn told(&self) -> String {
        match self {
            Self::Gone | Self::TooLarge => String::new(),
            Self::Blocked(blocked) => blocked.to_string(),
            Self::Unread(error) => format!("the records cannot be read: {error}"),
            Self::Refused(to, error) if error.code == ErrorCode::InvalidRecord => format!(
                "{}-{} does not take them: {error}; a dead-letter queue must not be compacted: set cleanup.policy=delete on \
                 the topic",
                to.at.topic, to.at.index
            ),
            Self::Refused(to, error) => {
                format!("{}-{} does not take them: {error}", to.at.topic, to.at.index)
            }
        }
    }
}

impl Shard {
    /// Sees to what a step of a share partition has led to: deadlines, dead letters, the circuit breaker.
    pub(super) fn follow_up(self: &Rc<Self>, key: &Key, active: &mut Active) {
        self.share().note_deadline(key, active);
        if let Some(state) = active.machine.take_breaker_change() {
            self.tell_breaker(key, state, active);
        }
        let letters = active.machine.take_dead_letters(&active.settings.partition);
        if letters.is_empty() {
            return;
        }
        active.copying.extend(letters);
        if !active.copying.is_running.replace(true) {
            let copying = Rc::clone(&active.copying);
            // Names outlive the request that they came in.
            let at = TopicPartition { topic: key.at.topic.detached(), index: key.at.index };
            let key = Key { at, group: key.group.detached() };
            spawn::local(copy_all(Rc::downgrade(self), key, active.incarnation, copying));
        }
    }

    fn tell_breaker(&self, key: &Key, state: BreakerState, active: &Active) {
        let (topic, partition, group) = (&key.at.topic, key.at.index, &key.group);
        match state {
            BreakerState::Open => {
                let mut counts = self.share().counts.borrow_mut();
                counts.of_queue(group).breaker_openings += 1;
                let breaker = active.settings.partition.breaker;
                let wait_ms = breaker.map_or(0, |breaker| breaker.wait.as_millis());
                warn!(%topic, partition, %group, wait_ms, "too many records went to the dead-letter queue: the share partition delivers none for a while");
            }
            BreakerState::HalfOpen => {
                info!(%topic, partition, %group, "a share partition delivers records on trial");
            }
            BreakerState::Closed => {
                info!(%topic, partition, %group, "a share partition delivers records again")
            }
        }
    }

    /// Copies a batch of dead letters, smaller than what was refused, which is noted. Returns what needs no more copying.
    async fn copy_some(
        &self,
        key: &Key,
        incarnation: u64,
        letters: Vec<DeadLetter>,
        refused: &mut Refused,
    ) -> Result<Vec<DeadLetter>, Failure> {
        let cx = self.contexts().map(|contexts| Rc::clone(&contexts.share)).ok_or(Failure::Gone)?;
        let (target, _turn) = match cx.dead_letters.target(&key.group, &key.at).await {
            Ok(found) => found,
            Err(Blocked::NoQueue) => {
                self.drop_letters(key, &letters);
                return Ok(letters);
            }
            Err(blocked) => return Err(Failure::Blocked(blocked)),
        };
        let copies = {
            let _permit = cx.dead_letters.making.acquire().await.map_err(|_| Failure::Gone)?;
            // Others may lead the partition by now, and copy.
            if !self.is_here(key, incarnation) {
                return Err(Failure::Gone);
            }
            self.make_copies(key, letters, &target, *refused).await.map_err(Failure::Unread)?
        };
        tell_incomplete(key, &copies, &target);
        if copies.done.is_empty() {
            return Err(Failure::Unread(ErrorCode::CorruptMessage.into()));
        }
        let Some(batch) = copies.batch else { return Ok(copies.done) };
        self.share().counts.borrow_mut().of_queue(&key.group).requests += 1;
        if let Err(error) = cx.dead_letters.produce(&target, batch).await {
            let is_too_large =
                matches!(error.code, ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge);
            let is_smaller_next = is_too_large && refused.note(copies.size);
            return Err(if is_smaller_next { Failure::TooLarge } else { Failure::Refused(target, error) });
        }
        self.share().counts.borrow_mut().of_queue(&key.group).records += copies.records;
        Ok(copies.done)
    }

    /// What was given up while there was a dead-letter queue, and is not to be copied any more.
    fn drop_letters(&self, key: &Key, letters: &[DeadLetter]) {
        let mut counts = self.share().counts.borrow_mut();
        for letter in letters {
            counts.of_queue(&key.group).dropped += offsets(letter);
            let (first_offset, last_offset) = (letter.first_offset, letter.last_offset);
            warn!(topic = %key.at.topic, partition = key.at.index, group = %key.group, first_offset, last_offset, "records that were given up are not copied: the group has no dead-letter queue any more");
        }
    }

    /// Finds where the log has the first letters: the offset before which it has none of them, and what is to be read.
    fn find_letters(&self, key: &Key, letters: &[DeadLetter]) -> Result<(i64, Option<FileSlice>), ApiError> {
        let first = letters.first().map_or(0, |letter| letter.first_offset);
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = partitions.get_mut(&key.at) else { return Err(self.missing(&key.at).into()) };
        let log_start = partition.log.log_start_offset();
        if first >= partition.log.log_end_offset().max(log_start) {
            // They were delivered, so that the log had them before it was truncated by an unclean election.
            return Ok((i64::MAX, None));
        }
        let from = first.max(log_start);
        let read = partition.log.read(from, READ_BYTES, klamm_log::Isolation::HighWatermark, true);
        let data = read.map_err(|error| {
            if error.is_fault() {
                self.node().log_dirs.fail(partition.log_dir(), &error);
            }
            log_error(&error)
        })?;
        match data.records.filter(|slice| slice.len > 0) {
            // They will be there when the high watermark is known again.
            None if first >= log_start => Err(ErrorCode::OffsetNotAvailable.into()),
            slice => Ok((log_start, slice)),
        }
    }

    /// Reads records and makes copies of them, where nobody waits: batches may be large, and larger when they are inflated.
    async fn make_copies(
        &self,
        key: &Key,
        letters: Vec<DeadLetter>,
        to: &Target,
        refused: Refused,
    ) -> Result<Copies, ApiError> {
        let (log_start, slice) = self.find_letters(key, &letters)?;
        let making = Making {
            is_record_copied: to.is_record_copied,
            batch_bytes_max: to.batch_bytes_max,
            refused,
            now_ms: self.node().world.clock.wall_ms(),
        };
        let of = key.clone();
        let made = spawn::blocking(move || {
            let log = slice.map_or(Ok(Bytes::new()), |slice| slice.read());
            let log = log.map_err(|error| log_error(&error))?;
            let origin = Origin { topic: &of.at.topic, index: of.at.index, group: &of.group };
            copies::copy(origin, making, &letters, log_start, log).map_err(|cause| {
                error!(topic = %of.at.topic, partition = of.at.index, %cause, "dead letters cannot be written");
                ApiError::from(ErrorCode::UnknownServerError)
            })
        });
        // If there is no answer the process is going down.
        made.await.unwrap_or_else(|| Err(ErrorCode::UnknownServerError.into()))
    }

    /// Notes what is in the dead-letter queue. Returns whether the share partition is still the same.
    fn letters_copied(self: &Rc<Self>, key: &Key, incarnation: u64, done: &[DeadLetter]) -> bool {
        let share = self.share();
        let noted = share.with_active(key, incarnation, |active| {
            active.copying.done(done);
            if let Some(write) = active.machine.dead_lettered(done) {
                self.keep(key, active, write, None);
            }
        });
        noted.is_some()
    }

    /// Gives up a share partition whose group has nobody left here, if nothing would be lost by it.
    pub(super) fn leave_if_abandoned(&self, key: &Key, incarnation: u64) {
        let share = self.share();
        let is_over =
            share.with_active(key, incarnation, |active| active.is_abandoned && !active.has_unfinished());
        if is_over == Some(true) {
            give_up(&mut share.held.borrow_mut(), key);
        }
    }

    /// How long to wait after a failure; there were so many before it.
    fn pause(&self, failures: u32) -> Duration {
        let wait = RETRY.saturating_mul(1 << failures.min(10)).min(RETRY_MAX);
        let percent = 100 - JITTER_PERCENT + self.node().world.entropy.below(2 * JITTER_PERCENT + 1);
        wait * u32::try_from(percent).unwrap_or(100) / 100
    }

    /// How long to wait with the next batch because the state cannot be written: whatever comes to the queue meanwhile may
    /// come there again.
    fn pause_as_unwritten(&self, key: &Key, copying: &Copying) -> Option<Duration> {
        let before = copying.write_failures.get().checked_sub(1)?;
        if before.is_multiple_of(COMPLAINT_EVERY) {
            let records = copying.records();
            warn!(topic = %key.at.topic, partition = key.at.index, group = %key.group, records, "the share partition's state cannot be written, and records wait with it for the dead-letter queue or to be given up; it is tried again");
        }
        Some(self.pause(before))
    }

    fn is_here(&self, key: &Key, incarnation: u64) -> bool {
        self.contexts().is_some()
            && matches!(self.share().held.borrow().get(key), Some(Held::Active(active)) if active.incarnation == incarnation)
    }
}

/// Says how many records go to the queue without what they have, though it was to be copied.
fn tell_incomplete(key: &Key, copies: &Copies, to: &Target) {
    let (topic, partition, group) = (&key.at.topic, key.at.index, &key.group);
    if copies.too_large > 0 {
        let records = copies.too_large;
        warn!(%topic, partition, %group, records, queue = %to.at.topic, batch_bytes_max = to.batch_bytes_max, "records are larger than the dead-letter queue's max.message.bytes, what its leader takes, or segment.bytes: it gets their headers only");
    }
    if copies.unreadable > 0 {
        let records = copies.unreadable;
        warn!(%topic, partition, %group, records, queue = %to.at.topic, "records are damaged, or too large when they are inflated: the dead-letter queue gets their headers only");
    }
}

/// Copies until nothing is left, or the share partition is not here any more.
async fn copy_all(shard: Weak<Shard>, key: Key, incarnation: u64, copying: Rc<Copying>) {
    let mut failures: u32 = 0;
    let mut said = String::new();
    let mut has_paused = false;
    let mut refused = Refused::default();
    loop {
        let Some(shard_now) = shard.upgrade().filter(|shard| shard.is_here(&key, incarnation)) else {
            return;
        };
        if copying.is_done() {
            copying.is_running.set(false);
            shard_now.leave_if_abandoned(&key, incarnation);
            return;
        }
        let pause = if has_paused { None } else { shard_now.pause_as_unwritten(&key, &copying) };
        has_paused = pause.is_some();
        if let Some(pause) = pause {
            let clock = shard_now.node().world.clock;
            drop(shard_now);
            clock.sleep(pause).await;
            continue;
        }
        let copied = copying.copied.take();
        if !copied.is_empty() {
            if !shard_now.letters_copied(&key, incarnation, &copied) {
                return;
            }
            continue;
        }
        let failure = match shard_now.copy_some(&key, incarnation, copying.next(), &mut refused).await {
            Ok(done) => {
                if std::mem::take(&mut failures) > 0 {
                    info!(topic = %key.at.topic, partition = key.at.index, group = %key.group, "the dead-letter queue takes records again");
                    said.clear();
                }
                copying.is_blocked.set(false);
                if !shard_now.letters_copied(&key, incarnation, &done) {
                    return;
                }
                continue;
            }
            Err(Failure::Gone) => return,
            Err(Failure::TooLarge) => {
                shard_now.share().counts.borrow_mut().of_queue(&key.group).failed_requests += 1;
                continue;
            }
            Err(failure) => failure,
        };
        copying.is_blocked.set(true);
        shard_now.share().counts.borrow_mut().of_queue(&key.group).failed_requests += 1;
        let reason = failure.told();
        if reason != said || failures.is_multiple_of(COMPLAINT_EVERY) {
            let records = copying.records();
            warn!(topic = %key.at.topic, partition = key.at.index, group = %key.group, records, reason, "records cannot be brought to the dead-letter queue; they are held back and it is tried again");
            said = reason;
        }
        let pause = shard_now.pause(failures);
        let clock = shard_now.node().world.clock;
        failures = failures.saturating_add(1);
        drop(shard_now);
        clock.sleep(pause).await;
    }
}
