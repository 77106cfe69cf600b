//! The metadata quorum: its state, and its voters (KIP-853).

use std::collections::BTreeMap;

use klamm_protocol::{
    StrBytes, Uuid,
    api::{
        add_raft_voter::{AddRaftVoterRequest, Listener},
        describe_quorum::{
            DescribeQuorumRequest, DescribeQuorumRequestPartitionData, DescribeQuorumRequestTopicData,
            ReplicaState,
        },
        remove_raft_voter::RemoveRaftVoterRequest,
    },
};

use super::{Admin, text};
use crate::ClientError;

/// The state of the metadata quorum.
#[derive(Clone, Debug, PartialEq)]
pub struct QuorumDescription {
    /// Id of the leader.
    pub leader_id: i32,
    /// Its epoch.
    pub leader_epoch: i32,
    /// High watermark of the metadata log.
    pub high_watermark: i64,
    /// Replicas that vote.
    pub voters: Vec<ReplicaState>,
    /// Replicas that only follow.
    pub observers: Vec<ReplicaState>,
    /// Endpoints of the controllers: id, then listener name, host and port.
    pub nodes: BTreeMap<i32, Vec<(String, String, u16)>>,
}

/// Where a controller can be reached: name of the listener, host, port.
pub type VoterEndpoint = (String, String, u16);

impl Admin {
    /// Makes a controller that follows the quorum a voter of it.
    ///
    /// # Errors
    /// If the quorum's leader refuses or does not answer.
    pub async fn add_raft_voter(
        &self,
        id: i32,
        directory_id: Uuid,
        endpoints: &[VoterEndpoint],
    ) -> Result<(), ClientError> {
        let listeners = endpoints.iter().map(|(name, host, port)| Listener {
            name: StrBytes::from(name.clone()),
            host: StrBytes::from(host.clone()),
            port: *port,
            ..Default::default()
        });
        let request = AddRaftVoterRequest {
            cluster_id: None,
            timeout_ms: self.timeout_ms(),
            voter_id: id,
            voter_directory_id: directory_id,
            listeners: listeners.collect(),
            ..Default::default()
        };
        let answer = self.call_at("adding a voter", None, &request).await?;
        ClientError::check(answer.error_code, text(&answer.error_message))
    }

    /// Takes a controller out of the quorum's voters.
    ///
    /// # Errors
    /// If the quorum's leader refuses or does not answer.
    pub async fn remove_raft_voter(&self, id: i32, directory_id: Uuid) -> Result<(), ClientError> {
        let request = RemoveRaftVoterRequest {
            cluster_id: None,
            voter_id: id,
            voter_directory_id: directory_id,
            ..Default::default()
        };
        let answer = self.call_at("removing a voter", None, &request).await?;
        ClientError::check(answer.error_code, text(&answer.error_message))
    }

    /// The state of the metadata quorum.
    ///
    /// # Errors
    /// If the quorum's leader cannot be asked.
    pub async fn describe_quorum(&self) -> Result<QuorumDescription, ClientError> {
        let request = DescribeQuorumRequest {
            topics: vec![DescribeQuorumRequestTopicData {
                topic_name: StrBytes::from_static("__cluster_metadata"),
                partitions: vec![DescribeQuorumRequestPartitionData::default()],
                ..Default::default()
            }],
            ..Default::default()
        };
        let answer = self.call_at("describing the metadata quorum", None, &request).await?;
        ClientError::check(answer.error_code, text(&answer.error_message))?;
        let partition = answer.topics.into_iter().flat_map(|topic| topic.partitions).next();
        let Some(partition) = partition else {
            return Err(ClientError::Invalid("the answer does not describe the quorum".to_owned()));
        };
        ClientError::check(partition.error_code, text(&partition.error_message))?;
        let endpoints = answer.nodes.iter().map(|node| {
            let listeners = node.listeners.iter().map(|l| (l.name.to_string(), l.host.to_string(), l.port));
            (node.node_id, listeners.collect())
        });
        Ok(QuorumDescription {
            leader_id: partition.leader_id,
            leader_epoch: partition.leader_epoch,
            high_watermark: partition.high_watermark,
            voters: partition.current_voters,
            observers: partition.observers,
            nodes: endpoints.collect(),
        })
    }
}
