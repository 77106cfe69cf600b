//! Fencing a broker whose process has died, long before its session ends.
//!
//! A process that dies closes its connections, and its host refuses new ones to its listeners. The active controller
//! fences a broker at once when both is so and nothing has been heard of it for a moment; a broker that only connects
//! anew, whose network is lost or that stands still, keeps its session (docs/decisions/0009-dead-processes.md).

use std::{io::ErrorKind, time::Duration};

use klamm_io::{net::Stream, spawn};
use tracing::info;

use super::{Driver, Event};
use crate::quorum::{decide, presence::Sighting};

/// How long a broker has to come back by another connection. One that lives has a fetch of the metadata log under way at
/// all times and repeats it within a few tens of milliseconds.
const GRACE: Duration = Duration::from_millis(150);
/// A host that does not answer in this time has not refused.
const PROBE_MAX: Duration = Duration::from_millis(500);

impl Driver {
    pub(super) fn sighted(&mut self, sighting: Sighting) {
        match sighting {
            Sighting::Came(id) => *self.connections.entry(id).or_insert(0) += 1,
            Sighting::Went(id) => {
                let left = self.connections.get_mut(&id).map_or(0, |count| {
                    *count = count.saturating_sub(1);
                    *count
                });
                if left == 0 {
                    self.connections.remove(&id);
                    self.suspect(id);
                }
            }
        }
    }

    /// Looks after a while whether a broker that has no connection here is alive.
    pub(super) fn suspect(&self, id: i32) {
        if self.active.is_none() || id == self.config.node_id() {
            return;
        }
        let (events, clock) = (self.events.clone(), self.world.clock);
        let since = self.monotonic();
        spawn::local(async move {
            clock.sleep(GRACE).await;
            let _ = events.send(Event::Missing(id, since));
        });
    }

    /// Knocks at the listeners of a broker that has not come back.
    pub(super) fn missing(&self, id: i32, since: Duration) {
        let Some(epoch) = decide::silent_epoch(self, id, since).filter(|_| !self.is_connected(id)) else {
            return;
        };
        let image = self.active.as_ref().map(|active| active.timeline.tentative());
        let Some(broker) = image.and_then(|image| image.cluster.brokers.get(&id)) else { return };
        let addresses: Vec<(String, u16)> =
            broker.listeners.iter().map(|listener| (listener.host.to_string(), listener.port)).collect();
        let events = self.events.clone();
        spawn::local(async move {
            for (host, port) in &addresses {
                match Stream::connect(host, *port, PROBE_MAX).await {
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                    // It lives, or nobody can tell.
                    Ok(_) | Err(_) => return,
                }
            }
            if !addresses.is_empty() {
                let _ = events.send(Event::Dead { id, epoch, since });
            }
        });
    }

    /// Fences a broker that is dead, unless it was heard of after all.
    pub(super) fn dead(&mut self, id: i32, epoch: i64, since: Duration) {
        if decide::silent_epoch(self, id, since) == Some(epoch) && !self.is_connected(id) {
            info!(broker = id, epoch, "broker fenced: its process is gone");
            decide::departed(self, id);
        }
    }

    fn is_connected(&self, id: i32) -> bool {
        self.connections.contains_key(&id)
    }
}
