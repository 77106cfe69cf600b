//! Whose turn it is: what has arrived, or what the time has come for.
//!
//! What is in the queues goes first. A heartbeat that has arrived proves that its broker lives, and an answer that its
//! sender does, however late this thread gets to them. But a queue that is never empty must not keep the time from coming:
//! when a deadline passes, only what is there by then goes before it.

/// Counts what goes before the deadline that has passed.
#[derive(Debug, Default)]
pub(super) struct Turns {
    before: Option<usize>,
}

impl Turns {
    /// Whether it is the deadline's turn, whatever waits. `is_past` says whether there is a deadline that has passed,
    /// `waiting` how many events are in the queues.
    pub(super) fn is_deadlines(&mut self, is_past: bool, waiting: impl FnOnce() -> usize) -> bool {
        // The other side has one turn between two deadlines, so that work that was begun can go on.
        self.before = is_past.then(|| self.before.unwrap_or_else(|| waiting().max(1)));
        self.before == Some(0)
    }

    /// Something has had its turn.
    pub(super) fn took(&mut self, is_deadline: bool) {
        self.before = self.before.filter(|_| !is_deadline).map(|before| before.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_comes_after_what_was_there_and_before_what_comes_later() {
        for (name, waiting, expect) in [
            ("nobody waits", 0, "edededed"),
            ("one waits, and another comes each time", 1, "edededed"),
            ("three wait, and others come", 3, "eeedeeed"),
        ] {
            let mut turns = Turns::default();
            let taken: String = (0..8)
                .map(|_| {
                    let is_deadline = turns.is_deadlines(true, || waiting);
                    turns.took(is_deadline);
                    if is_deadline { 'd' } else { 'e' }
                })
                .collect();
            assert_eq!(taken, expect, "{name}");
            assert!(!turns.is_deadlines(false, || waiting), "{name}: none has passed");
        }
    }
}
