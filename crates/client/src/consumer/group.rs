//! Membership in a classic group: joining, assigning as the leader, heartbeats, leaving.
//!
//! Joining runs in a task of its own, since it takes as long as the slowest member; the consumer hears of it by an
//! event. Heartbeats run in another while the membership lasts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use klamm_io::Instant;
use klamm_protocol::{
    ErrorCode, Message, Reader, StrBytes, Writer,
    api::{
        heartbeat::HeartbeatRequest,
        join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse},
        leave_group::{LeaveGroupRequest, MemberIdentity},
        sync_group::{SyncGroupRequest, SyncGroupRequestAssignment},
    },
    consumer_protocol::{
        ConsumerProtocolAssignment, ConsumerProtocolAssignmentTopicPartition, ConsumerProtocolSubscription,
        ConsumerProtocolSubscriptionTopicPartition,
    },
};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    Event,
    assignor::{Assignment, Assignor, Member},
    settings::Settings,
};
use crate::{
    ClientError, TopicPartition,
    cluster::{Cluster, CoordinatorKind, TopicSelection},
};

/// The version of the consumer protocol that members write.
const CONSUMER_PROTOCOL: i16 = 3;

/// Who we are in the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Empty until the coordinator has given one.
    pub(super) member_id: String,
    /// -1 outside a generation.
    pub(super) generation: i32,
}

impl Default for Identity {
    fn default() -> Self {
        Self { member_id: String::new(), generation: -1 }
    }
}

/// What one round of joining needs to know.
#[derive(Clone)]
pub(super) struct JoinOrder {
    pub(super) group_id: String,
    pub(super) identity: Identity,
    pub(super) topics: Vec<Arc<str>>,
    pub(super) owned: BTreeSet<TopicPartition>,
    pub(super) settings: Settings,
}

/// A generation that was joined.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) identity: Identity,
    pub(super) assignor: Assignor,
    pub(super) assigned: BTreeSet<TopicPartition>,
    /// For the leader: partition counts of all topics in the group, to see when they change.
    pub(super) watched: Option<BTreeMap<Arc<str>, usize>>,
}

/// A round of joining that failed, with who we are afterwards.
pub(super) struct JoinFailed {
    pub(super) identity: Identity,
    pub(super) error: ClientError,
}

/// Joins the group and takes the assignment. A member id is told as soon as there is one, so that a consumer that is
/// closed before the round ends can leave.
pub(super) async fn join(
    cluster: Cluster,
    mut order: JoinOrder,
    events: &UnboundedSender<Event>,
) -> Result<Joined, JoinFailed> {
    match join_once(&cluster, &mut order, events).await {
        Ok(joined) => Ok(joined),
        Err(error) => {
            if is_about_coordinator(&error) {
                cluster.forget_coordinator(CoordinatorKind::Group, &order.group_id);
            }
            if matches!(error.code(), Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration)) {
                order.identity.member_id = match error.code() {
                    Some(ErrorCode::UnknownMemberId) => String::new(),
                    _ => order.identity.member_id,
                };
                order.identity.generation = -1;
            }
            Err(JoinFailed { identity: order.identity, error })
        }
    }
}

/// Whether another coordinator has to be found.
pub(super) fn is_about_coordinator(error: &ClientError) -> bool {
    matches!(error, ClientError::Connection(_))
        || matches!(error.code(), Some(ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable))
}

async fn join_once(
    cluster: &Cluster,
    order: &mut JoinOrder,
    events: &UnboundedSender<Event>,
) -> Result<Joined, ClientError> {
    let node = cluster.coordinator(CoordinatorKind::Group, &order.group_id).await?;
    let connection = cluster.connection(node).await?;
    let version = connection.version_of::<JoinGroupRequest>()?;
    let longer = order.settings.poll_interval_max.saturating_add(Duration::from_secs(5));
    let answer: JoinGroupResponse = loop {
        let request = join_request(order, version);
        let answer = connection.call_version(&request, version, longer).await?;
        // KIP-394: the first request of a dynamic member only gets it an id.
        if ErrorCode::from_code(answer.error_code) == ErrorCode::MemberIdRequired {
            order.identity.member_id = answer.member_id.to_string();
            let _ = events.send(Event::Named(order.identity.member_id.clone()));
            continue;
        }
        ClientError::check(answer.error_code, None)?;
        break answer;
    };
    order.identity = Identity { member_id: answer.member_id.to_string(), generation: answer.generation_id };
    let name = answer.protocol_name.as_deref().unwrap_or_default();
    let Some(assignor) = Assignor::from_name(name) else {
        return Err(ClientError::Invalid(format!(
            "the group chose the assignor '{name}', which is not known"
        )));
    };
    let mut watched = None;
    let mut assignments = Vec::new();
    if answer.leader == answer.member_id && !answer.skip_assignment {
        let (assignment, counts) = assign(cluster, assignor, &answer).await?;
        assignments = encode_assignments(assignment)?;
        watched = Some(counts);
    }
    let request = SyncGroupRequest {
        group_id: StrBytes::from(order.group_id.clone()),
        generation_id: answer.generation_id,
        member_id: answer.member_id.clone(),
        group_instance_id: instance_id(&order.settings),
        protocol_type: Some(StrBytes::from_static("consumer")),
        protocol_name: Some(StrBytes::from(name.to_owned())),
        assignments,
        ..Default::default()
    };
    let version = connection.version_of::<SyncGroupRequest>()?;
    let synced = connection.call_version(&request, version, longer).await?;
    ClientError::check(synced.error_code, None)?;
    let assigned = decode_assignment(synced.assignment)?;
    Ok(Joined { identity: order.identity.clone(), assignor, assigned, watched })
}

fn instance_id(settings: &Settings) -> Option<StrBytes> {
    settings.instance_id.as_ref().map(|id| StrBytes::from(id.clone()))
}

fn join_request(order: &JoinOrder, version: i16) -> JoinGroupRequest {
    let metadata = subscription(order);
    let millis = |duration: Duration| i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
    JoinGroupRequest {
        group_id: StrBytes::from(order.group_id.clone()),
        session_timeout_ms: millis(order.settings.session_timeout),
        rebalance_timeout_ms: millis(order.settings.poll_interval_max),
        member_id: StrBytes::from(order.identity.member_id.clone()),
        group_instance_id: instance_id(&order.settings).filter(|_| version >= 5),
        protocol_type: StrBytes::from_static("consumer"),
        protocols: order
            .settings
            .assignors
            .iter()
            .map(|assignor| JoinGroupRequestProtocol {
                name: StrBytes::from_static(assignor.name()),
                metadata: metadata.clone(),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

/// The member's subscription with its version in front, as all members read it.
fn subscription(order: &JoinOrder) -> Bytes {
    let mut topics: Vec<StrBytes> =
        order.topics.iter().map(|topic| StrBytes::from(topic.to_string())).collect();
    topics.sort();
    let subscription = ConsumerProtocolSubscription {
        topics,
        owned_partitions: group_by_topic(&order.owned)
            .into_iter()
            .map(|(topic, partitions)| ConsumerProtocolSubscriptionTopicPartition { topic, partitions })
            .collect(),
        generation_id: order.identity.generation,
        rack_id: Some(StrBytes::from(order.settings.rack.clone())).filter(|rack| !rack.is_empty()),
        ..Default::default()
    };
    let mut writer = Writer::new();
    writer.i16(CONSUMER_PROTOCOL);
    match subscription.encode(&mut writer, CONSUMER_PROTOCOL) {
        Ok(()) => writer.into_bytes(),
        Err(_) => Bytes::new(),
    }
}

fn group_by_topic(partitions: &BTreeSet<TopicPartition>) -> BTreeMap<StrBytes, Vec<i32>> {
    let mut topics: BTreeMap<StrBytes, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(StrBytes::from(partition.topic.to_string())).or_default().push(partition.partition);
    }
    topics
}

/// Versions above ours have what ours has at their beginning.
fn protocol_version(reader: &mut Reader) -> Result<i16, ClientError> {
    let version = reader.i16().map_err(malformed)?;
    if version < 0 {
        return Err(ClientError::Invalid(format!("consumer protocol version {version} cannot be")));
    }
    Ok(version.min(CONSUMER_PROTOCOL))
}

fn malformed(error: klamm_protocol::DecodeError) -> ClientError {
    ClientError::Invalid(format!("malformed consumer protocol: {error}"))
}

/// The partitions of an assignment as members are given it.
pub(crate) fn decode_assignment(bytes: Bytes) -> Result<BTreeSet<TopicPartition>, ClientError> {
    if bytes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut reader = Reader::new(bytes);
    let version = protocol_version(&mut reader)?;
    let assignment = ConsumerProtocolAssignment::decode(&mut reader, version).map_err(malformed)?;
    let mut assigned = BTreeSet::new();
    for topic in assignment.assigned_partitions {
        let name: Arc<str> = Arc::from(&*topic.topic);
        let partitions = topic.partitions.iter();
        assigned.extend(partitions.map(|p| TopicPartition { topic: Arc::clone(&name), partition: *p }));
    }
    Ok(assigned)
}

/// The leader's work: who gets what.
async fn assign(
    cluster: &Cluster,
    assignor: Assignor,
    answer: &JoinGroupResponse,
) -> Result<(Assignment, BTreeMap<Arc<str>, usize>), ClientError> {
    let mut members = Vec::new();
    let mut topics: BTreeSet<Arc<str>> = BTreeSet::new();
    for member in &answer.members {
        let mut reader = Reader::new(member.metadata.clone());
        let version = protocol_version(&mut reader)?;
        let subscription = ConsumerProtocolSubscription::decode(&mut reader, version).map_err(malformed)?;
        topics.extend(subscription.topics.iter().map(|topic| Arc::from(&**topic)));
        let owned = subscription.owned_partitions.iter().flat_map(|topic| {
            topic.partitions.iter().map(|partition| TopicPartition::new(&*topic.topic, *partition))
        });
        members.push(Member {
            id: member.member_id.to_string(),
            instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
            topics: subscription.topics.iter().map(ToString::to_string).collect(),
            owned: owned.collect(),
            generation: subscription.generation_id,
        });
    }
    let topics: Vec<Arc<str>> = topics.into_iter().collect();
    let metadata = cluster.refresh(TopicSelection::Names(&topics, false)).await?;
    let count = |topic: &Arc<str>| metadata.topics.get(topic).map_or(0, |topic| topic.partitions.len());
    let watched: BTreeMap<Arc<str>, usize> =
        topics.iter().map(|topic| (Arc::clone(topic), count(topic))).collect();
    let counts = watched
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(topic, count)| (topic.to_string(), *count as i32))
        .collect();
    Ok((assignor.assign(&counts, members), watched))
}

fn encode_assignments(assignment: Assignment) -> Result<Vec<SyncGroupRequestAssignment>, ClientError> {
    let mut encoded = Vec::with_capacity(assignment.len());
    for (member, partitions) in assignment {
        let partitions: BTreeSet<TopicPartition> = partitions.into_iter().collect();
        let message = ConsumerProtocolAssignment {
            assigned_partitions: group_by_topic(&partitions)
                .into_iter()
                .map(|(topic, partitions)| ConsumerProtocolAssignmentTopicPartition { topic, partitions })
                .collect(),
            ..Default::default()
        };
        let mut writer = Writer::new();
        writer.i16(CONSUMER_PROTOCOL);
        message
            .encode(&mut writer, CONSUMER_PROTOCOL)
            .map_err(|error| ClientError::Invalid(format!("cannot encode an assignment: {error}")))?;
        encoded.push(SyncGroupRequestAssignment {
            member_id: StrBytes::from(member),
            assignment: writer.into_bytes(),
            ..Default::default()
        });
    }
    Ok(encoded)
}

/// What heartbeats and the consumer share.
#[derive(Debug)]
pub(super) struct Pulse {
    last_poll: Mutex<Instant>,
    stopped: AtomicBool,
}

impl Pulse {
    pub(super) fn new(now: Instant) -> Self {
        Self { last_poll: Mutex::new(now), stopped: AtomicBool::new(false) }
    }

    /// Notes that the consumer was polled.
    pub(super) fn polled(&self, now: Instant) {
        *self.last_poll.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn since_poll(&self, now: Instant) -> Duration {
        now - *self.last_poll.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a heartbeat has found out.
#[derive(Debug)]
pub(super) enum HeartbeatNews {
    /// The group rebalances: join again, partitions are still ours.
    Rebalance,
    /// The membership is over: partitions are lost.
    Lost(ErrorCode),
    /// Another process has taken the static member's place.
    Fenced,
    /// The consumer was not polled for `max.poll.interval.ms` and has left.
    Left,
}

/// Sends heartbeats until there is news, or it is stopped.
pub(super) async fn heartbeat(
    cluster: Cluster,
    group_id: String,
    identity: Identity,
    settings: Settings,
    pulse: Arc<Pulse>,
    events: UnboundedSender<Event>,
) {
    let clock = cluster.clock();
    let request = HeartbeatRequest {
        group_id: StrBytes::from(group_id.clone()),
        generation_id: identity.generation,
        member_id: StrBytes::from(identity.member_id.clone()),
        group_instance_id: instance_id(&settings),
        ..Default::default()
    };
    let mut told = false;
    loop {
        clock.sleep(settings.heartbeat_interval).await;
        if pulse.stopped.load(Ordering::Relaxed) || events.is_closed() {
            return;
        }
        if pulse.since_poll(clock.now()) > settings.poll_interval_max {
            leave(&cluster, &group_id, &identity, &settings, "consumer poll timeout has expired.").await;
            let _ = events.send(Event::Heartbeat(identity, HeartbeatNews::Left));
            return;
        }
        let result = beat(&cluster, &group_id, &request).await;
        if pulse.stopped.load(Ordering::Relaxed) {
            return;
        }
        let error = match result {
            Ok(()) => continue,
            Err(error) => error,
        };
        if is_about_coordinator(&error) {
            cluster.forget_coordinator(CoordinatorKind::Group, &group_id);
            continue;
        }
        let news = match error.code() {
            Some(ErrorCode::RebalanceInProgress) if told => continue,
            Some(ErrorCode::RebalanceInProgress) => HeartbeatNews::Rebalance,
            Some(code @ (ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration)) => {
                HeartbeatNews::Lost(code)
            }
            Some(ErrorCode::FencedInstanceId) => HeartbeatNews::Fenced,
            _ => {
                tracing::warn!(group = group_id, %error, "a heartbeat failed");
                continue;
            }
        };
        let is_over = !matches!(news, HeartbeatNews::Rebalance);
        told = true;
        if events.send(Event::Heartbeat(identity.clone(), news)).is_err() || is_over {
            return;
        }
    }
}

async fn beat(cluster: &Cluster, group_id: &str, request: &HeartbeatRequest) -> Result<(), ClientError> {
    let node = cluster.coordinator(CoordinatorKind::Group, group_id).await?;
    let answer = cluster.call_node(node, request).await?;
    ClientError::check(answer.error_code, None)
}

/// Leaves the group, so that the others need not wait for the session to end. A static member keeps its place.
pub(super) async fn leave(
    cluster: &Cluster,
    group_id: &str,
    identity: &Identity,
    settings: &Settings,
    reason: &'static str,
) {
    if identity.member_id.is_empty() || settings.instance_id.is_some() {
        return;
    }
    let result = async {
        let node = cluster.coordinator(CoordinatorKind::Group, group_id).await?;
        let connection = cluster.connection(node).await?;
        let version = connection.version_of::<LeaveGroupRequest>()?;
        let member_id = StrBytes::from(identity.member_id.clone());
        let mut request =
            LeaveGroupRequest { group_id: StrBytes::from(group_id.to_owned()), ..Default::default() };
        if version >= 3 {
            request.members = vec![MemberIdentity {
                member_id,
                reason: Some(StrBytes::from_static(reason)),
                ..Default::default()
            }];
        } else {
            request.member_id = member_id;
        }
        let answer = connection.call_version(&request, version, Duration::ZERO).await?;
        ClientError::check(answer.error_code, None)
    };
    if let Err(error) = result.await {
        tracing::debug!(group = group_id, %error, "could not leave the group");
    }
}
