//! A streams group (KIP-1071), as its records say, and what is known of it beside them.
//!
//! The coordinator is told the application's topology, decides how many partitions its internal topics need, computes
//! which member works on which task, and leads each member from what it has to what it is to have. A task is given to a
//! process only when no member has it in a role that excludes this one.

mod assignor;
mod check;
mod configured;
mod decide;
mod describe;
mod heartbeat;
mod leave;
mod member;
mod memory;
mod offsets;
mod reconcile;
mod replay;
mod respond;
mod tasks;
mod topology;

pub(crate) use memory::Memory;
pub(crate) use respond::reply;

use member::{Member, MemberState};
use tasks::TaskSets;
use topology::Topology;

use crate::effect::{Step, TimerKey};
use crate::record::StreamsRecord;
use crate::settings::StreamsTiming;
use klamm_protocol::StrBytes;
use rpds::RedBlackTreeMapSync;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What ListGroups shows as the protocol type.
pub(crate) const PROTOCOL_TYPE: &str = "streams";

/// The state of a streams group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No members.
    Empty,
    /// Topics that the topology needs are missing or do not fit.
    NotReady,
    /// The target assignment is older than the group's epoch.
    Assigning,
    /// Members are on their way to the target assignment.
    Reconciling,
    /// All have what they are to have.
    Stable,
}

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::NotReady => "NotReady",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

/// A streams group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamsGroup {
    /// Raised whenever members, topics or configs change.
    epoch: i32,
    /// Tells whether required topics have changed.
    metadata_hash: i64,
    /// The epoch of the topology for which all topics were found as they should be; -1: of none.
    validated_topology_epoch: i32,
    /// The group's configs that the target assignment goes by.
    assignment_configs: BTreeMap<StrBytes, StrBytes>,
    topology: Option<Arc<Topology>>,
    members: RedBlackTreeMapSync<StrBytes, Arc<Member>>,
    /// The epoch that the target assignment was computed for.
    target_epoch: i32,
    /// When; 0 if not known.
    target_timestamp_ms: i64,
    target: RedBlackTreeMapSync<StrBytes, Arc<TaskSets>>,
}

impl Default for StreamsGroup {
    /// A group that is about to be. Its first members get epoch 2, as in Kafka.
    fn default() -> Self {
        Self {
            epoch: 1,
            metadata_hash: 0,
            validated_topology_epoch: 0,
            assignment_configs: BTreeMap::new(),
            topology: None,
            members: RedBlackTreeMapSync::default(),
            target_epoch: 1,
            target_timestamp_ms: 0,
            target: RedBlackTreeMapSync::default(),
        }
    }
}

impl StreamsGroup {
    pub(crate) fn state(&self) -> State {
        let is_validated =
            self.topology.as_ref().is_some_and(|topology| topology.epoch == self.validated_topology_epoch);
        if self.members.is_empty() {
            State::Empty
        } else if !is_validated {
            State::NotReady
        } else if self.epoch > self.target_epoch {
            State::Assigning
        } else if self.members.values().all(|member| member.is_reconciled_to(self.target_epoch)) {
            State::Stable
        } else {
            State::Reconciling
        }
    }

    /// Starts the members' sessions after a change of leader.
    pub(crate) fn loaded(&self, id: &StrBytes, timing: StreamsTiming, step: &mut Step) {
        for (member_id, member) in self.members.iter() {
            step.set_timer(session_key(id, member_id), timing.session_timeout_ms.into());
            if member.state == MemberState::UnrevokedTasks {
                step.set_timer(rebalance_key(id, member_id), member.rebalance_timeout_ms.into());
            }
        }
    }

    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        let reads = |topology: &Arc<Topology>| topology.reader_of(topic).is_some();
        !self.members.is_empty() && self.topology.as_ref().is_some_and(reads)
    }

    /// The records that delete the group.
    pub(crate) fn tombstones(&self) -> Vec<StreamsRecord> {
        let ids = || self.members.keys().cloned();
        let mut records: Vec<_> = ids().map(|id| StreamsRecord::CurrentMember(id, None)).collect();
        records.extend(ids().map(|id| StreamsRecord::TargetMember(id, None)));
        records.push(StreamsRecord::TargetMetadata(None));
        records.extend(ids().map(|id| StreamsRecord::Member(id, None)));
        records.push(StreamsRecord::Metadata(None));
        records.push(StreamsRecord::Topology(None));
        records
    }
}

fn session_key(group: &StrBytes, member: &StrBytes) -> TimerKey {
    TimerKey::StreamsSession { group: group.clone(), member: member.clone() }
}

fn rebalance_key(group: &StrBytes, member: &StrBytes) -> TimerKey {
    TimerKey::StreamsRebalance { group: group.clone(), member: member.clone() }
}
