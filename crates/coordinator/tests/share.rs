//! Runs the files of `share/`: commands begin with `> `, and the lines after each are what comes of it: a `+` for a
//! record with its offset, a `!` for the log's start, and `12: OK ..` for the answer to the 12th request. A file begins
//! anew with a line of settings, as `= updates=2`.
//!
//! `UPDATE=1 cargo test -p klamm-coordinator` writes what comes out into the files, to be read and committed.

mod script;

use klamm_coordinator::Token;
use klamm_coordinator::share::{
    InitialState, PlacedRecord, ShareCoordinator, ShareLoader, ShareOutcome, SharePartitionKey, ShareRecord,
    ShareSettings, ShareStateContext, ShareStateReply, ShareStateRequest, ShareStates, ShareTimer,
    StateBatch, StateRefusal, StateWrite,
};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use klamm_timeline::{StateMachine, TimerChange};
use script::Script;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

type Answer = (Token, ShareStateReply);

struct Harness {
    settings: ShareSettings,
    coordinator: ShareCoordinator,
    /// All records ever appended.
    log: Vec<PlacedRecord>,
    log_start_offset: i64,
    now_ms: i64,
    timers: BTreeMap<ShareTimer, i64>,
    next_token: u64,
    uncommitted: VecDeque<(i64, Option<Answer>)>,
    hold: bool,
    /// Topics that were deleted.
    gone: BTreeSet<Uuid>,
    /// What is appended next fails.
    fails: bool,
    out: Vec<String>,
}

impl Harness {
    fn new(words: &str) -> Self {
        let option = |name: &str, default: i64| {
            let word = words.split_whitespace().find_map(|word| word.strip_prefix(&format!("{name}=")));
            word.map_or(default, |value| value.parse().expect("a number"))
        };
        let settings = ShareSettings {
            updates_per_snapshot: i32::try_from(option("updates", 500)).expect("a number"),
            prune_interval_ms: option("prune", 10_000),
            cold_interval_ms: option("cold", 5000),
        };
        let (coordinator, _) = ShareLoader::new(settings, 0).finish();
        let mut harness = Self {
            settings,
            coordinator,
            log: Vec::new(),
            log_start_offset: 0,
            now_ms: 1_000_000,
            timers: BTreeMap::new(),
            next_token: 1,
            uncommitted: VecDeque::new(),
            hold: false,
            gone: BTreeSet::new(),
            fails: false,
            out: Vec::new(),
        };
        harness.load();
        harness
    }

    fn say(&mut self, line: &str) {
        self.out.push(line.to_owned());
    }

    fn end_offset(&self) -> i64 {
        self.log.last().map_or(0, |last| last.offset + 1)
    }

    /// Topics are named by a number, which is how many partitions they have.
    fn ask(&mut self, key: &SharePartitionKey, request: &ShareStateRequest) {
        let token = Token(self.next_token);
        self.next_token += 1;
        let count = i32::from(key.topic_id.as_bytes()[15]);
        let context =
            ShareStateContext { now_ms: self.now_ms, partition_count: (count > 0).then_some(count) };
        let outcome = self.coordinator.handle(context, token, key, request);
        self.carry_out(outcome);
    }

    fn carry_out(&mut self, outcome: ShareOutcome) {
        for timer in outcome.timers {
            if let TimerChange::Set { key, after } = timer {
                self.timers.insert(key, self.now_ms + after.as_millis() as i64);
            }
        }
        if let Some(offset) = outcome.response.delete_before {
            self.log_start_offset = offset;
            self.say(&format!("! starts at {offset}"));
        }
        self.append(outcome.records);
        self.uncommitted.push_back((self.end_offset(), outcome.response.committed));
        if !self.hold {
            self.commit();
        }
    }

    fn append(&mut self, records: Vec<ShareRecord>) {
        if !records.is_empty() && std::mem::take(&mut self.fails) {
            return self.say("! cannot be written");
        }
        let base_offset = self.end_offset();
        for (offset, record) in (base_offset..).zip(&records) {
            let line = format!("+ {offset} {}", described(record));
            self.say(&line);
            self.log.push(PlacedRecord { offset, record: read_back(record) });
        }
        self.coordinator.appended(&records, base_offset);
    }

    fn commit(&mut self) {
        self.hold = false;
        while let Some((end, answer)) = self.uncommitted.pop_front() {
            self.coordinator.high_watermark_moved(end);
            if let Some(answer) = answer {
                self.answer(answer);
            }
        }
    }

    fn answer(&mut self, (token, reply): Answer) {
        let refused = |refusal: StateRefusal| format!("{} {}", refusal.code.name(), refusal.message);
        let reply = match reply {
            ShareStateReply::Done(Ok(())) => "OK".to_owned(),
            ShareStateReply::State(Ok(state)) => {
                format!("e{} from {}{}", state.state_epoch, state.start_offset, batches(&state.state_batches))
            }
            ShareStateReply::Summary(Ok(summary)) => format!(
                "e{} l{} from {} done {}",
                summary.state_epoch,
                summary.leader_epoch,
                summary.start_offset,
                summary.delivery_complete_count
            ),
            ShareStateReply::Done(Err(refusal))
            | ShareStateReply::State(Err(refusal))
            | ShareStateReply::Summary(Err(refusal)) => refused(refusal),
        };
        self.say(&format!("{}: {reply}", token.0));
    }

    fn advance(&mut self, ms: i64) {
        let until = self.now_ms + ms;
        while let Some((key, deadline)) = self.timers.iter().min_by_key(|(_, deadline)| **deadline) {
            if *deadline > until {
                break;
            }
            let (key, deadline) = (*key, *deadline);
            self.timers.remove(&key);
            self.now_ms = self.now_ms.max(deadline);
            let outcome = self.coordinator.timer_fired(self.now_ms, key, |topic| self.gone.contains(topic));
            self.carry_out(outcome);
        }
        self.now_ms = until;
    }

    /// Another coordinator takes over, from what is left of the log.
    fn load(&mut self) {
        let mut loader = ShareLoader::new(self.settings, self.log_start_offset);
        for record in self.log.iter().filter(|record| record.offset >= self.log_start_offset) {
            loader.replay(std::slice::from_ref(record), record.offset + 1, record.offset + 1);
        }
        self.timers.clear();
        self.uncommitted.clear();
        let (coordinator, outcome) = loader.finish();
        self.coordinator = coordinator;
        self.carry_out(outcome);
    }

    fn carry_out_line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().filter(|word| !word.contains('=')).collect();
        let option = |name: &str, default: i64| {
            let word = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            word.map_or(default, |value| value.parse().expect("a number"))
        };
        let epoch = |name: &str| i32::try_from(option(name, -1)).expect("an epoch");
        let key = || key(words[1]);
        match words[0] {
            "init" => {
                let initial = InitialState { state_epoch: epoch("e"), start_offset: option("from", -1) };
                self.ask(&key(), &ShareStateRequest::Initialize(initial));
            }
            "read" => self.ask(&key(), &ShareStateRequest::Read { leader_epoch: epoch("l") }),
            "write" => {
                let write = StateWrite {
                    state_epoch: epoch("e"),
                    leader_epoch: epoch("l"),
                    start_offset: option("from", -1),
                    delivery_complete_count: i32::try_from(option("done", 0)).expect("a count"),
                    state_batches: words[2..].chunks(2).map(|words| batch(words[0], words[1])).collect(),
                };
                self.ask(&key(), &ShareStateRequest::Write(write));
            }
            "delete" => self.ask(&key(), &ShareStateRequest::Delete),
            "summary" => self.ask(&key(), &ShareStateRequest::ReadSummary),
            "forget" => {
                let topics: BTreeSet<Uuid> = words[1..].iter().map(|word| topic(word)).collect();
                self.gone.extend(&topics);
                let outcome = self.coordinator.topics_deleted(&topics);
                self.carry_out(outcome);
            }
            "advance" => self.advance(words[1].parse().expect("ms")),
            "miss" => self.gone.extend(words[1..].iter().map(|word| topic(word))),
            "fail" => self.fails = true,
            "hold" => self.hold = true,
            "release" => self.commit(),
            "reload" => self.load(),
            other => panic!("unknown command {other}"),
        }
        let mut replayed = ShareStates::new(self.settings.updates_per_snapshot);
        let left = self.log.iter().filter(|record| record.offset >= self.log_start_offset);
        left.for_each(|record| replayed.replay(record));
        if self.log_start_offset == 0 {
            assert_eq!(*self.coordinator.state(), replayed, "the log tells the state");
        }
        assert_eq!(self.coordinator.state().len(), replayed.len(), "what was pruned was not needed");
    }
}

/// A record as it comes back from the log.
fn read_back(record: &ShareRecord) -> ShareRecord {
    let (key, value) = record.encode().expect("encodable");
    let decoded = ShareRecord::decode(&key, value.as_ref()).expect("decodable").expect("known");
    assert_eq!(decoded, *record);
    decoded
}

fn topic(count: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes[15] = count.parse().expect("a topic");
    Uuid::from_bytes(bytes)
}

/// Reads `group:topic:partition`.
fn key(word: &str) -> SharePartitionKey {
    let [group, id, partition] = word.split(':').collect::<Vec<_>>()[..] else { panic!("not a key: {word}") };
    let partition = partition.parse().expect("a partition");
    SharePartitionKey { group: StrBytes::from(group), topic_id: topic(id), partition }
}

fn named(key: &SharePartitionKey) -> String {
    format!("{}:{}:{}", key.group, key.topic_id.as_bytes()[15], key.partition)
}

/// Reads `0-9 2x1`.
fn batch(offsets: &str, delivery: &str) -> StateBatch {
    let (first, last) = offsets.split_once('-').expect("offsets");
    let (state, count) = delivery.split_once('x').expect("state x count");
    StateBatch {
        first_offset: first.parse().expect("an offset"),
        last_offset: last.parse().expect("an offset"),
        delivery_state: state.parse().expect("a state"),
        delivery_count: count.parse().expect("a count"),
    }
}

fn batches(batches: &[StateBatch]) -> String {
    let one = |batch: &StateBatch| {
        let StateBatch { first_offset, last_offset, delivery_state, delivery_count } = batch;
        format!(" {first_offset}-{last_offset} {delivery_state}x{delivery_count}")
    };
    batches.iter().map(one).collect()
}

fn described(record: &ShareRecord) -> String {
    match record {
        ShareRecord::Snapshot { key, value: None } => format!("{} gone", named(key)),
        ShareRecord::Snapshot { key, value: Some(value) } => {
            let each: Vec<StateBatch> = value.state_batches.iter().map(Into::into).collect();
            format!(
                "{} snapshot {} e{} l{} from {} done {} created {} written {}{}",
                named(key),
                value.snapshot_epoch,
                value.state_epoch,
                value.leader_epoch,
                value.start_offset,
                value.delivery_complete_count,
                value.create_timestamp,
                value.write_timestamp,
                batches(&each)
            )
        }
        ShareRecord::Update { key, value } => {
            let each: Vec<StateBatch> = value.state_batches.iter().map(Into::into).collect();
            format!(
                "{} update of {} l{} from {} done {}{}",
                named(key),
                value.snapshot_epoch,
                value.leader_epoch,
                value.start_offset,
                value.delivery_complete_count,
                batches(&each)
            )
        }
    }
}

#[test]
fn states_come_out_as_written() {
    script::check_folder::<Harness>("share");
}

impl Script for Harness {
    fn begin(settings: &str) -> Self {
        Self::new(settings)
    }

    fn run(&mut self, command: &str) -> Vec<String> {
        self.carry_out_line(command);
        std::mem::take(&mut self.out)
    }
}

/// What a broker of another version may have left is skipped; what is cut short is not.
#[test]
fn records_of_other_kinds_are_skipped() {
    let decode = |key: &'static [u8], value: Option<&'static [u8]>| {
        let value = value.map(bytes::Bytes::from_static);
        ShareRecord::decode(&bytes::Bytes::from_static(key), value.as_ref())
    };
    let snapshot = b"\0\0\0\x01g0123456789abcdef\0\0\0\x02";
    let update = b"\0\x01\0\x01g0123456789abcdef\0\0\0\x02";
    assert!(matches!(decode(snapshot, None), Ok(Some(ShareRecord::Snapshot { value: None, .. }))));
    assert_eq!(decode(update, None), Ok(None), "an update of nothing");
    assert_eq!(decode(b"\0\x09whatever", None), Ok(None), "a type that is not known");
    assert_eq!(decode(snapshot, Some(b"\0\x09whatever")), Ok(None), "a version that is not known");
    assert!(decode(&snapshot[..9], None).is_err());
    assert!(decode(snapshot, Some(b"\0\0\0\0")).is_err());
    assert_eq!(ErrorCode::FencedStateEpoch.code(), 124);
}
