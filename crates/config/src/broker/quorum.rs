//! Roles, node id, the quorum and its metadata log.

use crate::keys;

keys! { DEFS;
    /// Time between two heartbeats of a broker to the controller, in milliseconds. At most half of
    /// `broker.session.timeout.ms`.
    BROKER_HEARTBEAT_INTERVAL_MS: i32 = "broker.heartbeat.interval.ms", default(2000), Any, Medium, ReadOnly, supported;

    /// Older name of `node.id`; when only one of both is set it counts for the other.
    BROKER_ID: i32 = "broker.id", default(-1), Any, High, ReadOnly, supported;

    /// A broker without a heartbeat for this long is fenced by the controller, in milliseconds.
    BROKER_SESSION_TIMEOUT_MS: i32 = "broker.session.timeout.ms", default(9000), Any, Medium, ReadOnly, supported;

    /// Names of the listeners that controllers use. A broker without the controller role connects to the
    /// first of them and must not list it in `listeners`.
    CONTROLLER_LISTENER_NAMES: Vec<String> = "controller.listener.names", required, SOME, High, ReadOnly, supported;

    /// A controller event slower than this is logged always, in milliseconds.
    CONTROLLER_PERFORMANCE_ALWAYS_LOG_THRESHOLD_MS: i64 = "controller.performance.always.log.threshold.ms", default(2000), at_least(0), Medium, ReadOnly, internal;

    /// Time between two log lines on the speed of controller events, in milliseconds.
    CONTROLLER_PERFORMANCE_SAMPLE_PERIOD_MS: i64 = "controller.performance.sample.period.ms", default(60000), at_least(100), Medium, ReadOnly, internal;

    /// How long the leader of the quorum gathers appends before it writes them to disk, in milliseconds.
    CONTROLLER_QUORUM_APPEND_LINGER_MS: i32 = "controller.quorum.append.linger.ms", default(25), at_least(0), Medium, ReadOnly, moot("records are written at once, and together what came while the disk was busy");

    /// Whether a controller that is not a voter adds itself to the voters.
    CONTROLLER_QUORUM_AUTO_JOIN_ENABLE: bool = "controller.quorum.auto.join.enable", default(false), Any, Low, ReadOnly, supported;

    /// `host:port` addresses of controllers through which a node finds the quorum (KIP-853).
    CONTROLLER_QUORUM_BOOTSTRAP_SERVERS: Vec<String> = "controller.quorum.bootstrap.servers", default(""), BootstrapServers, High, ReadOnly, supported;

    /// Longest random wait before a new election after an undecided one, in milliseconds.
    CONTROLLER_QUORUM_ELECTION_BACKOFF_MAX_MS: i32 = "controller.quorum.election.backoff.max.ms", default(1000), at_least(0), High, ReadOnly, supported;

    /// How long a candidate gathers votes before it starts a new election, in milliseconds.
    CONTROLLER_QUORUM_ELECTION_TIMEOUT_MS: i32 = "controller.quorum.election.timeout.ms", default(1000), at_least(0), High, ReadOnly, supported;

    /// Most bytes that a follower of the quorum asks for in one fetch of the metadata log.
    CONTROLLER_QUORUM_FETCH_MAX_BYTES: i32 = "controller.quorum.fetch.max.bytes", default(1048576), at_least(1), Low, ReadOnly, supported;

    /// Most bytes that a follower of the quorum asks for in one fetch of a metadata snapshot.
    CONTROLLER_QUORUM_FETCH_SNAPSHOT_MAX_BYTES: i32 = "controller.quorum.fetch.snapshot.max.bytes", default(1048576), at_least(1), Low, ReadOnly, supported;

    /// A follower without a successful fetch for this long becomes a candidate; a leader without fetches
    /// from a majority for this long steps down, in milliseconds.
    CONTROLLER_QUORUM_FETCH_TIMEOUT_MS: i32 = "controller.quorum.fetch.timeout.ms", default(2000), at_least(0), High, ReadOnly, supported;

    /// Longest wait for the answer to a request within the quorum, in milliseconds.
    CONTROLLER_QUORUM_REQUEST_TIMEOUT_MS: i32 = "controller.quorum.request.timeout.ms", default(2000), at_least(0), Medium, ReadOnly, supported;

    /// Wait before a failed request within the quorum is sent again, in milliseconds.
    CONTROLLER_QUORUM_RETRY_BACKOFF_MS: i32 = "controller.quorum.retry.backoff.ms", default(20), at_least(0), Low, ReadOnly, supported;

    /// The voters of a static quorum as `id@host:port,...`.
    CONTROLLER_QUORUM_VOTERS: Vec<String> = "controller.quorum.voters", default(""), Voters, High, ReadOnly, supported;

    /// Listeners that open before the authorizer has loaded its ACLs. Unset: the controller listeners.
    EARLY_START_LISTENERS: Option<Vec<String>> = "early.start.listeners", null, LIST_OR_NULL, High, ReadOnly;

    /// How long a starting broker tries to register with the controller before it gives up, in
    /// milliseconds.
    INITIAL_BROKER_REGISTRATION_TIMEOUT_MS: i32 = "initial.broker.registration.timeout.ms", default(60000), Any, Medium, ReadOnly, supported;

    /// How long deleted files of the metadata log stay on disk, in milliseconds.
    INTERNAL_METADATA_DELETE_DELAY_MILLIS: i64 = "internal.metadata.delete.delay.millis", default(60000), Any, Low, ReadOnly, internal;

    /// Size at which the metadata log starts a new segment, in bytes; replaces `metadata.log.segment.bytes`
    /// without its lower bound, for tests.
    INTERNAL_METADATA_LOG_SEGMENT_BYTES: Option<i32> = "internal.metadata.log.segment.bytes", null, Any, Low, ReadOnly, internal;

    /// Largest batch of the metadata log, in bytes.
    INTERNAL_METADATA_MAX_BATCH_SIZE_IN_BYTES: i32 = "internal.metadata.max.batch.size.in.bytes", default(8388608), Any, Low, ReadOnly, internal;

    /// Directory of the metadata log. Unset: the first of `log.dirs`.
    METADATA_LOG_DIR: Option<String> = "metadata.log.dir", null, Any, High, ReadOnly, supported;

    /// Bytes of new metadata records after which a snapshot is written.
    METADATA_LOG_MAX_RECORD_BYTES_BETWEEN_SNAPSHOTS: i64 = "metadata.log.max.record.bytes.between.snapshots", default(20971520), at_least(1), High, ReadOnly, supported;

    /// Time after which a snapshot is written when there are new metadata records, in milliseconds; 0:
    /// never by time.
    METADATA_LOG_MAX_SNAPSHOT_INTERVAL_MS: i64 = "metadata.log.max.snapshot.interval.ms", default(3600000), at_least(0), High, ReadOnly, supported;

    /// Size at which the metadata log starts a new segment, in bytes.
    METADATA_LOG_SEGMENT_BYTES: i32 = "metadata.log.segment.bytes", default(1073741824), at_least(8388608), High, ReadOnly, supported;

    /// Age at which the metadata log starts a new segment, in milliseconds.
    METADATA_LOG_SEGMENT_MS: i64 = "metadata.log.segment.ms", default(604800000), Any, High, ReadOnly, supported;

    /// Time after which the active controller appends a no-op record to an idle metadata log, in
    /// milliseconds; 0: never.
    METADATA_MAX_IDLE_INTERVAL_MS: i32 = "metadata.max.idle.interval.ms", default(500), at_least(0), Low, ReadOnly, supported;

    /// Size of metadata log and snapshots together from which the oldest are deleted, in bytes.
    METADATA_MAX_RETENTION_BYTES: i64 = "metadata.max.retention.bytes", default(104857600), Any, High, ReadOnly, supported;

    /// Age from which segments of the metadata log and snapshots are deleted, in milliseconds.
    METADATA_MAX_RETENTION_MS: i64 = "metadata.max.retention.ms", default(604800000), Any, High, ReadOnly, supported;

    /// Id of this node, unique over brokers and controllers. Combined nodes have one for both roles.
    NODE_ID: i32 = "node.id", required, at_least(0), High, ReadOnly, supported;

    /// Roles of this process: `broker`, `controller`, or both.
    PROCESS_ROLES: Vec<String> = "process.roles", required, some_of(&["broker", "controller"]), High, ReadOnly, supported;

    /// Longest time that the start of a node may take before it gives up, in milliseconds.
    SERVER_MAX_STARTUP_TIME_MS: i64 = "server.max.startup.time.ms", default(9223372036854775807), at_least(0), Medium, ReadOnly, internal, supported;

    /// Whether API versions in development are advertised. For tests only.
    UNSTABLE_API_VERSIONS_ENABLE: bool = "unstable.api.versions.enable", default(false), Any, High, ReadOnly, internal, supported;

    /// Whether feature levels in development may be used. For tests only.
    UNSTABLE_FEATURE_VERSIONS_ENABLE: bool = "unstable.feature.versions.enable", default(false), Any, High, ReadOnly, internal, supported;
}
