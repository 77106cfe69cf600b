//! What the coordinator has to know of the cluster.

use crate::settings::{ConsumerTiming, ShareTiming, StreamsTiming};
use klamm_protocol::{StrBytes, Uuid};

/// The cluster's topics and configs, as the broker's metadata has them.
pub trait Cluster {
    /// Changes whenever a topic may have.
    fn version(&self) -> i64;
    /// The version in which the last topic came.
    fn newest_topic_version(&self) -> i64;
    /// The id of a topic.
    fn id(&self, name: &str) -> Option<Uuid>;
    /// The name of a topic.
    fn name(&self, id: Uuid) -> Option<StrBytes>;
    /// How many partitions a topic has.
    fn partition_count(&self, id: Uuid) -> Option<i32>;
    /// What [`topic_hash`](crate::topic_hash) makes of a topic; asked for often.
    fn topic_hash(&self, name: &str) -> Option<i64>;
    /// The names of all topics for which `wanted` is true.
    fn names(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<StrBytes>;
    /// The pace of a consumer group. `None`: as the coordinator's settings have it.
    fn consumer_timing(&self, group: &str) -> Option<ConsumerTiming>;
    /// The pace of a share group that has configs of its own.
    fn share_timing(&self, group: &str) -> Option<ShareTiming>;
    /// The pace of a streams group that has configs of its own.
    fn streams_timing(&self, group: &str) -> Option<StreamsTiming>;
}

/// A cluster without topics and configs.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCluster;

impl Cluster for NoCluster {
    fn version(&self) -> i64 {
        0
    }

    fn newest_topic_version(&self) -> i64 {
        0
    }

    fn id(&self, _name: &str) -> Option<Uuid> {
        None
    }

    fn name(&self, _id: Uuid) -> Option<StrBytes> {
        None
    }

    fn partition_count(&self, _id: Uuid) -> Option<i32> {
        None
    }

    fn topic_hash(&self, _name: &str) -> Option<i64> {
        None
    }

    fn names(&self, _wanted: &dyn Fn(&str) -> bool) -> Vec<StrBytes> {
        Vec::new()
    }

    fn consumer_timing(&self, _group: &str) -> Option<ConsumerTiming> {
        None
    }

    fn share_timing(&self, _group: &str) -> Option<ShareTiming> {
        None
    }

    fn streams_timing(&self, _group: &str) -> Option<StreamsTiming> {
        None
    }
}
