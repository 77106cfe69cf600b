//! Fetches that wait for data.
//!
//! A fetch that finds less than its `min_bytes` leaves a watch at each of its partitions, on whichever shards they are.
//! Partitions count into it what becomes readable; when that is enough, or when something happens that the client has to
//! hear of (a lost leadership, a deleted topic), the fetch is woken, reads again and answers.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicI64, Ordering},
};

use tokio::sync::Notify;

use super::requests::Isolation;

/// What a waiting fetch and its partitions share.
#[derive(Debug)]
pub struct FetchWatch {
    missing_bytes: AtomicI64,
    woken: Notify,
}

impl FetchWatch {
    /// A watch that wakes its fetch when `missing_bytes` more have become readable.
    pub fn new(missing_bytes: i64) -> Arc<Self> {
        Arc::new(Self { missing_bytes: AtomicI64::new(missing_bytes), woken: Notify::new() })
    }

    /// Counts bytes that have become readable.
    pub fn count(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        if self.missing_bytes.fetch_sub(bytes, Ordering::AcqRel) <= bytes {
            self.wake();
        }
    }

    /// Wakes the fetch whatever it has.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Completes when the fetch is to read again.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }
}

/// The fetches that wait at one partition, by how far they may see: what is readable to one is not yet to another.
#[derive(Debug, Default)]
pub struct Readers {
    /// Followers: up to the end of the log.
    pub followers: Watchers,
    /// Up to the high watermark.
    pub uncommitted: Watchers,
    /// Up to the last stable offset.
    pub committed: Watchers,
}

impl Readers {
    /// Adds a fetch.
    pub fn add(&mut self, isolation: Isolation, watch: &Arc<FetchWatch>) {
        match isolation {
            Isolation::LogEnd => self.followers.add(watch),
            Isolation::Uncommitted => self.uncommitted.add(watch),
            Isolation::Committed => self.committed.add(watch),
        }
    }

    /// Wakes every fetch.
    pub fn wake_all(&mut self) {
        self.followers.wake_all();
        self.uncommitted.wake_all();
        self.committed.wake_all();
    }
}

/// The watches of one kind. Fetches that have been answered are forgotten as others come.
#[derive(Debug, Default)]
pub struct Watchers {
    watches: Vec<Weak<FetchWatch>>,
    /// How long the list may grow before it is swept.
    sweep_at: usize,
}

impl Watchers {
    /// Adds a fetch.
    pub fn add(&mut self, watch: &Arc<FetchWatch>) {
        if self.watches.len() >= self.sweep_at.max(8) {
            self.watches.retain(|watch| watch.strong_count() > 0);
            self.sweep_at = 2 * self.watches.len();
        }
        self.watches.push(Arc::downgrade(watch));
    }

    /// Tells every fetch that `bytes` more can be read.
    pub fn count(&self, bytes: u64) {
        for watch in &self.watches {
            if let Some(watch) = watch.upgrade() {
                watch.count(bytes);
            }
        }
    }

    /// Wakes every fetch.
    pub fn wake_all(&mut self) {
        for watch in self.watches.drain(..) {
            if let Some(watch) = watch.upgrade() {
                watch.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_woken(watch: &FetchWatch) -> bool {
        use std::{future::Future, pin::pin, task::Context};
        pin!(watch.woken()).poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    #[test]
    fn a_fetch_is_woken_by_enough_bytes_from_all_its_partitions() {
        let watch = FetchWatch::new(100);
        let (mut one, mut other) = (Watchers::default(), Watchers::default());
        one.add(&watch);
        other.add(&watch);
        one.count(60);
        assert!(!is_woken(&watch));
        other.count(40);
        assert!(is_woken(&watch));
    }

    #[test]
    fn a_change_wakes_whatever_is_there() {
        let watch = FetchWatch::new(100);
        let mut partition = Watchers::default();
        partition.add(&watch);
        partition.wake_all();
        assert!(is_woken(&watch));
    }

    #[test]
    fn answered_fetches_do_not_pile_up() {
        let mut partition = Watchers::default();
        for _ in 0..10_000 {
            partition.add(&FetchWatch::new(1));
        }
        assert!(partition.watches.len() <= 16, "{}", partition.watches.len());
    }
}
