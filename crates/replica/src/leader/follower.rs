//! What the leader knows of a follower.

use std::time::Duration;

/// A follower as its fetches show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowerState {
    /// -1 until it has fetched.
    pub log_start: i64,
    /// It has everything before; -1 until it has fetched.
    pub log_end: i64,
    /// The leader's log end at the follower's last fetch.
    pub last_fetch_leader_end: i64,
    /// When it last fetched.
    pub last_fetch: Option<Duration>,
    /// When it last had all that the leader had.
    pub last_caught_up: Option<Duration>,
    /// Epoch of the broker that fetched; -1 if its version of Fetch does not say.
    pub broker_epoch: Option<i64>,
    /// It has fetched since it was last in the ISR.
    pub follows: bool,
}

impl FollowerState {
    /// A follower that has not fetched yet.
    pub(super) const UNKNOWN: Self = Self {
        log_start: -1,
        log_end: -1,
        last_fetch_leader_end: 0,
        last_fetch: None,
        last_caught_up: None,
        broker_epoch: None,
        follows: false,
    };

    /// Starts anew with a leader epoch. One that is in the ISR gets the benefit of the doubt for the lag time; the
    /// others do not hold the high watermark back before they fetch.
    pub(super) fn reset(&mut self, now: Duration, leader_end: i64, is_new_leader: bool, in_sync: bool) {
        let since = in_sync.then_some(now);
        *self = if is_new_leader {
            Self { last_fetch_leader_end: -1, last_caught_up: since, ..Self::UNKNOWN }
        } else {
            Self { last_fetch_leader_end: leader_end, last_fetch: since, last_caught_up: since, ..*self }
        };
    }

    /// It is no longer in the ISR: only a fetch shows that it still follows.
    pub(super) const fn left_isr(&mut self) {
        self.follows = false;
    }

    /// It has fetched from `fetch_offset` when the leader's log ended at `leader_end`.
    ///
    /// With a steady flow of appends a follower hardly ever reads the very end. It counts as caught up at its last
    /// fetch if it now asks for what was the end then.
    pub(super) fn fetched(
        &mut self,
        now: Duration,
        broker_epoch: i64,
        fetch_offset: i64,
        log_start: i64,
        leader_end: i64,
    ) {
        let caught_up = if fetch_offset >= leader_end {
            self.last_caught_up.max(Some(now))
        } else if fetch_offset >= self.last_fetch_leader_end {
            self.last_caught_up.max(self.last_fetch)
        } else {
            self.last_caught_up
        };
        *self = Self {
            log_start,
            log_end: fetch_offset,
            last_fetch_leader_end: leader_end.max(self.last_fetch_leader_end),
            last_fetch: Some(now),
            last_caught_up: caught_up,
            broker_epoch: Some(broker_epoch),
            follows: true,
        };
    }

    /// Has all the leader has, or had it within the lag time.
    pub(super) fn is_caught_up(&self, leader_end: i64, now: Duration, lag_max: Duration) -> bool {
        self.log_end == leader_end
            || self.last_caught_up.is_some_and(|since| now.saturating_sub(since) <= lag_max)
    }
}
