//! Keys of brokers and controllers, by area.

macro_rules! areas {
    ($($(#[doc = $doc:literal])+ $area:ident;)+) => {
        $($(#[doc = $doc])+ pub mod $area;)+
        $(pub use $area::*;)+
        /// The tables of all areas.
        pub static AREAS: &[(&str, &[&crate::key::KeyDef])] = &[$((stringify!($area), $area::DEFS)),+];
    };
}

areas! {
    /// Topics, threads and whatever has no area of its own.
    general;
    /// Groups, the group coordinator and the offsets topic.
    groups;
    /// What Klamm has beyond Kafka. Off unless asked for.
    klamm;
    /// Log directories, segments, retention, compaction and flushing.
    log;
    /// Metrics and client telemetry.
    metrics;
    /// Listeners, sockets and connections.
    network;
    /// Roles, node id, the quorum and its metadata log.
    quorum;
    /// Quotas and throttling.
    quotas;
    /// Tiered storage.
    remote;
    /// Replication, leader election, fetching and purgatories.
    replication;
    /// TLS, SASL, authorizer and delegation tokens.
    security;
    /// Share groups and the share coordinator.
    share;
    /// Transactions and producer ids.
    transactions;
}

/// All keys of brokers and controllers.
pub fn all() -> impl Iterator<Item = &'static crate::key::KeyDef> {
    AREAS.iter().flat_map(|(_, defs)| defs.iter().copied())
}
