//! ShareGroupMemberMetadata (type 10).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 10, versions = 0, flexible = none)]
pub struct ShareGroupMemberMetadataKey {
    pub group_id: StrBytes,
    pub member_id: StrBytes,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 10, versions = 0, flexible = 0..)]
pub struct ShareGroupMemberMetadataValue {
    pub rack_id: Option<StrBytes>,
    pub client_id: StrBytes,
    pub client_host: StrBytes,
    pub subscribed_topic_names: Vec<StrBytes>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
