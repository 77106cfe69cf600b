//! A controller's registration with the active controller (KIP-919), so that others find it in the metadata.

use std::{sync::Arc, time::Duration};

use klamm_config::broker;
use klamm_metadata::{MetadataImage, features::supported_features};
use klamm_protocol::{
    ErrorCode,
    api::controller_registration::{ControllerRegistrationRequest, Feature, Listener},
};
use tracing::{debug, info, warn};

use crate::node::Node;

const VERSION: i16 = 0;
const RETRY: Duration = Duration::from_millis(50);
/// How often it is looked at whether the registration is still there.
const CHECK: Duration = Duration::from_secs(5);

/// Registers this run of the controller, and again if the registration goes.
pub async fn run(node: Arc<Node>) {
    let request = registration(&node);
    if node.config.load().is_broker() {
        announce(&node, &request).await;
    }
    // What was last wrong with it; the log tells it once.
    let mut trouble = None;
    loop {
        node.metadata.wait_for(0).await;
        let published = node.metadata.load();
        let Some(version) = published.image.features.metadata_version else {
            // A new cluster, of which only the election is in the log so far.
            node.metadata.changed_since(published.provenance.last_offset).await;
            continue;
        };
        let is_supported = version.is_controller_registration_supported();
        if is_registered(&node, &published.image) || !is_supported {
            node.world.clock.sleep(CHECK).await;
            continue;
        }
        match node.controller.register_controller(request.clone(), VERSION).await {
            Ok(answer) if answer.error_code == 0 => {
                info!(controller = node.id, "controller registered");
                trouble = None;
                // What is committed takes a while to be known here, if there is much else.
                let known = node.metadata.wait_until(|image| is_registered(&node, image));
                let _ = node.world.clock.timeout(CHECK, known).await;
                continue;
            }
            Ok(answer) => {
                let error = ErrorCode::from_code(answer.error_code);
                if error == ErrorCode::NotController {
                    debug!("somebody else has become the active controller");
                } else if trouble.replace(error) != Some(error) {
                    let reason = answer.error_message.as_deref().unwrap_or("");
                    warn!(
                        error = error.name(),
                        reason, "the active controller refuses this controller's registration"
                    );
                }
            }
            Err(error) => debug!(%error, "no active controller to register with"),
        }
        node.world.clock.sleep(RETRY).await;
    }
}

/// Registers for the first time, without waiting for metadata: this node has none before its broker is registered, which
/// may have to wait until it is known that the broker's earlier run is over, as this says.
async fn announce(node: &Node, request: &ControllerRegistrationRequest) {
    loop {
        if node.controller.leader_id() >= 0
            && let Ok(answer) = node.controller.register_controller(request.clone(), VERSION).await
        {
            match ErrorCode::from_code(answer.error_code) {
                ErrorCode::NotController => {}
                ErrorCode::None => {
                    info!(controller = node.id, "controller registered");
                    return;
                }
                // The metadata version does not know of it yet.
                _ => return,
            }
        }
        node.world.clock.sleep(RETRY).await;
    }
}

/// Whether this run of the controller is registered.
fn is_registered(node: &Node, image: &MetadataImage) -> bool {
    image.cluster.controllers.get(&node.id).is_some_and(|known| known.incarnation_id == node.incarnation_id)
}

fn registration(node: &Node) -> ControllerRegistrationRequest {
    let config = node.config.load_full();
    let features = supported_features(config.get(&broker::UNSTABLE_FEATURE_VERSIONS_ENABLE));
    ControllerRegistrationRequest {
        controller_id: node.id,
        incarnation_id: node.incarnation_id,
        listeners: config
            .advertised_controller_listeners()
            .iter()
            .map(|endpoint| Listener {
                name: endpoint.listener.as_str().into(),
                host: endpoint.host.as_deref().unwrap_or("localhost").into(),
                port: endpoint.port,
                security_protocol: endpoint.security.id(),
                ..Default::default()
            })
            .collect(),
        features: features
            .into_iter()
            .map(|(name, min, max)| Feature {
                name: name.into(),
                min_supported_version: min,
                max_supported_version: max,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}
