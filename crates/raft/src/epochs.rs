//! Beginning and ending an epoch, and learning of one from any message.

use crate::machine::Raft;
use crate::message::{Action, RaftRequest, Server};
use crate::role::Role;
use crate::voters::ReplicaKey;
use crate::wire::{Heard, QuorumAnswer, QuorumRequest, TellsLeader, endpoint_list, endpoints_of};
use crate::{Endpoint, METADATA_TOPIC, Now};
use klamm_protocol::ErrorCode;
use klamm_protocol::api::{begin_quorum_epoch as begin, end_quorum_epoch as end};
use std::time::Duration;

/// Survivors of a leader stand one after the other, so long apart: a round of votes on a local network fits in, and no
/// two of them split the votes.
const SUCCESSION_STEP: Duration = Duration::from_millis(200);

impl Raft {
    /// Requests that only voters send: not from an epoch that is over, and not from ourselves.
    pub(crate) const fn check_voter_request(&self, from: i32, epoch: i32) -> Result<(), ErrorCode> {
        if epoch < self.epoch {
            Err(ErrorCode::FencedLeaderEpoch)
        } else if from < 0 || from == self.config.node_id || epoch == i32::MAX {
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

    /// The partition that a request is about, or the refusal of the whole request.
    pub(crate) fn partition_of<'a, R: QuorumRequest>(
        &self,
        request: &'a R,
    ) -> Result<&'a R::Partition, ErrorCode> {
        if request.cluster_id().is_some_and(|id| *id != self.config.cluster_id) {
            return Err(ErrorCode::InconsistentClusterId);
        }
        request.partition().ok_or(ErrorCode::InvalidRequest)
    }

    /// Whether a request that names a voter means this one. The zero directory and id -1 stand for "not said".
    pub(crate) fn is_meant(&self, voter: &ReplicaKey) -> bool {
        voter.id < 0 || voter.matches(&self.config.replica_key())
    }

    /// The answer to a request of the quorum's protocol: with the epoch and the leader as we know them now.
    pub(crate) fn quorum_answer<A: QuorumAnswer>(&self, listener: &str, error: ErrorCode) -> A {
        A::new(error, self.leader_id(), self.epoch, self.leader_endpoint(listener))
    }

    /// Where the leader is, out of the endpoints that it says it has.
    fn server_of(&self, id: i32, endpoints: impl Iterator<Item = Endpoint>) -> Option<Server> {
        let mut first = None;
        for endpoint in endpoints {
            if endpoint.listener == self.config.listener {
                return Some(Server { id, host: endpoint.host, port: endpoint.port });
            }
            first.get_or_insert(endpoint);
        }
        first.map(|endpoint| Server { id, host: endpoint.host, port: endpoint.port })
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
        self.note_twin(epoch, leader, actions);
        let leader = leader.filter(|id| *id != self.config.node_id);
        let server =
            leader.and_then(|id| server.filter(|server| server.id == id).or_else(|| self.voter_server(id)));
        if epoch > self.epoch {
            match server {
                Some(server) => self.become_follower(now, epoch, server, actions),
                None => self.become_unattached(now, epoch, leader, actions),
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

    /// Takes an answer in as far as it is like any other. Returns whether there is more to read from it.
    pub(crate) fn hear(&mut self, now: Now, response: &impl TellsLeader, actions: &mut Vec<Action>) -> bool {
        let Some(heard) = response.heard() else { return false };
        let error = heard.error;
        !self.handle_common(now, heard, actions) && error == ErrorCode::None
    }

    pub(crate) fn poll_leader(&mut self, now: Now, actions: &mut Vec<Action>) {
        let fetch_timeout = self.config.fetch_timeout;
        let half = fetch_timeout / 2;
        // A leader that was removed goes on until that is committed, maybe by one other voter.
        let alone = self.voters().is_only_voter(&self.config.replica_key());
        let Role::Leader(leader) = &mut self.role else { return };
        leader.forget_idle_observers(now.monotonic);
        if leader.resign || leader.has_lost_quorum(alone, now.monotonic, fetch_timeout) {
            return self.become_resigned(now, actions);
        }
        self.expire_fetches(now, actions);
        self.expire_voter_change(now, actions);
        let Role::Leader(leader) = &mut self.role else { return };
        if alone || now.monotonic < leader.begin_epoch_deadline {
            return;
        }
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
            leader_endpoints: endpoint_list!(self.config.advertised, begin::LeaderEndpoint),
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
        let partition = match self.partition_of(request) {
            Ok(partition) => partition,
            Err(error) => return QuorumAnswer::refused(error),
        };
        let (leader, epoch) = (partition.leader_id, partition.leader_epoch);
        if let Err(error) = self.refuse_stranger(leader, partition.voter_directory_id, actions) {
            return QuorumAnswer::refused(error);
        }
        if let Err(error) = self.check_voter_request(leader, epoch) {
            return self.quorum_answer(listener, error);
        }
        let server = self.server_of(leader, endpoints_of!(request.leader_endpoints));
        self.learn(now, epoch, Some(leader), server, actions);
        let voter = ReplicaKey::from_wire(request.voter_id, partition.voter_directory_id);
        if self.is_meant(&voter) {
            return self.quorum_answer(listener, ErrorCode::None);
        }
        self.refuse_voter_key(leader, voter, actions);
        let error = ErrorCode::InvalidVoterKey;
        self.quorum_answer(listener, error)
    }

    pub(crate) fn handle_begin_epoch_response(
        &mut self,
        now: Now,
        from: i32,
        response: &begin::BeginQuorumEpochResponse,
        actions: &mut Vec<Action>,
    ) -> bool {
        let told = response.topics.first().and_then(|topic| topic.partitions.first());
        let code = told.map_or(response.error_code, |partition| partition.error_code);
        self.note_refusal(from, ErrorCode::from_code(code), actions);
        if !self.hear(now, response, actions) {
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
            if self.voters().is_only_voter(&self.config.replica_key()) && self.is_voter() {
                return self.become_prospective(now, actions);
            }
            // In this epoch we can neither lead nor follow: it must not name us as leader to others any longer.
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
        let candidate = |key: &ReplicaKey| end::ReplicaInfo {
            candidate_id: key.id,
            candidate_directory_id: key.wire_directory_id(),
            ..Default::default()
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
                    preferred_candidates: successors.iter().map(candidate).collect(),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            leader_endpoints: endpoint_list!(self.config.advertised, end::LeaderEndpoint),
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
        let partition = match self.partition_of(request) {
            Ok(partition) => partition,
            Err(error) => return QuorumAnswer::refused(error),
        };
        let (leader, epoch) = (partition.leader_id, partition.leader_epoch);
        if let Err(error) = self.check_voter_request(leader, epoch) {
            return self.quorum_answer(listener, error);
        }
        let server = self.server_of(leader, endpoints_of!(request.leader_endpoints));
        self.learn(now, epoch, Some(leader), server, actions);
        self.succeed_resigned(now, leader, partition);
        self.quorum_answer(listener, ErrorCode::None)
    }

    /// The leader goes: the voter it named first stands at once, the others later the further down they are. A leader
    /// that has just been started again names nobody.
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
        let backoff = if candidates.is_empty() {
            self.succession_delay(leader)
        } else {
            succession_backoff(position, candidates.len(), self.config.election_backoff_max)
        };
        if let Role::Follower(follower) = &mut self.role
            && follower.leader.id == leader
        {
            follower.fetch_deadline = now.monotonic + backoff;
            // It said itself that it leads no more, so that the others may ask for our pre-vote.
            follower.has_fetched = false;
        }
    }

    /// The leader's process is gone, so that there is no point in waiting for its fetch timeout: nothing listens where it
    /// did. Pre-votes keep that safe and quiet, should only we be unable to reach it (KIP-996).
    ///
    /// Only who was in touch with it does this: a pre-vote that was lost is not repeated before the fetch timeout.
    pub(crate) fn leader_is_gone(&mut self, now: Now, from: i32) {
        if !self.is_voter() || self.is_shutting_down() {
            return;
        }
        let delay = self.succession_delay(from);
        if let Role::Follower(follower) = &mut self.role
            && follower.leader.id == from
            && follower.has_fetched
        {
            follower.has_fetched = false;
            follower.fetch_deadline = follower.fetch_deadline.min(now.monotonic + delay);
        }
    }

    /// How long this node leaves to the voters before it, when `leader` has gone without naming a successor.
    fn succession_delay(&self, leader: i32) -> Duration {
        let own = self.config.node_id;
        let before =
            self.voters().iter().filter(|voter| voter.key.id < own && voter.key.id != leader).count();
        SUCCESSION_STEP * u32::try_from(before).unwrap_or(u32::MAX).min(20)
    }

    pub(crate) fn handle_end_epoch_response(
        &mut self,
        now: Now,
        from: i32,
        response: &end::EndQuorumEpochResponse,
        actions: &mut Vec<Action>,
    ) -> bool {
        if !self.hear(now, response, actions) {
            return false;
        }
        self.acknowledge_resignation(now, from);
        true
    }

    /// A voter knows that we have resigned, or is not there to know it.
    pub(crate) fn acknowledge_resignation(&mut self, now: Now, from: i32) {
        if let Role::Resigned { unacknowledged, acknowledged_at, .. } = &mut self.role
            && unacknowledged.remove(&from)
            && unacknowledged.is_empty()
        {
            *acknowledged_at = Some(now.monotonic);
        }
    }
}

/// How long a successor waits before it stands: not at all for the first, then doubling up to `max` for the last.
fn succession_backoff(position: usize, count: usize, max: Duration) -> Duration {
    if position == 0 {
        return Duration::ZERO;
    }
    if position >= count {
        return max;
    }
    let halvings = u32::try_from(count - position).unwrap_or(u32::MAX).min(31);
    max / 2u32.saturating_pow(halvings)
}
