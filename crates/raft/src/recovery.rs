//! What the machine has to know of the log at start.

use crate::control::{ControlRecord, control_records};
use crate::log_state::{LogState, OffsetAndEpoch};
use crate::voters::VoterSet;
use bytes::Bytes;
use klamm_protocol::records::{BatchError, BatchIter, RecordBatch};
use std::collections::BTreeSet;

/// The voters and the `kraft.version` that the log says are in force, with their history, since an uncommitted change
/// may be truncated away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlState {
    /// Offset of the record (of a snapshot: its last offset) and voters, oldest first.
    voters: Vec<(i64, VoterSet)>,
    /// Likewise.
    kraft_versions: Vec<(i64, i16)>,
    /// The first record of the last leader: its offset, who that is, and among whom it was elected.
    electorate: Option<(i64, i32, BTreeSet<i32>)>,
}

impl ControlState {
    /// The voters in force, with the offset of the record that says so; `None` if no record does.
    pub fn voters(&self) -> Option<(i64, &VoterSet)> {
        self.voters.last().map(|(offset, voters)| (*offset, voters))
    }

    /// The voters that were in force before those that are.
    pub(crate) fn previous_voters(&self) -> Option<&VoterSet> {
        let before = self.voters.len().checked_sub(2)?;
        self.voters.get(before).map(|(_, voters)| voters)
    }

    /// The `kraft.version` in force.
    pub fn kraft_version(&self) -> i16 {
        self.kraft_versions.last().map_or(0, |(_, version)| *version)
    }

    pub(crate) fn note(&mut self, offset: i64, record: &ControlRecord) {
        match record {
            ControlRecord::Voters(record) => self.voters.push((offset, VoterSet::from_record(record))),
            ControlRecord::KRaftVersion(record) => self.kraft_versions.push((offset, record.kraft_version)),
            ControlRecord::LeaderChange(record) => {
                let voters = record.voters.iter().map(|voter| voter.voter_id).collect();
                self.electorate = Some((offset, record.leader_id, voters));
            }
        }
    }

    /// The voters that a leader was elected by, and the offset of its record that says so, if no other has led since.
    pub(crate) fn electorate(&self, leader: i32) -> Option<(i64, &BTreeSet<i32>)> {
        let (offset, id, voters) = self.electorate.as_ref()?;
        (*id == leader).then_some((*offset, voters))
    }

    pub(crate) fn note_batch(&mut self, batch: &RecordBatch) {
        for (offset, record) in control_records(batch) {
            self.note(offset, &record);
        }
    }

    pub(crate) fn truncate(&mut self, end_offset: i64) {
        self.voters.retain(|(offset, _)| *offset < end_offset);
        self.kraft_versions.retain(|(offset, _)| *offset < end_offset);
        self.electorate.take_if(|(offset, ..)| *offset >= end_offset);
    }

    /// Forgets what was before `start_offset`, but for what is in force there.
    pub(crate) fn trim(&mut self, start_offset: i64) {
        let old = |offsets: &mut dyn Iterator<Item = i64>| {
            offsets.take_while(|offset| *offset < start_offset).count().saturating_sub(1)
        };
        let count = old(&mut self.voters.iter().map(|(offset, _)| *offset));
        self.voters.drain(..count);
        let count = old(&mut self.kraft_versions.iter().map(|(offset, _)| *offset));
        self.kraft_versions.drain(..count);
    }

    /// The voters and the version as of `offset` (exclusive): what a snapshot that ends there has to hold.
    pub fn at(&self, offset: i64) -> (Option<&VoterSet>, i16) {
        let voters = self.voters.iter().rev().find(|(at, _)| *at < offset).map(|(_, voters)| voters);
        let version = self.kraft_versions.iter().rev().find(|(at, _)| *at < offset).map_or(0, |(_, v)| *v);
        (voters, version)
    }
}

/// Builds [`LogState`] and [`ControlState`] from the files: first the latest snapshot, if there is one, then every
/// batch of the log behind it, in order.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    log: LogState,
    control: ControlState,
}

impl Recovery {
    /// `start_offset` is the first offset of the log's first segment.
    pub fn new(start_offset: i64) -> Self {
        Self { log: LogState::starting_at(start_offset), control: ControlState::default() }
    }

    /// Notes the content of a snapshot. A snapshot beyond the log's end makes the log start there (the driver has to
    /// start the log anew at its offset, as after a crash between fetching a snapshot and truncating).
    ///
    /// # Errors
    /// If the snapshot is damaged.
    pub fn snapshot(&mut self, id: OffsetAndEpoch, content: Bytes) -> Result<(), BatchError> {
        self.control = ControlState::of_snapshot(id, content)?;
        self.log.add_snapshot(id);
        Ok(())
    }

    /// Notes batches that follow what was noted so far.
    ///
    /// # Errors
    /// If a batch is damaged or does not continue the log.
    pub fn batches(&mut self, batches: Bytes) -> Result<(), BatchError> {
        for batch in BatchIter::new(batches) {
            let batch = batch?;
            let header = batch.header();
            // Compaction and trimming may leave the first segment starting before the log's start.
            let base = header.base_offset.max(self.log.end_offset());
            if header.next_offset() > base {
                self.log.append_gap(base, header.next_offset(), header.partition_leader_epoch);
            }
            // What the snapshot covers it has summed up already.
            let covered = self.log.latest_snapshot().map_or(i64::MIN, |id| id.offset);
            if header.next_offset() > covered {
                self.control.note_batch(&batch);
            }
        }
        Ok(())
    }

    /// The result.
    pub fn finish(self) -> (LogState, ControlState) {
        (self.log, self.control)
    }
}

impl ControlState {
    /// Voters and version that a snapshot holds.
    ///
    /// # Errors
    /// If the snapshot is damaged.
    pub fn of_snapshot(id: OffsetAndEpoch, content: Bytes) -> Result<Self, BatchError> {
        let mut control = Self::default();
        for batch in BatchIter::new(content) {
            for (_, record) in control_records(&batch?) {
                control.note(id.offset - 1, &record);
            }
        }
        Ok(control)
    }
}
