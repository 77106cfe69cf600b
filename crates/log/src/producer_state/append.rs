//! One producer's part in one append: checked first, taken over once the bytes are written.

use klamm_protocol::records::{BatchHeader, NO_PRODUCER_EPOCH, NO_SEQUENCE, RecordBatch};

use super::entry::{BatchMetadata, ProducerEntry};
use super::verification::Verification;
use crate::error::{Error, Result};
use crate::index_file::field;

/// Who appends, which decides what is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A follower, or a log being recovered: the leader has checked.
    Replication,
    /// A coordinator that writes to its own partition: epochs are checked, sequences are not.
    Coordinator,
    /// A client: all is checked.
    Client,
    /// The leader of the metadata quorum.
    RaftLeader,
}

/// The end of a transaction in this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletedTxn {
    /// Who wrote it.
    pub producer_id: i64,
    /// Offset of its first record.
    pub first_offset: i64,
    /// Offset of its marker.
    pub last_offset: i64,
    /// Whether it was aborted.
    pub is_aborted: bool,
}

/// An end transaction marker: the single record of a control batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndTxnMarker {
    coordinator_epoch: i32,
    is_abort: bool,
    timestamp: i64,
}

/// See the module.
pub(crate) struct ProducerAppend {
    current: ProducerEntry,
    updated: ProducerEntry,
    origin: AppendOrigin,
    verification: Option<Verification>,
    started: Vec<i64>,
}

impl ProducerAppend {
    pub(crate) fn new(
        current: ProducerEntry,
        origin: AppendOrigin,
        verification: Option<Verification>,
    ) -> Self {
        let updated = current.without_batches();
        Self { current, updated, origin, verification, started: Vec::new() }
    }

    /// The entry as it is after the append, and the first offsets of the transactions it started.
    pub(crate) fn into_parts(self) -> (ProducerEntry, Vec<i64>) {
        (self.updated, self.started)
    }

    /// Counts a batch in, whose header has the offsets it gets in the log. `marker` is what [`read_marker`] makes of a
    /// control batch.
    ///
    /// `transaction_version` is that of the marker's writer (KIP-890): from 2 on a marker must raise the epoch.
    pub(crate) fn append(
        &mut self,
        header: &BatchHeader,
        marker: Option<EndTxnMarker>,
        transaction_version: i16,
    ) -> Result<Option<CompletedTxn>> {
        if !header.is_control() {
            return self.append_data(header, header.base_offset).map(|()| None);
        }
        match marker {
            Some(marker) => {
                self.append_marker(marker, header.producer_epoch, header.base_offset, transaction_version)
            }
            None => Ok(None),
        }
    }

    fn append_data(&mut self, header: &BatchHeader, first_offset: i64) -> Result<()> {
        self.check_epoch(header.producer_epoch, first_offset, 0)?;
        if self.origin == AppendOrigin::Client {
            self.check_sequence(header.producer_epoch, header.base_sequence, first_offset)?;
        }
        let batch = BatchMetadata {
            last_sequence: header.last_sequence(),
            last_offset: first_offset.saturating_add(i64::from(header.last_offset_delta)),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        };
        self.updated.add_batch(header.producer_epoch, batch);
        match self.updated.current_txn_first_offset() {
            Some(_) if !header.is_transactional() => Err(Error::InvalidTxnState(format!(
                "expected transactional write from producer {} at offset {first_offset}",
                self.updated.producer_id()
            ))),
            None if header.is_transactional() => {
                self.updated.set_current_txn_first_offset(first_offset);
                self.started.push(first_offset);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn append_marker(
        &mut self,
        marker: EndTxnMarker,
        producer_epoch: i16,
        offset: i64,
        transaction_version: i16,
    ) -> Result<Option<CompletedTxn>> {
        self.check_epoch(producer_epoch, offset, transaction_version)?;
        if self.updated.coordinator_epoch() > marker.coordinator_epoch
            && self.origin != AppendOrigin::Replication
        {
            return Err(Error::TransactionCoordinatorFenced(format!(
                "coordinator epoch {} for producer {} at offset {offset} is older than {}",
                marker.coordinator_epoch,
                self.updated.producer_id(),
                self.updated.coordinator_epoch()
            )));
        }
        let completed = self.updated.current_txn_first_offset().map(|first_offset| CompletedTxn {
            producer_id: self.updated.producer_id(),
            first_offset,
            last_offset: offset,
            is_aborted: marker.is_abort,
        });
        self.updated.end_txn(producer_epoch, marker.coordinator_epoch, marker.timestamp);
        Ok(completed)
    }

    fn check_epoch(&self, producer_epoch: i16, offset: i64, transaction_version: i16) -> Result<()> {
        let current = self.updated.producer_epoch();
        let raises = transaction_version >= 2;
        let fenced = if raises { producer_epoch <= current } else { producer_epoch < current };
        // A coordinator that retries its marker after it was written, or whose epochs are used up, repeats the epoch.
        let repeated = raises
            && producer_epoch == current
            && (self.updated.current_txn_first_offset().is_none() || producer_epoch == i16::MAX);
        // What the leader has accepted is followed, whatever it looks like from here.
        if !fenced || repeated || self.origin == AppendOrigin::Replication {
            return Ok(());
        }
        let comparison = if raises { "<=" } else { "<" };
        Err(Error::InvalidProducerEpoch(format!(
            "epoch of producer {} at offset {offset} is {producer_epoch}, which is {comparison} the last seen epoch \
             {current}",
            self.updated.producer_id()
        )))
    }

    fn check_sequence(&self, producer_epoch: i16, first_sequence: i32, offset: i64) -> Result<()> {
        let refuse = |expected: &dyn std::fmt::Display| {
            Err(Error::OutOfOrderSequence(format!(
                "out of order sequence number for producer {} at offset {offset}: {first_sequence} (incoming \
                 sequence number), {expected}",
                self.updated.producer_id()
            )))
        };
        if let Some(waiting) = &self.verification {
            if waiting.raises_epochs && first_sequence != 0 && self.current.batches().is_empty() {
                return refuse(&"0 expected of a transactional producer that is not known here");
            }
            // A lower sequence is still being verified, and must not find its place taken.
            if first_sequence > waiting.lowest_sequence {
                return refuse(&format_args!("{} (earliest seen sequence)", waiting.lowest_sequence));
            }
        }
        if producer_epoch != self.updated.producer_epoch() {
            // A producer that has been forgotten may go on with any sequence, one with a new epoch starts at 0.
            if first_sequence != 0 && self.updated.producer_epoch() != NO_PRODUCER_EPOCH {
                return refuse(&format_args!("0 expected for new epoch {producer_epoch}"));
            }
            return Ok(());
        }
        let last_sequence = if !self.updated.batches().is_empty() {
            self.updated.last_sequence()
        } else if producer_epoch == self.current.producer_epoch() {
            self.current.last_sequence()
        } else {
            NO_SEQUENCE
        };
        let in_sequence = i64::from(first_sequence) == i64::from(last_sequence) + 1
            || (first_sequence == 0 && last_sequence == i32::MAX);
        if self.current.producer_epoch() == NO_PRODUCER_EPOCH || in_sequence {
            return Ok(());
        }
        refuse(&format_args!("{last_sequence} (current end sequence number)"))
    }
}

/// The marker in a control batch. `None` if the batch is empty (compaction took the record) or holds a control record
/// of another kind, such as those of the metadata quorum.
pub(crate) fn read_marker(batch: &RecordBatch) -> Option<EndTxnMarker> {
    let record = batch.records().ok()?.next()?.ok()?;
    let key = record.key?;
    let kind = i16::from_be_bytes(field(key.get(..4)?, 2));
    if kind != 0 && kind != 1 {
        return None;
    }
    let value = record.value?;
    let coordinator_epoch = i32::from_be_bytes(field(value.get(..6)?, 2));
    Some(EndTxnMarker { coordinator_epoch, is_abort: kind == 0, timestamp: record.timestamp })
}
