//! The timers of one coordinator.

use std::collections::{BTreeMap, BTreeSet};

use klamm_io::Instant;
use klamm_timeline::TimerChange;

/// Timers by name and by deadline.
#[derive(Debug)]
pub(super) struct Timers<K> {
    deadlines: BTreeMap<K, Instant>,
    queue: BTreeSet<(Instant, K)>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { deadlines: BTreeMap::new(), queue: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Timers<K> {
    /// Sets, replaces or forgets a timer.
    pub(super) fn change(&mut self, now: Instant, change: TimerChange<K>) {
        match change {
            TimerChange::Set { key, after } => {
                self.cancel(&key);
                let deadline = now + after;
                self.queue.insert((deadline, key.clone()));
                self.deadlines.insert(key, deadline);
            }
            TimerChange::SetIfAbsent { key, .. } if self.deadlines.contains_key(&key) => {}
            TimerChange::SetIfAbsent { key, after } => self.change(now, TimerChange::Set { key, after }),
            TimerChange::Cancel { key } => self.cancel(&key),
        }
    }

    fn cancel(&mut self, key: &K) {
        if let Some((key, deadline)) = self.deadlines.remove_entry(key) {
            self.queue.remove(&(deadline, key));
        }
    }

    /// When the next timer fires.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.queue.first().map(|(deadline, _)| *deadline)
    }

    /// Takes out a timer that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<K> {
        if self.next_deadline()? > now {
            return None;
        }
        let (_, key) = self.queue.pop_first()?;
        self.deadlines.remove(&key);
        Some(key)
    }
}
