//! Brokers, controllers, their directories and versions.

use std::sync::Arc;

use klamm_protocol::{
    StrBytes,
    api::{
        api_versions::ApiVersionsResponse,
        describe_cluster::DescribeClusterRequest,
        describe_log_dirs::{DescribableLogDirTopic, DescribeLogDirsRequest},
        unregister_broker::UnregisterBrokerRequest,
    },
};

use super::{Admin, text};
use crate::{
    ClientError,
    cluster::{CONTROLLER_ENDPOINTS, TopicSelection},
};

/// A broker, or a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDescription {
    /// Its id.
    pub id: i32,
    /// Its host on the listener that was asked.
    pub host: String,
    /// Its port there.
    pub port: i32,
    /// Its rack.
    pub rack: Option<String>,
    /// Whether it is fenced: registered, but not serving.
    pub is_fenced: bool,
}

/// A cluster's nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id.
    pub cluster_id: String,
    /// The node to send changes to; -1 if unknown.
    pub controller_id: i32,
    /// Its brokers.
    pub brokers: Vec<NodeDescription>,
}

/// A directory of a broker.
#[derive(Clone, Debug, PartialEq)]
pub struct LogDir {
    /// Its path.
    pub path: String,
    /// What is wrong with it.
    pub error: Option<ClientError>,
    /// Replicas in it: topic, partition, bytes, lag, whether it is a future replica.
    pub replicas: Vec<(String, i32, i64, i64, bool)>,
}

/// What a broker serves.
#[derive(Clone, Debug)]
pub struct BrokerApis {
    /// The broker.
    pub node: NodeDescription,
    /// Its answer to ApiVersions, or why there is none.
    pub versions: Result<Arc<ApiVersionsResponse>, ClientError>,
}

impl Admin {
    /// Describes the cluster's nodes.
    ///
    /// # Errors
    /// If no broker answers.
    pub async fn describe_cluster(&self, with_fenced: bool) -> Result<ClusterDescription, ClientError> {
        let mut request =
            DescribeClusterRequest { include_fenced_brokers: with_fenced, ..Default::default() };
        if self.cluster.asks_controllers() {
            request.endpoint_type = CONTROLLER_ENDPOINTS;
        }
        let answer = self.call_at("describing the cluster", None, &request).await?;
        ClientError::check(answer.error_code, text(&answer.error_message))?;
        let brokers = answer.brokers.iter().map(|broker| NodeDescription {
            id: broker.broker_id,
            host: broker.host.to_string(),
            port: broker.port,
            rack: broker.rack.as_ref().map(ToString::to_string),
            is_fenced: broker.is_fenced,
        });
        Ok(ClusterDescription {
            cluster_id: answer.cluster_id.to_string(),
            controller_id: answer.controller_id,
            brokers: brokers.collect(),
        })
    }

    /// Takes a broker that is gone out of the cluster's metadata.
    ///
    /// # Errors
    /// If the controller refuses or does not answer.
    pub async fn unregister_broker(&self, broker: i32) -> Result<(), ClientError> {
        let request = UnregisterBrokerRequest { broker_id: broker, ..Default::default() };
        let answer = self.call_at("unregistering a broker", None, &request).await?;
        ClientError::check(answer.error_code, text(&answer.error_message))
    }

    /// The directories of a broker; `topics` limits the replicas that are named.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub async fn describe_log_dirs(
        &self,
        broker: i32,
        topics: Option<&[(String, Vec<i32>)]>,
    ) -> Result<Vec<LogDir>, ClientError> {
        let topics = topics.map(|topics| {
            let topic = |(name, partitions): &(String, Vec<i32>)| DescribableLogDirTopic {
                topic: StrBytes::from(name.clone()),
                partitions: partitions.clone(),
                ..Default::default()
            };
            topics.iter().map(topic).collect()
        });
        let request = DescribeLogDirsRequest { topics, ..Default::default() };
        let answer = self.call_at("describing log dirs", Some(broker), &request).await?;
        ClientError::check(answer.error_code, None)?;
        let dir = |dir: &klamm_protocol::api::describe_log_dirs::DescribeLogDirsResult| LogDir {
            path: dir.log_dir.to_string(),
            error: ClientError::check(dir.error_code, None).err(),
            replicas: dir
                .topics
                .iter()
                .flat_map(|topic| {
                    topic.partitions.iter().map(|p| {
                        (
                            topic.name.to_string(),
                            p.partition_index,
                            p.partition_size,
                            p.offset_lag,
                            p.is_future_key,
                        )
                    })
                })
                .collect(),
        };
        Ok(answer.results.iter().map(dir).collect())
    }

    /// What each broker serves. A broker that cannot be reached has its error.
    ///
    /// # Errors
    /// If no broker answers at all.
    pub async fn broker_apis(&self) -> Result<Vec<BrokerApis>, ClientError> {
        let metadata = self
            .cluster
            .retrying("asking for the brokers", self.cluster.api_timeout(), || {
                self.cluster.refresh(TopicSelection::None)
            })
            .await?;
        let mut found = Vec::new();
        for broker in metadata.brokers.values() {
            let versions = self.cluster.connection(broker.id).await;
            found.push(BrokerApis {
                node: NodeDescription {
                    id: broker.id,
                    host: broker.host.clone(),
                    port: broker.port.into(),
                    rack: broker.rack.clone(),
                    is_fenced: false,
                },
                versions: versions.map(|connection| Arc::new(connection.api_versions().clone())),
            });
        }
        Ok(found)
    }
}
