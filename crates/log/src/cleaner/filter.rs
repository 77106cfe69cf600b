//! What stays of a batch.

use bytes::Bytes;
use klamm_protocol::records::{
    BatchBuilder, BatchError, BatchOptions, BuildError, DecompressLimits, NO_PRODUCER_EPOCH, Record,
    RecordBatch,
};
use rustc_hash::FxHashMap;

use super::offset_map::OffsetMap;
use super::transactions::CleanedTransactions;
use crate::transaction_index::AbortedTxn;

/// The last that a producer wrote, which must stay so that its next batch can be judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastRecord {
    /// Offset of its last record; none if only a marker is known of it.
    pub(crate) last_data_offset: Option<i64>,
    pub(crate) producer_epoch: i16,
}

/// Why a batch cannot be cleaned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilterError {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// What was read and kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) records_read: u64,
    pub(crate) records_kept: u64,
    /// Records without a key, which a compacted topic must not have.
    pub(crate) records_invalid: u64,
}

/// The rules of one round of cleaning.
pub(crate) struct Filter<'a> {
    pub(crate) map: &'a OffsetMap,
    pub(crate) now_ms: i64,
    pub(crate) delete_retention_ms: i64,
    /// Of batches before magic 2, which cannot have a delete horizon: whether tombstones of this segment stay.
    pub(crate) keep_legacy_deletes: bool,
    pub(crate) last_records: &'a FxHashMap<i64, LastRecord>,
    /// Where the round ends; the batch before it stays, so that the log's offsets do.
    pub(crate) upper_bound_offset: i64,
}

/// What a look at the records gave.
struct Look {
    all_stay: bool,
    kept: u64,
    has_tombstone: bool,
}

impl Filter<'_> {
    /// The batch that takes the place of `batch`, if any does. `retained` gets the aborted transaction whose marker stays.
    pub(crate) fn clean(
        &self,
        batch: &RecordBatch,
        transactions: &mut CleanedTransactions,
        retained: &mut Vec<AbortedTxn>,
        counts: &mut Counts,
    ) -> Result<Option<Bytes>, FilterError> {
        let may_go = if batch.is_control() {
            transactions.on_control_batch(batch, retained)?
        } else {
            transactions.on_batch(batch)
        };
        let horizon_passed = batch.delete_horizon_ms().is_some_and(|horizon| horizon <= self.now_ms);
        let goes = may_go && (!batch.is_control() || horizon_passed);
        let stays_empty =
            self.is_last_of_its_producer(batch) || batch.next_offset() == self.upper_bound_offset;
        if goes && !stays_empty {
            return Ok(None);
        }
        batch.check_crc()?;
        let look = self.look(batch, goes, counts)?;
        counts.records_kept += look.kept;
        if look.kept == 0 {
            return Ok(stays_empty.then(|| BatchBuilder::empty_like(batch)));
        }
        let marker_of_nothing = may_go && batch.is_control();
        let new_horizon = (look.has_tombstone || marker_of_nothing) && batch.delete_horizon_ms().is_none();
        if look.all_stay && batch.magic >= 2 && !new_horizon {
            return Ok(Some(batch.bytes().clone()));
        }
        let horizon = new_horizon.then(|| self.now_ms.saturating_add(self.delete_retention_ms));
        self.rebuild(batch, horizon).map(Some)
    }

    fn is_last_of_its_producer(&self, batch: &RecordBatch) -> bool {
        if !batch.has_producer_id() {
            return false;
        }
        self.last_records.get(&batch.producer_id).is_some_and(|last| match last.last_data_offset {
            Some(offset) => batch.last_offset() == offset,
            None => batch.is_control() && batch.producer_epoch == last.producer_epoch,
        })
    }

    fn stays(&self, batch: &RecordBatch, record: &Record) -> bool {
        if batch.is_control() || record.offset > self.map.latest_offset() {
            return true;
        }
        let Some(key) = &record.key else { return false };
        let is_latest = self.map.get(key).is_none_or(|latest| record.offset >= latest);
        let deletes_stay = if batch.magic >= 2 {
            batch.delete_horizon_ms().is_none_or(|horizon| self.now_ms < horizon)
        } else {
            self.keep_legacy_deletes
        };
        is_latest && (record.value.is_some() || deletes_stay)
    }

    fn look(&self, batch: &RecordBatch, goes: bool, counts: &mut Counts) -> Result<Look, FilterError> {
        let mut look = Look { all_stay: true, kept: 0, has_tombstone: false };
        for record in batch.records_within(DecompressLimits::default())? {
            let record = record?;
            counts.records_read += 1;
            if record.key.is_none() && record.offset <= self.map.latest_offset() && !batch.is_control() {
                counts.records_invalid += 1;
            }
            if goes || !self.stays(batch, &record) {
                look.all_stay = false;
                continue;
            }
            look.kept += 1;
            look.has_tombstone |= record.value.is_none();
        }
        Ok(look)
    }

    /// Reads the batch once more rather than keep what was inflated: a batch may be large.
    fn rebuild(&self, batch: &RecordBatch, new_horizon: Option<i64>) -> Result<Bytes, FilterError> {
        let mut options = BatchOptions::like(batch);
        options.delete_horizon_ms = new_horizon.or(options.delete_horizon_ms);
        let mut builder = None;
        for record in batch.records_within(DecompressLimits::default())? {
            let record = record?;
            if !self.stays(batch, &record) {
                continue;
            }
            // The header of a compressed batch before magic 2 has the offset of its last record only.
            let base_offset = if batch.magic >= 2 { batch.base_offset } else { record.offset };
            let to =
                builder.get_or_insert_with(|| BatchBuilder::new(BatchOptions { base_offset, ..options }));
            to.append_record(&record)?;
        }
        let mut builder = builder.ok_or(BuildError::Empty)?;
        if batch.magic >= 2 {
            // Also where the last records have gone: the sequence of the batch's last record hangs on it.
            builder.set_last_offset(batch.last_offset());
        }
        debug_assert!(
            batch.magic >= 2 || batch.producer_epoch == NO_PRODUCER_EPOCH,
            "older ones have no producer"
        );
        Ok(builder.build()?.freeze())
    }
}
