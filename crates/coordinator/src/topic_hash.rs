//! The number by which groups of every kind notice that their topics have changed, as Kafka 4.1 and later compute it:
//! a group that goes from one broker to the other, in either direction, keeps its epoch.

use klamm_protocol::Uuid;
use twox_hash::XxHash3_64;

/// The way of hashing; another one would have another number.
const MAGIC: u8 = 0;

/// The hash of one topic. It changes when the topic is made anew, gets more partitions, or when replicas come to stand in
/// other racks. `racks` has an entry for each partition, in their order: the racks of its replicas that have one, in any
/// order.
pub fn topic_hash(id: Uuid, name: &str, racks: &[Vec<&str>]) -> i64 {
    let mut input = vec![MAGIC];
    // Java writes the two halves of an id as numbers.
    let (high, low) = id.as_bytes().split_at(8);
    input.extend(high.iter().rev());
    input.extend(low.iter().rev());
    put_string(&mut input, name);
    put_length(&mut input, racks.len());
    for (index, racks) in racks.iter().enumerate() {
        put_length(&mut input, index);
        let mut racks: Vec<Vec<u16>> = racks.iter().map(|rack| rack.encode_utf16().collect()).collect();
        racks.sort();
        for rack in racks {
            put_length(&mut input, rack.len());
            put_units(&mut input, &rack);
        }
    }
    XxHash3_64::oneshot(&input).cast_signed()
}

/// The hash of a group's topics, given those of each in the order of their names; 0 if there are none.
pub fn group_hash(topics: impl IntoIterator<Item = i64>) -> i64 {
    let input: Vec<u8> = topics.into_iter().flat_map(i64::to_le_bytes).collect();
    if input.is_empty() { 0 } else { XxHash3_64::oneshot(&input).cast_signed() }
}

fn put_string(input: &mut Vec<u8>, text: &str) {
    put_units(input, &text.encode_utf16().collect::<Vec<_>>());
}

/// A string's length follows it, so that two strings in a row cannot be taken for others.
fn put_units(input: &mut Vec<u8>, units: &[u16]) {
    input.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    put_length(input, units.len());
}

fn put_length(input: &mut Vec<u8>, length: usize) {
    input.extend(i32::try_from(length).unwrap_or(i32::MAX).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are what Kafka 4.3.1's `Utils.computeTopicHash` and `computeGroupHash` give.
    #[test]
    fn hashes_as_kafka_does() {
        let id = Uuid::from_bytes(std::array::from_fn(|at| at as u8 + 1));
        let names: Vec<String> = (0..3).map(|rack| format!("rack-{rack}")).collect();
        let many: Vec<Vec<&str>> =
            (0..100).map(|index| vec![names[index % 3].as_str(), names[(index + 1) % 3].as_str()]).collect();
        // By UTF-16 units the emoji comes before the wide tilde; by bytes it would come after it.
        let odd = vec![vec!["b", "a"], vec!["\u{e9}\u{1f600}", "\u{ff5e}"]];
        let cases: [(&str, &[Vec<&str>], i64); 4] = [
            ("t", &[], 6_758_744_033_488_928_612),
            ("foo", &[vec![]], -6_095_863_947_380_164_374),
            ("foo", &odd, 7_987_374_490_394_518_564),
            ("foo", &many, -8_401_208_801_410_984_394),
        ];
        for (name, racks, expected) in cases {
            assert_eq!(topic_hash(id, name, racks), expected, "{name} {racks:?}");
        }
        assert_eq!(group_hash([]), 0);
        assert_eq!(group_hash([1]), 3_439_722_301_264_460_078);
        let sorted = [-8_401_208_801_410_984_394, -2, 1]; // of Zoo, bar and foo
        assert_eq!(group_hash(sorted), -7_768_842_817_083_434_520);
    }
}
