//! A controller under load from brokers that are only pretended: whether heartbeats stall while many partitions are
//! created, and while a broker is fenced and comes back.
//!
//! Speaks the protocol alone, and so measures Kafka's controller as well. On a fresh node with
//! `process.roles=controller`: `cargo run --release -p klamm-server --example pretended_brokers -- PORT CLUSTER-ID
//! [PARTITIONS]`. Three brokers, replication factor 3, topics of ten partitions, a thousand partitions to a request.
//!
//! Milliseconds with 100,000 partitions, one after the other on two cores that had other work too (load 6 to 7), Kafka
//! 4.3.1 with a heap of 1 GB:
//!
//! |                                                      | Klamm | Kafka                          |
//! |------------------------------------------------------|-------|--------------------------------|
//! | all created                                          | 2,857 | 7,160                          |
//! | a request that creates 1,000: median                 | 28    | 52                             |
//! | a heartbeat meanwhile: median                        | 6     | 36                             |
//! | a heartbeat meanwhile: the longest                   | 51    | 438                            |
//! | a heartbeat while a broker is fenced: the longest    | 1,154 | not answered in time, all three |
//! | most resident memory, MB                             | 250   | 581                            |

#![expect(clippy::print_stdout, reason = "a program for one's own eyes")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use klamm_io::{Clock, Instant, spawn};
use klamm_metadata::features::supported_features;
use klamm_net::client::{Connection, ConnectionError, Settings};
use klamm_protocol::api::broker_heartbeat::BrokerHeartbeatRequest;
use klamm_protocol::api::broker_registration::{BrokerRegistrationRequest, Feature, Listener};
use klamm_protocol::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use klamm_protocol::{ErrorCode, Uuid};

const BROKERS: i32 = 3;
const PARTITIONS_PER_REQUEST: usize = 1_000;
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(50);

/// What all tasks share.
struct Shared {
    clock: Clock,
    /// How long each heartbeat of this phase took.
    latencies: RefCell<Vec<Duration>>,
    /// Whether broker 0 keeps silent.
    silent: Cell<bool>,
    /// Whether broker 0 was last told that it is fenced.
    fenced: Cell<bool>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let port: Option<u16> = arguments.next().and_then(|text| text.parse().ok());
    let (Some(port), Some(cluster_id)) = (port, arguments.next()) else {
        println!("PORT CLUSTER-ID [PARTITIONS]");
        return;
    };
    let partitions = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    match spawn::block_on(run(port, cluster_id, partitions)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => println!("{error}"),
        Err(error) => println!("{error}"),
    }
}

async fn run(port: u16, cluster_id: String, partitions: usize) -> Result<(), ConnectionError> {
    let clock = Clock::real();
    let shared = Rc::new(Shared {
        clock,
        latencies: RefCell::default(),
        silent: Cell::new(false),
        fenced: Cell::new(true),
    });
    for id in 0..BROKERS {
        let connection = connect(port, clock).await?;
        let epoch = register(&connection, id, &cluster_id).await?;
        spawn::local(beat(connection, id, epoch, Rc::clone(&shared)));
    }
    clock.sleep(Duration::from_secs(2)).await;
    phase(&shared, "at rest, 2 s");
    let connection = connect(port, clock).await?;
    let started = clock.now();
    let mut requests = Vec::new();
    for request in 0..partitions / PARTITIONS_PER_REQUEST {
        let one = clock.now();
        create(&connection, request).await?;
        requests.push(clock.now().saturating_since(one));
    }
    println!("{partitions} partitions created: {:.0} ms", ms(clock.now().saturating_since(started)));
    told("requests that create 1,000", &mut requests);
    phase(&shared, "heartbeats meanwhile");
    clock.sleep(Duration::from_secs(3)).await;
    phase(&shared, "at rest, 3 s");
    shared.silent.set(true);
    clock.sleep(Duration::from_secs(12)).await;
    phase(&shared, "while broker 0 keeps silent and is fenced, 12 s");
    shared.silent.set(false);
    let back = clock.now();
    shared.fenced.set(true);
    while shared.fenced.get() {
        clock.sleep(Duration::from_millis(1)).await;
    }
    println!("broker 0 is back: {:.0} ms", ms(clock.now().saturating_since(back)));
    clock.sleep(Duration::from_secs(2)).await;
    phase(&shared, "while it comes back, 2 s");
    Ok(())
}

async fn connect(port: u16, clock: Clock) -> Result<Connection, ConnectionError> {
    let settings = Settings {
        client_id: "pretended".into(),
        software_name: "klamm".into(),
        software_version: "0".into(),
        setup_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(60),
        response_bytes_max: 64 << 20,
    };
    Connection::open("127.0.0.1", port, Arc::new(settings), clock).await
}

async fn register(connection: &Connection, id: i32, cluster_id: &str) -> Result<i64, ConnectionError> {
    let features = supported_features(true).into_iter().map(|(name, min, max)| Feature {
        name: name.into(),
        min_supported_version: min,
        max_supported_version: max,
        ..Default::default()
    });
    let request = BrokerRegistrationRequest {
        broker_id: id,
        cluster_id: cluster_id.into(),
        incarnation_id: Uuid::from_u128((7 << 64) + u128::from(id.unsigned_abs())),
        listeners: vec![Listener {
            name: "PLAINTEXT".into(),
            host: "localhost".into(),
            port: 9092,
            ..Default::default()
        }],
        features: features.collect(),
        log_dirs: vec![Uuid::from_u128((9 << 64) + u128::from(id.unsigned_abs()))],
        ..Default::default()
    };
    loop {
        let response = connection.call(&request).await?;
        if response.error_code == 0 {
            return Ok(response.broker_epoch);
        }
        println!("registration of {id}: {}", ErrorCode::from_code(response.error_code).name());
        Clock::real().sleep(Duration::from_millis(500)).await;
    }
}

async fn beat(connection: Connection, id: i32, broker_epoch: i64, shared: Rc<Shared>) {
    loop {
        if id != 0 || !shared.silent.get() {
            let request = BrokerHeartbeatRequest {
                broker_id: id,
                broker_epoch,
                // It has read everything there ever will be.
                current_metadata_offset: i64::MAX - 1,
                cordoned_log_dirs: None,
                ..Default::default()
            };
            let sent: Instant = shared.clock.now();
            match connection.call(&request).await {
                Ok(response) if response.error_code == 0 => {
                    shared.latencies.borrow_mut().push(shared.clock.now().saturating_since(sent));
                    if id == 0 {
                        shared.fenced.set(response.is_fenced);
                    }
                }
                Ok(response) => {
                    println!("heartbeat of {id}: {}", ErrorCode::from_code(response.error_code).name());
                }
                Err(error) => return println!("heartbeat of {id}: {error}"),
            }
        }
        shared.clock.sleep(HEARTBEAT_INTERVAL).await;
    }
}

async fn create(connection: &Connection, number: usize) -> Result<(), ConnectionError> {
    let topics = (0..PARTITIONS_PER_REQUEST / 10).map(|n| CreatableTopic {
        name: format!("topic-{number}-{n}").as_str().into(),
        num_partitions: 10,
        replication_factor: 3,
        ..Default::default()
    });
    let request = CreateTopicsRequest { topics: topics.collect(), timeout_ms: 60_000, ..Default::default() };
    let response = connection.call(&request).await?;
    if let Some(refused) = response.topics.iter().find(|topic| topic.error_code != 0) {
        println!("{}: {:?}", ErrorCode::from_code(refused.error_code).name(), refused.error_message);
    }
    Ok(())
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn phase(shared: &Shared, what: &str) {
    told(&format!("heartbeats {what}"), &mut shared.latencies.take());
}

fn told(what: &str, latencies: &mut [Duration]) {
    latencies.sort_unstable();
    let at = |percent: usize| {
        latencies.get((latencies.len() * percent / 100).min(latencies.len().saturating_sub(1)))
    };
    let of = |percent| ms(at(percent).copied().unwrap_or_default());
    println!(
        "{what}: {} of them, median {:.1}, 99 % {:.1}, most {:.1}",
        latencies.len(),
        of(50),
        of(99),
        of(100)
    );
}
