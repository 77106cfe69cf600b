//! What a share group gave up is in its dead-letter queue once all has healed, at least once and with what the record had:
//! records whose rejection was answered, and those that were given out for the last time and not acknowledged.

use super::{Invariant, Logs};
use crate::history::History;

/// See above.
#[derive(Default)]
pub(super) struct ShareDeadLetters;

impl Invariant for ShareDeadLetters {
    fn name(&self) -> &'static str {
        "what was given up is in the dead-letter queue"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        if let Some(missing) = history.shares.owed().next() {
            return Err(format!("not there: {}", history.shares.describe(missing)));
        }
        for (place, letters) in &history.shares.letters {
            let (at, offset) = place;
            let Some(record) = history.read.get(at).and_then(|records| records.get(offset)) else { continue };
            if let Some(other) = letters.iter().find(|letter| letter.as_ref() != Some(record)) {
                return Err(format!("{at} at {offset}: the record is {record:?}, the letter has {other:?}"));
            }
        }
        Ok(())
    }
}
