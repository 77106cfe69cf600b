use super::*;

fn partition(index: i32) -> TopicPartition {
    TopicPartition::new("t", index)
}

fn error(code: ErrorCode) -> ClientError {
    ClientError::Broker { code, message: None }
}

fn open(is_version_2: bool) -> Transaction {
    let mut transaction = Transaction { is_version_2, can_raise_epoch: true, ..Default::default() };
    assert!(transaction.begin().is_err(), "it is not initialized");
    transaction.initialized();
    assert!(transaction.check_open("send").is_err(), "nothing is open");
    transaction.begin().unwrap();
    assert!(transaction.begin().is_err(), "one is open");
    transaction
}

#[test]
fn version_1_tells_the_coordinator_of_partitions_first() {
    let mut transaction = open(false);
    assert!(transaction.want(&partition(0)));
    assert!(!transaction.want(&partition(0)), "it is known already");
    assert!(!transaction.may_send(&partition(0)) && !transaction.has_started());
    let added = transaction.to_add().unwrap();
    transaction.is_adding = true;
    assert!(transaction.want(&partition(1)));
    assert_eq!(transaction.to_add(), None, "one request at a time");
    transaction.is_adding = false;
    transaction.add(added);
    assert!(transaction.may_send(&partition(0)) && transaction.has_started());
    assert_eq!(transaction.to_add(), Some(BTreeSet::from([partition(1)])));
}

#[test]
fn version_2_does_not() {
    let mut transaction = open(true);
    assert!(!transaction.want(&partition(0)));
    assert_eq!(transaction.to_add(), None);
    assert!(transaction.may_send(&partition(0)) && transaction.has_started());
}

#[test]
fn an_end_that_was_told_is_not_told_again_when_only_the_epoch_is_missing() {
    let mut transaction = open(false);
    transaction.want(&partition(0));
    let added = transaction.to_add().unwrap();
    transaction.add(added);
    transaction.fail(&error(ErrorCode::UnknownProducerId));
    transaction.end(false).unwrap();
    assert!(transaction.has_started() && transaction.wants_epoch);
    transaction.end_is_told();
    // The request for a higher epoch was not answered, and the abort is asked for again.
    transaction.end(false).unwrap();
    assert!(!transaction.has_started() && transaction.wants_epoch);
    transaction.ended();
    assert!(!transaction.wants_epoch);
}

#[test]
fn a_failed_transaction_is_aborted_and_another_begun() {
    for is_version_2 in [false, true] {
        let mut transaction = open(is_version_2);
        transaction.want(&partition(0));
        let told = transaction.fail(&error(ErrorCode::TransactionAbortable));
        assert!(told.is_abortable(), "{told}");
        assert!(transaction.gives_up().is_some_and(|why| why.is_abortable()));
        assert!(transaction.end(true).unwrap_err().is_abortable(), "it cannot be committed");
        assert!(transaction.check_open("send").unwrap_err().is_abortable());
        assert_eq!(transaction.wants_epoch, !is_version_2, "late batches must not get into the next one");
        transaction.end(false).unwrap();
        transaction.fail(&error(ErrorCode::NotEnoughReplicas));
        assert_eq!(*transaction.phase(), Phase::Ending(false), "it is aborted anyway");
        transaction.end(false).unwrap();
        assert!(transaction.end(true).is_err(), "not any more");
        transaction.ended();
        transaction.begin().unwrap();
        assert!(!transaction.has_started());
    }
}

#[test]
fn a_fenced_producer_is_done_for() {
    for when_ending in [false, true] {
        let mut transaction = open(true);
        if when_ending {
            transaction.end(false).unwrap();
        }
        assert!(transaction.fail(&error(ErrorCode::ProducerFenced)).is_fatal());
        assert!(transaction.end(false).unwrap_err().is_fatal());
        transaction.ended();
        assert!(transaction.begin().unwrap_err().is_fatal());
    }
}

#[test]
fn without_a_new_epoch_no_failure_can_be_survived() {
    let mut transaction = open(false);
    transaction.can_raise_epoch = false;
    assert!(transaction.fail(&error(ErrorCode::NotEnoughReplicas)).is_fatal());
}
