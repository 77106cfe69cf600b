//! Fetch requests: one under way per broker, in sessions (KIP-227).
//!
//! Requests are made here and exchanged in tasks of their own; answers come back as events.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use klamm_io::spawn;
use klamm_protocol::{
    ErrorCode, Records, StrBytes, Uuid,
    api::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic, PartitionData},
    records::BatchIter,
};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    Event,
    partitions::{Fetched, Partitions, Place, Position, Reading},
    positions::reset_position,
    settings::Settings,
    validation::{self, EpochEnd},
};
use crate::{
    ClientError, TopicPartition, Truncation,
    cluster::{Cluster, Metadata},
};

/// The last version that names topics rather than giving their ids.
const FETCH_WITH_NAMES: i16 = 12;
/// From this version on requests say which epoch the last record had (KIP-595).
const FETCH_WITH_LAST_EPOCH: i16 = 12;

/// What was asked of one broker.
pub(super) struct Asked {
    node: i32,
    /// Partitions of the request's session, with the version of their position.
    partitions: BTreeMap<TopicPartition, (u64, i64)>,
}

/// The answer to one fetch, or why there is none.
pub(super) struct FetchDone {
    asked: Asked,
    latency: Duration,
    result: Result<FetchResponse, ClientError>,
}

impl FetchDone {
    /// How long the broker took and how long it made us wait, if it has answered.
    pub(super) fn times(&self) -> Option<(Duration, i32)> {
        self.result.as_ref().ok().map(|answer| (self.latency, answer.throttle_time_ms))
    }
}

/// What a broker remembers for us.
#[derive(Default)]
struct Session {
    id: i32,
    /// 0 asks for a new session.
    epoch: i32,
    with_ids: bool,
    /// Each with the id of its topic.
    partitions: BTreeMap<TopicPartition, (Uuid, FetchPartition)>,
}

#[derive(Default)]
pub(super) struct Fetcher {
    sessions: BTreeMap<i32, Session>,
    in_flight: BTreeSet<i32>,
}

/// What answers have shown about the consumer's view of the cluster.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) is_metadata_old: bool,
    /// A partition whose position lies outside its log while `auto.offset.reset=none`, or another final error.
    pub(super) error: Option<ClientError>,
    /// Partitions whose logs were cut back, of which the caller has to hear.
    pub(super) truncations: Vec<Truncation>,
}

impl Findings {
    pub(super) fn into_result(self) -> Result<(), ClientError> {
        let Self { error, truncations, .. } = self;
        if !truncations.is_empty() {
            return Err(ClientError::LogTruncated { truncations });
        }
        error.map_or(Ok(()), Err)
    }
}

impl Fetcher {
    /// Starts a fetch at every broker that has none under way and leads partitions that want records. Says whether a
    /// leader is missing, or a replica that was recommended.
    pub(super) fn send(
        &mut self,
        cluster: &Cluster,
        settings: &Settings,
        partitions: &mut Partitions,
        events: &UnboundedSender<Event>,
    ) -> bool {
        let metadata = cluster.metadata();
        let now = cluster.clock().now();
        let mut by_node: BTreeMap<i32, Vec<(TopicPartition, FetchPartition, u64)>> = BTreeMap::new();
        let mut is_metadata_old = false;
        if buffered_bytes(partitions) > settings.fetch_bytes_max.max(1) as usize {
            return false;
        }
        for (partition, reading) in partitions.iter_mut() {
            if !wants_records(reading, settings) || reading.retry_at.is_some_and(|at| at > now) {
                continue;
            }
            let leader = metadata.leader(&partition.topic, partition.partition);
            let Some((leader, epoch)) = leader.filter(|leader| reading.leader == Some(*leader)) else {
                is_metadata_old = true;
                continue;
            };
            let replica = reading.read_replica.filter(|(_, until)| *until > now).map(|(node, _)| node);
            let is_there = replica.is_none_or(|node| metadata.has_replica(partition, node));
            is_metadata_old |= !is_there;
            let node = replica.filter(|_| is_there).unwrap_or(leader);
            if node == leader {
                reading.read_replica = None;
            }
            let fetch = FetchPartition {
                partition: partition.partition,
                current_leader_epoch: epoch,
                fetch_offset: reading.next.offset,
                // A follower may lack what the leader has; it is the leader's log that counts.
                last_fetched_epoch: if node == leader { reading.next.epoch } else { -1 },
                partition_max_bytes: settings.partition_bytes,
                ..Default::default()
            };
            by_node.entry(node).or_default().push((partition.clone(), fetch, reading.version));
        }
        for (node, wanted) in by_node {
            if !self.in_flight.insert(node) {
                continue;
            }
            let session = self.sessions.entry(node).or_default();
            let (request, asked) = session.request(node, wanted, settings, &metadata);
            let with_ids = session.with_ids;
            spawn::anywhere(exchange(cluster.clone(), request, asked, with_ids, events.clone()));
        }
        is_metadata_old
    }

    /// Takes an answer into the partitions.
    pub(super) fn take(
        &mut self,
        done: FetchDone,
        cluster: &Cluster,
        settings: &Settings,
        partitions: &mut Partitions,
    ) -> Findings {
        let FetchDone { asked, result, .. } = done;
        self.in_flight.remove(&asked.node);
        let mut findings = Findings::default();
        let session = self.sessions.entry(asked.node).or_default();
        let answer = match result.and_then(|answer| {
            ClientError::check(answer.error_code, None)?;
            Ok(answer)
        }) {
            Ok(answer) => answer,
            Err(error) => {
                let is_session = matches!(
                    error.code(),
                    Some(
                        ErrorCode::FetchSessionIdNotFound
                            | ErrorCode::InvalidFetchSessionEpoch
                            | ErrorCode::FetchSessionTopicIdError
                    )
                );
                *session = Session::default();
                findings.is_metadata_old =
                    !is_session || error.code() == Some(ErrorCode::FetchSessionTopicIdError);
                if !is_session {
                    tracing::debug!(node = asked.node, %error, "a fetch failed");
                    for partition in asked.partitions.keys() {
                        if let Some(reading) = partitions.get_mut(partition) {
                            reading.read_replica = None;
                            reading.back_off(cluster);
                        }
                    }
                }
                return findings;
            }
        };
        let names = session.names();
        session.advance(answer.session_id);
        for topic in answer.responses {
            let name = if topic.topic_id.is_zero() {
                Arc::from(&*topic.topic)
            } else if let Some(name) = names.get(&topic.topic_id) {
                Arc::clone(name)
            } else {
                // The broker remembers something else than we do.
                tracing::debug!(node = asked.node, id = %topic.topic_id, "a fetch brought a topic that was not asked for");
                *session = Session::default();
                findings.is_metadata_old = true;
                continue;
            };
            for data in topic.partitions {
                let partition = TopicPartition { topic: Arc::clone(&name), partition: data.partition_index };
                let Some((version, offset)) = asked.partitions.get(&partition) else { continue };
                let Some(reading) =
                    partitions.get_mut(&partition).filter(|reading| reading.version == *version)
                else {
                    continue;
                };
                take_partition(&partition, reading, data, *offset, (cluster, settings), &mut findings);
            }
        }
        findings
    }
}

/// What waits to be given out, over all partitions. Paused ones do not count: they could hold up the others for ever.
fn buffered_bytes(partitions: &Partitions) -> usize {
    partitions
        .iter()
        .filter(|(_, reading)| !reading.is_paused)
        .map(|(_, reading)| reading.buffered_bytes)
        .sum()
}

/// Whether to ask for more of a partition: up to one answer is fetched ahead of the one being given out.
fn wants_records(reading: &Reading, settings: &Settings) -> bool {
    reading.valid().is_some()
        && !reading.is_paused
        && reading.buffered_bytes <= settings.partition_bytes.max(1) as usize / 2
}

fn take_partition(
    partition: &TopicPartition,
    reading: &mut Reading,
    data: PartitionData,
    offset: i64,
    (cluster, settings): (&Cluster, &Settings),
    findings: &mut Findings,
) {
    if reading.next.offset != offset || reading.is_in_doubt {
        return;
    }
    let code = ErrorCode::from_code(data.error_code);
    if code != ErrorCode::None {
        take_refusal(partition, reading, code, (cluster, settings), findings);
        return;
    }
    reading.succeeded();
    reading.high_watermark = data.high_watermark;
    reading.last_stable_offset = data.last_stable_offset;
    if data.diverging_epoch.epoch >= 0 || data.diverging_epoch.end_offset >= 0 {
        let found =
            EpochEnd { epoch: data.diverging_epoch.epoch, end_offset: data.diverging_epoch.end_offset };
        take_divergence(partition, reading, found, (cluster, settings), findings);
        return;
    }
    let is_known = reading.read_replica.is_some_and(|(node, _)| node == data.preferred_read_replica);
    if data.preferred_read_replica >= 0 && !is_known {
        let until = cluster.clock().now() + cluster.metadata_age_max();
        reading.read_replica = Some((data.preferred_read_replica, until));
    }
    let Some(Records::Bytes(bytes)) = data.records else { return };
    if let Some(next) = end_of(&bytes) {
        reading.next = if next.offset > offset { next } else { Place { offset, ..reading.next } };
        reading.buffered_bytes += bytes.len();
        let aborted = data.aborted_transactions.unwrap_or_default();
        let aborted = aborted.iter().map(|txn| (txn.first_offset, txn.producer_id)).collect();
        reading.buffered.push_back(Fetched::new(bytes, aborted));
    }
}

fn take_refusal(
    partition: &TopicPartition,
    reading: &mut Reading,
    code: ErrorCode,
    (cluster, settings): (&Cluster, &Settings),
    findings: &mut Findings,
) {
    let offset = reading.next.offset;
    match code {
        // A follower may not have as much as the leader.
        ErrorCode::OffsetOutOfRange if reading.read_replica.take().is_some() => reading.back_off(cluster),
        // What was fetched before is still good; only its end lies outside the log.
        ErrorCode::OffsetOutOfRange if !reading.buffered.is_empty() => reading.back_off(cluster),
        ErrorCode::OffsetOutOfRange => match reset_position(settings, cluster) {
            Some(position) => {
                tracing::info!(%partition, offset, "the position is outside the log and is reset");
                reading.move_to(position);
            }
            None => {
                let message = format!(
                    "Offset {offset} of partition {partition} is out of range and auto.offset.reset is none"
                );
                findings.error = Some(ClientError::Broker { code, message: Some(message) });
            }
        },
        code => {
            let error = ClientError::Broker { code, message: None };
            reading.back_off(cluster);
            if code != ErrorCode::UnknownLeaderEpoch {
                reading.read_replica = None;
            }
            if error.is_retriable() {
                findings.is_metadata_old = true;
            } else {
                findings.error = Some(error);
            }
        }
    }
}

/// The leader's log differs from what was read of it.
fn take_divergence(
    partition: &TopicPartition,
    reading: &mut Reading,
    found: EpochEnd,
    (cluster, settings): (&Cluster, &Settings),
    findings: &mut Findings,
) {
    let Position::At(place) = reading.position else { return };
    let was_buffered = reading.next != place;
    reading.drop_buffered();
    reading.doubt();
    // Of what was only fetched the caller knows nothing: the leader is asked about the position.
    if was_buffered {
        return;
    }
    if !reading.is_in_doubt {
        // Nobody has asked, since no epoch is known: the broker is mistaken.
        reading.back_off(cluster);
        return;
    }
    if let Some(truncation) = validation::settle(partition, reading, found, (cluster, settings)) {
        findings.truncations.push(truncation);
    } else if reading.valid() == Some(place) {
        // The offsets are there, in an older epoch than they were read in. Asked about again, it would be said again.
        reading.trust(Place { epoch: found.epoch, ..place });
    }
}

/// The place after the last whole batch. A damaged batch ends the walk, and is met again when records are taken.
fn end_of(bytes: &Bytes) -> Option<Place> {
    let mut end = None;
    for batch in BatchIter::new(bytes.clone()) {
        match batch {
            Ok(batch) => {
                end = Some(Place { offset: batch.next_offset(), epoch: batch.partition_leader_epoch });
            }
            Err(_) => return end.or(Some(Place::at(i64::MIN))),
        }
    }
    end
}

impl Session {
    /// The next request of the session: all partitions in the first, then only what has changed.
    fn request(
        &mut self,
        node: i32,
        wanted: Vec<(TopicPartition, FetchPartition, u64)>,
        settings: &Settings,
        metadata: &Metadata,
    ) -> (FetchRequest, Asked) {
        let id_of = |topic: &str| metadata.topics.get(topic).map_or(Uuid::ZERO, |topic| topic.id);
        let with_ids = wanted.iter().all(|(partition, ..)| id_of(&partition.topic) != Uuid::ZERO);
        if with_ids != self.with_ids {
            *self = Self { with_ids, ..Self::default() };
        }
        let mut asked = Asked { node, partitions: BTreeMap::new() };
        let mut changed: BTreeMap<Arc<str>, Vec<FetchPartition>> = BTreeMap::new();
        let mut forgotten: BTreeMap<(Arc<str>, Uuid), Vec<i32>> = BTreeMap::new();
        let mut next = BTreeMap::new();
        for (partition, fetch, version) in wanted {
            asked.partitions.insert(partition.clone(), (version, fetch.fetch_offset));
            let fetch = (id_of(&partition.topic), fetch);
            if self.epoch == 0 || self.partitions.get(&partition) != Some(&fetch) {
                changed.entry(Arc::clone(&partition.topic)).or_default().push(fetch.1.clone());
            }
            next.insert(partition, fetch);
        }
        if self.epoch != 0 {
            // A topic that was made anew is another one.
            for (partition, (id, _)) in &self.partitions {
                if next.get(partition).is_none_or(|(other, _)| other != id) {
                    let topic = (Arc::clone(&partition.topic), *id);
                    forgotten.entry(topic).or_default().push(partition.partition);
                }
            }
        }
        self.partitions = next;
        let name = |topic: &Arc<str>| StrBytes::from(topic.to_string());
        let request = FetchRequest {
            max_wait_ms: settings.fetch_wait_ms,
            min_bytes: settings.fetch_bytes_min,
            max_bytes: settings.fetch_bytes_max,
            isolation_level: settings.isolation.id(),
            session_id: self.id,
            session_epoch: self.epoch,
            topics: changed
                .into_iter()
                .map(|(topic, partitions)| FetchTopic {
                    topic_id: id_of(&topic),
                    topic: name(&topic),
                    partitions,
                    ..Default::default()
                })
                .collect(),
            forgotten_topics_data: forgotten
                .into_iter()
                .map(|((topic, topic_id), partitions)| ForgottenTopic {
                    topic_id,
                    topic: name(&topic),
                    partitions,
                    ..Default::default()
                })
                .collect(),
            rack_id: StrBytes::from(settings.rack.clone()),
            ..Default::default()
        };
        (request, asked)
    }

    /// The topics of the session, by their ids.
    fn names(&self) -> BTreeMap<Uuid, Arc<str>> {
        let topics = self.partitions.iter().map(|(partition, (id, _))| (*id, Arc::clone(&partition.topic)));
        topics.collect()
    }

    /// Goes on in the session that the answer named; 0 means that the broker keeps none.
    fn advance(&mut self, id: i32) {
        if id == 0 {
            *self = Self { with_ids: self.with_ids, ..Self::default() };
        } else {
            self.id = id;
            self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
        }
    }
}

async fn exchange(
    cluster: Cluster,
    request: FetchRequest,
    asked: Asked,
    with_ids: bool,
    events: UnboundedSender<Event>,
) {
    let start = cluster.clock().now();
    let result = fetch(&cluster, asked.node, request, with_ids).await;
    let latency = cluster.clock().now() - start;
    let _ = events.send(Event::Fetched(FetchDone { asked, latency, result }));
}

async fn fetch(
    cluster: &Cluster,
    node: i32,
    mut request: FetchRequest,
    with_ids: bool,
) -> Result<FetchResponse, ClientError> {
    let connection = cluster.connection(node).await?;
    let mut version = connection.version_of::<FetchRequest>()?;
    if !with_ids {
        version = version.min(FETCH_WITH_NAMES);
    }
    if version < FETCH_WITH_LAST_EPOCH {
        for partition in request.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.last_fetched_epoch = -1;
        }
    }
    let wait = Duration::from_millis(request.max_wait_ms.max(0).unsigned_abs().into());
    Ok(connection.call_version(&request, version, wait).await?)
}
