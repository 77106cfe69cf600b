//! The file `partition.metadata` of a partition's directory, which says to which topic id it belongs.

use std::path::{Path, PathBuf};

use klamm_io::disk::Disk;
use klamm_protocol::Uuid;

use crate::error::Result;

/// Name of the file.
const PARTITION_METADATA_FILE: &str = "partition.metadata";
const FILE_BYTES_MAX: u64 = 4096;

/// Path of the file in a partition's directory.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join(PARTITION_METADATA_FILE)
}

/// Reads the topic id. `None` if the file is missing or makes no sense, which a crash right after the directory was
/// made can leave behind; whoever knows the topic id then writes it again.
pub(crate) fn read(disk: &Disk, dir: &Path) -> Result<Option<Uuid>> {
    let path = path(dir);
    let content = match disk.read_file(&path, FILE_BYTES_MAX) {
        Ok(content) => content,
        Err(e) if e.is_not_found() || e.kind() == std::io::ErrorKind::InvalidData => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let topic_id = parse(&String::from_utf8_lossy(&content));
    if topic_id.is_none() {
        tracing::warn!(path = %path.display(), "ignoring partition metadata that makes no sense");
    }
    Ok(topic_id)
}

fn parse(content: &str) -> Option<Uuid> {
    let mut lines = content.lines();
    let version: i32 = lines.next()?.strip_prefix("version:")?.trim().parse().ok()?;
    let topic_id: Uuid = lines.next()?.strip_prefix("topic_id:")?.trim().parse().ok()?;
    (version >= 0 && !topic_id.is_zero()).then_some(topic_id)
}

/// Writes the file, not synced: [`crate::FlushHandle`] does that.
pub(crate) fn write(disk: &Disk, dir: &Path, topic_id: Uuid) -> Result<()> {
    let content = format!("version: 0\ntopic_id: {topic_id}");
    Ok(disk.replace_file_with(&path(dir), content.as_bytes(), false)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_kafka_writes() {
        let id = Uuid::from_random([7; 16]);
        let cases = [
            (format!("version: 0\ntopic_id: {id}"), Some(id)),
            (format!("version: 1\ntopic_id: {id}\nmore: later"), Some(id)),
            (format!("version: 0\ntopic_id: {}", Uuid::ZERO), None),
            (format!("version: x\ntopic_id: {id}"), None),
            ("version: 0".to_owned(), None),
            (String::new(), None),
        ];
        for (content, expect) in cases {
            assert_eq!(parse(&content), expect, "{content:?}");
        }
    }
}
