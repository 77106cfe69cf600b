//! Accepts connections of one listener and hands each to a shard in turn.

use std::{rc::Rc, sync::Arc, time::Duration};

use klamm_io::net::{Acceptor, Listener};
use tracing::{info, warn};

use super::limits::ConnectionLimits;
use crate::{listener::connection::NewConnection, node::ListenerName, shard::Shards};

/// What an acceptor waits after a failed accept: the process is probably out of descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts on `listener` until the task is dropped.
pub async fn run(name: ListenerName, listener: Listener, limits: Arc<ConnectionLimits>, shards: Rc<Shards>) {
    let acceptor: Acceptor = match listener.into_acceptor() {
        Ok(acceptor) => acceptor,
        Err(error) => {
            warn!(listener = %name, %error, "cannot accept connections");
            return;
        }
    };
    let mut turn = 0usize;
    loop {
        limits.room().await;
        let accepted = match acceptor.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(listener = %name, %error, "cannot accept a connection");
                shards.clock().sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        match limits.admit(accepted.peer.ip()) {
            Ok(permit) => {
                shards.serve(turn, NewConnection { listener: name.clone(), accepted, permit });
                turn = turn.wrapping_add(1);
            }
            Err(refusal) => {
                info!(listener = %name, peer = %accepted.peer, max = refusal.max, "connection refused: its address has too many");
            }
        }
    }
}
