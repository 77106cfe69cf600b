//! OffsetCommit (type 1): an offset a group has committed for a partition.
//!
//! * v1 expiry of its own
//! * v2 none again
//! * v3 leader epoch
//! * v4 flexible, topic id

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 1, versions = 0, flexible = none)]
pub struct OffsetCommitKey {
    /// Id of the group.
    pub group: StrBytes,
    /// Name of the topic.
    pub topic: StrBytes,
    /// Number of the partition within the topic.
    pub partition: i32,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 1, versions = 0..=4, flexible = 4..)]
pub struct OffsetCommitValue {
    /// Committed offset: the next one to read.
    pub offset: i64,
    /// Epoch of the leader.
    #[field(since = 3, default = -1, ignorable)]
    pub leader_epoch: i32,
    /// Metadata in the form of whoever reads it.
    pub metadata: StrBytes,
    /// When the offset was committed, in ms since 1970.
    pub commit_timestamp: i64,
    /// When the offset expires, in ms since 1970; -1 if the broker's retention decides.
    #[field(since = 1, until = 1, default = -1, ignorable)]
    pub expire_timestamp: i64,
    /// Id of the topic.
    #[field(tag = 0, since = 4, ignorable)]
    pub topic_id: Uuid,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
