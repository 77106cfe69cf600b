//! Having state made for the partitions that a share group reads.
//!
//! What is asked for is written down as being initialized, and when the share coordinator has answered, as initialized.
//! If it does not answer, a later heartbeat asks again.

use super::ShareGroup;
use super::decide::Draft;
use super::request::{Initialize, TopicPartitions};
use super::state_partitions::{NamedPartitions, StatePartitions, Topics};
use crate::cluster::Cluster;
use crate::coordinator::{GroupCoordinator, ShareStateNoted};
use crate::effect::Step;
use crate::group::GroupState;
use crate::record::ShareRecord;
use crate::share::{InitialState, SharePartitionKey};
use klamm_protocol::{StrBytes, Uuid};
use std::collections::BTreeSet;

/// How long a deletion of state may take: it is tried for half a minute, and the last attempt may take as long again.
const DELETION_MS_MAX: i64 = 60_000;

/// As Kafka names topics that are gone.
const UNKNOWN_TOPIC: &str = "<UNKNOWN>";

impl GroupCoordinator {
    /// The share coordinator has made state for these partitions, or could not, so that they are to be asked for again.
    /// Those that are not waited for any more have been given up, and the state may be deleted already.
    pub(crate) fn share_state_initialized(
        &self,
        cluster: &dyn Cluster,
        (id, partitions, is_done): (&StrBytes, &TopicPartitions, bool),
        step: &mut Step,
    ) {
        let Some(GroupState::Share(group)) = self.state().group(id) else { return };
        let group = ShareGroup::clone(group);
        let mut draft = Draft::new(id.clone(), group, self.settings(), cluster, step);
        let mut state = draft.state_partitions();
        let taken = take(&mut state.initializing, partitions);
        if taken.is_empty() {
            return;
        }
        if is_done {
            for (topic, indexes) in taken {
                let initialized = state.initialized.entry(topic).or_default();
                initialized.name = topic_name(cluster, topic);
                initialized.partitions.extend(indexes);
            }
        }
        draft.write_state_partitions(&state);
    }
}

impl Draft<'_> {
    pub(super) fn state_partitions(&self) -> StatePartitions {
        self.group.state_partitions.as_deref().cloned().unwrap_or_default()
    }

    pub(super) fn write_state_partitions(&mut self, state: &StatePartitions) {
        let value = state.to_value(|id| topic_name(self.cluster, id));
        self.write(ShareRecord::StatePartitions(Some(Box::new(value))));
    }

    /// What state has to be made for the topics that the group reads: for what has none, and for what was asked for and is
    /// late. While it is being deleted, not yet: Kafka asks for both, and if the deletion is carried out last, the group
    /// has partitions without state, which nobody can read.
    pub(super) fn initialize_subscribed(&mut self, noted: ShareStateNoted) -> Initialize {
        let state = self.state_partitions();
        let is_late =
            !is_within(self.settings.share_initialize_retry_interval_ms, noted.last_ms, self.step.now_ms);
        let may_be_deleted = may_be_deleted(self.step.now_ms, noted);
        let mut missing = Topics::new();
        for name in self.group.subscribed_names() {
            let Some(id) = self.cluster.id(name) else { continue };
            if may_be_deleted && state.deleting.contains(&id) {
                continue;
            }
            let initialized = state.initialized.get(&id);
            let asked = state.initializing.get(&id).filter(|_| !is_late);
            let known: BTreeSet<i32> =
                initialized.into_iter().chain(asked).flat_map(|topic| &topic.partitions).copied().collect();
            let count = self.cluster.partition_count(id).unwrap_or(0);
            let partitions: BTreeSet<i32> = (0..count).filter(|index| !known.contains(index)).collect();
            if !partitions.is_empty() {
                missing.insert(id, NamedPartitions { name: name.clone(), partitions });
            }
        }
        let initial = |_: Uuid, _: i32| -1;
        self.initialize(missing, initial)
    }

    /// Writes down that state for these partitions is asked for, with the start offsets that `start_offset` says.
    pub(super) fn initialize(
        &mut self,
        asked: Topics,
        start_offset: impl Fn(Uuid, i32) -> i64,
    ) -> Initialize {
        if asked.is_empty() {
            return Initialize::new();
        }
        let state_epoch = self.group.epoch;
        let mut initialize = Initialize::new();
        for (topic_id, topic) in &asked {
            for partition in topic.partitions.iter().copied() {
                let key = SharePartitionKey { group: self.id.clone(), topic_id: *topic_id, partition };
                let start_offset = start_offset(*topic_id, partition);
                initialize.push((key, InitialState { state_epoch, start_offset }));
            }
        }
        let mut state = self.state_partitions();
        for (id, topic) in asked {
            let initializing = state.initializing.entry(id).or_default();
            initializing.name = topic.name;
            initializing.partitions.extend(topic.partitions);
        }
        // What is made anew is not deleted any more.
        state.deleting.retain(|id| !state.initializing.contains_key(id));
        self.write_state_partitions(&state);
        initialize
    }
}

/// Whether deletions that were noted may still be under way.
pub(super) fn may_be_deleted(now_ms: i64, noted: ShareStateNoted) -> bool {
    is_within(DELETION_MS_MAX, noted.last_empty_ms, now_ms)
}

/// Whether it is so short a time since then. Not if the clock was set back: nobody waits until it has caught up.
fn is_within(ms: i64, since_ms: i64, now_ms: i64) -> bool {
    (0..ms).contains(&now_ms.saturating_sub(since_ms))
}

/// Takes partitions away, and topics that have none left. Those that were there.
fn take(topics: &mut Topics, partitions: &TopicPartitions) -> TopicPartitions {
    let mut taken = TopicPartitions::new();
    for (id, indexes) in partitions {
        let Some(topic) = topics.get_mut(id) else { continue };
        let there: BTreeSet<i32> = topic.partitions.intersection(indexes).copied().collect();
        topic.partitions.retain(|index| !there.contains(index));
        if topic.partitions.is_empty() {
            topics.remove(id);
        }
        if !there.is_empty() {
            taken.insert(*id, there);
        }
    }
    taken
}

pub(super) fn topic_name(cluster: &dyn Cluster, id: Uuid) -> StrBytes {
    cluster.name(id).unwrap_or_else(|| StrBytes::from(UNKNOWN_TOPIC))
}
