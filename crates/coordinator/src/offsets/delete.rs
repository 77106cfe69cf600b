//! OffsetDelete (key 47), v0 (KIP-496): removes offsets of topics that nobody in the group is subscribed to.

use crate::coordinator::GroupCoordinator;
use crate::effect::Step;
use crate::group::GroupRef;
use crate::record::GroupRecord;
use klamm_protocol::api::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};

impl GroupCoordinator {
    pub(crate) fn delete_offsets(
        &self,
        request: &OffsetDeleteRequest,
        step: &mut Step,
    ) -> Result<OffsetDeleteResponse, ErrorCode> {
        let group = self.group(&request.group_id).ok_or(ErrorCode::GroupIdNotFound)?;
        match &group {
            GroupRef::Classic(group) => group.check_offset_delete()?,
            GroupRef::Consumer(_) | GroupRef::Streams(_) => {}
            GroupRef::Share(_) => return Err(ErrorCode::GroupIdNotFound),
        }
        let offsets = self.state().offsets();
        let mut response = OffsetDeleteResponse::default();
        for topic in &request.topics {
            let is_in_use = group.is_subscribed_to(&topic.name);
            let error = if is_in_use { ErrorCode::GroupSubscribedToTopic } else { ErrorCode::None };
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let index = partition.partition_index;
                partitions
                    .push(OffsetDeleteResponsePartition { partition_index: index, error_code: error.code() });
                let exists = offsets.get(&request.group_id, &topic.name, index).is_some()
                    || offsets.is_unstable(&request.group_id, &topic.name, index);
                if exists && !is_in_use {
                    step.record(GroupRecord::offset_tombstone(
                        request.group_id.clone(),
                        topic.name.clone(),
                        index,
                    ));
                }
            }
            response.topics.push(OffsetDeleteResponseTopic { name: topic.name.clone(), partitions });
        }
        Ok(response)
    }

    /// Removes the offsets of a topic that has been deleted.
    pub(crate) fn delete_offsets_of_topic(&self, topic: &StrBytes, id: Uuid, step: &mut Step) {
        for (group, partition) in self.state().offsets().partitions_of_topic(topic, id) {
            step.record(GroupRecord::offset_tombstone(group, topic.clone(), partition));
        }
    }
}
