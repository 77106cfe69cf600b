use klamm_config::client::{ClientConfig, ClientKind};
use klamm_protocol::{ErrorCode, Uuid};

use super::*;
use crate::cluster::Partition;

struct Bench {
    accumulator: Accumulator,
    settings: Settings,
    topic: Topic,
    entropy: Entropy,
    now: Instant,
    identity: Option<Identity>,
}

fn bench(partitions: i32, pairs: &[(&str, &str)]) -> Bench {
    let partition = |index| Partition {
        index,
        leader: Some(1),
        leader_epoch: 0,
        replicas: vec![1],
        isr: vec![1],
        offline: Vec::new(),
        error: ErrorCode::None,
    };
    let config = ClientConfig::new(ClientKind::Producer, pairs.iter().copied()).unwrap();
    Bench {
        accumulator: Accumulator::default(),
        settings: Settings::new(&config).unwrap(),
        topic: Topic {
            name: "t".into(),
            id: Uuid::ZERO,
            is_internal: false,
            error: ErrorCode::None,
            partitions: (0..partitions).map(partition).collect(),
        },
        entropy: Entropy::seeded(1),
        now: Instant::default(),
        identity: Some(identity(0)),
    }
}

impl Bench {
    /// Adds a record of `bytes`; says whether there was room.
    fn add(&mut self, bytes: usize) -> bool {
        self.add_to(0, bytes)
    }

    fn add_to(&mut self, partition: i32, bytes: usize) -> bool {
        let value = vec![0; bytes];
        let record = Pending { timestamp: 0, key: None, value: Some(&value), headers: &[] };
        let around = (&self.settings, &self.entropy, self.now);
        let appended = self.accumulator.append(&self.topic, Some(partition), &record, None, around).unwrap();
        matches!(appended, Appended::Yes(..))
    }

    fn drain(&mut self) -> (Vec<Batch>, Ready) {
        let at = Circumstances {
            now: self.now,
            identity: self.identity,
            leader: &|_, _| Some(1),
            is_free: &|_| true,
            may_send: &|_| true,
        };
        let mut ready = self.accumulator.drain(&self.settings, &at);
        (ready.by_node.remove(&1).unwrap_or_default(), ready)
    }

    fn one(&mut self) -> Batch {
        let (mut batches, _) = self.drain();
        assert_eq!(batches.len(), 1);
        batches.remove(0)
    }

    fn none(&mut self) -> Ready {
        let (batches, ready) = self.drain();
        assert!(batches.is_empty());
        ready
    }
}

impl Bench {
    /// Lets the broker know the producer.
    fn introduce(&mut self) {
        self.add(90);
        let first = self.one();
        assert_eq!(sequence(&first), (0, 0));
        self.add(90);
        self.none();
        self.accumulator.landed(&first, Ending::Written);
        let second = self.one();
        self.accumulator.landed(&second, Ending::Written);
    }
}

const fn identity(epoch: i16) -> Identity {
    Identity { id: 9, epoch, is_transactional: false }
}

fn sequence(batch: &Batch) -> (i16, i32) {
    batch.identity.map_or((-1, -1), |(identity, sequence)| (identity.epoch, sequence))
}

#[test]
fn a_batch_waits_for_company_or_its_time() {
    let mut bench = bench(1, &[("linger.ms", "10"), ("batch.size", "1000")]);
    assert!(bench.add(100));
    assert_eq!(bench.none().next, Some(bench.now + Duration::from_millis(10)));
    for _ in 0..8 {
        bench.add(100);
    }
    let full = bench.one();
    assert!(full.records_count >= 7, "it is full");
    bench.accumulator.landed(&full, Ending::Written);
    bench.now = bench.now + Duration::from_millis(10);
    assert!(bench.one().records_count <= 2, "its time has come");
}

#[test]
fn what_is_sent_again_keeps_its_place() {
    let mut bench = bench(1, &[("linger.ms", "0"), ("batch.size", "100")]);
    bench.introduce();
    for _ in 0..3 {
        bench.add(90);
    }
    let (first, second) = (bench.one(), bench.one());
    assert_eq!((sequence(&first), sequence(&second)), ((0, 2), (0, 3)));
    bench.accumulator.put_back(first, bench.now);
    bench.none();
    bench.accumulator.put_back(second, bench.now);
    let first = bench.one();
    assert_eq!(sequence(&first), (0, 2));
    bench.accumulator.landed(&first, Ending::Written);
    let second = bench.one();
    bench.accumulator.landed(&second, Ending::Written);
    let third = bench.one();
    assert_eq!(sequence(&third), (0, 4));
    bench.accumulator.landed(&third, Ending::Written);
    assert_eq!((bench.accumulator.memory_bytes, bench.accumulator.incomplete().len()), (0, 0));
}

#[test]
fn a_batch_that_was_given_up_calls_for_a_new_epoch() {
    let mut bench = bench(1, &[("linger.ms", "0"), ("batch.size", "100")]);
    bench.introduce();
    for _ in 0..3 {
        bench.add(90);
    }
    let (first, second) = (bench.one(), bench.one());
    bench.accumulator.landed(&first, Ending::Refused);
    assert!(!bench.none().wants_epoch, "the second is under way yet");
    bench.accumulator.put_back(second, bench.now);
    assert!(bench.none().wants_epoch);
    bench.identity = Some(identity(1));
    let second = bench.one();
    assert_eq!(sequence(&second), (1, 0));
    bench.accumulator.landed(&second, Ending::Written);
    assert_eq!(sequence(&bench.one()), (1, 1));
}

#[test]
fn a_new_epoch_does_not_touch_what_other_partitions_have_under_way() {
    let mut bench = bench(2, &[("linger.ms", "0"), ("batch.size", "100"), ("delivery.timeout.ms", "31000")]);
    bench.introduce();
    bench.add(90);
    let lost = bench.one();
    assert_eq!(sequence(&lost), (0, 2));
    bench.now = bench.now + Duration::from_secs(20);
    bench.add_to(1, 90);
    let written = bench.one();
    assert_eq!(sequence(&written), (0, 0));
    // Neither is answered. The first grows too old; its partition goes on under another epoch.
    bench.accumulator.put_back(lost, bench.now);
    bench.accumulator.put_back(written, bench.now + Duration::from_secs(30));
    bench.now = bench.now + Duration::from_secs(12);
    bench.add(90);
    let ready = bench.none();
    assert_eq!((ready.expired.len(), ready.wants_epoch), (1, true));
    bench.identity = Some(identity(1));
    assert_eq!(sequence(&bench.one()), (1, 0));
    // The second may have been written: the broker would not know it again under another epoch.
    bench.now = bench.now + Duration::from_secs(18);
    bench.add_to(1, 90);
    let again = bench.one();
    assert_eq!((again.partition.partition, sequence(&again)), (1, (0, 0)));
    bench.none();
    bench.accumulator.landed(&again, Ending::Written);
    assert_eq!(sequence(&bench.one()), (1, 0), "what is new begins under the new epoch");
}

/// Of three batches under way none is answered, and the first grows too old.
fn first_of_three_given_up() -> (Bench, Batch) {
    let mut bench = bench(1, &[("linger.ms", "0"), ("batch.size", "100"), ("delivery.timeout.ms", "31000")]);
    bench.introduce();
    bench.add(90);
    bench.now = bench.now + Duration::from_secs(20);
    bench.add(90);
    bench.add(90);
    for batch in [bench.one(), bench.one(), bench.one()].into_iter().rev() {
        bench.accumulator.put_back(batch, bench.now);
    }
    bench.now = bench.now + Duration::from_secs(12);
    let (mut batches, ready) = bench.drain();
    assert_eq!((ready.expired.len(), ready.wants_epoch), (1, false));
    let second = batches.remove(0);
    assert_eq!(sequence(&second), (0, 3), "the broker may have it under this sequence");
    (bench, second)
}

#[test]
fn what_follows_a_batch_that_was_given_up_and_was_written_keeps_its_sequence() {
    let (mut bench, second) = first_of_three_given_up();
    bench.accumulator.landed(&second, Ending::Written);
    bench.add(90);
    let third = bench.one();
    assert_eq!(sequence(&third), (0, 4));
    bench.none();
    bench.accumulator.landed(&third, Ending::Written);
    assert_eq!(sequence(&bench.one()), (0, 5), "the broker has all: nothing is missing");
}

#[test]
fn what_follows_a_batch_that_was_given_up_and_is_missing_begins_anew() {
    let (mut bench, second) = first_of_three_given_up();
    bench.accumulator.out_of_order(&second);
    bench.accumulator.put_back(second, bench.now);
    assert!(bench.none().wants_epoch);
    bench.identity = Some(identity(1));
    let second = bench.one();
    assert_eq!(sequence(&second), (1, 0));
    bench.accumulator.landed(&second, Ending::Written);
    assert_eq!(sequence(&bench.one()), (1, 1));
}

#[test]
fn a_sequence_out_of_order_is_the_echo_of_an_earlier_one() {
    let mut bench = bench(1, &[("linger.ms", "0"), ("batch.size", "100")]);
    bench.introduce();
    bench.add(90);
    bench.add(90);
    let (first, second) = (bench.one(), bench.one());
    bench.accumulator.out_of_order(&second);
    bench.accumulator.put_back(second, bench.now);
    bench.accumulator.put_back(first, bench.now);
    let first = bench.one();
    assert_eq!(sequence(&first), (0, 2));
    bench.accumulator.landed(&first, Ending::Written);
    assert_eq!(sequence(&bench.one()), (0, 3));
}

#[test]
fn parts_of_a_batch_take_its_place_and_its_sequences() {
    let mut bench = bench(1, &[("linger.ms", "0"), ("batch.size", "1000")]);
    for _ in 0..4 {
        bench.add(100);
    }
    bench.accumulator.hurried = 1;
    let mut whole = bench.one();
    whole.bytes().unwrap();
    bench.add(100);
    let parts = whole.split(BatchOptions::default()).unwrap();
    bench.accumulator.replace(&whole, parts);
    for (expected, records) in [((0, 0), 2), ((0, 2), 2), ((0, 4), 1)] {
        let part = bench.one();
        assert_eq!((sequence(&part), part.records_count), (expected, records));
        bench.accumulator.landed(&part, Ending::Written);
    }
    assert_eq!(bench.accumulator.incomplete().len(), 0);
}

#[test]
fn the_buffer_has_an_end_and_records_too() {
    let mut bench = bench(1, &[("buffer.memory", "1000"), ("linger.ms", "0")]);
    let mut count = 0;
    while bench.add(100) {
        count += 1;
    }
    assert!((5..9).contains(&count), "{count}");
    bench.now = bench.now + Duration::from_secs(200);
    assert_eq!(bench.none().expired.len(), 1);
}

#[test]
fn keys_choose_partitions_and_nothing_else_does_not() {
    let mut bench = bench(8, &[("batch.size", "300")]);
    let choose = |bench: &mut Bench, key: Option<&[u8]>| {
        let record = Pending { timestamp: 0, key, value: Some(&[0; 50]), headers: &[] };
        let around = (&bench.settings, &bench.entropy, bench.now);
        match bench.accumulator.append(&bench.topic, None, &record, None, around).unwrap() {
            Appended::Yes(delivery, _) => delivery.partition().partition,
            Appended::Full(_) => -1,
        }
    };
    let expected = partition_of_key(b"k", 8);
    for _ in 0..5 {
        assert_eq!(choose(&mut bench, Some(b"k")), expected);
    }
    let chosen: Vec<i32> = (0..200).map(|_| choose(&mut bench, None)).collect();
    let changes = chosen.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes < 100, "it stays with a partition until a batch is full: {changes}");
    let distinct: std::collections::BTreeSet<i32> = chosen.into_iter().collect();
    assert!(distinct.len() >= 6, "and then goes to another: {distinct:?}");
}
