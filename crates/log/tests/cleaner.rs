//! What the log cleaner leaves of a log, when it cleans, and what else may happen to the log meanwhile.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use klamm_log::cleaner::{CleanedSegment, CleanerSettings, Cleaning, Step};
use klamm_log::{Append, AppendOrigin, Log, LogConfig};
use klamm_protocol::records::{BatchBuilder, BatchOptions, NewBatch};
use support::*;

const RETENTION_MS: i64 = 1000;

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 400,
        compact: true,
        delete: false,
        delete_retention_ms: RETENTION_MS,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

fn open_log(dir: &Path, config: &LogConfig) -> Log {
    open(&handles(20), dir, &Arc::new(config.clone()), &Opening::default())
}

/// A batch of one record; without a value it is a tombstone.
fn keyed(options: BatchOptions, key: &str, value: Option<&str>, timestamp: i64) -> NewBatch {
    let mut builder = BatchBuilder::new(options);
    builder.append(timestamp, Some(key.as_bytes()), value.map(str::as_bytes), &[]).unwrap();
    NewBatch::from_built(builder.build().unwrap()).unwrap()
}

fn put(log: &mut Log, key: &str, value: Option<&str>) {
    let new = keyed(BatchOptions::default(), key, value, NOW_MS);
    log.append_as_leader(&mut [new], Append::client(0, NOW_MS)).unwrap();
    log.set_high_watermark(log.log_end_offset());
}

fn put_in_transaction(log: &mut Log, producer_id: i64, sequence: i32, key: &str, value: Option<&str>) {
    let options = BatchOptions {
        producer_id,
        producer_epoch: 0,
        base_sequence: sequence,
        transactional: true,
        ..BatchOptions::default()
    };
    log.append_as_leader(&mut [keyed(options, key, value, NOW_MS)], Append::client(0, NOW_MS)).unwrap();
    log.set_high_watermark(log.log_end_offset());
}

fn end_transaction(log: &mut Log, producer_id: i64, commit: bool) {
    let append = Append { origin: AppendOrigin::Coordinator, ..Append::client(0, NOW_MS) };
    log.append_as_leader(&mut [marker(producer_id, 0, 0, commit, NOW_MS)], append).unwrap();
    log.set_high_watermark(log.log_end_offset());
}

/// Seals the active segment and syncs it, which the checkpoint file tells.
fn roll(log: &mut Log) {
    log.roll(NOW_MS).unwrap();
    let flushed = log.flush_handle(false).unwrap().sync().unwrap();
    log.mark_flushed(flushed, NOW_MS);
    log.mark_checkpointed(log.recovery_point());
}

fn settings() -> CleanerSettings {
    settings_of(1 << 20)
}

fn settings_of(dedupe_buffer_bytes: u64) -> CleanerSettings {
    CleanerSettings { dedupe_buffer_bytes, load_factor: 0.9, io_buffer_bytes: 0, hash_key: [3; 16] }
}

/// Steps until a segment is finished, or the end.
fn next_segment(cleaning: &mut Cleaning) -> Option<CleanedSegment> {
    loop {
        match cleaning.step().unwrap() {
            Step::More { .. } => {}
            Step::Cleaned(segment) => return Some(segment),
            Step::Done { .. } | Step::Aborted => return None,
        }
    }
}

/// A whole round. Returns up to where the log is clean.
fn clean(log: &mut Log, settings: CleanerSettings, now_ms: i64) -> i64 {
    let mut cleaning = log.start_cleaning(settings, now_ms).unwrap().unwrap();
    loop {
        match cleaning.step().unwrap() {
            Step::More { .. } => {}
            Step::Cleaned(segment) => assert!(log.swap_cleaned(&segment, now_ms).unwrap()),
            Step::Done { end_offset } => {
                log.end_cleaning(&cleaning.id(), Some(end_offset));
                return end_offset;
            }
            Step::Aborted => panic!("nobody has aborted it"),
        }
    }
}

/// Offset, key and value of all records; `-` for none.
fn records(log: &mut Log) -> Vec<String> {
    let text = |bytes: Option<bytes::Bytes>| {
        bytes.map_or("-".to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let batches = read_all(log, log.log_start_offset(), 10_000).unwrap();
    let data = batches.into_iter().filter(|batch| !batch.is_control());
    data.flat_map(|batch| batch.records().unwrap().map(Result::unwrap).collect::<Vec<_>>())
        .map(|record| format!("{} {}={}", record.offset, text(record.key), text(record.value)))
        .collect()
}

/// What a reader who goes by keys ends up with.
fn table(log: &mut Log) -> BTreeMap<String, String> {
    let records = records(log);
    let pairs = records.iter().map(|text| text.split_once(' ').unwrap().1.split_once('=').unwrap());
    let all: BTreeMap<_, _> = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    all.into_iter().filter(|(_, value)| value != "-").collect()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_tombstone_goes_once_everybody_has_had_the_time_to_see_it() {
    let dir = TempDir::new("cleaner-tombstone");
    let mut log = open_log(&dir.0, &config());
    for (key, value) in [("a", Some("1")), ("b", Some("1")), ("a", None), ("b", Some("2"))] {
        put(&mut log, key, value);
    }
    roll(&mut log);
    assert_eq!(clean(&mut log, settings(), NOW_MS), 4);
    assert_eq!(records(&mut log), ["2 a=-", "3 b=2"]);
    for (later, expect) in
        [(RETENTION_MS - 1, &["2 a=-", "3 b=2", "4 c=1"][..]), (RETENTION_MS, &["3 b=2", "4 c=1"])]
    {
        put(&mut log, "c", Some("1"));
        roll(&mut log);
        clean(&mut log, settings(), NOW_MS + later);
        let found = records(&mut log);
        let kept: Vec<_> = found.iter().filter(|text| !text.contains("c=")).collect();
        let expect: Vec<_> = expect.iter().filter(|text| !text.contains("c=")).collect();
        assert_eq!(format!("{kept:?}"), format!("{expect:?}"), "{later} ms later");
    }
}

#[test]
fn what_is_undecided_active_or_young_stays() {
    let dir = TempDir::new("cleaner-bounds");
    let mut log = open_log(&dir.0, &LogConfig { min_compaction_lag_ms: 500, ..config() });
    put(&mut log, "a", Some("1"));
    put(&mut log, "a", Some("2"));
    assert_eq!(log.cleanable(NOW_MS + 1000).unwrap(), None, "active");
    roll(&mut log);
    assert_eq!(log.cleanable(NOW_MS).unwrap(), None, "young");
    assert!(log.cleanable(NOW_MS + 500).unwrap().unwrap().cleanable_bytes > 0);
    put_in_transaction(&mut log, 7, 0, "a", Some("3"));
    roll(&mut log);
    put(&mut log, "a", Some("4"));
    roll(&mut log);
    assert_eq!(log.cleanable(NOW_MS + 500).unwrap().unwrap().first_uncleanable_offset, 2, "undecided");
    end_transaction(&mut log, 7, true);
    assert_eq!(log.cleanable(NOW_MS + 500).unwrap().unwrap().first_uncleanable_offset, 4);
    log.mark_checkpointed(1);
    assert_eq!(log.cleanable(NOW_MS + 500).unwrap(), None, "the checkpoint file does not call it synced");
    log.mark_checkpointed(log.recovery_point());
    log.set_high_watermark(1);
    assert_eq!(log.cleanable(NOW_MS + 500).unwrap(), None, "not replicated");
}

#[test]
fn a_log_is_due_by_its_dirt_or_by_its_age() {
    let dir = TempDir::new("cleaner-due");
    let mut log = open_log(&dir.0, &LogConfig { max_compaction_lag_ms: 5000, ..config() });
    for _ in 0..3 {
        put(&mut log, "a", Some("1"));
        roll(&mut log);
    }
    // Checkpoint, time: first dirty offset, dirty ratio, milliseconds overdue.
    for (checkpoint, later, expect) in [
        (None, 0, (0, 1.0, 0)),
        (Some(2), 5000, (2, 1.0 / 3.0, 0)),
        (Some(2), 5001, (2, 1.0 / 3.0, 1)),
        (Some(1), 5900, (1, 2.0 / 3.0, 900)),
        (Some(3), 9000, (3, 0.0, 0)),
        // Beyond the log: nothing is believed.
        (Some(4), 0, (0, 1.0, 0)),
    ] {
        log.set_cleaner_checkpoint(checkpoint);
        let found = log.cleanable(NOW_MS + later).unwrap().unwrap();
        let ratio = (found.dirty_ratio() * 1000.0).round() / 1000.0;
        let ratio_expected = (expect.1 * 1000.0_f64).round() / 1000.0;
        assert_eq!((found.first_dirty_offset, found.overdue_ms), (expect.0, expect.2), "{checkpoint:?}");
        assert!((ratio - ratio_expected).abs() < f64::EPSILON, "{checkpoint:?}: {ratio}");
        assert_eq!(found.is_due(0.5), ratio > 0.5 || expect.2 > 0, "{checkpoint:?}");
    }
    assert_eq!(log.cleaner_checkpoint(), Some(0));
    log.set_config(Arc::new(LogConfig { compact: false, ..config() }));
    assert_eq!(log.cleanable(NOW_MS).unwrap(), None);
}

#[test]
fn a_full_map_ends_the_round_and_not_the_log() {
    let dir = TempDir::new("cleaner-full");
    let mut log = open_log(&dir.0, &config());
    for round in 0..3 {
        for key in 0..30 {
            put(&mut log, &format!("key-{key}"), Some(&format!("{round}")));
        }
    }
    roll(&mut log);
    let mut ends = vec![0];
    while ends.last() < Some(&90) {
        let end = clean(&mut log, settings_of(24 * 16), NOW_MS);
        assert!(ends.last() < Some(&end), "{ends:?}");
        ends.push(end);
    }
    assert!(ends.len() > 3, "{ends:?}");
    let expect: BTreeMap<_, _> = (0..30).map(|key| (format!("key-{key}"), "2".to_owned())).collect();
    assert_eq!(table(&mut log), expect);
}

/// Kafka does not see that tombstone while it looks for the latest offsets, and once the tombstone has gone the value is
/// back.
#[test]
fn a_committed_tombstone_counts_although_its_producer_has_aborted_before() {
    let dir = TempDir::new("cleaner-aborted-before");
    let mut log = open_log(&dir.0, &LogConfig { segment_bytes: 100_000, ..config() });
    put(&mut log, "deleted", Some("value"));
    for sequence in 0..14 {
        put(&mut log, &format!("other-{sequence}"), Some("value"));
    }
    put_in_transaction(&mut log, 7, 0, "deleted", Some("never"));
    end_transaction(&mut log, 7, false);
    put(&mut log, "last", Some("value"));
    put_in_transaction(&mut log, 7, 1, "deleted", None);
    end_transaction(&mut log, 7, true);
    roll(&mut log);
    // The first round ends within the segment, behind the abort; the second begins there.
    assert_eq!(clean(&mut log, settings_of(24 * 17), NOW_MS), 17);
    for round in 1..4 {
        put(&mut log, "new", Some("value"));
        roll(&mut log);
        clean(&mut log, settings_of(24 * 17), NOW_MS + round * 2 * RETENTION_MS);
    }
    assert!(!table(&mut log).contains_key("deleted"), "{:?}", records(&mut log));
}

#[test]
fn the_last_batch_of_a_producer_stays() {
    let dir = TempDir::new("cleaner-producer");
    let mut log = open_log(&dir.0, &config());
    let new = |sequence| {
        let options = BatchOptions {
            producer_id: 7,
            producer_epoch: 0,
            base_sequence: sequence,
            ..BatchOptions::default()
        };
        keyed(options, "a", Some("of the producer"), NOW_MS)
    };
    for sequence in 0..2 {
        log.append_as_leader(&mut [new(sequence)], Append::client(0, NOW_MS)).unwrap();
    }
    for _ in 0..2 {
        put(&mut log, "a", Some("of another"));
    }
    roll(&mut log);
    clean(&mut log, settings(), NOW_MS);
    assert_eq!(records(&mut log), ["3 a=of another"]);
    log.close().unwrap().sync().unwrap();
    drop(log);
    for snapshot in files_with(&dir.0, ".snapshot") {
        std::fs::remove_file(snapshot).unwrap();
    }
    // Only the batch can tell.
    let mut log = open_log(&dir.0, &config());
    let repeated = log.append_as_leader(&mut [new(1)], Append::client(0, NOW_MS)).unwrap();
    assert_eq!(repeated.first_offset, 1);
    assert!(repeated.duplicate_timestamp.is_some());
    assert!(log.append_as_leader(&mut [new(3)], Append::client(0, NOW_MS)).is_err());
    assert_eq!(log.append_as_leader(&mut [new(2)], Append::client(0, NOW_MS)).unwrap().first_offset, 4);
}

fn dirty_log(dir: &Path) -> Log {
    let mut log = open_log(dir, &config());
    for round in 0..3 {
        for key in 0..10 {
            put(&mut log, &format!("key-{key}"), Some(&format!("{round}")));
        }
    }
    roll(&mut log);
    log
}

#[test]
fn what_changes_the_log_ends_its_cleaning() {
    type Change = fn(&mut Log);
    let changes: [(&str, Change); 4] = [
        ("truncation", |log| assert!(log.truncate_to(5, NOW_MS).unwrap())),
        ("new start", |log| log.truncate_fully_and_start_at(100, None, NOW_MS).unwrap()),
        ("deletion", |log| log.rename_dir("orders-0.0123-delete").unwrap()),
        ("policy", |log| log.set_config(Arc::new(LogConfig { compact: false, ..config() }))),
    ];
    for (what, change) in changes {
        let root = TempDir::new("cleaner-changes");
        let dir = root.0.join("orders-0");
        let mut log = dirty_log(&dir);
        log.set_cleaner_checkpoint(Some(10));
        let mut cleaning = log.start_cleaning(settings(), NOW_MS).unwrap().unwrap();
        let finished = next_segment(&mut cleaning).unwrap();
        change(&mut log);
        assert!(!log.swap_cleaned(&finished, NOW_MS).unwrap(), "{what}");
        finished.discard();
        assert!(matches!(cleaning.step().unwrap(), Step::Aborted), "{what}");
        log.end_cleaning(&cleaning.id(), Some(30));
        drop(cleaning);
        // The files of a deleted log go with it.
        let left = names(log.dir()).iter().any(|name| name.contains(".cleaned"));
        assert_eq!(left, what == "deletion", "{what}");
        let expect = if what == "truncation" { Some(5) } else { Some(10) };
        assert_eq!(log.cleaner_checkpoint(), expect, "{what}");
        let end = log.log_end_offset();
        drop(log);
        if what != "deletion" {
            assert_eq!(open_log(&dir, &config()).log_end_offset(), end, "{what}");
        }
    }
}

#[test]
fn retention_waits_for_the_cleaner() {
    let dir = TempDir::new("cleaner-retention");
    let mut log = dirty_log(&dir.0);
    log.advance_log_start_offset(15).unwrap();
    let cleaning = log.start_cleaning(settings(), NOW_MS).unwrap().unwrap();
    assert_eq!(log.delete_old_segments(NOW_MS).unwrap(), 0);
    assert_eq!(log.cleanable(NOW_MS).unwrap(), None, "it is being cleaned");
    drop(cleaning);
    assert!(log.cleanable(NOW_MS).unwrap().is_some(), "whoever cleaned it has given up");
    let mut cleaning = log.start_cleaning(settings(), NOW_MS).unwrap().unwrap();
    while let Some(segment) = next_segment(&mut cleaning) {
        assert!(log.swap_cleaned(&segment, NOW_MS).unwrap());
        segment.sync_names().unwrap();
    }
    log.end_cleaning(&cleaning.id(), Some(30));
    log.advance_log_start_offset(30).unwrap();
    assert!(log.delete_old_segments(NOW_MS).unwrap() > 0);
}

#[test]
fn damage_makes_a_log_uncleanable_and_no_worse() {
    let dir = TempDir::new("cleaner-damage");
    let mut log = dirty_log(&dir.0);
    let before = table(&mut log);
    let file = files_with(&dir.0, ".log").swap_remove(1);
    let mut content = std::fs::read(&file).unwrap();
    // A value; records end with the number of their headers.
    let at = content.len() - 2;
    content[at] ^= 1;
    std::fs::write(&file, &content).unwrap();
    let mut cleaning = log.start_cleaning(settings(), NOW_MS).unwrap().unwrap();
    let failed = loop {
        match cleaning.step() {
            Ok(Step::More { .. }) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert!(!failed.is_fault(), "{failed}");
    log.end_cleaning(&cleaning.id(), None);
    assert_eq!(log.cleanable(NOW_MS).unwrap(), None);
    assert_eq!(table(&mut log).len(), before.len());
}

/// Stops a swap after each of its steps, and starts again.
#[test]
fn a_swap_that_was_interrupted_is_finished_or_undone() {
    let original = TempDir::new("cleaner-swap");
    let mut log = dirty_log(&original.0);
    let expect = table(&mut log);
    let old: Vec<i64> = log.segment_base_offsets().collect();
    // Several segments become one.
    log.set_config(Arc::new(LogConfig { segment_bytes: 4000, ..config() }));
    let mut cleaning = log.start_cleaning(settings(), NOW_MS).unwrap().unwrap();
    let finished = next_segment(&mut cleaning).unwrap();
    let cleaned =
        |suffix: &str| names(&original.0).into_iter().filter(|n| n.ends_with(suffix)).collect::<Vec<_>>();
    let files: Vec<String> =
        cleaned(".cleaned").iter().map(|name| name.strip_suffix(".cleaned").unwrap().to_owned()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    let before: BTreeMap<String, Vec<u8>> = names(&original.0)
        .into_iter()
        .map(|n| (n.clone(), std::fs::read(original.0.join(n)).unwrap()))
        .collect();
    assert!(log.swap_cleaned(&finished, NOW_MS).unwrap());
    let replaced: Vec<i64> = old
        .iter()
        .copied()
        .filter(|base| *base == 0 || !log.segment_base_offsets().any(|b| b == *base))
        .collect();
    assert!(replaced.len() > 1, "{replaced:?}");
    // The order in which names change.
    let mut renames: Vec<(String, String)> = Vec::new();
    renames.extend(files.iter().map(|f| (format!("{f}.cleaned"), format!("{f}.swap"))));
    for base in &replaced {
        for extension in ["log", "index", "timeindex"] {
            let name = format!("{base:020}.{extension}");
            renames.push((name.clone(), name + ".deleted"));
        }
    }
    renames.extend(files.iter().map(|f| (format!("{f}.swap"), f.clone())));
    let work = TempDir::new("cleaner-swap-work");
    for done in 0..=renames.len() {
        let dir = work.0.join(format!("orders-{done}"));
        std::fs::create_dir_all(&dir).unwrap();
        for (name, content) in &before {
            std::fs::write(dir.join(name), content).unwrap();
        }
        for (from, to) in &renames[..done] {
            std::fs::rename(dir.join(from), dir.join(to)).unwrap();
        }
        let mut log = open_log(&dir, &config());
        assert_eq!(table(&mut log), expect, "after {done} steps");
        assert_eq!(log.log_end_offset(), 30, "after {done} steps");
        let left = names(&dir);
        let is_odd = |name: &String| [".cleaned", ".swap", ".deleted"].iter().any(|s| name.ends_with(s));
        assert!(!left.iter().any(is_odd), "after {done} steps: {left:?}");
        let is_new = !log.segment_base_offsets().any(|base| base == replaced[1]);
        assert_eq!(is_new, done >= files.len(), "after {done} steps");
    }
}
