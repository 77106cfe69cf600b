//! The text files of checkpoints.
//!
//! All have the same frame: the version (0) on the first line, the number of entries on the second, then an entry per
//! line. In a log directory there are four files of offsets per partition, in each partition's directory one of
//! leader epochs ([`crate::leader_epochs`]). An empty file is an empty checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use klamm_io::disk::Disk;

use crate::error::{Error, Result};
use crate::names::TopicPartition;

/// Checkpoint files are read whole; one larger than this is none.
const CHECKPOINT_BYTES_MAX: u64 = 256 * 1024 * 1024;
const VERSION: &str = "0";

/// Up to where a log was synced: nothing before it needs recovery.
pub const RECOVERY_POINT_FILE: &str = "recovery-point-offset-checkpoint";
/// Log start offsets that lie inside a segment.
pub const LOG_START_OFFSET_FILE: &str = "log-start-offset-checkpoint";
/// High watermarks.
pub const HIGH_WATERMARK_FILE: &str = "replication-offset-checkpoint";
/// Up to where compaction has come.
pub const CLEANER_OFFSET_FILE: &str = "cleaner-offset-checkpoint";

/// Reads the entries of a checkpoint file; none if the file is missing or empty.
pub(crate) fn read_entries<T>(disk: &Disk, path: &Path, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>> {
    parse_entries(path, &read(disk, path)?, parse)
}

/// The text of a checkpoint file; empty if the file is missing.
pub(crate) fn read(disk: &Disk, path: &Path) -> Result<String> {
    match disk.read_file(path, CHECKPOINT_BYTES_MAX) {
        Ok(content) => Ok(String::from_utf8_lossy(&content).into_owned()),
        Err(e) if e.is_not_found() => Ok(String::new()),
        Err(e) => Err(e.into()),
    }
}

/// The entries of a checkpoint file's text.
pub(crate) fn parse_entries<T>(
    path: &Path,
    content: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>> {
    let malformed = |line: &str| Error::corrupt(path, 0, format!("malformed line in checkpoint: {line:?}"));
    let mut lines = content.lines();
    let Some(version) = lines.next() else { return Ok(Vec::new()) };
    if version.trim() != VERSION {
        return Err(Error::corrupt(path, 0, format!("unknown version of checkpoint: {version:?}")));
    }
    let Some(count) = lines.next() else { return Ok(Vec::new()) };
    let count: usize = count.trim().parse().map_err(|_| malformed(count))?;
    let entries = lines.map(|line| parse(line).ok_or_else(|| malformed(line))).collect::<Result<Vec<_>>>()?;
    if entries.len() != count {
        return Err(Error::corrupt(path, 0, format!("{count} entries announced, {} found", entries.len())));
    }
    Ok(entries)
}

/// The text of a checkpoint.
pub(crate) fn encode_entries(entries: impl ExactSizeIterator<Item = String>) -> String {
    let mut text = format!("{VERSION}\n{}\n", entries.len());
    for entry in entries {
        text.push_str(&entry);
        text.push('\n');
    }
    text
}

/// Reads a checkpoint of offsets per partition.
pub fn read_offsets(disk: &Disk, path: &Path) -> Result<BTreeMap<TopicPartition, i64>> {
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let topic = words.next()?;
        let partition = words.next()?.parse().ok()?;
        let offset = words.next()?.parse().ok()?;
        words.next().is_none().then(|| (TopicPartition::new(topic, partition), offset))
    };
    Ok(read_entries(disk, path, parse)?.into_iter().collect())
}

/// Replaces a checkpoint of offsets per partition, synced. Blocks for the device.
pub fn write_offsets(disk: &Disk, path: &Path, offsets: &BTreeMap<TopicPartition, i64>) -> Result<()> {
    let lines = offsets.iter().map(|(tp, offset)| format!("{} {} {offset}", tp.topic, tp.index));
    Ok(disk.replace_file(path, encode_entries(lines).as_bytes())?)
}
