//! Records out of fetched batches.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use klamm_protocol::records::{BatchIter, Record, RecordBatch, RecordHeader, TimestampType};

use super::partitions::{Current, Fetched, Place, Position, Reading};
use crate::{ClientError, TopicPartition, admin::IsolationLevel};

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in milliseconds since 1970; -1 if it has none.
    pub timestamp: i64,
    /// Who set the timestamp.
    pub timestamp_type: TimestampType,
    /// The leader epoch of its batch, if there is one.
    pub leader_epoch: Option<i32>,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers, in order.
    pub headers: Vec<RecordHeader>,
}

impl Fetched {
    pub(super) fn new(bytes: Bytes, aborted: Vec<(i64, i64)>) -> Self {
        let mut aborted = aborted;
        aborted.sort_unstable();
        Self {
            bytes: bytes.len(),
            batches: BatchIter::new(bytes),
            current: None,
            aborted: VecDeque::from(aborted),
            aborted_producers: std::collections::BTreeSet::new(),
        }
    }

    /// Opens the next batch with records to give out. False at the end.
    fn open_next(&mut self, how: &How<'_>) -> Result<bool, ClientError> {
        loop {
            let Some(batch) = self.batches.next() else { return Ok(false) };
            let batch = batch.map_err(|error| how.fault(&error))?;
            if how.check_crcs {
                batch.check_crc().map_err(|error| how.fault(&error))?;
            }
            if batch.last_offset() < how.position || self.is_skipped(&batch, how)? {
                // Its offsets are behind us all the same.
                self.current = None;
                if batch.next_offset() > how.position {
                    self.skip_to(batch.next_offset(), batch.partition_leader_epoch);
                    return Ok(true);
                }
                continue;
            }
            self.current = Some(Current {
                next_offset: batch.next_offset(),
                leader_epoch: batch.partition_leader_epoch,
                is_log_append_time: batch.timestamp_type() == TimestampType::LogAppendTime,
                records: Some(batch.records().map_err(|error| how.fault(&error))?),
            });
            return Ok(true);
        }
    }

    /// A batch without records to give out, which only moves the position.
    fn skip_to(&mut self, next_offset: i64, leader_epoch: i32) {
        self.current = Some(Current { next_offset, leader_epoch, is_log_append_time: false, records: None });
    }

    /// Whether a reader is not shown this batch: control records, and with read_committed those of aborted transactions.
    fn is_skipped(&mut self, batch: &RecordBatch, how: &How<'_>) -> Result<bool, ClientError> {
        if how.isolation == IsolationLevel::ReadCommitted && batch.has_producer_id() {
            while self.aborted.front().is_some_and(|(first, _)| *first <= batch.last_offset()) {
                if let Some((_, producer)) = self.aborted.pop_front() {
                    self.aborted_producers.insert(producer);
                }
            }
            if batch.is_control() {
                if is_abort(batch) {
                    self.aborted_producers.remove(&batch.producer_id);
                }
            } else if batch.is_transactional() && self.aborted_producers.contains(&batch.producer_id) {
                return Ok(true);
            }
        }
        Ok(batch.is_control())
    }
}

/// Whether a control batch ends a transaction by aborting it: its key is version and type, type 0 is abort.
fn is_abort(batch: &RecordBatch) -> bool {
    let first = batch.records().ok().and_then(|mut records| records.next()?.ok());
    first.and_then(|record| record.key).is_some_and(|key| key.get(2..4) == Some(&[0, 0]))
}

/// How records are taken.
struct How<'a> {
    partition: &'a TopicPartition,
    position: i64,
    isolation: IsolationLevel,
    check_crcs: bool,
}

impl How<'_> {
    fn fault(&self, error: &klamm_protocol::records::BatchError) -> ClientError {
        ClientError::Records {
            topic: self.partition.topic.to_string(),
            partition: self.partition.partition,
            offset: self.position,
            reason: error.to_string(),
        }
    }
}

/// Takes up to `count` records of a partition into `taken`, moving its position behind them, and adds their size to
/// `bytes`.
pub(super) fn take(
    partition: &TopicPartition,
    reading: &mut Reading,
    count: usize,
    (isolation, check_crcs): (IsolationLevel, bool),
    taken: &mut Vec<ConsumerRecord>,
    bytes: &mut usize,
) -> Result<(), ClientError> {
    let end = taken.len() + count;
    let Position::At(mut place) = reading.position else { return Ok(()) };
    while taken.len() < end
        && let Some(fetched) = reading.buffered.front_mut()
    {
        let Some(current) = &mut fetched.current else {
            let how = How { partition, position: place.offset, isolation, check_crcs };
            if !fetched.open_next(&how)? {
                reading.buffered_bytes -= fetched.bytes;
                reading.buffered.pop_front();
            }
            continue;
        };
        match current.records.as_mut().and_then(Iterator::next) {
            Some(Ok(record)) => {
                if record.offset >= place.offset {
                    place = Place { offset: record.offset + 1, epoch: current.leader_epoch };
                    *bytes = bytes.saturating_add(record.size);
                    taken.push(consumer_record(partition, current, record));
                }
            }
            Some(Err(error)) => {
                let how = How { partition, position: place.offset, isolation, check_crcs };
                return Err(how.fault(&error));
            }
            None => {
                if current.next_offset > place.offset {
                    place = Place { offset: current.next_offset, epoch: current.leader_epoch };
                }
                fetched.current = None;
            }
        }
        reading.position = Position::At(place);
    }
    // An emptied front makes room for the next fetch at once.
    while let Some(front) = reading.buffered.front()
        && front.current.is_none()
        && front.batches.remaining() == 0
    {
        reading.buffered_bytes -= front.bytes;
        reading.buffered.pop_front();
    }
    Ok(())
}

fn consumer_record(partition: &TopicPartition, current: &Current, record: Record) -> ConsumerRecord {
    ConsumerRecord {
        topic: Arc::clone(&partition.topic),
        partition: partition.partition,
        offset: record.offset,
        timestamp: record.timestamp,
        timestamp_type: if current.is_log_append_time {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        },
        leader_epoch: Some(current.leader_epoch).filter(|epoch| *epoch >= 0),
        key: record.key,
        value: record.value,
        headers: record.headers,
    }
}
