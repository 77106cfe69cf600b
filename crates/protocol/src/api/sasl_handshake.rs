//! SaslHandshake (key 17).

use crate::Message;
use crate::wire::StrBytes;

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 17, versions = 0..=1, flexible = none, listeners = [Broker, Controller])]
pub struct SaslHandshakeRequest {
    pub mechanism: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 17, versions = 0..=1, flexible = none)]
pub struct SaslHandshakeResponse {
    pub error_code: i16,
    pub mechanisms: Vec<StrBytes>,
}
