//! DescribeUserScramCredentials (key 50).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 50, versions = 0, flexible = 0.., listeners = [Broker, Controller])]
pub struct DescribeUserScramCredentialsRequest {
    pub users: Option<Vec<UserName>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct UserName {
    pub name: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 50, versions = 0, flexible = 0..)]
pub struct DescribeUserScramCredentialsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub results: Vec<DescribeUserScramCredentialsResult>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribeUserScramCredentialsResult {
    pub user: StrBytes,
    pub error_code: i16,
    pub error_message: Option<StrBytes>,
    pub credential_infos: Vec<CredentialInfo>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct CredentialInfo {
    pub mechanism: i8,
    pub iterations: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
