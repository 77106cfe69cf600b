//! The partitions of a session and what its client has last been told of each.

use std::collections::BTreeMap;

use klamm_protocol::api::fetch::{FetchPartition, FetchRequest, PartitionData};
use klamm_protocol::{StrBytes, Uuid};
use rustc_hash::FxHashMap;

use super::FetchedPartition;

/// What a client wants of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionFetch {
    pub partition: i32,
    pub fetch_offset: i64,
    /// The client's leader epoch; -1 if it does not say.
    pub current_leader_epoch: i32,
    /// Epoch of the last record fetched, for finding where logs diverge; -1 if not said.
    pub last_fetched_epoch: i32,
    /// The follower's log start offset; -1 for consumers.
    pub log_start_offset: i64,
    /// Most bytes wanted of this partition.
    pub max_bytes: i32,
}

impl From<&FetchPartition> for PartitionFetch {
    fn from(from: &FetchPartition) -> Self {
        Self {
            partition: from.partition,
            fetch_offset: from.fetch_offset,
            current_leader_epoch: from.current_leader_epoch,
            last_fetched_epoch: from.last_fetched_epoch,
            log_start_offset: from.log_start_offset,
            max_bytes: from.partition_max_bytes,
        }
    }
}

/// A partition to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPartition {
    /// `None` if the id is not known.
    pub topic: Option<StrBytes>,
    /// Zero if the request goes by names.
    pub topic_id: Uuid,
    pub fetch: PartitionFetch,
}

/// A session goes either by ids or by names; an id of unknown name is the same partition once the name is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Id(Uuid, i32),
    Name(StrBytes, i32),
}

impl Key {
    pub(super) fn new(uses_topic_ids: bool, topic: &StrBytes, topic_id: Uuid, partition: i32) -> Self {
        if uses_topic_ids { Self::Id(topic_id, partition) } else { Self::Name(topic.clone(), partition) }
    }

    fn of(partition: &SessionPartition, uses_topic_ids: bool) -> Self {
        let topic = partition.topic.clone().unwrap_or_default();
        Self::new(uses_topic_ids, &topic, partition.topic_id, partition.fetch.partition)
    }

    fn of_fetched(part: &FetchedPartition, uses_topic_ids: bool) -> Self {
        Self::new(uses_topic_ids, &part.topic, part.topic_id, part.data.partition_index)
    }
}

/// The partitions a request names; of one named twice the first place and the last wishes count.
pub(super) fn requested(
    request: &FetchRequest,
    uses_topic_ids: bool,
    resolve: impl Fn(&Uuid) -> Option<StrBytes>,
) -> Vec<SessionPartition> {
    let mut list: Vec<SessionPartition> = Vec::new();
    let mut places = FxHashMap::default();
    for topic in &request.topics {
        let (name, topic_id) = if uses_topic_ids {
            (resolve(&topic.topic_id), topic.topic_id)
        } else {
            // A copy: the slice would keep the request's buffer alive as long as the session.
            (Some(StrBytes::from(&*topic.topic)), Uuid::ZERO)
        };
        for partition in &topic.partitions {
            let partition = SessionPartition { topic: name.clone(), topic_id, fetch: partition.into() };
            let place = *places.entry(Key::of(&partition, uses_topic_ids)).or_insert(list.len());
            match list.get_mut(place) {
                Some(earlier) => *earlier = partition,
                None => list.push(partition),
            }
        }
    }
    list
}

#[derive(Debug)]
struct Cached {
    partition: SessionPartition,
    /// As last sent; -1 makes the next response include the partition.
    high_watermark: i64,
    /// As last sent.
    log_start_offset: i64,
}

/// Partitions in order, found by key. Those that gave data go to the end, so that all get their turn.
#[derive(Debug, Default)]
pub(super) struct PartitionMap {
    order: BTreeMap<u64, Cached>,
    places: FxHashMap<Key, u64>,
    next: u64,
}

impl PartitionMap {
    /// The partitions of a full fetch, as they were answered.
    pub(super) fn from_full(
        wanted: &[SessionPartition],
        fetched: &[FetchedPartition],
        uses_topic_ids: bool,
    ) -> Self {
        let wanted: FxHashMap<_, _> =
            wanted.iter().map(|part| (Key::of(part, uses_topic_ids), part)).collect();
        let mut map = Self::default();
        for part in fetched {
            let key = Key::of_fetched(part, uses_topic_ids);
            if let Some(partition) = wanted.get(&key) {
                let partition = (*partition).clone();
                let PartitionData { high_watermark, log_start_offset, .. } = part.data;
                map.push(key, Cached { partition, high_watermark, log_start_offset });
            }
        }
        map
    }

    fn push(&mut self, key: Key, cached: Cached) {
        self.order.insert(self.next, cached);
        if let Some(replaced) = self.places.insert(key, self.next) {
            self.order.remove(&replaced);
        }
        self.next += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Adds a partition at the end, or brings what is wanted of it up to date.
    pub(super) fn insert(&mut self, partition: &SessionPartition, uses_topic_ids: bool) {
        let key = Key::of(partition, uses_topic_ids);
        let place = self.places.get(&key);
        match place.and_then(|place| self.order.get_mut(place)) {
            Some(cached) => cached.partition.fetch = partition.fetch,
            None => {
                self.push(
                    key,
                    Cached { partition: partition.clone(), high_watermark: -1, log_start_offset: -1 },
                );
            }
        }
    }

    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(place) = self.places.remove(key) {
            self.order.remove(&place);
        }
    }

    /// All partitions in order. Names that were unknown are looked up again.
    pub(super) fn list(&mut self, resolve: impl Fn(&Uuid) -> Option<StrBytes>) -> Vec<SessionPartition> {
        let each = self.order.values_mut().map(|cached| {
            let partition = &mut cached.partition;
            if partition.topic.is_none() {
                partition.topic = resolve(&partition.topic_id);
            }
            partition.clone()
        });
        each.collect()
    }

    /// Whether the client has to be told of `part`; notes what it will know then.
    pub(super) fn must_respond(&mut self, part: &FetchedPartition, uses_topic_ids: bool) -> bool {
        let key = Key::of_fetched(part, uses_topic_ids);
        let place = self.places.get(&key).copied();
        let Some((place, cached)) = place.and_then(|place| Some((place, self.order.get_mut(&place)?))) else {
            // Forgotten by a later request of the same session.
            return false;
        };
        let data = &part.data;
        let has_records = data.records.as_ref().is_some_and(|records| !records.is_empty());
        let failed = data.error_code != 0;
        let must = part.is_news_by_itself()
            || cached.high_watermark != data.high_watermark
            || cached.log_start_offset != data.log_start_offset;
        // After an error the partition is sent again as soon as it is well.
        cached.high_watermark = if failed { -1 } else { data.high_watermark };
        cached.log_start_offset = data.log_start_offset;
        if has_records && let Some(cached) = self.order.remove(&place) {
            self.push(key, cached);
        }
        must
    }
}
