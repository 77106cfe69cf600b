//! ConsumerGroupRegularExpression (type 16): the topics that a regular expression of a consumer group
//! resolved to (KIP-848).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The key.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 16, versions = 0, flexible = none)]
pub struct ConsumerGroupRegularExpressionKey {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Regular expression over topic names, in RE2 syntax.
    pub regular_expression: StrBytes,
}

/// The value.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 16, versions = 0, flexible = 0..)]
pub struct ConsumerGroupRegularExpressionValue {
    /// The topics.
    pub topics: Vec<StrBytes>,
    /// Version.
    pub version: i64,
    /// Time, in ms since 1970.
    pub timestamp: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
