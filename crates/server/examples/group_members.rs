//! A group of many members: how long it takes from its start until all have their partitions, and again each time that
//! one of them has left; by the consumer protocol (KIP-848) and by the classic one.
//!
//! Speaks the protocol alone, and so measures Kafka as well. On a node with a topic `members` of as many partitions as
//! there are members: `cargo run --release -p klamm-server --example group_members -- PORT consumer|classic [MEMBERS]`.
//! Every member has a connection of its own, and sends heartbeats as Kafka's consumers do: as often as it is told, or
//! every three seconds in a classic group, and at once when it has taken note of a new assignment.

#![expect(clippy::print_stdout, reason = "a program for one's own eyes")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use klamm_io::{Clock, Instant, spawn};
use klamm_net::client::{Connection, ConnectionError, Settings};
use klamm_protocol::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatRequestTopicPartitions,
};
use klamm_protocol::api::find_coordinator::FindCoordinatorRequest;
use klamm_protocol::api::heartbeat::HeartbeatRequest;
use klamm_protocol::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use klamm_protocol::api::leave_group::{LeaveGroupRequest, MemberIdentity};
use klamm_protocol::api::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use klamm_protocol::consumer_protocol::ConsumerProtocolSubscription;
use klamm_protocol::{ErrorCode, Message, StrBytes, Uuid, Writer};

const TOPIC: &str = "members";
/// What the coordinator tells its members by default, for the rest between two measurements only.
const CONSUMER_HEARTBEAT: Duration = Duration::from_secs(5);

const CLASSIC_HEARTBEAT: Duration = Duration::from_secs(3);

/// How many leave, one after the other.
const LEAVING: usize = 5;

/// All heartbeats come in the same moment, as all members began then: each time one leaves in another part of the
/// interval between them, or the times would tell that part alone.
const REST: Duration = Duration::from_secs(10);

/// What the members know.
struct Group {
    clock: Clock,
    port: u16,
    id: StrBytes,
    partitions: usize,
    size: Cell<usize>,
    /// By member: its epoch or generation, and how many partitions it has in it.
    members: RefCell<BTreeMap<usize, (i32, usize)>>,
    /// The member that is to leave.
    leaving: Cell<Option<usize>>,
    requests: Cell<u64>,
}

impl Group {
    /// Everybody is there, in the same epoch, and everything is assigned.
    fn is_stable(&self) -> bool {
        let members = self.members.borrow();
        let mut epochs = members.values().map(|(epoch, _)| *epoch);
        let first = epochs.next();
        members.len() == self.size.get()
            && epochs.all(|epoch| Some(epoch) == first)
            && members.values().map(|(_, count)| count).sum::<usize>() == self.partitions
    }

    fn note(&self, member: usize, epoch: i32, count: usize) {
        self.members.borrow_mut().insert(member, (epoch, count));
    }

    async fn connect(&self) -> Result<Connection, ConnectionError> {
        let settings = Settings {
            client_id: "member".into(),
            software_name: "klamm".into(),
            software_version: "0".into(),
            setup_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            response_bytes_max: 64 << 20,
        };
        Connection::open("127.0.0.1", self.port, Arc::new(settings), self.clock).await
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let port: Option<u16> = arguments.next().and_then(|text| text.parse().ok());
    let (Some(port), Some(protocol)) = (port, arguments.next()) else {
        println!("PORT consumer|classic [MEMBERS]");
        return;
    };
    let members = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    match spawn::block_on(run(port, protocol == "classic", members)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => println!("{error}"),
        Err(error) => println!("{error}"),
    }
}

async fn run(port: u16, is_classic: bool, size: usize) -> Result<(), ConnectionError> {
    let clock = Clock::real();
    let group = Rc::new(Group {
        clock,
        port,
        id: StrBytes::from(format!(
            "group-{}-{}",
            if is_classic { "classic" } else { "consumer" },
            clock.wall_ms()
        )),
        partitions: size,
        size: Cell::new(size),
        members: RefCell::default(),
        leaving: Cell::new(None),
        requests: Cell::new(0),
    });
    let mut connections = Vec::new();
    for _ in 0..size {
        connections.push(group.connect().await?);
    }
    wait_for_coordinator(&connections[0], &group).await?;
    let started = clock.now();
    for (member, connection) in connections.into_iter().enumerate() {
        spawn::local(live(connection, member, is_classic, Rc::clone(&group)));
    }
    until_stable(&group, started, "from start to stable").await;
    for turn in 0..LEAVING {
        let heartbeats = if is_classic { CLASSIC_HEARTBEAT } else { CONSUMER_HEARTBEAT };
        let part = heartbeats.mul_f64((turn as f64 + 0.5) / LEAVING as f64);
        clock.sleep(REST + part).await;
        println!("  at rest, {:.1} s: {} requests", (REST + part).as_secs_f64(), group.requests.replace(0));
        group.size.set(group.size.get() - 1);
        group.leaving.set(Some(first_to_leave(size) + turn));
        while group.leaving.get().is_some() {
            clock.sleep(Duration::from_millis(1)).await;
        }
        until_stable(&group, clock.now(), "after one has left").await;
    }
    Ok(())
}

async fn until_stable(group: &Group, began: Instant, what: &str) {
    while !group.is_stable() {
        group.clock.sleep(Duration::from_millis(5)).await;
    }
    let ms = group.clock.now().saturating_since(began).as_secs_f64() * 1e3;
    println!("{} members, {what}: {ms:.0} ms, {} requests", group.size.get(), group.requests.replace(0));
}

/// The first of the members that leave; the next ones follow it.
const fn first_to_leave(size: usize) -> usize {
    size / 2
}

async fn wait_for_coordinator(connection: &Connection, group: &Group) -> Result<(), ConnectionError> {
    loop {
        let request = FindCoordinatorRequest {
            coordinator_keys: vec![group.id.clone()],
            ..FindCoordinatorRequest::default()
        };
        let response = connection.call(&request).await?;
        if response.coordinators.first().is_some_and(|found| found.error_code == 0) {
            group.clock.sleep(Duration::from_secs(2)).await;
            return Ok(());
        }
        group.clock.sleep(Duration::from_millis(500)).await;
    }
}

async fn live(connection: Connection, member: usize, is_classic: bool, group: Rc<Group>) {
    let lived = if is_classic {
        live_classic(&connection, member, &group).await
    } else {
        live_consumer(&connection, member, &group).await
    };
    if let Err(error) = lived {
        println!("member {member}: {error}");
    }
}

/// Whether it is this member's turn to leave.
fn leaves(group: &Group, member: usize) -> bool {
    let is_leaving = group.leaving.get() == Some(member);
    if is_leaving {
        group.members.borrow_mut().remove(&member);
    }
    is_leaving
}

async fn live_consumer(connection: &Connection, member: usize, group: &Group) -> Result<(), ConnectionError> {
    let id = StrBytes::from(Uuid::from_u128(member as u128 + 1).to_string());
    let mut owned: Vec<ConsumerGroupHeartbeatRequestTopicPartitions> = Vec::new();
    let mut epoch = 0;
    let mut has_news = true;
    loop {
        let is_leaving = leaves(group, member);
        let request = ConsumerGroupHeartbeatRequest {
            group_id: group.id.clone(),
            member_id: id.clone(),
            member_epoch: if is_leaving { -1 } else { epoch },
            rebalance_timeout_ms: if epoch == 0 { 300_000 } else { -1 },
            subscribed_topic_names: (epoch == 0).then(|| vec![StrBytes::from(TOPIC)]),
            topic_partitions: has_news.then(|| owned.clone()),
            ..Default::default()
        };
        group.requests.set(group.requests.get() + 1);
        let response = connection.call(&request).await?;
        if is_leaving {
            group.leaving.set(None);
            return Ok(());
        }
        if response.error_code != 0 {
            println!("member {member}: {}", ErrorCode::from_code(response.error_code).name());
            (epoch, owned, has_news) = (0, Vec::new(), true);
            group.clock.sleep(Duration::from_millis(500)).await;
            continue;
        }
        epoch = response.member_epoch;
        has_news = response.assignment.is_some();
        if let Some(assignment) = response.assignment {
            let topics = assignment.topic_partitions.into_iter();
            owned = topics
                .map(|topic| ConsumerGroupHeartbeatRequestTopicPartitions {
                    topic_id: topic.topic_id,
                    partitions: topic.partitions,
                    ..Default::default()
                })
                .collect();
        }
        group.note(member, epoch, owned.iter().map(|topic| topic.partitions.len()).sum());
        if !has_news {
            let interval_ms = u64::try_from(response.heartbeat_interval_ms).unwrap_or(5_000);
            pause(group, member, Duration::from_millis(interval_ms)).await;
        }
    }
}

/// The member that leaves does so at once.
async fn pause(group: &Group, member: usize, interval: Duration) {
    let until = group.clock.now() + interval;
    let first = first_to_leave(group.partitions);
    if (first..first + LEAVING).contains(&member) {
        while group.leaving.get() != Some(member) && group.clock.now() < until {
            group.clock.sleep(Duration::from_millis(1)).await;
        }
    } else {
        group.clock.sleep_until(until).await;
    }
}

async fn live_classic(connection: &Connection, member: usize, group: &Group) -> Result<(), ConnectionError> {
    let mut id = StrBytes::default();
    loop {
        let Some(joined) = join(connection, group, &mut id).await? else { continue };
        group.requests.set(group.requests.get() + 1);
        let request = SyncGroupRequest {
            group_id: group.id.clone(),
            generation_id: joined.generation_id,
            member_id: id.clone(),
            protocol_type: joined.protocol_type.clone(),
            protocol_name: joined.protocol_name.clone(),
            assignments: if joined.leader == id { share_out(&joined, group.partitions) } else { Vec::new() },
            ..Default::default()
        };
        let version = connection.version_of::<SyncGroupRequest>()?;
        let synced = connection.call_version(&request, version, Duration::from_secs(300)).await?;
        if synced.error_code != 0 {
            continue;
        }
        group.note(member, joined.generation_id, synced.assignment.len());
        loop {
            pause(group, member, CLASSIC_HEARTBEAT).await;
            if leaves(group, member) {
                let identity = MemberIdentity { member_id: id.clone(), ..Default::default() };
                let request = LeaveGroupRequest {
                    group_id: group.id.clone(),
                    members: vec![identity],
                    ..Default::default()
                };
                connection.call(&request).await?;
                group.leaving.set(None);
                return Ok(());
            }
            group.requests.set(group.requests.get() + 1);
            let request = HeartbeatRequest {
                group_id: group.id.clone(),
                generation_id: joined.generation_id,
                member_id: id.clone(),
                ..Default::default()
            };
            if connection.call(&request).await?.error_code != 0 {
                break;
            }
        }
    }
}

async fn join(
    connection: &Connection,
    group: &Group,
    id: &mut StrBytes,
) -> Result<Option<JoinGroupResponse>, ConnectionError> {
    let subscription =
        ConsumerProtocolSubscription { topics: vec![StrBytes::from(TOPIC)], ..Default::default() };
    let mut metadata = Writer::new();
    metadata.i16(1);
    if subscription.encode(&mut metadata, 1).is_err() {
        return Ok(None);
    }
    let protocol = JoinGroupRequestProtocol {
        name: "range".into(),
        metadata: metadata.into_bytes(),
        ..Default::default()
    };
    let request = JoinGroupRequest {
        group_id: group.id.clone(),
        session_timeout_ms: 45_000,
        rebalance_timeout_ms: 300_000,
        member_id: id.clone(),
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        ..Default::default()
    };
    group.requests.set(group.requests.get() + 1);
    let version = connection.version_of::<JoinGroupRequest>()?;
    let joined = connection.call_version(&request, version, Duration::from_secs(300)).await?;
    match ErrorCode::from_code(joined.error_code) {
        ErrorCode::None => return Ok(Some(joined)),
        ErrorCode::MemberIdRequired => *id = joined.member_id,
        ErrorCode::UnknownMemberId => *id = StrBytes::default(),
        _ => {}
    }
    Ok(None)
}

/// One byte for each partition: the coordinator does not look at it. The first one gets what is left.
fn share_out(joined: &JoinGroupResponse, partitions: usize) -> Vec<SyncGroupRequestAssignment> {
    let left = partitions.saturating_sub(joined.members.len());
    let members = joined.members.iter().enumerate();
    members
        .map(|(at, member)| SyncGroupRequestAssignment {
            member_id: member.member_id.clone(),
            assignment: vec![0; if at == 0 { 1 + left } else { 1 }].into(),
            ..Default::default()
        })
        .collect()
}
