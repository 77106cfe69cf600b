//! A machine's committed state and what is appended beyond it.

use crate::StateMachine;
use std::collections::VecDeque;

/// A machine at two points of its log: committed, and with everything applied.
///
/// Owned by the machine's driver, on its thread.
#[derive(Clone, Debug)]
pub struct Timeline<S> {
    committed: S,
    committed_end_offset: i64,
    /// The state after each batch that is applied and not committed, by end offset, oldest first.
    pending: VecDeque<(i64, S)>,
}

impl<S: StateMachine> Timeline<S> {
    /// Starts from a state that holds everything before `end_offset`.
    pub const fn new(state: S, end_offset: i64) -> Self {
        Self { committed: state, committed_end_offset: end_offset, pending: VecDeque::new() }
    }

    /// The state that the log's high watermark has reached.
    pub const fn committed(&self) -> &S {
        &self.committed
    }

    /// The first offset that [`Self::committed`] does not hold.
    pub const fn committed_end_offset(&self) -> i64 {
        self.committed_end_offset
    }

    /// The state with every applied record in it: what commands decide on.
    pub fn tentative(&self) -> &S {
        self.pending.back().map_or(&self.committed, |(_, state)| state)
    }

    /// The first offset that [`Self::tentative`] does not hold.
    pub fn tentative_end_offset(&self) -> i64 {
        self.pending.back().map_or(self.committed_end_offset, |(end_offset, _)| *end_offset)
    }

    /// Replays records into the tentative state; `end_offset` is the offset after the last of them (records that the
    /// machine does not know, such as control records, may lie between).
    ///
    /// # Panics
    /// If `end_offset` is not beyond everything applied before, or if the machine refuses a record.
    pub fn apply<'a>(&mut self, records: impl IntoIterator<Item = &'a S::Record>, end_offset: i64)
    where
        S::Record: 'a,
    {
        assert!(
            end_offset > self.tentative_end_offset(),
            "applied up to {} already, cannot apply up to {end_offset}",
            self.tentative_end_offset()
        );
        let mut state = self.tentative().clone();
        for record in records {
            state.replay(record);
        }
        self.pending.push_back((end_offset, state));
    }

    /// As [`Self::apply`] followed by [`Self::commit`], for the replay of a whole log: of records that are committed
    /// already nothing has to be kept of the state before, which saves most of the work.
    ///
    /// # Panics
    /// As [`Self::apply`].
    pub fn load<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a S::Record>,
        end_offset: i64,
        high_watermark: i64,
    ) where
        S::Record: 'a,
    {
        self.commit(high_watermark);
        if end_offset > high_watermark || end_offset <= self.tentative_end_offset() {
            return self.apply(records, end_offset);
        }
        for record in records {
            self.committed.replay(record);
        }
        self.committed_end_offset = end_offset;
    }

    /// Moves the committed state on to the last applied batch that ends at or before `end_offset` (the log's high
    /// watermark). Returns whether the committed state changed.
    pub fn commit(&mut self, end_offset: i64) -> bool {
        let mut changed = false;
        while self.pending.front().is_some_and(|(batch_end, _)| *batch_end <= end_offset) {
            if let Some((batch_end, state)) = self.pending.pop_front() {
                self.committed = state;
                self.committed_end_offset = batch_end;
                changed = true;
            }
        }
        changed
    }

    /// Forgets everything applied and not committed.
    pub fn revert(&mut self) {
        self.pending.clear();
    }

    /// Forgets what was applied at or past `end_offset`, as after a truncation of the log.
    ///
    /// # Panics
    /// If `end_offset` lies before the committed end: what is committed cannot be taken back.
    pub fn truncate(&mut self, end_offset: i64) {
        assert!(end_offset >= self.committed_end_offset, "offset {end_offset} is committed");
        while self.pending.back().is_some_and(|(batch_end, _)| *batch_end > end_offset) {
            self.pending.pop_back();
        }
    }

    /// Puts a state from elsewhere (a snapshot) in place of everything held.
    pub fn reset(&mut self, state: S, end_offset: i64) {
        *self = Self::new(state, end_offset);
    }
}
