//! At which offset each leader epoch began: the history by which replicas find where they diverged (KIP-101).
//!
//! Kept in memory, and in the file `leader-epoch-checkpoint` of the partition's directory, one line `epoch offset`
//! each. Epochs and offsets rise strictly.
//!
//! Non-obvious: Kafka syncs the file whenever an epoch begins, which here would stop a shard. It is replaced at once but
//! not synced on the way; [`crate::FlushHandle`] does that before the recovery point moves past a batch. So a loss of
//! power can bring back an older file, and with it epochs that were taken back since. It tells the truth about what lies
//! before the recovery point; behind it recovery believes the batches ([`LeaderEpochs::found`]).

use klamm_io::disk::Disk;

use crate::checkpoints::{encode_entries, parse_entries, read};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Name of the file.
pub const LEADER_EPOCH_FILE: &str = "leader-epoch-checkpoint";

/// An epoch and its first offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEntry {
    /// The leader epoch.
    pub epoch: i32,
    /// The first offset written in it.
    pub start_offset: i64,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<EpochEntry>,
}

impl LeaderEpochs {
    /// Reads the file in a partition's directory. A file that makes no sense counts as missing: recovery builds it
    /// again from the batches.
    pub(crate) fn read(disk: &Disk, dir: &Path) -> Result<Self> {
        let parse = |line: &str| {
            let (epoch, offset) = line.trim().split_once(char::is_whitespace)?;
            let entry = EpochEntry { epoch: epoch.parse().ok()?, start_offset: offset.trim().parse().ok()? };
            (entry.epoch >= 0 && entry.start_offset >= 0).then_some(entry)
        };
        let path = path(dir);
        let content = read(disk, &path)?;
        // Not synced on the way, it may be torn within its last number.
        let is_torn = !content.is_empty() && !content.ends_with('\n');
        let parsed = match is_torn {
            true => Err(Error::corrupt(&path, 0, "the last line has no end".to_owned())),
            false => parse_entries(&path, &content, parse),
        };
        let entries = match parsed {
            Ok(entries) => entries,
            Err(Error::CorruptFile { path, detail, .. }) => {
                tracing::warn!(path = %path.display(), detail, "ignoring leader epoch checkpoint");
                Vec::new()
            }
            Err(fault) => return Err(fault),
        };
        let mut epochs = Self::default();
        for entry in entries {
            epochs.assign(entry);
        }
        Ok(epochs)
    }

    /// Writes the file, not synced.
    pub(crate) fn write(&self, disk: &Disk, dir: &Path) -> Result<()> {
        let lines = self.entries.iter().map(|entry| format!("{} {}", entry.epoch, entry.start_offset));
        Ok(disk.replace_file_with(&path(dir), encode_entries(lines).as_bytes(), false)?)
    }

    /// All entries, the oldest first.
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    /// The newest epoch.
    pub fn latest_epoch(&self) -> Option<i32> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// The oldest entry.
    pub fn earliest(&self) -> Option<EpochEntry> {
        self.entries.first().copied()
    }

    /// Notes that `entry.epoch` begins at `entry.start_offset`. Entries that contradict it are dropped. Returns
    /// whether anything changed.
    pub(crate) fn assign(&mut self, entry: EpochEntry) -> bool {
        if let Some(latest) = self.entries.last()
            && latest.epoch == entry.epoch
            && latest.start_offset <= entry.start_offset
        {
            return false;
        }
        while self
            .entries
            .last()
            .is_some_and(|last| last.epoch >= entry.epoch || last.start_offset >= entry.start_offset)
        {
            self.entries.pop();
        }
        self.entries.push(entry);
        true
    }

    /// Notes a batch that recovery has found, from `first_offset` to `last_offset` (inclusive). What contradicts it is
    /// dropped. Epochs without any batch stay: compaction may have taken those. Returns whether anything changed.
    pub(crate) fn found(&mut self, epoch: i32, first_offset: i64, last_offset: i64) -> bool {
        let covers = |offset| self.epoch_for_offset(offset) == Some(epoch);
        if epoch < 0 || covers(first_offset) && covers(last_offset) {
            return false;
        }
        self.entries.retain(|entry| match entry.start_offset {
            start if start <= first_offset => entry.epoch <= epoch,
            start => start > last_offset && entry.epoch > epoch,
        });
        let at = self.entries.partition_point(|entry| entry.start_offset <= first_offset);
        let before = at.checked_sub(1).and_then(|before| self.entries.get_mut(before));
        match before {
            Some(same) if same.epoch == epoch => {}
            // An epoch that wrote nothing.
            Some(empty) if empty.start_offset == first_offset => empty.epoch = epoch,
            _ => self.entries.insert(at, EpochEntry { epoch, start_offset: first_offset }),
        }
        true
    }

    /// The largest epoch at or below `epoch` and the offset at which it ends (exclusive). `None` if nothing is known.
    ///
    /// An epoch older than all entries is answered with itself and the first known offset: what it wrote was deleted.
    pub fn end_offset_for(&self, epoch: i32, log_end_offset: i64) -> Option<(i32, i64)> {
        if epoch < 0 {
            return None;
        }
        if self.latest_epoch() == Some(epoch) {
            return Some((epoch, log_end_offset));
        }
        let above = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let next = self.entries.get(above)?;
        let floor = above.checked_sub(1).and_then(|at| self.entries.get(at));
        Some((floor.map_or(epoch, |entry| entry.epoch), next.start_offset))
    }

    /// The epoch that wrote `offset`.
    pub fn epoch_for_offset(&self, offset: i64) -> Option<i32> {
        let above = self.entries.partition_point(|entry| entry.start_offset <= offset);
        above.checked_sub(1).and_then(|at| self.entries.get(at)).map(|entry| entry.epoch)
    }

    /// The epoch before `epoch`.
    pub fn previous_epoch(&self, epoch: i32) -> Option<i32> {
        let at = self.entries.partition_point(|entry| entry.epoch < epoch);
        at.checked_sub(1).and_then(|at| self.entries.get(at)).map(|entry| entry.epoch)
    }

    /// Drops the epochs that begin at or after `end_offset`. Returns whether anything changed.
    pub(crate) fn truncate_from_end(&mut self, end_offset: i64) -> bool {
        let keep = self.entries.partition_point(|entry| entry.start_offset < end_offset);
        let changed = keep < self.entries.len();
        self.entries.truncate(keep);
        changed
    }

    /// Lets the epoch that covers `start_offset` begin there and drops the older ones. Returns whether anything
    /// changed.
    pub(crate) fn truncate_from_start(&mut self, start_offset: i64) -> bool {
        let covered = self.entries.partition_point(|entry| entry.start_offset <= start_offset);
        let Some(first) = covered.checked_sub(1) else { return false };
        let changed =
            first > 0 || self.entries.first().is_some_and(|entry| entry.start_offset != start_offset);
        self.entries.drain(..first);
        if let Some(entry) = self.entries.first_mut() {
            entry.start_offset = start_offset;
        }
        changed
    }

    /// Drops all. Returns whether anything changed.
    pub(crate) fn clear(&mut self) -> bool {
        let changed = !self.entries.is_empty();
        self.entries.clear();
        changed
    }
}

/// Path of the file in a partition's directory.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join(LEADER_EPOCH_FILE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        for &(epoch, start_offset) in entries {
            epochs.assign(EpochEntry { epoch, start_offset });
        }
        epochs
    }

    #[test]
    fn assigning_drops_what_contradicts() {
        type Entries<'a> = &'a [(i32, i64)];
        let cases: &[(Entries<'_>, Entries<'_>)] = &[
            (&[(0, 0), (1, 10), (1, 20)], &[(0, 0), (1, 10)]),
            (&[(0, 0), (1, 10), (2, 10)], &[(0, 0), (2, 10)]),
            (&[(0, 0), (3, 30), (2, 40)], &[(0, 0), (2, 40)]),
            (&[(5, 50), (5, 20)], &[(5, 20)]),
        ];
        for (given, expect) in cases {
            let found: Vec<_> = epochs(given).entries.iter().map(|e| (e.epoch, e.start_offset)).collect();
            assert_eq!(&found, expect, "{given:?}");
        }
    }

    #[test]
    fn batches_are_believed() {
        type Entries<'a> = &'a [(i32, i64)];
        let known: Entries<'_> = &[(3, 30), (5, 50), (6, 60)];
        let cases: &[((i32, i64, i64), Entries<'_>)] = &[
            ((-1, 70, 75), known),
            ((5, 50, 59), known),
            ((6, 70, 75), known),
            // The end was lost and written anew, in the same epoch or in others.
            ((6, 55, 57), &[(3, 30), (5, 50), (6, 55)]),
            ((5, 58, 61), &[(3, 30), (5, 50)]),
            ((4, 55, 57), &[(3, 30), (4, 55), (6, 60)]),
            ((4, 50, 52), &[(3, 30), (4, 50), (6, 60)]),
            ((3, 70, 75), &[(3, 30)]),
            ((4, 40, 45), &[(3, 30), (4, 40), (5, 50), (6, 60)]),
            ((7, 61, 65), &[(3, 30), (5, 50), (6, 60), (7, 61)]),
            ((2, 10, 15), &[(2, 10), (3, 30), (5, 50), (6, 60)]),
        ];
        for (batch, expect) in cases {
            let mut epochs = epochs(known);
            let (epoch, first, last) = *batch;
            assert_eq!(epochs.found(epoch, first, last), *expect != known, "{batch:?}");
            let found: Vec<_> = epochs.entries.iter().map(|e| (e.epoch, e.start_offset)).collect();
            assert_eq!(&found, expect, "{batch:?}");
        }
    }

    #[test]
    fn a_torn_file_is_none() {
        let disk = klamm_io::sim::disk::SimulatedDisk::new(klamm_io::Entropy::seeded(1)).disk();
        let dir = Path::new("/orders-0");
        disk.create_dir_all(dir).unwrap();
        let all = epochs(&[(2, 10), (4, 20), (5, 345)]);
        all.write(&disk, dir).unwrap();
        let whole = disk.read_file(&path(dir), 100).unwrap();
        for len in 0..whole.len() {
            disk.replace_file(&path(dir), &whole[..len]).unwrap();
            assert_eq!(LeaderEpochs::read(&disk, dir).unwrap(), LeaderEpochs::default(), "{len}");
        }
        disk.replace_file(&path(dir), &whole).unwrap();
        assert_eq!(LeaderEpochs::read(&disk, dir).unwrap(), all);
    }

    #[test]
    fn ends_of_epochs() {
        let epochs = epochs(&[(2, 10), (4, 20), (5, 30)]);
        let cases = [
            (-1, None),
            (1, Some((1, 10))),
            (2, Some((2, 20))),
            (3, Some((2, 20))),
            (4, Some((4, 30))),
            (5, Some((5, 99))),
            (6, None),
        ];
        for (epoch, expect) in cases {
            assert_eq!(epochs.end_offset_for(epoch, 99), expect, "{epoch}");
        }
        let at: Vec<_> = [9, 10, 25, 500].map(|offset| epochs.epoch_for_offset(offset)).into();
        assert_eq!(at, [None, Some(2), Some(4), Some(5)]);
    }

    #[test]
    fn truncation() {
        let all = [(2, 10), (4, 20), (5, 30)];
        let mut from_start = epochs(&all);
        assert!(!from_start.truncate_from_start(5));
        assert!(from_start.truncate_from_start(25));
        assert_eq!(from_start, epochs(&[(4, 25), (5, 30)]));
        let mut from_end = epochs(&all);
        assert!(!from_end.truncate_from_end(31));
        assert!(from_end.truncate_from_end(30));
        assert_eq!(from_end, epochs(&[(2, 10), (4, 20)]));
    }
}
