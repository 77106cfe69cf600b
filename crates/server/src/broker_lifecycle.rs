//! A broker's life in the cluster: it registers, proves that it has caught up, is unfenced, and says that it is alive
//! until it goes.

mod refusal;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use klamm_config::{BrokerConfig, broker};
use klamm_io::Instant;
use klamm_metadata::features::supported_features;
use klamm_protocol::{
    ErrorCode, Uuid,
    api::{
        broker_heartbeat::BrokerHeartbeatRequest,
        broker_registration::{BrokerRegistrationRequest, Feature, Listener},
    },
};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::{log_dirs::LogDir, node::Node, quorum::command::CommandError};

const REGISTRATION_VERSION: i16 = 4;
const HEARTBEAT_VERSION: i16 = 2;
/// Between two tries while the controller does not answer as wanted.
const RETRY: Duration = Duration::from_millis(50);

/// Where a broker is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Not registered yet, or fenced.
    Starting,
    /// Registered, and unfenced by the controller.
    Active,
    /// The controller has let it go.
    Gone,
    /// It cannot be part of the cluster: why.
    Outside(String),
}

/// How far a broker is in its life, with Kafka's numbers. It does not go back when the broker is fenced for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum BrokerState {
    /// It has not begun.
    NotRunning = 0,
    /// It registers and catches up with the metadata.
    Starting = 1,
    /// It opens its partitions.
    Recovery = 2,
    /// It has been unfenced.
    Running = 3,
    /// It waits to be let go.
    PendingControlledShutdown = 6,
    /// It stops.
    ShuttingDown = 7,
}

/// What the rest of the node wants of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To stay fenced: its partitions are not open yet.
    Fenced,
    /// To serve.
    Serving,
    /// To be let go.
    ShutDown,
}

/// Registers the broker and keeps it alive until it is let go.
pub async fn run(
    node: Arc<Node>,
    listeners: Vec<Listener>,
    mut wish: watch::Receiver<Wish>,
    stage: watch::Sender<Stage>,
) {
    let clock = node.world.clock;
    node.measures.enter(BrokerState::Starting);
    let timeout_ms = node.config.load().get(&broker::INITIAL_BROKER_REGISTRATION_TIMEOUT_MS);
    let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    let mut trouble = None;
    if clock.timeout(timeout, register(&node, &listeners, &mut trouble)).await.is_none() {
        let trouble = trouble.unwrap_or_else(|| "no controller has answered".to_owned());
        stage.send_replace(Stage::Outside(format!(
            "broker {} could not be registered with the controllers in initial.broker.registration.timeout.ms: {trouble}",
            node.id
        )));
        return;
    }
    // Heartbeats name the offset that this broker has applied; it has to have seen its own registration.
    node.metadata.wait_for(node.broker_epoch()).await;
    node.measures.enter(BrokerState::Recovery);
    let mut life = Life::new(Arc::clone(&node));
    let mut directories = node.log_dirs.changes();
    loop {
        // The registration may be from before the metadata version knew of directories.
        if lacks_directories(&node) || life.standing.take_replaced() {
            let mut trouble = None;
            tokio::select! {
                biased;
                // A node that goes does not wait for controllers that have gone.
                _ = wish.wait_for(|wish| *wish == Wish::ShutDown) => {}
                () = register(&node, &listeners, &mut trouble) => {}
            }
        }
        let wanted = *wish.borrow_and_update();
        directories.mark_unchanged();
        match life.heartbeat(wanted, &stage).await {
            Some(pause) => {
                // A changed wish, a failed or a cordoned directory is told at once.
                let told = async {
                    tokio::select! {
                        biased;
                        _ = wish.changed() => {}
                        _ = directories.changed() => {}
                    }
                };
                let _ = clock.timeout(pause, told).await;
            }
            None => return,
        }
    }
}

/// A registered broker.
struct Life {
    node: Arc<Node>,
    failed: FailedDirs,
    /// Since when the broker wants to go and no controller takes its heartbeats.
    parting: Option<Instant>,
    /// What was last wrong with heartbeats; the log tells it once.
    trouble: Option<String>,
    standing: Standing,
}

/// What the controller's answers make of a registration.
#[derive(Debug, Default)]
struct Standing {
    /// Whether the broker ever was unfenced.
    has_served: bool,
    /// Another registration has taken the place of this one before the broker was unfenced: that of a process before it,
    /// which has ended, and whose request was long on its way.
    is_replaced: bool,
}

impl Standing {
    const fn taken(&mut self, is_fenced: bool) {
        self.has_served |= !is_fenced;
    }

    fn refused(&mut self, error: ErrorCode) {
        // One that has served stays away: whoever has its id now may be alive.
        self.is_replaced = error == ErrorCode::StaleBrokerEpoch && !self.has_served;
    }

    /// Whether the broker has to register again. Told once.
    const fn take_replaced(&mut self) -> bool {
        std::mem::replace(&mut self.is_replaced, false)
    }
}

/// Failed log directories, by id.
#[derive(Debug, Default)]
struct FailedDirs {
    /// A controller has answered a heartbeat that named them: the cluster knows for good.
    told: BTreeSet<Uuid>,
    /// No controller has yet, since when they are known.
    untold: BTreeMap<Uuid, Instant>,
}

impl FailedDirs {
    fn found(&mut self, ids: &[Uuid], now: Instant) {
        for id in ids.iter().filter(|id| !self.told.contains(id)) {
            self.untold.entry(*id).or_insert(now);
        }
    }

    fn told(&mut self, ids: &[Uuid]) {
        for id in ids {
            self.untold.remove(id);
            self.told.insert(*id);
        }
    }

    /// Whether a directory has been untold for so long.
    fn is_overdue(&self, now: Instant, limit: Duration) -> bool {
        self.untold.values().any(|since| now - *since >= limit)
    }
}

impl Life {
    fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            failed: FailedDirs::default(),
            parting: None,
            trouble: None,
            standing: Standing::default(),
        }
    }

    /// Tells the controller how the broker is. Returns when to do so again, or nothing if its life is over.
    async fn heartbeat(&mut self, wanted: Wish, stage: &watch::Sender<Stage>) -> Option<Duration> {
        let node = Arc::clone(&self.node);
        let now = node.world.clock.now();
        if wanted == Wish::ShutDown {
            node.measures.enter(BrokerState::PendingControlledShutdown);
        }
        let request = heartbeat(&node, wanted);
        let offline = request.offline_log_dirs.clone();
        self.failed.found(&offline, now);
        let interval = node.config.load().get(&broker::BROKER_HEARTBEAT_INTERVAL_MS);
        let mut pause = Duration::from_millis(u64::try_from(interval).unwrap_or(2000));
        match node.controller.broker_heartbeat(request, HEARTBEAT_VERSION).await {
            Ok(answer) if answer.error_code == 0 => {
                (self.trouble, self.parting) = (None, None);
                self.failed.told(&offline);
                if answer.should_shut_down {
                    stage.send_replace(Stage::Gone);
                    return None;
                }
                let now = if answer.is_fenced { Stage::Starting } else { Stage::Active };
                self.standing.taken(answer.is_fenced);
                if now == Stage::Active && wanted != Wish::ShutDown {
                    node.measures.enter(BrokerState::Running);
                }
                if stage.send_replace(now.clone()) != now {
                    let is_fenced = answer.is_fenced;
                    info!(broker = node.id, is_fenced, "broker's standing with the controller");
                }
                if (wanted == Wish::Serving && answer.is_fenced) || wanted == Wish::ShutDown {
                    pause = RETRY;
                }
            }
            refused => {
                let is_silent = matches!(refused, Err(CommandError::Silent));
                let reason = match refused {
                    Ok(answer) => {
                        let error = ErrorCode::from_code(answer.error_code);
                        self.standing.refused(error);
                        error.name().to_owned()
                    }
                    Err(error) => error.to_string(),
                };
                self.warn(&reason);
                if wanted == Wish::ShutDown && self.is_parting_in_vain(is_silent) {
                    warn!(broker = node.id, "no controller lets the broker go: it goes without one");
                    stage.send_replace(Stage::Gone);
                    return None;
                }
                pause = RETRY;
            }
        }
        let limit = node.config.load().get(&broker::LOG_DIR_FAILURE_TIMEOUT_MS);
        if self.failed.is_overdue(now, Duration::from_millis(u64::try_from(limit).unwrap_or(0))) {
            // The controller would go on believing that this broker has what was in it.
            stage.send_replace(Stage::Outside(
                "the controllers could not be told of a failed log directory in log.dir.failure.timeout.ms"
                    .to_owned(),
            ));
            return None;
        }
        Some(pause)
    }

    /// Whether the broker wants to go and has found no controller for so long that there will be none.
    fn is_parting_in_vain(&mut self, is_silent: bool) -> bool {
        let now = self.node.world.clock.now();
        now - *self.parting.get_or_insert(now) >= parting_max(&self.node.config.load(), is_silent)
    }

    fn warn(&mut self, trouble: &str) {
        if self.trouble.as_deref() != Some(trouble) {
            warn!(broker = self.node.id, reason = trouble, "no heartbeat with the controller");
            self.trouble = Some(trouble.to_owned());
        }
    }
}

/// How long a broker that wants to go looks for a controller: as long as the others need to miss the one there was and to
/// elect the next, should the first election fail too.
///
/// Kafka looks for one as long as a controlled shutdown may last at all, five minutes. When all nodes of a cluster are
/// stopped at once the last of them would hang for that long, although there is nobody left to take anything over.
///
/// A controller that is there and silent may only be slow, as while it moves many leaderships: it gets the broker's session
/// besides. When that is over it fences the broker, if it has not heard of it, which moves them too.
fn parting_max(config: &BrokerConfig, is_silent: bool) -> Duration {
    let ms = |key| Duration::from_millis(u64::try_from(config.get(key)).unwrap_or(0));
    let session = if is_silent { ms(&broker::BROKER_SESSION_TIMEOUT_MS) } else { Duration::ZERO };
    session
        + ms(&broker::CONTROLLER_QUORUM_FETCH_TIMEOUT_MS)
        + 2 * ms(&broker::CONTROLLER_QUORUM_ELECTION_TIMEOUT_MS)
}

fn heartbeat(node: &Node, wanted: Wish) -> BrokerHeartbeatRequest {
    let published = node.metadata.load();
    let version = published.image.features.metadata_version_or_minimum();
    let offline = node.log_dirs.of_partitions().filter(|dir| dir.is_offline());
    BrokerHeartbeatRequest {
        broker_id: node.id,
        broker_epoch: node.broker_epoch(),
        current_metadata_offset: published.provenance.last_offset,
        want_fence: wanted == Wish::Fenced,
        want_shut_down: wanted == Wish::ShutDown,
        // One that could not be read at the start has no id; the registration lacks it.
        offline_log_dirs: offline.map(LogDir::id).filter(|id| *id != Uuid::ZERO).collect(),
        cordoned_log_dirs: version.is_cordoned_log_dirs_supported().then(|| node.log_dirs.cordoned()),
        ..Default::default()
    }
}

/// Whether the broker is registered without directories, though the metadata version has them (KIP-858).
fn lacks_directories(node: &Node) -> bool {
    let published = node.metadata.load();
    let version = published.image.features.metadata_version_or_minimum();
    let registered = published.image.cluster.brokers.get(&node.id);
    version.is_directory_assignment_supported() && registered.is_some_and(|broker| broker.log_dirs.is_empty())
}

/// Tries until the controller takes the broker. `trouble` is what was last wrong with that.
async fn register(node: &Arc<Node>, listeners: &[Listener], trouble: &mut Option<String>) {
    let request = registration(node, listeners.to_vec());
    let mut is_waiting = false;
    loop {
        match node.controller.register_broker(request.clone(), REGISTRATION_VERSION).await {
            Ok(answer) if answer.error_code == 0 => {
                let epoch = answer.broker_epoch;
                node.broker_epoch.send_replace(epoch);
                info!(broker = node.id, epoch, "broker registered");
                return;
            }
            Ok(answer) => {
                let error = ErrorCode::from_code(answer.error_code);
                // A predecessor of this process may still be alive for the controller, for up to its session timeout. With
                // more of the metadata more may be known of it.
                let reason = refusal::explain(error, &request, &node.metadata.latest());
                if trouble.as_ref() != Some(&reason) {
                    warn!(broker = node.id, reason, "the controller refuses the broker's registration");
                    *trouble = Some(reason);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut is_waiting, true) {
                    info!(%error, "no controller to register the broker with so far");
                }
                trouble.get_or_insert_with(|| error.to_string());
            }
        }
        node.world.clock.sleep(RETRY).await;
    }
}

fn registration(node: &Node, listeners: Vec<Listener>) -> BrokerRegistrationRequest {
    let config: Arc<BrokerConfig> = node.config.load_full();
    let unstable = config.get(&broker::UNSTABLE_FEATURE_VERSIONS_ENABLE);
    let features = supported_features(unstable)
        .into_iter()
        .map(|(name, min, max)| Feature {
            name: name.into(),
            min_supported_version: min,
            max_supported_version: max,
            ..Default::default()
        })
        .collect();
    BrokerRegistrationRequest {
        broker_id: node.id,
        cluster_id: node.cluster_id.clone(),
        incarnation_id: node.incarnation_id,
        listeners,
        features,
        rack: config.get(&broker::BROKER_RACK).map(Into::into),
        log_dirs: node.log_dirs.of_partitions().filter(|dir| !dir.is_offline()).map(LogDir::id).collect(),
        previous_broker_epoch: node.previous_broker_epoch,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_directory_is_overdue_only_until_a_controller_has_heard_of_it() {
        let at = |seconds| Instant::from_start(Duration::from_secs(seconds));
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let limit = Duration::from_secs(30);
        let mut failed = FailedDirs::default();
        assert!(!failed.is_overdue(at(100), limit), "nothing has failed");
        failed.found(&[first], at(100));
        failed.found(&[first], at(120));
        assert!(!failed.is_overdue(at(129), limit));
        assert!(failed.is_overdue(at(130), limit), "since it was found, not since it was last tried");
        failed.told(&[first]);
        // Every heartbeat names it again, also those that no controller hears.
        failed.found(&[first], at(200));
        assert!(!failed.is_overdue(at(1000), limit), "told once is told");
        failed.found(&[first, second], at(1000));
        assert!(!failed.is_overdue(at(1029), limit));
        assert!(failed.is_overdue(at(1030), limit), "each for itself");
    }

    #[test]
    fn only_a_broker_that_has_not_served_registers_again() {
        let (fenced, unfenced) = (Ok(true), Ok(false));
        let stale = Err(ErrorCode::StaleBrokerEpoch);
        let other = Err(ErrorCode::NotController);
        let cases: [(&[Result<bool, ErrorCode>], bool); 6] = [
            (&[fenced], false),
            (&[stale], true),
            (&[fenced, stale], true),
            (&[other], false),
            (&[unfenced, stale], false),
            (&[unfenced, fenced, stale], false),
        ];
        for (answers, registers) in cases {
            let mut standing = Standing::default();
            for answer in answers {
                match *answer {
                    Ok(is_fenced) => standing.taken(is_fenced),
                    Err(error) => standing.refused(error),
                }
            }
            assert_eq!(standing.take_replaced(), registers, "{answers:?}");
            assert!(!standing.take_replaced(), "{answers:?}: once is enough");
        }
    }
}
