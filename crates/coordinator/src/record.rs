//! The records of `__consumer_offsets`, in Kafka's formats.
//!
//! A key is its type (int16) and the key's fields; a value is its version (int16) and the value's fields; a missing
//! value deletes the key. Keys have one version; values are written in the version that Kafka 4.3 writes and read in
//! every version.

use bytes::Bytes;
use klamm_protocol::coordinator::group::{
    GroupMetadataKey, GroupMetadataValue, LegacyOffsetCommitKey, OffsetCommitKey, OffsetCommitValue,
};
use klamm_protocol::{DecodeError, EncodeError, Message, Reader, StrBytes, Writer};

/// The type prefix of a key.
mod key_type {
    pub(super) const LEGACY_OFFSET_COMMIT: i16 = 0;
    pub(super) const OFFSET_COMMIT: i16 = 1;
    pub(super) const GROUP_METADATA: i16 = 2;
}

/// What Kafka 4.3 writes; version 4 (flexible) is read only.
const GROUP_METADATA_VERSION: i16 = 3;
const OFFSET_COMMIT_VERSION: i16 = 4;
/// The only version that has an expiry time, which commits up to v4 of the API could ask for.
const OFFSET_COMMIT_VERSION_WITH_EXPIRY: i16 = 1;

/// One record of `__consumer_offsets`; a value of `None` is a tombstone.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupRecord {
    /// A classic group's generation.
    GroupMetadata {
        /// The group.
        group: StrBytes,
        /// `None`: the group is gone.
        value: Option<Box<GroupMetadataValue>>,
    },
    /// A committed offset.
    OffsetCommit {
        /// The group.
        group: StrBytes,
        /// The topic's name.
        topic: StrBytes,
        /// The partition.
        partition: i32,
        /// `None`: the offset is gone.
        value: Option<Box<OffsetCommitValue>>,
    },
}

impl GroupRecord {
    pub(crate) fn group_metadata(group: StrBytes, value: GroupMetadataValue) -> Self {
        Self::GroupMetadata { group, value: Some(Box::new(value)) }
    }

    pub(crate) const fn group_tombstone(group: StrBytes) -> Self {
        Self::GroupMetadata { group, value: None }
    }

    pub(crate) const fn offset_tombstone(group: StrBytes, topic: StrBytes, partition: i32) -> Self {
        Self::OffsetCommit { group, topic, partition, value: None }
    }

    /// Reads a record. `None`: its key is of a type that this version does not know, as a newer broker may have
    /// left after a downgrade; such records are skipped.
    ///
    /// # Errors
    /// If the key or value is cut short, malformed, or the value of an unknown version.
    pub fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Self>, DecodeError> {
        let mut key = Reader::new(key.clone());
        let record = match key.i16()? {
            key_type::OFFSET_COMMIT => {
                let OffsetCommitKey { group, topic, partition } = Message::decode(&mut key, 0)?;
                Self::OffsetCommit { group, topic, partition, value: decode_value(value)? }
            }
            key_type::LEGACY_OFFSET_COMMIT => {
                let LegacyOffsetCommitKey { group, topic, partition } = Message::decode(&mut key, 0)?;
                Self::OffsetCommit { group, topic, partition, value: decode_value(value)? }
            }
            key_type::GROUP_METADATA => {
                let GroupMetadataKey { group } = Message::decode(&mut key, 0)?;
                Self::GroupMetadata { group, value: decode_value(value)? }
            }
            _ => return Ok(None),
        };
        Ok(Some(record))
    }

    /// Writes the record's key and value.
    ///
    /// # Errors
    /// If a string is longer than the format allows.
    pub fn encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        match self {
            Self::GroupMetadata { group, value } => {
                let key = GroupMetadataKey { group: group.clone() };
                let value = value
                    .as_deref()
                    .map(|value| encode(GROUP_METADATA_VERSION, value, GROUP_METADATA_VERSION));
                Ok((encode(key_type::GROUP_METADATA, &key, 0)?, value.transpose()?))
            }
            Self::OffsetCommit { group, topic, partition, value } => {
                let key =
                    OffsetCommitKey { group: group.clone(), topic: topic.clone(), partition: *partition };
                let value = value.as_deref().map(|value| {
                    let expires = value.expire_timestamp != -1;
                    let version =
                        if expires { OFFSET_COMMIT_VERSION_WITH_EXPIRY } else { OFFSET_COMMIT_VERSION };
                    encode(version, value, version)
                });
                Ok((encode(key_type::OFFSET_COMMIT, &key, 0)?, value.transpose()?))
            }
        }
    }
}

fn decode_value<M: Message>(value: Option<&Bytes>) -> Result<Option<Box<M>>, DecodeError> {
    let Some(value) = value else { return Ok(None) };
    // What is decoded refers to its buffer, which must not be the whole batch that the value was read from.
    let mut reader = Reader::new(Bytes::copy_from_slice(value));
    let version = reader.i16()?;
    Ok(Some(Box::new(M::decode(&mut reader, version)?)))
}

fn encode<M: Message>(prefix: i16, message: &M, version: i16) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    writer.i16(prefix);
    message.encode(&mut writer, version)?;
    Ok(writer.into_bytes())
}
