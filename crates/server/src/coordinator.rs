//! The group coordinators of this broker: one for each partition of `__consumer_offsets` that it leads, on that
//! partition's shard, so that writing is a method call.
//!
//! What groups are and how requests are decided is in `klamm-coordinator`. Here is what it lacks: the log, timers, and
//! the requests that wait.

pub mod driver;
mod load;
pub mod on_shard;
mod settings;
mod timers;
mod topics;
mod write;

use klamm_config::broker;
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

/// `String.hashCode` of Java: over UTF-16 units.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// A partition of `__consumer_offsets`.
pub fn group_metadata_partition(index: i32) -> TopicPartition {
    TopicPartition { topic: StrBytes::from(topic_names::GROUP_METADATA), index }
}

#[cfg(test)]
mod tests {
    use super::java_hash;

    #[test]
    fn hashes_as_java_does() {
        // An emoji is two UTF-16 units.
        let emoji = 0xd83d * 31 + 0xde00;
        let cases = [
            ("", 0),
            ("a", 97),
            ("group", 98_629_247),
            ("console-consumer-12345", 158_455_506),
            ("\u{1f600}", emoji),
        ];
        for (text, hash) in cases {
            assert_eq!(java_hash(text), hash, "{text}");
        }
    }
}
