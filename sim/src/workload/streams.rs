//! Members of a streams group (KIP-1071), which speak the protocol themselves.
//!
//! The application reads a topic and hands on to a repartition topic of its own, which another part with state reads; both
//! internal topics are the brokers' to create. Members commit with their epoch what they have read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use klamm_client::{
    ClientError, ClientKind, TopicPartition,
    admin::{Admin, ConfigAlteration, ConfigOperation, ConfigResource, ResourceType},
    cluster::{CoordinatorKind, TopicSelection},
    consumer::Consumer,
};
use klamm_io::Instant;
use klamm_protocol::{
    Request, StrBytes, Uuid,
    api::{
        offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics},
        streams_group_heartbeat::{
            StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatRequestTaskIds, StreamsGroupHeartbeatResponse,
            StreamsGroupHeartbeatResponseTaskIds, Subtopology, TopicInfo, Topology,
        },
    },
};

use super::{
    Client, SHARED,
    readers::{all_written, wait_for_topics},
    to_be_shared,
};
use crate::history::{Given, Task};

const GROUP: &str = "application";
/// The part that reads the topic.
const READER: &str = "0";
/// The part that reads what is handed on.
const KEEPER: &str = "1";
const HANDED_ON: &str = "application-handed-on-repartition";
const STATE: &str = "application-state-changelog";
const KEEPER_TASKS: i32 = 2;

/// Takes part until everything that was written has been read and each task has been somebody's.
pub(super) async fn take_part(client: Client, index: usize) {
    wait_for_topics(&client).await;
    let Ok(admin) = client.admin() else { return };
    while client.plan.has_standby_tasks && !configure(&admin).await {
        client.pause(1000).await;
    }
    while !is_done(&client) {
        let Some(consumer) = consumer(&client) else { return };
        let id = Uuid::from_bytes(client.entropy.next_16()).to_string();
        let mut member = Member {
            client: client.clone(),
            admin: &admin,
            consumer,
            id: StrBytes::from(id),
            epoch: 0,
            beat_at: None,
            pause: Duration::ZERO,
            active: BTreeSet::new(),
            standby: BTreeSet::new(),
            next: BTreeMap::new(),
        };
        if let Err(error) = member.work().await {
            tracing::info!(%error, index, "a member of the streams group ends");
            client.pause(1000).await;
        }
    }
    client.history.done(format!("streams member {index}"));
}

/// The group has copies of its tasks with state.
async fn configure(admin: &Admin) -> bool {
    let group = ConfigResource { kind: ResourceType::Group, name: GROUP.to_owned() };
    let alteration = ConfigAlteration {
        name: "streams.num.standby.replicas".to_owned(),
        value: Some("1".to_owned()),
        operation: ConfigOperation::Set,
    };
    let answers = admin.alter_configs(&[(group, vec![alteration])], false).await;
    answers.is_ok_and(|answers| answers.values().all(Result::is_ok))
}

fn consumer(client: &Client) -> Option<Consumer> {
    let pairs = [("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")];
    Consumer::new(&client.config(ClientKind::Consumer, &pairs).ok()?).ok()
}

fn tasks(client: &Client) -> impl Iterator<Item = Task> {
    let readers = (0..client.plan.topics.1).map(|index| (READER.to_owned(), index));
    readers.chain((0..KEEPER_TASKS).map(|index| (KEEPER.to_owned(), index)))
}

fn is_done(client: &Client) -> bool {
    if !all_written(client) {
        return false;
    }
    let history = client.history.lock();
    let is_read = |(at, offset)| history.streams.read.get(&at).is_some_and(|read| read.contains(&offset));
    to_be_shared(&history).all(is_read) && tasks(client).all(|task| history.streams.tasks.contains(&task))
}

fn topology() -> Topology {
    let internal = |name: &'static str, partitions| TopicInfo {
        name: StrBytes::from_static(name),
        partitions,
        ..TopicInfo::default()
    };
    let reader = Subtopology {
        subtopology_id: StrBytes::from_static(READER),
        source_topics: vec![StrBytes::from_static(SHARED)],
        repartition_sink_topics: vec![StrBytes::from_static(HANDED_ON)],
        ..Subtopology::default()
    };
    let keeper = Subtopology {
        subtopology_id: StrBytes::from_static(KEEPER),
        repartition_source_topics: vec![internal(HANDED_ON, KEEPER_TASKS)],
        state_changelog_topics: vec![internal(STATE, 0)],
        ..Subtopology::default()
    };
    Topology { subtopologies: vec![reader, keeper], ..Topology::default() }
}

struct Member<'a> {
    client: Client,
    admin: &'a Admin,
    consumer: Consumer,
    id: StrBytes,
    epoch: i32,
    beat_at: Option<Instant>,
    /// Until the next heartbeat.
    pause: Duration,
    active: BTreeSet<Task>,
    standby: BTreeSet<Task>,
    /// What to read next of the partitions whose tasks it has.
    next: BTreeMap<TopicPartition, i64>,
}

impl Member<'_> {
    async fn work(&mut self) -> Result<(), ClientError> {
        for _ in 0..20 + self.client.entropy.below(150) {
            self.beat().await?;
            self.read().await?;
            if is_done(&self.client) {
                break;
            }
        }
        // Or else it goes without a word.
        if self.client.entropy.below(2) == 0 {
            self.epoch = -1;
            self.beat_at = None;
            self.beat().await?;
        }
        Ok(())
    }

    /// Asks the group's coordinator, and another one if there is an error.
    async fn ask<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        let cluster = self.admin.cluster();
        let coordinator = cluster.coordinator(CoordinatorKind::Group, GROUP).await?;
        let answer = cluster.call_node(coordinator, request).await;
        if answer.is_err() {
            cluster.forget_coordinator(CoordinatorKind::Group, GROUP);
        }
        answer
    }

    fn check(&self, code: i16, message: Option<&str>) -> Result<(), ClientError> {
        if code != 0 {
            self.admin.cluster().forget_coordinator(CoordinatorKind::Group, GROUP);
        }
        ClientError::check(code, message)
    }

    /// Says that it is there and which tasks it has, if that is due, and takes and gives up tasks.
    async fn beat(&mut self) -> Result<(), ClientError> {
        let now = self.client.clock.now();
        if self.beat_at.is_some_and(|before| now.saturating_since(before) < self.pause) {
            return Ok(());
        }
        let is_joining = self.epoch == 0;
        let request = StreamsGroupHeartbeatRequest {
            group_id: StrBytes::from_static(GROUP),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            rebalance_timeout_ms: if is_joining { 20_000 } else { -1 },
            topology: is_joining.then(topology),
            process_id: is_joining.then(|| self.id.clone()),
            active_tasks: Some(task_ids(&self.active)),
            standby_tasks: Some(task_ids(&self.standby)),
            warmup_tasks: Some(Vec::new()),
            ..StreamsGroupHeartbeatRequest::default()
        };
        let answer = self.ask(&request).await?;
        self.check(answer.error_code, answer.error_message.as_deref())?;
        self.beat_at = Some(now);
        if self.epoch >= 0 {
            self.take(&answer);
        }
        Ok(())
    }

    fn take(&mut self, answer: &StreamsGroupHeartbeatResponse) {
        self.epoch = answer.member_epoch;
        let before = (self.active.clone(), self.standby.clone());
        if let Some(active) = &answer.active_tasks {
            self.active = from_ids(active);
        }
        if let Some(standby) = &answer.standby_tasks {
            self.standby = from_ids(standby);
        }
        let is_changed = before != (self.active.clone(), self.standby.clone());
        // What it has taken or given up it tells at once.
        let interval = u64::try_from(answer.heartbeat_interval_ms).unwrap_or(0);
        self.pause = Duration::from_millis(if is_changed { 100 } else { interval });
        let mut history = self.client.history.lock();
        history.streams.has(&self.id, self.epoch, &self.active, &self.standby);
        if is_changed {
            history.count("changes of a streams member's tasks");
        }
    }

    /// Reads for the tasks that it has, and commits.
    async fn read(&mut self) -> Result<(), ClientError> {
        let partitions = self.active.iter().filter(|(id, _)| id == READER);
        let mine: BTreeSet<TopicPartition> =
            partitions.map(|(_, index)| TopicPartition::new(SHARED, *index)).collect();
        // What was given up and is given again has to be asked for again.
        self.next.retain(|at, _| mine.contains(at));
        if mine.is_empty() {
            self.client.pause(600).await;
            return Ok(());
        }
        let names = [Arc::from(SHARED)];
        let metadata = self.admin.cluster().refresh(TopicSelection::Names(&names, false)).await?;
        let Some(topic) = metadata.topics.get(SHARED) else { return Ok(()) };
        let had: BTreeSet<TopicPartition> = self.next.keys().cloned().collect();
        if had != mine || self.consumer.assignment() != mine {
            let new: Vec<i32> = mine.difference(&had).map(|at| at.partition).collect();
            if !new.is_empty() {
                self.next.extend(self.committed(topic.id, new).await?);
            }
            self.consumer.assign(mine);
            for (at, offset) in &self.next {
                self.consumer.seek(at, *offset)?;
            }
        }
        let records = self.consumer.poll(Duration::from_millis(500)).await?;
        if records.is_empty() {
            return Ok(());
        }
        {
            let mut history = self.client.history.lock();
            for record in records {
                let at = TopicPartition::new(record.topic, record.partition);
                let next = self.next.entry(at.clone()).or_default();
                if record.offset != *next {
                    let what = format!("{at}: a task gets {} where {next} comes next", record.offset);
                    history.contradictions.push(what);
                }
                *next = record.offset + 1;
                let (generation, member) = (self.epoch, self.id.to_string());
                history.streams.given(&Given { at, generation, member, offset: record.offset });
                history.count("records given to tasks");
            }
        }
        self.commit(topic.id).await
    }

    /// What is committed of partitions, or their start.
    async fn committed(
        &self,
        topic_id: Uuid,
        partition_indexes: Vec<i32>,
    ) -> Result<BTreeMap<TopicPartition, i64>, ClientError> {
        let name = StrBytes::from_static(SHARED);
        let topic = OffsetFetchRequestTopics { name, topic_id, partition_indexes, ..Default::default() };
        let group = OffsetFetchRequestGroup {
            group_id: StrBytes::from_static(GROUP),
            member_id: Some(self.id.clone()),
            member_epoch: self.epoch,
            topics: Some(vec![topic]),
            ..OffsetFetchRequestGroup::default()
        };
        let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
        let answer = self.ask(&request).await?;
        let mut committed = BTreeMap::new();
        for group in &answer.groups {
            self.check(group.error_code, None)?;
            for partition in group.topics.iter().flat_map(|topic| &topic.partitions) {
                self.check(partition.error_code, None)?;
                let at = TopicPartition::new(SHARED, partition.partition_index);
                committed.insert(at, partition.committed_offset.max(0));
            }
        }
        Ok(committed)
    }

    async fn commit(&self, topic_id: Uuid) -> Result<(), ClientError> {
        let partition = |(at, offset): (&TopicPartition, &i64)| OffsetCommitRequestPartition {
            partition_index: at.partition,
            committed_offset: *offset,
            ..OffsetCommitRequestPartition::default()
        };
        let topic = OffsetCommitRequestTopic {
            name: StrBytes::from_static(SHARED),
            topic_id,
            partitions: self.next.iter().map(partition).collect(),
            ..OffsetCommitRequestTopic::default()
        };
        let request = OffsetCommitRequest {
            group_id: StrBytes::from_static(GROUP),
            generation_id_or_member_epoch: self.epoch,
            member_id: self.id.clone(),
            topics: vec![topic],
            ..OffsetCommitRequest::default()
        };
        let answer = self.ask(&request).await?;
        for partition in answer.topics.iter().flat_map(|topic| &topic.partitions) {
            self.check(partition.error_code, None)?;
        }
        let mut history = self.client.history.lock();
        let by = (self.epoch, &*self.id);
        self.next.iter().for_each(|(at, offset)| history.streams.owners.committed(at, *offset, by));
        Ok(())
    }
}

fn task_ids(tasks: &BTreeSet<Task>) -> Vec<StreamsGroupHeartbeatRequestTaskIds> {
    let one = |(id, index): &Task| StreamsGroupHeartbeatRequestTaskIds {
        subtopology_id: StrBytes::from(id.clone()),
        partitions: vec![*index],
        ..StreamsGroupHeartbeatRequestTaskIds::default()
    };
    tasks.iter().map(one).collect()
}

fn from_ids(ids: &[StreamsGroupHeartbeatResponseTaskIds]) -> BTreeSet<Task> {
    let of = |one: &StreamsGroupHeartbeatResponseTaskIds| {
        let id = one.subtopology_id.to_string();
        one.partitions.iter().map(move |index| (id.clone(), *index)).collect::<Vec<_>>()
    };
    ids.iter().flat_map(of).collect()
}
