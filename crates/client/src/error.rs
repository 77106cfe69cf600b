//! What may go wrong for a client.

use std::time::Duration;

use klamm_config::client::ClientConfigError;
use klamm_net::client::ConnectionError;
use klamm_protocol::ErrorCode;

use crate::TopicPartition;

/// An operation of a client failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The broker refused. The text is the broker's own where it sent one, else Kafka's text for the code.
    #[error("{}", broker_text(*code, message.as_deref()))]
    Broker {
        /// Kafka's error code.
        code: ErrorCode,
        /// What the broker said about it.
        message: Option<String>,
    },
    /// None of the bootstrap servers could be reached.
    #[error("no broker can be reached at {servers}: {reason}")]
    Unreachable {
        /// `bootstrap.servers`.
        servers: String,
        /// What the last attempt failed with.
        reason: String,
    },
    /// Time ran out.
    #[error("timed out after {} ms {doing}{}", after.as_millis(), last_error(cause))]
    TimedOut {
        /// What was being done, as in "waiting for metadata of topic t".
        doing: String,
        /// How long it was tried.
        after: Duration,
        /// The last failure on the way.
        cause: Option<Box<Self>>,
    },
    /// A connection failed.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ClientConfigError),
    /// The caller asked for something that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// A record batch that was fetched cannot be read.
    #[error("{topic}-{partition}: record batch at offset {offset}: {reason}")]
    Records {
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// The fetch position.
        offset: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// Logs were cut back below what was read of them, and `auto.offset.reset` is none (KIP-320). To go on, seek.
    #[error("{}", truncation_text(truncations))]
    LogTruncated {
        /// The partitions that are known to be so.
        truncations: Vec<Truncation>,
    },
    /// The transaction failed; after `abort_transaction` another can be begun with the same producer (KIP-1050).
    #[error("{cause}")]
    TransactionAbortable {
        /// What failed.
        cause: Box<Self>,
    },
    /// The producer cannot go on: close it, and begin with another one where the last committed offsets are (KIP-1050).
    #[error("{cause}")]
    ProducerFatal {
        /// What failed.
        cause: Box<Self>,
    },
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

/// A partition whose log was cut back below what was read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// Which.
    pub partition: TopicPartition,
    /// The offset after the last record that was read.
    pub offset: i64,
    /// The leader epoch of that record.
    pub leader_epoch: i32,
    /// The first offset that is known to differ from what was read, and the leader epoch of the record before it. `None`
    /// if nothing is known to be the same.
    pub diverging: Option<(i64, i32)>,
}

impl ClientError {
    /// The error for a code; `message` may be null or empty.
    pub fn from_code(code: i16, message: Option<&str>) -> Self {
        let message = message.filter(|text| !text.is_empty()).map(str::to_owned);
        Self::Broker { code: ErrorCode::from_code(code), message }
    }

    /// `Ok` for code 0, else the error.
    ///
    /// # Errors
    /// If the code is one.
    pub fn check(code: i16, message: Option<&str>) -> Result<(), Self> {
        if code == 0 { Ok(()) } else { Err(Self::from_code(code, message)) }
    }

    /// Kafka's error code, if a broker gave one.
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Broker { code, .. } => Some(*code),
            Self::LogTruncated { .. } => Some(ErrorCode::OffsetOutOfRange),
            Self::TransactionAbortable { cause } | Self::ProducerFatal { cause } => cause.code(),
            _ => None,
        }
    }

    /// Whether the transaction has to be aborted, after which the producer can go on.
    pub const fn is_abortable(&self) -> bool {
        matches!(self, Self::TransactionAbortable { .. })
    }

    /// Whether the producer cannot go on.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::ProducerFatal { .. })
    }

    /// Whether trying again may help.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Broker { code, .. } => code.is_retriable(),
            Self::Connection(error) => error.is_retriable(),
            _ => false,
        }
    }
}

fn truncation_text(truncations: &[Truncation]) -> String {
    let texts = truncations.iter().map(|Truncation { partition, offset, leader_epoch, diverging }| {
        let now = match diverging {
            Some((offset, epoch)) => format!("differs from offset {offset} (leader epoch {epoch}) on"),
            None => "has nothing of that epoch or before".to_owned(),
        };
        format!(
            "the log of partition {partition} was cut back: it was read up to offset {offset} (leader epoch {leader_epoch}) and now {now}"
        )
    });
    texts.collect::<Vec<_>>().join("; ")
}

fn broker_text(code: ErrorCode, message: Option<&str>) -> String {
    message.map_or_else(|| code.default_message().to_owned(), str::to_owned)
}

fn last_error(cause: &Option<Box<ClientError>>) -> String {
    cause.as_ref().map_or_else(String::new, |cause| format!(" (last error: {cause})"))
}
