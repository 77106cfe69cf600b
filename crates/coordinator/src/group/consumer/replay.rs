//! From records to a consumer group. Records that contradict each other, as compaction and changes of leader may leave
//! them, are taken as far as they make sense.

use super::member::{Member, Partitions};
use super::{ConsumerGroup, MemberState, ResolvedRegex};
use crate::group::assignor::Assignment;
use crate::group::member_epoch::LEFT;
use crate::record::ConsumerRecord;
use klamm_protocol::StrBytes;
use klamm_protocol::coordinator::group::ConsumerGroupTargetAssignmentMemberValue;
use std::sync::Arc;

impl ConsumerGroup {
    /// Carries a record out. The record that deletes the group is the caller's.
    pub(crate) fn replay(&mut self, record: &ConsumerRecord) {
        match record {
            ConsumerRecord::Metadata(Some(value)) => {
                self.epoch = value.epoch;
                self.metadata_hash = value.metadata_hash;
            }
            ConsumerRecord::Metadata(None) => {}
            ConsumerRecord::PartitionMetadata(is_there) => self.has_partition_metadata = *is_there,
            ConsumerRecord::Member(id, Some(value)) => {
                self.change_member(id, |member| member.read_metadata(value))
            }
            ConsumerRecord::Member(id, None) => self.remove_member(id),
            ConsumerRecord::TargetMetadata(Some(value)) => {
                self.target_epoch = value.assignment_epoch;
                self.target_timestamp_ms = value.assignment_timestamp;
            }
            ConsumerRecord::TargetMetadata(None) => {
                self.target_epoch = -1;
                self.target_timestamp_ms = 0;
            }
            ConsumerRecord::TargetMember(id, Some(value)) => {
                self.target.insert_mut(id.detached(), Arc::new(read_target(value)));
            }
            ConsumerRecord::TargetMember(id, None) => drop(self.target.remove_mut(id)),
            ConsumerRecord::CurrentMember(id, Some(value)) => {
                self.change_member(id, |member| member.read_assignment(value));
            }
            ConsumerRecord::CurrentMember(id, None) if self.members.contains_key(id) => {
                self.change_member(id, |member| {
                    member.epoch = LEFT;
                    member.previous_epoch = LEFT;
                    member.assigned = Partitions::new();
                    member.pending_revocation = Partitions::new();
                    member.state = MemberState::Stable;
                });
            }
            ConsumerRecord::CurrentMember(_, None) => {}
            ConsumerRecord::Regex(regex, Some(value)) => {
                let resolved = ResolvedRegex {
                    topics: value.topics.iter().map(StrBytes::detached).collect(),
                    version: value.version,
                    timestamp_ms: value.timestamp,
                };
                self.regexes.insert_mut(regex.detached(), Arc::new(resolved));
            }
            ConsumerRecord::Regex(regex, None) => drop(self.regexes.remove_mut(regex)),
        }
    }

    fn change_member(&mut self, id: &StrBytes, change: impl FnOnce(&mut Member)) {
        let before = self.members.get(id).cloned();
        let mut member = before.as_deref().cloned().unwrap_or_default();
        self.forget_owner(&member);
        change(&mut member);
        for partition in member.all_partitions() {
            self.owned.insert_mut(partition, member.epoch);
        }
        if let Some(instance) = &member.instance {
            self.static_members.insert_mut(instance.clone(), id.detached());
        }
        self.members.insert_mut(id.detached(), Arc::new(member));
    }

    fn remove_member(&mut self, id: &StrBytes) {
        let Some(member) = self.members.get(id).cloned() else { return };
        self.forget_owner(&member);
        self.members.remove_mut(id);
        if let Some(instance) = &member.instance
            && self.static_members.get(instance) == Some(id)
        {
            self.static_members.remove_mut(instance);
        }
    }

    /// A partition may have been given to somebody else by a record in between; only what is this member's is freed.
    fn forget_owner(&mut self, member: &Member) {
        for partition in member.all_partitions() {
            if self.owned.get(&partition) == Some(&member.epoch) {
                self.owned.remove_mut(&partition);
            }
        }
    }
}

fn read_target(value: &ConsumerGroupTargetAssignmentMemberValue) -> Assignment {
    let topics = value.topic_partitions.iter().filter(|topic| !topic.partitions.is_empty());
    topics.map(|topic| (topic.topic_id, topic.partitions.iter().copied().collect())).collect()
}
