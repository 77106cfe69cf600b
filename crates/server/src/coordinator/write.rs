//! Making batches of a coordinator's records.

use bytes::Bytes;
use klamm_coordinator::GroupRecord;
use klamm_protocol::{
    ErrorCode,
    records::{BatchBuilder, BatchOptions, Compression, CompressionType},
};
use tracing::error;

/// Records that need not be written together are split into batches of about this many bytes.
const SPLIT_BYTES: usize = 256 * 1024;

/// Records on their way into one batch.
pub(super) struct Batch {
    pub(super) bytes: Bytes,
    pub(super) records: Vec<GroupRecord>,
}

/// How batches are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writing {
    /// `offsets.topic.compression.codec`.
    pub(super) compression: CompressionType,
    /// Producer id and epoch of a TxnOffsetCommit.
    pub(super) transaction: Option<(i64, i16)>,
    pub(super) now_ms: i64,
}

/// Encodes records into one batch, or, if they may be split, into several.
///
/// # Errors
/// UNKNOWN_SERVER_ERROR if a record cannot be expressed, as with a group id that is too long for its format.
pub(super) fn batches(
    records: Vec<GroupRecord>,
    may_split: bool,
    how: Writing,
) -> Result<Vec<Batch>, ErrorCode> {
    let mut batches = Vec::new();
    let mut open: Option<(BatchBuilder, Vec<GroupRecord>, usize)> = None;
    for record in records {
        let (key, value) = record.encode().map_err(defect)?;
        let bytes = key.len() + value.as_ref().map_or(0, Bytes::len);
        if let Some(full) = open.take_if(|(_, _, size)| may_split && *size + bytes > SPLIT_BYTES) {
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
    // Kafka's coordinators write sequence 0 in every batch, transactional or not.
    let compression = Compression::new(how.compression);
    let mut options = BatchOptions { compression, base_sequence: 0, ..BatchOptions::default() };
    if let Some((id, epoch)) = how.transaction {
        options.producer_id = id;
        options.producer_epoch = epoch;
        options.transactional = true;
    }
    options
}

fn close((builder, records, _): (BatchBuilder, Vec<GroupRecord>, usize)) -> Result<Batch, ErrorCode> {
    let bytes = builder.build().map_err(defect)?.freeze();
    Ok(Batch { bytes, records })
}

fn defect(cause: impl std::fmt::Display) -> ErrorCode {
    error!(%cause, "a coordinator's record cannot be written");
    ErrorCode::UnknownServerError
}
