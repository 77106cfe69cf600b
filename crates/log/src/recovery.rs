//! Opening a log: after a clean shutdown with a glance, after a crash with a check of all that may not be on disk.
//!
//! 1. Leftovers of interrupted deletions and compactions are removed or finished.
//! 2. Segments are listed. An index that is missing or cannot be right is built again from its segment.
//! 3. After a crash, segments from the recovery point on are read batch by batch: the first damage cuts its segment
//!    there and removes all later ones, and so does a segment that ends before the next one begins. In a compacted log,
//!    where that may be as it should, it is remembered instead ([`Log::doubted_from`]). Offset, time and transaction
//!    index, leader epochs and producer state are built again on the way.
//! 4. Producer state is loaded from the newest snapshot that fits and brought up to the log end.
//!
//! Non-obvious:
//! * The base offset and the leader epoch of a batch are not covered by its checksum. A base offset that goes back is
//!   taken for damage, and so is one beyond the next segment's.
//! * After a clean shutdown nothing is read but the end of the active segment. If that turns out to be damaged, the
//!   segment is recovered as after a crash.

use std::collections::BTreeSet;

use klamm_protocol::records::BatchHeader;

use crate::cleaner::CleaningState;
use crate::error::{Error, Result};
use crate::flush::Unsynced;
use crate::handles::LogFiles;
use crate::leader_epochs::LeaderEpochs;
use crate::log::{Log, OpenLog, seed};
use crate::names::{CLEANED_SUFFIX, DELETED_SUFFIX, FileKind, SWAP_SUFFIX, file_name, parse_file_name};
use crate::partition_metadata;
use crate::producer_state::ProducerState;
use crate::producer_state::append::{AppendOrigin, read_marker};
use crate::scan::{Batches, Headers};
use crate::segment::{Segment, Written};
use crate::transaction_index::AbortedTxn;

impl Log {
    /// Opens the log in a partition's directory, which is made if it does not exist.
    pub fn open(open: OpenLog<'_>) -> Result<Self> {
        let files = LogFiles::new(open.handles, open.dir);
        // After a crash nobody knows whether the name of the directory was synced.
        let new_dir = !open.clean_shutdown || !files.disk().exists(open.dir);
        files.disk().create_dir_all(open.dir)?;
        let mut names = list(&files)?;
        if remove_leftovers(&files, &names)? {
            names = list(&files)?;
        }
        let mut loading = Loading::new(&files, &open, &names)?;
        loading.check_indexes()?;
        if !open.clean_shutdown {
            loading.recover_from(open.recovery_point)?;
        }
        let mut log_end_offset = loading.find_end()?;
        if open.clean_shutdown && (1..log_end_offset).contains(&open.recovery_point) {
            // The log was closed while it was doubted: that has to be found again.
            loading.recover_from(open.recovery_point)?;
            log_end_offset = loading.find_end()?;
        }
        loading.load_producers(log_end_offset)?;
        let Loading {
            segments,
            epochs,
            producers,
            log_start_offset,
            epochs_changed,
            snapshots,
            first_hole,
            ..
        } = loading;
        let recovery_point =
            if open.clean_shutdown { log_end_offset } else { open.recovery_point.min(log_end_offset) };
        let topic_id = partition_metadata::read(files.disk(), open.dir)?;
        let mut log = Self {
            files,
            partition: open.partition,
            config: open.config,
            topic_id,
            segments,
            log_start_offset,
            log_end_offset,
            recovery_point: recovery_point.max(log_start_offset),
            recovery_point_written: open.recovery_point.min(log_end_offset),
            // Unless it went with the end of the log, or lies before its start.
            doubted_from: first_hole.filter(|hole| (log_start_offset..log_end_offset).contains(hole)),
            high_watermark: log_start_offset,
            high_watermark_at: None,
            first_unstable_at: None,
            epochs,
            epochs_unwritten: false,
            producers,
            last_flushed_ms: open.now_ms,
            unsynced: Unsynced {
                snapshots,
                new_dir,
                after_crash: !open.clean_shutdown,
                ..Unsynced::default()
            },
            pending_deletions: Vec::new(),
            cleaning: CleaningState::default(),
        };
        if epochs_changed {
            log.write_epochs()?;
        }
        log.segments.shrink_to_fit();
        Ok(log)
    }
}

fn list(files: &LogFiles) -> Result<Vec<String>> {
    let entries = files.disk().read_dir(files.dir())?;
    Ok(entries.into_iter().filter(|entry| !entry.is_dir).map(|entry| entry.name).collect())
}

/// Removes what a deletion or a compaction left behind, and finishes a compaction whose result was complete. Returns
/// whether anything was done.
///
/// A `.cleaned` segment is unfinished. A `.swap` segment is finished and replaces the segments whose offsets it covers,
/// unless there is a `.cleaned` one at or before it: then the swap was one of a split that did not complete.
fn remove_leftovers(files: &LogFiles, names: &[String]) -> Result<bool> {
    let disk = files.disk();
    let with_suffix = |suffix: &'static str| {
        names.iter().filter(move |name| parse_file_name(name).is_some_and(|parsed| parsed.suffix == suffix))
    };
    let offset_of = |name: &String| parse_file_name(name).map_or(0, |parsed| parsed.offset);
    let mut changed = false;
    // Snapshots of the metadata log that wait for deletion (`.checkpoint.deleted`) are not ours: they do not parse.
    for name in with_suffix(DELETED_SUFFIX).chain(with_suffix(CLEANED_SUFFIX)) {
        changed |= disk.remove_file(&files.dir().join(name))?;
    }
    let first_cleaned = with_suffix(CLEANED_SUFFIX).map(offset_of).min().unwrap_or(i64::MAX);
    let (invalid, swaps): (Vec<_>, Vec<_>) =
        with_suffix(SWAP_SUFFIX).partition(|name| offset_of(name) >= first_cleaned);
    for name in invalid {
        changed |= disk.remove_file(&files.dir().join(name))?;
    }
    let mut covered: Option<(i64, i64)> = None;
    for name in &swaps {
        let Some(parsed) = parse_file_name(name).filter(|parsed| parsed.kind == FileKind::Log) else {
            continue;
        };
        let file = disk.open(&files.dir().join(name), klamm_io::disk::OpenMode::Read)?;
        let mut next_offset = parsed.offset;
        let mut headers = Headers::new(&file, 0, u32::try_from(file.len()?).unwrap_or(u32::MAX));
        while let Ok(Some(found)) = headers.next() {
            next_offset = found.header.next_offset();
        }
        let (first, end) = covered.unwrap_or((parsed.offset, next_offset));
        covered = Some((first.min(parsed.offset), end.max(next_offset)));
    }
    if let Some((first, end)) = covered {
        for name in names {
            if parse_file_name(name).is_some_and(|p| p.suffix.is_empty() && (first..end).contains(&p.offset))
            {
                disk.remove_file(&files.dir().join(name))?;
            }
        }
    }
    for name in &swaps {
        let Some(parsed) = parse_file_name(name) else { continue };
        disk.rename(&files.dir().join(name), &files.path(parsed.offset, parsed.kind))?;
        changed = true;
    }
    Ok(changed)
}

/// A log on its way to being open.
struct Loading<'a> {
    files: &'a LogFiles,
    open: &'a OpenLog<'a>,
    segments: Vec<Segment>,
    epochs: LeaderEpochs,
    producers: ProducerState,
    log_start_offset: i64,
    epochs_changed: bool,
    // Base offsets of segments that lack an index.
    incomplete: BTreeSet<i64>,
    snapshots: Vec<std::path::PathBuf>,
    // Whether any segment was read through.
    recovered: bool,
    // Where the first segment ends behind which something may be missing.
    first_hole: Option<i64>,
}

/// What becomes of the segments behind one that turns out to be damaged.
#[derive(Clone, Copy)]
enum Behind {
    /// They were never synced either: the log ends at the damage.
    Goes,
    /// Only this one is looked at.
    Stays,
}

impl<'a> Loading<'a> {
    fn new(files: &'a LogFiles, open: &'a OpenLog<'a>, names: &[String]) -> Result<Self> {
        let disk = files.disk();
        let has = |base_offset, kind| names.binary_search(&file_name(base_offset, kind)).is_ok();
        let len =
            |base_offset, kind| -> Result<u64> { Ok(disk.metadata(&files.path(base_offset, kind))?.len) };
        let mut segments = Vec::new();
        let mut incomplete = BTreeSet::new();
        let mut snapshots = BTreeSet::new();
        for name in names {
            let Some(parsed) = parse_file_name(name).filter(|parsed| parsed.suffix.is_empty()) else {
                continue;
            };
            let base_offset = parsed.offset;
            match parsed.kind {
                FileKind::Log => {
                    // More than four GiB cannot be: positions in an index have 31 bits.
                    let size = u32::try_from(len(base_offset, FileKind::Log)?).unwrap_or(u32::MAX);
                    let has_txn_index = has(base_offset, FileKind::TransactionIndex);
                    let txn_index_len =
                        if has_txn_index { len(base_offset, FileKind::TransactionIndex)? } else { 0 };
                    if !has(base_offset, FileKind::OffsetIndex) || !has(base_offset, FileKind::TimeIndex) {
                        incomplete.insert(base_offset);
                    }
                    let mut segment = Segment::existing(base_offset, size, txn_index_len, open.now_ms);
                    segment.set_jitter(open.config.segment_jitter(seed(&open.partition), base_offset));
                    segments.push(segment);
                }
                FileKind::ProducerSnapshot => {
                    snapshots.insert(base_offset);
                }
                FileKind::OffsetIndex | FileKind::TimeIndex | FileKind::TransactionIndex => {
                    if !has(base_offset, FileKind::Log) {
                        tracing::warn!(partition = %open.partition, name, "removing index without segment");
                        disk.remove_file(&files.dir().join(name))?;
                    }
                }
            }
        }
        segments.sort_unstable_by_key(|segment| segment.base_offset);
        Ok(Self {
            files,
            open,
            segments,
            epochs: LeaderEpochs::read(disk, files.dir())?,
            producers: ProducerState::new(snapshots),
            log_start_offset: open.log_start_offset,
            epochs_changed: false,
            incomplete,
            snapshots: Vec::new(),
            recovered: false,
            first_hole: None,
        })
    }

    /// Builds the indexes of segments again that lack one or have one that cannot be right. After a clean shutdown
    /// the end of the active segment must be readable as well.
    fn check_indexes(&mut self) -> Result<()> {
        let last = self.segments.len().checked_sub(1);
        for index in 0..self.segments.len() {
            let files = self.files;
            let Some(segment) = self.segments.get_mut(index) else { break };
            let mut sound = !self.incomplete.contains(&segment.base_offset);
            if sound && !segment.transaction_index.is_empty() {
                sound = segment.transaction_index.is_sane(files)?;
            }
            // The others are checked where they are used.
            if sound && Some(index) == last && self.open.clean_shutdown && segment.size > 0 {
                sound = segment.offset_index.is_sane(files, segment.size)?
                    && match segment.read_next_offset(files) {
                        Ok(next) => segment.time_index.is_sane(files, next)?,
                        Err(Error::CorruptFile { .. }) => false,
                        Err(fault) => return Err(fault),
                    };
            }
            if !sound {
                tracing::warn!(
                    partition = %self.open.partition,
                    base_offset = segment.base_offset,
                    "index is missing or damaged, recovering segment"
                );
                self.recover_segment(index, Behind::Stays)?;
            }
        }
        Ok(())
    }

    /// Recovers the segments from the one that has `recovery_point` on.
    fn recover_from(&mut self, recovery_point: i64) -> Result<()> {
        let first = self.segments.partition_point(|s| s.base_offset <= recovery_point).saturating_sub(1);
        self.restore_epochs(first)?;
        // Where the segment before ends, and the first of the empty segments at the log's end that lie behind a hole.
        let (mut end, mut behind_hole) = (None::<i64>, None);
        let mut index = first;
        while let Some(base_offset) = self.segments.get(index).map(|segment| segment.base_offset) {
            // Before its sync a segment may lose its end to a loss of power and yet be sound, while the next one has come
            // to the disk. A replica would never fetch again what is missing. Compaction leaves such holes as well, but
            // never right before the active segment.
            let is_hole = end.is_some_and(|end| end < base_offset);
            if is_hole && !self.open.config.compact {
                behind_hole = Some(index);
                break;
            }
            if is_hole && base_offset > self.log_start_offset {
                // Nothing can be missing before the recovery point, and nothing matters before the log's start.
                let known = recovery_point.max(self.log_start_offset);
                self.first_hole = self.first_hole.or(end.map(|end| end.max(known)));
            }
            end = Some(self.recover_segment(index, Behind::Goes)?);
            let is_empty = self.segments.get(index).is_some_and(|segment| segment.size == 0);
            behind_hole = match behind_hole {
                _ if !is_empty => None,
                None if is_hole => Some(index),
                known => known,
            };
            index += 1;
        }
        match behind_hole {
            Some(index) => self.remove_behind(index),
            None => Ok(()),
        }
    }

    /// Removes the segments from `first` on, the newest first and before the damage is cut off: should this be
    /// interrupted, the next start finds the damage again, and no hole.
    fn remove_behind(&mut self, first: usize) -> Result<()> {
        let removes = self.segments.len() > first;
        while self.segments.len() > first {
            let Some(segment) = self.segments.pop() else { break };
            tracing::warn!(
                partition = %self.open.partition,
                base_offset = segment.base_offset,
                "removing segment behind what is missing or damaged"
            );
            self.remove_segment(&segment)?;
        }
        if removes {
            // They must not come back behind what is written now.
            self.files.disk().sync_dir(self.files.dir())?;
        }
        Ok(())
    }

    fn remove_segment(&mut self, segment: &Segment) -> Result<()> {
        for path in segment.mark_deleted(self.files)? {
            self.files.disk().remove_file(&path)?;
        }
        if let Some(path) = self.producers.mark_snapshot_deleted(self.files, segment.base_offset)? {
            self.files.disk().remove_file(&path)?;
        }
        Ok(())
    }

    /// The checkpoint of leader epochs is replaced without a sync. If a crash took it, the batches have it: here those of
    /// the first `count` segments, which were synced. What may be damaged is asked when it is recovered.
    fn restore_epochs(&mut self, count: usize) -> Result<()> {
        if !self.epochs.entries().is_empty() {
            return Ok(());
        }
        for segment in self.segments.get(..count).unwrap_or_default() {
            let file = segment.file(self.files)?;
            let mut headers = Headers::new(&file, 0, segment.size);
            // Damage ends the walk here and is dealt with where the segment is recovered.
            while let Ok(Some(found)) = headers.next() {
                self.epochs_changed |= note_epoch(&mut self.epochs, &found.header, self.log_start_offset);
            }
        }
        Ok(())
    }

    /// Reads a segment batch by batch, cuts it at the first damage and builds its indexes. Returns the offset after its
    /// last batch.
    fn recover_segment(&mut self, index: usize, behind: Behind) -> Result<i64> {
        let (files, open) = (self.files, self.open);
        self.recovered = true;
        let base_offset = self.segments.get(index).map_or(0, |segment| segment.base_offset);
        let rebuild = Rebuild {
            log_start_offset: self.log_start_offset,
            end_offset: base_offset,
            now_ms: open.now_ms,
            expiration_ms: open.config.producer_id_expiration_ms,
            after_clean_shutdown: false,
        };
        // Unless this segment follows the one that was just recovered, in which case the state is there already.
        if self.producers.map_end_offset() != base_offset || self.producers.is_empty() {
            let earlier = self.segments.get_mut(..index).unwrap_or_default();
            rebuild_producer_state(&mut self.producers, files, earlier, rebuild)?;
        }
        let end_offset = self.segments.get(index + 1).map_or(i64::MAX, |next| next.base_offset);
        let Some(segment) = self.segments.get_mut(index) else { return Ok(base_offset) };
        let file = segment.file(files)?;
        let size = segment.size;
        segment.reset_for_recovery(files)?;
        let mut aborted = Vec::new();
        let mut batches = Batches::new(&file, 0, size);
        let mut next_offset = base_offset;
        loop {
            let position = batches.position();
            let batch = match batches.next() {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(Error::CorruptFile { detail, .. }) => {
                    warn_of_damage(open, base_offset, position, &detail);
                    break;
                }
                Err(fault) => return Err(fault),
            };
            if let Err(damage) = batch.check_crc() {
                warn_of_damage(open, base_offset, position, &damage.to_string());
                break;
            }
            // Of compressed batches before magic 2 only the last offset is known, which rises as well.
            if batch.base_offset < next_offset
                || batch.last_offset() < batch.base_offset
                || batch.last_offset() >= end_offset
                || !segment.fits_offset(batch.last_offset())
            {
                warn_of_damage(open, base_offset, position, "offsets do not rise");
                break;
            }
            segment.batches_written(files, &[Written::of(&batch)], &open.config)?;
            // In the order of the log only: a segment whose index is missing is looked at before those that come first.
            self.epochs_changed |= matches!(behind, Behind::Goes)
                && note_epoch(&mut self.epochs, &batch.header(), self.log_start_offset);
            let completed = if batch.has_producer_id() {
                replay(&mut self.producers, &batch.header(), || read_marker(&batch))?
            } else {
                None
            };
            aborted.extend(completed.filter(|txn| txn.last_stable_offset >= 0));
            next_offset = batch.next_offset();
            self.producers.set_map_end_offset(next_offset);
        }
        let sound = segment.size;
        segment.transaction_index.restore(files, &aborted)?;
        segment.write_max_timestamp(files)?;
        if sound < size && matches!(behind, Behind::Goes) {
            self.remove_behind(index + 1)?;
        }
        cut(&file, sound, size)?;
        self.producers.set_map_end_offset(next_offset);
        if self.producers.take_snapshot(files)? {
            self.snapshots.push(files.path(next_offset, FileKind::ProducerSnapshot));
        }
        Ok(next_offset)
    }

    /// Finds the log end, and makes a segment if there is none. All segments go if they end before the log start
    /// offset: someone has removed files.
    fn find_end(&mut self) -> Result<i64> {
        let mut end = None;
        if let Some(active) = self.segments.last_mut() {
            let next = match active.read_next_offset(self.files) {
                Err(Error::CorruptFile { .. }) => {
                    let last = self.segments.len() - 1;
                    self.recover_segment(last, Behind::Stays)?;
                    match self.segments.last_mut() {
                        Some(active) => active.read_next_offset(self.files)?,
                        None => self.log_start_offset,
                    }
                }
                next => next?,
            };
            end = Some(next);
        }
        if end.is_some_and(|end| end < self.log_start_offset) {
            tracing::warn!(
                partition = %self.open.partition,
                log_end_offset = end,
                log_start_offset = self.log_start_offset,
                "removing all segments, they end before the log start offset"
            );
            for segment in std::mem::take(&mut self.segments) {
                self.remove_segment(&segment)?;
            }
            self.epochs_changed |= self.epochs.clear();
            self.producers.truncate_fully_and_start_at(self.files, self.log_start_offset)?;
            end = None;
        }
        if self.segments.is_empty() {
            let (config, now_ms) = (&self.open.config, self.open.now_ms);
            let seed = seed(&self.open.partition);
            self.segments.push(Segment::create(self.files, self.log_start_offset, config, now_ms, seed)?);
        }
        let end = end.unwrap_or(self.log_start_offset);
        self.epochs_changed |= self.epochs.truncate_from_end(end);
        self.epochs_changed |= self.epochs.truncate_from_start(self.log_start_offset);
        let first = self.segments.first().map_or(0, |segment| segment.base_offset);
        self.log_start_offset = self.log_start_offset.max(first);
        Ok(end)
    }

    fn load_producers(&mut self, log_end_offset: i64) -> Result<()> {
        let base_offsets: BTreeSet<i64> = self.segments.iter().map(|segment| segment.base_offset).collect();
        self.producers.remove_stray_snapshots(self.files, &base_offsets)?;
        let rebuild = Rebuild {
            log_start_offset: self.log_start_offset,
            end_offset: log_end_offset,
            now_ms: self.open.now_ms,
            expiration_ms: self.open.config.producer_id_expiration_ms,
            // A recovery of a segment removes the snapshots behind it, so that their absence says nothing any more.
            after_clean_shutdown: self.open.clean_shutdown && !self.recovered,
        };
        rebuild_producer_state(&mut self.producers, self.files, &mut self.segments, rebuild)
    }
}

/// Cuts a file of `size` bytes, lastingly: what is cut off must not come back behind what is written now.
fn cut(file: &klamm_io::disk::File, sound: u32, size: u32) -> Result<()> {
    file.truncate(u64::from(sound))?;
    if sound < size {
        file.sync_data()?;
    }
    Ok(())
}

fn warn_of_damage(open: &OpenLog<'_>, base_offset: i64, position: u32, detail: &str) {
    tracing::warn!(partition = %open.partition, base_offset, position, detail, "damage in segment, cutting it here");
}

/// Takes note of a batch's epoch. Returns whether anything changed.
fn note_epoch(epochs: &mut LeaderEpochs, batch: &BatchHeader, log_start_offset: i64) -> bool {
    let epoch = batch.partition_leader_epoch;
    // What was deleted says something only about an epoch that is not known otherwise.
    if batch.last_offset() < log_start_offset && epochs.latest_epoch().is_some_and(|latest| epoch <= latest) {
        return false;
    }
    epochs.found(epoch, batch.base_offset, batch.last_offset())
}

/// Counts a batch of a producer in that is in the log already. Returns the transaction that it aborted; of one that
/// it committed, one with a last stable offset of -1.
fn replay(
    producers: &mut ProducerState,
    header: &BatchHeader,
    marker: impl FnOnce() -> Option<crate::producer_state::append::EndTxnMarker>,
) -> Result<Option<AbortedTxn>> {
    let marker = if header.is_control() { marker() } else { None };
    let mut append = producers.prepare(header.producer_id, AppendOrigin::Replication);
    let completed = match append.append(header, marker, 0) {
        Ok(completed) => completed,
        // What is in the log was accepted once; what contradicts itself now is damage that a checksum does not see.
        Err(Error::InvalidTxnState(_)) => return Ok(None),
        Err(e) => return Err(e),
    };
    producers.update(append);
    let Some(completed) = completed else { return Ok(None) };
    let last_stable_offset = if completed.is_aborted { producers.last_stable_offset(&completed) } else { -1 };
    producers.complete_txn(&completed);
    Ok(Some(AbortedTxn {
        producer_id: completed.producer_id,
        first_offset: completed.first_offset,
        last_offset: completed.last_offset,
        last_stable_offset,
    }))
}

/// What producer state is to be rebuilt to.
#[derive(Clone, Copy)]
pub(crate) struct Rebuild {
    pub(crate) log_start_offset: i64,
    pub(crate) end_offset: i64,
    pub(crate) now_ms: i64,
    pub(crate) expiration_ms: i64,
    pub(crate) after_clean_shutdown: bool,
}

/// Brings producer state to `end_offset`: from the newest snapshot that fits, then with the batches after it. On the
/// way it leaves a snapshot at the base offset of the last two segments, so that the next recovery is short.
pub(crate) fn rebuild_producer_state(
    producers: &mut ProducerState,
    files: &LogFiles,
    segments: &mut [Segment],
    rebuild: Rebuild,
) -> Result<()> {
    let recent = segments.len().saturating_sub(2);
    let to_snapshot: Vec<i64> = segments.iter().skip(recent).map(|segment| segment.base_offset).collect();
    if rebuild.after_clean_shutdown && producers.latest_snapshot_offset().is_none() {
        // No snapshot after a clean shutdown: there never was a producer with an id.
        for offset in to_snapshot.into_iter().chain([rebuild.end_offset]) {
            producers.set_map_end_offset(offset);
            producers.take_snapshot(files)?;
        }
        return Ok(());
    }
    let was_empty = producers.is_empty() && producers.map_end_offset() >= rebuild.end_offset;
    producers.truncate_and_reload(
        files,
        rebuild.log_start_offset,
        rebuild.end_offset,
        rebuild.now_ms,
        rebuild.expiration_ms,
    )?;
    if rebuild.end_offset > producers.map_end_offset() && !was_empty {
        let from = producers.map_end_offset();
        let first = segments.partition_point(|segment| segment.base_offset <= from).saturating_sub(1);
        for segment in segments.get_mut(first..).unwrap_or_default() {
            if segment.base_offset >= rebuild.end_offset {
                break;
            }
            let start = segment.base_offset.max(producers.map_end_offset()).max(rebuild.log_start_offset);
            producers.set_map_end_offset(start);
            if to_snapshot.contains(&segment.base_offset) {
                producers.take_snapshot(files)?;
            }
            replay_segment(producers, files, segment, start, rebuild.end_offset)?;
        }
    }
    producers.set_map_end_offset(rebuild.end_offset);
    producers.take_snapshot(files)?;
    Ok(())
}

fn replay_segment(
    producers: &mut ProducerState,
    files: &LogFiles,
    segment: &mut Segment,
    start_offset: i64,
    end_offset: i64,
) -> Result<()> {
    let from = match segment.find(files, start_offset) {
        Ok(Some(from)) => from,
        // Damage in what was synced long ago; it is reported where it is read.
        Ok(None) | Err(Error::CorruptFile { .. }) => return Ok(()),
        Err(fault) => return Err(fault),
    };
    let file = segment.file(files)?;
    let mut headers = Headers::new(&file, from.position, segment.size);
    loop {
        let found = match headers.next() {
            Ok(Some(found)) if found.header.last_offset() < end_offset => found,
            Ok(_) => return Ok(()),
            Err(Error::CorruptFile { path, position, detail }) => {
                tracing::warn!(path = %path.display(), position, detail, "producer state ends at damage");
                return Ok(());
            }
            Err(fault) => return Err(fault),
        };
        if found.header.has_producer_id() {
            let marker = || {
                let batch = Batches::new(&file, found.position, found.end_position()).next().ok()??;
                read_marker(&batch)
            };
            replay(producers, &found.header, marker)?;
        }
    }
}
