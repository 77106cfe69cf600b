//! SaslAuthenticate (key 36).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 36, versions = 0..=2, flexible = 2.., listeners = [Broker, Controller])]
pub struct SaslAuthenticateRequest {
    pub auth_bytes: Bytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 36, versions = 0..=2, flexible = 2..)]
pub struct SaslAuthenticateResponse {
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub auth_bytes: Bytes,
    #[field(since = 1, ignorable)]
    pub session_lifetime_ms: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
