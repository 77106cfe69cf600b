//! ShareFetch (key 78): acquires and reads records as a member of a share group (KIP-932).
//!
//! * v2 acquire mode (KIP-1206), renewal of locks (KIP-1222)

use crate::Message;
use crate::wire::{RawTaggedField, Records, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 78, versions = 1..=2, flexible = 0.., listeners = [Broker])]
pub struct ShareFetchRequest {
    /// Id of the group.
    #[field(default = null)]
    pub group_id: Option<StrBytes>,
    /// Id of the member.
    pub member_id: Option<StrBytes>,
    /// Epoch of the share session: 0 opens it, -1 closes it, otherwise one more than before.
    pub share_session_epoch: i32,
    /// How long to wait for `min_bytes`, in ms.
    pub max_wait_ms: i32,
    /// Least bytes worth answering before `max_wait_ms` is over.
    pub min_bytes: i32,
    /// Limit of the whole response in bytes; the first batch is sent even if it is larger (KIP-74).
    #[field(default = i32::MAX)]
    pub max_bytes: i32,
    /// Limit of the records to acquire; may be exceeded so that batches stay whole.
    pub max_records: i32,
    /// Number of records to acquire per batch, as a hint.
    pub batch_size: i32,
    /// 0 whole batches, 1 never more than `max_records` (KIP-1206).
    #[field(since = 2, ignorable)]
    pub share_acquire_mode: i8,
    /// Whether there are acknowledgements that renew the lock.
    #[field(since = 2)]
    pub is_renew_ack: bool,
    /// The topics.
    pub topics: Vec<FetchTopic>,
    /// Partitions to drop from the session.
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareFetchRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchTopic {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<FetchPartition>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FetchTopic::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchPartition {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Ranges of offsets and what becomes of them.
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FetchPartition::acknowledgement_batches`].
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

/// An element of [`ShareFetchRequest::forgotten_topics_data`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ForgottenTopic {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Numbers of the partitions to drop.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 78, versions = 1..=2, flexible = 0..)]
pub struct ShareFetchResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// How long acquired records stay locked for the member, in ms.
    pub acquisition_lock_timeout_ms: i32,
    /// Outcome, one per item of the request.
    pub responses: Vec<ShareFetchableTopicResponse>,
    /// Endpoints of the nodes the answer refers to.
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareFetchResponse::responses`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ShareFetchableTopicResponse {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareFetchableTopicResponse::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// Outcome of the acknowledgements that came with the fetch.
    #[field(counted = false)]
    pub acknowledge_error_code: i16,
    /// Text for `acknowledge_error_code`.
    #[field(default = null)]
    pub acknowledge_error_message: Option<StrBytes>,
    /// Who leads now.
    pub current_leader: LeaderIdAndEpoch,
    /// Record batches.
    pub records: Records,
    /// Ranges of offsets that are now locked for this member.
    pub acquired_records: Vec<AcquiredRecords>,
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

/// An element of [`PartitionData::acquired_records`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AcquiredRecords {
    /// First offset of the range, inclusive.
    pub first_offset: i64,
    /// Last offset of the range, inclusive.
    pub last_offset: i64,
    /// How often the records have been delivered.
    pub delivery_count: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`ShareFetchResponse::node_endpoints`].
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
