use super::*;

#[test]
fn ends_of_transactions() {
    let commit = ControlRecord::Commit(EndTxnMarker { coordinator_epoch: 3 });
    assert_eq!(commit.key()[..], [0, 0, 0, 1]);
    assert_eq!(commit.value().unwrap()[..], [0, 0, 0, 0, 0, 3]);
    // Later versions of key and value only have more at the end.
    let decoded = ControlRecord::decode(vec![0, 9, 0, 1, 7], vec![0, 9, 0, 0, 0, 3, 7]);
    assert_eq!(decoded, Ok(Some(commit)));
}

#[test]
fn records_of_the_quorum() {
    let records = [
        ControlRecord::LeaderChange(LeaderChangeMessage { leader_id: 1, ..Default::default() }),
        ControlRecord::SnapshotHeader(SnapshotHeaderRecord::default()),
        ControlRecord::SnapshotFooter(SnapshotFooterRecord::default()),
        ControlRecord::KRaftVersion(KRaftVersionRecord { kraft_version: 1, ..Default::default() }),
        ControlRecord::KRaftVoters(VotersRecord::default()),
    ];
    for (number, record) in (2..).zip(records) {
        assert_eq!(record.key()[..], [0, 0, 0, number]);
        assert_eq!(ControlRecord::decode(record.key(), record.value().unwrap()), Ok(Some(record)));
    }
    assert_eq!(ControlRecord::decode(vec![0, 0, 0, 99], vec![]), Ok(None));
    assert!(ControlRecord::decode(vec![0], vec![]).is_err());
}
