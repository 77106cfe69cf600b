//! Client quotas (KIP-13, KIP-55, KIP-124, KIP-219): how much clients may do before they have to wait.
//!
//! A quota limits the rate of something over a window of samples: bytes produced or fetched, time of request handling,
//! partitions created and deleted. A
//! client that is over it is answered at once, with the time that brings the rate back to the limit; until then its
//! connection is not read.
//!
//! Which quota holds for a client, and with whom it shares it, depends on what is set: see [`limits`].
//!
//! Shared by all shards. While no quota of a kind is set, nothing is counted and no lock taken.

mod limits;
mod meter;
mod rate;
mod token_bucket;

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use klamm_config::{BrokerConfig, broker, quota};
use klamm_io::Clock;
use klamm_metadata::image::ClientQuotas;
use rustc_hash::FxHashMap;

use limits::{Limits, Sharers};
pub use meter::Meter;
pub use rate::{Rate, Window};
use token_bucket::TokenBucket;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `producer_byte_rate`: bytes of Produce requests.
    Produce,
    /// `consumer_byte_rate`: bytes of Fetch responses.
    Fetch,
    /// `request_percentage`: time of a thread, in percent.
    Request,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Produce, Self::Fetch, Self::Request];

    fn key(self) -> &'static str {
        match self {
            Self::Produce => quota::PRODUCER_BYTE_RATE.name(),
            Self::Fetch => quota::CONSUMER_BYTE_RATE.name(),
            Self::Request => quota::REQUEST_PERCENTAGE.name(),
        }
    }
}

/// The quotas of controller mutations, and what is left of them.
#[derive(Debug, Default)]
struct Mutations {
    limits: Limits,
    buckets: FxHashMap<Sharers, TokenBucket>,
}

/// Buckets that are kept before those that are full again are looked for.
const BUCKETS_MAX: usize = 1000;

/// Rates that were not added to for so long are forgotten.
const IDLE_MAX: Duration = Duration::from_secs(3600);

/// The quotas of one kind, and who has used how much.
#[derive(Debug, Default)]
struct OfKind {
    limits: Limits,
    rates: FxHashMap<Sharers, Metered>,
    /// How many rates there may be before idle ones are looked for.
    sweep_at: usize,
}

#[derive(Debug)]
struct Metered {
    rate: Rate,
    last_used: Duration,
}

/// The quotas of a node's clients.
#[derive(Debug)]
pub struct Quotas {
    enabled: [AtomicBool; 3],
    kinds: Mutex<[OfKind; 3]>,
    window: Window,
    mutations: Mutex<Mutations>,
    mutations_enabled: AtomicBool,
    mutations_window: Window,
    clock: Clock,
}

impl Quotas {
    /// No quotas yet, to be measured as `quota.window.num` and `quota.window.size.seconds` say.
    pub fn new(config: &BrokerConfig, clock: Clock) -> Self {
        let window = Window::new(
            config.get(&broker::QUOTA_WINDOW_NUM),
            config.get(&broker::QUOTA_WINDOW_SIZE_SECONDS),
        );
        let mutations_window = Window::new(
            config.get(&broker::CONTROLLER_QUOTA_WINDOW_NUM),
            config.get(&broker::CONTROLLER_QUOTA_WINDOW_SIZE_SECONDS),
        );
        Self {
            enabled: Default::default(),
            kinds: Mutex::default(),
            window,
            mutations: Mutex::default(),
            mutations_enabled: AtomicBool::new(false),
            mutations_window,
            clock,
        }
    }

    /// Puts the quotas of an image in place. What was counted stays.
    pub fn apply(&self, quotas: &ClientQuotas) {
        let mut kinds = self.lock();
        for kind in Kind::ALL {
            let limits = Limits::of(quotas, kind.key());
            self.enabled[kind as usize].store(!limits.is_empty(), Ordering::Release);
            kinds[kind as usize].limits = limits;
        }
        drop(kinds);
        let limits = Limits::of(quotas, quota::CONTROLLER_MUTATION_RATE.name());
        self.mutations_enabled.store(!limits.is_empty(), Ordering::Release);
        self.mutations().limits = limits;
    }

    /// Whether any quota of this kind is set.
    pub fn is_enabled(&self, kind: Kind) -> bool {
        self.enabled[kind as usize].load(Ordering::Acquire)
    }

    /// The node's clock.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Counts what a client has used. Returns how long it has to wait, in milliseconds.
    pub fn record(&self, kind: Kind, user: &str, client_id: &str, value: f64) -> i32 {
        if !self.is_enabled(kind) {
            return 0;
        }
        let now = self.clock.now().since_start();
        let window = self.window;
        let throttle = self.lock()[kind as usize].metered(user, client_id, now, |rate, limit| {
            rate.record(value, now, window);
            rate.throttle(limit, now, window)
        });
        let throttle = throttle.unwrap_or_default();
        // Time of a thread cannot be given back; whoever has used too much waits a sample at most, and often.
        let throttle = if kind == Kind::Request { throttle.min(window.size()) } else { throttle };
        in_ms(throttle)
    }

    /// Takes back what was counted and then not used.
    pub fn unrecord(&self, kind: Kind, user: &str, client_id: &str, value: f64) {
        let now = self.clock.now().since_start();
        let window = self.window;
        self.lock()[kind as usize].metered(user, client_id, now, |rate, _| rate.record(-value, now, window));
    }

    /// The most that a client can use at once without having to wait in any case; `None`: it has no quota.
    pub fn most_at_once(&self, kind: Kind, user: &str, client_id: &str) -> Option<f64> {
        if !self.is_enabled(kind) {
            return None;
        }
        let (_, limit) = self.lock()[kind as usize].limits.find(user, client_id)?;
        Some(limit * self.window.without_last().as_secs_f64())
    }

    /// Takes permits for so many created or deleted partitions. Returns how long the client has to wait, in milliseconds.
    ///
    /// # Errors
    /// If `is_strict` and the client has none left: how long until it has.
    pub fn take_permits(
        &self,
        user: &str,
        client_id: &str,
        permits: f64,
        is_strict: bool,
    ) -> Result<i32, i32> {
        if !self.mutations_enabled.load(Ordering::Acquire) {
            return Ok(0);
        }
        let now = self.clock.now().since_start();
        let window = self.mutations_window;
        let mut mutations = self.mutations();
        let Some((sharers, limit)) = mutations.limits.find(user, client_id) else { return Ok(0) };
        if mutations.buckets.len() >= BUCKETS_MAX && !mutations.buckets.contains_key(&sharers) {
            mutations.buckets.retain(|_, bucket| !bucket.is_full_at(now, window));
        }
        let bucket = mutations.buckets.entry(sharers).or_insert_with(|| TokenBucket::new(limit, now, window));
        bucket.take(permits, is_strict, (limit, now, window)).map(in_ms).map_err(in_ms)
    }

    fn mutations(&self) -> MutexGuard<'_, Mutations> {
        self.mutations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, [OfKind; 3]> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// To the nearest millisecond.
fn in_ms(wait: Duration) -> i32 {
    i32::try_from(wait.saturating_add(Duration::from_micros(500)).as_millis()).unwrap_or(i32::MAX)
}

impl OfKind {
    /// The rate that a client shares and its limit; `None` if no quota holds for it.
    fn metered<T>(
        &mut self,
        user: &str,
        client_id: &str,
        now: Duration,
        work: impl FnOnce(&mut Rate, f64) -> T,
    ) -> Option<T> {
        let (sharers, limit) = self.limits.find(user, client_id)?;
        if self.rates.len() >= self.sweep_at.max(1000) && !self.rates.contains_key(&sharers) {
            self.rates.retain(|_, metered| now.saturating_sub(metered.last_used) < IDLE_MAX);
            self.sweep_at = 2 * self.rates.len();
        }
        let metered =
            self.rates.entry(sharers).or_insert_with(|| Metered { rate: Rate::default(), last_used: now });
        metered.last_used = now;
        Some(work(&mut metered.rate, limit))
    }
}
