//! Bytes and JSON that Kafka's classes wrote (`tests/goldens`), for every message in every version: our bytes are the
//! same, and so is our JSON.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;

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
