//! Brokers whose registration the controller refuses: the response has room only for a code, so the log says why.

use std::collections::BTreeMap;

use klamm_controller::ApiError;
use klamm_protocol::{Uuid, api::broker_registration::BrokerRegistrationRequest};
use tracing::warn;

use crate::addresses;

/// So many are remembered; with more of them some are told of again.
const REMEMBERED_MAX: usize = 1000;

/// What was said of whom; a broker asks again many times a second.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    said: BTreeMap<(i32, Uuid), String>,
}

impl Refusals {
    /// Tells of a refusal that is news.
    pub(super) fn note(&mut self, request: &BrokerRegistrationRequest, error: Option<&ApiError>) {
        if !self.is_news(request, error) {
            return;
        }
        let Some(error) = error else { return };
        let listeners = addresses::written(request.listeners.iter().map(|at| (&at.name, &at.host, at.port)));
        warn!(
            broker = request.broker_id,
            listeners,
            %error,
            "the registration of a broker is refused"
        );
    }

    fn is_news(&mut self, request: &BrokerRegistrationRequest, error: Option<&ApiError>) -> bool {
        let process = (request.broker_id, request.incarnation_id);
        let Some(error) = error else {
            self.said.remove(&process);
            return false;
        };
        let text = error.to_string();
        if self.said.get(&process) == Some(&text) {
            return false;
        }
        if self.said.len() >= REMEMBERED_MAX {
            self.said.clear();
        }
        self.said.insert(process, text);
        true
    }
}

#[cfg(test)]
mod tests {
    use klamm_protocol::ErrorCode;

    use super::*;

    #[test]
    fn each_process_is_told_of_once_for_each_reason() {
        let process = |id: i32, incarnation: u128| BrokerRegistrationRequest {
            broker_id: id,
            incarnation_id: Uuid::from_u128(incarnation),
            ..Default::default()
        };
        let (first, second) = (process(2, 1), process(2, 2));
        let duplicate = ApiError::new(ErrorCode::DuplicateBrokerRegistration, "another");
        let invalid = ApiError::new(ErrorCode::InvalidRegistration, "taken");
        let mut refusals = Refusals::default();
        for (at, (request, error, is_news)) in [
            (&first, Some(&duplicate), true),
            (&first, Some(&duplicate), false),
            (&second, Some(&duplicate), true),
            (&first, Some(&duplicate), false),
            (&first, Some(&invalid), true),
            (&first, None, false),
            (&first, Some(&invalid), true),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(refusals.is_news(request, error), is_news, "at {at}");
        }
        for id in 0..2 * i32::try_from(REMEMBERED_MAX).unwrap() {
            refusals.is_news(&process(id, 0), Some(&duplicate));
        }
        assert!(refusals.said.len() <= REMEMBERED_MAX);
    }
}
