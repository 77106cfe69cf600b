//! DelegationTokenRecord (type 10).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 10, versions = 0, flexible = 0..)]
pub struct DelegationTokenRecord {
    pub owner: StrBytes,
    pub requester: StrBytes,
    pub renewers: Vec<StrBytes>,
    pub issue_timestamp: i64,
    pub max_timestamp: i64,
    pub expiration_timestamp: i64,
    pub token_id: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
