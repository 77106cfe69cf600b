//! The contract of Klamm's replicated state machines: decide → records → replay.
//!
//! A command of such a machine reads the state and answers an [`Outcome`]: the records that would carry out the
//! decision and the response that becomes true once they are committed. Nothing has happened yet. The driver appends
//! the records to the machine's log, replays them into the tentative state ([`Timeline::apply`]), and holds the
//! response back until the log's high watermark has passed them ([`Timeline::commit`]). If the append fails, it
//! forgets the tentative part ([`Timeline::revert`]).
//!
//! It is not a log, not a scheduler and not a driver: no I/O, no clock.
//!
//! Read first: [`StateMachine`], [`Outcome`], [`Timeline`].
//!
//! Invariants: the committed state never contains a record at or past the committed offset; the states held are in
//! the order of their offsets.
//!
//! *Non-obvious*
//! * A clone of a machine is a snapshot: machines are made of persistent maps, so that a clone is a few pointer copies.
//!   [`Timeline`] keeps one clone per appended batch that is not committed yet.
//! * Commands read the *tentative* state, so that two commands in flight see each other; what is shown to the outside
//!   (brokers, other coordinators' callers) is read from the *committed* one.

mod outcome;
mod timeline;

pub use outcome::{Outcome, TimerChange};
pub use timeline::Timeline;

/// A state that is only ever changed by replaying records.
///
/// A clone is a snapshot and has to be cheap (persistent maps, `Arc`).
pub trait StateMachine: Clone {
    /// What is written to the machine's log, decoded.
    type Record;

    /// Carries one record out. Must be deterministic: the same records in the same order give the same state.
    ///
    /// # Panics
    /// If the record contradicts the state (a defect: the log and the machine have diverged).
    fn replay(&mut self, record: &Self::Record);
}

#[cfg(test)]
mod tests;
