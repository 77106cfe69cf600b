//! Time: a monotonic clock for deadlines and a wall clock for timestamps.
#![expect(clippy::disallowed_methods, reason = "the door")]

use std::{
    future::Future,
    ops::{Add, Sub},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::sim::{self, Host};

/// A moment on the monotonic clock, as the time since the clock was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(Duration);

impl Instant {
    /// The moment that lies `since_start` after the clock was made.
    pub const fn from_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// Time since the clock was made.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Milliseconds since the clock was made.
    pub fn as_millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }

    /// The time from `earlier` to this moment, zero if `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs))
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, rhs: Self) -> Duration {
        self.saturating_since(rhs)
    }
}

/// Tells the time and sleeps. Cheap to copy; all copies of one clock agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The machine's clocks.
    Real { start: tokio::time::Instant },
    /// The clock of the simulation that the thread runs; `start` is when this one was made there.
    Simulated { start: Duration, host: Option<Host> },
}

impl Clock {
    /// The machine's clocks.
    pub fn real() -> Self {
        Self(Kind::Real { start: tokio::time::Instant::now() })
    }

    /// The clock of the world that the caller is in: the simulation's if its thread runs one, or else the machine's.
    pub fn here() -> Self {
        match sim::current() {
            Some(core) => Self(Kind::Simulated { start: core.now(), host: core.host() }),
            None => Self::real(),
        }
    }

    /// The monotonic time.
    pub fn now(&self) -> Instant {
        Instant(match self.0 {
            Kind::Real { start } => start.elapsed(),
            Kind::Simulated { start, .. } => sim::expect_current().tick().saturating_sub(start),
        })
    }

    /// Wall-clock time in milliseconds since 1970-01-01 UTC; may jump in either direction.
    pub fn wall_ms(&self) -> i64 {
        match self.0 {
            Kind::Real { .. } => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
            Kind::Simulated { host, .. } => sim::expect_current().wall_ms(host),
        }
    }

    /// Completes `duration` from now.
    pub async fn sleep(&self, duration: Duration) {
        match self.0 {
            Kind::Real { .. } => tokio::time::sleep(duration).await,
            Kind::Simulated { .. } => sim::Sleep::until_after(duration).await,
        }
    }

    /// Completes once [`Clock::now`] has reached `deadline`; at once if it has.
    pub async fn sleep_until(&self, deadline: Instant) {
        match self.0 {
            Kind::Real { start } => match start.checked_add(deadline.0) {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            },
            Kind::Simulated { start, .. } => sim::Sleep::until(start.saturating_add(deadline.0)).await,
        }
    }

    /// Completes at `deadline`, or never if there is none.
    pub async fn sleep_until_any(&self, deadline: Option<Instant>) {
        match deadline {
            Some(deadline) => self.sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    /// The output of `future`, or `None` if `limit` passes first.
    pub async fn timeout<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        match self.0 {
            Kind::Real { .. } => tokio::time::timeout(limit, future).await.ok(),
            Kind::Simulated { .. } => sim::timeout(limit, future).await,
        }
    }
}
