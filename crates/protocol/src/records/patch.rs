//! Changes to a batch in place.
//!
//! Each function takes the bytes of one magic 2 batch (longer buffers are fine, shorter ones are left alone).

use super::header::{
    ATTRIBUTES_AT, BATCH_OVERHEAD, CRC_AT, LAST_OFFSET_DELTA_AT, LEADER_EPOCH_AT, LENGTH_AT, LOG_OVERHEAD,
    MAX_TIMESTAMP_AT, TIMESTAMP_TYPE_MASK, TimestampType, field,
};

fn put(batch: &mut [u8], at: usize, bytes: &[u8]) {
    if batch.len() >= BATCH_OVERHEAD {
        batch[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// Sets the base offset, which the CRC does not cover.
pub fn set_base_offset(batch: &mut [u8], base_offset: i64) {
    put(batch, 0, &base_offset.to_be_bytes());
}

/// Sets the base offset such that the last record gets `last_offset`.
pub fn set_last_offset(batch: &mut [u8], last_offset: i64) {
    let delta = i32::from_be_bytes(field(batch, LAST_OFFSET_DELTA_AT));
    set_base_offset(batch, last_offset.wrapping_sub(i64::from(delta)));
}

/// Sets the partition leader epoch, which the CRC does not cover.
pub fn set_partition_leader_epoch(batch: &mut [u8], epoch: i32) {
    put(batch, LEADER_EPOCH_AT, &epoch.to_be_bytes());
}

/// What a leader does to a validated batch: gives it offsets from `base_offset` on and stamps its epoch. Returns
/// the next offset.
pub fn assign_offsets(batch: &mut [u8], base_offset: i64, leader_epoch: i32) -> i64 {
    set_base_offset(batch, base_offset);
    set_partition_leader_epoch(batch, leader_epoch);
    let delta = i32::from_be_bytes(field(batch, LAST_OFFSET_DELTA_AT));
    base_offset.wrapping_add(i64::from(delta)).wrapping_add(1)
}

/// Sets timestamp type and max timestamp and brings the CRC along; returns whether anything changed.
pub fn set_max_timestamp(batch: &mut [u8], kind: TimestampType, max_timestamp: i64) -> bool {
    let attributes = i16::from_be_bytes(field(batch, ATTRIBUTES_AT));
    let wanted = match kind {
        TimestampType::LogAppendTime => attributes | TIMESTAMP_TYPE_MASK,
        _ => attributes & !TIMESTAMP_TYPE_MASK,
    };
    if wanted == attributes && max_timestamp == i64::from_be_bytes(field(batch, MAX_TIMESTAMP_AT)) {
        return false;
    }
    put(batch, ATTRIBUTES_AT, &wanted.to_be_bytes());
    put(batch, MAX_TIMESTAMP_AT, &max_timestamp.to_be_bytes());
    recompute_crc(batch);
    true
}

/// Computes the CRC32C anew and stores it. Nothing happens if the length field goes beyond the buffer.
pub fn recompute_crc(batch: &mut [u8]) {
    let length = i32::from_be_bytes(field(batch, LENGTH_AT));
    let end = usize::try_from(length).map_or(0, |length| length + LOG_OVERHEAD);
    if let Some(covered) = batch.get(ATTRIBUTES_AT..end) {
        let crc = crc32c::crc32c(covered);
        put(batch, CRC_AT, &crc.to_be_bytes());
    }
}
