//! Votes: becoming leader, and letting others.

use crate::epochs::Heard;
use crate::log_state::OffsetAndEpoch;
use crate::machine::Raft;
use crate::message::{Action, RaftRequest, Server};
use crate::role::{Follower, Role, Votes};
use crate::voters::ReplicaKey;
use crate::{METADATA_TOPIC, Now};
use klamm_protocol::ErrorCode;
use klamm_protocol::api::vote::{
    NodeEndpoint, VoteRequest, VoteRequestPartitionData, VoteRequestTopicData, VoteResponse,
    VoteResponsePartitionData, VoteResponseTopicData,
};
use std::time::Duration;

impl Raft {
    pub(crate) fn become_prospective(&mut self, now: Now, actions: &mut Vec<Action>) {
        let election_deadline = now.monotonic + self.random_election_timeout();
        let votes = Votes::own(self.config.node_id);
        let won = votes.is_won(self.voters());
        self.role = Role::Prospective { leader: self.leader_server(), votes, election_deadline };
        self.peers.reset();
        if won {
            self.become_candidate(now, actions);
        } else {
            self.poll_nominee(now, actions);
        }
    }

    pub(crate) fn become_candidate(&mut self, now: Now, actions: &mut Vec<Action>) {
        let election_deadline = now.monotonic + self.random_election_timeout();
        let votes = Votes::own(self.config.node_id);
        let won = votes.is_won(self.voters());
        self.epoch += 1;
        self.voted = Some(self.config.replica_key());
        self.role = Role::Candidate { votes, election_deadline };
        self.peers.reset();
        self.persist(actions);
        self.announce_leader(actions);
        if won {
            self.become_leader(now, actions);
        } else {
            self.poll_nominee(now, actions);
        }
    }

    /// To an epoch without a known leader; `epoch` may be the current one only for a prospective that has lost.
    pub(crate) fn become_unattached(
        &mut self,
        now: Now,
        epoch: i32,
        leader: Option<i32>,
        actions: &mut Vec<Action>,
    ) {
        assert!(epoch >= self.epoch, "epochs never go back");
        let fresh = now.monotonic + self.random_election_timeout();
        // Who was waiting for an election goes on waiting from where it was.
        let election_deadline = match &self.role {
            Role::Unattached { election_deadline, .. } => election_deadline.unwrap_or(fresh),
            Role::Candidate { election_deadline, .. } | Role::Resigned { election_deadline, .. } => {
                *election_deadline
            }
            Role::Prospective { votes, election_deadline, .. } if !votes.is_lost(self.voters()) => {
                (*election_deadline).max(now.monotonic)
            }
            _ => fresh,
        };
        self.abandon_fetches(ErrorCode::NotLeaderOrFollower, actions);
        if epoch > self.epoch {
            self.voted = None;
        }
        self.epoch = epoch;
        let election_deadline = self.is_voter().then_some(election_deadline);
        self.role = Role::Unattached { leader, election_deadline };
        self.peers.reset();
        self.persist(actions);
        self.announce_leader(actions);
    }

    pub(crate) fn become_follower(
        &mut self,
        now: Now,
        epoch: i32,
        leader: Server,
        actions: &mut Vec<Action>,
    ) {
        assert!(epoch >= self.epoch && leader.id != self.config.node_id, "an epoch has one leader");
        self.abandon_fetches(ErrorCode::NotLeaderOrFollower, actions);
        if epoch > self.epoch {
            self.voted = None;
        }
        self.epoch = epoch;
        self.role = Role::Follower(Follower::new(leader, now.monotonic + self.config.fetch_timeout));
        self.peers.reset();
        self.persist(actions);
        self.announce_leader(actions);
    }

    pub(crate) fn become_resigned(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Role::Leader(leader) = &self.role else { return };
        let successors = leader.successors();
        self.abandon_fetches(ErrorCode::NotLeaderOrFollower, actions);
        let election_deadline = now.monotonic + self.random_election_timeout();
        let unacknowledged = self.other_voters().map(|key| key.id).collect();
        self.role = Role::Resigned { unacknowledged, successors, election_deadline };
        self.peers.reset();
        self.announce_leader(actions);
        self.poll_resigned(now, actions);
    }

    pub(crate) fn poll_unattached(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Role::Unattached { election_deadline, .. } = self.role else { return };
        if election_deadline.is_some_and(|deadline| now.monotonic >= deadline) && self.is_voter() {
            return self.become_prospective(now, actions);
        }
        self.fetch_from_bootstrap(now, actions);
    }

    pub(crate) fn poll_nominee(&mut self, now: Now, actions: &mut Vec<Action>) {
        let (votes, deadline, pre_vote) = match &self.role {
            Role::Prospective { votes, election_deadline, .. } => (votes.clone(), *election_deadline, true),
            Role::Candidate { votes, election_deadline } => (votes.clone(), *election_deadline, false),
            _ => return,
        };
        if now.monotonic >= deadline && !self.is_shutting_down() {
            return if pre_vote {
                self.lose_pre_vote(now, actions)
            } else {
                self.become_prospective(now, actions)
            };
        }
        if votes.is_lost(self.voters()) {
            return;
        }
        let open: Vec<ReplicaKey> = self.other_voters().filter(|key| votes.is_open(key.id)).collect();
        for key in open {
            if let Some(server) = self.voter_server(key.id) {
                self.send(now, server, |raft| raft.vote_request(key, pre_vote), actions);
            }
        }
    }

    fn vote_request(&self, voter: ReplicaKey, pre_vote: bool) -> RaftRequest {
        let end = self.log.end();
        RaftRequest::Vote(VoteRequest {
            cluster_id: Some(self.config.cluster_id.clone()),
            voter_id: voter.id,
            topics: vec![VoteRequestTopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![VoteRequestPartitionData {
                    partition_index: 0,
                    replica_epoch: self.epoch,
                    replica_id: self.config.node_id,
                    replica_directory_id: self.config.directory_id,
                    voter_directory_id: voter.wire_directory_id(),
                    last_offset_epoch: end.epoch,
                    last_offset: end.offset,
                    pre_vote,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        })
    }

    /// A prospective that cannot win goes back to the leader it knew, or waits.
    fn lose_pre_vote(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Role::Prospective { leader, .. } = &self.role else { return };
        match leader.clone() {
            Some(leader) => self.become_follower(now, self.epoch, leader, actions),
            None => self.become_unattached(now, self.epoch, None, actions),
        }
    }

    pub(crate) fn handle_vote(
        &mut self,
        now: Now,
        listener: &str,
        request: &VoteRequest,
        actions: &mut Vec<Action>,
    ) -> VoteResponse {
        let top_level = |error: ErrorCode| VoteResponse { error_code: error.code(), ..Default::default() };
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
        let (error, granted) = match self.decide_vote(now, request.voter_id, partition, actions) {
            Ok(granted) => (ErrorCode::None, granted),
            Err(error) => (error, false),
        };
        VoteResponse {
            topics: vec![VoteResponseTopicData {
                topic_name: METADATA_TOPIC.into(),
                partitions: vec![VoteResponsePartitionData {
                    partition_index: 0,
                    error_code: error.code(),
                    leader_id: self.leader_id().unwrap_or(-1),
                    leader_epoch: self.epoch,
                    vote_granted: granted,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            node_endpoints: self
                .leader_endpoint(listener)
                .map(|(node_id, endpoint)| NodeEndpoint {
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

    fn decide_vote(
        &mut self,
        now: Now,
        voter_id: i32,
        request: &VoteRequestPartitionData,
        actions: &mut Vec<Action>,
    ) -> Result<bool, ErrorCode> {
        let (last_epoch, last_offset) = (request.last_offset_epoch, request.last_offset);
        let illegal_epoch = if request.pre_vote {
            last_epoch > request.replica_epoch
        } else {
            last_epoch >= request.replica_epoch
        };
        if last_offset < 0 || last_epoch < 0 || illegal_epoch {
            return Err(ErrorCode::InvalidRequest);
        }
        self.check_voter_request(request.replica_id, request.replica_epoch)?;
        if request.replica_epoch > self.epoch {
            self.become_unattached(now, request.replica_epoch, None, actions);
        }
        let own = self.config.replica_key();
        if voter_id >= 0 && !ReplicaKey::from_wire(voter_id, request.voter_directory_id).matches(&own) {
            return Err(ErrorCode::InvalidVoterKey);
        }
        let candidate = ReplicaKey::from_wire(request.replica_id, request.replica_directory_id);
        let up_to_date = OffsetAndEpoch { offset: last_offset, epoch: last_epoch } >= self.log.end();
        let granted = self.can_grant(&candidate, up_to_date, request.pre_vote);
        if granted && !request.pre_vote {
            self.vote_for(now, candidate, actions);
        }
        Ok(granted)
    }

    fn can_grant(&self, candidate: &ReplicaKey, up_to_date: bool, pre_vote: bool) -> bool {
        let knows_leader = match &self.role {
            // A leader grants nothing: whoever asks has to learn of it first.
            Role::Leader(_) => return false,
            // A follower in touch with the leader does not help to depose it (KIP-996).
            Role::Follower(follower) => return pre_vote && up_to_date && !follower.has_fetched,
            Role::Candidate { .. } | Role::Resigned { .. } => return pre_vote && up_to_date,
            Role::Unattached { leader, .. } => leader.is_some(),
            Role::Prospective { leader, .. } => leader.is_some(),
        };
        // A pre-vote binds nobody; a vote is given once per epoch.
        match self.voted {
            _ if pre_vote => up_to_date,
            Some(voted) => voted.matches(candidate),
            None => !knows_leader && up_to_date,
        }
    }

    fn vote_for(&mut self, now: Now, candidate: ReplicaKey, actions: &mut Vec<Action>) {
        if self.voted.is_some() {
            return;
        }
        self.voted = Some(candidate);
        let fresh: Duration = now.monotonic + self.random_election_timeout();
        match &mut self.role {
            Role::Unattached { election_deadline: Some(deadline), .. } => *deadline = fresh,
            Role::Prospective { election_deadline, .. } => *election_deadline = fresh,
            _ => {}
        }
        self.persist(actions);
    }

    pub(crate) fn handle_vote_response(
        &mut self,
        now: Now,
        from: i32,
        response: &VoteResponse,
        actions: &mut Vec<Action>,
    ) -> bool {
        if response.error_code == ErrorCode::UnsupportedVersion.code()
            && matches!(self.role, Role::Prospective { .. })
        {
            self.become_candidate(now, actions);
            return true;
        }
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
        let voters = self.voters().clone();
        match &mut self.role {
            Role::Prospective { votes, .. } => {
                votes.record(from, partition.vote_granted);
                if votes.is_won(&voters) {
                    self.become_candidate(now, actions);
                } else if votes.is_lost(&voters) {
                    self.lose_pre_vote(now, actions);
                }
            }
            Role::Candidate { votes, .. } => {
                // A lost election waits its timeout out, so that the others' can end.
                votes.record(from, partition.vote_granted);
                if votes.is_won(&voters) {
                    self.become_leader(now, actions);
                }
            }
            _ => {}
        }
        true
    }
}
