//! The records of share groups (KIP-932).

use super::{Encoded, decode_plain, decode_value, key_type, pair};
use bytes::Bytes;
use klamm_protocol::coordinator::group::{
    ShareGroupCurrentMemberAssignmentKey, ShareGroupCurrentMemberAssignmentValue,
    ShareGroupMemberMetadataKey, ShareGroupMemberMetadataValue, ShareGroupMetadataKey,
    ShareGroupMetadataValue, ShareGroupStatePartitionMetadataKey, ShareGroupStatePartitionMetadataValue,
    ShareGroupTargetAssignmentMemberKey, ShareGroupTargetAssignmentMemberValue,
    ShareGroupTargetAssignmentMetadataKey, ShareGroupTargetAssignmentMetadataValue,
};
use klamm_protocol::{DecodeError, EncodeError, Message, Reader, StrBytes};

/// A record of a share group. The ids are members'; a value of `None` is a tombstone.
#[derive(Clone, Debug, PartialEq)]
pub enum ShareRecord {
    /// The group's epoch.
    Metadata(Option<ShareGroupMetadataValue>),
    /// What a member says of itself.
    Member(StrBytes, Option<Box<ShareGroupMemberMetadataValue>>),
    /// The epoch of the target assignment.
    TargetMetadata(Option<ShareGroupTargetAssignmentMetadataValue>),
    /// A member's target.
    TargetMember(StrBytes, Option<ShareGroupTargetAssignmentMemberValue>),
    /// What a member has.
    CurrentMember(StrBytes, Option<ShareGroupCurrentMemberAssignmentValue>),
    /// For which partitions the group has state, or is to have it, or is not to have it any more.
    StatePartitions(Option<Box<ShareGroupStatePartitionMetadataValue>>),
}

impl ShareRecord {
    /// Whether it deletes.
    pub(crate) const fn is_tombstone(&self) -> bool {
        match self {
            Self::Metadata(value) => value.is_none(),
            Self::Member(_, value) => value.is_none(),
            Self::TargetMetadata(value) => value.is_none(),
            Self::TargetMember(_, value) => value.is_none(),
            Self::CurrentMember(_, value) => value.is_none(),
            Self::StatePartitions(value) => value.is_none(),
        }
    }
}

/// `key_type` is one of share groups.
pub(super) fn decode(
    key_type: i16,
    key: &mut Reader,
    value: Option<&Bytes>,
) -> Result<(StrBytes, ShareRecord), DecodeError> {
    let decoded = match key_type {
        key_type::SHARE_METADATA => {
            let ShareGroupMetadataKey { group_id } = Message::decode(key, 0)?;
            (group_id, ShareRecord::Metadata(decode_plain(value)?))
        }
        key_type::SHARE_MEMBER => {
            let ShareGroupMemberMetadataKey { group_id, member_id } = Message::decode(key, 0)?;
            (group_id, ShareRecord::Member(member_id, decode_value(value)?))
        }
        key_type::SHARE_TARGET_METADATA => {
            let ShareGroupTargetAssignmentMetadataKey { group_id } = Message::decode(key, 0)?;
            (group_id, ShareRecord::TargetMetadata(decode_plain(value)?))
        }
        key_type::SHARE_TARGET_MEMBER => {
            let ShareGroupTargetAssignmentMemberKey { group_id, member_id } = Message::decode(key, 0)?;
            (group_id, ShareRecord::TargetMember(member_id, decode_plain(value)?))
        }
        key_type::SHARE_CURRENT_MEMBER => {
            let ShareGroupCurrentMemberAssignmentKey { group_id, member_id } = Message::decode(key, 0)?;
            (group_id, ShareRecord::CurrentMember(member_id, decode_plain(value)?))
        }
        _ => {
            let ShareGroupStatePartitionMetadataKey { group_id } = Message::decode(key, 0)?;
            (group_id, ShareRecord::StatePartitions(decode_value(value)?))
        }
    };
    Ok(decoded)
}

pub(super) fn encode(group: &StrBytes, record: &ShareRecord) -> Result<Encoded, EncodeError> {
    let group_id = group.clone();
    match record {
        ShareRecord::Metadata(value) => {
            pair(key_type::SHARE_METADATA, &ShareGroupMetadataKey { group_id }, value.as_ref())
        }
        ShareRecord::Member(id, value) => {
            let key = ShareGroupMemberMetadataKey { group_id, member_id: id.clone() };
            pair(key_type::SHARE_MEMBER, &key, value.as_deref())
        }
        ShareRecord::TargetMetadata(value) => {
            let key = ShareGroupTargetAssignmentMetadataKey { group_id };
            pair(key_type::SHARE_TARGET_METADATA, &key, value.as_ref())
        }
        ShareRecord::TargetMember(id, value) => {
            let key = ShareGroupTargetAssignmentMemberKey { group_id, member_id: id.clone() };
            pair(key_type::SHARE_TARGET_MEMBER, &key, value.as_ref())
        }
        ShareRecord::CurrentMember(id, value) => {
            let key = ShareGroupCurrentMemberAssignmentKey { group_id, member_id: id.clone() };
            pair(key_type::SHARE_CURRENT_MEMBER, &key, value.as_ref())
        }
        ShareRecord::StatePartitions(value) => {
            let key = ShareGroupStatePartitionMetadataKey { group_id };
            pair(key_type::SHARE_STATE_PARTITIONS, &key, value.as_deref())
        }
    }
}
