//! Time: a monotonic clock for deadlines and a wall clock for timestamps.
#![expect(clippy::disallowed_methods, reason = "the door")]

use std::{
    future::Future,
    ops::{Add, Sub},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

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
    /// The runtime's paused clock; wall time runs beside it from `wall_base_ms`.
    Simulated { start: tokio::time::Instant, wall_base_ms: i64 },
}

impl Clock {
    /// The machine's clocks.
    pub fn real() -> Self {
        Self(Kind::Real { start: tokio::time::Instant::now() })
    }

    /// A clock that follows the paused clock of the tokio runtime it is made in. `wall_base_ms` is the wall time, in
    /// milliseconds since 1970, at which it starts.
    pub fn simulated(wall_base_ms: i64) -> Self {
        Self(Kind::Simulated { start: tokio::time::Instant::now(), wall_base_ms })
    }

    /// The monotonic time.
    pub fn now(&self) -> Instant {
        let (Kind::Real { start } | Kind::Simulated { start, .. }) = self.0;
        Instant(start.elapsed())
    }

    /// Wall-clock time in milliseconds since 1970-01-01 UTC; may jump in either direction.
    pub fn wall_ms(&self) -> i64 {
        match self.0 {
            Kind::Real { .. } => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)),
            Kind::Simulated { wall_base_ms, .. } => wall_base_ms.saturating_add(self.now().as_millis()),
        }
    }

    /// Completes `duration` from now.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Completes once [`Clock::now`] has reached `deadline`; at once if it has.
    pub async fn sleep_until(&self, deadline: Instant) {
        let (Kind::Real { start } | Kind::Simulated { start, .. }) = self.0;
        match start.checked_add(deadline.0) {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
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
        tokio::time::timeout(limit, future).await.ok()
    }
}
