//! What the consumer knows of each partition that it reads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use klamm_io::Instant;
use klamm_protocol::{
    Uuid,
    records::{BatchIter, RecordIter},
};

use crate::{TopicPartition, admin::OffsetSpec, cluster::Cluster};

/// Where reading goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The committed offset has to be asked for.
    Unknown,
    /// An offset has to be found.
    Reset(OffsetSpec),
    /// The next record to give out.
    At(Place),
}

/// A place between two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The offset of the next record.
    pub(super) offset: i64,
    /// The leader epoch of the record before it, as far as it was read; else -1 (KIP-320).
    pub(super) epoch: i32,
}

impl Place {
    /// An offset of which nothing else is known.
    pub(super) const fn at(offset: i64) -> Self {
        Self { offset, epoch: -1 }
    }
}

/// One assigned partition.
pub(super) struct Reading {
    pub(super) position: Position,
    /// What to fetch next: what lies between the position and it is buffered.
    pub(super) next: Place,
    /// The topic that the position lies in, as far as it is known.
    pub(super) topic_id: Uuid,
    /// The leader that the position was last looked at for, and its epoch.
    pub(super) leader: Option<(i32, i32)>,
    /// Whether the leader has to be asked if the position lies in its log at all, before anything is fetched.
    pub(super) is_in_doubt: bool,
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
            topic_id: Uuid::ZERO,
            next: Place::at(-1),
            leader: None,
            is_in_doubt: false,
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
        self.leader = None;
        self.is_in_doubt = false;
        self.read_replica = None;
        self.drop_buffered();
    }

    /// Drops what is buffered, and what comes in answer to questions that were asked before.
    pub(super) fn drop_buffered(&mut self) {
        self.version += 1;
        self.buffered.clear();
        self.buffered_bytes = 0;
        self.succeeded();
        if let Position::At(place) = self.position {
            self.next = place;
        }
    }

    /// The position, if it can be read from and committed.
    pub(super) fn valid(&self) -> Option<Place> {
        match self.position {
            Position::At(place) if !self.is_in_doubt => Some(place),
            _ => None,
        }
    }

    /// The partition is one of this topic. `false` if it was another one's of the same name before, whose offsets and
    /// epochs mean nothing here.
    pub(super) fn is_of(&mut self, topic_id: Uuid) -> bool {
        if topic_id.is_zero() {
            return true;
        }
        let before = std::mem::replace(&mut self.topic_id, topic_id);
        before.is_zero() || before == topic_id
    }

    /// This broker leads, in this epoch. If that is another leader than before, its log may lack what was read (KIP-320).
    pub(super) fn led_by(&mut self, leader: i32, epoch: i32) {
        let Position::At(place) = self.position else { return };
        // Records were read in later epochs: whoever says so is behind.
        let is_stale = epoch >= 0 && epoch < place.epoch;
        if is_stale || self.leader == Some((leader, epoch)) {
            return;
        }
        self.leader = Some((leader, epoch));
        self.read_replica = None;
        self.succeeded();
        if epoch >= 0 {
            self.doubt();
        }
    }

    /// What is buffered may not be in the log any more, and the position may lie outside of it.
    pub(super) fn doubt(&mut self) {
        let Position::At(place) = self.position else { return };
        if place.epoch >= 0 {
            self.is_in_doubt = true;
            self.drop_buffered();
        }
    }

    /// Goes on at this place of the leader's log.
    pub(super) fn trust(&mut self, place: Place) {
        let Position::At(before) = self.position else { return };
        self.is_in_doubt = false;
        self.position = Position::At(place);
        if before != place {
            self.drop_buffered();
        }
        self.succeeded();
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

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&TopicPartition, &mut Reading)> {
        self.map.iter_mut()
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
    pub(super) fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Place)> {
        self.map.iter().filter_map(|(partition, reading)| Some((partition, reading.valid()?)))
    }
}
