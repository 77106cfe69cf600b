use klamm_protocol::{ErrorCode, Uuid};

use crate::session::{Found, SessionKey, ShareSessions, TopicIdPartition, next_epoch};

fn key(group: &str, member: &str) -> SessionKey {
    SessionKey { group: group.into(), member: member.into() }
}

fn partition(index: i32) -> TopicIdPartition {
    TopicIdPartition { topic_id: Uuid::from_u128(1), index }
}

fn found(has_records: bool, is_error: bool) -> Found {
    Found { has_records, is_error }
}

#[test]
fn epochs_go_on_one_by_one() {
    let mut sessions = ShareSessions::new(10);
    let member = key("g", "m");
    let check = |sessions: &mut ShareSessions, epoch, expected: Result<(), ErrorCode>| {
        let begun = sessions.begin(&member, epoch, &[partition(0)], &[], false);
        assert_eq!(begun.map(|_| ()), expected, "epoch {epoch}");
    };
    check(&mut sessions, 1, Err(ErrorCode::ShareSessionNotFound));
    check(&mut sessions, -1, Err(ErrorCode::ShareSessionNotFound));
    check(&mut sessions, 0, Ok(()));
    check(&mut sessions, 2, Err(ErrorCode::InvalidShareSessionEpoch));
    check(&mut sessions, 1, Ok(()));
    check(&mut sessions, 1, Err(ErrorCode::InvalidShareSessionEpoch));
    assert_eq!(sessions.acknowledge(&member, 0), Err(ErrorCode::InvalidShareSessionEpoch));
    assert_eq!(sessions.acknowledge(&member, 3), Err(ErrorCode::InvalidShareSessionEpoch));
    assert_eq!(sessions.acknowledge(&member, 2), Ok(()));
    check(&mut sessions, 3, Ok(()));
    check(&mut sessions, -1, Ok(()));
    assert_eq!(sessions.close(&member).unwrap().partitions, [partition(0)]);
    assert_eq!(sessions.acknowledge(&member, -1), Err(ErrorCode::ShareSessionNotFound));
    assert_eq!(next_epoch(i32::MAX), 1);
}

#[test]
fn a_first_request_acknowledges_nothing() {
    let mut sessions = ShareSessions::new(10);
    let begun = sessions.begin(&key("g", "m"), 0, &[], &[], true);
    assert_eq!(begun, Err(ErrorCode::InvalidRequest));
}

#[test]
fn there_are_no_more_sessions_than_there_may_be() {
    let mut sessions = ShareSessions::new(1);
    sessions.begin(&key("g", "m"), 0, &[], &[], false).unwrap();
    sessions.begin(&key("g", "m"), 0, &[], &[], false).unwrap();
    let begun = sessions.begin(&key("g", "n"), 0, &[], &[], false);
    assert_eq!(begun, Err(ErrorCode::ShareSessionLimitReached));
}

#[test]
fn only_news_are_told() {
    let mut sessions = ShareSessions::new(10);
    let member = key("g", "m");
    let nothing = found(false, false);
    let context = sessions.begin(&member, 0, &[partition(0), partition(1)], &[], false).unwrap();
    let all = [(partition(0), nothing), (partition(1), nothing)];
    assert_eq!(sessions.finish(&member, &context, &all).unwrap(), [true, true]);
    let mut told = |epoch, wanted: &[TopicIdPartition], found: &[(TopicIdPartition, Found)]| {
        let context = sessions.begin(&member, epoch, wanted, &[], false).unwrap();
        (context.partitions.clone(), sessions.finish(&member, &context, found).unwrap())
    };
    assert_eq!(told(1, &[], &all), (vec![partition(0), partition(1)], vec![false, false]));
    // What was read goes to the end.
    let some = [(partition(0), found(true, false)), (partition(1), found(false, true))];
    assert_eq!(told(2, &[], &some).1, [true, true]);
    assert_eq!(told(3, &[], &all), (vec![partition(1), partition(0)], vec![false, true]));
    assert_eq!(told(4, &[], &all).1, [false, false]);
    // What is new is told of once.
    let more = [(partition(2), nothing)];
    assert_eq!(told(5, &[partition(2)], &more).1, [true]);
    assert_eq!(told(6, &[], &more).1, [false]);
}

#[test]
fn a_request_that_was_overtaken_gets_nothing() {
    let mut sessions = ShareSessions::new(10);
    let member = key("g", "m");
    sessions.begin(&member, 0, &[partition(0)], &[], false).unwrap();
    let context = sessions.begin(&member, 1, &[], &[partition(0)], false).unwrap();
    assert_eq!(context.partitions, []);
    sessions.acknowledge(&member, 2).unwrap();
    assert!(!sessions.is_current(&member, &context));
    assert_eq!(sessions.finish(&member, &context, &[]), Err(ErrorCode::InvalidShareSessionEpoch));
}

#[test]
fn a_session_ends_with_its_connection() {
    let mut sessions = ShareSessions::new(10);
    let (one, other) = (key("g", "a"), key("g", "b"));
    let first = sessions.begin(&one, 0, &[partition(0)], &[], false).unwrap().opened.unwrap();
    let second = sessions.begin(&one, 0, &[partition(1)], &[], false).unwrap().opened.unwrap();
    let third = sessions.begin(&other, 0, &[], &[], false).unwrap().opened.unwrap();
    sessions.begin(&key("h", "a"), 0, &[], &[], false).unwrap();
    // The member has come by another connection since.
    assert_eq!(sessions.disconnected(&one, first), crate::session::Disconnected::default());
    let gone = sessions.disconnected(&one, second);
    assert_eq!(gone.ended.unwrap().partitions, [partition(1)]);
    assert!(!gone.is_group_gone);
    assert!(sessions.disconnected(&other, third).is_group_gone);
    assert_eq!((sessions.len(), sessions.evictions()), (1, 2));
}
