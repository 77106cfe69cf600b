//! Beginning and ending an epoch, and learning of one from any message.

use crate::machine::Raft;
use crate::message::{Action, RaftRequest, Server};
use crate::role::Role;
use crate::voters::ReplicaKey;
use crate::{METADATA_TOPIC, Now};
use klamm_protocol::ErrorCode;
use klamm_protocol::api::{begin_quorum_epoch as begin, end_quorum_epoch as end};
use std::time::Duration;

/// What every response tells of the quorum.
pub(crate) struct Heard {
    pub(crate) error: ErrorCode,
    pub(crate) leader: Option<i32>,
    pub(crate) epoch: i32,
    /// Where the leader is, if the response says so.
    pub(crate) server: Option<Server>,
}

impl Raft {
    /// Requests that only voters send: not from an epoch that is over.
    pub(crate) const fn check_voter_request(&self, from: i32, epoch: i32) -> Result<(), ErrorCode> {
        if epoch < self.epoch {
            Err(ErrorCode::FencedLeaderEpoch)
        } else if from < 0 || epoch == i32::MAX {
            // No epoch could follow that one: nobody could ever be elected again.
            Err(ErrorCode::InvalidRequest)
        } else {
            Ok(())
        }
    }

    /// Requests that only the leader answers: of this very epoch.
    pub(crate) const fn check_leader_request(&self, epoch: i32) -> Result<(), ErrorCode> {
        if epoch < self.epoch {
            Err(ErrorCode::FencedLeaderEpoch)
        } else if epoch > self.epoch {
            Err(ErrorCode::UnknownLeaderEpoch)
        } else if !self.is_leader() {
            Err(ErrorCode::NotLeaderOrFollower)
        } else if self.is_shutting_down() {
            Err(ErrorCode::BrokerNotAvailable)
        } else {
            Ok(())
        }
    }

    /// Takes over an epoch and a leader that somebody told of, if they are news.
    fn learn(
        &mut self,
        now: Now,
        epoch: i32,
        leader: Option<i32>,
        server: Option<Server>,
        actions: &mut Vec<Action>,
    ) {
        let server = leader
            .filter(|id| *id != self.config.node_id)
            .and_then(|id| server.filter(|server| server.id == id).or_else(|| self.voter_server(id)));
        if epoch > self.epoch {
            match server {
                Some(server) => self.become_follower(now, epoch, server, actions),
                None => self.become_unattached(
                    now,
                    epoch,
                    leader.filter(|id| *id != self.config.node_id),
                    actions,
                ),
            }
        } else if epoch == self.epoch
            && let Some(server) = server
            && matches!(
                self.role,
                Role::Unattached { .. } | Role::Prospective { .. } | Role::Candidate { .. }
            )
        {
            self.become_follower(now, epoch, server, actions);
        }
    }

    /// What every response may tell. Returns true if nothing else is to be read from it.
    pub(crate) fn handle_common(&mut self, now: Now, heard: Heard, actions: &mut Vec<Action>) -> bool {
        let Heard { error, leader, epoch, server } = heard;
        if epoch < self.epoch || epoch == i32::MAX || error == ErrorCode::UnknownLeaderEpoch {
            // Our epoch is the newer one and the answer is about the past, or the answer makes no sense.
            return true;
        }
        if epoch > self.epoch
            || matches!(error, ErrorCode::FencedLeaderEpoch | ErrorCode::NotLeaderOrFollower)
        {
            self.learn(now, epoch, leader, server, actions);
            return true;
        }
        if leader.is_some() && self.leader_id().is_none() {
            // An observer finds the leader and gets records with one and the same fetch.
            self.learn(now, epoch, leader, server, actions);
            return error != ErrorCode::None;
        }
        matches!(
            error,
            ErrorCode::BrokerNotAvailable | ErrorCode::InvalidVoterKey | ErrorCode::InvalidRequest
        )
    }

    pub(crate) fn poll_leader(&mut self, now: Now, actions: &mut Vec<Action>) {
        let own_timeout = self.config.fetch_timeout;
        let Role::Leader(leader) = &mut self.role else { return };
        leader.forget_idle_observers(now.monotonic);
        let alone = leader.voters.len() <= 1;
        if leader.resign || (!alone && now.monotonic >= leader.check_quorum_deadline) {
            return self.become_resigned(now, actions);
        }
        self.expire_fetches(now, actions);
        let Role::Leader(leader) = &mut self.role else { return };
        if alone || now.monotonic < leader.begin_epoch_deadline {
            return;
        }
        let half = own_timeout / 2;
        leader.begin_epoch_deadline = now.monotonic + half;
        let silent: Vec<ReplicaKey> = leader
            .voters
            .values()
            .filter(|replica| replica.last_fetch_at.is_none_or(|at| now.monotonic >= at + half))
            .map(|replica| replica.key)
            .filter(|key| key.id != self.config.node_id)
            .collect();
        for key in silent {
            if let Some(server) = self.voter_server(key.id) {
                self.send(now, server, |raft| raft.begin_epoch_request(key), actions);
            }
        }
    }

    fn begin_epoch_request(&self, voter: ReplicaKey) -> RaftRequest {
        RaftRequest::BeginQuorumEpoch(begin::BeginQuorumEpochRequest {
            cluster_id: Some(self.config.cluster_id.clone()),
            voter_id: voter.id,
            topics: vec![begin::BeginQuorumEpochRequestTopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![begin::BeginQuorumEpochRequestPartitionData {
                    partition_index: 0,
                    voter_directory_id: voter.wire_directory_id(),
                    leader_id: self.config.node_id,
                    leader_epoch: self.epoch,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            leader_endpoints: self
                .config
                .advertised
                .iter()
                .map(|endpoint| begin::LeaderEndpoint {
                    name: endpoint.listener.clone(),
                    host: endpoint.host.clone(),
                    port: endpoint.port,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        })
    }

    pub(crate) fn handle_begin_epoch(
        &mut self,
        now: Now,
        listener: &str,
        request: &begin::BeginQuorumEpochRequest,
        actions: &mut Vec<Action>,
    ) -> begin::BeginQuorumEpochResponse {
        let top_level = |error: ErrorCode| begin::BeginQuorumEpochResponse {
            error_code: error.code(),
            ..Default::default()
        };
        if request.cluster_id.as_ref().is_some_and(|id| *id != self.config.cluster_id) {
            return top_level(ErrorCode::InconsistentClusterId);
        }
        let Some(partition) = request
            .topics
            .iter()
            .find(|topic| topic.topic_name == *METADATA_TOPIC)
            .and_then(|topic| topic.partitions.iter().find(|partition| partition.partition_index == 0))
        else {
            return top_level(ErrorCode::InvalidRequest);
        };
        let mut error = ErrorCode::None;
        match self.check_voter_request(partition.leader_id, partition.leader_epoch) {
            Err(refused) => error = refused,
            Ok(()) => {
                let mut endpoints = request.leader_endpoints.iter();
                let endpoint = endpoints
                    .find(|endpoint| endpoint.name == self.config.listener)
                    .or_else(|| request.leader_endpoints.first());
                let id = partition.leader_id;
                let server =
                    endpoint.map(|endpoint| Server { id, host: endpoint.host.clone(), port: endpoint.port });
                self.learn(now, partition.leader_epoch, Some(id), server, actions);
                let voter = ReplicaKey::from_wire(request.voter_id, partition.voter_directory_id);
                if voter.id >= 0 && !voter.matches(&self.config.replica_key()) {
                    error = ErrorCode::InvalidVoterKey;
                }
            }
        }
        begin::BeginQuorumEpochResponse {
            topics: vec![begin::BeginQuorumEpochResponseTopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![begin::BeginQuorumEpochResponsePartitionData {
                    partition_index: 0,
                    error_code: error.code(),
                    leader_id: self.leader_id().unwrap_or(-1),
                    leader_epoch: self.epoch,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            node_endpoints: self
                .leader_endpoint(listener)
                .map(|(node_id, endpoint)| begin::NodeEndpoint {
                    node_id,
                    host: endpoint.host,
                    port: endpoint.port,
                    ..Default::default()
                })
                .into_iter()
                .collect(),
            ..Default::default()
        }
    }

    pub(crate) fn handle_begin_epoch_response(
        &mut self,
        now: Now,
        from: i32,
        response: &begin::BeginQuorumEpochResponse,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some(partition) = response.topics.first().and_then(|topic| topic.partitions.first()) else {
            return false;
        };
        let leader = (partition.leader_id >= 0).then_some(partition.leader_id);
        let endpoint = response.node_endpoints.iter().find(|node| Some(node.node_id) == leader);
        let server =
            endpoint.map(|node| Server { id: node.node_id, host: node.host.clone(), port: node.port });
        let error = ErrorCode::from_code(partition.error_code);
        let heard = Heard { error, leader, epoch: partition.leader_epoch, server };
        if self.handle_common(now, heard, actions) || error != ErrorCode::None {
            return false;
        }
        if let Role::Leader(leader) = &mut self.role
            && let Some(replica) = leader.voters.get_mut(&from)
        {
            replica.acknowledged = true;
        }
        true
    }

    pub(crate) fn poll_resigned(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Role::Resigned { unacknowledged, election_deadline, .. } = &self.role else { return };
        if now.monotonic >= *election_deadline && !self.is_shutting_down() {
            // In this epoch we can neither lead nor follow: it must not name us as leader to others any longer.
            let (voter, only) = (self.is_voter(), self.voters().len() == 1);
            if voter && only {
                return self.become_prospective(now, actions);
            }
            return self.become_unattached(now, self.epoch + 1, None, actions);
        }
        let waiting: Vec<i32> = unacknowledged.iter().copied().collect();
        for id in waiting {
            if let Some(server) = self.voter_server(id) {
                self.send(now, server, Self::end_epoch_request, actions);
            }
        }
    }

    fn end_epoch_request(&self) -> RaftRequest {
        let successors = match &self.role {
            Role::Resigned { successors, .. } => successors.as_slice(),
            _ => &[],
        };
        RaftRequest::EndQuorumEpoch(end::EndQuorumEpochRequest {
            cluster_id: Some(self.config.cluster_id.clone()),
            topics: vec![end::EndQuorumEpochRequestTopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![end::EndQuorumEpochRequestPartitionData {
                    partition_index: 0,
                    leader_id: self.config.node_id,
                    leader_epoch: self.epoch,
                    preferred_successors: successors.iter().map(|key| key.id).collect(),
                    preferred_candidates: successors
                        .iter()
                        .map(|key| end::ReplicaInfo {
                            candidate_id: key.id,
                            candidate_directory_id: key.wire_directory_id(),
                            ..Default::default()
                        })
                        .collect(),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            leader_endpoints: self
                .config
                .advertised
                .iter()
                .map(|endpoint| end::LeaderEndpoint {
                    name: endpoint.listener.clone(),
                    host: endpoint.host.clone(),
                    port: endpoint.port,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        })
    }

    pub(crate) fn handle_end_epoch(
        &mut self,
        now: Now,
        listener: &str,
        request: &end::EndQuorumEpochRequest,
        actions: &mut Vec<Action>,
    ) -> end::EndQuorumEpochResponse {
        let top_level =
            |error: ErrorCode| end::EndQuorumEpochResponse { error_code: error.code(), ..Default::default() };
        if request.cluster_id.as_ref().is_some_and(|id| *id != self.config.cluster_id) {
            return top_level(ErrorCode::InconsistentClusterId);
        }
        let Some(partition) = request
            .topics
            .iter()
            .find(|topic| topic.topic_name == *METADATA_TOPIC)
            .and_then(|topic| topic.partitions.iter().find(|partition| partition.partition_index == 0))
        else {
            return top_level(ErrorCode::InvalidRequest);
        };
        let error = match self.check_voter_request(partition.leader_id, partition.leader_epoch) {
            Err(refused) => refused,
            Ok(()) => {
                let id = partition.leader_id;
                let endpoint = request.leader_endpoints.first();
                let server =
                    endpoint.map(|endpoint| Server { id, host: endpoint.host.clone(), port: endpoint.port });
                self.learn(now, partition.leader_epoch, Some(id), server, actions);
                self.succeed_resigned(now, id, partition);
                ErrorCode::None
            }
        };
        end::EndQuorumEpochResponse {
            topics: vec![end::EndQuorumEpochResponseTopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![end::EndQuorumEpochResponsePartitionData {
                    partition_index: 0,
                    error_code: error.code(),
                    leader_id: self.leader_id().unwrap_or(-1),
                    leader_epoch: self.epoch,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            node_endpoints: self
                .leader_endpoint(listener)
                .map(|(node_id, endpoint)| end::NodeEndpoint {
                    node_id,
                    host: endpoint.host,
                    port: endpoint.port,
                    ..Default::default()
                })
                .into_iter()
                .collect(),
            ..Default::default()
        }
    }

    /// The leader goes: the voter it named first stands at once, the others later the further down they are.
    fn succeed_resigned(&mut self, now: Now, leader: i32, request: &end::EndQuorumEpochRequestPartitionData) {
        let own = self.config.replica_key();
        let candidates: Vec<ReplicaKey> = if request.preferred_candidates.is_empty() {
            request.preferred_successors.iter().map(|id| ReplicaKey { id: *id, directory_id: None }).collect()
        } else {
            let key = |info: &end::ReplicaInfo| {
                ReplicaKey::from_wire(info.candidate_id, info.candidate_directory_id)
            };
            request.preferred_candidates.iter().map(key).collect()
        };
        let position = candidates.iter().position(|key| key.matches(&own)).unwrap_or(candidates.len());
        let backoff = succession_backoff(position, candidates.len(), self.config.election_backoff_max);
        if let Role::Follower(follower) = &mut self.role
            && follower.leader.id == leader
        {
            follower.fetch_deadline = now.monotonic + backoff;
        }
    }

    pub(crate) fn handle_end_epoch_response(
        &mut self,
        now: Now,
        from: i32,
        response: &end::EndQuorumEpochResponse,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some(partition) = response.topics.first().and_then(|topic| topic.partitions.first()) else {
            return false;
        };
        let leader = (partition.leader_id >= 0).then_some(partition.leader_id);
        let endpoint = response.node_endpoints.iter().find(|node| Some(node.node_id) == leader);
        let server =
            endpoint.map(|node| Server { id: node.node_id, host: node.host.clone(), port: node.port });
        let error = ErrorCode::from_code(partition.error_code);
        let heard = Heard { error, leader, epoch: partition.leader_epoch, server };
        if self.handle_common(now, heard, actions) || error != ErrorCode::None {
            return false;
        }
        if let Role::Resigned { unacknowledged, .. } = &mut self.role {
            unacknowledged.remove(&from);
        }
        true
    }
}

/// How long a successor waits before it stands: not at all for the first, then doubling up to `max` for the last.
fn succession_backoff(position: usize, count: usize, max: Duration) -> Duration {
    if position == 0 && count > 0 {
        return Duration::ZERO;
    }
    if position >= count {
        return max;
    }
    let halvings = u32::try_from(count - position).unwrap_or(u32::MAX).min(31);
    max / 2u32.saturating_pow(halvings)
}
