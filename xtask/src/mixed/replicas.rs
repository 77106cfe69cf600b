//! The replicas of a partition, compared byte for byte.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::nodes::Nodes;

/// Compares the logs that the stopped brokers hold.
pub(super) fn compare(nodes: &Nodes, topic: &str, partitions: u32) -> Result<()> {
    for index in 0..partitions {
        let logs: Vec<Vec<u8>> = nodes
            .brokers
            .iter()
            .map(|broker| log(&broker.data().join(format!("{topic}-{index}"))))
            .collect::<Result<_>>()?;
        for (log, id) in logs.iter().zip(1..) {
            ensure!(!log.is_empty(), "{topic}-{index} is empty on broker {id}");
            let departs = log.iter().zip(&logs[0]).position(|(a, b)| a != b);
            ensure!(
                departs.is_none() && log.len() == logs[0].len(),
                "{topic}-{index}: broker {id} has {} bytes, broker 1 has {}; they depart at {departs:?}",
                log.len(),
                logs[0].len()
            );
        }
    }
    Ok(())
}

/// All segments of a partition, one after another.
fn log(folder: &Path) -> Result<Vec<u8>> {
    let mut segments: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("{}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    segments.sort();
    let parts: Vec<Vec<u8>> = segments.iter().map(fs::read).collect::<std::io::Result<_>>()?;
    Ok(parts.concat())
}
