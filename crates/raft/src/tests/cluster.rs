//! A quorum on in-memory logs.

use super::node::{Node, end_of};
use super::voter_changes::bootstrap_of;
use crate::*;
use bytes::Bytes;
use klamm_protocol::api::api_versions::{ApiVersionsResponse, SupportedFeatureKey};
use klamm_protocol::records::BatchIter;
use klamm_protocol::{Records, StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// A network and disks that are not to be relied on.
pub(super) struct Chaos {
    random: u64,
    drop_percent: u64,
    delay_ms_max: u64,
    append_ms_max: u64,
}

impl Chaos {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: seed * 2 + 1, drop_percent: 8, delay_ms_max: 60, append_ms_max: 40 }
    }

    /// Everything comes, but late.
    pub(super) fn only_late(seed: u64) -> Self {
        Self { drop_percent: 0, ..Self::new(seed) }
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % end.max(1)
    }
}

enum Message {
    Request { from: i32, request_id: u64, to: i32, request: RaftRequest },
    Response { from: i32, to: i32, request_id: u64, result: Result<RaftResponse, RequestFailure> },
}

impl Message {
    /// What becomes of a message on its way when a node dies.
    fn after_crash_of(self, id: i32) -> Option<Self> {
        match self {
            Self::Request { from, .. } if from == id => None,
            Self::Response { to, .. } if to == id => None,
            Self::Response { from, to, request_id, .. } if from == id => {
                Some(Self::Response { from, to, request_id, result: Err(RequestFailure::Refused) })
            }
            other => Some(other),
        }
    }
}

/// A request that `to` has not answered yet.
struct Open {
    from: i32,
    request_id: u64,
    to: i32,
}

/// The tokens of the test's own requests.
const TEST_TOKEN: u64 = u64::MAX;

/// All nodes and the messages between them.
pub(super) struct Cluster {
    pub(super) nodes: BTreeMap<i32, Node>,
    messages: VecDeque<Message>,
    /// Requests that a node has not answered yet.
    open: BTreeMap<u64, Open>,
    /// Answers to what the test itself has asked.
    pub(super) answers: Vec<RaftResponse>,
    next_token: u64,
    now: Duration,
    pub(super) chaos: Option<Chaos>,
    delayed: Vec<(Duration, Message)>,
    /// Nodes that nobody can reach.
    vanished: BTreeSet<i32>,
}

fn supported_versions() -> ApiVersionsResponse {
    let kraft = SupportedFeatureKey {
        name: KRAFT_VERSION_FEATURE.into(),
        min_version: KRAFT_VERSIONS.0,
        max_version: KRAFT_VERSIONS.1,
        ..Default::default()
    };
    ApiVersionsResponse { supported_features: vec![kraft], ..Default::default() }
}

pub(super) fn directory(id: i32) -> Uuid {
    Uuid::from_u128(0xd000 + u128::from(id.unsigned_abs()))
}

fn config(id: i32, voters: &[i32], seed: u64) -> Config {
    let text: Vec<String> =
        voters.iter().map(|voter| format!("{voter}@host{voter}:{}", 1000 + voter)).collect();
    let mut config = Config::new(id, directory(id), StrBytes::from_static("cluster"));
    config.static_voters = parse_voters(&text.join(","), "CONTROLLER").expect("well formed");
    config.is_controller = voters.contains(&id);
    config.advertised = vec![Endpoint {
        listener: "CONTROLLER".into(),
        host: format!("host{id}").into(),
        port: u16::try_from(1000 + id).expect("small"),
    }];
    config.seed = seed + u64::from(id.unsigned_abs());
    config
}

impl Cluster {
    /// Voters of a static quorum, and observers.
    pub(super) fn new(voters: &[i32], observers: &[i32], seed: u64) -> Self {
        let mut cluster = Self {
            nodes: BTreeMap::new(),
            messages: VecDeque::new(),
            open: BTreeMap::new(),
            answers: Vec::new(),
            next_token: 1,
            now: Duration::from_secs(1),
            chaos: None,
            delayed: Vec::new(),
            vanished: BTreeSet::new(),
        };
        for id in voters.iter().chain(observers) {
            cluster.add(config(*id, voters, seed), None);
        }
        cluster
    }

    /// One voter of a dynamic quorum, with the snapshot that `storage format --standalone` writes.
    pub(super) fn standalone(id: i32, snapshot: Bytes) -> Self {
        let mut cluster = Self::new(&[], &[], 0);
        let mut config = config(id, &[id], 0);
        config.static_voters = VoterSet::default();
        config.bootstrap_servers = (1..=4).map(|id| (format!("host{id}").into(), 1000 + id)).collect();
        cluster.add(config, Some(snapshot));
        cluster
    }

    /// Voters of a dynamic quorum, each formatted with its own directory and others that nobody has.
    pub(super) fn formatted_apart(ids: &[i32]) -> Self {
        let mut cluster = Self::new(&[], &[], 0);
        for own in ids {
            let key = |id: i32| (id, if id == *own { directory(id) } else { directory(100 * own + id) });
            let snapshot = bootstrap_of(ids.iter().map(|id| key(*id)));
            let mut config = config(*own, ids, 0);
            config.bootstrap_servers = std::mem::take(&mut config.static_voters)
                .iter()
                .map(|voter| (voter.endpoints[0].host.clone(), voter.endpoints[0].port))
                .collect();
            cluster.add(config, Some(snapshot));
        }
        cluster
    }

    /// A controller that knows where a dynamic quorum may be.
    pub(super) fn add_controller(&mut self, id: i32, auto_join: bool) {
        let mut config = config(id, &[id], 0);
        config.static_voters = VoterSet::default();
        config.bootstrap_servers = (1..=4).map(|id| (format!("host{id}").into(), 1000 + id)).collect();
        config.auto_join = auto_join;
        self.add(config, None);
    }

    /// A static voter that was told of other voters than the rest.
    pub(super) fn add_voter_of(&mut self, id: i32, voters: &[i32]) {
        self.add(config(id, voters, 0), None);
    }

    fn add(&mut self, config: Config, bootstrap: Option<Bytes>) {
        let now = self.now();
        self.nodes.insert(config.node_id, Node::new(now, config, bootstrap));
    }

    fn now(&self) -> Now {
        Now { monotonic: self.now, wall_ms: 1_000_000 + i64::try_from(self.now.as_millis()).expect("small") }
    }

    pub(super) fn node(&self, id: i32) -> &Node {
        &self.nodes[&id]
    }

    /// Kills a node: what is not on its disk is gone, and whoever waits for it learns that nobody listens there.
    pub(super) fn crash(&mut self, id: i32) {
        self.open.retain(|_, open| open.from != id);
        if self.chaos.is_none() {
            for message in std::mem::take(&mut self.messages) {
                self.messages.extend(message.after_crash_of(id));
            }
        }
        let waiting = self.open.extract_if(.., |_, open| open.to == id);
        let broken: Vec<Message> = waiting
            .map(|(_, Open { from, request_id, .. })| Message::Response {
                from: id,
                to: from,
                request_id,
                result: Err(RequestFailure::Refused),
            })
            .collect();
        for message in broken {
            let through = self.gets_through(message);
            self.messages.extend(through);
        }
        let chaos = self.chaos.is_some();
        let node = self.nodes.get_mut(&id).expect("exists");
        node.up = false;
        if chaos {
            node.log.truncate(node.synced);
        }
        node.append_due = None;
    }

    /// The node learns of every request under way that nobody listens at the other end.
    pub(super) fn refuse(&mut self, id: i32) {
        let waiting: Vec<(i32, u64)> = self
            .open
            .extract_if(.., |_, open| open.from == id)
            .map(|(_, open)| (open.to, open.request_id))
            .collect();
        for (from, request_id) in waiting {
            let result = Err(RequestFailure::Refused);
            self.messages.push_back(Message::Response { from, to: id, request_id, result });
        }
    }

    /// The node's machine is gone from the network: nobody learns anything.
    pub(super) fn vanish(&mut self, id: i32) {
        self.open.clear();
        self.messages.clear();
        self.vanished.insert(id);
    }

    /// The node's machine is back on the network.
    pub(super) fn appear(&mut self, id: i32) {
        self.vanished.remove(&id);
    }

    pub(super) fn restart(&mut self, id: i32) {
        let now = self.now();
        let node = self.nodes.get_mut(&id).expect("exists");
        node.up = true;
        node.life += 1;
        node.start(now);
    }

    /// Has a node write a snapshot of what is committed; with `trim` it forgets the log before it.
    pub(super) fn snapshot(&mut self, id: i32, trim: bool) {
        let now = self.now();
        let node = self.nodes.get_mut(&id).expect("exists");
        let (snapshot, content) = node.snapshot_content(now);
        node.snapshots.insert(snapshot, content);
        if trim {
            let before = node.log.len();
            node.log.retain(|batch| end_of(batch) > snapshot.offset);
            node.synced -= before - node.log.len();
            node.log_start = snapshot.offset;
            node.snapshots.retain(|id, _| *id == snapshot);
        }
        self.step(id, Input::SnapshotSaved { id: snapshot });
        if trim {
            let (start_offset, earliest_snapshot) = (snapshot.offset, snapshot);
            self.step(id, Input::LogTrimmed { start_offset, earliest_snapshot });
        }
    }

    /// Asks a node in the name of a tool. The answer comes into `answers`.
    pub(super) fn ask(&mut self, id: i32, request: RaftRequest) {
        self.step(id, Input::Request { token: TEST_TOKEN, listener: "CONTROLLER".into(), request });
    }

    /// Steps a node and does what it asks for.
    pub(super) fn step(&mut self, id: i32, input: Input) {
        let now = self.now();
        let node = self.nodes.get_mut(&id).expect("exists");
        let mut actions = Vec::new();
        node.begun = true;
        let (is_tick, role) = (matches!(input, Input::Tick), node.raft.role_name());
        node.raft.step(now, input, &mut actions);
        if is_tick && actions.is_empty() && node.raft.role_name() == role {
            // A driver comes back at the deadline: one that has passed already would have it come back for ever.
            let deadline = node.raft.next_deadline();
            assert!(deadline.is_none_or(|at| at > now.monotonic), "node {id} waits for what has passed");
        }
        self.carry_out(id, actions);
    }

    /// Proposes one record to a leader; returns its end offset.
    pub(super) fn propose(&mut self, id: i32, value: &str) -> Result<i64, ProposeError> {
        let now = self.now();
        let node = self.nodes.get_mut(&id).expect("exists");
        let mut actions = Vec::new();
        let epoch = node.raft.epoch();
        let end = node.raft.propose(now, epoch, &[Bytes::from(value.to_owned())], &mut actions)?;
        self.carry_out(id, actions);
        Ok(end)
    }

    /// Raises `kraft.version` on a leader.
    pub(super) fn upgrade(&mut self, id: i32, version: i16) -> Result<(), String> {
        let now = self.now();
        let node = self.nodes.get_mut(&id).expect("exists");
        let mut actions = Vec::new();
        let epoch = node.raft.epoch();
        node.raft.upgrade_kraft_version(now, epoch, version, false, &mut actions)?;
        self.carry_out(id, actions);
        Ok(())
    }

    fn carry_out(&mut self, id: i32, actions: Vec<Action>) {
        let (mut appended, mut installed) = (false, None);
        for action in actions {
            let node = self.nodes.get_mut(&id).expect("exists");
            match action {
                Action::PersistQuorumState { state, content } => {
                    assert_eq!(
                        QuorumState::decode(&content).expect("readable").state.leader_epoch,
                        state.leader_epoch
                    );
                    assert!(node.quorum_state.is_none_or(|old| old.leader_epoch <= state.leader_epoch));
                    node.note_vote(state);
                    node.quorum_state = Some(state);
                }
                Action::Append { batches, base_offset, end_offset, .. } => {
                    assert_eq!(node.log_end(), base_offset, "appends continue the log");
                    node.log.extend(BatchIter::new(batches).map(|batch| batch.expect("good").into_bytes()));
                    assert_eq!(node.log_end(), end_offset);
                    appended = true;
                }
                Action::Truncate { end_offset } => node.truncate(end_offset),
                Action::Send { request_id, to, request } => {
                    let to = i32::from(to.port) - 1000;
                    let message = Message::Request { from: id, request_id, to, request };
                    let through = self.gets_through(message);
                    self.messages.extend(through);
                }
                Action::Respond { token, response } => self.respond(token, response),
                Action::RespondFetch { token, mut response, range } => {
                    let records = node.read(range);
                    response.responses[0].partitions[0].records = Some(Records::Bytes(records));
                    self.respond(token, RaftResponse::Fetch(response));
                }
                Action::HighWatermark { offset } => {
                    assert!(offset > node.committed, "the high watermark never goes back");
                    node.committed = offset;
                }
                Action::LeaderChanged { epoch, leader } => node.leader = (epoch, leader),
                Action::Disagree { disagreement } => node.disagreements.push(disagreement),
                Action::ShutdownComplete => node.shut_down = true,
                Action::RespondFetchSnapshot { token, mut response, id, position, bytes_max } => {
                    let file = node.snapshot_part(id, position, bytes_max);
                    finish_fetch_snapshot(&mut response, file);
                    self.respond(token, RaftResponse::FetchSnapshot(response));
                }
                Action::WriteSnapshot { position, bytes, .. } => {
                    node.snapshot_part.truncate(usize::try_from(position).expect("small"));
                    node.snapshot_part.extend_from_slice(&bytes);
                }
                Action::FinishSnapshot { id } => {
                    installed = Some(node.install_snapshot(id));
                }
            }
        }
        if let Some(installed) = installed {
            self.step(id, installed);
        }
        if !appended {
            return;
        }
        match &mut self.chaos {
            Some(chaos) => {
                let due = self.now + Duration::from_millis(chaos.below(chaos.append_ms_max));
                self.nodes.get_mut(&id).expect("exists").append_due = Some(due);
            }
            None => self.finish_append(id),
        }
    }

    fn finish_append(&mut self, id: i32) {
        let node = self.nodes.get_mut(&id).expect("exists");
        node.append_due = None;
        node.synced = node.log.len();
        self.step(id, Input::Appended);
    }

    /// What the time has come for.
    fn awaken(&mut self) {
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.delayed).into_iter().partition(|(at, _)| *at <= now);
        self.delayed = later;
        self.messages.extend(due.into_iter().map(|(_, message): (_, Message)| message));
        let appended: Vec<i32> = self
            .nodes
            .iter()
            .filter(|(_, node)| node.up && node.append_due.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in appended {
            self.finish_append(id);
        }
    }

    /// Whether the message gets through now; it may come later, or never.
    fn gets_through(&mut self, message: Message) -> Option<Message> {
        let Some(chaos) = &mut self.chaos else { return Some(message) };
        if chaos.below(100) < chaos.drop_percent {
            return None;
        }
        let delay = chaos.below(chaos.delay_ms_max);
        self.delayed.push((self.now + Duration::from_millis(delay), message));
        None
    }

    fn respond(&mut self, token: u64, response: RaftResponse) {
        if token == TEST_TOKEN {
            self.answers.push(response);
        } else if let Some(Open { from: to, request_id, to: from }) = self.open.remove(&token) {
            let message = Message::Response { from, to, request_id, result: Ok(response) };
            let through = self.gets_through(message);
            self.messages.extend(through);
        }
    }

    /// Delivers every message under way, and those they cause. Parked fetches stay.
    pub(super) fn deliver(&mut self) {
        for _ in 0..10_000 {
            let Some(message) = self.messages.pop_front() else { return };
            self.hand_over(message);
        }
        panic!("messages without end");
    }

    fn hand_over(&mut self, message: Message) {
        match message {
            Message::Request { from, request_id, to, request } => {
                if self.vanished.contains(&to) || self.vanished.contains(&from) {
                    return;
                }
                if self.nodes.get(&to).is_none_or(|node| !node.up) {
                    let result = Err(RequestFailure::Refused);
                    self.messages.push_back(Message::Response { from: to, to: from, request_id, result });
                    return;
                }
                if let RaftRequest::ApiVersions(_) = request {
                    let response = RaftResponse::ApiVersions(Box::new(supported_versions()));
                    self.messages.push_back(Message::Response {
                        from: to,
                        to: from,
                        request_id,
                        result: Ok(response),
                    });
                    return;
                }
                let token = self.next_token;
                self.next_token += 1;
                self.open.insert(token, Open { from, request_id, to });
                self.step(to, Input::Request { token, listener: "CONTROLLER".into(), request });
            }
            Message::Response { to, request_id, result, .. } => {
                if self.nodes[&to].up && !self.vanished.contains(&to) {
                    self.step(to, Input::Response { request_id, result });
                }
            }
        }
    }

    /// Hands over so many messages and no more; the rest stays under way.
    pub(super) fn deliver_some(&mut self, count: usize) {
        let ids: Vec<i32> = self.nodes.iter().filter(|(_, node)| node.up).map(|(id, _)| *id).collect();
        for id in ids {
            self.step(id, Input::Tick);
        }
        for _ in 0..count {
            if let Some(message) = self.messages.pop_front() {
                self.hand_over(message);
            }
        }
    }

    /// Lets time pass, in small steps.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let now = self.now();
            let is_due = |node: &Node| node.up && node.is_due(now);
            let due: Vec<i32> =
                self.nodes.iter().filter(|(_, node)| is_due(node)).map(|(id, _)| *id).collect();
            for id in due {
                self.step(id, Input::Tick);
            }
            if self.chaos.is_some() {
                self.awaken();
                while let Some(message) = self.messages.pop_front() {
                    self.hand_over(message);
                }
            } else {
                self.awaken();
                self.deliver();
            }
            self.now += Duration::from_millis(10);
        }
    }

    /// The node that leads, as most nodes see it, after some time.
    pub(super) fn elect(&mut self) -> i32 {
        for _ in 0..50 {
            self.run(Duration::from_millis(200));
            let leaders: Vec<i32> = self
                .nodes
                .values()
                .filter(|node| node.up && node.leader.1 == Some(node.config.node_id) && node.raft.is_leader())
                .map(|node| node.config.node_id)
                .collect();
            if let [leader] = leaders.as_slice() {
                return *leader;
            }
        }
        panic!("nobody was elected");
    }
}
