//! Transactions, as the records of `__transaction_state` say.

use bytes::Bytes;
use klamm_protocol::coordinator::transaction::transaction_log::PartitionsSchema;
use klamm_protocol::coordinator::transaction::{TransactionLogKey, TransactionLogValue};
use klamm_protocol::{DecodeError, EncodeError, Message, Reader, StrBytes, Writer};
use klamm_timeline::StateMachine;
use rpds::RedBlackTreeMapSync;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The type prefix of a key; there is only one.
const KEY_TYPE: i16 = 0;
/// Versions of a value that can be read.
const VALUE_VERSIONS: std::ops::RangeInclusive<i16> = 0..=1;
/// No producer id.
pub(super) const NO_PRODUCER: i64 = -1;
/// No epoch.
pub(super) const NO_EPOCH: i16 = -1;

/// The timeout of two-phase commits, whose end is not the broker's to decide (KIP-939).
pub(super) const NO_TIMEOUT: i32 = i32::MAX;

/// A partition that takes part in a transaction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxnPartition {
    /// The topic's name.
    pub topic: StrBytes,
    /// The partition's index in it.
    pub index: i32,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// There has been none since the producer was initialised.
    Empty,
    /// It has partitions.
    Ongoing,
    /// It will be committed.
    PrepareCommit,
    /// It will be aborted.
    PrepareAbort,
    /// It is committed in all its partitions.
    CompleteCommit,
    /// It is aborted in all its partitions.
    CompleteAbort,
}

impl TransactionState {
    const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// As in the record.
    const fn code(self) -> i8 {
        match self {
            Self::Empty => 0,
            Self::Ongoing => 1,
            Self::PrepareCommit => 2,
            Self::PrepareAbort => 3,
            Self::CompleteCommit => 4,
            Self::CompleteAbort => 5,
        }
    }

    fn from_code(code: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// As DescribeTransactions and ListTransactions show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// Whether a name that a client filters by is that of a state. Some states of Kafka's are never seen here.
    pub fn is_known(name: &str) -> bool {
        Self::ALL.iter().any(|state| state.name() == name) || matches!(name, "Dead" | "PrepareEpochFence")
    }

    /// How it ends is written, and markers may be missing.
    pub(super) const fn is_decided(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }

    /// There is nothing that would be lost with it.
    pub(super) const fn may_expire(self) -> bool {
        matches!(self, Self::Empty | Self::CompleteCommit | Self::CompleteAbort)
    }
}

/// A transactional id's producer and its last transaction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Transaction {
    pub(super) producer_id: i64,
    /// The producer id before the last change, which may be the same.
    pub(super) previous_producer_id: i64,
    /// The producer id that follows when this transaction is complete, if epochs have run out.
    pub(super) next_producer_id: i64,
    pub(super) producer_epoch: i16,
    /// The epoch before the last raise, by which a retry of InitProducerId is known. It is not in the record: after a
    /// change of leader there is none.
    pub(super) last_producer_epoch: i16,
    pub(super) timeout_ms: i32,
    pub(super) state: TransactionState,
    pub(super) partitions: BTreeSet<TxnPartition>,
    /// When its first partition was added; -1 if it has none.
    pub(super) started_ms: i64,
    pub(super) updated_ms: i64,
    /// `transaction.version` that whoever changed it last works by.
    pub(super) version: i16,
}

impl Transaction {
    /// A producer that has never been initialised.
    pub(super) const fn new(producer_id: i64, timeout_ms: i32) -> Self {
        Self {
            producer_id,
            previous_producer_id: NO_PRODUCER,
            next_producer_id: NO_PRODUCER,
            producer_epoch: NO_EPOCH,
            last_producer_epoch: NO_EPOCH,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            started_ms: -1,
            updated_ms: -1,
            version: 0,
        }
    }

    /// What comes next, before anything is changed but its time.
    pub(super) fn next(&self, now_ms: i64) -> Self {
        Self { previous_producer_id: self.producer_id, updated_ms: now_ms, ..self.clone() }
    }

    fn from_value(value: TransactionLogValue) -> Option<Self> {
        let state = TransactionState::from_code(value.transaction_status)?;
        let mut partitions = BTreeSet::new();
        for topic in value.transaction_partitions.into_iter().flatten() {
            let name = topic.topic.detached();
            partitions.extend(
                topic.partition_ids.into_iter().map(|index| TxnPartition { topic: name.clone(), index }),
            );
        }
        Some(Self {
            producer_id: value.producer_id,
            previous_producer_id: value.previous_producer_id,
            next_producer_id: value.next_producer_id,
            producer_epoch: value.producer_epoch,
            last_producer_epoch: NO_EPOCH,
            timeout_ms: value.transaction_timeout_ms,
            state,
            partitions,
            started_ms: value.transaction_start_timestamp_ms,
            updated_ms: value.transaction_last_update_timestamp_ms,
            version: value.client_transaction_version,
        })
    }

    fn to_value(&self) -> TransactionLogValue {
        let mut topics: Vec<PartitionsSchema> = Vec::new();
        for TxnPartition { topic, index } in &self.partitions {
            match topics.last_mut() {
                Some(last) if last.topic == *topic => last.partition_ids.push(*index),
                _ => topics.push(PartitionsSchema {
                    topic: topic.clone(),
                    partition_ids: vec![*index],
                    ..Default::default()
                }),
            }
        }
        TransactionLogValue {
            producer_id: self.producer_id,
            previous_producer_id: self.previous_producer_id,
            next_producer_id: self.next_producer_id,
            producer_epoch: self.producer_epoch,
            transaction_timeout_ms: self.timeout_ms,
            transaction_status: self.state.code(),
            transaction_partitions: (self.state != TransactionState::Empty).then_some(topics),
            transaction_last_update_timestamp_ms: self.updated_ms,
            transaction_start_timestamp_ms: self.started_ms,
            client_transaction_version: self.version,
            ..Default::default()
        }
    }
}

/// One record of `__transaction_state`.
#[derive(Clone, Debug, PartialEq)]
pub struct TransactionRecord {
    pub(super) id: StrBytes,
    /// `None`: the transactional id is forgotten.
    pub(super) transaction: Option<Arc<Transaction>>,
}

impl TransactionRecord {
    /// The transactional id.
    pub const fn id(&self) -> &StrBytes {
        &self.id
    }

    /// Reads a record, whose id lies in the key's buffer until it is replayed. `None`: its key or value is of a kind that
    /// this version does not know, as a newer broker may have left after a downgrade; such records are skipped.
    ///
    /// # Errors
    /// If the key or value is cut short or malformed.
    pub fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Self>, DecodeError> {
        let mut key = Reader::new(key.clone());
        if key.i16()? != KEY_TYPE {
            return Ok(None);
        }
        let TransactionLogKey { transactional_id } = Message::decode(&mut key, 0)?;
        let id = transactional_id;
        let Some(value) = value else { return Ok(Some(Self { id, transaction: None })) };
        let mut value = Reader::new(value.clone());
        let version = value.i16()?;
        if !VALUE_VERSIONS.contains(&version) {
            return Ok(None);
        }
        let transaction = Transaction::from_value(Message::decode(&mut value, version)?);
        Ok(transaction.map(|transaction| Self { id, transaction: Some(Arc::new(transaction)) }))
    }

    /// Writes the record's key and value, in the form for this `transaction.version`.
    ///
    /// # Errors
    /// If a string is longer than the format allows.
    pub fn encode(&self, transaction_version: i16) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        let key = encode(KEY_TYPE, &TransactionLogKey { transactional_id: self.id.clone() }, 0)?;
        let version = i16::from(transaction_version >= 1);
        let value = self.transaction.as_ref().map(|transaction| {
            let mut value = transaction.to_value();
            if version == 0 {
                // It has no room for what later versions of transactions need.
                value.previous_producer_id = NO_PRODUCER;
                value.next_producer_id = NO_PRODUCER;
                value.client_transaction_version = 0;
            }
            encode(version, &value, version)
        });
        Ok((key, value.transpose()?))
    }
}

fn encode<M: Message>(prefix: i16, message: &M, version: i16) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    writer.i16(prefix);
    message.encode(&mut writer, version)?;
    Ok(writer.into_bytes())
}

/// Transactions as written. Clones are cheap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransactionsState(RedBlackTreeMapSync<StrBytes, Arc<Transaction>>);

impl TransactionsState {
    pub(super) fn get(&self, id: &str) -> Option<&Arc<Transaction>> {
        self.0.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&StrBytes, &Arc<Transaction>)> {
        self.0.iter()
    }
}

impl StateMachine for TransactionsState {
    type Record = TransactionRecord;

    fn replay(&mut self, record: &TransactionRecord) {
        match &record.transaction {
            Some(transaction) => {
                self.0.insert_mut(record.id.detached(), Arc::clone(transaction));
            }
            None => drop(self.0.remove_mut(&record.id)),
        }
    }
}
