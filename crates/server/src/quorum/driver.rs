//! The quorum's thread: drives KRaft, decides as the controller while it leads, and follows the committed log.
//!
//! One loop over one closed [`Event`]. Whatever happens is stepped through the raft machine; **all** its actions are
//! carried out in order before it is stepped again (`driver/carry_out.rs`), but for an append, whose sync runs on a thread
//! of its own (there is never more than one under way).
//!
//! A decision is made on the tentative image, proposed, applied there, and answered when it is committed. If the
//! leadership goes, everything tentative is forgotten and its callers are told NOT_CONTROLLER; what the clients of this
//! node's own broker have asked the next controller is asked.

mod active;
mod carry_out;
mod departures;
mod measured;
mod own_commands;
mod replay;
mod snapshots;
mod turns;

pub(super) use active::{Active, Finish};
pub use replay::{decode_records, load_snapshot};

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use klamm_config::{BrokerConfig, broker};
use klamm_controller::Random;
use klamm_io::{Instant, spawn};
use klamm_metadata::{SnapshotPolicy, image::Loader};
use klamm_protocol::{MetadataRecord, StrBytes};
use klamm_raft::{Input, Now, OffsetAndEpoch, Raft, RaftRequest, RaftResponse, RequestFailure};
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use self::{carry_out::Afterwards, measured::Measured, own_commands::OwnCommands, turns::Turns};
use super::{
    command::{AnswerSender, Command, CommandError, ControllerHandle, RaftCommand},
    decide,
    forwarding::{self, Forwarding, Wanted},
    metadata_log::{MetadataLog, MetadataLogError},
    peers::Peers,
    presence::Sighting,
    publisher::Update,
    refusals::Refusals,
    voter_watch::VoterWatch,
};
use crate::{
    inter_broker::SetupTimeout,
    metadata_change::Touched,
    metrics::quorum::{ControllerCounts, QuorumMeasures},
    node::World,
};

/// Time for a leader that stops to hand over. Kafka's value.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a controller that leads no more may take to answer what it was asked. It does so at once if it can.
const LAST_WORDS: Duration = Duration::from_secs(1);

fn socket_timeout(config: &BrokerConfig) -> Duration {
    let ms = config.get(&broker::CONTROLLER_SOCKET_TIMEOUT_MS);
    Duration::from_millis(u64::try_from(ms).unwrap_or(30_000)).min(forwarding::GIVE_UP_AFTER)
}

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
    /// Compares the voters of the log with what the node was told.
    pub voter_watch: VoterWatch,
    /// The image that the latest snapshot holds, and where it stands.
    pub loader: Loader,
    /// Whether there is such a snapshot.
    pub has_loaded_snapshot: bool,
    /// The records that a new cluster starts with.
    pub bootstrap: Vec<MetadataRecord>,
    /// Shares the leader's id.
    pub handle: ControllerHandle,
    /// What is asked of the controller.
    pub commands: mpsc::UnboundedReceiver<(Instant, Command)>,
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
    /// Somebody wants to know how the quorum is.
    Measure(oneshot::Sender<QuorumMeasures>),
}

/// Everything that happens to the quorum.
enum Event {
    /// A command, and when it was sent here.
    Command(Instant, Box<Command>),
    /// A client's command has been answered by another node, or has not and is to be sent again.
    Forwarded(Option<Box<Command>>),
    /// A client's command, asked at that time, that this node was to decide and has not.
    Undecided(Duration, Box<Command>),
    Arrival(Arrival),
    Answer(u64, Result<RaftResponse, RequestFailure>),
    Deadline,
    Synced(Result<klamm_log::Flushed, klamm_log::Error>),
    SnapshotWritten(OffsetAndEpoch, Result<usize, String>),
    /// A node that had no connection left at that time has had a moment to come back.
    Missing(i32, Duration),
    /// A broker's process is gone.
    Dead {
        id: i32,
        epoch: i64,
        since: Duration,
    },
    Leave,
}

/// How the thread ends: first it gives up its part in the quorum, while connections are still served; then it stops.
pub struct Endings {
    /// Completes when the node wants to leave.
    pub leave: oneshot::Receiver<()>,
    /// Told when somebody else leads, or it has taken too long.
    pub left: oneshot::Sender<()>,
    /// Completes when the thread is to end.
    pub stop: oneshot::Receiver<()>,
}

/// The thread's state.
pub(super) struct Driver {
    pub(super) config: Arc<BrokerConfig>,
    pub(super) cluster_id: StrBytes,
    world: World,
    log: MetadataLog,
    raft: Raft,
    voter_watch: VoterWatch,
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
    /// For what this node itself asks of the active controller.
    own_commands: OwnCommands,
    /// For what clients ask of it: a heartbeat must not stand behind the creation of ten thousand partitions.
    clients_commands: Peers,
    /// What clients ask, while another node leads.
    forwarding: Forwarding<Command>,
    /// Tells the command under way to another node that somebody else leads.
    give_up: Option<oneshot::Sender<()>>,
    snapshot_policy: SnapshotPolicy,
    /// Whether a snapshot is being written on another thread.
    snapshot_under_way: bool,
    /// When old snapshots are looked at.
    clean_deadline: Duration,
    pub(super) active: Option<Active>,
    /// Who led the quorum last, this node included.
    last_leader: Option<i32>,
    /// How many connections each node has here.
    connections: FxHashMap<i32, u32>,
    requests: FxHashMap<u64, oneshot::Sender<RaftResponse>>,
    next_token: u64,
    /// Whether actions are being carried out: the machine must not be stepped then.
    carrying_out: bool,
    /// What the actions under way have asked for.
    afterwards: VecDeque<Afterwards>,
    left: Option<oneshot::Sender<()>>,
    failed: bool,
    pub(super) counts: ControllerCounts,
    pub(super) refusals: Refusals,
    last_snapshot: snapshots::Last,
    measured: Measured,
}

/// Runs the quorum until it is stopped.
pub async fn run(start: QuorumStart, endings: Endings) {
    let (events, mut happened) = mpsc::unbounded_channel();
    let clock = start.world.clock;
    let Endings { mut leave, left, mut stop } = endings;
    let (mut driver, mut commands, mut arrivals) = Driver::new(start, events, left);
    driver.step(Input::Tick);
    let mut leaving = false;
    let mut turns = Turns::default();
    while !driver.failed {
        let deadline = driver.next_deadline();
        let is_past = deadline.is_some_and(|deadline| deadline <= driver.monotonic());
        let is_deadlines = turns.is_deadlines(is_past, || happened.len() + arrivals.len() + commands.len());
        let event = tokio::select! {
            biased;
            _ = &mut stop => break,
            () = std::future::ready(()), if is_deadlines => Event::Deadline,
            _ = &mut leave, if !leaving => {
                leaving = true;
                Event::Leave
            }
            Some(event) = happened.recv() => event,
            Some(arrival) = arrivals.recv() => Event::Arrival(arrival),
            Some((sent, command)) = commands.recv() => Event::Command(sent, Box::new(command)),
            () = clock.sleep_until_any(deadline.map(Instant::from_start)) => Event::Deadline,
        };
        let begun = clock.now();
        turns.took(matches!(event, Event::Deadline));
        driver.handle(event);
        driver.measured.worked(begun, clock.now());
    }
    driver.resign(CommandError::ShuttingDown);
    if let Err(error) = driver.log.close() {
        warn!(%error, "the metadata log was not closed properly");
    }
}

impl Wanted for Command {
    fn is_wanted(&self) -> bool {
        Self::is_wanted(self)
    }
}

type Commands = mpsc::UnboundedReceiver<(Instant, Command)>;
type Arrivals = mpsc::UnboundedReceiver<Arrival>;

impl Driver {
    fn new(
        start: QuorumStart,
        events: mpsc::UnboundedSender<Event>,
        left: oneshot::Sender<()>,
    ) -> (Self, Commands, Arrivals) {
        let clock = start.world.clock;
        let config = start.config;
        let request_timeout = config.get(&broker::CONTROLLER_QUORUM_REQUEST_TIMEOUT_MS);
        let request_timeout = Duration::from_millis(u64::try_from(request_timeout).unwrap_or(2000));
        let peers = || {
            Peers::new(config.node_id(), start.cluster_id.clone(), request_timeout, clock)
                .connecting(SetupTimeout::of(&config))
        };
        let driver = Self {
            peers: peers(),
            own_commands: OwnCommands::new(&peers(), &config, clock),
            clients_commands: peers().apart(socket_timeout(&config)),
            forwarding: Forwarding::default(),
            give_up: None,
            snapshot_policy: snapshots::policy(&config, clock.now().since_start()),
            snapshot_under_way: false,
            clean_deadline: clock.now().since_start() + snapshots::CLEAN_INTERVAL,
            config: Arc::clone(&config),
            cluster_id: start.cluster_id,
            world: start.world,
            log: start.log,
            raft: start.raft,
            voter_watch: start.voter_watch,
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
            carrying_out: false,
            afterwards: VecDeque::new(),
            left: Some(left),
            failed: false,
            refusals: Refusals::default(),
            counts: ControllerCounts {
                loaded_snapshots: u64::from(start.has_loaded_snapshot),
                ..ControllerCounts::default()
            },
            measured: Measured::new(clock.now()),
            last_snapshot: snapshots::Last { bytes: 0, at: clock.now().since_start() },
        };
        (driver, start.commands, start.arrivals)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Command(sent, command) => self.timed_command(sent, *command),
            Event::Forwarded(unanswered) => {
                self.measured.forwarded(self.world.clock.now());
                self.forwarding.returned(self.monotonic(), unanswered.map(|it| *it))
            }
            Event::Undecided(asked_at, command) => {
                self.forwarding.put_back(self.monotonic(), asked_at, *command);
            }
            Event::Arrival(Arrival::Request(request)) => self.request(request),
            Event::Arrival(Arrival::Sighting(sighting)) => self.sighted(sighting),
            Event::Arrival(Arrival::Measure(reply)) => drop(reply.send(self.measure())),
            Event::Answer(request_id, result) => self.step(Input::Response { request_id, result }),
            Event::Deadline => self.deadline(),
            Event::Synced(Ok(flushed)) => {
                self.log.mark_flushed(flushed, self.world.clock.wall_ms());
                self.step(Input::Appended);
            }
            Event::Synced(Err(error)) => self.fail(&error.into()),
            Event::SnapshotWritten(id, result) => self.snapshot_written(id, result),
            Event::Missing(id, since) => self.missing(id, since),
            Event::Dead { id, epoch, since } => self.dead(id, epoch, since),
            Event::Leave => self.step(Input::Shutdown { timeout: SHUTDOWN_TIMEOUT }),
        }
        self.forward();
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

    /// The level of `kraft.version` and the ids of the controllers that must have registered before features change: those
    /// of `controller.quorum.voters`, so none where voters come and go (KIP-853).
    pub(super) fn quorum_features(&self) -> (i16, Vec<i32>) {
        let voters = self.config.voters().iter().map(|voter| voter.id).collect();
        (self.raft.control().kraft_version(), voters)
    }

    fn next_deadline(&self) -> Option<Duration> {
        let active = self.active.as_ref();
        let idle = active.and_then(|active| active.idle_deadline);
        let sessions = active.and_then(|active| active.heartbeats.next_deadline());
        let balance = active.and_then(|active| active.balance_deadline);
        let unclean = active.map(|active| active.unclean_deadline);
        let clean = Some(self.clean_deadline);
        let forwarding =
            self.forwarding.next_deadline(self.active.is_some() || self.raft.leader_server().is_some());
        let raft = self.raft.next_deadline();
        [raft, idle, sessions, balance, unclean, clean, forwarding].into_iter().flatten().min()
    }

    fn deadline(&mut self) {
        self.step(Input::Tick);
        let now = self.now();
        if now.monotonic >= self.clean_deadline {
            self.clean_snapshots();
        }
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
            decide::session(self);
        }
    }

    fn timed_command(&mut self, sent: Instant, command: Command) {
        let begun = self.world.clock.now();
        self.command(command);
        if self.active.is_some() {
            self.counts.operations += 1;
            self.measured.carried_out(sent, begun, self.world.clock.now());
        }
    }

    fn command(&mut self, command: Command) {
        let is_to_wait = command.caller().is_some_and(|caller| !caller.asks_controller);
        if self.active.is_some() && !(is_to_wait && self.forwarding.is_busy()) {
            if is_to_wait {
                self.decide_for_client(self.monotonic(), command);
            } else {
                decide::command(self, command);
            }
            return;
        }
        if is_to_wait {
            self.forwarding.push(self.monotonic(), command);
            return;
        }
        // What the node itself asks it asks again by itself.
        match self.raft.leader_server().filter(|_| command.caller().is_none()) {
            Some(leader) => self.own_commands.send(command, leader),
            None => command.refuse(CommandError::NotController),
        }
    }

    /// Sees to the commands of clients that came while another node led, or none.
    fn forward(&mut self) {
        let now = self.monotonic();
        while let Some(command) = self.forwarding.expired(now) {
            command.refuse(CommandError::TimedOut);
        }
        // A command may make this node resign; what is left then waits for the next controller.
        while self.active.is_some() {
            let Some((asked_at, command)) = self.forwarding.take_for_good(now) else { return };
            self.decide_for_client(asked_at, command);
        }
        let Some(leader) = self.raft.leader_server() else { return };
        let Some((asked_at, command)) = self.forwarding.take(now) else { return };
        self.measured.forwards(Instant::from_start(asked_at), Instant::from_start(now));
        let (give_up, told) = oneshot::channel();
        self.give_up = Some(give_up);
        let (peers, events, clock) = (self.clients_commands.clone(), self.events.clone(), self.world.clock);
        spawn::local(async move {
            let given_up = async {
                match told.await {
                    Ok(()) => clock.sleep(LAST_WORDS).await,
                    Err(_) => pending().await,
                }
            };
            let unanswered = command.forward(&peers, &leader, given_up).await;
            // If the node ends meanwhile the command goes, and its client is told so.
            let _ = events.send(Event::Forwarded(unanswered.map(Box::new)));
        });
    }

    /// Decides what a client asks of this node as a broker. If this node resigns meanwhile the next controller is asked.
    fn decide_for_client(&mut self, asked_at: Duration, command: Command) {
        let (command, attempt) = command.attempt();
        decide::command(self, command);
        let events = self.events.clone();
        spawn::local(async move {
            if let Some(undecided) = attempt.await {
                let _ = events.send(Event::Undecided(asked_at, Box::new(undecided)));
            }
        });
    }

    /// Asks the raft machine on behalf of a client that came by another listener.
    pub(super) fn ask_raft<C: RaftCommand>(&mut self, request: C, reply: AnswerSender<C::Answer>) {
        let (answer, response) = oneshot::channel();
        let listener = self.config.controller_listener_names().first().map_or("", String::as_str).into();
        self.request(QuorumRequest { listener, request: request.into_raft(), reply: answer });
        spawn::local(async move {
            let answer = response.await.ok().and_then(C::from_raft).ok_or(CommandError::ShuttingDown);
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
        self.measured.plays(self.world.clock.now(), self.raft.role_name(), self.raft.epoch());
        self.carry_out(actions);
        self.voter_watch.look(self.raft.control());
    }

    /// The metadata log is the one thing that a node cannot do without.
    fn fail(&mut self, error: &MetadataLogError) {
        error!(%error, "the metadata log failed: the node ends");
        self.failed = true;
        spawn::abort();
    }
}
