//! A controller's registration with the active controller (KIP-919), so that others find it in the metadata.

use std::{sync::Arc, time::Duration};

use klamm_config::broker;
use klamm_metadata::{MetadataImage, features::supported_features};
use klamm_protocol::{
    ErrorCode,
    api::controller_registration::{ControllerRegistrationRequest, Feature, Listener},
};
use tracing::{debug, info, warn};

use crate::{addresses, node::Node};

const VERSION: i16 = 0;
const RETRY: Duration = Duration::from_millis(50);
/// How long what is registered may take to be known here, and the pause after a registration was replaced.
const CHECK: Duration = Duration::from_secs(5);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Registers this run of the controller, and again if the registration goes.
pub async fn run(node: Arc<Node>) {
    let request = registration(&node);
    if node.config.load().is_broker() {
        announce(&node, &request).await;
    }
    // What was last wrong with it; the log tells it once.
    let mut trouble = None;
    let mut rival = Rival::default();
    loop {
        node.metadata.wait_for(0).await;
        let published = node.metadata.load();
        let Some(version) = published.image.features.metadata_version else {
            // A new cluster, of which only the election is in the log so far.
            node.metadata.changed_since(published.provenance.last_offset).await;
            continue;
        };
        let was_registered = is_registered(&node, &published.image);
        if was_registered || !version.is_controller_registration_supported() {
            // As soon as the metadata version is raised, or the registration is replaced.
            node.metadata.wait_until(|image| !is_registered(&node, image) && knows_controllers(image)).await;
            if was_registered {
                rival.look(&node, &node.metadata.load().image, &request).await;
            }
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

/// Another run that registers under the id of this one.
#[derive(Debug, Default)]
struct Rival {
    /// How often it has done so while this one runs.
    times: u32,
}

impl Rival {
    /// Tells of a registration that was replaced, and lets some time pass, more with each: if both insisted they would fill
    /// the metadata log.
    async fn look(&mut self, node: &Node, image: &MetadataImage, request: &ControllerRegistrationRequest) {
        let Some(other) = image.cluster.controllers.get(&node.id) else { return };
        if other.incarnation_id == node.incarnation_id {
            return;
        }
        self.times += 1;
        let theirs = addresses::written(other.listeners.iter().map(|at| (&at.name, &at.host, at.port)));
        let own = addresses::written(request.listeners.iter().map(|at| (&at.name, &at.host, at.port)));
        let pause = Self::pause(self.times);
        warn!(
            controller = node.id,
            pause = ?pause,
            "the registration of this controller at {own} was replaced by that of another one at {theirs} with the same \
             node.id: stop one of them, and give it a node.id of its own, in its properties and by klamm storage format"
        );
        node.world.clock.sleep(pause).await;
    }

    fn pause(times: u32) -> Duration {
        CHECK.saturating_mul(1 << times.saturating_sub(1).min(10)).min(PAUSE_MAX)
    }
}

fn knows_controllers(image: &MetadataImage) -> bool {
    image.features.metadata_version.is_some_and(|version| version.is_controller_registration_supported())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_replaced_again_and_again_insists_less_and_less() {
        let seconds: Vec<u64> = [1, 2, 3, 8, 9, u32::MAX].map(|times| Rival::pause(times).as_secs()).into();
        assert_eq!(seconds, [5, 10, 20, 60, 60, 60]);
    }
}
