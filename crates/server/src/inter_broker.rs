//! Connections to the other brokers' inter-broker listener, for what is neither replication nor the quorum's: the ends
//! and the verification of transactions. One set for each shard.

use std::{rc::Rc, sync::Arc, time::Duration};

use klamm_config::{BrokerConfig, broker};
use klamm_net::client::ConnectionError;
use klamm_protocol::Request;
use klamm_raft::Server;

use crate::{node::Node, quorum::peers::Peers};

/// Why a broker has given no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The metadata does not tell its address.
    #[error("it is not known where it listens")]
    NoAddress,
    /// It was asked in vain, or cannot be asked.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl Unanswered {
    /// Whether what is asked cannot be said to a broker of its age.
    pub const fn is_too_old(&self) -> bool {
        use ConnectionError::{Encode, UnsupportedVersion};
        matches!(self, Self::Connection(UnsupportedVersion { .. } | Encode { .. }))
    }
}

/// How long connecting may take: `socket.connection.setup.timeout.ms`, twice as long after each failure, up to
/// `socket.connection.setup.timeout.max.ms`.
#[derive(Debug, Clone, Copy)]
pub struct SetupTimeout {
    first: Duration,
    max: Duration,
}

impl SetupTimeout {
    /// As a config says.
    pub fn of(config: &BrokerConfig) -> Self {
        let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        Self {
            first: ms(config.get(&broker::SOCKET_CONNECTION_SETUP_TIMEOUT_MS)),
            max: ms(config.get(&broker::SOCKET_CONNECTION_SETUP_TIMEOUT_MAX_MS)),
        }
    }

    /// Always the same.
    pub const fn always(timeout: Duration) -> Self {
        Self { first: timeout, max: timeout }
    }

    /// For the next attempt after so many in a row that failed.
    pub fn after(self, failures: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.max)
    }
}

/// See the module.
pub struct InterBroker {
    node: Arc<Node>,
    peers: Peers,
}

impl InterBroker {
    /// No connections yet. `purpose` is what the other brokers hear. A broker answers what comes on a connection one after
    /// the other, so that what waits for nobody is not to share one with what does.
    pub fn new(node: Arc<Node>, purpose: &str) -> Rc<Self> {
        let config = node.config.load_full();
        let timeout_ms = config.get(&broker::REQUEST_TIMEOUT_MS);
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(30_000));
        let client_id = format!("broker-{}-{purpose}", node.id);
        let peers = Peers::named(client_id, node.cluster_id.clone(), timeout, node.world.clock)
            .connecting(SetupTimeout::of(&config));
        Rc::new(Self { node, peers })
    }

    /// Asks a broker and waits for its answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn call<R: Request>(&self, broker: i32, request: &R) -> Result<R::Response, Unanswered> {
        let to = self.address(broker).ok_or(Unanswered::NoAddress)?;
        Ok(self.peers.call(&to, request).await?)
    }

    fn address(&self, id: i32) -> Option<Server> {
        let published = self.node.metadata.load();
        let config = self.node.config.load();
        let broker = published.image.cluster.brokers.get(&id)?;
        let endpoint = broker.listener(config.inter_broker_listener().0)?;
        Some(Server { id, host: endpoint.host.clone(), port: endpoint.port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connecting_may_take_longer_after_failures() {
        let timeout = SetupTimeout { first: Duration::from_secs(10), max: Duration::from_secs(30) };
        assert_eq!([0, 1, 2, 100].map(|failures| timeout.after(failures).as_secs()), [10, 20, 30, 30]);
        assert_eq!(SetupTimeout::always(Duration::from_secs(2)).after(9).as_secs(), 2);
    }
}
