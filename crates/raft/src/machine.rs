//! One node's part in the quorum.

use crate::config::{Config, Endpoint};
use crate::control::ControlRecord;
use crate::control::control_records;
use crate::disagreement::Disagreement;
use crate::leader::Leader;
use crate::log_state::{LogState, OffsetAndEpoch};
use crate::message::{Action, Input, ProposeError, RaftRequest, RaftResponse, RequestFailure, Server};
use crate::peers::Peers;
use crate::quorum_state::QuorumState;
use crate::recovery::ControlState;
use crate::role::{Follower, Role, Votes};
use crate::voter_change::VoterChange;
use crate::voter_update;
use crate::voters::{ReplicaKey, VoterSet};
use crate::{BOOTSTRAP_SNAPSHOT, Now};
use bytes::Bytes;
use klamm_protocol::records::BatchIter;
use std::collections::BTreeSet;
use std::time::Duration;

/// A leader that stops waits so long for its successor, once every voter knows that there has to be one.
const SUCCESSOR_WAIT: Duration = Duration::from_millis(300);

/// A leader that stops waits so long for others to have its last records: the only voter for the observers to hear of them,
/// one of several for them to be committed.
const LAST_WORD_WAIT: Duration = Duration::from_millis(500);

/// An append that the log is at.
#[derive(Clone, Debug)]
pub(crate) struct PendingAppend {
    /// Runs of one epoch: base offset, end offset, epoch.
    runs: Vec<(i64, i64, i32)>,
    control: Vec<(i64, ControlRecord)>,
}

/// One node of the quorum. Owned by its driver, on the controller's thread (of a broker: the metadata follower's).
#[derive(Clone, Debug)]
pub struct Raft {
    pub(crate) config: Config,
    pub(crate) log: LogState,
    pub(crate) control: ControlState,
    pub(crate) epoch: i32,
    pub(crate) voted: Option<ReplicaKey>,
    pub(crate) role: Role,
    pub(crate) peers: Peers,
    pub(crate) appending: Option<PendingAppend>,
    /// The highest that was announced; never goes back.
    high_watermark: Option<i64>,
    /// Epoch and leader as last announced.
    announced: (i32, Option<i32>),
    persisted: Option<QuorumState>,
    shutdown_deadline: Option<Duration>,
    last_word_deadline: Option<Duration>,
    shutdown_done: bool,
    started: bool,
    /// What was told of other nodes.
    pub(crate) told: BTreeSet<Disagreement>,
    /// Whether this run has followed a leader that was elected by the static voters of this node's configuration.
    pub(crate) has_agreed: bool,
    random: u64,
}

impl Raft {
    /// A node that is about to start; the first step is to be [`Input::Tick`].
    ///
    /// `log` and `control` come from [`crate::Recovery`], `quorum_state` from the file, if there is one.
    pub fn new(
        now: Now,
        config: Config,
        log: LogState,
        control: ControlState,
        quorum_state: Option<QuorumState>,
    ) -> Self {
        let bootstrap: Vec<_> = if config.bootstrap_servers.is_empty() {
            let own = config.node_id;
            config
                .static_voters
                .iter()
                .filter(|voter| voter.key.id != own)
                .filter_map(|voter| voter.endpoints.first())
                .map(|endpoint| (endpoint.host.clone(), endpoint.port))
                .collect()
        } else {
            config.bootstrap_servers.clone()
        };
        let peers = Peers::new(bootstrap.into_iter(), config.request_timeout, config.retry_backoff);
        let mut raft = Self {
            random: config.seed ^ 0x9e37_79b9_7f4a_7c15,
            role: Role::Unattached { leader: None, election_deadline: now.monotonic },
            epoch: 0,
            voted: None,
            peers,
            appending: None,
            high_watermark: None,
            announced: (-1, None),
            persisted: quorum_state,
            shutdown_deadline: None,
            last_word_deadline: None,
            shutdown_done: false,
            started: false,
            told: BTreeSet::new(),
            has_agreed: false,
            config,
            log,
            control,
        };
        raft.restore(now, quorum_state.unwrap_or_default());
        raft
    }

    fn restore(&mut self, now: Now, state: QuorumState) {
        let own = self.config.replica_key();
        let log_epoch = self.log.last_epoch();
        self.epoch = state.leader_epoch.max(log_epoch);
        let election_deadline = now.monotonic + self.random_election_timeout();
        if state.leader_epoch < log_epoch {
            // The file is older than the log: nothing in it holds for this epoch.
            self.role = Role::Unattached { leader: None, election_deadline };
            return;
        }
        self.voted = state.voted;
        self.role = if state.leader_id == Some(own.id) && self.config.is_controller {
            Role::Resigned {
                unacknowledged: self.other_voters().map(|key| key.id).collect(),
                acknowledged_at: None,
                successors: Vec::new(),
                election_deadline,
            }
        } else if state.voted.is_some_and(|voted| voted.matches(&own)) && self.may_stand() {
            Role::Candidate { votes: Votes::own(own.id), election_deadline }
        } else if let Some(leader) =
            state.leader_id.filter(|id| *id != own.id).and_then(|id| self.voter_server(id))
        {
            Role::Follower(Follower::new(leader, now.monotonic + self.config.fetch_timeout))
        } else {
            let leader = state.leader_id.filter(|id| *id != own.id);
            Role::Unattached { leader, election_deadline }
        };
    }

    /// Takes one input in. Afterwards carry out `actions` in order, then step again.
    pub fn step(&mut self, now: Now, input: Input, actions: &mut Vec<Action>) {
        if !self.started {
            self.start(now, actions);
        }
        match input {
            Input::Tick => {}
            Input::Request { token, listener, request } => {
                self.handle_request(now, token, &listener, request, actions);
            }
            Input::Response { request_id, result } => self.handle_response(now, request_id, result, actions),
            Input::Appended => self.handle_appended(now, actions),
            Input::SnapshotInstalled { id, control } => {
                self.handle_snapshot_installed(now, id, control, actions);
            }
            Input::SnapshotDamaged { id } => self.handle_snapshot_damaged(now, id),
            Input::SnapshotSaved { id } => self.log.add_snapshot(id),
            Input::LogTrimmed { start_offset, earliest_snapshot } => {
                self.log.trim(start_offset, earliest_snapshot);
                self.control.trim(start_offset);
            }
            Input::Resign { epoch } => {
                if let (Role::Leader(leader), true) = (&mut self.role, epoch == self.epoch) {
                    leader.resign = true;
                }
            }
            Input::Shutdown { timeout } => {
                self.shutdown_deadline.get_or_insert(now.monotonic + timeout);
                self.last_word_deadline.get_or_insert(now.monotonic + timeout.min(LAST_WORD_WAIT));
            }
        }
        self.poll(now, actions);
    }

    /// Proposes records for the log, as leader of `epoch`. Returns the offset after the last of them: they are
    /// committed when [`Action::HighWatermark`] reaches it, and lost if [`Action::LeaderChanged`] names another leader
    /// or epoch first. Records of one proposal stay together in batches as large as they may be.
    ///
    /// Carry out `actions` as after a step.
    ///
    /// # Errors
    /// If this node does not lead in `epoch`, or a record is too large.
    pub fn propose(
        &mut self,
        now: Now,
        epoch: i32,
        records: &[Bytes],
        actions: &mut Vec<Action>,
    ) -> Result<i64, ProposeError> {
        let bytes_max = self.config.batch_bytes_max;
        match &mut self.role {
            Role::Leader(leader) if epoch == self.epoch && !leader.resign => {
                let end = leader.queue_records(epoch, now, records, bytes_max)?;
                self.flush(actions);
                Ok(end)
            }
            _ => Err(ProposeError::NotLeader(epoch)),
        }
    }

    /// When to step with [`Input::Tick`] at the latest.
    pub fn next_deadline(&self) -> Option<Duration> {
        if self.shutdown_done {
            return None;
        }
        let role = match &self.role {
            // A node that shuts down begins no other election, however long ago this one was.
            Role::Unattached { election_deadline, .. } => {
                (self.may_stand() && !self.is_shutting_down()).then_some(*election_deadline)
            }
            Role::Prospective { election_deadline, .. } | Role::Candidate { election_deadline, .. } => {
                (!self.is_shutting_down()).then_some(*election_deadline)
            }
            Role::Resigned { election_deadline, acknowledged_at, .. } => {
                if self.is_shutting_down() {
                    acknowledged_at.map(|at| at + SUCCESSOR_WAIT)
                } else {
                    Some(*election_deadline)
                }
            }
            Role::Follower(follower) => self.may_stand().then_some(follower.fetch_deadline),
            Role::Leader(leader) => {
                let parked = leader.parked.iter().map(|fetch| fetch.deadline).min();
                let others = !self.voters().is_only_voter(&self.config.replica_key());
                let quorum = others.then(|| leader.voters_deadline());
                let change = leader.change.as_ref().map(VoterChange::deadline);
                parked.into_iter().chain(quorum).chain(change).min()
            }
        };
        let peers = if matches!(self.role, Role::Leader(_)) && self.voters().len() <= 1 {
            None
        } else {
            self.peers.next_deadline()
        };
        let last_word = self.last_word_deadline.filter(|_| self.is_leader());
        role.into_iter().chain(peers).chain(self.shutdown_deadline).chain(last_word).min()
    }

    /// The epoch.
    pub const fn epoch(&self) -> i32 {
        self.epoch
    }

    /// The leader of the epoch, if known (maybe this node, committed or not).
    pub fn leader_id(&self) -> Option<i32> {
        self.role.leader_id(self.config.node_id)
    }

    /// Whether this node was elected in this epoch.
    pub const fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Where the leader's controller listener is, if another node leads and its address is known.
    pub fn leader_server(&self) -> Option<Server> {
        match &self.role {
            Role::Follower(follower) => Some(follower.leader.clone()),
            Role::Prospective { server, .. } => server.clone(),
            _ => None,
        }
    }

    /// The first offset that is not committed, as far as this node knows.
    pub const fn high_watermark(&self) -> Option<i64> {
        self.high_watermark
    }

    /// The log's shape.
    pub const fn log(&self) -> &LogState {
        &self.log
    }

    /// Voters and `kraft.version` as the log says.
    pub const fn control(&self) -> &ControlState {
        &self.control
    }

    /// The voters in force.
    pub fn voters(&self) -> &VoterSet {
        self.control.voters().map_or(&self.config.static_voters, |(_, voters)| voters)
    }

    /// Whether this node votes.
    pub fn is_voter(&self) -> bool {
        self.config.is_controller && self.voters().is_voter(&self.config.replica_key())
    }

    /// Whether this node may be elected. Who votes may; so may who was a voter until a change that is not known to be
    /// committed: only its log may be up to date enough, for the change to be committed by the others or to be taken back
    /// (Raft's thesis, 4.2.2).
    pub(crate) fn may_stand(&self) -> bool {
        let own = self.config.replica_key();
        self.is_voter()
            || self.config.is_controller
                && self.control.voters().is_some_and(|(offset, _)| offset >= self.committed_at_least())
                && self.control.previous_voters().is_some_and(|voters| voters.is_voter(&own))
    }

    /// Name of the role, for logs and metrics.
    pub const fn role_name(&self) -> &'static str {
        self.role.name()
    }
}

/// What the handlers share.
impl Raft {
    fn start(&mut self, now: Now, actions: &mut Vec<Action>) {
        self.started = true;
        self.persist(actions);
        let only_voter = self.config.is_controller && self.voters().is_only_voter(&self.config.replica_key());
        if only_voter && !matches!(self.role, Role::Candidate { .. }) {
            // Nobody else could be elected, so that there is nothing to wait for.
            self.become_prospective(now, actions);
        } else if let Role::Candidate { votes, .. } = &self.role
            && votes.is_won(self.voters())
        {
            self.become_leader(now, actions);
        }
        self.announce_leader(actions);
    }

    fn poll(&mut self, now: Now, actions: &mut Vec<Action>) {
        if self.shutdown_done {
            return;
        }
        if self.shutdown_deadline.is_some() && self.poll_shutdown(now, actions) {
            self.shutdown_done = true;
            actions.push(Action::ShutdownComplete);
            return;
        }
        // A pause that is over is over for every role, or its end would stay the next deadline.
        self.peers.expire(now.monotonic);
        let before = self.role.name();
        self.poll_role(now, actions);
        if self.role.name() != before {
            // Who does not vote has no deadline of its own: a fetch that does not go out now would never do.
            self.poll_role(now, actions);
        }
    }

    fn poll_role(&mut self, now: Now, actions: &mut Vec<Action>) {
        match &self.role {
            Role::Unattached { .. } => self.poll_unattached(now, actions),
            Role::Prospective { .. } | Role::Candidate { .. } => self.poll_nominee(now, actions),
            Role::Follower(_) => self.poll_follower(now, actions),
            Role::Leader(_) => self.poll_leader(now, actions),
            Role::Resigned { .. } => self.poll_resigned(now, actions),
        }
    }

    /// Whether the node may stop now: a voter sees to it that there is a leader without it.
    fn poll_shutdown(&mut self, now: Now, actions: &mut Vec<Action>) -> bool {
        if self.shutdown_deadline.is_some_and(|deadline| now.monotonic >= deadline) {
            return true;
        }
        if !self.is_voter() {
            return true;
        }
        if self.voters().is_only_voter(&self.config.replica_key()) {
            // Nobody will tell them later, such as that this node's broker is gone.
            let Role::Leader(leader) = &self.role else { return true };
            return leader.has_told_observers(now.monotonic, self.log.end_offset())
                || self.last_word_deadline.is_some_and(|deadline| now.monotonic >= deadline);
        }
        match &self.role {
            Role::Leader(leader) => {
                // A successor that lacks what is here would not get our vote, and perhaps needs it.
                let is_whole = leader.high_watermark >= Some(self.log_end_with_pending());
                if is_whole || self.last_word_deadline.is_some_and(|deadline| now.monotonic >= deadline) {
                    self.become_resigned(now, actions);
                }
                false
            }
            // Our vote may be needed to elect the successor, but maybe nobody is left to stand.
            Role::Resigned { acknowledged_at, .. } => {
                acknowledged_at.is_some_and(|at| now.monotonic >= at + SUCCESSOR_WAIT)
            }
            role => role.leader_id(self.config.node_id).is_some(),
        }
    }

    fn handle_request(
        &mut self,
        now: Now,
        token: u64,
        listener: &str,
        request: RaftRequest,
        actions: &mut Vec<Action>,
    ) {
        let response = match request {
            RaftRequest::Fetch(request) => return self.handle_fetch(now, token, listener, &request, actions),
            RaftRequest::FetchSnapshot(request) => {
                return self.handle_fetch_snapshot(now, token, listener, &request, actions);
            }
            RaftRequest::Vote(request) => {
                RaftResponse::Vote(self.handle_vote(now, listener, &request, actions))
            }
            RaftRequest::BeginQuorumEpoch(request) => {
                RaftResponse::BeginQuorumEpoch(self.handle_begin_epoch(now, listener, &request, actions))
            }
            RaftRequest::EndQuorumEpoch(request) => {
                RaftResponse::EndQuorumEpoch(self.handle_end_epoch(now, listener, &request, actions))
            }
            RaftRequest::DescribeQuorum(request) => {
                RaftResponse::DescribeQuorum(self.describe_quorum(now, &request))
            }
            RaftRequest::AddRaftVoter(request) => {
                return self.handle_add_voter(now, token, &request, actions);
            }
            RaftRequest::RemoveRaftVoter(request) => {
                return self.handle_remove_voter(now, token, &request, actions);
            }
            RaftRequest::UpdateRaftVoter(request) => {
                RaftResponse::UpdateRaftVoter(self.handle_update_voter(now, listener, &request, actions))
            }
            // A listener answers that by itself.
            RaftRequest::ApiVersions(_) => RaftResponse::ApiVersions(Box::default()),
        };
        actions.push(Action::Respond { token, response });
    }

    fn handle_response(
        &mut self,
        now: Now,
        request_id: u64,
        result: Result<RaftResponse, RequestFailure>,
        actions: &mut Vec<Action>,
    ) {
        let Some(from) = self.peers.answered(request_id, result.is_ok(), now.monotonic) else { return };
        let before = (self.epoch, std::mem::discriminant(&self.role));
        let useful = match result {
            Ok(RaftResponse::Fetch(response)) => self.handle_fetch_response(now, *response, actions),
            Ok(RaftResponse::FetchSnapshot(response)) => {
                self.handle_fetch_snapshot_response(now, response, actions)
            }
            Ok(RaftResponse::Vote(response)) => self.handle_vote_response(now, from, &response, actions),
            Ok(RaftResponse::BeginQuorumEpoch(response)) => {
                self.handle_begin_epoch_response(now, from, &response, actions)
            }
            Ok(RaftResponse::EndQuorumEpoch(response)) => {
                self.handle_end_epoch_response(now, from, &response, actions)
            }
            Ok(RaftResponse::UpdateRaftVoter(response)) => {
                self.handle_update_voter_response(now, &response, actions)
            }
            Ok(RaftResponse::AddRaftVoter(response)) => voter_update::is_settled(response.error_code),
            Ok(RaftResponse::RemoveRaftVoter(response)) => voter_update::is_settled(response.error_code),
            Ok(RaftResponse::ApiVersions(response)) => {
                self.handle_api_versions(now, request_id, Ok(&response), actions)
            }
            Ok(RaftResponse::DescribeQuorum(_)) => true,
            Err(failure) => {
                self.handle_failure(now, from, request_id, failure, actions);
                true
            }
        };
        if !useful && before == (self.epoch, std::mem::discriminant(&self.role)) {
            // Nothing has come of it: without a pause the same question would get the same answer, over and over.
            self.peers.back_off(from, now.monotonic);
        }
    }

    /// A request has no answer; the pause before the next one is set already.
    fn handle_failure(
        &mut self,
        now: Now,
        from: i32,
        request_id: u64,
        failure: RequestFailure,
        actions: &mut Vec<Action>,
    ) {
        if self.handle_api_versions(now, request_id, Err(failure), actions) {
            return;
        }
        match failure {
            RequestFailure::Disconnected => {}
            RequestFailure::Refused => {
                self.leader_is_gone(now, from);
                self.acknowledge_resignation(now, from);
            }
            RequestFailure::UnsupportedVersion => {
                if matches!(self.role, Role::Prospective { .. }) {
                    // A voter that does not know pre-votes; an election it does know.
                    self.become_candidate(now, actions);
                } else if let Role::Follower(follower) = &mut self.role {
                    // A leader from before KIP-853 needs to know nothing of us.
                    follower.has_updated_leader = true;
                }
            }
        }
    }

    /// Sends to a node if it may be sent to. Returns the request's id if it was.
    pub(crate) fn send(
        &mut self,
        now: Now,
        to: Server,
        request: impl FnOnce(&Self) -> RaftRequest,
        actions: &mut Vec<Action>,
    ) -> Option<u64> {
        if !self.peers.is_ready(to.id, now.monotonic) {
            return None;
        }
        let request_id = self.peers.sent(to.id, now.monotonic);
        let request = request(self);
        actions.push(Action::Send { request_id, to, request });
        Some(request_id)
    }

    /// Starts an append of batches that continue the log.
    pub(crate) fn append(
        &mut self,
        batches: Bytes,
        base_offset: i64,
        end_offset: i64,
        sync: bool,
        actions: &mut Vec<Action>,
    ) {
        assert!(self.appending.is_none(), "one append at a time");
        let mut pending = PendingAppend { runs: Vec::new(), control: Vec::new() };
        for batch in BatchIter::new(batches.clone()).map_while(Result::ok) {
            let header = batch.header();
            pending.runs.push((header.base_offset, header.next_offset(), header.partition_leader_epoch));
            pending.control.extend(control_records(&batch));
        }
        self.appending = Some(pending);
        actions.push(Action::Append { batches, base_offset, end_offset, sync });
    }

    /// Hands proposals to the log if nothing is under way.
    pub(crate) fn flush(&mut self, actions: &mut Vec<Action>) {
        if self.appending.is_none()
            && let Role::Leader(leader) = &mut self.role
            && let Some((batches, base_offset, end_offset)) = leader.take_queue()
        {
            self.append(batches, base_offset, end_offset, true, actions);
        }
    }

    fn handle_appended(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Some(pending) = self.appending.take() else { return };
        for (base_offset, end_offset, epoch) in pending.runs {
            self.log.append(base_offset, end_offset, epoch);
        }
        let voters_changed =
            pending.control.iter().any(|(_, record)| matches!(record, ControlRecord::Voters(_)));
        for (offset, record) in &pending.control {
            self.control.note(*offset, record);
        }
        let log_end = self.log.end_offset();
        let voters = voters_changed.then(|| self.voters().clone());
        if let Role::Leader(leader) = &mut self.role {
            if let Some(voters) = voters {
                leader.set_voters(&voters);
            }
            let moved = leader.appended(log_end);
            self.flush(actions);
            self.after_leader_progress(now, moved, actions);
        } else {
            self.follow_high_watermark(None, actions);
        }
    }

    /// Announces a high watermark, if it is news.
    pub(crate) fn announce_high_watermark(&mut self, offset: i64, actions: &mut Vec<Action>) {
        if self.high_watermark.is_none_or(|old| offset > old) {
            self.high_watermark = Some(offset);
            actions.push(Action::HighWatermark { offset });
        }
    }

    /// Announces epoch and leader, if they are news. Our own lead is announced only once it is safe.
    pub(crate) fn announce_leader(&mut self, actions: &mut Vec<Action>) {
        let leader = match &mut self.role {
            Role::Leader(leader) => {
                if leader.high_watermark.is_none() {
                    None
                } else {
                    leader.announced = true;
                    Some(self.config.node_id)
                }
            }
            Role::Resigned { .. } => None,
            role => role.leader_id(self.config.node_id),
        };
        if self.announced != (self.epoch, leader) {
            self.announced = (self.epoch, leader);
            actions.push(Action::LeaderChanged { epoch: self.epoch, leader });
        }
    }

    /// Writes epoch, leader and vote down, if they have changed.
    pub(crate) fn persist(&mut self, actions: &mut Vec<Action>) {
        let leader_id = match &self.role {
            // Known without being elected in what is on disk: fine to lose.
            Role::Resigned { .. } => Some(self.config.node_id),
            role => role.leader_id(self.config.node_id),
        };
        // A leader starts again as resigned, which votes for nobody: its own vote need not be kept.
        let voted = if self.is_leader() { None } else { self.voted };
        let state = QuorumState { leader_epoch: self.epoch, leader_id, voted };
        if self.persisted != Some(state) {
            self.persisted = Some(state);
            let content = state.encode(self.control.kraft_version(), self.voters());
            actions.push(Action::PersistQuorumState { state, content });
        }
    }

    /// A random time between once and twice the election timeout, so that voters do not all stand at once.
    pub(crate) fn random_election_timeout(&mut self) -> Duration {
        // splitmix64
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let timeout = self.config.election_timeout;
        let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).max(1);
        timeout + Duration::from_millis(bits % millis)
    }

    /// The other voters.
    pub(crate) fn other_voters(&self) -> impl Iterator<Item = ReplicaKey> + '_ {
        let own = self.config.replica_key();
        self.voters().iter().map(|voter| voter.key).filter(move |key| !key.matches(&own))
    }

    /// How to reach a voter.
    pub(crate) fn voter_server(&self, id: i32) -> Option<Server> {
        let endpoint = self.voters().endpoint(id, &self.config.listener)?;
        Some(Server { id, host: endpoint.host.clone(), port: endpoint.port })
    }

    /// Where clients of a listener reach the leader, for responses.
    pub(crate) fn leader_endpoint(&self, listener: &str) -> Option<(i32, Endpoint)> {
        let id = self.leader_id()?;
        let of_list = |endpoints: &[Endpoint]| {
            let found = endpoints.iter().find(|endpoint| endpoint.listener == *listener);
            found.or_else(|| endpoints.first()).cloned()
        };
        let endpoint = if id == self.config.node_id {
            of_list(&self.config.advertised)
        } else {
            self.voters().voter(id).and_then(|voter| of_list(&voter.endpoints)).or_else(|| {
                let server = self.leader_server()?;
                Some(Endpoint { listener: listener.into(), host: server.host, port: server.port })
            })
        };
        Some((id, endpoint?))
    }

    /// The snapshot to send to those who are too far behind.
    pub(crate) fn snapshot_to_send(&self) -> Option<OffsetAndEpoch> {
        self.log.latest_snapshot().filter(|id| *id != BOOTSTRAP_SNAPSHOT)
    }

    pub(crate) const fn is_shutting_down(&self) -> bool {
        self.shutdown_deadline.is_some()
    }

    pub(crate) fn become_leader(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Role::Candidate { votes, .. } = &self.role else { return };
        let granting: BTreeSet<i32> = votes.granted.clone();
        // An append that began as a follower is over by now or will count before ours.
        let log_end = self.log_end_with_pending();
        let mut leader = Leader::new(
            self.config.replica_key(),
            self.voters(),
            granting,
            log_end,
            now.monotonic,
            self.config.fetch_timeout,
        );
        let mut records = vec![ControlRecord::leader_change(
            self.config.node_id,
            self.voters().iter().map(|voter| voter.key.id),
            leader.granting.iter().copied(),
        )];
        records.extend(self.voter_records());
        leader.voters_end = leader.queue_control(self.epoch, now, &records);
        self.role = Role::Leader(Box::new(leader));
        self.peers.reset();
        self.persist(actions);
        self.announce_leader(actions);
        self.flush(actions);
    }

    fn log_end_with_pending(&self) -> i64 {
        let pending = self.appending.as_ref().and_then(|pending| pending.runs.last());
        pending.map_or(self.log.end_offset(), |(_, end, _)| *end)
    }
}
