//! One round of cleaning of one log, step by step, off the log's thread.
//!
//! 1. The dirty segments are read, and the latest offset of each key noted, until the map is full.
//! 2. The segments up to there are put into groups that fit into one segment each.
//! 3. Each group is copied into a new segment, without what may go; the owner puts it in place, and the next one follows.
//!
//! A step reads about [`CleanerSettings::io_buffer_bytes`], so that the caller can rest between steps and stop between
//! them. The segments are those of a moment: what the log does to them later makes the cleaning worthless, which
//! [`Step::Aborted`] says.
//!
//! Different from Kafka on purpose: where a round begins within a segment, since the map was full, Kafka believes that
//! producers which have aborted a transaction before that place in the segment still do. It misses the keys of their next
//! transaction, and so can bring back what a tombstone had deleted.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use klamm_io::disk::File;
use klamm_protocol::records::{BatchHeader, DecompressLimits, RecordBatch};
use rustc_hash::FxHashMap;

use super::filter::{Counts, Filter, FilterError, LastRecord};
use super::key_hash::KeyHasher;
use super::offset_map::OffsetMap;
use super::swap::{CleanedSegment, remove_cleaned};
use super::transactions::CleanedTransactions;
use crate::config::LogConfig;
use crate::error::{Error, Result};
use crate::handles::{Handles, LogFiles};
use crate::log::Log;
use crate::names::{CLEANED_SUFFIX, FileKind, TopicPartition};
use crate::scan::Batches;
use crate::segment::{Segment, Written};
use crate::transaction_index::AbortedTxn;

/// Open files that a cleaning keeps.
const OPEN_FILES: usize = 16;
/// Bytes that a step reads at least: less costs more than it spares.
const IO_BYTES_MIN: usize = 4096;

/// What a cleaner may use.
#[derive(Clone, Copy, Debug)]
pub struct CleanerSettings {
    /// Memory for the map of keys: this thread's part of `log.cleaner.dedupe.buffer.size`.
    pub dedupe_buffer_bytes: u64,
    /// `log.cleaner.io.buffer.load.factor`: how full the map may become.
    pub load_factor: f64,
    /// What a step reads: this thread's part of `log.cleaner.io.buffer.size`.
    pub io_buffer_bytes: usize,
    /// By chance, for the hash of keys.
    pub hash_key: [u8; 16],
}

/// What a step did.
#[derive(Debug)]
pub enum Step {
    /// There is more to do. So many bytes were read and written.
    More {
        /// Bytes read and written.
        bytes: u64,
    },
    /// A segment is finished: give it to [`Log::swap_cleaned`] before the next step.
    Cleaned(CleanedSegment),
    /// The log is clean up to here; tell it with [`Log::end_cleaning`].
    Done {
        /// The first offset that is not clean.
        end_offset: i64,
    },
    /// The log has changed: what was done since the last finished segment is gone.
    Aborted,
}

/// What a round of cleaning has read and written.
#[derive(Clone, Copy, Debug, Default)]
pub struct CleaningStats {
    /// Bytes of batches that were read for the map.
    pub indexed_bytes: u64,
    /// Keys in the map.
    pub keys: u64,
    /// Bytes of batches before.
    pub bytes_read: u64,
    /// Bytes of batches after.
    pub bytes_written: u64,
    /// Records before.
    pub records_read: u64,
    /// Records after.
    pub records_kept: u64,
    /// Records without key, which were dropped.
    pub records_invalid: u64,
}

/// Names a round of cleaning.
#[derive(Clone, Debug)]
pub struct CleaningId(Arc<AtomicBool>);

/// Where in the round it stands.
enum Phase {
    /// The batch at `position` of the dirty segment at `index` is the next for the map.
    Index { index: usize, position: Option<u32> },
    /// The groups that are left, the first one being worked on.
    Clean { groups: Vec<std::ops::Range<usize>>, current: Option<Current> },
    /// Nothing is left to do.
    Done,
}

/// A group of segments on its way into one.
struct Current {
    dest: Segment,
    // The source that is being read, and where.
    index: usize,
    position: u32,
    is_entered: bool,
}

/// See the module.
pub struct Cleaning {
    partition: TopicPartition,
    config: Arc<LogConfig>,
    dir: PathBuf,
    aborted: Arc<AtomicBool>,
    files: LogFiles,
    cleaned_files: LogFiles,
    // All segments of the log at the start of the round; those below the uncleanable offset may be cleaned.
    segments: Vec<Segment>,
    cleanable_count: usize,
    first_dirty_offset: i64,
    first_uncleanable_offset: i64,
    last_records: FxHashMap<i64, LastRecord>,
    map: OffsetMap,
    chunk_bytes: usize,
    now_ms: i64,
    legacy_delete_horizon_ms: i64,
    transactions: CleanedTransactions,
    phase: Phase,
    stats: CleaningStats,
}

impl Log {
    /// Begins a round of cleaning, which is to be stepped on another thread. `None` if there is nothing to clean; see
    /// [`Log::cleanable`]. Until [`Log::end_cleaning`] the log does no retention and no other cleaning.
    pub fn start_cleaning(&mut self, settings: CleanerSettings, now_ms: i64) -> Result<Option<Cleaning>> {
        let Some(cleanable) = self.cleanable(now_ms)? else { return Ok(None) };
        if cleanable.cleanable_bytes == 0 {
            return Ok(None);
        }
        let segments: Vec<Segment> = self
            .segments
            .iter()
            .map(|s| Segment::existing(s.base_offset, s.size, s.transaction_index.len(), now_ms))
            .collect();
        let last_records = self.producers.producers().map(|producer| {
            let last = producer.last_data_offset();
            let last_data_offset = (last >= 0).then_some(last);
            (
                producer.producer_id(),
                LastRecord { last_data_offset, producer_epoch: producer.producer_epoch() },
            )
        });
        let span = cleanable.first_uncleanable_offset.saturating_sub(cleanable.first_dirty_offset);
        let aborted = Arc::new(AtomicBool::new(false));
        let handles = Handles::new(self.files.disk().clone(), OPEN_FILES);
        let cleaning = Cleaning {
            partition: self.partition.clone(),
            config: Arc::new(LogConfig { preallocate: false, ..(*self.config).clone() }),
            dir: self.dir().to_path_buf(),
            aborted: Arc::clone(&aborted),
            files: LogFiles::new(&handles, self.dir()),
            cleaned_files: LogFiles::with_suffix(&handles, self.dir(), CLEANED_SUFFIX),
            cleanable_count: segments.partition_point(|s| s.base_offset < cleanable.first_uncleanable_offset),
            segments,
            first_dirty_offset: cleanable.first_dirty_offset,
            first_uncleanable_offset: cleanable.first_uncleanable_offset,
            last_records: last_records.collect(),
            map: OffsetMap::new(
                settings.dedupe_buffer_bytes,
                settings.load_factor,
                u64::try_from(span).unwrap_or(0),
                KeyHasher::new(settings.hash_key),
            ),
            chunk_bytes: settings.io_buffer_bytes.max(IO_BYTES_MIN),
            now_ms,
            legacy_delete_horizon_ms: 0,
            transactions: CleanedTransactions::default(),
            phase: Phase::Index { index: 0, position: None },
            stats: CleaningStats::default(),
        };
        self.cleaning.running = Some(aborted);
        Ok(Some(cleaning))
    }

    /// Ends a round of cleaning: the log is clean up to `end_offset`, or, if there is none, could not be cleaned and is
    /// left alone until the next start.
    pub fn end_cleaning(&mut self, cleaning: &CleaningId, end_offset: Option<i64>) {
        let is_current =
            self.cleaning.running.as_ref().is_some_and(|running| Arc::ptr_eq(running, &cleaning.0));
        if !is_current {
            return;
        }
        self.cleaning.running = None;
        match end_offset {
            Some(end_offset) => self.cleaning.checkpoint = Some(end_offset),
            None => self.cleaning.failed = true,
        }
    }
}

impl Drop for Cleaning {
    fn drop(&mut self) {
        // The log need not wait for what will not come.
        self.aborted.store(true, Ordering::Release);
        if let Phase::Clean { current: Some(current), .. } = &self.phase {
            remove_cleaned(self.files.disk(), &self.dir, current.dest.base_offset);
        }
        for segment in &self.segments {
            self.files.forget_segment(segment.base_offset);
        }
    }
}

impl std::fmt::Debug for Cleaning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cleaning").field("partition", &self.partition).finish_non_exhaustive()
    }
}

impl Cleaning {
    /// By which the log knows it.
    pub fn id(&self) -> CleaningId {
        CleaningId(Arc::clone(&self.aborted))
    }

    /// Whose log it is.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The first offset that was dirty.
    pub fn first_dirty_offset(&self) -> i64 {
        self.first_dirty_offset
    }

    /// What was read and written so far.
    pub fn stats(&self) -> CleaningStats {
        self.stats
    }

    /// Does a bit of the work. Blocks for the disk.
    ///
    /// # Errors
    /// A failure of the disk, or damage in a segment that is read. The round is over then.
    pub fn step(&mut self) -> Result<Step> {
        if self.aborted.load(Ordering::Acquire) {
            return Ok(Step::Aborted);
        }
        let result = match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Index { index, position } => self.index(index, position),
            Phase::Clean { groups, current } => self.clean(groups, current),
            Phase::Done => return Ok(Step::Done { end_offset: self.map.latest_offset() + 1 }),
        };
        match result {
            // Files go before the cleaning hears of it, if the log goes.
            Err(_) if self.aborted.load(Ordering::Acquire) => Ok(Step::Aborted),
            result => result,
        }
    }

    /// Dirty segments: from the one with the first dirty offset on.
    fn dirty(&self) -> std::ops::Range<usize> {
        let first = self.segments.partition_point(|s| s.base_offset <= self.first_dirty_offset);
        first.saturating_sub(1)..self.cleanable_count
    }

    fn index(&mut self, index: usize, position: Option<u32>) -> Result<Step> {
        let dirty = self.dirty();
        let (index, position) = match position {
            Some(position) => (index, position),
            None => {
                let start = self.first_dirty_offset;
                if index == 0 {
                    self.transactions = CleanedTransactions::default();
                    let aborted = self.aborted_between(dirty.start, start, self.first_uncleanable_offset)?;
                    self.transactions.add_aborted(aborted);
                }
                let index = index.max(dirty.start);
                let Some(segment) = self.segments.get_mut(index).filter(|_| index < dirty.end) else {
                    return self.begin_copying();
                };
                let found = segment.slice_from(&self.files, start)?;
                (index, found.map_or(segment.size, |found| found.start.position))
            }
        };
        let (file, size) = self.source(index)?;
        let mut batches = Batches::with_chunk(&file, position, size, self.chunk_bytes);
        let mut read = 0;
        while read < self.chunk_bytes as u64 && batches.position() < size {
            let batch = take(&mut batches, &file)?;
            read += batch.size() as u64;
            if !self.note(&file, &batch)? {
                self.stats.indexed_bytes += read;
                return self.begin_copying();
            }
        }
        self.stats.indexed_bytes += read;
        let position = batches.position();
        if position < size {
            self.phase = Phase::Index { index, position: Some(position) };
        } else {
            // Offsets that the segment does not have any more have been seen, too.
            let next = if index + 1 < dirty.end {
                self.segments.get(index + 1).map_or(self.first_uncleanable_offset, |next| next.base_offset)
            } else {
                self.first_uncleanable_offset
            };
            self.map.set_latest_offset(next - 1);
            self.phase = Phase::Index { index: index + 1, position: None };
        }
        Ok(Step::More { bytes: read })
    }

    /// Notes the keys of a batch. False if the map is full.
    fn note(&mut self, file: &File, batch: &RecordBatch) -> Result<bool> {
        let corrupt = |e: &dyn std::fmt::Display| Error::corrupt(file.path(), 0, e.to_string());
        let is_void = if batch.is_control() {
            self.transactions.on_control_batch(batch, &mut Vec::new()).map_err(|e| corrupt(&e))?;
            true
        } else {
            self.transactions.on_batch(batch)
        };
        if !is_void {
            batch.check_crc().map_err(|e| corrupt(&e))?;
            let records = batch.records_within(DecompressLimits::default()).map_err(|e| corrupt(&e))?;
            for record in records {
                let record = record.map_err(|e| corrupt(&e))?;
                let Some(key) = record.key.as_deref().filter(|_| record.offset >= self.first_dirty_offset)
                else {
                    continue;
                };
                if !self.map.put(key, record.offset) {
                    return Ok(false);
                }
            }
        }
        if batch.last_offset() >= self.first_dirty_offset {
            self.map.set_latest_offset(batch.last_offset());
        }
        Ok(true)
    }

    fn begin_copying(&mut self) -> Result<Step> {
        self.stats.keys = self.map.len() as u64;
        self.transactions = CleanedTransactions::default();
        let clean = self.segments.partition_point(|s| s.base_offset < self.first_dirty_offset);
        self.legacy_delete_horizon_ms = match clean.checked_sub(1) {
            Some(last) => self.modified_ms(last)?.saturating_sub(self.config.delete_retention_ms),
            None => 0,
        };
        let groups = self.groups(self.map.latest_offset() + 1)?;
        self.phase = Phase::Clean { groups, current: None };
        Ok(Step::More { bytes: 0 })
    }

    fn source(&self, index: usize) -> Result<(File, u32)> {
        // Callers stay below the number of segments.
        let segment = self.segments.get(index).expect("a segment of the round");
        Ok((segment.file(&self.files)?, segment.size))
    }

    fn modified_ms(&self, index: usize) -> Result<i64> {
        let Some(segment) = self.segments.get(index) else { return Ok(0) };
        Ok(segment.file(&self.files)?.metadata()?.modified_ms)
    }

    /// Neighbours that together are no larger than one segment may be, indexes included. The last group is first.
    fn groups(&self, end_offset: i64) -> Result<Vec<std::ops::Range<usize>>> {
        let count = self.segments.partition_point(|s| s.base_offset < end_offset).min(self.cleanable_count);
        let len = |segment: &Segment, kind| -> Result<u64> {
            match self.files.disk().metadata(&self.files.path(segment.base_offset, kind)) {
                Ok(metadata) => Ok(metadata.len),
                Err(e) if e.is_not_found() => Ok(0),
                Err(e) => Err(e.into()),
            }
        };
        let index_max = u64::from(self.config.segment_index_bytes);
        let mut groups: Vec<std::ops::Range<usize>> = Vec::new();
        let (mut base, mut sizes) = (0, [0_u64; 3]);
        for (index, segment) in self.segments.iter().enumerate().take(count) {
            let own = [
                u64::from(segment.size),
                len(segment, FileKind::OffsetIndex)?,
                len(segment, FileKind::TimeIndex)?,
            ];
            let sum = [sizes[0] + own[0], sizes[1] + own[1], sizes[2] + own[2]];
            let next_base = if index + 1 < count {
                self.segments.get(index + 1).map_or(self.first_uncleanable_offset, |next| next.base_offset)
            } else {
                self.first_uncleanable_offset
            };
            let fits = sum[0] <= u64::from(self.config.segment_bytes)
                && sum[1] <= index_max
                && sum[2] <= index_max
                && (segment.size == 0 || next_base - 1 - base <= i64::from(i32::MAX));
            match groups.last_mut() {
                Some(group) if fits => {
                    group.end = index + 1;
                    sizes = sum;
                }
                _ => {
                    groups.push(index..index + 1);
                    (base, sizes) = (segment.base_offset, own);
                }
            }
        }
        groups.reverse();
        Ok(groups)
    }

    fn clean(&mut self, mut groups: Vec<std::ops::Range<usize>>, current: Option<Current>) -> Result<Step> {
        let Some(group) = groups.last().cloned() else {
            return Ok(Step::More { bytes: 0 });
        };
        let mut current = match current {
            Some(current) => current,
            None => {
                let base = self.segments.get(group.start).map_or(0, |segment| segment.base_offset);
                let dest = Segment::create(&self.cleaned_files, base, &self.config, self.now_ms, 0)?;
                Current { dest, index: group.start, position: 0, is_entered: false }
            }
        };
        let result = if current.index < group.end {
            self.copy_some(&mut current, group.end).map(|bytes| Step::More { bytes })
        } else {
            self.finish(&mut current, group).map(Step::Cleaned)
        };
        if matches!(result, Ok(Step::Cleaned(_))) {
            groups.pop();
            self.phase = Phase::Clean { groups, current: None };
        } else {
            // Also after a failure, so that the files are removed with the cleaning.
            self.phase = Phase::Clean { groups, current: Some(current) };
        }
        result
    }

    /// Reads some batches of a source and writes what stays of them. Returns the bytes read and written.
    fn copy_some(&mut self, current: &mut Current, group_end: usize) -> Result<u64> {
        let index = current.index;
        if !std::mem::replace(&mut current.is_entered, true) {
            let start = self.segments.get(index).map_or(0, |segment| segment.base_offset);
            let next =
                self.segments.get(index + 1).filter(|_| index + 1 < group_end).map(|next| next.base_offset);
            let end = match (next, self.segments.get_mut(index)) {
                (Some(next), _) => next,
                (None, Some(segment)) => segment.read_next_offset(&self.files)?,
                (None, None) => start,
            };
            let aborted = self.aborted_between(index, start, end)?;
            self.transactions.add_aborted(aborted);
        }
        let filter = Filter {
            map: &self.map,
            now_ms: self.now_ms,
            delete_retention_ms: self.config.delete_retention_ms,
            keep_legacy_deletes: self.modified_ms(index)? > self.legacy_delete_horizon_ms,
            last_records: &self.last_records,
            upper_bound_offset: self.first_uncleanable_offset,
        };
        let (file, size) = self.source(index)?;
        let mut batches = Batches::with_chunk(&file, current.position, size, self.chunk_bytes);
        let (mut kept, mut retained, mut counts, mut read) = (Vec::new(), Vec::new(), Counts::default(), 0);
        while read < self.chunk_bytes as u64 && batches.position() < size {
            let position = u64::from(batches.position());
            let batch = take(&mut batches, &file)?;
            read += batch.size() as u64;
            let stays = filter.clean(&batch, &mut self.transactions, &mut retained, &mut counts);
            kept.extend(
                stays.map_err(|e: FilterError| Error::corrupt(file.path(), position, e.to_string()))?,
            );
        }
        current.position = batches.position();
        let written = self.write(&mut current.dest, &kept, file.path())?;
        for txn in retained {
            current.dest.transaction_index.append(&self.cleaned_files, txn)?;
        }
        if current.position >= size {
            (current.index, current.position, current.is_entered) = (index + 1, 0, false);
        }
        self.stats.bytes_read += read;
        self.stats.bytes_written += written;
        self.stats.records_read += counts.records_read;
        self.stats.records_kept += counts.records_kept;
        self.stats.records_invalid += counts.records_invalid;
        Ok(read + written)
    }

    fn write(&self, dest: &mut Segment, kept: &[bytes::Bytes], source: &std::path::Path) -> Result<u64> {
        let corrupt = |detail: &str| Error::corrupt(source, 0, detail);
        let mut written = Vec::with_capacity(kept.len());
        for batch in kept {
            let header = BatchHeader::decode(batch).map_err(|e| corrupt(&e.to_string()))?;
            if !dest.fits_offset(header.last_offset()) {
                return Err(corrupt("offsets are too far apart for one segment"));
            }
            written.push(Written::of(&header));
        }
        let slices: Vec<&[u8]> = kept.iter().map(|batch| &**batch).collect();
        let bytes: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
        if u64::from(dest.size) + bytes > i32::MAX as u64 {
            return Err(corrupt("what stays is larger than a segment may be"));
        }
        dest.file(&self.cleaned_files)?.write_vectored_at(&slices, u64::from(dest.size))?;
        dest.batches_written(&self.cleaned_files, &written, &self.config)?;
        Ok(bytes)
    }

    fn finish(&mut self, current: &mut Current, group: std::ops::Range<usize>) -> Result<CleanedSegment> {
        let modified_ms = self.modified_ms(group.end.saturating_sub(1))?;
        let (dest, files) = (&mut current.dest, &self.cleaned_files);
        dest.close_for_appends(files)?;
        let transaction_index_len = dest.transaction_index.len();
        for kind in FileKind::OF_SEGMENT {
            if kind != FileKind::TransactionIndex || transaction_index_len > 0 {
                let file = files.existing(dest.base_offset, kind)?;
                // Retention goes by it where records have no timestamps.
                file.set_modified_ms(modified_ms)?;
                file.sync_all()?;
            }
        }
        files.forget_segment(dest.base_offset);
        let sources = self.segments.get(group).unwrap_or_default();
        for segment in sources {
            self.files.forget_segment(segment.base_offset);
        }
        Ok(CleanedSegment {
            base_offset: dest.base_offset,
            size: dest.size,
            transaction_index_len,
            replaced: sources.iter().map(|segment| segment.base_offset).collect(),
            aborted: Arc::clone(&self.aborted),
            disk: self.files.disk().clone(),
            dir: self.dir.clone(),
        })
    }

    fn aborted_between(&self, index: usize, start: i64, end: i64) -> Result<Vec<AbortedTxn>> {
        let mut aborted = Vec::new();
        for segment in self.segments.get(index..).unwrap_or_default() {
            if segment.transaction_index.collect(&self.files, start, end, &mut aborted)? {
                break;
            }
        }
        Ok(aborted)
    }
}

/// The next batch of a sealed segment, which has whole batches up to its end.
fn take(batches: &mut Batches<'_>, file: &File) -> Result<RecordBatch> {
    let position = u64::from(batches.position());
    batches.next()?.ok_or_else(|| Error::corrupt(file.path(), position, "batch is cut off"))
}
