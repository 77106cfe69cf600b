//! The sockets that a node listens on, and the addresses that it tells of them.

use klamm_config::{BrokerConfig, Endpoint, broker};
use klamm_io::net::{Listener, SocketOptions};

use super::StartError;
use crate::node::ListenerName;

/// Binds every listener of the config; nobody accepts on them yet.
pub(super) fn bind(config: &BrokerConfig) -> Result<Vec<(ListenerName, Listener)>, StartError> {
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

/// Whether only nodes and tools of the quorum come to it (`controller.listener.names`).
pub(super) fn is_controller_listener(config: &BrokerConfig, name: &ListenerName) -> bool {
    config.controller_listener_names().iter().any(|other| other.eq_ignore_ascii_case(name.as_str()))
}

/// What clients are told: as the config says, with the ports that the system chose where it asks for any.
pub(super) fn advertised(
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
