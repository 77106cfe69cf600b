//! What a log does, case by case.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::sync::Arc;

use klamm_log::{
    AbortedTxn, Append, AppendOrigin, Appended, Error, Isolation, Log, LogConfig, OffsetSpec, Result,
};
use klamm_protocol::records::{BatchIter, BatchOptions, Compression, CompressionType, NewBatch};
use support::*;

struct Setup {
    dir: TempDir,
    handles: klamm_log::Handles,
    config: Arc<LogConfig>,
}

impl Setup {
    fn new(name: &str, config: LogConfig) -> (Self, Log) {
        let setup = Self { dir: TempDir::new(name), handles: handles(100), config: Arc::new(config) };
        let log = setup.open(&Opening::default());
        (setup, log)
    }

    fn open(&self, opening: &Opening) -> Log {
        open(&self.handles, &self.dir.0, &self.config, opening)
    }
}

fn append(log: &mut Log, batch: NewBatch) -> Result<Appended> {
    log.append_as_leader(&mut [batch], Append::client(0, NOW_MS))
}

fn append_marker(log: &mut Log, batch: NewBatch) -> Result<Appended> {
    let origin = AppendOrigin::Coordinator;
    log.append_as_leader(&mut [batch], Append { origin, ..Append::client(0, NOW_MS) })
}

fn last_offsets(log: &mut Log, from: i64, bytes_max: u32, isolation: Isolation) -> Vec<i64> {
    let data = log.read(from, bytes_max, isolation, true).unwrap();
    let Some(slice) = data.records else { return Vec::new() };
    BatchIter::new(slice.read().unwrap()).map(|batch| batch.unwrap().last_offset()).collect()
}

#[test]
fn sequences_of_a_producer() {
    // Epoch, sequence, records -> first offset, or the refusal.
    let cases: &[(i16, i32, i64, std::result::Result<i64, &str>)] = &[
        (0, 5, 2, Ok(0)), // An unknown producer may start anywhere.
        (0, 7, 1, Ok(2)),
        (0, 8, 1, Ok(3)),
        (0, 7, 1, Ok(2)), // Repeated: the offset of the first time.
        (0, 5, 2, Ok(0)),
        (0, 10, 1, Err("out of order sequence")),
        (0, 8, 2, Err("out of order sequence")), // Not the same batch.
        (0, 9, 1, Ok(4)),
        (0, 10, 1, Ok(5)),
        (0, 11, 1, Ok(6)),
        (0, 5, 2, Err("out of order sequence")), // Five batches later it is forgotten.
        (1, 3, 1, Err("out of order sequence")), // A new epoch starts at 0.
        (1, 0, 1, Ok(7)),
        (0, 12, 1, Err("last seen epoch")), // The old epoch is fenced.
        (1, 1, 1, Ok(8)),
    ];
    let (setup, mut log) = Setup::new("sequences", LogConfig::default());
    for (index, (epoch, sequence, records, expect)) in cases.iter().enumerate() {
        let timestamps = vec![NOW_MS; usize::try_from(*records).unwrap()];
        let result = append(&mut log, producer_batch(7, *epoch, *sequence, false, &timestamps));
        match (result, expect) {
            (Ok(appended), Ok(offset)) => assert_eq!(appended.first_offset, *offset, "case {index}"),
            (Err(e), Err(text)) => assert!(e.to_string().contains(text), "case {index}: {e}"),
            (result, _) => panic!("case {index}: {result:?}"),
        }
    }
    // After a restart a snapshot has the last batch only; those before it are in the log.
    let flushed = log.close().unwrap().sync().unwrap();
    log.mark_flushed(flushed, NOW_MS);
    drop(log);
    let mut log = setup.open(&Opening { clean: true, ..Opening::default() });
    let duplicate = append(&mut log, producer_batch(7, 1, 1, false, &[NOW_MS])).unwrap();
    assert_eq!((duplicate.first_offset, duplicate.duplicate_timestamp), (8, Some(NOW_MS)));
    let duplicate = append(&mut log, producer_batch(7, 1, 0, false, &[NOW_MS])).unwrap();
    assert_eq!((duplicate.first_offset, duplicate.duplicate_timestamp), (7, Some(NOW_MS)));
    assert!(append(&mut log, producer_batch(7, 1, 3, false, &[NOW_MS])).is_err());
    // And after its time it is forgotten.
    log.remove_expired_producers(NOW_MS + setup.config.producer_id_expiration_ms);
    assert_eq!(append(&mut log, producer_batch(7, 0, 100, false, &[NOW_MS])).unwrap().first_offset, 9);
}

#[test]
fn batches_before_a_snapshot_are_known() {
    // Segments of a few batches; another producer writes between.
    let config = LogConfig { segment_bytes: 400, ..LogConfig::default() };
    let (setup, mut log) = Setup::new("recall", config);
    for sequence in 0..12 {
        append(&mut log, producer_batch(7, 0, sequence, false, &[NOW_MS])).unwrap();
        append(&mut log, producer_batch(8, 0, sequence, false, &[NOW_MS])).unwrap();
    }
    let flushed = log.close().unwrap().sync().unwrap();
    log.mark_flushed(flushed, NOW_MS);
    drop(log);
    let again = |log: &mut Log, sequence| {
        let appended = append(log, producer_batch(7, 0, sequence, false, &[NOW_MS]));
        appended.map(|appended| (appended.first_offset, appended.duplicate_timestamp.is_some()))
    };
    let mut log = setup.open(&Opening { clean: true, ..Opening::default() });
    assert!(log.segment_count() > 4);
    // As many as a producer has in flight, in any order; and then it goes on.
    for sequence in [9, 7, 8, 10, 11] {
        assert_eq!(again(&mut log, sequence).unwrap(), (2 * i64::from(sequence), true));
    }
    assert!(matches!(again(&mut log, 6), Err(Error::OutOfOrderSequence(_))));
    assert_eq!(again(&mut log, 12).unwrap(), (24, false));
    assert_eq!(again(&mut log, 8).unwrap(), (16, true));
    assert!(matches!(again(&mut log, 7), Err(Error::OutOfOrderSequence(_))));
}

#[test]
fn batches_that_are_near_are_known_though_the_search_for_more_ends() {
    let (setup, mut log) = Setup::new("recall-far", LogConfig::default());
    let write = |log: &mut Log, producer, sequence| {
        append(log, producer_batch(producer, 0, sequence, false, &[NOW_MS]))
    };
    write(&mut log, 7, 0).unwrap();
    for sequence in 0..21_000 {
        write(&mut log, 8, sequence).unwrap();
    }
    for sequence in 1..4 {
        write(&mut log, 7, sequence).unwrap();
    }
    let flushed = log.close().unwrap().sync().unwrap();
    log.mark_flushed(flushed, NOW_MS);
    drop(log);
    let mut log = setup.open(&Opening { clean: true, ..Opening::default() });
    // What comes too early is no reason to search.
    assert!(matches!(write(&mut log, 7, 9), Err(Error::OutOfOrderSequence(_))));
    assert_eq!(write(&mut log, 7, 2).unwrap().duplicate_timestamp, Some(NOW_MS));
    assert_eq!(write(&mut log, 7, 1).unwrap().duplicate_timestamp, Some(NOW_MS));
}

#[test]
fn sequences_wrap() {
    let (_setup, mut log) = Setup::new("wrap", LogConfig::default());
    append(&mut log, producer_batch(1, 0, i32::MAX - 1, false, &[NOW_MS; 3])).unwrap();
    let again = append(&mut log, producer_batch(1, 0, i32::MAX - 1, false, &[NOW_MS; 3])).unwrap();
    assert!(again.duplicate_timestamp.is_some());
    assert_eq!(append(&mut log, producer_batch(1, 0, 1, false, &[NOW_MS])).unwrap().first_offset, 3);
}

#[test]
fn transactions_hold_back_the_last_stable_offset() {
    let (setup, mut log) = Setup::new("transactions", LogConfig::default());
    append(&mut log, batch(&[NOW_MS; 2])).unwrap(); // 0..=1
    append(&mut log, producer_batch(1, 0, 0, true, &[NOW_MS; 2])).unwrap(); // 2..=3
    append(&mut log, producer_batch(2, 0, 0, true, &[NOW_MS])).unwrap(); // 4
    append(&mut log, batch(&[NOW_MS])).unwrap(); // 5
    log.set_high_watermark(6);
    assert_eq!(log.last_stable_offset(), 2);
    assert_eq!(last_offsets(&mut log, 0, 10_000, Isolation::Committed), [1]);
    assert_eq!(last_offsets(&mut log, 0, 10_000, Isolation::HighWatermark), [1, 3, 4, 5]);
    append_marker(&mut log, marker(1, 0, 3, false, NOW_MS)).unwrap(); // 6: abort
    // The marker is not replicated yet.
    assert_eq!(log.last_stable_offset(), 2);
    log.set_high_watermark(7);
    assert_eq!(log.last_stable_offset(), 4);
    let aborted = AbortedTxn { producer_id: 1, first_offset: 2, last_offset: 6, last_stable_offset: 4 };
    let data = log.read(0, 10_000, Isolation::Committed, true).unwrap();
    assert_eq!(data.aborted, Some(vec![aborted]));
    append_marker(&mut log, marker(2, 0, 3, true, NOW_MS)).unwrap(); // 7: commit
    log.set_high_watermark(8);
    assert_eq!(log.last_stable_offset(), 8);
    assert_eq!(log.read(7, 10_000, Isolation::Committed, true).unwrap().aborted, Some(Vec::new()));
    // An older coordinator is fenced, and so is the epoch before a marker's.
    let zombie = append_marker(&mut log, marker(2, 0, 2, true, NOW_MS));
    assert!(matches!(zombie, Err(Error::TransactionCoordinatorFenced(_))), "{zombie:?}");
    append_marker(&mut log, marker(2, 5, 3, false, NOW_MS)).unwrap();
    let fenced = append(&mut log, producer_batch(2, 4, 0, true, &[NOW_MS]));
    assert!(matches!(fenced, Err(Error::InvalidProducerEpoch(_))), "{fenced:?}");

    // A crash rebuilds all of it from the batches.
    append(&mut log, producer_batch(9, 0, 0, true, &[NOW_MS])).unwrap(); // 9
    drop(log);
    let mut log = setup.open(&Opening::default());
    let end = log.log_end_offset();
    log.set_high_watermark(end);
    assert_eq!((end, log.last_stable_offset()), (10, 9));
    assert_eq!(log.aborted_transactions(0, 10).unwrap(), [aborted]);
    let open_write = append(&mut log, producer_batch(9, 0, 1, false, &[NOW_MS]));
    assert!(matches!(open_write, Err(Error::InvalidTxnState(_))), "{open_write:?}");
    assert!(!log.has_late_transaction(NOW_MS + 1000));
    assert!(log.has_late_transaction(NOW_MS + 60 * 60 * 1000));
}

#[test]
fn a_transaction_that_ended_below_the_high_watermark_stays_ended_when_the_log_is_cut_back() {
    let (_setup, mut log) = Setup::new("cut-behind-transaction", LogConfig::default());
    append(&mut log, producer_batch(1, 0, 0, true, &[NOW_MS; 2])).unwrap(); // 0..=1
    append_marker(&mut log, marker(1, 0, 3, true, NOW_MS)).unwrap(); // 2: commit
    for _ in 3..=5 {
        append(&mut log, batch(&[NOW_MS])).unwrap();
    }
    log.set_high_watermark(4);
    for end in [5, 4] {
        log.truncate_to(end, NOW_MS).unwrap();
        assert_eq!((log.high_watermark(), log.last_stable_offset()), (4, 4), "cut back to {end}");
    }
    log.truncate_to(2, NOW_MS).unwrap();
    assert_eq!((log.high_watermark(), log.last_stable_offset()), (2, 0), "without its end");
}

#[test]
fn markers_of_transaction_version_2_must_raise_the_epoch() {
    let (_setup, mut log) = Setup::new("tv2", LogConfig::default());
    append(&mut log, producer_batch(1, 3, 0, true, &[NOW_MS])).unwrap();
    let write = |log: &mut Log, epoch| {
        let append =
            Append { origin: AppendOrigin::Coordinator, transaction_version: 2, ..Append::client(0, NOW_MS) };
        log.append_as_leader(&mut [marker(1, epoch, 0, true, NOW_MS)], append)
    };
    assert!(matches!(write(&mut log, 3), Err(Error::InvalidProducerEpoch(_))));
    write(&mut log, 4).unwrap();
    // The coordinator did not see the answer and writes it again.
    write(&mut log, 4).unwrap();
}

#[test]
fn a_transaction_begins_only_after_its_verification() {
    let config = LogConfig { transaction_verification: true, ..LogConfig::default() };
    let (_setup, mut log) = Setup::new("verification", config);
    let with = |log: &mut Log, batch, guard| {
        let how = Append { verification_guard: guard, ..Append::client(0, NOW_MS) };
        log.append_as_leader(&mut [batch], how)
    };
    let first = |epoch| producer_batch(7, epoch, 0, true, &[NOW_MS]);
    let refused = |result: Result<Appended>| matches!(result, Err(Error::InvalidTxnState(_)));
    assert!(refused(append(&mut log, first(0))));

    // An answer that comes after the marker is that of an earlier transaction.
    let stale = log.start_verification((7, 0), 0, false, NOW_MS).unwrap();
    append_marker(&mut log, marker(7, 0, 0, false, NOW_MS)).unwrap();
    let guard = log.start_verification((7, 0), 0, false, NOW_MS).unwrap();
    assert_ne!(stale, guard);
    assert!(refused(with(&mut log, first(0), stale)));

    // A batch with a higher sequence must not overtake the one that waits.
    let later = producer_batch(7, 0, 1, true, &[NOW_MS]);
    assert!(matches!(with(&mut log, later, guard), Err(Error::OutOfOrderSequence(_))));
    with(&mut log, first(0), guard).unwrap();
    // From here on the open transaction is enough.
    assert_eq!(log.start_verification((7, 0), 1, false, NOW_MS).unwrap(), None);
    append(&mut log, producer_batch(7, 0, 1, true, &[NOW_MS])).unwrap();

    // With epochs that rise, the marker of the last transaction may come after the next one's verification.
    let guard = log.start_verification((7, 1), 0, true, NOW_MS).unwrap();
    append_marker(&mut log, marker(7, 1, 0, true, NOW_MS)).unwrap();
    with(&mut log, first(1), guard).unwrap();
    assert!(matches!(log.start_verification((7, 0), 0, true, NOW_MS), Err(Error::InvalidProducerEpoch(_))));
}

#[test]
fn limits_of_a_read() {
    let (_setup, mut log) = Setup::new("limits", LogConfig::default());
    let size = u32::try_from(batch(&[NOW_MS]).size()).unwrap();
    for _ in 0..4 {
        append(&mut log, batch(&[NOW_MS])).unwrap();
    }
    log.set_high_watermark(3);
    // Start, limit, isolation, at least one batch -> bytes, first batch cut.
    let cases = [
        (0, 0, Isolation::LogEnd, true, size, false),
        (0, 0, Isolation::LogEnd, false, 0, false),
        (0, size - 1, Isolation::LogEnd, false, size - 1, true),
        (0, size + 5, Isolation::LogEnd, false, size + 5, false),
        (1, u32::MAX, Isolation::LogEnd, false, 3 * size, false),
        (1, u32::MAX, Isolation::HighWatermark, false, 2 * size, false),
        (3, u32::MAX, Isolation::HighWatermark, true, 0, false),
        (4, u32::MAX, Isolation::HighWatermark, true, 0, false),
        (4, u32::MAX, Isolation::LogEnd, true, 0, false),
    ];
    for (index, (start, limit, isolation, one, bytes, cut)) in cases.into_iter().enumerate() {
        let data = log.read(start, limit, isolation, one).unwrap();
        assert_eq!((data.len(), data.first_batch_incomplete), (bytes, cut), "case {index}");
        assert_eq!(data.start.offset, start, "case {index}");
    }
    for offset in [-1, 5] {
        let refused = log.read(offset, 100, Isolation::HighWatermark, true);
        assert!(matches!(refused, Err(Error::OffsetOutOfRange { .. })));
    }
}

#[test]
fn what_a_read_found_outlives_the_segment() {
    let config = LogConfig { retention_ms: 1000, ..LogConfig::default() };
    let (setup, mut log) = Setup::new("outlive", config);
    append(&mut log, batch(&[NOW_MS - 5000])).unwrap();
    log.set_high_watermark(1);
    let slice = log.read(0, 1000, Isolation::LogEnd, true).unwrap().records.unwrap();
    assert_eq!(log.delete_old_segments(NOW_MS).unwrap(), 1);
    for pending in log.take_pending_deletions() {
        assert_eq!(pending.due_ms, NOW_MS + 60_000);
        assert_eq!(pending.paths.len(), files_with(&setup.dir.0, ".deleted").len());
        pending.remove(setup.handles.disk()).unwrap();
    }
    assert!(files_with(&setup.dir.0, "00000000000000000000.log").is_empty());
    assert_eq!(slice.read().unwrap().len(), batch(&[NOW_MS]).size());
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.segment_count()), (1, 1, 1));
}

#[test]
fn segments_roll_by_size_time_and_index() {
    let size = u32::try_from(batch(&[NOW_MS]).size()).unwrap();
    let base = LogConfig { index_interval_bytes: 0, ..LogConfig::default() };
    let cases = [
        // Settings, time between batches -> base offsets after five batches.
        (LogConfig { segment_bytes: 2 * size, ..base.clone() }, 0, vec![0, 2, 4]),
        (LogConfig { segment_bytes: 2 * size + 1, ..base.clone() }, 0, vec![0, 2, 4]),
        (LogConfig { segment_ms: 100, ..base.clone() }, 60, vec![0, 2, 4]),
        (LogConfig { segment_ms: 100, ..base.clone() }, 50, vec![0, 3]),
        (LogConfig { compact: true, max_compaction_lag_ms: 100, ..base.clone() }, 60, vec![0, 2, 4]),
        (LogConfig { segment_index_bytes: 24, ..base.clone() }, 0, vec![0, 2, 4]),
        (LogConfig { segment_index_bytes: 36, ..base.clone() }, 0, vec![0]),
        (LogConfig { segment_index_bytes: 24, ..base.clone() }, 1, vec![0, 2, 4]),
        (base, 60, vec![0]),
    ];
    for (index, (config, step, expect)) in cases.into_iter().enumerate() {
        let (setup, mut log) = Setup::new(&format!("roll-{index}"), config);
        for i in 0..5 {
            append(&mut log, batch(&[NOW_MS + i * step])).unwrap();
        }
        assert_eq!(log.segment_base_offsets().collect::<Vec<_>>(), expect, "case {index}");
        assert_eq!(files_with(&setup.dir.0, ".log").len(), expect.len());
        assert_eq!(files_with(&setup.dir.0, ".snapshot").len(), expect.len() - 1);
    }
}

#[test]
fn too_large_for_a_segment_is_refused() {
    let (_setup, mut log) = Setup::new("large", LogConfig { segment_bytes: 50, ..LogConfig::default() });
    let refused = append(&mut log, batch(&[NOW_MS]));
    assert!(matches!(refused, Err(Error::RecordBatchTooLarge { segment_bytes: 50, .. })), "{refused:?}");
    assert_eq!(log.log_end_offset(), 0);
}

#[test]
fn offsets_that_are_far_apart_take_a_new_segment() {
    let (_setup, mut log) = Setup::new("far", LogConfig::default());
    for offset in [0, 10, 3_000_000_000] {
        let mut far = batch(&[NOW_MS]);
        far.assign_offsets(offset, 0);
        log.append_as_follower(bytes_of(&far), 0, NOW_MS).unwrap();
    }
    assert_eq!(log.segment_base_offsets().collect::<Vec<_>>(), [0, 3_000_000_000]);
    assert_eq!(read_all(&mut log, 0, 1000).unwrap().len(), 3);
}

#[test]
fn a_follower_takes_only_what_continues_its_log() {
    let (_setup, mut log) = Setup::new("follower", LogConfig::default());
    let at = |offset, epoch| {
        let mut batch = batch(&[NOW_MS]);
        batch.assign_offsets(offset, epoch);
        batch
    };
    log.append_as_follower(bytes_of(&at(0, 0)), 1, NOW_MS).unwrap();
    let twice = log.append_as_follower(bytes_of(&at(0, 0)), 1, NOW_MS);
    assert!(matches!(twice, Err(Error::UnexpectedAppendOffset { log_end_offset: 1, .. })), "{twice:?}");
    // What a later leader wrote is left for when that leader is known.
    let later = [bytes_of(&at(1, 1)), bytes_of(&at(2, 2)), bytes_of(&at(3, 1))].concat();
    log.append_as_follower(later.into(), 1, NOW_MS).unwrap();
    assert_eq!(log.log_end_offset(), 2);
    let unordered = [bytes_of(&at(2, 1)), bytes_of(&at(2, 1))].concat();
    let refused = log.append_as_follower(unordered.into(), 1, NOW_MS);
    assert!(matches!(refused, Err(Error::OffsetsOutOfOrder { .. })), "{refused:?}");
    let mut garbled = bytes_of(&at(2, 1)).to_vec();
    *garbled.last_mut().unwrap() ^= 1;
    let refused = log.append_as_follower(garbled.into(), 1, NOW_MS);
    assert!(matches!(refused, Err(Error::CorruptBatch { .. })), "{refused:?}");
    assert_eq!(log.end_offset_for_epoch(0), Some((0, 1)));
    assert_eq!(log.end_offset_for_epoch(1), Some((1, 2)));
}

#[test]
fn a_follower_refuses_a_batch_that_ends_before_it_starts() {
    let dir = TempDir::new("backwards");
    let config = Arc::new(LogConfig::default());
    let mut log = open(&handles(10), &dir.0, &config, &Opening::default());
    let mut bytes = producer_batch(7, 0, 3, false, &[NOW_MS]).to_bytes();
    bytes[23..27].copy_from_slice(&(-5_i32).to_be_bytes());
    klamm_protocol::records::patch::set_base_offset(&mut bytes, 10);
    klamm_protocol::records::patch::recompute_crc(&mut bytes);
    let refused = log.append_as_follower(bytes.freeze(), 0, NOW_MS).unwrap_err();
    assert!(matches!(refused, Error::OffsetsOutOfOrder { offset: 5, previous: 10 }), "{refused}");
    assert_eq!(log.log_end_offset(), 0);
}

#[test]
fn retention_by_size_leaves_what_is_needed() {
    let size = i64::try_from(batch(&[NOW_MS]).size()).unwrap();
    let config = LogConfig {
        segment_bytes: u32::try_from(2 * size).unwrap(),
        retention_bytes: 5 * size,
        ..LogConfig::default()
    };
    let (_setup, mut log) = Setup::new("retention-size", config);
    for _ in 0..10 {
        append(&mut log, batch(&[NOW_MS])).unwrap();
    }
    // Nothing that is not replicated goes.
    log.set_high_watermark(3);
    assert_eq!(log.delete_old_segments(NOW_MS).unwrap(), 1);
    log.set_high_watermark(10);
    assert_eq!(log.delete_old_segments(NOW_MS).unwrap(), 1);
    assert_eq!((log.log_start_offset(), log.segment_count()), (4, 3));
}

#[test]
fn compacted_logs_lose_only_what_lies_before_their_start() {
    let config = LogConfig {
        segment_bytes: 200,
        retention_ms: 1,
        retention_bytes: 1,
        delete: false,
        compact: true,
        ..LogConfig::default()
    };
    let (_setup, mut log) = Setup::new("compacted", config);
    for _ in 0..6 {
        append(&mut log, batch(&[NOW_MS - 100_000])).unwrap();
    }
    log.set_high_watermark(6);
    assert_eq!(log.delete_old_segments(NOW_MS).unwrap(), 0);
    log.advance_log_start_offset(3).unwrap();
    assert!(log.delete_old_segments(NOW_MS).unwrap() > 0);
    assert_eq!(log.log_start_offset(), 3);
    assert!(matches!(log.advance_log_start_offset(7), Err(Error::OffsetOutOfRange { .. })));
}

#[test]
fn offsets_by_special_timestamps() {
    let (_setup, mut log) = Setup::new("special", LogConfig { segment_bytes: 300, ..LogConfig::default() });
    let found =
        |log: &mut Log, spec| log.find_offset(spec).unwrap().map(|f| (f.timestamp, f.offset, f.leader_epoch));
    assert_eq!(found(&mut log, OffsetSpec::Earliest), Some((-1, 0, None)));
    assert_eq!(found(&mut log, OffsetSpec::MaxTimestamp), None);
    for timestamps in [[5, 9], [20, 30], [30, 4], [7, 7]] {
        let mut batches = [batch_with(
            BatchOptions { compression: Compression::new(CompressionType::Gzip), ..BatchOptions::default() },
            &timestamps,
            20,
        )];
        log.append_as_leader(&mut batches, Append::client(4, NOW_MS)).unwrap();
    }
    let cases = [
        (OffsetSpec::Earliest, Some((-1, 0, Some(4)))),
        (OffsetSpec::EarliestLocal, Some((-1, 0, Some(4)))),
        (OffsetSpec::Latest, Some((-1, 8, Some(4)))),
        (OffsetSpec::LatestTiered, Some((-1, -1, Some(-1)))),
        (OffsetSpec::EarliestPendingUpload, Some((-1, -1, Some(-1)))),
        (OffsetSpec::MaxTimestamp, Some((30, 3, Some(4)))),
        (OffsetSpec::Timestamp(0), Some((5, 0, Some(4)))),
        (OffsetSpec::Timestamp(6), Some((9, 1, Some(4)))),
        (OffsetSpec::Timestamp(21), Some((30, 3, Some(4)))),
        (OffsetSpec::Timestamp(31), None),
    ];
    for (spec, expect) in cases {
        assert_eq!(found(&mut log, spec), expect, "{spec:?}");
    }
    for timestamp in -8..=1 {
        let expect = (-6..=1).contains(&timestamp);
        assert_eq!(OffsetSpec::from_wire(timestamp).is_some(), expect, "{timestamp}");
    }
}

#[test]
fn truncating_below_the_first_segment_starts_anew() {
    let (_setup, mut log) = Setup::new("anew", LogConfig::default());
    log.truncate_fully_and_start_at(100, None, NOW_MS).unwrap();
    append(&mut log, producer_batch(1, 0, 0, false, &[NOW_MS; 5])).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (100, 105));
    assert!(log.truncate_to(40, NOW_MS).unwrap());
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.high_watermark()), (40, 40, 40));
    assert_eq!(log.producer_state().producers().count(), 0);
    assert_eq!(log.leader_epochs().entries(), []);
    assert_eq!(append(&mut log, batch(&[NOW_MS])).unwrap().first_offset, 40);
}

#[test]
fn a_log_may_end_before_its_start_until_the_batch_across_it_comes() {
    let (_setup, mut log) = Setup::new("across", LogConfig::default());
    log.truncate_fully_and_start_at(100, Some(102), NOW_MS).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.high_watermark()), (102, 100, 102));
    append(&mut log, batch(&[NOW_MS; 5])).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (102, 105));
    assert_eq!(log.set_high_watermark(105), 105);
}

#[test]
fn a_sync_from_before_a_truncation_does_not_count() {
    let (_setup, mut log) = Setup::new("sync", LogConfig { flush_messages: 2, ..LogConfig::default() });
    append(&mut log, batch(&[NOW_MS])).unwrap();
    let first = log.flush_handle(true).unwrap().sync().unwrap();
    log.mark_flushed(first, NOW_MS);
    assert_eq!((log.recovery_point(), log.needs_flush(NOW_MS)), (1, false));
    append(&mut log, batch(&[NOW_MS; 2])).unwrap();
    assert!(log.needs_flush(NOW_MS));
    let late = log.flush_handle(true).unwrap().sync().unwrap();
    log.truncate_to(1, NOW_MS).unwrap();
    append(&mut log, batch(&[NOW_MS; 2])).unwrap();
    log.mark_flushed(late, NOW_MS);
    assert_eq!(log.recovery_point(), 1);
}

#[test]
fn only_so_many_records_go_without_a_sync() {
    let (_setup, mut log) = Setup::new("durable", LogConfig { flush_messages: 3, ..LogConfig::default() });
    let ends = |log: &Log| (log.durable_end_offset(), log.log_end_offset());
    append(&mut log, batch(&[NOW_MS; 2])).unwrap();
    assert_eq!(ends(&log), (2, 2));
    append(&mut log, batch(&[NOW_MS; 2])).unwrap();
    assert_eq!(ends(&log), (0, 4));
    let first = log.flush_handle(true).unwrap();
    // These come while it is under way: more of them than may go without one, and then fewer.
    append(&mut log, batch(&[NOW_MS; 3])).unwrap();
    log.mark_flushed(first.sync().unwrap(), NOW_MS);
    assert_eq!(ends(&log), (4, 7));
    let second = log.flush_handle(true).unwrap();
    append(&mut log, batch(&[NOW_MS; 2])).unwrap();
    assert_eq!(ends(&log), (4, 9));
    log.mark_flushed(second.sync().unwrap(), NOW_MS);
    assert_eq!(ends(&log), (9, 9));
    // What is cut off needs no sync, and one that began before it says nothing.
    append(&mut log, batch(&[NOW_MS; 3])).unwrap();
    append(&mut log, batch(&[NOW_MS; 3])).unwrap();
    let third = log.flush_handle(true).unwrap();
    log.truncate_to(12, NOW_MS).unwrap();
    log.mark_flushed(third.sync().unwrap(), NOW_MS);
    assert_eq!(ends(&log), (7, 12));
    log.truncate_to(9, NOW_MS).unwrap();
    assert_eq!(ends(&log), (9, 9));
    // Nobody waits if nothing is configured.
    append(&mut log, batch(&[NOW_MS; 5])).unwrap();
    assert_eq!(ends(&log), (7, 14));
    log.set_config(Arc::new(LogConfig::default()));
    assert_eq!(ends(&log), (14, 14));
}

#[test]
fn leftovers_of_deletion_and_compaction() {
    let (setup, mut log) = Setup::new("leftovers", LogConfig { segment_bytes: 300, ..LogConfig::default() });
    for i in 0..8 {
        append(&mut log, batch(&[NOW_MS + i, NOW_MS + i])).unwrap();
    }
    let bases: Vec<i64> = log.segment_base_offsets().collect();
    assert!(bases.len() >= 3);
    drop(log);
    let path = |base: i64, rest: &str| setup.dir.0.join(format!("{base:020}{rest}"));
    // A compaction joined the first two segments into one with the batches of the second only.
    for kind in [".log", ".index", ".timeindex"] {
        std::fs::copy(path(bases[1], kind), path(bases[0], &format!("{kind}.swap"))).unwrap();
        std::fs::write(path(bases[2], &format!("{kind}.cleaned")), b"half").unwrap();
        std::fs::write(path(bases[0], &format!("{kind}.deleted")), b"old").unwrap();
    }
    std::fs::write(setup.dir.0.join("00000000000000000005-0000000001.checkpoint.deleted"), b"").unwrap();
    std::fs::write(path(777, ".timeindex"), b"orphan").unwrap();
    let mut log = setup.open(&Opening::default());
    let found: Vec<i64> =
        read_all(&mut log, 0, 1000).unwrap().iter().map(|batch| batch.base_offset).collect();
    assert_eq!(found.first(), Some(&bases[1]), "{found:?}");
    assert_eq!(log.log_end_offset(), 16);
    let left: Vec<String> = std::fs::read_dir(&setup.dir.0)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            [".swap", ".cleaned", ".deleted"].iter().any(|s| name.ends_with(s)) || name.contains("777")
        })
        .collect();
    assert_eq!(left, ["00000000000000000005-0000000001.checkpoint.deleted"]);
}

#[test]
fn missing_and_damaged_indexes_are_built_again() {
    type Damage = fn(&std::path::Path);
    let damages: [(&str, Damage); 5] = [
        ("offset index gone", |dir| {
            files_with(dir, ".index").iter().for_each(|f| std::fs::remove_file(f).unwrap())
        }),
        ("time index gone", |dir| {
            files_with(dir, ".timeindex").iter().for_each(|f| std::fs::remove_file(f).unwrap());
        }),
        ("lengthened with zeros", |dir| {
            for file in files_with(dir, ".index").into_iter().chain(files_with(dir, ".timeindex")) {
                std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(1200).unwrap();
            }
        }),
        ("offset index of garbage", |dir| {
            files_with(dir, ".index").iter().for_each(|f| std::fs::write(f, [0x55; 64]).unwrap());
        }),
        ("snapshot and epochs of garbage", |dir| {
            for file in
                files_with(dir, ".snapshot").into_iter().chain(files_with(dir, "leader-epoch-checkpoint"))
            {
                std::fs::write(file, b"garbage").unwrap();
            }
        }),
    ];
    for (name, damage) in damages {
        for clean in [true, false] {
            let config = LogConfig { index_interval_bytes: 100, segment_bytes: 1500, ..LogConfig::default() };
            let (setup, mut log) = Setup::new(&format!("indexes-{clean}-{}", name.replace(' ', "-")), config);
            for i in 0..30 {
                append(&mut log, producer_batch(1, 0, i, false, &[NOW_MS + i64::from(i)])).unwrap();
            }
            let all = read_all(&mut log, 0, 1000).unwrap();
            let epochs = log.leader_epochs().clone();
            log.close().unwrap().sync().unwrap();
            drop(log);
            damage(&setup.dir.0);
            let mut log = setup.open(&Opening { clean, recovery_point: 30, ..Opening::default() });
            assert_eq!(read_all(&mut log, 0, 1000).unwrap(), all, "{name}");
            for offset in [0, 7, 15, 29] {
                assert_eq!(read_all(&mut log, offset, 1).unwrap()[0].base_offset, offset, "{name}");
                let found = log.find_offset(OffsetSpec::Timestamp(NOW_MS + offset)).unwrap().unwrap();
                assert_eq!(found.offset, offset, "{name}");
            }
            let sequence = log.producer_state().producer(1).unwrap().last_sequence();
            assert_eq!(sequence, 29, "{name}");
            if !clean {
                assert_eq!(log.leader_epochs(), &epochs, "{name}");
            }
        }
    }
}

#[test]
fn a_topic_id_stays() {
    let (setup, mut log) = Setup::new("topic-id", LogConfig::default());
    let id = klamm_protocol::Uuid::from_random([3; 16]);
    log.assign_topic_id(id).unwrap();
    log.assign_topic_id(id).unwrap();
    let other = log.assign_topic_id(klamm_protocol::Uuid::from_random([4; 16]));
    assert!(matches!(other, Err(Error::InconsistentTopicId { .. })));
    assert!(log.needs_flush(NOW_MS));
    drop(log);
    assert_eq!(setup.open(&Opening::default()).topic_id(), Some(id));
}

#[test]
fn removed_segment_files_do_not_stop_the_log() {
    let (setup, mut log) = Setup::new("removed", LogConfig { segment_bytes: 300, ..LogConfig::default() });
    for _ in 0..8 {
        append(&mut log, batch(&[NOW_MS; 2])).unwrap();
    }
    drop(log);
    for file in files_with(&setup.dir.0, ".log") {
        std::fs::remove_file(file).unwrap();
    }
    let mut log = setup.open(&Opening { log_start_offset: 10, recovery_point: 16, ..Opening::default() });
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (10, 10));
    assert_eq!(append(&mut log, batch(&[NOW_MS])).unwrap().first_offset, 10);
}
