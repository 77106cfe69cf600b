use super::*;
use clap::Parser as _;
use klamm_client::{
    TopicPartition,
    admin::NodeDescription,
    share::{ShareGroupDescription, ShareGroupMember, ShareOffset},
};

#[test]
fn contradictions_are_refused() {
    for (arguments, expect) in [
        ("--list --state", None),
        ("--describe --all-groups --members --verbose", None),
        ("--reset-offsets --group g --all-topics --to-latest --dry-run", None),
        ("--delete-offsets --group g --topic t", None),
        ("--describe", Some("Option [describe] takes one of these options: [all-groups], [group]")),
        ("--describe --group g --members --state", Some("Option [describe] takes at most one")),
        ("--describe --group g --state Empty", Some("Option [describe] does not take a value")),
        ("--delete", Some("Option [delete] takes the options [group] or [all-groups]")),
        ("--delete --group g --all-groups", Some("Option [delete] takes either")),
        ("--delete --group g --topic t", Some("Option [delete] does not take the option: [topic]")),
        ("--delete-offsets --group g", Some("Option [delete-offsets] takes the following")),
        (
            "--reset-offsets --group g --topic t --to-latest",
            Some("Option [reset-offsets] takes the option: [execute]"),
        ),
        ("--reset-offsets --topic t --execute", Some("Option [reset-offsets] takes the option: [group]")),
        (
            "--reset-offsets --group g --execute",
            Some("Option [reset-offsets] takes one of these options: [all-topics]"),
        ),
        (
            "--reset-offsets --group g --topic t --execute",
            Some("Option [reset-offsets] takes one of these options: [to-datetime]"),
        ),
        (
            "--reset-offsets --group g --topic t --execute --to-latest --to-earliest",
            Some("Option \"[to-earliest]\" can't be used"),
        ),
        ("--list --group g", Some("Option \"[group]\" can't be used with option \"[list]\"")),
        ("--list --members", Some("Option(s) [members] are unavailable")),
        ("--list --delete --group g", Some("Option \"[group]\" can't be used with option \"[list]\"")),
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
    assert_eq!(names(Some("stable, EMPTY"), STATE_NAMES, STATES).unwrap(), ["Stable", "Empty"]);
    assert!(names(Some("Assigning"), STATE_NAMES, STATES).is_err());
}

fn group() -> ShareGroupDescription {
    let member = |id: &str, partitions: &[i32]| ShareGroupMember {
        member_id: id.to_owned(),
        client_id: "a-client".to_owned(),
        host: "/127.0.0.1".to_owned(),
        epoch: 3,
        assignment: partitions.iter().map(|partition| TopicPartition::new("t", *partition)).collect(),
    };
    ShareGroupDescription {
        group_id: "g".to_owned(),
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
        members: vec![member("m2", &[1, 0]), member("m1", &[])],
    }
}

/// The texts are those that Kafka's formats give.
#[test]
fn descriptions_stand_in_columns() {
    let offset = ShareOffset { start_offset: 5, leader_epoch: Some(0), lag: Some(7) };
    let offsets = [(TopicPartition::new("t", 0), Some(offset)), (TopicPartition::new("t", 1), None)].into();
    for (text, expect) in [
        (
            describe::offsets("g", &offsets, false),
            "
GROUP           TOPIC           PARTITION  START-OFFSET  LAG
g               t               0          5             7
g               t               1          -             -",
        ),
        (
            describe::offsets("g", &offsets, true),
            "
GROUP           TOPIC           PARTITION  LEADER-EPOCH  START-OFFSET  LAG
g               t               0          0             5             7
g               t               1          -             -             -",
        ),
        (describe::offsets("g", &BTreeMap::new(), true), "\nShare group 'g' has no offset information."),
        (
            describe::state(&group(), false),
            "
GROUP           COORDINATOR (ID)          STATE           #MEMBERS
g               localhost:9092  (1)       Stable          2",
        ),
        (
            describe::state(&group(), true),
            "
GROUP           COORDINATOR (ID)          STATE           GROUP-EPOCH  ASSIGNMENT-EPOCH  #MEMBERS
g               localhost:9092  (1)       Stable          3            2                 2",
        ),
        (
            describe::members(&group(), false),
            "
GROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS  ASSIGNMENT
g               m1              /127.0.0.1      a-client        0            
g               m2              /127.0.0.1      a-client        2            t:0,1",
        ),
    ] {
        assert_eq!(text, expect);
    }
}
