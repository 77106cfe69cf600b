use super::{DirectoryState, DynamicVoter, Request, plan};
use crate::features::MetadataVersion;
use crate::{bootstrap, checkpoint};
use bytes::Bytes;
use klamm_protocol::Uuid;
use std::collections::BTreeMap;

/// A file that Kafka 4.3.1's `kafka-storage format` wrote.
fn golden(hex: &str) -> Bytes {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("a byte")).collect()
}

/// The bytes without what the clock decides: each batch's checksum and timestamps.
fn timeless(file: &Bytes) -> Vec<u8> {
    let mut bytes = file.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let length = u32::from_be_bytes(bytes[at + 8..at + 12].try_into().expect("four bytes"));
        bytes[at + 17..at + 21].fill(0);
        bytes[at + 27..at + 43].fill(0);
        at += 12 + usize::try_from(length).expect("small");
    }
    bytes
}

const STATIC: &str = include_str!("../../testdata/bootstrap-4.3.hex");
const SCRAM: &str = include_str!("../../testdata/bootstrap-scram-4.4.hex");
const STANDALONE: &str = include_str!("../../testdata/standalone.hex");

fn request(directories: &[(&str, DirectoryState)]) -> Request {
    Request {
        node_id: 0,
        cluster_id: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        directories: directories.iter().map(|(path, state)| ((*path).to_owned(), state.clone())).collect(),
        metadata_directory: directories[0].0.to_owned(),
        release_version: None,
        features: BTreeMap::new(),
        scram: Vec::new(),
        unstable: false,
        ignore_formatted: false,
        has_dynamic_quorum: false,
        initial_controllers: Vec::new(),
        controller_listener: "CONTROLLER".to_owned(),
    }
}

fn ids() -> impl FnMut() -> Uuid {
    let mut next = 0x1000_0000_0000_0000_0000_0000_0000_0000;
    move || {
        next += 1;
        Uuid::from_u128(next)
    }
}

#[test]
fn a_static_quorum_is_formatted_as_by_kafka() {
    let plan = plan(&request(&[("/a", DirectoryState::Empty)]), 5, ids()).expect("formats");
    let [directory] = plan.directories.as_slice() else { panic!("{plan:?}") };
    assert_eq!(directory.line, "Formatting metadata directory /a with metadata.version 4.3-IV0.");
    let [(name, content)] = directory.files.as_slice() else { panic!("{directory:?}") };
    assert_eq!(name, "bootstrap.checkpoint");
    assert_eq!(timeless(content), timeless(&golden(STATIC)));
    assert_eq!(
        plan.lines,
        ["Bootstrap metadata: BootstrapMetadata(records=[\
          ApiMessageAndVersion(FeatureLevelRecord(name='metadata.version', featureLevel=30) at version 0), \
          ApiMessageAndVersion(FeatureLevelRecord(name='eligible.leader.replicas.version', featureLevel=1) at version 0), \
          ApiMessageAndVersion(FeatureLevelRecord(name='group.version', featureLevel=1) at version 0), \
          ApiMessageAndVersion(FeatureLevelRecord(name='share.version', featureLevel=1) at version 0), \
          ApiMessageAndVersion(FeatureLevelRecord(name='streams.version', featureLevel=1) at version 0), \
          ApiMessageAndVersion(FeatureLevelRecord(name='transaction.version', featureLevel=2) at version 0)], \
          metadataVersionLevel=30, source=format command)"]
    );
}

#[test]
fn a_dynamic_quorum_gets_its_first_snapshot() {
    let expected = golden(STANDALONE);
    let header = checkpoint::decode(expected.clone()).expect("readable").header;
    let voters = header.voters.clone().expect("a dynamic quorum").voters;
    let mut request = request(&[("/a", DirectoryState::Empty), ("/b", DirectoryState::Empty)]);
    request.has_dynamic_quorum = true;
    let directory_id = voters[0].voter_directory_id;
    request.initial_controllers =
        DynamicVoter::parse_list(&format!("0@localhost:29102:{directory_id}")).expect("well formed");
    let now = header.last_contained_timestamp_ms;
    let plan = plan(&request, now, ids()).expect("formats");
    let [metadata, data] = plan.directories.as_slice() else { panic!("{plan:?}") };
    assert_eq!(
        metadata.line,
        "Formatting dynamic metadata voter directory /a with metadata.version 4.3-IV0."
    );
    assert_eq!(data.line, "Formatting data directory /b with metadata.version 4.3-IV0.");
    assert_eq!(metadata.directory_id, directory_id);
    assert_ne!(data.directory_id, directory_id);
    let names: Vec<&str> = metadata.files.iter().map(|(name, _)| name.as_str()).collect();
    let snapshot = "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint";
    assert_eq!(names, ["bootstrap.checkpoint", snapshot]);
    assert_eq!(timeless(&metadata.files[1].1), timeless(&expected));
    assert_eq!(checkpoint::parse_file_name(&snapshot[21..]), Some((0, 0)));
}

#[test]
fn every_record_of_kafkas_file_is_written_back_as_it_was() {
    for hex in [STATIC, SCRAM] {
        let records = bootstrap::decode(golden(hex)).expect("readable");
        assert_eq!(timeless(&bootstrap::encode(&records, 0).expect("writable")), timeless(&golden(hex)));
    }
}

#[test]
fn a_damaged_file_is_refused() {
    let whole = golden(STANDALONE);
    for length in 0..whole.len() {
        assert!(checkpoint::decode(whole.slice(..length)).is_err(), "cut at {length}");
    }
    for at in 0..whole.len() {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 0x40;
        // Base offset and leader epoch lie outside the checksum; everything else is noticed.
        let _ = checkpoint::decode(bytes.into());
    }
}

#[test]
fn formatted_directories_are_kept() {
    let formatted = DirectoryState::Formatted {
        cluster_id: Some("AAAAAAAAAAAAAAAAAAAAAA".to_owned()),
        node_id: Some(0),
        directory_id: Some(Uuid::from_u128(1 << 100)),
    };
    let mut both = request(&[("/a", formatted.clone()), ("/b", DirectoryState::Empty)]);
    let refused = plan(&both, 0, ids()).expect_err("one is formatted");
    assert_eq!(
        refused.0,
        "Log directory /a is already formatted. Use --ignore-formatted to ignore this directory and format the others."
    );
    both.ignore_formatted = true;
    let paths: Vec<String> =
        plan(&both, 0, ids()).expect("formats").directories.into_iter().map(|plan| plan.path).collect();
    assert_eq!(paths, ["/b"]);
    let mut all = request(&[("/a", formatted)]);
    all.ignore_formatted = true;
    assert_eq!(
        plan(&all, 0, ids()).expect("nothing to do").lines,
        ["All of the log directories are already formatted."]
    );
    all.node_id = 3;
    assert!(
        plan(&all, 0, ids()).expect_err("another node's").0.starts_with("Stored node id 0 doesn't match")
    );
}

#[test]
fn feature_levels_are_checked() {
    type Change = fn(&mut Request);
    let cases: [(Change, &str); 7] = [
        (
            |r| r.release_version = Some(MetadataVersion::V4_4_IV0),
            "metadata.version 4.4-IV0 is not yet stable.",
        ),
        (
            |r| {
                r.features.insert("x".to_owned(), 1);
            },
            "Unsupported feature: x. Supported features are: eligible.leader.replicas.version, group.version, \
             kraft.version, share.version, streams.version, transaction.version",
        ),
        (
            |r| {
                r.features.insert("group.version".to_owned(), 7);
            },
            "No feature:group.version with feature level 7",
        ),
        (
            |r| {
                r.features.insert("metadata.version".to_owned(), 3);
            },
            "No MetadataVersion with feature level 3. Valid feature levels are from 7 to 31.",
        ),
        (
            |r| {
                r.features.insert("metadata.version".to_owned(), 20);
                r.release_version = Some(MetadataVersion::V3_8_IV0);
            },
            "Use --release-version instead of --feature metadata.version=X to avoid ambiguity.",
        ),
        (
            |r| {
                r.features.insert("eligible.leader.replicas.version".to_owned(), 1);
                r.release_version = Some(MetadataVersion::V4_0_IV0);
            },
            "eligible.leader.replicas.version could not be set to 1 because it depends on metadata.version level 23",
        ),
        (
            |r| {
                r.features.insert("kraft.version".to_owned(), 1);
            },
            "Cannot set kraft.version to 1 unless controller.quorum.voters is empty and one of the flags --standalone, \
             --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try using one \
             of --standalone, --initial-controllers, or --no-initial-controllers and removing controller.quorum.voters.",
        ),
    ];
    for (change, expect) in cases {
        let mut request = request(&[("/a", DirectoryState::Empty)]);
        change(&mut request);
        assert_eq!(plan(&request, 0, ids()).expect_err(expect).0, expect);
    }
}

#[test]
fn dynamic_voters_are_parsed() {
    let id = Uuid::from_u128(1 << 90);
    let voter = DynamicVoter::parse(&format!("7@[::1]:9093:{id}")).expect("well formed");
    assert_eq!((voter.id, voter.host.as_str(), voter.port), (7, "::1", 9093));
    for (text, expect) in [
        ("x", "No @ found in dynamic voter string."),
        ("@h:1:a", "Invalid @ at beginning of dynamic voter string."),
        ("x@h:1:a", "Failed to parse node id in dynamic voter string."),
        ("-1@h:1:a", "Invalid negative node id -1 in dynamic voter string."),
        ("1@", "No hostname found after node id."),
        ("1@h", "No colon following hostname could be found."),
        ("1@[h", "Hostname began with left bracket, but no right bracket was found."),
        ("1@[h]9", "Port section must start with a colon."),
        ("1@h:9", "No colon following port could be found."),
        ("1@h:x:a", "Failed to parse port in dynamic voter string."),
        ("1@h:70000:a", "Invalid port 70000 in dynamic voter string."),
        ("1@h:9:a", "Failed to parse directory ID in dynamic voter string."),
    ] {
        assert_eq!(DynamicVoter::parse(text).expect_err(expect).0, expect, "{text}");
    }
    assert_eq!(DynamicVoter::parse_list("").expect_err("empty").0, "No voters given.");
}
