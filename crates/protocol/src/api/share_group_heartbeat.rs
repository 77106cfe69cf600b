//! ShareGroupHeartbeat (key 76): everything a member of a share group says and learns about its
//! assignment (KIP-932).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 76, versions = 1, flexible = 0.., listeners = [Broker])]
pub struct ShareGroupHeartbeatRequest {
    /// Id of the group.
    pub group_id: StrBytes,
    /// Id of the member, which the client chooses itself.
    pub member_id: StrBytes,
    /// Epoch of the member: 0 joins, -1 leaves, -2 leaves for a while as a static member.
    pub member_epoch: i32,
    /// Rack of the client.
    #[field(default = null)]
    pub rack_id: Option<StrBytes>,
    /// Names of the topics subscribed to; null if unchanged.
    #[field(default = null)]
    pub subscribed_topic_names: Option<Vec<StrBytes>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 76, versions = 1, flexible = 0..)]
pub struct ShareGroupHeartbeatResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// Id of the member.
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

/// The value of [`ShareGroupHeartbeatResponse::assignment`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Assignment {
    /// Partitions, by topic.
    pub topic_partitions: Vec<TopicPartitions>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`Assignment::topic_partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartitions {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
