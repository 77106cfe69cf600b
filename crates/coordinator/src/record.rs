//! The records of `__consumer_offsets`, in Kafka's formats.
//!
//! A key is its type (int16) and the key's fields; a value is its version (int16) and the value's fields; a missing
//! value deletes the key. Keys have one version; values are written in the version that Kafka 4.3 writes and read in
//! every version.

mod share;
mod streams;

pub use share::ShareRecord;
pub use streams::StreamsRecord;

use bytes::Bytes;
use klamm_protocol::coordinator::group::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataKey, ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue, GroupMetadataKey, GroupMetadataValue, LegacyOffsetCommitKey,
    OffsetCommitKey, OffsetCommitValue,
};
use klamm_protocol::{DecodeError, EncodeError, Message, Reader, StrBytes, Writer};

/// The type prefix of a key.
mod key_type {
    pub(super) const LEGACY_OFFSET_COMMIT: i16 = 0;
    pub(super) const OFFSET_COMMIT: i16 = 1;
    pub(super) const GROUP_METADATA: i16 = 2;
    pub(super) const CONSUMER_METADATA: i16 = 3;
    pub(super) const CONSUMER_PARTITION_METADATA: i16 = 4;
    pub(super) const CONSUMER_MEMBER: i16 = 5;
    pub(super) const CONSUMER_TARGET_METADATA: i16 = 6;
    pub(super) const CONSUMER_TARGET_MEMBER: i16 = 7;
    pub(super) const CONSUMER_CURRENT_MEMBER: i16 = 8;
    pub(super) const SHARE_MEMBER: i16 = 10;
    pub(super) const SHARE_METADATA: i16 = 11;
    pub(super) const SHARE_TARGET_METADATA: i16 = 12;
    pub(super) const SHARE_TARGET_MEMBER: i16 = 13;
    pub(super) const SHARE_CURRENT_MEMBER: i16 = 14;
    pub(super) const SHARE_STATE_PARTITIONS: i16 = 15;
    pub(super) const CONSUMER_REGEX: i16 = 16;
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
    /// Something of a consumer group.
    Consumer {
        /// The group.
        group: StrBytes,
        /// What.
        record: ConsumerRecord,
    },
    /// Something of a streams group.
    Streams {
        /// The group.
        group: StrBytes,
        /// What.
        record: StreamsRecord,
    },
    /// Something of a share group.
    Share {
        /// The group.
        group: StrBytes,
        /// What.
        record: ShareRecord,
    },
}

/// A record of a consumer group (KIP-848). The ids are members'; a value of `None` is a tombstone.
#[derive(Clone, Debug, PartialEq)]
pub enum ConsumerRecord {
    /// The group's epoch.
    Metadata(Option<ConsumerGroupMetadataValue>),
    /// What Kafka before 4.1 noted of subscribed topics; only whether it is there matters.
    PartitionMetadata(bool),
    /// What a member says of itself.
    Member(StrBytes, Option<Box<ConsumerGroupMemberMetadataValue>>),
    /// The epoch of the target assignment.
    TargetMetadata(Option<ConsumerGroupTargetAssignmentMetadataValue>),
    /// A member's target.
    TargetMember(StrBytes, Option<ConsumerGroupTargetAssignmentMemberValue>),
    /// What a member has.
    CurrentMember(StrBytes, Option<ConsumerGroupCurrentMemberAssignmentValue>),
    /// What a regular expression matches.
    Regex(StrBytes, Option<ConsumerGroupRegularExpressionValue>),
}

impl ConsumerRecord {
    /// Whether it deletes.
    pub(crate) const fn is_tombstone(&self) -> bool {
        match self {
            Self::Metadata(value) => value.is_none(),
            Self::PartitionMetadata(is_there) => !*is_there,
            Self::Member(_, value) => value.is_none(),
            Self::TargetMetadata(value) => value.is_none(),
            Self::TargetMember(_, value) => value.is_none(),
            Self::CurrentMember(_, value) => value.is_none(),
            Self::Regex(_, value) => value.is_none(),
        }
    }
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
        let key_type = key.i16()?;
        let record = match key_type {
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
            key_type::SHARE_MEMBER..=key_type::SHARE_STATE_PARTITIONS => {
                let (group, record) = share::decode(key_type, &mut key, value)?;
                Self::Share { group, record }
            }
            _ => match StreamsRecord::decode(key_type, &mut key, value)? {
                Some((group, record)) => Self::Streams { group, record },
                None => return decode_consumer(key_type, &mut key, value),
            },
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
            Self::Consumer { group, record } => encode_consumer(group, record),
            Self::Share { group, record } => share::encode(group, record),
            Self::Streams { group, record } => record.encode(group),
        }
    }
}

fn decode_consumer(
    key_type: i16,
    key: &mut Reader,
    value: Option<&Bytes>,
) -> Result<Option<GroupRecord>, DecodeError> {
    let (group, record) = match key_type {
        key_type::CONSUMER_METADATA => {
            let ConsumerGroupMetadataKey { group_id } = Message::decode(key, 0)?;
            (group_id, ConsumerRecord::Metadata(decode_plain(value)?))
        }
        key_type::CONSUMER_PARTITION_METADATA => {
            let ConsumerGroupPartitionMetadataKey { group_id } = Message::decode(key, 0)?;
            (group_id, ConsumerRecord::PartitionMetadata(value.is_some()))
        }
        key_type::CONSUMER_MEMBER => {
            let ConsumerGroupMemberMetadataKey { group_id, member_id } = Message::decode(key, 0)?;
            (group_id, ConsumerRecord::Member(member_id, decode_value(value)?))
        }
        key_type::CONSUMER_TARGET_METADATA => {
            let ConsumerGroupTargetAssignmentMetadataKey { group_id } = Message::decode(key, 0)?;
            (group_id, ConsumerRecord::TargetMetadata(decode_plain(value)?))
        }
        key_type::CONSUMER_TARGET_MEMBER => {
            let ConsumerGroupTargetAssignmentMemberKey { group_id, member_id } = Message::decode(key, 0)?;
            (group_id, ConsumerRecord::TargetMember(member_id, decode_plain(value)?))
        }
        key_type::CONSUMER_CURRENT_MEMBER => {
            let ConsumerGroupCurrentMemberAssignmentKey { group_id, member_id } = Message::decode(key, 0)?;
            (group_id, ConsumerRecord::CurrentMember(member_id, decode_plain(value)?))
        }
        key_type::CONSUMER_REGEX => {
            let ConsumerGroupRegularExpressionKey { group_id, regular_expression } = Message::decode(key, 0)?;
            (group_id, ConsumerRecord::Regex(regular_expression, decode_plain(value)?))
        }
        _ => return Ok(None),
    };
    Ok(Some(GroupRecord::Consumer { group, record }))
}

type Encoded = (Bytes, Option<Bytes>);

fn encode_consumer(group: &StrBytes, record: &ConsumerRecord) -> Result<Encoded, EncodeError> {
    let group_id = group.clone();
    let member_id = || match record {
        ConsumerRecord::Member(id, _)
        | ConsumerRecord::TargetMember(id, _)
        | ConsumerRecord::CurrentMember(id, _)
        | ConsumerRecord::Regex(id, _) => id.clone(),
        _ => StrBytes::default(),
    };
    match record {
        ConsumerRecord::Metadata(value) => {
            pair(key_type::CONSUMER_METADATA, &ConsumerGroupMetadataKey { group_id }, value.as_ref())
        }
        ConsumerRecord::PartitionMetadata(_) => {
            let key = ConsumerGroupPartitionMetadataKey { group_id };
            pair::<_, ConsumerGroupMetadataValue>(key_type::CONSUMER_PARTITION_METADATA, &key, None)
        }
        ConsumerRecord::Member(_, value) => {
            let key = ConsumerGroupMemberMetadataKey { group_id, member_id: member_id() };
            pair(key_type::CONSUMER_MEMBER, &key, value.as_deref())
        }
        ConsumerRecord::TargetMetadata(value) => {
            let key = ConsumerGroupTargetAssignmentMetadataKey { group_id };
            pair(key_type::CONSUMER_TARGET_METADATA, &key, value.as_ref())
        }
        ConsumerRecord::TargetMember(_, value) => {
            let key = ConsumerGroupTargetAssignmentMemberKey { group_id, member_id: member_id() };
            pair(key_type::CONSUMER_TARGET_MEMBER, &key, value.as_ref())
        }
        ConsumerRecord::CurrentMember(_, value) => {
            let key = ConsumerGroupCurrentMemberAssignmentKey { group_id, member_id: member_id() };
            pair(key_type::CONSUMER_CURRENT_MEMBER, &key, value.as_ref())
        }
        ConsumerRecord::Regex(_, value) => {
            let key = ConsumerGroupRegularExpressionKey { group_id, regular_expression: member_id() };
            pair(key_type::CONSUMER_REGEX, &key, value.as_ref())
        }
    }
}

fn pair<K: Message, V: Message>(key_type: i16, key: &K, value: Option<&V>) -> Result<Encoded, EncodeError> {
    let value = value.map(|value| encode(0, value, 0)).transpose()?;
    Ok((encode(key_type, key, 0)?, value))
}

fn decode_plain<M: Message>(value: Option<&Bytes>) -> Result<Option<M>, DecodeError> {
    Ok(decode_value(value)?.map(|value| *value))
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
