//! The group coordinators of this broker: one for each partition of `__consumer_offsets` that it leads, on that
//! partition's shard, so that writing is a method call.
//!
//! What groups are and how requests are decided is in `klamm-coordinator`. Here is what it lacks: the log, timers, and
//! the requests that wait.

mod cluster;
pub mod driver;
mod load;
pub mod on_shard;
mod settings;
mod timers;
mod write;

use klamm_config::broker;
use klamm_coordinator::java_hash;
use klamm_protocol::StrBytes;

use crate::{node::Node, shard::requests::TopicPartition, topic_names};

/// The partition of `__consumer_offsets` that a group's coordinator leads: the same on every broker of any kind.
pub fn partition_of(node: &Node, group: &str) -> i32 {
    let published = node.metadata.load();
    let topic = published.image.topics.by_name(topic_names::GROUP_METADATA);
    let count = topic.map_or(0, |topic| i32::try_from(topic.partitions.size()).unwrap_or(i32::MAX));
    let count =
        if count > 0 { count } else { node.config.load().get(&broker::OFFSETS_TOPIC_NUM_PARTITIONS).max(1) };
    java_hash(group).checked_abs().unwrap_or(0) % count
}

/// A partition of `__consumer_offsets`.
pub fn group_metadata_partition(index: i32) -> TopicPartition {
    TopicPartition { topic: StrBytes::from(topic_names::GROUP_METADATA), index }
}
