//! Records on their way to the dead-letter queue (KIP-1191).
//!
//! They are in a state of their own until they have been copied; only then are they archived. They are copied when that
//! state is kept, also those whose lock has run out: a leader that has been overtaken and does not know it yet must not copy
//! what the other still delivers. Whoever takes
//! over from what was kept copies them again, so that a crash may make two of one, and loses none. If it only cannot be
//! written that they are copied, that is tried again, not the copying.

use super::{Settings, SharePartition, StateWrite, release::note};
use crate::{batch::InFlightBatch, delivery::GivenUp};

/// Records to be copied to the dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetter {
    /// First offset.
    pub first_offset: i64,
    /// Last offset.
    pub last_offset: i64,
    /// How often they were delivered.
    pub delivery_count: i16,
    /// Why they are given up.
    pub reason: GivenUp,
    /// Whether they are in the queue already, and only the write of that has failed.
    pub is_copied: bool,
}

impl SharePartition {
    /// Takes the records that are to be copied and are not being so already.
    pub fn take_dead_letters(&mut self, settings: &Settings) -> Vec<DeadLetter> {
        let mut taken: Vec<DeadLetter> = Vec::new();
        if !std::mem::take(&mut self.has_dead_letters) {
            return taken;
        }
        for (first, last, delivery) in self.batches.values_mut().flat_map(InFlightBatch::parts_mut) {
            // One whose change is being written is taken when that is done.
            if !delivery.is_kept_as_dead_letter() || delivery.is_being_copied {
                continue;
            }
            delivery.is_being_copied = true;
            let (delivery_count, reason) = (delivery.count, delivery.reason(settings));
            let is_copied = delivery.is_copied;
            match taken.last_mut() {
                Some(run)
                    if run.last_offset + 1 == first
                        && (run.delivery_count, run.reason, run.is_copied)
                            == (delivery_count, reason, is_copied) =>
                {
                    run.last_offset = last;
                }
                _ => {
                    taken.push(DeadLetter {
                        first_offset: first,
                        last_offset: last,
                        delivery_count,
                        reason,
                        is_copied,
                    });
                }
            }
        }
        taken
    }

    /// Records are in the dead-letter queue, for good: they are archived once that is written. If it cannot be, they are
    /// taken once more, as copied. It may be a part of what was taken.
    pub fn dead_lettered(&mut self, letters: &[DeadLetter]) -> Option<StateWrite> {
        let mut gathered = self.new_write();
        for letter in letters {
            let from = self.floor(letter.first_offset).map_or(letter.first_offset, |batch| batch.first);
            for (_, batch) in self.batches.range_mut(from..=letter.last_offset.max(from)) {
                let is_whole = batch.whole().is_some_and(|delivery| delivery.is_being_copied);
                if is_whole && !batch.is_within(letter.first_offset, letter.last_offset) {
                    batch.explode();
                }
                let parts = batch.parts_touching_mut(letter.first_offset, letter.last_offset);
                for (first, last, delivery) in parts {
                    if delivery.is_being_copied && delivery.is_dead_letter() {
                        delivery.begin_archive(gathered.id);
                        note(&mut gathered, first, last, delivery);
                    }
                }
            }
        }
        self.write(gathered)
    }
}
