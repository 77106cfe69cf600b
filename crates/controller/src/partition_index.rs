//! Which partitions a broker has to do with, so that nobody has to look at all of them.

use klamm_metadata::MetadataImage;
use klamm_metadata::image::{Partition, Topic};
use klamm_protocol::Uuid;
use klamm_protocol::metadata::MetadataRecord;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A partition: its topic's id and its index in the topic.
pub type PartitionKey = (Uuid, i32);

/// An index of the partitions in an image, beside the image: only the active controller needs it.
///
/// Owned by the controller's driver, which keeps it up with the tentative image by [`PartitionIndex::update`], and drops
/// it with everything else that is tentative when another controller comes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionIndex {
    /// By broker: where it is in sync, eligible to lead, or leads.
    members: BTreeMap<i32, BTreeSet<PartitionKey>>,
    /// By broker: how many partitions it leads. No zeros.
    leaderships: BTreeMap<i32, usize>,
    /// Without a leader.
    leaderless: BTreeSet<PartitionKey>,
    /// Not led by the preferred replica.
    imbalanced: BTreeSet<PartitionKey>,
    /// Being moved to other replicas.
    reassigning: BTreeSet<PartitionKey>,
}

impl PartitionIndex {
    /// Of everything in an image.
    pub fn of(image: &MetadataImage) -> Self {
        let mut index = Self::default();
        // In order, so that the sets are built from sorted lists, which takes a fraction of single insertions.
        let mut members: BTreeMap<i32, Vec<PartitionKey>> = BTreeMap::new();
        let (mut leaderless, mut imbalanced, mut reassigning) = (Vec::new(), Vec::new(), Vec::new());
        for topic in image.topics.iter_by_id() {
            for (number, partition) in &topic.partitions {
                let key = (topic.id, *number);
                for broker in members_of(partition) {
                    members.entry(broker).or_default().push(key);
                }
                if partition.has_leader() {
                    *index.leaderships.entry(partition.leader).or_default() += 1;
                } else {
                    leaderless.push(key);
                }
                if is_imbalanced(partition) {
                    imbalanced.push(key);
                }
                if partition.is_reassigning() {
                    reassigning.push(key);
                }
            }
        }
        index.members =
            members.into_iter().map(|(broker, keys)| (broker, keys.into_iter().collect())).collect();
        index.leaderless = leaderless.into_iter().collect();
        index.imbalanced = imbalanced.into_iter().collect();
        index.reassigning = reassigning.into_iter().collect();
        index
    }

    /// Follows `records`, which turned the image `before` into `after`.
    pub fn update(&mut self, before: &MetadataImage, after: &MetadataImage, records: &[MetadataRecord]) {
        let (mut topic_id, mut topics) = (Uuid::ZERO, (None, None));
        for key in touched(before, records) {
            // Those of one topic come one after another.
            if key.0 != topic_id {
                topic_id = key.0;
                topics = (before.topics.by_id(&topic_id), after.topics.by_id(&topic_id));
            }
            let of =
                |topic: Option<&'_ Arc<Topic>>| topic.and_then(|topic| topic.partitions.get(&key.1).cloned());
            self.replace(key, of(topics.0).as_deref(), of(topics.1).as_deref());
        }
    }

    fn replace(&mut self, key: PartitionKey, old: Option<&Partition>, new: Option<&Partition>) {
        let (old_members, new_members) =
            (old.map(members_of).unwrap_or_default(), new.map(members_of).unwrap_or_default());
        for broker in old_members.iter().filter(|broker| !new_members.contains(broker)) {
            if let Some(keys) = self.members.get_mut(broker) {
                keys.remove(&key);
                if keys.is_empty() {
                    self.members.remove(broker);
                }
            }
        }
        for broker in new_members.iter().filter(|broker| !old_members.contains(broker)) {
            self.members.entry(*broker).or_default().insert(key);
        }
        if let Some(old) = old.filter(|old| old.has_leader())
            && let Some(count) = self.leaderships.get_mut(&old.leader)
        {
            *count -= 1;
            if *count == 0 {
                self.leaderships.remove(&old.leader);
            }
        }
        if let Some(new) = new.filter(|new| new.has_leader()) {
            *self.leaderships.entry(new.leader).or_default() += 1;
        }
        let move_key = |keys: &mut BTreeSet<PartitionKey>, is_in: fn(&Partition) -> bool| match (
            old.is_some_and(is_in),
            new.is_some_and(is_in),
        ) {
            (false, true) => drop(keys.insert(key)),
            (true, false) => drop(keys.remove(&key)),
            _ => {}
        };
        move_key(&mut self.leaderless, |partition| !partition.has_leader());
        move_key(&mut self.imbalanced, is_imbalanced);
        move_key(&mut self.reassigning, Partition::is_reassigning);
    }

    /// The partitions that a broker is in sync with, eligible to lead, or leads.
    pub fn of_broker(&self, broker: i32) -> impl Iterator<Item = PartitionKey> + '_ {
        self.members.get(&broker).into_iter().flatten().copied()
    }

    /// Whether a broker leads any partition.
    pub fn leads(&self, broker: i32) -> bool {
        self.leaderships.contains_key(&broker)
    }

    /// The partitions without a leader.
    pub fn leaderless(&self) -> impl Iterator<Item = PartitionKey> + '_ {
        self.leaderless.iter().copied()
    }

    /// The partitions that their preferred replica does not lead, those without a leader among them.
    pub fn imbalanced(&self) -> impl Iterator<Item = PartitionKey> + '_ {
        self.imbalanced.iter().copied()
    }

    /// The partitions that are being moved.
    pub fn reassigning(&self) -> impl Iterator<Item = PartitionKey> + '_ {
        self.reassigning.iter().copied()
    }
}

fn is_imbalanced(partition: &Partition) -> bool {
    partition.leader != partition.preferred_replica()
}

/// A leader is in sync, and nobody is both in sync and eligible; should a log say otherwise, nobody is named twice.
fn members_of(partition: &Partition) -> Vec<i32> {
    let mut members = Vec::with_capacity(partition.isr.len() + partition.elr.len() + 1);
    let leader = partition.has_leader().then_some(partition.leader);
    for broker in partition.isr.iter().chain(&partition.elr).copied().chain(leader) {
        if !members.contains(&broker) {
            members.push(broker);
        }
    }
    members
}

/// The partitions that records may have changed, each once, in order.
fn touched(before: &MetadataImage, records: &[MetadataRecord]) -> Vec<PartitionKey> {
    let mut keys = Vec::with_capacity(records.len());
    let all_of = |topic: &Topic| -> Vec<PartitionKey> {
        topic.partitions.keys().map(|number| (topic.id, *number)).collect()
    };
    for record in records {
        match record {
            MetadataRecord::Partition(record) => keys.push((record.topic_id, record.partition_id)),
            MetadataRecord::PartitionChange(record) => keys.push((record.topic_id, record.partition_id)),
            MetadataRecord::RemoveTopic(record) => {
                keys.extend(
                    before.topics.by_id(&record.topic_id).into_iter().flat_map(|topic| all_of(topic)),
                );
            }
            MetadataRecord::ClearElr(record) if record.topic_name.is_empty() => {
                keys.extend(before.topics.iter().flat_map(|topic| all_of(topic)));
            }
            MetadataRecord::ClearElr(record) => {
                let topic = before.topics.by_name(&record.topic_name);
                keys.extend(topic.into_iter().flat_map(|topic| all_of(topic)));
            }
            _ => {}
        }
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}
