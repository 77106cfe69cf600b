//! RemoveDelegationTokenRecord (type 26).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 26, versions = 0, flexible = 0..)]
pub struct RemoveDelegationTokenRecord {
    pub token_id: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
