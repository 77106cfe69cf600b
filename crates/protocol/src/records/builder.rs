//! Writes magic 2 batches.

use bytes::{Bytes, BytesMut};

use super::compression::Encoder;
use super::header::{
    CONTROL_MASK, DELETE_HORIZON_MASK, LOG_OVERHEAD, TIMESTAMP_TYPE_MASK, TRANSACTIONAL_MASK,
};
use super::varint::{put_varint, put_varlong, varlong_size};
use super::{
    BATCH_OVERHEAD, BatchHeader, Compression, CompressionType, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH,
    NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, Record, RecordHeader, TimestampType, patch,
};

/// Uncompressed bytes gathered before the codec gets them; a batch below this is compressed in one go.
const FLUSH_BYTES: usize = 64 * 1024;

/// Everything about a batch but its records. The default is what a plain producer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// Offset of the first record.
    pub base_offset: i64,
    pub compression: Compression,
    /// Create time, or log append time with its milliseconds since the epoch, which all records then have.
    pub log_append_time_ms: Option<i64>,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub transactional: bool,
    pub control: bool,
    pub partition_leader_epoch: i32,
    /// When tombstones may go; takes the place of the base timestamp (KIP-534).
    pub delete_horizon_ms: Option<i64>,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            base_offset: 0,
            compression: Compression::NONE,
            log_append_time_ms: None,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            transactional: false,
            control: false,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            delete_horizon_ms: None,
        }
    }
}

impl BatchOptions {
    /// The options that build a batch like this one, apart from its compression level.
    pub fn like(header: &BatchHeader) -> Self {
        let appended = header.timestamp_type() == TimestampType::LogAppendTime;
        Self {
            base_offset: header.base_offset,
            compression: header.compression().map_or(Compression::NONE, Compression::new),
            log_append_time_ms: appended.then_some(header.max_timestamp),
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            transactional: header.is_transactional(),
            control: header.is_control(),
            partition_leader_epoch: header.partition_leader_epoch,
            delete_horizon_ms: header.delete_horizon_ms(),
        }
    }
}

/// A batch that must not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error(
        "Illegal offset {offset} following previous offset {last} (Offsets must increase monotonically)."
    )]
    OffsetNotIncreasing { offset: i64, last: i64 },
    #[error("Maximum offset delta exceeded, base offset: {base}, last offset: {offset}")]
    OffsetDelta { base: i64, offset: i64 },
    #[error("Invalid negative timestamp {0}")]
    NegativeTimestamp(i64),
    #[error("Cannot write transactional messages without a valid producer ID")]
    NoProducerId,
    #[error("Invalid negative producer epoch")]
    NegativeProducerEpoch,
    #[error("Invalid negative sequence number used")]
    NegativeSequence,
    #[error("The batch has no records")]
    Empty,
    #[error("The batch exceeds the format's limit of 2 GiB")]
    TooLarge,
    #[error("Compression failed: {0}")]
    Codec(String),
}

impl From<std::io::Error> for BuildError {
    fn from(error: std::io::Error) -> Self {
        Self::Codec(error.to_string())
    }
}

/// Builds one batch: append records, then [`BatchBuilder::build`].
pub struct BatchBuilder {
    options: BatchOptions,
    /// The header's place, behind it records if they are not compressed.
    out: BytesMut,
    /// Records that the codec has not seen.
    pending: BytesMut,
    encoder: Option<Encoder>,
    records_count: i32,
    last_offset: Option<i64>,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    records_bytes: usize,
}

impl BatchBuilder {
    /// An empty batch.
    pub fn new(options: BatchOptions) -> Self {
        Self::with_capacity(options, 0)
    }

    /// An empty batch with room for `bytes` of uncompressed records.
    pub fn with_capacity(options: BatchOptions, bytes: usize) -> Self {
        let plain = options.compression.kind() == CompressionType::None;
        let (behind, pending) = if plain { (bytes, 0) } else { (0, bytes.min(FLUSH_BYTES)) };
        let mut out = BytesMut::with_capacity(BATCH_OVERHEAD + behind);
        out.resize(BATCH_OVERHEAD, 0);
        Self {
            options,
            out,
            pending: BytesMut::with_capacity(pending),
            encoder: None,
            records_count: 0,
            last_offset: None,
            base_timestamp: options.delete_horizon_ms,
            max_timestamp: NO_TIMESTAMP,
            records_bytes: 0,
        }
    }

    /// Appends a record at the next offset. `timestamp` is in milliseconds since the epoch or [`NO_TIMESTAMP`].
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RecordHeader],
    ) -> Result<(), BuildError> {
        self.append_at(self.next_offset(), timestamp, key, value, headers)
    }

    /// Appends a record at an offset above the last one; gaps are what compaction leaves.
    pub fn append_at(
        &mut self,
        offset: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RecordHeader],
    ) -> Result<(), BuildError> {
        if let Some(last) = self.last_offset
            && offset <= last
        {
            return Err(BuildError::OffsetNotIncreasing { offset, last });
        }
        if timestamp < 0 && timestamp != NO_TIMESTAMP {
            return Err(BuildError::NegativeTimestamp(timestamp));
        }
        let base = self.options.base_offset;
        let offset_delta = offset.checked_sub(base).and_then(|delta| i32::try_from(delta).ok());
        let offset_delta = offset_delta.ok_or(BuildError::OffsetDelta { base, offset })?;
        let timestamp_delta = timestamp.wrapping_sub(*self.base_timestamp.get_or_insert(timestamp));
        let size = body_size(timestamp_delta, offset_delta, key, value, headers);
        let size_field = i32::try_from(size).map_err(|_| BuildError::TooLarge)?;
        let compressed = self.options.compression.kind() != CompressionType::None;
        let to = if compressed { &mut self.pending } else { &mut self.out };
        put_varint(to, size_field);
        put_body(to, (timestamp_delta, offset_delta), key, value, headers);
        self.records_bytes += size + varlong_size(size as i64);
        self.records_count = self.records_count.checked_add(1).ok_or(BuildError::TooLarge)?;
        self.last_offset = Some(offset);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        if self.pending.len() >= FLUSH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Appends a record that was read elsewhere, at its own offset.
    pub fn append_record(&mut self, record: &Record) -> Result<(), BuildError> {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        self.append_at(record.offset, record.timestamp, key, value, &record.headers)
    }

    fn flush(&mut self) -> Result<(), BuildError> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            empty => {
                let out = std::mem::take(&mut self.out);
                empty.insert(Encoder::new(self.options.compression, out, None)?)
            }
        };
        encoder.write(&self.pending)?;
        self.pending.clear();
        Ok(())
    }

    /// The offset that [`BatchBuilder::append`] gives next.
    pub fn next_offset(&self) -> i64 {
        self.last_offset.map_or(self.options.base_offset, |last| last + 1)
    }

    /// Records so far.
    pub const fn records_count(&self) -> i32 {
        self.records_count
    }

    /// Size in bytes that the batch has without compression, header included.
    pub const fn uncompressed_size(&self) -> usize {
        BATCH_OVERHEAD + self.records_bytes
    }

    /// Bytes that a record would add, by which producers see whether the batch has room.
    pub fn record_size(
        &self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RecordHeader],
    ) -> usize {
        let timestamp_delta = self.base_timestamp.map_or(0, |base| timestamp.wrapping_sub(base));
        let offset_delta = self.next_offset().wrapping_sub(self.options.base_offset) as i32;
        let size = body_size(timestamp_delta, offset_delta, key, value, headers);
        size + varlong_size(size as i64)
    }

    /// Sets what a producer learns only when it sends the batch.
    pub const fn set_producer(&mut self, id: i64, epoch: i16, base_sequence: i32, transactional: bool) {
        self.options.producer_id = id;
        self.options.producer_epoch = epoch;
        self.options.base_sequence = base_sequence;
        self.options.transactional = transactional;
    }

    /// Makes the batch end at `offset` although its last record has gone, as compaction does to keep the
    /// producer's last sequence.
    pub const fn set_last_offset(&mut self, offset: i64) {
        self.last_offset = Some(offset);
    }

    /// The whole batch with its checksum.
    pub fn build(mut self) -> Result<BytesMut, BuildError> {
        if self.records_count == 0 {
            return Err(BuildError::Empty);
        }
        self.check_producer()?;
        let mut out = if self.options.compression.kind() == CompressionType::None {
            std::mem::take(&mut self.out)
        } else {
            let mut encoder = match self.encoder.take() {
                Some(encoder) => encoder,
                None => {
                    let whole = Some(self.pending.len() as u64);
                    Encoder::new(self.options.compression, std::mem::take(&mut self.out), whole)?
                }
            };
            encoder.write(&self.pending)?;
            encoder.finish()?
        };
        let max_timestamp = self.options.log_append_time_ms.unwrap_or(self.max_timestamp);
        let base = self.options.base_offset;
        let offset = self.last_offset.unwrap_or(base);
        let delta = offset.checked_sub(base).and_then(|delta| i32::try_from(delta).ok());
        let header = BatchHeader {
            batch_length: i32::try_from(out.len() - LOG_OVERHEAD).map_err(|_| BuildError::TooLarge)?,
            last_offset_delta: delta.ok_or(BuildError::OffsetDelta { base, offset })?,
            base_timestamp: self.base_timestamp.unwrap_or(NO_TIMESTAMP),
            max_timestamp,
            records_count: self.records_count,
            ..self.options.header()
        };
        write_header(&mut out, &header);
        Ok(out)
    }

    fn check_producer(&self) -> Result<(), BuildError> {
        let BatchOptions { producer_id, producer_epoch, base_sequence, transactional, control, .. } =
            self.options;
        if transactional && producer_id == NO_PRODUCER_ID {
            return Err(BuildError::NoProducerId);
        }
        if producer_id != NO_PRODUCER_ID {
            if producer_epoch == NO_PRODUCER_EPOCH {
                return Err(BuildError::NegativeProducerEpoch);
            }
            if base_sequence < 0 && !control {
                return Err(BuildError::NegativeSequence);
            }
        }
        Ok(())
    }

    /// A batch without records that keeps the offsets and the producer state of `like`, as compaction leaves it.
    pub fn empty_like(like: &BatchHeader) -> Bytes {
        let options = BatchOptions {
            compression: Compression::NONE,
            delete_horizon_ms: None,
            ..BatchOptions::like(like)
        };
        let header = BatchHeader {
            batch_length: (BATCH_OVERHEAD - LOG_OVERHEAD) as i32,
            last_offset_delta: like.last_offset_delta,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: like.max_timestamp,
            records_count: 0,
            ..options.header()
        };
        let mut out = BytesMut::zeroed(BATCH_OVERHEAD);
        write_header(&mut out, &header);
        out.freeze()
    }

    /// A batch of one control record: `key` is the control record type with its version, `value` the payload.
    /// Of the options, `control` is implied.
    pub fn control(
        options: BatchOptions,
        timestamp: i64,
        key: &[u8],
        value: &[u8],
    ) -> Result<BytesMut, BuildError> {
        let mut builder = Self::new(BatchOptions { control: true, ..options });
        builder.append(timestamp, Some(key), Some(value), &[])?;
        builder.build()
    }
}

impl BatchOptions {
    /// A header with what the options say, everything else zero.
    fn header(&self) -> BatchHeader {
        let flag = |on: bool, mask: i16| if on { mask } else { 0 };
        BatchHeader {
            base_offset: self.base_offset,
            batch_length: 0,
            partition_leader_epoch: self.partition_leader_epoch,
            magic: 2,
            crc: 0,
            attributes: i16::from(self.compression.kind().id())
                | flag(self.log_append_time_ms.is_some(), TIMESTAMP_TYPE_MASK)
                | flag(self.transactional, TRANSACTIONAL_MASK)
                | flag(self.control, CONTROL_MASK)
                | flag(self.delete_horizon_ms.is_some(), DELETE_HORIZON_MASK),
            last_offset_delta: 0,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            records_count: 0,
        }
    }
}

fn write_header(out: &mut BytesMut, header: &BatchHeader) {
    if let Some(place) = out.first_chunk_mut::<BATCH_OVERHEAD>() {
        header.encode_v2(place);
    }
    patch::recompute_crc(out);
}

fn sized(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |b| varlong_size(b.len() as i64) + b.len())
}

fn body_size(
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[RecordHeader],
) -> usize {
    let headers_bytes: usize = headers.iter().map(|h| sized(Some(&h.key)) + sized(h.value.as_deref())).sum();
    let deltas = varlong_size(timestamp_delta) + varlong_size(i64::from(offset_delta));
    1 + deltas + sized(key) + sized(value) + varlong_size(headers.len() as i64) + headers_bytes
}

fn put_sized(to: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varint(to, -1),
        Some(bytes) => {
            put_varlong(to, bytes.len() as i64);
            to.extend_from_slice(bytes);
        }
    }
}

fn put_body(
    to: &mut BytesMut,
    (timestamp_delta, offset_delta): (i64, i32),
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[RecordHeader],
) {
    // No record attribute is assigned.
    to.extend_from_slice(&[0]);
    put_varlong(to, timestamp_delta);
    put_varint(to, offset_delta);
    put_sized(to, key);
    put_sized(to, value);
    put_varlong(to, headers.len() as i64);
    for header in headers {
        put_sized(to, Some(&header.key));
        put_sized(to, header.value.as_deref());
    }
}
