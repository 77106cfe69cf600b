//! The headers as messages.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The header of a request.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 1..=2, flexible = 2..)]
pub struct RequestHeader {
    /// Number of the API.
    pub request_api_key: i16,
    /// Version of the request.
    pub request_api_version: i16,
    /// Number chosen by the client that ties response to request.
    pub correlation_id: i32,
    /// Client id; in its old form even in the flexible header, so that a server can read the header
    /// of any ApiVersions request.
    #[field(inflexible)]
    pub client_id: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The header of a response.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0..=1, flexible = 1..)]
pub struct ResponseHeader {
    /// Number chosen by the client that ties response to request.
    pub correlation_id: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
