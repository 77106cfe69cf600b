//! Producer snapshots and transaction indexes.

use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use klamm_io::disk::Disk;
use klamm_protocol::{
    Message as _, Reader, producer_snapshot::ProducerSnapshot, records::decrement_sequence,
};

/// Largest file of this kind that is read.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Version of the format, and the CRC behind it.
const VERSION_BYTES: usize = 2;
const CRC_BYTES: usize = 4;

pub(super) fn dump_producers(file: &Path) -> anyhow::Result<()> {
    let bytes = Disk::real().read_file(file, FILE_BYTES_MAX)?;
    match producers(&bytes) {
        Ok(lines) => {
            for line in lines {
                println!("{line}");
            }
        }
        // Kafka's tool says it and goes on.
        Err(error) => eprintln!("{}: {error:#}", file.display()),
    }
    Ok(())
}

fn producers(bytes: &[u8]) -> anyhow::Result<Vec<String>> {
    let mut reader = Reader::new(Bytes::copy_from_slice(bytes));
    let version = reader.i16()?;
    let snapshot = ProducerSnapshot::decode(&mut reader, version)
        .with_context(|| format!("snapshot version {version}"))?;
    let computed = crc32c_of(bytes.get(VERSION_BYTES + CRC_BYTES..).unwrap_or_default());
    if snapshot.crc != computed {
        anyhow::bail!(
            "the snapshot is corrupt (CRC is no longer valid). Stored crc: {}. Computed crc: {computed}",
            snapshot.crc
        );
    }
    Ok(snapshot
        .producer_entries
        .iter()
        .map(|entry| {
            let open = match entry.current_txn_first_offset {
                -1 => "OptionalLong.empty".to_owned(),
                offset => format!("OptionalLong[{offset}]"),
            };
            let mut line = format!(
                "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {open} lastTimestamp: {}",
                entry.producer_id, entry.epoch, entry.coordinator_epoch, entry.timestamp
            );
            if entry.last_offset >= 0 {
                line.push_str(&format!(
                    " firstSequence: {} lastSequence: {} lastOffset: {} offsetDelta: {} timestamp: {}",
                    decrement_sequence(entry.last_sequence, entry.offset_delta),
                    entry.last_sequence,
                    entry.last_offset,
                    entry.offset_delta,
                    entry.timestamp
                ));
            }
            line
        })
        .collect())
}

/// CRC-32C (Castagnoli), bit by bit: snapshots are small.
fn crc32c_of(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

pub(super) fn dump_transactions(file: &Path) -> anyhow::Result<()> {
    let bytes = Disk::real().read_file(file, FILE_BYTES_MAX)?;
    let mut reader = Reader::new(Bytes::from(bytes));
    while reader.remaining() > 0 {
        let version = reader.i16()?;
        if version != 0 {
            anyhow::bail!("{}: unknown version {version} of an entry", file.display());
        }
        let (producer, first, last, stable) = (reader.i64()?, reader.i64()?, reader.i64()?, reader.i64()?);
        println!(
            "version: {version} producerId: {producer} firstOffset: {first} lastOffset: {last} lastStableOffset: {stable}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use klamm_protocol::producer_snapshot::ProducerEntry;

    use super::*;

    #[test]
    fn producers_are_described_as_kafka_does() {
        assert_eq!(crc32c_of(b"123456789"), 0xe306_9283);
        let entry = ProducerEntry {
            producer_id: 4,
            epoch: 1,
            last_sequence: 9,
            last_offset: 20,
            offset_delta: 2,
            timestamp: 77,
            coordinator_epoch: -1,
            current_txn_first_offset: -1,
        };
        let mut snapshot = ProducerSnapshot { crc: 0, producer_entries: vec![entry] };
        let body = snapshot.to_bytes(1).unwrap();
        snapshot.crc = crc32c_of(&body[4..]);
        let mut file = vec![0, 1];
        file.extend_from_slice(&snapshot.to_bytes(1).unwrap());
        assert_eq!(
            producers(&file).unwrap(),
            [
                "producerId: 4 producerEpoch: 1 coordinatorEpoch: -1 currentTxnFirstOffset: OptionalLong.empty lastTimestamp: 77 firstSequence: 7 lastSequence: 9 lastOffset: 20 offsetDelta: 2 timestamp: 77"
            ]
        );
        file[10] ^= 1;
        assert!(producers(&file).unwrap_err().to_string().contains("CRC is no longer valid"));
    }
}
