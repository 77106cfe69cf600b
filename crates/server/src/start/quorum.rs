//! Opens the metadata log and starts the thread of the quorum.

use std::sync::Arc;

use klamm_config::{BrokerConfig, broker};
use klamm_io::spawn;
use klamm_log::LogConfig;
use klamm_metadata::image::Loader;
use klamm_protocol::Uuid;
use klamm_raft::Raft;
use tokio::sync::{mpsc, oneshot};

use super::{StartError, voters};
use crate::{
    node::Node,
    quorum::{
        self,
        command::Command,
        driver::{self, Endings, QuorumStart},
        metadata_log::{self, MetadataLog, Opened},
        publisher,
        voter_watch::VoterWatch,
    },
    shard::router::ShardSenders,
};

/// The thread of the quorum, and how it is told to end.
pub(super) struct Quorum {
    pub(super) thread: spawn::Thread,
    /// Dropped to hand the lead over, if this node has it.
    pub(super) leave: oneshot::Sender<()>,
    /// Completes when that is done.
    pub(super) left: oneshot::Receiver<()>,
    /// Dropped to end the thread.
    pub(super) stop: oneshot::Sender<()>,
}

/// Starts it. A metadata log, a `quorum-state` or a snapshot that cannot be read, and voters that disagree, are refused here.
///
/// # Errors
/// If one of them is, or the thread cannot be started.
pub(super) fn start(
    node: &Arc<Node>,
    config: &BrokerConfig,
    commands: mpsc::UnboundedReceiver<(klamm_io::Instant, Command)>,
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
    let Opened { log, state, control, quorum_state, snapshot } = MetadataLog::open(
        &world.disk,
        &metadata_dir,
        config.is_controller(),
        log_config,
        world.clock.wall_ms(),
    )?;
    let bootstrap = metadata_log::read_bootstrap(&world.disk, &metadata_dir)?;
    let raft_config = quorum::raft_config(config, directory_id, &node.cluster_id, world.entropy.next_u64());
    let kept = quorum_state.as_ref().map(|file| &file.voters);
    voters::check(&raft_config, control.voters().map(|(_, voters)| voters), kept, &metadata_dir)?;
    let voter_watch = VoterWatch::new(&raft_config, &control, metadata_dir);
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
        voter_watch,
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
