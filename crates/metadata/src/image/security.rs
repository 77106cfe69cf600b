//! SCRAM credentials and delegation tokens.

use super::Map;
use klamm_protocol::StrBytes;
use klamm_protocol::metadata::{DelegationTokenRecord, UserScramCredentialRecord};
use std::sync::Arc;

/// SCRAM credentials.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scram {
    /// By mechanism (1 SCRAM-SHA-256, 2 SCRAM-SHA-512) and user name.
    pub credentials: Map<(i8, StrBytes), Arc<UserScramCredentialRecord>>,
}

/// Delegation tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DelegationTokens {
    /// By token id.
    pub tokens: Map<StrBytes, Arc<DelegationTokenRecord>>,
}
