//! AlterShareGroupOffsets (key 91), v0 (KIP-932): where an empty share group goes on. Its state is made anew.

use super::ShareGroup;
use super::decide::Draft;
use super::initialize::may_be_deleted;
use super::request::Initialize;
use super::state_partitions::{NamedPartitions, Topics};
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::Step;
use crate::group::GroupRef;
use klamm_protocol::api::alter_share_group_offsets::{
    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsRequestTopic, AlterShareGroupOffsetsResponse,
    AlterShareGroupOffsetsResponsePartition, AlterShareGroupOffsetsResponseTopic,
};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use std::collections::BTreeMap;

type Offsets = BTreeMap<(Uuid, i32), i64>;

impl GroupCoordinator {
    /// What the answer will be if the state is made. A group that does not exist comes into being.
    pub(crate) fn alter_share_offsets(
        &self,
        cluster: &dyn Cluster,
        request: &AlterShareGroupOffsetsRequest,
        step: &mut Step,
    ) -> Result<(AlterShareGroupOffsetsResponse, Initialize), (ErrorCode, String)> {
        let id = &request.group_id;
        let invalid = |code: ErrorCode| (code, code.default_message().to_owned());
        if id.is_empty() {
            return Err(invalid(ErrorCode::InvalidGroupId));
        }
        let group = match self.group(id) {
            None => ShareGroup::default(),
            Some(GroupRef::Share(group)) if group.members.is_empty() => group.clone(),
            Some(GroupRef::Share(_)) => return Err(invalid(ErrorCode::NonEmptyGroup)),
            Some(_) => {
                return Err((ErrorCode::GroupIdNotFound, format!("Group {id} is not a share group.")));
            }
        };
        let is_deleting = group.state_partitions.as_ref().is_some_and(|state| {
            let ids = request.topics.iter().filter_map(|topic| cluster.id(&topic.topic_name));
            ids.into_iter().any(|id| state.deleting.contains(&id))
        });
        if is_deleting && may_be_deleted(step.now_ms, self.share_state_noted(id)) {
            // Administrators' clients try again.
            let message = "Offsets of these topics are being deleted.".to_owned();
            return Err((ErrorCode::CoordinatorLoadInProgress, message));
        }
        let mut draft = Draft::new(id.clone(), group, self.settings(), cluster, step);
        let mut offsets = Offsets::new();
        let mut response = AlterShareGroupOffsetsResponse::default();
        let mut names = BTreeMap::new();
        for topic in &request.topics {
            let topic_id = cluster.id(&topic.topic_name);
            if let Some(topic_id) = topic_id {
                names.insert(topic_id, topic.topic_name.detached());
            }
            response.responses.push(answer(topic, topic_id, cluster, &mut offsets));
        }
        let mut asked = Topics::new();
        for (topic, name) in names {
            asked.insert(topic, NamedPartitions { name, ..Default::default() });
        }
        for (topic, partition) in offsets.keys() {
            asked.entry(*topic).or_default().partitions.insert(*partition);
        }
        let start_offset = |topic, partition| offsets.get(&(topic, partition)).copied().unwrap_or(-1);
        Ok((response, draft.initialize(asked, start_offset)))
    }
}

fn answer(
    topic: &AlterShareGroupOffsetsRequestTopic,
    topic_id: Option<Uuid>,
    cluster: &dyn Cluster,
    offsets: &mut Offsets,
) -> AlterShareGroupOffsetsResponseTopic {
    let count = topic_id.and_then(|id| cluster.partition_count(id)).unwrap_or(0);
    let mut partitions = Vec::with_capacity(topic.partitions.len());
    for partition in &topic.partitions {
        let index = partition.partition_index;
        let mut answer =
            AlterShareGroupOffsetsResponsePartition { partition_index: index, ..Default::default() };
        match topic_id {
            Some(id) if (0..count).contains(&index) => {
                offsets.insert((id, index), partition.start_offset);
            }
            _ => {
                let error = ErrorCode::UnknownTopicOrPartition;
                answer.error_code = error.code();
                answer.error_message = Some(StrBytes::from(error.default_message()));
            }
        }
        partitions.push(answer);
    }
    AlterShareGroupOffsetsResponseTopic {
        topic_name: topic.topic_name.clone(),
        topic_id: topic_id.unwrap_or(Uuid::ZERO),
        partitions,
        ..Default::default()
    }
}
