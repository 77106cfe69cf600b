//! Connections to the other brokers' inter-broker listener, for what is neither replication nor the quorum's: the ends
//! and the verification of transactions. One set for each shard.

use std::{rc::Rc, sync::Arc, time::Duration};

use klamm_config::broker;
use klamm_protocol::Request;
use klamm_raft::Server;

use crate::{node::Node, quorum::peers::Peers};

/// See the module.
pub struct InterBroker {
    node: Arc<Node>,
    peers: Peers,
}

impl InterBroker {
    /// No connections yet. `purpose` is what the other brokers hear. A broker answers what comes on a connection one after
    /// the other, so that what waits for nobody is not to share one with what does.
    pub fn new(node: Arc<Node>, purpose: &str) -> Rc<Self> {
        let timeout_ms = node.config.load().get(&broker::REQUEST_TIMEOUT_MS);
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(30_000));
        let client_id = format!("broker-{}-{purpose}", node.id);
        let peers = Peers::named(client_id, node.cluster_id.clone(), timeout, node.world.clock);
        Rc::new(Self { node, peers })
    }

    /// Asks a broker and waits for its answer.
    ///
    /// # Errors
    /// Why there is none, for the log.
    pub async fn call<R: Request>(&self, broker: i32, request: &R) -> Result<R::Response, String> {
        let to = self.address(broker).ok_or_else(|| "it is not known where it listens".to_owned())?;
        self.peers.call(&to, request).await.map_err(|error| error.to_string())
    }

    fn address(&self, id: i32) -> Option<Server> {
        let published = self.node.metadata.load();
        let config = self.node.config.load();
        let broker = published.image.cluster.brokers.get(&id)?;
        let endpoint = broker.listener(config.inter_broker_listener().0)?;
        Some(Server { id, host: endpoint.host.clone(), port: endpoint.port })
    }
}
