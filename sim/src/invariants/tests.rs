//! What invariants notice, and what they let pass: each told a few things that nodes could tell.

use std::sync::Arc;

use klamm_client::TopicPartition;
use klamm_metadata::{bootstrap, features::MetadataVersion, image::MetadataImage};
use klamm_protocol::{
    MetadataRecord, Uuid,
    metadata::{PartitionRecord, TopicRecord},
};
use klamm_server::{
    metadata::Published,
    observe::{Observation, Replica},
    shard::requests::TopicPartition as At,
};

use super::{Invariants, Logs, Loss};
use crate::{
    history::{Acknowledged, History},
    plan::Plan,
};

const TOPIC: Uuid = Uuid::from_u128(9);

enum Told {
    By(i32, Observation),
    Lost(i32),
}

fn noticed(told: impl IntoIterator<Item = Told>) -> Vec<&'static str> {
    let mut invariants = Invariants::of(&Plan::single(0));
    for told in told {
        match told {
            Told::By(node, observation) => invariants.observe(node, &observation),
            Told::Lost(node) => invariants.lost(node, Loss::Process),
        }
    }
    invariants.violations.iter().map(|(name, _)| *name).collect()
}

fn leads_quorum(node: i32, epoch: i32) -> Told {
    Told::By(node, Observation::QuorumLeader { epoch })
}

/// A replica that leads or not in an epoch, with its high watermark and the end of its log.
fn replica(node: i32, (is_leader, leader_epoch): (bool, i32), (high_watermark, log_end): (i64, i64)) -> Told {
    let at = At { topic: "topic-0".into(), index: 0 };
    let replica = Replica { at, topic_id: TOPIC, leader_epoch, is_leader, log_end, high_watermark };
    Told::By(node, Observation::Replica(replica))
}

/// An image in which node 1 leads the partition, with these in sync, each in the directory of its own number.
fn image(version: MetadataVersion, isr: &[i32]) -> MetadataImage {
    let mut image = MetadataImage::default();
    let directories = [1, 2].map(Uuid::from_u128).to_vec();
    let partition = PartitionRecord {
        partition_id: 0,
        topic_id: TOPIC,
        replicas: vec![1, 2],
        isr: isr.to_vec(),
        leader: 1,
        leader_epoch: 1,
        partition_epoch: 1,
        directories,
        ..PartitionRecord::default()
    };
    let topic = TopicRecord { name: "topic-0".into(), topic_id: TOPIC, ..TopicRecord::default() };
    let records: [MetadataRecord; 2] = [topic.into(), partition.into()];
    let features = bootstrap::records(version, &bootstrap::default_levels(version));
    for record in features.iter().chain(&records) {
        image.try_replay(record).unwrap();
    }
    image
}

fn published(last_offset: i64, image: MetadataImage) -> Told {
    let mut published = Published { image, ..Published::default() };
    published.provenance.last_offset = last_offset;
    published.provenance.last_epoch = 1;
    Told::By(1, Observation::Published(Arc::new(published)))
}

#[test]
fn a_second_leader_is_noticed() {
    let quorum = |node, epoch| vec![leads_quorum(1, 1), leads_quorum(node, epoch)];
    let partition = |node, epoch| vec![replica(1, (true, 1), (0, 0)), replica(node, (true, epoch), (0, 0))];
    let cases = [
        (quorum(1, 1), vec![]),
        (quorum(2, 2), vec![]),
        (quorum(2, 1), vec!["election safety"]),
        (partition(1, 1), vec![]),
        (partition(2, 2), vec![]),
        (partition(2, 1), vec!["one leader of an epoch"]),
        (vec![replica(1, (true, 1), (0, 0)), replica(2, (false, 1), (0, 0))], vec![]),
    ];
    for (number, (told, expected)) in cases.into_iter().enumerate() {
        assert_eq!(noticed(told), expected, "{number}");
    }
}

#[test]
fn a_high_watermark_that_goes_back_is_noticed() {
    let first = || replica(1, (true, 1), (5, 9));
    let cases = [
        (vec![first(), replica(1, (true, 1), (6, 9))], vec![]),
        (vec![first(), replica(1, (true, 1), (4, 9))], vec!["high watermark"]),
        // A new leader finds out anew, and so does one that has been started again.
        (vec![first(), replica(1, (true, 2), (4, 9))], vec![]),
        (vec![first(), Told::Lost(1), replica(1, (true, 1), (4, 9))], vec![]),
        (vec![replica(2, (false, 1), (5, 9)), replica(2, (false, 1), (4, 9))], vec![]),
        (vec![replica(2, (false, 1), (5, 4))], vec!["high watermark"]),
    ];
    for (number, (told, expected)) in cases.into_iter().enumerate() {
        assert_eq!(noticed(told), expected, "{number}");
    }
}

#[test]
fn a_replica_in_the_isr_that_is_behind_is_noticed() {
    let newest = |isr: &[i32]| published(20, image(MetadataVersion::LATEST_PRODUCTION, isr));
    let behind = || vec![replica(1, (true, 1), (5, 9)), replica(2, (false, 1), (3, 4))];
    let and = |mut told: Vec<Told>, more: Vec<Told>| {
        told.extend(more);
        told
    };
    let cases = [
        (and(behind(), vec![newest(&[1, 2])]), vec!["ISR contains only caught-up replicas"]),
        (and(behind(), vec![newest(&[1])]), vec![]),
        (and(behind(), vec![replica(2, (false, 1), (3, 5)), newest(&[1, 2])]), vec![]),
        (and(behind(), vec![Told::Lost(2), newest(&[1, 2])]), vec![]),
        // It does not lead in the epoch of the image.
        (and(behind(), vec![replica(1, (true, 2), (5, 9)), newest(&[1, 2])]), vec![]),
    ];
    for (number, (told, expected)) in cases.into_iter().enumerate() {
        assert_eq!(noticed(told), expected, "{number}");
    }
}

#[test]
fn an_image_that_its_snapshot_does_not_give_is_noticed() {
    // Metadata before 3.7 has no place for the directories that this image has.
    for (version, expected) in [
        (MetadataVersion::LATEST_PRODUCTION, vec![]),
        (MetadataVersion::V3_6_IV2, vec!["image is the replay of its snapshot"]),
    ] {
        // Not each image is looked at.
        let told = (0..16).map(|offset| published(offset, image(version, &[1, 2])));
        assert_eq!(noticed(told), expected);
    }
}

#[test]
fn a_move_that_the_controller_does_not_know_of_is_noticed() {
    for (directory, expected) in [(1, vec![]), (3, vec!["the controller knows of a move"])] {
        let at = At { topic: "topic-0".into(), index: 0 };
        let directory = Uuid::from_u128(directory);
        let moved = Told::By(1, Observation::Moved { at, topic_id: TOPIC, directory });
        assert_eq!(noticed([published(1, image(MetadataVersion::LATEST_PRODUCTION, &[1])), moved]), expected);
    }
}

fn found(history: &History) -> Vec<&'static str> {
    let mut invariants = Invariants::of(&Plan::single(0));
    invariants.finish(history, &Logs::default());
    invariants.violations.iter().map(|(name, _)| *name).collect()
}

fn place(index: i32) -> TopicPartition {
    TopicPartition::new("topic-0", index)
}

/// Partition, offset, and the record's number.
type Found = (i32, i64, u64);

/// What producers were told, and what was read.
fn written(acknowledged: &[Found], read: &[Found]) -> History {
    let mut history = History::default();
    for (index, offset, number) in acknowledged {
        let (at, offset, number) = (place(*index), *offset, *number);
        history.acknowledged.push(Acknowledged { at, offset, producer: 1, number });
    }
    for (index, offset, number) in read {
        history.saw(&place(*index), *offset, (1, *number));
    }
    history
}

#[test]
fn a_record_that_is_lost_or_elsewhere_or_twice_is_noticed() {
    let told = [(0, 0, 1), (0, 1, 2)];
    let cases: [(&[Found], bool); 8] = [
        (&[(0, 0, 1), (0, 1, 2)], true),
        // One that nobody was told of may be there.
        (&[(0, 0, 1), (0, 1, 2), (0, 2, 3)], true),
        (&[(0, 0, 1)], false),
        (&[(0, 0, 1), (1, 1, 2)], false),
        (&[(0, 0, 1), (0, 2, 2)], false),
        (&[(0, 0, 1), (0, 1, 2), (0, 2, 2)], false),
        (&[(0, 0, 1), (0, 1, 2), (1, 0, 3), (1, 1, 3)], false),
        // Two readers found different records in one place.
        (&[(0, 0, 1), (0, 1, 3), (0, 1, 2)], false),
    ];
    for (read, is_good) in cases {
        let expected = if is_good { vec![] } else { vec!["acknowledged records"] };
        assert_eq!(found(&written(&told, read)), expected, "{read:?}");
    }
    // In the order in which they were sent.
    let swapped = [(0, 0, 2), (0, 1, 1)];
    assert_eq!(found(&written(&swapped, &swapped)), ["acknowledged records"]);
    // A producer that was told no offset.
    assert_eq!(found(&written(&[(0, -1, 1)], &[(0, 7, 1)])), Vec::<&str>::new());
}

#[test]
fn a_record_that_a_group_passes_over_is_noticed() {
    let told = [(0, 0, 1), (0, 1, 2), (0, 2, 3)];
    for (offsets, is_good) in [(&[0, 1, 2][..], true), (&[0, 1], true), (&[], true), (&[0, 2], false)] {
        let expected = if is_good { vec![] } else { vec!["the group passes over nothing"] };
        let given = [(place(0), offsets.iter().copied().collect())];
        let mut history = written(&told, &told);
        history.group_read = given.clone().into();
        assert_eq!(found(&history), expected, "{offsets:?}");
        let mut history = written(&told, &told);
        history.streams.read = given.into();
        assert_eq!(found(&history), expected, "{offsets:?} of a streams group");
    }
}

#[test]
fn what_clients_find_is_told() {
    type Change<'a> = &'a dyn Fn(&mut History);
    let cases: [(Change<'_>, &[&str]); 7] = [
        (&|_| {}, &[]),
        (&|history| history.contradictions.push("a gap".to_owned()), &["acknowledged records"]),
        (&|history| history.offset_contradictions.push("3 for 4".to_owned()), &["group offsets"]),
        (&|history| history.in_two_directories.push((1, "topic-0-0".to_owned())), &["one directory"]),
        (
            &|history| {
                history.topics_kept.insert("topic-0".to_owned());
            },
            &[],
        ),
        (
            &|history| {
                history.topics_kept.insert("topic-0".to_owned());
                history.topics_listed = Some(["topic-1".to_owned()].into());
            },
            &["topics"],
        ),
        (
            &|history| {
                history.topics_kept.insert("topic-0".to_owned());
                history.topics_listed = Some(["topic-0".to_owned(), "topic-1".to_owned()].into());
            },
            &[],
        ),
    ];
    for (number, (change, expected)) in cases.into_iter().enumerate() {
        let mut history = History::default();
        change(&mut history);
        assert_eq!(found(&history), expected, "{number}");
    }
}
