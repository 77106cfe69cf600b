//! Message sets of magic 0 and 1, read only: Kafka 4 no longer writes them but serves old segments.
//!
//! Message: offset i64, size i32, crc u32 (CRC32 of what follows), magic i8, attributes i8, timestamp i64 (magic 1
//! only), key and value each an i32 length (negative: null) and bytes. A compressed message wraps a message set as
//! its value; from magic 1 on the inner offsets are relative and the wrapper has that of the last one.

use bytes::{Buf, Bytes};

use super::header::{LEGACY_OVERHEAD_V0, LEGACY_OVERHEAD_V1, LOG_OVERHEAD};
use super::stream::RecordStream;
use super::varint::STRUCTURE;
use super::{BatchError, CompressionType, DecompressLimits, NO_SEQUENCE, NO_TIMESTAMP, Record, RecordBatch};
use super::{TimestampType, header::CODEC_MASK};

pub(crate) const NO_INNER_RECORDS: BatchError =
    BatchError::invalid("Found invalid compressed record set with no inner records");

/// A message without its offset, as bytes from the crc on.
struct Message {
    magic: i8,
    attributes: i8,
    timestamp: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
}

fn sized(bytes: &mut Bytes) -> Result<Option<Bytes>, BatchError> {
    if bytes.len() < 4 {
        return Err(STRUCTURE);
    }
    let Ok(size) = usize::try_from(bytes.get_i32()) else { return Ok(None) };
    if size > bytes.len() {
        return Err(STRUCTURE);
    }
    Ok(Some(bytes.split_to(size)))
}

impl Message {
    fn parse(mut bytes: Bytes) -> Result<Self, BatchError> {
        if bytes.len() < LEGACY_OVERHEAD_V0 {
            return Err(STRUCTURE);
        }
        bytes.advance(4);
        let magic = bytes.get_i8();
        if !(0..=1).contains(&magic) {
            return Err(BatchError::Magic(magic));
        }
        let attributes = bytes.get_i8();
        if magic == 1 && bytes.len() < LEGACY_OVERHEAD_V1 - 6 {
            return Err(STRUCTURE);
        }
        let timestamp = if magic == 1 { bytes.get_i64() } else { NO_TIMESTAMP };
        let key = sized(&mut bytes)?;
        let value = sized(&mut bytes)?;
        Ok(Self { magic, attributes, timestamp, key, value })
    }

    fn record(self, offset: i64, size: usize) -> Record {
        Record {
            offset,
            timestamp: self.timestamp,
            sequence: NO_SEQUENCE,
            attributes: self.attributes,
            key: self.key,
            value: self.value,
            headers: Vec::new(),
            size,
        }
    }
}

/// The records of a magic 0 or 1 batch. A compressed one is inflated whole, since the offset of the first record
/// follows from that of the last.
pub(crate) fn records(batch: &RecordBatch, limits: DecompressLimits) -> Result<Vec<Record>, BatchError> {
    let wrapper = Message::parse(batch.bytes().slice(LOG_OVERHEAD..))?;
    let kind = batch.compression()?;
    if kind == CompressionType::None {
        return Ok(vec![wrapper.record(batch.base_offset, batch.size())]);
    }
    if kind == CompressionType::Zstd {
        return Err(BatchError::invalid(
            "Invalid wrapper compressionType found in legacy deep record iterator",
        ));
    }
    let value =
        wrapper.value.ok_or(BatchError::invalid("Found invalid compressed record set with null value"))?;
    let mut records = Vec::new();
    let mut stream = RecordStream::new(kind, batch.magic, value, limits)?;
    while let Some((offset, message)) = next_inner(&mut stream)? {
        let size = message.len() + LOG_OVERHEAD;
        let mut message = Message::parse(message)?;
        if i16::from(message.attributes) & CODEC_MASK != 0 {
            return Err(BatchError::invalid("Inner messages must not be compressed"));
        }
        if message.magic == 1 && batch.timestamp_type() == TimestampType::LogAppendTime {
            message.timestamp = batch.max_timestamp;
        }
        records.push(message.record(offset, size));
    }
    let last = records.last().ok_or(NO_INNER_RECORDS)?.offset;
    if batch.magic == 1 {
        let base = relative_base(batch.base_offset, last)?;
        for record in &mut records {
            record.offset = record.offset.wrapping_add(base);
        }
    }
    Ok(records)
}

/// What to add to relative offsets, given the wrapper's offset and the last inner one.
fn relative_base(wrapper: i64, last: i64) -> Result<i64, BatchError> {
    // Some versions of librdkafka produced wrappers with offset 0.
    if wrapper == 0 {
        return Ok(0);
    }
    if wrapper < last {
        return Err(BatchError::invalid(
            "Found invalid wrapper offset in compressed v1 message set: less than the last inner message offset",
        ));
    }
    Ok(wrapper.wrapping_sub(last))
}

/// Offset and bytes from the crc on of the next inner message. A torn one at the end is ignored, as in Kafka.
fn next_inner(stream: &mut RecordStream) -> Result<Option<(i64, Bytes)>, BatchError> {
    let Some(mut head) = stream.take(LOG_OVERHEAD)? else { return Ok(None) };
    let (offset, size) = (head.get_i64(), head.get_i32());
    if size < LEGACY_OVERHEAD_V0 as i32 {
        return Err(BatchError::SizeTooSmall { size, min: LEGACY_OVERHEAD_V0 });
    }
    Ok(stream.take(size as usize)?.map(|message| (offset, message)))
}
