//! The file `.kafka_cleanshutdown` of a log directory: all logs in it were closed, so none needs recovery.
//!
//! It holds `{"version":0,"brokerEpoch":<epoch>}`; the broker epoch lets the controller tell a restart from a crash
//! when it elects leaders among eligible replicas (KIP-966). It is removed at the start, before any log is opened.

use std::path::{Path, PathBuf};

use klamm_io::disk::Disk;

use crate::error::Result;

/// Name of the file.
pub const CLEAN_SHUTDOWN_FILE: &str = ".kafka_cleanshutdown";
const FILE_BYTES_MAX: u64 = 4096;

/// What the file said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanShutdown {
    /// Broker epoch at the shutdown; older versions wrote none.
    pub broker_epoch: Option<i64>,
}

fn path(dir: &Path) -> PathBuf {
    dir.join(CLEAN_SHUTDOWN_FILE)
}

/// Reads the file. `None` if there is none.
pub fn read(disk: &Disk, dir: &Path) -> Result<Option<CleanShutdown>> {
    match disk.read_file(&path(dir), FILE_BYTES_MAX) {
        Ok(content) => {
            let content: serde_json::Value = serde_json::from_slice(&content).unwrap_or_default();
            let broker_epoch = content.get("brokerEpoch").and_then(serde_json::Value::as_i64);
            Ok(Some(CleanShutdown { broker_epoch }))
        }
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Writes the file, synced. The last thing of a shutdown.
pub fn write(disk: &Disk, dir: &Path, broker_epoch: i64) -> Result<()> {
    let content = format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}");
    Ok(disk.replace_file(&path(dir), content.as_bytes())?)
}

/// Removes the file, lastingly.
pub fn remove(disk: &Disk, dir: &Path) -> Result<()> {
    if disk.remove_file(&path(dir))? {
        disk.sync_dir(dir)?;
    }
    Ok(())
}
