//! The snapshot file of a producer state.
//!
//! Version i16 (1), CRC-32C u32 of all that follows it, number of producers i32, then per producer: id i64, epoch
//! i16, last sequence i32, last offset i64, offset delta i32, timestamp i64, coordinator epoch i32, first offset of
//! the open transaction i64 (-1 if none); big endian. Only the last batch of a producer is in it, so after a restart
//! only a repetition of that one is recognised.

use std::path::Path;

use klamm_io::disk::Disk;

use super::entry::{BatchMetadata, ProducerEntry};
use crate::error::Result;
use crate::index_file::field;

const VERSION: i16 = 1;
const CRC_AT: usize = 2;
const COUNT_AT: usize = 6;
const HEADER_BYTES: usize = 10;
const ENTRY_BYTES: usize = 46;
/// A snapshot larger than this (1.4 million producers of one partition) is not read.
const SNAPSHOT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The bytes of a snapshot.
pub fn encode<'a>(producers: impl ExactSizeIterator<Item = &'a ProducerEntry>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + producers.len() * ENTRY_BYTES);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&i32::try_from(producers.len()).unwrap_or(i32::MAX).to_be_bytes());
    for producer in producers {
        bytes.extend_from_slice(&producer.producer_id().to_be_bytes());
        bytes.extend_from_slice(&producer.producer_epoch().to_be_bytes());
        bytes.extend_from_slice(&producer.last_sequence().to_be_bytes());
        bytes.extend_from_slice(&producer.last_data_offset().to_be_bytes());
        bytes.extend_from_slice(&producer.last_offset_delta().to_be_bytes());
        bytes.extend_from_slice(&producer.last_timestamp().to_be_bytes());
        bytes.extend_from_slice(&producer.coordinator_epoch().to_be_bytes());
        bytes.extend_from_slice(&producer.current_txn_first_offset().unwrap_or(-1).to_be_bytes());
    }
    let crc = crc32c::crc32c(bytes.get(COUNT_AT..).unwrap_or_default());
    if let Some(place) = bytes.get_mut(CRC_AT..COUNT_AT) {
        place.copy_from_slice(&crc.to_be_bytes());
    }
    bytes
}

/// Reads a snapshot. `None` if it is damaged or of an unknown version.
pub fn decode(bytes: &[u8]) -> Option<Vec<ProducerEntry>> {
    let (header, entries) = bytes.split_at_checked(HEADER_BYTES)?;
    let crc = u32::from_be_bytes(field(header, CRC_AT));
    let count = usize::try_from(i32::from_be_bytes(field(header, COUNT_AT))).ok()?;
    if i16::from_be_bytes(field(header, 0)) != VERSION
        || crc != crc32c::crc32c(bytes.get(COUNT_AT..)?)
        || entries.len() / ENTRY_BYTES < count
    {
        return None;
    }
    Some(entries.chunks_exact(ENTRY_BYTES).take(count).map(decode_entry).collect())
}

fn decode_entry(bytes: &[u8]) -> ProducerEntry {
    let producer_epoch = i16::from_be_bytes(field(bytes, 8));
    let timestamp = i64::from_be_bytes(field(bytes, 26));
    let txn_first_offset = i64::from_be_bytes(field(bytes, 38));
    let mut entry = ProducerEntry::new(
        i64::from_be_bytes(field(bytes, 0)),
        producer_epoch,
        i32::from_be_bytes(field(bytes, 34)),
        timestamp,
        (txn_first_offset >= 0).then_some(txn_first_offset),
    );
    let last_offset = i64::from_be_bytes(field(bytes, 14));
    if last_offset >= 0 {
        let batch = BatchMetadata {
            last_sequence: i32::from_be_bytes(field(bytes, 10)),
            last_offset,
            offset_delta: i32::from_be_bytes(field(bytes, 22)),
            timestamp,
        };
        entry.add_batch(producer_epoch, batch);
    }
    entry
}

/// Reads the snapshot file. `None` if it is missing, damaged, or too large to be one.
pub(crate) fn read_snapshot(disk: &Disk, path: &Path) -> Result<Option<Vec<ProducerEntry>>> {
    match disk.read_file(path, SNAPSHOT_BYTES_MAX) {
        Ok(bytes) => Ok(decode(&bytes)),
        Err(e) if e.is_not_found() || e.kind() == std::io::ErrorKind::InvalidData => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Writes the snapshot file, not synced: a torn one is recognised by its checksum.
pub(crate) fn write_snapshot<'a>(
    disk: &Disk,
    path: &Path,
    producers: impl ExactSizeIterator<Item = &'a ProducerEntry>,
) -> Result<()> {
    Ok(disk.replace_file_with(path, &encode(producers), false)?)
}
