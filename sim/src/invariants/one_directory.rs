//! A replica is in one log directory of its broker, however a move between two was interrupted.

use super::{Invariant, Logs};
use crate::history::History;

/// See above.
#[derive(Default)]
pub(super) struct OneDirectory;

impl Invariant for OneDirectory {
    fn name(&self) -> &'static str {
        "one directory"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        match history.in_two_directories.first() {
            Some((node, partition)) => Err(format!("node {node} has {partition} in two log directories")),
            None => Ok(()),
        }
    }
}
