//! From records to a streams group. Records that contradict each other, as compaction and changes of leader may leave
//! them, are taken as far as they make sense.

use super::StreamsGroup;
use super::member::Member;
use super::tasks::{AssignedTasks, TaskSets};
use super::topology::Topology;
use crate::group::member_epoch::LEFT;
use crate::record::StreamsRecord;
use klamm_protocol::StrBytes;
use std::sync::Arc;

impl StreamsGroup {
    /// Carries a record out. The record that deletes the group is the caller's.
    pub(crate) fn replay(&mut self, record: &StreamsRecord) {
        match record {
            StreamsRecord::Metadata(Some(value)) => {
                self.epoch = value.epoch;
                self.metadata_hash = value.metadata_hash;
                self.validated_topology_epoch = value.validated_topology_epoch;
                let configs = value.last_assignment_configs.iter().flatten();
                self.assignment_configs =
                    configs.map(|config| (config.key.detached(), config.value.detached())).collect();
            }
            StreamsRecord::Metadata(None) => {}
            StreamsRecord::Topology(value) => {
                self.topology = value.as_deref().map(|value| Arc::new(Topology::new(value)));
            }
            StreamsRecord::Member(id, Some(value)) => {
                self.change_member(id, |member| member.read_metadata(value));
            }
            StreamsRecord::Member(id, None) => drop(self.members.remove_mut(id)),
            StreamsRecord::TargetMetadata(Some(value)) => {
                self.target_epoch = value.assignment_epoch;
                self.target_timestamp_ms = value.assignment_timestamp;
            }
            StreamsRecord::TargetMetadata(None) => {
                self.target_epoch = -1;
                self.target_timestamp_ms = 0;
            }
            StreamsRecord::TargetMember(id, Some(value)) => {
                self.target.insert_mut(id.detached(), Arc::new(TaskSets::from_target(value)));
            }
            StreamsRecord::TargetMember(id, None) => drop(self.target.remove_mut(id)),
            StreamsRecord::CurrentMember(id, Some(value)) => {
                self.change_member(id, |member| member.read_assignment(value));
            }
            StreamsRecord::CurrentMember(id, None) if self.members.contains_key(id) => {
                self.change_member(id, |member| {
                    member.epoch = LEFT;
                    member.previous_epoch = LEFT;
                    member.assigned = AssignedTasks::default();
                    member.pending_revocation = AssignedTasks::default();
                });
            }
            StreamsRecord::CurrentMember(_, None) => {}
        }
    }

    fn change_member(&mut self, id: &StrBytes, change: impl FnOnce(&mut Member)) {
        let mut member = self.members.get(id).map(|member| Member::clone(member)).unwrap_or_default();
        change(&mut member);
        self.members.insert_mut(id.detached(), Arc::new(member));
    }
}
