//! What is done without being asked for: snapshots of states that are seldom written, so that the log before them can be
//! deleted.

use super::request::ShareTimer;
use super::{ShareCoordinator, ShareRecord};
use klamm_timeline::TimerChange;
use std::time::Duration;

impl ShareCoordinator {
    pub(super) fn set(&self, timer: ShareTimer) -> TimerChange<ShareTimer> {
        let interval_ms = match timer {
            ShareTimer::Prune => self.settings.prune_interval_ms,
            ShareTimer::SnapshotCold => self.settings.cold_interval_ms,
        };
        let after = Duration::from_millis(u64::try_from(interval_ms).unwrap_or(0));
        TimerChange::Set { key: timer, after }
    }

    /// Snapshots of all states whose last one is old. If that is true of all of them already nothing moves, and there
    /// is nothing to be gained.
    pub(super) fn snapshot_cold(&self, now_ms: i64) -> Vec<ShareRecord> {
        let states = self.state();
        if states.iter().all(|(_, state)| state.created_ms != state.written_ms) {
            return Vec::new();
        }
        let is_old = |written_ms: i64| now_ms.saturating_sub(written_ms) >= self.settings.cold_interval_ms;
        let old = states.iter().filter(|(_, state)| is_old(state.written_ms));
        old.map(|(key, state)| ShareRecord::snapshot(key, state.snapshot(now_ms))).collect()
    }
}
