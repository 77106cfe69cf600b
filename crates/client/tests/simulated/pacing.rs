//! What fails is tried again, but not without a pause.

use klamm_client::{
    TopicPartition,
    consumer::Consumer,
    producer::{Producer, ProducerRecord},
    share::ShareConsumer,
};
use klamm_io::sim::here;
use klamm_protocol::{
    ApiKey,
    api::{
        AnyRequest, AnyResponse,
        find_coordinator::{Coordinator, FindCoordinatorResponse},
        init_producer_id::InitProducerIdResponse,
        list_offsets::{
            ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
            ListOffsetsTopic, ListOffsetsTopicResponse,
        },
        share_group_heartbeat::{Assignment, ShareGroupHeartbeatResponse, TopicPartitions},
    },
};

use super::{
    broker::{Deed, TOPIC, TOPIC_ID, metadata, start},
    *,
};

/// Writes one record and waits for its fate.
async fn produce() {
    let config = config(ClientKind::Producer, &[]);
    let producer = Producer::new(&config).unwrap();
    let sent = producer.send(ProducerRecord::new(TOPIC, "v")).await.unwrap();
    let _ = sent.await;
}

async fn consume() {
    let mut consumer = Consumer::new(&config(ClientKind::Consumer, &[])).unwrap();
    consumer.assign([TopicPartition::new(TOPIC, 0)]);
    consumer.seek(&TopicPartition::new(TOPIC, 0), 0).unwrap();
    loop {
        let _ = consumer.poll(SECOND).await;
    }
}

async fn share() {
    let mut consumer = ShareConsumer::new(&config(ClientKind::Consumer, &[("group.id", "g")])).unwrap();
    consumer.subscribe([TOPIC]);
    loop {
        let _ = consumer.poll(SECOND).await;
    }
}

/// Counts, of ten simulated seconds, the requests that a broker hears and the steps that all tasks make.
fn count<F: Future<Output = ()> + 'static>(
    play: impl Fn(AnyRequest) -> Deed + 'static,
    client: impl FnOnce() -> F + 'static,
) -> (usize, u64) {
    let sim = Simulation::new(1);
    let heard = Noted::default();
    let hears = Arc::clone(&heard);
    start(&sim, 1, move |request| {
        hears.lock().unwrap().push(request.key());
        play(request)
    });
    run(&sim, 10 * SECOND, client);
    let heard = heard.lock().unwrap().len();
    (heard, sim.polls())
}

/// What a broker answers that is the coordinator of everything and has a topic whose partitions have these leaders.
fn cluster(live: &'static [u8], leaders: &'static [i32]) -> impl Fn(AnyRequest) -> Deed {
    move |request| {
        Deed::Answer(Box::new(match request {
            AnyRequest::Metadata(_) => return metadata(live, leaders),
            AnyRequest::InitProducerId(_) => {
                AnyResponse::InitProducerId(InitProducerIdResponse { producer_id: 1, ..Default::default() })
            }
            AnyRequest::FindCoordinator(_) => AnyResponse::FindCoordinator(FindCoordinatorResponse {
                coordinators: vec![Coordinator {
                    node_id: 1,
                    host: Host(1).address().to_string().into(),
                    port: 9092,
                    ..Default::default()
                }],
                ..Default::default()
            }),
            AnyRequest::ShareGroupHeartbeat(request) => {
                let topic_partitions =
                    vec![TopicPartitions { topic_id: TOPIC_ID, partitions: vec![0], ..Default::default() }];
                AnyResponse::ShareGroupHeartbeat(ShareGroupHeartbeatResponse {
                    member_epoch: 1,
                    heartbeat_interval_ms: 5000,
                    assignment: (request.member_epoch == 0)
                        .then(|| Assignment { topic_partitions, ..Default::default() }),
                    ..Default::default()
                })
            }
            other => panic!("{other:?}"),
        }))
    }
}

/// The requests that a broker hears of a consumer of all partitions in so long, with their times in milliseconds.
fn heard_from_consumer(
    leaders: &'static [i32],
    position: Option<i64>,
    duration: Duration,
) -> Vec<(ApiKey, u128)> {
    let sim = Simulation::new(1);
    let heard = Noted::default();
    let hears = Arc::clone(&heard);
    start(&sim, 1, move |request| {
        hears.lock().unwrap().push((request.key(), here().unwrap().1.as_millis()));
        match request {
            AnyRequest::ListOffsets(request) => listed(&request),
            AnyRequest::Fetch(_) => Deed::Later(SECOND / 2, Box::new(AnyResponse::Fetch(<_>::default()))),
            request => cluster(&[1], leaders)(request),
        }
    });
    run(&sim, duration, move || async move {
        let mut consumer = Consumer::new(&config(ClientKind::Consumer, &[])).unwrap();
        let partitions = 0..leaders.len() as i32;
        consumer.assign(partitions.clone().map(|partition| TopicPartition::new(TOPIC, partition)));
        for partition in partitions {
            if let Some(offset) = position {
                consumer.seek(&TopicPartition::new(TOPIC, partition), offset).unwrap();
            }
        }
        loop {
            let _ = consumer.poll(SECOND).await;
        }
    });
    std::mem::take(&mut *heard.lock().unwrap())
}

/// Offset 0, whatever is asked for.
fn listed(request: &ListOffsetsRequest) -> Deed {
    let partition = |asked: &ListOffsetsPartition| ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        ..Default::default()
    };
    let topic = |asked: &ListOffsetsTopic| ListOffsetsTopicResponse {
        name: asked.name.clone(),
        partitions: asked.partitions.iter().map(partition).collect(),
        ..Default::default()
    };
    Deed::Answer(Box::new(AnyResponse::ListOffsets(ListOffsetsResponse {
        topics: request.topics.iter().map(topic).collect(),
        ..Default::default()
    })))
}

#[test]
fn metadata_is_asked_for_less_and_less_often_while_a_leader_is_missing() {
    let cases: [(&'static [i32], Option<i64>); 5] = [
        (&[-1], Some(0)),
        (&[-1], None),
        (&[-1, -1, -1, -1], Some(0)),
        (&[-1, 1, -1, 1], Some(0)),
        (&[-1, 1, -1, 1], None),
    ];
    for (leaders, position) in cases {
        let heard = heard_from_consumer(leaders, position, 10 * SECOND);
        let metadata = heard.iter().filter(|(key, _)| *key == ApiKey::Metadata);
        let times: Vec<u128> = metadata.map(|(_, at)| *at).collect();
        // After pauses of about 100, 100, 200, 400, 800 and then 1000 ms.
        assert!((10..=18).contains(&times.len()), "{leaders:?} {position:?}: {times:?}");
        let pauses: Vec<u128> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            pauses.iter().all(|pause| (80..=1300).contains(pause)),
            "{leaders:?} {position:?}: {times:?}"
        );
        assert!(pauses[5..].iter().all(|pause| *pause >= 640), "{leaders:?} {position:?}: {times:?}");
    }
}

#[test]
fn a_partition_without_a_leader_does_not_keep_others_waiting() {
    let heard = heard_from_consumer(&[-1, 1], None, SECOND);
    for key in [ApiKey::ListOffsets, ApiKey::Fetch] {
        let (_, at) = heard.iter().find(|(found, _)| *found == key).unwrap();
        assert!(*at < 100, "{key:?} after {at} ms");
    }
}

fn assert_paced((requests, polls): (usize, u64), what: &str) {
    assert!(requests > 5 && requests < 300, "{what}: {requests} requests");
    assert!(polls < 5000, "{what}: {polls} polls");
}

#[test]
fn a_leader_that_cannot_be_reached_is_waited_for() {
    let cases: [(&str, &[u8], &[i32]); 3] = [
        ("the leader is not among the live brokers", &[1], &[2]),
        ("nobody listens at the leader's address", &[1, 2], &[2]),
        ("there is no leader", &[1], &[-1]),
    ];
    for (what, live, leaders) in cases {
        assert_paced(count(cluster(live, leaders), produce), what);
        assert_paced(count(cluster(live, leaders), consume), what);
        assert_paced(count(cluster(live, leaders), share), what);
    }
    assert_paced(count(cluster(&[1], &[]), consume), "there is no such partition");
}

#[test]
fn a_broker_that_hangs_up_is_asked_again_after_a_pause() {
    for on in [ApiKey::Metadata, ApiKey::Produce, ApiKey::Fetch, ApiKey::ShareFetch] {
        let play = move |request: AnyRequest| {
            if request.key() == on { Deed::Hangup } else { cluster(&[1], &[1])(request) }
        };
        match on {
            ApiKey::Fetch => assert_paced(count(play, consume), "Fetch"),
            ApiKey::ShareFetch => assert_paced(count(play, share), "ShareFetch"),
            _ => assert_paced(count(play, produce), on.name()),
        }
    }
}
