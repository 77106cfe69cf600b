//! Starting and stopping a node, in the order that keeps every promise.
//!
//! Start: directories are locked and checked; the quorum's thread opens the metadata log and elects; the first committed
//! image goes to the shards, which open their partitions; the broker registers, is unfenced, and only then are
//! connections accepted. Stop: the other way round; each log is closed and synced before the clean shutdown file says so.

mod directories;
mod leaving;
mod listeners;
mod quorum;
mod shards;
mod voters;

use std::{
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use arc_swap::ArcSwap;
use klamm_config::{BrokerConfig, broker};
use klamm_io::{Instant, net::Listener, spawn};
use klamm_protocol::Uuid;
use klamm_replica::fetch_session::{FetchSessions, SessionLimits};
use klamm_share::session::ShareSessions;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::{
    broker_lifecycle::{self, BrokerState, Stage, Wish},
    cleaner, controller_lifecycle,
    listener::{acceptor, limits::ConnectionLimits, memory_pool::MemoryPool, queue::RequestQueue},
    log_dirs::{checkpoints, name_aside},
    metadata::Metadata,
    metrics::{
        exposition::{self, Exposition},
        node::NodeMeasures,
    },
    node::{ListenerName, Node, World},
    quorum::{ControllerHandle, metadata_log::MetadataLogError},
    quotas::Quotas,
    replication::throttle::Throttle,
    shard::{ShardRequest, Shards, router::ShardSenders},
};

/// What the controller gets to let the broker go, as in Kafka. It needs long if many partitions are to be led by others.
const CONTROLLED_SHUTDOWN_MAX: Duration = Duration::from_secs(300);
/// The checkpoint files are not written more often than this unless somebody waits for it.
const CHECKPOINT_INTERVAL_MIN: Duration = Duration::from_secs(1);
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
    MetadataLog(#[from] MetadataLogError),
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
    /// It took too long.
    #[error("the node does not serve {max_ms} ms after its start (server.max.startup.time.ms)")]
    TooSlow {
        /// `server.max.startup.time.ms`.
        max_ms: i64,
    },
    /// The broker is not, or no longer, part of its cluster.
    #[error("{0}")]
    Outside(String),
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
    let began = world.clock.now();
    let running = Running::start(&config, world)?;
    let mut lifecycle = Lifecycle::start(&config, &running);
    let mut outside = Lifecycle::outside(lifecycle.stages.clone());
    let max_ms = config.get(&broker::SERVER_MAX_STARTUP_TIME_MS);
    let started = tokio::select! {
        biased;
        () = lifecycle.until_serving(&running) => Ok(true),
        () = &mut termination => Ok(false),
        error = &mut outside => Err(error),
        () = over(&running.node, began, max_ms) => Err(StartError::TooSlow { max_ms }),
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

/// Completes when the start has taken longer than it may.
async fn over(node: &Node, began: Instant, max_ms: i64) {
    let max = Duration::from_millis(u64::try_from(max_ms).unwrap_or(0));
    node.world.clock.sleep_until(Instant::from_start(began.since_start().saturating_add(max))).await;
}

/// The parts of a node that run on threads of their own.
struct Running {
    node: Arc<Node>,
    senders: ShardSenders,
    shards: Vec<spawn::Thread>,
    quorum: quorum::Quorum,
    metrics: Option<Exposition>,
    /// Listeners that are bound and nobody accepts on yet.
    bound: std::cell::RefCell<Vec<(ListenerName, Listener)>>,
}

impl Running {
    fn start(config: &BrokerConfig, world: World) -> Result<Self, StartError> {
        let directories = directories::open(config, &world)?;
        let bound = listeners::bind(config)?;
        let shard_count = shards::count(config);
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
        let quorum = quorum::start(&node, config, commands, arrivals, senders.clone(), directory_id)?;
        // What a start can be refused for is behind.
        node.log_dirs.begin();
        let shards = shards::start(&node, &senders, queues)?;
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
        for (name, listener) in
            bound.extract_if(.., |(name, _)| listeners::is_controller_listener(config, name))
        {
            lifecycle.accept(running, name, listener, &node.controller_limits);
        }
        let advertised = listeners::advertised(config, &bound);
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
                Ok(Stage::Outside(why)) => StartError::Outside(why.clone()),
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
async fn stop(node: &Node, senders: &ShardSenders, shards: Vec<spawn::Thread>, quorum: quorum::Quorum) {
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

fn fetch_sessions(config: &BrokerConfig, world: &World) -> FetchSessions {
    let slots = usize::try_from(config.get(&broker::MAX_INCREMENTAL_FETCH_SESSION_CACHE_SLOTS)).unwrap_or(0);
    let limits = SessionLimits { eviction_after: SESSION_EVICTION, ..SessionLimits::for_shard(slots, 0, 1) };
    FetchSessions::new(limits, world.entropy.next_u64())
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

/// All checkpoint files are written together, as often as one of them has to be.
fn checkpoint_interval(config: &BrokerConfig) -> Duration {
    let high_watermarks = config.get(&broker::REPLICA_HIGH_WATERMARK_CHECKPOINT_INTERVAL_MS);
    let recovery_points = i64::from(config.get(&broker::LOG_FLUSH_OFFSET_CHECKPOINT_INTERVAL_MS));
    let log_starts = i64::from(config.get(&broker::LOG_FLUSH_START_OFFSET_CHECKPOINT_INTERVAL_MS));
    let shortest = high_watermarks.min(recovery_points).min(log_starts);
    Duration::from_millis(u64::try_from(shortest).unwrap_or(0)).max(CHECKPOINT_INTERVAL_MIN)
}

/// Writes the checkpoint files from time to time, and when somebody waits for it.
async fn checkpoint_loop(node: Arc<Node>, senders: ShardSenders) {
    let interval = checkpoint_interval(&node.config.load());
    loop {
        let _ = node.world.clock.timeout(interval, node.log_dirs.pass_wanted()).await;
        checkpoints::write(&node, &senders).await;
    }
}
