//! Committed offsets, and those of open transactions, as the records say.

pub(crate) mod commit;
mod delete;
mod expire;
mod fetch;

pub(crate) use commit::Committer;
pub(crate) use fetch::refuse_fetch;

use klamm_protocol::coordinator::group::OffsetCommitValue;
use klamm_protocol::{StrBytes, Uuid};
use rpds::RedBlackTreeMapSync;

/// A committed offset.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CommittedOffset {
    pub(crate) offset: i64,
    /// Of the last record consumed; -1 if not known.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: StrBytes,
    pub(crate) commit_timestamp_ms: i64,
    /// Set if the commit asked for a retention of its own, as versions 2 to 4 of the API can.
    pub(crate) expire_timestamp_ms: Option<i64>,
    /// Zero if the commit was written by a broker that did not note it.
    pub(crate) topic_id: Uuid,
    /// Where the commit lies in `__consumer_offsets`.
    pub(crate) record_offset: i64,
}

impl CommittedOffset {
    fn from_record(record_offset: i64, value: &OffsetCommitValue) -> Self {
        Self {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata.detached(),
            commit_timestamp_ms: value.commit_timestamp,
            expire_timestamp_ms: (value.expire_timestamp != -1).then_some(value.expire_timestamp),
            topic_id: value.topic_id,
            record_offset,
        }
    }
}

type ByPartition = RedBlackTreeMapSync<i32, CommittedOffset>;
type ByTopic = RedBlackTreeMapSync<StrBytes, ByPartition>;

/// Offsets by group, topic and partition; no level has empty entries.
#[derive(Clone, Debug, Default, PartialEq)]
struct OffsetMap(RedBlackTreeMapSync<StrBytes, ByTopic>);

impl OffsetMap {
    fn get(&self, group: &str, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.0.get(group)?.get(topic)?.get(&partition)
    }

    fn put(&mut self, (group, topic, partition): (&StrBytes, &StrBytes, i32), offset: CommittedOffset) {
        let Some(topics) = self.0.get_mut(group) else {
            let partitions = ByPartition::default().insert(partition, offset);
            let topics = ByTopic::default().insert(topic.detached(), partitions);
            self.0.insert_mut(group.detached(), topics);
            return;
        };
        match topics.get_mut(topic) {
            Some(partitions) => partitions.insert_mut(partition, offset),
            None => topics.insert_mut(topic.detached(), ByPartition::default().insert(partition, offset)),
        }
    }

    fn remove(&mut self, group: &str, topic: &str, partition: i32) {
        let Some(topics) = self.0.get_mut(group) else { return };
        let Some(partitions) = topics.get_mut(topic) else { return };
        partitions.remove_mut(&partition);
        if partitions.is_empty() {
            topics.remove_mut(topic);
        }
        if topics.is_empty() {
            self.0.remove_mut(group);
        }
    }

    fn of_group(&self, group: &str) -> impl Iterator<Item = (&StrBytes, i32, &CommittedOffset)> {
        let topics = self.0.get(group).into_iter().flat_map(ByTopic::iter);
        topics.flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(partition, offset)| (topic, *partition, offset))
        })
    }
}

/// Every offset of a coordinator.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Offsets {
    committed: OffsetMap,
    /// By producer: what becomes committed if its transaction does.
    pending: RedBlackTreeMapSync<i64, OffsetMap>,
    /// The producers that have something pending for a group.
    open: RedBlackTreeMapSync<StrBytes, RedBlackTreeMapSync<i64, ()>>,
}

impl Offsets {
    pub(crate) fn get(&self, group: &str, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.committed.get(group, topic, partition)
    }

    /// How many are committed.
    pub(crate) fn count(&self) -> usize {
        self.committed.0.values().flat_map(ByTopic::values).map(ByPartition::size).sum()
    }

    pub(crate) fn has_any(&self, group: &str) -> bool {
        self.committed.0.contains_key(group)
    }

    pub(crate) fn of_group(&self, group: &str) -> impl Iterator<Item = (&StrBytes, i32, &CommittedOffset)> {
        self.committed.of_group(group)
    }

    /// Whether an open transaction has offsets for the group.
    pub(crate) fn is_open(&self, group: &str) -> bool {
        self.open.contains_key(group)
    }

    /// Whether an open transaction has an offset for the partition.
    pub(crate) fn is_unstable(&self, group: &str, topic: &str, partition: i32) -> bool {
        let producers = self.open.get(group).into_iter().flat_map(RedBlackTreeMapSync::keys);
        let mut pending = producers.filter_map(|producer| self.pending.get(producer));
        pending.any(|offsets| offsets.get(group, topic, partition).is_some())
    }

    /// The partitions with an offset, committed or pending, each once.
    pub(crate) fn partitions_of(&self, group: &str) -> Vec<(StrBytes, i32)> {
        let producers = self.open.get(group).into_iter().flat_map(RedBlackTreeMapSync::keys);
        let pending = producers.filter_map(|producer| self.pending.get(producer));
        let maps = std::iter::once(&self.committed).chain(pending);
        let mut partitions: Vec<_> = maps
            .flat_map(|map| map.of_group(group))
            .map(|(topic, partition, _)| (topic.clone(), partition))
            .collect();
        partitions.sort();
        partitions.dedup();
        partitions
    }

    /// The partitions of a topic, of any group, whose offset was committed for the topic of this id; those that do not
    /// say for which are counted in.
    pub(crate) fn partitions_of_topic(&self, topic: &str, id: Uuid) -> Vec<(StrBytes, i32)> {
        let mut found = Vec::new();
        for map in std::iter::once(&self.committed).chain(self.pending.values()) {
            for (group, topics) in map.0.iter() {
                let partitions = topics.get(topic).into_iter().flat_map(ByPartition::iter);
                let matching =
                    partitions.filter(|(_, offset)| offset.topic_id == Uuid::ZERO || offset.topic_id == id);
                found.extend(matching.map(|(partition, _)| (group.clone(), *partition)));
            }
        }
        found.sort();
        found.dedup();
        found
    }

    pub(crate) fn put(
        &mut self,
        record_offset: i64,
        transaction_of: Option<i64>,
        (group, topic, partition): (&StrBytes, &StrBytes, i32),
        value: &OffsetCommitValue,
    ) {
        let offset = CommittedOffset::from_record(record_offset, value);
        let Some(producer) = transaction_of else {
            return self.committed.put((group, topic, partition), offset);
        };
        if !self.pending.contains_key(&producer) {
            self.pending.insert_mut(producer, OffsetMap::default());
        }
        if let Some(pending) = self.pending.get_mut(&producer) {
            pending.put((group, topic, partition), offset);
        }
        if !self.open.contains_key(group) {
            self.open.insert_mut(group.detached(), RedBlackTreeMapSync::default());
        }
        if let Some(producers) = self.open.get_mut(group) {
            producers.insert_mut(producer, ());
        }
    }

    /// A tombstone removes what is committed and what is pending.
    pub(crate) fn remove(&mut self, group: &StrBytes, topic: &str, partition: i32) {
        self.committed.remove(group, topic, partition);
        let producers: Vec<i64> =
            self.open.get(group).map(|producers| producers.keys().copied().collect()).unwrap_or_default();
        for producer in producers {
            let Some(pending) = self.pending.get_mut(&producer) else { continue };
            pending.remove(group, topic, partition);
            let still_open = pending.0.contains_key(group);
            if pending.0.is_empty() {
                self.pending.remove_mut(&producer);
            }
            if !still_open {
                self.close(group, producer);
            }
        }
    }

    /// Of a committed transaction's offsets and those committed without one the later in the log counts: compaction
    /// may have moved the transaction's end behind an offset that was committed after it.
    pub(crate) fn end_transaction(&mut self, producer: i64, is_committed: bool) {
        let Some(ended) = self.pending.get(&producer).cloned() else { return };
        self.pending.remove_mut(&producer);
        for (group, topics) in ended.0.iter() {
            self.close(group, producer);
            let offsets = topics.iter().flat_map(|(topic, partitions)| {
                partitions.iter().map(move |(partition, offset)| (topic, *partition, offset))
            });
            for (topic, partition, offset) in offsets.filter(|_| is_committed) {
                let existing = self.committed.get(group, topic, partition);
                if existing.is_none_or(|existing| existing.record_offset < offset.record_offset) {
                    self.committed.put((group, topic, partition), offset.clone());
                }
            }
        }
    }

    fn close(&mut self, group: &StrBytes, producer: i64) {
        let Some(producers) = self.open.get_mut(group) else { return };
        producers.remove_mut(&producer);
        if producers.is_empty() {
            self.open.remove_mut(group);
        }
    }
}
