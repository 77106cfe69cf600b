//! A topic whose creation was answered is there, until its deletion is asked for. (One that was deleted may be back: an
//! earlier attempt to create it may have been on its way for long.)

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
        Ok(())
    }
}
