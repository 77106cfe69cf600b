use klamm_protocol::api::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatResponseTopicPartitions,
};

use super::*;

fn member(instance: Option<&'static str>) -> Member {
    let fixed = Fixed {
        group_id: "g".into(),
        instance_id: instance.map(StrBytes::from_static),
        rack_id: Some("r".into()),
        rebalance_timeout_ms: 300_000,
        server_assignor: Some("uniform".into()),
    };
    let mut member = Member::new(fixed, "m".into());
    member.wanted.topics.insert("t".into());
    member
}

fn by_id(partitions: &[i32]) -> ById {
    if partitions.is_empty() {
        return ById::new();
    }
    ById::from([(Uuid::from_u128(7), partitions.iter().copied().collect())])
}

fn answer(epoch: i32, partitions: Option<&[i32]>) -> ConsumerGroupHeartbeatResponse {
    let topic = |partitions: &[i32]| ConsumerGroupHeartbeatResponseTopicPartitions {
        topic_id: Uuid::from_u128(7),
        partitions: partitions.to_vec(),
        ..Default::default()
    };
    ConsumerGroupHeartbeatResponse {
        member_id: Some("m".into()),
        member_epoch: epoch,
        heartbeat_interval_ms: 5000,
        assignment: partitions
            .map(|partitions| Assignment { topic_partitions: vec![topic(partitions)], ..Default::default() }),
        ..Default::default()
    }
}

fn refusal(code: ErrorCode) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse { error_code: code.code(), ..Default::default() }
}

fn beat(member: &mut Member, answer: &ConsumerGroupHeartbeatResponse) -> News {
    let (_, said) = member.heartbeat();
    member.take(answer, said)
}

#[test]
fn a_heartbeat_says_what_is_new() {
    let mut member = member(None);
    let (first, _) = member.heartbeat();
    assert_eq!((first.member_epoch, first.rebalance_timeout_ms), (0, 300_000));
    assert_eq!(first.subscribed_topic_names, Some(vec!["t".into()]));
    assert_eq!(first.topic_partitions, Some(Vec::new()), "whoever joins has nothing");
    assert_eq!((first.rack_id, first.server_assignor), (Some("r".into()), Some("uniform".into())));
    assert_eq!(beat(&mut member, &answer(3, Some(&[0, 1]))), News::Target(by_id(&[0, 1])));
    assert!(!member.has_something_to_say());
    let (second, _) = member.heartbeat();
    assert_eq!((second.member_epoch, second.rebalance_timeout_ms), (3, -1));
    assert_eq!((second.subscribed_topic_names, second.topic_partitions, second.rack_id), (None, None, None));
    member.owned = by_id(&[0, 1]);
    assert!(member.has_something_to_say());
    let (third, _) = member.heartbeat();
    assert_eq!(third.topic_partitions.unwrap()[0].partitions, [0, 1]);
    assert_eq!(beat(&mut member, &answer(3, None)), News::Epoch);
    assert!(!member.has_something_to_say());
    member.lost_answer();
    let (fourth, _) = member.heartbeat();
    assert_eq!(fourth.member_epoch, 3);
    assert!(fourth.subscribed_topic_names.is_some() && fourth.topic_partitions.is_some(), "everything again");
}

#[test]
fn a_regular_expression_is_taken_back_by_an_empty_one() {
    let mut member = member(None);
    member.wanted = Wanted { topics: BTreeSet::new(), regex: Some("a.*".into()) };
    assert_eq!(member.heartbeat().0.subscribed_topic_regex, Some("a.*".into()));
    beat(&mut member, &answer(1, None));
    assert_eq!(member.heartbeat().0.subscribed_topic_regex, None);
    member.wanted = Wanted { topics: BTreeSet::from(["t".into()]), regex: None };
    let (request, _) = member.heartbeat();
    assert_eq!(request.subscribed_topic_regex, Some(StrBytes::default()));
    assert_eq!(request.subscribed_topic_names, Some(vec!["t".into()]));
}

#[test]
fn a_fenced_member_joins_with_nothing() {
    for code in [ErrorCode::FencedMemberEpoch, ErrorCode::UnknownMemberId] {
        let mut member = member(None);
        beat(&mut member, &answer(3, Some(&[0])));
        member.owned = by_id(&[0]);
        assert_eq!(beat(&mut member, &refusal(code)), News::Fenced);
        let (request, _) = member.heartbeat();
        assert_eq!((request.member_epoch, &*request.member_id), (0, "m"));
        assert_eq!(request.topic_partitions, Some(Vec::new()));
    }
}

#[test]
fn refusals_are_told_apart() {
    for (code, expect) in [
        (ErrorCode::NotCoordinator, News::Again(true)),
        (ErrorCode::CoordinatorNotAvailable, News::Again(true)),
        (ErrorCode::CoordinatorLoadInProgress, News::Again(false)),
        (ErrorCode::UnreleasedInstanceId, News::Fatal(ErrorCode::UnreleasedInstanceId, None)),
        (ErrorCode::FencedInstanceId, News::Fatal(ErrorCode::FencedInstanceId, None)),
        (ErrorCode::InvalidRegularExpression, News::Fatal(ErrorCode::InvalidRegularExpression, None)),
        (ErrorCode::GroupMaxSizeReached, News::Fatal(ErrorCode::GroupMaxSizeReached, None)),
    ] {
        let mut member = member(None);
        beat(&mut member, &answer(3, Some(&[0])));
        assert_eq!(beat(&mut member, &refusal(code)), expect);
        assert_eq!(member.epoch, 3);
    }
}

#[test]
fn a_static_member_leaves_for_a_while() {
    assert_eq!(member(None).farewell().member_epoch, -1);
    let farewell = member(Some("i")).farewell();
    assert_eq!((farewell.member_epoch, farewell.instance_id), (-2, Some("i".into())));
}
