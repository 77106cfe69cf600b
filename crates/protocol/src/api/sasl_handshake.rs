//! SaslHandshake (key 17): chooses the SASL mechanism.
//!
//! * v1 followed by SaslAuthenticate requests (KIP-152); after v0 the client sends bare tokens
//!
//! Never flexible: clients up to 2.4 negotiate its version wrongly (KAFKA-9577).

use crate::Message;
use crate::wire::StrBytes;

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 17, versions = 0..=1, flexible = none, listeners = [Broker, Controller])]
pub struct SaslHandshakeRequest {
    /// SCRAM mechanism by number (1 SHA-256, 2 SHA-512), or name of the SASL mechanism.
    pub mechanism: StrBytes,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 17, versions = 0..=1, flexible = none)]
pub struct SaslHandshakeResponse {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Names of the mechanisms that are enabled.
    pub mechanisms: Vec<StrBytes>,
}
