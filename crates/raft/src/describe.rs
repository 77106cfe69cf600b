//! DescribeQuorum.

use crate::leader::Replica;
use crate::machine::Raft;
use crate::role::Role;
use crate::{METADATA_TOPIC, Now};
use klamm_protocol::ErrorCode;
use klamm_protocol::api::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, DescribeQuorumResponsePartitionData,
    DescribeQuorumResponseTopicData, Listener, Node, ReplicaState,
};

impl Raft {
    /// Observers that have fetched lately; 0 on a node that does not lead.
    pub fn observer_count(&self) -> usize {
        if let Role::Leader(leader) = &self.role { leader.observers.len() } else { 0 }
    }

    /// Whether the voters are being changed, and the change is not committed; false on a node that does not lead.
    pub const fn is_changing_voters(&self) -> bool {
        if let Role::Leader(leader) = &self.role { leader.change.is_some() } else { false }
    }

    /// Whether the configuration names voters that do not count, since the log has its own (KIP-853).
    pub fn ignores_static_voters(&self) -> bool {
        self.config.static_voters.iter().next().is_some() && self.control.voters().is_some()
    }

    /// Whom this node has voted for in this epoch.
    pub fn voted_id(&self) -> Option<i32> {
        self.voted.map(|voted| voted.id)
    }

    pub(crate) fn describe_quorum(
        &self,
        now: Now,
        request: &DescribeQuorumRequest,
    ) -> DescribeQuorumResponse {
        let asked = match request.topics.as_slice() {
            [topic] => {
                topic.topic_name == *METADATA_TOPIC
                    && matches!(topic.partitions.as_slice(), [partition] if partition.partition_index == 0)
            }
            _ => false,
        };
        if !asked {
            return unknown_partitions(request);
        }
        let mut partition = DescribeQuorumResponsePartitionData { partition_index: 0, ..Default::default() };
        let mut nodes = Vec::new();
        if let Role::Leader(leader) = &self.role {
            let state = |replica: &Replica| self.replica_state(now, replica);
            partition.leader_id = self.config.node_id;
            partition.leader_epoch = self.epoch;
            partition.high_watermark = leader.high_watermark.unwrap_or(-1);
            partition.current_voters = leader.voters.values().map(state).collect();
            partition.observers = leader.observers.values().map(state).collect();
            nodes = self.voters().iter().map(|voter| node(voter.key.id, &voter.endpoints)).collect();
        } else {
            let error = ErrorCode::NotLeaderOrFollower;
            partition.error_code = error.code();
            partition.error_message = Some(error.default_message().into());
        }
        DescribeQuorumResponse {
            topics: vec![DescribeQuorumResponseTopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![partition],
                ..Default::default()
            }],
            nodes,
            ..Default::default()
        }
    }

    fn replica_state(&self, now: Now, replica: &Replica) -> ReplicaState {
        let is_leader = replica.key.id == self.config.node_id;
        let at = |time| if is_leader { now.wall_ms } else { time };
        ReplicaState {
            replica_id: replica.key.id,
            replica_directory_id: replica.key.wire_directory_id(),
            log_end_offset: replica.end_offset.unwrap_or(-1),
            last_fetch_timestamp: at(replica.last_fetch_ms),
            last_caught_up_timestamp: at(replica.last_caught_up_ms),
            ..Default::default()
        }
    }
}

fn node(node_id: i32, endpoints: &[crate::Endpoint]) -> Node {
    let listeners = endpoints.iter().map(|endpoint| Listener {
        name: endpoint.listener.clone(),
        host: endpoint.host.clone(),
        port: endpoint.port,
        ..Default::default()
    });
    Node { node_id, listeners: listeners.collect(), ..Default::default() }
}

fn unknown_partitions(request: &DescribeQuorumRequest) -> DescribeQuorumResponse {
    let error = ErrorCode::UnknownTopicOrPartition;
    let topics = request.topics.iter().map(|topic| DescribeQuorumResponseTopicData {
        topic_name: topic.topic_name.clone(),
        partitions: topic
            .partitions
            .iter()
            .map(|partition| DescribeQuorumResponsePartitionData {
                partition_index: partition.partition_index,
                error_code: error.code(),
                error_message: Some(error.default_message().into()),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    });
    DescribeQuorumResponse { topics: topics.collect(), ..Default::default() }
}
