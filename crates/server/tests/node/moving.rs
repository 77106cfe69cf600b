//! Replicas that move between the log directories of a broker.

use std::path::Path;

use klamm_protocol::{
    ErrorCode,
    api::{
        alter_replica_log_dirs::{AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest},
        describe_log_dirs::DescribeLogDirsRequest,
    },
    records::CompressionType,
};

use crate::{
    batches::{large, produce},
    configs::{BROKER, SET, alter},
    harness::{Client, TestNode, beside_others, eventually, format, fresh_dir},
    storage::meta,
};

pub(crate) const RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";

pub(crate) fn move_to(client: &mut Client, topic: &str, path: &Path) -> ErrorCode {
    let topic = AlterReplicaLogDirTopic { name: topic.into(), partitions: vec![0], ..Default::default() };
    let path = path.to_str().unwrap().into();
    let dir = AlterReplicaLogDir { path, topics: vec![topic], ..Default::default() };
    let answer = client.call(&AlterReplicaLogDirsRequest { dirs: vec![dir], ..Default::default() }, 2);
    ErrorCode::from_code(answer.results[0].partitions[0].error_code)
}

/// The directories that a topic is in, and whether each holds the copy of a move.
pub(crate) fn places(client: &mut Client, topic: &str) -> Vec<(String, bool)> {
    let answer = client.call(&DescribeLogDirsRequest { topics: None, ..Default::default() }, 4);
    let each = answer.results.iter().flat_map(|dir| {
        let topics = dir.topics.iter().filter(|found| found.name == topic);
        topics.flat_map(|found| &found.partitions).map(|found| {
            let name = Path::new(dir.log_dir.as_str()).file_name().unwrap().to_str().unwrap();
            (name.to_owned(), found.is_future_key)
        })
    });
    each.collect()
}

pub(crate) fn base_offset(client: &mut Client, topic: &str) -> i64 {
    let request = produce(topic, Some(large(900_000, CompressionType::None)), -1);
    let answer = client.call(&request, 12).responses[0].partition_responses[0].clone();
    assert_eq!(answer.error_code, 0);
    answer.base_offset
}

fn bytes(dir: &Path) -> Vec<u8> {
    std::fs::read(dir.join("moved-0/00000000000000000000.log")).unwrap()
}

#[test]
fn a_replica_moves_while_it_is_written_to_and_over_a_restart() {
    let _guard = beside_others();
    let dir = fresh_dir("moving");
    let (first, second) = (dir.join("first"), dir.join("second"));
    std::fs::create_dir_all(&first).unwrap();
    format(&first, 1);
    meta(&second, 1, "abcdefghijklmnopqrstuA");
    let dirs = format!("{},{}", first.display(), second.display());
    let settings = [("log.dirs", dirs.as_str())];
    let node = TestNode::start_in(dir, &settings);
    let mut client = node.connect();

    assert_eq!(move_to(&mut client, "moved", &first.join("other")), ErrorCode::LogDirNotFound);
    // It is not here yet: it will come to where it is wanted.
    assert_eq!(move_to(&mut client, "moved", &second), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(move_to(&mut client, &"x".repeat(214), &second), ErrorCode::InvalidTopicException);
    node.create_topic("moved", 1, &[]);
    assert_eq!(places(&mut client, "moved"), [("second".to_owned(), false)]);

    for offset in 0..3 {
        assert_eq!(base_offset(&mut client, "moved"), offset);
    }
    let written = bytes(&second);
    assert_eq!(alter(&mut client, BROKER, "", &[(RATE, SET, Some("1000"))]).0, ErrorCode::None);
    assert_eq!(move_to(&mut client, "moved", &first), ErrorCode::None);
    eventually("a copy grows", || places(&mut client, "moved").contains(&("first".to_owned(), true)));
    assert_eq!(places(&mut client, "moved").len(), 2);
    assert_eq!(base_offset(&mut client, "moved"), 3);

    // Back to where it is: the copy goes.
    assert_eq!(move_to(&mut client, "moved", &second), ErrorCode::None);
    assert_eq!(places(&mut client, "moved"), [("second".to_owned(), false)]);
    assert_eq!(move_to(&mut client, "moved", &first), ErrorCode::None);

    // A move that the end of the process interrupts goes on.
    let node = TestNode::start_in(node.stop(), &settings);
    let mut client = node.connect();
    assert_eq!(
        alter(&mut client, BROKER, "", &[(RATE, SET, Some("9223372036854775807"))]).0,
        ErrorCode::None
    );
    eventually("it has moved", || places(&mut client, "moved") == [("first".to_owned(), false)]);
    assert_eq!(base_offset(&mut client, "moved"), 4);
    assert!(!second.join("moved-0").exists());
    let moved = bytes(&first);
    assert_eq!((&moved[..written.len()], moved.len()), (&written[..], written.len() / 3 * 5));
    let node = TestNode::start_in(node.stop(), &settings);
    assert_eq!(base_offset(&mut node.connect(), "moved"), 5);
}

#[test]
fn a_move_into_a_directory_that_fails_meanwhile_comes_to_nothing() {
    let _guard = beside_others();
    let dir = fresh_dir("failed-move");
    let (first, second) = (dir.join("first"), dir.join("second"));
    std::fs::create_dir_all(&first).unwrap();
    format(&first, 1);
    meta(&second, 1, "abcdefghijklmnopqrstuA");
    let dirs = format!("{},{}", first.display(), second.display());
    let node = TestNode::start_in(dir.clone(), &[("log.dirs", &dirs)]);
    let mut client = node.connect();
    for (topic, place) in [("moved", &first), ("other", &second)] {
        assert_eq!(move_to(&mut client, topic, place), ErrorCode::UnknownTopicOrPartition);
        node.create_topic(topic, 1, &[("segment.bytes", "1048576")]);
        assert_eq!(base_offset(&mut client, topic), 0);
    }
    assert_eq!(alter(&mut client, BROKER, "", &[(RATE, SET, Some("1000"))]).0, ErrorCode::None);
    assert_eq!(base_offset(&mut client, "moved"), 1);
    assert_eq!(move_to(&mut client, "moved", &second), ErrorCode::None);
    eventually("a copy grows", || places(&mut client, "moved").contains(&("second".to_owned(), true)));
    // Another partition finds that the directory has failed.
    std::fs::rename(second.join("other-0"), dir.join("gone")).unwrap();
    let request = produce("other", Some(large(900_000, CompressionType::None)), -1);
    let failed = client.call(&request, 12).responses[0].partition_responses[0].error_code;
    assert_eq!(ErrorCode::from_code(failed), ErrorCode::KafkaStorageError);
    assert_eq!(
        alter(&mut client, BROKER, "", &[(RATE, SET, Some("9223372036854775807"))]).0,
        ErrorCode::None
    );
    eventually("the copy goes", || {
        let copies = std::fs::read_dir(&second).unwrap().map(|entry| entry.unwrap().file_name());
        copies.filter(|name| name.to_str().unwrap().starts_with("moved-0")).count() == 0
    });
    assert_eq!(places(&mut client, "moved"), [("first".to_owned(), false)]);
    assert_eq!(base_offset(&mut client, "moved"), 2);
}

fn restart(node: TestNode, settings: &[(&str, &str)], change: impl FnOnce()) -> TestNode {
    let dir = node.stop();
    change();
    TestNode::start_in(dir, settings)
}

/// A process may end between any two steps of a move. Whichever it is, the partition is in one directory in the end, with
/// all its records.
#[test]
fn a_move_that_was_interrupted_leaves_one_replica() {
    let _guard = beside_others();
    let dir = fresh_dir("interrupted-move");
    let (first, second) = (dir.join("first"), dir.join("second"));
    std::fs::create_dir_all(&first).unwrap();
    format(&first, 1);
    meta(&second, 1, "abcdefghijklmnopqrstuA");
    let dirs = format!("{},{}", first.display(), second.display());
    let settings = [("log.dirs", dirs.as_str()), ("file.delete.delay.ms", "0")];
    let mut node = TestNode::start_in(dir, &settings);
    node.create_topic("moved", 1, &[]);
    let mut next = 0;
    let mut write = |node: &TestNode, count: i64| {
        for _ in 0..count {
            assert_eq!(base_offset(&mut node.connect(), "moved"), next);
            next += 1;
        }
    };
    write(&node, 2);
    for (here, there) in [(&first, &second), (&second, &first)] {
        let mut client = node.connect();
        assert_eq!(move_to(&mut client, "moved", here), ErrorCode::None);
        let name = here.file_name().unwrap().to_str().unwrap().to_owned();
        eventually("it has moved", || places(&mut node.connect(), "moved") == [(name.clone(), false)]);
        let (partition, other) = (here.join("moved-0"), there.join("moved-0"));
        eventually("the old one is gone", || {
            std::fs::read_dir(there).unwrap().count() < 20 && !other.exists()
        });

        // The copy has its name, and the log that it replaces has still its own.
        let old = there.join("old");
        let copied = std::process::Command::new("cp").arg("-r").args([&partition, &old]).status().unwrap();
        assert!(copied.success());
        write(&node, 2);
        node = restart(node, &settings, || std::fs::rename(&old, &other).unwrap());
        assert_eq!(places(&mut node.connect(), "moved"), [(name.clone(), false)]);
        write(&node, 1);
        eventually("the other one goes", || !other.exists());

        // The controller knows of the copy, the log is not renamed yet: the move begins anew.
        let copy = there.join("moved-0.0123456789abcdef0123456789abcdef-future");
        node = restart(node, &settings, || std::fs::create_dir(&copy).unwrap());
        let to = there.file_name().unwrap().to_str().unwrap().to_owned();
        eventually("it moves", || places(&mut node.connect(), "moved") == [(to.clone(), false)]);
        write(&node, 1);

        // As before, and the directory of the log is lost.
        let copy = there.join("moved-0.0123456789abcdef0123456789abcdef-future");
        node = restart(node, &settings, || std::fs::rename(&other, &copy).unwrap());
        assert_eq!(places(&mut node.connect(), "moved"), [(to, false)]);
        write(&node, 1);
    }
}
