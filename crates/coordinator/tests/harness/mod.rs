//! A driver of the coordinator without a server: a log in memory, a clock that is moved by hand, and text in and out.

use klamm_coordinator::{
    Completion, ConsumerTiming, Continuation, GroupCoordinator, GroupRecord, GroupSettings, GroupsState,
    Loader, LogRecord, Outcome, Request, RequestContext, ShareTiming, StreamsTiming, TimerKey, Token,
};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use klamm_timeline::{StateMachine, TimerChange};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub(crate) mod parse;
pub(crate) mod print;
pub(crate) mod share;
pub(crate) mod streams;

/// Topics by name, with their partition counts.
#[derive(Default)]
pub(crate) struct Topics {
    version: i64,
    newest_topic_version: i64,
    partitions: BTreeMap<String, i32>,
}

impl Topics {
    pub(crate) fn remove(&mut self, topic: &str) {
        self.version += 1;
        self.partitions.remove(topic);
    }

    pub(crate) fn set(&mut self, topic: &str, partitions: i32) {
        self.version += 1;
        if self.partitions.insert(topic.to_owned(), partitions).is_none() {
            self.newest_topic_version = self.version;
        }
    }

    fn find(&self, id: Uuid) -> Option<(&String, &i32)> {
        self.partitions.iter().find(|(name, _)| parse::topic_id(name) == id)
    }
}

impl klamm_coordinator::Cluster for Topics {
    fn version(&self) -> i64 {
        self.version
    }

    fn newest_topic_version(&self) -> i64 {
        self.newest_topic_version
    }

    fn id(&self, name: &str) -> Option<Uuid> {
        self.partitions.contains_key(name).then(|| parse::topic_id(name))
    }

    fn name(&self, id: Uuid) -> Option<StrBytes> {
        self.find(id).map(|(name, _)| StrBytes::from(name))
    }

    fn partition_count(&self, id: Uuid) -> Option<i32> {
        self.find(id).map(|(_, count)| *count)
    }

    fn topic_hash(&self, name: &str) -> Option<i64> {
        let racks = usize::try_from(*self.partitions.get(name)?).ok()?;
        Some(klamm_coordinator::topic_hash(parse::topic_id(name), name, &vec![Vec::new(); racks]))
    }

    fn names(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<StrBytes> {
        self.partitions.keys().filter(|name| wanted(name)).map(StrBytes::from).collect()
    }

    fn consumer_timing(&self, group: &str) -> Option<ConsumerTiming> {
        // A group that is called so has a session of its own length.
        (group == "short").then(|| ConsumerTiming { session_timeout_ms: 1000, ..ConsumerTiming::default() })
    }

    fn streams_timing(&self, group: &str) -> Option<StreamsTiming> {
        (group == "short").then(|| StreamsTiming { session_timeout_ms: 1000, ..StreamsTiming::default() })
    }

    fn share_timing(&self, group: &str) -> Option<ShareTiming> {
        (group == "short").then(|| ShareTiming { session_timeout_ms: 1000, ..ShareTiming::default() })
    }
}

/// One coordinator with its log, timers and requests.
pub(crate) struct Harness {
    settings: GroupSettings,
    pub(crate) topics: Topics,
    coordinator: Option<GroupCoordinator>,
    pub(crate) log: Vec<LogRecord>,
    pub(crate) now_ms: i64,
    timers: BTreeMap<TimerKey, i64>,
    next_token: u64,
    /// Requests that have not been completed.
    pub(crate) open: BTreeSet<Token>,
    /// Waiting for the high watermark.
    uncommitted: VecDeque<(usize, Option<Completion>, Option<Continuation>)>,
    hold: bool,
    fail_with: Option<ErrorCode>,
    pub(crate) output: Vec<String>,
}

impl Harness {
    pub(crate) fn new(settings: GroupSettings) -> Self {
        let mut harness = Self {
            settings,
            topics: Topics::default(),
            coordinator: None,
            log: Vec::new(),
            now_ms: 1_000_000,
            timers: BTreeMap::new(),
            next_token: 1,
            open: BTreeSet::new(),
            uncommitted: VecDeque::new(),
            hold: false,
            fail_with: None,
            output: Vec::new(),
        };
        harness.load();
        harness
    }

    pub(crate) fn coordinator(&mut self) -> &mut GroupCoordinator {
        self.coordinator.as_mut().expect("loaded")
    }

    pub(crate) fn request(&mut self, api_version: i16, request: &Request) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        self.open.insert(token);
        let context = RequestContext {
            api_version,
            client_id: StrBytes::from("client"),
            client_host: StrBytes::from("/127.0.0.1"),
            now_ms: self.now_ms,
            entropy: u128::from(token.0).to_be_bytes(),
        };
        let transaction_of = match request {
            Request::TxnOffsetCommit(commit) => Some(commit.producer_id),
            _ => None,
        };
        let outcome =
            self.coordinator.as_mut().expect("loaded").handle(&context, &self.topics, token, request);
        self.carry_out(outcome, transaction_of, Some((request, api_version)));
        token
    }

    fn carry_out(&mut self, outcome: Outcome, transaction_of: Option<i64>, request: Option<(&Request, i16)>) {
        for completion in outcome.response.now {
            self.complete(completion);
        }
        let failure = if outcome.records.is_empty() { None } else { self.fail_with.take() };
        if let Some(error) = failure {
            if let (Some(completion), Some((request, version))) = (outcome.response.committed, request) {
                self.complete(Completion { token: completion.token, reply: request.refuse(error, version) });
            }
            if let Some(continuation) = outcome.response.continuation {
                let now_ms = self.now_ms;
                let outcome = self.coordinator().append_failed(now_ms, &continuation, error);
                self.carry_out(outcome, None, None);
            }
        } else {
            self.append(&outcome.records, transaction_of);
            let end = self.log.len();
            self.uncommitted.push_back((end, outcome.response.committed, outcome.response.continuation));
        }
        for timer in outcome.timers {
            let is_lost = matches!(&timer, TimerChange::Cancel { key } if key.must_not_be_lost());
            match timer {
                TimerChange::Cancel { .. } if is_lost && failure.is_some() => {}
                TimerChange::Set { key, after } => {
                    self.timers.insert(key, self.now_ms + after.as_millis() as i64);
                }
                TimerChange::SetIfAbsent { key, after } => {
                    self.timers.entry(key).or_insert(self.now_ms + after.as_millis() as i64);
                }
                TimerChange::Cancel { key } => {
                    self.timers.remove(&key);
                }
            }
        }
        if !self.hold {
            self.commit();
        }
    }

    fn append(&mut self, records: &[GroupRecord], transaction_of: Option<i64>) {
        let base_offset = self.log.len() as i64;
        for (offset, record) in (base_offset..).zip(records) {
            let (key, value) = record.encode().expect("encodable");
            let decoded = GroupRecord::decode(&key, value.as_ref()).expect("decodable").expect("known");
            assert_eq!(decoded.encode().expect("encodable"), (key, value), "a record survives being written");
            self.log.push(LogRecord::Data { offset, transaction_of, record: record.clone() });
            self.output.push(print::record(record));
        }
        let now_ms = self.now_ms;
        if !records.is_empty() {
            self.coordinator().appended(records, base_offset, transaction_of, now_ms);
        }
    }

    /// Moves the high watermark to the end of the log.
    pub(crate) fn commit(&mut self) {
        self.hold = false;
        let end = self.log.len();
        self.coordinator().high_watermark_moved(end as i64);
        while let Some((_, completion, continuation)) = self.uncommitted.pop_front() {
            if let Some(completion) = completion {
                self.complete(completion);
            }
            if let Some(continuation) = continuation {
                let now_ms = self.now_ms;
                let outcome = self.coordinator().committed(now_ms, &continuation);
                self.carry_out(outcome, None, None);
            }
        }
    }

    pub(crate) fn hold(&mut self) {
        self.hold = true;
    }

    pub(crate) fn fail_next_append(&mut self, error: ErrorCode) {
        self.fail_with = Some(error);
    }

    /// Lets time pass, firing what becomes due in order.
    pub(crate) fn advance(&mut self, ms: i64) {
        let until = self.now_ms + ms;
        while let Some((key, deadline)) = self.timers.iter().min_by_key(|(_, deadline)| **deadline) {
            if *deadline > until {
                break;
            }
            let (key, deadline) = (key.clone(), *deadline);
            self.timers.remove(&key);
            self.now_ms = self.now_ms.max(deadline);
            let now_ms = self.now_ms;
            let outcome = self.coordinator.as_mut().expect("loaded").timer_fired(now_ms, &self.topics, &key);
            self.carry_out(outcome, None, None);
        }
        self.now_ms = until;
    }

    pub(crate) fn end_transaction(&mut self, producer_id: i64, is_committed: bool) {
        self.log.push(LogRecord::EndTransaction { producer_id, is_committed });
        let end = self.log.len() as i64;
        self.coordinator().transaction_ended(producer_id, is_committed, end);
        if !self.hold {
            self.commit();
        }
    }

    pub(crate) fn delete_topic(&mut self, topic: &str) {
        let now_ms = self.now_ms;
        let deleted = [(StrBytes::from(topic), parse::topic_id(topic))];
        let coordinator = self.coordinator.as_mut().expect("loaded");
        let outcome = coordinator.topics_deleted(now_ms, &self.topics, &deleted);
        self.carry_out(outcome, None, None);
    }

    /// Loses the leadership and gains it again.
    pub(crate) fn reload(&mut self) {
        let now_ms = self.now_ms;
        if let Some(coordinator) = self.coordinator.take() {
            for completion in coordinator.unload(now_ms) {
                self.complete(completion);
            }
        }
        self.timers.clear();
        self.load();
    }

    fn load(&mut self) {
        let mut loader = Loader::new(self.settings.clone(), 0);
        let end = self.log.len() as i64;
        if end > 0 {
            loader.replay(&self.log, end, end);
        }
        let (coordinator, outcome) = loader.finish(self.now_ms, &self.topics);
        self.coordinator = Some(coordinator);
        self.carry_out(outcome, None, None);
    }

    fn complete(&mut self, completion: Completion) {
        assert!(self.open.remove(&completion.token), "{completion:?} is completed twice");
        self.output.push(format!("{}: {}", completion.token.0, print::reply(&completion.reply)));
    }

    /// What must hold at any time.
    pub(crate) fn check(&mut self) {
        let mut replayed = GroupsState::default();
        for record in &self.log {
            replayed.replay(record);
        }
        assert_eq!(*self.coordinator().state(), replayed, "the log tells the state");
        self.coordinator().check_invariants();
    }
}
