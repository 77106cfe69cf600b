use klamm_protocol::ErrorCode;

use super::*;
use crate::leader::Acknowledged;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn an_operation_is_completed_once_and_leaves_no_trace() {
    let mut purgatory = Purgatory::new();
    let both = purgatory.watch(["a", "b"], ms(50), "both");
    purgatory.watch(["a"], ms(30), "first");
    purgatory.watch(["b"], ms(30), "second");
    assert_eq!((purgatory.len(), purgatory.next_deadline()), (3, Some(ms(30))));

    assert_eq!(purgatory.check(&"a", |_| false), [""; 0]);
    assert_eq!(purgatory.check(&"a", |operation| *operation == "both"), ["both"]);
    assert_eq!(purgatory.take(both), None);
    assert_eq!(
        purgatory.check(&"b", |operation| *operation == "both"),
        [""; 0],
        "gone under the other key too"
    );

    assert_eq!(purgatory.expire(ms(29)), [""; 0]);
    assert_eq!(purgatory.take_all(&"b"), ["second"]);
    assert!(purgatory.is_watched(&"a") && !purgatory.is_watched(&"b"));
    assert_eq!(purgatory.expire(ms(30)), ["first"]);
    assert!(purgatory.is_empty() && !purgatory.is_watched(&"a"));
    assert_eq!(purgatory.next_deadline(), None);
}

#[test]
fn expired_come_by_deadline_and_checked_by_age() {
    let mut purgatory = Purgatory::new();
    for deadline in [30, 10, 20, 10] {
        purgatory.watch(["a"], ms(deadline), deadline);
    }
    assert_eq!(purgatory.check(&"a", |deadline| *deadline != 20), [30, 10, 10]);
    for deadline in [30, 10] {
        purgatory.watch(["a"], ms(deadline), deadline);
    }
    assert_eq!(purgatory.expire(ms(100)), [10, 20, 30]);
}

#[test]
fn a_produce_waits_for_each_of_its_partitions() {
    let mut produce = DelayedProduce::new([("a", 10), ("b", 20), ("c", 5), ("d", 5)], ());
    let reached = |high_watermark: i64| {
        move |required| if required <= high_watermark { Acknowledged::Done } else { Acknowledged::Waiting }
    };
    assert!(!produce.check(&"a", reached(9)));
    assert!(!produce.check(&"a", reached(10)));
    assert!(!produce.check(&"c", |_| Acknowledged::TooFewReplicas));
    assert!(!produce.lost(&"d", ErrorCode::NotLeaderOrFollower));
    assert_eq!(produce.keys().copied().collect::<Vec<_>>(), ["b"]);
    // Should the deadline come now:
    let errors: Vec<_> = ["a", "b", "c", "d"].iter().map(|key| produce.error(key)).collect();
    assert_eq!(
        errors,
        [
            ErrorCode::None,
            ErrorCode::RequestTimedOut,
            ErrorCode::NotEnoughReplicasAfterAppend,
            ErrorCode::NotLeaderOrFollower
        ]
    );
    assert!(produce.check(&"b", reached(20)));
    assert_eq!(produce.error(&"b"), ErrorCode::None);
}

#[test]
fn what_was_reached_is_taken_back_while_there_is_more_to_come() {
    let mut produce = DelayedProduce::new([("a", 10), ("b", 10)], ());
    assert!(!produce.check(&"a", |_| Acknowledged::Done));
    assert!(!produce.lost(&"a", ErrorCode::NotLeaderOrFollower));
    assert_eq!(produce.error(&"a"), ErrorCode::None);
    assert!(!produce.revoked(&"a", ErrorCode::NotLeaderOrFollower));
    assert_eq!(produce.error(&"a"), ErrorCode::NotLeaderOrFollower);
    assert!(produce.revoked(&"b", ErrorCode::KafkaStorageError));
    assert_eq!(produce.error(&"b"), ErrorCode::KafkaStorageError);
}

#[test]
fn a_fetch_waits_for_enough_bytes_of_all_partitions() {
    let at = |fetch_offset| FetchProgress { fetch_offset, bytes_max: 100, bytes: 0 };
    let mut fetch = DelayedFetch::new(150, [("a", at(10)), ("b", at(20))], ());
    assert!(!fetch.check(&"a", 20, |_| 1000), "a partition counts up to its maximum");
    assert!(!fetch.check(&"b", 22, |_| 49));
    assert!(fetch.check(&"b", 22, |_| 50));
    let mut fetch = DelayedFetch::new(150, [("a", at(10))], ());
    assert!(fetch.check(&"a", 9, |_| 0), "the log was cut off");
}

#[test]
fn a_random_walk_agrees_with_a_plain_list() {
    let mut purgatory = Purgatory::new();
    let mut model: Vec<(u64, Vec<u8>, u64)> = Vec::new();
    let mut state = 42u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for step in 0..5_000 {
        match random(4) {
            0 | 1 => {
                let keys: Vec<u8> = (0..1 + random(3)).map(|_| random(6) as u8).collect();
                let deadline = step + random(50);
                purgatory.watch(keys.clone(), ms(deadline), step);
                model.push((step, keys, deadline));
            }
            2 => {
                let (key, odd) = (random(6) as u8, random(2));
                let done = purgatory.check(&key, |id| *id % 2 == odd);
                let is_done = |entry: &(u64, Vec<u8>, u64)| entry.1.contains(&key) && entry.0 % 2 == odd;
                let expect: Vec<u64> =
                    model.iter().filter(|entry| is_done(entry)).map(|entry| entry.0).collect();
                model.retain(|entry| !is_done(entry));
                assert_eq!(done, expect);
            }
            _ => {
                let mut expired = purgatory.expire(ms(step));
                let mut expect: Vec<u64> =
                    model.iter().filter(|entry| entry.2 <= step).map(|entry| entry.0).collect();
                model.retain(|entry| entry.2 > step);
                expired.sort_unstable();
                expect.sort_unstable();
                assert_eq!(expired, expect);
            }
        }
        assert_eq!(purgatory.len(), model.len());
    }
}
