//! How many connections there may be: `max.connections`, `max.connections.per.ip` and its overrides; and how many there may
//! be anew in a second (KIP-612): `max.connection.creation.rate`, and quotas of addresses.
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
    time::Duration,
};

use klamm_config::{BrokerConfig, broker, quota};
use klamm_metadata::image::ClientQuotas;
use tokio::sync::Notify;

use crate::quotas::{Rate, Window};

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
    creation: CreationRates,
}

/// How many connections may come in a second, and do.
#[derive(Debug)]
struct CreationRates {
    window: Window,
    limit: f64,
    rate: Rate,
    /// The quota of addresses without one of their own.
    per_ip_default: Option<f64>,
    per_ip: BTreeMap<IpAddr, f64>,
    of_ips: BTreeMap<IpAddr, Rate>,
}

impl CreationRates {
    fn new() -> Self {
        Self {
            window: Window::new(1, 1),
            limit: f64::INFINITY,
            rate: Rate::default(),
            per_ip_default: None,
            per_ip: BTreeMap::new(),
            of_ips: BTreeMap::new(),
        }
    }

    fn throttle(rate: &mut Rate, limit: f64, now: Duration, window: Window) -> Duration {
        rate.record(1.0, now, window);
        // Kafka has nobody wait longer than a sample lasts.
        rate.throttle(limit, now, window).min(window.size())
    }

    fn count(&mut self, ip: IpAddr, now: Duration, is_protected: bool) -> Result<Duration, Duration> {
        let Self { window, limit, rate, .. } = self;
        let window = *window;
        let wait = if is_protected { Duration::ZERO } else { Self::throttle(rate, *limit, now, window) };
        let Some(limit) = self.per_ip.get(&ip).copied().or(self.per_ip_default) else { return Ok(wait) };
        if self.of_ips.len() > IP_RATES_MAX {
            self.of_ips.retain(|_, rate| !rate.is_idle(now, window));
        }
        let of_ip = self.of_ips.entry(ip).or_default();
        let hold = Self::throttle(of_ip, limit, now, window);
        if hold.is_zero() {
            return Ok(wait);
        }
        // It does not come about, and counts nowhere.
        of_ip.record(-1.0, now, window);
        if !is_protected {
            self.rate.record(-1.0, now, window);
        }
        Err(hold)
    }
}

/// Addresses whose rates are kept before idle ones are looked for.
const IP_RATES_MAX: usize = 10_000;

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
        let counts = Counts {
            total_max,
            files_max: usize::MAX,
            per_ip_max,
            per_ip_overrides,
            total: 0,
            per_ip,
            creation: CreationRates::new(),
        };
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
        let rate = config.get(&broker::MAX_CONNECTION_CREATION_RATE);
        counts.creation.limit = if rate == i32::MAX { f64::INFINITY } else { f64::from(rate) };
        counts.creation.window = Window::new(
            config.get(&broker::QUOTA_WINDOW_NUM),
            config.get(&broker::QUOTA_WINDOW_SIZE_SECONDS),
        );
        drop(counts);
        self.freed.notify_waiters();
    }

    /// Puts the quotas of addresses in place (`connection_creation_rate`).
    pub fn apply_quotas(&self, quotas: &ClientQuotas) {
        let with_rate = quotas.iter().filter_map(|(entity, values)| match entity.as_slice() {
            [(kind, name)] if kind.as_str() == "ip" => {
                Some((name.as_deref(), values.get(quota::CONNECTION_CREATION_RATE.name())?.0))
            }
            _ => None,
        });
        let mut counts = self.lock();
        (counts.creation.per_ip_default, counts.creation.per_ip) = (None, BTreeMap::new());
        for (name, rate) in with_rate {
            match name {
                None => counts.creation.per_ip_default = Some(rate),
                Some("localhost") => drop(counts.creation.per_ip.insert(IpAddr::from([127, 0, 0, 1]), rate)),
                Some(name) => {
                    if let Ok(ip) = name.parse::<IpAddr>() {
                        counts.creation.per_ip.insert(ip.to_canonical(), rate);
                    }
                }
            }
        }
    }

    /// Counts a new connection. Returns how long to wait before it is served and others are accepted, because there are
    /// too many in a second. The listener between brokers, if it is one of several, is `is_protected` from the crowd.
    ///
    /// # Errors
    /// If the address is over its quota: how long to keep the connection waiting before it is closed.
    pub fn count_new(&self, ip: IpAddr, now: Duration, is_protected: bool) -> Result<Duration, Duration> {
        self.lock().creation.count(ip.to_canonical(), now, is_protected)
    }

    /// Waits until the broker has room for one more connection (`max.connections`, of which a protected listener does not
    /// have to know).
    pub async fn room(&self, is_protected: bool) {
        loop {
            let freed = self.freed.notified();
            {
                let counts = self.lock();
                let max =
                    if is_protected { counts.files_max } else { counts.total_max.min(counts.files_max) };
                if counts.total < max {
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
            pin!(limits.room(false)).poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready()
        };
        assert!(has_room());
        let second = limits.admit(ip).unwrap();
        // No more than there are files, although the config knows no bound.
        assert!(!has_room());
        drop(second);
        assert!(has_room());
    }

    #[test]
    fn a_crowd_is_slowed_down_and_an_address_over_its_quota_refused() {
        let ms = Duration::from_millis;
        let ip = |last| IpAddr::from([127, 0, 0, last]);
        let limits = ConnectionLimits::new(100, 100, BTreeMap::new());
        limits.lock().creation.window = Window::new(2, 1);
        limits.lock().creation.limit = 3.0;
        limits.lock().creation.per_ip.insert(ip(9), 1.0);
        let wait = |last, protected| limits.count_new(ip(last), ms(5000), protected);
        assert_eq!(wait(9, false), Ok(ms(0)));
        for _ in 0..5 {
            assert_eq!(wait(9, false), Err(ms(1000)), "one a second");
            assert_eq!(wait(8, true), Ok(ms(0)), "the brokers' own");
        }
        assert_eq!(wait(8, false), Ok(ms(0)), "what was refused does not count for others");
        assert_eq!(wait(8, false), Ok(ms(0)));
        assert!(wait(8, false).is_ok_and(|wait| wait > ms(300)));
        assert_eq!(limits.count_new(ip(9), ms(7500), false), Ok(ms(0)));
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
