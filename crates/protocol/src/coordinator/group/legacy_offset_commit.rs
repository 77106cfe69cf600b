//! LegacyOffsetCommit (type 0).

use crate::Message;
use crate::wire::StrBytes;

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0, flexible = none)]
pub struct LegacyOffsetCommitKey {
    pub group: StrBytes,
    pub topic: StrBytes,
    pub partition: i32,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 0, versions = 0, flexible = none)]
pub struct LegacyOffsetCommitValue {
    pub offset: i64,
    pub metadata: StrBytes,
    pub commit_timestamp: i64,
}
