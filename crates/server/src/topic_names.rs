//! What a topic may be called, and which topics are Kafka's own.

/// Topics of the group, transaction and share coordinators: clients may read but not write or create them.
pub const GROUP_METADATA: &str = "__consumer_offsets";
/// See [`GROUP_METADATA`].
pub const TRANSACTION_STATE: &str = "__transaction_state";
/// See [`GROUP_METADATA`].
pub const SHARE_GROUP_STATE: &str = "__share_group_state";
/// The log of the quorum, which is no topic that clients can see.
pub const CLUSTER_METADATA: &str = "__cluster_metadata";

/// Whether a topic belongs to a coordinator.
pub fn is_internal(topic: &str) -> bool {
    matches!(topic, GROUP_METADATA | TRANSACTION_STATE | SHARE_GROUP_STATE)
}

/// Whether a name may be a topic's: 1 to 249 letters, digits, `.`, `_` or `-`, neither `.` nor `..`.
pub fn is_legal(topic: &str) -> bool {
    (1..=249).contains(&topic.len())
        && topic != "."
        && topic != ".."
        && topic.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
