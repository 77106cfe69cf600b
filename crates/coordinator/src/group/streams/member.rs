//! A member of a streams group: one thread of one process of the application.

use super::tasks::{AssignedTasks, read_epoch_tasks, read_tasks, write_epoch_tasks, write_tasks};
use klamm_protocol::StrBytes;
use klamm_protocol::coordinator::group::streams_group_member_metadata::{Endpoint, KeyValue};
use klamm_protocol::coordinator::group::{
    StreamsGroupCurrentMemberAssignmentValue, StreamsGroupMemberMetadataValue,
};
use std::collections::BTreeMap;

/// Where a member is between what it has and what it is to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MemberState {
    /// It has what its epoch's target says.
    #[default]
    Stable,
    /// It has to give up tasks before it gets a new epoch.
    UnrevokedTasks,
    /// It waits for tasks that others have to give up.
    UnreleasedTasks,
    /// Written by a newer broker.
    Unknown,
}

impl MemberState {
    const fn code(self) -> i8 {
        match self {
            Self::Stable => 1,
            Self::UnrevokedTasks => 2,
            Self::UnreleasedTasks => 3,
            Self::Unknown => 127,
        }
    }

    const fn from_code(code: i8) -> Self {
        match code {
            1 => Self::Stable,
            2 => Self::UnrevokedTasks,
            3 => Self::UnreleasedTasks,
            _ => Self::Unknown,
        }
    }
}

/// A member of a streams group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) instance: Option<StrBytes>,
    pub(crate) rack: Option<StrBytes>,
    pub(crate) client_id: StrBytes,
    pub(crate) client_host: StrBytes,
    pub(crate) rebalance_timeout_ms: i32,
    /// Of the topology that it runs.
    pub(crate) topology_epoch: i32,
    /// Members of one process share its state directory.
    pub(crate) process_id: StrBytes,
    /// Where the process answers interactive queries: host and port.
    pub(crate) endpoint: Option<(StrBytes, u16)>,
    pub(crate) client_tags: BTreeMap<StrBytes, StrBytes>,
    pub(crate) epoch: i32,
    pub(crate) previous_epoch: i32,
    pub(crate) state: MemberState,
    pub(crate) assigned: AssignedTasks,
    pub(crate) pending_revocation: AssignedTasks,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            instance: None,
            rack: None,
            client_id: StrBytes::default(),
            client_host: StrBytes::default(),
            rebalance_timeout_ms: -1,
            topology_epoch: -1,
            process_id: StrBytes::default(),
            endpoint: None,
            client_tags: BTreeMap::new(),
            epoch: 0,
            previous_epoch: 0,
            state: MemberState::Stable,
            assigned: AssignedTasks::default(),
            pending_revocation: AssignedTasks::default(),
        }
    }
}

impl Member {
    pub(crate) fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// The epoch in which the member got an active task that it has or is giving up.
    pub(crate) fn assignment_epoch(&self, subtopology: &str, index: i32) -> Option<i32> {
        let find = |tasks: &AssignedTasks| tasks.active.get(subtopology)?.get(&index).copied();
        find(&self.assigned).or_else(|| find(&self.pending_revocation))
    }

    pub(crate) fn read_metadata(&mut self, value: &StreamsGroupMemberMetadataValue) {
        self.instance = value.instance_id.as_ref().map(StrBytes::detached);
        self.rack = value.rack_id.as_ref().map(StrBytes::detached);
        self.client_id = value.client_id.detached();
        self.client_host = value.client_host.detached();
        self.rebalance_timeout_ms = value.rebalance_timeout_ms;
        self.topology_epoch = value.topology_epoch;
        self.process_id = value.process_id.detached();
        self.endpoint = value.user_endpoint.as_ref().map(|at| (at.host.detached(), at.port));
        self.client_tags =
            value.client_tags.iter().map(|tag| (tag.key.detached(), tag.value.detached())).collect();
    }

    pub(crate) fn to_metadata(&self) -> StreamsGroupMemberMetadataValue {
        let endpoint = |(host, port): &(StrBytes, u16)| Endpoint {
            host: host.clone(),
            port: *port,
            ..Endpoint::default()
        };
        let tag = |(key, value): (&StrBytes, &StrBytes)| KeyValue {
            key: key.clone(),
            value: value.clone(),
            ..KeyValue::default()
        };
        StreamsGroupMemberMetadataValue {
            instance_id: self.instance.clone(),
            rack_id: self.rack.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            topology_epoch: self.topology_epoch,
            process_id: self.process_id.clone(),
            user_endpoint: self.endpoint.as_ref().map(endpoint),
            client_tags: self.client_tags.iter().map(tag).collect(),
            ..StreamsGroupMemberMetadataValue::default()
        }
    }

    pub(crate) fn read_assignment(&mut self, value: &StreamsGroupCurrentMemberAssignmentValue) {
        self.epoch = value.member_epoch;
        self.previous_epoch = value.previous_member_epoch;
        self.state = MemberState::from_code(value.state);
        self.assigned = AssignedTasks {
            active: read_epoch_tasks(&value.active_tasks, value.member_epoch),
            standby: read_tasks(&value.standby_tasks),
            warmup: read_tasks(&value.warmup_tasks),
        };
        self.pending_revocation = AssignedTasks {
            active: read_epoch_tasks(&value.active_tasks_pending_revocation, value.member_epoch),
            standby: read_tasks(&value.standby_tasks_pending_revocation),
            warmup: read_tasks(&value.warmup_tasks_pending_revocation),
        };
    }

    pub(crate) fn to_assignment(&self) -> StreamsGroupCurrentMemberAssignmentValue {
        StreamsGroupCurrentMemberAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state.code(),
            active_tasks: write_epoch_tasks(&self.assigned.active),
            standby_tasks: write_tasks(&self.assigned.standby),
            warmup_tasks: write_tasks(&self.assigned.warmup),
            active_tasks_pending_revocation: write_epoch_tasks(&self.pending_revocation.active),
            standby_tasks_pending_revocation: write_tasks(&self.pending_revocation.standby),
            warmup_tasks_pending_revocation: write_tasks(&self.pending_revocation.warmup),
            ..StreamsGroupCurrentMemberAssignmentValue::default()
        }
    }
}
