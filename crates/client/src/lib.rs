//! Producer, consumer and admin client for Kafka.
//!
//! What it is: the client side of Kafka's protocol, with the configuration keys, defaults and behaviour of Kafka's own
//! Java clients. What it is not: a client of Klamm. It knows nothing of our server, and whatever it does works against
//! Apache Kafka as well.
//!
//! Read first: [`cluster::Cluster`] (connections, metadata, coordinators), then [`producer::Producer`],
//! [`consumer::Consumer`] and [`admin::Admin`], which stand on it.
//!
//! Invariants
//! * Records of one partition are written in the order in which they were given to [`producer::Producer::send`], retries
//!   included, when idempotence is on or one request is in flight.
//! * A consumer's position is the offset after the last record that `poll` has given out.
//!
//! Non-obvious
//! * Everything runs on the tokio runtime that it was made in; a runtime of one thread is enough and is what the tools
//!   use. Nothing blocks a thread, except compression, which runs where a batch is closed.
//! * Time and randomness come from `klamm_io`, so that clients can run in a simulated world.

pub mod admin;
pub mod cluster;
pub mod consumer;
mod error;
pub mod metrics;
mod murmur2;
pub mod producer;
pub mod share;

pub use cluster::Cluster;
pub use error::{ClientError, Truncation};
pub use klamm_config::client::{ClientConfig, ClientConfigError, ClientKind};

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: std::sync::Arc<str>,
    /// Number of the partition.
    pub partition: i32,
}

impl TopicPartition {
    /// The partition of this number of this topic.
    pub fn new(topic: impl Into<std::sync::Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
