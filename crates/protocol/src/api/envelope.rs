//! Envelope (key 58).

use bytes::Bytes;

use crate::Message;
use crate::wire::RawTaggedField;

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 58, versions = 0, flexible = 0.., listeners = [Controller])]
pub struct EnvelopeRequest {
    pub request_data: Bytes,
    pub request_principal: Option<Bytes>,
    pub client_host_address: Bytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 58, versions = 0, flexible = 0..)]
pub struct EnvelopeResponse {
    #[field(default = null)]
    pub response_data: Option<Bytes>,
    pub error_code: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
