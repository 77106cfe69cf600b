//! Hashes as Java computes them, where clients can notice.

/// `String.hashCode`: over UTF-16 units. Says which partition of `__consumer_offsets` has a group.
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// Sorts texts into the order in which Kafka's coordinator keeps them in its hash table (Fibonacci hashing, the highest
/// bits being the slot), except that those of one slot are in the order of their insertion there.
pub(crate) fn table_order(text: &str) -> u64 {
    i64::from(java_hash(text)).wrapping_mul(-7_046_029_254_386_353_131).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_java_does() {
        // An emoji is two UTF-16 units.
        let emoji = 0xd83d * 31 + 0xde00;
        let cases = [
            ("", 0),
            ("a", 97),
            ("group", 98_629_247),
            ("console-consumer-12345", 158_455_506),
            ("\u{1f600}", emoji),
        ];
        for (text, hash) in cases {
            assert_eq!(java_hash(text), hash, "{text}");
        }
    }

    #[test]
    fn orders_as_kafkas_table_does() {
        let mut groups = ["grp-1", "grp-4"];
        groups.sort_by_key(|group| table_order(group));
        assert_eq!(groups, ["grp-4", "grp-1"]);
    }
}
