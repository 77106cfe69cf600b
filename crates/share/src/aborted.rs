//! Which of the batches that were read belong to aborted transactions.

use std::collections::BTreeSet;

/// A batch in the log, as far as a share partition looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSpan {
    /// Its first offset.
    pub base_offset: i64,
    /// Its last offset.
    pub last_offset: i64,
    /// Who produced it; -1 if that is not known.
    pub producer_id: i64,
    /// What it is.
    pub kind: BatchKind,
}

/// Kinds of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    /// Records outside of transactions, or a control batch that aborts nothing.
    Plain,
    /// Records of a transaction.
    Transactional,
    /// The end of an aborted transaction.
    AbortMarker,
}

/// A transaction that was aborted, as the log's index of them tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose.
    pub producer_id: i64,
    /// Where its records begin in this partition.
    pub first_offset: i64,
}

/// The batches of aborted transactions, as first and last offset.
pub(crate) fn aborted_batches(batches: &[BatchSpan], transactions: &[AbortedTransaction]) -> Vec<(i64, i64)> {
    let mut transactions = transactions.to_vec();
    transactions.sort_unstable_by_key(|transaction| transaction.first_offset);
    let mut begun = transactions.into_iter().peekable();
    let mut aborted = BTreeSet::new();
    let mut found = Vec::new();
    for batch in batches.iter().filter(|batch| batch.producer_id >= 0) {
        while let Some(transaction) = begun.next_if(|next| next.first_offset <= batch.last_offset) {
            aborted.insert(transaction.producer_id);
        }
        match batch.kind {
            BatchKind::AbortMarker => {
                aborted.remove(&batch.producer_id);
            }
            BatchKind::Transactional if aborted.contains(&batch.producer_id) => {
                found.push((batch.base_offset, batch.last_offset));
            }
            BatchKind::Transactional | BatchKind::Plain => {}
        }
    }
    found
}

/// What is left of ascending ranges, each with something of its own, without other ascending ranges.
pub(crate) fn without<T: Copy>(ranges: Vec<(i64, i64, T)>, holes: &[(i64, i64)]) -> Vec<(i64, i64, T)> {
    let mut left = Vec::with_capacity(ranges.len());
    for (mut first, last, own) in ranges {
        for &(hole_first, hole_last) in holes {
            if hole_last < first || hole_first > last {
                continue;
            }
            if hole_first > first {
                left.push((first, hole_first - 1, own));
            }
            first = hole_last + 1;
        }
        if first <= last {
            left.push((first, last, own));
        }
    }
    left
}
