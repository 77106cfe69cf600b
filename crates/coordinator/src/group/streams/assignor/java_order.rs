//! The order in which Java's collections give out what was put into them, where it decides who gets a task.

use crate::java_hash::java_hash;

/// Sorts entries into the order in which a `HashMap` made for `capacity` entries goes through them. They come in the
/// order of their insertion.
pub(in crate::group::streams) fn hash_map_order<T>(
    mut entries: Vec<T>,
    key: impl Fn(&T) -> &str,
    capacity: usize,
) -> Vec<T> {
    let mut slots = capacity.max(1).next_power_of_two();
    // It grows when it is three quarters full.
    while entries.len() > slots * 3 / 4 {
        slots *= 2;
    }
    let slot = |entry: &T| {
        let hash = java_hash(key(entry)).cast_unsigned();
        (hash ^ (hash >> 16)) as usize & (slots - 1)
    };
    entries.sort_by_cached_key(slot);
    entries
}

/// A binary heap that treats equal entries as Java's `PriorityQueue` does.
pub(super) struct Heap<T> {
    entries: Vec<T>,
    is_less: fn(&T, &T) -> bool,
}

impl<T> Heap<T> {
    pub(super) const fn new(is_less: fn(&T, &T) -> bool) -> Self {
        Self { entries: Vec::new(), is_less }
    }

    pub(super) fn push(&mut self, entry: T) {
        self.entries.push(entry);
        let mut at = self.entries.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !(self.is_less)(&self.entries[at], &self.entries[parent]) {
                break;
            }
            self.entries.swap(at, parent);
            at = parent;
        }
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        if self.entries.is_empty() {
            return None;
        }
        let least = self.entries.swap_remove(0);
        let (mut at, count) = (0, self.entries.len());
        while 2 * at + 1 < count {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let is_right = right < count && (self.is_less)(&self.entries[right], &self.entries[left]);
            let child = if is_right { right } else { left };
            if !(self.is_less)(&self.entries[child], &self.entries[at]) {
                break;
            }
            self.entries.swap(at, child);
            at = child;
        }
        Some(least)
    }
}
