//! The quorum's thread: drives KRaft, decides as the controller while it leads, and follows the committed log.
//!
//! One loop over one closed [`Event`]. Whatever happens is stepped through the raft machine; its actions are carried
//! out in order before the next event is taken, but for an append, whose sync runs on a thread of its own (there is
//! never more than one under way).
//!
//! A decision is made on the tentative image, proposed, applied there, and answered when it is committed. If the
//! leadership goes, everything tentative is forgotten and its callers are told NOT_CONTROLLER.

mod departures;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use klamm_config::{BrokerConfig, broker};
use klamm_controller::{Heartbeats, PartitionIndex, Random};
use klamm_io::spawn;
use klamm_metadata::{
    MetadataImage, SnapshotPolicy, checkpoint,
    image::{Loader, Provenance, record_version},
};
use klamm_protocol::{
    MetadataRecord, StrBytes,
    api::describe_quorum::{DescribeQuorumRequest, DescribeQuorumResponse},
    records::BatchIter,
};
use klamm_raft::{
    Action, ControlState, Input, Now, OffsetAndEpoch, Raft, RaftRequest, RaftResponse, RequestFailure,
};
use klamm_timeline::Timeline;
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::{
    command::{AnswerSender, Command, CommandError, ControllerHandle},
    decide,
    metadata_log::{MetadataLog, MetadataLogError},
    peers::Peers,
    presence::Sighting,
    publisher::Update,
};
use crate::{metadata::Published, metadata_change::Touched, node::World};

/// Bytes of the log that are replayed in one piece.
const REPLAY_BYTES_MAX: u32 = 1 << 20;

/// What the quorum's thread is started with.
pub struct QuorumStart {
    /// The node's config.
    pub config: Arc<BrokerConfig>,
    /// The cluster's id.
    pub cluster_id: StrBytes,
    /// Clock, randomness, disk.
    pub world: World,
    /// The metadata log.
    pub log: MetadataLog,
    /// The machine.
    pub raft: Raft,
    /// The image that the latest snapshot holds, and where it stands.
    pub loader: Loader,
    /// The records that a new cluster starts with.
    pub bootstrap: Vec<MetadataRecord>,
    /// Shares the leader's id.
    pub handle: ControllerHandle,
    /// What is asked of the controller.
    pub commands: mpsc::UnboundedReceiver<Command>,
    /// What comes by the controllers' listeners.
    pub arrivals: mpsc::UnboundedReceiver<Arrival>,
    /// Where committed images go.
    pub updates: mpsc::UnboundedSender<Update>,
}

/// A request of the quorum's protocol, from a connection.
#[derive(Debug)]
pub struct QuorumRequest {
    /// Name of the listener it came by.
    pub listener: StrBytes,
    /// The request.
    pub request: RaftRequest,
    /// Where the answer goes. Dropped: the node is going down.
    pub reply: oneshot::Sender<RaftResponse>,
}

/// What comes by connections to the controllers' listeners.
#[derive(Debug)]
pub enum Arrival {
    /// A request of the quorum's protocol.
    Request(QuorumRequest),
    /// A node's connection came or went.
    Sighting(Sighting),
}

/// Everything that happens to the quorum.
enum Event {
    Command(Command),
    Arrival(Arrival),
    Answer(u64, Result<RaftResponse, RequestFailure>),
    Deadline,
    Synced(Result<klamm_log::Flushed, klamm_log::Error>),
    Snapshot(OffsetAndEpoch, Bytes),
    /// A node that had no connection left at that time has had a moment to come back.
    Missing(i32, Duration),
    /// A broker's process is gone.
    Dead {
        id: i32,
        epoch: i64,
        since: Duration,
    },
}

/// What only the active controller has.
pub(super) struct Active {
    pub(super) epoch: i32,
    pub(super) timeline: Timeline<MetadataImage>,
    /// Of the timeline's tentative image.
    pub(super) index: PartitionIndex,
    pub(super) heartbeats: Heartbeats,
    /// Answers that wait for the commit of everything before an offset.
    waiting: VecDeque<(i64, Finish)>,
    /// When the next NoOp record is due (`metadata.max.idle.interval.ms`).
    idle_deadline: Option<Duration>,
    /// When leaders are looked at unasked; `None` with `auto.leader.rebalance.enable` off.
    pub(super) balance_deadline: Option<Duration>,
    /// When partitions without a leader are looked at.
    pub(super) unclean_deadline: Duration,
}

/// Gives an answer: with the end offset of what was committed, or why it was not.
pub(super) type Finish = Box<dyn FnOnce(Result<i64, CommandError>)>;

/// The thread's state.
pub(super) struct Driver {
    pub(super) config: Arc<BrokerConfig>,
    pub(super) cluster_id: StrBytes,
    world: World,
    log: MetadataLog,
    raft: Raft,
    loader: Loader,
    touched: Touched,
    bootstrap: Vec<MetadataRecord>,
    handle: ControllerHandle,
    updates: mpsc::UnboundedSender<Update>,
    /// Where work that was started brings its outcome.
    events: mpsc::UnboundedSender<Event>,
    /// For the quorum's protocol alone: a command that waits for its commit must not stand in front of the fetch that
    /// commits it, since answers on a connection come in order.
    peers: Peers,
    /// For commands that are passed on to the active controller.
    forwarding: Peers,
    snapshot_policy: SnapshotPolicy,
    pub(super) active: Option<Active>,
    /// Who led the quorum last, this node included.
    last_leader: Option<i32>,
    /// How many connections each node has here.
    connections: FxHashMap<i32, u32>,
    requests: FxHashMap<u64, oneshot::Sender<RaftResponse>>,
    next_token: u64,
    failed: bool,
}

/// Runs the quorum until `stop` completes.
pub async fn run(start: QuorumStart, stop: impl Future<Output = ()>) {
    let (events, mut happened) = mpsc::unbounded_channel();
    let clock = start.world.clock;
    let (mut driver, mut commands, mut arrivals) = Driver::new(start, events);
    driver.step(Input::Tick);
    let mut stop = std::pin::pin!(stop);
    while !driver.failed {
        let deadline = driver.next_deadline();
        let event = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(event) = happened.recv() => event,
            Some(arrival) = arrivals.recv() => Event::Arrival(arrival),
            Some(command) = commands.recv() => Event::Command(command),
            () = clock.sleep_until_any(deadline.map(klamm_io::Instant::from_start)) => Event::Deadline,
        };
        driver.handle(event);
    }
    driver.resign(CommandError::ShuttingDown);
    if let Err(error) = driver.log.close() {
        warn!(%error, "the metadata log was not closed properly");
    }
}

type Commands = mpsc::UnboundedReceiver<Command>;
type Arrivals = mpsc::UnboundedReceiver<Arrival>;

impl Driver {
    fn new(start: QuorumStart, events: mpsc::UnboundedSender<Event>) -> (Self, Commands, Arrivals) {
        let clock = start.world.clock;
        let config = start.config;
        let request_timeout = config.get(&broker::CONTROLLER_QUORUM_REQUEST_TIMEOUT_MS);
        let request_timeout = Duration::from_millis(u64::try_from(request_timeout).unwrap_or(2000));
        let peers = || Peers::new(config.node_id(), request_timeout, clock);
        let driver = Self {
            peers: peers(),
            forwarding: peers(),
            snapshot_policy: snapshot_policy(&config, clock.now().since_start()),
            config: Arc::clone(&config),
            cluster_id: start.cluster_id,
            world: start.world,
            log: start.log,
            raft: start.raft,
            loader: start.loader,
            touched: Touched::everything(),
            bootstrap: start.bootstrap,
            handle: start.handle,
            updates: start.updates,
            events,
            active: None,
            last_leader: None,
            connections: FxHashMap::default(),
            requests: FxHashMap::default(),
            next_token: 0,
            failed: false,
        };
        (driver, start.commands, start.arrivals)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Command(command) => self.command(command),
            Event::Arrival(Arrival::Request(request)) => self.request(request),
            Event::Arrival(Arrival::Sighting(sighting)) => self.sighted(sighting),
            Event::Answer(request_id, result) => self.step(Input::Response { request_id, result }),
            Event::Deadline => self.deadline(),
            Event::Synced(Ok(flushed)) => {
                self.log.mark_flushed(flushed, self.world.clock.wall_ms());
                self.step(Input::Appended);
            }
            Event::Synced(Err(error)) => self.fail(&error.into()),
            Event::Snapshot(id, content) => self.snapshot_encoded(id, &content),
            Event::Missing(id, since) => self.missing(id, since),
            Event::Dead { id, epoch, since } => self.dead(id, epoch, since),
        }
    }

    fn now(&self) -> Now {
        Now { monotonic: self.world.clock.now().since_start(), wall_ms: self.world.clock.wall_ms() }
    }

    /// Time since the node's start.
    pub(super) fn monotonic(&self) -> Duration {
        self.world.clock.now().since_start()
    }

    /// Randomness for one decision.
    pub(super) fn random(&self) -> Random {
        let mut seed = [0; 32];
        for part in seed.chunks_exact_mut(16) {
            part.copy_from_slice(&self.world.entropy.next_16());
        }
        Random::new(seed)
    }

    /// Raises `kraft.version`, or only says whether it could be.
    pub(super) fn upgrade_kraft_version(&mut self, level: i16, validate_only: bool) -> Result<(), String> {
        let epoch = self.active.as_ref().map_or(-1, |active| active.epoch);
        let mut actions = Vec::new();
        let upgraded = self.raft.upgrade_kraft_version(self.now(), epoch, level, validate_only, &mut actions);
        self.carry_out(actions);
        upgraded
    }

    /// The level of `kraft.version` and the ids of the voters.
    pub(super) fn quorum_features(&self) -> (i16, Vec<i32>) {
        let voters = self.raft.voters().iter().map(|voter| voter.key.id).collect();
        (self.raft.control().kraft_version(), voters)
    }

    fn next_deadline(&self) -> Option<Duration> {
        let active = self.active.as_ref();
        let idle = active.and_then(|active| active.idle_deadline);
        let sessions = active.and_then(|active| active.heartbeats.next_deadline());
        let balance = active.and_then(|active| active.balance_deadline);
        let unclean = active.map(|active| active.unclean_deadline);
        [self.raft.next_deadline(), idle, sessions, balance, unclean].into_iter().flatten().min()
    }

    fn deadline(&mut self) {
        self.step(Input::Tick);
        let now = self.now();
        let idle_deadline = self.active.as_ref().and_then(|active| active.idle_deadline);
        if idle_deadline.is_some_and(|deadline| now.monotonic >= deadline) {
            decide::idle(self);
        }
        decide::elections(self, now.monotonic);
        if self
            .active
            .as_ref()
            .and_then(|active| active.heartbeats.next_deadline())
            .is_some_and(|at| now.monotonic >= at)
        {
            decide::sessions(self);
        }
    }

    fn command(&mut self, command: Command) {
        if self.active.is_some() {
            decide::command(self, command);
            return;
        }
        // Another node leads: it is asked over the network.
        match self.raft.leader_server() {
            Some(leader) => {
                let peers = self.forwarding.clone();
                spawn::local(async move { command.forward(&peers, &leader).await });
            }
            None => command.refuse(CommandError::NotController),
        }
    }

    /// Asks the raft machine on behalf of a client that came by another listener.
    pub(super) fn describe_quorum(
        &mut self,
        request: DescribeQuorumRequest,
        reply: AnswerSender<DescribeQuorumResponse>,
    ) {
        let (answer, response) = oneshot::channel();
        let listener = self.config.controller_listener_names().first().map_or("", String::as_str).into();
        self.request(QuorumRequest {
            listener,
            request: RaftRequest::DescribeQuorum(request),
            reply: answer,
        });
        spawn::local(async move {
            let answer = match response.await {
                Ok(RaftResponse::DescribeQuorum(response)) => Ok(response),
                _ => Err(CommandError::ShuttingDown),
            };
            drop(reply.send(answer));
        });
    }

    fn request(&mut self, request: QuorumRequest) {
        let token = self.next_token;
        self.next_token += 1;
        self.requests.insert(token, request.reply);
        self.step(Input::Request { token, listener: request.listener, request: request.request });
    }

    fn step(&mut self, input: Input) {
        let mut actions = Vec::new();
        self.raft.step(self.now(), input, &mut actions);
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            if let Err(error) = self.carry_out_one(action) {
                self.fail(&error);
                return;
            }
        }
    }

    fn carry_out_one(&mut self, action: Action) -> Result<(), MetadataLogError> {
        let now_ms = self.world.clock.wall_ms();
        match action {
            Action::PersistQuorumState { content, .. } => self.log.write_quorum_state(&content)?,
            Action::Append { batches, sync, .. } => {
                let handle = self.log.append(batches, now_ms)?;
                let events = self.events.clone();
                spawn::local(async move {
                    let done = if sync {
                        spawn::blocking(move || handle.sync()).await
                    } else {
                        Some(handle.unsynced())
                    };
                    if let Some(done) = done {
                        let _ = events.send(Event::Synced(done));
                    }
                });
            }
            Action::Truncate { end_offset } => self.log.truncate(end_offset, now_ms)?,
            Action::Send { request_id, to, request } => {
                let (peers, events) = (self.peers.clone(), self.events.clone());
                spawn::local(async move {
                    let result = peers.send(&to, request).await;
                    let _ = events.send(Event::Answer(request_id, result));
                });
            }
            Action::Respond { token, response } => self.respond(token, response),
            Action::RespondFetch { token, mut response, range } => {
                let bytes_max = u32::try_from(range.bytes_max).unwrap_or(0);
                let found = self.log.read(range.offset, range.end_offset, bytes_max)?;
                let records = found.map_or_else(Bytes::new, |(bytes, _)| bytes);
                for topic in &mut response.responses {
                    for partition in &mut topic.partitions {
                        partition.records = Some(klamm_protocol::Records::Bytes(records.clone()));
                    }
                }
                self.respond(token, RaftResponse::Fetch(response));
            }
            Action::RespondFetchSnapshot { token, mut response, id, position, bytes_max } => {
                let file = self.log.read_snapshot(id, position, bytes_max)?;
                let file = file.map(|(size, bytes)| (size, klamm_protocol::Records::Bytes(bytes)));
                klamm_raft::finish_fetch_snapshot(&mut response, file);
                self.respond(token, RaftResponse::FetchSnapshot(response));
            }
            Action::HighWatermark { offset } => self.committed(offset)?,
            Action::LeaderChanged { epoch, leader } => self.leader_changed(epoch, leader),
            Action::WriteSnapshot { id, position, bytes } => {
                self.log.write_snapshot_part(id, position, &bytes)?
            }
            Action::FinishSnapshot { id } => self.install_snapshot(id)?,
            Action::ShutdownComplete => {}
        }
        Ok(())
    }

    /// Puts the leader's snapshot in the place of everything that was here.
    fn install_snapshot(&mut self, id: OffsetAndEpoch) -> Result<(), MetadataLogError> {
        let content = self.log.finish_snapshot(id, self.world.clock.wall_ms())?;
        let control =
            ControlState::of_snapshot(id, content.clone()).map_err(|source| self.log.bad_batch(source))?;
        self.loader = load_snapshot(id, content);
        self.snapshot_policy.reset(self.monotonic());
        self.touched = Touched::everything();
        self.publish();
        self.step(Input::SnapshotInstalled { id, control });
        Ok(())
    }

    /// Has the committed image encoded on another thread, since that of a large cluster takes a while.
    fn begin_snapshot(&mut self) {
        self.snapshot_policy.reset(self.monotonic());
        let (image, provenance) = (self.loader.image().clone(), self.loader.provenance());
        let id = OffsetAndEpoch { offset: provenance.last_offset + 1, epoch: provenance.last_epoch };
        let (voters, kraft_version) = self.raft.control().at(id.offset);
        let header = checkpoint::Header {
            last_contained_timestamp_ms: provenance.last_timestamp_ms,
            kraft_version,
            voters: voters.map(klamm_raft::VoterSet::to_record),
        };
        let (events, now_ms) = (self.events.clone(), self.world.clock.wall_ms());
        spawn::local(async move {
            let encode = move || checkpoint::encode_image(&image, id.epoch, &header, now_ms);
            match spawn::blocking(encode).await {
                Some(Ok(content)) => drop(events.send(Event::Snapshot(id, content))),
                Some(Err(error)) => error!(%error, "the metadata image cannot be written as a snapshot"),
                None => {}
            }
        });
    }

    fn snapshot_encoded(&mut self, id: OffsetAndEpoch, content: &Bytes) {
        if self.raft.log().latest_snapshot().is_some_and(|latest| latest >= id) {
            return;
        }
        if let Err(error) = self.log.write_snapshot(id, content) {
            return self.fail(&error);
        }
        info!(end_offset = id.offset, epoch = id.epoch, bytes = content.len(), "metadata snapshot written");
        self.step(Input::SnapshotSaved { id });
        let bytes_max = self.config.get(&broker::METADATA_MAX_RETENTION_BYTES);
        match self.log.clean(bytes_max, self.raft.high_watermark().unwrap_or(0), self.world.clock.wall_ms()) {
            Ok(None) => {}
            Ok(Some((start_offset, earliest_snapshot))) => {
                self.step(Input::LogTrimmed { start_offset, earliest_snapshot });
            }
            Err(error) => self.fail(&error),
        }
    }

    fn publish(&mut self) {
        let published = Published {
            image: self.loader.image().clone(),
            provenance: self.loader.provenance(),
            kraft_version: self.raft.control().kraft_version(),
        };
        let touched = std::mem::take(&mut self.touched);
        let _ = self.updates.send(Update { published: Arc::new(published), touched });
    }

    fn respond(&mut self, token: u64, response: RaftResponse) {
        if let Some(reply) = self.requests.remove(&token) {
            let _ = reply.send(response);
        }
    }

    /// Follows the log up to the new high watermark, publishes what came, and answers what is committed.
    fn committed(&mut self, high_watermark: i64) -> Result<(), MetadataLogError> {
        let mut next = self.loader_end();
        let mut changed = false;
        while let Some((bytes, end)) = self.log.read(next, high_watermark, REPLAY_BYTES_MAX)? {
            self.snapshot_policy.add(u64::try_from(bytes.len()).unwrap_or(0));
            for batch in BatchIter::new(bytes).flatten() {
                let (records, provenance) = decode_batch(&batch);
                for record in &records {
                    self.touched.add(record);
                }
                match self.loader.apply(&records, provenance) {
                    Ok(published) => changed |= published,
                    Err(error) => {
                        error!(%error, offset = provenance.last_offset, "the metadata log contradicts itself: the node ends");
                        std::process::abort();
                    }
                }
            }
            next = end;
        }
        if changed {
            self.publish();
        }
        if self.snapshot_policy.is_due(self.monotonic()) && !self.loader.is_in_transaction() {
            self.begin_snapshot();
        }
        if let Some(active) = &mut self.active {
            active.timeline.commit(high_watermark);
            while active.waiting.front().is_some_and(|(end, _)| *end <= high_watermark) {
                if let Some((end, finish)) = active.waiting.pop_front() {
                    finish(Ok(end));
                }
            }
        }
        Ok(())
    }

    fn loader_end(&self) -> i64 {
        self.loader.provenance().last_offset + 1
    }

    fn leader_changed(&mut self, epoch: i32, leader: Option<i32>) {
        info!(epoch, leader, "leader of the quorum");
        self.resign(CommandError::NotController);
        let before = self.last_leader;
        self.last_leader = leader.or(before);
        self.handle.set_leader(leader);
        if leader == Some(self.config.node_id()) {
            self.activate(epoch);
            // It had to be replaced: perhaps the broker of that node is gone as well.
            if let Some(before) = before {
                self.suspect(before);
            }
        }
    }

    fn activate(&mut self, epoch: i32) {
        let image = self.loader.image().clone();
        let end_offset = self.raft.log().end_offset();
        let now = self.now().monotonic;
        let heartbeats = decide::heartbeats(self, &image, now);
        self.active = Some(Active {
            epoch,
            index: PartitionIndex::of(&image),
            timeline: Timeline::new(image, end_offset),
            heartbeats,
            waiting: VecDeque::new(),
            idle_deadline: None,
            balance_deadline: decide::balance_interval(&self.config).map(|interval| now + interval),
            unclean_deadline: now + decide::unclean_interval(&self.config),
        });
        self.set_idle_deadline();
        // Kept: if this leadership ends before they are committed, the next one has to write them again.
        let bootstrap = self.bootstrap.clone();
        decide::activate(self, &bootstrap, self.loader.is_in_transaction());
        info!(epoch, "active controller");
    }

    fn set_idle_deadline(&mut self) {
        let interval = self.config.get(&broker::METADATA_MAX_IDLE_INTERVAL_MS);
        let now = self.now().monotonic;
        if let Some(active) = &mut self.active {
            let interval = u64::try_from(interval).ok().filter(|ms| *ms > 0);
            active.idle_deadline = interval.map(|ms| now + Duration::from_millis(ms));
        }
    }

    fn resign(&mut self, error: CommandError) {
        if let Some(active) = self.active.take() {
            for (_, finish) in active.waiting {
                finish(Err(error));
            }
        }
    }

    /// Proposes a decision's records and has `finish` called when everything up to them is committed. Without records:
    /// when everything is that the decision has seen.
    pub(super) fn propose(&mut self, records: &[MetadataRecord], finish: Finish) {
        let Some(active) = &mut self.active else {
            finish(Err(CommandError::NotController));
            return;
        };
        if records.is_empty() {
            let end = active.timeline.tentative_end_offset();
            if active.timeline.committed_end_offset() >= end {
                finish(Ok(end));
            } else {
                active.waiting.push_back((end, finish));
            }
            return;
        }
        let version = active.timeline.tentative().features.metadata_version_or_minimum();
        let encoded: Vec<Bytes> =
            records.iter().map(|record| encode_record(record, record_version(version, record))).collect();
        let epoch = active.epoch;
        let mut actions = Vec::new();
        match self.raft.propose(self.now(), epoch, &encoded, &mut actions) {
            Ok(end) => {
                if let Some(active) = &mut self.active {
                    let before = active.timeline.tentative().clone();
                    active.timeline.apply(records, end);
                    active.index.update(&before, active.timeline.tentative(), records);
                    active.waiting.push_back((end, finish));
                }
                self.set_idle_deadline();
            }
            Err(error) => {
                warn!(%error, "a decision cannot be proposed");
                finish(Err(CommandError::NotController));
            }
        }
        self.carry_out(actions);
    }

    /// The offset that the next record gets.
    pub(super) fn next_offset(&self) -> i64 {
        self.active.as_ref().map_or(-1, |active| active.timeline.tentative_end_offset())
    }

    /// The metadata log is the one thing that a node cannot do without.
    fn fail(&mut self, error: &MetadataLogError) {
        error!(%error, "the metadata log failed: the node ends");
        self.failed = true;
        std::process::abort();
    }
}

fn snapshot_policy(config: &BrokerConfig, now: Duration) -> SnapshotPolicy {
    let bytes_max = config.get(&broker::METADATA_LOG_MAX_RECORD_BYTES_BETWEEN_SNAPSHOTS);
    let interval = config.get(&broker::METADATA_LOG_MAX_SNAPSHOT_INTERVAL_MS);
    let interval = Duration::from_millis(u64::try_from(interval).unwrap_or(0));
    SnapshotPolicy::new(u64::try_from(bytes_max).unwrap_or(u64::MAX), interval, now)
}

/// The records of a data batch; none of a control batch.
fn decode_batch(batch: &klamm_protocol::records::RecordBatch) -> (Vec<MetadataRecord>, Provenance) {
    let provenance = Provenance {
        last_offset: batch.last_offset(),
        last_epoch: batch.partition_leader_epoch,
        last_timestamp_ms: batch.max_timestamp,
    };
    if batch.is_control() {
        return (Vec::new(), provenance);
    }
    (decode_records(batch), provenance)
}

/// The metadata records of a batch.
///
/// A record that cannot be decoded ends the process: a node that skipped it would disagree with all others.
pub fn decode_records(batch: &klamm_protocol::records::RecordBatch) -> Vec<MetadataRecord> {
    let decoded = || -> Result<Vec<MetadataRecord>, String> {
        let records = batch.records().map_err(|error| error.to_string())?;
        records
            .map(|record| {
                let value = record.map_err(|error| error.to_string())?.value.unwrap_or_default();
                MetadataRecord::decode(value).map(|(record, _)| record).map_err(|error| error.to_string())
            })
            .collect()
    };
    decoded().unwrap_or_else(|error| {
        error!(
            error,
            offset = batch.base_offset,
            "a record of the metadata log cannot be read: the node ends"
        );
        std::process::abort();
    })
}

fn encode_record(record: &MetadataRecord, version: i16) -> Bytes {
    match record.to_bytes(version) {
        Ok(bytes) => bytes,
        Err(error) => panic!("a {record:?} cannot be written in version {version}: {error}"),
    }
}

/// The image that a snapshot holds.
///
/// A snapshot that contradicts itself ends the process, as a record that cannot be read does.
pub fn load_snapshot(id: OffsetAndEpoch, content: Bytes) -> Loader {
    let mut image = MetadataImage::default();
    let mut last_timestamp_ms = -1;
    for batch in BatchIter::new(content).flatten() {
        last_timestamp_ms = last_timestamp_ms.max(batch.max_timestamp);
        if batch.is_control() {
            continue;
        }
        for record in decode_records(&batch) {
            if let Err(error) = image.try_replay(&record) {
                error!(%error, offset = id.offset, epoch = id.epoch, "a metadata snapshot contradicts itself: the node ends");
                std::process::abort();
            }
        }
    }
    Loader::new(image, Provenance { last_offset: id.offset - 1, last_epoch: id.epoch, last_timestamp_ms })
}
