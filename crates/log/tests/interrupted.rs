//! What takes segments away may be interrupted anywhere: the next start finds a log without a hole.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use klamm_log::{Append, Log, LogConfig};
use support::*;

fn config() -> Arc<LogConfig> {
    Arc::new(LogConfig { segment_bytes: 300, ..LogConfig::default() })
}

/// A log of several segments, and their files.
fn log_of_segments(dir: &Path) -> (Log, Vec<PathBuf>) {
    let mut log = open(&handles(10), dir, &config(), &Opening::default());
    for _ in 0..12 {
        log.append_as_leader(&mut [batch(&[NOW_MS])], Append::client(0, NOW_MS)).unwrap();
    }
    let files = files_with(dir, ".log");
    assert!(files.len() >= 4, "{files:?}");
    (log, files)
}

/// Something that makes the removal of a segment fail: its new name is that of a directory with something in it.
fn obstacle(segment: &Path) -> PathBuf {
    let path = segment.with_extension("log.deleted");
    std::fs::create_dir_all(path.join("x")).unwrap();
    path
}

fn assert_without_hole(dir: &Path) {
    let mut log = open(&handles(10), dir, &config(), &Opening::default());
    let mut next = 0;
    for batch in read_all(&mut log, 0, 1000).unwrap() {
        assert_eq!(batch.base_offset, next);
        next = batch.next_offset();
    }
    assert!(next > 0);
    assert_eq!(log.log_end_offset(), next);
}

#[test]
fn of_a_recovery() {
    let dir = TempDir::new("interrupted-recovery");
    let (log, files) = log_of_segments(&dir.0);
    drop(log);
    let mut content = std::fs::read(&files[1]).unwrap();
    *content.last_mut().unwrap() ^= 1;
    std::fs::write(&files[1], &content).unwrap();
    let obstacle = obstacle(&files[2]);
    assert!(try_open(&handles(10), &dir.0, &config(), &Opening::default()).is_err());
    std::fs::remove_dir_all(obstacle).unwrap();
    assert_without_hole(&dir.0);
}

#[test]
fn of_a_truncation() {
    let dir = TempDir::new("interrupted-truncation");
    let (mut log, files) = log_of_segments(&dir.0);
    let obstacle = obstacle(&files[2]);
    assert!(log.truncate_to(1, NOW_MS).is_err());
    drop(log);
    std::fs::remove_dir_all(obstacle).unwrap();
    assert_without_hole(&dir.0);
}

/// A follower takes back its end and writes another one; then the power goes, and with it the new file of leader epochs.
#[test]
fn of_a_sync_of_leader_epochs() {
    for (cut_at, epoch) in [(3, 6), (4, 6), (3, 7), (4, 5), (3, 4)] {
        let dir = TempDir::new("interrupted-epochs");
        let config = Arc::new(LogConfig::default());
        let mut log = open(&handles(10), &dir.0, &config, &Opening::default());
        let append = |log: &mut Log, epoch, count| {
            for _ in 0..count {
                log.append_as_leader(&mut [batch(&[NOW_MS])], Append::client(epoch, NOW_MS)).unwrap();
            }
        };
        append(&mut log, 3, 3);
        append(&mut log, 5, 2);
        append(&mut log, 6, 3);
        let old = std::fs::read(dir.0.join("leader-epoch-checkpoint")).unwrap();
        log.truncate_to(cut_at, NOW_MS).unwrap();
        append(&mut log, epoch, 4);
        drop(log);
        std::fs::write(dir.0.join("leader-epoch-checkpoint"), old).unwrap();
        let mut log = open(&handles(10), &dir.0, &config, &Opening::default());
        for batch in read_all(&mut log, 0, 1000).unwrap() {
            let found = log.leader_epochs().epoch_for_offset(batch.base_offset);
            assert_eq!(found, Some(batch.partition_leader_epoch), "cut at {cut_at}, then epoch {epoch}");
        }
    }
}

/// A loss of power has taken the end of a closed segment. Of a compacted log that is remembered from start to start, however
/// it was stopped, until its records are fetched again.
#[test]
fn a_gap_is_doubted_until_it_is_closed() {
    let dir = TempDir::new("interrupted-doubt");
    let config =
        Arc::new(LogConfig { segment_bytes: 300, compact: true, delete: false, ..LogConfig::default() });
    let opened = |recovery_point, clean| {
        let opening = Opening { recovery_point, clean, ..Opening::default() };
        open(&handles(10), &dir.0, &config, &opening)
    };
    let mut log = opened(0, false);
    for _ in 0..12 {
        log.append_as_leader(&mut [batch(&[NOW_MS])], Append::client(0, NOW_MS)).unwrap();
    }
    let end = log.log_end_offset();
    let next = log.segment_base_offsets().nth(2).unwrap();
    drop(log);
    let closed = &files_with(&dir.0, ".log")[1];
    let length = std::fs::metadata(closed).unwrap().len();
    let one_less = length - u64::try_from(bytes_of(&batch(&[NOW_MS])).len()).unwrap();
    std::fs::OpenOptions::new().write(true).open(closed).unwrap().set_len(one_less).unwrap();

    let mut log = opened(0, false);
    assert_eq!((log.doubted_from(), log.log_end_offset()), (Some(next - 1), end));
    let flushed = log.flush_handle(true).unwrap().sync().unwrap();
    log.mark_flushed(flushed, NOW_MS);
    assert_eq!(log.recovery_point(), next - 1, "another crash must find the gap again");
    for clean in [false, true, true] {
        log.close().unwrap().sync().unwrap();
        let recovery_point = log.recovery_point();
        drop(log);
        log = opened(recovery_point, clean);
        assert_eq!(log.doubted_from(), Some(next - 1), "clean: {clean}");
    }
    log.truncate_to(next - 1, NOW_MS).unwrap();
    assert_eq!(log.doubted_from(), None);
    assert_eq!(log.log_end_offset(), next - 1);
}
