//! A quorum on in-memory logs.

use crate::*;
use bytes::{Bytes, BytesMut};
use klamm_protocol::records::BatchIter;
use klamm_protocol::{Records, StrBytes, Uuid};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// One node: the machine and what its driver would keep.
pub(super) struct Node {
    pub(super) raft: Raft,
    config: Config,
    log: Vec<Bytes>,
    quorum_state: Option<QuorumState>,
    bootstrap: Option<Bytes>,
    pub(super) committed: i64,
    pub(super) leader: (i32, Option<i32>),
    pub(super) up: bool,
    pub(super) shut_down: bool,
    /// So many batches of the log survive a crash.
    synced: usize,
    /// When the append under way will be durable.
    append_due: Option<Duration>,
    /// Which life of the node this is.
    pub(super) life: u32,
}

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

    pub(super) fn below(&mut self, end: u64) -> u64 {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % end.max(1)
    }
}

impl Node {
    fn recover(&self) -> Recovery {
        let mut recovery = Recovery::new(0);
        if let Some(snapshot) = &self.bootstrap {
            recovery.snapshot(BOOTSTRAP_SNAPSHOT, snapshot.clone()).expect("a good snapshot");
        }
        for batch in &self.log {
            recovery.batches(batch.clone()).expect("good batches");
        }
        recovery
    }

    /// Values of the data records before the high watermark.
    pub(super) fn committed_records(&self) -> Vec<String> {
        let mut values = Vec::new();
        for bytes in &self.log {
            for batch in BatchIter::new(bytes.clone()).map(|batch| batch.expect("good")) {
                if batch.header().is_control() || batch.header().next_offset() > self.committed {
                    continue;
                }
                for record in batch.records().expect("good") {
                    let value = record.expect("good").value.expect("a value");
                    values.push(String::from_utf8_lossy(&value).into_owned());
                }
            }
        }
        values
    }
}

enum Message {
    Request { from: i32, request_id: u64, to: i32, request: RaftRequest },
    Response { to: i32, request_id: u64, result: Result<RaftResponse, RequestFailure> },
}

/// All nodes and the messages between them.
pub(super) struct Cluster {
    pub(super) nodes: BTreeMap<i32, Node>,
    messages: VecDeque<Message>,
    /// Requests that a node has not answered yet: token to asker and request id.
    open: BTreeMap<u64, (i32, u64)>,
    next_token: u64,
    now: Duration,
    pub(super) chaos: Option<Chaos>,
    delayed: Vec<(Duration, Message)>,
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
            next_token: 1,
            now: Duration::from_secs(1),
            chaos: None,
            delayed: Vec::new(),
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
        config.bootstrap_servers = vec![(format!("host{id}").into(), 1000)];
        cluster.add(config, Some(snapshot));
        cluster
    }

    fn add(&mut self, config: Config, bootstrap: Option<Bytes>) {
        let now = self.now();
        let mut node = Node {
            raft: Raft::new(now, config.clone(), LogState::default(), ControlState::default(), None),
            config,
            log: Vec::new(),
            quorum_state: None,
            bootstrap,
            committed: -1,
            leader: (0, None),
            up: true,
            shut_down: false,
            synced: 0,
            append_due: None,
            life: 0,
        };
        let (log, control) = node.recover().finish();
        node.raft = Raft::new(now, node.config.clone(), log, control, None);
        self.nodes.insert(node.config.node_id, node);
    }

    fn now(&self) -> Now {
        Now { monotonic: self.now, wall_ms: 1_000_000 + i64::try_from(self.now.as_millis()).expect("small") }
    }

    pub(super) fn node(&self, id: i32) -> &Node {
        &self.nodes[&id]
    }

    /// Kills a node: what is not on its disk is gone, and so is what was under way.
    pub(super) fn crash(&mut self, id: i32) {
        self.nodes.get_mut(&id).expect("exists").up = false;
        if self.chaos.is_none() {
            self.open.clear();
            self.messages.clear();
        }
        self.open.retain(|_, (asker, _)| *asker != id);
        let chaos = self.chaos.is_some();
        let node = self.nodes.get_mut(&id).expect("exists");
        if chaos {
            node.log.truncate(node.synced);
        }
        node.append_due = None;
    }

    pub(super) fn restart(&mut self, id: i32) {
        let now = self.now();
        let node = self.nodes.get_mut(&id).expect("exists");
        let (log, control) = node.recover().finish();
        node.raft = Raft::new(now, node.config.clone(), log, control, node.quorum_state);
        node.up = true;
        node.life += 1;
        node.committed = -1;
        node.synced = node.log.len();
    }

    /// Steps a node and does what it asks for.
    pub(super) fn step(&mut self, id: i32, input: Input) {
        let now = self.now();
        let node = self.nodes.get_mut(&id).expect("exists");
        let mut actions = Vec::new();
        node.raft.step(now, input, &mut actions);
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
        let mut appended = false;
        for action in actions {
            let node = self.nodes.get_mut(&id).expect("exists");
            match action {
                Action::PersistQuorumState { state, content } => {
                    assert_eq!(
                        QuorumState::decode(&content).expect("readable").leader_epoch,
                        state.leader_epoch
                    );
                    assert!(node.quorum_state.is_none_or(|old| old.leader_epoch <= state.leader_epoch));
                    node.quorum_state = Some(state);
                }
                Action::Append { batches, base_offset, end_offset, .. } => {
                    assert_eq!(log_end(&node.log), base_offset, "appends continue the log");
                    node.log.extend(BatchIter::new(batches).map(|batch| batch.expect("good").into_bytes()));
                    assert_eq!(log_end(&node.log), end_offset);
                    appended = true;
                }
                Action::Truncate { end_offset } => {
                    assert!(node.committed <= end_offset, "committed records were truncated");
                    node.log.retain(|batch| log_end(std::slice::from_ref(batch)) <= end_offset);
                    node.synced = node.synced.min(node.log.len());
                }
                Action::Send { request_id, to, request } => {
                    let to = i32::from(to.port) - 1000;
                    let message = Message::Request { from: id, request_id, to, request };
                    let through = self.gets_through(message);
                    self.messages.extend(through);
                }
                Action::Respond { token, response } => self.respond(token, response),
                Action::RespondFetch { token, mut response, range } => {
                    let records = read(&node.log, range);
                    response.responses[0].partitions[0].records = Some(Records::Bytes(records));
                    self.respond(token, RaftResponse::Fetch(response));
                }
                Action::HighWatermark { offset } => {
                    assert!(offset > node.committed, "the high watermark never goes back");
                    node.committed = offset;
                }
                Action::LeaderChanged { epoch, leader } => node.leader = (epoch, leader),
                Action::ShutdownComplete => node.shut_down = true,
                other => panic!("not expected here: {other:?}"),
            }
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
        if let Some((to, request_id)) = self.open.remove(&token) {
            let message = Message::Response { to, request_id, result: Ok(response) };
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
                if self.nodes.get(&to).is_none_or(|node| !node.up) {
                    let result = Err(RequestFailure::Disconnected);
                    self.messages.push_back(Message::Response { to: from, request_id, result });
                    return;
                }
                let token = self.next_token;
                self.next_token += 1;
                self.open.insert(token, (from, request_id));
                self.step(to, Input::Request { token, listener: "CONTROLLER".into(), request });
            }
            Message::Response { to, request_id, result } => {
                if self.nodes[&to].up {
                    self.step(to, Input::Response { request_id, result });
                }
            }
        }
    }

    /// Lets time pass, in small steps.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let ids: Vec<i32> = self.nodes.iter().filter(|(_, node)| node.up).map(|(id, _)| *id).collect();
            for id in ids {
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

fn log_end(log: &[Bytes]) -> i64 {
    log.last().map_or(0, |batch| {
        BatchIter::new(batch.clone()).last().expect("one").expect("good").header().next_offset()
    })
}

fn read(log: &[Bytes], range: FetchRange) -> Bytes {
    let mut out = BytesMut::new();
    for batch in log {
        let end = log_end(std::slice::from_ref(batch));
        if end > range.offset && end <= range.end_offset {
            out.extend_from_slice(batch);
        }
    }
    out.freeze()
}
