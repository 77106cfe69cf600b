//! Random histories of a share partition against what a bystander knows of each record.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use klamm_protocol::StrBytes;

use super::scene::settings;
use crate::{
    Acknowledgement, AcquireMode, AcquireRequest, BatchKind, BatchSpan, Loaded, RecordState, Settings,
    SharePartition, StateBatch, StateWrite,
};

const LIMIT: i16 = 4;
const LOCK: Duration = Duration::from_secs(30);
const MEMBERS: [&str; 3] = ["a", "b", "c"];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What a bystander knows of a record.
#[derive(Debug, Clone, Default)]
struct Known {
    deliveries: i16,
    /// Who has it, and until when.
    held: Option<(usize, Duration)>,
    /// It was accepted or rejected, and that was kept.
    is_done: bool,
}

struct Walk {
    random: Random,
    partition: SharePartition,
    settings: Settings,
    now: Duration,
    log: Vec<BatchSpan>,
    log_start: i64,
    known: BTreeMap<i64, Known>,
    writes: VecDeque<StateWrite>,
    /// What a persister has.
    kept: BTreeMap<i64, (RecordState, i16)>,
    kept_start: i64,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let loaded = Loaded { start_offset: 0, state_epoch: 0, batches: Vec::new() };
        let locks_max = 20;
        Self {
            random: Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            partition: SharePartition::load(0, loaded).unwrap(),
            settings: Settings { locks_max, delivery_count_limit: LIMIT, ..settings() },
            now: Duration::ZERO,
            log: Vec::new(),
            log_start: 0,
            known: BTreeMap::new(),
            writes: VecDeque::new(),
            kept: BTreeMap::new(),
            kept_start: 0,
        }
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0..3 => self.produce(),
            3..9 => {
                let member = self.random.below(3) as usize;
                self.fetch(member);
            }
            9..14 => self.acknowledge(),
            14..17 => {
                let is_kept = self.random.below(4) > 0;
                self.settle_write(is_kept);
            }
            17 => {
                let seconds = self.random.below(20);
                self.pass(Duration::from_secs(seconds));
            }
            18 => self.leave(),
            _ => match self.random.below(10) {
                0 => self.crash(),
                1..3 => self.move_log_start(),
                _ => {}
            },
        }
        self.check_counts_kept();
    }

    /// Whoever is told that nothing is left to be kept may forget the partition, and no delivery with it.
    fn check_counts_kept(&self) {
        if self.partition.has_unkept_deliveries() || !self.writes.is_empty() {
            return;
        }
        for (offset, known) in self.known.range(self.kept_start.max(self.log_start)..) {
            let kept = self.kept.get(offset).map_or(0, |(_, count)| *count);
            assert_eq!(kept, known.deliveries, "{offset} was delivered more often than is kept");
        }
    }

    fn produce(&mut self) {
        let base_offset = self.log.last().map_or(0, |batch| batch.last_offset + 1);
        let last_offset = base_offset + self.random.below(8) as i64;
        self.log.push(BatchSpan { base_offset, last_offset, producer_id: -1, kind: BatchKind::Plain });
    }

    /// Records are deleted from the log, up to somewhere in it.
    fn move_log_start(&mut self) {
        let end = self.log.last().map_or(0, |batch| batch.last_offset + 1);
        let ahead = self.random.below(12) as i64;
        self.log_start = (self.partition.start_offset().max(self.log_start) + ahead).min(end);
        self.partition.log_start_moved(self.log_start);
    }

    fn fetch(&mut self, member: usize) -> usize {
        if !self.partition.can_acquire(self.now, &self.settings) {
            return 0;
        }
        let fetch_offset = self.partition.next_fetch_offset(self.now);
        assert!(fetch_offset >= self.log_start, "{fetch_offset} is not in the log");
        let rest = self.log.iter().filter(|batch| batch.last_offset >= fetch_offset);
        let batches: Vec<_> = rest.copied().take(1 + self.random.below(5) as usize).collect();
        let mode = match self.random.below(2) {
            0 => AcquireMode::BatchOptimized,
            _ => AcquireMode::RecordLimit,
        };
        let records_max = 1 + self.random.below(12) as i32;
        let name: StrBytes = MEMBERS[member].into();
        let batch_size = 1 + self.random.below(10) as i32;
        let request = AcquireRequest {
            member: &name,
            mode,
            batch_size,
            records_max,
            fetch_offset,
            batches: &batches,
            aborted: &[],
        };
        let acquired = self.partition.acquire(self.now, &request, &self.settings);
        let count: i64 = acquired.iter().map(|run| run.count()).sum();
        assert!(mode == AcquireMode::BatchOptimized || count <= i64::from(records_max));
        for run in &acquired {
            for offset in run.first_offset..=run.last_offset {
                let known = self.known.entry(offset).or_default();
                assert!(!known.is_done, "{offset} was done with");
                assert!(offset >= self.log_start, "{offset} is gone");
                assert_eq!(known.held, None, "{offset} is with somebody");
                known.deliveries += 1;
                assert_eq!(known.deliveries, run.delivery_count, "{offset}");
                assert!(known.deliveries <= LIMIT, "{offset} was delivered {} times", known.deliveries);
                known.held = Some((member, self.now + LOCK));
            }
        }
        usize::try_from(count).unwrap()
    }

    /// A member acknowledges some of what it has, or believes that it has.
    fn acknowledge(&mut self) {
        let member = self.random.below(3) as usize;
        let held = self.known.iter().filter(|(_, known)| known.held.is_some_and(|(who, _)| who == member));
        let held: Vec<i64> = held.map(|(offset, _)| *offset).collect();
        if held.is_empty() {
            return;
        }
        let first_offset = held[self.random.below(held.len() as u64) as usize];
        let last_offset = first_offset + self.random.below(4) as i64;
        let types: Vec<i8> = match self.random.below(3) {
            0 => (first_offset..=last_offset).map(|_| 1 + self.random.below(3) as i8).collect(),
            _ => vec![1 + self.random.below(4) as i8],
        };
        let acknowledgement = Acknowledgement { first_offset, last_offset, types: &types };
        let name: StrBytes = MEMBERS[member].into();
        let before = self.partition.clone();
        match self.partition.acknowledge(self.now, &name, &[acknowledgement], &self.settings) {
            Ok(write) => {
                if types == [4] {
                    // What is said of records before the start is passed over.
                    for offset in first_offset.max(before.start_offset())..=last_offset {
                        self.known.get_mut(&offset).unwrap().held = Some((member, self.now + LOCK));
                    }
                }
                self.writes.extend(write);
            }
            Err(_) => assert_eq!(states(&before), states(&self.partition)),
        }
    }

    fn settle_write(&mut self, is_kept: bool) {
        let Some(write) = self.writes.pop_front() else { return };
        if is_kept {
            self.keep(&write);
        }
        self.partition.written(self.now, write.id, is_kept, &self.settings);
        if is_kept {
            self.note_freed(&write);
        }
        self.check_gone();
    }

    fn keep(&mut self, write: &StateWrite) {
        assert!(write.start_offset >= self.kept_start);
        self.kept_start = write.start_offset;
        let mut told: Vec<_> =
            write.batches.iter().map(|batch| (batch.first_offset, batch.last_offset)).collect();
        told.sort_unstable();
        assert!(told.is_sorted_by(|before, after| before.1 < after.0), "{told:?}");
        for batch in &write.batches {
            for offset in batch.first_offset..=batch.last_offset {
                self.kept.insert(offset, (batch.state, batch.delivery_count));
            }
        }
        self.kept = self.kept.split_off(&self.kept_start);
    }

    /// Whoever acknowledged or left does not have the records any more.
    fn note_freed(&mut self, write: &StateWrite) {
        for batch in &write.batches {
            for offset in batch.first_offset..=batch.last_offset {
                let known = self.known.get_mut(&offset).unwrap();
                // The write may be of a lock that ran out, after which the record was given out anew.
                let now_held = self.partition.floor_member(offset);
                if now_held.is_none() {
                    known.held = None;
                }
                known.is_done |= batch.state.is_terminal();
            }
        }
    }

    /// Locks that have run out are nobody's, unless a change is being written.
    fn check_gone(&mut self) {
        for (offset, known) in &mut self.known {
            if known.held.is_some() && self.partition.is_free(*offset) {
                // What is gone from the log is nobody's, whatever comes of a release.
                let is_gone = *offset < self.log_start;
                let is_over = known.held.is_some_and(|(_, until)| until <= self.now);
                assert!(is_over || is_gone, "{offset} was taken away");
                known.held = None;
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.writes.extend(self.partition.expire(self.now, &self.settings).write);
        self.check_gone();
        assert!(self.partition.next_deadline().is_none_or(|deadline| deadline > self.now));
    }

    fn leave(&mut self) {
        let member: StrBytes = MEMBERS[self.random.below(3) as usize].into();
        let write = self.partition.release(&member, &self.settings);
        self.writes.extend(write);
    }

    /// Another leader takes over from what was kept.
    fn crash(&mut self) {
        let batches = self.kept.iter().map(|(offset, (state, delivery_count))| StateBatch {
            first_offset: *offset,
            last_offset: *offset,
            state: *state,
            delivery_count: *delivery_count,
        });
        let loaded = Loaded { start_offset: self.kept_start, state_epoch: 0, batches: batches.collect() };
        self.partition = SharePartition::load(0, loaded).unwrap();
        self.partition.log_start_moved(self.log_start);
        self.writes.clear();
        for (offset, known) in &mut self.known {
            known.held = None;
            known.deliveries = match self.kept.get(offset) {
                Some((_, count)) => *count,
                None if *offset < self.kept_start => known.deliveries,
                None => 0,
            };
        }
    }

    /// Everybody leaves and all of that is kept: what was kept is then all that there is to know.
    fn check_replay(&mut self) {
        while !self.writes.is_empty() {
            self.settle_write(true);
        }
        for member in MEMBERS {
            let write = self.partition.release(&member.into(), &self.settings);
            self.writes.extend(write);
        }
        while !self.writes.is_empty() {
            self.settle_write(true);
        }
        let start = self.partition.start_offset();
        let unkept = |offset| {
            let batch =
                self.partition.batches.range(..=offset).next_back().and_then(|(_, batch)| batch.at(offset));
            batch.is_some_and(crate::delivery::Delivery::is_unkept)
        };
        for (offset, state, count) in states(&self.partition) {
            // What a lost write said of a lock that ran out is said again with the next write, if there is any.
            if offset >= start && count > 0 && !unkept(offset) {
                assert_eq!(self.kept.get(&offset), Some(&(state, count)), "{offset}");
            }
        }
        self.crash();
    }

    /// Consumes what is left.
    fn drain(&mut self) {
        loop {
            let fetched = self.fetch(0);
            let held: Vec<i64> = self
                .known
                .iter()
                .filter(|(_, known)| known.held.is_some())
                .map(|(offset, _)| *offset)
                .collect();
            if fetched == 0 && held.is_empty() {
                break;
            }
            for offset in held {
                let acknowledgement =
                    Acknowledgement { first_offset: offset, last_offset: offset, types: &[1] };
                let write = self.partition.acknowledge(
                    self.now,
                    &MEMBERS[0].into(),
                    &[acknowledgement],
                    &self.settings,
                );
                self.writes.extend(write.unwrap());
            }
            while !self.writes.is_empty() {
                self.settle_write(true);
            }
        }
        let end = self.log.last().map_or(0, |batch| batch.last_offset + 1);
        assert_eq!(self.partition.start_offset(), end);
        for offset in self.log_start..end {
            let known = &self.known[&offset];
            // Whoever had it for the last time may have let the lock run out.
            assert!(known.is_done || known.deliveries == LIMIT, "{offset} is lost: {known:?}");
        }
    }
}

/// Every offset in flight with its state and count.
fn states(partition: &SharePartition) -> Vec<(i64, RecordState, i16)> {
    let parts = partition.batches.values().flat_map(|batch| batch.parts());
    parts
        .flat_map(|(first, last, delivery)| {
            (first..=last).map(move |offset| (offset, delivery.state, delivery.count))
        })
        .collect()
}

impl SharePartition {
    fn floor_member(&self, offset: i64) -> Option<StrBytes> {
        let batch = self.batches.range(..=offset).next_back()?.1;
        batch.at(offset)?.member.clone()
    }

    /// Whether a record is with nobody, nor on its way to be so.
    fn is_free(&self, offset: i64) -> bool {
        let batch = self.batches.range(..=offset).next_back().map(|(_, batch)| batch);
        let delivery = batch.and_then(|batch| batch.at(offset));
        delivery.is_none_or(|delivery| delivery.member.is_none() && !delivery.is_changing())
    }
}

#[test]
fn a_record_is_with_one_member_never_lost_and_never_delivered_past_its_limit() {
    for seed in 1..=150 {
        let mut walk = Walk::new(seed);
        for step in 0..300 {
            walk.step();
            if step % 100 == 99 {
                walk.check_replay();
            }
        }
        walk.drain();
    }
}
