//! What the handlers of share groups do between two steps of the group coordinator: having the state of share partitions
//! made, deleted and read, and looking up how far partitions are.

use std::collections::{BTreeMap, BTreeSet};

use klamm_coordinator::{
    Initialize, Reply, Request, ShareGroupReply, ShareGroupRequest, TopicPartitions,
    share::{SharePartitionKey, StateSummary},
};
use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
};
use tracing::warn;

use super::GroupsContext;
use crate::{
    coordinator::{driver::Asked, partition_of},
    error::ApiError,
    handlers::records::{ByShard, ask},
    shard::{
        ShardRequest,
        requests::{Isolation, OffsetQuery, TopicPartition},
    },
    topic_names,
};

/// ListOffsets: where the next record goes.
const LATEST: i64 = -1;
/// The replica id of a consumer.
const CONSUMER: i32 = -1;

/// Partitions, or why there is no answer.
pub(super) type Offsets = BTreeMap<TopicPartition, Result<i64, ErrorCode>>;

impl GroupsContext {
    /// Whether share groups are on, by the feature `share.version`.
    pub(super) fn serves_share_groups(&self) -> bool {
        self.node.metadata.load().image.features.level_by_name("share.version").unwrap_or(0) >= 1
    }

    /// Asks the coordinator of a group on the broker's own account.
    pub(super) async fn ask_share_group(&self, group: &str, request: ShareGroupRequest) -> ShareGroupReply {
        let partition = partition_of(&self.node, group);
        let shard = self.shards.of(topic_names::GROUP_METADATA, partition);
        let request = Request::Share(request);
        let refusal = request.refuse(ErrorCode::NotCoordinator, 0);
        let asked = |reply| Asked {
            api_version: 0,
            client_id: StrBytes::default(),
            client_host: StrBytes::default(),
            request,
            guard: None,
            reply,
        };
        let answer = self
            .shards
            .ask(shard, |reply| ShardRequest::Coordinate { partition, asked: Box::new(asked(reply)) })
            .await;
        share_reply(answer.unwrap_or(refusal))
    }

    /// Has state made, and the group's coordinator note which partitions have it, and which do not if that is to be noted.
    /// The answers for those.
    pub(super) async fn initialize(
        &self,
        group: &StrBytes,
        initialize: Initialize,
        notes_failure: bool,
    ) -> BTreeMap<(Uuid, i32), ApiError> {
        let mut done = TopicPartitions::new();
        let mut undone = TopicPartitions::new();
        let mut failed = BTreeMap::new();
        for (key, answer) in self.persister.initialize(initialize).await {
            let came_to = if answer.is_ok() { &mut done } else { &mut undone };
            came_to.entry(key.topic_id).or_default().insert(key.partition);
            failed.extend(answer.err().map(|error| ((key.topic_id, key.partition), error)));
        }
        if let Some(error) = failed.values().next() {
            warn!(%group, error = error.code.name(), "share partitions cannot be initialized");
        }
        if !notes_failure {
            undone.clear();
        }
        for (partitions, is_done) in [(done, true), (undone, false)] {
            if partitions.is_empty() {
                continue;
            }
            let note = ShareGroupRequest::Initialized { group: group.clone(), partitions, is_done };
            if let ShareGroupReply::Noted(Err(error)) = self.ask_share_group(group, note).await {
                // A later heartbeat asks for them again.
                warn!(%group, error = error.name(), "it cannot be noted which share partitions are initialized");
            }
        }
        failed
    }

    /// Has state deleted. The first error of each topic.
    pub(super) async fn delete_state(
        &self,
        group: &StrBytes,
        partitions: &TopicPartitions,
    ) -> BTreeMap<Uuid, ErrorCode> {
        let answers = self.persister.delete(share_partitions(group, partitions)).await;
        let mut failed = BTreeMap::new();
        for (key, answer) in answers {
            if let Err(error) = answer {
                failed.entry(key.topic_id).or_insert(error.code);
            }
        }
        failed
    }

    /// Reads how far the group is, in each partition.
    pub(super) async fn read_summaries(
        &self,
        group: &StrBytes,
        partitions: &TopicPartitions,
    ) -> BTreeMap<(Uuid, i32), Result<StateSummary, ApiError>> {
        let answers = self.persister.read_summary(share_partitions(group, partitions)).await.into_iter();
        answers.map(|(key, answer)| ((key.topic_id, key.partition), answer)).collect()
    }

    /// Asks the partitions' leaders for the offset after the last that consumers can see.
    pub(super) async fn latest_offsets(&self, wanted: BTreeSet<TopicPartition>) -> Offsets {
        let mut offsets = Offsets::new();
        let mut elsewhere: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
        let mut here = Vec::new();
        let published = self.node.metadata.load();
        for at in wanted {
            match published.image.topics.partition(&at.topic, at.index).map(|partition| partition.leader) {
                None => drop(offsets.insert(at, Err(ErrorCode::UnknownTopicOrPartition))),
                Some(leader) if leader == self.node.id => here.push(at),
                Some(leader) if leader < 0 => drop(offsets.insert(at, Err(ErrorCode::LeaderNotAvailable))),
                Some(leader) => elsewhere.entry(leader).or_default().push(at),
            }
        }
        offsets.extend(self.latest_offsets_here(here).await);
        for (broker, wanted) in elsewhere {
            offsets.extend(self.latest_offsets_of(broker, wanted).await);
        }
        offsets
    }

    async fn latest_offsets_here(&self, wanted: Vec<TopicPartition>) -> Offsets {
        let mut work = ByShard::new(self.shards.count());
        for (place, at) in wanted.iter().enumerate() {
            let query = OffsetQuery {
                at: at.clone(),
                current_leader_epoch: -1,
                of_any: false,
                timestamp: LATEST,
                isolation: Isolation::Uncommitted,
            };
            work.push(self.shards.of(&at.topic, at.index), place, query);
        }
        let mut answers = Vec::new();
        answers.resize_with(wanted.len(), || None);
        ask(&self.shards, work, &mut answers, |queries, reply| ShardRequest::ListOffsets { queries, reply })
            .await;
        let offset = |answer: Option<Result<crate::shard::requests::OffsetAnswer, ApiError>>| match answer {
            Some(Ok(found)) => Ok(found.offset),
            Some(Err(error)) => Err(error.code),
            None => Err(ErrorCode::NotLeaderOrFollower),
        };
        wanted.into_iter().zip(answers.into_iter().map(offset)).collect()
    }

    async fn latest_offsets_of(&self, broker: i32, wanted: Vec<TopicPartition>) -> Offsets {
        let mut request = ListOffsetsRequest { replica_id: CONSUMER, ..Default::default() };
        for at in &wanted {
            if request.topics.last().is_none_or(|topic| topic.name != at.topic) {
                request.topics.push(ListOffsetsTopic { name: at.topic.clone(), ..Default::default() });
            }
            if let Some(topic) = request.topics.last_mut() {
                topic.partitions.push(ListOffsetsPartition {
                    partition_index: at.index,
                    current_leader_epoch: -1,
                    timestamp: LATEST,
                    ..Default::default()
                });
            }
        }
        let mut offsets: Offsets =
            wanted.into_iter().map(|at| (at, Err(ErrorCode::UnknownServerError))).collect();
        match self.inter_broker.call(broker, &request).await {
            Ok(response) => {
                for topic in response.topics {
                    for partition in topic.partitions {
                        let at =
                            TopicPartition { topic: topic.name.clone(), index: partition.partition_index };
                        let code = ErrorCode::from_code(partition.error_code);
                        let found = if code == ErrorCode::None { Ok(partition.offset) } else { Err(code) };
                        offsets.insert(at, found);
                    }
                }
            }
            Err(reason) => {
                warn!(broker, %reason, "a broker does not say how far its partitions are");
                offsets.values_mut().for_each(|offset| *offset = Err(ErrorCode::NetworkException));
            }
        }
        offsets
    }
}

fn share_partitions(group: &StrBytes, partitions: &TopicPartitions) -> Vec<SharePartitionKey> {
    let of_topic = |(topic, indexes): (&Uuid, &BTreeSet<i32>)| {
        let (group, topic_id) = (group.clone(), *topic);
        let key = move |partition: &i32| SharePartitionKey {
            group: group.clone(),
            topic_id,
            partition: *partition,
        };
        indexes.iter().map(key).collect::<Vec<_>>()
    };
    partitions.iter().flat_map(of_topic).collect()
}

/// What a coordinator answers to a request of share groups is of that kind.
pub(super) fn share_reply(reply: Reply) -> ShareGroupReply {
    super::expect_reply!(reply, Share)
}
