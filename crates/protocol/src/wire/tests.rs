use bytes::Bytes;

use super::*;
use crate::api::fetch::{FetchRequest, FetchResponse, PartitionData};
use crate::api::metadata::MetadataRequest;
use crate::error::{DecodeErrorKind, EncodeErrorKind};
use crate::{Message, json};

#[test]
fn varints() {
    let check = |value: u32, bytes: &[u8]| {
        let mut writer = Writer::new();
        writer.uvarint(value);
        assert_eq!(writer.written(), bytes);
        assert_eq!(Reader::new(writer.into_bytes()).uvarint(), Ok(value));
    };
    check(0, &[0]);
    check(127, &[0x7f]);
    check(128, &[0x80, 0x01]);
    check(300, &[0xac, 0x02]);
    check(u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0x0f]);

    let mut writer = Writer::new();
    let numbers = [0, -1, 1, 63, -64, 64, i32::MAX, i32::MIN];
    let long_numbers = [0, -1, i64::MAX, i64::MIN];
    numbers.iter().for_each(|number| writer.varint(*number));
    long_numbers.iter().for_each(|number| writer.varlong(*number));
    assert_eq!(writer.written()[..5], [0x00, 0x01, 0x02, 0x7e, 0x7f]);
    let mut reader = Reader::new(writer.into_bytes());
    numbers.iter().for_each(|number| assert_eq!(reader.varint(), Ok(*number)));
    long_numbers.iter().for_each(|number| assert_eq!(reader.varlong(), Ok(*number)));

    let endless = Reader::new(vec![0x80; 20]).uvarint().unwrap_err();
    assert_eq!(endless.kind, DecodeErrorKind::VarintTooLong);
}

#[test]
fn lengths_are_checked_before_anything_is_allocated() {
    let check = |bytes: &[u8], flexible: bool, expect: DecodeErrorKind| {
        let error = Vec::<i64>::read(&mut Reader::new(bytes.to_vec()), Cx::new(0, flexible)).unwrap_err();
        assert_eq!(error.kind, expect);
    };
    let length = i64::from(i32::MAX);
    check(&[0x7f, 0xff, 0xff, 0xff, 1], false, DecodeErrorKind::LengthBeyondInput { length, remaining: 1 });
    check(&[0x80, 0x80, 0x80, 0x80, 8], true, DecodeErrorKind::LengthBeyondInput { length, remaining: 0 });
    check(&[0xff, 0xff, 0xff, 0xff], false, DecodeErrorKind::Null);
    check(&[0], true, DecodeErrorKind::Null);
    check(&[2, 1], true, DecodeErrorKind::EndOfInput { needed: 8, remaining: 1 });
}

#[test]
fn text_that_is_not_utf8_is_taken_as_java_takes_it() {
    let mut reader = Reader::new(vec![0, 3, b'a', 0xff, b'b']);
    assert_eq!(StrBytes::read(&mut reader, Cx::new(0, false)).unwrap(), "a\u{fffd}b");
}

#[test]
fn text_and_bytes_are_slices_of_what_was_read() {
    let input = Bytes::from_static(b"\x00\x05hello");
    let text = StrBytes::read(&mut Reader::new(input.clone()), Cx::new(0, false)).unwrap();
    assert_eq!(text.as_bytes().as_ptr(), input[2..].as_ptr());
    assert_ne!(text.detached().as_bytes().as_ptr(), input[2..].as_ptr());
}

#[test]
fn a_field_that_the_version_lacks() {
    let check = |request: &FetchRequest, version: i16| {
        request.to_bytes(version).map_err(|error| (error.field, error.kind))
    };
    // Ignorable: dropped.
    let request = FetchRequest { rack_id: "rack".into(), ..Default::default() };
    assert_eq!(FetchRequest::from_bytes(check(&request, 10).unwrap(), 10).unwrap().rack_id, "");
    assert_eq!(FetchRequest::from_bytes(check(&request, 11).unwrap(), 11).unwrap().rack_id, "rack");
    // Not ignorable: refused, whether the version is too early or too late, for plain fields and for structs.
    let mut request = FetchRequest { replica_id: 7, ..Default::default() };
    let message = "FetchRequest";
    assert!(check(&request, 14).is_ok());
    assert_eq!(
        check(&request, 15),
        Err(("replica_id", EncodeErrorKind::UnsupportedField { message, version: 15 }))
    );
    request.replica_id = -1;
    request.replica_state.replica_id = 7;
    assert!(check(&request, 15).is_ok());
    assert_eq!(
        check(&request, 14),
        Err(("replica_state", EncodeErrorKind::UnsupportedField { message, version: 14 }))
    );
    assert_eq!(check(&request, 19), Err(("", EncodeErrorKind::UnsupportedVersion { message, version: 19 })));
}

#[test]
fn null_only_where_the_version_has_it() {
    let request = MetadataRequest { topics: None, ..Default::default() };
    let error = request.to_bytes(0).unwrap_err();
    assert_eq!((error.field, error.kind), ("topics", EncodeErrorKind::Null { version: 0 }));
    assert_eq!(MetadataRequest::from_bytes(request.to_bytes(1).unwrap(), 1).unwrap().topics, None);
    let error = MetadataRequest::from_bytes(vec![0xff, 0xff, 0xff, 0xff], 0).unwrap_err();
    assert_eq!((error.field, error.kind), ("topics", DecodeErrorKind::Null));
    // The default of a nullable field is not null unless Kafka says so.
    assert_eq!(MetadataRequest::default().topics, Some(Vec::new()));
}

#[test]
fn tagged_fields() {
    let raw = |tag: u32| RawTaggedField { tag, data: Bytes::from_static(b"?") };
    let partition = |unknown_tagged_fields| {
        let mut partition = PartitionData { unknown_tagged_fields, ..Default::default() };
        partition.current_leader.leader_id = 3;
        partition
    };
    // Known and unknown ones are merged by tag; tag 1 is `current_leader`.
    let encode = |tags| {
        let mut writer = Writer::new();
        partition(tags).write(&mut writer, Cx::new(12, true)).map(|()| writer.into_bytes())
    };
    let decoded =
        PartitionData::read(&mut Reader::new(encode(vec![raw(9)]).unwrap()), Cx::new(12, true)).unwrap();
    assert_eq!(decoded, partition(vec![raw(9)]));
    for tags in [vec![raw(1)], vec![raw(9), raw(9)], vec![raw(9), raw(8)]] {
        assert!(matches!(encode(tags).unwrap_err().kind, EncodeErrorKind::TagOrder { .. }));
    }
    // No such section before version 12.
    let request = FetchRequest { unknown_tagged_fields: vec![raw(9)], ..Default::default() };
    assert!(matches!(request.to_bytes(11).unwrap_err().kind, EncodeErrorKind::UnsupportedField { .. }));
    // Tag 0 of a fetch response came with version 16.
    let node_endpoints = b"\0\0\0\0\0\0\0\0\0\0\x01\x01\0\x01\x01";
    assert!(FetchResponse::from_bytes(&node_endpoints[..], 16).is_ok());
    let error = FetchResponse::from_bytes(&node_endpoints[..], 15).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::TagVersion { tag: 0, version: 15 });
}

#[test]
fn records_may_stay_in_their_file() {
    let records = Records::Gap { token: 5, len: 1000 };
    let partition = PartitionData { records: Some(records), ..Default::default() };
    let mut writer = Writer::append_to(bytes::BytesMut::from(&b"head"[..]));
    partition.write(&mut writer, Cx::new(11, false)).unwrap();
    let at = writer.len();
    assert_eq!(writer.gaps(), [Gap { at, token: 5, len: 1000 }]);
    assert_eq!(writer.written()[at - 4..], 1000i32.to_be_bytes());
    assert_eq!(writer.total_len(), at + 1000);
}

#[test]
fn json_is_escaped() {
    let request = FetchRequest { rack_id: "a\"\\\n\u{1}é".into(), ..Default::default() };
    let text = json::to_json(&request, 11).unwrap();
    assert!(text.ends_with(r#""rackId":"a\"\\\n\u0001é"}"#), "{text}");
}
