//! How long one request has kept its connection's thread busy.

use std::cell::Cell;

use klamm_io::{Clock, Instant};

/// Started and stopped around each step of a request's handler.
#[derive(Debug)]
pub struct Meter {
    clock: Clock,
    spent: Cell<std::time::Duration>,
    since: Cell<Option<Instant>>,
    /// What the client was told to wait; it is charged once.
    charged: Cell<Option<i32>>,
}

impl Meter {
    /// A meter that stands still.
    pub fn new(clock: Clock) -> Self {
        Self { clock, spent: Cell::default(), since: Cell::default(), charged: Cell::default() }
    }

    /// The thread works for the request from now on.
    pub fn start(&self) {
        self.since.set(Some(self.clock.now()));
    }

    /// The thread turns to something else.
    pub fn stop(&self) {
        if let Some(since) = self.since.take() {
            self.spent.set(self.spent.get() + (self.clock.now() - since));
        }
    }

    /// Has the time so far charged, unless it was before. Returns how long the client has to wait, in milliseconds.
    pub fn charge(&self, percent_of_thread: impl FnOnce(f64) -> i32) -> i32 {
        if let Some(charged) = self.charged.get() {
            return charged;
        }
        let current = self.since.get().map_or_else(Default::default, |since| self.clock.now() - since);
        // A second of a thread's time is 100 percent for that second.
        let throttle_ms = percent_of_thread((self.spent.get() + current).as_secs_f64() * 100.0);
        self.charged.set(Some(throttle_ms));
        throttle_ms
    }

    /// Nothing is to be charged: another broker's requests keep the cluster going.
    pub fn exempt(&self) {
        self.charged.set(Some(0));
    }
}
