//! What the messages of the quorum's protocol have in common: cluster, partition, leader, endpoints.
//!
//! The schemas repeat the same fields under their own type names; here they get one face each for requests, answers and
//! what every answer tells of the leader.

use crate::METADATA_TOPIC;
use crate::config::Endpoint;
use crate::message::Server;
use klamm_protocol::api::{
    begin_quorum_epoch, end_quorum_epoch, fetch, fetch_snapshot, update_raft_voter, vote,
};
use klamm_protocol::{ErrorCode, StrBytes};

/// What every response tells of the quorum.
pub(crate) struct Heard {
    pub(crate) error: ErrorCode,
    pub(crate) leader: Option<i32>,
    pub(crate) epoch: i32,
    /// Where the leader is, if the response says so.
    pub(crate) server: Option<Server>,
}

impl Heard {
    fn new(
        error_code: i16,
        leader_id: i32,
        epoch: i32,
        mut endpoints: impl Iterator<Item = (i32, StrBytes, Option<u16>)>,
    ) -> Self {
        let leader = (leader_id >= 0).then_some(leader_id);
        let server = endpoints
            .find(|(id, ..)| Some(*id) == leader)
            .and_then(|(id, host, port)| Some(Server { id, host, port: port? }));
        Self { error: ErrorCode::from_code(error_code), leader, epoch, server }
    }
}

/// A request about the metadata partition.
pub(crate) trait QuorumRequest {
    type Partition;
    fn cluster_id(&self) -> Option<&StrBytes>;
    /// The one partition it is about; `None` if it is about another.
    fn partition(&self) -> Option<&Self::Partition>;
}

/// The answer to Vote, BeginQuorumEpoch or EndQuorumEpoch.
pub(crate) trait QuorumAnswer: Sized {
    /// Refuses the request as a whole.
    fn refused(error: ErrorCode) -> Self;
    fn new(error: ErrorCode, leader_id: Option<i32>, epoch: i32, endpoint: Option<(i32, Endpoint)>) -> Self;
}

/// An answer that tells who leads. `None` if it is not about the metadata partition.
pub(crate) trait TellsLeader {
    fn heard(&self) -> Option<Heard>;
}

macro_rules! request {
    ($module:ident::$request:ident, $partition:ident, $topic:ident, $index:ident) => {
        impl QuorumRequest for $module::$request {
            type Partition = $module::$partition;

            fn cluster_id(&self) -> Option<&StrBytes> {
                self.cluster_id.as_ref()
            }

            fn partition(&self) -> Option<&Self::Partition> {
                let topic = self.topics.iter().find(|topic| topic.$topic == *METADATA_TOPIC)?;
                topic.partitions.iter().find(|partition| partition.$index == 0)
            }
        }
    };
}

request!(vote::VoteRequest, VoteRequestPartitionData, topic_name, partition_index);
request!(
    begin_quorum_epoch::BeginQuorumEpochRequest,
    BeginQuorumEpochRequestPartitionData,
    topic_name,
    partition_index
);
request!(
    end_quorum_epoch::EndQuorumEpochRequest,
    EndQuorumEpochRequestPartitionData,
    topic_name,
    partition_index
);
request!(fetch_snapshot::FetchSnapshotRequest, FetchSnapshotRequestPartitionSnapshot, name, partition);

macro_rules! answer {
    ($module:ident::$response:ident, $topic:ident, $partition:ident) => {
        impl QuorumAnswer for $module::$response {
            fn refused(error: ErrorCode) -> Self {
                Self { error_code: error.code(), ..Default::default() }
            }

            fn new(
                error: ErrorCode,
                leader_id: Option<i32>,
                epoch: i32,
                endpoint: Option<(i32, Endpoint)>,
            ) -> Self {
                let partition = $module::$partition {
                    partition_index: 0,
                    error_code: error.code(),
                    leader_id: leader_id.unwrap_or(-1),
                    leader_epoch: epoch,
                    ..Default::default()
                };
                Self {
                    topics: vec![$module::$topic {
                        topic_name: METADATA_TOPIC.into(),
                        partitions: vec![partition],
                        ..Default::default()
                    }],
                    node_endpoints: endpoint
                        .into_iter()
                        .map(|(node_id, Endpoint { host, port, .. })| $module::NodeEndpoint {
                            node_id,
                            host,
                            port,
                            ..Default::default()
                        })
                        .collect(),
                    ..Default::default()
                }
            }
        }

        impl TellsLeader for $module::$response {
            fn heard(&self) -> Option<Heard> {
                let partition = self.topics.first()?.partitions.first()?;
                let endpoints =
                    self.node_endpoints.iter().map(|node| (node.node_id, node.host.clone(), Some(node.port)));
                Some(Heard::new(partition.error_code, partition.leader_id, partition.leader_epoch, endpoints))
            }
        }
    };
}

answer!(vote::VoteResponse, VoteResponseTopicData, VoteResponsePartitionData);
answer!(
    begin_quorum_epoch::BeginQuorumEpochResponse,
    BeginQuorumEpochResponseTopicData,
    BeginQuorumEpochResponsePartitionData
);
answer!(
    end_quorum_epoch::EndQuorumEpochResponse,
    EndQuorumEpochResponseTopicData,
    EndQuorumEpochResponsePartitionData
);

impl TellsLeader for fetch::FetchResponse {
    fn heard(&self) -> Option<Heard> {
        let partition = self.responses.first()?.partitions.first()?;
        let (leader, nodes) = (&partition.current_leader, &self.node_endpoints);
        let endpoints =
            nodes.iter().map(|node| (node.node_id, node.host.clone(), u16::try_from(node.port).ok()));
        Some(Heard::new(partition.error_code, leader.leader_id, leader.leader_epoch, endpoints))
    }
}

impl TellsLeader for fetch_snapshot::FetchSnapshotResponse {
    fn heard(&self) -> Option<Heard> {
        let partition = self.topics.first()?.partitions.first()?;
        let (leader, nodes) = (&partition.current_leader, &self.node_endpoints);
        let endpoints = nodes.iter().map(|node| (node.node_id, node.host.clone(), Some(node.port)));
        Some(Heard::new(partition.error_code, leader.leader_id, leader.leader_epoch, endpoints))
    }
}

impl TellsLeader for update_raft_voter::UpdateRaftVoterResponse {
    fn heard(&self) -> Option<Heard> {
        let leader = &self.current_leader;
        let port = u16::try_from(leader.port).ok();
        let endpoint = (!leader.host.is_empty()).then(|| (leader.leader_id, leader.host.clone(), port));
        Some(Heard::new(self.error_code, leader.leader_id, leader.leader_epoch, endpoint.into_iter()))
    }
}

/// The endpoints of a list in a message, in our own form.
macro_rules! endpoints_of {
    ($list:expr) => {
        $list.iter().map(|endpoint| $crate::config::Endpoint {
            listener: endpoint.name.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
        })
    };
}
pub(crate) use endpoints_of;

/// Our endpoints as a list in a message.
macro_rules! endpoint_list {
    ($endpoints:expr, $module:ident::$message:ident) => {
        $endpoints
            .iter()
            .map(|endpoint| $module::$message {
                name: endpoint.listener.clone(),
                host: endpoint.host.clone(),
                port: endpoint.port,
                ..Default::default()
            })
            .collect()
    };
}
pub(crate) use endpoint_list;
