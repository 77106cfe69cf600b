//! Reading a coordinator's partition for whoever takes it over.

use bytes::{Buf, Bytes};
use klamm_coordinator::{
    GroupRecord, LogRecord,
    share::{PlacedRecord, ShareRecord},
    transaction::TransactionRecord,
};
use klamm_protocol::records::{Record, RecordBatch};

/// A batch's records, and the offset after it.
#[derive(Debug)]
pub(super) struct LoadedBatch<R> {
    pub(super) records: Vec<R>,
    pub(super) end_offset: i64,
}

/// The whole batches in `bytes`, each with what `read` makes of it; the last one may be cut.
///
/// # Errors
/// If a batch or a record cannot be read: nothing in it can be trusted.
pub(super) fn batches<R>(
    mut bytes: Bytes,
    read: impl Fn(&RecordBatch) -> Result<Vec<R>, String>,
) -> Result<Vec<LoadedBatch<R>>, String> {
    let mut loaded = Vec::new();
    while let Some(size) = whole_batch_size(&bytes)? {
        let batch = RecordBatch::new(&bytes.split_to(size)).map_err(|error| error.to_string())?;
        let end_offset = batch.base_offset + i64::from(batch.last_offset_delta) + 1;
        loaded.push(LoadedBatch { records: read(&batch)?, end_offset });
    }
    Ok(loaded)
}

fn whole_batch_size(bytes: &Bytes) -> Result<Option<usize>, String> {
    let size =
        klamm_protocol::records::batch_size(bytes, i32::MAX as usize).map_err(|error| error.to_string())?;
    Ok(size.filter(|size| *size <= bytes.len()))
}

/// The records of a batch of `__consumer_offsets`.
///
/// # Errors
/// If one cannot be read.
pub(super) fn group_records(batch: &RecordBatch) -> Result<Vec<LogRecord>, String> {
    let mut records = Vec::new();
    for record in batch.records().map_err(|error| error.to_string())? {
        let record = record.map_err(|error| error.to_string())?;
        if batch.is_control() {
            records.extend(end_of_transaction(batch.producer_id, &record));
            continue;
        }
        let Some(key) = &record.key else { continue };
        let decoded = GroupRecord::decode(key, record.value.as_ref())
            .map_err(|error| format!("the record at offset {}: {error}", record.offset))?;
        let transaction_of = batch.is_transactional().then_some(batch.producer_id);
        // Records of a kind that is not known have been written by a newer broker.
        records.extend(decoded.map(|decoded| LogRecord::Data {
            offset: record.offset,
            transaction_of,
            record: decoded,
        }));
    }
    Ok(records)
}

/// The records of a batch of `__transaction_state`.
///
/// # Errors
/// If one cannot be read.
pub(super) fn transaction_records(batch: &RecordBatch) -> Result<Vec<TransactionRecord>, String> {
    let mut records = Vec::new();
    for record in batch.records().map_err(|error| error.to_string())? {
        let record = record.map_err(|error| error.to_string())?;
        let Some(key) = record.key.as_ref().filter(|_| !batch.is_control()) else { continue };
        let decoded = TransactionRecord::decode(key, record.value.as_ref());
        records.extend(decoded.map_err(|error| format!("the record at offset {}: {error}", record.offset))?);
    }
    Ok(records)
}

/// The records of a batch of `__share_group_state`.
///
/// # Errors
/// If one cannot be read.
pub(super) fn share_records(batch: &RecordBatch) -> Result<Vec<PlacedRecord>, String> {
    let mut records = Vec::new();
    for record in batch.records().map_err(|error| error.to_string())? {
        let record = record.map_err(|error| error.to_string())?;
        let Some(key) = record.key.as_ref().filter(|_| !batch.is_control()) else { continue };
        let decoded = ShareRecord::decode(key, record.value.as_ref())
            .map_err(|error| format!("the record at offset {}: {error}", record.offset))?;
        let offset = record.offset;
        records.extend(decoded.map(|record| PlacedRecord { offset, record }));
    }
    Ok(records)
}

/// A control record's key is its version and type, both int16: 0 is an abort, 1 a commit.
fn end_of_transaction(producer_id: i64, record: &Record) -> Option<LogRecord> {
    let mut key = record.key.clone()?;
    let _version = key.try_get_i16().ok()?;
    let is_committed = match key.try_get_i16().ok()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    Some(LogRecord::EndTransaction { producer_id, is_committed })
}
