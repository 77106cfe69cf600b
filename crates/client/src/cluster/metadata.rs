//! Brokers, topics and leaders, as the cluster tells them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::{
        describe_cluster::DescribeClusterRequest,
        metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic},
    },
};

use super::Cluster;
use crate::{ClientError, TopicPartition};

/// What DescribeCluster calls controllers (KIP-919).
pub(crate) const CONTROLLER_ENDPOINTS: i8 = 2;

/// The version of brokers whose metadata has the right leader epochs. Older ones may tell stale ones (KAFKA-9212), with
/// which nothing could be fetched.
const RELIABLE_LEADER_EPOCHS: i16 = 9;

/// A view of the cluster at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The controller, or with KRaft a broker that forwards to it; -1 if unknown.
    pub controller_id: i32,
    /// Live brokers by id.
    pub brokers: BTreeMap<i32, Broker>,
    /// The topics that were asked for.
    pub topics: BTreeMap<Arc<str>, Arc<Topic>>,
    names: BTreeMap<Uuid, Arc<str>>,
}

/// A live broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: i32,
    /// Its host on the listener that was asked.
    pub host: String,
    /// Its port there.
    pub port: u16,
    /// Its rack.
    pub rack: Option<String>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; zero from brokers before Kafka 2.8.
    pub id: Uuid,
    /// Whether it is one of Kafka's own (`__consumer_offsets`).
    pub is_internal: bool,
    /// `None`, or why the topic cannot be described.
    pub error: ErrorCode,
    /// Partitions, in the order of their numbers.
    pub partitions: Vec<Partition>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number.
    pub index: i32,
    /// Its leader, if it has one.
    pub leader: Option<i32>,
    /// The leader's epoch; -1 from old brokers.
    pub leader_epoch: i32,
    /// Replicas, the preferred leader first.
    pub replicas: Vec<i32>,
    /// In-sync replicas.
    pub isr: Vec<i32>,
    /// Replicas that are offline.
    pub offline: Vec<i32>,
    /// `None`, or what is wrong with the partition.
    pub error: ErrorCode,
}

/// Which topics to ask for.
#[derive(Clone, Copy, Debug)]
pub enum TopicSelection<'a> {
    /// All that the client may see.
    All,
    /// Only the brokers.
    None,
    /// These; with `true` a missing one may be created by the broker (`auto.create.topics.enable`).
    Names(&'a [Arc<str>], bool),
    /// Those with these ids (brokers from Kafka 3.1 on).
    Ids(&'a [Uuid]),
}

impl Metadata {
    /// The leader of a partition and its epoch. A leader that is not among the live brokers cannot be asked for anything
    /// and is none.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<(i32, i32)> {
        let partition = self.topics.get(topic)?.partition(partition)?;
        let leader = partition.leader.filter(|leader| self.brokers.contains_key(leader))?;
        Some((leader, partition.leader_epoch))
    }

    /// Whether a topic has partitions, and each of them a leader.
    pub(crate) fn has_leaders(&self, topic: &str) -> bool {
        self.topics.get(topic).is_some_and(|found| {
            let mut partitions = found.partitions.iter();
            !found.partitions.is_empty() && partitions.all(|p| self.leader(topic, p.index).is_some())
        })
    }

    /// Whether a topic or a leader is in here that `before` did not have, so that asking again was worth it.
    pub(crate) fn tells_more_than(&self, before: &Self) -> bool {
        self.topics.iter().any(|(name, topic)| {
            let Some(known) = before.topics.get(name) else { return true };
            let is_other = (known.id, known.error, known.partitions.len())
                != (topic.id, topic.error, topic.partitions.len());
            is_other
                || topic.partitions.iter().any(|partition| {
                    let leader = self.leader(name, partition.index);
                    leader.is_some() && leader != before.leader(name, partition.index)
                })
        })
    }

    /// Whether a live broker has this partition on a disk that is not offline.
    pub(crate) fn has_replica(&self, of: &TopicPartition, node: i32) -> bool {
        let found = self.topics.get(&of.topic).and_then(|topic| topic.partition(of.partition));
        self.brokers.contains_key(&node) && found.is_some_and(|found| !found.offline.contains(&node))
    }

    /// The name of a topic id that was seen.
    pub fn topic_name(&self, id: Uuid) -> Option<&Arc<str>> {
        self.names.get(&id)
    }

    /// Takes over an answer. With `whole`, what the answer does not name is forgotten.
    fn merge(&mut self, answer: &MetadataResponse, whole: bool) {
        self.cluster_id = answer.cluster_id.as_ref().map(ToString::to_string);
        self.controller_id = answer.controller_id;
        self.brokers = answer
            .brokers
            .iter()
            .map(|broker| {
                let broker = Broker {
                    id: broker.node_id,
                    host: broker.host.to_string(),
                    port: u16::try_from(broker.port).unwrap_or(0),
                    rack: broker.rack.as_ref().map(ToString::to_string),
                };
                (broker.id, broker)
            })
            .collect();
        if whole {
            self.topics.clear();
        }
        for topic in &answer.topics {
            let Some(name) = &topic.name else { continue };
            let mut fresh = Topic::from_answer(topic);
            if let Some(known) = self.topics.get(&**name) {
                fresh.keep_newer_leaders(known);
            }
            self.topics.insert(Arc::clone(&fresh.name), Arc::new(fresh));
        }
        self.names = self
            .topics
            .values()
            .filter(|topic| topic.id != Uuid::ZERO)
            .map(|topic| (topic.id, Arc::clone(&topic.name)))
            .collect();
    }
}

impl Topic {
    /// The partition of this number.
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        let index = usize::try_from(index).ok()?;
        self.partitions.get(index).filter(|found| found.index as usize == index)
    }

    fn from_answer(topic: &MetadataResponseTopic) -> Self {
        let mut partitions: Vec<Partition> = topic
            .partitions
            .iter()
            .map(|partition| Partition {
                index: partition.partition_index,
                leader: Some(partition.leader_id).filter(|leader| *leader >= 0),
                leader_epoch: partition.leader_epoch,
                replicas: partition.replica_nodes.clone(),
                isr: partition.isr_nodes.clone(),
                offline: partition.offline_replicas.clone(),
                error: ErrorCode::from_code(partition.error_code),
            })
            .collect();
        partitions.sort_by_key(|partition| partition.index);
        Self {
            name: topic.name.as_ref().map_or_else(|| Arc::from(""), |name| Arc::from(&**name)),
            id: topic.topic_id,
            is_internal: topic.is_internal,
            error: ErrorCode::from_code(topic.error_code),
            partitions,
        }
    }

    /// A broker that lags behind must not take back a leader that another has announced (KIP-320).
    fn keep_newer_leaders(&mut self, known: &Self) {
        if known.id != self.id {
            return;
        }
        for partition in &mut self.partitions {
            if let Some(before) = known.partition(partition.index)
                && before.leader_epoch > partition.leader_epoch
                && partition.leader_epoch >= 0
            {
                *partition = before.clone();
            }
        }
    }
}

impl Cluster {
    /// What is known now.
    pub fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.state().metadata)
    }

    /// Asks for metadata once and gives what is known then. Error codes of single topics stay in their topics.
    ///
    /// # Errors
    /// If no broker answers.
    pub async fn refresh(&self, topics: TopicSelection<'_>) -> Result<Arc<Metadata>, ClientError> {
        if self.asks_controllers() {
            return self.refresh_controllers().await;
        }
        let (selected, auto_create) = match topics {
            TopicSelection::All => (None, false),
            TopicSelection::None => (Some(Vec::new()), false),
            TopicSelection::Ids(ids) => {
                let topic =
                    |id: &Uuid| MetadataRequestTopic { topic_id: *id, name: None, ..Default::default() };
                (Some(ids.iter().map(topic).collect()), false)
            }
            TopicSelection::Names(names, auto_create) => {
                let selected = names
                    .iter()
                    .map(|name| MetadataRequestTopic {
                        name: Some(StrBytes::from(name.to_string())),
                        ..Default::default()
                    })
                    .collect();
                (Some(selected), auto_create)
            }
        };
        let request = MetadataRequest {
            topics: selected,
            allow_auto_topic_creation: auto_create,
            ..Default::default()
        };
        let connection = self.any_connection().await?;
        let version = connection.version_of::<MetadataRequest>()?;
        let mut answer = connection.call_version(&request, version, Duration::ZERO).await?;
        ClientError::check(answer.error_code, None)?;
        if version < RELIABLE_LEADER_EPOCHS {
            for partition in answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                partition.leader_epoch = -1;
            }
        }
        let now = self.inner.clock.now();
        let mut state = self.state();
        let mut metadata = (*state.metadata).clone();
        metadata.merge(&answer, matches!(topics, TopicSelection::All));
        state.metadata = Arc::new(metadata);
        state.refreshed = Some(now);
        Ok(Arc::clone(&state.metadata))
    }

    /// Controllers serve no Metadata, but tell of each other.
    pub(super) async fn refresh_controllers(&self) -> Result<Arc<Metadata>, ClientError> {
        let request = DescribeClusterRequest { endpoint_type: CONTROLLER_ENDPOINTS, ..Default::default() };
        let answer = self.any_connection().await?.call(&request).await?;
        ClientError::check(answer.error_code, answer.error_message.as_deref())?;
        if answer.controller_id < 0 {
            return Err(ClientError::Broker { code: ErrorCode::NotController, message: None });
        }
        let brokers = answer.brokers.iter().map(|node| {
            let (id, host) = (node.broker_id, node.host.to_string());
            let rack = node.rack.as_ref().map(ToString::to_string);
            (id, Broker { id, host, port: u16::try_from(node.port).unwrap_or(0), rack })
        });
        let metadata = Metadata {
            cluster_id: Some(answer.cluster_id.to_string()),
            controller_id: answer.controller_id,
            brokers: brokers.collect(),
            ..Default::default()
        };
        let now = self.inner.clock.now();
        let mut state = self.state();
        state.metadata = Arc::new(metadata);
        state.refreshed = Some(now);
        Ok(Arc::clone(&state.metadata))
    }

    /// Whether metadata is older than `metadata.max.age.ms`, or was never asked for.
    pub fn is_metadata_old(&self) -> bool {
        let refreshed = self.state().refreshed;
        refreshed.is_none_or(|at| self.inner.clock.now() - at >= self.inner.metadata_age_max)
    }

    /// How long ago metadata was last asked for with success; `None` if it never was.
    pub fn metadata_age(&self) -> Option<Duration> {
        let refreshed = self.state().refreshed;
        refreshed.map(|at| self.inner.clock.now() - at)
    }

    /// Waits until this topic is known with a leader for at least one partition.
    ///
    /// # Errors
    /// The topic's error if it is none that may pass, or `TimedOut`.
    pub async fn wait_for_topic(
        &self,
        name: &Arc<str>,
        auto_create: bool,
        limit: Duration,
    ) -> Result<Arc<Topic>, ClientError> {
        let doing = format!("waiting for metadata of topic {name}");
        self.retrying(&doing, limit, async || {
            let metadata =
                self.refresh(TopicSelection::Names(std::slice::from_ref(name), auto_create)).await?;
            match metadata.topics.get(name) {
                Some(topic) if topic.error == ErrorCode::None && !topic.partitions.is_empty() => {
                    Ok(Arc::clone(topic))
                }
                Some(topic) if topic.error != ErrorCode::None => {
                    Err(ClientError::Broker { code: topic.error, message: None })
                }
                _ => Err(ClientError::Broker { code: ErrorCode::UnknownTopicOrPartition, message: None }),
            }
        })
        .await
    }

    /// Notes a broker that an answer named, so that it can be connected to before metadata has it.
    pub(super) fn learn_broker(&self, id: i32, host: String, port: i32) {
        let Ok(port) = u16::try_from(port) else { return };
        let mut state = self.state();
        if state.metadata.brokers.get(&id).is_some_and(|known| known.host == host && known.port == port) {
            return;
        }
        let mut metadata = (*state.metadata).clone();
        metadata.brokers.insert(id, Broker { id, host, port, rack: None });
        state.metadata = Arc::new(metadata);
    }
}
