//! LegacyOffsetCommit (type 0): a committed offset, as written before 0.9. Only read.

use crate::Message;
use crate::wire::StrBytes;

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0, flexible = none)]
pub struct LegacyOffsetCommitKey {
    /// Id of the group.
    pub group: StrBytes,
    /// Name of the topic.
    pub topic: StrBytes,
    /// Number of the partition within the topic.
    pub partition: i32,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0, flexible = none)]
pub struct LegacyOffsetCommitValue {
    /// Committed offset: the next one to read.
    pub offset: i64,
    /// Metadata in the form of whoever reads it.
    pub metadata: StrBytes,
    /// When the offset was committed, in ms since 1970.
    pub commit_timestamp: i64,
}
