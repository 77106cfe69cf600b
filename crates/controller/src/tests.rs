//! Scenarios on a small cluster, and Kafka's own records as the measure.

mod brokers;
mod kafka_log;
mod partitions;
mod topics;
mod walk;
mod world;
