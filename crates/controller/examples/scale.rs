//! Measures the active controller's decisions on a large cluster: creation in batches, fencing a broker and its return,
//! heartbeats, the elections nobody asks for, the index that a new controller builds, a snapshot.
//!
//! `cargo run --release -p klamm-controller --example scale -- 100000` (partitions; three brokers, replication factor 3,
//! topics of ten partitions, a thousand partitions to a request). Without a log: what is measured is the decision, the
//! encoding of its records, and their replay on the tentative image, which is what the controller's thread does beside
//! handing the bytes to raft. Milliseconds of processor time; with 100,000 partitions on one busy core of a small x86-64
//! machine:
//!
//! | what                                          | ms  |
//! |-----------------------------------------------|-----|
//! | a request that creates 1,000 partitions       | 3–7 |
//! | a heartbeat                                   | 0   |
//! | fencing one of three brokers, 100,000 records | 300 |
//! | its return                                    | 3   |
//! | preferred leaders, with none to be had        | 65  |
//! | the index of a new controller                 | 12  |
//! | the records of a snapshot                     | 36  |

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a program for one's own eyes")]

use std::collections::BTreeMap;
use std::time::Duration;

use klamm_config::BrokerConfig;
use klamm_controller::{
    Access, Context, Heartbeats, Outcome, PartitionIndex, Random, brokers, periodic, topics,
};
use klamm_metadata::MetadataImage;
use klamm_metadata::features::{MetadataVersion, supported_features};
use klamm_metadata::image::record_version;
use klamm_protocol::Uuid;
use klamm_protocol::api::broker_heartbeat::BrokerHeartbeatRequest;
use klamm_protocol::api::broker_registration::{BrokerRegistrationRequest, Feature};
use klamm_protocol::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use klamm_protocol::metadata::MetadataRecord;
use klamm_timeline::Timeline;

const BROKERS: i32 = 3;
const PARTITIONS_PER_TOPIC: usize = 10;
const PARTITIONS_PER_REQUEST: usize = 1_000;

struct Controller {
    timeline: Timeline<MetadataImage>,
    index: PartitionIndex,
    config: BrokerConfig,
    heartbeats: Heartbeats,
    random: Random,
    now: Duration,
}

impl Controller {
    fn new() -> Self {
        let properties = "process.roles=controller\nnode.id=3000\nlisteners=CONTROLLER://localhost:9093\n\
            controller.listener.names=CONTROLLER\ncontroller.quorum.voters=3000@localhost:9093\n";
        let properties = klamm_config::properties::parse(properties).expect("well-formed");
        let image = MetadataImage::default();
        let mut controller = Self {
            heartbeats: Heartbeats::activate(&image, Duration::ZERO, Duration::from_secs(9)),
            index: PartitionIndex::of(&image),
            timeline: Timeline::new(image, 0),
            config: BrokerConfig::from_properties(&properties).expect("a good config"),
            random: Random::new([7; 32]),
            now: Duration::ZERO,
        };
        let version = MetadataVersion::LATEST_PRODUCTION;
        let mut levels: BTreeMap<String, i16> = klamm_metadata::bootstrap::default_levels(version);
        levels.remove("metadata.version");
        controller.append(&klamm_metadata::bootstrap::records(version, &levels));
        (0..BROKERS).for_each(|id| controller.start(id));
        controller
    }

    /// What the driver does with records, without a log: everything is committed at once.
    fn append(&mut self, records: &[MetadataRecord]) -> usize {
        if records.is_empty() {
            return 0;
        }
        let version = self.timeline.tentative().features.metadata_version_or_minimum();
        let bytes = records
            .iter()
            .map(|record| record.to_bytes(record_version(version, record)).expect("can be written").len())
            .sum();
        let end = self.end() + i64::try_from(records.len()).expect("few");
        let before = self.timeline.tentative().clone();
        self.timeline.apply(records, end);
        self.index.update(&before, self.timeline.tentative(), records);
        drop(before);
        self.timeline.commit(end);
        bytes
    }

    fn end(&self) -> i64 {
        self.timeline.tentative_end_offset()
    }

    fn run<T>(&mut self, outcome: Outcome<T>) -> (T, usize, usize) {
        let bytes = self.append(&outcome.records);
        (outcome.response, outcome.records.len(), bytes)
    }

    fn start(&mut self, id: i32) {
        let features = supported_features(false).into_iter().map(|(name, min, max)| Feature {
            name: name.into(),
            min_supported_version: min,
            max_supported_version: max,
            ..Default::default()
        });
        let request = BrokerRegistrationRequest {
            broker_id: id,
            cluster_id: "cluster".into(),
            incarnation_id: self.random.uuid(),
            features: features.collect(),
            log_dirs: vec![Uuid::from_u128(1000 + u128::from(id.unsigned_abs()))],
            ..Default::default()
        };
        let claim = brokers::Claim { cluster_id: "cluster", kraft_version: 1, end_offset: self.end() };
        let context = Context {
            image: self.timeline.tentative(),
            index: &self.index,
            config: &self.config,
            forwarded: false,
        };
        let outcome = brokers::register(&context, &mut self.heartbeats, self.now, claim, &request);
        self.run(outcome.expect("registers"));
        self.heartbeat(id);
    }

    fn heartbeat(&mut self, id: i32) -> usize {
        let end = self.end();
        let request = BrokerHeartbeatRequest {
            broker_id: id,
            broker_epoch: self.timeline.tentative().cluster.brokers.get(&id).expect("registered").epoch,
            current_metadata_offset: end - 1,
            cordoned_log_dirs: None,
            ..Default::default()
        };
        let context = Context {
            image: self.timeline.tentative(),
            index: &self.index,
            config: &self.config,
            forwarded: false,
        };
        let outcome = brokers::heartbeat(&context, &mut self.heartbeats, self.now, &request, end);
        self.run(outcome.expect("known")).1
    }

    fn create(&mut self, first: usize, partitions: usize) -> usize {
        let topics = (0..partitions / PARTITIONS_PER_TOPIC).map(|n| CreatableTopic {
            name: format!("topic-{}", first / PARTITIONS_PER_TOPIC + n).as_str().into(),
            num_partitions: 10,
            replication_factor: 3,
            ..Default::default()
        });
        let request = CreateTopicsRequest { topics: topics.collect(), ..Default::default() };
        let context = Context {
            image: self.timeline.tentative(),
            index: &self.index,
            config: &self.config,
            forwarded: false,
        };
        let outcome = topics::create_topics(&context, &mut self.random, Access::ALL, &request);
        self.run(outcome).2
    }

    fn fence(&mut self) -> (usize, usize) {
        let context = Context {
            image: self.timeline.tentative(),
            index: &self.index,
            config: &self.config,
            forwarded: false,
        };
        let outcome = brokers::fence_expired(&context, &mut self.heartbeats, self.now);
        let (_, records, bytes) = self.run(outcome);
        (records, bytes)
    }
}

/// Time that this thread has had of a processor: on a machine that does other things too, the clock on the wall tells
/// of those. Linux.
fn cpu() -> Duration {
    let text =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux kernel with schedstats");
    let nanos = text.split(' ').next().and_then(|text| text.parse().ok()).expect("nanoseconds first");
    Duration::from_nanos(nanos)
}

fn timed<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let started = cpu();
    let result = act();
    println!("{what:<58} {:>9.2}", (cpu() - started).as_secs_f64() * 1e3);
    result
}

fn main() {
    let partitions: usize = std::env::args().nth(1).map_or(100_000, |text| text.parse().expect("a number"));
    let mut controller = Controller::new();
    let requests = partitions / PARTITIONS_PER_REQUEST;
    let mut slowest = Duration::ZERO;
    let started = cpu();
    let mut bytes = 0;
    for request in 0..requests {
        let one = cpu();
        bytes += controller.create(request * PARTITIONS_PER_REQUEST, PARTITIONS_PER_REQUEST);
        slowest = slowest.max(cpu() - one);
    }
    println!("{:<58} {:>9.2}", "creation, all requests", (cpu() - started).as_secs_f64() * 1e3);
    println!("{:<58} {:>9.2}", "creation, the slowest request", slowest.as_secs_f64() * 1e3);
    println!("{:<58} {bytes:>9}", "creation, bytes of records");

    timed("1,000 heartbeats", || (0..1_000).map(|n| controller.heartbeat(n % BROKERS)).sum::<usize>());
    controller.now += Duration::from_secs(8);
    for id in 1..BROKERS {
        controller.heartbeat(id);
    }
    controller.now += Duration::from_secs(1);
    let (records, bytes) = timed("fencing one of three brokers", || controller.fence());
    println!("{:<58} {records:>9}", "    records");
    println!("{:<58} {bytes:>9}", "    bytes");
    timed("its registration and unfencing", || controller.start(0));
    timed("preferred leaders, none to be had", || {
        let context = Context {
            image: controller.timeline.tentative(),
            index: &controller.index,
            config: &controller.config,
            forwarded: false,
        };
        let outcome = periodic::balance_leaders(&context);
        controller.run(outcome).1
    });
    controller.now += Duration::from_secs(20);
    timed("fencing the other two, one after the other", || (controller.fence(), controller.fence()));
    timed("one of them comes back", || controller.heartbeat(1));
    let image = controller.timeline.committed().clone();
    let index = timed("index, of a new controller", || PartitionIndex::of(&image));
    assert!(index == controller.index, "the index has kept up");
    let records: Vec<MetadataRecord> = timed("records of a snapshot", || image.snapshot().collect());
    let replayed = timed("their replay", || {
        let mut image = MetadataImage::default();
        records.iter().for_each(|record| image.try_replay(record).expect("sound"));
        image
    });
    assert!(replayed == image, "a snapshot is the image");
}
