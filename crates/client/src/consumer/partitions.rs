//! What the consumer knows of each partition that it reads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use klamm_io::Instant;
use klamm_protocol::records::{BatchIter, RecordIter};

use crate::{TopicPartition, admin::OffsetSpec, cluster::Cluster};

/// Where reading goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The committed offset has to be asked for.
    Unknown,
    /// An offset has to be found.
    Reset(OffsetSpec),
    /// The offset of the next record to give out.
    At(i64),
}

/// One assigned partition.
pub(super) struct Reading {
    pub(super) position: Position,
    /// The offset to fetch next: what lies between the position and it is buffered.
    pub(super) fetch_offset: i64,
    /// Raised when the position is changed from outside, so that answers to older questions are not taken.
    pub(super) version: u64,
    pub(super) is_paused: bool,
    /// Bytes that were fetched and not given out.
    pub(super) buffered_bytes: usize,
    pub(super) buffered: VecDeque<Fetched>,
    /// A follower that the leader recommends (KIP-392), until then.
    pub(super) read_replica: Option<(i32, Instant)>,
    pub(super) retry_at: Option<Instant>,
    /// Questions in a row that have failed.
    failures: u32,
    pub(super) high_watermark: i64,
    pub(super) last_stable_offset: i64,
}

/// Batches of one answer, as far as they have not been given out.
pub(super) struct Fetched {
    pub(super) bytes: usize,
    pub(super) batches: BatchIter,
    pub(super) current: Option<Current>,
    /// Aborted transactions by first offset, those that are still to come.
    pub(super) aborted: VecDeque<(i64, i64)>,
    /// Producers whose records are being skipped.
    pub(super) aborted_producers: BTreeSet<i64>,
}

/// The batch that records are being taken from.
pub(super) struct Current {
    /// Absent if the batch has nothing to give out and only moves the position.
    pub(super) records: Option<RecordIter>,
    pub(super) next_offset: i64,
    pub(super) leader_epoch: i32,
    pub(super) is_log_append_time: bool,
}

impl Reading {
    fn new() -> Self {
        Self {
            position: Position::Unknown,
            fetch_offset: -1,
            version: 0,
            is_paused: false,
            buffered_bytes: 0,
            buffered: VecDeque::new(),
            read_replica: None,
            retry_at: None,
            failures: 0,
            high_watermark: -1,
            last_stable_offset: -1,
        }
    }

    /// Goes on elsewhere; what is buffered is dropped.
    pub(super) fn move_to(&mut self, position: Position) {
        self.position = position;
        self.version += 1;
        self.buffered.clear();
        self.buffered_bytes = 0;
        self.succeeded();
        if let Position::At(offset) = position {
            self.fetch_offset = offset;
        }
    }

    /// Nothing is asked about the partition for a while, the longer the more often that has failed.
    pub(super) fn back_off(&mut self, cluster: &Cluster) {
        let pause = cluster.backoff().pause(self.failures, cluster.entropy());
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(cluster.clock().now() + pause);
    }

    /// What was asked has been answered.
    pub(super) const fn succeeded(&mut self) {
        self.failures = 0;
        self.retry_at = None;
    }
}

/// All assigned partitions.
#[derive(Default)]
pub(super) struct Partitions {
    map: BTreeMap<TopicPartition, Reading>,
    next_version: u64,
    /// The partition that records were given out of last, after which the next poll begins.
    pub(super) last_served: Option<TopicPartition>,
}

impl Partitions {
    /// Assigns exactly these; those that were assigned before keep their position.
    pub(super) fn assign(&mut self, wanted: &BTreeSet<TopicPartition>) {
        self.map.retain(|partition, _| wanted.contains(partition));
        for partition in wanted {
            self.next_version += 1 << 32;
            let version = self.next_version;
            self.map.entry(partition.clone()).or_insert_with(|| Reading { version, ..Reading::new() });
        }
    }

    pub(super) fn get(&self, partition: &TopicPartition) -> Option<&Reading> {
        self.map.get(partition)
    }

    pub(super) fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut Reading> {
        self.map.get_mut(partition)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TopicPartition, &Reading)> {
        self.map.iter()
    }

    pub(super) fn keys(&self) -> BTreeSet<TopicPartition> {
        self.map.keys().cloned().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Partitions in the order in which they get their turn.
    pub(super) fn in_turn(&self) -> Vec<TopicPartition> {
        let Some(last) = &self.last_served else { return self.map.keys().cloned().collect() };
        let after = (std::ops::Bound::Excluded(last.clone()), std::ops::Bound::Unbounded);
        let later = self.map.range(after);
        let earlier = self.map.range(..=last.clone());
        later.chain(earlier).map(|(partition, _)| partition.clone()).collect()
    }

    /// Positions that can be committed.
    pub(super) fn positions(&self) -> BTreeMap<TopicPartition, i64> {
        self.map
            .iter()
            .filter_map(|(partition, reading)| match reading.position {
                Position::At(offset) => Some((partition.clone(), offset)),
                _ => None,
            })
            .collect()
    }
}
