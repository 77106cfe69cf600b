//! A log directory (`log.dirs`): the partitions' directories in it and the files they share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use klamm_io::disk::{DirectoryLock, Disk};

use crate::checkpoints::{
    CLEANER_OFFSET_FILE, HIGH_WATERMARK_FILE, LOG_START_OFFSET_FILE, RECOVERY_POINT_FILE, read_offsets,
    write_offsets,
};
use crate::clean_shutdown;
use crate::error::{Error, Result};
use crate::names::{DirPurpose, TopicPartition, parse_dir_name};

/// The topic of the metadata quorum, whose directory lies among the others but is opened by the quorum.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// A partition's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDir {
    /// Where it is.
    pub path: PathBuf,
    /// Whose it is.
    pub partition: TopicPartition,
    /// What it is there for.
    pub purpose: DirPurpose,
}

/// What a log directory had when it was opened.
#[derive(Debug)]
pub struct LoadedLogDir {
    /// The partitions' directories, by name; the metadata log's is not among them.
    pub partitions: Vec<PartitionDir>,
    /// Whether the last owner has closed all logs; then none is checked.
    pub clean_shutdown: bool,
    /// Broker epoch of that shutdown.
    pub broker_epoch: Option<i64>,
    /// Recovery points.
    pub recovery_points: BTreeMap<TopicPartition, i64>,
    /// Log start offsets.
    pub log_start_offsets: BTreeMap<TopicPartition, i64>,
    /// High watermarks.
    pub high_watermarks: BTreeMap<TopicPartition, i64>,
    /// Up to where logs were compacted.
    pub cleaner_offsets: BTreeMap<TopicPartition, i64>,
}

impl LoadedLogDir {
    /// The partitions of which a checkpoint says something.
    pub fn names(&self) -> BTreeSet<TopicPartition> {
        let maps =
            [&self.recovery_points, &self.log_start_offsets, &self.high_watermarks, &self.cleaner_offsets];
        maps.into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }
}

/// A log directory that this process has locked.
#[derive(Debug)]
pub struct LogDir {
    disk: Disk,
    path: PathBuf,
    _lock: DirectoryLock,
}

impl LogDir {
    /// Makes the directory if needed and locks it. `None` if another process has it.
    pub fn lock(disk: &Disk, path: &Path) -> Result<Option<Self>> {
        disk.create_dir_all(path)?;
        let lock = disk.lock_dir(path)?;
        Ok(lock.map(|lock| Self { disk: disk.clone(), path: path.to_path_buf(), _lock: lock }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of a partition.
    pub fn partition_path(&self, partition: &TopicPartition) -> PathBuf {
        self.path.join(partition.to_string())
    }

    /// Reads what is in the directory. A checkpoint that cannot be read counts as empty, which costs time and not
    /// records: except that log start offsets go back to the start of their segments.
    pub fn load(&self) -> Result<LoadedLogDir> {
        let mut partitions = Vec::new();
        for entry in self.disk.read_dir(&self.path)? {
            if !entry.is_dir {
                continue;
            }
            match parse_dir_name(&entry.name) {
                Some((partition, purpose)) if &*partition.topic != METADATA_TOPIC => {
                    partitions.push(PartitionDir { path: self.path.join(&entry.name), partition, purpose });
                }
                Some(_) => {}
                None => tracing::warn!(name = entry.name, "directory is not one of a partition"),
            }
        }
        let clean_shutdown = clean_shutdown::read(&self.disk, &self.path)?;
        Ok(LoadedLogDir {
            partitions,
            clean_shutdown: clean_shutdown.is_some(),
            broker_epoch: clean_shutdown.and_then(|clean| clean.broker_epoch),
            recovery_points: self.read(RECOVERY_POINT_FILE)?,
            log_start_offsets: self.read(LOG_START_OFFSET_FILE)?,
            high_watermarks: self.read(HIGH_WATERMARK_FILE)?,
            cleaner_offsets: self.read(CLEANER_OFFSET_FILE)?,
        })
    }

    /// Removes the clean shutdown file: from now on the logs may change, so a crash must be noticed. A start that is
    /// refused before leaves it, and the one after it need not recover anything.
    pub fn begin(&self) -> Result<()> {
        clean_shutdown::remove(&self.disk, &self.path)
    }

    fn read(&self, name: &str) -> Result<BTreeMap<TopicPartition, i64>> {
        match read_offsets(&self.disk, &self.path.join(name)) {
            Err(Error::CorruptFile { path, detail, .. }) => {
                tracing::warn!(path = %path.display(), detail, "ignoring checkpoint");
                Ok(BTreeMap::new())
            }
            result => result,
        }
    }

    /// Replaces one of the checkpoint files (see [`crate::checkpoints`]), synced. Blocks for the device.
    pub fn write_checkpoint(&self, name: &str, offsets: &BTreeMap<TopicPartition, i64>) -> Result<()> {
        write_offsets(&self.disk, &self.path.join(name), offsets)
    }

    /// Notes that all logs were closed. The last thing before the lock is given back.
    pub fn write_clean_shutdown(&self, broker_epoch: i64) -> Result<()> {
        clean_shutdown::write(&self.disk, &self.path, broker_epoch)
    }

    /// Removes a partition's directory with all that is in it. Returns whether there was one.
    pub fn remove(&self, dir: &Path) -> Result<bool> {
        Ok(self.disk.remove_dir_all(dir)?)
    }
}
