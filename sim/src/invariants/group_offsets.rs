//! An offset whose commit was answered last is what the group has, unless one that was never answered has come later.

use super::{Invariant, Logs};
use crate::history::History;

/// See above. Clients compare when they ask; here only what they found.
#[derive(Default)]
pub(super) struct GroupOffsets;

impl Invariant for GroupOffsets {
    fn name(&self) -> &'static str {
        "group offsets"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        match history.offset_contradictions.first() {
            Some(what) => Err(what.clone()),
            None => Ok(()),
        }
    }
}
