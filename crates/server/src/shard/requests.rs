//! What can be asked of a shard.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
pub use klamm_log::TopicPartition;
use klamm_log::{
    FileSlice, VerificationGuard,
    cleaner::{Cleanable, CleanedSegment, CleanerSettings, Cleaning, CleaningId},
};
use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::{
        describe_producers::ProducerState,
        fetch::{AbortedTransaction, EpochEndOffset},
    },
    records::AppendOrigin,
};
use tokio::sync::oneshot;

use super::watch::FetchWatch;
use crate::{
    coordinator::{
        driver::Asked, shares::driver::Asked as AskedOfShare,
        transactions::driver::Asked as AskedOfTransaction,
    },
    error::ApiError,
    listener::{connection::NewConnection, memory_pool::PoolBytes, queue::QueuePlace},
    metadata_change::MetadataChange,
    metrics::measures::ShardMeasures,
    share::partitions::{
        acknowledge::{AcknowledgeRequest, ReleaseRequest},
        visit::VisitRequest,
    },
};

/// Where an answer goes.
pub type Reply<T> = oneshot::Sender<T>;

/// Everything that a shard does.
#[derive(Debug)]
pub enum ShardRequest {
    /// Serves a new connection.
    Serve(Box<NewConnection>),
    /// Appends batches as the leader.
    Append(AppendRequest),
    /// Starts the verification of transactions (KIP-890).
    Verify {
        /// What is to be appended.
        batches: Vec<Unverified>,
        /// In the same order; `None`: the transaction is open in that partition already.
        reply: Reply<Vec<Result<Option<VerificationGuard>, ApiError>>>,
    },
    /// Reads batches.
    Read(ReadRequest),
    /// Looks offsets up, by timestamp or by what is special about them.
    ListOffsets {
        /// What to look up.
        queries: Vec<OffsetQuery>,
        /// Answers in the same order.
        reply: Reply<Vec<Result<OffsetAnswer, ApiError>>>,
    },
    /// Tells where leader epochs end.
    EpochEnds {
        /// Partition, the epoch that the caller believes in (-1: any) and the epoch asked for.
        queries: Vec<(TopicPartition, i32, i32)>,
        /// Answers in the same order.
        reply: Reply<Vec<Result<EpochEndOffset, ApiError>>>,
    },
    /// Raises log start offsets.
    DeleteRecords {
        /// Partition and first offset to keep; -1 is the high watermark.
        queries: Vec<(TopicPartition, i64)>,
        /// How long to wait until every live replica has done so.
        timeout: Duration,
        /// The lowest log start offset of all live replicas, in the same order.
        reply: Reply<Vec<Result<i64, ApiError>>>,
    },
    /// Lists the producers that a partition knows.
    Producers {
        /// The partitions.
        partitions: Vec<TopicPartition>,
        /// Answers in the same order.
        reply: Reply<Vec<Result<Vec<ProducerState>, ApiError>>>,
    },
    /// Moves partitions into other log directories.
    MoveReplicas {
        /// Each with the index of the directory.
        moves: Vec<(TopicPartition, usize)>,
        /// Answers in the same order, when the moves have begun.
        reply: Reply<Vec<Result<(), ApiError>>>,
    },
    /// Lists partitions with their sizes.
    Sizes {
        /// One entry for each partition.
        reply: Reply<Vec<PartitionSize>>,
    },
    /// Copies what the shard has counted.
    Measure {
        /// The numbers.
        reply: Reply<ShardMeasures>,
    },
    /// Opens, changes and drops partitions.
    ApplyMetadata {
        /// What changed.
        change: Arc<MetadataChange>,
        /// Answered when it is done, with the topics of which partitions are not opened yet: the checkpoint files may still
        /// say something of other logs of their names.
        reply: Reply<BTreeSet<Uuid>>,
    },
    /// Has the group coordinator of a partition of `__consumer_offsets` carry out a request.
    Coordinate {
        /// The partition.
        partition: i32,
        /// The request, with where its answer goes.
        asked: Box<Asked>,
    },
    /// Lists the partitions of `__consumer_offsets` that have a coordinator here.
    CoordinatedPartitions {
        /// Their indexes.
        reply: Reply<Vec<i32>>,
    },
    /// Has the transaction coordinator of a partition of `__transaction_state` carry out a request.
    CoordinateTransaction {
        /// The partition.
        partition: i32,
        /// The request, with where its answer goes.
        asked: Box<AskedOfTransaction>,
    },
    /// Lists the partitions of `__transaction_state` that have a coordinator here.
    TransactionPartitions {
        /// Their indexes.
        reply: Reply<Vec<i32>>,
    },
    /// Has the share coordinator of a partition of `__share_group_state` carry out requests.
    CoordinateShares {
        /// The partition.
        partition: i32,
        /// The requests, each with where its answer goes.
        asked: Vec<AskedOfShare>,
    },
    /// Serves a share group's fetch.
    ShareFetch(Box<VisitRequest>),
    /// Takes a share group's acknowledgements.
    ShareAcknowledge(Box<AcknowledgeRequest>),
    /// Takes back what a member of a share group has that is gone.
    ShareRelease(ReleaseRequest),
    /// Gives up what is in memory of a share group that has nobody left here.
    ShareForget {
        /// The group.
        group: StrBytes,
    },
    /// Gathers what the checkpoint files of each log directory say.
    Checkpoints {
        /// By partition: the directory and its offsets.
        reply: Reply<BTreeMap<TopicPartition, PartitionOffsets>>,
    },
    /// Lists the logs that could be compacted.
    Cleanable {
        /// In no order.
        reply: Reply<Vec<CleanableLog>>,
    },
    /// What a log cleaner wants of a partition's log.
    Clean {
        /// The partition.
        at: TopicPartition,
        /// What it wants.
        request: CleanRequest,
    },
    /// Ends the shard: flushes and closes its partitions.
    Stop {
        /// The final offsets.
        reply: Reply<BTreeMap<TopicPartition, PartitionOffsets>>,
    },
}

/// A log that could be compacted.
#[derive(Debug)]
pub struct CleanableLog {
    /// The partition.
    pub at: TopicPartition,
    /// Index of its log directory.
    pub log_dir: usize,
    /// How dirty it is.
    pub cleanable: Cleanable,
    /// How dirty it has to be before it is worth the while.
    pub dirty_ratio_min: f64,
}

/// What a log cleaner wants of a log.
#[derive(Debug)]
pub enum CleanRequest {
    /// To begin a round.
    Start {
        /// What the round may use.
        settings: CleanerSettings,
        /// The round; `None` if there is nothing to be done, or not here.
        reply: Reply<Option<Box<Cleaning>>>,
    },
    /// To put a segment in place.
    Swap {
        /// The segment.
        segment: Arc<CleanedSegment>,
        /// Whether it was put in place.
        reply: Reply<bool>,
    },
    /// To end the round.
    End {
        /// Which.
        id: CleaningId,
        /// Up to where the log is clean now; `None` if it cannot be cleaned.
        end_offset: Option<i64>,
    },
}

/// Batches for partitions of one shard.
#[derive(Debug)]
pub struct AppendRequest {
    /// What goes where.
    pub partitions: Vec<PartitionAppend>,
    /// -1: answer when all in-sync replicas have them; 0 or 1: when the leader has.
    pub acks: i16,
    /// How long to wait for replicas.
    pub timeout: Duration,
    /// The version of Produce, which bounds what a batch may be.
    pub api_version: i16,
    /// Who appends.
    pub origin: AppendOrigin,
    /// Its place in the queue of clients' requests, given back when the shard takes it up.
    pub place: Option<QueuePlace>,
    /// The memory of the request that they came in, given back when they are appended.
    pub memory: Option<Arc<PoolBytes>>,
    /// Answers in the order of `partitions`.
    pub reply: Reply<Vec<AppendAnswer>>,
}

/// A batch for one partition.
#[derive(Debug)]
pub struct PartitionAppend {
    /// The partition.
    pub at: TopicPartition,
    /// The batch.
    pub records: Bytes,
    /// What there is to say of its transaction.
    pub transactional: Transactional,
}

/// What a batch's sender knows of its transaction, beyond what is in the batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transactional {
    /// Of a transaction's first batch in a partition: that the coordinator knows of it (KIP-890).
    pub guard: Option<VerificationGuard>,
    /// Of a marker: `transaction.version` by which the transaction was decided (KIP-1228).
    pub version: i16,
}

/// The first batch of a transaction in a partition, before it is sent there.
#[derive(Debug, Clone)]
pub struct Unverified {
    /// The partition.
    pub at: TopicPartition,
    /// The producer.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Of the batch.
    pub base_sequence: i32,
    /// Whether the producer's epoch is raised with every transaction.
    pub raises_epochs: bool,
}

/// What became of one partition's batches.
pub type AppendAnswer = Result<Appended, Box<AppendRefusal>>;

/// Batches that are in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: i64,
    /// The offset after the last one.
    pub end_offset: i64,
    /// The time that the log gave the records, if the topic sets timestamps; -1 otherwise.
    pub log_append_time_ms: i64,
    /// First offset of the log.
    pub log_start_offset: i64,
}

/// Batches that were not appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendRefusal {
    /// Why.
    pub error: ApiError,
    /// Records at fault: index in the batch, and why (KIP-467).
    pub records: Vec<(i32, String)>,
    /// First offset of the log, -1 if unknown.
    pub log_start_offset: i64,
}

impl From<ApiError> for Box<AppendRefusal> {
    fn from(error: ApiError) -> Self {
        Self::new(AppendRefusal { error, records: Vec::new(), log_start_offset: -1 })
    }
}

/// A read of partitions of one shard.
#[derive(Debug)]
pub struct ReadRequest {
    /// What to read, in the order in which limits are spent.
    pub partitions: Vec<PartitionRead>,
    /// How far a reader may see.
    pub isolation: Isolation,
    /// Who reads.
    pub reader: Reader,
    /// Brokers closer to the consumer than this one (KIP-392): a partition whose leader is here sends the consumer to
    /// the one that has most, if any of them is in sync.
    pub closer: Option<Arc<[i32]>>,
    /// If the read finds less than this many bytes, and no error, it leaves the watch with every partition.
    pub watch: Option<Arc<FetchWatch>>,
    /// Answers in the same order.
    pub reply: Reply<Vec<PartitionReadAnswer>>,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A consumer that may only read from the leader.
    OfLeader,
    /// A consumer that may read from any replica (KIP-392).
    OfAny,
    /// A follower, whose reading tells how far it is.
    Follower {
        /// Its broker's id.
        id: i32,
        /// Its broker's epoch, -1 if it does not say.
        broker_epoch: i64,
        /// False if it has told with an earlier read of the same request.
        is_news: bool,
    },
}

/// How far a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Up to the high watermark.
    Uncommitted,
    /// Up to the last stable offset.
    Committed,
    /// Up to the end of the log: followers.
    LogEnd,
}

/// A read of one partition.
#[derive(Debug, Clone)]
pub struct PartitionRead {
    /// The partition.
    pub at: TopicPartition,
    /// Its topic's id, if the client named it.
    pub topic_id: Uuid,
    /// First offset wanted.
    pub fetch_offset: i64,
    /// First offset of a follower's own log.
    pub log_start_offset: i64,
    /// Most bytes wanted; a first batch that is larger comes whole.
    pub bytes_max: u32,
    /// The leader epoch that the client believes in; -1: any.
    pub current_leader_epoch: i32,
    /// The epoch of the last record that the client has; -1: unknown.
    pub last_fetched_epoch: i32,
}

/// What a read of one partition found.
#[derive(Debug, Clone)]
pub struct PartitionReadAnswer {
    /// What went wrong.
    pub error: ErrorCode,
    /// Offset up to which consumers may read.
    pub high_watermark: i64,
    /// Offset up to which committed reads may go.
    pub last_stable_offset: i64,
    /// First offset of the log.
    pub log_start_offset: i64,
    /// Where the client's log departs from this one (KIP-595).
    pub diverging_epoch: Option<EpochEndOffset>,
    /// Transactions whose records a committed reader has to skip.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// The batches.
    pub records: Option<FileSlice>,
    /// The replica to read from instead.
    pub preferred_replica: Option<i32>,
    /// Whether what followers get of it counts against `leader.replication.throttled.rate`.
    pub is_throttled: bool,
    /// Whether the batches are of an older segment than those that may be read last: this is all that a read gives of it.
    pub ends_segment: bool,
}

impl PartitionReadAnswer {
    /// A read that failed, with no offsets to tell.
    pub const fn failed(error: ErrorCode) -> Self {
        Self {
            error,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging_epoch: None,
            aborted_transactions: None,
            records: None,
            preferred_replica: None,
            is_throttled: false,
            ends_segment: false,
        }
    }

    /// Bytes found.
    pub fn bytes(&self) -> u32 {
        self.records.as_ref().map_or(0, |slice| slice.len)
    }
}

/// One lookup of an offset.
#[derive(Debug, Clone)]
pub struct OffsetQuery {
    /// The partition.
    pub at: TopicPartition,
    /// The leader epoch that the client believes in; -1: any.
    pub current_leader_epoch: i32,
    /// Whether any replica may answer, not just the leader.
    pub of_any: bool,
    /// A time in milliseconds since 1970, or one of Kafka's negative codes.
    pub timestamp: i64,
    /// How far the caller may see.
    pub isolation: Isolation,
}

/// An offset that was looked up; -1 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetAnswer {
    /// Timestamp of the record found.
    pub timestamp: i64,
    /// Its offset.
    pub offset: i64,
    /// The leader epoch it was written in.
    pub leader_epoch: i32,
}

/// A partition's place and size.
#[derive(Debug, Clone)]
pub struct PartitionSize {
    /// The partition.
    pub at: TopicPartition,
    /// Index of its log directory.
    pub log_dir: usize,
    /// Bytes of all segments.
    pub bytes: u64,
    /// How far this log's end lies behind the high watermark; a copy's behind the log.
    pub offset_lag: i64,
    /// Whether it is the copy of a partition that moves there.
    pub is_future: bool,
}

/// What the checkpoint files say of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartitionOffsets {
    /// Index of its log directory.
    pub log_dir: usize,
    /// Everything before it is on the disk.
    pub recovery_point: i64,
    /// First offset of the log.
    pub log_start_offset: i64,
    /// See the glossary.
    pub high_watermark: i64,
    /// Up to where it was compacted.
    pub cleaner_checkpoint: Option<i64>,
}
