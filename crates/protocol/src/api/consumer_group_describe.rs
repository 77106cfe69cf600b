//! ConsumerGroupDescribe (key 69): describes consumer groups (KIP-848).
//!
//! * v1 type of the member (KIP-1099)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 69, versions = 0..=1, flexible = 0.., listeners = [Broker])]
pub struct ConsumerGroupDescribeRequest {
    /// Ids of the groups.
    pub group_ids: Vec<StrBytes>,
    /// Whether to say what the asker may do.
    pub include_authorized_operations: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 69, versions = 0..=1, flexible = 0..)]
pub struct ConsumerGroupDescribeResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// The groups.
    pub groups: Vec<DescribedGroup>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ConsumerGroupDescribeResponse::groups`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribedGroup {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// Id of the group.
    pub group_id: StrBytes,
    /// State of the group, such as `Stable`.
    pub group_state: StrBytes,
    /// Epoch of the group: grows with every change that needs a new assignment.
    pub group_epoch: i32,
    /// Group epoch that the target assignment was made for.
    pub assignment_epoch: i32,
    /// The assignor in use.
    pub assignor_name: StrBytes,
    /// The members.
    pub members: Vec<Member>,
    /// Bits of the operations the asker may do, by the numbers of ACL operations; i32::MIN if not
    /// asked for.
    #[field(default = i32::MIN)]
    pub authorized_operations: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribedGroup::members`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Member {
    /// Id of the member.
    pub member_id: StrBytes,
    /// Id of a static member; null for a dynamic one.
    #[field(default = null)]
    pub instance_id: Option<StrBytes>,
    /// Rack of the client.
    #[field(default = null)]
    pub rack_id: Option<StrBytes>,
    /// Epoch of the member: 0 joins, -1 leaves, -2 leaves for a while as a static member.
    pub member_epoch: i32,
    /// Client id, as the client calls itself.
    pub client_id: StrBytes,
    /// Address the member connects from.
    pub client_host: StrBytes,
    /// Names of the topics subscribed to; null if unchanged.
    pub subscribed_topic_names: Vec<StrBytes>,
    /// Regular expression of the topics subscribed to, in RE2 syntax; null if unchanged or none.
    #[field(default = null)]
    pub subscribed_topic_regex: Option<StrBytes>,
    /// What the member is assigned.
    pub assignment: Assignment,
    /// What the member is to be assigned in the end.
    pub target_assignment: Assignment,
    /// -1 unknown, 0 classic, 1 consumer.
    #[field(since = 1, default = -1, ignorable)]
    pub member_type: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`Assignment::topic_partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicPartitions {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Name of the topic.
    pub topic_name: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`Member::assignment`] and [`Member::target_assignment`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Assignment {
    /// Partitions, by topic.
    pub topic_partitions: Vec<TopicPartitions>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
