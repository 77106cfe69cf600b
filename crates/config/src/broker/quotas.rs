//! Quotas and throttling.

use crate::value::Class;
use crate::keys;

keys! { DEFS;
    /// Number of samples kept for the quota on moves between log directories.
    ALTER_LOG_DIRS_REPLICATION_QUOTA_WINDOW_NUM: i32 = "alter.log.dirs.replication.quota.window.num", default(11), at_least(1), Low, ReadOnly, supported;

    /// Length of one sample of the quota on moves between log directories, in seconds.
    ALTER_LOG_DIRS_REPLICATION_QUOTA_WINDOW_SIZE_SECONDS: i32 = "alter.log.dirs.replication.quota.window.size.seconds", default(1), at_least(1), Low, ReadOnly, supported;

    /// Class that decides client quotas. Klamm runs no Java classes, so a value has no effect.
    CLIENT_QUOTA_CALLBACK_CLASS: Option<Class> = "client.quota.callback.class", null, Any, Low, ReadOnly;

    /// Number of samples kept for the quota on controller mutations.
    CONTROLLER_QUOTA_WINDOW_NUM: i32 = "controller.quota.window.num", default(11), at_least(1), Low, ReadOnly, supported;

    /// Length of one sample of the quota on controller mutations, in seconds.
    CONTROLLER_QUOTA_WINDOW_SIZE_SECONDS: i32 = "controller.quota.window.size.seconds", default(1), at_least(1), Low, ReadOnly, supported;

    /// Number of samples kept for client quotas.
    QUOTA_WINDOW_NUM: i32 = "quota.window.num", default(11), at_least(1), Low, ReadOnly, supported;

    /// Length of one sample of client quotas, in seconds.
    QUOTA_WINDOW_SIZE_SECONDS: i32 = "quota.window.size.seconds", default(1), at_least(1), Low, ReadOnly, supported;

    /// Number of samples kept for replication quotas.
    REPLICATION_QUOTA_WINDOW_NUM: i32 = "replication.quota.window.num", default(11), at_least(1), Low, ReadOnly, supported;

    /// Length of one sample of replication quotas, in seconds.
    REPLICATION_QUOTA_WINDOW_SIZE_SECONDS: i32 = "replication.quota.window.size.seconds", default(1), at_least(1), Low, ReadOnly, supported;

    /// Most bytes per second of replication towards followers listed in the topic's
    /// `follower.replication.throttled.replicas`.
    FOLLOWER_REPLICATION_THROTTLED_RATE: i64 = "follower.replication.throttled.rate", default(9223372036854775807), at_least(0), Medium, ClusterWide, supported;

    /// Most bytes per second of replication from leaders listed in the topic's
    /// `leader.replication.throttled.replicas`.
    LEADER_REPLICATION_THROTTLED_RATE: i64 = "leader.replication.throttled.rate", default(9223372036854775807), at_least(0), Medium, ClusterWide, supported;

    /// Most bytes per second of moves between log directories of this broker.
    REPLICA_ALTER_LOG_DIRS_IO_MAX_BYTES_PER_SECOND: i64 = "replica.alter.log.dirs.io.max.bytes.per.second", default(9223372036854775807), at_least(0), Medium, ClusterWide, supported;
}
