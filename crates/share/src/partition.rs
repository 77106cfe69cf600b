//! One share partition: what a share group has consumed of a partition, and what it is consuming.
//!
//! Offsets from the start offset (SPSO) on are of interest; records up to the end offset (SPEO) are tracked. Between them
//! lie the batches in flight. Behind the start offset there may still be batches that a member has, whose records are gone
//! from the log.

mod acknowledge;
mod acquire;
mod advance;
mod archive;
mod dead_letters;
mod release;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use klamm_protocol::ErrorCode;

pub use acknowledge::Acknowledgement;
pub use acquire::{AcquireMode, AcquireRequest, AcquiredRecords};
pub use dead_letters::DeadLetter;
pub use release::Expired;
pub use write::{StateBatch, StateWrite, WriteId};

use crate::{
    batch::InFlightBatch,
    breaker::{Breaker, BreakerSettings, BreakerState},
    delivery::{Delivery, RecordState},
};

/// What a group is configured to. May change at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `share.partition.max.record.locks`: how far the end offset may be from the start offset.
    pub locks_max: i32,
    /// `share.delivery.count.limit`: how often a record is delivered before it is given up.
    pub delivery_count_limit: i16,
    /// `share.record.lock.duration.ms`.
    pub lock_duration: Duration,
    /// `share.renew.acknowledge.enable`.
    pub is_renewal_allowed: bool,
    /// Whether records that are given up go to a dead-letter queue first (KIP-1191).
    pub has_dead_letters: bool,
    /// How long a record is held back that was not processed; `None`: not at all.
    pub backoff: Option<Backoff>,
    /// When no records are delivered because too many go to the dead-letter queue; `None`: never.
    pub breaker: Option<BreakerSettings>,
}

impl Settings {
    /// The state of records that are given up.
    pub(crate) const fn given_up(&self) -> RecordState {
        if self.has_dead_letters { RecordState::Archiving } else { RecordState::Archived }
    }
}

/// Waiting that grows with each delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first delivery.
    pub first: Duration,
    /// At most.
    pub max: Duration,
    /// What it is of the waiting before, in percent. At least 100.
    pub growth_percent: u32,
    /// By how much it varies up and down, in percent of itself. At most 100.
    pub jitter_percent: u32,
}

impl Backoff {
    /// The waiting after so many deliveries. It varies from offset to offset, so that what failed together does not come
    /// back together.
    pub fn after(&self, deliveries: i16, offset: i64) -> Duration {
        let mut wait = self.first.min(self.max);
        for _ in 1..deliveries {
            let longer = (wait.saturating_mul(self.growth_percent) / 100).min(self.max);
            if longer <= wait {
                break;
            }
            wait = longer;
        }
        // Bits of a product with a large odd number are as good as random.
        let spread = (offset.unsigned_abs().wrapping_add(1)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        let jitter = self.jitter_percent.min(100);
        let percent = 100 - jitter + u32::try_from(spread % u64::from(2 * jitter + 1)).unwrap_or(jitter);
        (wait.saturating_mul(percent) / 100).min(self.max)
    }
}

/// What was kept of a share partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// First offset that is of interest. Where nothing was kept, it is what `share.auto.offset.reset` says.
    pub start_offset: i64,
    /// Grows when the group's offsets are altered.
    pub state_epoch: i32,
    /// What became of records behind the start offset, in ascending order.
    pub batches: Vec<StateBatch>,
}

/// What was kept makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotLoaded {
    /// For the log.
    pub reason: String,
}

/// Why an acknowledgement is not taken. Nothing has changed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// INVALID_RECORD_STATE or INVALID_REQUEST.
    pub code: ErrorCode,
    /// For the client.
    pub message: &'static str,
}

/// Offsets that were not fetched when the state was kept, though later ones were: they have to be fetched still, unlike
/// what is missing between batches that were read one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gaps {
    /// No gap begins before.
    from: i64,
    /// The end offset at that time. Once the end offset has moved, the gaps are filled.
    end_offset: i64,
}

/// See the module and the crate.
#[derive(Debug, Clone)]
pub struct SharePartition {
    leader_epoch: i32,
    state_epoch: i32,
    /// The first offset that is of interest.
    start_offset: i64,
    /// The last offset in flight; if there is none, the next one to fetch.
    end_offset: i64,
    pub(crate) batches: BTreeMap<i64, InFlightBatch>,
    gaps: Option<Gaps>,
    /// Whether some record in flight may be available.
    may_redeliver: bool,
    /// Whether some record in flight may be to be copied to the dead-letter queue.
    has_dead_letters: bool,
    /// When locks on which offsets run out, and when what is held back is not any more. There are more than there are locks: one that is given up stays.
    deadlines: BTreeSet<(Duration, i64, i64)>,
    next_write: u64,
    /// When what a write has failed to keep is to be in another.
    keep_again_at: Option<Duration>,
    breaker: Breaker,
}

impl SharePartition {
    /// Takes up what was kept, in this leader epoch.
    ///
    /// # Errors
    /// If it cannot be what a share partition wrote.
    pub fn load(leader_epoch: i32, loaded: Loaded) -> Result<Self, NotLoaded> {
        let Loaded { start_offset, state_epoch, batches } = loaded;
        let mut partition = Self {
            leader_epoch,
            state_epoch,
            start_offset,
            end_offset: start_offset,
            batches: BTreeMap::new(),
            gaps: None,
            may_redeliver: false,
            has_dead_letters: false,
            deadlines: BTreeSet::new(),
            next_write: 0,
            keep_again_at: None,
            breaker: Breaker::new(),
        };
        let mut next = start_offset;
        for batch in batches {
            partition.check_loaded(next, &batch)?;
            if partition.gaps.is_none() && batch.first_offset > next {
                partition.gaps = Some(Gaps { from: next, end_offset: next });
            }
            next = batch.last_offset.saturating_add(1);
            partition.has_dead_letters |= batch.state == RecordState::Archiving;
            let delivery = Delivery::new(batch.state, batch.delivery_count);
            let batch = InFlightBatch::new(batch.first_offset, batch.last_offset, delivery);
            partition.batches.insert(batch.first, batch);
        }
        if let Some((_, last)) = partition.batches.last_key_value() {
            partition.end_offset = last.last;
            partition.may_redeliver = true;
            if let Some(gaps) = &mut partition.gaps {
                gaps.end_offset = partition.end_offset;
            }
            partition.advance();
        }
        Ok(partition)
    }

    fn check_loaded(&self, next: i64, batch: &StateBatch) -> Result<(), NotLoaded> {
        let (first, last) = (batch.first_offset, batch.last_offset);
        let is_sane = first >= next && last >= first && last.saturating_sub(first) < i64::from(i32::MAX);
        // Acquired records are never written.
        if is_sane && batch.state != RecordState::Acquired {
            return Ok(());
        }
        let start = self.start_offset;
        let reason = format!("offsets {first} to {last} as {:?} behind start offset {start}", batch.state);
        Err(NotLoaded { reason })
    }

    /// The epoch of the leader that this is for.
    pub const fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// The epoch of the state, which was kept with it.
    pub const fn state_epoch(&self) -> i32 {
        self.state_epoch
    }

    /// The first offset that is of interest (SPSO).
    pub const fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// The last offset in flight (SPEO); if there is none, the next one to fetch.
    pub const fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// How many offsets are in flight.
    pub fn in_flight(&self) -> i64 {
        if self.batches.is_empty() { 0 } else { self.end_offset - self.start_offset + 1 }
    }

    /// In how many batches they are.
    pub fn in_flight_batches(&self) -> usize {
        self.batches.len()
    }

    /// The offset to read the log from. Later offsets are not necessarily free.
    pub fn next_fetch_offset(&mut self, now: Duration) -> i64 {
        let is_nothing_tracked =
            self.batches.last_key_value().is_none_or(|(_, last)| self.start_offset > last.last);
        if is_nothing_tracked {
            self.may_redeliver = false;
            return self.end_offset;
        }
        if self.may_redeliver
            && let Some(offset) = self.first_to_redeliver(now)
        {
            return offset;
        }
        self.may_redeliver = false;
        self.next_new()
    }

    /// The offset after the last one in flight. There is none behind the highest: offsets can be altered to anything.
    const fn next_new(&self) -> i64 {
        self.end_offset.saturating_add(1)
    }

    fn first_to_redeliver(&self, now: Duration) -> Option<i64> {
        let mut gap = self.active_gaps().map(|gaps| gaps.from);
        for batch in self.batches.values() {
            if let Some(gap) = &mut gap {
                if batch.first > *gap {
                    return Some(*gap);
                }
                *gap = (*gap).max(batch.last + 1);
            }
            if let Some((offset, ..)) = batch.parts().find(|(.., delivery)| delivery.is_acquirable(now)) {
                return Some(offset);
            }
        }
        None
    }

    /// Whether a member that fetches may get anything, as far as that is not up to the log.
    pub fn can_acquire(&mut self, now: Duration, settings: &Settings) -> bool {
        if self.on_trial(now, settings).is_some_and(|room| room <= 0) {
            return false;
        }
        self.next_fetch_offset(now) != self.next_new() || self.in_flight() < i64::from(settings.locks_max)
    }

    /// When [`Self::expire`] has something to do.
    pub fn next_deadline(&self) -> Option<Duration> {
        let first = self.deadlines.first().map(|(deadline, ..)| *deadline);
        first.into_iter().chain(self.breaker.deadline()).chain(self.keep_again_at).min()
    }

    /// What the circuit breaker lets through.
    pub fn breaker_state(&self, now: Duration, settings: &Settings) -> BreakerState {
        self.breaker.state(now, settings.breaker.as_ref())
    }

    /// What the circuit breaker has changed to since this was last asked.
    pub fn take_breaker_change(&mut self) -> Option<BreakerState> {
        self.breaker.take_change()
    }

    /// How many records members may get still while the circuit breaker is not closed.
    fn on_trial(&self, now: Duration, settings: &Settings) -> Option<i64> {
        match self.breaker_state(now, settings) {
            BreakerState::Closed => None,
            BreakerState::Open => Some(0),
            BreakerState::HalfOpen => {
                let parts = self.batches.values().flat_map(InFlightBatch::parts);
                let acquired = parts.filter(|(.., delivery)| delivery.is_with_member());
                let acquired: i64 = acquired.map(|(first, last, _)| last - first + 1).sum();
                let trial = settings.breaker.map_or(0, |breaker| breaker.trial_records);
                Some(i64::from(trial) - acquired)
            }
        }
    }

    /// The gaps, as long as they are not filled.
    const fn active_gaps(&self) -> Option<Gaps> {
        match self.gaps {
            Some(gaps) if gaps.end_offset == self.end_offset => Some(gaps),
            _ => None,
        }
    }

    /// The batch that begins at or before an offset.
    fn floor(&self, offset: i64) -> Option<&InFlightBatch> {
        self.batches.range(..=offset).next_back().map(|(_, batch)| batch)
    }

    /// The keys of the batches that begin in a range, the last one included.
    fn keys(&self, from: i64, to: i64) -> Vec<i64> {
        if from > to {
            return Vec::new();
        }
        self.batches.range(from..=to).map(|(key, _)| *key).collect()
    }
}
