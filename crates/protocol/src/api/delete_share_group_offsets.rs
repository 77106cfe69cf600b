//! DeleteShareGroupOffsets (key 92).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 92, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct DeleteShareGroupOffsetsRequest {
    pub group_id: StrBytes,
    pub topics: Vec<DeleteShareGroupOffsetsRequestTopic>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeleteShareGroupOffsetsRequestTopic {
    pub topic_name: StrBytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 92, versions = 0, flexible = 0..)]
pub struct DeleteShareGroupOffsetsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    pub responses: Vec<DeleteShareGroupOffsetsResponseTopic>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DeleteShareGroupOffsetsResponseTopic {
    pub topic_name: StrBytes,
    pub topic_id: Uuid,
    pub error_code: i16,
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
