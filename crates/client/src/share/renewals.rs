//! Records whose locks are being renewed (KIP-1222).

use std::collections::{BTreeMap, BTreeSet};

use super::{acknowledgements::AcknowledgeType, consumer::ShareRecord, member::IdPartition};

/// Records of which it was said that more time is needed. Once their brokers have given it, they are given out again.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    /// Not asked for yet.
    wanted: BTreeMap<(IdPartition, i64), ShareRecord>,
    /// Asked for, by broker.
    asked: BTreeMap<i32, Vec<ShareRecord>>,
}

impl Renewals {
    /// Something was said of a record; the last word counts.
    pub(super) fn note(&mut self, record: &ShareRecord, what: AcknowledgeType) {
        if what == AcknowledgeType::Renew {
            self.wanted.insert(record.key(), record.clone());
        } else {
            self.wanted.remove(&record.key());
        }
    }

    /// Everything that is to be said to a broker is on its way.
    pub(super) fn sent(&mut self, node: i32) {
        let of_node = self.wanted.extract_if(.., |_, record| record.node == node).map(|(_, record)| record);
        self.asked.entry(node).or_default().extend(of_node);
    }

    /// A broker has answered: takes out the records that are locked anew, which are those of all partitions that it has
    /// not refused.
    pub(super) fn answered(&mut self, node: i32, refused: &BTreeSet<IdPartition>) -> Vec<ShareRecord> {
        let mut asked = self.asked.remove(&node).unwrap_or_default();
        asked.retain(|record| !refused.contains(&record.key().0));
        asked
    }

    /// The session is lost, and the locks with it.
    pub(super) fn lost(&mut self, node: i32) {
        self.asked.remove(&node);
        self.wanted.retain(|_, record| record.node != node);
    }
}
