//! Record batches: the unit in which records are produced, stored, replicated and fetched.
//!
//! What it is: views over batch bytes ([`RecordBatch`], [`BatchIter`]), record iteration with bounded
//! decompression ([`RecordIter`], [`RecordMetaIter`]), the [`BatchBuilder`], in-place patches ([`patch`],
//! [`NewBatch`]), the checks a leader makes ([`validate_produce`]) and the five codecs ([`Compression`]). Magic 2 (KIP-98) is read and written; magic 0 and 1 are read only, for segments
//! that an old Kafka left behind.
//!
//! What it is not: no I/O, no clock; nothing here knows a topic or a log.
//!
//! Read first: [`header`](BatchHeader), then [`RecordBatch`].
//!
//! Invariants
//! * Bad bytes give a [`BatchError`], never a panic, and nothing is allocated because a length field says so.
//! * Base offset and partition leader epoch lie outside the CRC; every other field of magic 2 lies inside.
//!
//! Non-obvious
//! * A batch that compaction has emptied has `records_count` 0 and still occupies its offsets.
//! * The header of a compressed magic 0/1 batch holds its *last* offset only.
//! * With [`TimestampType::LogAppendTime`] every record's timestamp is the batch's `max_timestamp`.

mod batch;
mod builder;
mod compression;
mod error;
mod header;
mod iter;
mod legacy;
mod lookup;
mod new_batch;
pub mod patch;
mod record;
mod sequence;
mod stream;
mod validate;
mod varint;

pub use batch::RecordBatch;
pub use builder::{BatchBuilder, BatchOptions, BuildError};
pub use compression::{Compression, CompressionType, LevelError};
pub use error::BatchError;
pub use header::{
    BATCH_OVERHEAD, BatchHeader, HEADER_UP_TO_MAGIC, LOG_OVERHEAD, NO_PARTITION_LEADER_EPOCH,
    NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, TimestampType, batch_size,
};
pub use iter::BatchIter;
pub use lookup::TimestampOffset;
pub use new_batch::NewBatch;
pub use record::{Record, RecordHeader, RecordIter, RecordMeta, RecordMetaIter};
pub use sequence::{decrement_sequence, increment_sequence};
pub use stream::DecompressLimits;
pub use validate::{
    AppendOrigin, InvalidMetric, ProduceRefusal, ProduceRules, RECORD_ERRORS_MAX, RecordError, Validated,
    validate_produce,
};

#[cfg(test)]
mod tests;
