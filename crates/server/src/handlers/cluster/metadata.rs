//! Metadata (key 3), v0–13: brokers, topics and who leads their partitions.
//!
//! * v0   an unavailable replica is an error of its partition
//! * v4   the client may forbid that topics are created
//! * v6   a leader without the client's listener is LISTENER_NOT_FOUND rather than LEADER_NOT_AVAILABLE
//! * v8   authorised operations (KIP-430)
//! * v12  topics by id (KIP-516); ids and null names are refused before
//! * v13  a top-level error (KIP-1102)
//!
//! A topic that does not exist is created if both sides allow it, and still answered UNKNOWN_TOPIC_OR_PARTITION: the
//! client asks again.

use klamm_metadata::image::{MetadataImage, NO_LEADER, Partition, Topic};
use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::metadata::{
        MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
        MetadataResponsePartition, MetadataResponseTopic,
    },
};

use super::{ClusterContext, alive_endpoint, alive_endpoint_of, offline_replicas};
use crate::{
    authorize::{Resource, authorized_operations},
    dispatch::Call,
    node::ListenerName,
    topic_names,
};

/// Answers Metadata.
pub async fn handle(cx: &ClusterContext, call: &Call, request: MetadataRequest) -> MetadataResponse {
    let version = call.api_version;
    if version < 12
        && let Some(topics) = &request.topics
        && topics.iter().any(|topic| topic.name.is_none() || topic.topic_id != Uuid::ZERO)
    {
        return refused(topics);
    }
    let published = cx.node.metadata.load();
    let image = &published.image;
    let view = View { image, listener: &call.connection.listener, version };
    let mut topics = match &request.topics {
        None => image.topics.iter().map(|topic| view.topic(topic)).collect(),
        Some(topics) if version == 0 && topics.is_empty() => {
            image.topics.iter().map(|topic| view.topic(topic)).collect()
        }
        Some(topics) => {
            let may_create = request.allow_auto_topic_creation
                && cx.node.config.load().get(&klamm_config::broker::AUTO_CREATE_TOPICS_ENABLE);
            asked_topics(cx, call, &view, topics, may_create).await
        }
    };
    if request.include_topic_authorized_operations && version >= 8 {
        for topic in topics.iter_mut().filter(|topic| topic.name.is_some()) {
            topic.topic_authorized_operations = authorized_operations(Resource::Topic);
        }
    }
    let mut response = MetadataResponse {
        brokers: view.brokers(),
        cluster_id: Some(cx.node.cluster_id.clone()),
        controller_id: view.any_broker(cx.node.id),
        topics,
        ..Default::default()
    };
    if request.include_cluster_authorized_operations && (8..=10).contains(&version) {
        response.cluster_authorized_operations = authorized_operations(Resource::Cluster);
    }
    response
}

fn refused(topics: &[MetadataRequestTopic]) -> MetadataResponse {
    let code = ErrorCode::InvalidRequest.code();
    let topics = topics
        .iter()
        .map(|topic| MetadataResponseTopic {
            error_code: code,
            name: Some(topic.name.clone().unwrap_or_default()),
            topic_id: topic.topic_id,
            ..Default::default()
        })
        .collect();
    MetadataResponse { topics, error_code: code, ..Default::default() }
}

async fn asked_topics(
    cx: &ClusterContext,
    call: &Call,
    view: &View<'_>,
    asked: &[MetadataRequestTopic],
    may_create: bool,
) -> Vec<MetadataResponseTopic> {
    let use_ids = asked.iter().any(|topic| topic.topic_id != Uuid::ZERO);
    let mut answers = Vec::with_capacity(asked.len());
    let mut missing = Vec::new();
    for topic in asked {
        if use_ids {
            answers.extend((topic.topic_id != Uuid::ZERO).then(|| view.topic_by_id(topic.topic_id)));
            continue;
        }
        let Some(name) = &topic.name else { continue };
        if answers.iter().any(|answer: &MetadataResponseTopic| answer.name.as_ref() == Some(name)) {
            continue;
        }
        match view.image.topics.by_name(name) {
            Some(topic) => answers.push(view.topic(topic)),
            None => {
                missing.push(name.clone());
                answers.push(unknown_topic(name));
            }
        }
    }
    if may_create && !missing.is_empty() {
        let refused = cx.creator.create(&missing, call).await;
        for answer in &mut answers {
            if let Some(name) = &answer.name
                && let Some(code) = refused.get(name)
            {
                answer.error_code = code.code();
            }
        }
    }
    answers
}

fn unknown_topic(name: &StrBytes) -> MetadataResponseTopic {
    let code = if topic_names::is_legal(name) {
        ErrorCode::UnknownTopicOrPartition
    } else {
        ErrorCode::InvalidTopicException
    };
    MetadataResponseTopic {
        error_code: code.code(),
        name: Some(name.clone()),
        is_internal: topic_names::is_internal(name),
        ..Default::default()
    }
}

/// The image as the clients of one listener see it.
struct View<'a> {
    image: &'a MetadataImage,
    listener: &'a ListenerName,
    version: i16,
}

impl View<'_> {
    fn brokers(&self) -> Vec<MetadataResponseBroker> {
        let brokers = self.image.cluster.brokers.values();
        brokers
            .filter_map(|broker| {
                let (host, port) = alive_endpoint(broker, self.listener)?;
                Some(MetadataResponseBroker {
                    node_id: broker.id,
                    host,
                    port,
                    rack: broker.rack.clone(),
                    ..Default::default()
                })
            })
            .collect()
    }

    /// A broker to send requests for the controller to: clients cannot reach controllers, brokers forward. This node
    /// itself where it can be, since it knows the way.
    fn any_broker(&self, this: i32) -> i32 {
        let alive = |id: &i32| alive_endpoint_of(self.image, *id, self.listener).is_some();
        if alive(&this) {
            return this;
        }
        self.image.cluster.brokers.keys().copied().find(alive).unwrap_or(-1)
    }

    fn topic_by_id(&self, id: Uuid) -> MetadataResponseTopic {
        match self.image.topics.by_id(&id) {
            Some(topic) => self.topic(topic),
            None => MetadataResponseTopic {
                error_code: ErrorCode::UnknownTopicId.code(),
                name: None,
                topic_id: id,
                ..Default::default()
            },
        }
    }

    fn topic(&self, topic: &Topic) -> MetadataResponseTopic {
        MetadataResponseTopic {
            name: Some(topic.name.clone()),
            topic_id: topic.id,
            is_internal: topic_names::is_internal(&topic.name),
            partitions: topic
                .partitions
                .iter()
                .map(|(index, partition)| self.partition(*index, partition))
                .collect(),
            ..Default::default()
        }
    }

    fn partition(&self, index: i32, partition: &Partition) -> MetadataResponsePartition {
        let is_alive = |id: &i32| alive_endpoint_of(self.image, *id, self.listener).is_some();
        let listed = |ids: &[i32]| -> Vec<i32> {
            if self.version == 0 { ids.iter().copied().filter(is_alive).collect() } else { ids.to_vec() }
        };
        let (replicas, isr) = (listed(&partition.replicas), listed(&partition.isr));
        let (error, leader) = if is_alive(&partition.leader) {
            let missing = replicas.len() < partition.replicas.len() || isr.len() < partition.isr.len();
            (if missing { ErrorCode::ReplicaNotAvailable } else { ErrorCode::None }, partition.leader)
        } else {
            let is_known = self.image.cluster.brokers.contains_key(&partition.leader);
            let error = if is_known && self.version >= 6 {
                ErrorCode::ListenerNotFound
            } else {
                ErrorCode::LeaderNotAvailable
            };
            (error, NO_LEADER)
        };
        MetadataResponsePartition {
            error_code: error.code(),
            partition_index: index,
            leader_id: leader,
            leader_epoch: partition.leader_epoch,
            offline_replicas: offline_replicas(self.image, partition, self.listener),
            replica_nodes: replicas,
            isr_nodes: isr,
            ..Default::default()
        }
    }
}
