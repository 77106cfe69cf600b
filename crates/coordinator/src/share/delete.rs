//! DeleteShareGroupState (key 86), and what goes with deleted topics.

use super::request::{SharePartitionKey, ShareStateContext, ShareStateReply};
use super::{Decided, ShareCoordinator, ShareRecord, check_partition};
use klamm_protocol::Uuid;
use std::collections::BTreeSet;

impl ShareCoordinator {
    pub(super) fn delete(&self, context: ShareStateContext, key: &SharePartitionKey) -> Decided {
        check_partition(key)?;
        context.check_exists(key)?;
        // What is not there is deleted.
        let record = self.get(key).map(|_| ShareRecord::tombstone(key));
        Ok((record, ShareStateReply::Done(Ok(()))))
    }

    /// Deletes all states of deleted topics.
    pub(super) fn forget(&self, topics: &BTreeSet<Uuid>) -> Vec<ShareRecord> {
        let gone = self.state().iter().filter(|(key, _)| topics.contains(&key.topic_id));
        gone.map(|(key, _)| ShareRecord::tombstone(key)).collect()
    }

    /// Deletes all states of topics that are gone: those that went while this coordinator was being loaded, or nobody was
    /// one, and those of which that could not be written.
    pub(super) fn forget_gone(&self, is_gone: impl Fn(&Uuid) -> bool) -> Vec<ShareRecord> {
        let topics: BTreeSet<Uuid> = self.state().iter().map(|(key, _)| key.topic_id).collect();
        let gone: BTreeSet<Uuid> = topics.into_iter().filter(is_gone).collect();
        if gone.is_empty() { Vec::new() } else { self.forget(&gone) }
    }
}
