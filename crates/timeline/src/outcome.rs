//! What a command of a replicated state machine answers.

use std::time::Duration;

/// A decision that has not taken effect: the records to append, the response to give once they are committed, and the
/// timers to set then.
///
/// `R` is the machine's record, `T` the response, `K` names a timer (an enum of the machine's own).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an outcome has no effect until its records are appended"]
pub struct Outcome<R, T, K = String> {
    /// To be appended together, in this order. Empty: the response may be given as soon as everything that the
    /// decision has read is committed.
    pub records: Vec<R>,
    /// What the caller is told.
    pub response: T,
    /// Applied when the records have been replayed, in this order.
    pub timers: Vec<TimerChange<K>>,
}

impl<R, T, K> Outcome<R, T, K> {
    /// An outcome that changes nothing.
    pub const fn unchanged(response: T) -> Self {
        Self { records: Vec::new(), response, timers: Vec::new() }
    }

    /// An outcome without timers.
    pub const fn new(records: Vec<R>, response: T) -> Self {
        Self { records, response, timers: Vec::new() }
    }

    /// Turns the response into another, keeping records and timers.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<R, U, K> {
        Outcome { records: self.records, response: change(self.response), timers: self.timers }
    }

    /// Adds a timer change.
    pub fn with_timer(mut self, change: TimerChange<K>) -> Self {
        self.timers.push(change);
        self
    }
}

/// A change to the timers that a driver keeps for a machine. A timer that fires is handed back to the machine by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimerChange<K = String> {
    /// Fire once after `after`, in place of an earlier timer of this key.
    Set {
        /// Names the timer.
        key: K,
        /// From the moment the change is applied.
        after: Duration,
    },
    /// As `Set`, unless there is a timer of this key already.
    SetIfAbsent {
        /// Names the timer.
        key: K,
        /// From the moment the change is applied.
        after: Duration,
    },
    /// Forget the timer of this key, if there is one.
    Cancel {
        /// Names the timer.
        key: K,
    },
}
