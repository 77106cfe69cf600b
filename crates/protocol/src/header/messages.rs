//! Headers.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 1..=2, flexible = 2..)]
pub struct RequestHeader {
    pub request_api_key: i16,
    pub request_api_version: i16,
    pub correlation_id: i32,
    #[field(inflexible)]
    pub client_id: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0..=1, flexible = 1..)]
pub struct ResponseHeader {
    pub correlation_id: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
