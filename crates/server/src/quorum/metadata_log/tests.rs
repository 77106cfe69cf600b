use klamm_protocol::metadata::FeatureLevelRecord;

use super::*;
use crate::quorum::driver::load_snapshot;
use klamm_io::{Entropy, sim::disk::SimulatedDisk};
use klamm_log::checkpoints::RECOVERY_POINT_FILE;
use klamm_metadata::{checkpoint::Header, image::MetadataImage};
use klamm_protocol::records::{BatchBuilder, BatchOptions};

const DIR: &str = "/data";

fn open(disk: &Disk) -> Result<Opened, MetadataLogError> {
    let config = LogConfig { segment_bytes: 300, delete: false, retention_ms: -1, ..LogConfig::default() };
    MetadataLog::open(disk, Path::new(DIR), true, config, 0)
}

fn disk() -> Disk {
    SimulatedDisk::new(Entropy::seeded(1)).disk()
}

/// Appends batches of one record each.
fn append(log: &mut MetadataLog, offsets: std::ops::Range<i64>, epoch: i32) {
    for base_offset in offsets {
        let options = BatchOptions { base_offset, partition_leader_epoch: epoch, ..Default::default() };
        let mut builder = BatchBuilder::new(options);
        builder.append(0, None, Some(&[b'x'; 50]), &[]).unwrap();
        log.append(builder.build().unwrap().freeze(), 0).unwrap().sync().unwrap();
    }
}

fn snapshot(last_contained_timestamp_ms: i64) -> Bytes {
    let header = Header { last_contained_timestamp_ms, ..Default::default() };
    checkpoint::encode_image(&MetadataImage::default(), 1, &header, 0).unwrap()
}

fn ids(disk: &Disk) -> Vec<i64> {
    let dir = Path::new(DIR).join("__cluster_metadata-0");
    snapshot_ids(disk, &dir).unwrap().into_iter().map(|id| id.offset).collect()
}

fn refusal(result: Result<Opened, MetadataLogError>) -> String {
    result.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn snapshots_are_named_as_kafka_names_them() {
    let id = OffsetAndEpoch { offset: 1234, epoch: 7 };
    assert_eq!(snapshot_name(id), "00000000000000001234-0000000007.checkpoint");
    for (name, parsed) in [
        ("00000000000000001234-0000000007.checkpoint", Some(id)),
        ("00000000000000001234-0000000007.checkpoint.part", None),
        ("00000000000000001234-0000000007.checkpoint.deleted", None),
        ("1234-7.checkpoint", None),
        ("bootstrap.checkpoint", None),
    ] {
        assert_eq!(parse_snapshot_name(name), parsed, "{name}");
    }
}

#[test]
fn old_snapshots_go_with_the_log_before_the_next() {
    let none = Retention { bytes_max: None, age_max_ms: None };
    for (name, retention, high_watermark, left) in [
        ("nothing is limited", none, 30, vec![10, 20, 30]),
        ("all fits", Retention { bytes_max: Some(100_000), ..none }, 30, vec![10, 20, 30]),
        ("nothing fits, but the newest stays", Retention { bytes_max: Some(0), ..none }, 30, vec![30]),
        ("what is not committed stays", Retention { bytes_max: Some(0), ..none }, 25, vec![20, 30]),
        ("too old by one", Retention { age_max_ms: Some(8_999), ..none }, 30, vec![20, 30]),
        ("as old as it may be", Retention { age_max_ms: Some(9_000), ..none }, 30, vec![10, 20, 30]),
        ("the newest may be as old as it likes", Retention { age_max_ms: Some(1), ..none }, 30, vec![30]),
    ] {
        let disk = disk();
        let mut log = open(&disk).unwrap().log;
        append(&mut log, 0..40, 1);
        for offset in [10, 20, 30] {
            let id = OffsetAndEpoch { offset, epoch: 1 };
            log.snapshot_file(id).write(&snapshot(offset * 100)).unwrap();
        }
        let trimmed = log.clean(retention, high_watermark, 10_000).unwrap();
        assert_eq!(ids(&disk), left, "{name}");
        let start = (left[0] > 10).then(|| (left[0], OffsetAndEpoch { offset: left[0], epoch: 1 }));
        assert_eq!(trimmed, start, "{name}");
        assert!(log.read(left[0], 40, 100).unwrap().is_some(), "{name}");
        log.close().unwrap();
        let opened = open(&disk).unwrap();
        assert_eq!(opened.state.latest_snapshot().map(|id| id.offset), Some(30), "{name}");
        assert!(opened.state.start_offset() <= left[0] && opened.state.end_offset() == 40, "{name}");
    }
}

/// Records that were never committed, more of them than the snapshot covers, and of an older epoch.
#[test]
fn a_snapshot_replaces_a_longer_log_of_another_history() {
    let id = OffsetAndEpoch { offset: 20, epoch: 5 };
    for crash in [false, true] {
        let disk = disk();
        let mut log = open(&disk).unwrap().log;
        append(&mut log, 0..40, 1);
        if crash {
            // Between the two steps of an installation.
            log.snapshot_file(id).write(&snapshot(0)).unwrap();
        } else {
            log.write_snapshot_part(id, 0, &snapshot(0)).unwrap();
            log.install_snapshot(id, 0).unwrap();
            append(&mut log, 20..21, 5);
        }
        log.close().unwrap();
        let state = open(&disk).unwrap().state;
        let end = OffsetAndEpoch { offset: if crash { 20 } else { 21 }, epoch: 5 };
        assert_eq!((state.start_offset(), state.end()), (20, end), "crash: {crash}");
    }
}

/// A crash between the two steps of an installation leaves a tail that was never committed, whatever its epoch: what a
/// snapshot says is.
#[test]
fn a_log_that_a_snapshot_contradicts_is_begun_anew() {
    for (name, snapshot_at, epoch, rest) in [
        ("the snapshot goes on where the log ends", 20, 6, false),
        ("the log has other records there", 12, 6, false),
        ("the log has these records", 12, 7, true),
        ("the log has these records, and later ones", 8, 5, true),
    ] {
        let disk = disk();
        let mut log = open(&disk).unwrap().log;
        append(&mut log, 0..10, 5);
        append(&mut log, 10..15, 7);
        let id = OffsetAndEpoch { offset: snapshot_at, epoch };
        log.snapshot_file(id).write(&snapshot(0)).unwrap();
        log.close().unwrap();
        let state = open(&disk).unwrap().state;
        let expect = if rest { OffsetAndEpoch { offset: 15, epoch: 7 } } else { id };
        assert_eq!(state.end(), expect, "{name}");
    }
}

/// A file that was well, damaged.
fn damaged(content: &[u8], how: &str) -> Vec<u8> {
    let mut content = content.to_vec();
    match how {
        "flipped" => {
            let middle = content.len() / 2;
            content[middle] ^= 0x55;
        }
        "cut" => content.truncate(content.len() - 10),
        _ => content.clear(),
    }
    content
}

#[test]
fn a_cluster_does_not_begin_with_less_than_it_was_given() {
    let (disk, dir) = (disk(), Path::new("/metadata"));
    disk.create_dir_all(dir).unwrap();
    assert_eq!(read_bootstrap(&disk, dir).unwrap(), bootstrap::without_file(), "none was given");
    let records = [MetadataRecord::from(FeatureLevelRecord {
        name: "metadata.version".into(),
        feature_level: 30,
        ..Default::default()
    })];
    let content = bootstrap::encode(&records, 0).unwrap();
    let path = dir.join(bootstrap::FILE_NAME);
    disk.replace_file(&path, &content).unwrap();
    assert_eq!(read_bootstrap(&disk, dir).unwrap(), records);
    for how in ["flipped", "cut", "emptied"] {
        disk.replace_file(&path, &damaged(&content, how)).unwrap();
        let message = read_bootstrap(&disk, dir).unwrap_err().to_string();
        let said = [
            "/metadata/bootstrap.checkpoint: what the cluster is to begin with",
            "format the directory anew",
        ];
        assert!(said.iter().all(|said| message.contains(said)), "{how}: {message}");
    }
}

#[test]
fn what_cannot_be_trusted_is_refused_with_a_way_out() {
    let disk = disk();
    let mut log = open(&disk).unwrap().log;
    append(&mut log, 0..5, 1);
    log.write_quorum_state("{").unwrap();
    log.close().unwrap();
    let message = refusal(open(&disk));
    assert!(message.contains("quorum-state") && message.contains("vote twice"), "{message}");

    for damage in ["flipped", "cut", "emptied"] {
        let disk = self::disk();
        let mut log = open(&disk).unwrap().log;
        let id = OffsetAndEpoch { offset: 20, epoch: 5 };
        log.write_snapshot_part(id, 0, &snapshot(0)).unwrap();
        log.install_snapshot(id, 0).unwrap();
        log.close().unwrap();
        disk.replace_file(&log.dir.join(snapshot_name(id)), &damaged(&snapshot(0), damage)).unwrap();
        // What does not show in the control records shows when the image is made.
        let message = match open(&disk) {
            Err(error) => error.to_string(),
            Ok(opened) => {
                let (id, content) = opened.snapshot.unwrap();
                let reason = load_snapshot(id, content).map(|_| ()).unwrap_err();
                opened.log.bad_snapshot(id, reason).to_string()
            }
        };
        assert!(
            message.contains("the snapshot cannot be used") && message.contains("copy"),
            "{damage}: {message}"
        );
    }

    let disk = self::disk();
    let mut log = open(&disk).unwrap().log;
    let id = OffsetAndEpoch { offset: 20, epoch: 5 };
    log.write_snapshot_part(id, 0, &snapshot(0)).unwrap();
    log.install_snapshot(id, 0).unwrap();
    log.close().unwrap();
    disk.remove_file(&log.dir.join(snapshot_name(id))).unwrap();
    let message = refusal(open(&disk));
    assert!(message.contains("starts at offset 20") && message.contains("format"), "{message}");
}

/// The log as a run left it, and what became of its files since.
#[test]
fn a_log_that_lacks_what_was_synced_is_refused() {
    let dir = Path::new(DIR).join("__cluster_metadata-0");
    let first = dir.join("00000000000000000000.log");
    for (committed, how, said) in [
        (Some(5), "flipped", Some("is where 1 was")),
        (Some(5), "cut", Some("the file ends within a batch")),
        (Some(5), "emptied", Some("can be read up to offset 0")),
        (Some(5), "removed", Some("000.log, byte ")),
        (Some(5), "nothing", None),
        // A node of Kafka may have used the directory since, and have followed a leader that has other records there.
        (Some(0), "emptied", None),
        // What was written after the last sync that was noted may be torn, or have lost its middle.
        (None, "flipped", None),
        (None, "cut", None),
        (None, "emptied", None),
    ] {
        let disk = disk();
        let mut log = open(&disk).unwrap().log;
        append(&mut log, 0..5, 1);
        if let Some(committed) = committed {
            log.note_committed(committed);
            log.close().unwrap();
        }
        drop(log);
        let names = disk.read_dir(&dir).unwrap();
        assert!(names.iter().filter(|entry| entry.name.ends_with(".log")).count() > 1);
        let content = disk.read_file(&first, 1 << 20).unwrap();
        match how {
            "nothing" => {}
            "removed" => {
                let second =
                    names.iter().map(|entry| &entry.name).filter(|name| name.ends_with(".log")).nth(1);
                disk.remove_file(&dir.join(second.unwrap())).unwrap();
            }
            _ => disk.replace_file(&first, &damaged(&content, how)).unwrap(),
        }
        let Some(said) = said else {
            assert!(open(&disk).is_ok(), "{how}, committed: {committed:?}");
            continue;
        };
        for _ in 0..2 {
            let message = refusal(open(&disk));
            assert!(message.contains(said), "{how}: {message}");
            assert!(
                message.contains("up to offset 5") && message.contains("Bring the file back"),
                "{how}: {message}"
            );
        }
        disk.remove_file(&dir.join(RECOVERY_POINT_FILE)).unwrap();
        assert!(open(&disk).is_ok(), "{how}: the way out");
    }
}

#[test]
fn a_log_that_was_cut_by_its_leader_is_not_refused() {
    let id = OffsetAndEpoch { offset: 3, epoch: 1 };
    for by_snapshot in [false, true] {
        let disk = disk();
        let mut log = open(&disk).unwrap().log;
        append(&mut log, 0..5, 1);
        log.note_committed(5);
        log.close().unwrap();
        let mut log = open(&disk).unwrap().log;
        if by_snapshot {
            log.write_snapshot_part(id, 0, &snapshot(0)).unwrap();
            log.install_snapshot(id, 0).unwrap();
        } else {
            log.truncate(3, 0).unwrap();
        }
        // It is not closed.
        drop(log);
        assert_eq!(open(&disk).unwrap().state.end_offset(), 3, "by snapshot: {by_snapshot}");
    }
}
