//! The disk: files and directories, real or simulated.
//!
//! [`Disk`] is the only way to reach a file. It is a cheap clone, handed to whoever opens something; a [`File`] is
//! a counted handle that may outlive the owner that opened it (a fetch response is still being sent from a segment
//! that has meanwhile been deleted). Both hide a private enum, so that an in-memory disk that loses what was not
//! synced and tears what was being written can take the place of the real one: nothing here hands out a descriptor,
//! an `std::fs::File` or a directory handle.
//!
//! All calls block. Appends and reads of the page cache are fast enough for a shard's thread; the `sync_` calls are
//! not, and belong on a thread that may wait.
//!
//! Non-obvious:
//! * A [`DirectoryLock`] takes two locks on its file: the POSIX record lock, because Kafka's JVM takes that one and
//!   must see ours, and `flock`, since record locks do not exclude two owners inside one process.
//! * [`Disk::replace_file`] syncs the directory after the rename: without it a crash may bring back the old file.
//! * Errors carry the path and the operation; the kind of the cause stays readable through [`Error::kind`].

mod file;
mod lock;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

pub use file::{Advice, File};
pub use lock::DirectoryLock;

use crate::sim::{self, disk::SimulatedDisk};

/// What was asked of the disk, where, and how it failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {}: {source}", path.display())]
pub struct Error {
    /// The verb: "open", "write", "sync", ...
    pub operation: &'static str,
    /// The file or directory it was about.
    pub path: PathBuf,
    /// The cause as the operating system gave it.
    pub source: io::Error,
}

impl Error {
    /// Pairs a cause with the operation and the path it belongs to.
    pub fn new(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self { operation, path: path.to_path_buf(), source }
    }

    /// The kind of the cause.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Whether the file or directory does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }
}

/// Result of a disk operation.
pub type Result<T> = std::result::Result<T, Error>;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// The file must exist; writing fails.
    Read,
    /// The file must exist.
    ReadWrite,
    /// The file is made if it does not exist; what it holds is kept.
    Create,
    /// The file must not exist.
    CreateNew,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// Name without the directory. A name that is not UTF-8 has replacement characters in it.
    pub name: String,
    /// Whether it is a directory (links are followed).
    pub is_dir: bool,
}

/// What the file system knows of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Length in bytes.
    pub len: u64,
    /// Bytes of device space in use, which is less than `len` for a file with holes.
    pub allocated_bytes: u64,
    /// Last modification in milliseconds since the epoch, 0 if unknown.
    pub modified_ms: i64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// Space of the volume that holds a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Size of the volume in bytes.
    pub total_bytes: u64,
    /// Bytes that this process may still write.
    pub usable_bytes: u64,
}

/// How many files and sockets this process may have open, its soft limit raised to the hard one first.
pub fn open_files_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    if sim::current().is_some() {
        return 1 << 16;
    }
    let limit = getrlimit(Resource::Nofile);
    // A limit that cannot be raised is still a limit to live with.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let now = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
    usize::try_from(now).unwrap_or(1 << 20)
}

/// The disk of one node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Disk {
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Real,
    Simulated(SimulatedDisk),
}

impl Disk {
    /// The disk of the operating system.
    pub fn real() -> Self {
        Self { backend: Backend::Real }
    }

    pub(crate) fn simulated(disk: SimulatedDisk) -> Self {
        Self { backend: Backend::Simulated(disk) }
    }

    /// A path from the root, as `java.io.File` makes one: what is relative begins at the working directory, repeated and
    /// trailing slashes go, `.` and `..` stay. A working directory that is gone leaves the path as it is.
    pub fn absolute(&self, path: &str) -> PathBuf {
        let mut whole = String::new();
        if !path.starts_with('/')
            && let Some(from) = self.working_directory()
        {
            whole.push_str(from.to_string_lossy().trim_end_matches('/'));
        } else if !path.starts_with('/') {
            return PathBuf::from(path);
        }
        for part in path.split('/').filter(|part| !part.is_empty()) {
            whole.push('/');
            whole.push_str(part);
        }
        PathBuf::from(if whole.is_empty() { "/".to_owned() } else { whole })
    }

    fn working_directory(&self) -> Option<PathBuf> {
        match &self.backend {
            Backend::Simulated(_) => Some(PathBuf::from("/")),
            Backend::Real => std::env::current_dir().ok(),
        }
    }

    /// Opens a file.
    pub fn open(&self, path: &Path, mode: OpenMode) -> Result<File> {
        match &self.backend {
            Backend::Simulated(disk) => disk.open(path, mode).map(File::simulated),
            Backend::Real => {
                let mut options = std::fs::OpenOptions::new();
                options.read(true);
                match mode {
                    OpenMode::Read => {}
                    OpenMode::ReadWrite => {
                        options.write(true);
                    }
                    OpenMode::Create => {
                        options.write(true).create(true);
                    }
                    OpenMode::CreateNew => {
                        options.write(true).create_new(true);
                    }
                }
                let file = options.open(path).map_err(|e| Error::new("open", path, e))?;
                Ok(File::from_real(file, path))
            }
        }
    }

    /// Whether the path exists (a file or a directory). A path that cannot be examined counts as missing.
    pub fn exists(&self, path: &Path) -> bool {
        match &self.backend {
            Backend::Simulated(disk) => disk.exists(path),
            Backend::Real => path.exists(),
        }
    }

    /// Length, times and kind of a path.
    pub fn metadata(&self, path: &Path) -> Result<Metadata> {
        match &self.backend {
            Backend::Simulated(disk) => disk.metadata(path),
            Backend::Real => {
                let metadata = std::fs::metadata(path).map_err(|e| Error::new("stat", path, e))?;
                Ok(file::real_metadata(&metadata))
            }
        }
    }

    /// Makes a directory and all that lead to it. It is no error if it exists.
    pub fn create_dir_all(&self, path: &Path) -> Result<()> {
        match &self.backend {
            Backend::Simulated(disk) => disk.create_dir_all(path),
            Backend::Real => {
                std::fs::create_dir_all(path).map_err(|e| Error::new("create directory", path, e))
            }
        }
    }

    /// The entries of a directory, sorted by name.
    pub fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>> {
        match &self.backend {
            Backend::Simulated(disk) => disk.read_dir(path),
            Backend::Real => {
                let fail = |e| Error::new("list", path, e);
                let mut entries = Vec::new();
                for entry in std::fs::read_dir(path).map_err(fail)? {
                    let entry = entry.map_err(fail)?;
                    let kind = entry.file_type().map_err(fail)?;
                    let is_dir = kind.is_dir() || (kind.is_symlink() && entry.path().is_dir());
                    entries.push(DirEntry { name: entry.file_name().to_string_lossy().into_owned(), is_dir });
                }
                entries.sort_unstable();
                Ok(entries)
            }
        }
    }

    /// Renames a file or directory, replacing a file of that name. Lasting only after [`Disk::sync_dir`] of the
    /// directories that hold both names.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        match &self.backend {
            Backend::Simulated(disk) => disk.rename(from, to),
            Backend::Real => std::fs::rename(from, to).map_err(|e| Error::new("rename", from, e)),
        }
    }

    /// Removes a file. Returns whether there was one.
    pub fn remove_file(&self, path: &Path) -> Result<bool> {
        match &self.backend {
            Backend::Simulated(disk) => disk.remove_file(path),
            Backend::Real => match std::fs::remove_file(path) {
                Ok(()) => Ok(true),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(e) => Err(Error::new("remove", path, e)),
            },
        }
    }

    /// Removes a directory and all that it holds. Returns whether there was one.
    pub fn remove_dir_all(&self, path: &Path) -> Result<bool> {
        match &self.backend {
            Backend::Simulated(disk) => disk.remove_dir_all(path),
            Backend::Real => match std::fs::remove_dir_all(path) {
                Ok(()) => Ok(true),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(e) => Err(Error::new("remove directory", path, e)),
            },
        }
    }

    /// Makes the names in a directory lasting: files made, renamed and removed in it before this call.
    pub fn sync_dir(&self, path: &Path) -> Result<()> {
        match &self.backend {
            Backend::Simulated(disk) => disk.sync_dir(path),
            Backend::Real => {
                let options = std::fs::OpenOptions::new().read(true).open(path);
                let dir = options.map_err(|e| Error::new("open directory", path, e))?;
                dir.sync_all().map_err(|e| Error::new("sync directory", path, e))
            }
        }
    }

    /// Reads a small file whole. Fails with `InvalidData` if it is longer than `bytes_max`.
    pub fn read_file(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
        let file = self.open(path, OpenMode::Read)?;
        let len = file.len()?;
        if len > bytes_max {
            let cause = format!("{len} bytes, at most {bytes_max} expected");
            return Err(Error::new("read", path, io::Error::new(io::ErrorKind::InvalidData, cause)));
        }
        let mut content = vec![0; usize::try_from(len).unwrap_or(0)];
        let filled = file.read_at(&mut content, 0)?;
        content.truncate(filled);
        Ok(content)
    }

    /// Replaces a file so that after a crash there is either the old content or the new: writes `<path>.tmp`, syncs
    /// it, renames it over `path` and syncs the directory.
    pub fn replace_file(&self, path: &Path, content: &[u8]) -> Result<()> {
        self.replace_file_with(path, content, true)
    }

    /// As [`Disk::replace_file`], but without the syncs unless `sync`: after a crash of the machine the file may be
    /// empty or old. For what can be rebuilt.
    pub fn replace_file_with(&self, path: &Path, content: &[u8], sync: bool) -> Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        let tmp = PathBuf::from(name);
        let file = self.open(&tmp, OpenMode::Create)?;
        file.truncate(0)?;
        file.write_at(content, 0)?;
        if sync {
            file.sync_all()?;
        }
        drop(file);
        self.rename(&tmp, path)?;
        match path.parent() {
            Some(parent) if sync => self.sync_dir(parent),
            _ => Ok(()),
        }
    }

    /// Takes the lock of a directory: the file `.lock` in it, as Kafka does. `None` if another holder has it.
    pub fn lock_dir(&self, path: &Path) -> Result<Option<DirectoryLock>> {
        match &self.backend {
            Backend::Simulated(disk) => Ok(disk.lock_dir(path)?.map(DirectoryLock::simulated)),
            Backend::Real => lock::lock_real(path),
        }
    }

    /// Space of the volume that holds `path`.
    pub fn usage(&self, path: &Path) -> Result<Usage> {
        match &self.backend {
            Backend::Simulated(disk) => disk.usage(path),
            Backend::Real => {
                let stat = rustix::fs::statvfs(path).map_err(|e| Error::new("statvfs", path, e.into()))?;
                Ok(Usage {
                    total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
                    usable_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
                })
            }
        }
    }
}

fn unix_ms(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
