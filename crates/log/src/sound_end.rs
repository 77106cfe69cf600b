//! Up to where a log can be read, found without changing anything.
//!
//! [`crate::Log::open`] cuts what is damaged, which is right for what a crash may have torn. Who knows that more than that
//! was on the disk asks here before.

use std::path::{Path, PathBuf};

use klamm_io::disk::{Disk, OpenMode};

use crate::error::{Error, Result};
use crate::names::{FileKind, parse_file_name};
use crate::scan::Batches;

/// Where the sound batches of a log come to their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundEnd {
    /// The offset after the last of them.
    pub offset: i64,
    /// The file in which they end; the log's directory if it has none.
    pub path: PathBuf,
    /// Where in it, in bytes.
    pub position: u32,
    /// What is there.
    pub detail: String,
}

/// Reads the log in `dir` from its first segment on, as recovery does. It is to be one without holes: no compacted one.
///
/// # Errors
/// If the disk fails.
pub fn sound_end(disk: &Disk, dir: &Path) -> Result<SoundEnd> {
    let mut segments = Vec::new();
    for entry in disk.read_dir(dir)? {
        let parsed = parse_file_name(&entry.name);
        if let Some(parsed) = parsed.filter(|it| it.kind == FileKind::Log && it.suffix.is_empty()) {
            segments.push((parsed.offset, dir.join(&entry.name)));
        }
    }
    segments.sort_unstable();
    let detail = "there is no file of the log".to_owned();
    let mut end = SoundEnd { offset: 0, path: dir.to_path_buf(), position: 0, detail };
    for (index, (base_offset, path)) in segments.into_iter().enumerate() {
        if index > 0 && base_offset != end.offset {
            end.detail = format!("the file ends, and the next one begins with offset {base_offset}");
            return Ok(end);
        }
        end = SoundEnd { offset: base_offset, path, position: 0, detail: "the file ends".to_owned() };
        if let Some(damage) = read_segment(disk, &mut end)? {
            end.detail = damage;
            return Ok(end);
        }
    }
    Ok(end)
}

/// Moves `end` to where the batches of its file end. Returns what is wrong there.
fn read_segment(disk: &Disk, end: &mut SoundEnd) -> Result<Option<String>> {
    let file = disk.open(&end.path, OpenMode::Read)?;
    let size = u32::try_from(file.len()?).unwrap_or(u32::MAX);
    let mut batches = Batches::new(&file, 0, size);
    loop {
        end.position = batches.position();
        let batch = match batches.next() {
            Ok(Some(batch)) => batch,
            Ok(None) if end.position < size => return Ok(Some("the file ends within a batch".to_owned())),
            Ok(None) => return Ok(None),
            Err(Error::CorruptFile { detail, .. }) => return Ok(Some(detail)),
            Err(fault) => return Err(fault),
        };
        if let Err(damage) = batch.check_crc() {
            return Ok(Some(damage.to_string()));
        }
        // No checksum covers the base offset.
        if batch.base_offset != end.offset || batch.last_offset() < batch.base_offset {
            return Ok(Some(format!("a batch of offset {} is where {} was", batch.base_offset, end.offset)));
        }
        end.offset = batch.next_offset();
    }
}
