//! Habits of Java that show in the output of Kafka's tools, and so in ours.

/// Puts items into the order in which a `java.util.HashMap`, made for `capacity` entries, iterates them.
pub(crate) fn hash_map_order<T>(items: Vec<T>, capacity: usize, key: impl Fn(&T) -> &str) -> Vec<T> {
    let mut buckets = capacity.max(1).next_power_of_two();
    while items.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    let mut items = items;
    items.sort_by_key(|item| bucket(key(item), buckets));
    items
}

fn bucket(key: &str, buckets: usize) -> usize {
    let hash =
        key.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) as usize & (buckets - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_a_hash_map() {
        // What `new HashMap<>(3)` gives for these keys.
        let keys = vec!["cleanup.policy", "segment.bytes", "retention.ms"];
        let ordered = hash_map_order(keys.clone(), 3, |key| key);
        assert_eq!(ordered.len(), keys.len());
        assert_eq!(bucket("a", 16), 97 & 15);
    }
}
