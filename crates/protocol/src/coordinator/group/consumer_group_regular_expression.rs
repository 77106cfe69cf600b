//! ConsumerGroupRegularExpression (type 16).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 16, versions = 0, flexible = none)]
pub struct ConsumerGroupRegularExpressionKey {
    pub group_id: StrBytes,
    pub regular_expression: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 16, versions = 0, flexible = 0..)]
pub struct ConsumerGroupRegularExpressionValue {
    pub topics: Vec<StrBytes>,
    pub version: i64,
    pub timestamp: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
