//! What is no request: the connection is closed with one line in the log, and nobody else notices.

use klamm_protocol::{
    ApiKey, ErrorCode, Message, Reader,
    api::{
        api_versions::{ApiVersionsRequest, ApiVersionsResponse},
        metadata::{MetadataRequest, MetadataResponse},
    },
};

use crate::harness::{
    Rng, TestNode, alone, assert_one_line_about, beside_others, forget_peak, framed, raw_frame,
    request_frame, resident,
};

/// Bytes that have to end their connection.
fn bad_input() -> Vec<(&'static str, Vec<u8>)> {
    let metadata = request_frame(ApiKey::Metadata, 12, 1, &MetadataRequest::default());
    let mut rng = Rng(7);
    let noise: Vec<u8> = [vec![0x7F], (0..1000).map(|_| rng.next().to_le_bytes()[0]).collect()].concat();
    let header = |key: i16, version: i16| -> Vec<u8> {
        [&key.to_be_bytes()[..], &version.to_be_bytes(), &1i32.to_be_bytes(), &(-1i16).to_be_bytes()].concat()
    };
    let body = |body: &[u8]| framed(&raw_frame(ApiKey::Metadata, 12, 1, body));
    vec![
        ("noise", noise),
        ("http", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a TLS hello", vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03]),
        ("size -1", (-1i32).to_be_bytes().to_vec()),
        ("the smallest size", i32::MIN.to_be_bytes().to_vec()),
        ("2 GB", i32::MAX.to_be_bytes().to_vec()),
        ("one above the limit", (104_857_600i32 + 1).to_be_bytes().to_vec()),
        ("an empty frame", framed(b"")),
        ("half a header", framed(&[0, 3, 0, 12, 0])),
        ("an API that is none", framed(&header(999, 0))),
        ("a negative API", framed(&header(-1, 0))),
        ("an API that is gone", framed(&header(ApiKey::ALL[3].number() + 1, 0))),
        ("a version below the lowest", framed(&header(ApiKey::Produce.number(), 2))),
        ("a version above the highest", framed(&header(ApiKey::Fetch.number(), 99))),
        ("a negative version", framed(&header(ApiKey::Metadata.number(), -1))),
        ("an API of other listeners", framed(&header(ApiKey::Vote.number(), 1))),
        ("a client id beyond the frame", {
            let mut frame = header(ApiKey::Metadata.number(), 1);
            frame[8..].copy_from_slice(&[0x7F, 0xFF]);
            framed(&frame)
        }),
        ("no body", body(b"")),
        ("half a body", framed(&metadata[..metadata.len() - 1])),
        ("an array of two billion", body(&[0xFF, 0xFF, 0xFF, 0xFF, 0x07])),
        ("a number of more than 32 bits", body(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])),
        ("a name beyond the frame", body(&[0x02, 0xFF, 0x7F, b'x'])),
        ("a tagged field beyond the frame", body(&[0x00, 0, 0, 0x01, 0x09, 0xFF, 0xFF, 0x03])),
    ]
}

#[test]
fn what_is_no_request_closes_its_connection_with_one_line() {
    let _shared = beside_others();
    let node = TestNode::start("frames", &[]);
    let mut witness = node.connect();
    for (what, bytes) in bad_input() {
        let mut client = node.connect();
        let address = client.address();
        client.send(&bytes);
        client.assert_closed(what);
        assert_one_line_about(address, what);
        witness.metadata(None);
    }
}

#[test]
fn requests_before_a_bad_one_are_answered() {
    let _shared = beside_others();
    let node = TestNode::start("before-bad", &[]);
    let good = |id| framed(&request_frame(ApiKey::Metadata, 12, id, &MetadataRequest::default()));
    let mut client = node.connect();
    client.send(&[good(1), good(2), good(3), framed(&[0x7F; 20])].concat());
    for id in 1..=3i32 {
        let frame = client.read_frame().unwrap_or_else(|| panic!("no answer {id}"));
        assert_eq!(frame[..4], id.to_be_bytes());
    }
    client.assert_closed("after the bad request");
}

#[test]
fn api_versions_of_the_future_are_answered_in_version_0() {
    let _shared = beside_others();
    let node = TestNode::start("api-versions", &[]);
    let mut client = node.connect();
    for version in [5, 99, i16::MAX, -1] {
        let frame = [
            &ApiKey::ApiVersions.number().to_be_bytes()[..],
            &i16::to_be_bytes(version),
            &77i32.to_be_bytes(),
            &[0xFF; 30],
        ];
        client.send_frame(&frame.concat());
        let mut reader = Reader::new(client.read_frame().expect("an answer"));
        assert_eq!(reader.i32().unwrap(), 77);
        let response = ApiVersionsResponse::decode(&mut reader, 0).unwrap();
        assert_eq!(response.error_code, ErrorCode::UnsupportedVersion.code());
        assert!(response.api_keys.iter().all(|api| api.api_key == ApiKey::ApiVersions.number()));
        assert_eq!(response.api_keys.len(), 1);
    }
    // The connection goes on with a version that both know.
    let names = |name: &str| ApiVersionsRequest {
        client_software_name: name.into(),
        client_software_version: "1".into(),
        ..Default::default()
    };
    assert_eq!(client.call(&names("test"), 4).error_code, 0);
    assert_eq!(client.call(&names("-not-legal-"), 4).error_code, ErrorCode::InvalidRequest.code());
}

#[test]
fn bytes_after_a_body_do_not_matter() {
    let _shared = beside_others();
    let node = TestNode::start("trailing", &[]);
    let mut client = node.connect();
    let mut frame = request_frame(ApiKey::Metadata, 12, 5, &MetadataRequest::default());
    frame.extend_from_slice(b"as Kafka, which does not look behind the last field");
    client.send_frame(&frame);
    let mut reader = Reader::new(client.read_frame().expect("an answer"));
    assert_eq!(reader.i32().unwrap(), 5);
    assert_eq!(reader.u8().unwrap(), 0);
    assert_eq!(MetadataResponse::decode(&mut reader, 12).unwrap().brokers.len(), 1);
}

#[test]
fn claimed_sizes_cost_no_memory() {
    let _alone = alone();
    let node = TestNode::start("claims", &[]);
    node.assert_serves_others();
    let (before, _) = resident();
    forget_peak();
    let clients: Vec<_> = (0..200)
        .map(|_| {
            let mut client = node.connect();
            client.send(&[&100_000_000i32.to_be_bytes()[..], &[0; 2000]].concat());
            client
        })
        .collect();
    node.assert_serves_others();
    // Those that go on sending get as much as they have shown.
    let (_, peak) = resident();
    let grown = peak.saturating_sub(before);
    assert!(grown < 200 * 400 * 1024, "{grown} bytes for {} connections that claim 100 MB", clients.len());
}
