//! Transactions and producer ids.

use crate::keys;

keys! { DEFS;
    /// Longest wait on the server before a partition is again added to a transaction whose coordinator is
    /// busy, in milliseconds.
    ADD_PARTITIONS_TO_TXN_RETRY_BACKOFF_MAX_MS: i32 = "add.partitions.to.txn.retry.backoff.max.ms", default(100), at_least(0), High, ReadOnly, supported;

    /// Wait on the server before a partition is again added to a transaction whose coordinator is busy, in
    /// milliseconds.
    ADD_PARTITIONS_TO_TXN_RETRY_BACKOFF_MS: i32 = "add.partitions.to.txn.retry.backoff.ms", default(20), at_least(1), High, ReadOnly, supported;

    /// Time between two searches for expired producer ids, in milliseconds.
    PRODUCER_ID_EXPIRATION_CHECK_INTERVAL_MS: i32 = "producer.id.expiration.check.interval.ms", default(600000), at_least(1), Low, ReadOnly, internal, supported;

    /// How long a partition remembers an idle producer id, in milliseconds.
    PRODUCER_ID_EXPIRATION_MS: i32 = "producer.id.expiration.ms", default(86400000), at_least(1), Low, ClusterWide, supported;

    /// Time between two searches for transactions that have timed out, in milliseconds.
    TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS: i32 = "transaction.abort.timed.out.transaction.cleanup.interval.ms", default(10000), at_least(1), Low, ReadOnly, supported;

    /// Longest transaction timeout a producer may ask for, in milliseconds.
    TRANSACTION_MAX_TIMEOUT_MS: i32 = "transaction.max.timeout.ms", default(900000), at_least(1), High, ReadOnly, supported;

    /// Whether a partition checks with the coordinator that a transaction is open before it takes its first
    /// batch.
    TRANSACTION_PARTITION_VERIFICATION_ENABLE: bool = "transaction.partition.verification.enable", default(true), Any, Low, ClusterWide, supported;

    /// Time between two searches for expired transactional ids, in milliseconds.
    TRANSACTION_REMOVE_EXPIRED_TRANSACTION_CLEANUP_INTERVAL_MS: i32 = "transaction.remove.expired.transaction.cleanup.interval.ms", default(3600000), at_least(1), Low, ReadOnly, supported;

    /// Bytes read at a time when transactions are loaded.
    TRANSACTION_STATE_LOG_LOAD_BUFFER_SIZE: i32 = "transaction.state.log.load.buffer.size", default(5242880), at_least(1), High, ReadOnly;

    /// `min.insync.replicas` of the transaction state topic.
    TRANSACTION_STATE_LOG_MIN_ISR: i32 = "transaction.state.log.min.isr", default(2), at_least(1), High, ReadOnly, supported;

    /// Number of partitions of the transaction state topic. Not to be changed once it exists.
    TRANSACTION_STATE_LOG_NUM_PARTITIONS: i32 = "transaction.state.log.num.partitions", default(50), at_least(1), High, ReadOnly, supported;

    /// Number of replicas of the transaction state topic. It is not created before enough brokers are
    /// there.
    TRANSACTION_STATE_LOG_REPLICATION_FACTOR: i16 = "transaction.state.log.replication.factor", default(3), at_least(1), High, ReadOnly, supported;

    /// Segment size of the transaction state topic, in bytes.
    TRANSACTION_STATE_LOG_SEGMENT_BYTES: i32 = "transaction.state.log.segment.bytes", default(104857600), at_least(1), High, ReadOnly, supported;

    /// Whether producers may take part in two-phase commit (KIP-939).
    TRANSACTION_TWO_PHASE_COMMIT_ENABLE: bool = "transaction.two.phase.commit.enable", default(false), Any, Low, ReadOnly, supported;

    /// How long an unused transactional id is remembered, in milliseconds.
    TRANSACTIONAL_ID_EXPIRATION_MS: i32 = "transactional.id.expiration.ms", default(604800000), at_least(1), High, ReadOnly, supported;
}
