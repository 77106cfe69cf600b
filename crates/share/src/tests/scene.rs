//! Scripts of what happens to a share partition, and what has to come of it. One line is one step:
//!
//! * `log 0-9 10-19t7`: batches in the log from now on; `t7` is a transaction of producer 7, `a7` an abort marker
//! * `aborted 7@10`: producer 7 aborted the transaction that begins at 10
//! * `fetch m1 500 [size 10] => 0-9x1`: m1 wants 500 records; what it gets, and how often that was delivered
//! * `limit m1 5 => 0-4x1`: the same with never more than 5 records
//! * `ack m1 0-4 accept`, `ack m1 0-2 accept,release,gap ! INVALID_RECORD_STATE`
//! * `leave m1`, `leave all`, `after 30000` (milliseconds pass, locks run out), `log-start 10`
//! * `kept 0-4=acked x1`, `lost`: the oldest write, what is in it, and whether it was kept
//! * `unkept true`: whether what is kept does not say of each delivery that there was one
//! * `keeps-from 5 done 3`: the start offset of the oldest write, and how many offsets from there are done with
//! * `state 5..9 | 5-9 acquired x1 m1`: start and end offset, and the batches
//! * `next 5`: where the next fetch begins
//! * `letters => 0-1x2(rejected)`, `copied`, `copied 0`: what goes to the dead-letter queue, and that it is there, all of
//!   it or a part; `0(rejected copied)` is there already
//! * `breaker open`: what the circuit breaker has changed to; `breaker same`: it has not
//! * `set limit=3`, `set locks=100`, `set renew=no`, `set dead-letters=yes`, `set backoff=100`, at most 400, in twice as
//!   long steps; `set breaker=3/1000/5000/2`: three records within 1 s open it, for 5 s, two on trial

use std::{collections::VecDeque, fmt::Write, time::Duration};

use klamm_protocol::StrBytes;

use crate::{
    AbortedTransaction, Acknowledgement, AcquireMode, AcquireRequest, Backoff, BatchKind, BatchSpan,
    BreakerSettings, BreakerState, DeadLetter, GivenUp, Loaded, RecordState, Settings, SharePartition,
    StateBatch, StateWrite,
};

pub(super) fn settings() -> Settings {
    Settings {
        locks_max: 2000,
        delivery_count_limit: 5,
        lock_duration: Duration::from_secs(30),
        is_renewal_allowed: true,
        has_dead_letters: false,
        backoff: None,
        breaker: None,
    }
}

pub(super) struct Scene {
    pub(super) partition: SharePartition,
    settings: Settings,
    now: Duration,
    log: Vec<BatchSpan>,
    aborted: Vec<AbortedTransaction>,
    writes: VecDeque<StateWrite>,
    letters: Vec<DeadLetter>,
}

/// Runs a script on a share partition that starts at offset 0.
pub(super) fn check(script: &str) {
    check_from(0, &[], script);
}

/// Runs a script on a share partition that was kept.
pub(super) fn check_from(start_offset: i64, kept: &[(i64, i64, RecordState, i16)], script: &str) {
    let batches = kept.iter().map(|&(first_offset, last_offset, state, delivery_count)| StateBatch {
        first_offset,
        last_offset,
        state,
        delivery_count,
    });
    let loaded = Loaded { start_offset, state_epoch: 0, batches: batches.collect() };
    let mut scene = Scene {
        partition: SharePartition::load(0, loaded).unwrap(),
        settings: settings(),
        now: Duration::ZERO,
        log: Vec::new(),
        aborted: Vec::new(),
        writes: VecDeque::new(),
        letters: Vec::new(),
    };
    for (number, line) in script.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
        scene.step(line, &format!("line {number}: {line}"));
    }
}

fn range(text: &str) -> (i64, i64) {
    match text.split_once('-') {
        Some((first, last)) => (first.parse().unwrap(), last.parse().unwrap()),
        None => (text.parse().unwrap(), text.parse().unwrap()),
    }
}

fn ack_type(name: &str) -> i8 {
    ["gap", "accept", "release", "reject", "renew"].iter().position(|known| *known == name).unwrap() as i8
}

fn state_name(state: RecordState) -> &'static str {
    match state {
        RecordState::Available => "available",
        RecordState::Acquired => "acquired",
        RecordState::Acknowledged => "acked",
        RecordState::Archiving => "archiving",
        RecordState::Archived => "archived",
    }
}

fn span(text: &str) -> BatchSpan {
    let place = text.find(['t', 'a']).unwrap_or(text.len());
    let (base_offset, last_offset) = range(&text[..place]);
    let (kind, producer_id) = match text[place..].split_at_checked(1) {
        Some(("t", id)) => (BatchKind::Transactional, id.parse().unwrap()),
        Some(("a", id)) => (BatchKind::AbortMarker, id.parse().unwrap()),
        _ => (BatchKind::Plain, -1),
    };
    BatchSpan { base_offset, last_offset, producer_id, kind }
}

impl Scene {
    fn step(&mut self, line: &str, context: &str) {
        let (line, expected) = match line.split_once(" => ") {
            Some((line, expected)) => (line, Some(expected)),
            None => (line.trim_end_matches(" =>"), line.ends_with("=>").then_some("")),
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "log" => self.log = words[1..].iter().map(|word| span(word)).collect(),
            "aborted" => {
                let (id, first) = words[1].split_once('@').unwrap();
                let transaction = AbortedTransaction {
                    producer_id: id.parse().unwrap(),
                    first_offset: first.parse().unwrap(),
                };
                self.aborted.push(transaction);
            }
            "fetch" | "limit" => {
                let mode = match words[0] {
                    "fetch" => AcquireMode::BatchOptimized,
                    _ => AcquireMode::RecordLimit,
                };
                let size = words.get(4).map_or(i32::MAX, |size| size.parse().unwrap());
                let found = self.fetch(words[1], mode, words[2].parse().unwrap(), size);
                assert_eq!(found, expected.unwrap(), "{context}");
            }
            "ack" => self.acknowledge(&words, context),
            "leave" => {
                let write = match words[1] {
                    "all" => self.partition.release_all(&self.settings),
                    member => self.partition.release(&member.into(), &self.settings),
                };
                self.writes.extend(write);
            }
            "after" => {
                self.now += Duration::from_millis(words[1].parse().unwrap());
                self.writes.extend(self.partition.expire(self.now, &self.settings).write);
            }
            "log-start" => self.partition.log_start_moved(words[1].parse().unwrap()),
            "kept" | "lost" => {
                let write = self.writes.pop_front().expect(context);
                if words.len() > 1 {
                    assert_eq!(shown(&write), words[1..].join(" "), "{context}");
                }
                self.partition.written(self.now, write.id, words[0] == "kept", &self.settings);
            }
            "keeps-from" => {
                let write = self.writes.front().expect(context);
                let told = (write.start_offset.to_string(), write.delivery_complete_count.to_string());
                assert_eq!(told, (words[1].to_owned(), words[3].to_owned()), "{context}");
            }
            "letters" | "copied" | "breaker" => self.dead_letters(&words, expected, context),
            "unkept" => {
                let has_some = self.partition.has_unkept_deliveries().to_string();
                assert_eq!(has_some, words[1], "{context}");
            }
            "nothing-to-keep" => assert!(self.writes.is_empty(), "{context}: {:?}", self.writes),
            "next" => {
                assert_eq!(self.partition.next_fetch_offset(self.now).to_string(), words[1], "{context}");
            }
            "full" => assert!(!self.partition.can_acquire(self.now, &self.settings), "{context}"),
            "state" => assert_eq!(self.shown(), words[1..].join(" "), "{context}"),
            "set" => self.set(words[1]),
            other => panic!("{other}"),
        }
    }

    fn dead_letters(&mut self, words: &[&str], expected: Option<&str>, context: &str) {
        match words[0] {
            "letters" => {
                self.letters = self.partition.take_dead_letters(&self.settings);
                let letters = self.letters.iter().map(|letter| {
                    let range = shown_range(letter.first_offset, letter.last_offset);
                    let reason = match letter.reason {
                        GivenUp::Rejected => "rejected",
                        GivenUp::DeliveryCountExceeded => "exceeded",
                    };
                    let copied = if letter.is_copied { " copied" } else { "" };
                    format!("{range}x{}({reason}{copied})", letter.delivery_count)
                });
                assert_eq!(letters.collect::<Vec<_>>().join(" "), expected.unwrap(), "{context}");
            }
            "copied" => {
                let (first, last) = words.get(1).map_or((0, i64::MAX), |part| range(part));
                let parts = self.letters.iter().map(|letter| DeadLetter {
                    first_offset: letter.first_offset.max(first),
                    last_offset: letter.last_offset.min(last),
                    ..*letter
                });
                let parts: Vec<_> = parts.filter(|part| part.first_offset <= part.last_offset).collect();
                self.writes.extend(self.partition.dead_lettered(&parts));
            }
            "breaker" => {
                let change = match self.partition.take_breaker_change() {
                    None => "same",
                    Some(BreakerState::Closed) => "closed",
                    Some(BreakerState::Open) => "open",
                    Some(BreakerState::HalfOpen) => "half-open",
                };
                assert_eq!(change, words[1], "{context}");
            }
            other => panic!("{other}"),
        }
    }

    fn set(&mut self, setting: &str) {
        match setting.split_once('=').unwrap() {
            ("limit", limit) => self.settings.delivery_count_limit = limit.parse().unwrap(),
            ("locks", locks) => self.settings.locks_max = locks.parse().unwrap(),
            ("dead-letters", wanted) => self.settings.has_dead_letters = wanted == "yes",
            ("backoff", ms) => {
                let first = Duration::from_millis(ms.parse().unwrap());
                let backoff = Backoff { first, max: 4 * first, growth_percent: 200, jitter_percent: 20 };
                self.settings.backoff = Some(backoff);
            }
            ("breaker", "no") => self.settings.breaker = None,
            ("breaker", numbers) => {
                let numbers: Vec<u32> = numbers.split('/').map(|number| number.parse().unwrap()).collect();
                self.settings.breaker = Some(BreakerSettings {
                    records: numbers[0],
                    window: Duration::from_millis(numbers[1].into()),
                    wait: Duration::from_millis(numbers[2].into()),
                    trial_records: numbers[3],
                });
            }
            ("renew", allowed) => self.settings.is_renewal_allowed = allowed == "yes",
            other => panic!("{other:?}"),
        }
    }

    /// Reads the log from where the partition says, and gives the batches to it.
    pub(super) fn fetch(
        &mut self,
        member: &str,
        mode: AcquireMode,
        records_max: i32,
        batch_size: i32,
    ) -> String {
        if !self.partition.can_acquire(self.now, &self.settings) {
            return String::new();
        }
        let fetch_offset = self.partition.next_fetch_offset(self.now);
        let batches: Vec<_> =
            self.log.iter().copied().filter(|batch| batch.last_offset >= fetch_offset).collect();
        let member: StrBytes = member.into();
        let request = AcquireRequest {
            member: &member,
            mode,
            batch_size,
            records_max,
            fetch_offset,
            batches: &batches,
            aborted: &self.aborted,
        };
        let acquired = self.partition.acquire(self.now, &request, &self.settings);
        let shown = acquired
            .iter()
            .map(|run| format!("{}x{}", shown_range(run.first_offset, run.last_offset), run.delivery_count));
        shown.collect::<Vec<_>>().join(" ")
    }

    fn acknowledge(&mut self, words: &[&str], context: &str) {
        let (first_offset, last_offset) = range(words[2]);
        let types: Vec<i8> = words[3].split(',').map(ack_type).collect();
        let acknowledgement = Acknowledgement { first_offset, last_offset, types: &types };
        let taken =
            self.partition.acknowledge(self.now, &words[1].into(), &[acknowledgement], &self.settings);
        match (taken, words.get(5)) {
            (Ok(write), None) => self.writes.extend(write),
            (Err(refusal), Some(code)) => assert_eq!(format!("{:?}", refusal.code), *code, "{context}"),
            (taken, _) => panic!("{context}: {taken:?}"),
        }
    }

    fn shown(&self) -> String {
        let partition = &self.partition;
        let mut text = format!("{}..{}", partition.start_offset(), partition.end_offset());
        for batch in partition.batches.values() {
            text.push_str(" |");
            let mut runs: Vec<(i64, i64, String)> = Vec::new();
            for (first, last, delivery) in batch.parts() {
                let mut state = format!("{} x{}", state_name(delivery.state), delivery.count);
                if let Some(member) = &delivery.member {
                    write!(state, " {member}").unwrap();
                }
                if delivery.is_changing() {
                    state.push_str(" ...");
                }
                match runs.last_mut() {
                    Some(run) if run.2 == state => run.1 = last,
                    _ => runs.push((first, last, state)),
                }
            }
            for (first, last, state) in runs {
                write!(text, " {} {state}", shown_range(first, last)).unwrap();
            }
        }
        text
    }
}

fn shown_range(first: i64, last: i64) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

fn shown(write: &StateWrite) -> String {
    let batches = write.batches.iter().map(|batch| {
        let range = shown_range(batch.first_offset, batch.last_offset);
        format!("{range}={} x{}", state_name(batch.state), batch.delivery_count)
    });
    batches.collect::<Vec<_>>().join(" ")
}
