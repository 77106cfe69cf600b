//! The files that the logs of a directory share.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::BTreeMap;

use klamm_io::disk::Disk;
use klamm_log::log_dir::LogDir;
use klamm_log::meta_properties::MetaProperties;
use klamm_log::{DirPurpose, TopicPartition, checkpoints, clean_shutdown};
use klamm_protocol::Uuid;
use support::*;

#[test]
fn what_a_log_directory_has() {
    let (root, disk) = (TempDir::new("log-dir"), Disk::real());
    for name in ["orders-0", "orders-10", "a.b-1.0123456789abcdef0123456789abcdef-delete", "x-0.0-stray"] {
        std::fs::create_dir(root.0.join(name)).unwrap();
    }
    for name in ["__cluster_metadata-0", "lost+found", "not a partition"] {
        std::fs::create_dir(root.0.join(name)).unwrap();
    }
    // As Kafka writes them.
    let write = |name: &str, content: &str| std::fs::write(root.0.join(name), content).unwrap();
    write("recovery-point-offset-checkpoint", "0\n2\norders 0 5\norders 10 77\n");
    write("log-start-offset-checkpoint", "0\n0\n");
    write("replication-offset-checkpoint", "0\n1\norders 0 garbage\n");
    write(".kafka_cleanshutdown", "{\"version\":0,\"brokerEpoch\":42}");

    let dir = LogDir::lock(&disk, &root.0).unwrap().unwrap();
    assert!(LogDir::lock(&disk, &root.0).unwrap().is_none(), "locked twice");
    let loaded = dir.load().unwrap();
    let found: Vec<(String, DirPurpose)> =
        loaded.partitions.iter().map(|p| (p.partition.to_string(), p.purpose)).collect();
    let expect = [
        ("a.b-1", DirPurpose::Delete),
        ("orders-0", DirPurpose::Current),
        ("orders-10", DirPurpose::Current),
        ("x-0", DirPurpose::Stray),
    ];
    assert_eq!(found, expect.map(|(name, purpose)| (name.to_owned(), purpose)));
    assert_eq!((loaded.clean_shutdown, loaded.broker_epoch), (true, Some(42)));
    let orders = |partition| TopicPartition::new("orders", partition);
    assert_eq!(loaded.recovery_points, BTreeMap::from([(orders(0), 5), (orders(10), 77)]));
    assert!(loaded.log_start_offsets.is_empty());
    assert!(loaded.high_watermarks.is_empty(), "a checkpoint that cannot be read counts as empty");

    // A start that goes no further changes nothing; a crash from then on is noticed.
    assert!(dir.load().unwrap().clean_shutdown);
    dir.begin().unwrap();
    let again = dir.load().unwrap();
    assert_eq!((again.clean_shutdown, again.broker_epoch), (false, None));

    dir.write_checkpoint(checkpoints::HIGH_WATERMARK_FILE, &loaded.recovery_points).unwrap();
    let text = std::fs::read_to_string(root.0.join("replication-offset-checkpoint")).unwrap();
    assert_eq!(text, "0\n2\norders 0 5\norders 10 77\n");
    dir.write_clean_shutdown(43).unwrap();
    let text = std::fs::read_to_string(root.0.join(".kafka_cleanshutdown")).unwrap();
    assert_eq!(text, "{\"version\":0,\"brokerEpoch\":43}");
    drop(dir);
    assert!(LogDir::lock(&disk, &root.0).unwrap().is_some());
}

#[test]
fn clean_shutdown_files_of_any_age() {
    let (root, disk) = (TempDir::new("clean-shutdown"), Disk::real());
    assert_eq!(clean_shutdown::read(&disk, &root.0).unwrap(), None);
    // Kafka before 3.7 wrote an empty file.
    for (content, epoch) in
        [("", None), ("{}", None), ("{\"brokerEpoch\":7,\"more\":[]}", Some(7)), ("\u{0}", None)]
    {
        std::fs::write(root.0.join(clean_shutdown::CLEAN_SHUTDOWN_FILE), content).unwrap();
        let found = clean_shutdown::read(&disk, &root.0).unwrap();
        assert_eq!(found.map(|clean| clean.broker_epoch), Some(epoch), "{content:?}");
    }
}

#[test]
fn meta_properties_are_kept() {
    let (root, disk) = (TempDir::new("meta"), Disk::real());
    assert_eq!(MetaProperties::read(&disk, &root.0).unwrap(), None);
    let meta = MetaProperties::new("5L6g3nShT-eMCtK--X86sw", 1, Uuid::from_u128(99));
    meta.write(&disk, &root.0).unwrap();
    assert_eq!(MetaProperties::read(&disk, &root.0).unwrap(), Some(meta));
    std::fs::write(root.0.join("meta.properties"), "version=1\n").unwrap();
    let error = MetaProperties::read(&disk, &root.0).unwrap_err().to_string();
    assert!(error.contains("meta.properties") && error.contains("cluster.id was not found"), "{error}");
}
