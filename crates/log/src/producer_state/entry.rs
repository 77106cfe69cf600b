//! One producer as a log knows it.

use klamm_protocol::records::{
    BatchHeader, NO_PRODUCER_EPOCH, NO_SEQUENCE, NO_TIMESTAMP, decrement_sequence,
};

/// How many batches are remembered to recognise a repetition; clients have at most as many in flight.
pub const BATCHES_RETAINED: usize = 5;

/// A batch that a producer wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchMetadata {
    /// Sequence of its last record.
    pub last_sequence: i32,
    /// Offset of its last record.
    pub last_offset: i64,
    /// Last offset minus first offset.
    pub offset_delta: i32,
    /// Its largest timestamp.
    pub timestamp: i64,
}

impl BatchMetadata {
    /// Sequence of its first record.
    pub const fn first_sequence(&self) -> i32 {
        decrement_sequence(self.last_sequence, self.offset_delta)
    }

    /// Offset of its first record.
    pub const fn first_offset(&self) -> i64 {
        self.last_offset.saturating_sub(self.offset_delta as i64)
    }
}

/// Epoch, last batches and open transaction of a producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerEntry {
    producer_id: i64,
    last_timestamp: i64,
    current_txn_first_offset: Option<i64>,
    coordinator_epoch: i32,
    producer_epoch: i16,
    // The oldest first; only the first `batch_count` count.
    batch_count: u8,
    // The log was searched for the batches before these.
    is_recalled: bool,
    batches: [BatchMetadata; BATCHES_RETAINED],
}

impl ProducerEntry {
    /// A producer that begins with the next batch: nothing is there before it that could be searched for.
    pub(crate) fn empty(producer_id: i64) -> Self {
        Self { is_recalled: true, ..Self::new(producer_id, NO_PRODUCER_EPOCH, -1, NO_TIMESTAMP, None) }
    }

    pub(crate) fn new(
        producer_id: i64,
        producer_epoch: i16,
        coordinator_epoch: i32,
        last_timestamp: i64,
        current_txn_first_offset: Option<i64>,
    ) -> Self {
        Self {
            producer_id,
            last_timestamp,
            current_txn_first_offset,
            coordinator_epoch,
            producer_epoch,
            batch_count: 0,
            is_recalled: false,
            batches: Default::default(),
        }
    }

    /// The same producer without its batches.
    pub(crate) fn without_batches(&self) -> Self {
        Self { batch_count: 0, ..self.clone() }
    }

    /// Its id.
    pub const fn producer_id(&self) -> i64 {
        self.producer_id
    }

    /// Its epoch, [`NO_PRODUCER_EPOCH`] if there was no batch yet.
    pub const fn producer_epoch(&self) -> i16 {
        self.producer_epoch
    }

    /// Epoch of the coordinator that wrote the last marker, -1 if there was none.
    pub const fn coordinator_epoch(&self) -> i32 {
        self.coordinator_epoch
    }

    /// Largest timestamp of the last batch, in milliseconds.
    pub const fn last_timestamp(&self) -> i64 {
        self.last_timestamp
    }

    /// First offset of its open transaction.
    pub const fn current_txn_first_offset(&self) -> Option<i64> {
        self.current_txn_first_offset
    }

    /// The remembered batches of the current epoch, oldest first.
    pub fn batches(&self) -> &[BatchMetadata] {
        self.batches.get(..usize::from(self.batch_count)).unwrap_or_default()
    }

    /// Sequence of the last record, [`NO_SEQUENCE`] if there is none.
    pub fn last_sequence(&self) -> i32 {
        self.batches().last().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    /// Offset of the last record, -1 if there is none.
    pub fn last_data_offset(&self) -> i64 {
        self.batches().last().map_or(-1, |batch| batch.last_offset)
    }

    pub(crate) fn last_offset_delta(&self) -> i32 {
        self.batches().last().map_or(0, |batch| batch.offset_delta)
    }

    pub(crate) fn is_expired(&self, now_ms: i64, expiration_ms: i64) -> bool {
        self.current_txn_first_offset.is_none() && now_ms.saturating_sub(self.last_timestamp) >= expiration_ms
    }

    /// The batch with the same epoch and sequences that was written before.
    pub fn find_duplicate(&self, batch: &BatchHeader) -> Option<BatchMetadata> {
        if batch.producer_epoch != self.producer_epoch {
            return None;
        }
        let same = |known: &&BatchMetadata| {
            known.first_sequence() == batch.base_sequence && known.last_sequence == batch.last_sequence()
        };
        self.batches().iter().find(same).copied()
    }

    /// If `batch` may be one that was written before those that are remembered, the first of these; once.
    pub(crate) fn start_recall(&mut self, batch: &BatchHeader) -> Option<BatchMetadata> {
        let first = *self.batches().first()?;
        let is_full = usize::from(self.batch_count) == BATCHES_RETAINED;
        let has_earlier =
            batch.producer_epoch == self.producer_epoch && !is_full && first.first_sequence() != 0;
        // Sequences go round: what is ahead by less than half of them is no repetition but too early.
        let behind = first.first_sequence().wrapping_sub(batch.base_sequence) & i32::MAX;
        let has_earlier = has_earlier && behind != 0 && behind <= i32::MAX / 2;
        (has_earlier && !std::mem::replace(&mut self.is_recalled, true)).then_some(first)
    }

    /// Remembers batches that were written before the others, the oldest first.
    pub(crate) fn recall(&mut self, earlier: &[BatchMetadata]) {
        let room = BATCHES_RETAINED - usize::from(self.batch_count);
        let known = self.batches().to_vec();
        self.batch_count = 0;
        for batch in earlier.iter().skip(earlier.len().saturating_sub(room)).chain(&known) {
            self.push(*batch);
        }
    }

    pub(crate) fn add_batch(&mut self, producer_epoch: i16, batch: BatchMetadata) {
        self.set_producer_epoch(producer_epoch);
        self.push(batch);
        self.last_timestamp = batch.timestamp;
    }

    fn set_producer_epoch(&mut self, producer_epoch: i16) {
        if self.producer_epoch != producer_epoch {
            self.batch_count = 0;
            self.producer_epoch = producer_epoch;
        }
    }

    fn push(&mut self, batch: BatchMetadata) {
        if usize::from(self.batch_count) == BATCHES_RETAINED {
            self.batches.rotate_left(1);
            self.batch_count -= 1;
        }
        if let Some(free) = self.batches.get_mut(usize::from(self.batch_count)) {
            *free = batch;
            self.batch_count += 1;
        }
    }

    pub(crate) const fn set_current_txn_first_offset(&mut self, offset: i64) {
        self.current_txn_first_offset = Some(offset);
    }

    /// A marker ended the open transaction, if there was one.
    pub(crate) fn end_txn(&mut self, producer_epoch: i16, coordinator_epoch: i32, timestamp: i64) {
        self.set_producer_epoch(producer_epoch);
        self.coordinator_epoch = coordinator_epoch;
        self.current_txn_first_offset = None;
        self.last_timestamp = timestamp;
    }

    /// Takes over what `next` has; its batches follow the ones here.
    pub(crate) fn update(&mut self, next: &Self) {
        self.set_producer_epoch(next.producer_epoch);
        for batch in next.batches() {
            self.push(*batch);
        }
        self.coordinator_epoch = next.coordinator_epoch;
        self.current_txn_first_offset = next.current_txn_first_offset;
        self.last_timestamp = next.last_timestamp;
    }
}
