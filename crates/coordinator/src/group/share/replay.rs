//! From records to a share group. Records that contradict each other, as compaction and changes of leader may leave
//! them, are taken as far as they make sense.

use super::ShareGroup;
use super::member::Member;
use super::state_partitions::StatePartitions;
use crate::group::assignor::Assignment;
use crate::group::member_epoch::LEFT;
use crate::record::ShareRecord;
use klamm_protocol::StrBytes;
use klamm_protocol::coordinator::group::ShareGroupTargetAssignmentMemberValue;
use std::sync::Arc;

impl ShareGroup {
    /// Carries a record out. The record that deletes the group is the caller's.
    pub(crate) fn replay(&mut self, record: &ShareRecord) {
        match record {
            ShareRecord::Metadata(Some(value)) => {
                self.epoch = value.epoch;
                self.metadata_hash = value.metadata_hash;
            }
            ShareRecord::Metadata(None) => {}
            ShareRecord::Member(id, Some(value)) => {
                self.change_member(id, |member| member.read_metadata(value));
            }
            ShareRecord::Member(id, None) => drop(self.members.remove_mut(id)),
            ShareRecord::TargetMetadata(Some(value)) => {
                self.target_epoch = value.assignment_epoch;
                self.target_timestamp_ms = value.assignment_timestamp;
            }
            ShareRecord::TargetMetadata(None) => {
                self.target_epoch = -1;
                self.target_timestamp_ms = 0;
            }
            ShareRecord::TargetMember(id, Some(value)) => {
                self.target.insert_mut(id.detached(), Arc::new(read_target(value)));
            }
            ShareRecord::TargetMember(id, None) => drop(self.target.remove_mut(id)),
            ShareRecord::CurrentMember(id, Some(value)) => {
                self.change_member(id, |member| member.read_assignment(value));
            }
            ShareRecord::CurrentMember(id, None) if self.members.contains_key(id) => {
                self.change_member(id, |member| {
                    member.epoch = LEFT;
                    member.previous_epoch = LEFT;
                    member.assigned = Assignment::new();
                });
            }
            ShareRecord::CurrentMember(_, None) => {}
            ShareRecord::StatePartitions(value) => {
                self.state_partitions = value.as_deref().map(|value| Arc::new(StatePartitions::read(value)));
            }
        }
    }

    fn change_member(&mut self, id: &StrBytes, change: impl FnOnce(&mut Member)) {
        let mut member = self.members.get(id).map(|member| Member::clone(member)).unwrap_or_default();
        change(&mut member);
        self.members.insert_mut(id.detached(), Arc::new(member));
    }
}

fn read_target(value: &ShareGroupTargetAssignmentMemberValue) -> Assignment {
    let topics = value.topic_partitions.iter().filter(|topic| !topic.partitions.is_empty());
    topics.map(|topic| (topic.topic_id, topic.partitions.iter().copied().collect())).collect()
}
