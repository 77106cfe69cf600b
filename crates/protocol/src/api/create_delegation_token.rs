//! CreateDelegationToken (key 38).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 38, versions = 1..=3, flexible = 2.., listeners = [Broker, Controller])]
pub struct CreateDelegationTokenRequest {
    #[field(since = 3)]
    pub owner_principal_type: Option<StrBytes>,
    #[field(since = 3)]
    pub owner_principal_name: Option<StrBytes>,
    pub renewers: Vec<CreatableRenewers>,
    pub max_lifetime_ms: i64,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct CreatableRenewers {
    pub principal_type: StrBytes,
    pub principal_name: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 38, versions = 1..=3, flexible = 2..)]
pub struct CreateDelegationTokenResponse {
    pub error_code: i16,
    pub principal_type: StrBytes,
    pub principal_name: StrBytes,
    #[field(since = 3)]
    pub token_requester_principal_type: StrBytes,
    #[field(since = 3)]
    pub token_requester_principal_name: StrBytes,
    pub issue_timestamp_ms: i64,
    pub expiry_timestamp_ms: i64,
    pub max_timestamp_ms: i64,
    pub token_id: StrBytes,
    pub hmac: Bytes,
    pub throttle_time_ms: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
