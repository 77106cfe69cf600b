//! Open files of many logs, never more than a given number.
//!
//! A log does not keep its files open: it asks for the one it needs, by segment and kind. What has not been asked for
//! since the hand went round is closed when room is needed (second chance). A file that a fetch response is still
//! being sent from stays open until that is done, as [`File`] is counted.
//!
//! A shard has one `Handles` for its logs; the mutex inside is there only so that a log can be opened on another
//! thread, and is never contended on the data path.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use klamm_io::disk::{self, Disk, File, OpenMode};
use rustc_hash::FxHashMap;

use crate::names::{FileKind, file_name};

/// The shared cache of open files. Cheap to clone.
#[derive(Clone)]
pub struct Handles {
    disk: Disk,
    table: Arc<Mutex<Table>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    log: u64,
    base_offset: i64,
    kind: FileKind,
}

struct Entry {
    file: File,
    used: bool,
}

struct Table {
    open: FxHashMap<Key, Entry>,
    // Every key of `open` once, and perhaps keys that were dropped from it since.
    clock: VecDeque<Key>,
    capacity: usize,
    logs: u64,
}

impl Handles {
    /// A cache of at most `capacity` open files (at least 1).
    pub fn new(disk: Disk, capacity: usize) -> Self {
        let table =
            Table { open: FxHashMap::default(), clock: VecDeque::new(), capacity: capacity.max(1), logs: 0 };
        Self { disk, table: Arc::new(Mutex::new(table)) }
    }

    /// The disk that the files are on.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// How many files are open in the cache.
    pub fn open_count(&self) -> usize {
        self.table().open.len()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing in the critical sections can panic half way.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn insert(&mut self, key: Key, file: File) -> Vec<File> {
        let mut closed = Vec::new();
        if let Some(old) = self.open.insert(key, Entry { file, used: false }) {
            closed.push(old.file);
            return closed;
        }
        self.clock.push_back(key);
        while self.open.len() > self.capacity {
            let Some(candidate) = self.clock.pop_front() else { break };
            match self.open.get_mut(&candidate) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.clock.push_back(candidate);
                }
                Some(_) => closed.extend(self.open.remove(&candidate).map(|entry| entry.file)),
                None => {}
            }
        }
        // Dropped keys are forgotten before they outnumber the live ones.
        if self.clock.len() > 2 * self.open.len() + 16 {
            let Self { open, clock, .. } = self;
            clock.retain(|key| open.contains_key(key));
        }
        closed
    }
}

/// The files of one log: its directory and its part of the cache.
pub(crate) struct LogFiles {
    dir: PathBuf,
    log: u64,
    handles: Handles,
    // What follows the names of all files.
    suffix: &'static str,
}

impl LogFiles {
    pub(crate) fn new(handles: &Handles, dir: &Path) -> Self {
        Self::with_suffix(handles, dir, "")
    }

    /// Files whose names end with `suffix`: segments that are not part of the log yet.
    pub(crate) fn with_suffix(handles: &Handles, dir: &Path, suffix: &'static str) -> Self {
        let log = {
            let mut table = handles.table();
            table.logs += 1;
            table.logs
        };
        Self { dir: dir.to_path_buf(), log, handles: handles.clone(), suffix }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.handles.disk
    }

    pub(crate) fn path(&self, base_offset: i64, kind: FileKind) -> PathBuf {
        self.dir.join(file_name(base_offset, kind) + self.suffix)
    }

    /// The open file. It is opened if it exists and is not open; it is an error if it does not exist.
    pub(crate) fn existing(&self, base_offset: i64, kind: FileKind) -> disk::Result<File> {
        self.open(base_offset, kind, OpenMode::ReadWrite)
    }

    /// The open file, which is made if it does not exist.
    pub(crate) fn created(&self, base_offset: i64, kind: FileKind) -> disk::Result<File> {
        self.open(base_offset, kind, OpenMode::Create)
    }

    fn open(&self, base_offset: i64, kind: FileKind, mode: OpenMode) -> disk::Result<File> {
        let key = Key { log: self.log, base_offset, kind };
        if let Some(entry) = self.handles.table().open.get_mut(&key) {
            entry.used = true;
            return Ok(entry.file.clone());
        }
        let file = self.handles.disk.open(&self.path(base_offset, kind), mode)?;
        // What falls out is closed after the lock is given back.
        let _closed = self.handles.table().insert(key, file.clone());
        Ok(file)
    }

    /// Closes the file, before it is renamed or removed.
    pub(crate) fn forget(&self, base_offset: i64, kind: FileKind) {
        let _closed = self.handles.table().open.remove(&Key { log: self.log, base_offset, kind });
    }

    /// Closes all files of a segment.
    pub(crate) fn forget_segment(&self, base_offset: i64) {
        for kind in FileKind::OF_SEGMENT {
            self.forget(base_offset, kind);
        }
    }

    /// After the directory was renamed. Open files stay good, they do not go by name.
    pub(crate) fn set_dir(&mut self, dir: PathBuf) {
        self.dir = dir;
    }
}
