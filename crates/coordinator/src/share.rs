//! The share coordinator: how far a share group's deliveries are in each partition (KIP-932).
//!
//! A share partition is a partition as one share group sees it. Its leader, and the group's coordinator, have its state
//! kept by the share coordinator that leads the share partition's part of `__share_group_state`. A state is a snapshot
//! and the updates since; after enough updates the next record is a snapshot again, and what lies before the oldest
//! snapshot that counts is deleted from the log.
//!
//! Read first: `state.rs`, then one file for each thing that can be asked.
//!
//! Invariants
//! * A state's batches do not overlap, are in order, and none lies before its start offset.
//! * Epochs that fence (of the state and of leaders) only grow, for as long as the state is not deleted.
//!
//! *Non-obvious*
//! * A write does not raise the leader epoch; a read does, since a leader reads before it writes.
//! * The first offset that is needed is only looked for when a snapshot is written, as in Kafka.

mod batches;
mod delete;
mod initialize;
mod read;
mod record;
mod request;
mod state;
mod upkeep;
mod write;

use crate::token::Token;
use crate::write_error::coordinator_error;
use klamm_protocol::{ErrorCode, Uuid};
use klamm_timeline::{Outcome, Timeline};
use std::collections::BTreeSet;

use state::SharePartitionState;

pub use record::{PlacedRecord, ShareRecord};
pub use request::{
    InitialState, ShareEffects, ShareOutcome, SharePartitionKey, ShareSettings, ShareState,
    ShareStateContext, ShareStateReply, ShareStateRequest, ShareTimer, StateBatch, StateRefusal,
    StateSummary, StateWrite,
};
pub use state::ShareStates;

/// Replays a partition of `__share_group_state` for its new coordinator.
#[derive(Debug)]
pub struct ShareLoader {
    settings: ShareSettings,
    timeline: Timeline<ShareStates>,
}

impl ShareLoader {
    /// Starts with nothing, at the partition's log start offset.
    pub fn new(settings: ShareSettings, log_start_offset: i64) -> Self {
        let states = ShareStates::new(settings.updates_per_snapshot);
        Self { settings, timeline: Timeline::new(states, log_start_offset) }
    }

    /// Takes the records of the next batch, which ends before `end_offset`.
    pub fn replay(&mut self, records: &[PlacedRecord], end_offset: i64, high_watermark: i64) {
        self.timeline.apply(records, end_offset);
        self.timeline.commit(high_watermark);
    }

    /// The coordinator, and its timers.
    pub fn finish(self) -> (ShareCoordinator, ShareOutcome) {
        let coordinator = ShareCoordinator { settings: self.settings, timeline: self.timeline };
        let mut outcome = Outcome::unchanged(ShareEffects::default());
        outcome.timers = coordinator.begin_timers();
        (coordinator, outcome)
    }
}

/// The share partitions of one partition of `__share_group_state`.
#[derive(Debug)]
pub struct ShareCoordinator {
    settings: ShareSettings,
    timeline: Timeline<ShareStates>,
}

impl ShareCoordinator {
    /// Decides on a request. The driver then
    /// 1. appends `records` and calls [`Self::appended`], or, if it cannot, refuses the request,
    /// 2. when everything appended so far is committed, answers with `response.committed`.
    ///
    /// Outcomes for different share partitions may be appended together.
    pub fn handle(
        &self,
        context: ShareStateContext,
        token: Token,
        key: &SharePartitionKey,
        request: &ShareStateRequest,
    ) -> ShareOutcome {
        let decided = match request {
            ShareStateRequest::Initialize(initial) => self.initialize(context, key, *initial),
            ShareStateRequest::Read { leader_epoch } => self.read(context, key, *leader_epoch),
            ShareStateRequest::Write(write) => self.write(context, key, write),
            ShareStateRequest::Delete => self.delete(context, key),
            ShareStateRequest::ReadSummary => self.read_summary(context, key),
        };
        let (records, reply) = match decided {
            Ok((record, reply)) => (Vec::from_iter(record), reply),
            Err(refusal) => (Vec::new(), request.refuse(refusal)),
        };
        let response = ShareEffects { committed: Some((token, reply)), delete_before: None };
        Outcome { records, response, timers: Vec::new() }
    }

    /// A timer has fired. As with [`Self::handle`]. `is_gone` says of a topic that has been there whether it is not any
    /// more; if that is not known, no.
    pub fn timer_fired(
        &self,
        now_ms: i64,
        timer: ShareTimer,
        is_gone: impl Fn(&Uuid) -> bool,
    ) -> ShareOutcome {
        let mut outcome = Outcome::unchanged(ShareEffects::default());
        match timer {
            ShareTimer::Prune => {
                outcome.response.delete_before = self.committed_state().first_needed_offset()
            }
            ShareTimer::SnapshotCold => outcome.records = self.snapshot_cold(now_ms),
            ShareTimer::ForgetDeleted => outcome.records = self.forget_gone(is_gone),
        }
        outcome.timers.push(self.set(timer));
        outcome
    }

    /// Topics have been deleted: the states of their share partitions go. If that cannot be written, they go later.
    pub fn topics_deleted(&self, topics: &BTreeSet<Uuid>) -> ShareOutcome {
        Outcome { records: self.forget(topics), ..Outcome::unchanged(ShareEffects::default()) }
    }

    /// The records of outcomes have been appended, the first at `base_offset`.
    pub fn appended(&mut self, records: &[ShareRecord], base_offset: i64) {
        let placed: Vec<PlacedRecord> = (base_offset..)
            .zip(records)
            .map(|(offset, record)| PlacedRecord { offset, record: record.clone() })
            .collect();
        if let Some(last) = placed.last() {
            self.timeline.apply(&placed, last.offset + 1);
        }
    }

    /// The partition's high watermark has moved.
    pub fn high_watermark_moved(&mut self, high_watermark: i64) {
        self.timeline.commit(high_watermark);
    }

    /// Everything appended so far.
    pub fn state(&self) -> &ShareStates {
        self.timeline.tentative()
    }

    /// What the high watermark has passed.
    pub fn committed_state(&self) -> &ShareStates {
        self.timeline.committed()
    }

    fn get(&self, key: &SharePartitionKey) -> Option<&SharePartitionState> {
        self.state().get(key)
    }
}

/// What is to be written, if anything, and the answer when it is.
type Decided = Result<(Option<ShareRecord>, ShareStateReply), StateRefusal>;

impl ShareStateContext {
    /// Refuses a share partition of no partition.
    fn check_exists(self, key: &SharePartitionKey) -> Result<(), StateRefusal> {
        match self.partition_count {
            Some(count) if key.partition < count => Ok(()),
            _ => Err(ErrorCode::UnknownTopicOrPartition.into()),
        }
    }
}

fn check_partition(key: &SharePartitionKey) -> Result<(), StateRefusal> {
    if key.partition >= 0 {
        return Ok(());
    }
    Err(StateRefusal::invalid("The partition id cannot be a negative number."))
}

/// Refuses what is of an earlier epoch than is known; -1 is of any.
fn check_epoch(known: i32, asked: i32, fenced: ErrorCode) -> Result<(), StateRefusal> {
    if asked != -1 && known > asked { Err(fenced.into()) } else { Ok(()) }
}

/// What callers are told of a failure to write to the coordinator's partition, or to find it.
fn refusal(error: ErrorCode) -> StateRefusal {
    coordinator_error(error).into()
}
