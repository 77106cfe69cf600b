//! Segments and metadata snapshots: batches, and the records in them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use klamm_io::disk::{Disk, File, OpenMode};
use klamm_protocol::records::{Record, RecordBatch};

use super::decoder::{Decoder, control_text};
use super::{Findings, Options, base_offset};

/// What stands before a record.
const INDENT: &str = "|";

/// The batches of a file, one after the other, without reading more than one into memory.
pub(crate) struct Batches {
    file: File,
    end: u64,
    position: u64,
}

impl Batches {
    /// Reads from `start`, at most to `bytes_max` bytes behind it.
    pub(crate) fn open(path: &Path, start: u64, bytes_max: u64) -> anyhow::Result<Self> {
        let file = Disk::real().open(path, OpenMode::Read)?;
        let end = file.len()?.min(start.saturating_add(bytes_max));
        Ok(Self { file, end, position: start })
    }

    /// Where the next batch begins.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Bytes that are no whole batch.
    fn trailing(&self) -> u64 {
        self.end.saturating_sub(self.position)
    }

    /// The next batch; none if what is left is too short for one.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<RecordBatch>> {
        // Base offset and length, then the magic in the seventeenth byte of every format.
        let mut head = [0; 17];
        if self.trailing() < head.len() as u64 {
            return Ok(None);
        }
        self.file.read_exact_at(&mut head, self.position)?;
        let length = i32::from_be_bytes([head[8], head[9], head[10], head[11]]);
        let Some(size) = u64::try_from(length).ok().filter(|length| *length >= 14).map(|length| length + 12)
        else {
            bail!(
                "Found record size {length} smaller than minimum record overhead (14) in file {} at position {}",
                self.file.path().display(),
                self.position
            );
        };
        if size > self.trailing() {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(size)?];
        self.file.read_exact_at(&mut bytes, self.position)?;
        let batch = RecordBatch::new(&Bytes::from(bytes))
            .with_context(|| format!("{} at position {}", self.file.path().display(), self.position))?;
        self.position += size;
        Ok(Some(batch))
    }
}

pub(super) fn dump(
    file: &Path,
    options: &Options,
    decoder: &Decoder,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    println!("{}", title(file)?);
    let bytes_max = options.max_bytes.map_or(u64::MAX, u64::from);
    let mut batches = Batches::open(file, 0, bytes_max)?;
    let mut last_offset = -1;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let bar = crate::progress::bytes(batches.end);
    loop {
        let position = batches.position();
        bar.set_position(position);
        let Some(batch) = batches.next()? else { break };
        writeln!(out, "{}", batch_line(&batch, position))?;
        if !options.goes_deep() {
            continue;
        }
        for record in batch.records()? {
            let record = record?;
            if record.offset != last_offset + 1 {
                let line = format!("  {last_offset} is followed by {}", record.offset);
                findings.add("Non-consecutive offsets in ", file, line);
            }
            last_offset = record.offset;
            writeln!(out, "{}", record_line(&batch, &record, options, decoder))?;
        }
    }
    out.flush()?;
    bar.finish_and_clear();
    if batches.trailing() > 0 && options.max_bytes.is_none() {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        println!("Found {} invalid bytes at the end of {name}", batches.trailing());
    }
    Ok(())
}

fn title(file: &Path) -> anyhow::Result<String> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.ends_with(".log") {
        return Ok(format!("Log starting offset: {}", base_offset(file)?));
    }
    if name == "bootstrap.checkpoint" {
        return Ok("KRaft bootstrap snapshot".to_owned());
    }
    let id = name.strip_suffix(".checkpoint").and_then(|stem| stem.split_once('-'));
    let id = id.and_then(|(offset, epoch)| Some((offset.parse::<i64>().ok()?, epoch.parse::<i32>().ok()?)));
    let (offset, epoch) =
        id.with_context(|| format!("{name} is no name of a snapshot (OFFSET-EPOCH.checkpoint)"))?;
    Ok(format!("Snapshot end offset: {offset}, epoch: {epoch}"))
}

fn batch_line(batch: &RecordBatch, position: u64) -> String {
    let mut text = String::new();
    if batch.magic >= 2 {
        let horizon = batch
            .delete_horizon_ms()
            .map_or_else(|| "OptionalLong.empty".to_owned(), |ms| format!("OptionalLong[{ms}]"));
        let _ = write!(
            text,
            "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} isControl: {} deleteHorizonMs: {horizon}",
            batch.base_offset,
            batch.last_offset(),
            batch.records_count,
            batch.base_sequence,
            batch.last_sequence(),
            batch.producer_id,
            batch.producer_epoch,
            batch.partition_leader_epoch,
            batch.is_transactional(),
            batch.is_control()
        );
    } else {
        let _ = write!(text, "offset: {}", batch.last_offset());
    }
    let codec = batch.compression().map_or("unknown", |codec| codec.name());
    let _ = write!(
        text,
        " position: {position} {}: {} size: {} magic: {} compresscodec: {codec} crc: {} isvalid: {}",
        batch.timestamp_type().name(),
        batch.max_timestamp,
        batch.size(),
        batch.magic,
        batch.crc,
        batch.check_crc().is_ok()
    );
    text
}

fn record_line(batch: &RecordBatch, record: &Record, options: &Options, decoder: &Decoder) -> String {
    let mut text = String::new();
    if !options.skip_record_metadata {
        let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(-1, |bytes| bytes.len() as i64);
        let _ = write!(
            text,
            "{INDENT} offset: {} {}: {} keySize: {} valueSize: {}",
            record.offset,
            batch.timestamp_type().name(),
            record.timestamp,
            size(&record.key),
            size(&record.value)
        );
        if batch.magic >= 2 {
            let keys: Vec<String> = record
                .headers
                .iter()
                .map(|header| String::from_utf8_lossy(&header.key).into_owned())
                .collect();
            let _ = write!(text, " sequence: {} headerKeys: [{}]", record.sequence, keys.join(","));
        }
        if batch.is_control() {
            text.push_str(&control_text(record));
        }
    }
    if options.prints_contents() && !batch.is_control() {
        let mut prefix = if options.skip_record_metadata { "| " } else { " " };
        let (key, value) = decoder.decode(record);
        if let Some(key) = key {
            let _ = write!(text, "{prefix}key: {key}");
            prefix = " ";
        }
        if let Some(value) = value {
            let _ = write!(text, "{prefix}payload: {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use klamm_protocol::records::{BatchBuilder, BatchOptions};

    use super::*;

    #[test]
    fn titles_name_what_the_file_is() {
        for (name, expect) in [
            ("00000000000000000123.log", Some("Log starting offset: 123")),
            ("bootstrap.checkpoint", Some("KRaft bootstrap snapshot")),
            ("00000000000000007217-0000000001.checkpoint", Some("Snapshot end offset: 7217, epoch: 1")),
            ("x.checkpoint", None),
        ] {
            assert_eq!(title(Path::new(name)).ok().as_deref(), expect, "{name}");
        }
    }

    #[test]
    fn batches_are_described_as_kafka_does() {
        let mut builder = BatchBuilder::new(BatchOptions { base_offset: 5, ..Default::default() });
        builder.append(100, Some(b"k"), Some(b"v"), &[]).unwrap();
        let batch = RecordBatch::new(&builder.build().unwrap().freeze()).unwrap();
        let line = batch_line(&batch, 0);
        assert!(line.starts_with(
            "baseOffset: 5 lastOffset: 5 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1"
        ));
        assert!(
            line.contains("deleteHorizonMs: OptionalLong.empty position: 0 CreateTime: 100 size: "),
            "{line}"
        );
        assert!(line.ends_with("isvalid: true"));
    }
}
