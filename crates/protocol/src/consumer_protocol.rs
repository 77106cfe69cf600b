//! What consumers of classic groups put into the opaque bytes of JoinGroup and SyncGroup: two bytes of
//! version, then one of these messages.
//!
//! Versions only ever add fields at the end, so that a reader takes a later version for the latest it
//! knows.
//!
//! * v1 owned partitions, for cooperative assignment (KIP-429)
//! * v2 generation of the owned partitions (KIP-792)
//! * v3 rack (KIP-881)

use bytes::Bytes;

use crate::Message;
use crate::wire::StrBytes;

/// What a member wants to read.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0..=3, flexible = none)]
pub struct ConsumerProtocolSubscription {
    /// Names of the topics subscribed to.
    pub topics: Vec<StrBytes>,
    /// Bytes of the assignor.
    #[field(default = null)]
    pub user_data: Option<Bytes>,
    /// Partitions the member owned before.
    #[field(since = 1, ignorable)]
    pub owned_partitions: Vec<ConsumerProtocolSubscriptionTopicPartition>,
    /// Generation in which `owned_partitions` were owned, -1 if unknown: an outdated claim loses.
    #[field(since = 2, default = -1, ignorable)]
    pub generation_id: i32,
    /// Rack of the client.
    #[field(since = 3, default = null, ignorable)]
    pub rack_id: Option<StrBytes>,
}

/// An element of [`ConsumerProtocolSubscription::owned_partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ConsumerProtocolSubscriptionTopicPartition {
    /// Name of the topic.
    pub topic: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
}

/// What a member is to read.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0..=3, flexible = none)]
pub struct ConsumerProtocolAssignment {
    /// Partitions of the topics assigned to the member.
    pub assigned_partitions: Vec<ConsumerProtocolAssignmentTopicPartition>,
    /// Bytes of the assignor.
    #[field(default = null)]
    pub user_data: Option<Bytes>,
}

/// An element of [`ConsumerProtocolAssignment::assigned_partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ConsumerProtocolAssignmentTopicPartition {
    /// Name of the topic.
    pub topic: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
}
