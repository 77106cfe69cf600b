//! The lock of a directory.

use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::{Error, Result};
use crate::sim::disk::SimulatedLock;

/// Holds the lock of a directory until it is dropped or the process ends. The file stays.
#[derive(Debug)]
pub struct DirectoryLock {
    _held: Held,
}

#[derive(Debug)]
enum Held {
    Real { _file: std::fs::File },
    Simulated { _lock: SimulatedLock },
}

impl DirectoryLock {
    pub(super) const fn simulated(lock: SimulatedLock) -> Self {
        Self { _held: Held::Simulated { _lock: lock } }
    }
}

pub(super) fn lock_real(dir: &Path) -> Result<Option<DirectoryLock>> {
    let path = dir.join(".lock");
    let mut options = std::fs::OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|e| Error::new("open", &path, e))?;
    // flock first: closing any descriptor of a file drops all record locks that the process has on it, so a second
    // attempt inside the process must not get as far as the record lock. It still closes its descriptor, which costs
    // the first holder its record lock; that is why the same process should ask once only.
    for attempt in [
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive),
        rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive),
    ] {
        match attempt {
            Ok(()) => {}
            Err(Errno::AGAIN | Errno::ACCESS) => return Ok(None),
            Err(e) => return Err(Error::new("lock", &path, e.into())),
        }
    }
    Ok(Some(DirectoryLock { _held: Held::Real { _file: file } }))
}
