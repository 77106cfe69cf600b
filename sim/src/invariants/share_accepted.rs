//! A record of a share group whose acceptance was answered is not in the dead-letter queue.

use super::{Invariant, Logs};
use crate::history::History;

/// See above.
#[derive(Default)]
pub(super) struct ShareAccepted;

impl Invariant for ShareAccepted {
    fn name(&self) -> &'static str {
        "what was accepted is not in the dead-letter queue"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        let mut places = history.shares.letters.keys();
        match places.find(|place| history.shares.is_accepted(place)) {
            Some(place) => Err(format!("it is there: {}", history.shares.describe(place))),
            None => Ok(()),
        }
    }
}
