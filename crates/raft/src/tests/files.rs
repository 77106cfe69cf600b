use crate::*;
use klamm_protocol::Uuid;
use std::collections::BTreeSet;

#[test]
fn quorum_state_is_written_as_kafka_writes_it() {
    let voters = parse_voters("1@a:1, 2@b:2,3@[::1]:3", "CONTROLLER").expect("well formed");
    assert_eq!(voters.endpoint(3, "CONTROLLER").map(|endpoint| endpoint.host.as_str()), Some("::1"));
    let voted = ReplicaKey { id: 2, directory_id: Some(Uuid::from_u128(1 << 64)) };
    for (state, kraft_version, expect) in [
        (
            QuorumState { leader_epoch: 5, leader_id: Some(1), voted: None },
            0,
            r#"{"clusterId":"","leaderId":1,"leaderEpoch":5,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1},{"voterId":2},{"voterId":3}],"data_version":0}"#,
        ),
        (
            QuorumState { leader_epoch: 6, leader_id: None, voted: Some(voted) },
            1,
            r#"{"leaderId":-1,"leaderEpoch":6,"votedId":2,"votedDirectoryId":"AAAAAAAAAAEAAAAAAAAAAA","data_version":1}"#,
        ),
    ] {
        let content = state.encode(kraft_version, &voters);
        assert_eq!(content, expect);
        let named = if kraft_version == 0 { BTreeSet::from([1, 2, 3]) } else { BTreeSet::new() };
        assert_eq!(QuorumState::decode(&content), Ok(QuorumStateFile { state, voters: named }));
    }
}

#[test]
fn a_bad_quorum_state_is_an_error() {
    for (text, expect) in [
        ("", false),
        ("{}", false),
        (r#"{"leaderId":1,"leaderEpoch":5,"votedId":-1,"data_version":2}"#, false),
        (r#"{"leaderId":1,"leaderEpoch":99999999999,"votedId":-1,"data_version":0}"#, false),
        (r#"{"leaderId":-1,"leaderEpoch":-5,"votedId":-1,"data_version":0}"#, false),
        (r#"{"leaderId":-1,"leaderEpoch":2147483647,"votedId":-1,"data_version":0}"#, false),
        (r#"{"leaderId":-1,"leaderEpoch":0,"votedId":-1,"data_version":0}"#, true),
        (r#"{"leaderId":1,"leaderEpoch":5,"votedId":-1,"votedDirectoryId":"x","data_version":1}"#, false),
        (
            r#"{"leaderId":1,"leaderEpoch":5,"votedId":-1,"currentVoters":[{"voterId":"x"}],"data_version":0}"#,
            false,
        ),
        (r#"{"leaderId":1,"leaderEpoch":5,"votedId":-1,"data_version":0}"#, true),
    ] {
        assert_eq!(QuorumState::decode(text).is_ok(), expect, "{text}");
    }
    for text in ["1", "1@host", "x@host:1", "1@host:99999"] {
        assert!(parse_voters(text, "C").is_err(), "{text}");
    }
}

#[test]
fn positions_are_compared_with_the_leaders_history() {
    let at = |offset, epoch| OffsetAndEpoch { offset, epoch };
    let mut log = LogState::default();
    log.append(0, 10, 1);
    log.append(10, 20, 3);
    log.append(20, 25, 5);
    for (offset, epoch, expect) in [
        (0, 0, Validity::Valid),
        (10, 1, Validity::Valid),
        (12, 1, Validity::Diverging(at(10, 1))),
        (15, 2, Validity::Diverging(at(10, 1))),
        (20, 3, Validity::Valid),
        (25, 5, Validity::Valid),
        (26, 5, Validity::Diverging(at(25, 5))),
        (25, 6, Validity::Diverging(at(25, 5))),
    ] {
        assert_eq!(log.validate(offset, epoch), expect, "{offset} {epoch}");
    }
    log.add_snapshot(at(15, 3));
    log.trim(15, at(15, 3));
    for (offset, epoch, expect) in [
        (0, 0, Validity::Snapshot(at(15, 3))),
        (14, 3, Validity::Snapshot(at(15, 3))),
        (15, 1, Validity::Snapshot(at(15, 3))),
        (15, 3, Validity::Valid),
        (17, 3, Validity::Valid),
        (22, 3, Validity::Diverging(at(20, 3))),
    ] {
        assert_eq!(log.validate(offset, epoch), expect, "trimmed: {offset} {epoch}");
    }
    assert_eq!(log.truncation_offset(at(18, 3)), 18);
    assert_eq!(log.truncation_offset(at(18, 4)), 20);
    log.truncate(20);
    assert_eq!(log.end(), at(20, 3));
}
