//! What can go wrong with a log.

use std::path::{Path, PathBuf};

use klamm_io::disk;
use klamm_protocol::records::BatchError;

/// Result of a log operation.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation failed. [`Error::is_fault`] tells the failures of the disk, which take the log directory offline,
/// from refusals, which concern one request and change nothing. Damage found in a file is no failure of the disk: it
/// concerns those who ask for what is damaged, and recovery deals with it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// A file holds what no writer of it could have written.
    #[error("corrupt file {} at byte {position}: {detail}", path.display())]
    CorruptFile {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        position: u64,
        /// What is wrong there.
        detail: String,
    },
    /// An offset below the log start offset or above the log end offset was asked for.
    #[error("offset {offset} is out of range {log_start_offset}..={log_end_offset}")]
    OffsetOutOfRange {
        /// What was asked for.
        offset: i64,
        /// The first offset there is.
        log_start_offset: i64,
        /// The offset that the next record will get.
        log_end_offset: i64,
    },
    /// Bytes given to append are not whole, valid batches.
    #[error("corrupt batch at byte {position} of the append: {source}")]
    CorruptBatch {
        /// Where in the given bytes.
        position: usize,
        /// What is wrong.
        source: BatchError,
    },
    /// The batches of one append are together larger than `segment.bytes`.
    #[error("append of {size} bytes exceeds the segment size of {segment_bytes} bytes")]
    RecordBatchTooLarge {
        /// Bytes of the append.
        size: usize,
        /// `segment.bytes`.
        segment_bytes: u32,
    },
    /// Offsets inside a follower's append do not rise.
    #[error("offsets do not rise in append: {offset} after {previous}")]
    OffsetsOutOfOrder {
        /// Last offset of the batch that breaks the order.
        offset: i64,
        /// Last offset of the batch before.
        previous: i64,
    },
    /// A follower's append starts below the log end offset.
    #[error(
        "append of offsets {first_offset}..={last_offset} starts below the log end offset {log_end_offset}"
    )]
    UnexpectedAppendOffset {
        /// First offset of the append.
        first_offset: i64,
        /// Last offset of the append.
        last_offset: i64,
        /// The offset that was expected.
        log_end_offset: i64,
    },
    /// The producer skipped or repeated sequence numbers (OUT_OF_ORDER_SEQUENCE_NUMBER).
    #[error("{0}")]
    OutOfOrderSequence(String),
    /// The producer has been fenced by a newer epoch (INVALID_PRODUCER_EPOCH).
    #[error("{0}")]
    InvalidProducerEpoch(String),
    /// A write outside of its transaction (INVALID_TXN_STATE).
    #[error("{0}")]
    InvalidTxnState(String),
    /// A marker of a coordinator that has been replaced (TRANSACTION_COORDINATOR_FENCED).
    #[error("{0}")]
    TransactionCoordinatorFenced(String),
    /// The directory belongs to another topic of that name (INCONSISTENT_TOPIC_ID).
    #[error("directory has topic id {found}, {wanted} was expected")]
    InconsistentTopicId {
        /// In the file.
        found: String,
        /// Asked for.
        wanted: String,
    },
}

impl Error {
    pub(crate) fn corrupt(path: &Path, position: u64, detail: impl Into<String>) -> Self {
        Self::CorruptFile { path: path.to_path_buf(), position, detail: detail.into() }
    }

    /// Whether the environment failed, so that the log directory must go offline.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Disk(_))
    }
}
