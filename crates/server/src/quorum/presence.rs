//! Which connections of this node's controller listeners belong to which broker, as far as a request has said so.
//!
//! What the active controller makes of it when none is left is in `driver/departures.rs`.

use tokio::sync::mpsc;

use super::driver::Arrival;

/// A connection of a node came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// A node's id, at the first request of a connection that names it.
    Came(i32),
    /// The same node's connection has ended.
    Went(i32),
}

/// Held by a connection for as long as its peer, a known node, may send by it.
#[derive(Debug)]
pub struct Presence {
    node_id: i32,
    arrivals: mpsc::UnboundedSender<Arrival>,
}

impl Presence {
    /// Tells that the node is connected.
    pub fn new(node_id: i32, arrivals: mpsc::UnboundedSender<Arrival>) -> Self {
        let _ = arrivals.send(Arrival::Sighting(Sighting::Came(node_id)));
        Self { node_id, arrivals }
    }

    /// Whose connection it is.
    pub const fn node_id(&self) -> i32 {
        self.node_id
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let _ = self.arrivals.send(Arrival::Sighting(Sighting::Went(self.node_id)));
    }
}
