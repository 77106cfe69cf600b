//! A record of a share group is with one member at a time, from when a leader gives it out until its lock has run out, it is
//! acknowledged, or the member's connection breaks. Each leader epoch by itself: who has what is not kept, as with Kafka, and
//! the next leader may give out at once what the one before has given out; what is acknowledged to that one is refused.

use super::{Invariant, Logs};
use crate::history::History;

/// See above. Members compare when they are given records; here only what they found.
#[derive(Default)]
pub(super) struct ShareOneMember;

impl Invariant for ShareOneMember {
    fn name(&self) -> &'static str {
        "one member has a shared record"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        match history.shares.of_two.first() {
            Some(what) => Err(what.clone()),
            None => Ok(()),
        }
    }
}
