//! Replication, leader election, fetching and purgatories.

use crate::keys;

keys! { DEFS;
    /// Whether the controller moves leadership back to preferred leaders from time to time.
    AUTO_LEADER_REBALANCE_ENABLE: bool = "auto.leader.rebalance.enable", default(true), Any, High, ReadOnly, supported;

    /// Number of replicas of topics created automatically, or created with replication factor -1.
    DEFAULT_REPLICATION_FACTOR: i32 = "default.replication.factor", default(1), Any, Medium, ReadOnly, supported;

    /// Number of finished requests after which the purgatory of DeleteRecords is cleaned.
    DELETE_RECORDS_PURGATORY_PURGE_INTERVAL_REQUESTS: i32 = "delete.records.purgatory.purge.interval.requests", default(1), Any, Medium, ReadOnly;

    /// Most bytes answered to one fetch request. The first batch is sent even when it is larger.
    FETCH_MAX_BYTES: i32 = "fetch.max.bytes", default(57671680), at_least(1024), Medium, ReadOnly, supported;

    /// Number of finished requests after which the purgatory of Fetch is cleaned.
    FETCH_PURGATORY_PURGE_INTERVAL_REQUESTS: i32 = "fetch.purgatory.purge.interval.requests", default(1000), Any, Medium, ReadOnly;

    /// Time between two checks for partitions that are not led by their preferred leader, in seconds.
    LEADER_IMBALANCE_CHECK_INTERVAL_SECONDS: i64 = "leader.imbalance.check.interval.seconds", default(300), at_least(1), High, ReadOnly, supported;

    /// Number of incremental fetch sessions that the broker keeps, over all shards.
    MAX_INCREMENTAL_FETCH_SESSION_CACHE_SLOTS: i32 = "max.incremental.fetch.session.cache.slots", default(1000), at_least(0), Medium, ReadOnly, supported;

    /// Number of fetchers towards each source broker.
    NUM_REPLICA_FETCHERS: i32 = "num.replica.fetchers", default(1), at_least(1), High, ClusterWide, supported;

    /// Number of finished requests after which the purgatory of Produce is cleaned.
    PRODUCER_PURGATORY_PURGE_INTERVAL_REQUESTS: i32 = "producer.purgatory.purge.interval.requests", default(1000), Any, Medium, ReadOnly;

    /// Wait of a follower after an error before it fetches again, in milliseconds.
    REPLICA_FETCH_BACKOFF_MS: i32 = "replica.fetch.backoff.ms", default(1000), at_least(0), Medium, ReadOnly, supported;

    /// Most bytes of one partition that a follower asks for in one fetch. The first batch is sent even when
    /// it is larger.
    REPLICA_FETCH_MAX_BYTES: i32 = "replica.fetch.max.bytes", default(1048576), at_least(0), Medium, ReadOnly, supported;

    /// Least bytes that a follower's fetch waits for, up to `replica.fetch.wait.max.ms`.
    REPLICA_FETCH_MIN_BYTES: i32 = "replica.fetch.min.bytes", default(1), Any, High, ReadOnly, supported;

    /// Most bytes that a follower asks for in one fetch. The first batch is sent even when it is larger.
    REPLICA_FETCH_RESPONSE_MAX_BYTES: i32 = "replica.fetch.response.max.bytes", default(10485760), at_least(0), Medium, ReadOnly, supported;

    /// Longest wait of a follower's fetch, in milliseconds. Below `replica.lag.time.max.ms`.
    REPLICA_FETCH_WAIT_MAX_MS: i32 = "replica.fetch.wait.max.ms", default(500), Any, High, ReadOnly, supported;

    /// Time between two writes of the high watermark checkpoint, in milliseconds.
    REPLICA_HIGH_WATERMARK_CHECKPOINT_INTERVAL_MS: i64 = "replica.high.watermark.checkpoint.interval.ms", default(5000), Any, High, ReadOnly, supported;

    /// A follower that has not caught up for this long leaves the in-sync replicas, in milliseconds.
    REPLICA_LAG_TIME_MAX_MS: i64 = "replica.lag.time.max.ms", default(30000), Any, High, ReadOnly, supported;

    /// Class that chooses the replica a consumer fetches from. Kafka's RackAwareReplicaSelector is the one
    /// with effect.
    REPLICA_SELECTOR_CLASS: Option<String> = "replica.selector.class", null, Any, Medium, ReadOnly, supported;

    /// Receive buffer of a follower's sockets, in bytes; -1: the system's default.
    REPLICA_SOCKET_RECEIVE_BUFFER_BYTES: i32 = "replica.socket.receive.buffer.bytes", default(65536), Any, High, ReadOnly;

    /// Socket timeout of a follower's requests, in milliseconds. At least `replica.fetch.wait.max.ms`.
    REPLICA_SOCKET_TIMEOUT_MS: i32 = "replica.socket.timeout.ms", default(30000), Any, High, ReadOnly, supported;

    /// Whether a replica that was not in sync may become leader, at the price of lost records.
    UNCLEAN_LEADER_ELECTION_ENABLE: bool = "unclean.leader.election.enable", default(false), Any, High, ClusterWide, supported;

    /// Time between two searches for partitions that an unclean election could bring back, in milliseconds.
    UNCLEAN_LEADER_ELECTION_INTERVAL_MS: i64 = "unclean.leader.election.interval.ms", default(300000), at_least(1), Medium, ReadOnly, internal, supported;
}
