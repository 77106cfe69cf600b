//! What a leader checks before it appends what a producer sent.
//!
//! Three stages, as in Kafka, each with its own error codes: the request (one magic 2 batch per partition), the
//! batch as a whole (base offset, size, checksum, counts, producer state), and each record (key, timestamp). A batch
//! in the topic's codec is passed through: compressed records are inflated only to skip over keys and values, and
//! only the header is written anew. Otherwise the records are compressed again; a different *level* of the same
//! codec is no reason to.
//!
//! Different from Kafka on purpose:
//! * Records whose offset deltas are not 0, 1, 2, … are refused with INVALID_RECORD. Kafka appends them if they are
//!   not compressed, and answers UNKNOWN_SERVER_ERROR if they are.
//! * The length of a compressed record must be that of its parts; Kafka lets it pass and its consumers fail.
//! * A batch that inflates beyond [`ProduceRules::limits`] is refused with MESSAGE_TOO_LARGE, upon which producers
//!   split it. Kafka has no bound.
//! * At most [`RECORD_ERRORS_MAX`] record errors are listed.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    BatchBuilder, BatchError, BatchIter, BatchOptions, BuildError, Compression, CompressionType,
    DecompressLimits, NO_TIMESTAMP, NewBatch, Record, RecordBatch, RecordMeta, TimestampType,
};

mod refusal;

pub use refusal::{InvalidMetric, ProduceRefusal, RECORD_ERRORS_MAX, RecordError};

/// Produce v7 is the first that may carry zstd (KIP-110).
const ZSTD_SINCE: i16 = 7;

/// Who appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A producer; everything is checked.
    Client,
    /// A coordinator of this broker, which may write control batches and any offsets.
    Coordinator,
}

/// What a topic and its broker demand of a produced batch.
#[derive(Debug, Clone)]
pub struct ProduceRules<'a> {
    /// As `topic-0`, for messages.
    pub topic_partition: &'a str,
    /// Version of the Produce request.
    pub api_version: i16,
    pub origin: AppendOrigin,
    /// `max.message.bytes`, for the whole batch.
    pub size_max: usize,
    /// Whether `cleanup.policy` has `compact`, so that every record needs a key.
    pub compacted: bool,
    /// `compression.type` with its level; `None` for `producer`.
    pub compression: Option<Compression>,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`, how far a create time may lie in the past.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`, how far a create time may lie in the future.
    pub timestamp_after_max_ms: i64,
    pub limits: DecompressLimits,
}

impl Default for ProduceRules<'_> {
    /// Kafka's defaults of the topic configs.
    fn default() -> Self {
        Self {
            topic_partition: "",
            api_version: i16::MAX,
            origin: AppendOrigin::Client,
            size_max: 1_048_588,
            compacted: false,
            compression: None,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            limits: DecompressLimits::default(),
        }
    }
}

/// A batch that may be appended once it has offsets ([`NewBatch::assign_offsets`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validated {
    pub batch: NewBatch,
    /// Largest timestamp of the batch; for the time index it belongs to the batch's last offset.
    pub max_timestamp: i64,
    /// The append time, if the topic sets timestamps; goes into the response.
    pub log_append_time_ms: Option<i64>,
    pub records_count: i32,
    /// Bytes of the batch before compression, header included.
    pub uncompressed_bytes: u64,
    /// Whether the records had to be compressed anew.
    pub rebuilt: bool,
}

/// Checks what a produce request has for one partition; `now_ms` is the wall clock in milliseconds since the epoch.
///
/// Bytes behind the batch that make no further one are ignored, as in Kafka.
pub fn validate_produce(
    records: Bytes,
    rules: &ProduceRules<'_>,
    now_ms: i64,
) -> Result<Validated, ProduceRefusal> {
    let batch = only_batch(records, rules)?;
    check_bytes(&batch, rules)?;
    let source = batch.compression()?;
    let target = rules.compression.unwrap_or(Compression::new(source));
    check_header(&batch, rules)?;
    // Control records are never compressed on the way in.
    let in_place = source == target.kind() || (source == CompressionType::None && batch.is_control());
    let validated =
        if in_place { pass_through(&batch, rules, now_ms)? } else { rebuild(&batch, rules, target, now_ms)? };
    if validated.rebuilt && validated.batch.size() > rules.size_max {
        return Err(ProduceRefusal::too_large(format!(
            "Message batch size is {} bytes in append to partition {} which exceeds the maximum configured size of {}.",
            validated.batch.size(),
            rules.topic_partition,
            rules.size_max
        )));
    }
    Ok(validated)
}

/// The one batch of the request, checked as Kafka does before it looks at the topic.
fn only_batch(records: Bytes, rules: &ProduceRules<'_>) -> Result<RecordBatch, ProduceRefusal> {
    let version = rules.api_version;
    let mut batches = BatchIter::new(records);
    let batch = batches.next().ok_or_else(|| {
        ProduceRefusal::invalid(format!(
            "Produce requests with version {version} must have at least one record batch per partition"
        ))
    })??;
    if batch.magic != 2 {
        return Err(ProduceRefusal::invalid(format!(
            "Produce requests with version {version} are only allowed to contain record batches with magic version 2"
        )));
    }
    if version < ZSTD_SINCE && batch.compression()? == CompressionType::Zstd {
        return Err(ProduceRefusal::unsupported_compression(format!(
            "Produce requests with version {version} are not allowed to use ZStandard compression"
        )));
    }
    if batches.next().transpose()?.is_some() {
        return Err(ProduceRefusal::invalid(format!(
            "Produce requests with version {version} are only allowed to contain exactly one record batch per \
             partition"
        )));
    }
    Ok(batch)
}

fn check_bytes(batch: &RecordBatch, rules: &ProduceRules<'_>) -> Result<(), ProduceRefusal> {
    let at = rules.topic_partition;
    if rules.origin == AppendOrigin::Client && batch.base_offset != 0 {
        return Err(ProduceRefusal::invalid(format!(
            "The baseOffset of the record batch in the append to {at} should be 0, but it is {}",
            batch.base_offset
        )));
    }
    if batch.size() > rules.size_max {
        return Err(ProduceRefusal::too_large(format!(
            "The record batch size in the append to {at} is {} bytes which exceeds the maximum configured value of {}).",
            batch.size(),
            rules.size_max
        )));
    }
    if batch.check_crc().is_err() {
        return Err(ProduceRefusal::corrupt(format!(
            "Record is corrupt (stored crc = {}) in topic partition {at}.",
            batch.crc
        ))
        .counted(InvalidMetric::Crc, 1));
    }
    Ok(())
}

fn check_header(batch: &RecordBatch, rules: &ProduceRules<'_>) -> Result<(), ProduceRefusal> {
    if rules.origin != AppendOrigin::Client {
        return Ok(());
    }
    let at = rules.topic_partition;
    let count = batch.records_count;
    let span = i64::from(batch.last_offset_delta) + 1;
    let range = || format!("[{}, {}]", batch.base_offset, batch.last_offset());
    let (text, metric) = if span <= 0 {
        (
            format!("Batch has an invalid offset range: {} in topic partition {at}", range()),
            InvalidMetric::Offset,
        )
    } else if count <= 0 {
        (
            format!("Invalid reported count for record batch: {count} in topic partition {at}"),
            InvalidMetric::Offset,
        )
    } else if span != i64::from(count) {
        let text = format!(
            "Inconsistent batch offset range {} and count of records {count} in topic partition {at}",
            range()
        );
        (text, InvalidMetric::Offset)
    } else if batch.is_control() {
        let text = format!("Clients are not allowed to write control records in topic partition {at}");
        (text, InvalidMetric::Offset)
    } else if batch.has_producer_id() && batch.base_sequence < 0 {
        let text = format!(
            "Invalid sequence number {} in record batch with producerId {} in topic partition {at}",
            batch.base_sequence, batch.producer_id
        );
        (text, InvalidMetric::Sequence)
    } else {
        return Ok(());
    };
    Err(ProduceRefusal::invalid(text).counted(metric, 1))
}

/// Checks record after record and gathers what is wrong with each.
struct RecordChecks<'a> {
    rules: &'a ProduceRules<'a>,
    batch: &'a RecordBatch,
    now_ms: i64,
    /// Index of the next record, also its offset delta.
    index: i32,
    max_timestamp: i64,
    uncompressed_bytes: u64,
    errors: Vec<RecordError>,
    errors_count: u64,
    bad_timestamps: u64,
    missing_keys: u64,
}

impl<'a> RecordChecks<'a> {
    const fn new(batch: &'a RecordBatch, rules: &'a ProduceRules<'a>, now_ms: i64) -> Self {
        Self {
            rules,
            batch,
            now_ms,
            index: 0,
            max_timestamp: NO_TIMESTAMP,
            uncompressed_bytes: super::BATCH_OVERHEAD as u64,
            errors: Vec::new(),
            errors_count: 0,
            bad_timestamps: 0,
            missing_keys: 0,
        }
    }

    fn check(&mut self, record: &RecordMeta) -> Result<(), ProduceRefusal> {
        if let Some(text) = self.error_of(record) {
            self.errors_count += 1;
            if self.errors.len() < RECORD_ERRORS_MAX {
                self.errors.push(RecordError { batch_index: self.index, message: text });
            }
        }
        let expected = self.batch.base_offset.wrapping_add(i64::from(self.index));
        if record.offset != expected {
            return Err(ProduceRefusal::invalid(format!(
                "Record {} of the batch has offset {} instead of {expected} in topic partition {}",
                self.index, record.offset, self.rules.topic_partition
            ))
            .counted(InvalidMetric::Offset, 1));
        }
        self.index = self.index.wrapping_add(1);
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        self.uncompressed_bytes += record.size as u64;
        Ok(())
    }

    fn error_of(&mut self, record: &RecordMeta) -> Option<String> {
        let rules = self.rules;
        if rules.compacted && !record.has_key() {
            self.missing_keys += 1;
            let at = rules.topic_partition;
            return Some(format!(
                "Compacted topic cannot accept message without key in topic partition {at}"
            ));
        }
        if rules.timestamp_type == TimestampType::CreateTime && record.timestamp != NO_TIMESTAMP {
            let age = self.now_ms.wrapping_sub(record.timestamp);
            let ahead = age.wrapping_neg();
            if age <= rules.timestamp_before_max_ms && ahead <= rules.timestamp_after_max_ms {
                return None;
            }
            self.bad_timestamps += 1;
            return Some(format!(
                "Timestamp {} of message with offset {} is out of range. The timestamp should be within [{}, {}]",
                record.timestamp,
                record.offset,
                self.now_ms.wrapping_sub(rules.timestamp_before_max_ms),
                self.now_ms.wrapping_add(rules.timestamp_after_max_ms)
            ));
        }
        if self.batch.timestamp_type() == TimestampType::LogAppendTime {
            self.bad_timestamps += 1;
            return Some(format!(
                "Invalid timestamp type in message {}. Producer should not set timestamp type to LogAppendTime.",
                self.text_of(record)
            ));
        }
        None
    }

    /// The record as Kafka prints it, which depends on how it was read.
    fn text_of(&self, record: &RecordMeta) -> String {
        let RecordMeta { offset, timestamp, mut key_size, mut value_size, .. } = *record;
        let name = if self.batch.is_compressed() {
            "PartialDefaultRecord"
        } else {
            (key_size, value_size) = (key_size.max(0), value_size.max(0));
            "DefaultRecord"
        };
        format!(
            "{name}(offset={offset}, timestamp={timestamp}, key={key_size} bytes, value={value_size} bytes)"
        )
    }

    fn finish(&mut self) -> Result<(), ProduceRefusal> {
        if self.errors_count == 0 {
            return Ok(());
        }
        let errors = std::mem::take(&mut self.errors);
        let refusal = ProduceRefusal::records(errors, self.errors_count, self.bad_timestamps > 0);
        Err(if self.missing_keys > 0 {
            refusal.counted(InvalidMetric::NoKey, self.missing_keys)
        } else {
            refusal
        })
    }
}

/// Checks the records without keeping them; the batch stays as it is but for its header.
fn pass_through(
    batch: &RecordBatch,
    rules: &ProduceRules<'_>,
    now_ms: i64,
) -> Result<Validated, ProduceRefusal> {
    let mut checks = RecordChecks::new(batch, rules, now_ms);
    for record in batch.record_metas(rules.limits)? {
        checks.check(&record?)?;
    }
    checks.finish()?;
    let mut new = NewBatch::new(batch)?;
    let append_time = (rules.timestamp_type == TimestampType::LogAppendTime).then_some(now_ms);
    let max_timestamp = append_time.unwrap_or(checks.max_timestamp);
    // Also mends a header that claims another maximum than its records have.
    new.set_max_timestamp(rules.timestamp_type, max_timestamp);
    Ok(Validated {
        batch: new,
        max_timestamp,
        log_append_time_ms: append_time,
        records_count: batch.records_count,
        uncompressed_bytes: checks.uncompressed_bytes,
        rebuilt: false,
    })
}

fn meta_of(record: &Record) -> RecordMeta {
    let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(-1, |b| b.len() as i32);
    RecordMeta {
        offset: record.offset,
        timestamp: record.timestamp,
        attributes: record.attributes,
        size: record.size,
        key_size: size(&record.key),
        value_size: size(&record.value),
    }
}

/// Checks the records and compresses them with the topic's codec, one at a time.
fn rebuild(
    batch: &RecordBatch,
    rules: &ProduceRules<'_>,
    target: Compression,
    now_ms: i64,
) -> Result<Validated, ProduceRefusal> {
    let append_time = (rules.timestamp_type == TimestampType::LogAppendTime).then_some(now_ms);
    let options = BatchOptions {
        compression: target,
        log_append_time_ms: append_time,
        control: false,
        delete_horizon_ms: None,
        ..BatchOptions::like(batch)
    };
    let mut checks = RecordChecks::new(batch, rules, now_ms);
    let mut builder = BatchBuilder::new(options);
    for record in batch.records_within(rules.limits)? {
        let record = record?;
        checks.check(&meta_of(&record))?;
        if checks.errors_count == 0 {
            builder.append_record(&record)?;
        }
    }
    checks.finish()?;
    let new = NewBatch::from_built(builder.build()?)?;
    Ok(Validated {
        max_timestamp: new.header().max_timestamp,
        batch: new,
        log_append_time_ms: append_time,
        records_count: batch.records_count,
        uncompressed_bytes: checks.uncompressed_bytes,
        rebuilt: true,
    })
}

impl From<BatchError> for ProduceRefusal {
    fn from(error: BatchError) -> Self {
        let text = error.to_string();
        match error {
            BatchError::SizeTooSmall { .. }
            | BatchError::SizeTooLarge { .. }
            | BatchError::Magic(_)
            | BatchError::Truncated { .. }
            | BatchError::Crc { .. } => Self::corrupt(text),
            BatchError::InvalidRecord(_) => Self::invalid(text),
            BatchError::DecompressedTooLarge { .. } => {
                Self { message: Some(Cow::Owned(text.clone())), ..Self::too_large(text) }
            }
            // Kafka has no class for these and says UNKNOWN_SERVER_ERROR.
            BatchError::UnknownCompression(_) | BatchError::Decompression(_) => Self::unknown(text),
        }
    }
}

impl From<BuildError> for ProduceRefusal {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::TooLarge => Self::too_large(error.to_string()),
            _ => Self::unknown(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
