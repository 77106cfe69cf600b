//! Reads logs off simulated disks, from outside of the nodes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use klamm_io::{disk::Disk, sim::disk::SimulatedDisk};
use klamm_protocol::records::BatchIter;

use crate::cluster::DATA;

/// Larger than any file that a run writes.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// A batch, as far as two replicas' are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Offset of its last record.
    pub last_offset: i64,
    /// Leader epoch.
    pub epoch: i32,
    /// Checksum, which does not cover the epoch.
    pub crc: u32,
    /// Id and epoch of its producer, and its first sequence number.
    pub producer: (i64, i16, i32),
}

/// Batches by the offset of their first record.
pub type Batches = BTreeMap<i64, Batch>;

/// The logs of all partitions of a node, by the name of their directory: the metadata log among them, without those that
/// are being deleted. As the page cache has them, up to the first batch that is damaged.
pub fn logs(disk: &SimulatedDisk) -> BTreeMap<String, Batches> {
    let disk = disk.disk();
    let mut logs: BTreeMap<String, Batches> = BTreeMap::new();
    for (name, path) in partitions(&disk) {
        let mut batches = Batches::new();
        'files: for file in disk.read_dir(&path).unwrap_or_default() {
            if !file.name.ends_with(".log") {
                continue;
            }
            // A disk that fails does so for us too, and then there is no telling of what lies behind.
            let Ok(content) = disk.read_file(&path.join(&file.name), FILE_BYTES_MAX) else { break 'files };
            for batch in BatchIter::new(Bytes::from(content)) {
                // What a loss of power left of the rest is cut off by the node's next start.
                let Some(batch) = batch.ok().filter(|batch| batch.check_crc().is_ok()) else { break 'files };
                let header = batch.header();
                let found = Batch {
                    last_offset: header.last_offset(),
                    epoch: header.partition_leader_epoch,
                    crc: header.crc,
                    producer: (header.producer_id, header.producer_epoch, header.base_sequence),
                };
                batches.insert(header.base_offset, found);
            }
        }
        // One that is about to move is there twice, and the copy may have less.
        match logs.get(&name) {
            Some(other)
                if other.last_key_value().map(|(at, _)| *at)
                    > batches.last_key_value().map(|(at, _)| *at) => {}
            _ => drop(logs.insert(name, batches)),
        }
    }
    logs
}

/// Partitions that are in more than one log directory.
pub fn twice(disk: &SimulatedDisk) -> Vec<String> {
    let mut names: Vec<String> = partitions(&disk.disk()).into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    let pairs = names.windows(2).filter(|pair| pair[0] == pair[1]);
    pairs.map(|pair| pair[0].clone()).collect()
}

/// The directories of all partitions, in all log directories.
fn partitions(disk: &Disk) -> Vec<(String, PathBuf)> {
    let root = Path::new(DATA);
    let of = |dir: PathBuf| {
        let entries = disk.read_dir(&dir).unwrap_or_default().into_iter();
        entries
            .filter(|entry| entry.is_dir && !entry.name.contains('.'))
            .map(move |entry| (dir.join(&entry.name), entry.name))
    };
    let mut found = Vec::new();
    for (path, name) in of(root.to_path_buf()) {
        match name.parse::<u8>() {
            Ok(_) => found.extend(of(path).map(|(path, name)| (name, path))),
            Err(_) => found.push((name, path)),
        }
    }
    found
}
