//! The transaction index of a segment: the transactions that were aborted by a marker in this segment.
//!
//! Entries of 34 bytes: version i16 (0), producer id, first offset, last offset (that of the marker) and the last
//! stable offset when the marker was written, each i64, big endian. Last offsets rise. The file exists only if there
//! was an abort; most segments have none, and then nothing is opened.

use crate::error::{Error, Result};
use crate::handles::LogFiles;
use crate::index_file::field;
use crate::names::FileKind;

const ENTRY_BYTES: usize = 34;
const CURRENT_VERSION: i16 = 0;
/// Entries that are read at once.
const BLOCK_ENTRIES: usize = 256;

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    /// Who wrote it.
    pub producer_id: i64,
    /// Offset of its first record.
    pub first_offset: i64,
    /// Offset of its marker.
    pub last_offset: i64,
    /// The last stable offset after the marker.
    pub last_stable_offset: i64,
}

impl AbortedTxn {
    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let fields = [self.producer_id, self.first_offset, self.last_offset, self.last_stable_offset];
        let (version, rest) = bytes.split_at_mut(2);
        version.copy_from_slice(&CURRENT_VERSION.to_be_bytes());
        for (to, from) in rest.chunks_exact_mut(8).zip(fields) {
            to.copy_from_slice(&from.to_be_bytes());
        }
        bytes
    }

    /// `None` if the version is not known.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let version = i16::from_be_bytes(field(bytes, 0));
        (0..=CURRENT_VERSION).contains(&version).then(|| Self {
            producer_id: i64::from_be_bytes(field(bytes, 2)),
            first_offset: i64::from_be_bytes(field(bytes, 10)),
            last_offset: i64::from_be_bytes(field(bytes, 18)),
            last_stable_offset: i64::from_be_bytes(field(bytes, 26)),
        })
    }
}

/// See the module.
pub(crate) struct TransactionIndex {
    base_offset: i64,
    // Whole entries; the file exists if there are any.
    entries: u32,
    // Whether there is part of an entry behind them.
    torn: bool,
}

impl TransactionIndex {
    /// The index of a file of `len` bytes, 0 if there is none.
    pub(crate) fn of_len(base_offset: i64, len: u64) -> Self {
        let entries = u32::try_from(len / ENTRY_BYTES as u64).unwrap_or(u32::MAX);
        Self { base_offset, entries, torn: !len.is_multiple_of(ENTRY_BYTES as u64) }
    }

    /// Whether no transaction was aborted in this segment.
    pub(crate) const fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Bytes of the entries.
    pub(crate) fn len(&self) -> u64 {
        u64::from(self.entries) * ENTRY_BYTES as u64
    }

    fn scan(&self, files: &LogFiles, mut visit: impl FnMut(u32, AbortedTxn) -> bool) -> Result<()> {
        if self.entries == 0 {
            return Ok(());
        }
        let file = files.existing(self.base_offset, FileKind::TransactionIndex)?;
        let mut buffer = vec![0; (self.entries as usize).min(BLOCK_ENTRIES) * ENTRY_BYTES];
        let mut at = 0_u32;
        while at < self.entries {
            let position = u64::from(at) * ENTRY_BYTES as u64;
            let filled = file.read_at(&mut buffer, position)?;
            let block = buffer.get(..filled).unwrap_or_default();
            for bytes in block.chunks_exact(ENTRY_BYTES).take((self.entries - at) as usize) {
                let Some(txn) = AbortedTxn::decode(bytes) else {
                    return Err(Error::corrupt(
                        file.path(),
                        position,
                        "unknown version of aborted transaction",
                    ));
                };
                if !visit(at, txn) {
                    return Ok(());
                }
                at += 1;
            }
            if filled < ENTRY_BYTES {
                return Err(Error::corrupt(file.path(), position, "shorter than when it was opened"));
            }
        }
        Ok(())
    }

    /// Whether the entries can be those of this segment.
    pub(crate) fn is_sane(&self, files: &LogFiles) -> Result<bool> {
        let mut sane = true;
        let scanned = self.scan(files, |_, txn| {
            sane = txn.last_offset >= self.base_offset;
            sane
        });
        match scanned {
            Err(Error::CorruptFile { .. }) => Ok(false),
            Err(fault) => Err(fault),
            Ok(()) => Ok(sane),
        }
    }

    /// Adds to `found` the transactions that touch `fetch_offset..upper_bound_offset`. Returns whether no later
    /// segment can have any more of them.
    pub(crate) fn collect(
        &self,
        files: &LogFiles,
        fetch_offset: i64,
        upper_bound_offset: i64,
        found: &mut Vec<AbortedTxn>,
    ) -> Result<bool> {
        let mut complete = false;
        self.scan(files, |_, txn| {
            if txn.last_offset >= fetch_offset && txn.first_offset < upper_bound_offset {
                found.push(txn);
            }
            complete = txn.last_stable_offset >= upper_bound_offset;
            !complete
        })?;
        Ok(complete)
    }

    /// Adds an entry.
    pub(crate) fn append(&mut self, files: &LogFiles, txn: AbortedTxn) -> Result<()> {
        let file = files.created(self.base_offset, FileKind::TransactionIndex)?;
        file.write_at(&txn.encode(), u64::from(self.entries) * ENTRY_BYTES as u64)?;
        self.entries += 1;
        Ok(())
    }

    /// Drops the transactions whose marker is at or above `offset`.
    pub(crate) fn truncate_to(&mut self, files: &LogFiles, offset: i64) -> Result<()> {
        let mut keep = self.entries;
        self.scan(files, |at, txn| {
            if txn.last_offset >= offset {
                keep = at;
            }
            txn.last_offset < offset
        })?;
        self.cut(files, keep)
    }

    /// Makes these the entries, lastingly. Of a segment that was synced before nothing else syncs the index again, and
    /// that entries are missing would not show: what is right is not touched.
    pub(crate) fn restore(&mut self, files: &LogFiles, entries: &[AbortedTxn]) -> Result<()> {
        let mut found = Vec::new();
        let scanned = self.scan(files, |_, txn| {
            found.push(txn);
            true
        });
        let is_right = match scanned {
            Ok(()) => !self.torn && found == entries,
            Err(Error::CorruptFile { .. }) => false,
            Err(fault) => return Err(fault),
        };
        if is_right {
            return Ok(());
        }
        let file = files.created(self.base_offset, FileKind::TransactionIndex)?;
        let bytes: Vec<u8> = entries.iter().flat_map(AbortedTxn::encode).collect();
        file.write_at(&bytes, 0)?;
        file.truncate(bytes.len() as u64)?;
        file.sync_data()?;
        files.disk().sync_dir(files.dir())?;
        *self = Self::of_len(self.base_offset, bytes.len() as u64);
        Ok(())
    }

    fn cut(&mut self, files: &LogFiles, keep: u32) -> Result<()> {
        if self.entries > keep || self.torn {
            let file = files.existing(self.base_offset, FileKind::TransactionIndex)?;
            file.truncate(u64::from(keep) * ENTRY_BYTES as u64)?;
            self.entries = keep;
            self.torn = false;
        }
        Ok(())
    }
}
