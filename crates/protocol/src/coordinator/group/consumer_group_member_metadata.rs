//! ConsumerGroupMemberMetadata (type 5).

use bytes::Bytes;

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 5, versions = 0, flexible = none)]
pub struct ConsumerGroupMemberMetadataKey {
    pub group_id: StrBytes,
    pub member_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 5, versions = 0, flexible = 0..)]
pub struct ConsumerGroupMemberMetadataValue {
    pub instance_id: Option<StrBytes>,
    pub rack_id: Option<StrBytes>,
    pub client_id: StrBytes,
    pub client_host: StrBytes,
    pub subscribed_topic_names: Vec<StrBytes>,
    pub subscribed_topic_regex: Option<StrBytes>,
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    pub server_assignor: Option<StrBytes>,
    #[field(tag = 0)]
    pub classic_member_metadata: Option<ClassicMemberMetadata>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ClassicMemberMetadata {
    pub session_timeout_ms: i32,
    pub supported_protocols: Vec<ClassicProtocol>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ClassicProtocol {
    pub name: StrBytes,
    pub metadata: Bytes,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
