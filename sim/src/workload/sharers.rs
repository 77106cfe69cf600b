//! Members of a share group (KIP-932), which speak the protocol themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use klamm_client::{
    ClientError, TopicPartition,
    admin::{Admin, ConfigAlteration, ConfigOperation, ConfigResource, ResourceType},
    cluster::{CoordinatorKind, TopicSelection},
};
use klamm_io::Instant;
use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::{
        share_acknowledge::{
            AcknowledgePartition, AcknowledgeTopic, AcknowledgementBatch, ShareAcknowledgeRequest,
        },
        share_fetch::{FetchPartition, FetchTopic, ShareFetchRequest},
        share_group_heartbeat::ShareGroupHeartbeatRequest,
    },
};

use super::{
    Client, DEAD_LETTERS, SHARED,
    readers::{all_written, wait_for_topics},
    to_be_shared,
};
use crate::{
    history::{Delivery, Kept, Phase, Place},
    plan::Special,
};

const GROUP: &str = "sharers";
const HEARTBEAT: Duration = Duration::from_secs(3);
const ACCEPT: i8 = 1;
const RELEASE: i8 = 2;
const REJECT: i8 = 3;
const RENEW: i8 = 4;
/// For how long after everything else is done what was given up may be on its way to the dead-letter queue.
const LETTERS_LATE: Duration = Duration::from_secs(150);

/// Takes part until every record has been delivered and is done with.
pub(super) async fn share(client: Client, index: usize) {
    wait_for_topics(&client).await;
    let Ok(admin) = client.admin() else { return };
    client.history.lock().shares.has_letters = client.plan.has_dead_letters;
    while !configure(&admin, &client).await {
        client.pause(1000).await;
    }
    let mut incarnation = 0;
    while !is_done(&client) {
        let id = Uuid::from_bytes(client.entropy.next_16()).to_string();
        let mut member = Member {
            client: client.clone(),
            admin: &admin,
            id: StrBytes::from(id),
            epoch: 0,
            beat_at: None,
            sessions: BTreeMap::new(),
        };
        let name = format!("{index}/{incarnation}");
        if let Err(error) = member.work(&name).await {
            tracing::info!(%error, name, "a member of the share group ends");
            client.pause(1000).await;
        }
        client.history.lock().shares.lost(&name);
        incarnation += 1;
    }
    client.history.done(format!("sharer {index}"));
}

/// The group starts with the first record, and has a dead-letter queue if the plan says so.
async fn configure(admin: &Admin, client: &Client) -> bool {
    let group = ConfigResource { kind: ResourceType::Group, name: GROUP.to_owned() };
    let mut wanted = vec![("share.auto.offset.reset", "earliest")];
    if client.plan.has_dead_letters && client.plan.special != Special::UnsentLetters {
        wanted.push(("errors.deadletterqueue.topic.name", DEAD_LETTERS));
        wanted.push(("errors.deadletterqueue.copy.record.enable", "true"));
    }
    let alterations = wanted.into_iter().map(|(name, value)| ConfigAlteration {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        operation: ConfigOperation::Set,
    });
    admin
        .alter_configs(&[(group, alterations.collect())], false)
        .await
        .is_ok_and(|answers| answers.values().all(Result::is_ok))
}

/// Whether everything that anybody has read of the topic has come to some member.
fn is_done(client: &Client) -> bool {
    if !all_written(client) {
        return false;
    }
    let now = client.clock.now().since_start();
    let mut history = client.history.lock();
    let owed: BTreeSet<Place> = history.shares.owed().cloned().collect();
    if !to_be_shared(&history).all(|place| owed.contains(&place) || history.shares.is_settled(&place)) {
        return false;
    }
    // What does not come in the end is for an invariant to tell.
    let since = match history.phase {
        Phase::Healing => *history.shares.waits_since.get_or_insert(now),
        Phase::Faults => now,
    };
    owed.is_empty() || now >= since + LETTERS_LATE
}

struct Member<'a> {
    client: Client,
    admin: &'a Admin,
    id: StrBytes,
    epoch: i32,
    beat_at: Option<Instant>,
    /// Epoch of the next request of the session with each broker.
    sessions: BTreeMap<i32, i32>,
}

impl Member<'_> {
    async fn work(&mut self, name: &str) -> Result<(), ClientError> {
        for _ in 0..30 + self.client.entropy.below(100) {
            self.beat().await?;
            let names = [Arc::from(SHARED)];
            let metadata = self.admin.cluster().refresh(TopicSelection::Names(&names, false)).await?;
            let Some(topic) = metadata.topics.get(SHARED) else { continue };
            let mut leaders: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
            for (index, partition) in (0..).zip(&topic.partitions) {
                if let Some(leader) = partition.leader {
                    leaders.entry(leader).or_default().push(index);
                }
            }
            for (node, partitions) in leaders {
                self.fetch(name, node, topic.id, &partitions).await?;
            }
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

    /// Says that it is there, if that is due.
    async fn beat(&mut self) -> Result<(), ClientError> {
        let now = self.client.clock.now();
        if self.beat_at.is_some_and(|before| now.saturating_since(before) < HEARTBEAT) {
            return Ok(());
        }
        let request = ShareGroupHeartbeatRequest {
            group_id: StrBytes::from_static(GROUP),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            subscribed_topic_names: Some(vec![StrBytes::from_static(SHARED)]),
            ..Default::default()
        };
        let cluster = self.admin.cluster();
        let coordinator = cluster.coordinator(CoordinatorKind::Group, GROUP).await?;
        let answer = cluster.call_node(coordinator, &request).await;
        if answer.as_ref().map_or(true, |answer| answer.error_code != 0) {
            cluster.forget_coordinator(CoordinatorKind::Group, GROUP);
        }
        let answer = answer?;
        ClientError::check(answer.error_code, answer.error_message.as_deref())?;
        self.epoch = answer.member_epoch;
        self.beat_at = Some(now);
        Ok(())
    }

    /// Takes what a broker gives, and says of each record that it is done or is to be given to another; or nothing.
    async fn fetch(
        &mut self,
        name: &str,
        node: i32,
        topic_id: Uuid,
        partitions: &[i32],
    ) -> Result<(), ClientError> {
        let session = self.sessions.get(&node).copied().unwrap_or(0);
        let fetched = |index: &i32| FetchPartition { partition_index: *index, ..Default::default() };
        let topics = vec![FetchTopic {
            topic_id,
            partitions: partitions.iter().map(fetched).collect(),
            ..Default::default()
        }];
        let request = ShareFetchRequest {
            group_id: Some(StrBytes::from_static(GROUP)),
            member_id: Some(self.id.clone()),
            share_session_epoch: session,
            max_wait_ms: 300,
            min_bytes: 1,
            max_bytes: 1 << 20,
            max_records: 100,
            batch_size: 100,
            topics,
            ..Default::default()
        };
        let asked_at = self.client.clock.now().since_start();
        let led_before = self.client.history.lock().shares.leaders.clone();
        let answer = self.admin.cluster().call_node(node, &request).await?;
        ClientError::check(answer.error_code, answer.error_message.as_deref())?;
        self.sessions.insert(node, session + 1);
        let answered_at = self.client.clock.now().since_start();
        let mut given: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        let mut led: BTreeMap<i32, Option<(i32, i32)>> = BTreeMap::new();
        for partition in answer.responses.iter().flat_map(|topic| &topic.partitions) {
            let at = TopicPartition::new(SHARED, partition.partition_index);
            let now = self.client.history.lock().shares.leaders.get(&at.partition).copied();
            let leader = now.filter(|now| now.0 == node && led_before.get(&at.partition) == Some(now));
            led.insert(at.partition, leader);
            for run in &partition.acquired_records {
                tracing::debug!(name, node, %at, run.first_offset, run.last_offset, run.delivery_count, "shared");
                for offset in run.first_offset..=run.last_offset {
                    given.entry(partition.partition_index).or_default().push(offset);
                    let mut history = self.client.history.lock();
                    history.count("records shared");
                    history.shares.delivered(&Delivery {
                        place: (at.clone(), offset),
                        member: name.to_owned(),
                        node,
                        leader,
                        count: run.delivery_count,
                        times: (asked_at, answered_at),
                    });
                }
            }
        }
        if self.client.entropy.below(20) == 0 {
            // It forgets them, and the locks run out.
            return Ok(());
        }
        for (index, offsets) in given {
            let leader = led.get(&index).copied().flatten();
            if self.client.entropy.below(8) == 0 {
                // For as long as nearly two locks.
                self.client.pause(4000).await;
                self.acknowledge(name, node, (topic_id, index, leader), &offsets, RENEW).await?;
                self.client.pause(4000).await;
            }
            let kind = match self.client.entropy.below(12) {
                0 | 1 => RELEASE,
                2 => REJECT,
                _ => ACCEPT,
            };
            self.acknowledge(name, node, (topic_id, index, leader), &offsets, kind).await?;
        }
        Ok(())
    }

    async fn acknowledge(
        &mut self,
        name: &str,
        node: i32,
        (topic_id, index, leader): (Uuid, i32, Option<(i32, i32)>),
        offsets: &[i64],
        kind: i8,
    ) -> Result<(), ClientError> {
        let each = |offset: &i64| AcknowledgementBatch {
            first_offset: *offset,
            last_offset: *offset,
            acknowledge_types: vec![kind],
            ..Default::default()
        };
        let partitions = vec![AcknowledgePartition {
            partition_index: index,
            acknowledgement_batches: offsets.iter().map(each).collect(),
            ..Default::default()
        }];
        let session = self.sessions.get(&node).copied().unwrap_or(0);
        let request = ShareAcknowledgeRequest {
            group_id: Some(StrBytes::from_static(GROUP)),
            member_id: Some(self.id.clone()),
            share_session_epoch: session,
            is_renew_ack: kind == RENEW,
            topics: vec![AcknowledgeTopic { topic_id, partitions, ..Default::default() }],
            ..Default::default()
        };
        let at = TopicPartition::new(SHARED, index);
        let places: Vec<Place> = offsets.iter().map(|offset| (at.clone(), *offset)).collect();
        let asked_at = self.client.clock.now().since_start();
        let held: BTreeMap<Place, Duration> = {
            let history = self.client.history.lock();
            let until = |place: &Place| Some((place.clone(), history.shares.held_until(place, name)?));
            places.iter().filter_map(until).collect()
        };
        if kind != RENEW {
            let mut history = self.client.history.lock();
            places.iter().for_each(|place| history.shares.gives_up(place, name));
        }
        let answer = self.admin.cluster().call_node(node, &request).await;
        let mut history = self.client.history.lock();
        let code = match &answer {
            Ok(answer) if answer.error_code != 0 => Some(ErrorCode::from_code(answer.error_code)),
            Ok(answer) => {
                let mut partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
                partitions.next().map(|partition| ErrorCode::from_code(partition.error_code))
            }
            Err(_) => None,
        };
        let now = self.client.clock.now().since_start();
        tracing::debug!(name, node, index, ?offsets, kind, ?code, "acknowledged");
        if kind == RENEW && code == Some(ErrorCode::None) {
            history.count("renewals");
            places.iter().for_each(|place| history.shares.renewed(place, name, (asked_at, now)));
        }
        // What lies before the start offset may be said to be anything: if there was another leader in between, or the lock
        // has run out, another member may have had it and been done with it. Then nobody knows what was kept.
        let is_still_led = leader.is_some() && history.shares.leaders.get(&index).copied() == leader;
        let kept = if kind == ACCEPT { Kept::Accepted } else { Kept::Rejected };
        let is_held = |place: &Place| held.get(place).is_some_and(|until| now < *until);
        let kept = |place: &Place| (is_still_led && is_held(place)).then_some(kept);
        for place in places.iter().filter(|_| matches!(kind, ACCEPT | REJECT)) {
            match code {
                Some(ErrorCode::None) => history.shares.done(place, node, now, kept(place)),
                // It was not ours any more.
                Some(
                    ErrorCode::InvalidRecordState
                    | ErrorCode::ShareSessionNotFound
                    | ErrorCode::InvalidShareSessionEpoch,
                ) => {}
                // It may have been kept, and that not be known.
                _ => history.shares.may_be_done(place),
            }
        }
        drop(history);
        let answer = answer?;
        ClientError::check(answer.error_code, answer.error_message.as_deref())?;
        self.sessions.insert(node, session + 1);
        Ok(())
    }
}
