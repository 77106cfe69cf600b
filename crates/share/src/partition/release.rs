//! Taking records from members that do not acknowledge them.

use std::time::Duration;

use klamm_protocol::StrBytes;

use super::{Settings, SharePartition, StateBatch, StateWrite, write::Gathered};
use crate::{
    batch::InFlightBatch,
    delivery::{Delivery, RecordState},
};

/// What came of time passing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// What is to be kept of it.
    pub write: Option<StateWrite>,
    /// Whether locks have run out.
    pub is_any_over: bool,
    /// Whether members may get something now that they could not before.
    pub is_any_free: bool,
}

impl SharePartition {
    /// A member is gone: what it has is free again once that is written.
    pub fn release(&mut self, member: &StrBytes, settings: &Settings) -> Option<StateWrite> {
        let gathered = self.release_of(|holder| holder == member, settings);
        self.write(gathered)
    }

    /// All members are gone, or this leader is. The write also tells what earlier ones have failed to.
    pub fn release_all(&mut self, settings: &Settings) -> Option<StateWrite> {
        let gathered = self.release_of(|_| true, settings);
        let write = self.write_with_freed(gathered);
        Some(write).filter(|write| !write.batches.is_empty())
    }

    fn release_of(&mut self, is_gone: impl Fn(&StrBytes) -> bool, settings: &Settings) -> Gathered {
        let mut gathered = self.new_write();
        let start = self.start_offset;
        let is_theirs = |delivery: &Delivery| delivery.member.as_ref().is_some_and(&is_gone);
        for batch in self.batches.values_mut() {
            explode_at(batch, start, |delivery| {
                delivery.state == RecordState::Acquired && is_theirs(delivery)
            });
            for (first, last, delivery) in batch.parts_mut() {
                let is_released =
                    is_theirs(delivery) && delivery.state == RecordState::Acquired && !delivery.is_changing();
                if is_released {
                    let wanted = if last < start { RecordState::Archived } else { RecordState::Available };
                    delivery.begin(wanted, settings, gathered.id);
                    note(&mut gathered, first, last, delivery);
                }
            }
        }
        gathered
    }

    /// Frees records whose lock has run out, or that were held back. They are free at once, whatever comes of the write.
    pub fn expire(&mut self, now: Duration, settings: &Settings) -> Expired {
        let mut is_any_freed = false;
        let mut is_any_free = self.breaker.expire(now);
        while let Some((deadline, first, last)) = self.deadlines.pop_first() {
            if deadline > now {
                self.deadlines.insert((deadline, first, last));
                break;
            }
            // It may be what was held back that may be given out again.
            self.may_redeliver = true;
            is_any_free = true;
            is_any_freed |= self.expire_range(now, first, last, settings);
        }
        let is_to_be_kept_again = self.keep_again_at.take_if(|at| *at <= now).is_some();
        let gathered = self.new_write();
        let write = (is_any_freed || is_to_be_kept_again).then(|| self.write_with_freed(gathered));
        let write = write.filter(|write| !write.batches.is_empty());
        Expired { write, is_any_over: is_any_freed, is_any_free }
    }

    fn expire_range(&mut self, now: Duration, first: i64, last: i64, settings: &Settings) -> bool {
        let mut is_any_freed = false;
        let mut given_up = 0;
        let start = self.start_offset;
        let from = self.floor(first).map_or(first, |batch| batch.first);
        for (_, batch) in self.batches.range_mut(from..=last.max(from)) {
            let is_over = |delivery: &Delivery| delivery.locked_until.is_some_and(|until| until <= now);
            explode_at(batch, start, |delivery| delivery.state == RecordState::Acquired && is_over(delivery));
            for (part_first, part_last, delivery) in batch.parts_touching_mut(first, last) {
                let is_due =
                    is_over(delivery) && delivery.state == RecordState::Acquired && !delivery.is_changing();
                if !is_due {
                    continue;
                }
                delivery.free(settings);
                if part_last < start {
                    delivery.archive();
                }
                if delivery.is_dead_letter() {
                    given_up += (part_last - part_first + 1).unsigned_abs();
                }
                if delivery.is_available() {
                    let until = delivery.hold_back(now, part_first, settings);
                    self.deadlines.extend(until.map(|until| (until, part_first, part_last)));
                }
                is_any_freed = true;
            }
        }
        self.breaker.gave_up(now, given_up, settings.breaker.as_ref());
        is_any_freed
    }
}

/// Tracks the records of a batch one by one if the start offset lies within: those before it are gone, the others not.
pub(super) fn explode_at(batch: &mut InFlightBatch, start: i64, is_affected: impl Fn(&Delivery) -> bool) {
    if batch.is_cut_by(start) && batch.whole().is_some_and(is_affected) {
        batch.explode();
    }
}

pub(super) fn note(gathered: &mut Gathered, first: i64, last: i64, delivery: &Delivery) {
    gathered.push(StateBatch {
        first_offset: first,
        last_offset: last,
        state: delivery.state,
        delivery_count: delivery.count,
    });
}
