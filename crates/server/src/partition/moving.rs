//! A partition on its way into another log directory: a copy of its log grows there, the *future* log, and takes its place
//! once it has all.
//!
//! The copy follows the log as a follower does its leader: batch by batch, cut back when the log is. Nothing that the
//! partition is for anybody else changes meanwhile.

use klamm_log::{DirPurpose, Isolation, Log};

use super::Partition;
use crate::{log_dirs::name_aside, node::World};

/// The copy.
pub(crate) struct FutureLog {
    pub(crate) log: Log,
    /// Index of the directory that it is in.
    pub(crate) log_dir: usize,
}

/// How far the copy has come with a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    /// So many bytes more.
    Bytes(u32),
    /// It has all that the log has.
    All,
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

    /// Begins to move.
    pub(crate) fn start_move(&mut self, future: FutureLog) {
        self.future = Some(Box::new(future));
    }

    /// Moves no more. The copy is to be removed.
    pub(crate) fn end_move(&mut self) -> Option<FutureLog> {
        self.future.take().map(|future| *future)
    }

    /// Copies the next batches, about as many bytes as are allowed.
    pub(crate) fn copy_some(&mut self, bytes_max: u32, now_ms: i64) -> Result<Copied, MoveError> {
        let Some(future) = &mut self.future else { return Ok(Copied::All) };
        let to = &mut future.log;
        let range = self.log.log_start_offset()..=self.log.log_end_offset();
        if to.log_end_offset() < *range.start() {
            // What was to come next has been deleted.
            to.truncate_fully_and_start_at(*range.start(), None, now_ms).map_err(MoveError::There)?;
        }
        if to.log_end_offset() >= *range.end() {
            return Ok(Copied::All);
        }
        let found = self.log.read(to.log_end_offset(), bytes_max, Isolation::LogEnd, true);
        let slice = found.map_err(MoveError::Here)?.records;
        let Some(records) = slice.map(|slice| slice.read()).transpose().map_err(MoveError::Here)? else {
            return Ok(Copied::All);
        };
        let bytes = u32::try_from(records.len()).unwrap_or(u32::MAX);
        // The log holds nothing of epochs that are still to come.
        super::replica::append_as_follower(to, records, i32::MAX, now_ms).map_err(MoveError::There)?;
        let log_start = self.log.log_start_offset().min(to.log_end_offset());
        if log_start > to.log_start_offset() {
            to.set_high_watermark(self.log.high_watermark());
            to.advance_log_start_offset(log_start.min(to.high_watermark())).map_err(MoveError::There)?;
        }
        Ok(if bytes == 0 { Copied::All } else { Copied::Bytes(bytes) })
    }

    /// Cuts the copy back with the log.
    pub(super) fn truncate_future(&mut self, offset: i64, now_ms: i64) {
        let Some(future) = &mut self.future else { return };
        if future.log.truncate_to(offset, now_ms).is_err() {
            // The copying notices that it has gone; what is left is removed at the next start.
            self.future = None;
        }
    }

    /// Puts the copy, which has all, in the place of the log. Returns the log that was, under the name of a deleted one,
    /// and its directory.
    pub(crate) fn finish_move(&mut self, world: &World) -> Result<Option<(Log, usize)>, MoveError> {
        let Some(mut future) = self.future.take() else { return Ok(None) };
        for entry in self.log.leader_epochs().entries() {
            future.log.assign_epoch(entry.epoch, entry.start_offset).map_err(MoveError::There)?;
        }
        future.log.set_high_watermark(self.log.high_watermark());
        let log_start = self.log.log_start_offset();
        if log_start > future.log.log_start_offset() {
            future.log.advance_log_start_offset(log_start).map_err(MoveError::There)?;
        }
        future.log.set_config(std::sync::Arc::clone(self.log.config()));
        // First there, then here: at no time is the partition nowhere.
        future.log.rename_dir(&self.at.to_string()).map_err(MoveError::There)?;
        let mut old = std::mem::replace(&mut self.log, future.log);
        let old_dir = std::mem::replace(&mut self.log_dir, future.log_dir);
        let name = name_aside(world, &self.at, DirPurpose::Delete);
        old.rename_dir(&name).map_err(MoveError::Here)?;
        Ok(Some((old, old_dir)))
    }
}
