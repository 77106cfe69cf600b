//! Directories that are not what they have to be, that fail while the node runs, and nodes that are stopped at odd times.
#![expect(clippy::disallowed_methods, reason = "the outside of a node: files, threads")]

use std::{fs, path::Path};

use klamm_protocol::{
    ErrorCode,
    api::{
        describe_log_dirs::DescribeLogDirsRequest,
        describe_topic_partitions::{DescribeTopicPartitionsRequest, TopicRequest},
    },
    records::CompressionType,
};
use klamm_server::StartError;

use crate::{
    batches::{batch, produce},
    harness::{Client, TestNode, beside_others, config, eventually, format, fresh_dir, remove},
};

/// Why a node with these settings does not start.
fn start_error(dir: &Path, port: u16, settings: &[(&str, &str)]) -> String {
    let config = config(dir, port, 0, settings);
    let error: StartError = std::thread::spawn(move || {
        klamm_server::run_until(config, async {}, |_| {}).expect_err("it cannot start")
    })
    .join()
    .unwrap();
    error.to_string()
}

pub(crate) fn meta(dir: &Path, node_id: i32, cluster: &str) {
    let text =
        format!("version=1\nnode.id={node_id}\ncluster.id={cluster}\ndirectory.id=cbcdefghijklmnopqrstuA\n");
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("meta.properties"), text).unwrap();
}

#[test]
fn a_node_that_cannot_start_says_what_to_do() {
    let _shared = beside_others();
    let dir = fresh_dir("cannot-start");
    let path = |name: &str| dir.join(name).display().to_string();
    fs::create_dir_all(dir.join("empty")).unwrap();
    meta(&dir.join("other-node"), 2, "abcdefghijklmnopqrstuA");
    meta(&dir.join("good"), 1, "abcdefghijklmnopqrstuA");
    meta(&dir.join("other-cluster"), 1, "bbcdefghijklmnopqrstuA");
    fs::create_dir_all(dir.join("damaged")).unwrap();
    fs::write(dir.join("damaged/meta.properties"), "version=1\nnode.id=one\n").unwrap();
    fs::write(dir.join("file"), "no directory").unwrap();
    meta(&dir.join("copy"), 1, "abcdefghijklmnopqrstuA");
    for (name, left_out) in
        [("reserved", "directory.id"), ("no-node", "node.id"), ("other-metadata", "directory.id")]
    {
        meta(&dir.join(name), 1, "abcdefghijklmnopqrstuA");
        let file = dir.join(name).join("meta.properties");
        let text = fs::read_to_string(&file).unwrap();
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with(left_out)).collect();
        fs::write(
            file,
            kept.join("\n").replace("version=1", if name == "no-node" { "version=0" } else { "version=1" }),
        )
        .unwrap();
    }
    let file = dir.join("reserved/meta.properties");
    fs::write(&file, fs::read_to_string(&file).unwrap() + "\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n").unwrap();
    fs::create_dir_all(dir.join("other-metadata/__cluster_metadata-0")).unwrap();
    let both = |one: &str, other: &str| format!("{},{}", path(one), path(other));
    for (dirs, said) in [
        (path("empty"), "is not formatted: run `klamm storage format"),
        (path("other-node"), "belongs to node 2, but node.id is 1"),
        (both("good", "other-cluster"), "belongs to cluster bbcdefghijklmnopqrstuA, but"),
        (both("good", "copy"), "one is a copy of the other, remove it from log.dirs"),
        (
            path("reserved"),
            "directory.id=AAAAAAAAAAAAAAAAAAAAAQ, which no directory may have: remove that line",
        ),
        (path("no-node"), "names no node.id: add node.id=1"),
        (both("good", "other-metadata"), &format!("set metadata.log.dir={} ", path("other-metadata"))),
        (path("damaged"), "meta.properties"),
        (path("file"), "file"),
    ] {
        let error = start_error(&dir, 0, &[("log.dirs", &dirs)]);
        assert!(error.contains(said), "{dirs}: {error}");
    }
    let node = TestNode::start("in-use", &[]);
    let error = start_error(&node.dir(), 0, &[]);
    assert!(error.contains("is in use by another process"), "{error}");
    let error = start_error(&dir, node.port, &[("log.dirs", &path("good"))]);
    assert!(error.contains(&format!("cannot listen on PLAINTEXT://127.0.0.1:{}", node.port)), "{error}");
    node.assert_serves_others();
}

#[test]
fn a_lost_metadata_log_is_no_new_cluster() {
    let _shared = beside_others();
    let node = TestNode::start("lost-metadata", &[]);
    node.create_topic("topic", 1, &[]);
    let dir = node.stop();
    let log = dir.join("__cluster_metadata-0");
    fs::rename(&log, dir.join("away")).unwrap();
    let error = start_error(&dir, 0, &[]);
    let partition = dir.join("topic-0");
    for said in
        [format!("{} holds a partition", partition.display()), format!("Bring {} back", log.display())]
    {
        assert!(error.contains(&said), "{error}");
    }
    fs::rename(dir.join("away"), &log).unwrap();
    // The id of a directory that was formatted before there were ids is made up, once.
    let file = dir.join("meta.properties");
    let text = fs::read_to_string(&file).unwrap();
    let (kept, id): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| !line.starts_with("directory.id"));
    fs::write(&file, kept.join("\n")).unwrap();
    let node = TestNode::start_in(dir, &[]);
    assert!(partition.exists());
    let named = fs::read_to_string(&file).unwrap();
    assert!(named.contains("directory.id=") && !named.contains(id[0]), "{named}");
    assert!(named.contains("cluster.id=abcdefghijklmnopqrstuA") && named.contains("node.id=1"), "{named}");
    let _dir = node.stop();
}

/// Files that a node has left, and whether it starts without its metadata log.
#[test]
fn a_controller_without_its_log_does_not_start() {
    let _shared = beside_others();
    let partition = "topic-0/00000000000000000000.log";
    let segment = "__cluster_metadata-0/00000000000000000000.log";
    let voters = ("controller.quorum.voters", "1@127.0.0.1:1,2@127.0.0.1:2,3@127.0.0.1:3");
    let dynamic = ("controller.quorum.bootstrap.servers", "127.0.0.1:1");
    for (quorum, files, said) in [
        (voters, &[partition][..], Some("topic-0 holds a partition")),
        (voters, &[partition, segment], Some("One voter at a time")),
        (
            voters,
            &[partition, "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint"],
            Some("topic-0"),
        ),
        (voters, &[".kafka_cleanshutdown"], Some(".kafka_cleanshutdown shows that the node has run")),
        (voters, &["__cluster_metadata-0/quorum-state"], Some("quorum-state shows that the node has run")),
        (dynamic, &[partition], Some("--no-initial-controllers")),
        (dynamic, &["recovery-point-offset-checkpoint"], Some("remove-controller")),
        // Formatted and no more; a start that has found no quorum.
        (voters, &[], None),
        (dynamic, &[], None),
        (voters, &[".kafka_cleanshutdown", segment], None),
    ] {
        let dir = fresh_dir("without-its-log");
        meta(&dir, 1, "abcdefghijklmnopqrstuA");
        for file in files {
            let file = dir.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let mut settings = vec![
            quorum,
            ("process.roles", "broker,controller"),
            ("initial.broker.registration.timeout.ms", "1"),
        ];
        if quorum == dynamic {
            settings.push(("controller.quorum.voters", ""));
        }
        let config = config(&dir, 0, 0, &settings);
        let run = || klamm_server::run_until(config, async {}, |_| {});
        let refused =
            std::thread::scope(|scope| scope.spawn(run).join().unwrap()).err().map(|e| e.to_string());
        assert_eq!(refused.is_some(), said.is_some(), "{files:?}: {refused:?}");
        let text = refused.unwrap_or_else(|| "there is no metadata log in".to_owned());
        assert!(text.starts_with("there is no metadata log in"), "{files:?}: {text}");
        assert!(text.contains(said.unwrap_or_default()), "{files:?}: {text}");
        remove(&dir);
    }
}

fn partition_error(client: &mut Client, topic: &str, records: Vec<u8>) -> ErrorCode {
    let response = client.call(&produce(topic, Some(records), -1), 12);
    ErrorCode::from_code(response.responses[0].partition_responses[0].error_code)
}

#[test]
fn a_directory_that_fails_takes_its_partitions_with_it_and_no_others() {
    let _shared = beside_others();
    let dir = fresh_dir("offline");
    let (first, second) = (dir.join("first"), dir.join("second"));
    fs::create_dir_all(&first).unwrap();
    format(&first, 1);
    meta(&second, 1, "abcdefghijklmnopqrstuA");
    let dirs = format!("{},{}", first.display(), second.display());
    let settings = [("log.dirs", dirs.as_str())];
    let node = TestNode::start_in(dir.clone(), &settings);
    for name in ["one", "two"] {
        node.create_topic(name, 1, &[("segment.bytes", "1048576")]);
    }
    let (lost, kept) = if second.join("one-0").exists() { ("one", "two") } else { ("two", "one") };
    let mut client = node.connect();
    let large = || crate::batches::large(900_000, CompressionType::None);
    assert_eq!(partition_error(&mut client, kept, large()), ErrorCode::None);
    assert_eq!(partition_error(&mut client, lost, large()), ErrorCode::None);
    // The next segment has nowhere to go.
    fs::rename(second.join(format!("{lost}-0")), dir.join("gone")).unwrap();
    assert_eq!(partition_error(&mut client, lost, large()), ErrorCode::KafkaStorageError);
    assert_eq!(
        partition_error(&mut client, lost, batch(1, CompressionType::None)),
        ErrorCode::KafkaStorageError
    );
    assert_eq!(partition_error(&mut client, kept, large()), ErrorCode::None);
    node.create_topic("three", 1, &[]);
    assert!(first.join("three-0").exists(), "new partitions go where it works");
    let dir = node.stop();

    // The directory is away at the next start: its partitions are not made anew elsewhere.
    fs::rename(&second, dir.join("second.away")).unwrap();
    fs::write(&second, "no directory").unwrap();
    let node = TestNode::start_in(dir, &settings);
    let mut client = node.connect();
    assert_eq!(partition_error(&mut client, lost, large()), ErrorCode::KafkaStorageError);
    assert_eq!(partition_error(&mut client, kept, large()), ErrorCode::None);
    let dir = node.stop();

    // Mended, everything is there again.
    fs::remove_file(&second).unwrap();
    fs::rename(dir.join("second.away"), &second).unwrap();
    fs::rename(dir.join("gone"), second.join(format!("{lost}-0"))).unwrap();
    let node = TestNode::start_in(dir, &settings);
    let mut client = node.connect();
    let response = client.call(&produce(lost, Some(large()), -1), 12);
    assert_eq!(response.responses[0].partition_responses[0].base_offset, 1);
}

#[test]
fn the_controller_hears_of_a_failed_directory_at_once() {
    let _shared = beside_others();
    let dir = fresh_dir("told-at-once");
    let (first, second) = (dir.join("first"), dir.join("second"));
    fs::create_dir_all(&first).unwrap();
    format(&first, 1);
    meta(&second, 1, "abcdefghijklmnopqrstuA");
    let dirs = format!("{},{}", first.display(), second.display());
    let settings = [
        ("log.dirs", dirs.as_str()),
        ("broker.heartbeat.interval.ms", "50000"),
        ("broker.session.timeout.ms", "60000"),
    ];
    let node = TestNode::start_in(dir, &settings);
    // Shards place partitions without asking each other: of two, both might go to one directory.
    node.create_topic("topic", 8, &[("segment.bytes", "1048576")]);
    let mut client = node.connect();
    let lost = (0..8).find(|index| second.join(format!("topic-{index}")).exists()).unwrap();
    let large = || {
        let mut request = produce("topic", Some(crate::batches::large(900_000, CompressionType::None)), -1);
        request.topic_data[0].partition_data[0].index = lost;
        request
    };
    client.call(&large(), 12);
    fs::rename(second.join(format!("topic-{lost}")), second.join("gone")).unwrap();
    client.call(&large(), 12);
    let started = std::time::Instant::now();
    eventually("no leader, without its directory", || {
        let topics = client.metadata(Some(&["topic"])).topics;
        topics[0].partitions.iter().any(|partition| partition.leader_id == -1)
    });
    assert!(started.elapsed().as_secs() < 40, "before the next heartbeat");
    // Clients hear which replicas are offline, though their broker is alive (KIP-858).
    let topics = vec![TopicRequest { name: "topic".into(), ..Default::default() }];
    let request = DescribeTopicPartitionsRequest { topics, ..Default::default() };
    let metadata = client.metadata(Some(&["topic"])).topics.remove(0).partitions;
    let described = client.call(&request, 0).topics.remove(0).partitions;
    let replicas = metadata.into_iter().map(|partition| (partition.leader_id, partition.offline_replicas));
    let described = described.into_iter().map(|partition| (partition.leader_id, partition.offline_replicas));
    for (leader, offline) in replicas.chain(described) {
        assert_eq!(offline.is_empty(), leader == 1, "{offline:?}");
    }
}

#[test]
fn the_directory_of_the_metadata_log_is_no_log_directory() {
    let _shared = beside_others();
    let dir = fresh_dir("metadata-beside");
    let (logs, metadata) = (dir.join("logs"), dir.join("metadata"));
    meta(&logs, 1, "abcdefghijklmnopqrstuA");
    fs::create_dir_all(&metadata).unwrap();
    format(&metadata, 1);
    let (own, beside) = (logs.display().to_string(), metadata.display().to_string());
    let settings = [("log.dirs", own.as_str()), ("metadata.log.dir", beside.as_str())];
    let node = TestNode::start_in(dir, &settings);
    node.create_topic("topic", 3, &[]);
    let described = node.connect().call(&DescribeLogDirsRequest { topics: None, ..Default::default() }, 5);
    let dirs: Vec<&str> = described.results.iter().map(|result| result.log_dir.as_str()).collect();
    assert_eq!(dirs, [own.as_str()]);
    assert!(logs.join("topic-2").exists());
    let dir = node.stop();
    assert!(logs.join(".kafka_cleanshutdown").exists());
    let mut files: Vec<_> =
        fs::read_dir(&metadata).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, [".lock", "__cluster_metadata-0", "bootstrap.checkpoint", "meta.properties"]);
    remove(&dir);
}

#[test]
fn a_broker_that_finds_no_controller_gives_up() {
    let _shared = beside_others();
    let dir = fresh_dir("no-controller");
    format(&dir, 1);
    for limit in ["initial.broker.registration.timeout.ms", "server.max.startup.time.ms"] {
        let settings = [
            ("process.roles", "broker"),
            ("listeners", "PLAINTEXT://127.0.0.1:0"),
            ("controller.quorum.voters", "2@127.0.0.1:1"),
            (limit, "300"),
        ];
        let config = config(&dir, 0, 0, &settings);
        let run = || klamm_server::run_until(config, std::future::pending(), |_| {});
        let error =
            std::thread::scope(|scope| scope.spawn(run).join().unwrap().expect_err("it cannot serve"));
        assert!(error.to_string().contains(limit), "{error}");
    }
    remove(&dir);
}

#[test]
fn a_topic_that_is_deleted_and_made_anew_starts_empty() {
    let _shared = beside_others();
    let node = TestNode::start("anew", &[("log.flush.interval.ms", "100")]);
    let mut client = node.connect();
    for round in 0..5 {
        node.create_topic("again", 1, &[]);
        let response = client.call(&produce("again", Some(batch(3, CompressionType::None)), -1), 12);
        assert_eq!(response.responses[0].partition_responses[0].base_offset, 0, "round {round}");
        if round < 4 {
            node.delete_topic("again");
        }
    }
    let dir = node.stop();
    let node = TestNode::start_in(dir, &[]);
    let response = node.connect().call(&produce("again", Some(batch(3, CompressionType::None)), -1), 12);
    assert_eq!(response.responses[0].partition_responses[0].base_offset, 3);
    eventually("deleted directories go", || true);
}

/// Copies a directory as it is: what a node leaves that is killed now.
fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_dir(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn a_topic_that_is_made_anew_keeps_its_records_when_the_node_is_killed() {
    let _shared = beside_others();
    let node = TestNode::start("anew-killed", &[]);
    let records = || batch(3, CompressionType::None);
    for topic in ["again", "kept"] {
        node.create_topic(topic, 1, &[]);
        for _ in 0..4 {
            assert_eq!(partition_error(&mut node.connect(), topic, records()), ErrorCode::None);
        }
        assert_eq!(crate::replication::delete_before(&node, topic, 10), (0, 10));
    }
    let dir = node.stop();
    // What the checkpoint files say is of the topic as it was, and they are not written again for five seconds.
    let node = TestNode::start_in(dir, &[]);
    for _ in 0..2 {
        node.delete_topic("again");
        node.create_topic("again", 1, &[]);
        assert_eq!(partition_error(&mut node.connect(), "again", records()), ErrorCode::None);
    }
    let killed = fresh_dir("anew-killed-copy");
    copy_dir(&node.dir(), &killed);
    drop(node);
    let node = TestNode::start_in(killed, &[]);
    let mut client = node.connect();
    for (topic, expect) in [("again", 3), ("kept", 12)] {
        let response = client.call(&produce(topic, Some(records()), -1), 12);
        assert_eq!(response.responses[0].partition_responses[0].base_offset, expect, "{topic}");
    }
}

#[test]
fn a_topic_that_is_made_anew_has_nothing_of_its_predecessors_configs() {
    let _shared = beside_others();
    let node = TestNode::start("anew-configs", &[]);
    let mut client = node.connect();
    for round in 0..4 {
        node.create_topic("again", 1, &[("max.message.bytes", "1000")]);
        let mut produced =
            || partition_error(&mut client, "again", crate::batches::large(5000, CompressionType::None));
        assert_eq!(produced(), ErrorCode::MessageTooLarge, "round {round}");
        node.delete_topic("again");
        node.create_topic("again", 1, &[]);
        assert_eq!(produced(), ErrorCode::None, "round {round}");
        node.delete_topic("again");
    }
}

#[test]
fn a_node_that_is_stopped_while_it_starts_can_start_again() {
    let _shared = beside_others();
    let dir = fresh_dir("stopped-early");
    format(&dir, 1);
    let node = TestNode::start_in(dir, &[]);
    node.create_topic("topic", 4, &[]);
    let mut client = node.connect();
    for _ in 0..10 {
        assert_eq!(partition_error(&mut client, "topic", batch(3, CompressionType::None)), ErrorCode::None);
    }
    let dir = node.stop();
    for wait_ms in [0, 1, 5, 20, 50, 100] {
        let config = config(&dir, 0, 0, &[("controller.quorum.voters", "1@127.0.0.1:1")]);
        std::thread::spawn(move || {
            let stop = async move { tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await };
            klamm_server::run_until(config, stop, |_| {}).unwrap();
        })
        .join()
        .unwrap();
    }
    let node = TestNode::start_in(dir, &[]);
    let response = node.connect().call(&produce("topic", Some(batch(3, CompressionType::None)), -1), 12);
    assert_eq!(response.responses[0].partition_responses[0].base_offset, 30);
}

/// What the recovery point checkpoint says of a partition.
fn recovery_point(dir: &Path, partition: &str) -> i64 {
    let text = fs::read_to_string(dir.join("recovery-point-offset-checkpoint")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(partition));
    line.and_then(|offset| offset.trim().parse().ok()).unwrap_or(-1)
}

#[test]
fn partitions_are_flushed_when_they_are_due() {
    let _shared = beside_others();
    let node = TestNode::start("flush", &[("replica.high.watermark.checkpoint.interval.ms", "100")]);
    node.create_topic("by-time", 1, &[("flush.ms", "300")]);
    node.create_topic("by-count", 1, &[("flush.messages", "5")]);
    node.create_topic("by-segment", 1, &[("segment.bytes", "1048576")]);
    node.create_topic("never", 1, &[]);
    let mut client = node.connect();
    let mut produce =
        |topic: &str, records| assert_eq!(partition_error(&mut client, topic, records), ErrorCode::None);
    for round in 1..=2 {
        produce("by-time", batch(3, CompressionType::None));
        produce("by-count", batch(5, CompressionType::None));
        produce("never", batch(3, CompressionType::None));
        eventually("by time", || recovery_point(&node.dir(), "by-time 0 ") == 3 * round);
        eventually("by count", || recovery_point(&node.dir(), "by-count 0 ") == 5 * round);
    }
    for _ in 0..3 {
        produce("by-segment", crate::batches::large(900_000, CompressionType::None));
    }
    eventually("closed segments", || recovery_point(&node.dir(), "by-segment 0 ") == 2);
    assert_eq!(recovery_point(&node.dir(), "never 0 "), 0);
    let dir = node.stop();
    assert_eq!(recovery_point(&dir, "never 0 "), 6, "at a proper end");
    remove(&dir);
}

fn snapshots(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir.join("__cluster_metadata-0")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".checkpoint") && !name.starts_with("00000000000000000000-")).collect()
}

/// What the cluster is made of, for a client.
fn described(node: &TestNode) -> String {
    let mut topics = node.connect().metadata(None).topics;
    topics.sort_by(|one, other| one.name.cmp(&other.name));
    // Leader epochs go up when the node restarts.
    for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        partition.leader_epoch = 0;
    }
    format!("{topics:?}")
}

#[test]
fn a_node_starts_from_its_metadata_snapshot() {
    let _shared = beside_others();
    let settings = [
        ("metadata.log.max.record.bytes.between.snapshots", "2000"),
        ("metadata.max.retention.bytes", "4000"),
        ("metadata.max.idle.interval.ms", "50"),
    ];
    let mut dir = fresh_dir("snapshots");
    format(&dir, 1);
    let mut before: Option<(String, Vec<String>)> = None;
    for round in 0..4 {
        let node = TestNode::start_in(dir, &settings);
        if let Some((description, _)) = &before {
            assert_eq!(&described(&node), description, "round {round}");
        }
        for topic in 0..15 {
            node.create_topic(&format!("topic-{round}-{topic}"), 3, &[("retention.ms", "86400000")]);
        }
        node.delete_topic(&format!("topic-{round}-7"));
        let old = before.take().map(|(_, snapshots)| snapshots).unwrap_or_default();
        eventually("a newer snapshot", || snapshots(&node.dir()).iter().any(|name| !old.contains(name)));
        let description = described(&node);
        assert!(
            description.contains(&format!("topic-{round}-14"))
                && !description.contains(&format!("topic-{round}-7\""))
        );
        dir = node.stop();
        before = Some((description, snapshots(&dir)));
        assert!(snapshots(&dir).len() < 12, "old ones go: {:?}", snapshots(&dir));
    }
    remove(&dir);
}
