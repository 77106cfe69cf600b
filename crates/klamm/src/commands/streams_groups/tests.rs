use super::*;
use clap::Parser as _;
use klamm_client::{
    TopicPartition,
    admin::{NodeDescription, StreamsGroupMember, StreamsTasks, Subtopology},
};

use describe::Progress;

#[test]
fn contradictions_are_refused() {
    for (arguments, expect) in [
        ("--list --state", None),
        ("--describe --all-groups --members --verbose", None),
        ("--reset-offsets --group g --group h --all-input-topics --to-latest --dry-run", None),
        (
            "--reset-offsets --all-groups --input-topic t:0 --execute --delete-internal-topic g-x-changelog",
            None,
        ),
        ("--delete --group g --delete-all-internal-topics", None),
        ("--delete-offsets --group g --input-topic t", None),
        ("--describe", Some("Option [describe] takes one of these options: [all-groups], [group]")),
        ("--describe --group g --members --state", Some("Option [describe] takes at most one")),
        ("--describe --group g --state Empty", Some("Option [describe] does not take a value")),
        ("--delete", Some("Option [delete] takes one of these options: [all-groups], [group]")),
        ("--delete --group g --all-input-topics", Some("Kafka Streams does not support topic-specific")),
        ("--delete-offsets --group g", Some("Option [delete-offsets] takes the [group] and one of")),
        (
            "--delete-offsets --group g --group h --input-topic t",
            Some("Option [delete-offsets] supports only one [group] at a time, but found: [g, h]"),
        ),
        ("--reset-offsets --group g --to-latest", Some("Option [reset-offsets] takes the option: [execute]")),
        ("--reset-offsets --group g --dry-run --execute", Some("Option [reset-offsets] only accepts one")),
        (
            "--reset-offsets --execute",
            Some("Option [reset-offsets] takes one of these options: [all-groups]"),
        ),
        (
            "--reset-offsets --group g --execute --to-latest --to-earliest",
            Some("Option \"[to-earliest]\" can't be used"),
        ),
        (
            "--list --delete-all-internal-topics",
            Some("Option [delete-all-internal-topics] takes one of these options: [delete], [reset-offsets]"),
        ),
        (
            "--reset-offsets --group g --dry-run --delete-all-internal-topics",
            Some("Option [delete-all-internal-topics] takes [execute] when"),
        ),
        (
            "--delete --group g --delete-internal-topic t",
            Some("Option [delete-internal-topic] takes [reset-offsets] when"),
        ),
        ("--list --execute", Some("Only Option [reset-offsets] accepts [execute] or [dry-run]")),
        ("--list --group g", Some("Option \"[group]\" can't be used with option \"[list]\"")),
        ("--list --members", Some("Option(s) [members] are unavailable")),
        ("", Some("Command must include exactly one action")),
    ] {
        let line = format!("x --bootstrap-server b:1 {arguments}");
        let got = Options::try_parse_from(line.split_whitespace()).unwrap().check();
        match (got, expect) {
            (Ok(()), None) => {}
            (Err(message), Some(start)) => assert!(message.starts_with(start), "{arguments}: {message}"),
            (got, _) => panic!("{arguments}: {got:?}"),
        }
    }
}

fn group() -> StreamsGroupDescription {
    let tasks = |active: &[(&str, &[i32])]| StreamsTasks {
        active: active.iter().map(|(id, partitions)| ((*id).to_owned(), partitions.to_vec())).collect(),
        ..StreamsTasks::default()
    };
    let assignment =
        StreamsTasks { standby: vec![("1".to_owned(), vec![2])], ..tasks(&[("0", &[0, 1]), ("1", &[0])]) };
    let part = |id: &str, sources: &[&str], repartition: &[&str], changelogs: &[&str]| {
        let own = |topics: &[&str]| topics.iter().map(|topic| (*topic).to_owned()).collect();
        Subtopology {
            id: id.to_owned(),
            source_topics: own(sources),
            repartition_source_topics: own(repartition),
            changelog_topics: own(changelogs),
        }
    };
    StreamsGroupDescription {
        group_id: "app".to_owned(),
        state: "Stable".to_owned(),
        coordinator: NodeDescription {
            id: 1,
            host: "localhost".to_owned(),
            port: 9092,
            rack: None,
            is_fenced: false,
        },
        group_epoch: 3,
        assignment_epoch: 2,
        topology_epoch: 5,
        subtopologies: vec![
            part("0", &["in"], &[], &["app-store-changelog", "in", "other-changelog"]),
            part("1", &[], &["app-x-repartition"], &[]),
        ],
        members: vec![StreamsGroupMember {
            member_id: "m1".to_owned(),
            client_id: "a-client".to_owned(),
            process_id: "p".to_owned(),
            epoch: 2,
            assignment,
            target: tasks(&[("0", &[0])]),
            is_classic: false,
        }],
    }
}

/// The texts are those that Kafka's formats give.
#[test]
fn descriptions_stand_in_columns() {
    let progress = Progress { committed: Some(5), leader_epoch: None, end: 12, lag: 7 };
    let offsets = [(TopicPartition::new("in", 0), progress)];
    for (text, expect) in [
        (
            describe::offsets("app", &offsets, false),
            "\
GROUP           TOPIC           PARTITION  OFFSET-LAG
app             in              0          7
",
        ),
        (
            describe::offsets("app", &offsets, true),
            "\
GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LEADER-EPOCH    LOG-END-OFFSET  OFFSET-LAG     
app             in              0          5               -               12              7              
",
        ),
        (
            describe::state(&group(), false),
            "\
GROUP           COORDINATOR (ID)          STATE                     #MEMBERS
app             localhost:9092 (1)        Stable                    1
",
        ),
        (
            describe::state(&group(), true),
            "\
GROUP           COORDINATOR (ID)          STATE                     GROUP-EPOCH     TARGET-ASSIGNMENT-EPOCH   #MEMBERS
app             localhost:9092 (1)        Stable                    3               2                         1
",
        ),
        (
            describe::members(&group(), false),
            "\
GROUP           MEMBER          PROCESS         CLIENT-ID       ASSIGNMENTS
app             m1              p               a-client        ACTIVE: 0:[0,1]; 1:[0]; STANDBY: 1:[2]; 
",
        ),
        (
            describe::members(&group(), true),
            "\
GROUP           TARGET-ASSIGNMENT-EPOCH   TOPOLOGY-EPOCH MEMBER          MEMBER-PROTOCOL MEMBER-EPOCH    PROCESS         CLIENT-ID       ASSIGNMENTS
app             2                         5              m1              streams         2               p               a-client        ACTIVE: 0:[0,1]; 1:[0]; STANDBY: 1:[2]; TARGET-ACTIVE: 0:[0]; 
",
        ),
        (
            reset::table(&[("app".to_owned(), [(TopicPartition::new("in", 0), 4)].into())].into()),
            "
GROUP                          TOPIC                          PARTITION  NEW-OFFSET     
app                            in                             0          4              ",
        ),
    ] {
        assert_eq!(text, expect);
    }
}

#[test]
fn active_tasks_read_what_their_subtopology_reads() {
    let read = describe::active_partitions(&group()).unwrap();
    let expect = [("app-x-repartition", 0), ("in", 0), ("in", 1)];
    assert_eq!(read, expect.map(|(topic, number)| TopicPartition::new(topic, number)).into());
    let mut unknown = group();
    unknown.subtopologies.pop();
    let error = describe::active_partitions(&unknown).unwrap_err().to_string();
    assert_eq!(error, "Subtopology 1 not found in group description!");
}

#[test]
fn only_topics_that_look_internal_go_with_their_group() {
    assert_eq!(internal_topics::of(&group()), ["app-store-changelog", "app-x-repartition"]);
    for (topic, expect) in [
        ("app-s-changelog", true),
        ("app-x-repartition", true),
        ("app-KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-0000000001-topic", true),
        ("app-j-subscription-registration-topic", true),
        ("app2-s-changelog", false),
        ("app-output", false),
        ("app-KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-x-topic", false),
    ] {
        assert_eq!(internal_topics::is_internal(topic, "app"), expect, "{topic}");
    }
}

#[test]
fn groups_with_members_stay() {
    for (state, expect) in [
        (Some("Empty"), None),
        (
            None,
            Some("java.lang.IllegalArgumentException: Group 'g' does not exist or is not a streams group."),
        ),
        (
            Some("Stable"),
            Some("org.apache.kafka.common.errors.GroupNotEmptyException: Streams group 'g' is not EMPTY."),
        ),
        (Some("Dead"), Some("java.lang.IllegalStateException: Streams group 'g' group state is DEAD.")),
    ] {
        assert_eq!(delete::why_not("g", state).as_deref(), expect);
    }
}
