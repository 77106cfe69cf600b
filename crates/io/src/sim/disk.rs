//! A disk in memory, with a page cache that a loss of power takes away.
//!
//! What is written is seen by every reader at once, as through a page cache. It lasts only after a sync: of the file for
//! its content, of the directory for its names. When the power goes, each file keeps some beginning of what was written
//! since its last sync and perhaps parts of the rest, one write may be torn, and each directory keeps some beginning of
//! the changes of its names. A rename within a directory is one change, never half of one.
//!
//! The strictest reading of POSIX, in short: what a file system does more than that, nothing here may rely on.

mod tree;

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) use tree::Content;
use tree::{Entry, SharedDirectory, lock};

use super::Process;
use crate::{
    Entropy,
    disk::{self, DirEntry, Disk, Metadata, OpenMode, Usage},
};

/// How well a disk does. The default is a good one.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// What a sync takes at least and at most.
    pub sync: (Duration, Duration),
    /// What a write takes at least and at most.
    pub write: (Duration, Duration),
    /// Bytes that fit; writes beyond fail with `StorageFull`.
    pub capacity_bytes: u64,
    /// Of how many operations one fails with an I/O error; 0: none.
    pub error_one_in: u64,
    /// Whether a sync does nothing and says that all is well: only to see whether anybody notices.
    pub lies_about_sync: bool,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            sync: (Duration::from_micros(200), Duration::from_millis(3)),
            write: (Duration::from_micros(1), Duration::from_micros(10)),
            capacity_bytes: 1 << 40,
            error_one_in: 0,
            lies_about_sync: false,
        }
    }
}

struct State {
    root: SharedDirectory,
    faults: Faults,
    /// Files that were opened before the last loss of power belong to a machine that is no more.
    generation: u64,
    /// Locks go with the process that holds them.
    locked: Vec<(PathBuf, Option<Process>)>,
    /// What is below this fails.
    failing: Option<PathBuf>,
    used_bytes: u64,
    entropy: Entropy,
}

type Shared = Arc<Mutex<State>>;

/// The disk of a simulated host. Outlives the processes that use it. Clones are the same disk.
#[derive(Clone)]
pub struct SimulatedDisk {
    state: Shared,
    generation: u64,
}

impl std::fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimulatedDisk")
    }
}

/// An open file of a simulated disk.
#[derive(Clone)]
pub(crate) struct SimulatedFile {
    disk: SimulatedDisk,
    content: Arc<Mutex<Content>>,
    pub(crate) path: PathBuf,
    writable: bool,
}

/// Gives the lock of a directory back.
pub(crate) struct SimulatedLock {
    disk: SimulatedDisk,
    path: PathBuf,
}

impl std::fmt::Debug for SimulatedLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SimulatedLock").field(&self.path).finish()
    }
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.generation == self.disk.generation {
            state.locked.retain(|(path, _)| *path != self.path);
        }
    }
}

impl SimulatedDisk {
    /// An empty disk. `entropy` decides what its faults do.
    pub fn new(entropy: Entropy) -> Self {
        let state = State {
            root: SharedDirectory::default(),
            faults: Faults::default(),
            generation: 0,
            locked: Vec::new(),
            failing: None,
            used_bytes: 0,
            entropy,
        };
        Self { state: Arc::new(Mutex::new(state)), generation: 0 }
    }

    /// The disk for a process that starts now.
    pub fn disk(&self) -> Disk {
        let generation = self.state().generation;
        Disk::simulated(Self { state: Arc::clone(&self.state), generation })
    }

    /// Sets how well the disk does.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Has everything below a directory fail, as if it were on a device of its own; `None`: nothing more.
    pub fn fail_under(&self, directory: Option<PathBuf>) {
        self.state().failing = directory;
    }

    /// How well the disk does.
    pub fn faults(&self) -> Faults {
        self.state().faults
    }

    /// Bytes in files.
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes
    }

    /// Takes away what was not synced, or a part of it that the seed chooses. Whoever still has the disk gets errors.
    pub fn lose_power(&self) {
        let mut state = self.state();
        state.generation += 1;
        state.locked.clear();
        let entropy = state.entropy.clone();
        state.root.lose_power(&entropy);
        state.used_bytes = state.root.bytes();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, if the machine still has power and the operation is not one that fails.
    fn enter(&self, path: &Path) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        if state.generation != self.generation {
            return Err(io::Error::new(ErrorKind::NotConnected, "the machine has lost its power"));
        }
        let one_in = state.faults.error_one_in;
        let fails = state.failing.as_ref().is_some_and(|failing| path.starts_with(failing));
        if fails || one_in > 0 && state.entropy.below(one_in) == 0 {
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()));
        }
        Ok(state)
    }

    fn with<T>(
        &self,
        operation: &'static str,
        path: &Path,
        act: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> disk::Result<T> {
        self.enter(path)
            .and_then(|mut state| act(&mut state))
            .map_err(|e| disk::Error::new(operation, path, e))
    }

    pub(crate) fn open(&self, path: &Path, mode: OpenMode) -> disk::Result<SimulatedFile> {
        let content = self.with("open", path, |state| {
            let (parent, name) = state.root.parent_of(path)?;
            match (parent.entry(&name), mode) {
                (Some(Entry::File(_)), OpenMode::CreateNew) => Err(ErrorKind::AlreadyExists.into()),
                (Some(Entry::File(content)), _) => Ok(content),
                (Some(Entry::Directory(_)), _) => Err(ErrorKind::IsADirectory.into()),
                (None, OpenMode::Create | OpenMode::CreateNew) => {
                    let content = Arc::new(Mutex::new(Content::new(now_ms())));
                    parent.link(&name, Entry::File(Arc::clone(&content)));
                    Ok(content)
                }
                (None, _) => Err(ErrorKind::NotFound.into()),
            }
        })?;
        let writable = mode != OpenMode::Read;
        Ok(SimulatedFile { disk: self.clone(), content, path: path.to_path_buf(), writable })
    }

    pub(crate) fn metadata(&self, path: &Path) -> disk::Result<Metadata> {
        self.with("stat", path, |state| match state.root.find(path)? {
            Entry::File(content) => Ok(lock(&content).metadata()),
            Entry::Directory(_) => {
                Ok(Metadata { len: 4096, allocated_bytes: 4096, modified_ms: 0, is_dir: true })
            }
        })
    }

    pub(crate) fn exists(&self, path: &Path) -> bool {
        self.with("stat", path, |state| state.root.find(path).map(|_| ())).is_ok()
    }

    pub(crate) fn create_dir_all(&self, path: &Path) -> disk::Result<()> {
        self.with("create directory", path, |state| state.root.create_all(path))
    }

    pub(crate) fn read_dir(&self, path: &Path) -> disk::Result<Vec<DirEntry>> {
        self.with("list", path, |state| {
            let directory = state.root.directory(path)?;
            let entries = directory.entries();
            Ok(entries
                .into_iter()
                .map(|(name, entry)| DirEntry { name, is_dir: matches!(entry, Entry::Directory(_)) })
                .collect())
        })
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> disk::Result<()> {
        self.with("rename", from, |state| {
            state.root.rename(from, to)?;
            state.used_bytes = state.root.bytes();
            Ok(())
        })
    }

    pub(crate) fn remove_file(&self, path: &Path) -> disk::Result<bool> {
        self.remove("remove", path)
    }

    pub(crate) fn remove_dir_all(&self, path: &Path) -> disk::Result<bool> {
        self.remove("remove directory", path)
    }

    fn remove(&self, operation: &'static str, path: &Path) -> disk::Result<bool> {
        self.with(operation, path, |state| {
            let Ok((parent, name)) = state.root.parent_of(path) else { return Ok(false) };
            let existed = parent.entry(&name).is_some();
            if existed {
                parent.unlink(&name);
                state.used_bytes = state.root.bytes();
            }
            Ok(existed)
        })
    }

    pub(crate) fn sync_dir(&self, path: &Path) -> disk::Result<()> {
        self.with("sync directory", path, |state| {
            spend(state.faults.sync, &state.entropy);
            if !state.faults.lies_about_sync {
                state.root.directory(path)?.sync();
            }
            Ok(())
        })
    }

    pub(crate) fn lock_dir(&self, path: &Path) -> disk::Result<Option<SimulatedLock>> {
        drop(self.open(&path.join(".lock"), OpenMode::Create)?);
        self.with("lock", path, |state| {
            let core = super::current();
            let is_running = |process: &Option<Process>| match (&core, process) {
                (Some(core), Some(process)) => core.is_running(*process),
                _ => true,
            };
            state.locked.retain(|(_, process)| is_running(process));
            if state.locked.iter().any(|(locked, _)| locked == path) {
                return Ok(None);
            }
            state.locked.push((path.to_path_buf(), core.and_then(|core| core.process())));
            Ok(Some(SimulatedLock { disk: self.clone(), path: path.to_path_buf() }))
        })
    }

    pub(crate) fn usage(&self, path: &Path) -> disk::Result<Usage> {
        self.with("statvfs", path, |state| {
            let total_bytes = state.faults.capacity_bytes;
            Ok(Usage { total_bytes, usable_bytes: total_bytes.saturating_sub(state.used_bytes) })
        })
    }
}

impl SimulatedFile {
    fn with<T>(
        &self,
        operation: &'static str,
        act: impl FnOnce(&mut State, &mut Content) -> io::Result<T>,
    ) -> disk::Result<T> {
        self.disk
            .enter(&self.path)
            .and_then(|mut state| act(&mut state, &mut lock(&self.content)))
            .map_err(|e| disk::Error::new(operation, &self.path, e))
    }

    /// As [`Self::with`], for what changes the content.
    fn change(
        &self,
        operation: &'static str,
        act: impl FnOnce(&State, &mut Content) -> io::Result<()>,
    ) -> disk::Result<()> {
        self.with(operation, |state, content| {
            if !self.writable {
                return Err(io::Error::from_raw_os_error(rustix::io::Errno::BADF.raw_os_error()));
            }
            spend(state.faults.write, &state.entropy);
            let before = content.len();
            let done = act(state, content);
            state.used_bytes = (state.used_bytes + content.len()).saturating_sub(before);
            done
        })
    }

    pub(crate) fn read_at(&self, buffer: &mut [u8], position: u64) -> disk::Result<usize> {
        self.with("read", |_, content| Ok(content.read(buffer, position)))
    }

    pub(crate) fn write_at(&self, bytes: &[u8], position: u64) -> disk::Result<()> {
        self.change("write", |state, content| {
            let end = position.saturating_add(bytes.len() as u64);
            let room = state.faults.capacity_bytes.saturating_sub(state.used_bytes);
            if end.saturating_sub(content.len()) > room {
                return Err(ErrorKind::StorageFull.into());
            }
            content.write(bytes, position, now_ms());
            Ok(())
        })
    }

    pub(crate) fn metadata(&self) -> disk::Result<Metadata> {
        self.with("stat", |_, content| Ok(content.metadata()))
    }

    pub(crate) fn truncate(&self, len: u64) -> disk::Result<()> {
        self.change("truncate", |_, content| {
            content.set_len(len, now_ms());
            Ok(())
        })
    }

    pub(crate) fn preallocate(&self, len: u64) -> disk::Result<()> {
        self.change("allocate", |_, content| {
            if content.len() < len {
                content.set_len(len, now_ms());
            }
            Ok(())
        })
    }

    pub(crate) fn sync(&self) -> disk::Result<()> {
        self.with("sync", |state, content| {
            spend(state.faults.sync, &state.entropy);
            if !state.faults.lies_about_sync {
                content.sync();
            }
            Ok(())
        })
    }

    pub(crate) fn set_modified_ms(&self, ms: i64) -> disk::Result<()> {
        self.with("touch", |_, content| {
            content.modified_ms = ms;
            Ok(())
        })
    }
}

/// Keeps the present thread from going on for what an operation takes.
fn spend((low, high): (Duration, Duration), entropy: &Entropy) {
    if let Some(core) = super::current() {
        let spread = u64::try_from(high.saturating_sub(low).as_nanos()).unwrap_or(u64::MAX);
        core.spend(low + Duration::from_nanos(entropy.below(spread)));
    }
}

fn now_ms() -> i64 {
    super::current().map_or(0, |core| core.wall_ms(core.host()))
}
