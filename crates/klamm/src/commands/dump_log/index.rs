//! Offset and time indexes, compared with the segment that they belong to.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::segment::Batches;
use super::{Findings, Options, base_offset};

/// Largest index that is read.
const INDEX_BYTES_MAX: u64 = 2 << 30;

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    Ok(klamm_io::disk::Disk::real().read_file(file, INDEX_BYTES_MAX)?)
}

/// Entries of an offset index: offset and position. A file that was not closed has zeros at its end.
fn offset_entries(bytes: &[u8], base: i64) -> Vec<(i64, u64)> {
    let entry = |entry: &[u8]| {
        let relative = i32::from_be_bytes([entry[0], entry[1], entry[2], entry[3]]);
        let position = i32::from_be_bytes([entry[4], entry[5], entry[6], entry[7]]);
        (base + i64::from(relative), u64::try_from(position).unwrap_or(0))
    };
    bytes.chunks_exact(8).map(entry).collect()
}

/// Entries of a time index: timestamp and offset.
fn time_entries(bytes: &[u8], base: i64) -> Vec<(i64, i64)> {
    let entry = |entry: &[u8]| {
        let mut timestamp = [0; 8];
        timestamp.copy_from_slice(&entry[..8]);
        let relative = i32::from_be_bytes([entry[8], entry[9], entry[10], entry[11]]);
        (i64::from_be_bytes(timestamp), base + i64::from(relative))
    };
    bytes.chunks_exact(12).map(entry).collect()
}

pub(super) fn dump_offsets(file: &Path, options: &Options, findings: &mut Findings) -> anyhow::Result<()> {
    let base = base_offset(file)?;
    let bytes = read(file)?;
    let entries = offset_entries(&bytes, base);
    if entries.is_empty() {
        println!("{} is empty.", file.display());
        return Ok(());
    }
    if options.index_sanity_check {
        let last = entries.last().map_or(base, |(offset, _)| *offset);
        if last < base {
            bail!(
                "Corrupt index found, index file {} has non-zero size but the last offset is {last} which is less than the base offset {base}",
                file.display()
            );
        }
        if bytes.len() % 8 != 0 {
            bail!(
                "Index file {} is corrupt, found {} bytes which is no multiple of 8",
                file.display(),
                bytes.len()
            );
        }
        println!("{} passed sanity check.", file.display());
        return Ok(());
    }
    let log = file.with_extension("log");
    for (number, (offset, position)) in entries.into_iter().enumerate() {
        if offset == base && number > 0 {
            return Ok(());
        }
        let size = u64::try_from(options.max_message_size).unwrap_or(u64::MAX);
        let batch = Batches::open(&log, position, size)?.next()?;
        let batch =
            batch.with_context(|| format!("{} has no batch at position {position}", log.display()))?;
        if batch.last_offset() != offset {
            let line = format!("  Index offset: {offset}, log offset: {}", batch.last_offset());
            findings.add("Mismatches in :", file, line);
        }
        if !options.verify_index_only {
            println!("offset: {offset} position: {position}");
        }
    }
    Ok(())
}

pub(super) fn dump_times(file: &Path, options: &Options, findings: &mut Findings) -> anyhow::Result<()> {
    let base = base_offset(file)?;
    let bytes = read(file)?;
    let entries = time_entries(&bytes, base);
    if options.index_sanity_check {
        let first = entries.first().map_or(0, |(timestamp, _)| *timestamp);
        if let Some((timestamp, offset)) = entries.last()
            && (*timestamp < first || *offset < base || bytes.len() % 12 != 0)
        {
            bail!(
                "Corrupt time index found, time index file ({}) has non-zero size but the last timestamp is {timestamp} which is less than the first timestamp {first}",
                file.display()
            );
        }
        println!("{} passed sanity check.", file.display());
        return Ok(());
    }
    let offsets = offset_entries(&read(&file.with_extension("index"))?, base);
    let log = file.with_extension("log");
    let mut before = -1;
    for (number, (timestamp, offset)) in entries.into_iter().enumerate() {
        if offset == base && number > 0 {
            return Ok(());
        }
        check_time(file, &log, &offsets, (timestamp, offset, before), findings)?;
        if !options.verify_index_only {
            println!("timestamp: {timestamp} offset: {offset}");
        }
        before = timestamp;
    }
    Ok(())
}

/// Looks for the batch that ends with the indexed offset, and compares its largest timestamp.
fn check_time(
    file: &Path,
    log: &Path,
    offsets: &[(i64, u64)],
    (timestamp, offset, before): (i64, i64, i64),
    findings: &mut Findings,
) -> anyhow::Result<()> {
    const MISSING: &str = "The following indexed offsets are not found in :";
    // Zeros at the end of an index that was not closed are no entries.
    let used = offsets.iter().enumerate().take_while(|(number, (_, position))| *number == 0 || *position > 0);
    let start = used.filter(|(_, (at, _))| *at <= offset).last().map_or(0, |(_, (_, position))| *position);
    let mut batches = Batches::open(log, start, u64::MAX)?;
    let found = loop {
        match batches.next()? {
            Some(batch) if batch.last_offset() < offset => {}
            found => break found,
        }
    };
    let Some(batch) = found else {
        findings.add(MISSING, file, format!("Indexed offset: {offset}, found log offset: -1"));
        return Ok(());
    };
    if batch.last_offset() != offset {
        let line = format!("Indexed offset: {offset}, found log offset: {}", batch.last_offset());
        findings.add(MISSING, file, line);
        return Ok(());
    }
    let mut largest = -1;
    for record in batch.records()? {
        largest = record?.timestamp.max(largest);
    }
    if largest != timestamp {
        let line = format!("  Index timestamp: {timestamp}, log timestamp: {largest}");
        findings.add("Found timestamp mismatch in :", file, line);
    }
    if before >= timestamp {
        let line = format!("  Index timestamp: {timestamp}, Previously indexed timestamp: {before}");
        findings.add("Found out of order timestamp in :", file, line);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read() {
        let bytes = [0, 0, 0, 5, 0, 0, 1, 0, 9];
        assert_eq!(offset_entries(&bytes, 100), [(105, 256)]);
        let bytes = [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 2];
        assert_eq!(time_entries(&bytes, 100), [(7, 102)]);
    }
}
