//! The server's assignors, which the config names as Kafka does: by their short names or by Kafka's classes of them.

/// An assignor of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerAssignor {
    /// Its short name.
    pub name: &'static str,
    /// Kafka's class of it.
    pub class: &'static str,
}

/// Those of `group.consumer.assignors`.
pub const CONSUMER: &[ServerAssignor] = &[
    ServerAssignor { name: "uniform", class: "org.apache.kafka.coordinator.group.assignor.UniformAssignor" },
    ServerAssignor { name: "range", class: "org.apache.kafka.coordinator.group.assignor.RangeAssignor" },
];

/// That of `group.share.assignors`.
pub const SHARE: &[ServerAssignor] =
    &[ServerAssignor { name: "simple", class: "org.apache.kafka.coordinator.group.assignor.SimpleAssignor" }];

/// The one that a config means, if it is among them. Classes of others than Kafka cannot be had.
pub fn find(among: &[ServerAssignor], configured: &str) -> Option<ServerAssignor> {
    among.iter().copied().find(|known| known.name == configured || known.class == configured)
}
