//! Produce (key 0), v3–13: appends batches to partitions.
//!
//! * v3   transactional id (KIP-98); exactly one batch of magic 2 for each partition
//! * v7   zstd (KIP-110)
//! * v8   record errors (KIP-467)
//! * v10  the leader to go to instead (KIP-951)
//! * v11  TRANSACTION_ABORTABLE; v12  the broker adds partitions to the transaction (KIP-890)
//! * v13  topic ids (KIP-516)
//!
//! Returns as soon as every shard has the batches in its queue, so that the connection may go on to its next request
//! with the order kept. With acks=0 there is no response: an error closes the connection, which is all that such a
//! client can notice.

mod transactional;

use std::{sync::Arc, time::Duration};

use klamm_protocol::{
    ErrorCode, Records, StrBytes, Uuid,
    api::produce::{
        BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, ProduceRequest,
        ProduceResponse, TopicProduceResponse,
    },
    records::{AppendOrigin, BatchHeader},
};
use tokio::sync::oneshot;
use tracing::info;

use super::{ByShard, LeaderHints, RecordsContext};
use crate::{
    dispatch::{Call, Refused},
    error::ApiError,
    handlers::Made,
    node::Node,
    quotas::Kind,
    reply::{Frame, Reply, Told},
    shard::{
        ShardRequest,
        requests::{AppendAnswer, AppendRequest, PartitionAppend, TopicPartition, Transactional},
    },
    topic_names,
};

/// Kafka's name for the client that may write to the coordinators' topics.
const ADMIN_CLIENT: &str = "__admin_client";
/// v13 names topics by id only.
const TOPIC_IDS_SINCE: i16 = 13;

/// Answers Produce.
pub async fn handle(cx: &RecordsContext, call: &Call, request: ProduceRequest) -> Made {
    let acks = request.acks;
    let throttle_ms = call.charge(Kind::Produce, call.size as f64);
    let mut pending = start(cx, call, request).await;
    let call = call.clone();
    let node = Arc::clone(&cx.node);
    if acks == 0 {
        pending.settle().await;
        return Made(match pending.first_error() {
            Some((at, code)) => {
                info!(topic = %at.topic, partition = at.index, error = code.name(), client_id = call.client_id(), "produce with acks=0 failed");
                let reason = format!("produce with acks=0 failed: {}", code.name());
                Err(Refused { reason, told: Some(Told::of_codes(pending.codes())) })
            }
            None => {
                // There is no response to tell it by. The time that such requests take is not charged, as in Kafka.
                call.connection.mute(throttle_ms);
                Ok(Reply::Nothing)
            }
        });
    }
    Made(Ok(Reply::Later(Box::pin(async move {
        pending.settle().await;
        respond(&node, &call, pending, throttle_ms)
    }))))
}

/// A request whose batches are on their way.
struct Pending {
    topics: Vec<PendingTopic>,
    /// The answers, topic after topic.
    answers: Vec<Option<AppendAnswer>>,
    partitions: Vec<TopicPartition>,
    waiting: Vec<(Vec<usize>, oneshot::Receiver<Vec<AppendAnswer>>)>,
}

struct PendingTopic {
    name: StrBytes,
    id: Uuid,
    /// Partitions of this topic.
    count: usize,
}

impl Pending {
    async fn settle(&mut self) {
        for (places, answer) in self.waiting.drain(..) {
            // A shard that drops the request is going down with the node.
            let mut found = answer.await.unwrap_or_default().into_iter();
            for place in places {
                let answer = found
                    .next()
                    .unwrap_or_else(|| Err(ApiError::from(ErrorCode::NotLeaderOrFollower).into()));
                if let Some(slot) = self.answers.get_mut(place) {
                    *slot = Some(answer);
                }
            }
        }
    }

    /// The error code of each partition.
    fn codes(&self) -> impl Iterator<Item = i16> {
        let refusals =
            self.answers.iter().map(|answer| answer.as_ref().and_then(|answer| answer.as_ref().err()));
        refusals.map(|refusal| refusal.map_or(0, |refusal| refusal.error.code.code()))
    }

    fn first_error(&self) -> Option<(&TopicPartition, ErrorCode)> {
        self.partitions.iter().zip(&self.answers).find_map(|(at, answer)| match answer {
            Some(Err(refusal)) => Some((at, refusal.error.code)),
            _ => None,
        })
    }
}

async fn start(cx: &RecordsContext, call: &Call, request: ProduceRequest) -> Pending {
    let (acks, timeout_ms) = (request.acks, request.timeout_ms);
    let transactional_id = request.transactional_id.clone();
    let (mut pending, mut appends) = resolve(cx, call, request);
    let mut memory = call.connection.take_request_bytes().map(Arc::new);
    if let Some(id) = &transactional_id {
        memory = None;
        // The connection's next request waits until this one is verified, so that their order is kept.
        transactional::verify(cx, call, id, &mut pending.answers, &mut appends).await;
    }
    // Not before: a coordinator that is slow to say so must not hold up whoever does not wait for it.
    let place = cx.node.queue.enter().await;
    let mut work = ByShard::new(cx.shards.count());
    for (place, append) in appends {
        work.push(cx.shards.of(&append.at.topic, append.at.index), place, append);
    }
    let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    for (shard, places, partitions) in work.into_parts() {
        let (reply, answer) = oneshot::channel();
        let (api_version, origin) = (call.api_version, AppendOrigin::Client);
        let place = place.clone();
        let memory = memory.clone();
        let append = AppendRequest { partitions, acks, timeout, api_version, origin, place, memory, reply };
        cx.shards.send(shard, ShardRequest::Append(append));
        pending.waiting.push((places, answer));
    }
    pending
}

/// What is to be appended, with its place among the answers; the others have been refused.
type Appends = Vec<(usize, PartitionAppend)>;

fn resolve(cx: &RecordsContext, call: &Call, request: ProduceRequest) -> (Pending, Appends) {
    let published = cx.node.metadata.load();
    let topics = &published.image.topics;
    let may_write_internal = call.client_id() == ADMIN_CLIENT;
    let is_acks_valid = matches!(request.acks, -1..=1);
    let lacks_transactional_id = request.transactional_id.is_none() && has_transactional(&request);
    let mut pending =
        Pending { topics: Vec::new(), answers: Vec::new(), partitions: Vec::new(), waiting: Vec::new() };
    let mut appends = Vec::new();
    for topic in request.topic_data {
        let known = if call.api_version >= TOPIC_IDS_SINCE {
            topics.by_id(&topic.topic_id)
        } else {
            topics.by_name(&topic.name)
        };
        let name = known.map_or_else(|| topic.name.clone(), |topic| topic.name.clone());
        let count = topic.partition_data.len();
        pending.topics.push(PendingTopic { name: name.clone(), id: topic.topic_id, count });
        for partition in topic.partition_data {
            let place = pending.answers.len();
            let at = TopicPartition { topic: name.clone(), index: partition.index };
            let exists = known.is_some_and(|topic| topic.partitions.contains_key(&partition.index));
            let refusal = if lacks_transactional_id {
                Some(ErrorCode::TransactionalIdAuthorizationFailed.into())
            } else if known.is_none() && call.api_version >= TOPIC_IDS_SINCE {
                Some(ErrorCode::UnknownTopicId.into())
            } else if !exists {
                Some(ErrorCode::UnknownTopicOrPartition.into())
            } else if !is_acks_valid {
                Some(ErrorCode::InvalidRequiredAcks.into())
            } else if topic_names::is_internal(&name) && !may_write_internal {
                let text = format!("Cannot append to internal topic {name}");
                Some(ApiError::new(ErrorCode::InvalidTopicException, text))
            } else {
                None
            };
            pending.answers.push(refusal.map(|error| Err(error.into())));
            if pending.answers.last().is_some_and(Option::is_none) {
                let records = partition.records.as_ref().and_then(Records::bytes).cloned();
                let (records, at) = (records.unwrap_or_default(), at.clone());
                appends
                    .push((place, PartitionAppend { at, records, transactional: Transactional::default() }));
            }
            pending.partitions.push(at);
        }
    }
    (pending, appends)
}

/// Whether any batch is one of a transaction.
fn has_transactional(request: &ProduceRequest) -> bool {
    let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    let mut batches = partitions.filter_map(|partition| partition.records.as_ref()?.bytes());
    batches.any(|batch| BatchHeader::decode(batch).is_ok_and(|header| header.is_transactional()))
}

fn respond(node: &Node, call: &Call, pending: Pending, throttle_time_ms: i32) -> Frame {
    let published = node.metadata.load();
    let mut response = ProduceResponse { throttle_time_ms, ..Default::default() };
    let mut hints = LeaderHints::new(&published.image, &call.connection.listener);
    let mut answers = pending.partitions.into_iter().zip(pending.answers);
    for topic in pending.topics {
        let mut partition_responses = Vec::with_capacity(topic.count);
        for (at, answer) in answers.by_ref().take(topic.count) {
            let mut partition = partition_response(at.index, answer);
            if partition.error_code == ErrorCode::NotLeaderOrFollower.code()
                && call.api_version >= 10
                && let Some((leader_id, leader_epoch)) = hints.leader_of(&at.topic, at.index)
            {
                partition.current_leader = LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
            }
            partition_responses.push(partition);
        }
        response.responses.push(TopicProduceResponse {
            name: topic.name,
            topic_id: topic.id,
            partition_responses,
            ..Default::default()
        });
    }
    let nodes = hints.into_nodes().map(|node| NodeEndpoint {
        node_id: node.id,
        host: node.host,
        port: node.port,
        rack: node.rack,
        ..Default::default()
    });
    response.node_endpoints = nodes.collect();
    call.encode(&response, &[])
}

fn partition_response(index: i32, answer: Option<AppendAnswer>) -> PartitionProduceResponse {
    match answer {
        Some(Ok(appended)) => PartitionProduceResponse {
            index,
            base_offset: appended.base_offset,
            log_append_time_ms: appended.log_append_time_ms,
            log_start_offset: appended.log_start_offset,
            ..Default::default()
        },
        Some(Err(refusal)) => {
            let refusal = *refusal;
            PartitionProduceResponse {
                index,
                error_code: refusal.error.code.code(),
                base_offset: -1,
                log_start_offset: refusal.log_start_offset,
                error_message: (!refusal.error.message.is_empty())
                    .then(|| refusal.error.message.into_owned().into()),
                record_errors: refusal
                    .records
                    .into_iter()
                    .map(|(batch_index, text)| BatchIndexAndErrorMessage {
                        batch_index,
                        batch_index_error_message: Some(text.into()),
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            }
        }
        None => PartitionProduceResponse {
            index,
            error_code: ErrorCode::UnknownServerError.code(),
            base_offset: -1,
            ..Default::default()
        },
    }
}
