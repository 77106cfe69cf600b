//! What goes into and out of partitions.

use super::{
    families::{
        BYTES_IN, BYTES_OUT, FAILED_FETCH_REQUESTS, FAILED_PRODUCE_REQUESTS, FETCH_REQUESTS, MESSAGES_IN,
        PRODUCE_REQUESTS, REPLICATION_BYTES_IN, REPLICATION_BYTES_OUT,
    },
    samples::{Samples, count},
};

/// Counts since the process started, of a partition or of everything on a shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Records appended.
    pub messages_in: u64,
    /// Bytes of batches appended.
    pub bytes_in: u64,
    /// Bytes of batches that consumers read.
    pub bytes_out: u64,
    /// Bytes of batches that came from the leader.
    pub replication_bytes_in: u64,
    /// Bytes of batches that followers read.
    pub replication_bytes_out: u64,
    /// Appends that were asked for.
    pub produce_requests: u64,
    /// Appends that were refused.
    pub failed_produce_requests: u64,
    /// Reads that were asked for.
    pub fetch_requests: u64,
    /// Reads that were refused.
    pub failed_fetch_requests: u64,
}

impl Traffic {
    /// Adds what another has counted.
    pub fn add(&mut self, other: &Self) {
        self.messages_in += other.messages_in;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.replication_bytes_in += other.replication_bytes_in;
        self.replication_bytes_out += other.replication_bytes_out;
        self.produce_requests += other.produce_requests;
        self.failed_produce_requests += other.failed_produce_requests;
        self.fetch_requests += other.fetch_requests;
        self.failed_fetch_requests += other.failed_fetch_requests;
    }

    /// As samples of a topic, or of the broker.
    pub fn sample(&self, topic: Option<&str>, samples: &mut Samples) {
        let label = topic.map(|topic| [("topic", topic)]);
        let labels = label.as_ref().map_or(&[][..], |label| &label[..]);
        for (family, value) in [
            (MESSAGES_IN, self.messages_in),
            (BYTES_IN, self.bytes_in),
            (BYTES_OUT, self.bytes_out),
            (REPLICATION_BYTES_IN, self.replication_bytes_in),
            (REPLICATION_BYTES_OUT, self.replication_bytes_out),
            (PRODUCE_REQUESTS, self.produce_requests),
            (FAILED_PRODUCE_REQUESTS, self.failed_produce_requests),
            (FETCH_REQUESTS, self.fetch_requests),
            (FAILED_FETCH_REQUESTS, self.failed_fetch_requests),
        ] {
            samples.add(family, labels, count(value));
        }
    }
}
