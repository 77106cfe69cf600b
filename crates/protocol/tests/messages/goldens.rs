//! Bytes and JSON that Kafka's classes wrote (`tests/goldens`), for every message in every version: our bytes are the
//! same, and so is our JSON.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use klamm_protocol::schema::MessageKind;

use crate::table;

/// The lines `name version variant rest` of a golden file.
pub(crate) fn lines(file: &str) -> BTreeMap<(String, i16, String), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/data").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let parse = |line: &str| {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().expect("four words").to_owned();
        ((word(), word().parse().expect("a version"), word()), word())
    };
    text.lines().map(parse).collect()
}

pub(crate) fn bytes(hex: &str) -> Bytes {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).expect("a hex digit") as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(&pair[0]) << 4 | digit(&pair[1])).collect()
}

#[test]
fn every_message_is_as_kafka_writes_it() {
    let (golden_bytes, golden_json) = (lines("bytes.txt"), lines("json.txt"));
    let mut used = 0;
    for codec in table::all() {
        let schema = codec.schema;
        for version in schema.versions.iter() {
            for variant in ["default", "filled", "nulls"] {
                let what = format!("{} v{version} {variant}", schema.name);
                let key = (schema.name.to_owned(), version, variant.to_owned());
                let hex = golden_bytes.get(&key).unwrap_or_else(|| panic!("no golden for {what}"));
                let golden = bytes(hex);
                used += 1;
                let again =
                    (codec.again)(golden.clone(), version).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(again, golden, "{what}");
                assert_eq!((codec.json)(golden.clone(), version).unwrap(), golden_json[&key], "{what}");
                if variant == "default" {
                    assert_eq!((codec.default)(version).unwrap(), golden, "{what}");
                }
            }
        }
    }
    assert_eq!(used, golden_bytes.len(), "goldens of messages or versions that we do not have");
}

#[test]
fn error_codes_of_responses_are_counted_as_by_kafka() {
    let goldens = lines("error-counts.txt");
    let mut used = 0;
    for codec in table::all() {
        let schema = codec.schema;
        if schema.kind != MessageKind::Response {
            continue;
        }
        let of_response = goldens.iter().filter(|((name, ..), _)| name == schema.name);
        let before = used;
        for ((_, version, variant), golden) in of_response {
            let what = format!("{} v{version} {variant}", schema.name);
            let (hex, expected) = golden.split_once(' ').expect("bytes and counts");
            let codes =
                (codec.error_codes)(bytes(hex), *version).unwrap_or_else(|error| panic!("{what}: {error}"));
            let mut counts = BTreeMap::<i16, usize>::new();
            codes.into_iter().for_each(|code| *counts.entry(code).or_default() += 1);
            let expected = expected.split(',').filter(|count| *count != "-").map(|count| {
                let (code, times) = count.split_once(':').expect("a code and how often it is there");
                (code.parse().expect("a code"), times.parse().expect("a number"))
            });
            assert_eq!(counts, expected.collect(), "{what}");
            used += 1;
        }
        assert_ne!(used, before, "no golden for {}", schema.name);
    }
    assert_eq!(used, goldens.len(), "goldens of responses that we do not have");
}
