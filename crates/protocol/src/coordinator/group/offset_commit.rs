//! OffsetCommit (type 1).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 1, versions = 0, flexible = none)]
pub struct OffsetCommitKey {
    pub group: StrBytes,
    pub topic: StrBytes,
    pub partition: i32,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 1, versions = 0..=4, flexible = 4..)]
pub struct OffsetCommitValue {
    pub offset: i64,
    #[field(since = 3, default = -1, ignorable)]
    pub leader_epoch: i32,
    pub metadata: StrBytes,
    pub commit_timestamp: i64,
    #[field(since = 1, until = 1, default = -1, ignorable)]
    pub expire_timestamp: i64,
    #[field(tag = 0, since = 4, ignorable)]
    pub topic_id: Uuid,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
