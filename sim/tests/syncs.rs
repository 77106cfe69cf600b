//! What a producer hears of syncs that its records wait for.

use std::{cell::RefCell, path::PathBuf, rc::Rc, time::Duration};

use klamm_client::{
    ClientConfig, ClientError, ClientKind,
    admin::{Admin, NewTopic},
    producer::{Producer, ProducerRecord},
};
use klamm_io::{
    Clock,
    sim::{Host, Simulation, disk::Faults},
};
use klamm_protocol::ErrorCode;
use klamm_sim::{cluster::Cluster, plan::Plan, workload::FIRST_HOST};

/// A sync is one of several files.
const SYNC: Duration = Duration::from_millis(500);

fn client(servers: &str, kind: ClientKind, pairs: &[(&str, &str)]) -> ClientConfig {
    let servers = [("bootstrap.servers", servers)];
    ClientConfig::new(kind, servers.iter().chain(pairs).map(|(key, value)| (*key, *value)))
        .expect("known keys")
}

async fn create_topic(servers: String, configs: &[(&str, &str)]) {
    let admin = Admin::new(&client(&servers, ClientKind::Admin, &[])).expect("nothing is wrong yet");
    let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let topic = NewTopic { name: "topic".to_owned(), partitions: Some(2), configs, ..NewTopic::default() };
    let created = admin.create_topics(&[topic], false).await.expect("nothing is wrong yet");
    assert!(created.values().all(Result::is_ok), "{created:?}");
}

/// How a record went, and how long that took.
type Outcomes = Rc<RefCell<Vec<(&'static str, Result<(), ErrorCode>, Duration)>>>;

/// Sends a record to each of both partitions, and a second one to the one that is said while those are synced.
async fn send(servers: String, acks: &str, partition: i32, outcomes: Outcomes) {
    let clock = Clock::here();
    let settings =
        [("acks", acks), ("enable.idempotence", "false"), ("retries", "0"), ("request.timeout.ms", "20000")];
    let producer =
        Producer::new(&client(&servers, ClientKind::Producer, &settings)).expect("nothing is wrong yet");
    let mut sent = Vec::new();
    for (name, partition) in [("first", partition), ("other", 1 - partition), ("second", partition)] {
        let record = ProducerRecord { partition: Some(partition), ..ProducerRecord::new("topic", name) };
        sent.push((name, clock.now(), producer.send(record).await.expect("nothing is wrong yet")));
        clock.sleep(SYNC / 2).await;
    }
    for (name, began, delivery) in sent {
        let outcome = match delivery.await {
            Ok(_) => Ok(()),
            Err(ClientError::Broker { code, .. }) => Err(code),
            Err(error) => panic!("{name}: {error}"),
        };
        outcomes.borrow_mut().push((name, outcome, clock.now() - began));
    }
}

/// What becomes of records of which the last is to be synced when its log directory has failed.
fn outcomes(acks: &'static str) -> Vec<(&'static str, Result<(), ErrorCode>, Duration)> {
    let plan = Plan { log_dirs: 2, syncs_each: true, ..Plan::single(1) };
    let sim = Simulation::new(plan.seed);
    let mut cluster = Cluster::format(&plan).expect("nothing is wrong yet");
    cluster.start(&sim, 0).expect("nothing is wrong yet");
    let servers = cluster.bootstrap_servers();
    let setup = servers.clone();
    sim.start(Host(FIRST_HOST), 1, move || create_topic(setup, &[]));
    sim.run_for(Duration::from_secs(10));

    let disk = &cluster.nodes[0].disk;
    let partition = i32::from(!disk.disk().exists(&PathBuf::from("/data/1/topic-0")));
    disk.set_faults(Faults { sync: (SYNC, SYNC + Duration::from_millis(1)), ..Faults::default() });
    let found = Outcomes::default();
    let told = Rc::clone(&found);
    sim.start(Host(FIRST_HOST + 1), 1, move || send(servers, acks, partition, told));
    sim.run_for(SYNC * 2);
    disk.fail_under(Some(PathBuf::from("/data/1")));
    sim.run_for(Duration::from_secs(15));
    found.take()
}

#[test]
fn answers_wait_for_the_sync_and_say_if_it_fails() {
    for acks in ["1", "all"] {
        let outcomes = outcomes(acks);
        let [first, other, second] = outcomes.as_slice() else { panic!("{acks}: {outcomes:?}") };
        assert_eq!((first.1, other.1), (Ok(()), Ok(())), "{acks}");
        assert!(first.2 > 2 * SYNC && other.2 > 2 * SYNC, "{acks}: {outcomes:?}");
        assert_eq!(second.1, Err(ErrorCode::KafkaStorageError), "{acks}");
    }
}

/// How long each of many records takes that are sent while others are synced.
async fn send_many(servers: String, found: Rc<RefCell<Vec<Duration>>>) {
    let clock = Clock::here();
    let settings = [("acks", "1"), ("linger.ms", "0"), ("max.in.flight.requests.per.connection", "5")];
    let producer =
        Producer::new(&client(&servers, ClientKind::Producer, &settings)).expect("nothing is wrong yet");
    for _ in 0..20 {
        let record = ProducerRecord { partition: Some(0), ..ProducerRecord::new("topic", "value") };
        let (began, delivery) = (clock.now(), producer.send(record).await.expect("nothing is wrong yet"));
        let found = Rc::clone(&found);
        klamm_io::spawn::local(async move {
            delivery.await.expect("nothing is wrong yet");
            found.borrow_mut().push(clock.now() - began);
        });
        clock.sleep(Duration::from_millis(7)).await;
    }
    clock.sleep(Duration::from_secs(5)).await;
}

#[test]
fn a_sync_that_is_due_by_count_does_not_wait_for_one_by_time() {
    let plan = Plan { syncs_each: false, ..Plan::single(1) };
    let sim = Simulation::new(plan.seed);
    let mut cluster = Cluster::format(&plan).expect("nothing is wrong yet");
    cluster.start(&sim, 0).expect("nothing is wrong yet");
    let servers = cluster.bootstrap_servers();
    let setup = servers.clone();
    let configs = [("flush.messages", "1"), ("flush.ms", "600000")];
    sim.start(Host(FIRST_HOST), 1, move || async move { create_topic(setup, &configs).await });
    sim.run_for(Duration::from_secs(10));
    let sync = (Duration::from_millis(10), Duration::from_millis(11));
    cluster.nodes[0].disk.set_faults(Faults { sync, ..Faults::default() });
    let found = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&found);
    sim.start(Host(FIRST_HOST + 1), 1, move || send_many(servers, told));
    sim.run_for(Duration::from_secs(10));
    let found = found.take();
    assert_eq!(found.len(), 20);
    assert!(found.iter().all(|took| *took < Duration::from_millis(400)), "{found:?}");
}
