//! ShareAcknowledge (key 79): says what became of acquired records (KIP-932).
//!
//! * v2 renewal of locks (KIP-1222)

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 79, versions = 1..=2, flexible = 0.., listeners = [Broker])]
pub struct ShareAcknowledgeRequest {
    /// Id of the group.
    #[field(default = null)]
    pub group_id: Option<StrBytes>,
    /// Id of the member.
    pub member_id: Option<StrBytes>,
    /// Epoch of the share session: 0 opens it, -1 closes it, otherwise one more than before.
    pub share_session_epoch: i32,
    /// Whether there are acknowledgements that renew the lock.
    #[field(since = 2)]
    pub is_renew_ack: bool,
    /// The topics.
    pub topics: Vec<AcknowledgeTopic>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareAcknowledgeRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AcknowledgeTopic {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<AcknowledgePartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AcknowledgeTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AcknowledgePartition {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Ranges of offsets and what becomes of them.
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`AcknowledgePartition::acknowledgement_batches`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AcknowledgementBatch {
    /// First offset of the range, inclusive.
    pub first_offset: i64,
    /// Last offset of the range, inclusive.
    pub last_offset: i64,
    /// What becomes of each record of the batch: 0 gap, 1 accept, 2 release, 3 reject, 4 renew (v2).
    /// One entry stands for all.
    pub acknowledge_types: Vec<i8>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 79, versions = 1..=2, flexible = 0..)]
pub struct ShareAcknowledgeResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// How long acquired records stay locked for the member, in ms.
    #[field(since = 2, ignorable)]
    pub acquisition_lock_timeout_ms: i32,
    /// Outcome, one per item of the request.
    pub responses: Vec<ShareAcknowledgeTopicResponse>,
    /// Endpoints of the nodes the answer refers to.
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareAcknowledgeResponse::responses`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ShareAcknowledgeTopicResponse {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareAcknowledgeTopicResponse::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// Who leads now.
    pub current_leader: LeaderIdAndEpoch,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`PartitionData::current_leader`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct LeaderIdAndEpoch {
    /// Node id of the leader, -1 for none.
    pub leader_id: i32,
    /// Epoch of the leader.
    pub leader_epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareAcknowledgeResponse::node_endpoints`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct NodeEndpoint {
    /// Node id.
    pub node_id: i32,
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: i32,
    /// Rack, or null.
    #[field(default = null)]
    pub rack: Option<StrBytes>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
