//! Fetch (key 1): reads record batches, for consumers, followers and the quorum's replicas.
//!
//! * v4 isolation level (KIP-98)
//! * v5 log start offset
//! * v7 fetch sessions (KIP-227)
//! * v9 leader epoch (KIP-320)
//! * v10 zstd
//! * v11 rack and preferred replica (KIP-392)
//! * v12 flexible, divergence (KIP-595)
//! * v13 topic ids (KIP-516)
//! * v14 OFFSET_MOVED_TO_TIERED_STORAGE (KIP-405)
//! * v15 replica state with broker epoch (KIP-903)
//! * v16 endpoints of new leaders (KIP-951)
//! * v17 directory id (KIP-853)
//! * v18 high watermark of the follower (KIP-1166)
//!
//! Errors per partition, among others: OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION,
//! NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, UNKNOWN_TOPIC_ID,
//! INCONSISTENT_TOPIC_ID; of the session: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH,
//! FETCH_SESSION_TOPIC_ID_ERROR.

use crate::Message;
use crate::wire::{RawTaggedField, Records, StrBytes, Uuid};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 1, versions = 4..=18, flexible = 12.., listeners = [Broker, Controller])]
pub struct FetchRequest {
    /// Id of the cluster, checked by the controller if set.
    #[field(tag = 0, since = 12, default = null, ignorable)]
    pub cluster_id: Option<StrBytes>,
    /// Node id of the follower, -1 for a consumer; in `replica_state` from v15 on.
    #[field(until = 14, default = -1)]
    pub replica_id: i32,
    /// Which follower fetches.
    #[field(tag = 1, since = 15)]
    pub replica_state: ReplicaState,
    /// How long to wait for `min_bytes`, in ms.
    pub max_wait_ms: i32,
    /// Least bytes worth answering before `max_wait_ms` is over.
    pub min_bytes: i32,
    /// Limit of the whole response in bytes; the first batch is sent even if it is larger (KIP-74).
    #[field(default = i32::MAX, ignorable)]
    pub max_bytes: i32,
    /// 0 reads everything, 1 only up to the last stable offset (committed transactions).
    #[field(ignorable)]
    pub isolation_level: i8,
    /// Id of the fetch session, 0 for none (KIP-227).
    #[field(since = 7, ignorable)]
    pub session_id: i32,
    /// Epoch of the session: 0 starts a full fetch, -1 stays outside of sessions, otherwise one more
    /// than before (KIP-227).
    #[field(since = 7, default = -1, ignorable)]
    pub session_epoch: i32,
    /// The topics.
    pub topics: Vec<FetchTopic>,
    /// Partitions to drop from the session.
    #[field(since = 7)]
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    /// Rack of the client.
    #[field(since = 11, ignorable)]
    pub rack_id: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`FetchRequest::replica_state`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ReplicaState {
    /// Node id.
    #[field(default = -1)]
    pub replica_id: i32,
    /// Epoch of the replica: of the broker's registration in a fetch, of the election in a vote.
    #[field(default = -1)]
    pub replica_epoch: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FetchRequest::topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchTopic {
    /// Name of the topic.
    #[field(until = 12, ignorable)]
    pub topic: StrBytes,
    /// Id of the topic.
    #[field(since = 13, ignorable)]
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
    pub partition: i32,
    /// Leader epoch the client knows, -1 for no check: lets the broker fence outdated clients
    /// (KIP-320).
    #[field(since = 9, default = -1, ignorable)]
    pub current_leader_epoch: i32,
    /// Offset to read from.
    pub fetch_offset: i64,
    /// Leader epoch of the last record the fetcher has, -1 for none; lets the leader detect
    /// divergence (KIP-595).
    #[field(since = 12, default = -1)]
    pub last_fetched_epoch: i32,
    /// Log start offset of the follower, -1 from consumers.
    #[field(since = 5, default = -1, ignorable)]
    pub log_start_offset: i64,
    /// Limit for this partition in bytes; the first batch is sent even if it is larger (KIP-74).
    pub partition_max_bytes: i32,
    /// Directory id of the replica, zero if unknown (KIP-853).
    #[field(tag = 0, since = 17, ignorable)]
    pub replica_directory_id: Uuid,
    /// High watermark the follower knows, -1 if none; i64::MAX from one that does not tell
    /// (KIP-1166).
    #[field(tag = 1, since = 18, default = i64::MAX, ignorable)]
    pub high_watermark: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FetchRequest::forgotten_topics_data`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct ForgottenTopic {
    /// Name of the topic.
    #[field(until = 12, ignorable)]
    pub topic: StrBytes,
    /// Id of the topic.
    #[field(since = 13, ignorable)]
    pub topic_id: Uuid,
    /// Numbers of the partitions to drop.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 1, versions = 4..=18, flexible = 12..)]
pub struct FetchResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    #[field(ignorable)]
    pub throttle_time_ms: i32,
    /// Error, 0 for none.
    #[field(since = 7, ignorable)]
    pub error_code: i16,
    /// Id of the fetch session, 0 for none (KIP-227).
    #[field(since = 7)]
    pub session_id: i32,
    /// Outcome, one per item of the request.
    pub responses: Vec<FetchableTopicResponse>,
    /// Endpoints of the nodes the answer refers to.
    #[field(tag = 0, since = 16)]
    pub node_endpoints: Vec<NodeEndpoint>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FetchResponse::responses`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct FetchableTopicResponse {
    /// Name of the topic.
    #[field(until = 12, ignorable)]
    pub topic: StrBytes,
    /// Id of the topic.
    #[field(since = 13, ignorable)]
    pub topic_id: Uuid,
    /// The partitions.
    pub partitions: Vec<PartitionData>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FetchableTopicResponse::partitions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct PartitionData {
    /// Number of the partition within the topic.
    pub partition_index: i32,
    /// Error, 0 for none.
    pub error_code: i16,
    /// High watermark, -1 on error.
    pub high_watermark: i64,
    /// Last stable offset: end of what is decided, no open transaction before it.
    #[field(default = -1, ignorable)]
    pub last_stable_offset: i64,
    /// First offset that the log has, -1 if unknown.
    #[field(since = 5, default = -1, ignorable)]
    pub log_start_offset: i64,
    /// Set if the follower's log diverges: the largest epoch both may share, and its end.
    #[field(tag = 0, since = 12)]
    pub diverging_epoch: EpochEndOffset,
    /// Who leads now.
    #[field(tag = 1, since = 12)]
    pub current_leader: LeaderIdAndEpoch,
    /// End offset and epoch that name the snapshot.
    #[field(tag = 2, since = 12)]
    pub snapshot_id: SnapshotId,
    /// Aborted transactions that reach into the batches, for readers of committed records; null for
    /// others.
    #[field(ignorable)]
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// Node id of a replica closer to the consumer that it should read from, -1 for none (KIP-392).
    #[field(since = 11, default = -1)]
    pub preferred_read_replica: i32,
    /// Record batches.
    pub records: Option<Records>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`PartitionData::diverging_epoch`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct EpochEndOffset {
    /// Epoch.
    #[field(default = -1)]
    pub epoch: i32,
    /// End offset of that epoch, -1 if unknown.
    #[field(default = -1)]
    pub end_offset: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`PartitionData::current_leader`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct LeaderIdAndEpoch {
    /// Node id of the leader, -1 for none.
    #[field(default = -1)]
    pub leader_id: i32,
    /// Epoch of the leader.
    #[field(default = -1)]
    pub leader_epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`PartitionData::snapshot_id`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct SnapshotId {
    /// End offset of the log the snapshot stands for, exclusive; -1 for none.
    #[field(default = -1)]
    pub end_offset: i64,
    /// Epoch of the last record the snapshot stands for.
    #[field(default = -1)]
    pub epoch: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`PartitionData::aborted_transactions`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct AbortedTransaction {
    /// Producer id.
    pub producer_id: i64,
    /// First offset of the range, inclusive.
    pub first_offset: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`FetchResponse::node_endpoints`].
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
