//! Tiered storage.

use crate::keys;

keys! { DEFS;
    /// Whether a new follower of a tiered topic starts at the last tiered offset instead of the log start.
    FOLLOWER_FETCH_LAST_TIERED_OFFSET_ENABLE: bool = "follower.fetch.last.tiered.offset.enable", default(false), Any, Medium, ClusterWide;

    /// Longest wait for remote data in one fetch, in milliseconds.
    REMOTE_FETCH_MAX_WAIT_MS: i32 = "remote.fetch.max.wait.ms", default(500), at_least(1), Medium, ClusterWide;

    /// Longest wait for remote indexes in one ListOffsets, in milliseconds.
    REMOTE_LIST_OFFSETS_REQUEST_TIMEOUT_MS: i64 = "remote.list.offsets.request.timeout.ms", default(30000), at_least(1), Medium, ClusterWide;

    /// Local disk space for indexes fetched from remote storage, in bytes.
    REMOTE_LOG_INDEX_FILE_CACHE_TOTAL_SIZE_BYTES: i64 = "remote.log.index.file.cache.total.size.bytes", default(1073741824), at_least(1), Low, ClusterWide;

    /// Time after which an unused index leaves the cache, in milliseconds; -1: never.
    REMOTE_LOG_INDEX_FILE_CACHE_TTL_MS: i64 = "remote.log.index.file.cache.ttl.ms", default(900000), at_least(-1), Low, ReadOnly, internal;

    /// Number of threads that copy segments to remote storage.
    REMOTE_LOG_MANAGER_COPIER_THREAD_POOL_SIZE: i32 = "remote.log.manager.copier.thread.pool.size", default(10), at_least(1), Medium, ClusterWide;

    /// Most bytes per second copied to remote storage.
    REMOTE_LOG_MANAGER_COPY_MAX_BYTES_PER_SECOND: i64 = "remote.log.manager.copy.max.bytes.per.second", default(9223372036854775807), at_least(1), Medium, ClusterWide;

    /// Number of samples kept for the quota on copying to remote storage.
    REMOTE_LOG_MANAGER_COPY_QUOTA_WINDOW_NUM: i32 = "remote.log.manager.copy.quota.window.num", default(11), at_least(1), Medium, ReadOnly;

    /// Length of one sample of the quota on copying to remote storage, in seconds.
    REMOTE_LOG_MANAGER_COPY_QUOTA_WINDOW_SIZE_SECONDS: i32 = "remote.log.manager.copy.quota.window.size.seconds", default(1), at_least(1), Medium, ReadOnly;

    /// Number of threads that delete expired segments from remote storage.
    REMOTE_LOG_MANAGER_EXPIRATION_THREAD_POOL_SIZE: i32 = "remote.log.manager.expiration.thread.pool.size", default(10), at_least(1), Medium, ClusterWide;

    /// Most bytes per second fetched from remote storage.
    REMOTE_LOG_MANAGER_FETCH_MAX_BYTES_PER_SECOND: i64 = "remote.log.manager.fetch.max.bytes.per.second", default(9223372036854775807), at_least(1), Medium, ClusterWide;

    /// Number of samples kept for the quota on fetching from remote storage.
    REMOTE_LOG_MANAGER_FETCH_QUOTA_WINDOW_NUM: i32 = "remote.log.manager.fetch.quota.window.num", default(11), at_least(1), Medium, ReadOnly;

    /// Length of one sample of the quota on fetching from remote storage, in seconds.
    REMOTE_LOG_MANAGER_FETCH_QUOTA_WINDOW_SIZE_SECONDS: i32 = "remote.log.manager.fetch.quota.window.size.seconds", default(1), at_least(1), Medium, ReadOnly;

    /// Number of threads that do the followers' tasks of tiered partitions.
    REMOTE_LOG_MANAGER_FOLLOWER_THREAD_POOL_SIZE: i32 = "remote.log.manager.follower.thread.pool.size", default(2), at_least(1), Medium, ClusterWide;

    /// Time between two runs of the copy and expiry tasks of a tiered partition, in milliseconds.
    REMOTE_LOG_MANAGER_TASK_INTERVAL_MS: i64 = "remote.log.manager.task.interval.ms", default(30000), at_least(1), Low, ReadOnly;

    /// Longest wait before a failed remote task runs again, in milliseconds.
    REMOTE_LOG_MANAGER_TASK_RETRY_BACKOFF_MAX_MS: i64 = "remote.log.manager.task.retry.backoff.max.ms", default(30000), at_least(1), Low, ReadOnly, internal;

    /// First wait before a failed remote task runs again, in milliseconds.
    REMOTE_LOG_MANAGER_TASK_RETRY_BACKOFF_MS: i64 = "remote.log.manager.task.retry.backoff.ms", default(500), at_least(1), Low, ReadOnly, internal;

    /// Random share added to the wait before a failed remote task runs again.
    REMOTE_LOG_MANAGER_TASK_RETRY_JITTER: f64 = "remote.log.manager.task.retry.jitter", default(0.2), share(0.0, 0.5), Low, ReadOnly, internal;

    /// Number of threads of the remote log tasks that have no pool of their own.
    REMOTE_LOG_MANAGER_THREAD_POOL_SIZE: i32 = "remote.log.manager.thread.pool.size", default(2), at_least(1), Medium, ReadOnly;

    /// Largest custom metadata that a remote storage may attach to a segment, in bytes.
    REMOTE_LOG_METADATA_CUSTOM_METADATA_MAX_BYTES: i32 = "remote.log.metadata.custom.metadata.max.bytes", default(128), at_least(0), Low, ReadOnly;

    /// Class that keeps the metadata of remote segments. Kafka's topic-based one is built in.
    REMOTE_LOG_METADATA_MANAGER_CLASS_NAME: String = "remote.log.metadata.manager.class.name", default("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager"), NonEmptyText, Medium, ReadOnly;

    /// Class path of `remote.log.metadata.manager.class.name`. No effect in Klamm.
    REMOTE_LOG_METADATA_MANAGER_CLASS_PATH: Option<String> = "remote.log.metadata.manager.class.path", null, Any, Medium, ReadOnly;

    /// Prefix of the keys handed to the manager of remote log metadata.
    REMOTE_LOG_METADATA_MANAGER_IMPL_PREFIX: String = "remote.log.metadata.manager.impl.prefix", default("rlmm.config."), NonEmptyText, Medium, ReadOnly;

    /// Listener through which the manager of remote log metadata connects to brokers.
    REMOTE_LOG_METADATA_MANAGER_LISTENER_NAME: Option<String> = "remote.log.metadata.manager.listener.name", null, NonEmptyText, Medium, ReadOnly;

    /// Most reads of remote storage that may wait.
    REMOTE_LOG_READER_MAX_PENDING_TASKS: i32 = "remote.log.reader.max.pending.tasks", default(100), at_least(1), Medium, ReadOnly;

    /// Number of threads that read remote storage.
    REMOTE_LOG_READER_THREADS: i32 = "remote.log.reader.threads", default(10), at_least(1), Medium, ClusterWide;

    /// Class that stores remote segments.
    REMOTE_LOG_STORAGE_MANAGER_CLASS_NAME: Option<String> = "remote.log.storage.manager.class.name", null, NonEmptyText, Medium, ReadOnly;

    /// Class path of `remote.log.storage.manager.class.name`. No effect in Klamm.
    REMOTE_LOG_STORAGE_MANAGER_CLASS_PATH: Option<String> = "remote.log.storage.manager.class.path", null, Any, Medium, ReadOnly;

    /// Prefix of the keys handed to the remote storage.
    REMOTE_LOG_STORAGE_MANAGER_IMPL_PREFIX: String = "remote.log.storage.manager.impl.prefix", default("rsm.config."), NonEmptyText, Medium, ReadOnly;

    /// Whether tiered storage is on in this broker.
    REMOTE_LOG_STORAGE_SYSTEM_ENABLE: bool = "remote.log.storage.system.enable", default(false), Any, Medium, ReadOnly;
}
