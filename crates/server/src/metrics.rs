//! What can be measured of a node, under the names that the usual JMX exporter gives Kafka's metrics.
//!
//! Nothing is counted in shared memory: every shard counts for itself, and the quorum's thread knows its own state. Who
//! asks for metrics ([`exposition`]) asks each of them for a copy of its numbers and makes samples of them on a thread of
//! its own. A family of metrics is one row of [`families`].
//!
//! Non-obvious: latencies are those of the last one to two minutes, as Kafka's decaying reservoirs favour what is new;
//! counters begin with the process; a topic's counters go with its partitions when they leave this broker, the broker's
//! totals stay.

pub mod cleaner;
pub mod coordinators;
pub mod exposition;
pub mod families;
pub mod lately;
pub mod measures;
pub mod node;
pub mod quorum;
pub mod replication;
pub mod requests;
pub mod samples;
pub mod traffic;
pub mod transactions;
