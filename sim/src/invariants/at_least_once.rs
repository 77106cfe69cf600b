//! A consumer group whose members commit what they have processed passes over no record, and no more does a streams group.

use super::{Invariant, Logs};
use crate::history::History;

/// See above.
#[derive(Default)]
pub(super) struct AtLeastOnce;

impl Invariant for AtLeastOnce {
    fn name(&self) -> &'static str {
        "the group passes over nothing"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        for (at, read) in history.group_read.iter().chain(&history.streams.read) {
            let Some((records, last)) = history.read.get(at).zip(read.last()) else { continue };
            let missed = records.range(..=last).find(|(offset, _)| !read.contains(offset));
            if let Some((missed, _)) = missed {
                return Err(format!("{at} at {missed} was never given to a member of the group"));
            }
        }
        Ok(())
    }
}
