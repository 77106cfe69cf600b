//! For which partitions a share group has state with the share coordinator, as the group coordinator knows it: only
//! these are assigned.

use klamm_protocol::coordinator::group::ShareGroupStatePartitionMetadataValue;
use klamm_protocol::coordinator::group::share_group_state_partition_metadata::{
    TopicInfo, TopicPartitionsInfo,
};
use klamm_protocol::{StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// A topic's name as it was when it was noted, and some of its partitions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NamedPartitions {
    pub(super) name: StrBytes,
    pub(super) partitions: BTreeSet<i32>,
}

/// Topics by id.
pub(super) type Topics = BTreeMap<Uuid, NamedPartitions>;

/// What is written of a share group's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StatePartitions {
    /// The share coordinator has been asked, or is to be, and has not answered.
    pub(super) initializing: Topics,
    /// There is state.
    pub(super) initialized: Topics,
    /// The share coordinator has been asked to delete the state of these.
    pub(super) deleting: BTreeSet<Uuid>,
}

impl StatePartitions {
    pub(super) fn read(value: &ShareGroupStatePartitionMetadataValue) -> Self {
        Self {
            initializing: read_topics(&value.initializing_topics),
            initialized: read_topics(&value.initialized_topics),
            deleting: value.deleting_topics.iter().map(|topic| topic.topic_id).collect(),
        }
    }

    /// The record's value; topics that are being deleted are named as `name_of` says.
    pub(super) fn to_value(
        &self,
        name_of: impl Fn(Uuid) -> StrBytes,
    ) -> ShareGroupStatePartitionMetadataValue {
        let deleting = self.deleting.iter().map(|id| TopicInfo {
            topic_id: *id,
            topic_name: name_of(*id),
            ..Default::default()
        });
        ShareGroupStatePartitionMetadataValue {
            initializing_topics: write_topics(&self.initializing),
            initialized_topics: write_topics(&self.initialized),
            deleting_topics: deleting.collect(),
            ..Default::default()
        }
    }
}

fn read_topics(topics: &[TopicPartitionsInfo]) -> Topics {
    let read = |topic: &TopicPartitionsInfo| {
        let partitions = topic.partitions.iter().copied().collect();
        (topic.topic_id, NamedPartitions { name: topic.topic_name.detached(), partitions })
    };
    topics.iter().map(read).collect()
}

fn write_topics(topics: &Topics) -> Vec<TopicPartitionsInfo> {
    let write = |(id, topic): (&Uuid, &NamedPartitions)| TopicPartitionsInfo {
        topic_id: *id,
        topic_name: topic.name.clone(),
        partitions: topic.partitions.iter().copied().collect(),
        ..Default::default()
    };
    topics.iter().map(write).collect()
}
