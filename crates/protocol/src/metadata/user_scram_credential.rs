//! UserScramCredentialRecord (type 11).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 11, versions = 0, flexible = 0..)]
pub struct UserScramCredentialRecord {
    pub name: StrBytes,
    pub mechanism: i8,
    pub salt: Bytes,
    pub stored_key: Bytes,
    pub server_key: Bytes,
    pub iterations: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
