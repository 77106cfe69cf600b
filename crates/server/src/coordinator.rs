//! The coordinators of this broker: for groups one for each partition of `__consumer_offsets` that it leads, for
//! transactions one for each of `__transaction_state`, for share partitions one for each of `__share_group_state`, on
//! that partition's shard, so that writing is a method call.
//!
//! What they are and how requests are decided is in `klamm-coordinator`. Here is what it lacks: the log, timers, and the
//! requests that wait.

pub mod cluster;
mod commits;
pub mod counts;
pub mod driver;
pub mod groups;
mod load;
pub mod on_shard;
mod settings;
pub mod shares;
mod timers;
pub mod transactions;
pub(crate) mod write;

use klamm_config::{Key, broker};
use klamm_coordinator::java_hash;

use crate::{node::Node, topic_names};

/// The partition of `__consumer_offsets` that a group's coordinator leads: the same on every broker of any kind.
pub fn partition_of(node: &Node, group: &str) -> i32 {
    partition_for(node, group, topic_names::GROUP_METADATA, &broker::OFFSETS_TOPIC_NUM_PARTITIONS)
}

/// The partition of a coordinators' topic for a key; by the config if there is no such topic yet.
fn partition_for(node: &Node, key: &str, topic: &str, config: &Key<i32>) -> i32 {
    let published = node.metadata.load();
    let topic = published.image.topics.by_name(topic);
    let count = topic.map_or(0, |topic| i32::try_from(topic.partitions.size()).unwrap_or(i32::MAX));
    let count = if count > 0 { count } else { node.config.load().get(config).max(1) };
    java_hash(key).checked_abs().unwrap_or(0) % count
}
