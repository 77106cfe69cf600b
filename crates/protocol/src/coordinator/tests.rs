use crate::coordinator::group::{GroupRecordKey, GroupRecordValue, OffsetCommitKey, OffsetCommitValue};
use crate::coordinator::transaction::{TransactionLogKey, TransactionRecordKey};
use crate::error::DecodeErrorKind;

#[test]
fn keys_begin_with_their_type_and_values_with_their_version() {
    let key = OffsetCommitKey { group: "g".into(), topic: "t".into(), partition: 1 };
    let bytes = GroupRecordKey::from(key.clone()).to_bytes().unwrap();
    assert_eq!(bytes[..], *b"\0\x01\0\x01g\0\x01t\0\0\0\x01");
    assert_eq!(GroupRecordKey::decode(bytes), Ok(GroupRecordKey::OffsetCommit(key)));

    let value = OffsetCommitValue { offset: 5, ..Default::default() };
    let bytes = GroupRecordValue::from(value.clone()).to_bytes(3).unwrap();
    assert_eq!(bytes[..2], [0, 3]);
    assert_eq!(GroupRecordValue::decode(1, bytes), Ok((GroupRecordValue::OffsetCommit(value), 3)));

    let key = TransactionLogKey { transactional_id: "x".into() };
    assert_eq!(TransactionRecordKey::from(key).to_bytes().unwrap()[..], *b"\0\0\0\x01x");
}

#[test]
fn an_unknown_type_can_be_told_from_damage() {
    let error = GroupRecordKey::decode(vec![0, 99, 1, 2]).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::UnknownRecordType { id: 99 });
    assert!(matches!(GroupRecordKey::decode(vec![0]).unwrap_err().kind, DecodeErrorKind::EndOfInput { .. }));
}
