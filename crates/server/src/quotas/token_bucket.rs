//! Permits that come at a steady rate, as many as a window's worth at most (KIP-599).

use std::time::Duration;

use super::Window;

/// Permits that are left; below zero while a request that took more than there were is paid off.
#[derive(Debug)]
pub(super) struct TokenBucket {
    tokens: f64,
    updated: Duration,
}

impl TokenBucket {
    /// A full one.
    pub(super) fn new(limit: f64, now: Duration, window: Window) -> Self {
        Self { tokens: limit * window.whole().as_secs_f64(), updated: now }
    }

    /// Whether it is full whatever was taken, since a whole window has passed with a debt of no more than that.
    pub(super) fn is_full_at(&self, now: Duration, window: Window) -> bool {
        self.tokens >= 0.0 && now.saturating_sub(self.updated) >= window.whole()
    }

    /// Takes permits. Returns how long to wait before more are taken: once the bucket is empty if `is_strict`, else as
    /// soon as it is overdrawn.
    ///
    /// # Errors
    /// If it is strict and overdrawn already: how long that lasts.
    pub(super) fn take(
        &mut self,
        permits: f64,
        is_strict: bool,
        (limit, now, window): (f64, Duration, Window),
    ) -> Result<Duration, Duration> {
        let most = limit * window.whole().as_secs_f64();
        let grown = limit * now.saturating_sub(self.updated).as_secs_f64();
        self.tokens = (self.tokens + grown).min(most);
        self.updated = now;
        let wait =
            |tokens: f64| Duration::try_from_secs_f64((-tokens / limit).max(0.0)).unwrap_or(Duration::MAX);
        if is_strict && self.tokens < 0.0 {
            return Err(wait(self.tokens));
        }
        self.tokens = (self.tokens - permits).min(most);
        Ok(if is_strict { Duration::ZERO } else { wait(self.tokens) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_may_overdraw_and_the_next_waits() {
        let window = Window::new(2, 1);
        let seconds = Duration::from_secs;
        let mut bucket = TokenBucket::new(5.0, seconds(100), window);
        let mut take = |permits, strict, now| bucket.take(permits, strict, (5.0, seconds(now), window));
        assert_eq!(take(30.0, true, 100), Ok(seconds(0)), "ten are there, and twenty are owed");
        assert_eq!(take(1.0, true, 100), Err(seconds(4)));
        assert_eq!(take(1.0, true, 102), Err(seconds(2)));
        assert_eq!(take(5.0, false, 103), Ok(seconds(2)), "who cannot be refused is told to wait");
        assert_eq!(take(-5.0, true, 105), Ok(seconds(0)), "given back");
        assert_eq!(take(15.0, true, 500), Ok(seconds(0)), "no more than ten pile up");
        assert_eq!(take(1.0, true, 500), Err(seconds(1)));
    }
}
