//! Giving records to a member.
//!
//! Records come in the batches in which the log has them. What was not tracked yet becomes a batch in flight; what was, is
//! given out if it is available. A batch whose records have been delivered half as often as they may be is suspected to
//! have one that no consumer survives: fewer and fewer of its records are given out at a time, and the last time every
//! record comes alone, so that one record does not use up the deliveries of others.

use std::time::Duration;

use klamm_protocol::StrBytes;

use super::{InFlightBatch, Settings, SharePartition};
use crate::{
    AbortedTransaction, BatchSpan,
    aborted::{aborted_batches, without},
    batch::Held,
    delivery::{Delivery, RecordState},
};

/// Below so many deliveries no batch is suspected.
const SUSPECT_MIN: i16 = 2;

/// No batch in flight is larger: a batch in the log may claim to span any number of offsets.
const TRACKED_MAX: i64 = 1 << 20;

/// How many records a fetch may get (KIP-1206).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcquireMode {
    /// Whole batches, even if that makes more records than were asked for.
    BatchOptimized,
    /// Never more records than were asked for.
    RecordLimit,
}

/// What a member wants.
#[derive(Debug, Clone, Copy)]
pub struct AcquireRequest<'a> {
    /// Who.
    pub member: &'a StrBytes,
    /// How the number of records is limited.
    pub mode: AcquireMode,
    /// How many records a batch in flight had best have.
    pub batch_size: i32,
    /// How many records are wanted.
    pub records_max: i32,
    /// Where the log was read.
    pub fetch_offset: i64,
    /// The batches that were found.
    pub batches: &'a [BatchSpan],
    /// The aborted transactions whose records may be among them; empty if the group wants those too.
    pub aborted: &'a [AbortedTransaction],
}

/// Records that a member has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcquiredRecords {
    /// First offset.
    pub first_offset: i64,
    /// Last offset.
    pub last_offset: i64,
    /// How often they have been delivered, this time included.
    pub delivery_count: i16,
}

impl AcquiredRecords {
    /// How many offsets these are.
    pub const fn count(&self) -> i64 {
        self.last_offset - self.first_offset + 1
    }
}

/// An acquisition under way.
struct Round<'a> {
    request: &'a AcquireRequest<'a>,
    settings: &'a Settings,
    now: Duration,
    /// How the number of records is limited.
    mode: AcquireMode,
    /// The first offset that was read.
    first: i64,
    /// The last offset that may be given out.
    last: i64,
    /// How many records may be given out still.
    room: i64,
    acquired: Vec<AcquiredRecords>,
}

impl Round<'_> {
    fn locked_until(&self) -> Duration {
        self.now + self.settings.lock_duration
    }

    const fn is_limited(&self) -> bool {
        matches!(self.mode, AcquireMode::RecordLimit)
    }

    fn took(&mut self, records: AcquiredRecords) {
        self.room -= records.count();
        self.acquired.push(records);
    }

    const fn suspect_count(&self) -> i16 {
        let half = (self.settings.delivery_count_limit + 1) / 2;
        if half > SUSPECT_MIN { half } else { SUSPECT_MIN }
    }
}

/// Whether a round goes on.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

impl SharePartition {
    /// Locks records for a member. Returns which, in ascending order.
    pub fn acquire(
        &mut self,
        now: Duration,
        request: &AcquireRequest<'_>,
        settings: &Settings,
    ) -> Vec<AcquiredRecords> {
        let (Some(first), Some(last)) = (request.batches.first(), request.batches.last()) else {
            return Vec::new();
        };
        if request.records_max <= 0 || last.last_offset < self.start_offset {
            return Vec::new();
        }
        let (last, mut room) = self.bounds(request, last.last_offset, settings);
        let mut mode = request.mode;
        if let Some(on_trial) = self.on_trial(now, settings) {
            room = room.min(on_trial);
            mode = AcquireMode::RecordLimit;
        }
        if room <= 0 {
            return Vec::new();
        }
        self.archive_stale(request.fetch_offset, first.base_offset);
        self.pass_over(request.fetch_offset, first.base_offset);
        let first = first.base_offset;
        let mut round = Round { request, settings, now, mode, first, last, room, acquired: Vec::new() };
        self.acquire_range(&mut round);
        let acquired = self.drop_aborted(request, round.acquired);
        // What was archived here may be all that is in flight, so that nothing else would ever move the start offset.
        self.advance();
        acquired
    }

    /// The last offset that may be acquired, and how many records.
    fn bounds(&self, request: &AcquireRequest<'_>, last: i64, settings: &Settings) -> (i64, i64) {
        let wanted = i64::from(request.records_max);
        let free = i64::from(settings.locks_max) - self.in_flight();
        if free > 0 || request.fetch_offset > self.end_offset {
            return (last, wanted.min(free));
        }
        // No more may be in flight, but some of what is may be available.
        (last.min(self.end_offset), wanted.min(self.end_offset - request.fetch_offset + 1))
    }

    fn acquire_range(&mut self, round: &mut Round<'_>) {
        let mut base = round.first;
        match self.floor(base) {
            // What was kept may have begun within what the log has as one batch.
            None => base = base.max(self.start_offset),
            Some(floor) if floor.last >= base => base = floor.first,
            Some(_) => {}
        }
        let keys = self.keys(base.min(round.first), round.last);
        let Some(last_key) = keys.last().copied() else {
            self.acquire_new(round, base, round.last);
            return;
        };
        let mut gap = base;
        for key in keys {
            if round.room <= 0 {
                break;
            }
            let Some(batch) = self.batches.get(&key) else { continue };
            let batch_last = batch.last;
            if self.active_gaps().is_some() {
                if gap < key {
                    self.acquire_new(round, gap, key - 1);
                    if round.acquired.last().is_some_and(|last| (gap..key - 1).contains(&last.last_offset)) {
                        // What is left of the gap comes before what lies behind it.
                        round.room = 0;
                        break;
                    }
                }
                gap = batch_last + 1;
                if round.room <= 0 {
                    break;
                }
            }
            if self.acquire_tracked(round, key) == Next::Stop {
                round.room = 0;
                break;
            }
        }
        let tracked = self.batches.get(&last_key).map_or(last_key, |batch| batch.last);
        if round.room > 0 && tracked < round.last {
            self.acquire_new(round, tracked + 1, round.last);
        }
        if let Some(last) = round.acquired.last() {
            self.gaps_filled_to(last.last_offset + 1);
        }
    }

    /// Gives out records of a batch in flight.
    fn acquire_tracked(&mut self, round: &mut Round<'_>, key: i64) -> Next {
        let Some(batch) = self.batches.get_mut(&key) else { return Next::GoOn };
        let is_suspect = is_suspect(batch, round);
        if is_suspect && !round.acquired.is_empty() {
            return Next::Stop;
        }
        let is_split = !batch.is_within(round.first, round.last)
            || (round.is_limited() && batch.len() > round.room)
            || is_suspect;
        if let Held::Whole(delivery) = &mut batch.held {
            if !delivery.is_acquirable(round.now) {
                return Next::GoOn;
            }
            if !is_split {
                let until = round.locked_until();
                delivery.acquire(round.request.member, until);
                let (first_offset, last_offset) = (batch.first, batch.last);
                round.took(AcquiredRecords { first_offset, last_offset, delivery_count: delivery.count });
                self.deadlines.insert((until, first_offset, last_offset));
                return Next::GoOn;
            }
        }
        let has_some = self.acquire_each(round, key);
        if is_suspect && has_some { Next::Stop } else { Next::GoOn }
    }

    /// Gives out records of a batch that is tracked one by one from now on. Returns whether there were any.
    fn acquire_each(&mut self, round: &mut Round<'_>, key: i64) -> bool {
        let Some(batch) = self.batches.get_mut(&key) else { return false };
        let (base, size) = (batch.first, batch.len());
        let (limit, suspect) = (round.settings.delivery_count_limit, round.suspect_count());
        let until = round.locked_until();
        let mut count = 0;
        let count_max = if round.is_limited() { round.room } else { i64::MAX };
        let mut slowed_to = None;
        let mut runs: Vec<AcquiredRecords> = Vec::new();
        for (offset, delivery) in (base..).zip(batch.explode()) {
            if offset < round.first || !delivery.is_acquirable(round.now) {
                continue;
            }
            let is_last_time = limit > 2 && delivery.count == limit - 1;
            if offset > round.last || (is_last_time && count > 0) {
                break;
            }
            if delivery.count >= suspect && slowed_to.is_none() {
                let halvings = u32::from(delivery.count.abs_diff(suspect)) + 1;
                slowed_to = Some(size.checked_shr(halvings).unwrap_or(0).max(1));
            }
            delivery.acquire(round.request.member, until);
            push_run(&mut runs, offset, delivery.count);
            count += 1;
            if is_last_time || count >= count_max || slowed_to == Some(count) {
                break;
            }
        }
        for run in runs {
            self.deadlines.insert((until, run.first_offset, run.last_offset));
            round.took(run);
        }
        count > 0
    }

    /// Begins to track a range that was not, and gives it out.
    fn acquire_new(&mut self, round: &mut Round<'_>, first: i64, last: i64) {
        // The same batch may have been read again after it was done with in part, or the log may start within it.
        let first = if self.batches.is_empty() { first.max(self.end_offset) } else { first };
        let first = first.max(self.start_offset);
        if first > last {
            return;
        }
        let mut tracked_last = last;
        if round.room < last - first + 1 {
            tracked_last = batch_end(round.request.batches, first + round.room - 1);
            if self.active_gaps().is_some() {
                tracked_last = tracked_last.min(last);
            }
        }
        tracked_last = tracked_last.min(first + TRACKED_MAX - 1);
        let until = round.locked_until();
        if self.batches.first_key_value().is_none_or(|(key, _)| *key > first) {
            // What lies between is not in the log.
            self.start_offset = first;
        }
        let delivery = Delivery::first(round.request.member, until);
        if round.is_limited() && tracked_last - first + 1 > round.room {
            let given = first + round.room - 1;
            let mut batch = InFlightBatch::new(first, tracked_last, delivery);
            for (offset, delivery) in (first..).zip(batch.explode()) {
                if offset > given {
                    *delivery = Delivery::new(RecordState::Available, 0);
                }
            }
            self.batches.insert(first, batch);
            self.may_redeliver = true;
            self.deadlines.insert((until, first, given));
            round.took(AcquiredRecords { first_offset: first, last_offset: given, delivery_count: 1 });
        } else {
            for (first, last) in split(round.request, first, tracked_last) {
                self.batches.insert(first, InFlightBatch::new(first, last, delivery.clone()));
                self.deadlines.insert((until, first, last));
                round.took(AcquiredRecords { first_offset: first, last_offset: last, delivery_count: 1 });
            }
        }
        self.end_offset = self.end_offset.max(tracked_last);
        if let Some(last) = round.acquired.last() {
            self.gaps_filled_to(last.last_offset + 1);
        }
    }

    fn drop_aborted(
        &mut self,
        request: &AcquireRequest<'_>,
        acquired: Vec<AcquiredRecords>,
    ) -> Vec<AcquiredRecords> {
        if request.aborted.is_empty() || acquired.is_empty() {
            return acquired;
        }
        let aborted = aborted_batches(request.batches, request.aborted);
        for (first, last) in &aborted {
            self.archive_aborted(*first, *last);
        }
        let ranges = acquired.iter().map(|run| (run.first_offset, run.last_offset, run.delivery_count));
        let left = without(ranges.collect(), &aborted).into_iter();
        left.map(|(first_offset, last_offset, delivery_count)| AcquiredRecords {
            first_offset,
            last_offset,
            delivery_count,
        })
        .collect()
    }
}

/// Whether a batch has records, within what was read, that nobody may survive.
fn is_suspect(batch: &InFlightBatch, round: &Round<'_>) -> bool {
    let is_read = |first: i64, last: i64| first <= round.last && last >= round.first;
    batch.parts().any(|(first, last, delivery)| {
        is_read(first, last) && delivery.is_acquirable(round.now) && delivery.count >= round.suspect_count()
    })
}

/// Adds an offset to runs of offsets that were delivered equally often.
fn push_run(runs: &mut Vec<AcquiredRecords>, offset: i64, delivery_count: i16) {
    match runs.last_mut() {
        Some(run) if run.last_offset + 1 == offset && run.delivery_count == delivery_count => {
            run.last_offset = offset;
        }
        _ => runs.push(AcquiredRecords { first_offset: offset, last_offset: offset, delivery_count }),
    }
}

/// The last offset of the batch that an offset lies in, or the offset itself if it lies in none.
fn batch_end(batches: &[BatchSpan], offset: i64) -> i64 {
    let place = batches.partition_point(|batch| batch.base_offset <= offset);
    let before = place.checked_sub(1).and_then(|place| batches.get(place));
    before.map_or(offset, |batch| batch.last_offset.max(offset))
}

/// Cuts a range where batches of the log begin, into pieces of about the wanted size.
fn split(request: &AcquireRequest<'_>, first: i64, last: i64) -> Vec<(i64, i64)> {
    let size = i64::from(request.batch_size);
    let mut pieces = Vec::new();
    let mut begin = first;
    if request.mode == AcquireMode::BatchOptimized && last - first + 1 > size {
        for base in request.batches.iter().map(|batch| batch.base_offset) {
            if base > last {
                break;
            }
            if base - begin >= size && base > begin {
                pieces.push((begin, base - 1));
                begin = base;
            }
        }
    }
    pieces.push((begin, last));
    pieces
}
