//! What may go wrong between a client and one broker.

use std::time::Duration;

use klamm_protocol::ErrorCode;

/// A connection, or one exchange on it, failed. All but [`ConnectionError::UnsupportedVersion`],
/// [`ConnectionError::Encode`] and [`ConnectionError::Refused`] end the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// No TCP connection could be made.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// The broker, as host:port.
        address: String,
        /// The operating system's reason.
        reason: String,
        /// Whether the other machine has answered that no process listens there.
        nobody_listens: bool,
    },
    /// The stream ended or broke.
    #[error("the connection to {address} was closed: {reason}")]
    Closed {
        /// The broker, as host:port.
        address: String,
        /// Who closed it, or what the socket reported.
        reason: String,
    },
    /// The broker did not answer in time (`request.timeout.ms`).
    #[error("{address} did not answer {api} within {} ms", after.as_millis())]
    TimedOut {
        /// The broker, as host:port.
        address: String,
        /// The request's name.
        api: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The broker has no version of this API that we speak.
    #[error("{address} does not support {api}")]
    UnsupportedVersion {
        /// The broker, as host:port.
        address: String,
        /// The request's name.
        api: &'static str,
    },
    /// The request cannot be said in the version that the broker speaks.
    #[error("cannot encode {api}: {reason}")]
    Encode {
        /// The request's name.
        api: &'static str,
        /// The field and why.
        reason: String,
    },
    /// What came back is no answer to what was asked.
    #[error("{address} sent a malformed answer: {reason}")]
    Malformed {
        /// The broker, as host:port.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The broker refused the version exchange.
    #[error("{address} refused the connection: {code:?}")]
    Refused {
        /// The broker, as host:port.
        address: String,
        /// Why.
        code: ErrorCode,
    },
}

impl ConnectionError {
    /// Whether the same request may succeed on a new connection or another broker.
    pub const fn is_retriable(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Closed { .. } | Self::TimedOut { .. })
    }
}
