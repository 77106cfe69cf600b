//! Reads logs off simulated disks, from outside of the nodes.

use std::{collections::BTreeMap, path::Path};

use bytes::Bytes;
use klamm_io::sim::disk::SimulatedDisk;
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
    let root = Path::new(DATA);
    let mut logs = BTreeMap::new();
    for directory in disk.read_dir(root).unwrap_or_default() {
        if !directory.is_dir || directory.name.contains('.') {
            continue;
        }
        let path = root.join(&directory.name);
        let mut batches = Batches::new();
        'files: for file in disk.read_dir(&path).unwrap_or_default() {
            if !file.name.ends_with(".log") {
                continue;
            }
            let content = disk.read_file(&path.join(&file.name), FILE_BYTES_MAX).unwrap_or_default();
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
        logs.insert(directory.name, batches);
    }
    logs
}
