//! What clients are told when a log refuses or its disk fails. The one place where faults become error codes.

use klamm_log::Error;
use klamm_protocol::ErrorCode;

use crate::error::ApiError;

/// The refusal that a client gets for a log's error.
pub fn log_error(error: &Error) -> ApiError {
    let code = match error {
        Error::Disk(_) => ErrorCode::KafkaStorageError,
        Error::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        Error::CorruptBatch { .. } | Error::CorruptFile { .. } => ErrorCode::CorruptMessage,
        Error::RecordBatchTooLarge { .. } => ErrorCode::RecordListTooLarge,
        Error::OffsetsOutOfOrder { .. } | Error::UnexpectedAppendOffset { .. } => {
            ErrorCode::UnknownServerError
        }
        Error::OutOfOrderSequence(_) => ErrorCode::OutOfOrderSequenceNumber,
        Error::InvalidProducerEpoch(_) => ErrorCode::InvalidProducerEpoch,
        Error::InvalidTxnState(_) => ErrorCode::InvalidTxnState,
        Error::TransactionCoordinatorFenced(_) => ErrorCode::TransactionCoordinatorFenced,
        Error::InconsistentTopicId { .. } => ErrorCode::InconsistentTopicId,
    };
    // Paths of this machine are for its log, not for clients.
    match error {
        Error::Disk(_) | Error::CorruptFile { .. } => code.into(),
        _ => ApiError::new(code, error.to_string()),
    }
}
