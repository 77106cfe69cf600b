//! Snapshot files: `<end offset, 20 digits>-<epoch, 10 digits>.checkpoint` (KIP-630).
//!
//! A file is record batches as in the log: a control batch with the header (from `kraft.version` 1 on also the version
//! and the voters), data batches with the records of the image, a control batch with the footer. Offsets count from 0
//! within the file; the epoch is the snapshot's.

use crate::features::MetadataVersion;
use crate::image::{MetadataImage, record_version};
use bytes::{Bytes, BytesMut};
use klamm_protocol::control::{KRaftVersionRecord, SnapshotFooterRecord, SnapshotHeaderRecord, VotersRecord};
use klamm_protocol::metadata::MetadataRecord;
use klamm_protocol::records::{BatchBuilder, BatchError, BatchIter, BatchOptions, BuildError};
use klamm_protocol::{DecodeError, EncodeError, Message, Reader, Writer};

const SNAPSHOT_HEADER: i16 = 3;
const SNAPSHOT_FOOTER: i16 = 4;
const KRAFT_VERSION: i16 = 5;
const KRAFT_VOTERS: i16 = 6;

/// At most so many bytes of records in a batch. Kafka: 8 MiB.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A snapshot that cannot be read or written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CheckpointError {
    /// A batch is damaged.
    #[error("a batch is damaged: {0}")]
    Batch(#[from] BatchError),
    /// A record is damaged, or of a type or version that is not known.
    #[error("a record cannot be read: {0}")]
    Record(#[from] DecodeError),
    /// A record cannot be written.
    #[error("a record cannot be written: {0}")]
    Encode(#[from] EncodeError),
    /// A batch cannot be written.
    #[error("a batch cannot be written: {0}")]
    Build(#[from] BuildError),
    /// The file ends before its footer.
    #[error("there is no footer: the file is not whole")]
    NoFooter,
}

/// What stands before the records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    /// Append time of the last record that the snapshot covers, in milliseconds since 1970.
    pub last_contained_timestamp_ms: i64,
    /// The `kraft.version`.
    pub kraft_version: i16,
    /// The voters; only with a `kraft.version` of 1 or more.
    pub voters: Option<VotersRecord>,
}

/// A snapshot's content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// What stands before the records.
    pub header: Header,
    /// The records, in order.
    pub records: Vec<MetadataRecord>,
}

/// Name of the file.
pub fn file_name(end_offset: i64, epoch: i32) -> String {
    format!("{end_offset:020}-{epoch:010}.checkpoint")
}

/// End offset and epoch out of a file's name; `None` for any other file.
pub fn parse_file_name(name: &str) -> Option<(i64, i32)> {
    let (offset, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
    if offset.len() != 20 || epoch.len() != 10 {
        return None;
    }
    Some((offset.parse().ok()?, epoch.parse().ok()?))
}

/// The file's content for an image. `now_ms` becomes the batches' timestamp.
///
/// # Errors
/// If a record cannot be encoded, which would be a defect.
pub fn encode_image(
    image: &MetadataImage,
    epoch: i32,
    header: &Header,
    now_ms: i64,
) -> Result<Bytes, CheckpointError> {
    let version = image.features.metadata_version_or_minimum();
    encode(image.snapshot(), version, epoch, header, now_ms)
}

/// The file's content for records.
///
/// # Errors
/// If a record cannot be encoded in the version that `version` asks for.
pub fn encode(
    records: impl Iterator<Item = MetadataRecord>,
    version: MetadataVersion,
    epoch: i32,
    header: &Header,
    now_ms: i64,
) -> Result<Bytes, CheckpointError> {
    let mut encoder = Encoder { out: BytesMut::new(), next_offset: 0, epoch, now_ms };
    encoder.header(header)?;
    let mut batch = Vec::new();
    let mut size = 0;
    for record in records {
        let value = record.to_bytes(record_version(version, &record))?;
        // Lengths and deltas of a record take some bytes more.
        if size + value.len() + 32 > BATCH_BYTES_MAX {
            encoder.data(&batch, size)?;
            batch.clear();
            size = 0;
        }
        size += value.len() + 32;
        batch.push(value);
    }
    encoder.data(&batch, size)?;
    encoder.control(&[(SNAPSHOT_FOOTER, control_value(&SnapshotFooterRecord::default())?)])?;
    Ok(encoder.out.freeze())
}

struct Encoder {
    out: BytesMut,
    next_offset: i64,
    epoch: i32,
    now_ms: i64,
}

impl Encoder {
    fn options(&self, control: bool) -> BatchOptions {
        BatchOptions {
            base_offset: self.next_offset,
            partition_leader_epoch: self.epoch,
            control,
            ..BatchOptions::default()
        }
    }

    fn header(&mut self, header: &Header) -> Result<(), CheckpointError> {
        let first = SnapshotHeaderRecord {
            version: 0,
            last_contained_log_timestamp: header.last_contained_timestamp_ms,
            ..Default::default()
        };
        let mut records = vec![(SNAPSHOT_HEADER, control_value(&first)?)];
        if header.kraft_version >= 1 {
            let version =
                KRaftVersionRecord { version: 0, kraft_version: header.kraft_version, ..Default::default() };
            records.push((KRAFT_VERSION, control_value(&version)?));
            if let Some(voters) = &header.voters {
                records.push((KRAFT_VOTERS, control_value(voters)?));
            }
        }
        self.control(&records)
    }

    fn control(&mut self, records: &[(i16, Bytes)]) -> Result<(), CheckpointError> {
        let mut builder = BatchBuilder::new(self.options(true));
        for (record_type, value) in records {
            // The key: its version 0, then the type.
            let mut key = [0; 4];
            key[2..].copy_from_slice(&record_type.to_be_bytes());
            builder.append(self.now_ms, Some(&key), Some(value), &[])?;
        }
        self.finish(builder)
    }

    fn data(&mut self, values: &[Bytes], size: usize) -> Result<(), CheckpointError> {
        if values.is_empty() {
            return Ok(());
        }
        let mut builder = BatchBuilder::with_capacity(self.options(false), size);
        for value in values {
            builder.append(self.now_ms, None, Some(value), &[])?;
        }
        self.finish(builder)
    }

    fn finish(&mut self, builder: BatchBuilder) -> Result<(), CheckpointError> {
        self.next_offset = builder.next_offset();
        self.out.extend_from_slice(&builder.build()?);
        Ok(())
    }
}

fn control_value(message: &impl Message) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    message.encode(&mut writer, 0)?;
    Ok(writer.into_bytes())
}

/// The time in the header of a file that begins with `start`; `None` if there is none.
pub fn last_contained_timestamp_ms(start: Bytes) -> Option<i64> {
    let header = BatchIter::new(start).next()?.ok()?;
    let record = header.records().ok()?.next()?.ok()?;
    let record_type = record.key?.get(2..4).map(|id| i16::from_be_bytes([id[0], id[1]]));
    let value = record.value.filter(|_| record_type == Some(SNAPSHOT_HEADER))?;
    let header = SnapshotHeaderRecord::decode(&mut Reader::new(value), 0).ok()?;
    Some(header.last_contained_log_timestamp)
}

/// Reads a file's content.
///
/// # Errors
/// If a batch or record is damaged, or the footer is missing.
pub fn decode(content: Bytes) -> Result<Checkpoint, CheckpointError> {
    let mut checkpoint = Checkpoint::default();
    let mut footer = false;
    for batch in BatchIter::new(content) {
        let batch = batch?;
        batch.check_crc()?;
        for record in batch.records()? {
            let record = record?;
            let value = record.value.unwrap_or_default();
            if !batch.header().is_control() {
                checkpoint.records.push(MetadataRecord::decode(value)?.0);
                continue;
            }
            let key = record.key.unwrap_or_default();
            let record_type = key.get(2..4).map(|id| i16::from_be_bytes([id[0], id[1]]));
            let mut reader = Reader::new(value);
            match record_type {
                Some(SNAPSHOT_HEADER) => {
                    let header = SnapshotHeaderRecord::decode(&mut reader, 0)?;
                    checkpoint.header.last_contained_timestamp_ms = header.last_contained_log_timestamp;
                }
                Some(KRAFT_VERSION) => {
                    checkpoint.header.kraft_version =
                        KRaftVersionRecord::decode(&mut reader, 0)?.kraft_version;
                }
                Some(KRAFT_VOTERS) => {
                    checkpoint.header.voters = Some(VotersRecord::decode(&mut reader, 0)?);
                }
                Some(SNAPSHOT_FOOTER) => footer = true,
                _ => {}
            }
        }
    }
    if footer { Ok(checkpoint) } else { Err(CheckpointError::NoFooter) }
}
