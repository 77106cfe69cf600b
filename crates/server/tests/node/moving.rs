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

const RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";

fn move_to(client: &mut Client, topic: &str, path: &Path) -> ErrorCode {
    let topic = AlterReplicaLogDirTopic { name: topic.into(), partitions: vec![0], ..Default::default() };
    let path = path.to_str().unwrap().into();
    let dir = AlterReplicaLogDir { path, topics: vec![topic], ..Default::default() };
    let answer = client.call(&AlterReplicaLogDirsRequest { dirs: vec![dir], ..Default::default() }, 2);
    ErrorCode::from_code(answer.results[0].partitions[0].error_code)
}

/// The directories that a topic is in, and whether each holds the copy of a move.
fn places(client: &mut Client, topic: &str) -> Vec<(String, bool)> {
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

fn base_offset(client: &mut Client, topic: &str) -> i64 {
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
