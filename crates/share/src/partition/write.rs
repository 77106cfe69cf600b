//! What is to be kept, and what comes of it.

use std::time::Duration;

use super::release::{explode_at, note};
use super::{Settings, SharePartition};
use crate::{batch::InFlightBatch, delivery::RecordState};

/// How long a write waits that is made only because one failed.
const KEEP_AGAIN: Duration = Duration::from_secs(1);

/// Names a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub(crate) u64);

/// Records whose state is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateBatch {
    /// First offset.
    pub first_offset: i64,
    /// Last offset.
    pub last_offset: i64,
    /// Their state.
    pub state: RecordState,
    /// How often they were delivered.
    pub delivery_count: i16,
}

/// A change that is to be kept. Writes have to be kept in the order in which they are made; several may become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateWrite {
    /// For [`SharePartition::written`].
    pub id: WriteId,
    /// The epoch of the state that is changed.
    pub state_epoch: i32,
    /// The epoch of the leader that writes.
    pub leader_epoch: i32,
    /// The start offset; or the first record that the log start has passed on its way to the dead-letter queue, so that
    /// whoever takes over knows of it.
    pub start_offset: i64,
    /// How many offsets from the start offset on are acknowledged or archived.
    pub delivery_complete_count: i32,
    /// What has changed; no offset is in two of them.
    pub batches: Vec<StateBatch>,
}

/// Gathers the parts of a write.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) id: WriteId,
    batches: Vec<StateBatch>,
}

impl Gathered {
    /// Adds records; those that go on where the last ones ended, in the same state, become one with them.
    pub(super) fn push(&mut self, batch: StateBatch) {
        match self.batches.last_mut() {
            Some(last)
                if last.last_offset + 1 == batch.first_offset
                    && (last.state, last.delivery_count) == (batch.state, batch.delivery_count) =>
            {
                last.last_offset = batch.last_offset;
            }
            _ => self.batches.push(batch),
        }
    }
}

impl SharePartition {
    /// Whether some record has been delivered, and what is kept does not say so: who took over from that could deliver it
    /// once more than the group's limit allows. True as long as a record is with a member, or it is not written what became
    /// of one; if a write fails, [`Self::expire`] makes another.
    pub fn has_unkept_deliveries(&self) -> bool {
        let mut parts = self.batches.values().flat_map(InFlightBatch::parts);
        parts.any(|(.., delivery)| !delivery.is_count_kept())
    }

    pub(super) fn new_write(&mut self) -> Gathered {
        let id = WriteId(self.next_write);
        self.next_write += 1;
        Gathered { id, batches: Vec::new() }
    }

    /// The write of what was gathered; `None` if that is nothing.
    pub(super) fn write(&mut self, gathered: Gathered) -> Option<StateWrite> {
        if gathered.batches.is_empty() { None } else { Some(self.write_with_freed(gathered)) }
    }

    /// As [`Self::write`], together with what was freed and is not kept yet.
    pub(super) fn write_with_freed(&mut self, mut gathered: Gathered) -> StateWrite {
        let parts = self.batches.values_mut().flat_map(InFlightBatch::parts_mut);
        for (first, last, delivery) in parts.filter(|(.., delivery)| delivery.is_unkept()) {
            delivery.tell(gathered.id);
            note(&mut gathered, first, last, delivery);
        }
        let Gathered { id, batches } = gathered;
        StateWrite {
            id,
            state_epoch: self.state_epoch,
            leader_epoch: self.leader_epoch,
            start_offset: self.kept_start_offset(),
            delivery_complete_count: self.delivery_complete_count(),
            batches,
        }
    }

    /// The records that wait for the dead-letter queue though the log start has passed them, as ranges.
    fn dead_letters_before_start(&self) -> impl Iterator<Item = (i64, i64)> {
        let start = self.start_offset;
        let parts = self.batches.range(..start).flat_map(|(_, batch)| batch.parts());
        let waiting = parts.filter(move |(first, _, delivery)| *first < start && delivery.is_to_be_copied());
        waiting.map(move |(first, last, _)| (first, last.min(start - 1)))
    }

    /// The start offset as it is kept: what lies before it is forgotten, and with it what is to be copied.
    fn kept_start_offset(&self) -> i64 {
        self.dead_letters_before_start().next().map_or(self.start_offset, |(first, _)| first)
    }

    /// How many offsets from the kept start offset on are done with, those that are gone from the log included.
    fn delivery_complete_count(&self) -> i32 {
        let waiting: i64 = self.dead_letters_before_start().map(|(first, last)| last - first + 1).sum();
        let mut count = self.start_offset - self.kept_start_offset() - waiting;
        for batch in self.batches.values() {
            let terminal = batch.parts().filter(|(.., delivery)| delivery.state.is_terminal());
            count += terminal
                .map(|(first, last, _)| (last - first.max(self.start_offset) + 1).max(0))
                .sum::<i64>();
        }
        i32::try_from(count).unwrap_or(i32::MAX)
    }

    /// Tells whether a write was kept. If it was not, the records that it was about are back where they were, or free if
    /// their lock has run out meanwhile. Returns whether others may get something now that they could not before.
    pub fn written(&mut self, now: Duration, id: WriteId, is_kept: bool, settings: &Settings) -> bool {
        let is_any_free = self.end_changes(now, id, is_kept, settings);
        self.advance() || is_any_free
    }

    /// Ends what was begun for a write. Returns whether any of it is available now.
    pub(super) fn end_changes(
        &mut self,
        now: Duration,
        id: WriteId,
        is_kept: bool,
        settings: &Settings,
    ) -> bool {
        let mut is_any_free = false;
        let mut is_any_processed = false;
        let mut given_up = 0;
        let mut is_any_unkept = false;
        let start = self.start_offset;
        for batch in self.batches.values_mut() {
            explode_at(batch, start, |delivery| delivery.may_be_free_after(id, is_kept));
            for (first, last, delivery) in batch.parts_mut() {
                let is_given_up_before = delivery.is_leaving_as_dead_letter();
                let is_changed = delivery.end(id, is_kept, last < start, now, settings);
                self.has_dead_letters |= delivery.is_kept_as_dead_letter();
                is_any_unkept |= delivery.is_unkept();
                if !is_changed {
                    continue;
                }
                if delivery.is_dead_letter() && !is_given_up_before {
                    given_up += (last - first + 1).unsigned_abs();
                }
                is_any_processed |= is_kept && delivery.state == RecordState::Acknowledged;
                if delivery.is_available() {
                    is_any_free = true;
                    let until = delivery.hold_back(now, first, settings);
                    self.deadlines.extend(until.map(|until| (until, first, last)));
                }
            }
        }
        if is_any_unkept {
            self.keep_again_at.get_or_insert(now + KEEP_AGAIN);
        }
        self.may_redeliver |= is_any_free;
        let breaker = settings.breaker.as_ref();
        let has_closed = is_any_processed && self.breaker.processed(now, breaker);
        self.breaker.gave_up(now, given_up, breaker);
        is_any_free || has_closed
    }
}
