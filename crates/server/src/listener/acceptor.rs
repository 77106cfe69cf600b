//! Accepts connections of one listener and hands each to a shard in turn.

use std::{cell::Cell, rc::Rc, sync::Arc, time::Duration};

use klamm_io::{
    net::{Acceptor, Listener},
    spawn,
};
use tracing::{debug, error, info, warn};

use super::limits::ConnectionLimits;
use crate::{listener::connection::NewConnection, node::ListenerName, shard::Shards};

/// What an acceptor waits after a failed accept: the process is probably out of descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Connections of addresses over their quota that are kept waiting before they are closed.
const HELD_MAX: usize = 1000;

/// Accepts on `listener` until the task is dropped.
pub async fn run(name: ListenerName, listener: Listener, limits: Arc<ConnectionLimits>, shards: Rc<Shards>) {
    let acceptor: Acceptor = match listener.into_acceptor() {
        Ok(acceptor) => acceptor,
        Err(error) => {
            // A node that nobody can reach would keep what it leads from everybody.
            error!(listener = %name, %error, "cannot accept connections: the node ends");
            spawn::exit(1);
        }
    };
    let mut turn = 0usize;
    let held = Rc::new(Cell::new(0usize));
    loop {
        limits.room(&name).await;
        let accepted = match acceptor.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(listener = %name, %error, "cannot accept a connection");
                shards.clock().sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let now = shards.clock().now().since_start();
        match limits.count_new(&name, accepted.peer.ip(), now) {
            Ok(Duration::ZERO) => {}
            Ok(wait) => shards.clock().sleep(wait).await,
            Err(_) if held.get() >= HELD_MAX => continue,
            Err(hold) => {
                debug!(listener = %name, peer = %accepted.peer, "connection refused: its address has too many in a second");
                let (clock, held) = (shards.clock(), Rc::clone(&held));
                held.set(held.get() + 1);
                // Closed at once, the client would only try again the sooner.
                spawn::local(async move {
                    clock.sleep(hold).await;
                    drop(accepted);
                    held.set(held.get() - 1);
                });
                continue;
            }
        }
        // Another listener may have given away what was free before this one came.
        limits.room(&name).await;
        let now = shards.clock().now().since_start();
        match limits.admit(&name, accepted.peer.ip(), now) {
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
