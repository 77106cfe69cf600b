//! The latest offset of each key in the dirty part of a log, in bounded memory.
//!
//! Twenty-four bytes for each key, as in Kafka: a hash of the key and an offset, in an open table. When it is as full as it
//! may be, the cleaning ends at the record that found no room, and the rest of the dirty part is for the next round.

use super::key_hash::KeyHasher;

/// Bytes of one entry.
const ENTRY_BYTES: u64 = 24;
/// Kafka's table is a Java array.
const BYTES_MAX: u64 = i32::MAX as u64;
const SLOTS_MIN: u64 = 16;

/// See the module.
pub(crate) struct OffsetMap {
    // Hash in two words, offset plus one; all zero is free.
    slots: Vec<[u64; 3]>,
    entries: usize,
    entries_max: usize,
    latest_offset: i64,
    hasher: KeyHasher,
}

impl OffsetMap {
    /// A table for the records of `span` offsets, of at most `bytes_max` bytes, filled up to `load_factor` at most.
    pub(crate) fn new(bytes_max: u64, load_factor: f64, span: u64, hasher: KeyHasher) -> Self {
        let slots_max = (bytes_max.min(BYTES_MAX) / ENTRY_BYTES).max(SLOTS_MIN);
        let load = if load_factor > 0.0 { load_factor.min(1.0) } else { 0.0 };
        // One slot stays free, so that every search ends.
        let entries_max = ((slots_max as f64 * load) as u64).clamp(1, slots_max - 1);
        let entries = entries_max.min(span);
        // A table that is not going to be full need not be large, nor slow.
        let slots = (entries.saturating_mul(3) / 2 + 1).clamp(SLOTS_MIN, slots_max);
        Self {
            slots: vec![[0; 3]; usize::try_from(slots).unwrap_or(usize::MAX)],
            entries: 0,
            entries_max: usize::try_from(entries_max).unwrap_or(usize::MAX),
            latest_offset: -1,
            hasher,
        }
    }

    fn slot_of(&self, hash: [u64; 2]) -> (usize, bool) {
        let len = self.slots.len();
        let mut at = (hash[0] % len as u64) as usize;
        loop {
            match self.slots.get(at) {
                Some([_, _, 0]) | None => return (at, false),
                Some([low, high, _]) if [*low, *high] == hash => return (at, true),
                Some(_) => at = (at + 1) % len,
            }
        }
    }

    /// Notes a key's offset, which must rise from call to call. False if there is no room for it.
    pub(crate) fn put(&mut self, key: &[u8], offset: i64) -> bool {
        if self.entries >= self.entries_max || self.entries + 1 >= self.slots.len() {
            return false;
        }
        let hash = self.hasher.hash(key);
        let (at, found) = self.slot_of(hash);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = [hash[0], hash[1], offset.max(0).cast_unsigned() + 1];
        }
        self.entries += usize::from(!found);
        self.latest_offset = offset;
        true
    }

    /// The key's latest offset, if it is in the dirty part.
    pub(crate) fn get(&self, key: &[u8]) -> Option<i64> {
        match self.slot_of(self.hasher.hash(key)) {
            (at, true) => self.slots.get(at).map(|slot| slot[2].cast_signed() - 1),
            (_, false) => None,
        }
    }

    /// All up to here has been seen.
    pub(crate) const fn set_latest_offset(&mut self, offset: i64) {
        self.latest_offset = offset;
    }

    /// The last offset that was seen, -1 if there is none.
    pub(crate) const fn latest_offset(&self) -> i64 {
        self.latest_offset
    }

    /// How many keys there are.
    pub(crate) const fn len(&self) -> usize {
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_latest_offset() {
        let mut map = OffsetMap::new(1 << 20, 0.9, 10_000, KeyHasher::new([7; 16]));
        for offset in 0..10_000_i64 {
            assert!(map.put(format!("key-{}", offset % 3000).as_bytes(), offset));
        }
        assert_eq!((map.len(), map.latest_offset()), (3000, 9999));
        for key in 0..3000_i64 {
            let expect = (0..4).map(|round| key + 3000 * round).filter(|offset| *offset < 10_000).max();
            assert_eq!(map.get(format!("key-{key}").as_bytes()), expect);
        }
        assert_eq!(map.get(b"key-3000"), None);
        assert_eq!(map.get(b""), None);
    }

    #[test]
    fn memory_is_bounded() {
        // Bytes, load factor, records: slots, keys that fit.
        for (bytes, load, span, slots, fit) in [
            (240, 0.5, 1000, 16, 8),
            (2400, 0.9, 1000, 100, 90),
            (2400, 5.0, 1000, 100, 99),
            (2400, -1.0, 1000, 16, 1),
            (1 << 30, 0.9, 100, 151, 150),
            (u64::MAX, f64::NAN, 0, 16, 1),
        ] {
            let mut map = OffsetMap::new(bytes, load, span, KeyHasher::new([7; 16]));
            let found = (0..1000_i64).take_while(|offset| map.put(&offset.to_be_bytes(), *offset)).count();
            assert_eq!((map.slots.len(), found), (slots, fit), "{bytes} bytes, {load}, {span} records");
            assert_eq!(map.get(&0_i64.to_be_bytes()), Some(0));
            assert_eq!(map.get(&5000_i64.to_be_bytes()), None);
        }
    }
}
