//! Brokers with a partition of which tests say who leads, and what is in each broker's log.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use klamm_client::{ClientError, TopicPartition, consumer::Consumer};
use klamm_io::sim::Simulation;
use klamm_protocol::{
    ErrorCode, Records, Uuid,
    api::{
        AnyRequest, AnyResponse,
        fetch::{
            EpochEndOffset as Diverging, FetchPartition, FetchResponse, FetchableTopicResponse, PartitionData,
        },
        find_coordinator::{Coordinator, FindCoordinatorResponse},
        list_offsets::{ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse},
        offset_commit::{
            OffsetCommitRequestPartition, OffsetCommitResponse, OffsetCommitResponsePartition,
            OffsetCommitResponseTopic,
        },
        offset_fetch::{
            OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartitions,
            OffsetFetchResponseTopics,
        },
        offset_for_leader_epoch::{
            EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
            OffsetForLeaderTopicResult,
        },
    },
    records::{BatchBuilder, BatchOptions},
};

use super::{
    SECOND,
    broker::{Deed, TOPIC, TOPIC_ID, metadata_with_epochs, start},
    config,
};

/// How a broker fails fetches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Code(ErrorCode),
    Hangup,
}

/// Everything that tests can change.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) live: Vec<u8>,
    pub(crate) topic_id: Uuid,
    pub(crate) leader: i32,
    pub(crate) leader_epoch: i32,
    /// By broker, the epoch of the record at each offset.
    pub(crate) logs: BTreeMap<u8, Vec<i32>>,
    /// Brokers that have lost their cache of epochs.
    pub(crate) has_no_epochs: bool,
    /// The replica that the leader sends consumers to.
    pub(crate) recommended: Option<i32>,
    /// How brokers fail fetches, and how often from now on.
    pub(crate) failures: BTreeMap<u8, (Failure, usize)>,
    /// The committed offset and its epoch.
    pub(crate) committed: Option<(i64, i32)>,
    /// What was asked, of whom.
    pub(crate) heard: Vec<(u8, AnyRequest)>,
}

#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

/// The partition.
pub(crate) fn partition() -> TopicPartition {
    TopicPartition::new(TOPIC, 0)
}

impl Shared {
    /// Two brokers, of which the first leads in this epoch and both have this log.
    pub(crate) fn new(sim: &Simulation, leader_epoch: i32, log: &[i32]) -> Self {
        let shared = Self(Arc::new(Mutex::new(World {
            live: vec![1, 2],
            topic_id: TOPIC_ID,
            leader: 1,
            leader_epoch,
            logs: BTreeMap::from([(1, log.to_vec()), (2, log.to_vec())]),
            ..Default::default()
        })));
        for id in [1, 2] {
            let world = shared.clone();
            start(sim, id, move |request| {
                let mut world = world.get();
                world.heard.push((id, request.clone()));
                world.play(id, request)
            });
        }
        shared
    }

    pub(crate) fn get(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

impl World {
    fn play(&mut self, id: u8, request: AnyRequest) -> Deed {
        let answer = match request {
            AnyRequest::Metadata(_) => {
                return metadata_with_epochs(&self.live, self.topic_id, &[(self.leader, self.leader_epoch)]);
            }
            AnyRequest::Fetch(request) => {
                let topic = request.topics.first().unwrap();
                return self.fetch(id, topic.topic_id, &topic.partitions[0]);
            }
            AnyRequest::OffsetForLeaderEpoch(request) => {
                assert_eq!(request.replica_id, -1);
                let partitions = vec![self.epoch_end(id, &request.topics[0].partitions[0])];
                let topic =
                    OffsetForLeaderTopicResult { topic: TOPIC.into(), partitions, ..Default::default() };
                AnyResponse::OffsetForLeaderEpoch(OffsetForLeaderEpochResponse {
                    topics: vec![topic],
                    ..Default::default()
                })
            }
            AnyRequest::ListOffsets(request) => {
                let is_latest = request.topics[0].partitions[0].timestamp == -1;
                let offset = if is_latest { self.logs[&id].len() as i64 } else { 0 };
                let partition = ListOffsetsPartitionResponse { offset, ..Default::default() };
                let topic = ListOffsetsTopicResponse {
                    name: TOPIC.into(),
                    partitions: vec![partition],
                    ..Default::default()
                };
                AnyResponse::ListOffsets(ListOffsetsResponse { topics: vec![topic], ..Default::default() })
            }
            AnyRequest::FindCoordinator(_) => AnyResponse::FindCoordinator(FindCoordinatorResponse {
                coordinators: vec![Coordinator {
                    node_id: 1,
                    host: klamm_io::sim::Host(1).address().to_string().into(),
                    port: 9092,
                    ..Default::default()
                }],
                ..Default::default()
            }),
            AnyRequest::OffsetCommit(request) => self.commit(&request.topics[0].partitions[0]),
            AnyRequest::OffsetFetch(_) => self.commits(),
            other => panic!("{other:?}"),
        };
        Deed::Answer(Box::new(answer))
    }

    fn fetch(&mut self, id: u8, topic_id: Uuid, asked: &FetchPartition) -> Deed {
        let mut data = PartitionData { preferred_read_replica: -1, ..Default::default() };
        let failure = self.failures.get_mut(&id).filter(|(_, times)| *times > 0).map(|(failure, times)| {
            *times -= 1;
            *failure
        });
        match failure {
            Some(Failure::Hangup) => return Deed::Hangup,
            Some(Failure::Code(code)) => data.error_code = code.code(),
            None if topic_id != self.topic_id => data.error_code = ErrorCode::UnknownTopicId.code(),
            None => self.read(id, asked, &mut data),
        }
        let is_news = data.error_code != 0
            || data.records.is_some()
            || data.diverging_epoch.epoch >= 0
            || data.preferred_read_replica >= 0;
        let topic = FetchableTopicResponse { topic_id, partitions: vec![data], ..Default::default() };
        let answer = AnyResponse::Fetch(FetchResponse { responses: vec![topic], ..Default::default() });
        if is_news { Deed::Answer(Box::new(answer)) } else { Deed::Later(SECOND / 5, Box::new(answer)) }
    }

    fn read(&self, id: u8, asked: &FetchPartition, data: &mut PartitionData) {
        let log = &self.logs[&id];
        let is_leader = self.leader == i32::from(id);
        let (last_epoch, end) = self.end_of(id, asked.last_fetched_epoch);
        let has_epoch = asked.last_fetched_epoch >= 0;
        let diverges = has_epoch && (last_epoch < asked.last_fetched_epoch || end < asked.fetch_offset);
        let code = if let Some(code) = self.fence(asked.current_leader_epoch) {
            code
        } else if !is_leader && self.recommended != Some(id.into()) {
            ErrorCode::NotLeaderOrFollower
        } else if (has_epoch && end < 0) || (!diverges && asked.fetch_offset > log.len() as i64) {
            ErrorCode::OffsetOutOfRange
        } else {
            ErrorCode::None
        };
        data.error_code = code.code();
        if code != ErrorCode::None {
            return;
        }
        if diverges {
            data.diverging_epoch = Diverging { epoch: last_epoch, end_offset: end, ..Default::default() };
        } else if let Some(replica) = self.recommended.filter(|_| is_leader) {
            data.preferred_read_replica = replica;
        } else {
            data.records = records(log, asked.fetch_offset);
        }
    }

    fn fence(&self, current: i32) -> Option<ErrorCode> {
        match current.cmp(&self.leader_epoch) {
            std::cmp::Ordering::Less => Some(ErrorCode::FencedLeaderEpoch),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(ErrorCode::UnknownLeaderEpoch),
        }
    }

    /// The largest epoch in a log that is not larger than this, and its end.
    fn end_of(&self, id: u8, asked: i32) -> (i32, i64) {
        let log = &self.logs[&id];
        if self.has_no_epochs || asked > self.leader_epoch {
            return (-1, -1);
        }
        let end = log.iter().position(|epoch| *epoch > asked).unwrap_or(log.len());
        let epoch = if asked == self.leader_epoch || end == 0 { asked } else { log[end - 1] };
        (epoch, end as i64)
    }

    fn epoch_end(&self, id: u8, asked: &OffsetForLeaderPartition) -> EpochEndOffset {
        let code = match self.fence(asked.current_leader_epoch) {
            None if self.leader != i32::from(id) => Some(ErrorCode::NotLeaderOrFollower),
            code => code,
        };
        if let Some(code) = code {
            return EpochEndOffset { error_code: code.code(), ..Default::default() };
        }
        let (leader_epoch, end_offset) = self.end_of(id, asked.leader_epoch);
        EpochEndOffset { leader_epoch, end_offset, ..Default::default() }
    }

    fn commit(&mut self, asked: &OffsetCommitRequestPartition) -> AnyResponse {
        self.committed = Some((asked.committed_offset, asked.committed_leader_epoch));
        let topic = OffsetCommitResponseTopic {
            name: TOPIC.into(),
            topic_id: TOPIC_ID,
            partitions: vec![OffsetCommitResponsePartition::default()],
            ..Default::default()
        };
        AnyResponse::OffsetCommit(OffsetCommitResponse { topics: vec![topic], ..Default::default() })
    }

    fn commits(&self) -> AnyResponse {
        let (committed_offset, committed_leader_epoch) = self.committed.unwrap_or((-1, -1));
        let partition =
            OffsetFetchResponsePartitions { committed_offset, committed_leader_epoch, ..Default::default() };
        let topic = OffsetFetchResponseTopics {
            name: TOPIC.into(),
            topic_id: TOPIC_ID,
            partitions: vec![partition],
            ..Default::default()
        };
        let group =
            OffsetFetchResponseGroup { group_id: "g".into(), topics: vec![topic], ..Default::default() };
        AnyResponse::OffsetFetch(OffsetFetchResponse { groups: vec![group], ..Default::default() })
    }
}

/// Records from this offset on, a batch for each; their values tell offset and epoch.
fn records(log: &[i32], from: i64) -> Option<Records> {
    let mut bytes = Vec::new();
    for (offset, epoch) in log.iter().enumerate().skip(from as usize) {
        let (base_offset, partition_leader_epoch) = (offset as i64, *epoch);
        let options = BatchOptions { base_offset, partition_leader_epoch, ..Default::default() };
        let mut batch = BatchBuilder::new(options);
        batch.append(0, None, Some(format!("{offset}@{epoch}").as_bytes()), &[]).unwrap();
        bytes.extend_from_slice(&batch.build().unwrap());
    }
    (!bytes.is_empty()).then(|| Records::Bytes(bytes.into()))
}

/// A consumer of the partition.
pub(crate) fn consumer(more: &[(&str, &str)]) -> Consumer {
    let mut consumer = Consumer::new(&config(klamm_client::ClientKind::Consumer, more)).unwrap();
    consumer.assign([partition()]);
    consumer
}

/// The values of this many records, or of those that come in two seconds.
pub(crate) async fn read(consumer: &mut Consumer, count: usize) -> Result<Vec<String>, ClientError> {
    let clock = consumer.cluster().clock();
    let deadline = clock.now() + 2 * SECOND;
    let mut values = Vec::new();
    while values.len() < count && clock.now() < deadline {
        for record in consumer.poll(SECOND / 10).await? {
            values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
        }
    }
    Ok(values)
}
