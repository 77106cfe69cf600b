//! One batch on its way, and the futures that wait for it.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use klamm_io::Instant;
use klamm_protocol::records::{BatchBuilder, BatchOptions, BuildError, RecordBatch, increment_sequence};
use tokio::sync::Notify;

use crate::{ClientError, TopicPartition};

/// Where a record went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// The partition it was written to.
    pub partition: TopicPartition,
    /// Its offset; -1 if the broker did not tell (acks=0, or a duplicate that was already there).
    pub offset: i64,
    /// Its timestamp in milliseconds since 1970: the record's own, or the broker's with LogAppendTime.
    pub timestamp: i64,
}

/// Called when the fate of a record is known.
pub(super) type Callback = Box<dyn FnOnce(Result<RecordMetadata, ClientError>) + Send>;

/// Who produced a batch, for the broker to find duplicates by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: i64,
    pub(super) epoch: i16,
    /// Whether the producer writes in transactions.
    pub(super) is_transactional: bool,
}

/// What became of a whole batch.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    Written {
        base_offset: i64,
        /// -1 with CreateTime.
        log_append_time_ms: i64,
    },
    Failed {
        error: ClientError,
        /// Records that are to blame, by their place in the batch (KIP-467).
        records: BTreeMap<i32, String>,
    },
    /// The batch was too large and is sent in two: the place of the second's first record, and both.
    Split(i32, [Arc<Completion>; 2]),
}

/// Shared by a batch and all futures that wait for its records.
#[derive(Debug)]
pub(super) struct Completion {
    partition: TopicPartition,
    fate: OnceLock<Fate>,
    done: Notify,
}

impl Completion {
    pub(super) fn new(partition: TopicPartition) -> Self {
        Self { partition, fate: OnceLock::new(), done: Notify::new() }
    }

    /// Waits until the fate of all records is known, whatever batches they end up in.
    pub(super) async fn wait(self: Arc<Self>) {
        let mut waiting = vec![self];
        while let Some(completion) = waiting.pop() {
            if let Fate::Split(_, parts) = completion.fate().await {
                waiting.extend(parts.iter().cloned());
            }
        }
    }

    async fn fate(&self) -> &Fate {
        loop {
            let done = self.done.notified();
            let mut done = std::pin::pin!(done);
            done.as_mut().enable();
            if let Some(fate) = self.fate.get() {
                return fate;
            }
            done.await;
        }
    }

    fn result(&self, index: i32, timestamp: i64) -> Result<RecordMetadata, ClientError> {
        match self.fate.get() {
            Some(Fate::Written { base_offset, log_append_time_ms }) => Ok(RecordMetadata {
                partition: self.partition.clone(),
                offset: if *base_offset < 0 { -1 } else { base_offset + i64::from(index) },
                timestamp: if *log_append_time_ms >= 0 { *log_append_time_ms } else { timestamp },
            }),
            Some(Fate::Failed { error, records }) => Err(match (records.get(&index), error) {
                (Some(message), ClientError::Broker { code, .. }) => {
                    ClientError::Broker { code: *code, message: Some(message.clone()) }
                }
                (None, ClientError::Broker { code, .. }) if !records.is_empty() => ClientError::Broker {
                    code: *code,
                    message: Some(
                        "Failed to append record because it was part of a batch which had one more more invalid records"
                            .to_owned(),
                    ),
                },
                _ => error.clone(),
            }),
            // Whoever is told of single records waits for the parts.
            Some(Fate::Split(..)) | None => Err(ClientError::Closed),
        }
    }
}

/// Resolves to what became of one record. Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "awaiting it tells whether the record was written"]
pub struct Delivery {
    pub(super) completion: Arc<Completion>,
    pub(super) index: i32,
    pub(super) timestamp: i64,
}

impl Delivery {
    /// The partition that the record goes to.
    pub fn partition(&self) -> &TopicPartition {
        &self.completion.partition
    }

    /// Waits for the acknowledgement that `acks` asks for.
    ///
    /// # Errors
    /// Why the record was not written, or not known to be written.
    pub async fn wait(self) -> Result<RecordMetadata, ClientError> {
        let (mut completion, mut index) = (self.completion, self.index);
        loop {
            let Fate::Split(second_at, [first, second]) = completion.fate().await else {
                return completion.result(index, self.timestamp);
            };
            completion = if index < *second_at {
                Arc::clone(first)
            } else {
                index -= second_at;
                Arc::clone(second)
            };
        }
    }
}

impl IntoFuture for Delivery {
    type Output = Result<RecordMetadata, ClientError>;
    type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.wait())
    }
}

/// Numbers that each batch has for its parts.
pub(super) const NUMBERS: u64 = 1 << 20;

/// Records of one partition that are sent together.
pub(super) struct Batch {
    /// Batches of a partition are sent in the order of their numbers.
    pub(super) number: u64,
    /// Numbers from `number` on that belong to this batch alone, for its parts if it is split.
    pub(super) numbers: u64,
    pub(super) partition: TopicPartition,
    /// Open for more records until the batch is sent for the first time.
    builder: Option<BatchBuilder>,
    built: Option<Bytes>,
    pub(super) records_count: i32,
    pub(super) created: Instant,
    pub(super) attempts: u32,
    pub(super) retry_at: Option<Instant>,
    /// The producer and first sequence that it is sent under.
    pub(super) identity: Option<(Identity, i32)>,
    built_under: Option<(Identity, i32)>,
    pub(super) completion: Arc<Completion>,
    callbacks: Vec<(i32, i64, Callback)>,
    /// What the batch counts against `buffer.memory`.
    pub(super) memory_bytes: usize,
    /// Size before compression.
    pub(super) plain_bytes: usize,
    /// An upper bound of the size that its largest record would have in a batch by itself.
    pub(super) record_bytes_max: usize,
}

impl Batch {
    pub(super) fn new(
        number: u64,
        partition: TopicPartition,
        builder: BatchBuilder,
        created: Instant,
    ) -> Self {
        Self {
            number,
            numbers: NUMBERS,
            completion: Arc::new(Completion::new(partition.clone())),
            partition,
            plain_bytes: builder.uncompressed_size(),
            builder: Some(builder),
            built: None,
            records_count: 0,
            created,
            attempts: 0,
            retry_at: None,
            identity: None,
            built_under: None,
            callbacks: Vec::new(),
            memory_bytes: 0,
            record_bytes_max: 0,
        }
    }

    /// The builder, while records can still be added.
    pub(super) fn open(&mut self) -> Option<&mut BatchBuilder> {
        self.builder.as_mut()
    }

    pub(super) fn is_open(&self) -> bool {
        self.builder.is_some()
    }

    /// Notes that a record was added, and who wants to know of it.
    pub(super) fn added(&mut self, timestamp: i64, callback: Option<Callback>) -> i32 {
        let index = self.records_count;
        self.records_count += 1;
        if let Some(builder) = &self.builder {
            self.plain_bytes = builder.uncompressed_size();
        }
        if let Some(callback) = callback {
            self.callbacks.push((index, timestamp, callback));
        }
        index
    }

    /// The bytes to send, under the batch's identity if it has one. Closes the batch.
    pub(super) fn bytes(&mut self) -> Result<Bytes, BuildError> {
        if let Some(mut builder) = self.builder.take() {
            if let Some((identity, sequence)) = self.identity {
                let Identity { id, epoch, is_transactional } = identity;
                builder.set_producer(id, epoch, sequence, is_transactional);
            }
            self.built = Some(builder.build()?.freeze());
        } else if self.identity != self.built_under
            && let (Some(built), Some((identity, sequence))) = (&self.built, self.identity)
        {
            self.built = Some(with_identity(built, identity, sequence));
        }
        self.built_under = self.identity;
        Ok(self.built.clone().unwrap_or_default())
    }

    /// Makes two batches of one that the broker finds too large. They keep its place in the order, and if it had
    /// sequences, those. `None` if it has one record only, or cannot be read.
    pub(super) fn split(&mut self, options: BatchOptions) -> Option<[Self; 2]> {
        let built = self.built.clone().filter(|_| self.records_count > 1 && self.numbers > 1)?;
        let records = RecordBatch::new(&built).ok()?.records().ok()?;
        let half = self.records_count / 2;
        let mut builders = [BatchBuilder::new(options), BatchBuilder::new(options)];
        for (index, record) in (0..).zip(records) {
            let record = record.ok()?;
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let builder = &mut builders[usize::from(index >= half)];
            builder.append(record.timestamp, key, value, &record.headers).ok()?;
        }
        let step = self.numbers / 2;
        let part = |number: u64, builder: BatchBuilder| {
            let mut part = Self::new(number, self.partition.clone(), builder, self.created);
            part.numbers = step;
            part.attempts = self.attempts;
            part.record_bytes_max = self.record_bytes_max;
            part.records_count = part.builder.as_ref().map_or(0, BatchBuilder::records_count);
            part
        };
        let [first, second] = builders;
        let (mut first, mut second) = (part(self.number, first), part(self.number + step, second));
        if let Some((identity, sequence)) = self.identity {
            first.identity = self.identity;
            second.identity = Some((identity, increment_sequence(sequence, half)));
        }
        for (index, timestamp, callback) in std::mem::take(&mut self.callbacks) {
            if index < half {
                first.callbacks.push((index, timestamp, callback));
            } else {
                second.callbacks.push((index - half, timestamp, callback));
            }
        }
        // What counts against the buffer stays counted, once.
        first.memory_bytes = self.memory_bytes;
        self.memory_bytes = 0;
        Some([first, second])
    }

    /// Tells everybody who waits.
    pub(super) fn finish(self, fate: Fate) {
        let _ = self.completion.fate.set(fate);
        self.completion.done.notify_waiters();
        for (index, timestamp, callback) in self.callbacks {
            callback(self.completion.result(index, timestamp));
        }
    }
}

/// A finished batch under another producer identity: the three fields lie inside the checksum.
fn with_identity(built: &Bytes, identity: Identity, sequence: i32) -> Bytes {
    const PRODUCER_ID_AT: usize = 43;
    let mut bytes = bytes::BytesMut::from(&built[..]);
    bytes[PRODUCER_ID_AT..PRODUCER_ID_AT + 8].copy_from_slice(&identity.id.to_be_bytes());
    bytes[PRODUCER_ID_AT + 8..PRODUCER_ID_AT + 10].copy_from_slice(&identity.epoch.to_be_bytes());
    bytes[PRODUCER_ID_AT + 10..PRODUCER_ID_AT + 14].copy_from_slice(&sequence.to_be_bytes());
    klamm_protocol::records::patch::recompute_crc(&mut bytes);
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_can_be_sent_again_under_another_identity() {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        builder.append(5, None, Some(b"v"), &[]).unwrap();
        let mut batch = Batch::new(1, TopicPartition::new("t", 0), builder, Instant::default());
        batch.identity = Some((Identity { id: 7, epoch: 0, is_transactional: false }, 3));
        let first = batch.bytes().unwrap();
        batch.identity = Some((Identity { id: 7, epoch: 1, is_transactional: false }, 0));
        let second = batch.bytes().unwrap();
        for (bytes, epoch, sequence) in [(first, 0, 3), (second, 1, 0)] {
            let read = RecordBatch::new(&bytes).unwrap();
            read.check_crc().unwrap();
            assert_eq!((read.producer_id, read.producer_epoch, read.base_sequence), (7, epoch, sequence));
        }
    }
}
