//! Repeating what may succeed the next time.

use std::{future::Future, time::Duration};

use super::Cluster;
use crate::ClientError;

impl Cluster {
    /// Repeats `attempt` with growing pauses until it succeeds, fails for good, or `limit` has passed. `doing` says in
    /// the error what was tried ("creating topic t").
    ///
    /// # Errors
    /// The first error that no repetition can mend, or `TimedOut` with the last one that might. If no bootstrap server
    /// can be reached at all, ten seconds are enough unless `default.api.timeout.ms` was set.
    pub async fn retrying<T, F>(
        &self,
        doing: &str,
        limit: Duration,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let start = self.inner.clock.now();
        let mut failures = 0;
        loop {
            let left = limit.saturating_sub(self.inner.clock.now() - start);
            let result = self.inner.clock.timeout(left, attempt()).await;
            let error = match result {
                Some(Ok(value)) => return Ok(value),
                Some(Err(error)) => error,
                None => {
                    return Err(ClientError::TimedOut { doing: doing.to_owned(), after: limit, cause: None });
                }
            };
            let spent = self.inner.clock.now() - start;
            let goes_on = match &error {
                ClientError::Unreachable { .. } => spent < self.inner.patience,
                error => error.is_retriable(),
            };
            if !goes_on {
                return Err(error);
            }
            if error.code() == Some(klamm_protocol::ErrorCode::NotController) {
                self.forget_controller();
            }
            let pause = self.inner.backoff.pause(failures, &self.inner.entropy);
            failures += 1;
            if spent + pause >= limit {
                if matches!(error, ClientError::Unreachable { .. }) {
                    return Err(error);
                }
                return Err(ClientError::TimedOut {
                    doing: doing.to_owned(),
                    after: limit,
                    cause: Some(Box::new(error)),
                });
            }
            self.inner.clock.sleep(pause).await;
        }
    }
}
