//! Moving partitions between the log directories of this broker (KIP-113).
//!
//! The copying is done by the shard itself, a piece at a time with other work in between, at most as fast as
//! `replica.alter.log.dirs.io.max.bytes.per.second` allows.

use std::{path::PathBuf, rc::Rc, sync::Arc, time::Duration};

use klamm_io::spawn;
use klamm_log::{DirPurpose, Log, OpenLog};
use klamm_protocol::{ErrorCode, Uuid};
use tracing::{info, warn};

use super::{requests::TopicPartition, run::Shard};
use crate::{
    log_dirs::{LogDir, name_aside},
    partition::{Copied, FutureLog, MoveError},
};

/// What is copied before other work gets its turn.
const PIECE_BYTES: u32 = 1 << 20;
/// Until a throttled move looks again.
const THROTTLED_WAIT: Duration = Duration::from_millis(100);

/// What to do after a piece.
enum Next {
    Go,
    Wait,
    Done,
}

impl Shard {
    /// Begins to move a partition into a directory, or ends a move out of the one where it is.
    pub(super) fn move_replica(self: &Rc<Self>, at: &TopicPartition, log_dir: usize) -> ErrorCode {
        let log_dirs = &self.node.log_dirs;
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = partitions.get_mut(at) else {
            // Once it comes, it comes there.
            log_dirs.prefer(at, log_dir);
            return match self.missing(at) {
                ErrorCode::NotLeaderOrFollower => ErrorCode::ReplicaNotAvailable,
                code => code,
            };
        };
        if log_dirs.is_offline(partition.log_dir()) {
            return ErrorCode::KafkaStorageError;
        }
        if partition.moves_to() == Some(log_dir) {
            return ErrorCode::None;
        }
        let given_up = partition.end_move();
        let topic_id = partition.topic_id();
        let started = if partition.log_dir() == log_dir {
            Ok(None)
        } else if log_dirs.has_offline() {
            // It may be there already.
            Err(ErrorCode::KafkaStorageError)
        } else {
            let config = Arc::clone(partition.log.config());
            let log_start = partition.log.log_start_offset();
            self.open_future(at, topic_id, log_dir, (config, log_start)).map(Some)
        };
        let code = match started {
            Ok(Some(log)) => {
                info!(topic = %at.topic, partition = at.index, to = %log.dir().display(), "moving to another log directory");
                partition.start_move(FutureLog { log, log_dir });
                spawn::local(copy(Rc::clone(self), at.clone(), topic_id, log_dir));
                ErrorCode::None
            }
            Ok(None) => ErrorCode::None,
            Err(code) => code,
        };
        drop(partitions);
        if let Some(given_up) = given_up {
            self.remove_dir(given_up.log.dir().to_path_buf(), Duration::ZERO);
        }
        code
    }

    fn open_future(
        &self,
        at: &TopicPartition,
        topic_id: Uuid,
        log_dir: usize,
        (config, log_start): (Arc<klamm_log::LogConfig>, i64),
    ) -> Result<Log, ErrorCode> {
        let dir = self.node.log_dirs.dir(log_dir).ok_or(ErrorCode::LogDirNotFound)?;
        let now_ms = self.node.world.clock.wall_ms();
        let name = name_aside(&self.node.world, at, DirPurpose::Future);
        let opened = Log::open(OpenLog {
            handles: &self.handles,
            dir: &dir.path().join(name),
            partition: at.clone(),
            config,
            log_start_offset: 0,
            recovery_point: 0,
            clean_shutdown: true,
            now_ms,
        });
        let ready = opened.and_then(|mut log| {
            log.assign_topic_id(topic_id)?;
            if log_start > 0 {
                log.truncate_fully_and_start_at(log_start, None, now_ms)?;
            }
            Ok(log)
        });
        ready.map_err(|error| {
            self.node.log_dirs.fail(log_dir, &error);
            ErrorCode::KafkaStorageError
        })
    }

    /// Copies a piece, and puts the copy in place if that was the last.
    fn copy_piece(self: &Rc<Self>, at: &TopicPartition, topic_id: Uuid, log_dir: usize) -> Next {
        let node = &self.node;
        let (now, now_ms) = (node.world.clock.now().since_start(), node.world.clock.wall_ms());
        if node.move_throttle.is_exceeded(&node.config.load(), now) {
            return Next::Wait;
        }
        let mut partitions = self.partitions.borrow_mut();
        let partition = partitions.get_mut(at);
        let Some(partition) =
            partition.filter(|here| here.topic_id() == topic_id && here.moves_to() == Some(log_dir))
        else {
            return Next::Done;
        };
        let from = partition.log_dir();
        let done = match partition.copy_some(PIECE_BYTES, now_ms) {
            Ok(Copied::Bytes(bytes)) => {
                node.move_throttle.record(now, u64::from(bytes));
                return Next::Go;
            }
            Ok(Copied::All) => partition.finish_move(&node.world),
            Err(error) => Err(error),
        };
        let delay = partition.settings.log.file_delete_delay_ms;
        let given_up = partition.end_move();
        drop(partitions);
        if let Some(given_up) = given_up {
            self.remove_dir(given_up.log.dir().to_path_buf(), Duration::ZERO);
        }
        match done {
            Ok(Some((old, old_dir))) => self.moved(at, topic_id, (old, old_dir), log_dir, delay),
            Ok(None) => {}
            Err(MoveError::There(error)) if error.is_fault() => node.log_dirs.fail(log_dir, &error),
            Err(MoveError::Here(error)) if error.is_fault() => node.log_dirs.fail(from, &error),
            Err(MoveError::Here(error) | MoveError::There(error)) => {
                warn!(topic = %at.topic, partition = at.index, %error, "moving to another log directory is given up");
            }
        }
        Next::Done
    }

    fn moved(
        self: &Rc<Self>,
        at: &TopicPartition,
        topic_id: Uuid,
        (old, old_dir): (Log, usize),
        log_dir: usize,
        delay_ms: i64,
    ) {
        info!(topic = %at.topic, partition = at.index, from = %old.dir().display(), "moved to another log directory");
        let log_dirs = &self.node.log_dirs;
        for (index, is_new) in [(old_dir, false), (log_dir, true)] {
            if let Some(dir) = log_dirs.dir(index) {
                dir.count(is_new);
            }
        }
        // It is to be flushed.
        self.partitions.borrow_mut().note(at);
        self.remove_dir(old.dir().to_path_buf(), Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0)));
        let image = &self.node.metadata.load().image;
        let directory = log_dirs.dir(log_dir).map(LogDir::id).filter(|id| *id != Uuid::ZERO);
        if let Some(directory) = directory
            && image.features.metadata_version_or_minimum().is_directory_assignment_supported()
        {
            self.replication().tell_directory(topic_id, at.index, directory);
        }
    }

    /// Removes a directory after a while.
    pub(super) fn remove_dir(&self, path: PathBuf, delay: Duration) {
        let (disk, clock) = (self.node.world.disk.clone(), self.node.world.clock);
        spawn::local(async move {
            clock.sleep(delay).await;
            if let Some(Err(error)) = spawn::blocking(move || disk.remove_dir_all(&path)).await {
                warn!(%error, "the directory of a deleted partition cannot be removed");
            }
        });
    }
}

/// Copies until all is copied or the move is given up.
async fn copy(shard: Rc<Shard>, at: TopicPartition, topic_id: Uuid, log_dir: usize) {
    loop {
        match shard.copy_piece(&at, topic_id, log_dir) {
            Next::Go => spawn::yield_now().await,
            Next::Wait => shard.node().world.clock.sleep(THROTTLED_WAIT).await,
            Next::Done => return,
        }
    }
}
