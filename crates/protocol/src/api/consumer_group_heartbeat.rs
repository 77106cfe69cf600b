//! ConsumerGroupHeartbeat (key 68).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 68, versions = 0..=1, flexible = 0.., listeners = [Broker])]
pub struct ConsumerGroupHeartbeatRequest {
    pub group_id: StrBytes,
    pub member_id: StrBytes,
    pub member_epoch: i32,
    #[field(default = null)]
    pub instance_id: Option<StrBytes>,
    #[field(default = null)]
    pub rack_id: Option<StrBytes>,
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    #[field(default = null)]
    pub subscribed_topic_names: Option<Vec<StrBytes>>,
    #[field(since = 1, default = null)]
    pub subscribed_topic_regex: Option<StrBytes>,
    #[field(default = null)]
    pub server_assignor: Option<StrBytes>,
    #[field(default = null)]
    pub topic_partitions: Option<Vec<ConsumerGroupHeartbeatRequestTopicPartitions>>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ConsumerGroupHeartbeatRequestTopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 68, versions = 0..=1, flexible = 0..)]
pub struct ConsumerGroupHeartbeatResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    #[field(default = null)]
    pub member_id: Option<StrBytes>,
    pub member_epoch: i32,
    pub heartbeat_interval_ms: i32,
    #[field(default = null)]
    pub assignment: Option<Assignment>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct Assignment {
    pub topic_partitions: Vec<ConsumerGroupHeartbeatResponseTopicPartitions>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ConsumerGroupHeartbeatResponseTopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
