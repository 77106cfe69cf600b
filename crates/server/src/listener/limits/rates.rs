//! How many connections may come in a second, and do.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use crate::{
    node::ListenerName,
    quotas::{Rate, Window},
};

/// Addresses whose rates are kept before idle ones are looked for.
const IP_RATES_MAX: usize = 10_000;

/// The rates at which connections come, of the broker, of listeners and of addresses, and their limits.
#[derive(Debug)]
pub(super) struct CreationRates {
    window: Window,
    broker: Limited,
    listeners: BTreeMap<ListenerName, Limited>,
    /// The quota of addresses without one of their own.
    per_ip_default: Option<f64>,
    per_ip: BTreeMap<IpAddr, f64>,
    of_ips: BTreeMap<IpAddr, Rate>,
}

#[derive(Debug, Default)]
struct Limited {
    limit: f64,
    rate: Rate,
}

impl Limited {
    fn throttle(&mut self, now: Duration, window: Window) -> Duration {
        throttle(&mut self.rate, self.limit, now, window)
    }
}

fn throttle(rate: &mut Rate, limit: f64, now: Duration, window: Window) -> Duration {
    rate.record(1.0, now, window);
    // Kafka has nobody wait longer than a sample lasts.
    rate.throttle(limit, now, window).min(window.size())
}

impl CreationRates {
    pub(super) fn new() -> Self {
        Self {
            window: Window::new(1, 1),
            broker: Limited::default(),
            listeners: BTreeMap::new(),
            per_ip_default: None,
            per_ip: BTreeMap::new(),
            of_ips: BTreeMap::new(),
        }
    }

    /// Sets how many there may be in a second on the broker.
    pub(super) const fn limit(&mut self, limit: f64) {
        self.broker.limit = limit;
    }

    /// Sets how many there may be in a second on a listener.
    pub(super) fn limit_listener(&mut self, listener: &ListenerName, limit: f64) {
        self.listeners.entry(listener.clone()).or_default().limit = limit;
    }

    /// Sets how many there may be in a second from addresses.
    pub(super) fn limit_addresses(&mut self, default: Option<f64>, per_ip: BTreeMap<IpAddr, f64>) {
        (self.per_ip_default, self.per_ip) = (default, per_ip);
    }

    /// Sets the time over which it is measured.
    pub(super) const fn measure_over(&mut self, window: Window) {
        self.window = window;
    }

    /// Counts a connection. Returns how long it and those after it have to wait.
    ///
    /// # Errors
    /// If its address is over its quota: how long to keep it waiting before it is closed.
    pub(super) fn count(
        &mut self,
        listener: &ListenerName,
        ip: IpAddr,
        now: Duration,
        is_protected: bool,
    ) -> Result<Duration, Duration> {
        let window = self.window;
        let mut wait = if is_protected { Duration::ZERO } else { self.broker.throttle(now, window) };
        if let Some(of_listener) = self.listeners.get_mut(listener) {
            wait = wait.max(of_listener.throttle(now, window));
        }
        let Some(limit) = self.per_ip.get(&ip).copied().or(self.per_ip_default) else { return Ok(wait) };
        if self.of_ips.len() > IP_RATES_MAX {
            self.of_ips.retain(|_, rate| !rate.is_idle(now, window));
        }
        let of_ip = self.of_ips.entry(ip).or_default();
        let hold = throttle(of_ip, limit, now, window);
        if hold.is_zero() {
            return Ok(wait);
        }
        // It does not come about, and counts nowhere.
        of_ip.record(-1.0, now, window);
        if !is_protected {
            self.broker.rate.record(-1.0, now, window);
        }
        if let Some(of_listener) = self.listeners.get_mut(listener) {
            of_listener.rate.record(-1.0, now, window);
        }
        Err(hold)
    }
}
