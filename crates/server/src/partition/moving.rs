//! A partition on its way into another log directory: a copy of its log grows there, the *future* log, and takes its place
//! once it has all.
//!
//! The copy follows the log as a follower does its leader: batch by batch, cut back when the log is. Nothing that the
//! partition is for anybody else changes meanwhile. Pieces are read off the shard; what is left in the end, which was just
//! written, is copied at once.

use bytes::Bytes;
use klamm_log::{DirPurpose, FileSlice, FlushHandle, Flushed, Isolation, Log};

use super::Partition;
use crate::{log_dirs::name_aside, node::World};

/// The copy.
pub(crate) struct FutureLog {
    pub(crate) log: Log,
    /// Index of the directory that it is in.
    pub(crate) log_dir: usize,
    /// The controller was asked to place the replica there (KIP-858), or may have been.
    pub(crate) is_announced: bool,
    /// Counts how often the log was cut back: what was read before that is not copied.
    cuts: u32,
    /// Why the copy could not be cut back with the log.
    failure: Option<klamm_log::Error>,
}

impl FutureLog {
    /// A copy that has nothing yet.
    pub(crate) const fn new(log: Log, log_dir: usize) -> Self {
        Self { log, log_dir, is_announced: false, cuts: 0, failure: None }
    }
}

/// What is to be copied next.
pub(crate) struct Piece {
    /// Where it is.
    pub(crate) slice: FileSlice,
    offset: i64,
    cuts: u32,
}

/// Why a move cannot go on.
pub(crate) enum MoveError {
    /// The partition's own directory has failed.
    Here(klamm_log::Error),
    /// The other one has.
    There(klamm_log::Error),
}

impl Partition {
    /// The directory that the partition is moving to.
    pub(crate) fn moves_to(&self) -> Option<usize> {
        self.future.as_ref().map(|future| future.log_dir)
    }

    /// The copy.
    pub(crate) fn future(&mut self) -> Option<&mut FutureLog> {
        self.future.as_deref_mut()
    }

    /// Begins to move.
    pub(crate) fn start_move(&mut self, future: FutureLog) {
        self.future = Some(Box::new(future));
    }

    /// Moves no more. The copy is to be removed.
    pub(crate) fn end_move(&mut self) -> Option<FutureLog> {
        self.future.take().map(|future| *future)
    }

    /// The next batches to copy, about as many bytes as are allowed; `None` if the copy has all.
    pub(crate) fn next_piece(&mut self, bytes_max: u32, now_ms: i64) -> Result<Option<Piece>, MoveError> {
        let Some(future) = &mut self.future else { return Ok(None) };
        if let Some(failure) = future.failure.take() {
            return Err(MoveError::There(failure));
        }
        let to = &mut future.log;
        let range = self.log.log_start_offset()..=self.log.log_end_offset();
        if to.log_end_offset() < *range.start() {
            // What was to come next has been deleted.
            to.truncate_fully_and_start_at(*range.start(), None, now_ms).map_err(MoveError::There)?;
        }
        let offset = to.log_end_offset();
        if offset >= *range.end() {
            return Ok(None);
        }
        let found = self.log.read(offset, bytes_max, Isolation::LogEnd, true);
        let slice = found.map_err(MoveError::Here)?.records;
        Ok(slice.filter(|slice| slice.len > 0).map(|slice| Piece { slice, offset, cuts: future.cuts }))
    }

    /// Whether a piece still is what comes next.
    pub(crate) fn is_next(&self, piece: &Piece) -> bool {
        self.future.as_ref().is_some_and(|future| {
            future.cuts == piece.cuts
                && future.log.log_end_offset() == piece.offset
                && future.failure.is_none()
        })
    }

    /// Copies a piece that [`Partition::is_next`].
    pub(crate) fn copy(&mut self, records: Bytes, now_ms: i64) -> Result<(), MoveError> {
        let Some(future) = &mut self.future else { return Ok(()) };
        let to = &mut future.log;
        // The log holds nothing of epochs that are still to come.
        super::replica::append_as_follower(to, records, i32::MAX, now_ms).map_err(MoveError::There)?;
        let log_start = self.log.log_start_offset().min(to.log_end_offset());
        if log_start > to.log_start_offset() {
            to.set_high_watermark(self.log.high_watermark());
            to.advance_log_start_offset(log_start.min(to.high_watermark())).map_err(MoveError::There)?;
        }
        Ok(())
    }

    /// What of the copy must be synced before the log may go.
    pub(crate) fn future_flush(&mut self) -> Result<Option<FlushHandle>, MoveError> {
        let handle = self.future.as_mut().map(|future| future.log.flush_handle(true));
        handle.transpose().map_err(MoveError::There)
    }

    /// The copy is synced.
    pub(crate) fn future_flushed(&mut self, flushed: Flushed, now_ms: i64) {
        if let Some(future) = &mut self.future {
            future.log.mark_flushed(flushed, now_ms);
        }
    }

    /// Whether less of the copy is synced than of the log: answers may have waited for that (`flush.messages`).
    pub(crate) fn future_lacks_syncs(&self) -> bool {
        self.future.as_ref().is_some_and(|future| lacks_syncs(&future.log, &self.log))
    }

    /// Cuts the copy back with the log.
    pub(super) fn truncate_future(&mut self, offset: i64, now_ms: i64) {
        let Some(future) = &mut self.future else { return };
        future.cuts = future.cuts.wrapping_add(1);
        if let Err(failure) = future.log.truncate_to(offset, now_ms) {
            // The copying finds it.
            future.failure = Some(failure);
        }
    }

    /// Puts the copy, which has all, in the place of the log. Returns the log that was, under the name of a deleted one,
    /// and its directory.
    pub(crate) fn finish_move(&mut self, world: &World) -> Result<Option<(Log, usize)>, MoveError> {
        let Some(future) = &mut self.future else { return Ok(None) };
        if lacks_syncs(&future.log, &self.log) {
            let synced = future.log.flush_handle(true).and_then(FlushHandle::sync);
            future.log.mark_flushed(synced.map_err(MoveError::There)?, world.clock.wall_ms());
        }
        for entry in self.log.leader_epochs().entries() {
            future.log.assign_epoch(entry.epoch, entry.start_offset).map_err(MoveError::There)?;
        }
        future.log.set_high_watermark(self.log.high_watermark());
        let log_start = self.log.log_start_offset();
        if log_start > future.log.log_start_offset() {
            future.log.advance_log_start_offset(log_start).map_err(MoveError::There)?;
        }
        future.log.set_config(std::sync::Arc::clone(self.log.config()));
        // First there, then here: at no time is the partition nowhere. If the process ends in between, the next start finds
        // it in both, and the controller knows which one counts.
        future.log.rename_dir(&self.at.to_string()).map_err(MoveError::There)?;
        let Some(future) = self.future.take() else { return Ok(None) };
        // What was told was of the other directory's files.
        self.told.set(None);
        let mut old = std::mem::replace(&mut self.log, future.log);
        let old_dir = std::mem::replace(&mut self.log_dir, future.log_dir);
        let name = name_aside(world, &self.at, DirPurpose::Delete);
        old.rename_dir(&name).map_err(MoveError::Here)?;
        Ok(Some((old, old_dir)))
    }
}

fn lacks_syncs(copy: &Log, log: &Log) -> bool {
    copy.recovery_point() < log.recovery_point()
}
