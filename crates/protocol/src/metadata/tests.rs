use super::*;
use crate::{StrBytes, Uuid};

#[test]
fn records_are_framed() {
    let record = TopicRecord { name: "foo".into(), topic_id: Uuid::from_u128(9), ..Default::default() };
    let bytes = MetadataRecord::from(record.clone()).to_bytes(0).unwrap();
    // Frame version, type and version, then the record.
    assert_eq!(bytes[..3], [1, 2, 0]);
    assert_eq!(MetadataRecord::decode(bytes.clone()), Ok((MetadataRecord::Topic(record), 0)));

    let check = |bytes: Vec<u8>, expect: DecodeErrorKind| {
        assert_eq!(MetadataRecord::decode(bytes).unwrap_err().kind, expect);
    };
    check(vec![2, 2, 0], DecodeErrorKind::FrameVersion { version: 2 });
    check(vec![1, 99, 0], DecodeErrorKind::UnknownRecordType { id: 99 });
    check(vec![1, 2, 1], DecodeErrorKind::UnsupportedVersion { message: "TopicRecord", version: 1 });
    check([&bytes[..], &[0]].concat(), DecodeErrorKind::TrailingBytes { count: 1 });
}

#[test]
fn every_type_is_told_by_its_number() {
    assert_eq!(MetadataRecord::SCHEMAS.len(), 26);
    for (schema, next) in MetadataRecord::SCHEMAS.iter().zip(&MetadataRecord::SCHEMAS[1..]) {
        assert!(schema.key < next.key);
    }
}

#[test]
fn an_empty_change_of_a_partition_changes_nothing() {
    let record = PartitionChangeRecord::default();
    assert_eq!((record.isr, record.leader, record.replicas), (None, -2, None));
    let config = ConfigRecord::default();
    assert_eq!(config.value, Some(StrBytes::EMPTY));
}
