//! Keys of topics.

use crate::key::{HOURS, MINUTES};
use crate::keys;

keys! { DEFS;
    /// What happens to old segments: `delete` by age and size, `compact` to the latest record of each key,
    /// or both.
    CLEANUP_POLICY: Vec<String> = "cleanup.policy", default("delete"), any_of(&["compact", "delete"]), Medium, Resource, from(&[("log.cleanup.policy", 1)]), supported;

    /// Level for gzip when the broker compresses, 1 (fast) to 9 (small); -1: the codec's own default.
    COMPRESSION_GZIP_LEVEL: i32 = "compression.gzip.level", default(-1), GzipLevel, Medium, Resource, from(&[("compression.gzip.level", 1)]), supported;

    /// Level for lz4 when the broker compresses, 1 (fast) to 17 (small).
    COMPRESSION_LZ4_LEVEL: i32 = "compression.lz4.level", default(9), between(1, 17), Medium, Resource, from(&[("compression.lz4.level", 1)]), supported;

    /// Codec in which batches are stored. `producer` keeps what the producer chose; `uncompressed` stores
    /// without compression.
    COMPRESSION_TYPE: String = "compression.type", default("producer"), OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), Medium, Resource, from(&[("compression.type", 1)]), supported;

    /// Level for zstd when the broker compresses, -131072 (fast) to 22 (small).
    COMPRESSION_ZSTD_LEVEL: i32 = "compression.zstd.level", default(3), between(-131072, 22), Medium, Resource, from(&[("compression.zstd.level", 1)]), supported;

    /// How long tombstones and transaction markers of a compacted topic are kept, in milliseconds.
    DELETE_RETENTION_MS: i64 = "delete.retention.ms", default(86400000), at_least(0), Medium, Resource, from(&[("log.cleaner.delete.retention.ms", 1)]), supported;

    /// Whether share groups may use the topic as their dead-letter queue (KIP-1191, of Kafka 4.4). Listed only where it is
    /// set.
    ERRORS_DEADLETTERQUEUE_GROUP_ENABLE: bool = "errors.deadletterqueue.group.enable", default(false), Any, Medium, Resource, supported;

    /// How long files of deleted segments stay on disk, in milliseconds.
    FILE_DELETE_DELAY_MS: i64 = "file.delete.delay.ms", default(60000), at_least(0), Medium, Resource, from(&[("log.segment.delete.delay.ms", 1)]), supported;

    /// Number of records after which the partition is flushed to disk.
    FLUSH_MESSAGES: i64 = "flush.messages", default(9223372036854775807), at_least(1), Medium, Resource, from(&[("log.flush.interval.messages", 1)]), supported;

    /// Time after which unflushed records are flushed to disk, in milliseconds.
    FLUSH_MS: i64 = "flush.ms", default(9223372036854775807), at_least(0), Medium, Resource, from(&[("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)]), supported;

    /// Replicas throttled as followers, `partition:broker,...`, or `*` for all.
    FOLLOWER_REPLICATION_THROTTLED_REPLICAS: Vec<String> = "follower.replication.throttled.replicas", default(""), ThrottledReplicas, Medium, Resource, supported;

    /// Bytes of records between two entries of the offset index.
    INDEX_INTERVAL_BYTES: i32 = "index.interval.bytes", default(4096), at_least(0), Medium, Resource, from(&[("log.index.interval.bytes", 1)]), supported;

    /// Size at which a new segment is started, in bytes; replaces `segment.bytes` without its lower bound,
    /// for tests.
    INTERNAL_SEGMENT_BYTES: Option<i32> = "internal.segment.bytes", null, Any, Medium, Resource, internal, supported;

    /// Replicas throttled as leaders, `partition:broker,...`, or `*` for all.
    LEADER_REPLICATION_THROTTLED_REPLICAS: Vec<String> = "leader.replication.throttled.replicas", default(""), ThrottledReplicas, Medium, Resource, supported;

    /// Bytes of a tiered partition kept on local disk; -2: as `retention.bytes`.
    LOCAL_RETENTION_BYTES: i64 = "local.retention.bytes", default(-2), at_least(-2), Medium, Resource, from(&[("log.local.retention.bytes", 1)]);

    /// Age up to which segments of a tiered partition stay on local disk, in milliseconds; -2: as
    /// `retention.ms`.
    LOCAL_RETENTION_MS: i64 = "local.retention.ms", default(-2), at_least(-2), Medium, Resource, from(&[("log.local.retention.ms", 1)]);

    /// A record is compacted after this long at the latest, in milliseconds.
    MAX_COMPACTION_LAG_MS: i64 = "max.compaction.lag.ms", default(9223372036854775807), at_least(1), Medium, Resource, from(&[("log.cleaner.max.compaction.lag.ms", 1)]), supported;

    /// Largest record batch accepted, in bytes, after compression.
    MAX_MESSAGE_BYTES: i32 = "max.message.bytes", default(1048588), at_least(0), Medium, Resource, from(&[("message.max.bytes", 1)]), supported;

    /// How far a record's timestamp may lie ahead of the broker's clock, in milliseconds. Only for
    /// CreateTime.
    MESSAGE_TIMESTAMP_AFTER_MAX_MS: i64 = "message.timestamp.after.max.ms", default(3600000), at_least(0), Medium, Resource, from(&[("log.message.timestamp.after.max.ms", 1)]), supported;

    /// How far a record's timestamp may lie behind the broker's clock, in milliseconds. Only for
    /// CreateTime.
    MESSAGE_TIMESTAMP_BEFORE_MAX_MS: i64 = "message.timestamp.before.max.ms", default(9223372036854775807), at_least(0), Medium, Resource, from(&[("log.message.timestamp.before.max.ms", 1)]), supported;

    /// Whether records keep the producer's timestamp (`CreateTime`) or get that of the append
    /// (`LogAppendTime`).
    MESSAGE_TIMESTAMP_TYPE: String = "message.timestamp.type", default("CreateTime"), OneOf(&["CreateTime", "LogAppendTime"]), Medium, Resource, from(&[("log.message.timestamp.type", 1)]), supported;

    /// Share of the log that has to be uncleaned before it is compacted.
    MIN_CLEANABLE_DIRTY_RATIO: f64 = "min.cleanable.dirty.ratio", default(0.5), between(0, 1), Medium, Resource, from(&[("log.cleaner.min.cleanable.ratio", 1)]), supported;

    /// A record stays uncompacted for at least this long, in milliseconds.
    MIN_COMPACTION_LAG_MS: i64 = "min.compaction.lag.ms", default(0), at_least(0), Medium, Resource, from(&[("log.cleaner.min.compaction.lag.ms", 1)]), supported;

    /// Least number of in-sync replicas, the leader among them, with which a write with acks=all succeeds.
    MIN_INSYNC_REPLICAS: i32 = "min.insync.replicas", default(1), at_least(1), Medium, Resource, from(&[("min.insync.replicas", 1)]), supported;

    /// Whether a new segment's file gets its full size at once.
    PREALLOCATE: bool = "preallocate", default(false), Any, Medium, Resource, from(&[("log.preallocate", 1)]), supported;

    /// Whether copying to remote storage has stopped for a topic whose remote segments stay readable.
    REMOTE_LOG_COPY_DISABLE: bool = "remote.log.copy.disable", default(false), Any, Medium, Resource;

    /// Whether remote segments are deleted when tiered storage is turned off for the topic.
    REMOTE_LOG_DELETE_ON_DISABLE: bool = "remote.log.delete.on.disable", default(false), Any, Medium, Resource;

    /// Whether the topic uses tiered storage.
    REMOTE_STORAGE_ENABLE: bool = "remote.storage.enable", default(false), Any, Medium, Resource;

    /// Size from which a partition's oldest segments are deleted, in bytes; -1: no limit.
    RETENTION_BYTES: i64 = "retention.bytes", default(-1), Any, Medium, Resource, from(&[("log.retention.bytes", 1)]), supported;

    /// Age from which segments are deleted, in milliseconds; -1: no limit.
    RETENTION_MS: i64 = "retention.ms", default(604800000), at_least(-1), Medium, Resource, from(&[("log.retention.ms", 1), ("log.retention.minutes", MINUTES), ("log.retention.hours", HOURS)]), supported;

    /// Size at which a new segment is started, in bytes.
    SEGMENT_BYTES: i32 = "segment.bytes", default(1073741824), at_least(1048576), Medium, Resource, from(&[("log.segment.bytes", 1)]), supported;

    /// Largest size of an offset index, in bytes; a full one starts a new segment.
    SEGMENT_INDEX_BYTES: i32 = "segment.index.bytes", default(10485760), at_least(4), Medium, Resource, from(&[("log.index.size.max.bytes", 1)]), supported;

    /// Largest random amount taken from `segment.ms`, in milliseconds, so that not all partitions roll at
    /// once.
    SEGMENT_JITTER_MS: i64 = "segment.jitter.ms", default(0), at_least(0), Medium, Resource, from(&[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", HOURS)]), supported;

    /// Age at which a new segment is started, in milliseconds.
    SEGMENT_MS: i64 = "segment.ms", default(604800000), at_least(1), Medium, Resource, from(&[("log.roll.ms", 1), ("log.roll.hours", HOURS)]), supported;

    /// Whether a replica that was not in sync may become leader, at the price of lost records.
    UNCLEAN_LEADER_ELECTION_ENABLE: bool = "unclean.leader.election.enable", default(false), Any, Medium, Resource, from(&[("unclean.leader.election.enable", 1)]), supported;
}
