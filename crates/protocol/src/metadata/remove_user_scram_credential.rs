//! RemoveUserScramCredentialRecord (type 22).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 22, versions = 0, flexible = 0..)]
pub struct RemoveUserScramCredentialRecord {
    pub name: StrBytes,
    pub mechanism: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
