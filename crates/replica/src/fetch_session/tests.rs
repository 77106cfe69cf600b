use klamm_protocol::Records;
use klamm_protocol::api::fetch::{FetchPartition, FetchTopic, ForgottenTopic, ReplicaState};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// The last version by names, and the newest.
const BY_NAME: i16 = 12;
const BY_ID: i16 = 18;

fn sessions(slots: usize) -> FetchSessions {
    FetchSessions::new(SessionLimits::for_shard(slots, 0, 1), 1)
}

fn id(topic: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..topic.len()].copy_from_slice(topic.as_bytes());
    Uuid::from_bytes(bytes)
}

/// Every topic is known but those that start with `?`.
fn resolve(id: &Uuid) -> Option<StrBytes> {
    let name = String::from_utf8(id.as_bytes().iter().copied().filter(|b| *b != 0).collect()).unwrap();
    (!name.starts_with('?')).then(|| name.into())
}

/// `a-0@5 a-1@0` : partitions with fetch offsets.
fn request(session: (i32, i32), wanted: &str, forgotten: &str) -> FetchRequest {
    let split = |text: &str| {
        let (topic, partition) = text.split_once('-').unwrap();
        (topic.to_owned(), partition.parse::<i32>().unwrap())
    };
    let topics = wanted.split_whitespace().map(|part| {
        let (part, offset) = part.split_once('@').unwrap();
        let (topic, partition) = split(part);
        let fetch_offset = offset.parse().unwrap();
        FetchTopic {
            topic_id: id(&topic),
            topic: topic.into(),
            partitions: vec![FetchPartition { partition, fetch_offset, ..Default::default() }],
            ..Default::default()
        }
    });
    let forgotten = forgotten.split_whitespace().map(|part| {
        let (topic, partition) = split(part);
        let topic_id = id(&topic);
        ForgottenTopic { topic: topic.into(), topic_id, partitions: vec![partition], ..Default::default() }
    });
    FetchRequest {
        session_id: session.0,
        session_epoch: session.1,
        topics: topics.collect(),
        forgotten_topics_data: forgotten.collect(),
        ..Default::default()
    }
}

fn list(context: &FetchContext) -> String {
    let each = context.partitions.iter().map(|part| {
        let topic = part.topic.as_ref().map_or("unknown", |topic| topic);
        format!("{topic}-{}@{}", part.fetch.partition, part.fetch.fetch_offset)
    });
    each.collect::<Vec<_>>().join(" ")
}

/// Answers every partition of the context; `news` gives high watermark, bytes and error by `topic-partition`.
fn answers(context: &FetchContext, news: &[(&str, i64, usize, ErrorCode)]) -> Vec<FetchedPartition> {
    let each = context.partitions.iter().map(|part| {
        let topic = part.topic.clone().unwrap_or_default();
        let name = format!("{topic}-{}", part.fetch.partition);
        let found = news.iter().find(|(at, ..)| *at == name);
        let (_, high_watermark, bytes, error) = found.copied().unwrap_or(("", 10, 0, ErrorCode::None));
        let data = PartitionData {
            partition_index: part.fetch.partition,
            high_watermark,
            log_start_offset: 0,
            error_code: error.code(),
            records: Some(Records::Gap { token: 0, len: bytes as u32 }),
            ..Default::default()
        };
        FetchedPartition { topic, topic_id: part.topic_id, data }
    });
    each.collect()
}

fn sent(response: &FetchResponse) -> String {
    let each = response.responses.iter().flat_map(|topic| {
        topic.partitions.iter().map(move |part| format!("{}-{}", &*topic.topic, part.partition_index))
    });
    each.collect::<Vec<_>>().join(" ")
}

/// One whole fetch: what was read, what was sent, the session's id and the error.
fn fetch(
    sessions: &mut FetchSessions,
    version: i16,
    request: &FetchRequest,
    news: &[(&str, i64, usize, ErrorCode)],
) -> (String, String, i32, i16) {
    let context = sessions.begin(request, version, SECOND, resolve);
    let (read, answers) = (list(&context), answers(&context, news));
    let response = sessions.finish(context, answers, SECOND);
    (read, sent(&response), response.session_id, response.error_code)
}

fn text(read: &str, sent: &str, id: i32) -> (String, String, i32, i16) {
    (read.to_owned(), sent.to_owned(), id, 0)
}

#[test]
fn a_session_sends_only_news() {
    for version in [BY_NAME, BY_ID] {
        let mut sessions = sessions(10);
        let none = ErrorCode::None;
        let first = request((0, 0), "a-0@1 a-1@2 b-0@3", "");
        let (read, told, id, error) = fetch(&mut sessions, version, &first, &[("a-0", 5, 0, none)]);
        assert_eq!((read.as_str(), told.as_str(), error), ("a-0@1 a-1@2 b-0@3", "a-0 a-1 b-0", 0));
        assert!(id > 0);
        assert_eq!((sessions.len(), sessions.partitions_count()), (1, 3));

        let all = "a-0@1 a-1@2 b-0@3";
        let next = |epoch, wanted, forgotten| request((id, epoch), wanted, forgotten);
        let mut step = |request, news: &[_]| fetch(&mut sessions, version, &request, news);
        assert_eq!(step(next(1, "", ""), &[("a-0", 5, 0, none)]), text(all, "", id), "nothing new");
        assert_eq!(step(next(2, "", ""), &[("a-0", 6, 0, none)]), text(all, "a-0", id), "high watermark");
        let data = [("a-0", 6, 100, none)];
        assert_eq!(step(next(3, "", ""), &data), text(all, "a-0", id), "records");
        let turned = "a-1@2 b-0@3 a-0@7";
        let same = [("a-0", 6, 0, none)];
        assert_eq!(step(next(4, "a-0@7", ""), &same), text(turned, "", id), "had its turn");
        let failed = [("a-0", 6, 0, none), ("b-0", -1, 0, ErrorCode::NotLeaderOrFollower)];
        assert_eq!(step(next(5, "", ""), &failed), text(turned, "b-0", id), "errors are always sent");
        assert_eq!(step(next(6, "", ""), &failed), text(turned, "b-0", id), "errors are always sent");
        assert_eq!(step(next(7, "", ""), &same), text(turned, "b-0", id), "well again");
        assert_eq!(step(next(8, "", ""), &same), text(turned, "", id));
        let changed = "a-1@2 a-0@7 c-0@0";
        assert_eq!(step(next(9, "c-0@0", "b-0"), &same), text(changed, "c-0", id), "added and forgotten");
        assert_eq!(sessions.partitions_count(), 3);
    }
}

#[test]
fn wrong_sessions_and_epochs_are_refused() {
    let mut sessions = sessions(10);
    let (_, _, id, _) = fetch(&mut sessions, BY_NAME, &request((0, 0), "a-0@1", ""), &[]);
    let mut code =
        |version, session, wanted| fetch(&mut sessions, version, &request(session, wanted, ""), &[]).3;
    assert_eq!(code(BY_NAME, (id + 1, 1), ""), 70, "no such session");
    assert_eq!(code(BY_NAME, (id, 2), ""), 71, "wrong epoch");
    assert_eq!(code(BY_ID, (id, 1), ""), 106, "names before, ids now");
    assert_eq!(code(BY_NAME, (id, 1), ""), 0);
    assert_eq!(code(BY_NAME, (id, 1), ""), 71, "the same again");
    assert_eq!(code(BY_NAME, (id, 2), ""), 0);
    // A full fetch closes the session it names and opens another.
    let (_, _, other, _) = fetch(&mut sessions, BY_NAME, &request((id, 0), "a-0@1", ""), &[]);
    assert!(other != id && other != 0);
    let (_, _, none, _) = fetch(&mut sessions, BY_NAME, &request((other, -1), "a-0@1", ""), &[]);
    assert_eq!((none, sessions.len()), (0, 0), "the final epoch closes without a new one");
}

#[test]
fn a_session_without_partitions_ends() {
    let mut sessions = sessions(10);
    let (_, _, id, _) = fetch(&mut sessions, BY_ID, &request((0, 0), "a-0@1", ""), &[]);
    assert_eq!(fetch(&mut sessions, BY_ID, &request((id, 1), "", "a-0"), &[]), text("", "", 0));
    assert!(sessions.is_empty());
}

#[test]
fn overlapping_requests_of_one_session() {
    let mut sessions = sessions(10);
    let (_, _, id, _) = fetch(&mut sessions, BY_ID, &request((0, 0), "a-0@1 a-1@1 a-2@1", ""), &[]);
    let first = sessions.begin(&request((id, 1), "", ""), BY_ID, SECOND, resolve);
    let second = sessions.begin(&request((id, 2), "", ""), BY_ID, SECOND, resolve);
    assert_eq!(sessions.throttle(&first, 9).error_code, 71);
    let response = sessions.finish(first, Vec::new(), SECOND);
    assert_eq!((response.error_code, response.session_id), (71, id), "a later request has overtaken it");
    assert_eq!(sessions.throttle(&second, 9).throttle_time_ms, 9);
    // Evicted while it was waiting for data: what is new goes out, the next request is told.
    fetch(&mut sessions, BY_ID, &request((id, -1), "", ""), &[]);
    let news = [("a-1", 10, 100, ErrorCode::None), ("a-2", -1, 0, ErrorCode::NotLeaderOrFollower)];
    let answers = answers(&second, &news);
    assert_eq!(sent(&sessions.finish(second, answers, SECOND)), "a-1 a-2");
    assert_eq!(fetch(&mut sessions, BY_ID, &request((id, 3), "", ""), &[]).3, 70);
}

#[test]
fn unknown_ids_stay_in_the_session_until_they_are_known() {
    let mut sessions = sessions(10);
    let (read, _, session, _) = fetch(&mut sessions, BY_ID, &request((0, 0), "?x-0@1", ""), &[]);
    assert_eq!(read, "unknown-0@1");
    let known = |_: &Uuid| Some(StrBytes::from("x"));
    let context = sessions.begin(&request((session, 1), "", ""), BY_ID, SECOND, known);
    assert_eq!(list(&context), "x-0@1");
}

#[test]
fn a_partition_named_twice_counts_once() {
    let mut sessions = sessions(10);
    let (read, told, ..) = fetch(&mut sessions, BY_NAME, &request((0, 0), "a-0@1 b-0@1 a-0@9", ""), &[]);
    assert_eq!((read.as_str(), told.as_str()), ("a-0@9 b-0@1", "a-0 b-0"));
}

#[test]
fn slots_go_to_followers_then_to_the_large_and_the_old_give_way() {
    let mut sessions = sessions(2);
    let mut open = |wanted: &str, follower: bool, now: Duration| {
        let mut request = request((0, 0), wanted, "");
        if follower {
            request.replica_state = ReplicaState { replica_id: 2, ..Default::default() };
        }
        let context = sessions.begin(&request, BY_ID, now, resolve);
        let answers = answers(&context, &[]);
        let id = sessions.finish(context, answers, now).session_id;
        (id, sessions.evictions())
    };
    let (small, _) = open("a-0@0", false, SECOND);
    let (large, _) = open("a-0@0 a-1@0 a-2@0", false, SECOND);
    assert!(small > 0 && large > 0 && small != large);
    assert_eq!(open("a-0@0 a-1@0", false, SECOND), (0, 0), "all slots are young consumers'");
    let (follower, evicted) = open("a-0@0", true, SECOND);
    assert!(follower > 0);
    assert_eq!(evicted, 1, "a follower takes the smaller consumer's");
    assert!(open("a-0@0", true, 2 * SECOND).0 > 0, "and another the larger consumer's");
    assert_eq!(open("a-0@0 a-1@0", true, 3 * SECOND), (0, 2), "followers do not push out young followers");
    assert_eq!(open("a-0@0", false, MINUTE), (0, 2));
    let (late, evicted) = open("a-0@0", false, 3 * MINUTE);
    assert!(late > 0, "stale sessions go whoever comes");
    assert_eq!(evicted, 3);
}

#[test]
fn larger_sessions_push_out_smaller_ones_that_are_no_longer_young() {
    let mut sessions = sessions(1);
    let first = sessions.begin(&request((0, 0), "a-0@0 a-1@0", ""), BY_ID, SECOND, resolve);
    let told = answers(&first, &[]);
    let id = sessions.finish(first, told, SECOND).session_id;
    // Old, but in use.
    sessions.begin(&request((id, 1), "", ""), BY_ID, 2 * MINUTE + 2 * SECOND, resolve);
    for (wanted, kept) in [("a-0@0", true), ("a-0@0 a-1@0 a-2@0", false)] {
        let now = 2 * MINUTE + 3 * SECOND;
        let context = sessions.begin(&request((0, 0), wanted, ""), BY_ID, now, resolve);
        let told = answers(&context, &[]);
        assert_eq!(sessions.finish(context, told, now).session_id == 0, kept, "{wanted}");
    }
}

#[test]
fn ids_of_shards_do_not_meet() {
    let limits: Vec<_> = (0..8).map(|shard| SessionLimits::for_shard(1000, shard, 8)).collect();
    assert_eq!(limits[0].first_id, 1);
    for pair in limits.windows(2) {
        assert!(pair[0].end_id <= pair[1].first_id && pair[0].first_id < pair[0].end_id);
    }
    assert!(limits.iter().all(|limits| limits.sessions_max == 125));
    let mut last = FetchSessions::new(limits[7], 99);
    let (_, _, id, _) = fetch(&mut last, BY_ID, &request((0, 0), "a-0@0", ""), &[]);
    assert!((limits[7].first_id..limits[7].end_id).contains(&id));
}

#[test]
fn epochs_wrap_to_one() {
    assert_eq!([next_epoch(0), next_epoch(i32::MAX), next_epoch(-1), next_epoch(-7)], [1, 1, -1, -1]);
}
