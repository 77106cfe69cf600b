//! `queued.max.request.bytes`: how much memory requests may take that are being read or wait to be worked on. While it is
//! used up no further request is read from any connection.
//!
//! A request is let in whole as long as anything is left, as in Kafka: so the pool may be overdrawn by one request, and
//! one that is larger than what is left is not held back for ever. Its bytes are given back when it has been worked on;
//! what waits for other nodes or for replicas does not count, or two brokers that wait for each other would wait in vain.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use klamm_config::{BrokerConfig, broker};
use klamm_io::Clock;
use tokio::sync::Notify;

use crate::quotas::{Rate, Window};

/// Kafka's `metrics.num.samples` and `metrics.sample.window.ms`, by default.
const SAMPLES: (i32, i32) = (2, 30);

/// Memory for the requests of all connections of a kind.
#[derive(Debug)]
pub struct MemoryPool {
    /// Bytes; `None`: without limit.
    size: Option<i64>,
    /// Bytes that are left; below zero while the last request let in took more than there was.
    available: AtomicI64,
    /// Rung when something is left again.
    returned: Notify,
    clock: Clock,
    drought: Mutex<Drought>,
}

/// Times in which somebody had to wait.
#[derive(Debug, Default)]
struct Drought {
    since: Option<Duration>,
    total: Duration,
    rate: Rate,
}

impl MemoryPool {
    /// As large as a config allows.
    pub fn of(config: &BrokerConfig, clock: Clock) -> Arc<Self> {
        Self::new(Some(config.get(&broker::QUEUED_MAX_REQUEST_BYTES)).filter(|size| *size > 0), clock)
    }

    fn new(size: Option<i64>, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            size,
            available: AtomicI64::new(size.unwrap_or(i64::MAX)),
            returned: Notify::new(),
            clock,
            drought: Mutex::default(),
        })
    }

    /// Whether there is a limit.
    pub const fn is_limited(&self) -> bool {
        self.size.is_some()
    }

    /// Bytes that are left, below zero if overdrawn; [`i64::MAX`] without a limit.
    pub fn available(&self) -> i64 {
        self.available.load(Ordering::Relaxed)
    }

    /// Bytes that are taken; 0 without a limit.
    pub fn used(&self) -> i64 {
        self.size.map_or(0, |size| size - self.available())
    }

    /// The part of the last minute in which requests had to wait, from 0 to 1, and for how long altogether. A time that
    /// still lasts is not counted yet.
    pub fn depleted(&self) -> (f64, Duration) {
        let mut drought = self.drought();
        let (per_second, _) = drought.rate.measure(self.clock.now().since_start(), window());
        (per_second, drought.total)
    }

    /// Waits until anything is left, and takes that many bytes.
    pub async fn take(self: &Arc<Self>, bytes: usize) -> PoolBytes {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        loop {
            let returned = self.returned.notified();
            if self.try_take(bytes) {
                return PoolBytes { pool: Arc::clone(self), bytes };
            }
            self.drought().since.get_or_insert_with(|| self.clock.now().since_start());
            // Whoever has given something back since then has left word.
            if self.available() <= 0 {
                returned.await;
            }
        }
    }

    fn try_take(&self, bytes: i64) -> bool {
        let left = |available: i64| (available > 0).then(|| available.saturating_sub(bytes));
        let taken = self.available.fetch_update(Ordering::AcqRel, Ordering::Acquire, left);
        if taken.is_ok_and(|before| before > bytes) {
            // One is woken at a time, and there may be enough for the next.
            self.returned.notify_one();
        }
        if taken.is_ok() {
            self.end_drought();
        }
        taken.is_ok()
    }

    fn give_back(&self, bytes: i64) {
        let before = self.available.fetch_add(bytes, Ordering::AcqRel);
        self.end_drought();
        if before.saturating_add(bytes) > 0 {
            self.returned.notify_one();
        }
    }

    fn end_drought(&self) {
        let mut drought = self.drought();
        if let Some(since) = drought.since.take() {
            let now = self.clock.now().since_start();
            let lasted = now.saturating_sub(since);
            drought.total += lasted;
            drought.rate.record(lasted.as_secs_f64(), now, window());
        }
    }

    fn drought(&self) -> MutexGuard<'_, Drought> {
        self.drought.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn window() -> Window {
    Window::new(SAMPLES.0, SAMPLES.1)
}

/// Bytes of one request, given back when dropped.
#[derive(Debug)]
pub struct PoolBytes {
    pool: Arc<MemoryPool>,
    bytes: i64,
}

impl Drop for PoolBytes {
    fn drop(&mut self) {
        self.pool.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::{Pin, pin},
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn poll(future: Pin<&mut impl Future<Output = PoolBytes>>) -> Option<PoolBytes> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(bytes) => Some(bytes),
            Poll::Pending => None,
        }
    }

    #[test]
    fn nothing_is_let_in_once_the_pool_is_empty() {
        let pool = MemoryPool::new(Some(100), Clock::real());
        let first = poll(pin!(pool.take(60))).unwrap();
        let second = poll(pin!(pool.take(90))).expect("something is left");
        assert_eq!((pool.available(), pool.used()), (-50, 150));
        let (mut third, mut fourth) = (pin!(pool.take(1)), pin!(pool.take(1)));
        assert!(poll(third.as_mut()).is_none());
        assert!(poll(fourth.as_mut()).is_none());
        drop(first);
        assert_eq!(pool.available(), 10);
        let third = poll(third.as_mut()).expect("something is left again");
        let fourth = poll(fourth.as_mut()).expect("there is enough for the next too");
        assert!(pool.depleted().1 > Duration::ZERO);
        drop((second, third, fourth));
        assert_eq!((pool.available(), pool.used()), (100, 0));
    }

    #[test]
    fn whoever_goes_while_it_waits_passes_its_turn_on() {
        let pool = MemoryPool::new(Some(10), Clock::real());
        let all = poll(pin!(pool.take(10))).unwrap();
        let mut second = pin!(pool.take(10));
        {
            let mut first = pin!(pool.take(10));
            assert!(poll(first.as_mut()).is_none());
            assert!(poll(second.as_mut()).is_none());
            drop(all);
        }
        assert!(poll(second.as_mut()).is_some());
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let pool = MemoryPool::new(None, Clock::real());
        assert!(!pool.is_limited());
        assert_eq!((pool.available(), pool.used()), (i64::MAX, 0));
    }
}
