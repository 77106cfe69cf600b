//! Requests that wait: produces for replicas, fetches for bytes.
//!
//! An operation waits under the keys (partitions) that may complete it. It is completed once: by a check under one of
//! its keys, by its deadline, or by being taken. No clock inside: the driver says what time it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

mod delayed;

pub use delayed::{DelayedFetch, DelayedProduce, FetchProgress};

/// Names a waiting operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(u64);

#[derive(Debug)]
struct Waiting<K, T> {
    keys: Vec<K>,
    deadline: Duration,
    operation: T,
}

/// Waiting operations `T` under keys `K`. Costs are logarithmic; a check costs by the number waiting under the key.
#[derive(Debug)]
pub struct Purgatory<K, T> {
    waiting: BTreeMap<OperationId, Waiting<K, T>>,
    by_key: BTreeMap<K, BTreeSet<OperationId>>,
    by_deadline: BTreeSet<(Duration, OperationId)>,
    next: u64,
}

impl<K, T> Default for Purgatory<K, T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), by_key: BTreeMap::new(), by_deadline: BTreeSet::new(), next: 0 }
    }
}

impl<K: Ord + Clone, T> Purgatory<K, T> {
    /// Nothing waits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets an operation wait under `keys`, until `deadline` at the latest. Check it once *before*, since what it waits
    /// for may have come already.
    pub fn watch(
        &mut self,
        keys: impl IntoIterator<Item = K>,
        deadline: Duration,
        operation: T,
    ) -> OperationId {
        let id = OperationId(self.next);
        self.next += 1;
        let keys: Vec<K> = keys.into_iter().collect();
        for key in &keys {
            self.by_key.entry(key.clone()).or_default().insert(id);
        }
        self.by_deadline.insert((deadline, id));
        self.waiting.insert(id, Waiting { keys, deadline, operation });
        id
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Under how many keys they wait, counting a key once for each of them.
    pub fn watch_count(&self) -> usize {
        self.waiting.values().map(|waiting| waiting.keys.len()).sum()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether any waits under `key`; cheap enough for every append.
    pub fn is_watched(&self, key: &K) -> bool {
        self.by_key.contains_key(key)
    }

    /// Asks every operation waiting under `key`, oldest first, and gives those that are complete.
    pub fn check(&mut self, key: &K, mut is_complete: impl FnMut(&mut T) -> bool) -> Vec<T> {
        let ids: Vec<OperationId> = self.by_key.get(key).into_iter().flatten().copied().collect();
        let mut complete = Vec::new();
        for id in ids {
            if self.waiting.get_mut(&id).is_some_and(|waiting| is_complete(&mut waiting.operation)) {
                complete.extend(self.take(id));
            }
        }
        complete
    }

    /// Gives all that wait under `key`: the partition is no longer led here, or gone.
    pub fn take_all(&mut self, key: &K) -> Vec<T> {
        self.check(key, |_| true)
    }

    /// Gives one operation, for instance when its connection closed. `None` if it is complete.
    pub fn take(&mut self, id: OperationId) -> Option<T> {
        let waiting = self.waiting.remove(&id)?;
        self.by_deadline.remove(&(waiting.deadline, id));
        for key in &waiting.keys {
            if let Some(ids) = self.by_key.get_mut(key) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_key.remove(key);
                }
            }
        }
        Some(waiting.operation)
    }

    /// When the next operation expires.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    /// Gives the operations whose deadline has come, earliest first.
    pub fn expire(&mut self, now: Duration) -> Vec<T> {
        let mut expired = Vec::new();
        while let Some(&(deadline, id)) = self.by_deadline.first() {
            if deadline > now {
                break;
            }
            expired.extend(self.take(id));
        }
        expired
    }
}

#[cfg(test)]
mod tests;
