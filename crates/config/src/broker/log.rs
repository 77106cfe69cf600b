//! Log directories, segments, retention, compaction and flushing.

use crate::keys;

keys! { DEFS;
    /// Level for gzip when the broker compresses, 1 (fast) to 9 (small); -1: the codec's own default.
    COMPRESSION_GZIP_LEVEL: i32 = "compression.gzip.level", default(-1), GzipLevel, Medium, ClusterWide, supported;

    /// Level for lz4 when the broker compresses, 1 (fast) to 17 (small).
    COMPRESSION_LZ4_LEVEL: i32 = "compression.lz4.level", default(9), between(1, 17), Medium, ClusterWide, supported;

    /// Codec in which batches are stored. `producer` keeps what the producer chose; `uncompressed` stores
    /// without compression.
    COMPRESSION_TYPE: String = "compression.type", default("producer"), OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), High, ClusterWide, supported;

    /// Level for zstd when the broker compresses, -131072 (fast) to 22 (small).
    COMPRESSION_ZSTD_LEVEL: i32 = "compression.zstd.level", default(3), between(-131072, 22), Medium, ClusterWide, supported;

    /// Log directories on which no new partitions are placed; `*` stands for all. Entries must appear in
    /// `log.dirs`.
    CORDONED_LOG_DIRS: Vec<String> = "cordoned.log.dirs", default(""), LIST_OR_NULL, Medium, PerBroker, supported;

    /// Wait of an idle log cleaner before it looks for work again, in milliseconds.
    LOG_CLEANER_BACKOFF_MS: i64 = "log.cleaner.backoff.ms", default(15000), at_least(0), Medium, ClusterWide, supported;

    /// Memory of all log cleaner threads for finding the latest record of each key, in bytes.
    LOG_CLEANER_DEDUPE_BUFFER_SIZE: i64 = "log.cleaner.dedupe.buffer.size", default(134217728), Any, Medium, ClusterWide, supported;

    /// How long tombstones and transaction markers of compacted topics are kept, in milliseconds.
    LOG_CLEANER_DELETE_RETENTION_MS: i64 = "log.cleaner.delete.retention.ms", default(86400000), at_least(0), Medium, ClusterWide, supported;

    /// Whether the log cleaner runs. Without it compacted topics, also the internal ones, grow for ever.
    LOG_CLEANER_ENABLE: bool = "log.cleaner.enable", default(true), Any, Medium, ReadOnly, supported;

    /// How full the dedupe buffer may become, as a share of its slots.
    LOG_CLEANER_IO_BUFFER_LOAD_FACTOR: f64 = "log.cleaner.io.buffer.load.factor", default(0.9), Any, Medium, ClusterWide, supported;

    /// Memory of all log cleaner threads for reading and writing, in bytes.
    LOG_CLEANER_IO_BUFFER_SIZE: i32 = "log.cleaner.io.buffer.size", default(524288), at_least(0), Medium, ClusterWide, supported;

    /// Most bytes per second that the log cleaner reads and writes together.
    LOG_CLEANER_IO_MAX_BYTES_PER_SECOND: f64 = "log.cleaner.io.max.bytes.per.second", default("1.7976931348623157E308"), Any, Medium, ClusterWide, supported;

    /// A record is compacted after this long at the latest, in milliseconds.
    LOG_CLEANER_MAX_COMPACTION_LAG_MS: i64 = "log.cleaner.max.compaction.lag.ms", default(9223372036854775807), at_least(1), Medium, ClusterWide, supported;

    /// Share of a log that has to be uncleaned before it is compacted.
    LOG_CLEANER_MIN_CLEANABLE_RATIO: f64 = "log.cleaner.min.cleanable.ratio", default(0.5), between(0, 1), Medium, ClusterWide, supported;

    /// A record stays uncompacted for at least this long, in milliseconds.
    LOG_CLEANER_MIN_COMPACTION_LAG_MS: i64 = "log.cleaner.min.compaction.lag.ms", default(0), at_least(0), Medium, ClusterWide, supported;

    /// Number of log cleaner threads.
    LOG_CLEANER_THREADS: i32 = "log.cleaner.threads", default(1), at_least(0), Medium, ClusterWide, supported;

    /// What happens to old segments: `delete`, `compact`, or both.
    LOG_CLEANUP_POLICY: Vec<String> = "log.cleanup.policy", default("delete"), any_of(&["compact", "delete"]), Medium, ClusterWide, supported;

    /// Log directory, used when `log.dirs` is not set.
    LOG_DIR: Vec<String> = "log.dir", default("/tmp/kafka-logs"), SOME, High, ReadOnly, supported;

    /// How long a broker that cannot tell the controller of a failed log directory goes on while it leads
    /// partitions there, in milliseconds.
    LOG_DIR_FAILURE_TIMEOUT_MS: i64 = "log.dir.failure.timeout.ms", default(30000), at_least(1), Low, ReadOnly, supported;

    /// Log directories, separated by commas. Unset: `log.dir`.
    LOG_DIRS: Option<Vec<String>> = "log.dirs", null, SOME_OR_NULL, High, ReadOnly, supported;

    /// Number of records after which a partition is flushed to disk.
    LOG_FLUSH_INTERVAL_MESSAGES: i64 = "log.flush.interval.messages", default(9223372036854775807), at_least(1), High, ClusterWide, supported;

    /// Time after which a partition with unflushed records is flushed to disk, in milliseconds. Unset:
    /// `log.flush.scheduler.interval.ms`.
    LOG_FLUSH_INTERVAL_MS: Option<i64> = "log.flush.interval.ms", null, Any, High, ClusterWide, supported;

    /// Time between two writes of the recovery point checkpoint, in milliseconds. The checkpoint files are written
    /// together, at the shortest of their intervals.
    LOG_FLUSH_OFFSET_CHECKPOINT_INTERVAL_MS: i32 = "log.flush.offset.checkpoint.interval.ms", default(60000), at_least(0), High, ReadOnly, supported;

    /// Time between two searches for partitions to flush, in milliseconds.
    LOG_FLUSH_SCHEDULER_INTERVAL_MS: i64 = "log.flush.scheduler.interval.ms", default(9223372036854775807), Any, High, ReadOnly, supported;

    /// Time between two writes of the log start offset checkpoint, in milliseconds. The checkpoint files are written
    /// together, at the shortest of their intervals.
    LOG_FLUSH_START_OFFSET_CHECKPOINT_INTERVAL_MS: i32 = "log.flush.start.offset.checkpoint.interval.ms", default(60000), at_least(0), High, ReadOnly, supported;

    /// Bytes of records between two entries of the offset index.
    LOG_INDEX_INTERVAL_BYTES: i32 = "log.index.interval.bytes", default(4096), at_least(0), Medium, ClusterWide, supported;

    /// Largest size of an offset index, in bytes; a full one starts a new segment.
    LOG_INDEX_SIZE_MAX_BYTES: i32 = "log.index.size.max.bytes", default(10485760), at_least(4), Medium, ClusterWide, supported;

    /// Wait after the start before retention, flush and checkpoint tasks run, in milliseconds.
    LOG_INITIAL_TASK_DELAY_MS: i64 = "log.initial.task.delay.ms", default(30000), at_least(0), Low, ReadOnly, internal, supported;

    /// Bytes of a tiered partition kept on local disk; -2: as `log.retention.bytes`.
    LOG_LOCAL_RETENTION_BYTES: i64 = "log.local.retention.bytes", default(-2), at_least(-2), Medium, ClusterWide;

    /// Age up to which segments of a tiered partition stay on local disk, in milliseconds; -2: as
    /// `log.retention.ms`.
    LOG_LOCAL_RETENTION_MS: i64 = "log.local.retention.ms", default(-2), at_least(-2), Medium, ClusterWide;

    /// How far a record's timestamp may lie ahead of the broker's clock, in milliseconds. Only for
    /// CreateTime.
    LOG_MESSAGE_TIMESTAMP_AFTER_MAX_MS: i64 = "log.message.timestamp.after.max.ms", default(3600000), at_least(0), Medium, ClusterWide, supported;

    /// How far a record's timestamp may lie behind the broker's clock, in milliseconds. Only for
    /// CreateTime.
    LOG_MESSAGE_TIMESTAMP_BEFORE_MAX_MS: i64 = "log.message.timestamp.before.max.ms", default(9223372036854775807), at_least(0), Medium, ClusterWide, supported;

    /// Whether records keep the producer's timestamp (`CreateTime`) or get that of the append
    /// (`LogAppendTime`).
    LOG_MESSAGE_TIMESTAMP_TYPE: String = "log.message.timestamp.type", default("CreateTime"), OneOf(&["CreateTime", "LogAppendTime"]), Medium, ClusterWide, supported;

    /// Whether a new segment's file gets its full size at once.
    LOG_PREALLOCATE: bool = "log.preallocate", default(false), Any, Medium, ClusterWide, supported;

    /// Size from which a partition's oldest segments are deleted, in bytes; -1: no limit.
    LOG_RETENTION_BYTES: i64 = "log.retention.bytes", default(-1), Any, High, ClusterWide, supported;

    /// Time between two searches for segments to delete, in milliseconds.
    LOG_RETENTION_CHECK_INTERVAL_MS: i64 = "log.retention.check.interval.ms", default(300000), at_least(1), Medium, ReadOnly, supported;

    /// Age from which segments are deleted, in hours. Used when neither `log.retention.minutes` nor
    /// `log.retention.ms` is set.
    LOG_RETENTION_HOURS: i32 = "log.retention.hours", default(168), Any, High, ReadOnly, supported;

    /// Age from which segments are deleted, in minutes. Used when `log.retention.ms` is not set.
    LOG_RETENTION_MINUTES: Option<i32> = "log.retention.minutes", null, Any, High, ReadOnly, supported;

    /// Age from which segments are deleted, in milliseconds; -1: no limit. Unset: `log.retention.minutes`,
    /// then `log.retention.hours`.
    LOG_RETENTION_MS: Option<i64> = "log.retention.ms", null, Any, High, ClusterWide, supported;

    /// Age at which a new segment is started, in hours. Used when `log.roll.ms` is not set.
    LOG_ROLL_HOURS: i32 = "log.roll.hours", default(168), at_least(1), High, ReadOnly, supported;

    /// Largest random amount taken from the age at which a new segment is started, in hours. Used when
    /// `log.roll.jitter.ms` is not set.
    LOG_ROLL_JITTER_HOURS: i32 = "log.roll.jitter.hours", default(0), at_least(0), High, ReadOnly, supported;

    /// Largest random amount taken from the age at which a new segment is started, in milliseconds. Unset:
    /// `log.roll.jitter.hours`.
    LOG_ROLL_JITTER_MS: Option<i64> = "log.roll.jitter.ms", null, Any, High, ClusterWide, supported;

    /// Age at which a new segment is started, in milliseconds. Unset: `log.roll.hours`.
    LOG_ROLL_MS: Option<i64> = "log.roll.ms", null, Any, High, ClusterWide, supported;

    /// Size at which a new segment is started, in bytes.
    LOG_SEGMENT_BYTES: i32 = "log.segment.bytes", default(1073741824), at_least(1048576), High, ClusterWide, supported;

    /// How long files of deleted segments stay on disk, in milliseconds.
    LOG_SEGMENT_DELETE_DELAY_MS: i64 = "log.segment.delete.delay.ms", default(60000), at_least(0), High, ClusterWide, supported;

    /// Largest record batch accepted, in bytes, after compression.
    MESSAGE_MAX_BYTES: i32 = "message.max.bytes", default(1048588), at_least(0), High, ClusterWide, supported;

    /// Least number of in-sync replicas, the leader among them, with which a write with acks=all succeeds.
    MIN_INSYNC_REPLICAS: i32 = "min.insync.replicas", default(1), at_least(1), High, ClusterWide, supported;

    /// How many logs of each log directory are synced at the same time when the node stops. At the start every shard opens
    /// and recovers its own.
    NUM_RECOVERY_THREADS_PER_DATA_DIR: i32 = "num.recovery.threads.per.data.dir", default(2), at_least(1), High, ClusterWide, supported;

    /// Number of threads that move replicas between log directories. Unset: one for each log directory.
    NUM_REPLICA_ALTER_LOG_DIRS_THREADS: Option<i32> = "num.replica.alter.log.dirs.threads", null, Any, High, ReadOnly;
}
