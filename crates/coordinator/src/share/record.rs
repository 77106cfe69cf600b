//! The records of `__share_group_state`, in Kafka's formats.

use super::request::{SharePartitionKey, StateBatch};
use bytes::Bytes;
use klamm_protocol::api::{read_share_group_state, write_share_group_state};
use klamm_protocol::coordinator::share::{
    ShareRecordKey, ShareRecordValue, ShareSnapshotKey, ShareSnapshotValue, ShareUpdateKey, ShareUpdateValue,
    share_snapshot, share_update,
};
use klamm_protocol::{DecodeError, DecodeErrorKind, EncodeError};

/// The version of values.
const VALUE_VERSION: i16 = 0;

/// One record of `__share_group_state`.
#[derive(Clone, Debug, PartialEq)]
pub enum ShareRecord {
    /// The whole state of a share partition.
    Snapshot {
        /// Which.
        key: SharePartitionKey,
        /// `None`: it has no state any more.
        value: Option<Box<ShareSnapshotValue>>,
    },
    /// What has changed of it.
    Update {
        /// Which.
        key: SharePartitionKey,
        /// What.
        value: Box<ShareUpdateValue>,
    },
}

/// A record with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedRecord {
    /// Its offset.
    pub offset: i64,
    /// The record.
    pub record: ShareRecord,
}

impl ShareRecord {
    pub(super) fn snapshot(key: &SharePartitionKey, value: ShareSnapshotValue) -> Self {
        Self::Snapshot { key: key.clone(), value: Some(Box::new(value)) }
    }

    pub(super) fn update(key: &SharePartitionKey, value: ShareUpdateValue) -> Self {
        Self::Update { key: key.clone(), value: Box::new(value) }
    }

    pub(super) fn tombstone(key: &SharePartitionKey) -> Self {
        Self::Snapshot { key: key.clone(), value: None }
    }

    /// Reads a record. `None`: its key or value is of a kind that this version does not know, as a newer broker may have
    /// left after a downgrade; such records are skipped.
    ///
    /// # Errors
    /// If the key or value is cut short or malformed.
    pub fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Self>, DecodeError> {
        let Some(key) = known(ShareRecordKey::decode(key.clone()))? else { return Ok(None) };
        // What is decoded refers to its buffer, which must not be the whole batch that the value was read from.
        let value =
            value.map(|value| ShareRecordValue::decode(key.record_type(), Bytes::copy_from_slice(value)));
        let value = match value.map(known) {
            None => None,
            Some(value) => match value? {
                Some((value, _)) => Some(value),
                None => return Ok(None),
            },
        };
        Ok(match (key, value) {
            (ShareRecordKey::ShareSnapshot(key), None) => {
                Some(Self::Snapshot { key: key.into(), value: None })
            }
            (ShareRecordKey::ShareSnapshot(key), Some(ShareRecordValue::ShareSnapshot(value))) => {
                Some(Self::Snapshot { key: key.into(), value: Some(Box::new(value)) })
            }
            (ShareRecordKey::ShareUpdate(key), Some(ShareRecordValue::ShareUpdate(value))) => {
                Some(Self::Update { key: key.into(), value: Box::new(value) })
            }
            // Nobody writes an update without a value.
            _ => None,
        })
    }

    /// Writes the record's key and value.
    ///
    /// # Errors
    /// If a string is longer than the format allows.
    pub fn encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        let (key, value): (ShareRecordKey, Option<ShareRecordValue>) = match self {
            Self::Snapshot { key, value } => {
                let SharePartitionKey { group, topic_id, partition } = key.clone();
                let value = value.as_deref().map(|value| value.clone().into());
                (ShareSnapshotKey { group_id: group, topic_id, partition }.into(), value)
            }
            Self::Update { key, value } => {
                let SharePartitionKey { group, topic_id, partition } = key.clone();
                let key = ShareUpdateKey { group_id: group, topic_id, partition };
                (key.into(), Some(value.as_ref().clone().into()))
            }
        };
        Ok((key.to_bytes()?, value.map(|value| value.to_bytes(VALUE_VERSION)).transpose()?))
    }
}

/// `None` for what a newer version may have written.
fn known<T>(decoded: Result<T, DecodeError>) -> Result<Option<T>, DecodeError> {
    match decoded {
        Ok(decoded) => Ok(Some(decoded)),
        Err(error) if is_of_newer(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

const fn is_of_newer(error: &DecodeError) -> bool {
    matches!(
        error.kind,
        DecodeErrorKind::UnknownRecordType { .. } | DecodeErrorKind::UnsupportedVersion { .. }
    )
}

impl From<ShareSnapshotKey> for SharePartitionKey {
    fn from(key: ShareSnapshotKey) -> Self {
        Self { group: key.group_id.detached(), topic_id: key.topic_id, partition: key.partition }
    }
}

impl From<ShareUpdateKey> for SharePartitionKey {
    fn from(key: ShareUpdateKey) -> Self {
        Self { group: key.group_id.detached(), topic_id: key.topic_id, partition: key.partition }
    }
}

macro_rules! state_batches {
    ($($of:ident)+) => {$(
        impl From<&$of::StateBatch> for StateBatch {
            fn from(batch: &$of::StateBatch) -> Self {
                Self {
                    first_offset: batch.first_offset,
                    last_offset: batch.last_offset,
                    delivery_state: batch.delivery_state,
                    delivery_count: batch.delivery_count,
                }
            }
        }

        impl From<StateBatch> for $of::StateBatch {
            fn from(batch: StateBatch) -> Self {
                Self {
                    first_offset: batch.first_offset,
                    last_offset: batch.last_offset,
                    delivery_state: batch.delivery_state,
                    delivery_count: batch.delivery_count,
                    ..Default::default()
                }
            }
        }
    )+};
}

state_batches! { share_snapshot share_update read_share_group_state write_share_group_state }
