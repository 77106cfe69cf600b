//! Share groups and the share coordinator.

use crate::keys;

keys! { DEFS;
    /// Whether the dead-letter queue of a share group is created when it is needed and is not there (KIP-1191, of Kafka 4.4).
    /// Listed only where it is set.
    ERRORS_DEADLETTERQUEUE_AUTO_CREATE_TOPICS_ENABLE: bool = "errors.deadletterqueue.auto.create.topics.enable", default(false), Any, Medium, ClusterWide, supported;

    /// What the name of a dead-letter queue has to begin with; empty: anything (KIP-1191, of Kafka 4.4). Listed only where it
    /// is set.
    ERRORS_DEADLETTERQUEUE_TOPIC_NAME_PREFIX: String = "errors.deadletterqueue.topic.name.prefix", default("dlq."), NonNull, Medium, ClusterWide, supported;

    /// Least time between two assignments of one share group, in milliseconds.
    GROUP_SHARE_ASSIGNMENT_INTERVAL_MS: i32 = "group.share.assignment.interval.ms", default(1000), at_least(0), Medium, ClusterWide, supported;

    /// The assignor of the server for share groups, one: `simple` or Kafka's class of it. Others cannot be loaded and are
    /// refused.
    GROUP_SHARE_ASSIGNORS: Vec<String> = "group.share.assignors", default("simple"), SOME, Medium, ReadOnly, supported;

    /// How often a record is delivered to a share group before it is given up.
    GROUP_SHARE_DELIVERY_COUNT_LIMIT: i32 = "group.share.delivery.count.limit", default(5), between(2, 10), Medium, ReadOnly, supported;

    /// Heartbeat interval told to members of share groups, in milliseconds.
    GROUP_SHARE_HEARTBEAT_INTERVAL_MS: i32 = "group.share.heartbeat.interval.ms", default(5000), at_least(1), Medium, ReadOnly, supported;

    /// Time before the initialization of share partitions that did not answer is tried again, in
    /// milliseconds.
    GROUP_SHARE_INITIALIZE_RETRY_INTERVAL_MS: i32 = "group.share.initialize.retry.interval.ms", default(30000), at_least(1), Low, ReadOnly, internal, supported;

    /// Upper bound of `share.assignment.interval.ms` of a group, in milliseconds.
    GROUP_SHARE_MAX_ASSIGNMENT_INTERVAL_MS: i32 = "group.share.max.assignment.interval.ms", default(15000), at_least(0), Medium, ReadOnly, supported;

    /// Upper bound of the delivery count limit of share groups.
    GROUP_SHARE_MAX_DELIVERY_COUNT_LIMIT: i32 = "group.share.max.delivery.count.limit", default(10), between(5, 25), Medium, ReadOnly, supported;

    /// Upper bound of the heartbeat interval of share groups, in milliseconds.
    GROUP_SHARE_MAX_HEARTBEAT_INTERVAL_MS: i32 = "group.share.max.heartbeat.interval.ms", default(15000), at_least(1), Medium, ReadOnly, supported;

    /// Upper bound of the number of record locks of one share partition.
    GROUP_SHARE_MAX_PARTITION_MAX_RECORD_LOCKS: i32 = "group.share.max.partition.max.record.locks", default(4000), between(2000, 10000), Medium, ReadOnly, supported;

    /// Upper bound of the record lock duration of share groups, in milliseconds.
    GROUP_SHARE_MAX_RECORD_LOCK_DURATION_MS: i32 = "group.share.max.record.lock.duration.ms", default(60000), between(30000, 3600000), Medium, ReadOnly, supported;

    /// Upper bound of the session timeout of share groups, in milliseconds.
    GROUP_SHARE_MAX_SESSION_TIMEOUT_MS: i32 = "group.share.max.session.timeout.ms", default(60000), at_least(1), Medium, ReadOnly, supported;

    /// Most share sessions that a broker keeps.
    GROUP_SHARE_MAX_SHARE_SESSIONS: i32 = "group.share.max.share.sessions", default(2000), at_least(1), Medium, ReadOnly, supported;

    /// Most members that one share group may have.
    GROUP_SHARE_MAX_SIZE: i32 = "group.share.max.size", default(200), between(1, 1000), Medium, ReadOnly, supported;

    /// Lower bound of `share.assignment.interval.ms` of a group, in milliseconds.
    GROUP_SHARE_MIN_ASSIGNMENT_INTERVAL_MS: i32 = "group.share.min.assignment.interval.ms", default(0), at_least(0), Medium, ReadOnly, supported;

    /// Lower bound of the delivery count limit of share groups.
    GROUP_SHARE_MIN_DELIVERY_COUNT_LIMIT: i32 = "group.share.min.delivery.count.limit", default(2), between(2, 5), Medium, ReadOnly, supported;

    /// Lower bound of the heartbeat interval of share groups, in milliseconds.
    GROUP_SHARE_MIN_HEARTBEAT_INTERVAL_MS: i32 = "group.share.min.heartbeat.interval.ms", default(5000), at_least(1), Medium, ReadOnly, supported;

    /// Lower bound of the number of record locks of one share partition.
    GROUP_SHARE_MIN_PARTITION_MAX_RECORD_LOCKS: i32 = "group.share.min.partition.max.record.locks", default(100), between(100, 2000), Medium, ReadOnly, supported;

    /// Lower bound of the record lock duration of share groups, in milliseconds.
    GROUP_SHARE_MIN_RECORD_LOCK_DURATION_MS: i32 = "group.share.min.record.lock.duration.ms", default(15000), between(1000, 30000), Medium, ReadOnly, supported;

    /// Lower bound of the session timeout of share groups, in milliseconds.
    GROUP_SHARE_MIN_SESSION_TIMEOUT_MS: i32 = "group.share.min.session.timeout.ms", default(45000), at_least(1), Medium, ReadOnly, supported;

    /// Most records of one share partition that may be in delivery at a time.
    GROUP_SHARE_PARTITION_MAX_RECORD_LOCKS: i32 = "group.share.partition.max.record.locks", default(2000), between(100, 10000), Medium, ReadOnly, supported;

    /// Class that stores the state of share groups. Klamm has one, built in; if this is empty, none is stored.
    GROUP_SHARE_PERSISTER_CLASS_NAME: String = "group.share.persister.class.name", default("org.apache.kafka.server.share.persister.DefaultStatePersister"), Any, Medium, ReadOnly, internal, supported;

    /// How long a record is locked for the consumer that acquired it, in milliseconds.
    GROUP_SHARE_RECORD_LOCK_DURATION_MS: i32 = "group.share.record.lock.duration.ms", default(30000), between(1000, 3600000), Medium, ReadOnly, supported;

    /// A member of a share group without a heartbeat for this long is removed, in milliseconds.
    GROUP_SHARE_SESSION_TIMEOUT_MS: i32 = "group.share.session.timeout.ms", default(45000), at_least(1), Medium, ReadOnly, supported;

    /// How long the share coordinator gathers records before it writes them, in milliseconds; -1: as long
    /// as other work is waiting.
    SHARE_COORDINATOR_APPEND_LINGER_MS: i32 = "share.coordinator.append.linger.ms", default(-1), at_least(-1), Medium, ReadOnly, moot("records are written at once, as in Kafka with 0");

    /// Largest write buffer that the share coordinator keeps for reuse, in bytes.
    SHARE_COORDINATOR_CACHED_BUFFER_MAX_BYTES: i32 = "share.coordinator.cached.buffer.max.bytes", default(1048588), at_least(524288), Medium, ClusterWide, moot("no write buffers are kept");

    /// Time after which the state of an idle share partition is written as a snapshot, in milliseconds.
    SHARE_COORDINATOR_COLD_PARTITION_SNAPSHOT_INTERVAL_MS: i32 = "share.coordinator.cold.partition.snapshot.interval.ms", default(300000), at_least(1), Low, ReadOnly, internal, supported;

    /// Bytes read at a time when share state is loaded.
    SHARE_COORDINATOR_LOAD_BUFFER_SIZE: i32 = "share.coordinator.load.buffer.size", default(5242880), at_least(1), High, ReadOnly;

    /// Number of update records after which a share partition's state is written as a snapshot.
    SHARE_COORDINATOR_SNAPSHOT_UPDATE_RECORDS_PER_SNAPSHOT: i32 = "share.coordinator.snapshot.update.records.per.snapshot", default(500), between(0, 500), Medium, ReadOnly, supported;

    /// Codec of the share state topic by its number: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    SHARE_COORDINATOR_STATE_TOPIC_COMPRESSION_CODEC: i32 = "share.coordinator.state.topic.compression.codec", default(0), Any, High, ReadOnly, supported;

    /// `min.insync.replicas` of the share state topic.
    SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: i16 = "share.coordinator.state.topic.min.isr", default(2), at_least(1), High, ReadOnly, supported;

    /// Number of partitions of the share state topic. Not to be changed once it exists.
    SHARE_COORDINATOR_STATE_TOPIC_NUM_PARTITIONS: i32 = "share.coordinator.state.topic.num.partitions", default(50), at_least(1), High, ReadOnly, supported;

    /// Time between two deletions of superseded records of the share state topic, in milliseconds.
    SHARE_COORDINATOR_STATE_TOPIC_PRUNE_INTERVAL_MS: i32 = "share.coordinator.state.topic.prune.interval.ms", default(300000), at_least(1), Low, ReadOnly, internal, supported;

    /// Number of replicas of the share state topic. It is not created before enough brokers are there.
    SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: i16 = "share.coordinator.state.topic.replication.factor", default(3), at_least(1), High, ReadOnly, supported;

    /// Segment size of the share state topic, in bytes.
    SHARE_COORDINATOR_STATE_TOPIC_SEGMENT_BYTES: i32 = "share.coordinator.state.topic.segment.bytes", default(104857600), at_least(1), High, ReadOnly, supported;

    /// Number of threads of the share coordinator.
    SHARE_COORDINATOR_THREADS: i32 = "share.coordinator.threads", default(1), at_least(1), Medium, ReadOnly, moot("coordinators run on the threads of their partitions' shards");

    /// How long a write of the share coordinator waits for the replicas, in milliseconds.
    SHARE_COORDINATOR_WRITE_TIMEOUT_MS: i32 = "share.coordinator.write.timeout.ms", default(5000), at_least(1), High, ReadOnly, supported;

    /// Number of finished requests after which the purgatory of ShareFetch is cleaned.
    SHARE_FETCH_PURGATORY_PURGE_INTERVAL_REQUESTS: i32 = "share.fetch.purgatory.purge.interval.requests", default(1000), Any, Medium, ReadOnly;
}
