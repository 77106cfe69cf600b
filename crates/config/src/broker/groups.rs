//! Groups, the group coordinator and the offsets topic.

use crate::keys;

keys! { DEFS;
    /// Least time between two assignments of one consumer group, in milliseconds.
    GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS: i32 = "group.consumer.assignment.interval.ms", default(1000), at_least(0), Medium, ClusterWide, supported;

    /// Assignors of the server for consumer groups, `uniform` and `range` or Kafka's classes of them; the first is the
    /// default. Others cannot be loaded and are refused.
    GROUP_CONSUMER_ASSIGNORS: Vec<String> = "group.consumer.assignors", default("uniform,range"), SOME, Medium, ReadOnly, supported;

    /// Heartbeat interval told to members of consumer groups, in milliseconds.
    GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS: i32 = "group.consumer.heartbeat.interval.ms", default(5000), at_least(1), Medium, ReadOnly, supported;

    /// Upper bound of `consumer.assignment.interval.ms` of a group, in milliseconds.
    GROUP_CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS: i32 = "group.consumer.max.assignment.interval.ms", default(15000), at_least(0), Medium, ReadOnly, supported;

    /// Upper bound of the heartbeat interval of consumer groups, in milliseconds.
    GROUP_CONSUMER_MAX_HEARTBEAT_INTERVAL_MS: i32 = "group.consumer.max.heartbeat.interval.ms", default(15000), at_least(1), Medium, ReadOnly, supported;

    /// Upper bound of the session timeout of consumer groups, in milliseconds.
    GROUP_CONSUMER_MAX_SESSION_TIMEOUT_MS: i32 = "group.consumer.max.session.timeout.ms", default(60000), at_least(1), Medium, ReadOnly, supported;

    /// Most members that one consumer group may have.
    GROUP_CONSUMER_MAX_SIZE: i32 = "group.consumer.max.size", default(2147483647), at_least(1), Medium, ReadOnly, supported;

    /// Which conversions between classic and consumer groups are allowed while in use: none, one direction
    /// or both.
    GROUP_CONSUMER_MIGRATION_POLICY: String = "group.consumer.migration.policy", default("bidirectional"), OneOfIgnoringCase(&["BIDIRECTIONAL", "DISABLED", "DOWNGRADE", "UPGRADE"]), Medium, ReadOnly, supported;

    /// Lower bound of `consumer.assignment.interval.ms` of a group, in milliseconds.
    GROUP_CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS: i32 = "group.consumer.min.assignment.interval.ms", default(0), at_least(0), Medium, ReadOnly, supported;

    /// Lower bound of the heartbeat interval of consumer groups, in milliseconds.
    GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS: i32 = "group.consumer.min.heartbeat.interval.ms", default(5000), at_least(1), Medium, ReadOnly, supported;

    /// Lower bound of the session timeout of consumer groups, in milliseconds.
    GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS: i32 = "group.consumer.min.session.timeout.ms", default(45000), at_least(1), Medium, ReadOnly, supported;

    /// Time between two evaluations of regular expressions that members subscribed to, in milliseconds.
    GROUP_CONSUMER_REGEX_REFRESH_INTERVAL_MS: i32 = "group.consumer.regex.refresh.interval.ms", default(600000), at_least(10000), Medium, ReadOnly, internal, supported;

    /// A member of a consumer group without a heartbeat for this long is removed, in milliseconds.
    GROUP_CONSUMER_SESSION_TIMEOUT_MS: i32 = "group.consumer.session.timeout.ms", default(45000), at_least(1), Medium, ReadOnly, supported;

    /// How long the group coordinator gathers records before it writes them, in milliseconds; -1: as long
    /// as other work is waiting.
    GROUP_COORDINATOR_APPEND_LINGER_MS: i32 = "group.coordinator.append.linger.ms", default(-1), at_least(-1), Medium, ReadOnly, moot("records are written at once, as in Kafka with 0");

    /// Number of threads for the group coordinator's background work such as regular expressions.
    GROUP_COORDINATOR_BACKGROUND_THREADS: i32 = "group.coordinator.background.threads", default(2), at_least(1), High, ReadOnly;

    /// Largest write buffer that the group coordinator keeps for reuse, in bytes.
    GROUP_COORDINATOR_CACHED_BUFFER_MAX_BYTES: i32 = "group.coordinator.cached.buffer.max.bytes", default(1048588), at_least(524288), Medium, ClusterWide, moot("no write buffers are kept");

    /// Group protocols served. The `share` protocol also depends on the feature level.
    GROUP_COORDINATOR_REBALANCE_PROTOCOLS: Vec<String> = "group.coordinator.rebalance.protocols", default("classic,consumer,streams"), some_of(&["consumer", "classic", "share", "streams"]), Medium, ReadOnly, supported;

    /// Number of threads of the group coordinator.
    GROUP_COORDINATOR_THREADS: i32 = "group.coordinator.threads", default(4), at_least(1), High, ReadOnly, moot("coordinators run on the threads of their partitions' shards");

    /// How long a new classic group waits for more members before its first rebalance, in milliseconds.
    GROUP_INITIAL_REBALANCE_DELAY_MS: i32 = "group.initial.rebalance.delay.ms", default(3000), Any, Medium, ReadOnly, supported;

    /// Longest session timeout a member of a classic group may ask for, in milliseconds.
    GROUP_MAX_SESSION_TIMEOUT_MS: i32 = "group.max.session.timeout.ms", default(1800000), Any, Medium, ReadOnly, supported;

    /// Most members that one classic group may have.
    GROUP_MAX_SIZE: i32 = "group.max.size", default(2147483647), at_least(1), Medium, ReadOnly, supported;

    /// Shortest session timeout a member of a classic group may ask for, in milliseconds.
    GROUP_MIN_SESSION_TIMEOUT_MS: i32 = "group.min.session.timeout.ms", default(6000), Any, Medium, ReadOnly, supported;

    /// Least time between two assignments of one streams group, in milliseconds.
    GROUP_STREAMS_ASSIGNMENT_INTERVAL_MS: i32 = "group.streams.assignment.interval.ms", default(1000), at_least(0), Medium, ClusterWide, supported;

    /// Heartbeat interval told to members of streams groups, in milliseconds.
    GROUP_STREAMS_HEARTBEAT_INTERVAL_MS: i32 = "group.streams.heartbeat.interval.ms", default(5000), at_least(1), Medium, ReadOnly, supported;

    /// How long a new streams group waits for more members before its first assignment, in milliseconds.
    GROUP_STREAMS_INITIAL_REBALANCE_DELAY_MS: i32 = "group.streams.initial.rebalance.delay.ms", default(3000), at_least(0), Medium, ReadOnly, supported;

    /// Upper bound of `streams.assignment.interval.ms` of a group, in milliseconds.
    GROUP_STREAMS_MAX_ASSIGNMENT_INTERVAL_MS: i32 = "group.streams.max.assignment.interval.ms", default(15000), at_least(0), Medium, ReadOnly, supported;

    /// Upper bound of the heartbeat interval of streams groups, in milliseconds.
    GROUP_STREAMS_MAX_HEARTBEAT_INTERVAL_MS: i32 = "group.streams.max.heartbeat.interval.ms", default(15000), at_least(1), Medium, ReadOnly, supported;

    /// Upper bound of the session timeout of streams groups, in milliseconds.
    GROUP_STREAMS_MAX_SESSION_TIMEOUT_MS: i32 = "group.streams.max.session.timeout.ms", default(60000), at_least(1), Medium, ReadOnly, supported;

    /// Most members that one streams group may have.
    GROUP_STREAMS_MAX_SIZE: i32 = "group.streams.max.size", default(2147483647), at_least(1), Medium, ReadOnly, supported;

    /// Upper bound of the number of standby replicas of a streams group's tasks.
    GROUP_STREAMS_MAX_STANDBY_REPLICAS: i32 = "group.streams.max.standby.replicas", default(2), at_least(0), Medium, ReadOnly, supported;

    /// Lower bound of `streams.assignment.interval.ms` of a group, in milliseconds.
    GROUP_STREAMS_MIN_ASSIGNMENT_INTERVAL_MS: i32 = "group.streams.min.assignment.interval.ms", default(0), at_least(0), Medium, ReadOnly, supported;

    /// Lower bound of the heartbeat interval of streams groups, in milliseconds.
    GROUP_STREAMS_MIN_HEARTBEAT_INTERVAL_MS: i32 = "group.streams.min.heartbeat.interval.ms", default(5000), at_least(1), Medium, ReadOnly, supported;

    /// Lower bound of the session timeout of streams groups, in milliseconds.
    GROUP_STREAMS_MIN_SESSION_TIMEOUT_MS: i32 = "group.streams.min.session.timeout.ms", default(45000), at_least(1), Medium, ReadOnly, supported;

    /// Number of standby replicas of each task of a streams group.
    GROUP_STREAMS_NUM_STANDBY_REPLICAS: i32 = "group.streams.num.standby.replicas", default(0), at_least(0), Medium, ReadOnly, supported;

    /// A member of a streams group without a heartbeat for this long is removed, in milliseconds.
    GROUP_STREAMS_SESSION_TIMEOUT_MS: i32 = "group.streams.session.timeout.ms", default(45000), at_least(1), Medium, ReadOnly, supported;

    /// Longest metadata text of a committed offset, in bytes.
    OFFSET_METADATA_MAX_BYTES: i32 = "offset.metadata.max.bytes", default(4096), Any, High, ReadOnly, supported;

    /// How long an offset commit waits for the replicas of the offsets topic, in milliseconds.
    OFFSETS_COMMIT_TIMEOUT_MS: i32 = "offsets.commit.timeout.ms", default(5000), at_least(1), High, ReadOnly, supported;

    /// Bytes read at a time when offsets and groups are loaded.
    OFFSETS_LOAD_BUFFER_SIZE: i32 = "offsets.load.buffer.size", default(5242880), at_least(1), High, ReadOnly;

    /// Time between two searches for expired offsets, in milliseconds.
    OFFSETS_RETENTION_CHECK_INTERVAL_MS: i64 = "offsets.retention.check.interval.ms", default(600000), at_least(1), High, ReadOnly, supported;

    /// How long offsets are kept after a group lost its last member or the last commit of a standalone
    /// consumer, in minutes.
    OFFSETS_RETENTION_MINUTES: i32 = "offsets.retention.minutes", default(10080), at_least(1), High, ReadOnly, supported;

    /// Codec of the offsets topic by its number: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    OFFSETS_TOPIC_COMPRESSION_CODEC: i32 = "offsets.topic.compression.codec", default(0), Any, High, ReadOnly, supported;

    /// Number of partitions of the offsets topic. Not to be changed once it exists.
    OFFSETS_TOPIC_NUM_PARTITIONS: i32 = "offsets.topic.num.partitions", default(50), at_least(1), High, ReadOnly, supported;

    /// Number of replicas of the offsets topic. It is not created before enough brokers are there.
    OFFSETS_TOPIC_REPLICATION_FACTOR: i16 = "offsets.topic.replication.factor", default(3), at_least(1), High, ReadOnly, supported;

    /// Segment size of the offsets topic, in bytes.
    OFFSETS_TOPIC_SEGMENT_BYTES: i32 = "offsets.topic.segment.bytes", default(104857600), at_least(1), High, ReadOnly, supported;
}
