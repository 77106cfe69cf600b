//! What the coordinator's operations ask of their driver, besides appending records.

use crate::group::share::request::ShareGroupReply;
use crate::record::GroupRecord;
use crate::token::Token;
use klamm_protocol::api::consumer_group_describe::DescribedGroup as DescribedConsumerGroup;
use klamm_protocol::api::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use klamm_protocol::api::create_topics::CreatableTopic;
use klamm_protocol::api::delete_groups::DeletableGroupResult;
use klamm_protocol::api::describe_groups::DescribedGroup;
use klamm_protocol::api::heartbeat::HeartbeatResponse;
use klamm_protocol::api::join_group::JoinGroupResponse;
use klamm_protocol::api::leave_group::LeaveGroupResponse;
use klamm_protocol::api::list_groups::ListedGroup;
use klamm_protocol::api::offset_commit::OffsetCommitResponse;
use klamm_protocol::api::offset_delete::OffsetDeleteResponse;
use klamm_protocol::api::offset_fetch::OffsetFetchResponseGroup;
use klamm_protocol::api::streams_group_describe::DescribedGroup as DescribedStreamsGroup;
use klamm_protocol::api::streams_group_heartbeat::StreamsGroupHeartbeatResponse;
use klamm_protocol::api::sync_group::SyncGroupResponse;
use klamm_protocol::api::txn_offset_commit::TxnOffsetCommitResponse;
use klamm_protocol::{ErrorCode, StrBytes};
use klamm_timeline::TimerChange;
use std::collections::BTreeMap;
use std::time::Duration;

/// The answer to a [`Request`](crate::Request), before the handler adapts it to the request's version.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To JoinGroup.
    JoinGroup(JoinGroupResponse),
    /// To SyncGroup.
    SyncGroup(SyncGroupResponse),
    /// To Heartbeat.
    Heartbeat(HeartbeatResponse),
    /// To LeaveGroup.
    LeaveGroup(LeaveGroupResponse),
    /// To ConsumerGroupHeartbeat.
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse),
    /// To ConsumerGroupDescribe, for the groups asked of this coordinator.
    ConsumerGroupDescribe(Vec<DescribedConsumerGroup>),
    /// To StreamsGroupHeartbeat.
    StreamsGroupHeartbeat(Box<StreamsHeartbeat>),
    /// To StreamsGroupDescribe, for the groups asked of this coordinator.
    StreamsGroupDescribe(Vec<DescribedStreamsGroup>),
    /// To DescribeGroups, for the groups asked of this coordinator.
    DescribeGroups(Vec<DescribedGroup>),
    /// To ListGroups, if this coordinator cannot list its groups.
    ListGroupsRefused(ErrorCode),
    /// To ListGroups, the groups of this coordinator.
    ListGroups(Vec<ListedGroup>),
    /// To DeleteGroups, for the groups asked of this coordinator.
    DeleteGroups(Vec<DeletableGroupResult>),
    /// To OffsetCommit.
    OffsetCommit(OffsetCommitResponse),
    /// To TxnOffsetCommit.
    TxnOffsetCommit(TxnOffsetCommitResponse),
    /// To OffsetFetch, for one group.
    OffsetFetch(OffsetFetchResponseGroup),
    /// To OffsetDelete.
    OffsetDelete(OffsetDeleteResponse),
    /// To what only share groups know.
    Share(ShareGroupReply),
    /// To the end of a transaction.
    EndTransaction(ErrorCode),
}

/// The answer to a StreamsGroupHeartbeat, and what is to be done before it is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamsHeartbeat {
    /// The answer.
    pub response: StreamsGroupHeartbeatResponse,
    /// Internal topics of the application that are missing, to be created as the member's principal.
    pub internal_topics: Vec<CreatableTopic>,
    /// How often members are to be heard.
    pub heartbeat_interval_ms: i32,
}

/// One request answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The request.
    pub token: Token,
    /// Its answer.
    pub reply: Reply,
}

/// A timer of the coordinator. Setting one replaces the one of the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// A classic member's session, or the time a new member's JoinGroup may stay parked.
    ClassicHeartbeat {
        /// The group.
        group: StrBytes,
        /// The member, pending or not.
        member: StrBytes,
    },
    /// The end of the join phase of a classic group's rebalance.
    ClassicJoin {
        /// The group.
        group: StrBytes,
    },
    /// The end of the time that a classic group's members have for their SyncGroup.
    ClassicSync {
        /// The group.
        group: StrBytes,
    },
    /// A consumer group member's session.
    ConsumerSession {
        /// The group.
        group: StrBytes,
        /// The member.
        member: StrBytes,
    },
    /// The time that a consumer group member has to give up partitions.
    ConsumerRebalance {
        /// The group.
        group: StrBytes,
        /// The member.
        member: StrBytes,
    },
    /// The time that a classic member of a consumer group has to rejoin.
    ConsumerJoin {
        /// The group.
        group: StrBytes,
        /// The member.
        member: StrBytes,
    },
    /// The time that a classic member of a consumer group has for its SyncGroup.
    ConsumerSync {
        /// The group.
        group: StrBytes,
        /// The member.
        member: StrBytes,
    },
    /// A consumer group's regular expressions are to be compared with the topics there are.
    ConsumerRegexes {
        /// The group.
        group: StrBytes,
    },
    /// A share group member's session.
    ShareSession {
        /// The group.
        group: StrBytes,
        /// The member.
        member: StrBytes,
    },
    /// A streams group member's session.
    StreamsSession {
        /// The group.
        group: StrBytes,
        /// The member.
        member: StrBytes,
    },
    /// The time that a streams group member has for giving up tasks.
    StreamsRebalance {
        /// The group.
        group: StrBytes,
        /// The member.
        member: StrBytes,
    },
    /// The time that a new streams group waits for more members.
    StreamsInitialRebalance {
        /// The group.
        group: StrBytes,
    },
    /// The next search for expired offsets and groups; it sets itself again.
    Expiration,
}

impl TimerKey {
    /// Whether the timer stands for something written, so that its cancellation, and what it did when it fired, count
    /// only if the outcome's records have been appended. What classic groups do in memory stays done.
    pub const fn must_not_be_lost(&self) -> bool {
        match self {
            Self::ConsumerSession { .. }
            | Self::ConsumerRebalance { .. }
            | Self::ConsumerJoin { .. }
            | Self::ConsumerSync { .. }
            | Self::ConsumerRegexes { .. }
            | Self::ShareSession { .. }
            | Self::StreamsSession { .. }
            | Self::StreamsRebalance { .. } => true,
            Self::ClassicHeartbeat { .. }
            | Self::ClassicJoin { .. }
            | Self::ClassicSync { .. }
            | Self::StreamsInitialRebalance { .. }
            | Self::Expiration => false,
        }
    }
}

/// What remains to be done when an outcome's records are committed, or could not be appended. To be handed back to
/// [`GroupCoordinator::committed`](crate::GroupCoordinator::committed) or
/// [`GroupCoordinator::append_failed`](crate::GroupCoordinator::append_failed).
#[derive(Clone, Debug, PartialEq)]
pub enum Continuation {
    /// A group that only exists in memory has been written for the first time.
    NewGroup {
        /// The group.
        group: StrBytes,
    },
    /// The leader's assignment has been written; it takes effect if the group is still in that generation.
    Assignment {
        /// The group.
        group: StrBytes,
        /// The generation the assignment belongs to.
        generation: i32,
        /// Member id to assignment, for every member.
        assignments: BTreeMap<StrBytes, bytes::Bytes>,
    },
    /// A static member has been given a new member id without a rebalance (KIP-345).
    StaticMember(Box<StaticMemberSwap>),
    /// A consumer group has become a classic one, which is in memory already.
    Downgraded {
        /// The group.
        group: StrBytes,
    },
    /// A member that speaks the classic protocol has joined a consumer group: its session and its time for SyncGroup
    /// begin with the answer.
    ClassicMemberJoined {
        /// The group.
        group: StrBytes,
        /// The member.
        member: StrBytes,
        /// How long it may be silent.
        session_timeout_ms: i32,
        /// How long it may take to send SyncGroup.
        rebalance_timeout_ms: i32,
    },
}

impl Continuation {
    /// Whether what it stands for is to be undone if its records are in the log, but not committed in time. A group
    /// that has been written stays as it is written.
    pub const fn is_undone_by_timeout(&self) -> bool {
        match self {
            Self::NewGroup { .. } | Self::Downgraded { .. } => false,
            Self::Assignment { .. } | Self::StaticMember(_) | Self::ClassicMemberJoined { .. } => true,
        }
    }
}

/// See [`Continuation::StaticMember`]; holds what is needed to undo it.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticMemberSwap {
    /// The group.
    pub group: StrBytes,
    /// The member's `group.instance.id`.
    pub instance: StrBytes,
    /// The id before.
    pub old_member: StrBytes,
    /// The id now.
    pub new_member: StrBytes,
    /// The leader before, as older versions of JoinGroup are told.
    pub old_leader: Option<StrBytes>,
    /// The member's protocols before.
    pub old_protocols: Vec<(StrBytes, bytes::Bytes)>,
    /// The member's rebalance timeout before.
    pub old_rebalance_timeout_ms: i32,
    /// The member's session timeout before.
    pub old_session_timeout_ms: i32,
    /// JoinGroup v9 and later are told to skip the assignment (KIP-814).
    pub may_skip_assignment: bool,
}

/// The response part of an [`Outcome`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Requests, parked ones among them, that are answered now: they do not depend on the outcome's records.
    pub now: Vec<Completion>,
    /// The answer to the request itself, to be given when everything appended so far, the outcome's records
    /// included, is committed. If the append fails, the request is refused instead.
    pub committed: Option<Completion>,
    /// Set if there is more to do when the records are committed or lost.
    pub continuation: Option<Continuation>,
}

/// What one operation of the coordinator answers.
pub type Outcome = klamm_timeline::Outcome<GroupRecord, Effects, TimerKey>;

/// The pen with which operations write their [`Outcome`].
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) now_ms: i64,
    outcome: Outcome,
}

impl Step {
    pub(crate) fn new(now_ms: i64) -> Self {
        Self { now_ms, outcome: Outcome::unchanged(Effects::default()) }
    }

    pub(crate) fn record(&mut self, record: GroupRecord) {
        self.outcome.records.push(record);
    }

    pub(crate) fn has_records(&self) -> bool {
        !self.outcome.records.is_empty()
    }

    pub(crate) fn complete(&mut self, token: Token, reply: Reply) {
        self.outcome.response.now.push(Completion { token, reply });
    }

    pub(crate) fn complete_when_committed(&mut self, token: Token, reply: Reply) {
        self.outcome.response.committed = Some(Completion { token, reply });
    }

    pub(crate) fn then(&mut self, continuation: Continuation) {
        self.outcome.response.continuation = Some(continuation);
    }

    pub(crate) fn has_continuation(&self) -> bool {
        self.outcome.response.continuation.is_some()
    }

    /// Negative delays, which requests may ask for, fire at once.
    pub(crate) fn set_timer(&mut self, key: TimerKey, delay_ms: i64) {
        let after = Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0));
        self.outcome.timers.push(TimerChange::Set { key, after });
    }

    /// Unless it is set already.
    pub(crate) fn set_timer_if_absent(&mut self, key: TimerKey, delay_ms: i64) {
        let after = Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0));
        self.outcome.timers.push(TimerChange::SetIfAbsent { key, after });
    }

    pub(crate) fn cancel_timer(&mut self, key: TimerKey) {
        self.outcome.timers.push(TimerChange::Cancel { key });
    }

    /// Takes back what has been written so far: the request is refused after all.
    pub(crate) fn discard(&mut self) {
        self.outcome.records.clear();
        self.outcome.timers.clear();
    }

    pub(crate) fn finish(self) -> Outcome {
        self.outcome
    }
}
