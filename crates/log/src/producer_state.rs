//! What a log knows of its producers: sequences, epochs, transactions.
//!
//! [`ProducerState`] is rebuilt from the last snapshot and the batches after it, and decides for every append whether
//! it is new, a duplicate or out of order. It also knows the transactions that are open and hence the first offset
//! that is not yet stable.
//!
//! Read first: [`entry::ProducerEntry`] (one producer), [`append::ProducerAppend`] (one producer in one append), then
//! [`ProducerState`].
//!
//! Non-obvious:
//! * A snapshot at offset N covers the batches before N. `map_end_offset` is where the state stands,
//!   `snapshot_end_offset` where the last snapshot does.
//! * A finished transaction stays "unreplicated" until the high watermark has passed its marker; until then it still
//!   holds back the last stable offset.

pub mod append;
pub mod entry;
pub mod snapshot;
pub mod verification;

use std::collections::{BTreeMap, BTreeSet};

use klamm_io::disk::Disk;
use klamm_protocol::records::{BatchHeader, NO_PRODUCER_ID};

use crate::error::{Error, Result};
use crate::handles::LogFiles;
use crate::names::{DELETED_SUFFIX, FileKind};
use append::{AppendOrigin, CompletedTxn, ProducerAppend};
use entry::{BatchMetadata, ProducerEntry};
use snapshot::{read_snapshot, write_snapshot};
use verification::{VerificationGuard, Verifications};

/// How much later than `transaction.max.timeout.ms` a transaction counts as late.
const LATE_TRANSACTION_BUFFER_MS: i64 = 5 * 60 * 1000;

/// A transaction of a producer in this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Txn {
    producer_id: i64,
    // Offset of the marker, once there is one.
    last_offset: Option<i64>,
}

/// See the module. Owned by its log.
#[derive(Default)]
pub struct ProducerState {
    // Boxed, since a node of the tree has room for eleven, and most partitions have few producers.
    producers: BTreeMap<i64, Box<ProducerEntry>>,
    // By first offset, as the two below.
    ongoing: BTreeMap<i64, Txn>,
    unreplicated: BTreeMap<i64, Txn>,
    verifications: Verifications,
    snapshots: BTreeSet<i64>,
    map_end_offset: i64,
    snapshot_end_offset: i64,
}

impl ProducerState {
    /// An empty state beside snapshot files that exist.
    pub(crate) fn new(snapshots: BTreeSet<i64>) -> Self {
        Self { snapshots, ..Self::default() }
    }

    /// All producers, by id.
    pub fn producers(&self) -> impl Iterator<Item = &ProducerEntry> {
        self.producers.values().map(|producer| &**producer)
    }

    /// One producer.
    pub fn producer(&self, producer_id: i64) -> Option<&ProducerEntry> {
        self.producers.get(&producer_id).map(|producer| &**producer)
    }

    /// The offset up to which batches are counted in (exclusive).
    pub const fn map_end_offset(&self) -> i64 {
        self.map_end_offset
    }

    /// Offset of the newest snapshot file.
    pub fn latest_snapshot_offset(&self) -> Option<i64> {
        self.snapshots.last().copied()
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.producers.is_empty() && self.unreplicated.is_empty()
    }

    /// The first offset of the oldest transaction that is open or not yet replicated.
    pub fn first_unstable_offset(&self) -> Option<i64> {
        let first = |txns: &BTreeMap<i64, Txn>| txns.first_key_value().map(|(offset, _)| *offset);
        first(&self.ongoing).into_iter().chain(first(&self.unreplicated)).min()
    }

    /// Whether the oldest open transaction has been idle for longer than any may be open.
    pub fn has_late_transaction(&self, now_ms: i64, transaction_timeout_ms_max: i64) -> bool {
        let oldest = self.ongoing.first_key_value().and_then(|(_, txn)| self.producers.get(&txn.producer_id));
        oldest.is_some_and(|producer| {
            let last = producer.last_timestamp();
            let limit = transaction_timeout_ms_max.saturating_add(LATE_TRANSACTION_BUFFER_MS);
            last > 0 && now_ms.saturating_sub(last) > limit
        })
    }

    /// Starts to count an append of this producer in; [`ProducerState::update`] makes it so.
    pub(crate) fn prepare(&self, producer_id: i64, origin: AppendOrigin) -> ProducerAppend {
        let current = self.producer(producer_id).cloned();
        let verification = self.verifications.get(producer_id).copied();
        let current = current.unwrap_or_else(|| ProducerEntry::empty(producer_id));
        ProducerAppend::new(current, origin, verification)
    }

    /// A transactional batch of a client or coordinator is about to be written: it has to belong to an open
    /// transaction, or `guard` has to say that its coordinator knows of it.
    pub(crate) fn check_transaction(
        &self,
        batch: &BatchHeader,
        guard: Option<VerificationGuard>,
        must_be_verified: bool,
    ) -> Result<()> {
        if !batch.is_transactional() || self.is_in_transaction(batch.producer_id, batch.producer_epoch) {
            return Ok(());
        }
        self.check_epoch(batch.producer_id, batch.producer_epoch)?;
        if must_be_verified && !batch.is_control() && !self.verifications.admits(batch.producer_id, guard) {
            return Err(Error::InvalidTxnState("Record was not part of an ongoing transaction".to_owned()));
        }
        Ok(())
    }

    /// Starts the verification of a producer's transaction. `None`: it is open already.
    pub(crate) fn start_verification(
        &mut self,
        (producer_id, producer_epoch): (i64, i16),
        sequence: i32,
        raises_epochs: bool,
        now_ms: i64,
    ) -> Result<Option<VerificationGuard>> {
        self.check_epoch(producer_id, producer_epoch)?;
        if self.is_in_transaction(producer_id, producer_epoch) {
            return Ok(None);
        }
        let producer = (producer_id, producer_epoch);
        Ok(Some(self.verifications.start(producer, sequence, raises_epochs, now_ms)))
    }

    fn is_in_transaction(&self, producer_id: i64, producer_epoch: i16) -> bool {
        self.producer(producer_id).is_some_and(|producer| {
            producer.current_txn_first_offset().is_some() && producer.producer_epoch() == producer_epoch
        })
    }

    fn check_epoch(&self, producer_id: i64, producer_epoch: i16) -> Result<()> {
        match self.producer(producer_id) {
            Some(known) if producer_epoch < known.producer_epoch() => {
                Err(Error::InvalidProducerEpoch(format!(
                    "Epoch of producer {producer_id} is {producer_epoch}, which is smaller than the last seen epoch {}",
                    known.producer_epoch()
                )))
            }
            _ => Ok(()),
        }
    }

    /// Takes note of a transactional batch that has been written.
    pub(crate) fn transactional_written(&mut self, batch: &BatchHeader) {
        self.verifications.written(batch.producer_id, batch.producer_epoch, batch.is_control());
    }

    /// See [`ProducerEntry::start_recall`].
    pub(crate) fn start_recall(&mut self, batch: &BatchHeader) -> Option<BatchMetadata> {
        self.producers.get_mut(&batch.producer_id)?.start_recall(batch)
    }

    /// See [`ProducerEntry::recall`].
    pub(crate) fn recall(&mut self, producer_id: i64, earlier: &[BatchMetadata]) {
        if let Some(producer) = self.producers.get_mut(&producer_id) {
            producer.recall(earlier);
        }
    }

    /// Takes over what an append did.
    pub(crate) fn update(&mut self, append: ProducerAppend) {
        let (updated, started) = append.into_parts();
        let producer_id = updated.producer_id();
        assert!(producer_id != NO_PRODUCER_ID, "a batch without producer id has no producer state");
        match self.producers.get_mut(&producer_id) {
            Some(current) => current.update(&updated),
            None => {
                self.producers.insert(producer_id, Box::new(updated));
            }
        }
        for first_offset in started {
            self.ongoing.insert(first_offset, Txn { producer_id, last_offset: None });
        }
    }

    /// What the last stable offset will be once this transaction is complete and replicated.
    pub(crate) fn last_stable_offset(&self, completed: &CompletedTxn) -> i64 {
        let other = self.ongoing.iter().find(|(_, txn)| txn.producer_id != completed.producer_id);
        other.map_or(completed.last_offset + 1, |(first_offset, _)| *first_offset)
    }

    /// Moves a transaction that got its marker from the open ones to those waiting for replication.
    pub(crate) fn complete_txn(&mut self, completed: &CompletedTxn) {
        // Damage can bring a marker without its transaction, and replay must survive it.
        if let Some(mut txn) = self.ongoing.remove(&completed.first_offset) {
            txn.last_offset = Some(completed.last_offset);
            self.unreplicated.insert(completed.first_offset, txn);
        }
    }

    /// Says up to where batches are counted in.
    pub(crate) const fn set_map_end_offset(&mut self, offset: i64) {
        self.map_end_offset = offset;
    }

    /// The high watermark has reached `offset`: transactions whose marker lies before it are stable.
    pub(crate) fn on_high_watermark(&mut self, offset: i64) {
        if !self.unreplicated.is_empty() {
            self.unreplicated.retain(|_, txn| txn.last_offset.is_none_or(|last| last >= offset));
        }
    }

    /// The log now starts at `offset`.
    pub(crate) fn on_log_start_offset(&mut self, offset: i64) {
        self.on_high_watermark(offset);
        self.map_end_offset = self.map_end_offset.max(offset);
        self.snapshot_end_offset = self.latest_snapshot_offset().unwrap_or(offset);
    }

    /// Forgets producers that have been idle for too long and have no open transaction.
    pub(crate) fn remove_expired(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, producer| !producer.is_expired(now_ms, expiration_ms));
        self.verifications.remove_expired(now_ms, expiration_ms);
    }

    fn forget_all(&mut self) {
        self.producers.clear();
        self.ongoing.clear();
        self.verifications.clear();
        self.unreplicated.clear();
    }

    /// Goes back or forward to what the best snapshot within `log_start_offset..=end_offset` says. Snapshots outside
    /// are removed. Batches from `map_end_offset` on are to be replayed then.
    pub(crate) fn truncate_and_reload(
        &mut self,
        files: &LogFiles,
        log_start_offset: i64,
        end_offset: i64,
        now_ms: i64,
        expiration_ms: i64,
    ) -> Result<()> {
        let outside = self.snapshots.iter().filter(|o| **o > end_offset || **o <= log_start_offset);
        for offset in outside.copied().collect::<Vec<_>>() {
            self.remove_snapshot(files, offset)?;
        }
        if end_offset == self.map_end_offset {
            self.on_log_start_offset(log_start_offset);
            return Ok(());
        }
        self.forget_all();
        while let Some(offset) = self.latest_snapshot_offset() {
            let path = files.path(offset, FileKind::ProducerSnapshot);
            if let Some(entries) = read_snapshot(files.disk(), &path)? {
                for entry in entries {
                    if !entry.is_expired(now_ms, expiration_ms) {
                        self.load(entry);
                    }
                }
                self.map_end_offset = offset;
                self.snapshot_end_offset = offset;
                return Ok(());
            }
            tracing::warn!(path = %path.display(), "removing producer snapshot that cannot be read");
            self.remove_snapshot(files, offset)?;
        }
        self.map_end_offset = log_start_offset;
        self.snapshot_end_offset = log_start_offset;
        Ok(())
    }

    fn load(&mut self, entry: ProducerEntry) {
        if let Some(first_offset) = entry.current_txn_first_offset() {
            let txn = Txn { producer_id: entry.producer_id(), last_offset: None };
            self.ongoing.insert(first_offset, txn);
        }
        self.producers.insert(entry.producer_id(), Box::new(entry));
    }

    /// Forgets everything and all snapshots; the log starts anew at `offset`.
    pub(crate) fn truncate_fully_and_start_at(&mut self, files: &LogFiles, offset: i64) -> Result<()> {
        self.forget_all();
        for snapshot in std::mem::take(&mut self.snapshots) {
            files.disk().remove_file(&files.path(snapshot, FileKind::ProducerSnapshot))?;
        }
        self.snapshot_end_offset = 0;
        self.map_end_offset = offset;
        Ok(())
    }

    /// Writes a snapshot at `map_end_offset` unless the last one is as new. Returns whether it did. Not synced: see
    /// [`crate::FlushHandle`].
    pub(crate) fn take_snapshot(&mut self, files: &LogFiles) -> Result<bool> {
        if self.map_end_offset <= self.snapshot_end_offset {
            return Ok(false);
        }
        let path = files.path(self.map_end_offset, FileKind::ProducerSnapshot);
        write_snapshot(files.disk(), &path, self.producers.values().map(|producer| &**producer))?;
        self.snapshots.insert(self.map_end_offset);
        self.snapshot_end_offset = self.map_end_offset;
        Ok(true)
    }

    fn remove_snapshot(&mut self, files: &LogFiles, offset: i64) -> Result<()> {
        files.disk().remove_file(&files.path(offset, FileKind::ProducerSnapshot))?;
        self.snapshots.remove(&offset);
        Ok(())
    }

    /// Gives the snapshot at `offset` its `.deleted` name, if there is one. Returns the new path.
    pub(crate) fn mark_snapshot_deleted(
        &mut self,
        files: &LogFiles,
        offset: i64,
    ) -> Result<Option<std::path::PathBuf>> {
        if !self.snapshots.remove(&offset) {
            return Ok(None);
        }
        let from = files.path(offset, FileKind::ProducerSnapshot);
        let mut name = from.clone().into_os_string();
        name.push(DELETED_SUFFIX);
        let to = std::path::PathBuf::from(name);
        match rename_if_there(files.disk(), &from, &to)? {
            true => Ok(Some(to)),
            false => Ok(None),
        }
    }

    /// After a start: keeps of the snapshots that belong to no segment only the newest, and that only if it is newer
    /// than all segments' base offsets (then it is the one of the shutdown).
    pub(crate) fn remove_stray_snapshots(
        &mut self,
        files: &LogFiles,
        base_offsets: &BTreeSet<i64>,
    ) -> Result<()> {
        let newest_base = base_offsets.last().copied().unwrap_or(i64::MIN);
        let newest = self.snapshots.iter().rfind(|offset| !base_offsets.contains(offset)).copied();
        let strays = self.snapshots.iter().filter(|offset| {
            !base_offsets.contains(offset) && (Some(**offset) != newest || **offset < newest_base)
        });
        for offset in strays.copied().collect::<Vec<_>>() {
            self.remove_snapshot(files, offset)?;
        }
        Ok(())
    }
}

fn rename_if_there(disk: &Disk, from: &std::path::Path, to: &std::path::Path) -> Result<bool> {
    match disk.rename(from, to) {
        Ok(()) => Ok(true),
        Err(e) if e.is_not_found() => Ok(false),
        Err(e) => Err(e.into()),
    }
}
