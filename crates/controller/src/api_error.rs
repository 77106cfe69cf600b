//! Refusals.

use klamm_protocol::{ErrorCode, StrBytes};
use std::borrow::Cow;

/// Why something is refused, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", code.name(), message.as_deref().unwrap_or(""))]
pub struct ApiError {
    /// The code.
    pub code: ErrorCode,
    /// More for a person; `None`: the client shows the code's own text.
    pub message: Option<Cow<'static, str>>,
}

impl ApiError {
    /// With a message.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    /// Refuses a request that would write more than [`crate::RECORDS_PER_REQUEST_MAX`] records.
    pub(crate) fn check_record_count(count: usize) -> Result<(), Self> {
        if count <= crate::RECORDS_PER_REQUEST_MAX {
            return Ok(());
        }
        Err(Self::new(ErrorCode::PolicyViolation, "Unable to perform excessively large batch operation."))
    }

    /// The message as responses carry it.
    pub fn wire_message(&self) -> Option<StrBytes> {
        self.message.as_deref().map(StrBytes::from)
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: None }
    }
}

impl From<klamm_config::alter::Refusal> for ApiError {
    fn from(refusal: klamm_config::alter::Refusal) -> Self {
        match refusal {
            klamm_config::alter::Refusal::InvalidConfig(message) => {
                Self::new(ErrorCode::InvalidConfig, message)
            }
            klamm_config::alter::Refusal::InvalidRequest(message) => {
                Self::new(ErrorCode::InvalidRequest, message)
            }
        }
    }
}
