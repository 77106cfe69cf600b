//! What one node has learnt to be committed in the metadata log, every node has there, for ever (Raft: State Machine
//! Safety, Leader Completeness).

use std::collections::BTreeMap;

use klamm_server::observe::Observation;

use super::{Invariant, Logs};
use crate::{
    disks::{Batch, Batches},
    history::History,
};

const LOG: &str = "__cluster_metadata-0";

/// See above.
#[derive(Default)]
pub(super) struct CommittedMetadata {
    committed: Batches,
    /// The last offset that each node has learnt to be committed.
    known: BTreeMap<i32, i64>,
}

impl Invariant for CommittedMetadata {
    fn name(&self) -> &'static str {
        "committed metadata"
    }

    fn observe(&mut self, node: i32, observation: &Observation) -> Result<(), String> {
        let Observation::Committed { base_offset, last_offset, epoch, crc } = *observation else {
            return Ok(());
        };
        let known = self.known.entry(node).or_insert(-1);
        *known = last_offset.max(*known);
        let now = Batch { last_offset, epoch, crc, producer: (-1, -1, -1) };
        match self.committed.insert(base_offset, now) {
            Some(before) if before != now => {
                Err(format!("at offset {base_offset} {before:?} was committed, and on node {node} {now:?}"))
            }
            Some(_) => Ok(()),
            // One that lies within another cannot be there if that one is.
            None => match self.committed.range(..base_offset).next_back() {
                Some((base, before)) if before.last_offset >= base_offset => Err(format!(
                    "{before:?} from offset {base} on was committed, and on node {node} {now:?} from {base_offset} on"
                )),
                _ => Ok(()),
            },
        }
    }

    fn finish(&mut self, _history: &History, logs: &Logs) -> Result<(), String> {
        let mut by_node: BTreeMap<i32, &Batches> = BTreeMap::new();
        for (node, logs) in logs {
            by_node.extend(logs.get(LOG).map(|log| (*node, log)));
        }
        for (node, log) in by_node {
            // Snapshots stand for what lies before the log's start.
            let start = log.keys().next().copied().unwrap_or(i64::MAX);
            // One that has just been started may be a little behind.
            let last = log.keys().next_back().copied().unwrap_or(-1).max(start);
            for (base_offset, committed) in self.committed.range(start..=last) {
                let found = log.get(base_offset);
                // The end of its log may be a former leader's, which it cuts off as soon as the present one answers it.
                let known = self.known.get(&node).copied().unwrap_or(-1);
                if *base_offset > known && found.is_none_or(|found| found.epoch < committed.epoch) {
                    break;
                }
                if found != Some(committed) {
                    return Err(format!(
                        "node {node} has {found:?} at offset {base_offset} where {committed:?} was committed"
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_node_has_not_heard_of_may_be_missing_from_its_log() {
        // Offset and epoch of each batch.
        let committed = [(0, 1), (1, 1), (2, 3)];
        for (learnt, log, is_good) in [
            (2, &[(0, 1), (1, 1), (2, 3)][..], true),
            (2, &[(0, 1), (1, 1), (2, 2)][..], false),
            (1, &[(0, 1), (1, 1), (2, 2)][..], true),
            (1, &[(0, 1), (1, 2), (2, 3)][..], false),
            // Nobody leads a later epoch without what was committed.
            (1, &[(0, 1), (1, 1), (2, 4)][..], false),
        ] {
            let mut invariant = CommittedMetadata::default();
            let mut observe = |node: i32, (offset, epoch): (i64, i32)| {
                let observation =
                    Observation::Committed { base_offset: offset, last_offset: offset, epoch, crc: 7 };
                invariant.observe(node, &observation).unwrap();
            };
            for batch in committed {
                observe(1, batch);
                if batch.0 <= learnt {
                    observe(2, batch);
                }
            }
            let batch = |&(offset, epoch): &(i64, i32)| {
                (offset, Batch { last_offset: offset, epoch, crc: 7, producer: (-1, -1, -1) })
            };
            let logs =
                BTreeMap::from([(2, BTreeMap::from([(LOG.to_owned(), log.iter().map(batch).collect())]))]);
            let found = invariant.finish(&History::default(), &logs);
            assert_eq!(found.is_ok(), is_good, "{learnt} and {log:?}: {found:?}");
        }
    }
}
