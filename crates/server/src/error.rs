//! Refusals: a request, or an item of one, that is wrong or not possible now.

use std::{borrow::Cow, fmt};

use klamm_protocol::ErrorCode;

/// A refusal with its code and, where the API has room for it, a text for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// What clients act on.
    pub code: ErrorCode,
    /// What people read; empty if the code says it all.
    pub message: Cow<'static, str>,
}

impl ApiError {
    /// A refusal with a text.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: Cow::Borrowed("") }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.name())?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}
