//! DelegationTokenRecord (type 10): a delegation token was created or changed.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 10, versions = 0, flexible = 0..)]
pub struct DelegationTokenRecord {
    /// Owner of the token.
    pub owner: StrBytes,
    /// Who asked for the token.
    pub requester: StrBytes,
    /// Principals that may renew the token.
    pub renewers: Vec<StrBytes>,
    /// When the token was made, in ms since 1970.
    pub issue_timestamp: i64,
    /// When the token cannot be renewed any more, in ms since 1970.
    pub max_timestamp: i64,
    /// When the token must have been renewed, in ms since 1970.
    pub expiration_timestamp: i64,
    /// Id of the token.
    pub token_id: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
