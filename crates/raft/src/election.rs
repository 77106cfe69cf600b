//! Votes: becoming leader, and letting others.

use crate::log_state::OffsetAndEpoch;
use crate::machine::Raft;
use crate::message::{Action, RaftRequest, Server};
use crate::role::{Follower, Role, Votes};
use crate::voters::ReplicaKey;
use crate::wire::QuorumAnswer;
use crate::{METADATA_TOPIC, Now};
use klamm_protocol::ErrorCode;
use klamm_protocol::api::vote::{VoteRequest, VoteRequestPartitionData, VoteRequestTopicData, VoteResponse};
use std::time::Duration;

impl Raft {
    pub(crate) fn become_prospective(&mut self, now: Now, actions: &mut Vec<Action>) {
        let election_deadline = now.monotonic + self.random_election_timeout();
        let votes = Votes::own(self.config.node_id);
        let won = votes.is_won(self.voters());
        let (leader, server) =
            (self.leader_id().filter(|id| *id != self.config.node_id), self.leader_server());
        self.role = Role::Prospective { leader, server, votes, election_deadline };
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
            Role::Unattached { election_deadline, .. }
            | Role::Candidate { election_deadline, .. }
            | Role::Resigned { election_deadline, .. } => *election_deadline,
            Role::Prospective { votes, election_deadline, .. } if !votes.is_lost(self.voters()) => {
                (*election_deadline).max(now.monotonic)
            }
            _ => fresh,
        };
        self.abandon_lead(ErrorCode::NotLeaderOrFollower, actions);
        if epoch > self.epoch {
            self.voted = None;
        }
        self.epoch = epoch;
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
        self.abandon_lead(ErrorCode::NotLeaderOrFollower, actions);
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
        self.abandon_lead(ErrorCode::NotLeaderOrFollower, actions);
        let election_deadline = now.monotonic + self.random_election_timeout();
        let unacknowledged = self.other_voters().map(|key| key.id).collect();
        self.role = Role::Resigned { unacknowledged, acknowledged_at: None, successors, election_deadline };
        self.peers.reset();
        self.announce_leader(actions);
        self.poll_resigned(now, actions);
    }

    pub(crate) fn poll_unattached(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Role::Unattached { election_deadline, .. } = self.role else { return };
        if self.is_shutting_down() {
            return;
        }
        if now.monotonic >= election_deadline && self.may_stand() {
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
        if !self.may_stand() {
            // A change of the voters has come in meanwhile: who does not vote cannot be elected.
            return self.become_unattached(now, self.epoch, self.leader_id(), actions);
        }
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
        let Role::Prospective { leader, server, .. } = &self.role else { return };
        let leader = *leader;
        match server.clone() {
            Some(server) => self.become_follower(now, self.epoch, server, actions),
            None => self.become_unattached(now, self.epoch, leader, actions),
        }
    }

    pub(crate) fn handle_vote(
        &mut self,
        now: Now,
        listener: &str,
        request: &VoteRequest,
        actions: &mut Vec<Action>,
    ) -> VoteResponse {
        let partition = match self.partition_of(request) {
            Ok(partition) => partition,
            Err(error) => return QuorumAnswer::refused(error),
        };
        // Before its epoch counts: who is no voter brings nobody out of step. Kafka's candidates pause after an error of
        // the whole request.
        if let Err(error) = self.refuse_stranger(partition.replica_id, partition.voter_directory_id, actions)
        {
            return QuorumAnswer::refused(error);
        }
        let (error, granted) = match self.decide_vote(now, request.voter_id, partition, actions) {
            Ok(granted) => (ErrorCode::None, granted),
            Err(error) => (error, false),
        };
        let mut response: VoteResponse = self.quorum_answer(listener, error);
        for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.vote_granted = granted;
        }
        response
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
        let wanted = ReplicaKey::from_wire(voter_id, request.voter_directory_id);
        if !self.is_meant(&wanted) {
            self.refuse_voter_key(request.replica_id, wanted, actions);
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
            Role::Unattached { leader, .. } | Role::Prospective { leader, .. } => leader.is_some(),
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
            Role::Unattached { election_deadline, .. } | Role::Prospective { election_deadline, .. } => {
                *election_deadline = fresh;
            }
            _ => {}
        }
        self.persist(actions);
    }

    /// A voter has not looked at the request. Returns whether that settles something.
    fn handle_vote_refusal(
        &mut self,
        now: Now,
        from: i32,
        error: ErrorCode,
        actions: &mut Vec<Action>,
    ) -> bool {
        self.note_refusal(from, error, actions);
        if error == ErrorCode::InconsistentVoterSet
            && let Role::Prospective { votes, .. } = &mut self.role
        {
            votes.record(from, false);
            if votes.clone().is_lost(self.voters()) {
                // To fetch, and so to find the leader that the others have.
                self.lose_pre_vote(now, actions);
            }
            return true;
        }
        false
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
            return self.handle_vote_refusal(now, from, ErrorCode::from_code(response.error_code), actions);
        };
        let granted = partition.vote_granted;
        self.note_refusal(from, ErrorCode::from_code(partition.error_code), actions);
        if !self.hear(now, response, actions) {
            return false;
        }
        let voters = self.voters().clone();
        match &mut self.role {
            Role::Prospective { votes, .. } => {
                votes.record(from, granted);
                if votes.is_won(&voters) {
                    self.become_candidate(now, actions);
                } else if votes.is_lost(&voters) {
                    self.lose_pre_vote(now, actions);
                }
            }
            Role::Candidate { votes, .. } => {
                // A lost election waits its timeout out, so that the others' can end.
                votes.record(from, granted);
                if votes.is_won(&voters) {
                    self.become_leader(now, actions);
                }
            }
            _ => {}
        }
        true
    }
}
