//! What is to be said of records that were given out.

use std::collections::BTreeMap;

use super::member::IdPartition;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AcknowledgeType {
    /// It is done with.
    Accept,
    /// Others, or this consumer later, may have it.
    Release,
    /// It cannot be processed and is not delivered again.
    Reject,
    /// More time is needed for it (KIP-1222).
    Renew,
}

/// There is no record at that offset.
pub(super) const GAP: i8 = 0;

impl AcknowledgeType {
    pub(super) const fn code(self) -> i8 {
        match self {
            Self::Accept => 1,
            Self::Release => 2,
            Self::Reject => 3,
            Self::Renew => 4,
        }
    }
}

/// A range of offsets, both inclusive, and what is said of all of them.
pub(super) type Range = (i64, i64, i8);

/// Acknowledgements that are not sent yet, by the broker that gave the records out.
#[derive(Debug, Default)]
pub(super) struct Acknowledgements(BTreeMap<i32, BTreeMap<IdPartition, BTreeMap<i64, i8>>>);

impl Acknowledgements {
    pub(super) fn add(&mut self, node: i32, partition: IdPartition, offset: i64, code: i8) {
        self.0.entry(node).or_default().entry(partition).or_default().insert(offset, code);
    }

    pub(super) fn nodes(&self) -> Vec<i32> {
        self.0.keys().copied().collect()
    }

    /// Whether anything is to be said to a broker.
    pub(super) fn has_some(&self, node: i32) -> bool {
        self.0.contains_key(&node)
    }

    /// Takes out what is to be said to a broker, in ranges as long as can be.
    pub(super) fn take(&mut self, node: i32) -> BTreeMap<IdPartition, Vec<Range>> {
        let of_node = self.0.remove(&node).unwrap_or_default();
        of_node.into_iter().map(|(partition, offsets)| (partition, ranges(&offsets))).collect()
    }
}

fn ranges(offsets: &BTreeMap<i64, i8>) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for (&offset, &code) in offsets {
        match ranges.last_mut() {
            Some((_, last, before)) if *before == code && last.checked_add(1) == Some(offset) => {
                *last = offset
            }
            _ => ranges.push((offset, offset, code)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_protocol::Uuid;

    #[test]
    fn neighbours_go_in_one_range() {
        let mut acknowledgements = Acknowledgements::default();
        for (offset, code) in [(5, 1), (3, 1), (4, 1), (6, 2), (8, 2), (9, GAP), (4, 1)] {
            acknowledgements.add(1, (Uuid::ZERO, 0), offset, code);
        }
        acknowledgements.add(2, (Uuid::ZERO, 0), 7, 3);
        assert_eq!(acknowledgements.nodes(), [1, 2]);
        let taken = acknowledgements.take(1);
        assert_eq!(taken[&(Uuid::ZERO, 0)], [(3, 5, 1), (6, 6, 2), (8, 8, 2), (9, 9, GAP)]);
        assert!(acknowledgements.take(1).is_empty());
    }
}
