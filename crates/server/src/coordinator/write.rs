//! Making batches of a coordinator's records.

use bytes::Bytes;
use klamm_protocol::{
    EncodeError, ErrorCode,
    control::{ControlRecord, EndTxnMarker},
    records::{BATCH_OVERHEAD, BatchBuilder, BatchOptions, Compression, CompressionType},
};
use tracing::error;

/// Records that need not be written together are split into batches of at most about this many bytes, and of less if the
/// log takes less.
const SPLIT_BYTES: usize = 256 * 1024;
/// What a record takes beside its key and value, at most: eight numbers, three of them small.
const RECORD_OVERHEAD: usize = 32;

/// Records on their way into one batch.
pub(super) struct Batch<R> {
    pub(super) bytes: Bytes,
    pub(super) records: Vec<R>,
}

/// How batches are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writing {
    /// `offsets.topic.compression.codec`.
    pub(super) compression: CompressionType,
    /// Producer id and epoch of a TxnOffsetCommit.
    pub(super) transaction: Option<(i64, i16)>,
    /// Kafka's group coordinator writes sequence 0 in every batch, transactional or not; others write none.
    pub(super) base_sequence: i32,
    pub(super) now_ms: i64,
    /// The largest batch that the log takes, in bytes.
    pub(super) batch_bytes_max: usize,
}

/// Encodes records into one batch, or, if they may be split, into several.
///
/// # Errors
/// UNKNOWN_SERVER_ERROR if a record cannot be expressed, as with a group id that is too long for its format.
pub(super) fn batches<R>(
    records: Vec<R>,
    encode: impl Fn(&R) -> Result<(Bytes, Option<Bytes>), EncodeError>,
    may_split: bool,
    how: Writing,
) -> Result<Vec<Batch<R>>, ErrorCode> {
    let split_bytes = SPLIT_BYTES.min(how.batch_bytes_max.saturating_sub(BATCH_OVERHEAD));
    let mut batches = Vec::new();
    let mut open: Option<(BatchBuilder, Vec<R>, usize)> = None;
    for record in records {
        let (key, value) = encode(&record).map_err(defect)?;
        let bytes = RECORD_OVERHEAD + key.len() + value.as_ref().map_or(0, Bytes::len);
        if let Some(full) = open.take_if(|(_, _, size)| may_split && *size + bytes > split_bytes) {
            batches.push(close(full)?);
        }
        let (builder, records, size) =
            open.get_or_insert_with(|| (BatchBuilder::new(options(how)), Vec::new(), 0));
        builder.append(how.now_ms, Some(&key), value.as_deref(), &[]).map_err(defect)?;
        records.push(record);
        *size += bytes;
    }
    if let Some(last) = open {
        batches.push(close(last)?);
    }
    Ok(batches)
}

fn options(how: Writing) -> BatchOptions {
    let compression = Compression::new(how.compression);
    let base_sequence = how.base_sequence;
    let mut options = BatchOptions { compression, base_sequence, ..BatchOptions::default() };
    if let Some((id, epoch)) = how.transaction {
        options.producer_id = id;
        options.producer_epoch = epoch;
        options.transactional = true;
    }
    options
}

fn close<R>((builder, records, _): (BatchBuilder, Vec<R>, usize)) -> Result<Batch<R>, ErrorCode> {
    let bytes = builder.build().map_err(defect)?.freeze();
    Ok(Batch { bytes, records })
}

fn defect(cause: impl std::fmt::Display) -> ErrorCode {
    error!(%cause, "a coordinator's record cannot be written");
    ErrorCode::UnknownServerError
}

/// The batch that ends a transaction.
///
/// # Errors
/// UNKNOWN_SERVER_ERROR if it cannot be expressed.
pub(crate) fn marker(
    (producer_id, producer_epoch): (i64, i16),
    is_commit: bool,
    coordinator_epoch: i32,
    now_ms: i64,
) -> Result<Bytes, ErrorCode> {
    let marker = EndTxnMarker { coordinator_epoch };
    let record = if is_commit { ControlRecord::Commit(marker) } else { ControlRecord::Abort(marker) };
    let options = BatchOptions {
        producer_id,
        producer_epoch,
        transactional: true,
        control: true,
        ..BatchOptions::default()
    };
    let mut builder = BatchBuilder::new(options);
    let value = record.value().map_err(defect)?;
    builder.append(now_ms, Some(&record.key()), Some(&value), &[]).map_err(defect)?;
    Ok(builder.build().map_err(defect)?.freeze())
}
