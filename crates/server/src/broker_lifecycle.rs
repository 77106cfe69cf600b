//! A broker's life in the cluster: it registers, proves that it has caught up, is unfenced, and says that it is alive
//! until it goes.

use std::{sync::Arc, time::Duration};

use klamm_config::{BrokerConfig, broker};
use klamm_metadata::features::supported_features;
use klamm_protocol::{
    ErrorCode,
    api::{
        broker_heartbeat::BrokerHeartbeatRequest,
        broker_registration::{BrokerRegistrationRequest, Feature, Listener},
    },
};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::node::Node;

const REGISTRATION_VERSION: i16 = 4;
const HEARTBEAT_VERSION: i16 = 2;
/// Between two tries while the controller does not answer as wanted.
const RETRY: Duration = Duration::from_millis(50);

/// Where a broker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Not registered yet.
    Starting,
    /// Registered, and unfenced by the controller.
    Active,
    /// The controller has let it go.
    Gone,
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
    wish: watch::Receiver<Wish>,
    stage: watch::Sender<Stage>,
) {
    register(&node, listeners).await;
    let clock = node.world.clock;
    let interval = node.config.load().get(&broker::BROKER_HEARTBEAT_INTERVAL_MS);
    let interval = Duration::from_millis(u64::try_from(interval).unwrap_or(2000));
    let mut wish = wish;
    loop {
        let wanted = *wish.borrow_and_update();
        let request = BrokerHeartbeatRequest {
            broker_id: node.id,
            broker_epoch: node.broker_epoch(),
            current_metadata_offset: node.metadata.load().provenance.last_offset,
            want_fence: wanted == Wish::Fenced,
            want_shut_down: wanted == Wish::ShutDown,
            offline_log_dirs: node
                .log_dirs
                .all()
                .iter()
                .filter(|dir| dir.is_offline() && dir.id() != klamm_protocol::Uuid::ZERO)
                .map(|dir| dir.id())
                .collect(),
            ..Default::default()
        };
        let mut pause = interval;
        match node.controller.broker_heartbeat(request, HEARTBEAT_VERSION).await {
            Ok(answer) if answer.response.error_code == 0 => {
                let answer = answer.response;
                if answer.should_shut_down {
                    stage.send_replace(Stage::Gone);
                    return;
                }
                let now = if answer.is_fenced { Stage::Starting } else { Stage::Active };
                if stage.send_replace(now) != now {
                    info!(
                        broker = node.id,
                        is_fenced = answer.is_fenced,
                        "broker's standing with the controller"
                    );
                }
                if (wanted == Wish::Serving && answer.is_fenced) || wanted == Wish::ShutDown {
                    pause = RETRY;
                }
            }
            Ok(answer) => {
                let error = ErrorCode::from_code(answer.response.error_code);
                warn!(error = error.name(), "the controller refuses the broker's heartbeat");
                pause = RETRY;
            }
            Err(error) => {
                if wanted == Wish::ShutDown {
                    stage.send_replace(Stage::Gone);
                    return;
                }
                warn!(%error, "no controller for the broker's heartbeat");
                pause = RETRY;
            }
        }
        // A changed wish is told at once.
        let _ = clock.timeout(pause, wish.changed()).await;
    }
}

async fn register(node: &Arc<Node>, listeners: Vec<Listener>) {
    let request = registration(node, listeners);
    loop {
        match node.controller.register_broker(request.clone(), REGISTRATION_VERSION).await {
            Ok(answer) if answer.response.error_code == 0 => {
                let epoch = answer.response.broker_epoch;
                node.broker_epoch.send_replace(epoch);
                info!(broker = node.id, epoch, "broker registered");
                // Heartbeats name the offset that this broker has applied; it has to have seen its own registration.
                node.metadata.wait_for(epoch).await;
                return;
            }
            Ok(answer) => {
                let error = ErrorCode::from_code(answer.response.error_code);
                // A predecessor of this process may still be alive for the controller, for up to its session timeout.
                warn!(error = error.name(), "the controller refuses the broker's registration");
            }
            Err(_) => {}
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
        log_dirs: node.log_dirs.all().iter().filter(|dir| !dir.is_offline()).map(|dir| dir.id()).collect(),
        previous_broker_epoch: node.previous_broker_epoch,
        ..Default::default()
    }
}
