//! Principal.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0, flexible = 0..)]
pub struct DefaultPrincipalData {
    pub r#type: StrBytes,
    pub name: StrBytes,
    pub token_authenticated: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
