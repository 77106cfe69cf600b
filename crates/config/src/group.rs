//! Keys of groups (KIP-848, KIP-932, KIP-1071).

use crate::keys;

keys! { DEFS;
    /// Least time between two assignments of the consumer group, in milliseconds.
    CONSUMER_ASSIGNMENT_INTERVAL_MS: i32 = "consumer.assignment.interval.ms", default(1000), at_least(0), Medium, Resource, from(&[("group.consumer.assignment.interval.ms", 1)]), supported;

    /// Heartbeat interval told to members of the consumer group, in milliseconds.
    CONSUMER_HEARTBEAT_INTERVAL_MS: i32 = "consumer.heartbeat.interval.ms", default(5000), at_least(1), Medium, Resource, from(&[("group.consumer.heartbeat.interval.ms", 1)]), supported;

    /// A member of the consumer group without a heartbeat for this long is removed, in milliseconds.
    CONSUMER_SESSION_TIMEOUT_MS: i32 = "consumer.session.timeout.ms", default(45000), at_least(1), Medium, Resource, from(&[("group.consumer.session.timeout.ms", 1)]), supported;

    /// Whether the dead-letter queue gets headers, key and value of a record that is given up, or only the headers that tell
    /// where it came from and why (KIP-1191, of Kafka 4.4).
    ERRORS_DEADLETTERQUEUE_COPY_RECORD_ENABLE: bool = "errors.deadletterqueue.copy.record.enable", default(false), Any, Medium, Resource, supported;

    /// Topic that records go to which the share group gives up: its dead-letter queue. Empty: they go nowhere (KIP-1191, of
    /// Kafka 4.4). The topic needs `errors.deadletterqueue.group.enable=true` and a name that begins with the broker's
    /// `errors.deadletterqueue.topic.name.prefix`.
    ERRORS_DEADLETTERQUEUE_TOPIC_NAME: String = "errors.deadletterqueue.topic.name", default(""), Any, Medium, Resource, supported;

    /// Number of records of a share partition that go to the dead-letter queue within
    /// `klamm.errors.deadletterqueue.circuit.breaker.window.ms` at which the share partition stops to deliver records;
    /// 0: never. Beyond Kafka.
    KLAMM_ERRORS_DEADLETTERQUEUE_CIRCUIT_BREAKER_RECORDS: i32 = "klamm.errors.deadletterqueue.circuit.breaker.records", default(0), at_least(0), Medium, Resource, supported;

    /// Most records of a share partition that are with consumers at a time while it finds out whether they can be processed
    /// again. Beyond Kafka.
    KLAMM_ERRORS_DEADLETTERQUEUE_CIRCUIT_BREAKER_TRIAL_RECORDS: i32 = "klamm.errors.deadletterqueue.circuit.breaker.trial.records", default(1), at_least(1), Low, Resource, supported;

    /// How long a share partition does not deliver records before it tries again, in milliseconds. Beyond Kafka.
    KLAMM_ERRORS_DEADLETTERQUEUE_CIRCUIT_BREAKER_WAIT_MS: i32 = "klamm.errors.deadletterqueue.circuit.breaker.wait.ms", default(30000), at_least(1), Low, Resource, supported;

    /// Time over which the records are counted that go to the dead-letter queue, in milliseconds. Beyond Kafka.
    KLAMM_ERRORS_DEADLETTERQUEUE_CIRCUIT_BREAKER_WINDOW_MS: i32 = "klamm.errors.deadletterqueue.circuit.breaker.window.ms", default(10000), between(10, 3600000), Low, Resource, supported;

    /// How much the waiting before a redelivery varies from record to record, as a part of it, so that what failed together
    /// does not come back together. Beyond Kafka.
    KLAMM_ERRORS_DEADLETTERQUEUE_RETRY_BACKOFF_JITTER: f64 = "klamm.errors.deadletterqueue.retry.backoff.jitter", default(0.2), share(0.0, 1.0), Low, Resource, supported;

    /// Longest waiting before a record that was not processed is delivered again, in milliseconds. Beyond Kafka.
    KLAMM_ERRORS_DEADLETTERQUEUE_RETRY_BACKOFF_MAX_MS: i32 = "klamm.errors.deadletterqueue.retry.backoff.max.ms", default(60000), at_least(0), Low, Resource, supported;

    /// Waiting before a record that was not processed is delivered for the second time, in milliseconds; 0: none. Beyond
    /// Kafka.
    KLAMM_ERRORS_DEADLETTERQUEUE_RETRY_BACKOFF_MS: i32 = "klamm.errors.deadletterqueue.retry.backoff.ms", default(0), at_least(0), Medium, Resource, supported;

    /// What the waiting is multiplied by with each further delivery. Beyond Kafka.
    KLAMM_ERRORS_DEADLETTERQUEUE_RETRY_BACKOFF_MULTIPLIER: f64 = "klamm.errors.deadletterqueue.retry.backoff.multiplier", default(2.0), share(1.0, 100.0), Low, Resource, supported;

    /// Least time between two assignments of the share group, in milliseconds.
    SHARE_ASSIGNMENT_INTERVAL_MS: i32 = "share.assignment.interval.ms", default(1000), at_least(0), Medium, Resource, from(&[("group.share.assignment.interval.ms", 1)]), supported;

    /// Where a share group starts in a partition that it has no state for: `earliest`, `latest`, or
    /// `by_duration:` with an ISO 8601 duration back from now.
    SHARE_AUTO_OFFSET_RESET: String = "share.auto.offset.reset", default("latest"), ShareOffsetReset, Medium, Resource, supported;

    /// How often a record is delivered to the share group before it is given up.
    SHARE_DELIVERY_COUNT_LIMIT: i32 = "share.delivery.count.limit", default(5), at_least(2), Medium, Resource, from(&[("group.share.delivery.count.limit", 1)]), supported;

    /// Heartbeat interval told to members of the share group, in milliseconds.
    SHARE_HEARTBEAT_INTERVAL_MS: i32 = "share.heartbeat.interval.ms", default(5000), at_least(1), Medium, Resource, from(&[("group.share.heartbeat.interval.ms", 1)]), supported;

    /// Whether the share group is given records of open and aborted transactions too (`read_uncommitted`)
    /// or not (`read_committed`).
    SHARE_ISOLATION_LEVEL: String = "share.isolation.level", default("read_uncommitted"), OneOf(&["read_committed", "read_uncommitted"]), Medium, Resource, supported;

    /// Most records of one share partition that may be in delivery at a time.
    SHARE_PARTITION_MAX_RECORD_LOCKS: i32 = "share.partition.max.record.locks", default(2000), at_least(100), Medium, Resource, from(&[("group.share.partition.max.record.locks", 1)]), supported;

    /// How long a record is locked for the consumer that acquired it, in milliseconds.
    SHARE_RECORD_LOCK_DURATION_MS: i32 = "share.record.lock.duration.ms", default(30000), at_least(1000), Medium, Resource, from(&[("group.share.record.lock.duration.ms", 1)]), supported;

    /// Whether consumers of the share group may renew the lock of a record.
    SHARE_RENEW_ACKNOWLEDGE_ENABLE: bool = "share.renew.acknowledge.enable", default(true), Any, Medium, Resource, supported;

    /// A member of the share group without a heartbeat for this long is removed, in milliseconds.
    SHARE_SESSION_TIMEOUT_MS: i32 = "share.session.timeout.ms", default(45000), at_least(1), Medium, Resource, from(&[("group.share.session.timeout.ms", 1)]), supported;

    /// Least time between two assignments of the streams group, in milliseconds.
    STREAMS_ASSIGNMENT_INTERVAL_MS: i32 = "streams.assignment.interval.ms", default(1000), at_least(0), Medium, Resource, from(&[("group.streams.assignment.interval.ms", 1)]), supported;

    /// Heartbeat interval told to members of the streams group, in milliseconds.
    STREAMS_HEARTBEAT_INTERVAL_MS: i32 = "streams.heartbeat.interval.ms", default(5000), at_least(1), Medium, Resource, from(&[("group.streams.heartbeat.interval.ms", 1)]), supported;

    /// How long the streams group, when new, waits for more members before its first assignment, in
    /// milliseconds.
    STREAMS_INITIAL_REBALANCE_DELAY_MS: i32 = "streams.initial.rebalance.delay.ms", default(3000), at_least(0), Medium, Resource, from(&[("group.streams.initial.rebalance.delay.ms", 1)]), supported;

    /// Number of standby replicas of each task of the streams group.
    STREAMS_NUM_STANDBY_REPLICAS: i32 = "streams.num.standby.replicas", default(0), at_least(0), Medium, Resource, from(&[("group.streams.num.standby.replicas", 1)]), supported;

    /// A member of the streams group without a heartbeat for this long is removed, in milliseconds.
    STREAMS_SESSION_TIMEOUT_MS: i32 = "streams.session.timeout.ms", default(45000), at_least(1), Medium, Resource, from(&[("group.streams.session.timeout.ms", 1)]), supported;
}
