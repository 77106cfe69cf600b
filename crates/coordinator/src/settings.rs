//! The broker configuration that the group coordinator acts on.

/// Values of the broker's `group.*` and `offset*` keys. Defaults are Kafka's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// `group.max.size`: members per classic group, at least 1.
    pub classic_size_max: usize,
    /// `group.min.session.timeout.ms`.
    pub classic_session_timeout_ms_min: i32,
    /// `group.max.session.timeout.ms`.
    pub classic_session_timeout_ms_max: i32,
    /// `group.initial.rebalance.delay.ms`: how long the first rebalance of an empty group waits for more members.
    pub classic_initial_rebalance_delay_ms: i32,
    /// How long the JoinGroup of a new member may stay parked. Not a key in Kafka: five minutes.
    pub classic_new_member_join_timeout_ms: i32,
    /// `group.consumer.max.size`.
    pub consumer_size_max: usize,
    /// For groups without configs of their own.
    pub consumer_timing: ConsumerTiming,
    /// `group.consumer.migration.policy`.
    pub consumer_migration: MigrationPolicy,
    /// `group.consumer.regex.refresh.interval.ms`: how long what a regular expression matches stays good.
    pub consumer_regex_refresh_interval_ms: i32,
    /// `group.consumer.assignors`: the assignors that members may ask for; the first one is the default.
    pub consumer_assignors: Vec<String>,
    /// `group.share.max.size`.
    pub share_size_max: usize,
    /// For groups without configs of their own.
    pub share_timing: ShareTiming,
    /// `group.share.initialize.retry.interval.ms`: how long the share coordinator may take to make state for
    /// partitions before it is asked again.
    pub share_initialize_retry_interval_ms: i64,
    /// `group.streams.max.size`.
    pub streams_size_max: usize,
    /// For groups without configs of their own.
    pub streams_timing: StreamsTiming,
    /// `offset.metadata.max.bytes`: compared, as in Kafka, with the length in UTF-16 units.
    pub offset_metadata_length_max: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: i64,
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            classic_size_max: i32::MAX as usize,
            classic_session_timeout_ms_min: 6_000,
            classic_session_timeout_ms_max: 1_800_000,
            classic_initial_rebalance_delay_ms: 3_000,
            classic_new_member_join_timeout_ms: 5 * 60 * 1000,
            consumer_size_max: i32::MAX as usize,
            consumer_timing: ConsumerTiming::default(),
            consumer_migration: MigrationPolicy::default(),
            consumer_regex_refresh_interval_ms: 600_000,
            consumer_assignors: vec!["uniform".to_owned(), "range".to_owned()],
            share_size_max: 200,
            share_timing: ShareTiming::default(),
            share_initialize_retry_interval_ms: 30_000,
            streams_size_max: i32::MAX as usize,
            streams_timing: StreamsTiming::default(),
            offset_metadata_length_max: 4096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1000,
            offsets_retention_check_interval_ms: 600_000,
        }
    }
}

/// Which way groups with members may go between the classic and the consumer protocol. If none is open, no member of the
/// classic protocol may join a consumer group either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MigrationPolicy {
    /// A classic group becomes a consumer group when a member comes with the new protocol.
    pub upgrades: bool,
    /// A consumer group becomes a classic one when its last member with the new protocol goes.
    pub downgrades: bool,
}

impl MigrationPolicy {
    /// By the name that the key has, in any case. `None`: there is no such policy.
    pub fn from_name(name: &str) -> Option<Self> {
        let of = |upgrades, downgrades| Some(Self { upgrades, downgrades });
        match name.to_ascii_lowercase().as_str() {
            "bidirectional" => of(true, true),
            "upgrade" => of(true, false),
            "downgrade" => of(false, true),
            "disabled" => of(false, false),
            _ => None,
        }
    }
}

impl Default for MigrationPolicy {
    fn default() -> Self {
        Self { upgrades: true, downgrades: true }
    }
}

/// The pace of a consumer group, which a group may have configs of its own for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerTiming {
    /// `group.consumer.session.timeout.ms`, or the group's `consumer.session.timeout.ms`.
    pub session_timeout_ms: i32,
    /// `group.consumer.heartbeat.interval.ms`, or the group's `consumer.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `group.consumer.assignment.interval.ms`, or the group's `consumer.assignment.interval.ms`: assignments are
    /// computed at most this often.
    pub assignment_interval_ms: i32,
}

impl Default for ConsumerTiming {
    fn default() -> Self {
        Self { session_timeout_ms: 45_000, heartbeat_interval_ms: 5_000, assignment_interval_ms: 1_000 }
    }
}

/// The pace of a share group, which a group may have configs of its own for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareTiming {
    /// `group.share.session.timeout.ms`, or the group's `share.session.timeout.ms`.
    pub session_timeout_ms: i32,
    /// `group.share.heartbeat.interval.ms`, or the group's `share.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `group.share.assignment.interval.ms`, or the group's `share.assignment.interval.ms`: assignments are computed
    /// at most this often.
    pub assignment_interval_ms: i32,
}

impl Default for ShareTiming {
    fn default() -> Self {
        Self { session_timeout_ms: 45_000, heartbeat_interval_ms: 5_000, assignment_interval_ms: 1_000 }
    }
}

/// The pace of a streams group, and its standbys, which a group may have configs of its own for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamsTiming {
    /// `group.streams.session.timeout.ms`, or the group's `streams.session.timeout.ms`.
    pub session_timeout_ms: i32,
    /// `group.streams.heartbeat.interval.ms`, or the group's `streams.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `group.streams.assignment.interval.ms`, or the group's `streams.assignment.interval.ms`: assignments are computed
    /// at most this often.
    pub assignment_interval_ms: i32,
    /// `group.streams.initial.rebalance.delay.ms`, or the group's `streams.initial.rebalance.delay.ms`: how long the
    /// first assignment of an empty group waits for more members.
    pub initial_rebalance_delay_ms: i32,
    /// `group.streams.num.standby.replicas`, or the group's `streams.num.standby.replicas`.
    pub num_standby_replicas: i32,
}

impl Default for StreamsTiming {
    fn default() -> Self {
        Self {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            assignment_interval_ms: 1_000,
            initial_rebalance_delay_ms: 3_000,
            num_standby_replicas: 0,
        }
    }
}
