//! The metadata quorum of this node: the thread that runs KRaft, the controller on top of it, and the way there.

pub mod command;
pub mod decide;
mod disagreement;
pub mod driver;
mod envelope;
mod forwarding;
pub mod metadata_log;
pub mod peers;
pub mod presence;
pub mod publisher;
mod refusals;
pub mod voter_watch;

pub use command::{Asker, CommandError, ControllerHandle};

use std::time::Duration;

use klamm_config::{BrokerConfig, broker};
use klamm_protocol::{StrBytes, Uuid};

/// What the raft machine has to know, out of the node's config.
pub fn raft_config(
    config: &BrokerConfig,
    directory_id: Uuid,
    cluster_id: &StrBytes,
    seed: u64,
) -> klamm_raft::Config {
    let listener = config.controller_listener_names().first().map_or("CONTROLLER", String::as_str);
    let ms = |value: i32| Duration::from_millis(u64::try_from(value).unwrap_or(0));
    let mut raft = klamm_raft::Config::new(config.node_id(), directory_id, cluster_id.clone());
    raft.is_controller = config.is_controller();
    let voters = config
        .voters()
        .iter()
        .map(|v| format!("{}@{}:{}", v.id, v.host, v.port))
        .collect::<Vec<_>>()
        .join(",");
    // The config was checked when it was read.
    raft.static_voters = klamm_raft::parse_voters(&voters, listener).unwrap_or_default();
    raft.bootstrap_servers =
        config.bootstrap_servers().into_iter().map(|(host, port)| (host.into(), port)).collect();
    raft.listener = listener.into();
    raft.advertised = config
        .advertised_controller_listeners()
        .iter()
        .map(|endpoint| klamm_raft::Endpoint {
            listener: endpoint.listener.as_str().into(),
            host: endpoint.host.as_deref().unwrap_or("localhost").into(),
            port: endpoint.port,
        })
        .collect();
    raft.election_timeout = ms(config.get(&broker::CONTROLLER_QUORUM_ELECTION_TIMEOUT_MS));
    raft.election_backoff_max = ms(config.get(&broker::CONTROLLER_QUORUM_ELECTION_BACKOFF_MAX_MS));
    raft.fetch_timeout = ms(config.get(&broker::CONTROLLER_QUORUM_FETCH_TIMEOUT_MS));
    raft.request_timeout = ms(config.get(&broker::CONTROLLER_QUORUM_REQUEST_TIMEOUT_MS));
    raft.retry_backoff = ms(config.get(&broker::CONTROLLER_QUORUM_RETRY_BACKOFF_MS));
    raft.fetch_bytes_max = config.get(&broker::CONTROLLER_QUORUM_FETCH_MAX_BYTES);
    raft.snapshot_bytes_max = config.get(&broker::CONTROLLER_QUORUM_FETCH_SNAPSHOT_MAX_BYTES);
    raft.auto_join = config.get(&broker::CONTROLLER_QUORUM_AUTO_JOIN_ENABLE);
    raft.seed = seed;
    raft
}
