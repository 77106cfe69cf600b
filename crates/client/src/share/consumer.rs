//! Reads records as a member of a share group.
//!
//! One owner calls [`ShareConsumer::poll`]. Heartbeats and requests to brokers run in tasks of their own; at each broker
//! one request is under way at a time, in a share session.

mod acknowledging;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use klamm_config::client::ClientConfig;
use klamm_io::{Instant, spawn};
use klamm_protocol::{
    ErrorCode, Records, Uuid,
    api::{
        share_acknowledge::ShareAcknowledgeResponse,
        share_fetch::{PartitionData, ShareFetchRequest, ShareFetchResponse},
    },
    records::{BatchIter, TimestampType},
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use acknowledging::offsets_of;

use super::{
    acknowledgements::{AcknowledgeType, Acknowledgements, GAP},
    member::{IdPartition, Member},
    renewals::Renewals,
    session::{Said, Session},
    settings::Settings,
};
use crate::{
    ClientError,
    cluster::{Cluster, TopicSelection},
    consumer::ConsumerRecord,
    metrics::{FetchMetrics, Metric},
};

/// The most offsets that are believed to be acquired from a partition at a time, whatever a broker says.
const ACQUIRED_MAX: usize = 1 << 20;

/// A record that was acquired, and how often it has been delivered, this time included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareRecord {
    /// The record.
    pub record: ConsumerRecord,
    /// How often.
    pub delivery_count: i16,
    topic_id: Uuid,
    /// The broker that it was acquired from.
    pub(super) node: i32,
}

/// A record that the last poll gave out.
struct Open {
    node: i32,
    is_acknowledged: bool,
}

/// What a task tells the consumer of a broker's answer.
enum Event {
    Fetched(i32, Duration, Result<ShareFetchResponse, ClientError>),
    Acknowledged(i32, Result<ShareAcknowledgeResponse, ClientError>),
    Refreshed,
}

/// A broker's session, and when it may be asked again after a failure.
#[derive(Default)]
struct Broker {
    session: Session,
    is_busy: bool,
    failures: u32,
    retry_at: Option<Instant>,
}

/// Reads records as a member of a share group (KIP-932).
pub struct ShareConsumer {
    cluster: Cluster,
    settings: Settings,
    member: Arc<Member>,
    heartbeats: Option<spawn::Task<()>>,
    brokers: BTreeMap<i32, Broker>,
    acknowledgements: Acknowledgements,
    renewals: Renewals,
    /// Records for the next polls.
    buffered: VecDeque<Vec<ShareRecord>>,
    /// Records that the last poll gave out, as long as what was said of them can be changed.
    open: BTreeMap<(IdPartition, i64), Open>,
    is_refreshing: bool,
    events: UnboundedReceiver<Event>,
    sender: UnboundedSender<Event>,
    metrics: FetchMetrics,
}

impl ShareConsumer {
    /// A share consumer with this configuration. Connects with the first poll.
    ///
    /// # Errors
    /// If settings contradict each other, there is no `group.id`, or they ask for what is not supported.
    pub fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let settings = Settings::new(config)?;
        let cluster = Cluster::new(config)?;
        let id = Uuid::from_bytes(u128_of(cluster.entropy()));
        let (sender, events) = unbounded_channel();
        Ok(Self {
            member: Member::new(settings.group_id.clone(), id, settings.rack.clone()),
            cluster,
            settings,
            heartbeats: None,
            brokers: BTreeMap::new(),
            acknowledgements: Acknowledgements::default(),
            renewals: Renewals::default(),
            buffered: VecDeque::new(),
            open: BTreeMap::new(),
            is_refreshing: false,
            events,
            sender,
            metrics: FetchMetrics::default(),
        })
    }

    /// Reads these topics from now on.
    pub fn subscribe<S: Into<String>>(&mut self, topics: impl IntoIterator<Item = S>) {
        self.member.subscribe(topics.into_iter().map(Into::into).collect());
        if self.heartbeats.is_none() {
            let beats = Arc::clone(&self.member).run(self.cluster.clone());
            self.heartbeats = Some(spawn::anywhere(beats));
        }
    }

    /// The next records, as soon as there are some; none if `limit` passes first. They are locked for this consumer for
    /// a while. With implicit acknowledgement those of the last poll are accepted.
    ///
    /// # Errors
    /// If the group cannot be joined; or, with explicit acknowledgement, if records of the last poll are not
    /// acknowledged.
    pub async fn poll(&mut self, limit: Duration) -> Result<Vec<ShareRecord>, ClientError> {
        self.settle_last_poll()?;
        let clock = self.cluster.clock();
        let deadline = clock.now() + limit;
        loop {
            if let Some(error) = self.member.take_error() {
                return Err(error);
            }
            while let Ok(event) = self.events.try_recv() {
                self.take(event);
            }
            if let Some(records) = self.buffered.pop_front() {
                // No fetch takes along what was said of earlier ones, and their locks run out meanwhile.
                self.send_acknowledgements();
                for record in &records {
                    let open = Open { node: record.node, is_acknowledged: false };
                    self.open.insert(record.key(), open);
                }
                return Ok(records);
            }
            let retry_at = self.send();
            let wakes_at = retry_at.map_or(deadline, |at| at.min(deadline));
            if clock.now() >= deadline {
                return Ok(Vec::new());
            }
            tokio::select! {
                biased;
                event = self.events.recv() => if let Some(event) = event { self.take(event) },
                () = self.member.news.notified() => {}
                () = clock.sleep_until(wakes_at) => {}
            }
        }
    }

    /// Says what becomes of a record that the last poll gave out. It is said to the broker by the next poll or commit;
    /// until then the last word counts. A record whose lock is renewed is given out again by a later poll.
    ///
    /// # Errors
    /// If the record is not one of the last poll.
    pub fn acknowledge(&mut self, record: &ShareRecord, what: AcknowledgeType) -> Result<(), ClientError> {
        let (partition, offset) = record.key();
        let Some(open) = self.open.get_mut(&(partition, offset)) else {
            return Err(ClientError::Invalid(
                "The record cannot be acknowledged: it is not one that the last poll gave out.".to_owned(),
            ));
        };
        open.is_acknowledged = true;
        self.acknowledgements.add(open.node, partition, offset, what.code());
        self.renewals.note(record, what);
        Ok(())
    }

    /// Says now what is to be said. With implicit acknowledgement the records of the last poll are accepted.
    ///
    /// # Errors
    /// The first one that a broker answers; acknowledgements that come too late are refused as INVALID_RECORD_STATE.
    pub async fn commit(&mut self) -> Result<(), ClientError> {
        if self.settings.is_implicit {
            self.accept_open();
        }
        self.open.retain(|_, open| !open.is_acknowledged);
        self.wait_for_brokers().await;
        let mut first_error = None;
        for node in self.acknowledgements.nodes() {
            let result = self.acknowledge_now(node, false).await;
            first_error = first_error.or(result.err());
        }
        first_error.map_or(Ok(()), Err)
    }

    /// Says what is to be said, gives back what is not acknowledged, and leaves the group.
    pub async fn close(mut self) {
        let limit = self.cluster.request_timeout();
        let clock = self.cluster.clock();
        let ended = clock.timeout(limit, async {
            self.wait_for_brokers().await;
            let nodes: Vec<i32> = self.brokers.keys().copied().collect();
            for node in nodes {
                if let Err(error) = self.acknowledge_now(node, true).await {
                    tracing::debug!(node, %error, "a share session could not be ended");
                }
            }
            if let Some(heartbeats) = self.heartbeats.take() {
                heartbeats.abort();
            }
            self.member.leave(&self.cluster).await;
        });
        ended.await;
        self.cluster.close();
    }

    /// What it has done so far, under the names that Kafka's share consumer has for it.
    pub fn metrics(&self) -> Vec<Metric> {
        self.metrics.of_share_consumer(self.cluster.client_id(), self.cluster.clock().now())
    }

    /// The cluster that it reads from.
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    fn settle_last_poll(&mut self) -> Result<(), ClientError> {
        if self.settings.is_implicit {
            self.accept_open();
        } else if self.open.values().any(|open| !open.is_acknowledged) {
            return Err(ClientError::Invalid(
                "All records must be acknowledged in explicit acknowledgement mode.".to_owned(),
            ));
        }
        self.open.clear();
        Ok(())
    }

    fn accept_open(&mut self) {
        for ((partition, offset), open) in std::mem::take(&mut self.open) {
            if !open.is_acknowledged {
                self.acknowledgements.add(open.node, partition, offset, AcknowledgeType::Accept.code());
            }
        }
    }

    /// Takes out what is to be said to a broker.
    fn take_said(&mut self, node: i32) -> Said {
        self.renewals.sent(node);
        self.acknowledgements.take(node)
    }

    /// Gives out again what is locked anew.
    fn take_renewed(&mut self, node: i32, refused: &BTreeSet<IdPartition>) {
        let renewed = self.renewals.answered(node, refused);
        if !renewed.is_empty() {
            self.buffered.push_back(renewed);
        }
    }

    /// Asks every broker that leads something of ours, or that something is to be said to. Returns when to try again
    /// what failed.
    fn send(&mut self) -> Option<Instant> {
        let now = self.cluster.clock().now();
        let mut wanted: BTreeMap<i32, BTreeSet<IdPartition>> = BTreeMap::new();
        let metadata = self.cluster.metadata();
        let mut is_unknown = self.cluster.is_metadata_old();
        for partition in self.member.assignment() {
            let name = metadata.topic_name(partition.0);
            match name.and_then(|name| metadata.leader(name, partition.1)) {
                Some((leader, _)) => drop(wanted.entry(leader).or_default().insert(partition)),
                None => is_unknown = true,
            }
        }
        if is_unknown {
            self.refresh();
        }
        for node in self.acknowledgements.nodes() {
            wanted.entry(node).or_default();
        }
        let mut retry_at: Option<Instant> = None;
        for (node, partitions) in wanted {
            let broker = self.brokers.entry(node).or_default();
            if broker.is_busy {
                continue;
            }
            if let Some(at) = broker.retry_at.filter(|at| *at > now) {
                retry_at = Some(retry_at.map_or(at, |before| before.min(at)));
                continue;
            }
            if partitions.is_empty() && !broker.session.is_open() {
                // Whatever was acquired in a session that is gone is not ours any more.
                self.acknowledgements.take(node);
                self.renewals.lost(node);
                continue;
            }
            let is_open = broker.session.is_open();
            let said = if is_open { self.take_said(node) } else { BTreeMap::new() };
            let count = offsets_of(&said);
            if count > 0 {
                self.metrics.acknowledged(now, count);
            }
            let broker = self.brokers.entry(node).or_default();
            let request = broker.session.fetch(&self.member, &self.settings, &partitions, &said);
            broker.is_busy = true;
            spawn::anywhere(fetch(self.cluster.clone(), node, request, self.sender.clone()));
        }
        retry_at
    }

    fn refresh(&mut self) {
        if std::mem::replace(&mut self.is_refreshing, true) {
            return;
        }
        let (cluster, sender, topics) = (self.cluster.clone(), self.sender.clone(), self.member.topics());
        let assigned = self.member.assignment();
        spawn::anywhere(async move {
            let names: Vec<Arc<str>> = topics.iter().map(|topic| Arc::from(topic.as_str())).collect();
            let result = cluster.refresh(TopicSelection::Names(&names, false)).await;
            let metadata = cluster.metadata();
            let is_led = |(id, index): &IdPartition| {
                metadata.topic_name(*id).and_then(|name| metadata.leader(name, *index)).is_some()
            };
            if result.is_err() || !assigned.iter().all(is_led) {
                cluster.clock().sleep(cluster.backoff().pause(1, cluster.entropy())).await;
            }
            let _ = sender.send(Event::Refreshed);
        });
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Refreshed => self.is_refreshing = false,
            Event::Fetched(node, latency, result) => {
                if let Ok(answer) = &result {
                    let now = self.cluster.clock().now();
                    self.metrics.answered(now, latency, answer.throttle_time_ms);
                }
                match self.answered(node, result, |answer| {
                    ClientError::check(answer.error_code, answer.error_message.as_deref())
                }) {
                    Some(answer) => self.take_records(node, answer),
                    None => self.refresh(),
                }
            }
            Event::Acknowledged(node, result) => {
                if let Err(error) = self.acknowledged(node, result) {
                    tracing::debug!(node, %error, "what was said of records came too late");
                }
            }
        }
    }

    /// Goes on in the session, or begins a new one if it is lost.
    fn answered<T>(
        &mut self,
        node: i32,
        result: Result<T, ClientError>,
        check: impl Fn(&T) -> Result<(), ClientError>,
    ) -> Option<T> {
        let pause = |failures| self.cluster.backoff().pause(failures, self.cluster.entropy());
        let broker = self.brokers.entry(node).or_default();
        broker.is_busy = false;
        match result.and_then(|answer| check(&answer).map(|()| answer)) {
            Ok(answer) => {
                broker.session.advance();
                broker.failures = 0;
                broker.retry_at = None;
                Some(answer)
            }
            Err(error) => {
                tracing::debug!(node, %error, "a request in a share session failed");
                broker.session.reset();
                broker.retry_at = Some(self.cluster.clock().now() + pause(broker.failures));
                broker.failures += 1;
                // What was acquired in the session has been given back.
                self.acknowledgements.take(node);
                self.renewals.lost(node);
                self.open.retain(|_, open| open.node != node);
                None
            }
        }
    }

    fn take_records(&mut self, node: i32, answer: ShareFetchResponse) {
        let metadata = self.cluster.metadata();
        let (mut records, mut bytes) = (Vec::new(), 0);
        let mut is_elsewhere = false;
        let mut refused = BTreeSet::new();
        for topic in answer.responses {
            for data in topic.partitions {
                if data.acknowledge_error_code != ErrorCode::None.code() {
                    refused.insert((topic.topic_id, data.partition_index));
                }
                let code = ErrorCode::from_code(data.error_code);
                if code != ErrorCode::None {
                    tracing::debug!(partition = data.partition_index, error = code.name(), "no records");
                    is_elsewhere = true;
                    continue;
                }
                let Some(name) = metadata.topic_name(topic.topic_id) else { continue };
                bytes += self.take_partition(node, (topic.topic_id, name), data, &mut records);
            }
        }
        self.take_renewed(node, &refused);
        if is_elsewhere {
            self.refresh();
            let pause = self.cluster.backoff().pause(0, self.cluster.entropy());
            let broker = self.brokers.entry(node).or_default();
            broker.retry_at = Some(self.cluster.clock().now() + pause);
        }
        if !records.is_empty() {
            self.metrics.read(self.cluster.clock().now(), records.len(), bytes);
            self.buffered.push_back(records);
        }
    }

    /// Takes the records that were acquired. Offsets without one (a log that is compacted has them, and one with
    /// transactions) are acknowledged as gaps; a batch that cannot be read is rejected. Returns the records' size in bytes.
    fn take_partition(
        &mut self,
        node: i32,
        (topic_id, name): (Uuid, &Arc<str>),
        data: PartitionData,
        records: &mut Vec<ShareRecord>,
    ) -> usize {
        let partition = (topic_id, data.partition_index);
        let mut acquired: BTreeMap<i64, i16> = BTreeMap::new();
        for range in &data.acquired_records {
            let offsets = range.first_offset..=range.last_offset;
            let room = ACQUIRED_MAX.saturating_sub(acquired.len());
            acquired.extend(offsets.take(room).map(|offset| (offset, range.delivery_count)));
        }
        let Records::Bytes(bytes) = data.records else { return 0 };
        let mut size: usize = 0;
        for batch in BatchIter::new(bytes) {
            let Ok(batch) = batch else { break };
            let is_damaged = self.settings.check_crcs && batch.check_crc().is_err();
            let found = if is_damaged { None } else { batch.records().ok() };
            let Some(found) = found else {
                for offset in batch.base_offset..=batch.last_offset() {
                    if acquired.remove(&offset).is_some() {
                        self.acknowledgements.add(node, partition, offset, AcknowledgeType::Reject.code());
                    }
                }
                continue;
            };
            if batch.is_control() {
                continue;
            }
            for record in found.flatten() {
                let Some(delivery_count) = acquired.remove(&record.offset) else { continue };
                size = size.saturating_add(record.size);
                let timestamp_type = batch.timestamp_type();
                let record = ConsumerRecord {
                    topic: Arc::clone(name),
                    partition: partition.1,
                    offset: record.offset,
                    timestamp: record.timestamp,
                    timestamp_type: match timestamp_type {
                        TimestampType::LogAppendTime => TimestampType::LogAppendTime,
                        _ => TimestampType::CreateTime,
                    },
                    leader_epoch: Some(batch.partition_leader_epoch).filter(|epoch| *epoch >= 0),
                    key: record.key,
                    value: record.value,
                    headers: record.headers,
                };
                records.push(ShareRecord { record, delivery_count, topic_id, node });
            }
        }
        for offset in acquired.into_keys() {
            self.acknowledgements.add(node, partition, offset, GAP);
        }
        size
    }

    /// Waits until no broker has a request of ours.
    async fn wait_for_brokers(&mut self) {
        while self.brokers.values().any(|broker| broker.is_busy) {
            match self.events.recv().await {
                Some(event) => self.take(event),
                None => return,
            }
        }
    }
}

impl ShareRecord {
    pub(super) fn key(&self) -> (IdPartition, i64) {
        ((self.topic_id, self.record.partition), self.record.offset)
    }
}

impl Drop for ShareConsumer {
    fn drop(&mut self) {
        if let Some(heartbeats) = self.heartbeats.take() {
            heartbeats.abort();
        }
    }
}

/// An id that is nobody else's, in the form of a random UUID.
fn u128_of(entropy: &klamm_io::Entropy) -> [u8; 16] {
    let mut bytes = entropy.next_16();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    // A leading dash would be taken for an option on command lines.
    bytes[0] &= 0x7f;
    bytes
}

async fn fetch(cluster: Cluster, node: i32, request: ShareFetchRequest, events: UnboundedSender<Event>) {
    let start = cluster.clock().now();
    let result = async {
        let connection = cluster.connection(node).await?;
        let version = connection.version_of::<ShareFetchRequest>()?;
        let wait = Duration::from_millis(request.max_wait_ms.max(0).unsigned_abs().into());
        Ok(connection.call_version(&request, version, wait).await?)
    };
    let result = result.await;
    let latency = cluster.clock().now() - start;
    let _ = events.send(Event::Fetched(node, latency, result));
}

#[cfg(test)]
mod tests;
