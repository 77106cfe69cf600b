//! What is allowed in a config and probably not meant.

use super::BrokerConfig;
use crate::broker;
use crate::table;

impl BrokerConfig {
    /// Texts for the log at start, each naming a key: unknown ones, ones without effect, and values that invite trouble.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> =
            self.unknown_keys().map(|name| format!("{name} is not a key that this node knows")).collect();
        for name in self.originals.keys() {
            match table::BROKER.find(name) {
                Some(def) if !def.moot.is_empty() => {
                    warnings.push(format!("{name} has no effect in Klamm: {}", def.moot));
                }
                Some(def) if !def.supported => warnings.push(format!("{name} has no effect in Klamm yet")),
                _ => {}
            }
        }
        let (heartbeat, session) =
            (self.get(&broker::BROKER_HEARTBEAT_INTERVAL_MS), self.get(&broker::BROKER_SESSION_TIMEOUT_MS));
        if i64::from(heartbeat) * 2 > i64::from(session) {
            warnings.push(format!(
                "broker.heartbeat.interval.ms ({heartbeat}) should be at most half of broker.session.timeout.ms \
                 ({session}), else one lost heartbeat fences the broker"
            ));
        }
        if !self.is_controller() && self.controller_listener_names().len() > 1 {
            warnings.push(format!(
                "controller.listener.names has several names ({}), of which a node without the controller role uses the \
                 first",
                self.controller_listener_names().join(",")
            ));
        }
        warnings
    }
}
