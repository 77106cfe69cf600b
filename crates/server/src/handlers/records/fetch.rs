//! Fetch (key 1), v4–18: batches from partitions, as the log has them.
//!
//! * v5   log start offset  * v7  incremental fetch sessions (KIP-227)
//! * v9   the client's leader epoch (KIP-320)  * v11  rack (KIP-392)
//! * v12  the epoch of the client's last record: a diverging epoch instead of records (KIP-595)
//! * v13  topic ids (KIP-516)  * v15  the replica in a tagged field (KIP-903)
//! * v16  the leader to go to instead (KIP-951)
//!
//! Limits are spent in the order of the partitions. The first batch of the first partition that has one comes whole,
//! however large, so that no reader is stuck; later partitions are cut at the limit, and one whose first batch does not
//! fit stays empty.
//!
//! A fetch that finds less than `min_bytes` waits, up to `max_wait_ms`, and reads a second time.

use std::{rc::Rc, sync::Arc, time::Duration};

use klamm_config::broker;
use klamm_log::FileSlice;
use klamm_protocol::{
    ErrorCode, Records, Uuid,
    api::fetch::{FetchRequest, FetchResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData},
};
use klamm_raft::{RaftRequest, RaftResponse};
use klamm_replica::fetch_session::{self, FetchContext, FetchedPartition, SessionPartition};
use tokio::sync::oneshot;

use super::{ByShard, LeaderHints, RecordsContext};
use crate::{
    dispatch::Call,
    handlers::Made,
    metrics::replication::FetchWaits,
    node::Node,
    quotas::Kind,
    reply::{Frame, Reply},
    shard::{
        ShardRequest, Shards,
        requests::{Isolation, PartitionRead, PartitionReadAnswer, ReadRequest, Reader, TopicPartition},
        watch::FetchWatch,
    },
};

/// About what a partition's answer takes beside its records.
const PARTITION_BYTES: u64 = 40;
/// The one choice of replicas that there is beside "the leader" (`replica.selector.class`).
const RACK_AWARE_SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/// Answers Fetch.
pub async fn handle(cx: &RecordsContext, call: &Call, request: FetchRequest) -> Made {
    if call.connection.is_controller_listener {
        return fetch_metadata_log(cx, call, request).await;
    }
    let published = cx.node.metadata.load();
    let clock = cx.node.world.clock;
    let resolve = |id: &Uuid| published.image.topics.by_id(id).map(|topic| topic.name.clone());
    let context = cx.node.sessions().begin(&request, call.api_version, clock.now().since_start(), resolve);
    let fetch = Fetch::new(&cx.node, call, &request, &context);
    let is_charged = !matches!(fetch.reader, Reader::Follower { .. });
    if !is_charged {
        call.exempt();
    }
    let (node, shards, call) = (Arc::clone(&cx.node), Rc::clone(&cx.shards), call.clone());
    let fetches = Rc::clone(&cx.fetches);
    Made(Ok(Reply::Later(Box::pin(async move {
        let answers = fetch.run(&shards, &fetches).await;
        let held_back = answers.iter().filter(|answer| answer.is_throttled).map(PartitionReadAnswer::bytes);
        let bytes: u64 = held_back.map(u64::from).sum();
        if bytes > 0 {
            node.leader_throttle.record(clock.now().since_start(), bytes);
        }
        let throttled = is_charged.then(|| throttled(&node, &call, &context, &answers)).flatten();
        match throttled {
            Some(response) => call.encode(&response, &[]),
            None => respond(&node, &call, context, answers),
        }
    }))))
}

/// The empty response to a consumer that is over its quota; what was found is not charged, since it is not sent.
fn throttled(
    node: &Node,
    call: &Call,
    context: &FetchContext,
    answers: &[PartitionReadAnswer],
) -> Option<FetchResponse> {
    let found: u64 = answers.iter().map(|answer| u64::from(answer.bytes())).sum();
    let bytes = (found + PARTITION_BYTES * answers.len() as u64) as f64;
    let throttle_ms = call.charge(Kind::Fetch, bytes).max(call.request_throttle_ms());
    if throttle_ms == 0 {
        return None;
    }
    node.quotas.unrecord(Kind::Fetch, call.user(), call.client_id(), bytes);
    Some(node.sessions().throttle(context, throttle_ms))
}

/// On a controller's listener the one partition is that of the metadata log, which belongs to the quorum.
async fn fetch_metadata_log(cx: &RecordsContext, call: &Call, request: FetchRequest) -> Made {
    let (node, call) = (Arc::clone(&cx.node), call.clone());
    let replica_id =
        if call.api_version >= 15 { request.replica_state.replica_id } else { request.replica_id };
    call.connection.identify(replica_id, &node.controller);
    if replica_id >= 0 {
        call.connection.follows();
    }
    // It may wait for records as any other fetch, and must not hold up what comes behind it.
    Made(Ok(Reply::Later(Box::pin(async move {
        let listener = call.connection.listener.as_str().into();
        let request = RaftRequest::Fetch(Box::new(request));
        let response = match node.controller.quorum(listener, call.api_version, request).await {
            Some(RaftResponse::Fetch(response)) => *response,
            _ => FetchResponse { error_code: ErrorCode::BrokerNotAvailable.code(), ..Default::default() },
        };
        call.encode(&response, &[])
    }))))
}

/// A fetch under way, without its session.
struct Fetch {
    /// One for each partition of the context: what to read, or why not.
    reads: Vec<Result<PartitionRead, ErrorCode>>,
    isolation: Isolation,
    reader: Reader,
    closer: Option<Arc<[i32]>>,
    bytes_max: u32,
    bytes_min: u32,
    wait_max: Duration,
}

impl Fetch {
    fn new(node: &Node, call: &Call, request: &FetchRequest, context: &FetchContext) -> Self {
        let published = node.metadata.load();
        let is_follower = fetch_session::is_follower(request, call.api_version);
        if is_follower {
            call.connection.follows();
        }
        let limit = node.config.load().get(&broker::FETCH_MAX_BYTES);
        let bytes_max = u32::try_from(request.max_bytes.min(limit)).unwrap_or(0);
        // More would have the consumer wait in any case, and then ask for as much again.
        let allowed =
            (!is_follower).then(|| node.quotas.most_at_once(Kind::Fetch, call.user(), call.client_id()));
        let bytes_max = allowed.flatten().map_or(bytes_max, |allowed| bytes_max.min(allowed as u32));
        let reads = context.partitions.iter().map(|partition| {
            let topic = partition.topic.clone().ok_or(ErrorCode::UnknownTopicId)?;
            if published.image.topics.partition(&topic, partition.fetch.partition).is_none() {
                return Err(ErrorCode::UnknownTopicOrPartition);
            }
            let fetch = &partition.fetch;
            Ok(PartitionRead {
                at: TopicPartition { topic, index: partition.fetch.partition },
                topic_id: partition.topic_id,
                fetch_offset: fetch.fetch_offset,
                log_start_offset: fetch.log_start_offset,
                bytes_max: u32::try_from(fetch.max_bytes).unwrap_or(0).min(bytes_max),
                current_leader_epoch: fetch.current_leader_epoch,
                last_fetched_epoch: fetch.last_fetched_epoch,
            })
        });
        Self {
            reads: reads.collect(),
            reader: reader(request, call.api_version),
            closer: closer(node, request, call.api_version),
            isolation: match (is_follower, request.isolation_level) {
                (true, _) => Isolation::LogEnd,
                (false, 1) => Isolation::Committed,
                (false, _) => Isolation::Uncommitted,
            },
            bytes_max,
            bytes_min: u32::try_from(request.min_bytes).unwrap_or(0).min(bytes_max),
            wait_max: Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)),
        }
    }

    /// Reads, waits if there is too little, reads again.
    async fn run(&self, shards: &Shards, fetches: &FetchWaits) -> Vec<PartitionReadAnswer> {
        let may_wait = !self.wait_max.is_zero() && self.reads.iter().any(Result::is_ok);
        let watch = may_wait.then(|| FetchWatch::new(i64::from(self.bytes_min)));
        let answers = self.read(shards, self.reader, watch.as_ref()).await;
        let Some(watch) = watch else { return answers };
        let found: u64 = answers.iter().map(|answer| u64::from(answer.bytes())).sum();
        // An error of one partition is news that must not wait; a session's topic that is gone is. Nor must what is left of
        // a segment, to which nothing is added.
        let has_news = answers.iter().zip(&self.reads).any(|(answer, read)| {
            (read.is_ok() && answer.error != ErrorCode::None)
                || answer.diverging_epoch.is_some()
                || answer.preferred_replica.is_some()
                || answer.ends_segment
        });
        if found >= u64::from(self.bytes_min) || has_news {
            return answers;
        }
        let wait = fetches.wait(self.reads.iter().filter(|read| read.is_ok()).count());
        let is_late = shards.clock().timeout(self.wait_max, watch.woken()).await.is_none();
        wait.end(is_late, matches!(self.reader, Reader::Follower { .. }));
        let reader = match self.reader {
            Reader::Follower { id, broker_epoch, .. } => {
                Reader::Follower { id, broker_epoch, is_news: false }
            }
            consumer => consumer,
        };
        self.read(shards, reader, None).await
    }

    async fn read(
        &self,
        shards: &Shards,
        reader: Reader,
        watch: Option<&Arc<FetchWatch>>,
    ) -> Vec<PartitionReadAnswer> {
        let mut work = ByShard::new(shards.count());
        let mut answers = Vec::with_capacity(self.reads.len());
        for (place, read) in self.reads.iter().enumerate() {
            match read {
                Ok(read) => {
                    work.push(shards.of(&read.at.topic, read.at.index), place, read.clone());
                    answers.push(PartitionReadAnswer::failed(ErrorCode::NotLeaderOrFollower));
                }
                Err(code) => answers.push(PartitionReadAnswer::failed(*code)),
            }
        }
        let mut waiting = Vec::new();
        for (shard, places, partitions) in work.into_parts() {
            let (reply, answer) = oneshot::channel();
            let watch = watch.cloned();
            shards.send(
                shard,
                ShardRequest::Read(ReadRequest {
                    partitions,
                    isolation: self.isolation,
                    reader,
                    closer: self.closer.clone(),
                    watch,
                    reply,
                }),
            );
            waiting.push((places, answer));
        }
        for (places, answer) in waiting {
            for (place, found) in places.into_iter().zip(answer.await.unwrap_or_default()) {
                if let Some(slot) = answers.get_mut(place) {
                    *slot = found;
                }
            }
        }
        self.limit(&mut answers);
        answers
    }

    /// Spends `max_bytes` in the order of the partitions. A shard has given each partition as much as if it were the
    /// only one.
    fn limit(&self, answers: &mut [PartitionReadAnswer]) {
        let mut room = self.bytes_max;
        let mut is_first = true;
        for (answer, read) in answers.iter_mut().zip(&self.reads) {
            let (Some(slice), Ok(read)) = (answer.records.as_mut(), read) else { continue };
            if slice.len == 0 {
                answer.records = None;
                continue;
            }
            if is_first {
                is_first = false;
                room = room.saturating_sub(slice.len);
                continue;
            }
            let allowed = room.min(read.bytes_max);
            if slice.len > allowed {
                // A batch that comes first and does not fit whole is of no use to the client.
                if first_batch_bytes(slice).is_none_or(|bytes| bytes > allowed) {
                    answer.records = None;
                    continue;
                }
                slice.len = allowed;
            }
            room -= slice.len;
        }
    }
}

/// Who reads. Consumers that can say where they stand may read from any replica (KIP-392).
const fn reader(request: &FetchRequest, version: i16) -> Reader {
    match (fetch_session::is_follower(request, version), version) {
        (true, 15..) => Reader::Follower {
            id: request.replica_state.replica_id,
            broker_epoch: request.replica_state.replica_epoch,
            is_news: true,
        },
        (true, _) => Reader::Follower { id: request.replica_id, broker_epoch: -1, is_news: true },
        (false, 11..) => Reader::OfAny,
        (false, _) => Reader::OfLeader,
    }
}

/// The brokers that are in the consumer's rack, if this one is not and consumers are to be sent there.
fn closer(node: &Node, request: &FetchRequest, version: i16) -> Option<Arc<[i32]>> {
    if request.rack_id.is_empty() || reader(request, version) != Reader::OfAny {
        return None;
    }
    let config = node.config.load();
    let selector = config.get(&broker::REPLICA_SELECTOR_CLASS)?;
    if selector.as_str() != RACK_AWARE_SELECTOR {
        return None;
    }
    let published = node.metadata.load();
    let mates: Vec<i32> = published
        .image
        .cluster
        .unfenced()
        .filter(|broker| broker.rack.as_ref() == Some(&request.rack_id))
        .map(|broker| broker.id)
        .collect();
    (!mates.is_empty() && !mates.contains(&node.id)).then(|| mates.into())
}

/// The size of the batch that a slice starts with.
fn first_batch_bytes(slice: &FileSlice) -> Option<u32> {
    let mut head = [0; 12];
    slice.file.read_exact_at(&mut head, slice.position).ok()?;
    let length = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    length.checked_add(12)
}

fn respond(node: &Node, call: &Call, context: FetchContext, answers: Vec<PartitionReadAnswer>) -> Frame {
    let published = node.metadata.load();
    let mut slices = Vec::new();
    let mut hints = LeaderHints::new(&published.image, &call.connection.listener);
    let fetched = context.partitions.iter().zip(answers).map(|(partition, answer)| {
        let mut data = partition_data(partition, answer, call.api_version, &mut slices);
        let is_elsewhere = [ErrorCode::NotLeaderOrFollower.code(), ErrorCode::FencedLeaderEpoch.code()];
        if call.api_version >= 16
            && is_elsewhere.contains(&data.error_code)
            && let Some(topic) = &partition.topic
            && let Some((leader_id, leader_epoch)) = hints.leader_of(topic, partition.fetch.partition)
        {
            data.current_leader = LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
        }
        FetchedPartition {
            topic: partition.topic.clone().unwrap_or_default(),
            topic_id: partition.topic_id,
            data,
        }
    });
    let fetched: Vec<_> = fetched.collect();
    let mut response = node.sessions().finish(context, fetched, node.world.clock.now().since_start());
    let nodes = hints.into_nodes().map(|node| NodeEndpoint {
        node_id: node.id,
        host: node.host,
        port: node.port,
        rack: node.rack,
        ..Default::default()
    });
    response.node_endpoints = nodes.collect();
    call.encode(&response, &slices)
}

fn partition_data(
    partition: &SessionPartition,
    answer: PartitionReadAnswer,
    version: i16,
    slices: &mut Vec<FileSlice>,
) -> PartitionData {
    // Clients before v6 do not know the code and would not retry.
    let error = match answer.error {
        ErrorCode::KafkaStorageError if version <= 5 => ErrorCode::NotLeaderOrFollower,
        error => error,
    };
    let records = match answer.records {
        Some(slice) => {
            let records =
                Records::Gap { token: u32::try_from(slices.len()).unwrap_or(u32::MAX), len: slice.len };
            slices.push(slice);
            records
        }
        None => Records::Bytes(bytes::Bytes::new()),
    };
    PartitionData {
        partition_index: partition.fetch.partition,
        error_code: error.code(),
        high_watermark: answer.high_watermark,
        last_stable_offset: answer.last_stable_offset,
        log_start_offset: answer.log_start_offset,
        diverging_epoch: answer.diverging_epoch.unwrap_or_default(),
        aborted_transactions: answer.aborted_transactions,
        preferred_read_replica: answer.preferred_replica.unwrap_or(-1),
        records: Some(records),
        ..Default::default()
    }
}
