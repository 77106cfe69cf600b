//! The circuit breaker of a share partition: if too many of its records go to the dead-letter queue within a time, what is
//! wrong are not the records but whatever processes them, and no more are delivered for a while.
//!
//! Closed it counts; when there are as many as the settings say it opens. Open, nothing is delivered; after a while it is
//! half open: a few records at a time are delivered on trial. The first one that is processed closes it, the first one that
//! is given up opens it again.

use std::{collections::VecDeque, time::Duration};

/// How many parts of the window are counted apart.
const SLOTS: u32 = 10;

/// What a group is configured to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// So many records given up within the window open it. At least 1.
    pub records: u32,
    /// The time over which they are counted. It counts in tenths, and may be as much too long.
    pub window: Duration,
    /// How long it stays open.
    pub wait: Duration,
    /// Most records that are with members at a time while it is half open.
    pub trial_records: u32,
}

/// What a circuit breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything.
    Closed,
    /// Nothing.
    Open,
    /// A few records at a time, on trial.
    HalfOpen,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    state: BreakerState,
    /// Until when it is open.
    until: Duration,
    /// What was given up lately: the number of the slot, and how many records.
    given_up: VecDeque<(u128, u64)>,
    has_changed: bool,
}

impl Breaker {
    pub(crate) const fn new() -> Self {
        Self {
            state: BreakerState::Closed,
            until: Duration::ZERO,
            given_up: VecDeque::new(),
            has_changed: false,
        }
    }

    /// The state now; closed if the group has no breaker.
    pub(crate) fn state(&self, now: Duration, settings: Option<&BreakerSettings>) -> BreakerState {
        match self.state {
            _ if settings.is_none() => BreakerState::Closed,
            BreakerState::Open if self.until <= now => BreakerState::HalfOpen,
            state => state,
        }
    }

    /// When it becomes half open.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        (self.state == BreakerState::Open).then_some(self.until)
    }

    /// Becomes half open if it has been open long enough. Returns whether it has.
    pub(crate) fn expire(&mut self, now: Duration) -> bool {
        let is_due = self.deadline().is_some_and(|until| until <= now);
        if is_due {
            self.enter(BreakerState::HalfOpen);
        }
        is_due
    }

    /// Counts records that are given up.
    pub(crate) fn gave_up(&mut self, now: Duration, records: u64, settings: Option<&BreakerSettings>) {
        let Some(settings) = settings.filter(|_| records > 0) else { return };
        match self.state(now, Some(settings)) {
            // What was with members when it opened.
            BreakerState::Open => {}
            BreakerState::HalfOpen => self.open(now, settings),
            BreakerState::Closed => {
                let slot_length = (settings.window / SLOTS).as_nanos().max(1);
                let slot = now.as_nanos() / slot_length;
                match self.given_up.back_mut() {
                    Some((last, count)) if *last == slot => *count += records,
                    _ => self.given_up.push_back((slot, records)),
                }
                // The window may have been altered, and slots with it: those of later are of no use either.
                self.given_up.retain(|(of, _)| *of <= slot && of + u128::from(SLOTS) >= slot);
                let sum: u64 = self.given_up.iter().map(|(_, count)| count).sum();
                if sum >= u64::from(settings.records) {
                    self.open(now, settings);
                }
            }
        }
    }

    /// Takes note that a record was processed. Returns whether that closes it.
    pub(crate) fn processed(&mut self, now: Duration, settings: Option<&BreakerSettings>) -> bool {
        let is_trial = self.state(now, settings) == BreakerState::HalfOpen;
        if is_trial {
            self.enter(BreakerState::Closed);
        }
        is_trial
    }

    /// The state that it has changed to since it was last asked.
    pub(crate) fn take_change(&mut self) -> Option<BreakerState> {
        std::mem::take(&mut self.has_changed).then_some(self.state)
    }

    fn open(&mut self, now: Duration, settings: &BreakerSettings) {
        self.until = now + settings.wait;
        self.enter(BreakerState::Open);
    }

    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.given_up.clear();
        self.has_changed = true;
    }
}
