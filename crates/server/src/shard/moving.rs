//! Moving partitions between the log directories of this broker (KIP-113).
//!
//! A piece at a time with other work in between, at most as fast as `replica.alter.log.dirs.io.max.bytes.per.second`
//! allows. What may wait for the device, reading and syncing, is done off the shard.

use std::{path::PathBuf, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use klamm_io::spawn;
use klamm_log::{DirPurpose, FlushHandle, Flushed, Log, OpenLog};
use klamm_metadata::features::MetadataVersion;
use klamm_protocol::{ErrorCode, Uuid};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::{partitions::Partitions, requests::TopicPartition, run::Shard};
use crate::{
    log_dirs::{LogDir, name_aside},
    observe,
    partition::{FutureLog, MoveError, Partition, Piece},
};

/// What is read at a time.
const PIECE_BYTES: u32 = 256 << 10;
/// What is so little that it is read at once.
const LAST_BYTES: u32 = 64 << 10;
/// Until a throttled move looks again.
const THROTTLED_WAIT: Duration = Duration::from_millis(100);

/// A move.
struct Moving {
    at: TopicPartition,
    topic_id: Uuid,
    /// Index of the directory where the replica is.
    from: usize,
    /// Index of the directory that it moves to.
    log_dir: usize,
    /// The copy's own directory, which no other move has.
    copy: PathBuf,
}

/// What a move needs.
enum Next {
    Go,
    Wait,
    /// This has to be read.
    Read(Piece),
    /// This has to be synced.
    Sync(FlushHandle),
    Done,
}

/// How far a move is, once the copy has all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The controller is to hear of the new directory.
    Copying,
    /// It knows.
    Accepted,
    /// What has come since is synced, but for what came during that.
    Settled,
}

/// Whether the controller has to know of a directory.
enum Announced {
    NeedNot,
    Waits(oneshot::Receiver<()>),
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
        let (topic_id, from) = (partition.topic_id(), partition.log_dir());
        let started = if from == log_dir {
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
                let copy_dir = log.dir().to_path_buf();
                let moving = Moving { at: at.clone(), topic_id, from, log_dir, copy: copy_dir };
                partition.start_move(FutureLog::new(log, log_dir));
                spawn::local(copy(Rc::clone(self), moving));
                ErrorCode::None
            }
            Ok(None) => ErrorCode::None,
            Err(code) => code,
        };
        drop(partitions);
        if let Some(given_up) = given_up {
            self.end_copy(topic_id, at.index, given_up, from);
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

    /// Does the next thing that a move needs.
    fn move_on(self: &Rc<Self>, moving: &Moving, stage: Stage) -> Next {
        let node = &self.node;
        let (now, now_ms) = (node.world.clock.now().since_start(), node.world.clock.wall_ms());
        // Whoever has found that: what is in it cannot be relied on.
        if [moving.from, moving.log_dir].into_iter().any(|dir| node.log_dirs.is_offline(dir)) {
            return self.abandon_move(moving);
        }
        if node.move_throttle.is_exceeded(&node.config.load(), now) {
            return Next::Wait;
        }
        if stage != Stage::Copying && !node.log_dirs.is_free(&moving.at) {
            return Next::Wait;
        }
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = moving.partition(&mut partitions) else { return Next::Done };
        if partition.log.doubted_from().is_some() {
            // In a copy, whose segments are others, nobody would find the gap again.
            return Next::Wait;
        }
        let done = match partition.next_piece(PIECE_BYTES, now_ms) {
            Ok(Some(piece)) if piece.slice.len > LAST_BYTES => return Next::Read(piece),
            // It was written just now: that is a copy within memory.
            Ok(Some(piece)) => match piece.slice.read() {
                Ok(records) => {
                    node.move_throttle.record(now, u64::from(piece.slice.len));
                    partition.copy(records, now_ms).map(|()| Next::Go)
                }
                Err(error) => Err(MoveError::Here(error)),
            },
            // What is left after that is synced when the copy takes the log's place.
            Ok(None)
                if stage == Stage::Copying || stage == Stage::Accepted && partition.future_lacks_syncs() =>
            {
                partition.future_flush().map(|handle| handle.map_or(Next::Done, Next::Sync))
            }
            Ok(None) => {
                let delay_ms = partition.settings.log.file_delete_delay_ms;
                match partition.finish_move(&node.world) {
                    Ok(Some(old)) => {
                        drop(partitions);
                        self.moved(moving, old, delay_ms);
                        return Next::Done;
                    }
                    Ok(None) => return Next::Done,
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        drop(partitions);
        done.unwrap_or_else(|error| self.give_up(moving, &error))
    }

    /// Copies what was read.
    fn copy_piece(self: &Rc<Self>, moving: &Moving, piece: &Piece, read: klamm_log::Result<Bytes>) -> Next {
        let clock = self.node.world.clock;
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = moving.partition(&mut partitions) else { return Next::Done };
        if !partition.is_next(piece) {
            return Next::Go;
        }
        self.node.move_throttle.record(clock.now().since_start(), u64::from(piece.slice.len));
        let done = read.map_err(MoveError::Here).and_then(|records| partition.copy(records, clock.wall_ms()));
        drop(partitions);
        done.map_or_else(|error| self.give_up(moving, &error), |()| Next::Go)
    }

    /// The copy is synced up to where it was. `false` if there is no such move any more.
    fn copy_synced(self: &Rc<Self>, moving: &Moving, flushed: Flushed) -> bool {
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = moving.partition(&mut partitions) else { return false };
        partition.future_flushed(flushed, self.node.world.clock.wall_ms());
        true
    }

    /// The controller hears of the new directory, and answers when it knows.
    fn announce(self: &Rc<Self>, moving: &Moving) -> Option<Announced> {
        let mut partitions = self.partitions.borrow_mut();
        let partition = moving.partition(&mut partitions)?;
        let version = self.node.metadata.load().image.features.metadata_version;
        // While the node starts nothing is published yet: the controller says if it knows no directories.
        let is_known = version.is_none_or(MetadataVersion::is_directory_assignment_supported);
        let directory = self.node.log_dirs.dir(moving.log_dir).map(LogDir::id);
        let Some(directory) = directory.filter(|id| is_known && *id != Uuid::ZERO) else {
            return Some(Announced::NeedNot);
        };
        if let Some(future) = partition.future() {
            future.is_announced = true;
        }
        Some(Announced::Waits(self.replication().place(moving.topic_id, moving.at.index, directory)))
    }

    fn give_up(self: &Rc<Self>, moving: &Moving, error: &MoveError) -> Next {
        let node = &self.node;
        let next = self.abandon_move(moving);
        let at = &moving.at;
        match error {
            MoveError::There(error) if error.is_fault() => node.log_dirs.fail(moving.log_dir, error),
            MoveError::Here(error) if error.is_fault() => node.log_dirs.fail(moving.from, error),
            MoveError::Here(error) | MoveError::There(error) => {
                warn!(topic = %at.topic, partition = at.index, %error, "moving to another log directory is given up");
            }
        }
        next
    }

    /// Ends a move, unless it has ended by itself or another one has begun.
    fn abandon_move(self: &Rc<Self>, moving: &Moving) -> Next {
        let mut partitions = self.partitions.borrow_mut();
        let ended =
            moving.partition(&mut partitions).map(|partition| (partition.log_dir(), partition.end_move()));
        drop(partitions);
        if let Some((here, Some(given_up))) = ended {
            self.end_copy(moving.topic_id, moving.at.index, given_up, here);
        }
        Next::Done
    }

    /// Removes a copy that is not wanted any more. If the controller was told of it, it learns that the replica stays, be it in
    /// a directory that has failed: the next run would take it to be where there is nothing, and begin it anew. Should this
    /// one end before the controller knows, the copy says so.
    fn end_copy(&self, topic_id: Uuid, index: i32, given_up: FutureLog, here: usize) {
        if given_up.is_announced
            && let Some(dir) = self.node.log_dirs.dir(here).filter(|dir| dir.id() != Uuid::ZERO)
        {
            self.replication().tell_directory(topic_id, index, dir.id());
            if dir.is_offline() {
                return;
            }
        }
        self.remove_dir(given_up.log.dir().to_path_buf(), Duration::ZERO);
    }

    fn moved(self: &Rc<Self>, moving: &Moving, (old, old_dir): (Log, usize), delay_ms: i64) {
        let at = &moving.at;
        info!(topic = %at.topic, partition = at.index, from = %old.dir().display(), "moved to another log directory");
        let log_dirs = &self.node.log_dirs;
        for (index, is_new) in [(old_dir, false), (moving.log_dir, true)] {
            if let Some(dir) = log_dirs.dir(index) {
                dir.count(is_new);
                if is_new {
                    observe::moved(at, moving.topic_id, dir.id());
                }
            }
        }
        // It is to be flushed, and the checkpoint files name it where it was.
        let now = self.node.world.clock.now().since_start();
        let effects = self.partitions.borrow_mut().get_mut(at).map(|here| here.durable_end_moved(now));
        if let Some(effects) = effects {
            self.settle_or_fail(at, moving.log_dir, effects);
        }
        self.flush_due();
        log_dirs.free(at);
        log_dirs.want_pass();
        let (shard, old, log_dir) = (Rc::clone(self), old.dir().to_path_buf(), moving.log_dir);
        spawn::essential(async move {
            // The new name has to last before what the old one named goes.
            for index in [log_dir, old_dir] {
                let Some(dir) = shard.node.log_dirs.dir(index) else { continue };
                let (disk, path) = (shard.node.world.disk.clone(), dir.path().to_path_buf());
                if let Some(Err(error)) = spawn::blocking(move || disk.sync_dir(&path)).await {
                    shard.node.log_dirs.fail(index, &error);
                    return;
                }
            }
            shard.remove_dir(old, Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0)));
        });
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

impl Moving {
    /// The partition, unless it is gone or its move has ended or begun anew.
    fn partition<'a>(&self, partitions: &'a mut Partitions) -> Option<&'a mut Partition> {
        let partition = partitions.get_mut(&self.at).filter(|here| here.topic_id() == self.topic_id)?;
        let is_this = partition.future().is_some_and(|future| future.log.dir() == self.copy);
        is_this.then_some(partition)
    }
}

/// Copies until the replica has moved or the move is given up. As Kafka does since KIP-858: the controller is told of the
/// new directory once the copy has all, and only when it has taken note does the copy take the log's place. In between
/// more may be written.
async fn copy(shard: Rc<Shard>, moving: Moving) {
    let clock = shard.node().world.clock;
    let mut stage = Stage::Copying;
    loop {
        let next = match shard.move_on(&moving, stage) {
            Next::Read(piece) => {
                let slice = piece.slice.clone();
                let Some(read) = spawn::blocking(move || slice.read()).await else { return };
                shard.copy_piece(&moving, &piece, read)
            }
            next => next,
        };
        match next {
            Next::Go | Next::Read(_) => spawn::yield_now().await,
            Next::Wait => clock.sleep(THROTTLED_WAIT).await,
            Next::Done => return,
            Next::Sync(handle) => {
                let flushed = match spawn::blocking(move || handle.sync()).await {
                    Some(Ok(flushed)) => flushed,
                    Some(Err(error)) => {
                        shard.give_up(&moving, &MoveError::There(error));
                        return;
                    }
                    None => return,
                };
                if !shard.copy_synced(&moving, flushed) {
                    return;
                }
                if stage == Stage::Accepted {
                    stage = Stage::Settled;
                    continue;
                }
                let is_accepted = match shard.announce(&moving) {
                    Some(Announced::NeedNot) => true,
                    Some(Announced::Waits(answer)) => answer.await.is_ok(),
                    None => return,
                };
                if is_accepted {
                    stage = Stage::Accepted;
                } else {
                    // Somebody else has told something else meanwhile.
                    clock.sleep(THROTTLED_WAIT).await;
                }
            }
        }
    }
}
