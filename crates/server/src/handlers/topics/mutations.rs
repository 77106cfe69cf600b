//! The quota of controller mutations (KIP-599): how many partitions a client may have created and deleted in a second.
//!
//! Counted by the active controller alone, so that a client has one quota whichever brokers it asks: brokers pass on who
//! it is (`quorum/envelope.rs`). From the version on in which a
//! client knows THROTTLING_QUOTA_EXCEEDED, what is over the quota is refused with it; older clients get what they ask for
//! and have to wait.

use klamm_protocol::{ErrorCode, StrBytes};

use crate::{dispatch::Call, node::Node};

/// What one request has taken of its client's quota.
pub(super) struct Mutations<'a> {
    call: &'a Call,
    /// Whether this node counts.
    counts: bool,
    is_strict: bool,
    taken: Vec<(StrBytes, usize)>,
    throttle_ms: i32,
}

impl<'a> Mutations<'a> {
    /// Nothing yet. Versions before `strict_since` cannot be refused.
    pub(super) fn new(node: &Node, call: &'a Call, strict_since: i16) -> Self {
        let is_strict = call.api_version >= strict_since;
        let counts = node.controller.leader_id() == node.id;
        Self { call, counts, is_strict, taken: Vec::new(), throttle_ms: 0 }
    }

    /// Takes partitions of a topic.
    ///
    /// # Errors
    /// THROTTLING_QUOTA_EXCEEDED.
    pub(super) fn take(&mut self, topic: &StrBytes, partitions: usize) -> Result<(), ErrorCode> {
        let call = self.call;
        if !self.counts {
            return Ok(());
        }
        let quotas = call.connection.quotas();
        match quotas.take_permits(call.user(), call.client_id(), partitions as f64, self.is_strict) {
            Ok(throttle_ms) => {
                self.throttle_ms = self.throttle_ms.max(throttle_ms);
                self.taken.push((topic.clone(), partitions));
                Ok(())
            }
            Err(throttle_ms) => {
                self.throttle_ms = self.throttle_ms.max(throttle_ms);
                Err(ErrorCode::ThrottlingQuotaExceeded)
            }
        }
    }

    /// Gives back what the controller has not carried out. Returns how long the client has to wait, in milliseconds.
    pub(super) fn settle(self, is_done: impl Fn(&StrBytes) -> bool) -> i32 {
        let (call, quotas) = (self.call, self.call.connection.quotas());
        for (_, partitions) in self.taken.iter().filter(|(topic, _)| !is_done(topic)) {
            let _ = quotas.take_permits(call.user(), call.client_id(), -(*partitions as f64), false);
        }
        self.throttle_ms
    }
}
