//! Directories and files: what is seen, and what would be left after a loss of power.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{self, ErrorKind},
    path::{Component, Path},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Entropy, disk::Metadata};

/// The smallest part of a write that a loss of power leaves whole.
const SECTOR_BYTES: u64 = 512;

#[derive(Clone)]
pub(super) enum Entry {
    File(Arc<Mutex<Content>>),
    Directory(SharedDirectory),
}

/// The content of a file.
pub(crate) struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// What happened since the last sync, in order.
    pending: Vec<Change>,
    pub(super) modified_ms: i64,
}

enum Change {
    Write { position: u64, bytes: Vec<u8> },
    SetLen(u64),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { position, bytes } => write(content, bytes, *position),
            Self::SetLen(len) => content.resize(usize::try_from(*len).unwrap_or(usize::MAX), 0),
        }
    }

    /// Applies the first sectors of a write; a change of length happens or does not.
    fn apply_torn(&self, content: &mut Vec<u8>, entropy: &Entropy) {
        let Self::Write { position, bytes } = self else { return };
        // Sectors are counted from the start of the file, not of the write.
        let end = position + entropy.below(bytes.len() as u64 + 1);
        let end = (end / SECTOR_BYTES * SECTOR_BYTES).max(*position);
        let kept = usize::try_from(end - position).unwrap_or(0);
        write(content, &bytes[..kept.min(bytes.len())], *position);
    }
}

fn write(content: &mut Vec<u8>, bytes: &[u8], position: u64) {
    if bytes.is_empty() {
        return;
    }
    let start = usize::try_from(position).unwrap_or(usize::MAX);
    let end = start + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[start..end].copy_from_slice(bytes);
}

impl Content {
    pub(super) fn new(modified_ms: i64) -> Self {
        Self { seen: Vec::new(), durable: Vec::new(), pending: Vec::new(), modified_ms }
    }

    pub(super) fn len(&self) -> u64 {
        self.seen.len() as u64
    }

    pub(super) fn metadata(&self) -> Metadata {
        Metadata {
            len: self.len(),
            allocated_bytes: self.len(),
            modified_ms: self.modified_ms,
            is_dir: false,
        }
    }

    pub(super) fn read(&self, buffer: &mut [u8], position: u64) -> usize {
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(self.seen.len());
        let count = buffer.len().min(self.seen.len() - start);
        buffer[..count].copy_from_slice(&self.seen[start..start + count]);
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], position: u64, now_ms: i64) {
        write(&mut self.seen, bytes, position);
        self.pending.push(Change::Write { position, bytes: bytes.to_vec() });
        self.modified_ms = now_ms;
    }

    pub(super) fn set_len(&mut self, len: u64, now_ms: i64) {
        let change = Change::SetLen(len);
        change.apply(&mut self.seen);
        self.pending.push(change);
        self.modified_ms = now_ms;
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    fn lose_power(&mut self, entropy: &Entropy) {
        let pending = std::mem::take(&mut self.pending);
        let whole = usize::try_from(entropy.below(pending.len() as u64 + 1)).unwrap_or(0);
        // Beyond the beginning that is kept, the device may have written some pages already and others not.
        let scatters = entropy.below(2) == 0;
        for (index, change) in pending.iter().enumerate() {
            if index < whole {
                change.apply(&mut self.durable);
            } else if index == whole {
                change.apply_torn(&mut self.durable, entropy);
            } else if scatters && entropy.below(4) == 0 && matches!(change, Change::Write { .. }) {
                change.apply(&mut self.durable);
            }
        }
        self.seen.clone_from(&self.durable);
    }
}

/// A directory that may be named both by what is seen and by what lasts.
#[derive(Clone, Default)]
pub(super) struct SharedDirectory(Arc<Mutex<Directory>>);

/// A directory.
#[derive(Default)]
pub(super) struct Directory {
    seen: BTreeMap<String, Entry>,
    durable: BTreeMap<String, Entry>,
    /// What happened since the last sync, in order.
    pending: Vec<NameChange>,
}

enum NameChange {
    Link(String, Entry),
    Unlink(String),
    /// Within this directory.
    Rename(String, String),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, Entry>) {
        match self {
            Self::Link(name, entry) => {
                names.insert(name.clone(), entry.clone());
            }
            Self::Unlink(name) => {
                names.remove(name);
            }
            Self::Rename(from, to) => {
                if let Some(entry) = names.remove(from) {
                    names.insert(to.clone(), entry);
                }
            }
        }
    }
}

impl SharedDirectory {
    fn lock(&self) -> MutexGuard<'_, Directory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entry(&self, name: &str) -> Option<Entry> {
        self.lock().seen.get(name).cloned()
    }

    /// The entries by name.
    pub(super) fn entries(&self) -> Vec<(String, Entry)> {
        self.lock().seen.iter().map(|(name, entry)| (name.clone(), entry.clone())).collect()
    }

    fn change(&self, change: NameChange) {
        let mut directory = self.lock();
        change.apply(&mut directory.seen);
        directory.pending.push(change);
    }

    pub(super) fn link(&self, name: &str, entry: Entry) {
        self.change(NameChange::Link(name.to_owned(), entry));
    }

    pub(super) fn unlink(&self, name: &str) {
        self.change(NameChange::Unlink(name.to_owned()));
    }

    pub(super) fn sync(&self) {
        let mut directory = self.lock();
        let Directory { durable, pending, .. } = &mut *directory;
        for change in pending.drain(..) {
            change.apply(durable);
        }
    }

    /// What a path names.
    pub(super) fn find(&self, path: &Path) -> io::Result<Entry> {
        let mut found = Entry::Directory(self.clone());
        for part in path.components() {
            let Component::Normal(name) = part else { continue };
            let Entry::Directory(directory) = found else { return Err(ErrorKind::NotADirectory.into()) };
            found = directory.entry(&name_of(name)).ok_or(ErrorKind::NotFound)?;
        }
        Ok(found)
    }

    pub(super) fn directory(&self, path: &Path) -> io::Result<Self> {
        match self.find(path)? {
            Entry::Directory(directory) => Ok(directory),
            Entry::File(_) => Err(ErrorKind::NotADirectory.into()),
        }
    }

    /// The directory that holds the last name of a path, and that name.
    pub(super) fn parent_of(&self, path: &Path) -> io::Result<(Self, String)> {
        let name = name_of(path.file_name().ok_or(ErrorKind::InvalidInput)?);
        Ok((self.directory(path.parent().unwrap_or(Path::new("/")))?, name))
    }

    pub(super) fn create_all(&self, path: &Path) -> io::Result<()> {
        let mut at = self.clone();
        for part in path.components() {
            let Component::Normal(name) = part else { continue };
            let name = name_of(name);
            at = match at.entry(&name) {
                Some(Entry::Directory(directory)) => directory,
                Some(Entry::File(_)) => return Err(ErrorKind::NotADirectory.into()),
                None => {
                    let made = Self::default();
                    at.link(&name, Entry::Directory(made.clone()));
                    made
                }
            };
        }
        Ok(())
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (old, old_name) = self.parent_of(from)?;
        let (new, new_name) = self.parent_of(to)?;
        let entry = old.entry(&old_name).ok_or(ErrorKind::NotFound)?;
        if let Some(Entry::Directory(target)) = new.entry(&new_name)
            && (!target.entries().is_empty() || matches!(entry, Entry::File(_)))
        {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        if Arc::ptr_eq(&old.0, &new.0) {
            old.change(NameChange::Rename(old_name, new_name));
        } else {
            old.unlink(&old_name);
            new.link(&new_name, entry);
        }
        Ok(())
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        let entries = self.entries();
        entries
            .iter()
            .map(|(_, entry)| match entry {
                Entry::File(content) => lock(content).len(),
                Entry::Directory(directory) => directory.bytes(),
            })
            .sum()
    }

    pub(super) fn lose_power(&self, entropy: &Entropy) {
        let entries = {
            let mut directory = self.lock();
            let pending = std::mem::take(&mut directory.pending);
            let kept = usize::try_from(entropy.below(pending.len() as u64 + 1)).unwrap_or(0);
            for change in pending.iter().take(kept) {
                change.apply(&mut directory.durable);
            }
            directory.seen = directory.durable.clone();
            directory.seen.values().cloned().collect::<Vec<_>>()
        };
        for entry in entries {
            match entry {
                Entry::File(content) => lock(&content).lose_power(entropy),
                Entry::Directory(directory) => directory.lose_power(entropy),
            }
        }
    }
}

fn name_of(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

pub(super) fn lock(content: &Mutex<Content>) -> MutexGuard<'_, Content> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}
