//! Creates topics that somebody needs and nobody made: those that clients ask about (`auto.create.topics.enable`) and
//! those of the coordinators.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use klamm_config::{BrokerConfig, broker};
use klamm_io::spawn;
use klamm_protocol::{
    ApiKey, ErrorCode, StrBytes,
    api::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse},
};
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::{dispatch::Call, handlers::topics::create_topics, node::Node, quorum::CommandError, topic_names};

mod applications;

use applications::Failures;

/// The version in whose terms topics are created: the newest one.
const CREATE_TOPICS_VERSION: i16 = 7;

/// How long a client that asks about topics waits to hear why they cannot be created. They are created later just as well.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// Names that the controller is being asked for; given up also when whoever asked has gone.
struct UnderWay<'a> {
    creator: &'a TopicsCreator,
    names: &'a [StrBytes],
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut in_flight = self.creator.in_flight();
        for name in self.names {
            in_flight.remove(name);
        }
    }
}

/// Asks the controller for topics, once for each topic at a time.
#[derive(Debug)]
pub struct TopicsCreator {
    node: Arc<Node>,
    in_flight: Mutex<BTreeSet<StrBytes>>,
    failures: Failures,
}

impl TopicsCreator {
    /// A creator for a node.
    pub fn new(node: Arc<Node>) -> Arc<Self> {
        Arc::new(Self { node, in_flight: Mutex::default(), failures: Failures::default() })
    }

    /// Has topics created on behalf of a client. Returns the names that cannot be created, with the code to answer; the
    /// others will be there soon.
    pub async fn create(self: &Arc<Self>, names: &[StrBytes], call: &Call) -> BTreeMap<StrBytes, ErrorCode> {
        let mut refused = BTreeMap::new();
        let mut wanted = Vec::new();
        for name in names {
            if !topic_names::is_legal(name) {
                refused.insert(name.clone(), ErrorCode::InvalidTopicException);
            } else if self.in_flight().insert(name.clone()) {
                wanted.push(name.clone());
            }
        }
        if !wanted.is_empty() {
            let (told, failed) = oneshot::channel();
            let (creator, call) = (Arc::clone(self), on_behalf_of(call));
            spawn::local(async move { drop(told.send(creator.request(&wanted, Some(&call)).await)) });
            let failed = self.node.world.clock.timeout(ANSWER_MAX, failed).await;
            for (name, code) in failed.and_then(Result::ok).unwrap_or_default() {
                // What the client can mend it is told; for everything else it is to ask again.
                if matches!(code, ErrorCode::InvalidTopicException | ErrorCode::InvalidReplicationFactor) {
                    refused.insert(name, code);
                }
            }
        }
        refused
    }

    /// Has one of the coordinators' topics created. Returns the controller's code for it.
    pub async fn create_internal(&self, name: &'static str) -> ErrorCode {
        let name = StrBytes::from(name);
        if !self.in_flight().insert(name.clone()) {
            return ErrorCode::None;
        }
        self.request(std::slice::from_ref(&name), None).await.remove(&name).unwrap_or(ErrorCode::None)
    }

    /// Has a share group's dead-letter queue created (KIP-1191). Returns the controller's code for it.
    pub async fn create_dead_letter_queue(&self, name: &StrBytes) -> ErrorCode {
        if !self.in_flight().insert(name.clone()) {
            return ErrorCode::None;
        }
        let mut topic = creatable_topic(&self.node.config.load_full(), name);
        // No broker's default is to make it a topic that cannot be a queue, or to replace the time of the copying, by which
        // retention goes.
        topic.configs = topic_configs([
            (group_enable_key(), "true"),
            ("cleanup.policy", "delete"),
            ("message.timestamp.type", "CreateTime"),
        ]);
        let refused = self.request_topics(std::slice::from_ref(name), vec![topic], None).await;
        refused.get(name).copied().unwrap_or(ErrorCode::None)
    }

    /// Has topics created for a client, against whose quota they count, or for the node itself.
    async fn ask(
        &self,
        topics: Vec<CreatableTopic>,
        call: Option<&Call>,
    ) -> Result<CreateTopicsResponse, CommandError> {
        let timeout_ms = self.node.config.load().get(&broker::REQUEST_TIMEOUT_MS);
        let request = CreateTopicsRequest { topics, timeout_ms, ..Default::default() };
        match call {
            Some(call) => create_topics::counted(&self.node, call, request).await,
            None => self.node.controller.create_topics(request, CREATE_TOPICS_VERSION).await,
        }
    }

    async fn request(&self, names: &[StrBytes], call: Option<&Call>) -> BTreeMap<StrBytes, ErrorCode> {
        let config = self.node.config.load_full();
        let topics = names.iter().map(|name| creatable_topic(&config, name)).collect();
        self.request_topics(names, topics, call).await
    }

    async fn request_topics(
        &self,
        names: &[StrBytes],
        topics: Vec<CreatableTopic>,
        call: Option<&Call>,
    ) -> BTreeMap<StrBytes, ErrorCode> {
        let under_way = UnderWay { creator: self, names };
        let answer = self.ask(topics, call).await;
        drop(under_way);
        let mut failed = BTreeMap::new();
        match answer {
            Ok(answer) => {
                for topic in answer.topics {
                    let code = ErrorCode::from_code(topic.error_code);
                    if code == ErrorCode::None {
                        info!(topic = %topic.name, partitions = topic.num_partitions, "topic created because it was asked for");
                    } else if code != ErrorCode::TopicAlreadyExists {
                        let reason = topic.error_message.as_deref().unwrap_or("");
                        warn!(topic = %topic.name, error = code.name(), reason, "a topic that was asked for cannot be created");
                        failed.insert(topic.name, code);
                    }
                }
            }
            Err(error) => {
                warn!(%error, "topics that were asked for cannot be created");
                failed.extend(names.iter().map(|name| (name.clone(), error.code())));
            }
        }
        failed
    }

    fn in_flight(&self) -> MutexGuard<'_, BTreeSet<StrBytes>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's request that makes it necessary to create topics, as one to create them, in a version that is not the
/// client's choice.
fn on_behalf_of(call: &Call) -> Call {
    Call {
        api_key: ApiKey::CreateTopics,
        api_version: CREATE_TOPICS_VERSION,
        meter: None,
        outdated: None,
        ..call.clone()
    }
}

/// How a topic is to be made: a coordinator's as its config says, any other with the controller's defaults, unless this
/// broker's file sets them.
fn creatable_topic(config: &BrokerConfig, name: &StrBytes) -> CreatableTopic {
    let (num_partitions, replication_factor, configs) = match name.as_str() {
        topic_names::GROUP_METADATA => (
            config.get(&broker::OFFSETS_TOPIC_NUM_PARTITIONS),
            config.get(&broker::OFFSETS_TOPIC_REPLICATION_FACTOR),
            coordinator_topic_configs(
                config.get(&broker::OFFSETS_TOPIC_SEGMENT_BYTES),
                codec_name(config.get(&broker::OFFSETS_TOPIC_COMPRESSION_CODEC)),
            ),
        ),
        topic_names::TRANSACTION_STATE => (
            config.get(&broker::TRANSACTION_STATE_LOG_NUM_PARTITIONS),
            config.get(&broker::TRANSACTION_STATE_LOG_REPLICATION_FACTOR),
            transaction_topic_configs(config),
        ),
        topic_names::SHARE_GROUP_STATE => (
            config.get(&broker::SHARE_COORDINATOR_STATE_TOPIC_NUM_PARTITIONS),
            config.get(&broker::SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR),
            share_topic_configs(config),
        ),
        _ => (
            if is_set(config, broker::NUM_PARTITIONS.name()) {
                config.get(&broker::NUM_PARTITIONS)
            } else {
                -1
            },
            if is_set(config, broker::DEFAULT_REPLICATION_FACTOR.name()) {
                i16::try_from(config.get(&broker::DEFAULT_REPLICATION_FACTOR)).unwrap_or(-1)
            } else {
                -1
            },
            Vec::new(),
        ),
    };
    CreatableTopic { name: name.clone(), num_partitions, replication_factor, configs, ..Default::default() }
}

fn group_enable_key() -> &'static str {
    klamm_config::topic::ERRORS_DEADLETTERQUEUE_GROUP_ENABLE.name()
}

fn is_set(config: &BrokerConfig, key: &str) -> bool {
    config.originals().contains_key(key)
}

/// The codec of an id in `offsets.topic.compression.codec`. The topic's own codec stays the producer's, which is the
/// coordinator; the id only tells the coordinator how to write.
const fn codec_name(_id: i32) -> &'static str {
    "producer"
}

fn coordinator_topic_configs(segment_bytes: i32, codec: &str) -> Vec<CreatableTopicConfig> {
    topic_configs([
        ("cleanup.policy", "compact"),
        ("compression.type", codec),
        ("segment.bytes", &segment_bytes.to_string()),
    ])
}

fn transaction_topic_configs(config: &BrokerConfig) -> Vec<CreatableTopicConfig> {
    topic_configs([
        ("unclean.leader.election.enable", "false"),
        ("compression.type", "uncompressed"),
        ("cleanup.policy", "compact"),
        ("min.insync.replicas", &config.get(&broker::TRANSACTION_STATE_LOG_MIN_ISR).to_string()),
        ("segment.bytes", &config.get(&broker::TRANSACTION_STATE_LOG_SEGMENT_BYTES).to_string()),
    ])
}

fn share_topic_configs(config: &BrokerConfig) -> Vec<CreatableTopicConfig> {
    topic_configs([
        ("cleanup.policy", "delete"),
        ("compression.type", "producer"),
        ("segment.bytes", &config.get(&broker::SHARE_COORDINATOR_STATE_TOPIC_SEGMENT_BYTES).to_string()),
        ("min.insync.replicas", &config.get(&broker::SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR).to_string()),
        ("retention.ms", "-1"),
    ])
}

fn topic_configs<const N: usize>(configs: [(&str, &str); N]) -> Vec<CreatableTopicConfig> {
    configs
        .into_iter()
        .map(|(name, value)| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
            ..Default::default()
        })
        .collect()
}
