//! No delivery of a share group's record is numbered past the group's limit. After a failover the count goes on from what
//! was kept last, as with Kafka: that is, deliveries that nobody acknowledged and whose lock was still held are forgotten.

use super::{Invariant, Logs};
use crate::history::History;

/// See above. Members compare when they are given records; here only what they found.
#[derive(Default)]
pub(super) struct ShareLimit;

impl Invariant for ShareLimit {
    fn name(&self) -> &'static str {
        "delivery limit of a share group"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        match history.shares.too_often.first() {
            Some(what) => Err(what.clone()),
            None => Ok(()),
        }
    }
}
