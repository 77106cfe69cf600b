//! Control records: batches marked as control carry the ends of transactions, and what the metadata
//! quorum says about itself.
//!
//! The key is a version and a type, two bytes each. Ends of transactions have the version of their value
//! in front of it; the records of the quorum have it as a field.

use bytes::Bytes;

use crate::Message;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::wire::{RawTaggedField, Reader, StrBytes, Uuid, Writer};

/// Key of a control record, after its version.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0, flexible = none)]
pub struct ControlRecordTypeSchema {
    /// Type of the control record.
    pub r#type: i16,
}

/// Value of the control record that ends a transaction.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0, flexible = none)]
pub struct EndTxnMarker {
    /// Epoch of the transaction coordinator that acts.
    pub coordinator_epoch: i32,
}

/// What a new leader of the quorum writes first.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0..=1, flexible = 0..)]
pub struct LeaderChangeMessage {
    /// Version of this message.
    pub version: i16,
    /// Node id of the leader, -1 for none.
    pub leader_id: i32,
    /// The voters.
    pub voters: Vec<LeaderChangeMessageVoter>,
    /// Voters that voted for the leader.
    pub granting_voters: Vec<LeaderChangeMessageVoter>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`LeaderChangeMessage::voters`] and [`LeaderChangeMessage::granting_voters`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct LeaderChangeMessageVoter {
    /// Node id of the voter.
    pub voter_id: i32,
    /// Directory id of the voter.
    #[field(since = 1)]
    pub voter_directory_id: Uuid,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// First record of a snapshot.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0, flexible = 0..)]
pub struct SnapshotHeaderRecord {
    /// Version of this message.
    pub version: i16,
    /// Append time of the last record the snapshot stands for, in ms since 1970.
    pub last_contained_log_timestamp: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// Last record of a snapshot.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0, flexible = 0..)]
pub struct SnapshotFooterRecord {
    /// Version of this message.
    pub version: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The version of the quorum's protocol from here on (KIP-853).
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0, flexible = 0..)]
pub struct KRaftVersionRecord {
    /// Version of this message.
    pub version: i16,
    /// Version of the quorum's protocol (`kraft.version`).
    #[field(name = "KRaftVersion")]
    pub kraft_version: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The voters from here on (KIP-853).
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0, flexible = 0..)]
pub struct VotersRecord {
    /// Version of this message.
    pub version: i16,
    /// The voters.
    pub voters: Vec<VotersRecordVoter>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`VotersRecord::voters`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct VotersRecordVoter {
    /// Node id of the voter.
    pub voter_id: i32,
    /// Directory id of the voter.
    pub voter_directory_id: Uuid,
    /// Endpoints, by listener.
    pub endpoints: Vec<Endpoint>,
    /// Versions of the quorum's protocol that the replica supports.
    #[field(name = "KRaftVersionFeature")]
    pub kraft_version_feature: KRaftVersionFeature,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`VotersRecordVoter::endpoints`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Endpoint {
    /// Name of the listener.
    pub name: StrBytes,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`VotersRecordVoter::kraft_version_feature`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct KRaftVersionFeature {
    /// Lowest supported version.
    pub min_supported_version: i16,
    /// Highest supported version.
    pub max_supported_version: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// Type of a control record, the second half of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum ControlRecordType {
    /// End of an aborted transaction.
    Abort = 0,
    /// End of a committed transaction.
    Commit = 1,
    /// First record of a new leader of the metadata quorum.
    LeaderChange = 2,
    /// First record of a snapshot.
    SnapshotHeader = 3,
    /// Last record of a snapshot.
    SnapshotFooter = 4,
    /// Version of the quorum's protocol (KIP-853).
    KRaftVersion = 5,
    /// The voters of the quorum (KIP-853).
    KRaftVoters = 6,
}

impl ControlRecordType {
    const ALL: [Self; 7] = [
        Self::Abort,
        Self::Commit,
        Self::LeaderChange,
        Self::SnapshotHeader,
        Self::SnapshotFooter,
        Self::KRaftVersion,
        Self::KRaftVoters,
    ];

    /// The key of a control record of this type: version 0 and the type.
    pub fn key(self) -> Bytes {
        let mut writer = Writer::new();
        writer.i16(0);
        writer.i16(self as i16);
        writer.into_bytes()
    }

    /// Reads a control record's key. `None` for a type we do not know, which readers skip. Keys of later versions only
    /// have more behind the type.
    pub fn from_key(key: impl Into<Bytes>) -> Result<Option<Self>, DecodeError> {
        let mut reader = Reader::new(key);
        reader.enter("version");
        let version = reader.i16()?;
        if version < 0 {
            let message = ControlRecordTypeSchema::NAME;
            return Err(reader.error(DecodeErrorKind::UnsupportedVersion { message, version }));
        }
        reader.enter("type");
        let number = reader.i16()?;
        Ok(Self::ALL.into_iter().find(|known| *known as i16 == number))
    }
}

/// A control record that is understood.
#[derive(Debug, Clone, PartialEq)]
pub enum ControlRecord {
    /// End of an aborted transaction.
    Abort(EndTxnMarker),
    /// End of a committed transaction.
    Commit(EndTxnMarker),
    /// First record of a new leader of the metadata quorum.
    LeaderChange(LeaderChangeMessage),
    /// First record of a snapshot.
    SnapshotHeader(SnapshotHeaderRecord),
    /// Last record of a snapshot.
    SnapshotFooter(SnapshotFooterRecord),
    /// Version of the quorum's protocol.
    KRaftVersion(KRaftVersionRecord),
    /// The voters of the quorum.
    KRaftVoters(VotersRecord),
}

impl ControlRecord {
    /// Its type.
    pub fn record_type(&self) -> ControlRecordType {
        match self {
            Self::Abort(_) => ControlRecordType::Abort,
            Self::Commit(_) => ControlRecordType::Commit,
            Self::LeaderChange(_) => ControlRecordType::LeaderChange,
            Self::SnapshotHeader(_) => ControlRecordType::SnapshotHeader,
            Self::SnapshotFooter(_) => ControlRecordType::SnapshotFooter,
            Self::KRaftVersion(_) => ControlRecordType::KRaftVersion,
            Self::KRaftVoters(_) => ControlRecordType::KRaftVoters,
        }
    }

    /// Reads a control record. `None` for a type we do not know.
    ///
    /// The value of a transaction's end has its version in front. The quorum's records begin with a field for it
    /// instead, which is part of the message; Kafka 4.3 reads all of them as version 0, whatever it says.
    pub fn decode(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<Option<Self>, DecodeError> {
        let Some(record_type) = ControlRecordType::from_key(key)? else { return Ok(None) };
        let mut reader = Reader::new(value);
        let reader = &mut reader;
        let record = match record_type {
            ControlRecordType::Abort => Self::Abort(end_txn_marker(reader)?),
            ControlRecordType::Commit => Self::Commit(end_txn_marker(reader)?),
            ControlRecordType::LeaderChange => Self::LeaderChange(Message::decode(reader, 0)?),
            ControlRecordType::SnapshotHeader => Self::SnapshotHeader(Message::decode(reader, 0)?),
            ControlRecordType::SnapshotFooter => Self::SnapshotFooter(Message::decode(reader, 0)?),
            ControlRecordType::KRaftVersion => Self::KRaftVersion(Message::decode(reader, 0)?),
            ControlRecordType::KRaftVoters => Self::KRaftVoters(Message::decode(reader, 0)?),
        };
        Ok(Some(record))
    }

    /// The record's key.
    pub fn key(&self) -> Bytes {
        self.record_type().key()
    }

    /// The record's value, in the version that Kafka 4.3 writes.
    pub fn value(&self) -> Result<Bytes, EncodeError> {
        let mut writer = Writer::new();
        match self {
            Self::Abort(marker) | Self::Commit(marker) => {
                writer.i16(0);
                marker.encode(&mut writer, 0)?;
            }
            Self::LeaderChange(record) => record.encode(&mut writer, 0)?,
            Self::SnapshotHeader(record) => record.encode(&mut writer, 0)?,
            Self::SnapshotFooter(record) => record.encode(&mut writer, 0)?,
            Self::KRaftVersion(record) => record.encode(&mut writer, 0)?,
            Self::KRaftVoters(record) => record.encode(&mut writer, 0)?,
        }
        Ok(writer.into_bytes())
    }
}

/// Reads the end of a transaction. Later versions only add to what version 0 has.
fn end_txn_marker(reader: &mut Reader) -> Result<EndTxnMarker, DecodeError> {
    reader.enter("version");
    let version = reader.i16()?;
    if version < 0 {
        let message = EndTxnMarker::NAME;
        return Err(reader.error(DecodeErrorKind::UnsupportedVersion { message, version }));
    }
    EndTxnMarker::decode(reader, 0)
}

#[cfg(test)]
mod tests;
