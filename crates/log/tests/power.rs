//! The power goes at any moment, on a disk that keeps no more than it must: what was synced is there, what is there is a
//! beginning of what was written, and of a compacted log every key has the value that it has there.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use klamm_io::Entropy;
use klamm_io::disk::Disk;
use klamm_io::sim::disk::SimulatedDisk;
use klamm_log::cleaner::{CleanerSettings, Cleaning, Step};
use klamm_log::{Append, AppendOrigin, Handles, Log, LogConfig};
use klamm_protocol::records::{BatchBuilder, BatchOptions, NewBatch};
use support::*;

const DIR: &str = "/data/orders-0";

/// A batch that was appended.
#[derive(Clone)]
struct Batch {
    first_offset: i64,
    epoch: i32,
    producer: i64,
    last_sequence: i32,
    records: Vec<(String, Option<String>)>,
}

impl Batch {
    fn next_offset(&self) -> i64 {
        self.first_offset + i64::try_from(self.records.len()).unwrap()
    }
}

/// What the log has to be, and what the checkpoint files said when they were written last.
#[derive(Default)]
struct Model {
    batches: Vec<Batch>,
    epoch: i32,
    synced_up_to: i64,
    recovery_point: i64,
    log_start_offset: i64,
    /// How far the log's start has ever been, checkpoint or not.
    started_at: i64,
    cleaner_checkpoint: Option<i64>,
    /// What the cleaner may have relied on, in this process or in one that was killed.
    relied_on: i64,
}

struct Run {
    config: Arc<LogConfig>,
    chance: Chance,
    model: Model,
    now_ms: i64,
}

impl Run {
    fn open(&self, disk: &Disk) -> Log {
        let opening = Opening {
            recovery_point: self.model.recovery_point,
            log_start_offset: self.model.log_start_offset,
            clean: false,
            now_ms: self.now_ms,
        };
        let mut log = open(&Handles::new(disk.clone(), 8), Path::new(DIR), &self.config, &opening);
        log.set_cleaner_checkpoint(self.model.cleaner_checkpoint);
        log
    }

    fn append(&mut self, log: &mut Log) {
        let chance = &mut self.chance;
        if chance.one_in(20) {
            self.model.epoch += 1;
        }
        let producer = chance.between(1, 3);
        let known = log.producer_state().producer(producer).map_or(-1, |p| p.last_sequence());
        let options = BatchOptions {
            producer_id: producer,
            producer_epoch: 0,
            base_sequence: known + 1,
            ..BatchOptions::default()
        };
        let mut builder = BatchBuilder::new(options);
        let mut records = Vec::new();
        for _ in 0..chance.between(1, 4) {
            let key = format!("key-{}", chance.below(10));
            let value = (!chance.one_in(5)).then(|| format!("{}/{}", log.log_end_offset(), chance.next()));
            builder
                .append(self.now_ms, Some(key.as_bytes()), value.as_deref().map(str::as_bytes), &[])
                .unwrap();
            records.push((key, value));
        }
        let new = NewBatch::from_built(builder.build().unwrap()).unwrap();
        let last_sequence = new.header().last_sequence();
        let done = log.append_as_leader(&mut [new], Append::client(self.model.epoch, self.now_ms)).unwrap();
        let (first_offset, epoch) = (done.first_offset, self.model.epoch);
        self.model.batches.push(Batch { first_offset, epoch, producer, last_sequence, records });
        log.set_high_watermark(log.log_end_offset());
    }

    fn checkpoint(&mut self, log: &mut Log) {
        log.mark_checkpointed(log.recovery_point());
        self.model.recovery_point = log.recovery_point();
        self.model.log_start_offset = log.log_start_offset();
        self.model.cleaner_checkpoint = log.cleaner_checkpoint();
    }

    fn flush(&mut self, log: &mut Log) {
        let include_active = self.chance.one_in(2);
        let flushed = log.flush_handle(include_active).unwrap().sync().unwrap();
        log.mark_flushed(flushed, self.now_ms);
        self.model.synced_up_to = self.model.synced_up_to.max(log.recovery_point());
    }

    fn truncate(&mut self, log: &mut Log) {
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        // At the start of a batch. What the cleaner may have relied on is replicated and never taken back.
        let from = (end - 12).max(if self.config.compact { self.model.relied_on } else { start });
        let batches = &self.model.batches;
        let Some(to) = batches.iter().map(|b| b.first_offset).find(|offset| *offset >= from) else { return };
        log.truncate_to(to, self.now_ms).unwrap();
        log.set_high_watermark(to);
        // Only a new leader has others take back what they have.
        self.model.epoch += 1;
        self.model.batches.retain(|batch| batch.first_offset < to);
        self.model.synced_up_to = self.model.synced_up_to.min(to);
        // As the server does soon. Until then the old end may come back.
        assert!(log.needs_flush(self.now_ms));
        self.flush(log);
        self.checkpoint(log);
    }

    /// Some of a round of cleaning, or all of it.
    fn clean(&mut self, log: &mut Log, cleaning: &mut Option<Cleaning>) {
        let settings = CleanerSettings {
            dedupe_buffer_bytes: 24 * 16,
            load_factor: 0.9,
            io_buffer_bytes: 0,
            hash_key: [9; 16],
        };
        if cleaning.is_none() {
            // As the server does first: what lies before the start need not be readable.
            log.delete_old_segments(self.now_ms).unwrap();
        }
        let Some(mut current) =
            cleaning.take().or_else(|| log.start_cleaning(settings, self.now_ms).unwrap())
        else {
            return;
        };
        for _ in 0..self.chance.below(12) {
            match current.step().unwrap() {
                Step::More { .. } => {}
                Step::Cleaned(segment) => {
                    let is_in_place = log.swap_cleaned(&segment, self.now_ms).unwrap();
                    if is_in_place && self.chance.one_in(2) {
                        segment.sync_names().unwrap();
                    }
                }
                Step::Done { end_offset } => {
                    log.end_cleaning(&current.id(), Some(end_offset));
                    return;
                }
                Step::Aborted => return,
            }
        }
        *cleaning = Some(current);
    }

    fn work(&mut self, log: &mut Log, disk: &Disk) {
        let mut cleaning = None;
        for _ in 0..self.chance.below(120) {
            self.now_ms += self.chance.between(0, 300);
            match self.chance.below(20) {
                0..=10 => self.append(log),
                11 => log.roll(self.now_ms).unwrap(),
                12..=13 => self.flush(log),
                14 => self.checkpoint(log),
                15 if self.chance.one_in(4) => self.truncate(log),
                16 if self.chance.one_in(3) => {
                    let offset = self.chance.between(log.log_start_offset(), log.high_watermark());
                    log.advance_log_start_offset(offset).unwrap();
                    // What lies before the start need not be synced, so that the start has to be remembered.
                    self.checkpoint(log);
                }
                17 => {
                    log.delete_old_segments(self.now_ms).unwrap();
                    for pending in log.take_pending_deletions() {
                        pending.remove(disk).unwrap();
                    }
                    self.checkpoint(log);
                }
                _ => self.clean(log, &mut cleaning),
            }
            self.model.started_at = self.model.started_at.max(log.log_start_offset());
            self.model.relied_on = self.model.relied_on.max(self.model.recovery_point);
        }
    }

    /// As a follower does. What compaction has left looks the same behind what the checkpoint file knows as synced.
    fn settle_doubt(&self, log: &mut Log, what: &str) {
        let Some(doubted) = log.doubted_from() else { return };
        assert!(doubted >= self.model.recovery_point, "{what}: {doubted}");
        let end = log.log_end_offset();
        log.truncate_to(doubted, self.now_ms).unwrap();
        assert_eq!(log.doubted_from(), None, "{what}");
        self.fetch_again(log, end);
    }

    /// Appends what the leader has up to `end`.
    fn fetch_again(&self, log: &mut Log, end: i64) {
        let (start, from) = (log.log_start_offset(), log.log_end_offset());
        let is_missing = |batch: &&Batch| batch.next_offset() > from && batch.first_offset < end;
        for batch in self.model.batches.iter().filter(is_missing) {
            if batch.first_offset < from {
                // The log starts within it.
                assert_eq!(start, from);
                log.truncate_fully_and_start_at(batch.first_offset, Some(start), self.now_ms).unwrap();
            }
            let count = i32::try_from(batch.records.len()).unwrap();
            let options = BatchOptions {
                producer_id: batch.producer,
                producer_epoch: 0,
                base_sequence: batch.last_sequence + 1 - count,
                ..BatchOptions::default()
            };
            let mut builder = BatchBuilder::new(options);
            for (key, value) in &batch.records {
                builder
                    .append(self.now_ms, Some(key.as_bytes()), value.as_deref().map(str::as_bytes), &[])
                    .unwrap();
            }
            let mut bytes = builder.build().unwrap().to_vec();
            bytes[..8].copy_from_slice(&batch.first_offset.to_be_bytes());
            bytes[12..16].copy_from_slice(&batch.epoch.to_be_bytes());
            log.append_as_follower(bytes.into(), batch.epoch, self.now_ms).unwrap();
        }
    }

    fn check(&mut self, log: &mut Log, what: &str) {
        self.settle_doubt(log, what);
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        assert!(end >= self.model.synced_up_to, "{what}: {end} < {}", self.model.synced_up_to);
        assert!(start >= self.model.log_start_offset.min(end), "{what}");
        let all = &mut self.model.batches;
        let known_end = all.last().map_or(0, Batch::next_offset);
        assert!(end <= known_end.max(start), "{what}: {end} > {known_end}");
        all.retain(|batch| batch.first_offset < end);
        if start == end {
            // The log starts anew where it was cut off, which may be within a batch.
            all.clear();
        }
        if let Some(last) = all.last() {
            assert!(
                last.next_offset() <= end,
                "{what}: half of {}..{}, log {start}..{end}",
                last.first_offset,
                last.next_offset()
            );
        }
        let mut expect = BTreeMap::new();
        for batch in all.iter() {
            // What compaction has taken cannot tell its epoch any more, should the checkpoint be lost.
            if batch.first_offset >= self.model.started_at && !self.config.compact {
                let epoch = log.leader_epochs().epoch_for_offset(batch.first_offset);
                assert_eq!(
                    epoch,
                    Some(batch.epoch),
                    "{what}: epoch of {}, log {start}..{end}, once from {}, {:?}",
                    batch.first_offset,
                    self.model.started_at,
                    log.leader_epochs()
                );
            }
            for (offset, (key, value)) in (batch.first_offset..).zip(&batch.records) {
                if offset >= start {
                    expect.insert(offset, format!("{key}={}", value.as_deref().unwrap_or("-")));
                }
            }
        }
        let mut found = BTreeMap::new();
        for batch in read_all(log, start, 10_000).unwrap() {
            batch.check_crc().unwrap();
            if batch.base_offset >= self.model.started_at {
                let epoch = log.leader_epochs().epoch_for_offset(batch.base_offset);
                assert_eq!(
                    epoch,
                    Some(batch.partition_leader_epoch),
                    "{what}: epoch of {}",
                    batch.base_offset
                );
            }
            for record in batch.records().unwrap().map(Result::unwrap).filter(|r| r.offset >= start) {
                let text = |bytes: Option<bytes::Bytes>| {
                    bytes.map_or("-".to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
                };
                found.insert(record.offset, format!("{}={}", text(record.key), text(record.value)));
            }
        }
        if self.config.compact {
            for (offset, text) in &found {
                assert_eq!(expect.get(offset), Some(text), "{what}: offset {offset}");
            }
            assert_eq!(table(&found), table(&expect), "{what}");
        } else {
            assert_eq!(found, expect, "{what}");
        }
        self.check_producers(log, what);
        self.model.synced_up_to = 0;
    }

    fn check_producers(&self, log: &Log, what: &str) {
        if self.config.compact {
            // The batch that tells may have been cleaned away for a later one that is lost.
            return;
        }
        let start = log.log_start_offset();
        for producer in 1..=3 {
            let last = self.model.batches.iter().rfind(|b| b.producer == producer && b.first_offset >= start);
            if let Some(last) = last {
                let known = log.producer_state().producer(producer).map(|p| p.last_sequence());
                assert_eq!(known, Some(last.last_sequence), "{what}: producer {producer}");
            }
        }
    }
}

/// The value of each key.
fn table(records: &BTreeMap<i64, String>) -> BTreeMap<&str, &str> {
    let all: BTreeMap<_, _> = records.values().map(|text| text.split_once('=').unwrap()).collect();
    all.into_iter().filter(|(_, value)| *value != "-").collect()
}

fn run(seed: u64, compact: bool) {
    let config = LogConfig {
        segment_bytes: 600,
        index_interval_bytes: 100,
        retention_bytes: if compact { -1 } else { 3000 },
        retention_ms: -1,
        compact,
        delete: !compact,
        delete_retention_ms: 2000,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    };
    let machine = SimulatedDisk::new(Entropy::seeded(seed));
    let disk = machine.disk();
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    let mut run =
        Run { config: Arc::new(config), chance: Chance(seed), model: Model::default(), now_ms: NOW_MS };
    for round in 0..6 {
        let disk = machine.disk();
        let mut log = run.open(&disk);
        run.check(&mut log, &format!("seed {seed}, compact {compact}, round {round}"));
        log.set_high_watermark(log.log_end_offset());
        run.work(&mut log, &disk);
        // A process that is killed leaves what it wrote, synced or not, to the next one.
        if !run.chance.one_in(4) {
            machine.lose_power();
        }
    }
}

#[test]
fn nothing_that_was_synced_is_lost() {
    // KLAMM_TEST_SEEDS=100000 for a longer run, KLAMM_FUZZ_SEED for one that starts elsewhere.
    let setting = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = setting("KLAMM_TEST_SEEDS").unwrap_or(60);
    let first = setting("KLAMM_FUZZ_SEED").unwrap_or(0);
    for seed in first..first.saturating_add(rounds) {
        run(seed, false);
        run(seed, true);
    }
}

#[test]
fn what_was_aborted_stays_so() {
    for seed in 0..20 {
        let machine = SimulatedDisk::new(Entropy::seeded(seed));
        machine.disk().create_dir_all(Path::new("/data")).unwrap();
        machine.disk().sync_dir(Path::new("/")).unwrap();
        let config = Arc::new(LogConfig { segment_bytes: 300, ..LogConfig::default() });
        let append = |log: &mut Log, batch, origin| {
            log.append_as_leader(&mut [batch], Append { origin, ..Append::client(0, NOW_MS) }).unwrap();
            log.set_high_watermark(log.log_end_offset());
        };
        let flush = |log: &mut Log, include_active| {
            let flushed = log.flush_handle(include_active).unwrap().sync().unwrap();
            log.mark_flushed(flushed, NOW_MS);
        };
        let open_from = |recovery_point| {
            let opening = Opening { recovery_point, ..Opening::default() };
            open(&Handles::new(machine.disk(), 8), Path::new(DIR), &config, &opening)
        };
        let mut log = open_from(0);
        append(&mut log, producer_batch(7, 0, 0, true, &[NOW_MS]), AppendOrigin::Client);
        append(&mut log, marker(7, 0, 1, false, NOW_MS), AppendOrigin::Coordinator);
        flush(&mut log, true);
        let (end, aborted) = (log.recovery_point(), log.aborted_transactions(0, 2).unwrap());
        assert_eq!((end, aborted.len()), (2, 1));
        // The process is killed. The segment is read again, and then another one comes.
        drop(log);
        let mut log = open_from(end);
        append(&mut log, batch(&[NOW_MS; 3]), AppendOrigin::Client);
        flush(&mut log, true);
        drop(log);
        machine.lose_power();
        let log = open_from(end);
        assert_eq!(log.aborted_transactions(0, end).unwrap(), aborted, "seed {seed}");
    }
}
