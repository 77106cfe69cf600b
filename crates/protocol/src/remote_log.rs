//! Records of `__remote_log_metadata`: which segments lie in remote storage (KIP-405).
//!
//! A record's value is record type and version of the record, each an unsigned varint, then the record. Unlike a
//! metadata record it has no frame version in front.

mod records;

pub use records::*;

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::message::{Message, Record};
use crate::wire::{Reader, Writer};

/// Any record of the remote log metadata topic.
#[derive(Debug, Clone, PartialEq)]
pub enum RemoteLogRecord {
    /// A segment is being copied.
    Segment(RemoteLogSegmentMetadataRecord),
    /// A segment changed its state.
    SegmentUpdate(RemoteLogSegmentMetadataUpdateRecord),
    /// A partition is being deleted.
    PartitionDelete(RemotePartitionDeleteMetadataRecord),
    /// A segment as it stands, in a snapshot of the metadata.
    SegmentSnapshot(RemoteLogSegmentMetadataSnapshotRecord),
}

impl RemoteLogRecord {
    /// The number that names the type.
    pub fn record_type(&self) -> i16 {
        match self {
            Self::Segment(_) => RemoteLogSegmentMetadataRecord::KEY,
            Self::SegmentUpdate(_) => RemoteLogSegmentMetadataUpdateRecord::KEY,
            Self::PartitionDelete(_) => RemotePartitionDeleteMetadataRecord::KEY,
            Self::SegmentSnapshot(_) => RemoteLogSegmentMetadataSnapshotRecord::KEY,
        }
    }

    /// Reads a record's value.
    pub fn decode(value: impl Into<Bytes>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(value);
        let reader = &mut reader;
        reader.enter("record_type");
        let record_type = reader.uvarint()?;
        // Beyond 15 bits there is no version, and the message refuses the largest.
        let version = i16::try_from(reader.uvarint()?).unwrap_or(i16::MAX);
        match i16::try_from(record_type) {
            Ok(RemoteLogSegmentMetadataRecord::KEY) => Message::decode(reader, version).map(Self::Segment),
            Ok(RemoteLogSegmentMetadataUpdateRecord::KEY) => {
                Message::decode(reader, version).map(Self::SegmentUpdate)
            }
            Ok(RemotePartitionDeleteMetadataRecord::KEY) => {
                Message::decode(reader, version).map(Self::PartitionDelete)
            }
            Ok(RemoteLogSegmentMetadataSnapshotRecord::KEY) => {
                Message::decode(reader, version).map(Self::SegmentSnapshot)
            }
            _ => Err(reader.error(DecodeErrorKind::UnknownRecordType { id: record_type.cast_signed() })),
        }
    }

    /// The record's value. There is only version 0 of each type.
    pub fn to_bytes(&self) -> Result<Bytes, EncodeError> {
        let mut writer = Writer::new();
        writer.uvarint(u32::from(self.record_type().cast_unsigned()));
        writer.uvarint(0);
        match self {
            Self::Segment(record) => record.encode(&mut writer, 0)?,
            Self::SegmentUpdate(record) => record.encode(&mut writer, 0)?,
            Self::PartitionDelete(record) => record.encode(&mut writer, 0)?,
            Self::SegmentSnapshot(record) => record.encode(&mut writer, 0)?,
        }
        Ok(writer.into_bytes())
    }
}
