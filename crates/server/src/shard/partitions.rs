//! The partitions of a shard, and which of them somebody has had in hand since upkeep last looked.
//!
//! Of ten thousand partitions few change within a second. Whoever takes one to change it leaves a note, and upkeep looks
//! at those, so that the others cost nothing.

use std::collections::VecDeque;

use klamm_protocol::StrBytes;
use rustc_hash::FxHashMap;

use super::requests::TopicPartition;
use crate::partition::Partition;

/// The partitions of a shard, by topic and index.
#[derive(Default)]
pub struct Partitions {
    topics: FxHashMap<StrBytes, FxHashMap<i32, Slot>>,
    /// Each partition whose slot says that it is noted, and perhaps some that are gone. Those that were noted first come
    /// first: answers wait for syncs.
    noted: VecDeque<TopicPartition>,
    /// Each partition whose slot says that it becomes due by time, and perhaps some that are gone.
    timed: Vec<TopicPartition>,
}

struct Slot {
    partition: Partition,
    is_noted: bool,
    is_timed: bool,
}

impl Slot {
    fn note(&mut self, noted: &mut VecDeque<TopicPartition>) -> &mut Partition {
        if !self.is_noted {
            self.is_noted = true;
            noted.push_back(self.partition.at().clone());
        }
        &mut self.partition
    }
}

impl Partitions {
    /// One partition.
    pub fn get(&self, at: &TopicPartition) -> Option<&Partition> {
        Some(&self.topics.get(&at.topic)?.get(&at.index)?.partition)
    }

    /// One partition, to change.
    pub fn get_mut(&mut self, at: &TopicPartition) -> Option<&mut Partition> {
        let Self { topics, noted, .. } = self;
        Some(topics.get_mut(&at.topic)?.get_mut(&at.index)?.note(noted))
    }

    /// Adds a partition.
    pub fn insert(&mut self, partition: Partition) {
        // Names outlive the message they came in.
        let at = TopicPartition { topic: partition.at().topic.detached(), index: partition.at().index };
        let mut slot = Slot { partition, is_noted: false, is_timed: false };
        slot.note(&mut self.noted);
        self.topics.entry(at.topic).or_default().insert(at.index, slot);
    }

    /// Takes a partition out.
    pub fn remove(&mut self, at: &TopicPartition) -> Option<Partition> {
        let topic = self.topics.get_mut(&at.topic)?;
        let slot = topic.remove(&at.index);
        if topic.is_empty() {
            self.topics.remove(&at.topic);
        }
        slot.map(|slot| slot.partition)
    }

    /// All partitions, taken out, in no order.
    pub fn into_all(self) -> impl Iterator<Item = Partition> {
        self.topics.into_values().flat_map(FxHashMap::into_values).map(|slot| slot.partition)
    }

    /// The partitions of a topic, to change, in no order.
    pub fn of_topic(&mut self, topic: &str) -> impl Iterator<Item = &mut Partition> {
        let Self { topics, noted, .. } = self;
        let slots = topics.get_mut(topic).into_iter().flat_map(FxHashMap::values_mut);
        slots.map(|slot| slot.note(noted))
    }

    /// All partitions, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Partition> {
        self.topics.values().flat_map(FxHashMap::values).map(|slot| &slot.partition)
    }

    /// All partitions, in no order, to change in a way that makes no flush due.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.topics.values_mut().flat_map(FxHashMap::values_mut).map(|slot| &mut slot.partition)
    }

    /// Takes one of those that somebody had in hand. Whoever has it in hand next notes it again.
    pub fn next_noted(&mut self) -> Option<&mut Partition> {
        let at = loop {
            let at = self.noted.pop_front()?;
            // It may be gone, or be another of the same name, which then is looked at twice.
            if self.get(&at).is_some() {
                break at;
            }
        };
        let slot = self.topics.get_mut(&at.topic)?.get_mut(&at.index)?;
        slot.is_noted = false;
        Some(&mut slot.partition)
    }

    /// Has upkeep look at a partition.
    pub fn note(&mut self, at: &TopicPartition) {
        let _ = self.get_mut(at);
    }

    /// Has a partition looked at again after [`Self::wake_timed`], or sooner if somebody has it in hand before.
    pub fn look_later(&mut self, at: TopicPartition) {
        if let Some(slot) = self.topics.get_mut(&at.topic).and_then(|topic| topic.get_mut(&at.index))
            && !slot.is_timed
        {
            slot.is_timed = true;
            self.timed.push(at);
        }
    }

    /// Notes those that were to be looked at later.
    pub fn wake_timed(&mut self) {
        let Self { topics, noted, timed } = self;
        for at in timed.drain(..) {
            if let Some(slot) = topics.get_mut(&at.topic).and_then(|topic| topic.get_mut(&at.index)) {
                slot.is_timed = false;
                slot.note(noted);
            }
        }
    }
}
