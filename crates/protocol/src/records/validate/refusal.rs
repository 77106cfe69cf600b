//! How a produce is refused: code, record errors (KIP-467) and texts.

use std::borrow::Cow;
use std::fmt::Write;

use crate::ErrorCode;

/// Record errors listed in a response. One small batch can hold millions of records without a key.
pub const RECORD_ERRORS_MAX: usize = 1_000;

/// One record that made its batch fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Index of the record in the batch.
    pub batch_index: i32,
    pub message: String,
}

/// Which of the broker's counters of invalid records a refusal belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidMetric {
    /// InvalidMessageCrcRecordsPerSec
    Crc,
    /// InvalidOffsetOrSequenceRecordsPerSec
    Offset,
    /// InvalidOffsetOrSequenceRecordsPerSec
    Sequence,
    /// NoKeyCompactedTopicRecordsPerSec
    NoKey,
}

/// Why a produce request's records for one partition are not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ProduceRefusal {
    /// Kafka's error code, for the partition's response.
    pub code: ErrorCode,
    /// The partition's error message; Kafka sends one for record errors only.
    pub message: Option<Cow<'static, str>>,
    /// The partition's record errors.
    pub record_errors: Vec<RecordError>,
    /// What to log.
    pub reason: String,
    /// Counter to raise, and by how much.
    pub metric: Option<(InvalidMetric, u64)>,
}

impl ProduceRefusal {
    fn new(code: ErrorCode, reason: String) -> Self {
        Self { code, message: None, record_errors: Vec::new(), reason, metric: None }
    }

    pub(super) fn invalid(reason: String) -> Self {
        Self::new(ErrorCode::InvalidRecord, reason)
    }

    pub(super) fn corrupt(reason: String) -> Self {
        Self::new(ErrorCode::CorruptMessage, reason)
    }

    pub(super) fn too_large(reason: String) -> Self {
        Self::new(ErrorCode::MessageTooLarge, reason)
    }

    pub(super) fn unsupported_compression(reason: String) -> Self {
        Self::new(ErrorCode::UnsupportedCompressionType, reason)
    }

    pub(super) fn unknown(reason: String) -> Self {
        Self::new(ErrorCode::UnknownServerError, reason)
    }

    pub(super) fn counted(self, metric: InvalidMetric, count: u64) -> Self {
        Self { metric: Some((metric, count)), ..self }
    }

    /// `count` records failed, of which `errors` lists the first ones. One bad timestamp decides the code.
    pub(super) fn records(errors: Vec<RecordError>, count: u64, bad_timestamp: bool) -> Self {
        let (code, text) = if bad_timestamp {
            (
                ErrorCode::InvalidTimestamp,
                "One or more records have been rejected due to invalid timestamp".to_owned(),
            )
        } else {
            let mut shown = String::new();
            for (index, RecordError { batch_index, message }) in errors.iter().take(3).enumerate() {
                let comma = if index > 0 { ", " } else { "" };
                // Writing to a String cannot fail.
                let _ = write!(shown, "{comma}RecordError(batchIndex={batch_index}, message='{message}')");
            }
            let text = format!(
                "One or more records have been rejected due to {count} record errors in total, and only showing the \
                 first three errors at most: [{shown}]"
            );
            (ErrorCode::InvalidRecord, text)
        };
        Self { message: Some(Cow::Owned(text.clone())), record_errors: errors, ..Self::new(code, text) }
    }
}
