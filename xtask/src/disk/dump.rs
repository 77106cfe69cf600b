//! Kafka's own `kafka-dump-log` over every file of a data directory.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::shell::output;
use crate::tools;

/// What DumpLogSegments prints when something is wrong with a file.
const FAULTS: &[&str] = &[
    "Mismatches in",
    "Non-consecutive offsets in",
    "Found timestamp mismatch",
    "Found out of order timestamp",
    "is corrupt",
    "isvalid: false",
    "Invalid",
    "Could not",
    "Exception",
    "dump is not possible",
    "Found invalid messages",
];

/// Dumps every segment, index, snapshot and checkpoint that the tool knows; an error names the first fault.
pub(super) fn check(data: &Path) -> Result<()> {
    let mut segments = 0;
    for folder in folders(data)? {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let files = dumpable(&folder)?;
        if files.is_empty() {
            continue;
        }
        segments += files.iter().filter(|file| file.ends_with(".log")).count();
        let list = files.join(",");
        let mut arguments = vec!["--files", &list, "--deep-iteration"];
        match name.rsplit_once('-').map_or("", |(topic, _)| topic) {
            "__consumer_offsets" => arguments.push("--offsets-decoder"),
            "__cluster_metadata" => arguments.push("--cluster-metadata-decoder"),
            "__transaction_state" => arguments.push("--transaction-log-decoder"),
            _ => {}
        }
        let text = output(&mut tools::kafka("org.apache.kafka.tools.DumpLogSegments", &arguments))?;
        ensure!(!text.trim().is_empty(), "kafka-dump-log says nothing about {name}");
        let fault = text.lines().find(|line| FAULTS.iter().any(|fault| line.contains(fault)));
        ensure!(fault.is_none(), "{name}: {}", fault.unwrap_or_default());
    }
    ensure!(segments > 0, "there is no segment in {}", data.display());
    Ok(())
}

fn folders(data: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

fn dumpable(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let known = ["log", "index", "timeindex", "txnindex", "snapshot", "checkpoint"];
        let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        // Empty indexes and transaction indexes have nothing to dump, and the tool stumbles over some of them.
        let empty = fs::metadata(&path)?.len() == 0;
        if known.contains(&extension.as_str()) && !empty {
            files.push(path.to_string_lossy().into_owned());
        }
    }
    files.sort();
    Ok(files)
}
