//! An open file.

use std::fmt;
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::FallocateFlags;

use super::{Error, Metadata, Result, unix_ms};
use crate::sim::disk::SimulatedFile;

/// What the reader of a file is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Reads go forward: read ahead further than usual.
    Sequential,
    /// Reads jump: do not read ahead.
    Random,
    /// The range is needed soon: start reading it now.
    WillNeed,
    /// The range is not needed again: the page cache may drop it.
    DontNeed,
}

/// An open file. Cheap to clone; the file is closed with the last clone. All methods may be called from any thread,
/// and none moves a cursor.
#[derive(Clone)]
pub struct File {
    backend: Arc<Backend>,
}

enum Backend {
    Real { file: std::fs::File, path: PathBuf },
    Simulated(SimulatedFile),
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(&self.path()).finish()
    }
}

impl File {
    pub(super) fn from_real(file: std::fs::File, path: &Path) -> Self {
        Self { backend: Arc::new(Backend::Real { file, path: path.to_path_buf() }) }
    }

    pub(super) fn simulated(file: SimulatedFile) -> Self {
        Self { backend: Arc::new(Backend::Simulated(file)) }
    }

    /// The path by which it was opened; it may have been renamed since.
    pub fn path(&self) -> &Path {
        match &*self.backend {
            Backend::Simulated(file) => &file.path,
            Backend::Real { path, .. } => path,
        }
    }

    /// The file of the operating system, for `sendfile` inside this crate. `None` if the disk is simulated: copy
    /// with [`File::read_at`] then.
    pub(crate) fn real(&self) -> Option<&std::fs::File> {
        match &*self.backend {
            Backend::Simulated(_) => None,
            Backend::Real { file, .. } => Some(file),
        }
    }

    fn fail<T>(&self, operation: &'static str, source: impl Into<io::Error>) -> Result<T> {
        Err(Error::new(operation, self.path(), source.into()))
    }

    /// Reads from `position` until `buffer` is full or the file ends. Returns the number of bytes read.
    pub fn read_at(&self, buffer: &mut [u8], position: u64) -> Result<usize> {
        match &*self.backend {
            Backend::Simulated(file) => file.read_at(buffer, position),
            Backend::Real { file, .. } => {
                let mut filled = 0;
                while let Some(rest) = buffer.get_mut(filled..)
                    && !rest.is_empty()
                {
                    match file.read_at(rest, position + filled as u64) {
                        Ok(0) => break,
                        Ok(count) => filled += count,
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(e) => return self.fail("read", e),
                    }
                }
                Ok(filled)
            }
        }
    }

    /// Reads exactly `buffer.len()` bytes from `position`; fails with `UnexpectedEof` if the file is shorter.
    pub fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> Result<()> {
        let wanted = buffer.len();
        if self.read_at(buffer, position)? < wanted {
            return self.fail("read", io::ErrorKind::UnexpectedEof);
        }
        Ok(())
    }

    /// Writes all of `bytes` at `position`, growing the file as needed. After an error any part may be written.
    pub fn write_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        match &*self.backend {
            Backend::Simulated(file) => file.write_at(bytes, position),
            Backend::Real { file, .. } => {
                file.write_all_at(bytes, position).or_else(|e| self.fail("write", e))
            }
        }
    }

    /// Writes all slices one after the other at `position`, with one system call if the kernel takes them at once
    /// (there may be more slices than `IOV_MAX`). After an error any part may be written.
    pub fn write_vectored_at(&self, slices: &[&[u8]], position: u64) -> Result<()> {
        match &*self.backend {
            Backend::Simulated(file) => file.write_at(&slices.concat(), position),
            Backend::Real { file, .. } => {
                let mut position = position;
                for chunk in slices.chunks(SLICES_PER_CALL) {
                    let total: usize = chunk.iter().map(|slice| slice.len()).sum();
                    let mut pending: Vec<IoSlice<'_>> =
                        chunk.iter().map(|slice| IoSlice::new(slice)).collect();
                    let mut pending = pending.as_mut_slice();
                    let end = position + total as u64;
                    while position < end {
                        match rustix::io::pwritev(file, pending, position) {
                            Ok(0) => return self.fail("write", io::ErrorKind::WriteZero),
                            Ok(count) => {
                                position += count as u64;
                                IoSlice::advance_slices(&mut pending, count);
                            }
                            Err(rustix::io::Errno::INTR) => {}
                            Err(e) => return self.fail("write", e),
                        }
                    }
                }
                Ok(())
            }
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> Result<u64> {
        Ok(self.metadata()?.len)
    }

    /// Whether the length is 0.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Length, times and kind.
    pub fn metadata(&self) -> Result<Metadata> {
        match &*self.backend {
            Backend::Simulated(file) => file.metadata(),
            Backend::Real { file, .. } => match file.metadata() {
                Ok(metadata) => Ok(real_metadata(&metadata)),
                Err(e) => self.fail("stat", e),
            },
        }
    }

    /// Cuts the file to `len` bytes, or lengthens it with zeros (a hole: no space is taken).
    pub fn truncate(&self, len: u64) -> Result<()> {
        match &*self.backend {
            Backend::Simulated(file) => file.truncate(len),
            Backend::Real { file, .. } => file.set_len(len).or_else(|e| self.fail("truncate", e)),
        }
    }

    /// Makes the content lasting, and of the metadata only what is needed to read it. Blocks until the device says so.
    ///
    /// After an error nothing is known about the pages that were dirty, and repeating the call proves nothing.
    pub fn sync_data(&self) -> Result<()> {
        match &*self.backend {
            Backend::Simulated(file) => file.sync(),
            Backend::Real { file, .. } => file.sync_data().or_else(|e| self.fail("sync", e)),
        }
    }

    /// Makes content and metadata lasting. See [`File::sync_data`].
    pub fn sync_all(&self) -> Result<()> {
        match &*self.backend {
            Backend::Simulated(file) => file.sync(),
            Backend::Real { file, .. } => file.sync_all().or_else(|e| self.fail("sync", e)),
        }
    }

    /// Takes device space for `len` bytes and lengthens the file to it. On a file system that cannot, the file is
    /// only lengthened.
    pub fn preallocate(&self, len: u64) -> Result<()> {
        match &*self.backend {
            Backend::Simulated(file) => file.preallocate(len),
            Backend::Real { file, .. } => {
                use rustix::io::Errno;
                match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, len) {
                    Ok(()) => Ok(()),
                    Err(Errno::OPNOTSUPP | Errno::NOSYS) if self.len()? >= len => Ok(()),
                    Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.truncate(len),
                    Err(e) => self.fail("allocate", e),
                }
            }
        }
    }

    /// Says what will be read. A hint: failures are not reported. `len` 0 means to the end.
    pub fn advise(&self, position: u64, len: u64, advice: Advice) {
        match &*self.backend {
            Backend::Simulated(_) => {}
            Backend::Real { file, .. } => {
                let advice = match advice {
                    Advice::Sequential => rustix::fs::Advice::Sequential,
                    Advice::Random => rustix::fs::Advice::Random,
                    Advice::WillNeed => rustix::fs::Advice::WillNeed,
                    Advice::DontNeed => rustix::fs::Advice::DontNeed,
                };
                let _ = rustix::fs::fadvise(file, position, std::num::NonZeroU64::new(len), advice);
            }
        }
    }

    /// Sets the time of the last modification, in milliseconds since the epoch.
    pub fn set_modified_ms(&self, ms: i64) -> Result<()> {
        match &*self.backend {
            Backend::Simulated(file) => file.set_modified_ms(ms),
            Backend::Real { file, .. } => {
                let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or(0));
                file.set_modified(time).or_else(|e| self.fail("touch", e))
            }
        }
    }
}

/// Linux takes at most `IOV_MAX` = 1024 slices in one call.
const SLICES_PER_CALL: usize = 1024;

pub(super) fn real_metadata(metadata: &std::fs::Metadata) -> Metadata {
    Metadata {
        len: metadata.len(),
        allocated_bytes: metadata.blocks().saturating_mul(512),
        modified_ms: metadata.modified().map_or(0, unix_ms),
        is_dir: metadata.is_dir(),
    }
}
