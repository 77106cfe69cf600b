//! Where replicas are and who leads: reassignments, elections, moves between directories.

use std::collections::BTreeMap;

use klamm_protocol::{
    ErrorCode, StrBytes,
    api::{
        alter_partition_reassignments::{
            AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
        },
        alter_replica_log_dirs::{AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest},
        elect_leaders::{ElectLeadersRequest, TopicPartitions},
        list_partition_reassignments::ListPartitionReassignmentsRequest,
    },
};

use super::{Admin, ByPartition, text};
use crate::{ClientError, TopicPartition};

/// A partition that is on the move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassignment {
    /// All its replicas now.
    pub replicas: Vec<i32>,
    /// Those that are being added.
    pub adding: Vec<i32>,
    /// Those that will go.
    pub removing: Vec<i32>,
}

/// Which replica may be elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElectionType {
    /// The first of the replicas, if it is in sync.
    Preferred,
    /// Any live one, if there is no leader; records may be lost.
    Unclean,
}

impl Admin {
    /// All partitions that are on the move.
    ///
    /// # Errors
    /// If no broker answers, or none serves the question.
    pub async fn list_reassignments(&self) -> Result<BTreeMap<(String, i32), Reassignment>, ClientError> {
        let request = ListPartitionReassignmentsRequest {
            timeout_ms: self.timeout_ms(),
            topics: None,
            ..Default::default()
        };
        let answer = self.call_at("listing reassignments", None, &request).await?;
        ClientError::check(answer.error_code, text(&answer.error_message))?;
        let mut found = BTreeMap::new();
        for topic in answer.topics {
            for partition in topic.partitions {
                let moving = Reassignment {
                    replicas: partition.replicas,
                    adding: partition.adding_replicas,
                    removing: partition.removing_replicas,
                };
                found.insert((topic.name.to_string(), partition.partition_index), moving);
            }
        }
        Ok(found)
    }

    /// Begins to move partitions to these replicas; `None` cancels a move.
    ///
    /// # Errors
    /// If the controller does not answer; what became of each partition is in the map.
    pub async fn alter_reassignments(
        &self,
        targets: &BTreeMap<TopicPartition, Option<Vec<i32>>>,
        may_change_replication_factor: bool,
    ) -> Result<ByPartition<()>, ClientError> {
        let mut topics: BTreeMap<&str, Vec<ReassignablePartition>> = BTreeMap::new();
        for (partition, replicas) in targets {
            topics.entry(&partition.topic).or_default().push(ReassignablePartition {
                partition_index: partition.partition,
                replicas: replicas.clone(),
                ..Default::default()
            });
        }
        let topic = |(name, partitions): (&str, Vec<ReassignablePartition>)| ReassignableTopic {
            name: StrBytes::from(name.to_owned()),
            partitions,
            ..Default::default()
        };
        let request = AlterPartitionReassignmentsRequest {
            timeout_ms: self.timeout_ms(),
            allow_replication_factor_change: may_change_replication_factor,
            topics: topics.into_iter().map(topic).collect(),
            ..Default::default()
        };
        let doing = "reassigning partitions";
        self.cluster
            .retrying(doing, self.cluster.api_timeout(), async || {
                let answer = self.cluster.call_any(&request).await?;
                ClientError::check(answer.error_code, text(&answer.error_message))?;
                let mut results = BTreeMap::new();
                for topic in &answer.responses {
                    for partition in &topic.partitions {
                        let key = TopicPartition::new(&*topic.name, partition.partition_index);
                        let result = ClientError::check(partition.error_code, text(&partition.error_message));
                        results.insert(key, result);
                    }
                }
                Ok(results)
            })
            .await
    }

    /// Elects leaders of these partitions, or of all. Partitions that had nothing to elect are in the result only if
    /// they were named.
    ///
    /// # Errors
    /// If the controller does not answer; what became of each partition is in the map.
    pub async fn elect_leaders(
        &self,
        election: ElectionType,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<ByPartition<()>, ClientError> {
        let topics = partitions.map(|partitions| {
            let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
            for partition in partitions {
                topics.entry(&partition.topic).or_default().push(partition.partition);
            }
            let topic = |(name, partitions): (&str, Vec<i32>)| TopicPartitions {
                topic: StrBytes::from(name.to_owned()),
                partitions,
                ..Default::default()
            };
            topics.into_iter().map(topic).collect()
        });
        let request = ElectLeadersRequest {
            election_type: i8::from(election == ElectionType::Unclean),
            topic_partitions: topics,
            timeout_ms: self.timeout_ms(),
            ..Default::default()
        };
        let doing = "electing leaders";
        self.cluster
            .retrying(doing, self.cluster.api_timeout(), async || {
                let answer = self.cluster.call_any(&request).await?;
                ClientError::check(answer.error_code, None)?;
                let mut results = BTreeMap::new();
                for topic in &answer.replica_election_results {
                    for partition in &topic.partition_result {
                        let key = TopicPartition::new(&*topic.topic, partition.partition_id);
                        let result = ClientError::check(partition.error_code, text(&partition.error_message));
                        results.insert(key, result);
                    }
                }
                Ok(results)
            })
            .await
    }

    /// Begins to move replicas of one broker to these directories of it.
    ///
    /// # Errors
    /// If the broker does not answer; what became of each replica is in the map.
    pub async fn alter_replica_log_dirs(
        &self,
        broker: i32,
        moves: &BTreeMap<TopicPartition, String>,
    ) -> Result<ByPartition<()>, ClientError> {
        let mut dirs: BTreeMap<&str, BTreeMap<&str, Vec<i32>>> = BTreeMap::new();
        for (partition, dir) in moves {
            let topics = dirs.entry(dir).or_default();
            topics.entry(&partition.topic).or_default().push(partition.partition);
        }
        let topic = |(name, partitions): (&str, Vec<i32>)| AlterReplicaLogDirTopic {
            name: StrBytes::from(name.to_owned()),
            partitions,
            ..Default::default()
        };
        let dir = |(path, topics): (&str, BTreeMap<&str, Vec<i32>>)| AlterReplicaLogDir {
            path: StrBytes::from(path.to_owned()),
            topics: topics.into_iter().map(topic).collect(),
            ..Default::default()
        };
        let request =
            AlterReplicaLogDirsRequest { dirs: dirs.into_iter().map(dir).collect(), ..Default::default() };
        let answer = self.call_at("moving replicas between directories", Some(broker), &request).await?;
        let mut results: ByPartition<()> = BTreeMap::new();
        for topic in &answer.results {
            for partition in &topic.partitions {
                let key = TopicPartition::new(&*topic.topic_name, partition.partition_index);
                results.insert(key, ClientError::check(partition.error_code, None));
            }
        }
        for partition in moves.keys() {
            let missing = || Err(ClientError::Broker { code: ErrorCode::UnknownServerError, message: None });
            results.entry(partition.clone()).or_insert_with(missing);
        }
        Ok(results)
    }
}
