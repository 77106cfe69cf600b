//! The log itself: what it has, and where it stands.
//!
//! What it does is in the files beside: `append.rs`, `read.rs`, `lookup.rs` (timestamps), `retention.rs`,
//! `truncate.rs`, `flush.rs`, and `recovery.rs`, which opens it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use klamm_protocol::Uuid;

use crate::cleaner::CleaningState;
use crate::config::LogConfig;
use crate::error::{Error, Result};
use crate::flush::Unsynced;
use crate::handles::{Handles, LogFiles};
use crate::leader_epochs::{EpochEntry, LeaderEpochs};
use crate::names::TopicPartition;
use crate::partition_metadata;
use crate::producer_state::ProducerState;
use crate::retention::PendingDeletion;
use crate::segment::Segment;

/// An offset and where it is in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetMetadata {
    /// The offset.
    pub offset: i64,
    /// Base offset of its segment.
    pub segment_base_offset: i64,
    /// Position in the segment's file.
    pub position: u32,
}

/// What is needed to open a log.
pub struct OpenLog<'a> {
    /// Open files are kept there.
    pub handles: &'a Handles,
    /// The partition's directory; it is made if it does not exist.
    pub dir: &'a Path,
    /// Whose log it is.
    pub partition: TopicPartition,
    /// Settings.
    pub config: Arc<LogConfig>,
    /// From [`crate::checkpoints::LOG_START_OFFSET_FILE`], 0 if it is not there.
    pub log_start_offset: i64,
    /// From [`crate::checkpoints::RECOVERY_POINT_FILE`], 0 if it is not there.
    pub recovery_point: i64,
    /// Whether the log directory had a clean shutdown file. If not, all from the recovery point on is checked.
    pub clean_shutdown: bool,
    /// Wall clock in milliseconds.
    pub now_ms: i64,
}

/// The log of one partition. Owned by the partition's shard.
pub struct Log {
    pub(crate) files: LogFiles,
    pub(crate) partition: TopicPartition,
    pub(crate) config: Arc<LogConfig>,
    pub(crate) topic_id: Option<Uuid>,
    // By base offset, never empty; the last one is the active one.
    pub(crate) segments: Vec<Segment>,
    pub(crate) log_start_offset: i64,
    pub(crate) log_end_offset: i64,
    pub(crate) recovery_point: i64,
    // What the checkpoint file is known to say, at least.
    pub(crate) recovery_point_written: i64,
    // See `doubted_from`.
    pub(crate) doubted_from: Option<i64>,
    pub(crate) high_watermark: i64,
    // Where the bounds of reads are, as far as they were looked up.
    pub(crate) high_watermark_at: Option<OffsetMetadata>,
    pub(crate) first_unstable_at: Option<OffsetMetadata>,
    pub(crate) epochs: LeaderEpochs,
    // Whether the last epoch is not in the file yet, since it has no records.
    pub(crate) epochs_unwritten: bool,
    pub(crate) producers: ProducerState,
    pub(crate) last_flushed_ms: i64,
    pub(crate) unsynced: Unsynced,
    pub(crate) pending_deletions: Vec<PendingDeletion>,
    pub(crate) cleaning: CleaningState,
}

impl Log {
    /// Whose log it is.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The partition's directory.
    pub fn dir(&self) -> &Path {
        self.files.dir()
    }

    /// Settings.
    pub fn config(&self) -> &Arc<LogConfig> {
        &self.config
    }

    /// Changes the settings; they count from the next operation on.
    pub fn set_config(&mut self, config: Arc<LogConfig>) {
        if self.config.compact && !config.compact {
            self.cleaning.abort();
        }
        self.config = config;
    }

    /// Id of the topic, from `partition.metadata`.
    pub fn topic_id(&self) -> Option<Uuid> {
        self.topic_id
    }

    /// Writes the topic id into `partition.metadata` unless it is there. Another id than the one that is there is
    /// refused.
    pub fn assign_topic_id(&mut self, topic_id: Uuid) -> Result<()> {
        match self.topic_id {
            Some(found) if found == topic_id => Ok(()),
            Some(found) => {
                Err(Error::InconsistentTopicId { found: found.to_string(), wanted: topic_id.to_string() })
            }
            None => {
                partition_metadata::write(self.files.disk(), self.dir(), topic_id)?;
                self.topic_id = Some(topic_id);
                self.unsynced.partition_metadata = true;
                Ok(())
            }
        }
    }

    /// The first offset that may be read.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start_offset
    }

    /// The offset that the next record gets (LEO).
    pub fn log_end_offset(&self) -> i64 {
        self.log_end_offset
    }

    /// The log end offset and where it is.
    pub fn log_end(&self) -> OffsetMetadata {
        let active = self.active();
        OffsetMetadata {
            offset: self.log_end_offset,
            segment_base_offset: active.base_offset,
            position: active.size,
        }
    }

    /// The offset up to which all in-sync replicas have the log (exclusive).
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Sets the high watermark, brought into `log_start_offset..=log_end_offset`. Returns what it is now.
    pub fn set_high_watermark(&mut self, offset: i64) -> i64 {
        // A follower whose leader's log starts within a batch has its end before its start until it has that batch.
        let offset = offset.min(self.log_end_offset).max(self.log_start_offset);
        if offset != self.high_watermark {
            self.high_watermark = offset;
            self.high_watermark_at = None;
        }
        if offset == self.log_end_offset {
            self.high_watermark_at = Some(self.log_end());
        }
        self.producers.on_high_watermark(offset);
        offset
    }

    /// The offset up to which a reader of committed data may read (LSO, exclusive): the high watermark, or the start
    /// of the first transaction that is not decided, replicated or both.
    pub fn last_stable_offset(&self) -> i64 {
        match self.first_unstable_offset() {
            Some(unstable) => unstable.min(self.high_watermark),
            None => self.high_watermark,
        }
    }

    pub(crate) fn first_unstable_offset(&self) -> Option<i64> {
        self.producers.first_unstable_offset().map(|offset| offset.max(self.log_start_offset))
    }

    /// The offset below which nothing needs recovery after a crash. Never beyond [`Log::doubted_from`], so that another
    /// crash does not end the doubt.
    pub fn recovery_point(&self) -> i64 {
        self.doubted_from.map_or(self.recovery_point, |doubted| self.recovery_point.min(doubted))
    }

    /// A checkpoint file was written with this recovery point, and synced. Only what lies before it is compacted: behind it
    /// a crash leaves doubts where records are missing, and what is dropped then must be all there is to a key.
    pub fn mark_checkpointed(&mut self, offset: i64) {
        self.recovery_point_written = offset.min(self.recovery_point());
    }

    /// Where a crash may have taken records out of the middle of a compacted log: a segment that was not synced ends
    /// there, and the next one begins further on. Compaction leaves the same picture, here or on the leader that the log
    /// was fetched from, which is why recovery does not cut the log there. Who can have the records again should do it
    /// ([`Log::truncate_to`]); for who cannot, the log is what is left ([`Log::trust`]).
    pub fn doubted_from(&self) -> Option<i64> {
        self.doubted_from
    }

    /// The log counts as it is.
    pub fn trust(&mut self) {
        self.doubted_from = None;
    }

    /// Bytes of all segments' batches.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.size)).sum()
    }

    /// Number of segments.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Base offsets of the segments, rising.
    pub fn segment_base_offsets(&self) -> impl Iterator<Item = i64> {
        self.segments.iter().map(|segment| segment.base_offset)
    }

    /// The history of leader epochs.
    pub fn leader_epochs(&self) -> &LeaderEpochs {
        &self.epochs
    }

    /// Notes that a leader's epoch begins at `start_offset`. It is written down with the first record of the epoch: what
    /// an epoch without records was is of no use to anybody, and a start with many partitions need not write them all.
    pub fn assign_epoch(&mut self, epoch: i32, start_offset: i64) -> Result<()> {
        if self.epochs.assign(EpochEntry { epoch, start_offset }) {
            if start_offset < self.log_end_offset {
                self.write_epochs()?;
            } else {
                self.epochs_unwritten = true;
            }
        }
        Ok(())
    }

    /// The largest epoch at or below `epoch` and the offset at which it ends (exclusive).
    pub fn end_offset_for_epoch(&self, epoch: i32) -> Option<(i32, i64)> {
        self.epochs.end_offset_for(epoch, self.log_end_offset)
    }

    pub(crate) fn write_epochs(&mut self) -> Result<()> {
        self.unsynced.epochs = true;
        self.epochs_unwritten = false;
        self.epochs.write(self.files.disk(), self.files.dir())
    }

    /// What is known of producers.
    pub fn producer_state(&self) -> &ProducerState {
        &self.producers
    }

    /// Forgets producers that have been idle for `producer.id.expiration.ms`.
    pub fn remove_expired_producers(&mut self, now_ms: i64) {
        self.producers.remove_expired(now_ms, self.config.producer_id_expiration_ms);
    }

    /// Whether a transaction has been open for longer than any may be, so that someone must look at it.
    pub fn has_late_transaction(&self, now_ms: i64) -> bool {
        self.producers.has_late_transaction(now_ms, self.config.transaction_timeout_ms_max)
    }

    /// Renames the partition's directory within its log directory, as for a deletion (see [`crate::names::dir_name`]).
    pub fn rename_dir(&mut self, name: &str) -> Result<()> {
        let to = match self.files.dir().parent() {
            Some(parent) => parent.join(name),
            None => PathBuf::from(name),
        };
        self.cleaning.abort();
        self.files.disk().rename(self.files.dir(), &to)?;
        self.files.set_dir(to);
        Ok(())
    }

    pub(crate) fn active(&self) -> &Segment {
        // A log is made with a segment, and whoever removes the last one puts another in its place.
        self.segments.last().expect("a log has an active segment")
    }

    pub(crate) fn active_mut(&mut self) -> (&mut Segment, &LogFiles) {
        (self.segments.last_mut().expect("a log has an active segment"), &self.files)
    }

    /// Whether an offset lies in an older segment than another.
    pub fn is_in_older_segment(&self, offset: i64, than: i64) -> bool {
        self.segment_index(offset) < self.segment_index(than)
    }

    /// Index of the segment that `offset` is in, or would be.
    pub(crate) fn segment_index(&self, offset: i64) -> Option<usize> {
        self.segments.partition_point(|segment| segment.base_offset <= offset).checked_sub(1)
    }

    /// Different jitter for different partitions.
    pub(crate) fn seed(&self) -> u64 {
        seed(&self.partition)
    }
}

pub(crate) fn seed(partition: &TopicPartition) -> u64 {
    let start = u64::from(partition.index.cast_unsigned()).wrapping_add(0xCBF2_9CE4_8422_2325);
    partition.topic.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

impl Drop for Log {
    fn drop(&mut self) {
        for segment in &self.segments {
            self.files.forget_segment(segment.base_offset);
        }
    }
}
