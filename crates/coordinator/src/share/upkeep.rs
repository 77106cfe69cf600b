//! What is done without being asked for: snapshots of states that are seldom written, so that the log before them can be
//! deleted, and a look whether the topics are still there.

use super::request::ShareTimer;
use super::{ShareCoordinator, ShareRecord};
use klamm_timeline::TimerChange;
use std::time::Duration;

/// Between searches for states of topics that are gone, and before the first. Kafka never looks.
const FORGET_DELETED_INTERVAL_MS: i64 = 60 * 1000;
const FORGET_DELETED_FIRST: Duration = Duration::from_secs(5);

impl ShareCoordinator {
    /// The timers of a coordinator that has just been loaded.
    pub(super) fn begin_timers(&self) -> Vec<TimerChange<ShareTimer>> {
        let forget = TimerChange::Set { key: ShareTimer::ForgetDeleted, after: FORGET_DELETED_FIRST };
        vec![self.set(ShareTimer::Prune), self.set(ShareTimer::SnapshotCold), forget]
    }

    pub(super) fn set(&self, timer: ShareTimer) -> TimerChange<ShareTimer> {
        let interval_ms = match timer {
            ShareTimer::Prune => self.settings.prune_interval_ms,
            ShareTimer::SnapshotCold => self.settings.cold_interval_ms,
            ShareTimer::ForgetDeleted => FORGET_DELETED_INTERVAL_MS,
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
