//! Topics: create, list, describe, enlarge, delete.

use std::{collections::BTreeMap, sync::Arc};

use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::{
        create_partitions::{CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic},
        create_topics::{
            CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
        },
        delete_topics::{DeleteTopicState, DeleteTopicsRequest},
        describe_topic_partitions::{
            DescribeTopicPartitionsRequest, DescribeTopicPartitionsRequestCursor,
            DescribeTopicPartitionsResponseTopic, TopicRequest,
        },
    },
};

use super::{Admin, text};
use crate::{
    ClientError,
    cluster::{Topic, TopicSelection},
};

/// A topic to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions; `None` is the cluster's default (`num.partitions`).
    pub partitions: Option<i32>,
    /// Number of replicas; `None` is the cluster's default (`default.replication.factor`).
    pub replication_factor: Option<i16>,
    /// Replicas of each partition, in place of both numbers.
    pub assignment: Vec<Vec<i32>>,
    /// Configuration that differs from the cluster's.
    pub configs: Vec<(String, String)>,
}

/// A topic to be given more partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPartitions {
    /// Its name.
    pub topic: String,
    /// Number of partitions that it shall have.
    pub count: i32,
    /// Replicas of each new partition, if they are not to be chosen.
    pub assignment: Option<Vec<Vec<i32>>>,
}

/// A topic, in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicListing {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
}

/// A topic with its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// Its partitions by number.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition and its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Its number.
    pub index: i32,
    /// Its leader, if it has one.
    pub leader: Option<i32>,
    /// Replicas, the preferred leader first.
    pub replicas: Vec<i32>,
    /// In-sync replicas.
    pub isr: Vec<i32>,
    /// Eligible leader replicas (KIP-966); `None` if the broker does not tell.
    pub elr: Option<Vec<i32>>,
    /// Replicas that were eligible last; `None` if the broker does not tell.
    pub last_known_elr: Option<Vec<i32>>,
}

/// What became of each item, by its name.
pub type ByName = BTreeMap<String, Result<(), ClientError>>;

impl Admin {
    /// Creates topics.
    ///
    /// # Errors
    /// If the cluster does not answer; what became of each topic is in the map.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<ByName, ClientError> {
        let request = CreateTopicsRequest {
            topics: topics.iter().map(creatable).collect(),
            timeout_ms: self.timeout_ms(),
            validate_only,
            ..Default::default()
        };
        self.cluster
            .retrying("creating topics", self.cluster.api_timeout(), async || {
                let answer = self.cluster.call_any(&request).await?;
                collect(answer.topics.iter().map(|t| (&*t.name, t.error_code, text(&t.error_message))))
            })
            .await
    }

    /// Deletes topics.
    ///
    /// # Errors
    /// If the cluster does not answer; what became of each topic is in the map.
    pub async fn delete_topics(&self, names: &[String]) -> Result<ByName, ClientError> {
        let names: Vec<StrBytes> = names.iter().map(|name| StrBytes::from(name.clone())).collect();
        let states = names
            .iter()
            .map(|name| DeleteTopicState { name: Some(name.clone()), ..Default::default() })
            .collect();
        let by_state =
            DeleteTopicsRequest { topics: states, timeout_ms: self.timeout_ms(), ..Default::default() };
        let by_name =
            DeleteTopicsRequest { topic_names: names, timeout_ms: self.timeout_ms(), ..Default::default() };
        self.cluster
            .retrying("deleting topics", self.cluster.api_timeout(), async || {
                let connection = self.cluster.any_connection().await?;
                let version = connection.version_of::<DeleteTopicsRequest>()?;
                let request = if version >= 6 { &by_state } else { &by_name };
                let answer = connection.call_version(request, version, std::time::Duration::ZERO).await?;
                collect(
                    answer.responses.iter().map(|t| {
                        (t.name.as_deref().unwrap_or_default(), t.error_code, text(&t.error_message))
                    }),
                )
            })
            .await
    }

    /// Gives topics more partitions.
    ///
    /// # Errors
    /// If the cluster does not answer; what became of each topic is in the map.
    pub async fn create_partitions(&self, topics: &[NewPartitions]) -> Result<ByName, ClientError> {
        let topics = topics
            .iter()
            .map(|topic| CreatePartitionsTopic {
                name: StrBytes::from(topic.topic.clone()),
                count: topic.count,
                assignments: topic.assignment.as_ref().map(|partitions| {
                    let assignment = |ids: &Vec<i32>| CreatePartitionsAssignment {
                        broker_ids: ids.clone(),
                        ..Default::default()
                    };
                    partitions.iter().map(assignment).collect()
                }),
                ..Default::default()
            })
            .collect();
        let request = CreatePartitionsRequest { topics, timeout_ms: self.timeout_ms(), ..Default::default() };
        self.cluster
            .retrying("creating partitions", self.cluster.api_timeout(), async || {
                let answer = self.cluster.call_any(&request).await?;
                collect(answer.results.iter().map(|t| (&*t.name, t.error_code, text(&t.error_message))))
            })
            .await
    }

    /// All topics that this client may see, by name.
    ///
    /// # Errors
    /// If no broker answers.
    pub async fn list_topics(&self, with_internal: bool) -> Result<Vec<TopicListing>, ClientError> {
        let metadata = self
            .cluster
            .retrying("listing topics", self.cluster.api_timeout(), || {
                self.cluster.refresh(TopicSelection::All)
            })
            .await?;
        let topics = metadata.topics.values().filter(|topic| with_internal || !topic.is_internal);
        Ok(topics
            .map(|topic| TopicListing {
                name: Arc::clone(&topic.name),
                id: topic.id,
                is_internal: topic.is_internal,
            })
            .collect())
    }

    /// Describes topics, asking for at most `partitions_max` partitions at a time.
    ///
    /// # Errors
    /// If no broker answers or a topic cannot be described.
    pub async fn describe_topics(
        &self,
        names: &[String],
        partitions_max: i32,
    ) -> Result<Vec<TopicDescription>, ClientError> {
        let mut names: Vec<StrBytes> = names.iter().map(|name| StrBytes::from(name.clone())).collect();
        names.sort();
        self.cluster
            .retrying("describing topics", self.cluster.api_timeout(), async || {
                let connection = self.cluster.any_connection().await?;
                if connection.version_of::<DescribeTopicPartitionsRequest>().is_err() {
                    return Ok(self.describe_from_metadata(&names).await);
                }
                let mut found: BTreeMap<String, TopicDescription> = BTreeMap::new();
                let mut refused = None;
                let mut cursor: Option<DescribeTopicPartitionsRequestCursor> = None;
                loop {
                    let from = cursor.as_ref().map(|cursor| cursor.topic_name.clone());
                    let topics = names.iter().filter(|name| from.as_ref().is_none_or(|from| *name >= from));
                    let request = DescribeTopicPartitionsRequest {
                        topics: topics
                            .map(|name| TopicRequest { name: name.clone(), ..Default::default() })
                            .collect(),
                        response_partition_limit: partitions_max,
                        cursor: cursor.take(),
                        ..Default::default()
                    };
                    let answer = connection.call(&request).await?;
                    for topic in &answer.topics {
                        if let Err(error) = take_page(&mut found, topic) {
                            refused = refused.or(Some(error));
                        }
                    }
                    let Some(next) = answer.next_cursor else { break };
                    cursor = Some(DescribeTopicPartitionsRequestCursor {
                        topic_name: next.topic_name,
                        partition_index: next.partition_index,
                        ..Default::default()
                    });
                }
                // A topic that does not exist is final here, although the code says that another try may help.
                Ok(refused.map_or_else(|| Ok(found.into_values().collect()), Err))
            })
            .await?
    }

    async fn describe_from_metadata(&self, names: &[StrBytes]) -> Result<Vec<TopicDescription>, ClientError> {
        let names: Vec<Arc<str>> = names.iter().map(|name| Arc::from(&**name)).collect();
        let metadata = self.cluster.refresh(TopicSelection::Names(&names, false)).await?;
        let describe = |name: &Arc<str>| match metadata.topics.get(name) {
            Some(topic) if topic.error == ErrorCode::None => Ok(TopicDescription::from(&**topic)),
            Some(topic) => Err(ClientError::Broker { code: topic.error, message: None }),
            None => Err(ClientError::Broker { code: ErrorCode::UnknownTopicOrPartition, message: None }),
        };
        names.iter().map(describe).collect()
    }
}

impl From<&Topic> for TopicDescription {
    fn from(topic: &Topic) -> Self {
        let partitions = topic.partitions.iter().map(|partition| PartitionDescription {
            index: partition.index,
            leader: partition.leader,
            replicas: partition.replicas.clone(),
            isr: partition.isr.clone(),
            elr: None,
            last_known_elr: None,
        });
        Self {
            name: topic.name.to_string(),
            id: topic.id,
            is_internal: topic.is_internal,
            partitions: partitions.collect(),
        }
    }
}

fn take_page(
    found: &mut BTreeMap<String, TopicDescription>,
    topic: &DescribeTopicPartitionsResponseTopic,
) -> Result<(), ClientError> {
    ClientError::check(topic.error_code, None)?;
    let name = topic.name.as_ref().map(ToString::to_string).unwrap_or_default();
    let description = found.entry(name.clone()).or_insert_with(|| TopicDescription {
        name,
        id: topic.topic_id,
        is_internal: topic.is_internal,
        partitions: Vec::new(),
    });
    for partition in &topic.partitions {
        description.partitions.push(PartitionDescription {
            index: partition.partition_index,
            leader: Some(partition.leader_id).filter(|leader| *leader >= 0),
            replicas: partition.replica_nodes.clone(),
            isr: partition.isr_nodes.clone(),
            elr: partition.eligible_leader_replicas.clone(),
            last_known_elr: partition.last_known_elr.clone(),
        });
    }
    Ok(())
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let assigned = !topic.assignment.is_empty();
    CreatableTopic {
        name: StrBytes::from(topic.name.clone()),
        num_partitions: if assigned { -1 } else { topic.partitions.unwrap_or(-1) },
        replication_factor: if assigned { -1 } else { topic.replication_factor.unwrap_or(-1) },
        assignments: (0..)
            .zip(&topic.assignment)
            .map(|(partition_index, brokers)| CreatableReplicaAssignment {
                partition_index,
                broker_ids: brokers.clone(),
                ..Default::default()
            })
            .collect(),
        configs: topic
            .configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: StrBytes::from(name.clone()),
                value: Some(StrBytes::from(value.clone())),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

/// What became of each item. An answer in which every item asks for another try is an error as a whole.
fn collect<'a>(items: impl Iterator<Item = (&'a str, i16, Option<&'a str>)>) -> Result<ByName, ClientError> {
    let results: ByName =
        items.map(|(name, code, message)| (name.to_owned(), ClientError::check(code, message))).collect();
    let busy = |result: &Result<(), ClientError>| {
        result.as_ref().err().filter(|e| e.code() == Some(ErrorCode::NotController)).cloned()
    };
    match results.values().find_map(busy) {
        Some(error) => Err(error),
        None => Ok(results),
    }
}
