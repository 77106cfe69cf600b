//! How many connections there may be: `max.connections`, `max.connections.per.ip` and its overrides.
//!
//! Shared by all listeners and shards; the lock is taken when a connection comes and when it goes, never in between.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// The limits and what counts against them.
#[derive(Debug)]
pub struct ConnectionLimits {
    counts: Mutex<Counts>,
    /// Rung when a connection goes, for acceptors that wait at `max.connections`.
    freed: Notify,
}

#[derive(Debug)]
struct Counts {
    total_max: usize,
    per_ip_max: usize,
    per_ip_overrides: BTreeMap<IpAddr, usize>,
    total: usize,
    per_ip: BTreeMap<IpAddr, usize>,
}

/// A place taken by one connection; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    limits: Arc<ConnectionLimits>,
    ip: IpAddr,
}

/// The address has as many connections as it may have; the new one is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyFromAddress {
    /// How many it may have.
    pub max: usize,
}

impl ConnectionLimits {
    /// Limits in connections; an override replaces `per_ip_max` for its address.
    pub fn new(total_max: usize, per_ip_max: usize, per_ip_overrides: BTreeMap<IpAddr, usize>) -> Arc<Self> {
        let counts = Counts { total_max, per_ip_max, per_ip_overrides, total: 0, per_ip: BTreeMap::new() };
        Arc::new(Self { counts: Mutex::new(counts), freed: Notify::new() })
    }

    /// Waits until the broker has room for one more connection (`max.connections`).
    pub async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            {
                let counts = self.lock();
                if counts.total < counts.total_max {
                    return;
                }
            }
            freed.await;
        }
    }

    /// Takes a place for a connection from `ip`.
    ///
    /// # Errors
    /// If the address has reached its limit.
    pub fn admit(self: &Arc<Self>, ip: IpAddr) -> Result<Permit, TooManyFromAddress> {
        let mut counts = self.lock();
        let max = counts.per_ip_overrides.get(&ip).copied().unwrap_or(counts.per_ip_max);
        let open = counts.per_ip.entry(ip).or_insert(0);
        if *open >= max {
            let unused = *open == 0;
            if unused {
                counts.per_ip.remove(&ip);
            }
            return Err(TooManyFromAddress { max });
        }
        *open += 1;
        counts.total += 1;
        Ok(Permit { limits: Arc::clone(self), ip })
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.limits.lock();
        counts.total -= 1;
        if let Some(open) = counts.per_ip.get_mut(&self.ip) {
            *open -= 1;
            if *open == 0 {
                counts.per_ip.remove(&self.ip);
            }
        }
        drop(counts);
        self.limits.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_its_share_and_gets_it_back() {
        let ip = |last| IpAddr::from([127, 0, 0, last]);
        let limits = ConnectionLimits::new(100, 2, BTreeMap::from([(ip(9), 0), (ip(8), 3)]));
        assert_eq!(limits.admit(ip(9)).unwrap_err(), TooManyFromAddress { max: 0 });
        let first = limits.admit(ip(1)).unwrap();
        let _second = limits.admit(ip(1)).unwrap();
        assert_eq!(limits.admit(ip(1)).unwrap_err(), TooManyFromAddress { max: 2 });
        let _other: Vec<_> = (0..3).map(|_| limits.admit(ip(8)).unwrap()).collect();
        drop(first);
        assert!(limits.admit(ip(1)).is_ok());
        assert_eq!(limits.open(), 4);
    }
}
