//! DescribeDelegationToken (key 41).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 41, versions = 1..=3, flexible = 2.., listeners = [Broker, Controller])]
pub struct DescribeDelegationTokenRequest {
    pub owners: Option<Vec<DescribeDelegationTokenOwner>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeDelegationTokenOwner {
    pub principal_type: StrBytes,
    pub principal_name: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 41, versions = 1..=3, flexible = 2..)]
pub struct DescribeDelegationTokenResponse {
    pub error_code: i16,
    pub tokens: Vec<DescribedDelegationToken>,
    pub throttle_time_ms: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribedDelegationToken {
    pub principal_type: StrBytes,
    pub principal_name: StrBytes,
    #[field(since = 3)]
    pub token_requester_principal_type: StrBytes,
    #[field(since = 3)]
    pub token_requester_principal_name: StrBytes,
    pub issue_timestamp: i64,
    pub expiry_timestamp: i64,
    pub max_timestamp: i64,
    pub token_id: StrBytes,
    pub hmac: Bytes,
    pub renewers: Vec<DescribedDelegationTokenRenewer>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribedDelegationTokenRenewer {
    pub principal_type: StrBytes,
    pub principal_name: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
