//! Fills a coordinator's partition, to see how long it takes to load when the node is started again (it says so in its
//! log, as Kafka does).
//!
//! Speaks the protocol alone, and so measures Kafka as well. `cargo run --release -p klamm-server --example
//! coordinator_state -- PORT offsets|transactions [COUNT]` on a node with `offsets.topic.num.partitions=1` and
//! `transaction.state.log.num.partitions=1`. Offsets are those of 1,000 partitions of a topic `committed`, which has to
//! be there, in as many groups as it takes, ten to a commit; transactional ids are made one by one.

#![expect(clippy::print_stdout, reason = "a program for one's own eyes")]

use std::sync::Arc;
use std::time::Duration;

use klamm_io::{Clock, spawn};
use klamm_net::client::{Connection, ConnectionError, Settings};
use klamm_protocol::api::find_coordinator::FindCoordinatorRequest;
use klamm_protocol::api::init_producer_id::InitProducerIdRequest;
use klamm_protocol::api::metadata::{MetadataRequest, MetadataRequestTopic};
use klamm_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use klamm_protocol::{StrBytes, Uuid};

const TOPIC: &str = "committed";
const PARTITIONS: i32 = 1_000;
const PARTITIONS_PER_COMMIT: i32 = 10;
/// Requests in flight on a connection.
const WINDOW: usize = 100;
const CONNECTIONS: usize = 8;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let port: Option<u16> = arguments.next().and_then(|text| text.parse().ok());
    let (Some(port), Some(what)) = (port, arguments.next()) else {
        println!("PORT offsets|transactions [COUNT]");
        return;
    };
    let count = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    match spawn::block_on(run(port, what == "offsets", count)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => println!("{error}"),
        Err(error) => println!("{error}"),
    }
}

async fn connect(port: u16) -> Result<Connection, ConnectionError> {
    let settings = Settings {
        client_id: "filler".into(),
        software_name: "klamm".into(),
        software_version: "0".into(),
        setup_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(60),
        response_bytes_max: 64 << 20,
    };
    Connection::open("127.0.0.1", port, Arc::new(settings), Clock::real()).await
}

async fn run(port: u16, is_offsets: bool, count: i32) -> Result<(), ConnectionError> {
    let clock = Clock::real();
    let connection = connect(port).await?;
    let request = FindCoordinatorRequest {
        key_type: i8::from(!is_offsets),
        coordinator_keys: vec![StrBytes::from("any")],
        ..Default::default()
    };
    while connection.call(&request).await?.coordinators.first().is_none_or(|found| found.error_code != 0) {
        clock.sleep(Duration::from_millis(500)).await;
    }
    clock.sleep(Duration::from_secs(2)).await;
    let topic = if is_offsets { topic_id(&connection).await? } else { Uuid::ZERO };
    let started = clock.now();
    let mut tasks = Vec::new();
    for part in 0..CONNECTIONS as i32 {
        let connection = connect(port).await?;
        let mine = move |number: &i32| number % CONNECTIONS as i32 == part;
        tasks.push(spawn::local(async move {
            if is_offsets {
                commit(&connection, topic, (0..count / PARTITIONS_PER_COMMIT).filter(mine)).await
            } else {
                initialize(&connection, (0..count).filter(mine)).await
            }
        }));
    }
    let mut refused = 0;
    for task in tasks {
        refused += task.await.unwrap_or(Ok(0))?;
    }
    let seconds = clock.now().saturating_since(started).as_secs_f64();
    println!("{count} in {seconds:.1} s, {refused} refused");
    Ok(())
}

async fn topic_id(connection: &Connection) -> Result<Uuid, ConnectionError> {
    let topic = MetadataRequestTopic { name: Some(TOPIC.into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    let response = connection.call(&request).await?;
    Ok(response.topics.first().map_or(Uuid::ZERO, |topic| topic.topic_id))
}

async fn commit(
    connection: &Connection,
    topic_id: Uuid,
    numbers: impl Iterator<Item = i32>,
) -> Result<usize, ConnectionError> {
    let version = connection.version_of::<OffsetCommitRequest>()?;
    let mut refused = 0;
    let mut in_flight = std::collections::VecDeque::new();
    for number in numbers {
        let first = number * PARTITIONS_PER_COMMIT;
        let partition = |index: i32| OffsetCommitRequestPartition {
            partition_index: (first + index) % PARTITIONS,
            committed_offset: i64::from(number),
            ..Default::default()
        };
        let request = OffsetCommitRequest {
            group_id: StrBytes::from(format!("group-{}", first / PARTITIONS)),
            generation_id_or_member_epoch: -1,
            topics: vec![OffsetCommitRequestTopic {
                name: TOPIC.into(),
                topic_id,
                partitions: (0..PARTITIONS_PER_COMMIT).map(partition).collect(),
                ..Default::default()
            }],
            ..Default::default()
        };
        in_flight.push_back(connection.start_version(&request, version)?);
        if in_flight.len() >= WINDOW
            && let Some(oldest) = in_flight.pop_front()
        {
            let response = oldest.wait(Duration::ZERO).await?;
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            refused += partitions.filter(|partition| partition.error_code != 0).count();
        }
    }
    for rest in in_flight {
        rest.wait(Duration::ZERO).await?;
    }
    Ok(refused)
}

async fn initialize(
    connection: &Connection,
    numbers: impl Iterator<Item = i32>,
) -> Result<usize, ConnectionError> {
    let version = connection.version_of::<InitProducerIdRequest>()?;
    let mut refused = 0;
    let mut in_flight = std::collections::VecDeque::new();
    for number in numbers {
        let request = InitProducerIdRequest {
            transactional_id: Some(StrBytes::from(format!("transactional-{number}"))),
            transaction_timeout_ms: 60_000,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        in_flight.push_back(connection.start_version(&request, version)?);
        if in_flight.len() >= WINDOW
            && let Some(oldest) = in_flight.pop_front()
        {
            refused += usize::from(oldest.wait(Duration::ZERO).await?.error_code != 0);
        }
    }
    for rest in in_flight {
        rest.wait(Duration::ZERO).await?;
    }
    Ok(refused)
}
