//! What is known of transactions while a log is read from its beginning on.

use std::collections::BTreeMap;

use klamm_protocol::records::{BatchError, BatchHeader, RecordBatch};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::index_file::field;
use crate::transaction_index::AbortedTxn;

const NO_KIND: BatchError = BatchError::InvalidRecord(std::borrow::Cow::Borrowed(
    "Invalid control record: its key is too short to say of which kind it is",
));

/// A transaction that is known to have been aborted and whose marker has not come yet.
struct Aborted {
    txn: AbortedTxn,
    // Whether any of its batches is still there.
    has_batches: bool,
}

/// The transactions that are open where the reader stands.
#[derive(Default)]
pub(crate) struct CleanedTransactions {
    // Producers with batches of a transaction that will be committed.
    committed: FxHashSet<i64>,
    aborted: FxHashMap<i64, Aborted>,
    // Aborted ones that begin further on, by first offset.
    ahead: BTreeMap<i64, AbortedTxn>,
}

impl CleanedTransactions {
    /// Learns of aborted transactions. Some may be told more than once.
    pub(crate) fn add_aborted(&mut self, aborted: impl IntoIterator<Item = AbortedTxn>) {
        self.ahead.extend(aborted.into_iter().map(|txn| (txn.first_offset, txn)));
    }

    fn go_to(&mut self, offset: i64) {
        while let Some(next) = self.ahead.first_entry()
            && *next.key() <= offset
        {
            let txn = next.remove();
            self.aborted.entry(txn.producer_id).or_insert(Aborted { txn, has_batches: false });
        }
    }

    /// Takes in a batch of records. Returns whether its transaction was aborted.
    pub(crate) fn on_batch(&mut self, batch: &BatchHeader) -> bool {
        self.go_to(batch.last_offset());
        if !batch.is_transactional() {
            return false;
        }
        match self.aborted.get_mut(&batch.producer_id) {
            Some(aborted) => {
                aborted.has_batches = true;
                true
            }
            None => {
                self.committed.insert(batch.producer_id);
                false
            }
        }
    }

    /// Takes in a control batch. Returns whether it may go, which is so once nothing is left of its transaction; of an
    /// abort marker that stays, `retained` gets the entry of the transaction index.
    pub(crate) fn on_control_batch(
        &mut self,
        batch: &RecordBatch,
        retained: &mut Vec<AbortedTxn>,
    ) -> Result<bool, BatchError> {
        self.go_to(batch.last_offset());
        let Some(record) = batch.records()?.next().transpose()? else {
            // Cleaned before, and kept for its producer only.
            return Ok(true);
        };
        let kind = record.key.as_deref().and_then(|key| key.get(..4)).ok_or(NO_KIND)?;
        match i16::from_be_bytes(field(kind, 2)) {
            0 => match self.aborted.remove(&batch.producer_id) {
                Some(aborted) if aborted.has_batches => {
                    retained.push(aborted.txn);
                    Ok(false)
                }
                _ => Ok(true),
            },
            1 => Ok(!self.committed.remove(&batch.producer_id)),
            _ => Ok(false),
        }
    }
}
