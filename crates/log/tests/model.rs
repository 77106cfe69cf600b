//! The log against a list: random operations, clean restarts, crashes of the process and of the machine.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use klamm_log::{Append, Error, FoundOffset, Handles, Isolation, Log, LogConfig, OffsetSpec};
use klamm_protocol::records::{BatchIter, NewBatch, RecordBatch};
use support::*;

/// What the log should be.
struct Model {
    batches: Vec<RecordBatch>,
    log_start_offset: i64,
    log_end_offset: i64,
    // Epoch and next sequence of each producer.
    producers: BTreeMap<i64, (i16, i32)>,
}

struct World {
    dir: TempDir,
    handles: Handles,
    config: Arc<LogConfig>,
    chance: Chance,
    model: Model,
    log: Option<Log>,
    clock: i64,
}

impl World {
    fn new(seed: u64) -> Self {
        let dir = TempDir::new(&format!("model-{seed}"));
        let config = Arc::new(LogConfig {
            segment_bytes: 2500,
            index_interval_bytes: 250,
            segment_index_bytes: 120,
            retention_bytes: if seed.is_multiple_of(3) { 20_000 } else { -1 },
            // What a follower is sent has holes, which only compaction leaves.
            compact: true,
            ..LogConfig::default()
        });
        let handles = handles(5);
        let log = open(&handles, &dir.0, &config, &Opening::default());
        let model =
            Model { batches: Vec::new(), log_start_offset: 0, log_end_offset: 0, producers: BTreeMap::new() };
        Self { dir, handles, config, chance: Chance(seed), model, log: Some(log), clock: NOW_MS }
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    fn timestamps(&mut self) -> Vec<i64> {
        self.clock += self.chance.between(0, 50);
        let count = self.chance.between(1, 4);
        (0..count).map(|_| self.clock + self.chance.between(-20, 20)).collect()
    }

    fn append(&mut self) {
        let timestamps = self.timestamps();
        let new = if self.chance.one_in(3) {
            let id = self.chance.between(1, 3);
            let (epoch, sequence) = *self.model.producers.entry(id).or_insert((0, 0));
            let count = i32::try_from(timestamps.len()).unwrap();
            self.model.producers.insert(id, (epoch, sequence + count));
            producer_batch(id, epoch, sequence, false, &timestamps)
        } else {
            batch(&timestamps)
        };
        let mut batches = vec![new];
        if self.chance.one_in(4) {
            let more = self.timestamps();
            batches.push(batch(&more));
        }
        let now = self.clock;
        let expect = self.model.log_end_offset;
        let epoch = i32::try_from(expect / 100).unwrap();
        let appended = self.log().append_as_leader(&mut batches, Append::client(epoch, now)).unwrap();
        assert_eq!(appended.first_offset, expect);
        assert_eq!(appended.duplicate_timestamp, None);
        self.appended(&batches);
        assert_eq!(appended.last_offset + 1, self.model.log_end_offset);
        if batches[0].header().has_producer_id() && self.chance.one_in(2) {
            // The producer has not seen the answer and sends the same again.
            let again = self.log().append_as_leader(&mut batches[..1], Append::client(epoch, now)).unwrap();
            assert_eq!(again.first_offset, expect);
            assert_eq!(again.duplicate_timestamp, Some(batches[0].header().max_timestamp));
        }
    }

    fn appended(&mut self, batches: &[NewBatch]) {
        for batch in batches {
            let batch = RecordBatch::new(&bytes_of(batch)).unwrap();
            self.model.log_end_offset = batch.next_offset();
            self.model.batches.push(batch);
        }
    }

    fn append_as_follower(&mut self) {
        let mut bytes = Vec::new();
        let mut batches = Vec::new();
        let mut next = self.model.log_end_offset;
        for _ in 0..self.chance.between(1, 3) {
            let timestamps = self.timestamps();
            let mut new = batch(&timestamps);
            // Compaction on the leader leaves holes.
            next += self.chance.between(0, 2);
            next = new.assign_offsets(next, i32::try_from(next / 100).unwrap());
            bytes.extend_from_slice(&new.to_bytes());
            batches.push(new);
        }
        bytes.extend_from_slice(&bytes_of(&batches[0])[..30]);
        let now = self.clock;
        self.log().append_as_follower(Bytes::from(bytes), i32::MAX, now).unwrap();
        self.appended(&batches);
    }

    fn truncate(&mut self) {
        let wanted = self.model.log_end_offset - self.chance.between(0, 30);
        // To the end of a batch: of a cut elsewhere the log end offset is forgotten by a restart, as it is in Kafka.
        let target = self.model.batches.iter().map(|batch| batch.next_offset()).find(|end| *end >= wanted);
        let target = target.unwrap_or(self.model.log_end_offset);
        let now = self.clock;
        let changed = self.log().truncate_to(target, now).unwrap();
        assert_eq!(changed, target < self.model.log_end_offset);
        if changed {
            self.model.batches.retain(|batch| batch.next_offset() <= target);
            self.model.log_end_offset = target;
            self.model.log_start_offset = self.model.log_start_offset.min(target);
            self.forget_producers();
        }
    }

    /// After a truncation or a loss it takes the log's word for what producers wrote; the sequences go on from there.
    fn forget_producers(&mut self) {
        let known: Vec<(i64, i16, i32)> = self
            .log()
            .producer_state()
            .producers()
            .map(|p| (p.producer_id(), p.producer_epoch(), p.last_sequence() + 1))
            .collect();
        let expect: BTreeMap<i64, i32> = self
            .model
            .batches
            .iter()
            .filter(|batch| batch.has_producer_id())
            .map(|batch| (batch.producer_id, batch.last_sequence() + 1))
            .collect();
        for (id, _, next) in &known {
            if let Some(expect) = expect.get(id) {
                assert_eq!(next, expect, "next sequence of producer {id}");
            }
        }
        self.model.producers = known.into_iter().map(|(id, epoch, next)| (id, (epoch, next))).collect();
    }

    fn delete_records(&mut self) {
        let target = self.chance.between(self.model.log_start_offset, self.model.log_end_offset);
        let end = self.model.log_end_offset;
        self.log().set_high_watermark(end);
        self.log().advance_log_start_offset(target).unwrap();
        self.model.log_start_offset = target;
        let now = self.clock;
        self.log().delete_old_segments(now).unwrap();
        self.took_retention();
    }

    fn took_retention(&mut self) {
        // By size whole segments go; where the log starts then is its own choice among the segments' base offsets.
        let start = self.log().log_start_offset();
        assert!(start >= self.model.log_start_offset && start <= self.model.log_end_offset);
        assert!(
            start == self.model.log_start_offset
                || self.log().segment_base_offsets().any(|base| base == start)
        );
        self.model.log_start_offset = start;
        let first = self.log().segment_base_offsets().next().unwrap();
        self.model.batches.retain(|batch| batch.last_offset() >= first);
        for pending in self.log().take_pending_deletions() {
            if self.chance.one_in(2) {
                pending.remove(self.handles.disk()).unwrap();
            }
        }
    }

    fn flush(&mut self) {
        let all = self.chance.one_in(2);
        let now = self.clock;
        let handle = self.log().flush_handle(all).unwrap();
        let flushed = handle.sync().unwrap();
        self.log().mark_flushed(flushed, now);
    }

    fn restart(&mut self) {
        let clean = self.chance.one_in(2);
        let mut log = self.log.take().unwrap();
        if clean {
            let now = self.clock;
            let flushed = log.close().unwrap().sync().unwrap();
            log.mark_flushed(flushed, now);
        }
        let opening = Opening {
            log_start_offset: self.model.log_start_offset,
            recovery_point: log.recovery_point(),
            clean,
            now_ms: self.clock,
        };
        let epochs = log.leader_epochs().clone();
        drop(log);
        self.log = Some(open(&self.handles, &self.dir.0, &self.config, &opening));
        // Of an empty log recovery may know the epoch of what was deleted.
        if self.model.log_start_offset < self.model.log_end_offset {
            assert_eq!(self.log().leader_epochs(), &epochs);
        }
        self.forget_producers();
    }

    /// The machine dies: of what was not synced, the end is torn or garbled.
    fn crash(&mut self) {
        let log = self.log.take().unwrap();
        let recovery_point = log.recovery_point();
        drop(log);
        let logs = files_with(&self.dir.0, ".log");
        let victim = &logs[usize::try_from(self.chance.below(logs.len() as u64)).unwrap()];
        let base: i64 = victim.file_name().unwrap().to_string_lossy()[..20].parse().unwrap();
        let mut content = std::fs::read(victim).unwrap();
        let mut safe = 0;
        for batch in BatchIter::new(Bytes::from(content.clone())) {
            let batch = batch.unwrap();
            if batch.last_offset() < recovery_point {
                safe += batch.size();
            }
        }
        let next_base = logs.iter().filter_map(|l| l.file_name()?.to_string_lossy()[..20].parse().ok());
        let next_base: i64 = next_base.filter(|b: &i64| *b > base).min().unwrap_or(i64::MAX);
        if safe < content.len() && next_base > recovery_point {
            let at = safe + usize::try_from(self.chance.below((content.len() - safe) as u64)).unwrap();
            if self.chance.one_in(2) {
                content.truncate(at);
            } else {
                content[at] ^= 1 << self.chance.below(8);
            }
            std::fs::write(victim, &content).unwrap();
            // What lies wholly before the damage must stay.
            let batches = &self.model.batches;
            let kept: usize = batches
                .iter()
                .filter(|batch| batch.base_offset >= base)
                .scan(0, |end, batch| {
                    *end += batch.size();
                    Some(*end)
                })
                .take_while(|end| *end <= at)
                .count();
            let before = batches.iter().filter(|batch| batch.base_offset < base).count();
            let must_keep = before + kept;
            self.reopen_after_damage(recovery_point, must_keep);
        } else {
            let all = self.model.batches.len();
            self.reopen_after_damage(recovery_point, all);
        }
    }

    fn reopen_after_damage(&mut self, recovery_point: i64, must_keep: usize) {
        let opening = Opening {
            log_start_offset: self.model.log_start_offset,
            recovery_point,
            clean: false,
            now_ms: self.clock,
        };
        let mut log = open(&self.handles, &self.dir.0, &self.config, &opening);
        let start = log.log_start_offset();
        let garbled_start = start;
        let found = read_all(&mut log, start, 700).unwrap();
        let visible_from = self.model.log_start_offset.min(log.log_end_offset());
        let hidden = self.model.batches.iter().take_while(|b| b.last_offset() < visible_from).count();
        let expect = &self.model.batches[hidden..];
        let same = found.iter().zip(expect).take_while(|(found, expect)| found == expect).count();
        assert!(
            same + hidden >= must_keep,
            "{same} + {hidden} of {must_keep} batches before the damage are there"
        );
        // A flip in base offset or leader epoch is not covered by the checksum, so the last batch may carry one.
        let end_of_same = found[..same].last().map_or(garbled_start, |batch| batch.next_offset());
        if let Some(garbled) = found.get(same) {
            log.truncate_to(end_of_same.min(garbled.base_offset), self.clock).unwrap();
        }
        self.model.batches.truncate(hidden + same);
        self.model.log_end_offset = log.log_end_offset();
        self.model.log_start_offset = log.log_start_offset();
        self.log = Some(log);
        self.forget_producers();
    }

    fn check(&mut self) {
        let (start, end) = (self.model.log_start_offset, self.model.log_end_offset);
        let chunk = u32::try_from(self.chance.between(1, 3000)).unwrap();
        assert_eq!((self.log().log_start_offset(), self.log().log_end_offset()), (start, end));
        let from = self.chance.between(start, end);
        let found = read_all(self.log(), from, chunk).unwrap();
        let expect: Vec<&RecordBatch> =
            self.model.batches.iter().filter(|batch| batch.last_offset() >= from).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expect, "from {from} of {start}..{end}");
        for bad in [start - 1, end + 1] {
            let refused = self.log().read(bad, 100, Isolation::LogEnd, true);
            assert!(matches!(refused, Err(Error::OffsetOutOfRange { .. })));
        }
        self.check_timestamps();
    }

    fn check_timestamps(&mut self) {
        let target = self.clock - self.chance.between(-50, 2000);
        let start = self.model.log_start_offset;
        let found = self.log().find_offset(OffsetSpec::Timestamp(target)).unwrap();
        let records = self.model.batches.iter().flat_map(|batch| batch.records().unwrap());
        let expect = records.map(Result::unwrap).find(|r| r.timestamp >= target && r.offset >= start);
        assert_eq!(
            found.map(|f: FoundOffset| (f.timestamp, f.offset)),
            expect.map(|r| (r.timestamp, r.offset)),
            "timestamp {target}"
        );
    }

    fn step(&mut self) {
        match self.chance.below(24) {
            0..=9 => self.append(),
            10..=12 => self.append_as_follower(),
            13 => self.truncate(),
            14 => self.delete_records(),
            15..=17 => self.flush(),
            18 => {
                let now = self.clock;
                self.log().roll(now).unwrap();
            }
            19 => self.restart(),
            20 => self.crash(),
            _ => self.check(),
        }
        assert!(self.handles.open_count() <= 5);
    }
}

#[test]
fn a_log_is_a_list() {
    // KLAMM_TEST_SEEDS=1000 for a longer run.
    let seeds = std::env::var("KLAMM_TEST_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(15);
    for seed in 0..seeds {
        let mut world = World::new(seed);
        for step in 0..250 {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.step()));
            assert!(outcome.is_ok(), "seed {seed} step {step}");
        }
        world.check();
    }
}
