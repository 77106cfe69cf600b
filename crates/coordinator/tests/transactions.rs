//! Runs the files of `transactions/`: commands begin with `> `, and the lines after each are what comes of it: a `+` for
//! a record, a `!` for markers that are ordered, a `?` for orders that are still wanted, and `12: OK ..` for the answer to the 12th request. A file begins
//! anew with a line of settings, as `= version=2`.
//!
//! `UPDATE=1 cargo test -p klamm-coordinator` writes what comes out into the files, to be read and committed.

mod script;

use klamm_coordinator::Token;
use klamm_coordinator::transaction::{
    End, Init, ListFilters, MarkerOrder, MarkerResult, Partitions, TransactionContext,
    TransactionCoordinator, TransactionLoader, TransactionOutcome, TransactionRecord, TransactionReply,
    TransactionRequest, TransactionSettings, TransactionTimer, TransactionsState, TxnPartition,
};
use klamm_protocol::coordinator::transaction::TransactionLogValue;
use klamm_protocol::{ErrorCode, Message, Reader, StrBytes};
use klamm_timeline::{StateMachine, TimerChange};
use script::Script;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

type Answer = (Token, TransactionReply);

struct Harness {
    settings: TransactionSettings,
    version: i16,
    coordinator: Option<TransactionCoordinator>,
    epoch: i32,
    log: Vec<TransactionRecord>,
    now_ms: i64,
    timers: BTreeMap<TransactionTimer, i64>,
    next_token: u64,
    next_producer_id: i64,
    spare: Option<i64>,
    orders: Vec<MarkerOrder>,
    uncommitted: VecDeque<(usize, Option<Answer>, Vec<StrBytes>)>,
    hold: bool,
    fail_with: Option<ErrorCode>,
    out: Vec<String>,
}

impl Harness {
    fn new(words: &str) -> Self {
        let option = |name: &str, default: i64| {
            let word = words.split_whitespace().find_map(|word| word.strip_prefix(&format!("{name}=")));
            word.map_or(default, |value| value.parse().expect("a number"))
        };
        let settings = TransactionSettings {
            timeout_ms_max: 60_000,
            abort_interval_ms: 1000,
            expiration_ms: option("expiration", 1_000_000),
            expiration_interval_ms: 10_000,
        };
        let mut harness = Self {
            settings,
            version: i16::try_from(option("version", 2)).expect("a version"),
            coordinator: None,
            epoch: 4,
            log: Vec::new(),
            now_ms: 1_000_000,
            timers: BTreeMap::new(),
            next_token: 1,
            next_producer_id: 100,
            spare: None,
            orders: Vec::new(),
            uncommitted: VecDeque::new(),
            hold: false,
            fail_with: None,
            out: Vec::new(),
        };
        harness.load();
        harness
    }

    fn say(&mut self, line: &str) {
        self.out.push(line.to_owned());
    }

    fn coordinator(&mut self) -> &mut TransactionCoordinator {
        self.coordinator.as_mut().expect("loaded")
    }

    fn context(&mut self) -> TransactionContext {
        TransactionContext {
            now_ms: self.now_ms,
            transaction_version: self.version,
            fresh_producer_id: self.spare,
        }
    }

    fn ask(&mut self, request: &TransactionRequest) {
        let token = Token(self.next_token);
        self.next_token += 1;
        let context = self.context();
        let mut outcome = self.coordinator().handle(context, token, request);
        if matches!(&outcome.response.committed, Some((_, TransactionReply::NeedsProducerId))) {
            assert!(outcome.response.wants_producer_id && outcome.records.is_empty());
            let fresh = TransactionContext { fresh_producer_id: Some(self.producer_id()), ..context };
            outcome = self.coordinator().handle(fresh, token, request);
        }
        self.carry_out(outcome, Some(request));
    }

    fn producer_id(&mut self) -> i64 {
        self.next_producer_id += 1;
        self.next_producer_id
    }

    fn carry_out(&mut self, outcome: TransactionOutcome, request: Option<&TransactionRequest>) {
        let TransactionOutcome { records, response, timers } = outcome;
        for answer in response.now {
            self.answer(answer);
        }
        for order in response.markers {
            let (result, again) = (end(&order), if order.is_retry { " again" } else { "" });
            let line = format!(
                "! {} {}:{} {result} v{} by {} into{}{again}",
                order.id,
                order.producer_id,
                order.producer_epoch,
                order.version,
                order.coordinator_epoch,
                partitions(&order.partitions)
            );
            self.say(&line);
            self.orders.push(order);
        }
        for timer in timers {
            match timer {
                TimerChange::Set { key, after } => {
                    self.timers.insert(key, self.now_ms + after.as_millis() as i64);
                }
                TimerChange::SetIfAbsent { key, after } => {
                    let deadline = self.now_ms + after.as_millis() as i64;
                    self.timers.entry(key).or_insert(deadline);
                }
                TimerChange::Cancel { key } => drop(self.timers.remove(&key)),
            }
        }
        if response.used_producer_id {
            self.spare = None;
        }
        if response.wants_producer_id && request.is_none() {
            self.spare = Some(self.producer_id());
        }
        if let Some(error) = self.fail_with.take_if(|_| !records.is_empty()) {
            if let (Some((token, _)), Some(request)) = (response.committed, request) {
                self.answer((token, request.refuse(error)));
            }
            return;
        }
        self.append(records);
        let end = self.log.len();
        self.uncommitted.push_back((end, response.committed, response.decided));
        if !self.hold {
            self.commit();
        }
    }

    fn append(&mut self, records: Vec<TransactionRecord>) {
        let end = self.log.len() + records.len();
        for record in &records {
            let (key, value) = record.encode(self.version).expect("encodable");
            let decoded = TransactionRecord::decode(&key, value.as_ref()).expect("decodable").expect("known");
            assert_eq!(decoded.encode(self.version).expect("encodable"), (key.clone(), value.clone()));
            let line = format!("+ {} {}", id(&key), value.as_ref().map_or("gone".to_owned(), described));
            self.say(&line);
        }
        if !records.is_empty() {
            self.coordinator().appended(&records, end as i64);
        }
        self.log.extend(records);
    }

    fn commit(&mut self) {
        self.hold = false;
        while let Some((end, answer, decided)) = self.uncommitted.pop_front() {
            self.coordinator().high_watermark_moved(end as i64);
            if let Some(answer) = answer {
                self.answer(answer);
            }
            let context = self.context();
            let outcome = self.coordinator().committed(context, &decided);
            if outcome != TransactionOutcome::unchanged(Default::default()) {
                self.carry_out(outcome, None);
            }
        }
    }

    fn answer(&mut self, (token, reply): Answer) {
        let reply = match reply {
            TransactionReply::Init(Ok((id, epoch))) | TransactionReply::End(Ok((id, epoch))) => {
                format!("OK {id}:{epoch}")
            }
            TransactionReply::Init(Err(error)) | TransactionReply::End(Err(error)) => error.name().to_owned(),
            TransactionReply::AddPartitions(ErrorCode::None) => "OK".to_owned(),
            TransactionReply::AddPartitions(error) => error.name().to_owned(),
            TransactionReply::NeedsProducerId => "NEEDS A PRODUCER ID".to_owned(),
            TransactionReply::Verify(each) => {
                let each: Vec<String> = each
                    .iter()
                    .map(|(at, error)| format!("{}-{} {}", at.topic, at.index, error.name()))
                    .collect();
                each.join(", ")
            }
            TransactionReply::Describe(each) => {
                let each = each.iter().map(|described| {
                    let topics: Vec<String> = described
                        .topics
                        .iter()
                        .map(|topic| format!("{} {:?}", topic.topic, topic.partitions))
                        .collect();
                    format!(
                        "{} {} {}:{} started {} {}",
                        ErrorCode::from_code(described.error_code).name(),
                        described.transaction_state,
                        described.producer_id,
                        described.producer_epoch,
                        described.transaction_start_time_ms,
                        topics.join(" ")
                    )
                });
                each.collect::<Vec<_>>().join("; ").trim_end().to_owned()
            }
            TransactionReply::List(Ok(listed)) => {
                let each = listed.iter().map(|one| {
                    format!("{} {} {}", one.transactional_id, one.producer_id, one.transaction_state)
                });
                each.collect::<Vec<_>>().join("; ")
            }
            TransactionReply::List(Err(error)) => error.name().to_owned(),
        };
        self.say(&format!("{}: {reply}", token.0));
    }

    fn advance(&mut self, ms: i64) {
        let until = self.now_ms + ms;
        while let Some((key, deadline)) = self.timers.iter().min_by_key(|(_, deadline)| **deadline) {
            if *deadline > until {
                break;
            }
            let (key, deadline) = (key.clone(), *deadline);
            self.timers.remove(&key);
            self.now_ms = self.now_ms.max(deadline);
            let context = self.context();
            let outcome = self.coordinator().timer_fired(context, &key);
            self.carry_out(outcome, None);
        }
        self.now_ms = until;
    }

    fn load(&mut self) {
        self.load_with(self.log.len());
    }

    /// The last record may not be known to be committed yet.
    fn reload(&mut self, is_behind: bool) {
        self.hold = is_behind;
        self.load_with(self.log.len() - usize::from(is_behind));
    }

    /// Loads all of the log, of which so many records are known to be committed.
    fn load_with(&mut self, committed: usize) {
        self.epoch += 1;
        let mut loader = TransactionLoader::new(self.settings, 0);
        let end = self.log.len() as i64;
        if end > 0 {
            // As it comes back from the log.
            let read = |record: &TransactionRecord| {
                let (key, value) = record.encode(self.version).expect("encodable");
                TransactionRecord::decode(&key, value.as_ref()).expect("decodable").expect("known")
            };
            self.log = self.log.iter().map(read).collect();
            let (known, new) = self.log.split_at(committed);
            loader.replay(known, committed as i64, committed as i64);
            if !new.is_empty() {
                loader.replay(new, end, committed as i64);
            }
        }
        self.timers.clear();
        self.uncommitted.clear();
        let (coordinator, outcome) = loader.finish(self.epoch);
        self.coordinator = Some(coordinator);
        self.carry_out(outcome, None);
    }

    /// Aborts nothing again and again until the producer's last epoch, and keeps what compaction would.
    fn exhaust(&mut self, id: &StrBytes, (producer_id, from): (i64, i16)) {
        for producer_epoch in from..i16::MAX - 1 {
            let id = id.clone();
            self.ask(&TransactionRequest::End(End {
                id,
                producer_id,
                producer_epoch,
                is_commit: false,
                version: 2,
            }));
        }
        let last = self.log.pop().expect("a record");
        self.log = vec![last];
        self.out.clear();
        self.load();
    }

    /// Answers the last order, or the last one of an earlier coordinator (its epoch) or end (commit or abort).
    fn answer_order(&mut self, id: &StrBytes, of: Option<&str>, results: &[(TxnPartition, MarkerResult)]) {
        let is_of = |order: &MarkerOrder, of| order.coordinator_epoch.to_string() == of || end(order) == of;
        let is_meant = |order: &&MarkerOrder| order.id == *id && of.is_none_or(|of| is_of(order, of));
        let order = self.orders.iter().rev().find(is_meant).expect("an order").clone();
        let context = self.context();
        let outcome = self.coordinator().markers_answered(context, &order, results);
        self.carry_out(outcome, None);
    }

    fn say_wanted(&mut self, id: &StrBytes) {
        for order in self.orders.clone().iter().filter(|order| order.id == *id) {
            if self.coordinator().wants(order) {
                self.say(&format!("? {} by {}", end(order), order.coordinator_epoch));
            }
        }
    }

    fn carry_out_line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().filter(|word| !word.contains('=')).collect();
        let option =
            |name: &str| line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let version = option("v").map_or(self.version, |version| version.parse().expect("a version"));
        let id = StrBytes::from(words.get(1).copied().filter(|id| *id != "-").unwrap_or_default());
        let pair = |text: &str| {
            let (id, epoch) = text.split_once(':').expect("id:epoch");
            (id.parse().expect("an id"), epoch.parse().expect("an epoch"))
        };
        let of = |from: usize| words[from..].iter().map(|word| partition(word)).collect();
        match words[0] {
            "init" => self.ask(&TransactionRequest::Init(Init {
                id,
                timeout_ms: option("timeout").map_or(10_000, |ms| ms.parse().unwrap_or(0)),
                is_two_phase: option("timeout") == Some("none"),
                expected: option("as").map(pair),
            })),
            "add" | "verify" => {
                let (producer_id, producer_epoch) = pair(words[2]);
                let request = Partitions { id, producer_id, producer_epoch, partitions: of(3), version };
                self.ask(&match words[0] {
                    "add" => TransactionRequest::AddPartitions(request),
                    _ => TransactionRequest::Verify(request),
                });
            }
            "commit" | "abort" => {
                let (producer_id, producer_epoch) = pair(words[2]);
                let is_commit = words[0] == "commit";
                self.ask(&TransactionRequest::End(End {
                    id,
                    producer_id,
                    producer_epoch,
                    is_commit,
                    version,
                }));
            }
            "written" | "refused" | "gone" => {
                let (result, from) = match words[0] {
                    "written" => (MarkerResult::Answered(ErrorCode::None), 2),
                    "gone" => (MarkerResult::Gone, 2),
                    _ => (MarkerResult::Answered(error_code(words[2])), 3),
                };
                let results: Vec<_> = words[from..].iter().map(|word| (partition(word), result)).collect();
                self.answer_order(&id, option("of"), &results);
            }
            "wanted" => self.say_wanted(&id),
            "describe" => self.ask(&TransactionRequest::Describe { ids: vec![id] }),
            "list" => self.ask(&TransactionRequest::List(ListFilters {
                states: option("states")
                    .into_iter()
                    .flat_map(|names| names.split(','))
                    .map(StrBytes::from)
                    .collect(),
                producer_ids: option("producer").map(|id| id.parse().expect("an id")).into_iter().collect(),
                duration_ms: option("longer").map_or(-1, |ms| ms.parse().expect("ms")),
                pattern: StrBytes::from(option("pattern").unwrap_or_default()),
            })),
            "advance" => self.advance(words[1].parse().expect("ms")),
            "hold" => self.hold = true,
            "release" => self.commit(),
            "fail" => self.fail_with = Some(error_code(words[1])),
            "reload" => self.reload(words.get(1) == Some(&"behind")),
            "exhaust" => self.exhaust(&id, pair(words[2])),
            other => panic!("unknown command {other}"),
        }
        let mut replayed = TransactionsState::default();
        self.log.iter().for_each(|record| replayed.replay(record));
        assert_eq!(*self.coordinator().state(), replayed, "the log tells the state");
    }
}

fn end(order: &MarkerOrder) -> &'static str {
    if order.is_commit { "commit" } else { "abort" }
}

fn error_code(name: &str) -> ErrorCode {
    (0..150).map(ErrorCode::from_code).find(|code| code.name() == name).expect(name)
}

fn partition(word: &str) -> TxnPartition {
    let (topic, index) = word.rsplit_once('-').expect("topic-index");
    TxnPartition { topic: StrBytes::from(topic), index: index.parse().expect("an index") }
}

fn partitions(partitions: &BTreeSet<TxnPartition>) -> String {
    partitions.iter().map(|at| format!(" {}-{}", at.topic, at.index)).collect()
}

fn id(key: &bytes::Bytes) -> String {
    String::from_utf8(key.slice(4..).to_vec()).expect("text")
}

fn described(value: &bytes::Bytes) -> String {
    let mut reader = Reader::new(value.clone());
    let version = reader.i16().expect("a version");
    let value = TransactionLogValue::decode(&mut reader, version).expect("a value");
    let states = ["Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"];
    let mut text = format!(
        "{} {}:{} v{}",
        states[usize::try_from(value.transaction_status).expect("a state")],
        value.producer_id,
        value.producer_epoch,
        value.client_transaction_version
    );
    if value.next_producer_id != -1 {
        write!(text, " next {}", value.next_producer_id).expect("a string");
    }
    if value.previous_producer_id != value.producer_id && version > 0 {
        write!(text, " before {}", value.previous_producer_id).expect("a string");
    }
    if value.transaction_start_timestamp_ms != -1 {
        write!(text, " started {}", value.transaction_start_timestamp_ms).expect("a string");
    }
    for topic in value.transaction_partitions.into_iter().flatten() {
        for index in topic.partition_ids {
            write!(text, " {}-{index}", topic.topic).expect("a string");
        }
    }
    text
}

#[test]
fn transactions_come_out_as_written() {
    script::check_folder::<Harness>("transactions");
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
