//! What can be asked of a share coordinator, and what it answers.

use super::{record::ShareRecord, refusal};
use crate::token::Token;
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use klamm_timeline::Outcome;
use std::borrow::Cow;

/// Values of the broker's `share.coordinator.*` keys. Defaults are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareSettings {
    /// `share.coordinator.snapshot.update.records.per.snapshot`.
    pub updates_per_snapshot: i32,
    /// `share.coordinator.state.topic.prune.interval.ms`.
    pub prune_interval_ms: i64,
    /// `share.coordinator.cold.partition.snapshot.interval.ms`.
    pub cold_interval_ms: i64,
}

impl Default for ShareSettings {
    fn default() -> Self {
        Self { updates_per_snapshot: 500, prune_interval_ms: 5 * 60 * 1000, cold_interval_ms: 5 * 60 * 1000 }
    }
}

/// What the machine cannot find out by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShareStateContext {
    /// Milliseconds since the epoch.
    pub now_ms: i64,
    /// How many partitions the topic has that is asked about; `None` if there is no such topic.
    pub partition_count: Option<i32>,
}

/// A partition as a share group sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharePartitionKey {
    /// The group.
    pub group: StrBytes,
    /// The topic.
    pub topic_id: Uuid,
    /// The partition's index in it.
    pub partition: i32,
}

impl SharePartitionKey {
    /// The key by which its coordinator is found: `group:topic id:partition`.
    pub fn coordinator_key(&self) -> String {
        format!("{}:{}:{}", self.group, self.topic_id, self.partition)
    }
}

/// Deliveries of a range of offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateBatch {
    /// First offset, inclusive.
    pub first_offset: i64,
    /// Last offset, inclusive.
    pub last_offset: i64,
    /// How often its records have been delivered.
    pub delivery_count: i16,
    /// 0 available, 2 acknowledged, 4 archived.
    pub delivery_state: i8,
}

/// What a share partition begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitialState {
    /// The group's epoch; it fences what leaders ask that have not heard of it. -1: not checked.
    pub state_epoch: i32,
    /// First offset to be delivered, -1 if the leader is to find out.
    pub start_offset: i64,
}

/// What a share partition's leader writes: what has changed since it last did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateWrite {
    /// The state epoch that the leader has read; -1: not checked.
    pub state_epoch: i32,
    /// The leader's epoch; -1: not checked.
    pub leader_epoch: i32,
    /// First offset that is not done with; -1 leaves it.
    pub start_offset: i64,
    /// How many offsets from the start offset on are done with; -1 if unknown.
    pub delivery_complete_count: i32,
    /// They replace what was written of the same offsets.
    pub state_batches: Vec<StateBatch>,
}

/// A share partition's state, for its leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareState {
    /// The epoch to name when writing.
    pub state_epoch: i32,
    /// First offset that is not done with; -1: nothing has been delivered, and the leader is to find out.
    pub start_offset: i64,
    /// In the order of their offsets; they do not overlap.
    pub state_batches: Vec<StateBatch>,
}

/// How far a share partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateSummary {
    /// The state's epoch, 0 if there is none.
    pub state_epoch: i32,
    /// The epoch of the leader that wrote last, 0 if there is none.
    pub leader_epoch: i32,
    /// First offset that is not done with; -1 if unknown.
    pub start_offset: i64,
    /// How many offsets from the start offset on are done with; -1 if unknown.
    pub delivery_complete_count: i32,
}

/// A request to the coordinator of a share partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareStateRequest {
    /// InitializeShareGroupState.
    Initialize(InitialState),
    /// ReadShareGroupState, by a leader of this epoch (-1: not checked); it fences those before it.
    Read {
        /// The leader's epoch.
        leader_epoch: i32,
    },
    /// WriteShareGroupState.
    Write(StateWrite),
    /// DeleteShareGroupState.
    Delete,
    /// ReadShareGroupStateSummary.
    ReadSummary,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateRefusal {
    /// What the caller acts on.
    pub code: ErrorCode,
    /// What people read.
    pub message: Cow<'static, str>,
}

impl StateRefusal {
    pub(super) const fn invalid(message: &'static str) -> Self {
        Self { code: ErrorCode::InvalidRequest, message: Cow::Borrowed(message) }
    }
}

impl From<ErrorCode> for StateRefusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: Cow::Borrowed(code.default_message()) }
    }
}

/// The answer to a [`ShareStateRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareStateReply {
    /// To all that changes the state.
    Done(Result<(), StateRefusal>),
    /// To a leader that reads.
    State(Result<ShareState, StateRefusal>),
    /// How far it is.
    Summary(Result<StateSummary, StateRefusal>),
}

impl ShareStateReply {
    /// Why it was not done.
    pub fn refusal(&self) -> Option<&StateRefusal> {
        match self {
            Self::Done(reply) => reply.as_ref().err(),
            Self::State(reply) => reply.as_ref().err(),
            Self::Summary(reply) => reply.as_ref().err(),
        }
    }
}

impl ShareStateRequest {
    /// The answer if this broker does not coordinate the share partition, is still loading it, or cannot write.
    pub fn refuse_with(&self, error: ErrorCode) -> ShareStateReply {
        self.refuse(refusal(error))
    }

    /// The answer if it cannot be done.
    pub fn refuse(&self, refusal: StateRefusal) -> ShareStateReply {
        match self {
            Self::Initialize(_) | Self::Write(_) | Self::Delete => ShareStateReply::Done(Err(refusal)),
            Self::Read { .. } => ShareStateReply::State(Err(refusal)),
            Self::ReadSummary => ShareStateReply::Summary(Err(refusal)),
        }
    }
}

/// A timer of the coordinator. Setting one replaces the one of the same name; each sets itself again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShareTimer {
    /// The next deletion of records that nobody needs.
    Prune,
    /// The next search for states whose last snapshot is old.
    SnapshotCold,
    /// The next search for states of topics that were deleted while no coordinator could take note of it.
    ForgetDeleted,
}

/// The response part of a [`ShareOutcome`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareEffects {
    /// The answer to the request, to be given when everything appended so far is committed. If the append fails, the
    /// request is refused instead.
    pub committed: Option<(Token, ShareStateReply)>,
    /// The log's records before this offset may go.
    pub delete_before: Option<i64>,
}

/// What one operation of the coordinator answers.
pub type ShareOutcome = Outcome<ShareRecord, ShareEffects, ShareTimer>;
