//! The records of streams groups (KIP-1071).

use super::{Encoded, decode_plain, decode_value, pair};
use bytes::Bytes;
use klamm_protocol::coordinator::group::{
    StreamsGroupCurrentMemberAssignmentKey, StreamsGroupCurrentMemberAssignmentValue,
    StreamsGroupMemberMetadataKey, StreamsGroupMemberMetadataValue, StreamsGroupMetadataKey,
    StreamsGroupMetadataValue, StreamsGroupTargetAssignmentMemberKey,
    StreamsGroupTargetAssignmentMemberValue, StreamsGroupTargetAssignmentMetadataKey,
    StreamsGroupTargetAssignmentMetadataValue, StreamsGroupTopologyKey, StreamsGroupTopologyValue,
};
use klamm_protocol::{DecodeError, EncodeError, Message, Reader, StrBytes};

/// The type prefix of a key.
mod key_type {
    pub(super) const METADATA: i16 = 17;
    pub(super) const MEMBER: i16 = 19;
    pub(super) const TARGET_METADATA: i16 = 20;
    pub(super) const TARGET_MEMBER: i16 = 21;
    pub(super) const CURRENT_MEMBER: i16 = 22;
    pub(super) const TOPOLOGY: i16 = 23;
}

/// A record of a streams group. The ids are members'; a value of `None` is a tombstone.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamsRecord {
    /// The group's epoch.
    Metadata(Option<Box<StreamsGroupMetadataValue>>),
    /// What the application computes.
    Topology(Option<Box<StreamsGroupTopologyValue>>),
    /// What a member says of itself.
    Member(StrBytes, Option<Box<StreamsGroupMemberMetadataValue>>),
    /// The epoch of the target assignment.
    TargetMetadata(Option<StreamsGroupTargetAssignmentMetadataValue>),
    /// A member's target.
    TargetMember(StrBytes, Option<Box<StreamsGroupTargetAssignmentMemberValue>>),
    /// What a member has.
    CurrentMember(StrBytes, Option<Box<StreamsGroupCurrentMemberAssignmentValue>>),
}

impl StreamsRecord {
    /// Whether it deletes.
    pub(crate) const fn is_tombstone(&self) -> bool {
        match self {
            Self::Metadata(value) => value.is_none(),
            Self::Topology(value) => value.is_none(),
            Self::Member(_, value) => value.is_none(),
            Self::TargetMetadata(value) => value.is_none(),
            Self::TargetMember(_, value) => value.is_none(),
            Self::CurrentMember(_, value) => value.is_none(),
        }
    }

    /// Reads a record; `None` if its key is of another type.
    pub(super) fn decode(
        key_type: i16,
        key: &mut Reader,
        value: Option<&Bytes>,
    ) -> Result<Option<(StrBytes, Self)>, DecodeError> {
        Ok(Some(match key_type {
            key_type::METADATA => {
                let StreamsGroupMetadataKey { group_id } = Message::decode(key, 0)?;
                (group_id, Self::Metadata(decode_value(value)?))
            }
            key_type::TOPOLOGY => {
                let StreamsGroupTopologyKey { group_id } = Message::decode(key, 0)?;
                (group_id, Self::Topology(decode_value(value)?))
            }
            key_type::MEMBER => {
                let StreamsGroupMemberMetadataKey { group_id, member_id } = Message::decode(key, 0)?;
                (group_id, Self::Member(member_id, decode_value(value)?))
            }
            key_type::TARGET_METADATA => {
                let StreamsGroupTargetAssignmentMetadataKey { group_id } = Message::decode(key, 0)?;
                (group_id, Self::TargetMetadata(decode_plain(value)?))
            }
            key_type::TARGET_MEMBER => {
                let StreamsGroupTargetAssignmentMemberKey { group_id, member_id } = Message::decode(key, 0)?;
                (group_id, Self::TargetMember(member_id, decode_value(value)?))
            }
            key_type::CURRENT_MEMBER => {
                let StreamsGroupCurrentMemberAssignmentKey { group_id, member_id } = Message::decode(key, 0)?;
                (group_id, Self::CurrentMember(member_id, decode_value(value)?))
            }
            _ => return Ok(None),
        }))
    }

    /// Writes the record's key and value.
    pub(super) fn encode(&self, group: &StrBytes) -> Result<Encoded, EncodeError> {
        let group_id = group.clone();
        match self {
            Self::Metadata(value) => {
                pair(key_type::METADATA, &StreamsGroupMetadataKey { group_id }, value.as_deref())
            }
            Self::Topology(value) => {
                pair(key_type::TOPOLOGY, &StreamsGroupTopologyKey { group_id }, value.as_deref())
            }
            Self::Member(member, value) => {
                let key = StreamsGroupMemberMetadataKey { group_id, member_id: member.clone() };
                pair(key_type::MEMBER, &key, value.as_deref())
            }
            Self::TargetMetadata(value) => {
                let key = StreamsGroupTargetAssignmentMetadataKey { group_id };
                pair(key_type::TARGET_METADATA, &key, value.as_ref())
            }
            Self::TargetMember(member, value) => {
                let key = StreamsGroupTargetAssignmentMemberKey { group_id, member_id: member.clone() };
                pair(key_type::TARGET_MEMBER, &key, value.as_deref())
            }
            Self::CurrentMember(member, value) => {
                let key = StreamsGroupCurrentMemberAssignmentKey { group_id, member_id: member.clone() };
                pair(key_type::CURRENT_MEMBER, &key, value.as_deref())
            }
        }
    }
}
