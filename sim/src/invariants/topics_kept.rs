//! A topic whose creation was answered is there, until its deletion is asked for; one whose deletion was answered is not.

use super::{Invariant, Logs};
use crate::history::History;

/// See above.
#[derive(Default)]
pub(super) struct TopicsKept;

impl Invariant for TopicsKept {
    fn name(&self) -> &'static str {
        "topics"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        let Some(listed) = &history.topics_listed else { return Ok(()) };
        if let Some(lost) = history.topics_kept.iter().find(|topic| !listed.contains(*topic)) {
            return Err(format!("{lost} was created and is not there"));
        }
        match history.topics_deleted.iter().find(|topic| listed.contains(*topic)) {
            Some(back) => Err(format!("{back} was deleted and is there")),
            None => Ok(()),
        }
    }
}
