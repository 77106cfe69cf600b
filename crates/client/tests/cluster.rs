//! Producer, consumer and admin client against a real cluster: whatever listens at `KLAMM_TEST_BOOTSTRAP`, Apache Kafka
//! or Klamm. Without the variable nothing is tested, and each test says so.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use klamm_client::{
    ClientConfig, ClientKind, TopicPartition,
    admin::{Admin, NewPartitions, NewTopic, OffsetSpec},
    consumer::{Consumer, ConsumerRecord, OffsetAndMetadata, RebalanceEvent},
    producer::{Producer, ProducerRecord, RecordHeader},
};

#[path = "cluster/consumer_groups.rs"]
mod consumer_groups;
#[path = "cluster/share_groups.rs"]
mod share_groups;
#[path = "cluster/transactions.rs"]
mod transactions;

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn config(kind: ClientKind, more: Pairs<'_>) -> Option<ClientConfig> {
    let Ok(servers) = std::env::var("KLAMM_TEST_BOOTSTRAP") else {
        eprintln!("KLAMM_TEST_BOOTSTRAP is not set: nothing is tested");
        return None;
    };
    let pairs = [("bootstrap.servers", servers.as_str())].into_iter().chain(more.iter().copied());
    Some(ClientConfig::new(kind, pairs).unwrap())
}

/// A name that no earlier run has used.
fn unique(stem: &str) -> String {
    format!("{stem}-{:x}", klamm_io::Entropy::real().next_u64())
}

async fn topic(partitions: i32, configs: Pairs<'_>) -> Option<String> {
    let admin = Admin::new(&config(ClientKind::Admin, &[])?).unwrap();
    let name = unique("client-test");
    let topic = NewTopic {
        name: name.clone(),
        partitions: Some(partitions),
        replication_factor: Some(1),
        configs: configs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        ..Default::default()
    };
    for (_, result) in admin.create_topics(&[topic], false).await.unwrap() {
        result.unwrap();
    }
    admin.close();
    Some(name)
}

async fn produce(topic: &str, range: std::ops::Range<usize>, more: Pairs<'_>) {
    let producer = Producer::new(&config(ClientKind::Producer, more).unwrap()).unwrap();
    let failures = Arc::new(Mutex::new(Vec::new()));
    for number in range {
        let record = ProducerRecord::new(topic, format!("value-{number}")).with_key(format!("key-{number}"));
        let failures = Arc::clone(&failures);
        let sent = producer.send_with(record, move |result| {
            if let Err(error) = result {
                failures.lock().unwrap().push(error);
            }
        });
        sent.await.unwrap();
    }
    producer.close().await;
    let failures = failures.lock().unwrap();
    assert!(failures.is_empty(), "{} records failed, the first with {}", failures.len(), failures[0]);
}

/// Polls until `count` records have come, for at most half a minute.
async fn read(consumer: &mut Consumer, count: usize) -> Vec<ConsumerRecord> {
    let clock = consumer.cluster().clock();
    let deadline = clock.now() + Duration::from_secs(30);
    let mut records = Vec::new();
    while records.len() < count && clock.now() < deadline {
        records.extend(consumer.poll(Duration::from_millis(200)).await.unwrap());
    }
    records
}

fn all(topic: &str, partitions: i32) -> Vec<TopicPartition> {
    (0..partitions).map(|partition| TopicPartition::new(topic, partition)).collect()
}

#[tokio::test]
async fn records_come_back_whole_and_in_order_with_every_codec() {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let Some(topic) = topic(3, &[]).await else { return };
        produce(&topic, 0..5000, &[("compression.type", codec)]).await;
        let mut consumer = Consumer::new(&config(ClientKind::Consumer, &[]).unwrap()).unwrap();
        consumer.assign(all(&topic, 3));
        for partition in all(&topic, 3) {
            consumer.seek_to(&partition, OffsetSpec::Earliest).unwrap();
        }
        let records = read(&mut consumer, 5000).await;
        assert_eq!(records.len(), 5000, "{codec}");
        let mut next: BTreeMap<i32, i64> = BTreeMap::new();
        let mut values = BTreeSet::new();
        for record in &records {
            let expected = next.entry(record.partition).or_default();
            assert_eq!(record.offset, *expected, "{codec}: offsets have no holes");
            *expected += 1;
            let value = String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap();
            let key = String::from_utf8(record.key.clone().unwrap().to_vec()).unwrap();
            assert_eq!(value.strip_prefix("value-"), key.strip_prefix("key-"));
            values.insert(value);
        }
        assert_eq!(values.len(), 5000);
        consumer.close().await;
    }
}

#[tokio::test]
async fn delivery_tells_offset_and_timestamp_and_headers_survive() {
    let Some(topic) = topic(1, &[]).await else { return };
    for (acks, first_offset) in [("all", 0), ("1", 1), ("0", -1)] {
        let producer = Producer::new(&config(ClientKind::Producer, &[("acks", acks)]).unwrap()).unwrap();
        let record = ProducerRecord {
            timestamp: Some(1_700_000_000_000),
            headers: vec![
                RecordHeader { key: "h".into(), value: Some("1".into()) },
                RecordHeader { key: "h".into(), value: None },
            ],
            value: None,
            key: Some("k".into()),
            ..ProducerRecord::new(topic.as_str(), "")
        };
        let metadata = producer.send(record).await.unwrap().await.unwrap();
        assert_eq!((metadata.offset, metadata.timestamp), (first_offset, 1_700_000_000_000), "acks={acks}");
        producer.close().await;
    }
    let mut consumer =
        Consumer::new(&config(ClientKind::Consumer, &[("auto.offset.reset", "earliest")]).unwrap()).unwrap();
    consumer.assign(all(&topic, 1));
    let records = read(&mut consumer, 3).await;
    assert_eq!(records.len(), 3);
    assert_eq!(records[2].headers.len(), 2);
    assert_eq!((records[2].headers[1].value.clone(), records[2].value.clone()), (None, None));
}

#[tokio::test]
async fn records_that_are_too_large_are_refused_without_harm_to_others() {
    let Some(topic) = topic(1, &[("max.message.bytes", "2000")]).await else { return };
    let pairs = [("linger.ms", "200"), ("max.request.size", "100000")];
    let producer = Producer::new(&config(ClientKind::Producer, &pairs).unwrap()).unwrap();
    let too_large_here = producer.send(ProducerRecord::new(topic.as_str(), vec![0; 200_000])).await;
    assert!(too_large_here.unwrap_err().to_string().contains("max.request.size"));
    let big = producer.send(ProducerRecord::new(topic.as_str(), vec![0; 5000])).await.unwrap();
    let error = big.await.unwrap_err();
    assert_eq!(error.code(), Some(klamm_protocol::ErrorCode::MessageTooLarge));
    // Together they are larger than the topic allows; one by one they are not.
    let mut deliveries = Vec::new();
    for _ in 0..8 {
        deliveries.push(producer.send(ProducerRecord::new(topic.as_str(), vec![1; 600])).await.unwrap());
    }
    let mut offsets = Vec::new();
    for delivery in deliveries {
        offsets.push(delivery.await.unwrap().offset);
    }
    assert_eq!(offsets, (0..8).collect::<Vec<i64>>());
    producer.close().await;
}

#[tokio::test]
async fn positions_are_committed_sought_and_reset() {
    let Some(topic) = topic(1, &[]).await else { return };
    let producer = Producer::new(&config(ClientKind::Producer, &[]).unwrap()).unwrap();
    for number in 0..100 {
        let record =
            ProducerRecord { timestamp: Some(1000 + number), ..ProducerRecord::new(topic.as_str(), "v") };
        let _delivery = producer.send(record).await.unwrap();
    }
    producer.close().await;
    let group = unique("group");
    let pairs = [("group.id", group.as_str()), ("enable.auto.commit", "false"), ("max.poll.records", "7")];
    let mut consumer = Consumer::new(&config(ClientKind::Consumer, &pairs).unwrap()).unwrap();
    let partition = TopicPartition::new(topic.as_str(), 0);
    let only = BTreeSet::from([partition.clone()]);
    consumer.assign([partition.clone()]);
    assert_eq!(consumer.position(&partition).await.unwrap(), 100, "auto.offset.reset is latest");
    let times = BTreeMap::from([(partition.clone(), 1042)]);
    let found = consumer.offsets_for_times(&times).await.unwrap();
    assert_eq!(found[&partition].map(|listed| (listed.offset, listed.timestamp)), Some((42, 1042)));
    let late = BTreeMap::from([(partition.clone(), 99_999)]);
    assert_eq!(consumer.offsets_for_times(&late).await.unwrap()[&partition], None);
    consumer.seek(&partition, 42).unwrap();
    let records = consumer.poll(Duration::from_secs(10)).await.unwrap();
    assert_eq!(records.iter().map(|r| r.offset).collect::<Vec<_>>(), (42..49).collect::<Vec<_>>());
    assert_eq!(consumer.committed(&only).await.unwrap(), BTreeMap::new());
    consumer.commit().await.unwrap();
    let committed = consumer.committed(&only).await.unwrap();
    assert_eq!(committed[&partition].offset, 49);
    let with_text = OffsetAndMetadata { offset: 10, leader_epoch: -1, metadata: "note".to_owned() };
    consumer.commit_offsets(&BTreeMap::from([(partition.clone(), with_text.clone())])).await.unwrap();
    assert_eq!(consumer.committed(&only).await.unwrap()[&partition].metadata, "note");
    consumer.pause(&partition, true).unwrap();
    assert!(consumer.poll(Duration::from_millis(300)).await.unwrap().is_empty());
    consumer.pause(&partition, false).unwrap();
    assert_eq!(consumer.poll(Duration::from_secs(10)).await.unwrap()[0].offset, 49);
    consumer.close().await;
    let mut again = Consumer::new(&config(ClientKind::Consumer, &pairs).unwrap()).unwrap();
    again.assign([partition.clone()]);
    assert_eq!(again.position(&partition).await.unwrap(), 10, "the committed offset");
    again.seek(&partition, 5000).unwrap();
    assert!(again.poll(Duration::from_secs(2)).await.unwrap().is_empty());
    assert_eq!(again.position(&partition).await.unwrap(), 100, "outside the log, so reset to the end");
    assert_eq!(again.beginning_offsets(only.clone()).await.unwrap()[&partition], 0);
    assert_eq!(again.end_offsets(only).await.unwrap()[&partition], 100);
    again.close().await;
}

/// One member of a group that notes what it reads and what it is assigned.
struct Running {
    consumer: Consumer,
    events: Arc<Mutex<Vec<RebalanceEvent>>>,
}

fn member(group: &str, topic: &str, more: Pairs<'_>) -> Running {
    let pairs: Vec<(&str, &str)> = [
        ("group.id", group),
        ("auto.offset.reset", "earliest"),
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "500"),
        ("auto.commit.interval.ms", "500"),
    ]
    .into_iter()
    .chain(more.iter().copied())
    .collect();
    let mut consumer = Consumer::new(&config(ClientKind::Consumer, &pairs).unwrap()).unwrap();
    consumer.subscribe([topic]).unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&events);
    consumer.on_rebalance(move |event| noted.lock().unwrap().push(event));
    Running { consumer, events }
}

/// Polls all members in turn until `done`, for at most a minute. Gives what they read.
async fn run(
    members: &mut [Running],
    mut done: impl FnMut(&[Running], &[ConsumerRecord]) -> bool,
) -> Vec<ConsumerRecord> {
    let mut records = Vec::new();
    let clock = members[0].consumer.cluster().clock();
    let deadline = clock.now() + Duration::from_secs(120);
    while !done(members, &records) {
        assert!(clock.now() < deadline, "the group did not get there: {:?}", assignments(members));
        for member in &mut *members {
            records.extend(member.consumer.poll(Duration::from_millis(30)).await.unwrap());
        }
    }
    records
}

fn assignments(members: &[Running]) -> Vec<usize> {
    members.iter().map(|member| member.consumer.assignment().len()).collect()
}

#[tokio::test]
async fn a_group_shares_partitions_and_outlives_a_member() {
    for assignor in ["range", "roundrobin", "sticky", "cooperative-sticky"] {
        let Some(topic) = topic(6, &[]).await else { return };
        produce(&topic, 0..3000, &[]).await;
        let group = unique("group");
        let strategy = [("partition.assignment.strategy", assignor)];
        let mut members: Vec<Running> = (0..3).map(|_| member(&group, &topic, &strategy)).collect();
        let mut seen: BTreeSet<(i32, i64)> = BTreeSet::new();
        let records = run(&mut members, |members, _| assignments(members) == [2, 2, 2]).await;
        seen.extend(records.iter().map(|r| (r.partition, r.offset)));
        // This one vanishes without a word: the others get its partitions when its session ends.
        drop(members.remove(0));
        produce(&topic, 3000..6000, &[]).await;
        let records = run(&mut members, |members, _| assignments(members) == [3, 3]).await;
        seen.extend(records.iter().map(|r| (r.partition, r.offset)));
        // What the dead member read after its last commit comes a second time, and counts once.
        run(&mut members, |_, records| {
            seen.extend(records.iter().map(|r| (r.partition, r.offset)));
            seen.len() >= 6000
        })
        .await;
        assert_eq!(seen.len(), 6000, "{assignor}: every record was read");
        for member in members {
            member.consumer.close().await;
        }
    }
}

#[tokio::test]
async fn a_cooperative_member_keeps_what_does_not_move() {
    let Some(topic) = topic(4, &[]).await else { return };
    let group = unique("group");
    let strategy = [("partition.assignment.strategy", "cooperative-sticky"), ("session.timeout.ms", "30000")];
    let mut members = vec![member(&group, &topic, &strategy)];
    run(&mut members, |members, _| assignments(members) == [4]).await;
    let before = members[0].consumer.assignment();
    members.push(member(&group, &topic, &strategy));
    run(&mut members, |members, _| assignments(members) == [2, 2]).await;
    let kept = members[0].consumer.assignment();
    assert!(kept.is_subset(&before));
    let events = members[0].events.lock().unwrap().clone();
    let revoked: usize = events
        .iter()
        .map(|event| if let RebalanceEvent::Revoked(partitions) = event { partitions.len() } else { 0 })
        .sum();
    assert_eq!(revoked, 2, "only what moved was given up: {events:?}");
    for member in members {
        member.consumer.close().await;
    }
}

#[tokio::test]
async fn a_closed_member_leaves_its_offsets_and_its_partitions() {
    let Some(topic) = topic(2, &[]).await else { return };
    produce(&topic, 0..500, &[]).await;
    let group = unique("group");
    let mut members = vec![member(&group, &topic, &[])];
    let records = run(&mut members, |_, records| records.len() >= 500).await;
    assert_eq!(records.len(), 500);
    members.pop().unwrap().consumer.close().await;
    produce(&topic, 500..600, &[]).await;
    let mut members = vec![member(&group, &topic, &[])];
    let records = run(&mut members, |_, records| records.len() >= 100).await;
    assert_eq!(records.len(), 100, "it goes on where the first one stopped");
    let admin = Admin::new(&config(ClientKind::Admin, &[]).unwrap()).unwrap();
    let described = admin.describe_consumer_groups(std::slice::from_ref(&group)).await;
    let description = described[&group].as_ref().unwrap();
    assert_eq!((description.state.as_str(), description.members.len()), ("Stable", 1));
    assert_eq!(description.members[0].assignment.len(), 2);
    members.pop().unwrap().consumer.close().await;
    let deleted = admin.delete_consumer_groups(std::slice::from_ref(&group)).await;
    assert_eq!(deleted[&group], Ok(()));
    assert_eq!(admin.consumer_group_offsets(&group).await.unwrap(), BTreeMap::new());
}

#[tokio::test]
async fn a_consumer_that_is_closed_while_it_joins_leaves() {
    let Some(topic) = topic(2, &[]).await else { return };
    let group = unique("group");
    let pairs = [("session.timeout.ms", "30000"), ("max.poll.interval.ms", "60000")];
    let mut first = vec![member(&group, &topic, &pairs)];
    run(&mut first, |members, _| assignments(members) == [2]).await;
    // The first is not polled and so does not join again: the second waits for it in JoinGroup.
    let mut second = member(&group, &topic, &pairs);
    assert!(second.consumer.poll(Duration::from_secs(1)).await.unwrap().is_empty());
    second.consumer.close().await;
    let admin = Admin::new(&config(ClientKind::Admin, &[]).unwrap()).unwrap();
    let mut members = 2;
    for _ in 0..50 {
        let described = admin.describe_consumer_groups(std::slice::from_ref(&group)).await;
        members = described[&group].as_ref().unwrap().members.len();
        if members == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(members, 1, "the second has left");
    first.pop().unwrap().consumer.close().await;
}

#[tokio::test]
async fn a_long_poll_is_a_sign_of_life() {
    let Some(topic) = topic(1, &[]).await else { return };
    let group = unique("group");
    let pairs = [("max.poll.interval.ms", "2000"), ("enable.auto.commit", "false")];
    let mut members = vec![member(&group, &topic, &pairs), member(&group, &topic, &pairs)];
    run(&mut members, |members, _| assignments(members).iter().sum::<usize>() == 1).await;
    // One has nothing to read, and waits longer than it may stay away.
    let idle = members.iter().position(|member| member.consumer.assignment().is_empty()).unwrap();
    let mut idle = members.remove(idle);
    let mut busy = members.remove(0);
    let wait = Duration::from_secs(5);
    let (quiet, _) = tokio::join!(idle.consumer.poll(wait), busy.consumer.poll(wait));
    assert!(quiet.unwrap().is_empty());
    for member in [&idle, &busy] {
        let events = member.events.lock().unwrap();
        let lost = events.iter().any(|event| matches!(event, RebalanceEvent::Lost(_)));
        assert!(!lost, "{events:?}");
    }
    let admin = Admin::new(&config(ClientKind::Admin, &[]).unwrap()).unwrap();
    let described = admin.describe_consumer_groups(std::slice::from_ref(&group)).await;
    assert_eq!(described[&group].as_ref().unwrap().members.len(), 2);
    idle.consumer.close().await;
    busy.consumer.close().await;
}

#[tokio::test]
async fn a_topic_that_is_made_anew_is_read_from_its_beginning() {
    let (Some(name), Some(other)) = (topic(1, &[]).await, topic(1, &[]).await) else { return };
    let admin = Admin::new(&config(ClientKind::Admin, &[]).unwrap()).unwrap();
    let pairs = [("auto.offset.reset", "earliest"), ("allow.auto.create.topics", "false")];
    let mut consumer = Consumer::new(&config(ClientKind::Consumer, &pairs).unwrap()).unwrap();
    consumer.assign(all(&name, 1).into_iter().chain(all(&other, 1)));
    produce(&name, 0..10, &[]).await;
    assert_eq!(read(&mut consumer, 10).await.len(), 10);
    for round in 1..=2 {
        for (_, result) in admin.delete_topics(std::slice::from_ref(&name)).await.unwrap() {
            result.unwrap();
        }
        if round == 2 {
            // While there is no topic of that name.
            assert_eq!(read_for(&mut consumer, Duration::from_secs(1)).await.len(), 0);
        }
        let again = NewTopic {
            name: name.clone(),
            partitions: Some(1),
            replication_factor: Some(1),
            ..Default::default()
        };
        for (_, result) in admin.create_topics(&[again], false).await.unwrap() {
            result.unwrap();
        }
        produce(&name, 0..5, &[]).await;
        produce(&other, 0..5, &[]).await;
        let records = read(&mut consumer, 10).await;
        let of = |topic: &str| records.iter().filter(|record| *record.topic == *topic).count();
        assert_eq!((of(&name), of(&other)), (5, 5), "round {round}");
        // An idle consumer waits at the broker.
        let fetches = |consumer: &Consumer| {
            let found = consumer.metrics().into_iter().find(|metric| metric.name == "fetch-total");
            found.map_or(0.0, |metric| metric.value)
        };
        let before = fetches(&consumer);
        assert_eq!(read_for(&mut consumer, Duration::from_secs(2)).await.len(), 0);
        let asked = fetches(&consumer) - before;
        assert!((1.0..20.0).contains(&asked), "{asked} fetches in two seconds");
    }
    consumer.close().await;
}

async fn read_for(consumer: &mut Consumer, time: Duration) -> Vec<ConsumerRecord> {
    let clock = consumer.cluster().clock();
    let deadline = clock.now() + time;
    let mut records = Vec::new();
    while clock.now() < deadline {
        records.extend(consumer.poll(Duration::from_millis(200)).await.unwrap());
    }
    records
}

#[tokio::test]
async fn new_partitions_and_matching_topics_are_found() {
    let Some(first) = topic(1, &[]).await else { return };
    let group = unique("group");
    let pairs = [
        ("group.id", group.as_str()),
        ("auto.offset.reset", "earliest"),
        ("metadata.max.age.ms", "500"),
        ("heartbeat.interval.ms", "500"),
    ];
    let mut consumer = Consumer::new(&config(ClientKind::Consumer, &pairs).unwrap()).unwrap();
    let wanted = first.clone();
    consumer.subscribe_matching(move |name| name == wanted).unwrap();
    let admin = Admin::new(&config(ClientKind::Admin, &[]).unwrap()).unwrap();
    produce(&first, 0..10, &[]).await;
    assert_eq!(read(&mut consumer, 10).await.len(), 10);
    let more = NewPartitions { topic: first.clone(), count: 4, assignment: None };
    for (_, result) in admin.create_partitions(&[more]).await.unwrap() {
        result.unwrap();
    }
    let clock = consumer.cluster().clock();
    let deadline = clock.now() + Duration::from_secs(20);
    while consumer.assignment().len() < 4 && clock.now() < deadline {
        let _records = consumer.poll(Duration::from_millis(100)).await.unwrap();
    }
    assert_eq!(consumer.assignment().len(), 4);
    consumer.close().await;
    for (_, result) in admin.delete_topics(std::slice::from_ref(&first)).await.unwrap() {
        result.unwrap();
    }
}
