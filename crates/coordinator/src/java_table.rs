//! A hash table that is walked through in the order of `java.util.HashMap`: where Kafka's assignments follow that order,
//! ours have to.

use crate::java_hash::java_hash;
use klamm_protocol::{StrBytes, Uuid};

const SLOTS_DEFAULT: usize = 16;

/// Something with a hash code in Java.
pub(crate) trait JavaHash: PartialEq {
    fn java_hash(&self) -> i32;
}

impl JavaHash for i32 {
    fn java_hash(&self) -> i32 {
        *self
    }
}

impl JavaHash for StrBytes {
    fn java_hash(&self) -> i32 {
        java_hash(self)
    }
}

impl JavaHash for Uuid {
    fn java_hash(&self) -> i32 {
        let words = self.as_bytes().chunks_exact(4);
        words.fold(0, |hash, word| {
            hash ^ word.iter().fold(0_i32, |number, byte| number << 8 | i32::from(*byte))
        })
    }
}

impl JavaHash for (Uuid, i32) {
    fn java_hash(&self) -> i32 {
        self.0.java_hash().wrapping_mul(31).wrapping_add(self.1)
    }
}

/// The table.
#[derive(Clone, Debug)]
pub(crate) struct JavaTable<K, V> {
    slots: Vec<Vec<(K, V)>>,
    len: usize,
}

impl<K: JavaHash, V> JavaTable<K, V> {
    /// Grows from 16 slots.
    pub(crate) fn new() -> Self {
        Self::with_slots(SLOTS_DEFAULT)
    }

    /// Has room for so many entries from the start, as Kafka's assignors reserve it.
    pub(crate) fn sized_for(entries: usize) -> Self {
        Self::with_slots(((entries + 1) * 4 / 3 + 1).next_power_of_two())
    }

    fn with_slots(slots: usize) -> Self {
        Self { slots: std::iter::repeat_with(Vec::new).take(slots).collect(), len: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.slots[self.slot(key)].iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let slot = self.slot(key);
        self.slots[slot].iter_mut().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// `computeIfAbsent`: the key's value, which is made if there is none. Goes before the others of its slot.
    pub(crate) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        if self.len > self.limit() {
            self.grow();
        }
        let slot = self.slot(&key);
        let known = self.slots[slot].iter().position(|(known, _)| *known == key);
        let position = known.unwrap_or_else(|| {
            self.slots[slot].insert(0, (key, make()));
            self.len += 1;
            0
        });
        &mut self.slots[slot][position].1
    }

    /// `put`: sets the key's value. Goes behind the others of its slot.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if let Some(known) = self.get_mut(&key) {
            *known = value;
            return;
        }
        let slot = self.slot(&key);
        self.slots[slot].push((key, value));
        self.len += 1;
        if self.len > self.limit() {
            self.grow();
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> bool {
        let slot = self.slot(key);
        let Some(position) = self.slots[slot].iter().position(|(known, _)| known == key) else {
            return false;
        };
        self.slots[slot].remove(position);
        self.len -= 1;
        true
    }

    /// In Java's order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.slots.iter().flatten().map(|(key, value)| (key, value))
    }

    /// In Java's order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    fn slot(&self, key: &K) -> usize {
        let hash = key.java_hash().cast_unsigned();
        // The number of slots is a power of two.
        (hash ^ (hash >> 16)) as usize & (self.slots.len() - 1)
    }

    /// With more entries it grows.
    fn limit(&self) -> usize {
        self.slots.len() * 3 / 4
    }

    fn grow(&mut self) {
        let slots = std::mem::take(&mut self.slots);
        self.slots = Self::with_slots(slots.len() * 2).slots;
        for (key, value) in slots.into_iter().flatten() {
            let slot = self.slot(&key);
            self.slots[slot].push((key, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_walked_through_in_javas_order() {
        // As a HashSet of Java prints them after being filled in this order.
        let cases: [(&[i32], &[i32]); 4] = [
            (&[3, 1, 2], &[1, 2, 3]),
            (&[3, 17, 20, 1], &[17, 1, 3, 20]),
            (&[32, 16, 0], &[32, 16, 0]),
            (&[24, 16, 8, 0, 1, 2, 3, 4, 5, 6, 7, 9, 10], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 24]),
        ];
        for (inserted, walked) in cases {
            let mut table = JavaTable::new();
            inserted.iter().for_each(|key| table.insert(*key, ()));
            assert_eq!(table.keys().copied().collect::<Vec<_>>(), walked, "{inserted:?}");
            assert!(table.remove(&inserted[0]) && !table.remove(&inserted[0]));
            assert_eq!(table.len(), inserted.len() - 1);
        }
    }

    #[test]
    fn hashes_as_java_does() {
        let id = Uuid::from_bytes([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xf8]);
        assert_eq!(id.java_hash(), 1 ^ 2 ^ 4 ^ -8);
        assert_eq!((id, 5).java_hash(), (1 ^ 2 ^ 4 ^ -8) * 31 + 5);
    }
}
