//! How many connections there may be: `max.connections`, of the whole broker and of each listener,
//! `max.connections.per.ip` and its overrides; and how many there may be anew in a second (KIP-612):
//! `max.connection.creation.rate`, of the whole broker and of each listener, and quotas of addresses.
//!
//! The listener between brokers, where it is one of several, is protected: only its own limits hold for it. If its
//! connections take the broker over `max.connections`, those of other listeners that were used least recently are closed.
//!
//! One for the listeners of brokers and one for those of controllers, each shared by all shards; the lock is taken when a
//! connection comes and when it goes, never in between.
//!
//! Non-obvious: connections get no more than a share of the files that the process may open, whatever the config says. A
//! crowd of clients that took the last one would have a log fail to open a segment, and with it its directory.

mod rates;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use klamm_config::{BrokerConfig, Endpoint, broker, quota};
use klamm_io::Instant;
use klamm_metadata::image::ClientQuotas;
use tokio::sync::Notify;
use tracing::warn;

use self::rates::CreationRates;
use crate::{node::ListenerName, quotas::Window};

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
    per_ip: BTreeMap<IpAddr, usize>,
    /// The listener that brokers use among themselves.
    inter_broker: ListenerName,
    listeners: BTreeMap<ListenerName, OfListener>,
    /// All that are open, in the order in which they came.
    open: BTreeMap<u64, Arc<Tenant>>,
    next_id: u64,
    /// How many of them have been told to go.
    leaving: usize,
    creation: CreationRates,
}

/// The connections of one listener.
#[derive(Debug)]
struct OfListener {
    max: usize,
    open: usize,
}

impl Counts {
    fn is_protected(&self, listener: &ListenerName) -> bool {
        *listener == self.inter_broker && self.listeners.len() > 1
    }

    fn has_room(&self, listener: &ListenerName) -> bool {
        let is_full = self.listeners.get(listener).is_some_and(|of| of.open >= of.max);
        // Brokers come in though there is no place: a client goes for each, and has its file open until then.
        let total_max = if self.is_protected(listener) {
            self.files_max + self.files_max.div_ceil(4)
        } else {
            self.total_max.min(self.files_max)
        };
        !is_full && self.open.len() < total_max
    }

    /// Tells those to go that are too many, the least recently used first.
    fn evict_excess(&mut self) {
        let total_max = self.total_max.min(self.files_max);
        let excess = (self.open.len() - self.leaving).saturating_sub(total_max);
        if excess == 0 {
            return;
        }
        let tenants = self.open.values();
        let mut candidates: Vec<&Arc<Tenant>> =
            tenants.filter(|tenant| !tenant.is_leaving() && !self.is_protected(&tenant.listener)).collect();
        candidates.sort_by_key(|tenant| tenant.last_active_ms.load(Ordering::Relaxed));
        candidates.truncate(excess);
        candidates.iter().for_each(|tenant| tenant.evict());
        let told = candidates.len();
        self.leaving += told;
    }
}

/// An open connection, as the limits see it.
#[derive(Debug)]
struct Tenant {
    listener: ListenerName,
    ip: IpAddr,
    /// When bytes last came or went, in milliseconds since the node's start.
    last_active_ms: AtomicU64,
    is_leaving: AtomicBool,
    leave: Notify,
}

impl Tenant {
    fn evict(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
        self.leave.notify_one();
    }

    fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Relaxed)
    }
}

/// A place taken by one connection; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    limits: Arc<ConnectionLimits>,
    id: u64,
    tenant: Arc<Tenant>,
}

impl Permit {
    /// Notes that bytes have come or gone.
    pub fn touch(&self, now: Instant) {
        self.tenant.last_active_ms.store(in_ms(now.since_start()), Ordering::Relaxed);
    }

    /// Completes when the connection is to make room for another.
    pub async fn evicted(&self) {
        self.tenant.leave.notified().await;
    }
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The address has as many connections as it may have; the new one is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyFromAddress {
    /// How many it may have.
    pub max: usize,
}

/// The address that a limit is for. Of names only `localhost` is known: others are not resolved.
fn address_of(host: &str) -> Option<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(IpAddr::from([127, 0, 0, 1]));
    }
    let address = host.parse::<IpAddr>().ok();
    if address.is_none() {
        warn!(host, "a limit of connections is for a name and does not count: give its address");
    }
    address.map(|ip| ip.to_canonical())
}

impl ConnectionLimits {
    /// The limits of a config for the connections of some listeners, which may have `files_max` files open.
    pub fn of<'a>(
        config: &BrokerConfig,
        listeners: impl Iterator<Item = &'a Endpoint>,
        files_max: usize,
    ) -> Arc<Self> {
        let listeners = listeners
            .map(|endpoint| (ListenerName::new(&endpoint.listener), OfListener { max: 0, open: 0 }))
            .collect();
        let counts = Counts {
            total_max: 0,
            files_max,
            per_ip_max: 0,
            per_ip_overrides: BTreeMap::new(),
            per_ip: BTreeMap::new(),
            inter_broker: ListenerName::new(config.inter_broker_listener().0),
            listeners,
            open: BTreeMap::new(),
            next_id: 0,
            leaving: 0,
            creation: CreationRates::new(),
        };
        let limits = Self { counts: Mutex::new(counts), freed: Notify::new() };
        limits.apply(config);
        Arc::new(limits)
    }

    /// Puts the limits of another config in place. Connections beyond `max.connections` are closed, those beyond other
    /// limits stay open.
    pub fn apply(&self, config: &BrokerConfig) {
        let count = |value: i32| usize::try_from(value).unwrap_or(0);
        let rate = |rate: i32| if rate == i32::MAX { f64::INFINITY } else { f64::from(rate) };
        let overrides = config.connections_per_ip_overrides().into_iter();
        let mut counts = self.lock();
        let Counts { listeners, creation, .. } = &mut *counts;
        for (name, of) in listeners {
            // Without a value of its own a listener has the broker's.
            of.max = count(config.get_for_listener(name.as_str(), &broker::MAX_CONNECTIONS));
            let limit = config.get_for_listener(name.as_str(), &broker::MAX_CONNECTION_CREATION_RATE);
            creation.limit_listener(name, rate(limit));
        }
        creation.limit(rate(config.get(&broker::MAX_CONNECTION_CREATION_RATE)));
        let window = (config.get(&broker::QUOTA_WINDOW_NUM), config.get(&broker::QUOTA_WINDOW_SIZE_SECONDS));
        creation.measure_over(Window::new(window.0, window.1));
        counts.total_max = count(config.get(&broker::MAX_CONNECTIONS));
        counts.per_ip_max = count(config.get(&broker::MAX_CONNECTIONS_PER_IP));
        counts.per_ip_overrides =
            overrides.filter_map(|(host, max)| Some((address_of(&host)?, count(max)))).collect();
        counts.evict_excess();
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
        let (mut default, mut per_ip) = (None, BTreeMap::new());
        for (name, rate) in with_rate {
            match name {
                None => default = Some(rate),
                Some(name) => {
                    if let Some(ip) = address_of(name) {
                        per_ip.insert(ip, rate);
                    }
                }
            }
        }
        self.lock().creation.limit_addresses(default, per_ip);
    }

    /// Counts a new connection. Returns how long to wait before it is served and others are accepted, because there are
    /// too many in a second.
    ///
    /// # Errors
    /// If the address is over its quota: how long to keep the connection waiting before it is closed.
    pub fn count_new(
        &self,
        listener: &ListenerName,
        ip: IpAddr,
        now: Duration,
    ) -> Result<Duration, Duration> {
        let mut counts = self.lock();
        let is_protected = counts.is_protected(listener);
        counts.creation.count(listener, ip.to_canonical(), now, is_protected)
    }

    /// Waits until the listener and the broker have room for one more connection.
    pub async fn room(&self, listener: &ListenerName) {
        loop {
            let freed = self.freed.notified();
            if self.lock().has_room(listener) {
                return;
            }
            freed.await;
        }
    }

    /// Takes a place for a connection from `ip`, if need be that of another.
    ///
    /// # Errors
    /// If the address has reached its limit.
    pub fn admit(
        self: &Arc<Self>,
        listener: &ListenerName,
        ip: IpAddr,
        now: Duration,
    ) -> Result<Permit, TooManyFromAddress> {
        // A listener for both families sees an IPv4 address in the dress of IPv6.
        let ip = ip.to_canonical();
        let mut counts = self.lock();
        let max = counts.per_ip_overrides.get(&ip).copied().unwrap_or(counts.per_ip_max);
        let of_ip = counts.per_ip.get(&ip).copied().unwrap_or(0);
        if of_ip >= max {
            return Err(TooManyFromAddress { max });
        }
        counts.per_ip.insert(ip, of_ip + 1);
        if let Some(of) = counts.listeners.get_mut(listener) {
            of.open += 1;
        }
        let tenant = Arc::new(Tenant {
            listener: listener.clone(),
            ip,
            last_active_ms: AtomicU64::new(in_ms(now)),
            is_leaving: AtomicBool::new(false),
            leave: Notify::new(),
        });
        let id = counts.next_id;
        counts.next_id += 1;
        counts.open.insert(id, Arc::clone(&tenant));
        counts.evict_excess();
        Ok(Permit { limits: Arc::clone(self), id, tenant })
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.lock().open.len()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Tenant { listener, ip, .. } = &*self.tenant;
        let mut counts = self.limits.lock();
        counts.open.remove(&self.id);
        counts.leaving -= usize::from(self.tenant.is_leaving());
        if let Some(of) = counts.listeners.get_mut(listener) {
            of.open -= 1;
        }
        if let Some(open) = counts.per_ip.get_mut(ip) {
            *open -= 1;
            if *open == 0 {
                counts.per_ip.remove(ip);
            }
        }
        drop(counts);
        self.limits.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
