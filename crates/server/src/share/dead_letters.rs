//! Dead-letter queues of share groups (KIP-1191): where the records go that a group gives up.
//!
//! A share partition says which records those are and keeps them as archiving; the task that
//! `share/partitions/copying.rs` runs for it reads them from the log ([`copies`]), looks for the topic ([`target`]) and
//! brings them there ([`DeadLetterQueues::produce`]), whoever leads the partition. Only when all in-sync replicas have them
//! are they archived; until then it is tried again, however long that takes. So a record may be there twice, but is never
//! missing.

pub mod copies;
pub mod target;
mod turns;

use std::{rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use klamm_config::broker;
use klamm_protocol::{
    ErrorCode, Records, StrBytes,
    api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData},
    records::AppendOrigin,
};
use tokio::sync::{Semaphore, oneshot};

use self::{
    target::{Blocked, Target},
    turns::{Turn, Turns},
};
use crate::{
    error::ApiError,
    inter_broker::{InterBroker, Unanswered},
    node::Node,
    shard::{
        ShardRequest, Shards,
        requests::{AppendRequest, PartitionAppend, TopicPartition, Transactional},
    },
    topics_creator::TopicsCreator,
};

/// Share partitions of a shard that read and inflate records at a time. Each may have [`copies::READ_BYTES`], or a batch of
/// the log and what it inflates to, in memory.
const MAKING_MAX: usize = 4;
/// The version of Produce in whose terms the batches are made.
const PRODUCE_VERSION: i16 = 13;

/// The way to the dead-letter queues, for one shard.
pub struct DeadLetterQueues {
    node: Arc<Node>,
    shards: Rc<Shards>,
    inter_broker: Rc<InterBroker>,
    creator: Arc<TopicsCreator>,
    turns: Turns,
    /// What reading and inflating takes. Nothing that may hang is waited for with it.
    pub making: Semaphore,
}

impl DeadLetterQueues {
    /// With connections of its own, since a produce request may wait for replicas and what comes behind it with it.
    pub fn new(node: Arc<Node>, shards: Rc<Shards>, creator: Arc<TopicsCreator>) -> Rc<Self> {
        let inter_broker = InterBroker::new(Arc::clone(&node), "dead-letters");
        let (turns, making) = (Turns::default(), Semaphore::new(MAKING_MAX));
        Rc::new(Self { node, shards, inter_broker, creator, turns, making })
    }

    /// The partition of the group's dead-letter queue that takes the records of a partition; a topic that is to be created
    /// is asked for. And a turn at copying there, to be kept until that is done.
    ///
    /// # Errors
    /// Why there is none at present.
    pub async fn target(&self, group: &StrBytes, at: &TopicPartition) -> Result<(Target, Turn), Blocked> {
        let target = self.find_or_create(group, at).await?;
        self.turns.take(target, || self.find(group, at)).await
    }

    async fn find_or_create(&self, group: &StrBytes, at: &TopicPartition) -> Result<Target, Blocked> {
        let topic = match self.find(group, at) {
            Err(Blocked::ToBeCreated { topic }) => topic,
            found => return found,
        };
        match self.creator.create_dead_letter_queue(&topic.as_str().into()).await {
            ErrorCode::None => {
                self.node.applied(|image| image.topics.by_name(&topic).is_some()).await;
                self.find(group, at)
            }
            code => Err(Blocked::NotCreated { topic, code }),
        }
    }

    fn find(&self, group: &StrBytes, at: &TopicPartition) -> Result<Target, Blocked> {
        let (config, published) = (self.node.config.load(), self.node.metadata.load());
        target::find(&config, &published.image, group, at)
    }

    /// Appends a batch to a dead-letter queue and waits until all in-sync replicas have it.
    ///
    /// # Errors
    /// Those of Produce; NETWORK_EXCEPTION if the leader cannot be asked.
    pub async fn produce(&self, to: &Target, batch: Bytes) -> Result<(), ApiError> {
        let timeout_ms = self.node.config.load().get(&broker::REQUEST_TIMEOUT_MS);
        if to.leader == self.node.id {
            self.append(to, batch, timeout_ms).await
        } else {
            self.send(to, batch, timeout_ms).await
        }
    }

    async fn append(&self, to: &Target, batch: Bytes, timeout_ms: i32) -> Result<(), ApiError> {
        let (reply, answer) = oneshot::channel();
        let append = AppendRequest {
            partitions: vec![PartitionAppend {
                at: to.at.clone(),
                records: batch,
                transactional: Transactional::default(),
            }],
            acks: -1,
            timeout: Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0)),
            api_version: PRODUCE_VERSION,
            origin: AppendOrigin::Client,
            place: None,
            memory: None,
            reply,
        };
        self.shards.send(self.shards.of(&to.at.topic, to.at.index), ShardRequest::Append(append));
        // A shard that drops the request is going down with the node.
        match answer.await.ok().and_then(|answers| answers.into_iter().next()) {
            Some(Ok(_)) => Ok(()),
            Some(Err(refusal)) => Err(refusal.error),
            None => Err(ErrorCode::NotLeaderOrFollower.into()),
        }
    }

    async fn send(&self, to: &Target, batch: Bytes, timeout_ms: i32) -> Result<(), ApiError> {
        let partition = PartitionProduceData {
            index: to.at.index,
            records: Some(Records::Bytes(batch)),
            ..Default::default()
        };
        let topic = TopicProduceData {
            name: to.at.topic.clone(),
            topic_id: to.topic_id,
            partition_data: vec![partition],
            ..Default::default()
        };
        let request = ProduceRequest { acks: -1, timeout_ms, topic_data: vec![topic], ..Default::default() };
        let unreachable = |reason: Unanswered| ApiError::new(ErrorCode::NetworkException, reason.to_string());
        let answer = self.inter_broker.call(to.leader, &request).await.map_err(unreachable)?;
        let mut partitions = answer.responses.into_iter().flat_map(|topic| topic.partition_responses);
        let Some(answer) = partitions.find(|partition| partition.index == to.at.index) else {
            return Err(ErrorCode::UnknownServerError.into());
        };
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => Ok(()),
            code => Err(ApiError::new(
                code,
                answer.error_message.map_or_else(String::new, |text| text.to_string()),
            )),
        }
    }
}
