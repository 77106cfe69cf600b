//! How many requests of each API a shard has answered, with what, and how long each part of that took.
//!
//! A request's parts, as Kafka tells them apart: it waits in a queue (behind those that came before it by its connection,
//! and for a place among those that wait for shards), is worked on here, waits for others (replicas, records, a group's members), waits for the responses before
//! it, and its response is sent. What is worked on in another shard, or by the controller, may be part of either of the
//! two in the middle: whatever comes before the next request of the connection is begun is this node's own work.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use klamm_io::Instant;
use klamm_protocol::{ApiKey, ErrorCode};

use super::{
    families::{
        REQUEST_BYTES, REQUEST_ERRORS, REQUEST_LOCAL_TIME, REQUEST_QUEUE_TIME, REQUEST_REMOTE_TIME,
        REQUEST_RESPONSE_QUEUE_TIME, REQUEST_RESPONSE_SEND_TIME, REQUEST_THROTTLE_TIME, REQUEST_TOTAL_TIME,
        REQUESTS,
    },
    lately::Times,
    samples::{Family, Samples, count},
};
use crate::reply::Told;

/// What is measured of each request, and how many times too large it is kept.
const MEASURED: [(Family, f64); 8] = [
    (REQUEST_TOTAL_TIME, 1000.0),
    (REQUEST_QUEUE_TIME, 1000.0),
    (REQUEST_LOCAL_TIME, 1000.0),
    (REQUEST_REMOTE_TIME, 1000.0),
    (REQUEST_RESPONSE_QUEUE_TIME, 1000.0),
    (REQUEST_RESPONSE_SEND_TIME, 1000.0),
    (REQUEST_THROTTLE_TIME, 1000.0),
    (REQUEST_BYTES, 1.0),
];

/// Bytes of the part of every request's header that is of a fixed size: API, version, correlation id, and the length of
/// the client id.
const HEADER_BYTES: usize = 10;

/// What is counted of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The API's key; it may be none that is known.
    pub api_key: i16,
    /// The version that the client chose.
    pub version: i16,
    /// Bytes behind its header.
    pub bytes: usize,
}

/// A request on its way through the node.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    /// What is asked.
    pub asked: Asked,
    /// When all of it was read: not before its client might be read from, which is over a quota or has not taken what it
    /// was answered.
    pub at: Instant,
}

impl Asked {
    /// What is known of a request before it is read.
    pub fn peek(frame: &[u8]) -> Self {
        let Some(&[k0, k1, v0, v1]) = frame.first_chunk() else {
            return Self { api_key: -1, version: -1, bytes: frame.len() };
        };
        let (api_key, version) = (i16::from_be_bytes([k0, k1]), i16::from_be_bytes([v0, v1]));
        let client_id = match frame.get(HEADER_BYTES - 2..HEADER_BYTES) {
            Some(&[l0, l1]) => usize::try_from(i16::from_be_bytes([l0, l1])).unwrap_or(0),
            _ => 0,
        };
        // Where there may be tagged fields, there are none.
        let has_tags =
            ApiKey::from_number(api_key).is_some_and(|key| key.request_header_version(version) == 2);
        let header = HEADER_BYTES + client_id + usize::from(has_tags);
        Self { api_key, version, bytes: frame.len().saturating_sub(header) }
    }
}

/// A request that is worked on no more; its response may still wait for others.
#[derive(Debug, Clone, Copy)]
pub struct Handled {
    /// The request.
    pub begun: Begun,
    /// When work on it began.
    pub started: Instant,
    /// When it ended.
    pub at: Instant,
}

impl Handled {
    /// With its response, which was there at that moment. An envelope counts as what was in it.
    pub fn settled(mut self, at: Instant, told: Told) -> Settled {
        self.begun.asked = told.enclosed.unwrap_or(self.begun.asked);
        Settled { handled: self, at, told }
    }
}

/// A request whose response is there.
#[derive(Debug)]
pub struct Settled {
    handled: Handled,
    at: Instant,
    told: Told,
}

impl Settled {
    /// In the order of [`MEASURED`].
    fn numbers(&self, sending: Instant, now: Instant) -> [u64; MEASURED.len()] {
        let Handled { begun, started, at } = self.handled;
        let micros = |from, to: Instant| micros(to.saturating_since(from));
        [
            micros(begun.at, now),
            micros(begun.at, started),
            micros(started, at),
            micros(at, self.at),
            micros(self.at, sending),
            micros(sending, now),
            u64::try_from(self.told.throttle_ms).unwrap_or(0) * 1000,
            begun.asked.bytes as u64,
        ]
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The requests of one shard.
#[derive(Debug, Default)]
pub struct Requests(RefCell<Apis>);

/// Requests by API and by whether they came from a node that follows.
pub type Apis = BTreeMap<(i16, bool), OfApi>;

/// The requests of one API.
#[derive(Debug, Clone)]
pub struct OfApi {
    /// How many were answered, by version.
    pub versions: BTreeMap<i16, u64>,
    /// How many items of answers, or answers as a whole, had an error or none, by code.
    errors: BTreeMap<i16, u64>,
    numbers: [Times; MEASURED.len()],
}

impl OfApi {
    fn new(now: Instant) -> Option<Self> {
        let empty = Times::new(now)?;
        Some(Self {
            versions: BTreeMap::new(),
            errors: BTreeMap::new(),
            numbers: std::array::from_fn(|_| empty.clone()),
        })
    }

    /// Microseconds that requests took lately.
    pub fn latencies(&self) -> Histogram<u32> {
        let [total, ..] = &self.numbers;
        total.microseconds()
    }

    fn note(&mut self, settled: &Settled, sending: Instant, now: Instant) {
        *self.versions.entry(settled.handled.begun.asked.version).or_default() += 1;
        for (times, number) in self.numbers.iter_mut().zip(settled.numbers(sending, now)) {
            times.note_number(now, number);
        }
        if settled.told.successes > 0 {
            *self.errors.entry(ErrorCode::None.code()).or_default() += u64::from(settled.told.successes);
        }
        for (code, times) in &settled.told.errors {
            *self.errors.entry(*code).or_default() += u64::from(*times);
        }
    }

    /// Adds what another shard has counted.
    pub fn add(&mut self, other: &Self) {
        for (version, count) in &other.versions {
            *self.versions.entry(*version).or_default() += count;
        }
        for (code, count) in &other.errors {
            *self.errors.entry(*code).or_default() += count;
        }
        for (times, others) in self.numbers.iter_mut().zip(&other.numbers) {
            times.add(others);
        }
    }

    fn sample(&self, name: &str, samples: &mut Samples) {
        for (version, requests) in &self.versions {
            let version = version.to_string();
            samples.add(REQUESTS, &[("request", name), ("version", &version)], count(*requests));
        }
        for ((family, scale), times) in MEASURED.into_iter().zip(&self.numbers) {
            samples.add_quantiles(family, &[("request", name)], &times.microseconds(), scale);
        }
    }
}

impl Requests {
    /// Counts a request whose response began to be written at `sending`, and was at `now`.
    pub fn answered(&self, settled: &Settled, sending: Instant, now: Instant, is_of_follower: bool) {
        let Some(api_key) = ApiKey::from_number(settled.handled.begun.asked.api_key) else { return };
        let key = (api_key.number(), is_of_follower && api_key == ApiKey::Fetch);
        let mut apis = self.0.borrow_mut();
        let Some(api) = (match apis.entry(key) {
            std::collections::btree_map::Entry::Occupied(known) => Some(known.into_mut()),
            std::collections::btree_map::Entry::Vacant(new) => OfApi::new(now).map(|api| new.insert(api)),
        }) else {
            return;
        };
        api.note(settled, sending, now);
    }

    /// A copy of what was counted.
    pub fn measure(&self, now: Instant) -> Apis {
        let mut apis = self.0.borrow_mut();
        apis.values_mut().flat_map(|api| &mut api.numbers).for_each(|times| times.turn(now));
        apis.clone()
    }
}

/// Adds the samples of all shards together. Fetches are told thrice, as by Kafka: of consumers, of followers, and all.
pub fn sample(apis: Apis, samples: &mut Samples) {
    let mut all: BTreeMap<i16, OfApi> = BTreeMap::new();
    for ((key, is_of_follower), api) in apis {
        if key == ApiKey::Fetch.number() {
            api.sample(if is_of_follower { "FetchFollower" } else { "FetchConsumer" }, samples);
        }
        match all.entry(key) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut().add(&api),
            std::collections::btree_map::Entry::Vacant(new) => drop(new.insert(api)),
        }
    }
    for (key, api) in all {
        let Some(key) = ApiKey::from_number(key) else { continue };
        let name = format!("{key:?}");
        api.sample(&name, samples);
        for (code, times) in &api.errors {
            let error = ErrorCode::from_code(*code);
            samples.add(REQUEST_ERRORS, &[("request", &name), ("error", error.name())], count(*times));
        }
    }
}

#[cfg(test)]
mod tests {
    use klamm_protocol::{
        Message, StrBytes, Writer,
        api::produce::{PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse},
        header::{RequestHeader, ResponseHeader},
    };

    use super::*;
    use crate::reply::{self, Reply};

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    fn answered(requests: &Requests, api_key: i16, times: [u64; 6], told: Told, is_of_follower: bool) {
        let [begun, started, handled, settled, sending, now] = times.map(at);
        let begun = Begun { asked: Asked { api_key, version: 13, bytes: 77 }, at: begun };
        let settled = Handled { begun, started, at: handled }.settled(settled, told);
        requests.answered(&settled, sending, now, is_of_follower);
    }

    fn answer(requests: &Requests, from: u64, to: u64) {
        answered(requests, 1, [from, from, from, from, from, to], Told::default(), false);
    }

    #[test]
    fn latencies_are_those_of_the_last_minutes() {
        let requests = Requests::default();
        answer(&requests, 0, 10);
        answer(&requests, 50, 51);
        let slowest = |now| {
            requests.measure(at(now)).remove(&(1, false)).unwrap().latencies().max().div_ceil(1_000_000)
        };
        assert_eq!(slowest(55), 11, "two digits of ten seconds, rounded up");
        answer(&requests, 75, 76);
        assert_eq!(slowest(80), 11, "the period before still counts");
        assert_eq!(slowest(140), 2, "one second, two periods later");
        assert_eq!(slowest(1000), 0);
        let versions = requests.measure(at(1000)).remove(&(1, false)).unwrap().versions;
        assert_eq!(versions, BTreeMap::from([(13, 3)]));
    }

    #[test]
    fn keys_that_are_no_api_are_not_counted() {
        let requests = Requests::default();
        answered(&requests, 999, [0; 6], Told::default(), false);
        assert!(requests.measure(at(1)).is_empty());
    }

    #[test]
    fn every_part_of_a_request_is_told_under_kafkas_names() {
        let requests = Requests::default();
        let told = Told { throttle_ms: 5000, successes: 2, errors: vec![(6, 3)], enclosed: None };
        answered(&requests, 1, [0, 1, 3, 7, 15, 31], told, true);
        answered(&requests, 1, [31; 6], Told { successes: 1, ..Told::default() }, false);
        let mut samples = Samples::default();
        sample(requests.measure(at(31)), &mut samples);
        let text = samples.encode().unwrap();
        let value = |start: &str| -> f64 {
            let of = |line: &str| line.strip_prefix(start).map(|rest| rest.trim().parse().unwrap());
            text.lines().find_map(of).unwrap_or_else(|| panic!("{start} is not in\n{text}"))
        };
        for (name, seconds) in [
            ("totaltimems", 31),
            ("requestqueuetimems", 1),
            ("localtimems", 2),
            ("remotetimems", 4),
            ("responsequeuetimems", 8),
            ("responsesendtimems", 16),
            ("throttletimems", 5),
        ] {
            let of = |who: &str, quantile: &str| {
                let labels = format!("{{request=\"{who}\",quantile=\"{quantile}\"}}");
                value(&format!("kafka_network_requestmetrics_{name}{labels}")) / 1000.0
            };
            for who in ["FetchFollower", "Fetch"] {
                assert!((of(who, "0.99") / f64::from(seconds) - 1.0).abs() < 0.01, "{name} of {who}");
            }
            assert!(of("FetchConsumer", "0.99") < f64::EPSILON, "{name} of a consumer");
        }
        for (line, expected) in [
            ("requests_total{request=\"Fetch\",version=\"13\"}", 2.0),
            ("requests_total{request=\"FetchConsumer\",version=\"13\"}", 1.0),
            ("errors_total{request=\"Fetch\",error=\"NONE\"}", 3.0),
            ("errors_total{request=\"Fetch\",error=\"NOT_LEADER_OR_FOLLOWER\"}", 3.0),
            ("requestbytes{request=\"Fetch\",quantile=\"0.5\"}", 77.0),
        ] {
            let found = value(&format!("kafka_network_requestmetrics_{line}"));
            assert!((found - expected).abs() < f64::EPSILON, "{line} {found}");
        }
    }

    #[test]
    fn a_request_is_as_large_as_what_is_behind_its_header() {
        for (version, client_id) in [(3, None), (3, Some("a")), (13, None), (13, Some("client"))] {
            let client_id = client_id.map(StrBytes::from_static);
            let header = RequestHeader { request_api_version: version, client_id, ..Default::default() };
            let mut frame = Writer::new();
            header.encode(&mut frame, if version == 13 { 2 } else { 1 }).unwrap();
            let before = frame.total_len();
            ProduceRequest::default().encode(&mut frame, version).unwrap();
            let body = frame.total_len() - before;
            assert_eq!(Asked::peek(&frame.into_bytes()).bytes, body, "version {version}");
        }
        assert_eq!(Asked::peek(&[0, 0, 0]).bytes, 3);
        assert_eq!(Asked::peek(&[0, 0, 0, 3, 0, 0, 0, 0, 127, 127]).bytes, 0);
    }

    #[test]
    fn an_answer_tells_the_errors_of_all_its_items() {
        let partitions =
            [0, 6, 0, 6, 87].map(|error_code| PartitionProduceResponse { error_code, ..Default::default() });
        let topic = |partitions: &[PartitionProduceResponse]| TopicProduceResponse {
            partition_responses: partitions.to_vec(),
            ..Default::default()
        };
        let response = ProduceResponse {
            responses: vec![topic(&partitions[..2]), topic(&partitions[2..])],
            throttle_time_ms: 9,
            ..Default::default()
        };
        let frame = reply::encode(&response, 9, &ResponseHeader::default(), 1, &[]).unwrap();
        let Some(frame) = Reply::Now(frame).poll_now() else { panic!("it is there") };
        assert_eq!((frame.told.throttle_ms, frame.told.successes), (9, 2));
        assert_eq!(frame.told.errors, [(6, 2), (87, 1)]);
    }
}
