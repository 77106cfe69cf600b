//! Which partition is a group's dead-letter queue, and what stands in the way.

use std::{collections::BTreeMap, fmt};

use klamm_config::{BrokerConfig, GroupConfig, TopicConfig, broker, group, topic};
use klamm_metadata::image::{ConfigResource, MetadataImage};
use klamm_protocol::{ErrorCode, Uuid};

use crate::{shard::requests::TopicPartition, topic_names};

/// Where the records of a partition go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The partition of the dead-letter queue: the one of the same number, as far as there are as many.
    pub at: TopicPartition,
    /// Its topic.
    pub topic_id: Uuid,
    /// Who leads it.
    pub leader: i32,
    /// The largest batch that it takes, in bytes: `max.message.bytes` of the topic, but no more than a segment has.
    pub batch_bytes_max: usize,
    /// `errors.deadletterqueue.copy.record.enable` of the group.
    pub is_record_copied: bool,
}

/// Why records cannot be brought to the dead-letter queue. Its text says what is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocked {
    /// The group has none any more: records that were given up while it had go nowhere.
    NoQueue,
    /// The name is not one that is allowed.
    Prefix {
        /// `errors.deadletterqueue.topic.name`.
        topic: String,
        /// `errors.deadletterqueue.topic.name.prefix`.
        prefix: String,
    },
    /// No topic for clients to write to.
    Internal {
        /// `errors.deadletterqueue.topic.name`.
        topic: String,
    },
    /// The records come from it.
    Itself {
        /// `errors.deadletterqueue.topic.name`.
        topic: String,
    },
    /// There is no such topic, and it is not to be created.
    Missing {
        /// `errors.deadletterqueue.topic.name`.
        topic: String,
    },
    /// There is no such topic yet.
    ToBeCreated {
        /// `errors.deadletterqueue.topic.name`.
        topic: String,
    },
    /// The controller refuses to create it.
    NotCreated {
        /// `errors.deadletterqueue.topic.name`.
        topic: String,
        /// Why.
        code: ErrorCode,
    },
    /// It is not meant to be one.
    NotEnabled {
        /// `errors.deadletterqueue.topic.name`.
        topic: String,
    },
    /// Its cleaner would leave but the last letter of each key, and it takes none without a key.
    Compacted {
        /// `errors.deadletterqueue.topic.name`.
        topic: String,
    },
    /// The partition has no leader at present.
    Leaderless {
        /// The partition.
        at: TopicPartition,
    },
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoQueue => f.write_str("the group has no errors.deadletterqueue.topic.name any more"),
            Self::Prefix { topic, prefix } => write!(
                f,
                "the name of {topic} does not begin with {prefix}, as errors.deadletterqueue.topic.name.prefix of the brokers \
                 wants it: set errors.deadletterqueue.topic.name of the group to one that does"
            ),
            Self::Internal { topic } => {
                write!(
                    f,
                    "{topic} is Kafka's own topic: set errors.deadletterqueue.topic.name of the group to another"
                )
            }
            Self::Itself { topic } => write!(
                f,
                "{topic} cannot be the dead-letter queue of its own records: set errors.deadletterqueue.topic.name of the \
                 group to another topic"
            ),
            Self::Missing { topic } => write!(
                f,
                "{topic} does not exist: create it with errors.deadletterqueue.group.enable=true, or set \
                 errors.deadletterqueue.auto.create.topics.enable=true on the brokers"
            ),
            Self::ToBeCreated { topic } => write!(f, "{topic} is being created"),
            Self::NotCreated { topic, code } => write!(f, "{topic} cannot be created: {}", code.name()),
            Self::NotEnabled { topic } => {
                write!(
                    f,
                    "{topic} is not meant for it: set errors.deadletterqueue.group.enable=true on the topic"
                )
            }
            Self::Compacted { topic } => write!(
                f,
                "{topic} is compacted, by which dead letters would be lost: set cleanup.policy=delete on the topic"
            ),
            Self::Leaderless { at } => write!(f, "{}-{} has no leader at present", at.topic, at.index),
        }
    }
}

fn own(image: &MetadataImage, resource: &ConfigResource) -> BTreeMap<String, String> {
    let own = image.configs.resource(resource).into_iter().flat_map(|own| own.iter());
    own.map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// Where the records of `from` go that a group gives up.
///
/// # Errors
/// What stands in the way. It is looked at in the order in which it has to be mended.
pub fn find(
    config: &BrokerConfig,
    image: &MetadataImage,
    group: &str,
    from: &TopicPartition,
) -> Result<Target, Blocked> {
    let (settings, _) = GroupConfig::resolve(config, &own(image, &ConfigResource::group(group)));
    let topic = settings.get(&group::ERRORS_DEADLETTERQUEUE_TOPIC_NAME);
    if topic.is_empty() {
        return Err(Blocked::NoQueue);
    }
    if topic.starts_with("__") || topic_names::is_internal(&topic) {
        return Err(Blocked::Internal { topic });
    }
    let prefix = config.get(&broker::ERRORS_DEADLETTERQUEUE_TOPIC_NAME_PREFIX);
    if !topic.starts_with(&prefix) {
        return Err(Blocked::Prefix { topic, prefix });
    }
    if topic == from.topic.as_str() {
        return Err(Blocked::Itself { topic });
    }
    let Some(found) = image.topics.by_name(&topic) else {
        let is_created = config.get(&broker::ERRORS_DEADLETTERQUEUE_AUTO_CREATE_TOPICS_ENABLE);
        return Err(if is_created { Blocked::ToBeCreated { topic } } else { Blocked::Missing { topic } });
    };
    let (of_topic, _) = TopicConfig::resolve(config, &own(image, &ConfigResource::topic(&topic)));
    if !of_topic.get(&topic::ERRORS_DEADLETTERQUEUE_GROUP_ENABLE) {
        return Err(Blocked::NotEnabled { topic });
    }
    if of_topic.get(&topic::CLEANUP_POLICY).iter().any(|policy| policy == "compact") {
        return Err(Blocked::Compacted { topic });
    }
    let count = i32::try_from(found.partitions.size()).unwrap_or(i32::MAX).max(1);
    let at = TopicPartition { topic: found.name.clone(), index: from.index.rem_euclid(count) };
    let leader = found.partitions.get(&at.index).map_or(-1, |partition| partition.leader);
    if leader < 0 {
        return Err(Blocked::Leaderless { at });
    }
    let batch_bytes_max = of_topic.get(&topic::MAX_MESSAGE_BYTES).min(of_topic.segment_bytes());
    Ok(Target {
        at,
        topic_id: found.id,
        leader,
        batch_bytes_max: usize::try_from(batch_bytes_max).unwrap_or(0),
        is_record_copied: settings.get(&group::ERRORS_DEADLETTERQUEUE_COPY_RECORD_ENABLE),
    })
}
