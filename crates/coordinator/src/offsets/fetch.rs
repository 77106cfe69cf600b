//! OffsetFetch (key 9), v1-10, for one group.
//!
//! * v2 every topic of the group  * v7 require stable (KIP-447)  * v8 several groups (KIP-709)  * v10 topic ids
//!   (KIP-848)

use crate::coordinator::GroupCoordinator;
use crate::effect::Reply;
use crate::group::GroupState;
use crate::state::GroupsState;
use klamm_protocol::api::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchResponseGroup, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics,
};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};

/// Before, errors are put on each partition that was asked for.
const GROUP_ERROR_SINCE: i16 = 2;

impl GroupCoordinator {
    /// The group's offsets; what is not there, the group included, has offset -1 and no error. With `require_stable`
    /// what is written and not committed yet is included, and the answer has to wait until it is.
    pub(crate) fn fetch_offsets(
        &self,
        request: &OffsetFetchRequestGroup,
        require_stable: bool,
    ) -> Result<OffsetFetchResponseGroup, ErrorCode> {
        let state = if require_stable { self.state() } else { self.committed_state() };
        let group = &request.group_id;
        match state.group(group) {
            Some(GroupState::Consumer(group)) => {
                group.check_fetch(request.member_id.as_ref(), request.member_epoch)?;
            }
            Some(GroupState::Streams(group)) => {
                group.check_fetch(request.member_id.as_ref(), request.member_epoch)?;
            }
            Some(GroupState::Classic(_) | GroupState::Share(_)) | None => {}
        }
        let mut topics = Vec::new();
        match &request.topics {
            Some(wanted) => {
                for topic in wanted {
                    let fetch = |index: &i32| {
                        fetch_partition(state, require_stable, group, (&topic.name, topic.topic_id, *index))
                    };
                    topics.push(OffsetFetchResponseTopics {
                        name: topic.name.clone(),
                        topic_id: topic.topic_id,
                        partitions: topic.partition_indexes.iter().map(fetch).collect(),
                        ..Default::default()
                    });
                }
            }
            None => {
                for (topic, partition, _) in state.offsets().of_group(group) {
                    if topics.last().is_none_or(|last: &OffsetFetchResponseTopics| last.name != *topic) {
                        topics.push(OffsetFetchResponseTopics { name: topic.clone(), ..Default::default() });
                    }
                    let fetched =
                        fetch_partition(state, require_stable, group, (topic, Uuid::ZERO, partition));
                    if let Some(last) = topics.last_mut() {
                        last.partitions.push(fetched);
                    }
                }
            }
        }
        Ok(OffsetFetchResponseGroup { group_id: group.clone(), topics, ..Default::default() })
    }
}

fn fetch_partition(
    state: &GroupsState,
    require_stable: bool,
    group: &str,
    (topic, topic_id, partition): (&str, Uuid, i32),
) -> OffsetFetchResponsePartitions {
    if require_stable && state.offsets().is_unstable(group, topic, partition) {
        return no_offset(partition, ErrorCode::UnstableOffsetCommit);
    }
    // An offset of an earlier topic of the same name is none of this one.
    let is_of_topic = |id: Uuid| id == topic_id || id == Uuid::ZERO || topic_id == Uuid::ZERO;
    let offset = state.offsets().get(group, topic, partition).filter(|offset| is_of_topic(offset.topic_id));
    offset.map_or_else(
        || no_offset(partition, ErrorCode::None),
        |offset| OffsetFetchResponsePartitions {
            partition_index: partition,
            committed_offset: offset.offset,
            committed_leader_epoch: offset.leader_epoch,
            metadata: Some(offset.metadata.clone()),
            ..Default::default()
        },
    )
}

fn no_offset(partition: i32, error: ErrorCode) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index: partition,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(StrBytes::default()),
        error_code: error.code(),
        ..Default::default()
    }
}

/// An OffsetFetch that fails as a whole.
pub(crate) fn refuse_fetch(group: &OffsetFetchRequestGroup, error: ErrorCode, api_version: i16) -> Reply {
    let mut response = OffsetFetchResponseGroup { group_id: group.group_id.clone(), ..Default::default() };
    if api_version >= GROUP_ERROR_SINCE {
        response.error_code = error.code();
    } else {
        for topic in group.topics.iter().flatten() {
            response.topics.push(OffsetFetchResponseTopics {
                name: topic.name.clone(),
                partitions: topic.partition_indexes.iter().map(|index| no_offset(*index, error)).collect(),
                ..Default::default()
            });
        }
    }
    Reply::OffsetFetch(response)
}
