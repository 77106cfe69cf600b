//! ConsumerGroupDescribe (key 69).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 69, versions = 0..=1, flexible = 0.., listeners = [Broker])]
pub struct ConsumerGroupDescribeRequest {
    pub group_ids: Vec<StrBytes>,
    pub include_authorized_operations: bool,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 69, versions = 0..=1, flexible = 0..)]
pub struct ConsumerGroupDescribeResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribedGroup {
    pub error_code: i16,
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    pub group_id: StrBytes,
    pub group_state: StrBytes,
    pub group_epoch: i32,
    pub assignment_epoch: i32,
    pub assignor_name: StrBytes,
    pub members: Vec<Member>,
    #[field(default = i32::MIN)]
    pub authorized_operations: i32,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Member {
    pub member_id: StrBytes,
    #[field(default = null)]
    pub instance_id: Option<StrBytes>,
    #[field(default = null)]
    pub rack_id: Option<StrBytes>,
    pub member_epoch: i32,
    pub client_id: StrBytes,
    pub client_host: StrBytes,
    pub subscribed_topic_names: Vec<StrBytes>,
    #[field(default = null)]
    pub subscribed_topic_regex: Option<StrBytes>,
    pub assignment: Assignment,
    pub target_assignment: Assignment,
    #[field(since = 1, default = -1, ignorable)]
    pub member_type: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub topic_name: StrBytes,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Assignment {
    pub topic_partitions: Vec<TopicPartitions>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
