//! Starting and stopping a node, in the order that keeps every promise.
//!
//! Start: directories are locked and checked; the quorum's thread opens the metadata log and elects; the first committed
//! image goes to the shards, which open their partitions; the broker registers, is unfenced, and only then are
//! connections accepted. Stop: the other way round; each log is closed and synced before the clean shutdown file says so.

mod directories;
mod leaving;
mod voters;

use std::{
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use arc_swap::ArcSwap;
use klamm_config::{BrokerConfig, Endpoint, broker};
use klamm_io::{
    net::{Listener, SocketOptions},
    spawn,
};
use klamm_log::LogConfig;
use klamm_metadata::image::Loader;
use klamm_protocol::Uuid;
use klamm_raft::Raft;
use klamm_replica::fetch_session::{FetchSessions, SessionLimits};
use klamm_share::session::ShareSessions;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

use crate::{
    broker_lifecycle::{self, BrokerState, Stage, Wish},
    cleaner, controller_lifecycle,
    handlers::{
        Contexts, brokers::BrokersContext, cluster::ClusterContext, configs::ConfigsContext,
        groups::GroupsContext, quorum::QuorumContext, records::RecordsContext, security::SecurityContext,
        share::ShareContext, topics::TopicsContext, transactions::TransactionsContext,
        transactions::verification::Outgoing,
    },
    inter_broker::InterBroker,
    listener::{acceptor, limits::ConnectionLimits, memory_pool::MemoryPool, queue::RequestQueue},
    log_dirs::{checkpoints, name_aside},
    metadata::Metadata,
    metrics::{
        exposition::{self, Exposition},
        node::NodeMeasures,
    },
    node::{ListenerName, Node, World},
    producer_ids::ProducerIds,
    quorum::{
        ControllerHandle,
        driver::{self, Endings, QuorumStart},
        metadata_log::{self, MetadataLog, Opened},
        publisher,
    },
    quotas::Quotas,
    replication::throttle::Throttle,
    shard::{
        ShardRequest, Shards,
        router::ShardSenders,
        run::{self, ShardStart},
    },
    share::{dead_letters::DeadLetterQueues, persister::Persister},
    topics_creator::TopicsCreator,
};

/// What the controller gets to let the broker go, as in Kafka. It needs long if many partitions are to be led by others.
const CONTROLLED_SHUTDOWN_MAX: Duration = Duration::from_secs(300);
/// Sessions older than this may be evicted for others, as in Kafka.
const SESSION_EVICTION: Duration = Duration::from_secs(120);

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The config asks for what cannot be done.
    #[error("{0}")]
    Config(String),
    /// A directory is not what it has to be.
    #[error("{0}")]
    Directory(String),
    /// A log or its disk failed.
    #[error(transparent)]
    Log(#[from] klamm_log::Error),
    /// The metadata log.
    #[error("metadata log: {0}")]
    MetadataLog(#[from] metadata_log::MetadataLogError),
    /// A listener.
    #[error("cannot listen on {listener}: {source}")]
    Listen {
        /// Which.
        listener: String,
        /// Why.
        source: std::io::Error,
    },
    /// A thread or runtime.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The broker is not, or no longer, part of its cluster.
    #[error("{0}")]
    Outside(&'static str),
}

/// Runs a node until the process is told to end. `ready` is called when the node serves its clients.
///
/// # Errors
/// If it cannot be started.
pub fn run(config: BrokerConfig, ready: impl FnOnce(&BrokerConfig)) -> Result<(), StartError> {
    run_until(config, async { drop(spawn::termination().await) }, ready)
}

/// As [`run`], until `stop` completes; the process's signals are left alone.
///
/// # Errors
/// If it cannot be started.
pub fn run_until(
    config: BrokerConfig,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(&BrokerConfig),
) -> Result<(), StartError> {
    let clock_needs_runtime = async move { run_in(config, World::real(), stop, ready).await };
    spawn::block_on(clock_needs_runtime)?
}

/// As [`run_until`], in a world and on a thread that the caller has made.
///
/// # Errors
/// If it cannot be started.
pub async fn run_in(
    config: BrokerConfig,
    world: World,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(&BrokerConfig),
) -> Result<(), StartError> {
    let mut termination = Box::pin(stop);
    let running = Running::start(&config, world)?;
    let mut lifecycle = Lifecycle::start(&config, &running);
    let mut outside = Lifecycle::outside(lifecycle.stages.clone());
    let started = tokio::select! {
        biased;
        () = lifecycle.until_serving(&running) => Ok(true),
        () = &mut termination => Ok(false),
        error = &mut outside => Err(error),
    };
    let was_serving = matches!(started, Ok(true));
    let end = match started {
        Ok(true) => {
            lifecycle.serve(&running);
            ready(&config);
            tokio::select! {
                biased;
                () = termination => Ok(()),
                error = outside => Err(error),
            }
        }
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    info!(node = running.node.id, "node stops");
    lifecycle.end(&running, was_serving && end.is_ok()).await;
    running.stop().await;
    end
}

/// The parts of a node that run on threads of their own.
struct Running {
    node: Arc<Node>,
    senders: ShardSenders,
    shards: Vec<spawn::Thread>,
    quorum: Quorum,
    metrics: Option<Exposition>,
    /// Listeners that are bound and nobody accepts on yet.
    bound: std::cell::RefCell<Vec<(ListenerName, Listener)>>,
}

impl Running {
    fn start(config: &BrokerConfig, world: World) -> Result<Self, StartError> {
        let directories = directories::open(config, &world)?;
        let bound = bind(config)?;
        let shard_count = shard_count(config);
        let (handle, commands) = ControllerHandle::channel(world.clock);
        let (quorum_arrivals, arrivals) = mpsc::unbounded_channel();
        let node = Arc::new(Node {
            id: config.node_id(),
            cluster_id: directories.cluster_id.clone(),
            incarnation_id: Uuid::from_bytes(world.entropy.next_16()),
            controller: handle.with_quorum(quorum_arrivals),
            metadata: Metadata::default(),
            previous_broker_epoch: directories.previous_broker_epoch,
            log_dirs: directories.log_dirs,
            leader_throttle: Throttle::of_leaders(config),
            follower_throttle: Throttle::of_followers(config),
            move_throttle: Throttle::of_moves(config),
            fetch_sessions: Mutex::new(fetch_sessions(config, &world)),
            share_sessions: Mutex::new(ShareSessions::new(
                usize::try_from(config.get(&broker::GROUP_SHARE_MAX_SHARE_SESSIONS)).unwrap_or(0),
            )),
            shard_count,
            broker_epoch: watch::Sender::new(-1),
            limits: ConnectionLimits::of(
                config,
                config.broker_listeners(),
                klamm_io::disk::open_files_limit() * 3 / 8,
            ),
            controller_limits: ConnectionLimits::of(
                config,
                config.controller_listeners(),
                klamm_io::disk::open_files_limit() / 16,
            ),
            queue: RequestQueue::of(config),
            request_memory: MemoryPool::of(config, world.clock),
            controller_memory: MemoryPool::of(config, world.clock),
            quotas: Arc::new(Quotas::new(config, world.clock)),
            cleaning: Mutex::default(),
            measures: NodeMeasures::default(),
            config: ArcSwap::from_pointee(config.clone()),
            world,
        });
        let (senders, queues): (Vec<_>, Vec<_>) = (0..shard_count).map(|_| mpsc::unbounded_channel()).unzip();
        let senders = ShardSenders::new(senders);
        let directory_id = directories.metadata_directory_id;
        let quorum = start_quorum(&node, config, commands, arrivals, senders.clone(), directory_id)?;
        // What a start can be refused for is behind.
        node.log_dirs.begin();
        let shards = start_shards(&node, &senders, queues)?;
        let metrics = exposition::start(config, &node, &senders)?;
        Ok(Self { node, senders, shards, quorum, metrics, bound: bound.into() })
    }

    async fn stop(self) {
        stop(&self.node, &self.senders, self.shards, self.quorum).await;
        if let Some(metrics) = self.metrics {
            metrics.stop().await;
        }
        info!(node = self.node.id, "node stopped");
    }
}

/// The tasks by which a node comes into its cluster, serves and leaves.
struct Lifecycle {
    wish: watch::Sender<Wish>,
    stages: watch::Receiver<Stage>,
    tasks: Vec<spawn::Task<()>>,
    is_broker: bool,
}

impl Lifecycle {
    fn start(config: &BrokerConfig, running: &Running) -> Self {
        let node = &running.node;
        let (wish, wishes) = watch::channel(Wish::Fenced);
        let (stage, stages) = watch::channel(Stage::Starting);
        let is_broker = config.is_broker();
        let mut lifecycle = Self { wish, stages, tasks: Vec::new(), is_broker };
        // Followers may have to wait for it before they fetch, and the broker for them before it serves.
        let checkpoints = checkpoint_loop(Arc::clone(node), running.senders.clone());
        lifecycle.tasks.push(spawn::essential(checkpoints));
        // Controllers listen from the start: brokers wait for them, not the other way round.
        let mut bound = running.bound.borrow_mut();
        for (name, listener) in bound.extract_if(.., |(name, _)| is_controller_listener(config, name)) {
            lifecycle.accept(running, name, listener, &node.controller_limits);
        }
        let advertised = advertised(config, &bound);
        if config.is_controller() {
            lifecycle.tasks.push(spawn::essential(controller_lifecycle::run(Arc::clone(node))));
        }
        if is_broker {
            let broker = broker_lifecycle::run(Arc::clone(node), advertised, wishes, stage);
            lifecycle.tasks.push(spawn::essential(broker));
        }
        lifecycle
    }

    fn accept(
        &mut self,
        running: &Running,
        name: ListenerName,
        listener: Listener,
        limits: &Arc<ConnectionLimits>,
    ) {
        let shards = Rc::new(Shards::remote(running.senders.clone(), running.node.world.clock));
        let accepting = acceptor::run(name, listener, Arc::clone(limits), shards);
        self.tasks.push(spawn::essential(accepting));
    }

    /// Completes when the broker cannot be part of its cluster.
    fn outside(mut stages: watch::Receiver<Stage>) -> std::pin::Pin<Box<impl Future<Output = StartError>>> {
        Box::pin(async move {
            match stages.wait_for(|stage| matches!(stage, Stage::Outside(_))).await.as_deref() {
                Ok(Stage::Outside(why)) => StartError::Outside(why),
                // A node without a broker has no such end.
                _ => std::future::pending().await,
            }
        })
    }

    /// Completes when the node may serve its clients.
    async fn until_serving(&mut self, running: &Running) {
        let node = &running.node;
        node.metadata.wait_for(0).await;
        if self.is_broker {
            set_strays_aside(node);
            self.wish.send_replace(Wish::Serving);
            let _ = self.stages.wait_for(|stage| *stage == Stage::Active).await;
            // Whoever connects finds this broker in the metadata that it is told.
            wait_until_visible(node).await;
        }
    }

    fn serve(&mut self, running: &Running) {
        let node = &running.node;
        for (name, listener) in running.bound.take() {
            self.accept(running, name, listener, &node.limits);
        }
        self.tasks.push(spawn::essential(remove_deleted(Arc::clone(node))));
        if self.is_broker {
            self.tasks.push(spawn::essential(cleaner::run(Arc::clone(node), running.senders.clone())));
        }
        info!(node = node.id, cluster_id = %node.cluster_id, shards = node.shard_count, "node started");
    }

    /// Leaves the cluster, if the node was in it, and accepts no more connections.
    async fn end(mut self, running: &Running, was_serving: bool) {
        let hands_over = running.node.config.load().get(&broker::CONTROLLED_SHUTDOWN_ENABLE);
        if was_serving && self.is_broker && hands_over {
            self.wish.send_replace(Wish::ShutDown);
            let gone = self.stages.wait_for(|stage| *stage == Stage::Gone);
            if running.node.world.clock.timeout(CONTROLLED_SHUTDOWN_MAX, gone).await.is_none() {
                warn!("the controller did not let the broker go in time");
            }
        }
        if self.is_broker {
            running.node.measures.enter(BrokerState::ShuttingDown);
        }
        if was_serving && running.node.config.load().is_controller() {
            leaving::outlast_brokers(&running.node).await;
        }
        for task in self.tasks {
            task.abort();
        }
    }
}

/// Closes logs, writes what the next start relies on, ends the threads.
async fn stop(node: &Node, senders: &ShardSenders, shards: Vec<spawn::Thread>, quorum: Quorum) {
    // While connections are still served, since the successor may need our vote.
    drop(quorum.leave);
    let _ = quorum.left.await;
    let closed = senders.ask_all(|reply| ShardRequest::Stop { reply }).await;
    for shard in shards {
        shard.join().await;
    }
    if node.config.load().is_broker() {
        let mut pass = node.log_dirs.begin_pass();
        closed.into_iter().for_each(|offsets| pass.extend(offsets));
        node.log_dirs.write_checkpoints(&pass);
        node.log_dirs.leave_what_was_not_opened();
        let epoch = node.broker_epoch();
        // A run that never was registered leaves the word of the one before it.
        node.log_dirs.write_clean_shutdown(if epoch < 0 { node.previous_broker_epoch } else { epoch });
    }
    drop(quorum.stop);
    quorum.thread.join().await;
}

fn shard_count(config: &BrokerConfig) -> usize {
    let wanted = usize::try_from(config.get(&broker::NUM_IO_THREADS)).unwrap_or(1).max(1);
    spawn::cores().min(wanted)
}

fn fetch_sessions(config: &BrokerConfig, world: &World) -> FetchSessions {
    let slots = usize::try_from(config.get(&broker::MAX_INCREMENTAL_FETCH_SESSION_CACHE_SLOTS)).unwrap_or(0);
    let limits = SessionLimits { eviction_after: SESSION_EVICTION, ..SessionLimits::for_shard(slots, 0, 1) };
    FetchSessions::new(limits, world.entropy.next_u64())
}

fn bind(config: &BrokerConfig) -> Result<Vec<(ListenerName, Listener)>, StartError> {
    let size = |bytes: i32| usize::try_from(bytes).ok();
    let options = SocketOptions {
        send_buffer_bytes: size(config.get(&broker::SOCKET_SEND_BUFFER_BYTES)),
        receive_buffer_bytes: size(config.get(&broker::SOCKET_RECEIVE_BUFFER_BYTES)),
    };
    let backlog = config.get(&broker::SOCKET_LISTEN_BACKLOG_SIZE);
    let mut bound = Vec::new();
    for endpoint in config.listeners() {
        if endpoint.security != klamm_config::SecurityProtocol::Plaintext {
            return Err(StartError::Config(format!(
                "listener {} asks for {}, which this release does not speak yet: use PLAINTEXT",
                endpoint.listener, endpoint.security
            )));
        }
        let host = endpoint.host.as_deref().unwrap_or("");
        let listener = Listener::bind(host, endpoint.port, backlog, options)
            .map_err(|source| StartError::Listen { listener: endpoint.to_string(), source })?;
        bound.push((ListenerName::new(&endpoint.listener), listener));
    }
    Ok(bound)
}

fn is_controller_listener(config: &BrokerConfig, name: &ListenerName) -> bool {
    config.controller_listener_names().iter().any(|other| other.eq_ignore_ascii_case(name.as_str()))
}

/// What clients are told: as the config says, with the ports that the system chose where it asks for any.
fn advertised(
    config: &BrokerConfig,
    bound: &[(ListenerName, Listener)],
) -> Vec<klamm_protocol::api::broker_registration::Listener> {
    let port = |endpoint: &Endpoint| {
        if endpoint.port != 0 {
            return endpoint.port;
        }
        let listener = bound.iter().find(|(name, _)| name.as_str().eq_ignore_ascii_case(&endpoint.listener));
        listener.and_then(|(_, listener)| listener.local_addr().ok()).map_or(0, |address| address.port())
    };
    config
        .advertised_listeners()
        .iter()
        .filter(|endpoint| !is_controller_listener(config, &ListenerName::new(&endpoint.listener)))
        .map(|endpoint| klamm_protocol::api::broker_registration::Listener {
            name: endpoint.listener.as_str().into(),
            host: endpoint.host.as_deref().unwrap_or("localhost").into(),
            port: port(endpoint),
            security_protocol: endpoint.security.id(),
            ..Default::default()
        })
        .collect()
}

struct Quorum {
    thread: spawn::Thread,
    /// Dropped to hand the lead over, if this node has it.
    leave: oneshot::Sender<()>,
    /// Completes when that is done.
    left: oneshot::Receiver<()>,
    /// Dropped to end the thread.
    stop: oneshot::Sender<()>,
}

fn start_quorum(
    node: &Arc<Node>,
    config: &BrokerConfig,
    commands: mpsc::UnboundedReceiver<(klamm_io::Instant, crate::quorum::command::Command)>,
    arrivals: mpsc::UnboundedReceiver<driver::Arrival>,
    senders: ShardSenders,
    directory_id: Uuid,
) -> Result<Quorum, StartError> {
    let world = node.world.clone();
    let metadata_dir = world.disk.absolute(&config.metadata_log_dir());
    let log_config = LogConfig {
        segment_bytes: u32::try_from(config.get(&broker::METADATA_LOG_SEGMENT_BYTES)).unwrap_or(u32::MAX),
        segment_ms: config.get(&broker::METADATA_LOG_SEGMENT_MS),
        delete: false,
        retention_ms: -1,
        ..LogConfig::default()
    };
    let Opened { log, state, control, quorum_state, snapshot } =
        MetadataLog::open(&world.disk, &metadata_dir, log_config, world.clock.wall_ms())?;
    let bootstrap = metadata_log::read_bootstrap(&world.disk, &metadata_dir)?;
    let raft_config =
        crate::quorum::raft_config(config, directory_id, &node.cluster_id, world.entropy.next_u64());
    let kept = quorum_state.as_ref().map(|file| &file.voters);
    voters::check(&raft_config, control.voters().map(|(_, voters)| voters), kept, &metadata_dir)?;
    let has_loaded_snapshot = snapshot.is_some();
    let loader = match snapshot {
        Some((id, content)) => {
            driver::load_snapshot(id, content).map_err(|reason| log.bad_snapshot(id, reason))?
        }
        None => Loader::default(),
    };
    let raft = Raft::new(
        klamm_raft::Now { monotonic: world.clock.now().since_start(), wall_ms: world.clock.wall_ms() },
        raft_config,
        state,
        control,
        quorum_state.map(|file| file.state),
    );
    let (updates, published) = mpsc::unbounded_channel();
    let start = QuorumStart {
        config: Arc::new(config.clone()),
        cluster_id: node.cluster_id.clone(),
        world,
        log,
        raft,
        loader,
        has_loaded_snapshot,
        bootstrap,
        handle: node.controller.clone(),
        commands,
        arrivals,
        updates,
    };
    let (stop, stopped) = oneshot::channel();
    let (leave, leaving) = oneshot::channel();
    let (gone, left) = oneshot::channel();
    let endings = Endings { leave: leaving, left: gone, stop: stopped };
    let node = Arc::clone(node);
    // The state moves to its thread as a whole; nothing of it is shared afterwards.
    let thread = spawn::thread("klamm-quorum", move || async move {
        spawn::essential(publisher::run(node, senders, published));
        driver::run(start, endings).await;
    })?;
    Ok(Quorum { thread, leave, left, stop })
}

fn start_shards(
    node: &Arc<Node>,
    senders: &ShardSenders,
    queues: Vec<mpsc::UnboundedReceiver<ShardRequest>>,
) -> Result<Vec<spawn::Thread>, StartError> {
    let creator = TopicsCreator::new(Arc::clone(node));
    let producer_ids = ProducerIds::new(Arc::clone(node));
    let count = queues.len().max(1);
    // Half of what the process may open is for logs, the other half for connections.
    let open_files_max = (klamm_io::disk::open_files_limit() / 2 / count).clamp(64, 1 << 20);
    let mut threads = Vec::new();
    for (index, queue) in queues.into_iter().enumerate() {
        let (node, senders) = (Arc::clone(node), senders.clone());
        let (creator, producer_ids) = (Arc::clone(&creator), Arc::clone(&producer_ids));
        let contexts_node = Arc::clone(&node);
        let contexts = Box::new(move |shards: Rc<Shards>| {
            let inter_broker = |purpose| InterBroker::new(Arc::clone(&contexts_node), purpose);
            let share_state = inter_broker("share-state");
            let persister = Persister::new(
                Arc::clone(&contexts_node),
                Rc::clone(&shards),
                Rc::clone(&share_state),
                Arc::clone(&creator),
            );
            let persister = Rc::new(persister);
            let dead_letters =
                DeadLetterQueues::new(Arc::clone(&contexts_node), Rc::clone(&shards), Arc::clone(&creator));
            Contexts {
                cluster: ClusterContext { node: Arc::clone(&contexts_node), creator: Arc::clone(&creator) },
                configs: ConfigsContext { node: Arc::clone(&contexts_node) },
                groups: GroupsContext {
                    node: Arc::clone(&contexts_node),
                    shards: Rc::clone(&shards),
                    creator,
                    persister: Rc::clone(&persister),
                    inter_broker: share_state,
                },
                brokers: BrokersContext { node: Arc::clone(&contexts_node) },
                quorum: QuorumContext { node: Arc::clone(&contexts_node) },
                records: RecordsContext {
                    node: Arc::clone(&contexts_node),
                    shards: Rc::clone(&shards),
                    fetches: Rc::default(),
                },
                security: SecurityContext { node: Arc::clone(&contexts_node) },
                share: Rc::new(ShareContext {
                    node: Arc::clone(&contexts_node),
                    shards: Rc::clone(&shards),
                    persister,
                    dead_letters,
                }),
                topics: TopicsContext { node: Arc::clone(&contexts_node) },
                transactions: TransactionsContext {
                    verifications: Outgoing::new(inter_broker("verifications")),
                    inter_broker: inter_broker("markers"),
                    node: contexts_node,
                    shards,
                    producer_ids,
                },
            }
        });
        let start = ShardStart { index, node, senders, queue, open_files_max, contexts };
        threads.push(spawn::thread(&format!("klamm-shard-{index}"), move || run::run(start))?);
    }
    Ok(threads)
}

/// Sets aside what was found on the disk and does not belong to the first image that was applied.
fn set_strays_aside(node: &Arc<Node>) {
    // A partition that the image places here was taken by its shard.
    for (at, found) in node.log_dirs.take_rest() {
        let name = name_aside(&node.world, &at, klamm_log::DirPurpose::Stray);
        let to = found.path.with_file_name(&name);
        match node.world.disk.rename(&found.path, &to) {
            Ok(()) => {
                node.log_dirs.free(&at);
                warn!(topic = %at.topic, partition = at.index, name, "partition is not placed on this broker: set aside")
            }
            Err(error) => {
                warn!(topic = %at.topic, partition = at.index, %error, "a stray partition cannot be set aside")
            }
        }
    }
}

/// Removes what an earlier run deleted and did not get to remove.
async fn remove_deleted(node: Arc<Node>) {
    for path in node.log_dirs.take_deleted() {
        let disk = node.world.disk.clone();
        if let Some(Err(error)) = spawn::blocking(move || disk.remove_dir_all(&path)).await {
            warn!(%error, "the directory of a deleted partition cannot be removed");
        }
    }
}

async fn wait_until_visible(node: &Node) {
    loop {
        let published = node.metadata.load();
        if published.image.cluster.brokers.get(&node.id).is_some_and(|broker| !broker.fenced) {
            return;
        }
        node.metadata.changed_since(published.provenance.last_offset).await;
    }
}

/// Writes the checkpoint files from time to time, and when somebody waits for it.
async fn checkpoint_loop(node: Arc<Node>, senders: ShardSenders) {
    let interval = node.config.load().get(&broker::REPLICA_HIGH_WATERMARK_CHECKPOINT_INTERVAL_MS);
    let interval = Duration::from_millis(u64::try_from(interval).unwrap_or(5000));
    loop {
        let _ = node.world.clock.timeout(interval, node.log_dirs.pass_wanted()).await;
        checkpoints::write(&node, &senders).await;
    }
}
