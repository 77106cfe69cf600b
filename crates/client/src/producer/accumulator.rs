//! Records that wait to be sent, in batches, by partition.
//!
//! Owned by the producer behind its one lock. It decides which batches may go; it sends nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use klamm_io::{Entropy, Instant};
use klamm_protocol::records::{BATCH_OVERHEAD, BatchBuilder, BatchOptions, RecordHeader};

use super::{
    batch::{Batch, Callback, Completion, Delivery, Identity},
    settings::Settings,
};
use crate::{ClientError, TopicPartition, cluster::Topic, murmur2::partition_of_key};

/// A record with everything decided but its offset.
pub(super) struct Pending<'a> {
    pub(super) timestamp: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: &'a [RecordHeader],
}

impl Pending<'_> {
    /// An upper bound of the record's size in a batch.
    pub(super) fn bytes_max(&self) -> usize {
        const FIXED_MAX: usize = 5 + 1 + 10 + 5 + 5 + 5 + 5;
        let headers: usize = self
            .headers
            .iter()
            .map(|h| 10 + h.key.len() + h.value.as_ref().map_or(0, bytes::Bytes::len))
            .sum();
        FIXED_MAX + self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len) + headers
    }
}

/// What came of offering a record.
pub(super) enum Appended {
    /// It is in a batch. With `true` a batch has become ready to be sent.
    Yes(Delivery, bool),
    /// `buffer.memory` is used up.
    Full(Option<Callback>),
}

#[derive(Default)]
pub(super) struct Accumulator {
    topics: BTreeMap<Arc<str>, TopicQueues>,
    pub(super) memory_bytes: usize,
    next_number: u64,
    /// Batches that are not finished, wherever they are.
    incomplete: BTreeMap<u64, Arc<Completion>>,
    /// Senders that wait for room, and flushes: while there are any, nothing lingers.
    pub(super) hurried: usize,
    pub(super) closing: bool,
}

#[derive(Default)]
struct TopicQueues {
    partitions: Vec<Queue>,
    sticky: Option<(i32, usize)>,
    next_round_robin: usize,
    /// Compressed size by plain size, of the batches so far.
    ratio: f64,
}

#[derive(Default)]
pub(super) struct Queue {
    batches: VecDeque<Batch>,
    in_flight: usize,
    identity: Option<Identity>,
    next_sequence: i32,
    /// The sequence that the broker expects, if all in flight fail.
    acknowledged_sequence: i32,
    /// Whether the broker has acknowledged a batch under this identity. Until then one batch is under way at a time: a
    /// broker that knows nothing of a producer takes whatever sequence comes first, so that a second batch could pass a
    /// first one that it refused (because it had not heard of its leadership yet, say).
    is_known: bool,
    /// The broker misses a sequence that will not come: what follows must begin anew under another epoch.
    is_broken: bool,
    /// The sequence after a batch that was given up without its fate being known. Until it is clear whether the broker
    /// has that batch, nothing new is sent, and what was sent before goes on under the sequences it has.
    unresolved: Option<i32>,
}

/// How a batch that was sent has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The broker has it.
    Written,
    /// The broker does not have it: its sequence is missing.
    Refused,
    /// Nobody knows: it was sent, and an answer never came.
    Unknown,
}

/// What the sender may do, at a moment.
pub(super) struct Ready {
    /// Batches by leader.
    pub(super) by_node: BTreeMap<i32, Vec<Batch>>,
    /// Batches that have waited longer than `delivery.timeout.ms`.
    pub(super) expired: Vec<Batch>,
    /// Topics of which a leader is missing.
    pub(super) leaderless: Vec<Arc<str>>,
    /// When to look again.
    pub(super) next: Option<Instant>,
    /// A new producer epoch is needed before some partition can go on.
    pub(super) wants_epoch: bool,
}

/// What the sender knows that the accumulator does not.
pub(super) struct Circumstances<'a> {
    pub(super) now: Instant,
    pub(super) identity: Option<Identity>,
    pub(super) leader: &'a dyn Fn(&str, i32) -> Option<i32>,
    /// Whether a request may be sent to a node now.
    pub(super) is_free: &'a dyn Fn(i32) -> bool,
    /// Whether the transaction has this partition.
    pub(super) may_send: &'a dyn Fn(&TopicPartition) -> bool,
}

impl Accumulator {
    /// Puts a record into a batch.
    pub(super) fn append(
        &mut self,
        topic: &Topic,
        partition: Option<i32>,
        record: &Pending<'_>,
        callback: Option<Callback>,
        (settings, entropy, now): (&Settings, &Entropy, Instant),
    ) -> Result<Appended, ClientError> {
        let bytes_max = record.bytes_max();
        if self.memory_bytes + bytes_max > settings.buffer_bytes && self.memory_bytes > 0 {
            return Ok(Appended::Full(callback));
        }
        let queues = match self.topics.get_mut(&topic.name) {
            Some(queues) => queues,
            None => self
                .topics
                .entry(Arc::clone(&topic.name))
                .or_insert_with(|| TopicQueues { ratio: 1.0, ..Default::default() }),
        };
        if queues.partitions.len() < topic.partitions.len() {
            queues.partitions.resize_with(topic.partitions.len(), Queue::default);
        }
        let index = match partition {
            Some(index) => index,
            None => queues.choose(topic, record.key, bytes_max, settings, entropy),
        };
        let limit = queues.plain_limit(settings);
        let queue = usize::try_from(index).ok().and_then(|index| queues.partitions.get_mut(index));
        let queue = queue.ok_or_else(|| {
            ClientError::Invalid(format!(
                "Partition {index} of topic {} does not exist: it has {}",
                topic.name,
                topic.partitions.len()
            ))
        })?;
        let mut filled = false;
        if let Some(last) = queue.batches.back_mut().filter(|last| last.is_open()) {
            if last.plain_bytes + bytes_max <= limit {
                let delivery = add(last, record, callback)?;
                self.memory_bytes += last.charge();
                return Ok(Appended::Yes(delivery, last.plain_bytes >= limit));
            }
            filled = true;
        }
        let options = BatchOptions { compression: settings.compression, ..Default::default() };
        let builder = BatchBuilder::with_capacity(options, limit.max(bytes_max).min(1 << 20));
        let partition = TopicPartition { topic: Arc::clone(&topic.name), partition: index };
        let mut batch = Batch::new(self.next_number, partition, builder, now);
        let delivery = add(&mut batch, record, callback)?;
        self.next_number += super::batch::NUMBERS;
        self.memory_bytes += batch.charge();
        filled |= batch.plain_bytes >= limit || settings.linger.is_zero() || queue.batches.is_empty();
        self.incomplete.insert(batch.number, Arc::clone(&batch.completion));
        queue.batches.push_back(batch);
        Ok(Appended::Yes(delivery, filled))
    }

    /// Takes out what can be sent now.
    pub(super) fn drain(&mut self, settings: &Settings, at: &Circumstances<'_>) -> Ready {
        let mut ready = Ready {
            by_node: BTreeMap::new(),
            expired: Vec::new(),
            leaderless: Vec::new(),
            next: None,
            wants_epoch: false,
        };
        let hurried = self.hurried > 0 || self.closing;
        let mut node_bytes: BTreeMap<i32, usize> = BTreeMap::new();
        for (name, queues) in &mut self.topics {
            let limit = queues.plain_limit(settings);
            for (index, queue) in queues.partitions.iter_mut().enumerate() {
                queue.expire(settings, at.now, &mut ready.expired);
                let Some(wait) = queue.wait(settings, limit, hurried, at.now) else { continue };
                if !wait.is_zero() {
                    let next = at.now + wait;
                    ready.next = Some(ready.next.map_or(next, |other| other.min(next)));
                    continue;
                }
                let Some(node) = (at.leader)(name, index as i32) else {
                    ready.leaderless.push(Arc::clone(name));
                    continue;
                };
                if queue.batches.front().is_some_and(|first| !(at.may_send)(&first.partition)) {
                    continue;
                }
                let bytes = node_bytes.entry(node).or_default();
                let size = queue.batches.front().map_or(0, |batch| batch.plain_bytes);
                if !(at.is_free)(node) || (*bytes > 0 && *bytes + size > settings.request_bytes_max) {
                    continue;
                }
                if settings.idempotent && !queue.take_identity(at.identity) {
                    ready.wants_epoch |= queue.wants_epoch(at.identity);
                    continue;
                }
                *bytes += size;
                if let Some(batch) = queue.take(settings.idempotent) {
                    ready.by_node.entry(node).or_default().push(batch);
                }
            }
        }
        ready
    }

    /// Puts a batch back to be sent again at `retry_at`, before all later ones.
    pub(super) fn put_back(&mut self, mut batch: Batch, retry_at: Instant) {
        batch.retry_at = Some(retry_at);
        let Some(queue) = self.queue(&batch.partition) else { return };
        queue.in_flight -= 1;
        let place =
            queue.batches.iter().position(|other| other.number > batch.number).unwrap_or(queue.batches.len());
        queue.batches.insert(place, batch);
    }

    /// Puts the parts of a batch that was too large in its place, to be sent at once.
    pub(super) fn replace(&mut self, batch: &Batch, parts: [Batch; 2]) {
        if let Some(queues) = self.topics.get_mut(&batch.partition.topic) {
            // The guess how well the topic compresses was too bold.
            queues.ratio = 1.0;
        }
        self.incomplete.remove(&batch.number);
        for part in parts {
            self.incomplete.insert(part.number, Arc::clone(&part.completion));
            let Some(queue) = self.queue(&part.partition) else { continue };
            let later = queue.batches.iter().position(|other| other.number > part.number);
            queue.batches.insert(later.unwrap_or(queue.batches.len()), part);
        }
        if let Some(queue) = self.queue(&batch.partition) {
            queue.in_flight -= 1;
        }
    }

    /// Notes that a batch that was in flight is finished.
    pub(super) fn landed(&mut self, batch: &Batch, ending: Ending) {
        if let Some(queue) = self.queue(&batch.partition) {
            queue.in_flight -= 1;
            match batch.identity.filter(|(identity, _)| queue.identity == Some(*identity)) {
                Some((_, sequence)) if ending == Ending::Written => {
                    let next = klamm_protocol::records::increment_sequence(sequence, batch.records_count);
                    queue.acknowledged_sequence = next;
                    queue.is_known = true;
                }
                Some(_) if ending == Ending::Refused => queue.is_broken = true,
                Some(_) => queue.leave_unresolved(batch),
                None => {}
            }
        }
        self.forget(batch);
    }

    /// Takes notice that the broker finds the batch's sequence out of order. Either an earlier batch failed and this is
    /// the echo, or the broker misses what comes right before: then the partition begins anew under another epoch.
    pub(super) fn out_of_order(&mut self, batch: &Batch) {
        let sequence = batch.identity.map(|(_, sequence)| sequence);
        let Some(queue) = self.queue(&batch.partition) else { return };
        let next = queue.unresolved.unwrap_or(queue.acknowledged_sequence);
        queue.is_broken |= sequence == Some(next);
    }

    /// Whether everything before this batch is acknowledged.
    pub(super) fn is_next(&mut self, batch: &Batch) -> bool {
        let sequence = batch.identity.map(|(_, sequence)| sequence);
        self.queue(&batch.partition).is_some_and(|queue| Some(queue.acknowledged_sequence) == sequence)
    }

    /// Makes a partition begin anew under another epoch.
    pub(super) fn break_sequence(&mut self, partition: &TopicPartition) {
        if let Some(queue) = self.queue(partition) {
            queue.is_broken = true;
        }
    }

    /// Releases the memory of a finished batch.
    pub(super) fn forget(&mut self, batch: &Batch) {
        self.memory_bytes -= batch.memory_bytes;
        self.incomplete.remove(&batch.number);
    }

    /// Learns how well a topic compresses.
    pub(super) fn observe_ratio(&mut self, topic: &str, plain: usize, compressed: usize) {
        if let Some(queues) = self.topics.get_mut(topic) {
            let ratio = compressed as f64 / plain.max(1) as f64;
            // Quick to grow and slow to shrink, so that a batch rarely outgrows its limit.
            queues.ratio = if ratio > queues.ratio { ratio } else { (queues.ratio - 0.005).max(ratio) };
        }
    }

    /// Everything that is not finished.
    pub(super) fn incomplete(&self) -> Vec<Arc<Completion>> {
        self.incomplete.values().cloned().collect()
    }

    /// Takes out every waiting batch, to be given up.
    pub(super) fn take_all(&mut self) -> Vec<Batch> {
        let queues = self.topics.values_mut().flat_map(|queues| &mut queues.partitions);
        queues.flat_map(|queue| queue.batches.drain(..)).collect()
    }

    /// Topics with records that wait.
    pub(super) fn topics(&self) -> Vec<Arc<str>> {
        self.topics.keys().cloned().collect()
    }

    fn queue(&mut self, partition: &TopicPartition) -> Option<&mut Queue> {
        let queues = self.topics.get_mut(&partition.topic)?;
        queues.partitions.get_mut(usize::try_from(partition.partition).ok()?)
    }
}

fn add(batch: &mut Batch, record: &Pending<'_>, callback: Option<Callback>) -> Result<Delivery, ClientError> {
    if let Some(builder) = batch.open() {
        builder
            .append(record.timestamp, record.key, record.value, record.headers)
            .map_err(|error| ClientError::Invalid(error.to_string()))?;
    }
    let index = batch.added(record.timestamp, callback);
    batch.record_bytes_max = batch.record_bytes_max.max(BATCH_OVERHEAD + record.bytes_max());
    Ok(Delivery { completion: Arc::clone(&batch.completion), index, timestamp: record.timestamp })
}

impl Batch {
    /// What has been added to the batch's memory since the last call.
    fn charge(&mut self) -> usize {
        let added = self.plain_bytes - self.memory_bytes;
        self.memory_bytes = self.plain_bytes;
        added
    }
}

impl TopicQueues {
    /// Bytes before compression at which a batch is full.
    fn plain_limit(&self, settings: &Settings) -> usize {
        let limit = settings.batch_bytes as f64 / self.ratio.clamp(0.05, 1.0);
        (limit as usize).min(settings.request_bytes_max).max(BATCH_OVERHEAD + 1)
    }

    fn choose(
        &mut self,
        topic: &Topic,
        key: Option<&[u8]>,
        bytes: usize,
        settings: &Settings,
        entropy: &Entropy,
    ) -> i32 {
        if let Some(key) = key.filter(|_| !settings.ignore_keys && !settings.round_robin) {
            return partition_of_key(key, topic.partitions.len());
        }
        if settings.round_robin {
            let open = available(topic);
            let chosen = open.get(self.next_round_robin % open.len().max(1)).copied().unwrap_or(0);
            self.next_round_robin = self.next_round_robin.wrapping_add(1);
            return chosen;
        }
        match &mut self.sticky {
            Some((partition, used)) if *used < settings.batch_bytes => {
                *used += bytes;
                *partition
            }
            _ => {
                let partition = self.next_sticky(topic, settings.adaptive, entropy);
                self.sticky = Some((partition, bytes));
                partition
            }
        }
    }

    /// A partition at random; with adaptive partitioning one with a short queue is likelier (KIP-794).
    fn next_sticky(&self, topic: &Topic, adaptive: bool, entropy: &Entropy) -> i32 {
        let open = available(topic);
        let waiting = |index: &i32| {
            let queue = usize::try_from(*index).ok().and_then(|index| self.partitions.get(index));
            if adaptive { queue.map_or(0, |queue| queue.batches.len() as u64) } else { 0 }
        };
        let longest = open.iter().map(waiting).max().unwrap_or(0);
        let weights: u64 = open.iter().map(|index| longest + 1 - waiting(index)).sum();
        let mut left = entropy.below(weights);
        for index in &open {
            let weight = longest + 1 - waiting(index);
            if left < weight {
                return *index;
            }
            left -= weight;
        }
        0
    }
}

/// Partitions with a leader, or all if none has one.
fn available(topic: &Topic) -> Vec<i32> {
    let led: Vec<i32> = topic.partitions.iter().filter(|p| p.leader.is_some()).map(|p| p.index).collect();
    if led.is_empty() { topic.partitions.iter().map(|p| p.index).collect() } else { led }
}

impl Queue {
    /// How long until the first batch may go; `None` if there is nothing to send or something must come back first.
    fn wait(&self, settings: &Settings, limit: usize, hurried: bool, now: Instant) -> Option<Duration> {
        let first = self.batches.front()?;
        if self.in_flight > 0 {
            // A batch that is sent again waits for all that were sent after it, so that none overtakes it.
            let is_repetition = first.attempts > 0;
            let is_unknown = settings.idempotent && !self.is_known;
            if is_repetition || is_unknown || self.is_broken || self.in_flight >= settings.in_flight_max {
                return None;
            }
        }
        if let Some(retry_at) = first.retry_at {
            return Some(retry_at.saturating_since(now));
        }
        let is_full = self.batches.len() > 1 || !first.is_open() || first.plain_bytes + 64 > limit;
        if is_full || hurried {
            return Some(Duration::ZERO);
        }
        Some((first.created + settings.linger).saturating_since(now))
    }

    /// Takes out batches that are too old. Age alone decides, so the first are the oldest.
    fn expire(&mut self, settings: &Settings, now: Instant, expired: &mut Vec<Batch>) {
        while let Some(first) = self.batches.front()
            && now - first.created >= settings.delivery_timeout
            && let Some(first) = self.batches.pop_front()
        {
            self.leave_unresolved(&first);
            expired.push(first);
        }
    }

    /// Remembers that nobody knows whether the broker has this batch, if it was ever sent.
    fn leave_unresolved(&mut self, batch: &Batch) {
        if let Some((_, sequence)) = batch.identity {
            // Batches are given up in their order, so that the last is the furthest.
            self.unresolved =
                Some(klamm_protocol::records::increment_sequence(sequence, batch.records_count));
        }
    }

    /// Whether batches have been sent whose fate is not known yet, be they under way or waiting to be sent again.
    fn has_outstanding(&self) -> bool {
        self.in_flight > 0 || self.batches.front().is_some_and(|first| first.identity.is_some())
    }

    /// With nothing outstanding it shows whether the broker has what was given up: it does if it has acknowledged
    /// something after it.
    fn resolve(&mut self) {
        if self.unresolved.is_some() && !self.has_outstanding() {
            self.unresolved = None;
            self.is_broken |= self.acknowledged_sequence != self.next_sequence;
        }
    }

    /// Prepares the queue to send its first batch under `identity`. False if it cannot yet.
    ///
    /// Batches that were sent go on under the identity and sequences they have, whatever has become of the producer's
    /// epoch meanwhile: the broker may have them, and would not know them again under others (KAFKA-8803). Only if a
    /// sequence is missing they begin anew, because then the broker has none after it.
    fn take_identity(&mut self, identity: Option<Identity>) -> bool {
        let Some(identity) = identity else { return false };
        self.resolve();
        let is_same = self.identity == Some(identity);
        if self.is_broken {
            if is_same || self.in_flight > 0 {
                return false;
            }
        } else if self.batches.front().is_some_and(|first| first.identity.is_some()) {
            return true;
        } else if is_same || self.has_outstanding() {
            return is_same && self.unresolved.is_none();
        }
        self.identity = Some(identity);
        self.next_sequence = 0;
        self.acknowledged_sequence = 0;
        self.is_known = false;
        self.is_broken = false;
        self.unresolved = None;
        for batch in &mut self.batches {
            batch.identity = None;
        }
        true
    }

    /// Whether the queue can only go on under another identity than this one.
    fn wants_epoch(&self, identity: Option<Identity>) -> bool {
        self.is_broken && self.in_flight == 0 && self.identity == identity
    }

    fn take(&mut self, idempotent: bool) -> Option<Batch> {
        let mut batch = self.batches.pop_front()?;
        self.in_flight += 1;
        batch.attempts += 1;
        batch.retry_at = None;
        if idempotent && batch.identity.is_none() {
            let identity = self.identity?;
            batch.identity = Some((identity, self.next_sequence));
            self.next_sequence =
                klamm_protocol::records::increment_sequence(self.next_sequence, batch.records_count);
        }
        Some(batch)
    }
}

#[cfg(test)]
mod tests;
