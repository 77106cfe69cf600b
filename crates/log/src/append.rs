//! Appending, as leader and as follower.
//!
//! First everything is decided without effect: duplicates, sequences, epochs. Then a new segment is made if the batches
//! do not fit, they are written with one call, and only then does the log count them.

use std::collections::BTreeMap;

use bytes::Bytes;
use klamm_protocol::records::{
    BATCH_OVERHEAD, BatchHeader, BatchIter, NO_PARTITION_LEADER_EPOCH, NO_TIMESTAMP, NewBatch, RecordBatch,
};

use crate::error::{Error, Result};
use crate::leader_epochs::EpochEntry;
use crate::log::Log;
use crate::names::FileKind;
use crate::producer_state::append::{AppendOrigin, CompletedTxn, EndTxnMarker, ProducerAppend, read_marker};
use crate::producer_state::entry::BatchMetadata;
use crate::producer_state::verification::VerificationGuard;
use crate::segment::Written;
use crate::transaction_index::AbortedTxn;

/// How a leader appends.
#[derive(Clone, Copy, Debug)]
pub struct Append {
    /// Epoch of the leader, stamped into the batches.
    pub leader_epoch: i32,
    /// Who appends.
    pub origin: AppendOrigin,
    /// Of end transaction markers: the transaction version of their writer (KIP-890), 0 if there are none.
    pub transaction_version: i16,
    /// Of a transaction's first batch here: that its coordinator knows of it (KIP-890).
    pub verification_guard: Option<VerificationGuard>,
    /// Wall clock in milliseconds.
    pub now_ms: i64,
}

impl Append {
    /// An append of a client's batches.
    pub const fn client(leader_epoch: i32, now_ms: i64) -> Self {
        Self {
            leader_epoch,
            origin: AppendOrigin::Client,
            transaction_version: 0,
            verification_guard: None,
            now_ms,
        }
    }
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record; of a duplicate, the one it got the first time.
    pub first_offset: i64,
    /// Offset of the last record; one less than the first if there was nothing to append.
    pub last_offset: i64,
    /// Largest timestamp, [`NO_TIMESTAMP`] if there is none.
    pub max_timestamp: i64,
    /// Bytes written.
    pub bytes: u32,
    /// The batch was there already, with this timestamp: nothing was written, and the producer gets its first answer
    /// again.
    pub duplicate_timestamp: Option<i64>,
}

/// Batches that have their offsets and may be written.
struct Ready<'a> {
    headers: Vec<BatchHeader>,
    markers: Vec<Option<EndTxnMarker>>,
    slices: Vec<&'a [u8]>,
    size: usize,
}

/// What the producers of an append will be after it.
#[derive(Default)]
struct ProducerChanges {
    updated: BTreeMap<i64, ProducerAppend>,
    completed: Vec<CompletedTxn>,
    duplicate: Option<BatchMetadata>,
}

impl Log {
    /// Starts the verification of a transaction whose first batch is to be appended (KIP-890): producer id and epoch,
    /// the sequence of the batch, and whether the producer's epoch is raised with every transaction. `None`: the
    /// transaction is open here already, and needs none.
    ///
    /// # Errors
    /// If the producer's epoch is older than what is known here.
    pub fn start_verification(
        &mut self,
        producer: (i64, i16),
        sequence: i32,
        raises_epochs: bool,
        now_ms: i64,
    ) -> Result<Option<VerificationGuard>> {
        self.producers.start_verification(producer, sequence, raises_epochs, now_ms)
    }

    /// Appends validated batches (see `klamm_protocol::records::validate`), giving them the next offsets and the
    /// leader's epoch. A refusal leaves the log as it was; after a fault it must be opened again.
    pub fn append_as_leader(&mut self, batches: &mut [NewBatch], append: Append) -> Result<Appended> {
        let mut next_offset = self.log_end_offset;
        for batch in batches.iter_mut() {
            next_offset = batch.assign_offsets(next_offset, append.leader_epoch);
        }
        let heads: Vec<[u8; BATCH_OVERHEAD]> = batches.iter().map(NewBatch::head).collect();
        let mut ready = Ready {
            headers: batches.iter().map(|batch| *batch.header()).collect(),
            markers: Vec::with_capacity(batches.len()),
            slices: Vec::with_capacity(2 * batches.len()),
            size: batches.iter().map(NewBatch::size).sum(),
        };
        for (batch, head) in batches.iter().zip(&heads) {
            // Copies the records, but of a control batch that is a handful of bytes.
            let whole = batch.header().is_control().then(|| RecordBatch::new(&batch.to_bytes().freeze()));
            ready.markers.push(whole.and_then(|batch| read_marker(&batch.ok()?)));
            ready.slices.push(head);
            ready.slices.push(batch.records());
        }
        self.write(&ready, append)
    }

    /// Appends what a leader sent, as it is. Batches of a later epoch than `leader_epoch` and all after them are left
    /// out: they come from a leader that this replica does not know yet. A torn batch at the end is left out, too.
    pub fn append_as_follower(&mut self, records: Bytes, leader_epoch: i32, now_ms: i64) -> Result<Appended> {
        let mut ready = Ready { headers: Vec::new(), markers: Vec::new(), slices: Vec::new(), size: 0 };
        let mut previous: Option<i64> = None;
        let mut batches = BatchIter::new(records.clone());
        loop {
            let position = batches.position();
            let corrupt = |source| Error::CorruptBatch { position, source };
            let Some(batch) = batches.next() else { break };
            let batch = batch.map_err(corrupt)?;
            if batch.partition_leader_epoch > leader_epoch {
                break;
            }
            batch.check_crc().map_err(corrupt)?;
            if batch.last_offset() < batch.base_offset {
                // The checksum does not cover the base offset, and a count below zero can only be damage.
                return Err(Error::OffsetsOutOfOrder {
                    offset: batch.last_offset(),
                    previous: batch.base_offset,
                });
            }
            if let Some(previous) = previous.filter(|previous| *previous >= batch.last_offset()) {
                return Err(Error::OffsetsOutOfOrder { offset: batch.last_offset(), previous });
            }
            previous = Some(batch.last_offset());
            ready.markers.push(if batch.is_control() { read_marker(&batch) } else { None });
            ready.headers.push(batch.header());
            ready.size += batch.size();
        }
        if let (Some(first), Some(last)) = (ready.headers.first(), previous)
            && first.base_offset < self.log_end_offset
        {
            return Err(Error::UnexpectedAppendOffset {
                first_offset: first.base_offset,
                last_offset: last,
                log_end_offset: self.log_end_offset,
            });
        }
        ready.slices.push(records.get(..ready.size).unwrap_or_default());
        let append = Append { origin: AppendOrigin::Replication, ..Append::client(leader_epoch, now_ms) };
        self.write(&ready, append)
    }

    fn write(&mut self, ready: &Ready<'_>, append: Append) -> Result<Appended> {
        let (Some(first), Some(last)) = (ready.headers.first(), ready.headers.last()) else {
            let next = self.log_end_offset;
            return Ok(Appended {
                first_offset: next,
                last_offset: next - 1,
                max_timestamp: NO_TIMESTAMP,
                bytes: 0,
                duplicate_timestamp: None,
            });
        };
        let max_timestamp = ready.headers.iter().map(|header| header.max_timestamp).max();
        let whole = Written {
            last_offset: last.last_offset(),
            max_timestamp: max_timestamp.unwrap_or(NO_TIMESTAMP),
            size: u32::try_from(ready.size).unwrap_or(u32::MAX),
        };
        let mut appended = Appended {
            first_offset: first.base_offset,
            last_offset: whole.last_offset,
            max_timestamp: whole.max_timestamp,
            bytes: whole.size,
            duplicate_timestamp: None,
        };
        if whole.size > self.config.segment_bytes {
            let segment_bytes = self.config.segment_bytes;
            return Err(Error::RecordBatchTooLarge { size: ready.size, segment_bytes });
        }
        let changes = match self.check_producers(ready, append) {
            Err(Error::OutOfOrderSequence(_))
                if append.origin == AppendOrigin::Client && self.recall(&ready.headers)? =>
            {
                self.check_producers(ready, append)
            }
            checked => checked,
        }?;
        if let Some(duplicate) = changes.duplicate {
            appended.first_offset = duplicate.first_offset();
            appended.last_offset = duplicate.last_offset;
            appended.duplicate_timestamp = Some(duplicate.timestamp);
            appended.bytes = 0;
            return Ok(appended);
        }
        self.roll_if_due(&whole, first.base_offset, append.now_ms)?;
        self.write_bytes(ready)?;
        self.count_in(ready, changes)?;
        Ok(appended)
    }

    fn check_producers(&self, ready: &Ready<'_>, append: Append) -> Result<ProducerChanges> {
        let mut changes = ProducerChanges::default();
        for (header, marker) in ready.headers.iter().zip(&ready.markers) {
            if !header.has_producer_id() {
                continue;
            }
            let known = self.producers.producer(header.producer_id);
            if append.origin == AppendOrigin::Client
                && let Some(duplicate) = known.and_then(|producer| producer.find_duplicate(header))
            {
                changes.duplicate = Some(duplicate);
                return Ok(changes);
            }
            if matches!(append.origin, AppendOrigin::Client | AppendOrigin::Coordinator) {
                let must_be_verified = self.config.transaction_verification;
                self.producers.check_transaction(header, append.verification_guard, must_be_verified)?;
            }
            let producer = changes
                .updated
                .entry(header.producer_id)
                .or_insert_with(|| self.producers.prepare(header.producer_id, append.origin));
            changes.completed.extend(producer.append(header, *marker, append.transaction_version)?);
        }
        Ok(changes)
    }

    fn write_bytes(&mut self, ready: &Ready<'_>) -> Result<()> {
        let (active, files) = self.active_mut();
        let position = u64::from(active.size);
        let file = active.file(files)?;
        if let Err(fault) = file.write_vectored_at(&ready.slices, position) {
            // What was written must not be taken for an append after a restart. If this fails as well, recovery finds
            // whole batches there, which were never acknowledged: that is allowed.
            let _ = file.truncate(position);
            return Err(fault.into());
        }
        Ok(())
    }

    fn count_in(&mut self, ready: &Ready<'_>, changes: ProducerChanges) -> Result<()> {
        let mut new_epoch = self.epochs_unwritten;
        for header in &ready.headers {
            if header.partition_leader_epoch > NO_PARTITION_LEADER_EPOCH {
                let entry =
                    EpochEntry { epoch: header.partition_leader_epoch, start_offset: header.base_offset };
                new_epoch |= self.epochs.assign(entry);
            }
        }
        if new_epoch {
            self.write_epochs()?;
        }
        let written: Vec<Written> = ready.headers.iter().map(Written::of).collect();
        let Self { segments, files, config, producers, .. } = self;
        if let Some(active) = segments.last_mut() {
            active.batches_written(files, &written, config)?;
        }
        for (_, producer) in changes.updated {
            producers.update(producer);
        }
        for header in ready.headers.iter().filter(|header| header.is_transactional()) {
            producers.transactional_written(header);
        }
        for completed in &changes.completed {
            if completed.is_aborted
                && let Some(active) = segments.last_mut()
            {
                let txn = AbortedTxn {
                    producer_id: completed.producer_id,
                    first_offset: completed.first_offset,
                    last_offset: completed.last_offset,
                    last_stable_offset: producers.last_stable_offset(completed),
                };
                active.transaction_index.append(files, txn)?;
            }
            producers.complete_txn(completed);
        }
        if let Some(last) = ready.headers.last() {
            self.log_end_offset = last.next_offset();
            self.producers.set_map_end_offset(self.log_end_offset);
        }
        Ok(())
    }

    fn roll_if_due(&mut self, append: &Written, first_offset: i64, now_ms: i64) -> Result<()> {
        let Self { segments, files, config, .. } = self;
        let Some(active) = segments.last_mut() else { return Ok(()) };
        if active.should_roll(files, config, append, now_ms)? {
            self.roll_at(first_offset, now_ms)?;
        }
        Ok(())
    }

    /// Closes the active segment and makes a new one at the log end. Nothing happens if the active one is empty.
    pub fn roll(&mut self, now_ms: i64) -> Result<()> {
        self.roll_at(self.log_end_offset, now_ms)
    }

    fn roll_at(&mut self, first_offset: i64, now_ms: i64) -> Result<()> {
        let base_offset = first_offset.max(self.log_end_offset);
        let seed = self.seed();
        let (active, files) = self.active_mut();
        if active.size == 0 && active.base_offset == base_offset {
            // It rolls although it is empty: its indexes must have been too small to begin with.
            return Ok(());
        }
        active.close_for_appends(files)?;
        let segment = crate::segment::Segment::create(&self.files, base_offset, &self.config, now_ms, seed)?;
        self.segments.push(segment);
        // The snapshot lets a recovery of the new segment start where it starts.
        self.producers.set_map_end_offset(base_offset);
        if self.producers.take_snapshot(&self.files)? {
            self.unsynced.snapshots.push(self.files.path(base_offset, FileKind::ProducerSnapshot));
        }
        if self.high_watermark == self.log_end_offset {
            self.high_watermark_at = None;
        }
        Ok(())
    }
}
