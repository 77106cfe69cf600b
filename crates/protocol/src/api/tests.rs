use crate::api::{AnyRequest, AnyResponse};
use crate::{ApiKey, ErrorCode, Reader, RequestHeader, Uuid, Writer};

#[test]
fn defaults_survive_every_version() {
    for &key in ApiKey::ALL {
        for version in key.versions().iter() {
            let request = AnyRequest::default_of(key);
            let mut writer = Writer::new();
            request.encode(&mut writer, version).unwrap_or_else(|error| panic!("{key} v{version}: {error}"));
            let mut reader = Reader::new(writer.into_bytes());
            assert_eq!(AnyRequest::decode(key, &mut reader, version).unwrap(), request, "{key} v{version}");
            reader.finish().unwrap();

            let response = AnyResponse::default_of(key);
            let mut writer = Writer::new();
            response.encode(&mut writer, version).unwrap_or_else(|error| panic!("{key} v{version}: {error}"));
            let mut reader = Reader::new(writer.into_bytes());
            assert_eq!(AnyResponse::decode(key, &mut reader, version).unwrap(), response, "{key} v{version}");
            reader.finish().unwrap();
        }
        assert!(!key.versions().contains(key.versions().max + 1));
    }
}

#[test]
fn headers() {
    let check = |key: ApiKey, version: i16, request: i16, response: i16| {
        assert_eq!(key.request_header_version(version), request, "{key} v{version}");
        assert_eq!(key.response_header_version(version), response, "{key} v{version}");
        let header = RequestHeader::new(key, version, 7, Some("client".into()));
        let mut writer = Writer::new();
        header.encode_for(key, &mut writer).unwrap();
        let mut reader = Reader::new(writer.into_bytes());
        assert_eq!(RequestHeader::decode_any(&mut reader).unwrap(), (key, header));
        reader.finish().unwrap();
    };
    check(ApiKey::Produce, 3, 1, 0);
    check(ApiKey::Produce, 9, 2, 1);
    check(ApiKey::ApiVersions, 2, 1, 0);
    check(ApiKey::ApiVersions, 3, 2, 0);
    check(ApiKey::ApiVersions, 99, 2, 0);
    check(ApiKey::SaslHandshake, 1, 1, 0);
    check(ApiKey::OffsetDelete, 0, 1, 0);
}

#[test]
fn keys_and_codes() {
    assert_eq!(ApiKey::ALL.len(), 89);
    assert_eq!(ApiKey::from_number(4), None);
    assert_eq!(ApiKey::from_number(92), Some(ApiKey::DeleteShareGroupOffsets));
    assert_eq!(ApiKey::InitProducerId.enabled_versions(false).max, 5);
    assert_eq!(ErrorCode::ALL.len(), 135);
    assert_eq!(ErrorCode::from_code(3), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(ErrorCode::from_code(3).name(), "UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!(ErrorCode::from_code(9999), ErrorCode::UnknownServerError);
}

#[test]
fn uuids_are_shown_as_kafka_shows_them() {
    let check = |value: u128, text: &str| {
        assert_eq!(Uuid::from_u128(value).to_string(), text);
        assert_eq!(text.parse::<Uuid>().unwrap().to_u128(), value);
    };
    check(0, "AAAAAAAAAAAAAAAAAAAAAA");
    check(1, "AAAAAAAAAAAAAAAAAAAAAQ");
    check(u128::MAX, "_____________________w");
    let awkward = Uuid::from_u128(62 << 122 | 7);
    assert!(awkward.to_string().starts_with('-') && awkward.is_awkward());
    assert!("short".parse::<Uuid>().is_err());
}
