//! How many connections there may be: `max.connections`, `max.connections.per.ip` and its overrides.
//!
//! Shared by the listeners for clients and by all shards; the lock is taken when a connection comes and when it goes,
//! never in between.
//!
//! Non-obvious: connections get no more than a share of the files that the process may open, whatever the config says. A
//! crowd of clients that took the last one would have a log fail to open a segment, and with it its directory.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use klamm_config::{BrokerConfig, broker};
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
    /// Files that connections may keep open.
    files_max: usize,
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
        let per_ip = BTreeMap::new();
        let counts =
            Counts { total_max, files_max: usize::MAX, per_ip_max, per_ip_overrides, total: 0, per_ip };
        Arc::new(Self { counts: Mutex::new(counts), freed: Notify::new() })
    }

    /// The limits of a config, for connections that may have `files_max` files open.
    pub fn of(config: &BrokerConfig, files_max: usize) -> Arc<Self> {
        let limits = Self::new(0, 0, BTreeMap::new());
        limits.lock().files_max = files_max;
        limits.apply(config);
        limits
    }

    /// Puts the limits of another config in place. Connections that are open stay open.
    pub fn apply(&self, config: &BrokerConfig) {
        let count = |value: i32| usize::try_from(value).unwrap_or(0);
        let overrides = config.connections_per_ip_overrides().into_iter();
        let mut counts = self.lock();
        counts.total_max = count(config.get(&broker::MAX_CONNECTIONS));
        counts.per_ip_max = count(config.get(&broker::MAX_CONNECTIONS_PER_IP));
        counts.per_ip_overrides =
            overrides.filter_map(|(host, max)| Some((host.parse().ok()?, count(max)))).collect();
        drop(counts);
        self.freed.notify_waiters();
    }

    /// Waits until the broker has room for one more connection (`max.connections`).
    pub async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            {
                let counts = self.lock();
                if counts.total < counts.total_max.min(counts.files_max) {
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
        // A listener for both families sees an IPv4 address in the dress of IPv6.
        let ip = ip.to_canonical();
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
    fn limits_follow_the_config() {
        let config = |more: &str| {
            let text = "process.roles=broker,controller\nnode.id=1\nlisteners=PLAINTEXT://localhost:9092,CONTROLLER://:9093\n\
                controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@localhost:9093\n";
            BrokerConfig::from_properties(&klamm_config::properties::parse(&format!("{text}{more}")).unwrap())
                .unwrap()
        };
        let ip = IpAddr::from([127, 0, 0, 1]);
        let limits = ConnectionLimits::of(&config("max.connections.per.ip=1"), 2);
        let _first = limits.admit(ip).unwrap();
        assert!(limits.admit(ip).is_err());
        limits.apply(&config("max.connections.per.ip=1\nmax.connections.per.ip.overrides=127.0.0.1:2"));
        let has_room = || {
            use std::{future::Future, pin::pin, task::Context};
            pin!(limits.room()).poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready()
        };
        assert!(has_room());
        let second = limits.admit(ip).unwrap();
        // No more than there are files, although the config knows no bound.
        assert!(!has_room());
        drop(second);
        assert!(has_room());
    }

    #[test]
    fn an_address_gets_its_share_and_gets_it_back() {
        let ip = |last| IpAddr::from([127, 0, 0, last]);
        let mapped = |last| IpAddr::from([0, 0, 0, 0, 0, 0xFFFF, 0x7F00, last]);
        let limits = ConnectionLimits::new(100, 2, BTreeMap::from([(ip(9), 0), (ip(8), 3)]));
        assert_eq!(limits.admit(ip(9)).unwrap_err(), TooManyFromAddress { max: 0 });
        let first = limits.admit(ip(1)).unwrap();
        let _second = limits.admit(ip(1)).unwrap();
        assert_eq!(limits.admit(ip(1)).unwrap_err(), TooManyFromAddress { max: 2 });
        assert_eq!(limits.admit(mapped(1)).unwrap_err(), TooManyFromAddress { max: 2 });
        let _other: Vec<_> = (0..3).map(|_| limits.admit(ip(8)).unwrap()).collect();
        drop(first);
        assert!(limits.admit(ip(1)).is_ok());
        assert_eq!(limits.open(), 4);
    }
}
