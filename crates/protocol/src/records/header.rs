//! The fixed part of a record batch.
//!
//! Layout of magic 2, big endian: base offset i64 @0, length i32 @8 (of what follows it), partition leader epoch
//! i32 @12, magic i8 @16, crc u32 @17 (CRC32C from @21 to the end), attributes i16 @21, last offset delta i32 @23,
//! base timestamp i64 @27, max timestamp i64 @35, producer id i64 @43, producer epoch i16 @51, base sequence i32
//! @53, records count i32 @57, records @61.
//!
//! Attributes: codec in bits 0-2, timestamp type 3, transactional 4, control 5, delete horizon 6.

use super::{BatchError, CompressionType, increment_sequence};

/// Offset and length field, which every magic starts with.
pub const LOG_OVERHEAD: usize = 12;
/// How many bytes must be there to know magic and size of a batch.
pub const HEADER_UP_TO_MAGIC: usize = 17;
/// Size of a magic 2 batch without its records.
pub const BATCH_OVERHEAD: usize = 61;

/// Timestamp of a record that has none.
pub const NO_TIMESTAMP: i64 = -1;
/// Producer id of a batch written without idempotence.
pub const NO_PRODUCER_ID: i64 = -1;
/// Producer epoch of a batch written without idempotence.
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// Base sequence of a batch written without idempotence, and of control batches.
pub const NO_SEQUENCE: i32 = -1;
/// Leader epoch of batches that no leader has stamped, and of magic 0 and 1.
pub const NO_PARTITION_LEADER_EPOCH: i32 = -1;

pub(crate) const LENGTH_AT: usize = 8;
pub(crate) const LEADER_EPOCH_AT: usize = 12;
pub(crate) const MAGIC_AT: usize = 16;
pub(crate) const CRC_AT: usize = 17;
pub(crate) const ATTRIBUTES_AT: usize = 21;
pub(crate) const LAST_OFFSET_DELTA_AT: usize = 23;
pub(crate) const BASE_TIMESTAMP_AT: usize = 27;
pub(crate) const MAX_TIMESTAMP_AT: usize = 35;
pub(crate) const PRODUCER_ID_AT: usize = 43;
pub(crate) const PRODUCER_EPOCH_AT: usize = 51;
pub(crate) const BASE_SEQUENCE_AT: usize = 53;
pub(crate) const RECORDS_COUNT_AT: usize = 57;

pub(crate) const CODEC_MASK: i16 = 0x07;
pub(crate) const TIMESTAMP_TYPE_MASK: i16 = 0x08;
pub(crate) const TRANSACTIONAL_MASK: i16 = 0x10;
pub(crate) const CONTROL_MASK: i16 = 0x20;
pub(crate) const DELETE_HORIZON_MASK: i16 = 0x40;

/// Smallest record of magic 0: crc, magic, attributes, two sizes.
pub(crate) const LEGACY_OVERHEAD_V0: usize = 14;
/// Smallest record of magic 1, which adds a timestamp.
pub(crate) const LEGACY_OVERHEAD_V1: usize = 22;

/// Who set the timestamps of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimestampType {
    /// Magic 0 has no timestamps.
    NoTimestampType,
    /// The producer.
    CreateTime,
    /// The broker, at append.
    LogAppendTime,
}

impl TimestampType {
    /// Kafka's name, as in `message.timestamp.type` and in the tools' output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoTimestampType => "NoTimestampType",
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        }
    }

    /// The type of a name of `message.timestamp.type`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::NoTimestampType, Self::CreateTime, Self::LogAppendTime].into_iter().find(|t| t.name() == name)
    }
}

impl std::fmt::Display for TimestampType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The decoded header of a batch of any magic.
///
/// Magic 0 and 1 have fewer fields; the others then hold Kafka's "none" values, `records_count` is -1, and of a
/// compressed batch `base_offset` is its *last* offset (see [`super::RecordBatch::first_offset`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    pub base_offset: i64,
    /// Bytes after the length field; the whole batch is [`BatchHeader::size`].
    pub batch_length: i32,
    /// Set by the leader, not covered by the CRC.
    pub partition_leader_epoch: i32,
    pub magic: i8,
    pub crc: u32,
    pub attributes: i16,
    /// Offset of the last record minus the base offset; also the distance of the sequences.
    pub last_offset_delta: i32,
    /// Milliseconds since the epoch; timestamp of the first record, or the delete horizon.
    pub base_timestamp: i64,
    /// Milliseconds since the epoch.
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    /// How many records the batch holds; -1 for magic 0 and 1, which do not say.
    pub records_count: i32,
}

/// Big endian field at `at`; the caller has checked the length, a short buffer reads as zero.
pub(crate) fn field<const N: usize>(buf: &[u8], at: usize) -> [u8; N] {
    buf.get(at..at + N).and_then(|s| s.try_into().ok()).unwrap_or([0; N])
}

/// Size in bytes of the batch that starts at `buf[0]`, its 12 bytes of offset and length included.
///
/// `None` when there are fewer bytes than [`HEADER_UP_TO_MAGIC`], although a bad length is reported from the
/// first 12 bytes on. The batch itself may be longer than `buf`.
pub fn batch_size(buf: &[u8], size_max: usize) -> Result<Option<usize>, BatchError> {
    if buf.len() < LOG_OVERHEAD {
        return Ok(None);
    }
    let size = i32::from_be_bytes(field(buf, LENGTH_AT));
    if size < LEGACY_OVERHEAD_V0 as i32 {
        return Err(BatchError::SizeTooSmall { size, min: LEGACY_OVERHEAD_V0 });
    }
    if size as usize > size_max {
        return Err(BatchError::SizeTooLarge { size, max: size_max });
    }
    let Some(&magic) = buf.get(MAGIC_AT) else { return Ok(None) };
    if magic > 2 {
        return Err(BatchError::Magic(magic as i8));
    }
    let whole = size as usize + LOG_OVERHEAD;
    let min = header_size(magic as i8);
    if whole < min {
        return Err(BatchError::SizeTooSmall { size, min: min - LOG_OVERHEAD });
    }
    Ok(Some(whole))
}

/// The smallest size of a batch of this magic.
const fn header_size(magic: i8) -> usize {
    match magic {
        0 => LOG_OVERHEAD + LEGACY_OVERHEAD_V0,
        1 => LOG_OVERHEAD + LEGACY_OVERHEAD_V1,
        _ => BATCH_OVERHEAD,
    }
}

impl BatchHeader {
    /// Decodes the header at the start of `buf`; the records need not be there. [`BATCH_OVERHEAD`] bytes are
    /// always enough, magic 0 and 1 need less.
    pub fn decode(buf: &[u8]) -> Result<Self, BatchError> {
        let Some(size) = batch_size(buf, i32::MAX as usize)? else {
            return Err(BatchError::Truncated { have: buf.len(), need: HEADER_UP_TO_MAGIC });
        };
        let magic = i8::from_be_bytes(field(buf, MAGIC_AT));
        let need = header_size(magic);
        if buf.len() < need {
            return Err(BatchError::Truncated { have: buf.len(), need });
        }
        debug_assert!(size >= need, "batch_size checks the minimum");
        Ok(if magic == 2 { Self::decode_v2(buf) } else { Self::decode_legacy(buf, magic) })
    }

    fn decode_v2(buf: &[u8]) -> Self {
        Self {
            base_offset: i64::from_be_bytes(field(buf, 0)),
            batch_length: i32::from_be_bytes(field(buf, LENGTH_AT)),
            partition_leader_epoch: i32::from_be_bytes(field(buf, LEADER_EPOCH_AT)),
            magic: 2,
            crc: u32::from_be_bytes(field(buf, CRC_AT)),
            attributes: i16::from_be_bytes(field(buf, ATTRIBUTES_AT)),
            last_offset_delta: i32::from_be_bytes(field(buf, LAST_OFFSET_DELTA_AT)),
            base_timestamp: i64::from_be_bytes(field(buf, BASE_TIMESTAMP_AT)),
            max_timestamp: i64::from_be_bytes(field(buf, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(field(buf, PRODUCER_ID_AT)),
            producer_epoch: i16::from_be_bytes(field(buf, PRODUCER_EPOCH_AT)),
            base_sequence: i32::from_be_bytes(field(buf, BASE_SEQUENCE_AT)),
            records_count: i32::from_be_bytes(field(buf, RECORDS_COUNT_AT)),
        }
    }

    fn decode_legacy(buf: &[u8], magic: i8) -> Self {
        let attributes = i16::from(u8::from_be_bytes(field(buf, MAGIC_AT + 1)));
        let timestamp = if magic == 0 { NO_TIMESTAMP } else { i64::from_be_bytes(field(buf, MAGIC_AT + 2)) };
        Self {
            base_offset: i64::from_be_bytes(field(buf, 0)),
            batch_length: i32::from_be_bytes(field(buf, LENGTH_AT)),
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            magic,
            crc: u32::from_be_bytes(field(buf, LOG_OVERHEAD)),
            // Bits above the timestamp type have no meaning before magic 2.
            attributes: attributes & (CODEC_MASK | if magic == 0 { 0 } else { TIMESTAMP_TYPE_MASK }),
            last_offset_delta: 0,
            base_timestamp: timestamp,
            max_timestamp: timestamp,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            records_count: -1,
        }
    }

    /// Writes a magic 2 header into the first 61 bytes of `buf`, checksum and length fields as they are in `self`.
    pub(crate) fn encode_v2(&self, buf: &mut [u8; BATCH_OVERHEAD]) {
        let mut put = |at: usize, bytes: &[u8]| {
            for (to, from) in buf.iter_mut().skip(at).zip(bytes) {
                *to = *from;
            }
        };
        put(0, &self.base_offset.to_be_bytes());
        put(LENGTH_AT, &self.batch_length.to_be_bytes());
        put(LEADER_EPOCH_AT, &self.partition_leader_epoch.to_be_bytes());
        put(MAGIC_AT, &[2]);
        put(CRC_AT, &self.crc.to_be_bytes());
        put(ATTRIBUTES_AT, &self.attributes.to_be_bytes());
        put(LAST_OFFSET_DELTA_AT, &self.last_offset_delta.to_be_bytes());
        put(BASE_TIMESTAMP_AT, &self.base_timestamp.to_be_bytes());
        put(MAX_TIMESTAMP_AT, &self.max_timestamp.to_be_bytes());
        put(PRODUCER_ID_AT, &self.producer_id.to_be_bytes());
        put(PRODUCER_EPOCH_AT, &self.producer_epoch.to_be_bytes());
        put(BASE_SEQUENCE_AT, &self.base_sequence.to_be_bytes());
        put(RECORDS_COUNT_AT, &self.records_count.to_be_bytes());
    }

    /// Size of the whole batch in bytes.
    pub const fn size(&self) -> usize {
        self.batch_length as usize + LOG_OVERHEAD
    }

    /// Offset of the last record, inclusive; of an emptied batch the last one it had.
    pub const fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(self.last_offset_delta as i64)
    }

    /// The offset after this batch.
    pub const fn next_offset(&self) -> i64 {
        self.last_offset().wrapping_add(1)
    }

    /// The codec, or an error for the ids that mean none.
    pub const fn compression(&self) -> Result<CompressionType, BatchError> {
        CompressionType::from_id((self.attributes & CODEC_MASK) as u8)
    }

    /// Whether the codec bits are not zero.
    pub const fn is_compressed(&self) -> bool {
        self.attributes & CODEC_MASK != 0
    }

    /// Who set the timestamps.
    pub const fn timestamp_type(&self) -> TimestampType {
        if self.magic == 0 {
            TimestampType::NoTimestampType
        } else if self.attributes & TIMESTAMP_TYPE_MASK == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Part of a transaction, end markers included (KIP-98).
    pub const fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_MASK != 0
    }

    /// Holds control records, which consumers never see.
    pub const fn is_control(&self) -> bool {
        self.attributes & CONTROL_MASK != 0
    }

    /// When tombstones and abort markers of this batch may go, in milliseconds since the epoch (KIP-534).
    pub const fn delete_horizon_ms(&self) -> Option<i64> {
        if self.attributes & DELETE_HORIZON_MASK != 0 { Some(self.base_timestamp) } else { None }
    }

    /// Written by an idempotent or transactional producer.
    pub const fn has_producer_id(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// Sequence of the last record, [`NO_SEQUENCE`] if there is none.
    pub const fn last_sequence(&self) -> i32 {
        if self.base_sequence == NO_SEQUENCE {
            NO_SEQUENCE
        } else {
            increment_sequence(self.base_sequence, self.last_offset_delta)
        }
    }
}
