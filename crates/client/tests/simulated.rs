//! Clients against brokers that are played by the test, in a simulated world.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use klamm_client::{ClientConfig, ClientKind};
use klamm_io::sim::{Host, Simulation};

#[path = "simulated/broker.rs"]
mod broker;
#[path = "simulated/pacing.rs"]
mod pacing;
#[path = "simulated/read_replicas.rs"]
mod read_replicas;
#[path = "simulated/truncation.rs"]
mod truncation;
#[path = "simulated/world.rs"]
mod world;

const SECOND: Duration = Duration::from_secs(1);

/// The host that the clients run on.
const CLIENT: Host = Host(100);

fn config(kind: ClientKind, more: &[(&str, &str)]) -> ClientConfig {
    let servers = [("bootstrap.servers", "10.0.0.1:9092")];
    ClientConfig::new(kind, servers.into_iter().chain(more.iter().copied())).unwrap()
}

/// Runs a client for so long; its future may end before.
fn run<F: Future<Output = ()> + 'static>(
    sim: &Simulation,
    duration: Duration,
    client: impl FnOnce() -> F + 'static,
) {
    sim.start(CLIENT, 2, client);
    sim.run_for(duration);
    assert_eq!(sim.panics(), Vec::<String>::new());
}

/// What tasks have noted.
type Noted<T> = Arc<Mutex<Vec<T>>>;
