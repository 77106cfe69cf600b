//! DescribeTopicPartitions (key 75), v0: topics page by page, with eligible leader replicas (KIP-966).
//!
//! Topics come in the order of their names. A page ends after `response_partition_limit` partitions (at most
//! `max.request.partition.size.limit`) and then names the partition at which the next one starts.

use std::collections::BTreeSet;

use klamm_config::broker;
use klamm_metadata::image::{MetadataImage, NO_LEADER, Topic};
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::describe_topic_partitions::{
        DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
        DescribeTopicPartitionsResponseCursor, DescribeTopicPartitionsResponsePartition,
        DescribeTopicPartitionsResponseTopic,
    },
};

use super::TopicsContext;
use crate::{
    authorize::{Resource, authorized_operations},
    dispatch::Call,
    handlers::cluster::{alive_endpoint_of, offline_replicas},
    node::ListenerName,
    topic_names,
};

/// Answers DescribeTopicPartitions.
pub async fn handle(
    cx: &TopicsContext,
    call: &Call,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let published = cx.node.metadata.load();
    let all = request.topics.is_empty();
    let start = request.cursor.as_ref().map_or("", |cursor| cursor.topic_name.as_str());
    let names: BTreeSet<StrBytes> = if all {
        published.image.topics.names().filter(|name| name.as_str() >= start).cloned().collect()
    } else {
        request.topics.iter().map(|topic| topic.name.clone()).filter(|name| name.as_str() >= start).collect()
    };
    if let Some(cursor) = &request.cursor
        && (cursor.partition_index < 0 || (!all && !names.contains(&cursor.topic_name)))
    {
        return refused(&request);
    }
    let limit = cx.node.config.load().get(&broker::MAX_REQUEST_PARTITION_SIZE_LIMIT);
    let mut page = Page {
        image: &published.image,
        listener: &call.connection.listener,
        room: usize::try_from(limit.min(request.response_partition_limit)).unwrap_or(0).max(1),
        response: DescribeTopicPartitionsResponse::default(),
    };
    for name in &names {
        let first = match &request.cursor {
            Some(cursor) if cursor.topic_name == *name => cursor.partition_index,
            _ => 0,
        };
        if !page.add(name, first, all) {
            break;
        }
    }
    page.response
}

fn refused(request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let topics = request
        .topics
        .iter()
        .map(|topic| DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::InvalidRequest.code(),
            name: Some(topic.name.clone()),
            ..Default::default()
        })
        .collect();
    DescribeTopicPartitionsResponse { topics, ..Default::default() }
}

struct Page<'a> {
    image: &'a MetadataImage,
    listener: &'a ListenerName,
    /// Partitions that may still be listed.
    room: usize,
    response: DescribeTopicPartitionsResponse,
}

impl Page<'_> {
    /// Adds a topic from partition `first` on. Returns whether the page has room for another topic.
    fn add(&mut self, name: &StrBytes, first: i32, skip_unknown: bool) -> bool {
        let Some(topic) = self.image.topics.by_name(name) else {
            if !skip_unknown {
                self.response.topics.push(unknown_topic(name));
            }
            return true;
        };
        if self.room == 0 {
            self.set_cursor(name, 0);
            return false;
        }
        let listed: Vec<i32> = topic.partitions.keys().copied().filter(|index| *index >= first).collect();
        let (here, later) = listed.split_at(listed.len().min(self.room));
        self.room -= here.len();
        let partitions = here.iter().map(|index| self.partition(topic, *index)).collect();
        self.response.topics.push(DescribeTopicPartitionsResponseTopic {
            name: Some(name.clone()),
            topic_id: topic.id,
            is_internal: topic_names::is_internal(name),
            partitions,
            topic_authorized_operations: authorized_operations(Resource::Topic),
            ..Default::default()
        });
        match later.first() {
            Some(next) => {
                self.set_cursor(name, *next);
                false
            }
            None => true,
        }
    }

    fn set_cursor(&mut self, name: &StrBytes, partition_index: i32) {
        let cursor = DescribeTopicPartitionsResponseCursor {
            topic_name: name.clone(),
            partition_index,
            ..Default::default()
        };
        self.response.next_cursor = Some(cursor);
    }

    fn partition(&self, topic: &Topic, index: i32) -> DescribeTopicPartitionsResponsePartition {
        let is_alive = |id: &i32| alive_endpoint_of(self.image, *id, self.listener).is_some();
        let Some(partition) = topic.partitions.get(&index) else { return Default::default() };
        let has_leader = is_alive(&partition.leader);
        let error = if has_leader {
            ErrorCode::None
        } else if self.image.cluster.brokers.contains_key(&partition.leader) {
            ErrorCode::ListenerNotFound
        } else {
            ErrorCode::LeaderNotAvailable
        };
        DescribeTopicPartitionsResponsePartition {
            error_code: error.code(),
            partition_index: index,
            leader_id: if has_leader { partition.leader } else { NO_LEADER },
            leader_epoch: partition.leader_epoch,
            replica_nodes: partition.replicas.clone(),
            isr_nodes: partition.isr.clone(),
            eligible_leader_replicas: Some(partition.elr.clone()),
            last_known_elr: Some(partition.last_known_elr.clone()),
            offline_replicas: offline_replicas(self.image, partition, self.listener),
            ..Default::default()
        }
    }
}

fn unknown_topic(name: &StrBytes) -> DescribeTopicPartitionsResponseTopic {
    let code = if topic_names::is_legal(name) {
        ErrorCode::UnknownTopicOrPartition
    } else {
        ErrorCode::InvalidTopicException
    };
    DescribeTopicPartitionsResponseTopic {
        error_code: code.code(),
        name: Some(name.clone()),
        is_internal: topic_names::is_internal(name),
        topic_authorized_operations: authorized_operations(Resource::Topic),
        ..Default::default()
    }
}
