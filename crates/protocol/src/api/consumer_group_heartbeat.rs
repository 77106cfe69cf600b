//! ConsumerGroupHeartbeat (key 68): everything a member of a consumer group says and learns (KIP-848).
//!
//! * v1 regular expressions, member id chosen by the client (KIP-1082)
//!
//! Errors, among others: UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, UNRELEASED_INSTANCE_ID,
//! UNSUPPORTED_ASSIGNOR, GROUP_MAX_SIZE_REACHED, INVALID_REGULAR_EXPRESSION, NOT_COORDINATOR,
//! COORDINATOR_LOAD_IN_PROGRESS.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 68, versions = 0..=1, flexible = 0.., listeners = [Broker])]
pub struct ConsumerGroupHeartbeatRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member, which the client chooses itself from v1 on (KIP-1082).
    pub member_id: StrBytes,
    /// Epoch of the member: 0 joins, -1 leaves, -2 leaves for a while as a static member.
    pub member_epoch: i32,
    /// Id of a static member; null if unchanged or for a dynamic one.
    #[field(default = null)]
    pub instance_id: Option<StrBytes>,
    /// Rack of the member; null if unchanged or none.
    #[field(default = null)]
    pub rack_id: Option<StrBytes>,
    /// How long the member has to give up partitions or to join a rebalance, in ms; -1 if unchanged.
    #[field(default = -1)]
    pub rebalance_timeout_ms: i32,
    /// Names of the topics subscribed to; null if unchanged.
    #[field(default = null)]
    pub subscribed_topic_names: Option<Vec<StrBytes>>,
    /// Regular expression of the topics subscribed to, in RE2 syntax; null if unchanged or none.
    #[field(since = 1, default = null)]
    pub subscribed_topic_regex: Option<StrBytes>,
    /// Assignor of the coordinator to use; null if unchanged or to leave it to the coordinator.
    #[field(default = null)]
    pub server_assignor: Option<StrBytes>,
    /// Partitions the member owns; null if unchanged.
    #[field(default = null)]
    pub topic_partitions: Option<Vec<ConsumerGroupHeartbeatRequestTopicPartitions>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ConsumerGroupHeartbeatRequest::topic_partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ConsumerGroupHeartbeatRequestTopicPartitions {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 68, versions = 0..=1, flexible = 0..)]
pub struct ConsumerGroupHeartbeatResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// Id of the member; null in a failure.
    #[field(default = null)]
    pub member_id: Option<StrBytes>,
    /// Epoch of the member: 0 joins, -1 leaves, -2 leaves for a while as a static member.
    pub member_epoch: i32,
    /// How often the member shall send a heartbeat, in ms.
    pub heartbeat_interval_ms: i32,
    /// What the member is assigned; null if unchanged.
    #[field(default = null)]
    pub assignment: Option<Assignment>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`ConsumerGroupHeartbeatResponse::assignment`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Assignment {
    /// Partitions, by topic.
    pub topic_partitions: Vec<ConsumerGroupHeartbeatResponseTopicPartitions>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`Assignment::topic_partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ConsumerGroupHeartbeatResponseTopicPartitions {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
