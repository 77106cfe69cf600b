//! What members say of the records that they have.

use std::time::Duration;

use klamm_protocol::{ErrorCode, StrBytes};

use super::{Refusal, Settings, SharePartition, StateWrite, release::note, write::Gathered};
use crate::{
    batch::InFlightBatch,
    delivery::{Delivery, RecordState},
};

/// What became of a range of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement<'a> {
    /// First offset.
    pub first_offset: i64,
    /// Last offset.
    pub last_offset: i64,
    /// For each offset, or one for all: 0 there is no record, 1 accept, 2 release, 3 reject, 4 renew the lock (KIP-1222).
    pub types: &'a [i8],
}

const RENEW: i8 = 4;

impl Acknowledgement<'_> {
    fn type_at(&self, offset: i64) -> Option<i8> {
        match self.types {
            [one] => Some(*one),
            types => types.get(usize::try_from(offset - self.first_offset).ok()?).copied(),
        }
    }
}

const fn outcome(kind: i8, settings: &Settings) -> Option<RecordState> {
    match kind {
        // There is nothing to put into a dead-letter queue.
        0 => Some(RecordState::Archived),
        3 => Some(settings.given_up()),
        1 => Some(RecordState::Acknowledged),
        2 => Some(RecordState::Available),
        _ => None,
    }
}

const fn invalid_request(message: &'static str) -> Refusal {
    Refusal { code: ErrorCode::InvalidRequest, message }
}

const fn invalid_state(message: &'static str) -> Refusal {
    Refusal { code: ErrorCode::InvalidRecordState, message }
}

/// One request for the acknowledgement of records.
struct Asked<'a> {
    now: Duration,
    member: &'a StrBytes,
    settings: &'a Settings,
}

impl SharePartition {
    /// Takes acknowledgements of a member, all or none of them; only locks that were renewed stay so.
    ///
    /// # Errors
    /// If a record is not with the member, or a change of it is being written already.
    pub fn acknowledge(
        &mut self,
        now: Duration,
        member: &StrBytes,
        acknowledgements: &[Acknowledgement<'_>],
        settings: &Settings,
    ) -> Result<Option<StateWrite>, Refusal> {
        let mut gathered = self.new_write();
        let asked = Asked { now, member, settings };
        let taken = acknowledgements
            .iter()
            .try_for_each(|range| self.acknowledge_range(&asked, range, &mut gathered));
        match taken {
            Ok(()) => Ok(self.write(gathered)),
            Err(refusal) => {
                self.end_changes(now, gathered.id, false, settings);
                Err(refusal)
            }
        }
    }

    fn acknowledge_range(
        &mut self,
        asked: &Asked<'_>,
        range: &Acknowledgement<'_>,
        gathered: &mut Gathered,
    ) -> Result<(), Refusal> {
        if range.types.is_empty() || range.types.iter().any(|kind| !(0..=RENEW).contains(kind)) {
            return Err(invalid_request("there is no such type of acknowledgement"));
        }
        if range.last_offset < self.start_offset {
            return Ok(());
        }
        let start = self.start_offset;
        for key in self.batches_of(range)? {
            let Some(batch) = self.batches.get_mut(&key) else { continue };
            if batch.last < start || batch.last < range.first_offset {
                continue;
            }
            let mut is_renewed = false;
            let taken = acknowledge_batch(batch, start, asked, range, gathered, &mut is_renewed);
            if is_renewed {
                let until = asked.now + asked.settings.lock_duration;
                let (first, last) = (batch.first.max(range.first_offset), batch.last.min(range.last_offset));
                self.deadlines.insert((until, first, last));
            }
            taken?;
        }
        Ok(())
    }

    /// The keys of the batches that a range lies in.
    fn batches_of(&self, range: &Acknowledgement<'_>) -> Result<Vec<i64>, Refusal> {
        let is_start_within =
            range.first_offset < self.start_offset && range.last_offset >= self.start_offset;
        let floor = match self.floor(range.first_offset) {
            None if is_start_within => self.floor(self.start_offset),
            found => found,
        };
        let Some(floor) = floor else { return Err(invalid_state("the records were not fetched")) };
        let keys = self.keys(floor.first, range.last_offset);
        let last = keys.last().and_then(|key| self.batches.get(key)).map_or(-1, |batch| batch.last);
        if last < range.first_offset {
            return Err(invalid_request("the first record lies behind what was fetched"));
        }
        if last < range.last_offset {
            return Err(invalid_request("the last record lies behind what was fetched"));
        }
        Ok(keys)
    }
}

/// Acknowledges the records of a batch that lie in a range. Locks that were renewed stay so, whatever comes after.
fn acknowledge_batch(
    batch: &mut InFlightBatch,
    start: i64,
    asked: &Asked<'_>,
    range: &Acknowledgement<'_>,
    gathered: &mut Gathered,
    is_renewed: &mut bool,
) -> Result<(), Refusal> {
    if let Some(whole) = batch.whole() {
        check(whole, asked.member)?;
        let is_split = !batch.is_within(range.first_offset, range.last_offset)
            || range.types.len() > 1
            || batch.is_cut_by(start);
        if is_split {
            batch.explode();
        }
    }
    for (first, last, delivery) in batch.parts_touching_mut(range.first_offset, range.last_offset) {
        if last < start {
            continue;
        }
        check(delivery, asked.member)?;
        let kind = range.type_at(first).ok_or(invalid_request("a record has no type of acknowledgement"))?;
        if kind == RENEW {
            if !asked.settings.is_renewal_allowed {
                return Err(invalid_state("the group does not allow that locks are renewed"));
            }
            delivery.locked_until = Some(asked.now + asked.settings.lock_duration);
            *is_renewed = true;
            continue;
        }
        let state = outcome(kind, asked.settings)
            .ok_or(invalid_request("there is no such type of acknowledgement"))?;
        delivery.begin(state, asked.settings, gathered.id);
        note(gathered, first, last, delivery);
    }
    Ok(())
}

/// Checks that a member may say what becomes of records.
fn check(delivery: &Delivery, member: &StrBytes) -> Result<(), Refusal> {
    if delivery.is_changing() {
        return Err(invalid_state("an earlier change of the records is being written"));
    }
    if delivery.state != RecordState::Acquired {
        return Err(invalid_state("the records are with no member"));
    }
    if delivery.member.as_ref() != Some(member) {
        return Err(invalid_state("the records are with another member"));
    }
    Ok(())
}
