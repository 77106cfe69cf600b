//! WriteTxnMarkers (key 27), v1–2: writes the ends of transactions into partitions that this broker leads (KIP-98); from
//! transaction coordinators, and from administrators that abort a hanging transaction (KIP-664).
//!
//! * v2  transaction version (KIP-1228)
//!
//! In `__consumer_offsets` it is the group coordinator that writes, since the offsets of the transaction count from then
//! on.

use std::{collections::BTreeMap, time::Duration};

use klamm_config::broker;
use klamm_coordinator::{EndTransaction, Reply, Request};
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::write_txn_markers::{
        WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult,
        WritableTxnMarkerTopicResult, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
    },
    records::AppendOrigin,
};
use tokio::sync::oneshot;

use super::TransactionsContext;
use crate::{
    coordinator::{driver::Asked, write},
    dispatch::Call,
    handlers::records::ByShard,
    shard::{
        ShardRequest,
        requests::{AppendAnswer, AppendRequest, PartitionAppend, TopicPartition, Transactional},
    },
    topic_names,
};

/// Answers WriteTxnMarkers.
pub async fn handle(
    cx: &TransactionsContext,
    _call: &Call,
    request: WriteTxnMarkersRequest,
) -> WriteTxnMarkersResponse {
    WriteTxnMarkersResponse { markers: write(cx, request).await, ..Default::default() }
}

/// A marker on its way into one partition, and what became of it.
struct Entry {
    producer_id: i64,
    at: TopicPartition,
    result: ErrorCode,
}

/// Markers under way.
struct Writing {
    entries: Vec<Entry>,
    appends: ByShard<PartitionAppend>,
    groups: Vec<(usize, oneshot::Receiver<Reply>)>,
}

/// Writes markers and waits until all in-sync replicas have them.
pub async fn write(
    cx: &TransactionsContext,
    request: WriteTxnMarkersRequest,
) -> Vec<WritableTxnMarkerResult> {
    let mut writing =
        Writing { entries: Vec::new(), appends: ByShard::new(cx.shards.count()), groups: Vec::new() };
    for marker in &request.markers {
        for topic in &marker.topics {
            for index in &topic.partition_indexes {
                let at = TopicPartition { topic: topic.name.clone(), index: *index };
                writing.begin(cx, marker, at);
            }
        }
    }
    let Writing { mut entries, appends, groups } = writing;
    let timeout_ms = cx.node.config.load().get(&broker::REQUEST_TIMEOUT_MS);
    let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    let mut waiting = Vec::new();
    for (shard, places, partitions) in appends.into_parts() {
        let (reply, answer) = oneshot::channel();
        let origin = AppendOrigin::Coordinator;
        let (api_version, place) = (i16::MAX, None);
        let append =
            AppendRequest { partitions, acks: -1, timeout, api_version, origin, place, memory: None, reply };
        cx.shards.send(shard, ShardRequest::Append(append));
        waiting.push((places, answer));
    }
    for (places, answer) in waiting {
        // A shard that drops the request is going down with the node.
        let mut answers = answer.await.unwrap_or_default().into_iter();
        for place in places {
            settle(&mut entries, place, append_result(answers.next()));
        }
    }
    for (place, answer) in groups {
        let result = match answer.await {
            Ok(Reply::EndTransaction(error)) => group_result(error),
            Ok(_) | Err(_) => ErrorCode::NotLeaderOrFollower,
        };
        settle(&mut entries, place, result);
    }
    gather(entries)
}

fn settle(entries: &mut [Entry], place: usize, result: ErrorCode) {
    if let Some(entry) = entries.get_mut(place) {
        entry.result = result;
    }
}

fn append_result(answer: Option<AppendAnswer>) -> ErrorCode {
    match answer {
        Some(Ok(_)) => ErrorCode::None,
        Some(Err(refusal)) => refusal.error.code,
        None => ErrorCode::NotLeaderOrFollower,
    }
}

/// A transaction coordinator does not expect a group coordinator's errors; it is to come again, as to any leader that is
/// not ready.
const fn group_result(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::CoordinatorNotAvailable
        | ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::NotCoordinator => ErrorCode::NotLeaderOrFollower,
        error => error,
    }
}

impl Writing {
    fn begin(&mut self, cx: &TransactionsContext, marker: &WritableTxnMarker, at: TopicPartition) {
        let place = self.entries.len();
        let result = self.send(cx, marker, &at, place).err().unwrap_or(ErrorCode::None);
        self.entries.push(Entry { producer_id: marker.producer_id, at, result });
    }

    fn send(
        &mut self,
        cx: &TransactionsContext,
        marker: &WritableTxnMarker,
        at: &TopicPartition,
        place: usize,
    ) -> Result<(), ErrorCode> {
        let is_here = {
            let published = cx.node.metadata.load();
            let partition = published.image.topics.partition(&at.topic, at.index);
            partition.is_some_and(|partition| partition.replicas.contains(&cx.node.id))
        };
        if !is_here {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        let producer = (marker.producer_id, marker.producer_epoch);
        let transaction_version = i16::from(marker.transaction_version);
        let shard = cx.shards.of(&at.topic, at.index);
        if at.topic.as_str() == topic_names::GROUP_METADATA {
            let (reply, answer) = oneshot::channel();
            let ended = EndTransaction {
                producer_id: producer.0,
                producer_epoch: producer.1,
                is_commit: marker.transaction_result,
                coordinator_epoch: marker.coordinator_epoch,
                transaction_version,
            };
            let asked = Asked {
                api_version: 0,
                client_id: StrBytes::default(),
                client_host: StrBytes::default(),
                request: Request::EndTransaction(ended),
                guard: None,
                reply,
            };
            cx.shards.send(shard, ShardRequest::Coordinate { partition: at.index, asked: Box::new(asked) });
            self.groups.push((place, answer));
        } else {
            let now_ms = cx.node.world.clock.wall_ms();
            let records =
                write::marker(producer, marker.transaction_result, marker.coordinator_epoch, now_ms)?;
            let transactional = Transactional { guard: None, version: transaction_version };
            self.appends.push(shard, place, PartitionAppend { at: at.clone(), records, transactional });
        }
        Ok(())
    }
}

/// By producer and topic, as the answer has it.
fn gather(entries: Vec<Entry>) -> Vec<WritableTxnMarkerResult> {
    let mut by_producer: BTreeMap<i64, BTreeMap<StrBytes, Vec<WritableTxnMarkerPartitionResult>>> =
        BTreeMap::new();
    for Entry { producer_id, at, result } in entries {
        let partition = WritableTxnMarkerPartitionResult {
            partition_index: at.index,
            error_code: result.code(),
            ..Default::default()
        };
        by_producer.entry(producer_id).or_default().entry(at.topic).or_default().push(partition);
    }
    let topic = |(name, partitions)| WritableTxnMarkerTopicResult { name, partitions, ..Default::default() };
    let result = |(producer_id, topics): (i64, BTreeMap<StrBytes, Vec<WritableTxnMarkerPartitionResult>>)| {
        let topics = topics.into_iter().map(topic).collect();
        WritableTxnMarkerResult { producer_id, topics, ..Default::default() }
    };
    by_producer.into_iter().map(result).collect()
}
