//! Share groups from joining to their deletion, as members and administrators see them.

use klamm_protocol::{
    ErrorCode,
    api::{
        alter_share_group_offsets::{
            AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsRequestPartition,
            AlterShareGroupOffsetsRequestTopic,
        },
        delete_groups::DeleteGroupsRequest,
        delete_share_group_offsets::{DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsRequestTopic},
        describe_share_group_offsets::{
            DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequestGroup,
        },
        find_coordinator::FindCoordinatorRequest,
        list_groups::ListGroupsRequest,
        read_share_group_state::{PartitionData as ReadState, ReadShareGroupStateRequest, ReadStateData},
        share_group_describe::ShareGroupDescribeRequest,
        share_group_heartbeat::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse},
    },
};

use crate::harness::{Client, TestNode, beside_others, eventually};

const SETTINGS: &[(&str, &str)] = &[
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("share.coordinator.state.topic.num.partitions", "3"),
    ("group.share.assignment.interval.ms", "0"),
];
const TOPIC: &str = "jobs";
const GROUP: &str = "crew";

fn heartbeat(client: &mut Client, epoch: i32) -> ShareGroupHeartbeatResponse {
    let request = ShareGroupHeartbeatRequest {
        group_id: GROUP.into(),
        member_id: "member".into(),
        member_epoch: epoch,
        subscribed_topic_names: (epoch == 0).then(|| vec![TOPIC.into()]),
        ..Default::default()
    };
    client.call(&request, 1)
}

/// Joins, and stays until every partition is assigned. The member's epoch.
fn join(client: &mut Client, partitions: &[i32]) -> i32 {
    let find =
        FindCoordinatorRequest { key_type: 0, coordinator_keys: vec![GROUP.into()], ..Default::default() };
    eventually("a coordinator", || client.call(&find, 6).coordinators[0].error_code == 0);
    let mut epoch = 0;
    eventually("an assignment", || {
        let answer = heartbeat(client, epoch);
        if answer.error_code != 0 {
            // The coordinator may still be loading.
            assert_eq!(epoch, 0, "{answer:?}");
            return false;
        }
        epoch = answer.member_epoch;
        let topics = answer.assignment.map(|assignment| assignment.topic_partitions).unwrap_or_default();
        topics.first().is_some_and(|topic| topic.partitions == partitions)
    });
    epoch
}

/// The start offset and lag of each partition that the group has state for.
fn offsets(client: &mut Client) -> Vec<(i32, i64, i64)> {
    let group =
        DescribeShareGroupOffsetsRequestGroup { group_id: GROUP.into(), topics: None, ..Default::default() };
    let request = DescribeShareGroupOffsetsRequest { groups: vec![group], ..Default::default() };
    let answer = client.call(&request, 1);
    assert_eq!(answer.groups[0].error_code, 0);
    let partitions = answer.groups[0].topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| (partition.partition_index, partition.start_offset, partition.lag)).collect()
}

fn listed(client: &mut Client) -> Vec<String> {
    let request = ListGroupsRequest { types_filter: vec!["share".into()], ..Default::default() };
    let groups = client.call(&request, 5).groups;
    groups.iter().map(|group| format!("{} {}", group.group_id, group.group_state)).collect()
}

fn alter(client: &mut Client, partition_index: i32, start_offset: i64) {
    let partition =
        AlterShareGroupOffsetsRequestPartition { partition_index, start_offset, ..Default::default() };
    let topic = AlterShareGroupOffsetsRequestTopic {
        topic_name: TOPIC.into(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request =
        AlterShareGroupOffsetsRequest { group_id: GROUP.into(), topics: vec![topic], ..Default::default() };
    let altered = client.call(&request, 0);
    assert_eq!((altered.error_code, altered.responses[0].partitions[0].error_code), (0, 0));
}

/// Whether the partitions have state.
fn has_state(client: &mut Client, partitions: &[i32]) -> bool {
    let topic_id = client.metadata(Some(&[TOPIC])).topics[0].topic_id;
    let partitions = partitions.iter().map(|partition| ReadState {
        partition: *partition,
        leader_epoch: -1,
        ..Default::default()
    });
    let topics = vec![ReadStateData { topic_id, partitions: partitions.collect(), ..Default::default() }];
    let request = ReadShareGroupStateRequest { group_id: GROUP.into(), topics, ..Default::default() };
    let answer = client.call(&request, 0);
    answer.results[0].partitions.iter().all(|partition| partition.error_code == 0)
}

fn delete(client: &mut Client) -> ErrorCode {
    let request = DeleteGroupsRequest { groups_names: vec![GROUP.into()], ..Default::default() };
    ErrorCode::from_code(client.call(&request, 2).results[0].error_code)
}

#[test]
fn a_share_group_lives_until_it_is_deleted() {
    let _turn = beside_others();
    let node = TestNode::start("share-groups", SETTINGS);
    node.create_topic(TOPIC, 2, &[]);
    let mut client = node.connect();
    let epoch = join(&mut client, &[0, 1]);
    assert_eq!(listed(&mut client), ["crew Stable"]);
    assert_eq!(offsets(&mut client), [(0, -1, -1), (1, -1, -1)]);
    let describe = ShareGroupDescribeRequest { group_ids: vec![GROUP.into()], ..Default::default() };
    let described = client.call(&describe, 1);
    assert_eq!(described.groups[0].members[0].assignment.topic_partitions[0].partitions, [0, 1]);
    assert_eq!(delete(&mut client), ErrorCode::NonEmptyGroup);
    assert_eq!(heartbeat(&mut client, epoch + 5).error_code, ErrorCode::FencedMemberEpoch.code());

    assert_eq!(heartbeat(&mut client, -1).error_code, 0);
    assert_eq!(listed(&mut client), ["crew Empty"]);
    alter(&mut client, 1, 0);
    assert_eq!(offsets(&mut client)[1].1, 0);
    alter(&mut client, 1, 7);
    assert_eq!(offsets(&mut client)[1].1, 7);
    // Where the group begins is to be found out again.
    alter(&mut client, 1, -1);
    assert_eq!(offsets(&mut client)[1], (1, -1, -1));

    let topic =
        |name: &str| DeleteShareGroupOffsetsRequestTopic { topic_name: name.into(), ..Default::default() };
    let request = DeleteShareGroupOffsetsRequest {
        group_id: GROUP.into(),
        topics: vec![topic(TOPIC), topic("nothing")],
        ..Default::default()
    };
    let mut answers: Vec<_> = client
        .call(&request, 0)
        .responses
        .into_iter()
        .map(|topic| (topic.topic_name.to_string(), ErrorCode::from_code(topic.error_code)))
        .collect();
    answers.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [("jobs", ErrorCode::None), ("nothing", ErrorCode::UnknownTopicOrPartition)];
    assert_eq!(answers, expected.map(|(name, code)| (name.to_owned(), code)));
    assert_eq!(offsets(&mut client), []);

    // With state again, which goes with the group.
    join(&mut client, &[0, 1]);
    assert_eq!(heartbeat(&mut client, -1).error_code, 0);
    assert_eq!(delete(&mut client), ErrorCode::None);
    assert_eq!(listed(&mut client), Vec::<String>::new());
    assert_eq!(delete(&mut client), ErrorCode::GroupIdNotFound);
    node.assert_serves_others();
}

#[test]
fn a_member_that_joins_while_its_group_is_deleted_gets_partitions_that_it_can_read() {
    let _turn = beside_others();
    let node = TestNode::start("share-groups-race", SETTINGS);
    node.create_topic(TOPIC, 2, &[]);
    let mut client = node.connect();
    let mut outcomes = Vec::new();
    for round in 0..40 {
        join(&mut client, &[0, 1]);
        assert_eq!(heartbeat(&mut client, -1).error_code, 0);
        let mut administrator = node.connect();
        let deleting = std::thread::spawn(move || delete(&mut administrator));
        std::thread::sleep(std::time::Duration::from_micros(round * 250));
        assert_eq!(heartbeat(&mut client, 0).error_code, 0);
        let outcome = deleting.join().unwrap();
        assert!(matches!(outcome, ErrorCode::None | ErrorCode::NonEmptyGroup), "{outcome:?}");
        join(&mut client, &[0, 1]);
        assert!(has_state(&mut client, &[0, 1]), "round {round}: {outcome:?}");
        assert_eq!(listed(&mut client), ["crew Stable"]);
        assert_eq!(heartbeat(&mut client, -1).error_code, 0);
        outcomes.push(outcome);
    }
    let refused = outcomes.iter().filter(|outcome| **outcome == ErrorCode::NonEmptyGroup).count();
    println!("refused {refused} of {} times", outcomes.len());
}
