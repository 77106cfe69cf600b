//! Consumer protocol.

use bytes::Bytes;

use crate::Message;
use crate::wire::StrBytes;

#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0..=3, flexible = none)]
pub struct ConsumerProtocolSubscription {
    pub topics: Vec<StrBytes>,
    #[field(default = null)]
    pub user_data: Option<Bytes>,
    #[field(since = 1, ignorable)]
    pub owned_partitions: Vec<ConsumerProtocolSubscriptionTopicPartition>,
    #[field(since = 2, default = -1, ignorable)]
    pub generation_id: i32,
    #[field(since = 3, default = null, ignorable)]
    pub rack_id: Option<StrBytes>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ConsumerProtocolSubscriptionTopicPartition {
    pub topic: StrBytes,
    pub partitions: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0..=3, flexible = none)]
pub struct ConsumerProtocolAssignment {
    pub assigned_partitions: Vec<ConsumerProtocolAssignmentTopicPartition>,
    #[field(default = null)]
    pub user_data: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Message)]
pub struct ConsumerProtocolAssignmentTopicPartition {
    pub topic: StrBytes,
    pub partitions: Vec<i32>,
}
