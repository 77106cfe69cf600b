//! Envelope (key 58): wraps a request that a broker passes on to the controller for a client (KIP-590).

use bytes::Bytes;

use crate::Message;
use crate::wire::RawTaggedField;

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 58, versions = 0, flexible = 0.., listeners = [Controller])]
pub struct EnvelopeRequest {
    /// Header and body of the request.
    pub request_data: Bytes,
    /// Principal of the client, as its principal builder encodes it.
    pub request_principal: Option<Bytes>,
    /// Address of the client that sent the request to the broker.
    pub client_host_address: Bytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 58, versions = 0, flexible = 0..)]
pub struct EnvelopeResponse {
    /// Header and body of the response.
    #[field(default = null)]
    pub response_data: Option<Bytes>,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
