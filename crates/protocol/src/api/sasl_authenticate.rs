//! SaslAuthenticate (key 36): carries one step of the SASL exchange (KIP-152).
//!
//! * v1 lifetime of the session (KIP-368)
//! * v2 flexible

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 36, versions = 0..=2, flexible = 2.., listeners = [Broker, Controller])]
pub struct SaslAuthenticateRequest {
    /// Bytes of the SASL mechanism.
    pub auth_bytes: Bytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 36, versions = 0..=2, flexible = 2..)]
pub struct SaslAuthenticateResponse {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    pub error_message: Option<StrBytes>,
    /// Bytes of the SASL mechanism.
    pub auth_bytes: Bytes,
    /// After how many ms the client must authenticate again, 0 for never (KIP-368).
    #[field(since = 1, ignorable)]
    pub session_lifetime_ms: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
