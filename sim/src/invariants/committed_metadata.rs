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
}

impl Invariant for CommittedMetadata {
    fn name(&self) -> &'static str {
        "committed metadata"
    }

    fn observe(&mut self, node: i32, observation: &Observation) -> Result<(), String> {
        let Observation::Committed { base_offset, last_offset, epoch, crc } = *observation else {
            return Ok(());
        };
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
