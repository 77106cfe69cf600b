//! What the coordinator does by itself: aborting transactions that take too long, forgetting transactional ids that
//! nobody uses.

use super::TransactionCoordinator;
use super::request::{Step, TransactionTimer};
use super::state::{NO_TIMEOUT, TransactionRecord, TransactionState};
use std::sync::Arc;

impl TransactionCoordinator {
    /// Aborts every transaction whose timeout is over, and shuts its producer out.
    pub(super) fn abort_late(&self, step: &mut Step) {
        for (id, transaction) in self.committed_state().iter() {
            let ends_ms = transaction.started_ms.saturating_add(i64::from(transaction.timeout_ms));
            let is_late = transaction.state == TransactionState::Ongoing
                && transaction.timeout_ms != NO_TIMEOUT
                && ends_ms < step.now_ms;
            // Without a producer id that it may need it waits for the next time.
            if is_late
                && self.settled(id).is_ok()
                && let Ok(fenced) = transaction.fence(step)
            {
                step.record(TransactionRecord { id: id.clone(), transaction: Some(Arc::new(fenced)) });
                step.send_markers(vec![id.clone()]);
            }
        }
        step.set_timer(TransactionTimer::AbortLate, self.settings.abort_interval_ms);
    }

    /// Forgets what has not been used for the expiration time and has no transaction open.
    pub(super) fn expire(&self, step: &mut Step) {
        let before_ms = step.now_ms.saturating_sub(self.settings.expiration_ms);
        for (id, transaction) in self.committed_state().iter() {
            let is_over = transaction.state.may_expire() && transaction.updated_ms <= before_ms;
            if is_over && self.settled(id).is_ok() {
                step.record(TransactionRecord { id: id.clone(), transaction: None });
            }
        }
        step.set_timer(TransactionTimer::Expire, self.settings.expiration_interval_ms);
    }
}
