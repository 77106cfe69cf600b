//! Requests under way, and nodes that did not answer.

use crate::message::Server;
use klamm_protocol::StrBytes;
use std::collections::BTreeMap;
use std::time::Duration;

/// One request at a time per node; after a failure a pause.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    bootstrap: Vec<Server>,
    next_bootstrap: usize,
    request_timeout: Duration,
    retry_backoff: Duration,
    next_request_id: u64,
    peers: BTreeMap<i32, Peer>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    in_flight: Option<(u64, Duration)>,
    backoff_until: Option<Duration>,
}

impl Peers {
    pub(crate) fn new(
        bootstrap: impl Iterator<Item = (StrBytes, u16)>,
        request_timeout: Duration,
        retry_backoff: Duration,
    ) -> Self {
        // Ids of bootstrap servers are not known; Kafka counts down from -2.
        let bootstrap = bootstrap.zip(2..).map(|((host, port), n)| Server { id: -n, host, port }).collect();
        Self {
            bootstrap,
            next_bootstrap: 0,
            request_timeout,
            retry_backoff,
            next_request_id: 1,
            peers: BTreeMap::new(),
        }
    }

    /// Forgets everything under way, as at a change of role.
    pub(crate) fn reset(&mut self) {
        self.peers.clear();
    }

    /// Counts requests that got no answer in time as failed, and ends pauses that are over.
    pub(crate) fn expire(&mut self, now: Duration) {
        for peer in self.peers.values_mut() {
            if peer.in_flight.is_some_and(|(_, sent)| now >= sent + self.request_timeout) {
                *peer = Peer { in_flight: None, backoff_until: Some(now + self.retry_backoff) };
            }
            if peer.backoff_until.is_some_and(|until| now >= until) {
                peer.backoff_until = None;
            }
        }
    }

    /// Whether a request may be sent to the node.
    pub(crate) fn is_ready(&mut self, id: i32, now: Duration) -> bool {
        self.expire(now);
        self.peers.get(&id).is_none_or(|peer| peer.in_flight.is_none() && peer.backoff_until.is_none())
    }

    /// Whether the node failed lately.
    pub(crate) fn is_backing_off(&self, id: i32) -> bool {
        self.peers.get(&id).is_some_and(|peer| peer.backoff_until.is_some())
    }

    pub(crate) fn any_in_flight(&self) -> bool {
        self.peers.values().any(|peer| peer.in_flight.is_some())
    }

    /// The next bootstrap server that may be asked, in turn, but not `leader` under another id: it has just failed.
    pub(crate) fn ready_bootstrap(&mut self, now: Duration, leader: Option<&Server>) -> Option<Server> {
        let is_leader =
            |server: &Server| leader.is_some_and(|at| (&at.host, at.port) == (&server.host, server.port));
        for _ in 0..self.bootstrap.len() {
            let server = self.bootstrap.get(self.next_bootstrap % self.bootstrap.len())?.clone();
            self.next_bootstrap += 1;
            if !is_leader(&server) && self.is_ready(server.id, now) {
                return Some(server);
            }
        }
        None
    }

    /// Notes a request and names it.
    pub(crate) fn sent(&mut self, id: i32, now: Duration) -> u64 {
        let request_id = self.next_request_id;
        self.next_request_id += 1;
        self.peers.entry(id).or_default().in_flight = Some((request_id, now));
        request_id
    }

    /// Notes the end of a request. Returns whose it was, or `None` if it is no longer waited for.
    pub(crate) fn answered(&mut self, request_id: u64, ok: bool, now: Duration) -> Option<i32> {
        let (id, peer) = self
            .peers
            .iter_mut()
            .find(|(_, peer)| peer.in_flight.is_some_and(|(waiting, _)| waiting == request_id))?;
        peer.in_flight = None;
        peer.backoff_until = (!ok).then(|| now + self.retry_backoff);
        Some(*id)
    }

    /// Lets a node alone for a while that could not help.
    pub(crate) fn back_off(&mut self, id: i32, now: Duration) {
        self.peers.entry(id).or_default().backoff_until = Some(now + self.retry_backoff);
    }

    /// When the next timeout or pause ends.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.peers
            .values()
            .filter_map(|peer| {
                peer.in_flight.map(|(_, sent)| sent + self.request_timeout).or(peer.backoff_until)
            })
            .min()
    }
}
