//! Up to where the metadata log is known to be on the disk.
//!
//! What a crash tore off the end of the log is cut without a word: nobody was told that it is there. What was synced was
//! acknowledged, and a voter that cuts it helps to elect leaders that lack committed records. The log itself does not say
//! which is which: of what was written after the last sync, a loss of power may keep the end and lose the middle, so that
//! whole batches behind the damage prove nothing. So there is a recovery point, in a file in Kafka's format beside the log:
//! soon after the start and at the end of each run, and now and then between, it says up to where the log is synced and
//! committed. Damage before it is refused, damage behind it is cut.
//!
//! Non-obvious:
//! * The point goes back durably before the log is cut.
//! * Kafka has no such file in this directory and leaves it alone. What it cuts off a log was never committed, so that it
//!   stays above the point.
//! * A point that is lower than it could be does no harm: that it cannot be raised is told and no more.
//! * A node that is only a broker has no vote: it cuts, and fetches again.

use std::path::Path;

use klamm_io::disk::Disk;
use klamm_log::{
    TopicPartition,
    checkpoints::{self, RECOVERY_POINT_FILE},
};
use klamm_raft::METADATA_TOPIC;

use super::{MetadataLog, MetadataLogError};

/// So many offsets are synced before the point is written again.
const INTERVAL: i64 = 1000;

impl MetadataLog {
    /// Notes what is committed, and writes the point for the first time in this run or when it can go far enough.
    pub fn note_committed(&mut self, high_watermark: i64) {
        let is_first = self.committed.replace(high_watermark).is_none();
        let point = high_watermark.min(self.log.recovery_point());
        if point - self.recovery_point >= if is_first { 1 } else { INTERVAL } {
            self.raise_recovery_point(point);
        }
    }

    /// Writes the point as far as it may go when all of the log is synced.
    pub(super) fn note_closed(&mut self) {
        let point = self.committed.unwrap_or(0).min(self.log.log_end_offset());
        if point > self.recovery_point {
            self.raise_recovery_point(point);
        }
    }

    fn raise_recovery_point(&mut self, point: i64) {
        if let Err(error) = self.write_recovery_point(point) {
            tracing::warn!(%error, "the recovery point of the metadata log stays where it is");
        }
    }

    /// Syncs what a run before this one may have left unsynced.
    pub(super) fn sync_all(&mut self, now_ms: i64) -> Result<(), MetadataLogError> {
        if self.recovery_point != self.log.log_end_offset() {
            let flushed = self.log.flush_handle(true)?.sync()?;
            self.log.mark_flushed(flushed, now_ms);
        }
        Ok(())
    }

    pub(super) fn write_recovery_point(&mut self, offset: i64) -> Result<(), MetadataLogError> {
        let partition = TopicPartition::new(METADATA_TOPIC, 0);
        let path = self.dir.join(RECOVERY_POINT_FILE);
        checkpoints::write_offsets(&self.disk, &path, &[(partition, offset)].into())?;
        self.recovery_point = offset;
        Ok(())
    }

    /// Throws all records away and goes on at `offset`.
    pub(super) fn begin_at(&mut self, offset: i64, now_ms: i64) -> Result<(), MetadataLogError> {
        self.write_recovery_point(0)?;
        self.log.truncate_fully_and_start_at(offset, None, now_ms)?;
        Ok(())
    }
}

/// The offset up to which the log in `dir` was synced; 0 if nothing says so.
pub(super) fn read(disk: &Disk, dir: &Path) -> Result<i64, MetadataLogError> {
    match checkpoints::read_offsets(disk, &dir.join(RECOVERY_POINT_FILE)) {
        Ok(points) => Ok(points.get(&TopicPartition::new(METADATA_TOPIC, 0)).copied().unwrap_or(0)),
        Err(klamm_log::Error::CorruptFile { path, detail, .. }) => {
            tracing::warn!(path = %path.display(), detail, "ignoring checkpoint");
            Ok(0)
        }
        Err(fault) => Err(fault.into()),
    }
}

/// Refuses a log that ends before its recovery point, unless a snapshot has all up to there: a directory that was copied
/// while its node ran may have newer small files than log.
pub(super) fn lacks_nothing(
    disk: &Disk,
    dir: &Path,
    recovery_point: i64,
    snapshot: Option<i64>,
) -> Result<(), MetadataLogError> {
    if recovery_point <= snapshot.unwrap_or(0) {
        return Ok(());
    }
    let end = klamm_log::sound_end(disk, dir)?;
    if end.offset >= recovery_point {
        return Ok(());
    }
    Err(MetadataLogError::Damaged {
        path: end.path,
        position: end.position,
        detail: end.detail,
        end: end.offset,
        synced: recovery_point,
        recovery_point: dir.join(RECOVERY_POINT_FILE),
    })
}
