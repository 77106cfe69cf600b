//! Records of magic 2 batches and their iteration.
//!
//! Record: length varint (of the rest), attributes i8 (unused), timestamp delta varlong, offset delta varint, key
//! and value each a varint length (negative: null) and bytes, headers count varint, per header a key (not null)
//! and a value likewise.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use super::header::BATCH_OVERHEAD;
use super::stream::{ENDED, RecordStream};
use super::varint::{Input, STRUCTURE, SliceInput, varlong_size};
use super::{BatchError, BatchHeader, DecompressLimits, NO_SEQUENCE, RecordBatch, TimestampType};
use super::{increment_sequence, legacy};

/// One record; key, value and headers share the batch's (inflated) bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub offset: i64,
    /// Milliseconds since the epoch, [`super::NO_TIMESTAMP`] if there is none.
    pub timestamp: i64,
    /// [`NO_SEQUENCE`] unless written by an idempotent producer.
    pub sequence: i32,
    /// No bit is assigned.
    pub attributes: i8,
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
    /// In the order they were written; keys may repeat.
    pub headers: Vec<RecordHeader>,
    /// Bytes the record takes before compression, its length field included.
    pub size: usize,
}

/// A header of a record (KIP-82).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordHeader {
    /// UTF-8 by convention, not checked.
    pub key: Bytes,
    pub value: Option<Bytes>,
}

/// What validation needs to know of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordMeta {
    pub offset: i64,
    pub timestamp: i64,
    pub attributes: i8,
    /// Bytes the record takes before compression, as its length field says.
    pub size: usize,
    /// Negative: null.
    pub key_size: i32,
    /// Negative: null.
    pub value_size: i32,
}

impl RecordMeta {
    /// Whether the key is not null.
    pub const fn has_key(&self) -> bool {
        self.key_size >= 0
    }
}

/// What a batch header adds to its records' deltas.
#[derive(Debug, Clone, Copy)]
struct Base {
    offset: i64,
    timestamp: i64,
    sequence: i32,
    log_append_time: Option<i64>,
}

impl Base {
    fn new(header: &BatchHeader) -> Self {
        let appended = header.timestamp_type() == TimestampType::LogAppendTime;
        Self {
            offset: header.base_offset,
            timestamp: header.base_timestamp,
            sequence: header.base_sequence,
            log_append_time: appended.then_some(header.max_timestamp),
        }
    }

    fn timestamp(&self, delta: i64) -> i64 {
        self.log_append_time.unwrap_or_else(|| self.timestamp.wrapping_add(delta))
    }

    fn offset(&self, delta: i32) -> i64 {
        self.offset.wrapping_add(i64::from(delta))
    }

    fn sequence(&self, delta: i32) -> i32 {
        if self.sequence >= 0 && delta >= 0 { increment_sequence(self.sequence, delta) } else { NO_SEQUENCE }
    }
}

/// Where the parts of a record's body lie.
struct Body {
    attributes: i8,
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers_at: usize,
    headers_count: usize,
}

fn sized(input: &mut SliceInput<'_>) -> Result<Option<Range<usize>>, BatchError> {
    let Ok(size) = usize::try_from(input.varint()?) else { return Ok(None) };
    let start = input.position;
    input.skip(size)?;
    Ok(Some(start..input.position))
}

fn header(input: &mut SliceInput<'_>) -> Result<(Range<usize>, Option<Range<usize>>), BatchError> {
    let key = sized(input)?.ok_or(BatchError::invalid("Invalid negative header key size"))?;
    Ok((key, sized(input)?))
}

fn headers_count(count: i32) -> Result<usize, BatchError> {
    usize::try_from(count).map_err(|_| {
        BatchError::InvalidRecord(Cow::Owned(format!("Found invalid number of record headers {count}")))
    })
}

fn wrong_size(expected: i64, read: u64) -> BatchError {
    BatchError::InvalidRecord(Cow::Owned(format!(
        "Invalid record size: expected to read {expected} bytes in record payload, but instead read {read}"
    )))
}

impl Body {
    /// Parses and checks a whole body, headers included.
    fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let mut input = SliceInput::new(bytes, 0);
        let attributes = input.byte()? as i8;
        let timestamp_delta = input.varlong()?;
        let offset_delta = input.varint()?;
        let key = sized(&mut input)?;
        let value = sized(&mut input)?;
        let headers_count = headers_count(input.varint()?)?;
        if headers_count > input.remaining() {
            return Err(BatchError::InvalidRecord(Cow::Owned(format!(
                "Found invalid number of record headers. {headers_count} is larger than the remaining size of the \
                 buffer"
            ))));
        }
        let headers_at = input.position;
        for _ in 0..headers_count {
            header(&mut input)?;
        }
        if input.remaining() > 0 {
            return Err(wrong_size(bytes.len() as i64, input.position as u64));
        }
        Ok(Self { attributes, timestamp_delta, offset_delta, key, value, headers_at, headers_count })
    }

    fn record(self, bytes: &Bytes, base: &Base, size: usize) -> Result<Record, BatchError> {
        let mut headers = Vec::with_capacity(self.headers_count);
        let mut input = SliceInput::new(bytes, self.headers_at);
        for _ in 0..self.headers_count {
            let (key, value) = header(&mut input)?;
            headers.push(RecordHeader { key: bytes.slice(key), value: value.map(|v| bytes.slice(v)) });
        }
        Ok(Record {
            offset: base.offset(self.offset_delta),
            timestamp: base.timestamp(self.timestamp_delta),
            sequence: base.sequence(self.offset_delta),
            attributes: self.attributes,
            key: self.key.map(|k| bytes.slice(k)),
            value: self.value.map(|v| bytes.slice(v)),
            headers,
            size,
        })
    }
}

/// What both iterators over magic 2 share: how many records are left, and that nothing follows the last.
struct Counter {
    left: i32,
}

impl Counter {
    fn new(header: &BatchHeader) -> Result<Self, BatchError> {
        if header.records_count < 0 {
            return Err(BatchError::InvalidRecord(Cow::Owned(format!(
                "Found invalid record count {} in magic v{} batch",
                header.records_count, header.magic
            ))));
        }
        Ok(Self { left: header.records_count })
    }

    fn done<T>(
        &mut self,
        result: Result<T, BatchError>,
        at_end: impl FnOnce() -> Result<bool, BatchError>,
    ) -> Result<T, BatchError> {
        self.left -= 1;
        let result = result.and_then(|record| {
            if self.left > 0 || at_end()? {
                return Ok(record);
            }
            Err(BatchError::invalid("Incorrect declared batch size, records still remaining in file"))
        });
        if result.is_err() {
            self.left = 0;
        }
        result
    }
}

fn open(batch: &RecordBatch, limits: DecompressLimits) -> Result<RecordStream, BatchError> {
    RecordStream::new(batch.compression()?, batch.magic, batch.bytes().slice(BATCH_OVERHEAD..), limits)
}

enum Records {
    Empty,
    Current { base: Base, stream: RecordStream, counter: Counter },
    Legacy(std::vec::IntoIter<Record>),
}

/// Iterates the records of a batch. An error ends the iteration.
pub struct RecordIter(Records);

impl RecordIter {
    pub(super) fn new(batch: &RecordBatch, limits: DecompressLimits) -> Result<Self, BatchError> {
        if batch.magic < 2 {
            return Ok(Self(Records::Legacy(legacy::records(batch, limits)?.into_iter())));
        }
        let counter = Counter::new(batch)?;
        if counter.left == 0 {
            return Ok(Self(Records::Empty));
        }
        Ok(Self(Records::Current { base: Base::new(batch), stream: open(batch, limits)?, counter }))
    }
}

impl Iterator for RecordIter {
    type Item = Result<Record, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Records::Empty => None,
            Records::Legacy(records) => records.next().map(Ok),
            Records::Current { counter: Counter { left: 0 }, .. } => None,
            Records::Current { base, stream, counter } => {
                let record = stream
                    .record_body()
                    .and_then(|(body, size)| Body::parse(&body)?.record(&body, base, size));
                Some(counter.done(record, || stream.at_end()))
            }
        }
    }
}

enum Metas<'a> {
    Plain(SliceInput<'a>),
    Skipping(Box<RecordStream>),
}

/// Iterates what validation needs of a magic 2 batch's records. An error ends the iteration.
///
/// Unlike Kafka, which looks at the sizes inside the records only when it skips through a compressed batch, this also
/// checks the records' own lengths: a batch that passes can be read.
pub struct RecordMetaIter<'a> {
    base: Base,
    source: Metas<'a>,
    counter: Counter,
}

impl<'a> RecordMetaIter<'a> {
    pub(super) fn new(batch: &'a RecordBatch, limits: DecompressLimits) -> Result<Self, BatchError> {
        if batch.magic < 2 {
            return Err(BatchError::Magic(batch.magic));
        }
        let counter = Counter::new(batch)?;
        let source = if batch.is_compressed() && counter.left > 0 {
            Metas::Skipping(Box::new(open(batch, limits)?))
        } else {
            Metas::Plain(SliceInput::new(batch.bytes(), BATCH_OVERHEAD))
        };
        Ok(Self { base: Base::new(batch), source, counter })
    }
}

fn meta(base: &Base, body: &Body, size: usize) -> RecordMeta {
    let len = |range: &Option<Range<usize>>| range.as_ref().map_or(-1, |r| r.len() as i32);
    RecordMeta {
        offset: base.offset(body.offset_delta),
        timestamp: base.timestamp(body.timestamp_delta),
        attributes: body.attributes,
        size,
        key_size: len(&body.key),
        value_size: len(&body.value),
    }
}

fn read_plain(input: &mut SliceInput<'_>, base: &Base) -> Result<RecordMeta, BatchError> {
    if input.remaining() == 0 {
        return Err(ENDED);
    }
    let size = input.varint()?;
    let count = usize::try_from(size).map_err(|_| STRUCTURE)?;
    let start = input.position;
    if count > input.remaining() {
        return Err(BatchError::InvalidRecord(Cow::Owned(format!(
            "Invalid record size: expected {size} bytes in record payload, but instead the buffer has only {} \
             remaining bytes.",
            input.remaining()
        ))));
    }
    input.skip(count)?;
    let body = Body::parse(input.bytes.get(start..input.position).unwrap_or_default())?;
    Ok(meta(base, &body, count + varlong_size(i64::from(size))))
}

fn read_skipping(input: &mut RecordStream, base: &Base) -> Result<RecordMeta, BatchError> {
    if input.at_end()? {
        return Err(ENDED);
    }
    let size = input.varint()?;
    let start = input.consumed();
    let attributes = input.byte()? as i8;
    let timestamp = base.timestamp(input.varlong()?);
    let offset = base.offset(input.varint()?);
    let mut skip = || -> Result<i32, BatchError> {
        let size = input.varint()?;
        input.skip(usize::try_from(size).unwrap_or(0))?;
        Ok(size)
    };
    let (key_size, value_size) = (skip()?, skip()?);
    for _ in 0..headers_count(input.varint()?)? {
        let key_size = input.varint()?;
        let key_size = usize::try_from(key_size).map_err(|_| {
            BatchError::InvalidRecord(Cow::Owned(format!("Invalid negative header key size {key_size}")))
        })?;
        input.skip(key_size)?;
        let value_size = input.varint()?;
        input.skip(usize::try_from(value_size).unwrap_or(0))?;
    }
    let read = input.consumed() - start;
    if u64::try_from(size) != Ok(read) {
        return Err(wrong_size(i64::from(size), read));
    }
    let size = varlong_size(i64::from(size)) + usize::try_from(size).unwrap_or(0);
    Ok(RecordMeta { offset, timestamp, attributes, size, key_size, value_size })
}

impl Iterator for RecordMetaIter<'_> {
    type Item = Result<RecordMeta, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.counter.left == 0 {
            return None;
        }
        let Self { base, source, counter } = self;
        Some(match source {
            Metas::Plain(input) => {
                let read = read_plain(input, base);
                counter.done(read, || Ok(input.remaining() == 0))
            }
            Metas::Skipping(input) => {
                let read = read_skipping(input, base);
                counter.done(read, || input.at_end())
            }
        })
    }
}
