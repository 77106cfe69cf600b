//! Groups: the kinds there are, and the requests that concern any of them.

pub(crate) mod assignor;
mod census;
pub(crate) mod classic;
pub(crate) mod consumer;
mod delete;
mod describe;
pub(crate) mod draft;
pub(crate) mod embedded;
mod list;
pub(crate) mod member_epoch;
pub(crate) mod refusal;
pub(crate) mod share;
pub(crate) mod streams;

pub use census::Census;

use crate::record::GroupRecord;
use classic::Classic;
use consumer::ConsumerGroup;
use klamm_protocol::StrBytes;
use klamm_protocol::coordinator::group::GroupMetadataValue;
use share::ShareGroup;
use std::sync::Arc;
use streams::StreamsGroup;

/// The kinds of groups, which share one space of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// JoinGroup and SyncGroup, and groups that only have offsets.
    Classic,
    /// ConsumerGroupHeartbeat (KIP-848).
    Consumer,
    /// ShareGroupHeartbeat (KIP-932).
    Share,
    /// StreamsGroupHeartbeat (KIP-1071).
    Streams,
}

impl GroupKind {
    /// As ListGroups shows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
            Self::Share => "share",
            Self::Streams => "streams",
        }
    }
}

/// A group as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum GroupState {
    /// The last generation; what happens between generations is in [`classic::Classic`].
    Classic(Arc<GroupMetadataValue>),
    /// All of it.
    Consumer(Arc<ConsumerGroup>),
    /// All of it.
    Share(Arc<ShareGroup>),
    /// All of it that is written.
    Streams(Arc<StreamsGroup>),
}

/// A group as requests see it.
pub(crate) enum GroupRef<'a> {
    /// In memory.
    Classic(&'a Classic),
    /// As written, committed or not.
    Consumer(&'a ConsumerGroup),
    /// As written, committed or not.
    Share(&'a ShareGroup),
    /// As written, committed or not.
    Streams(&'a StreamsGroup),
}

impl GroupRef<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Classic(group) => group.state() == classic::State::Empty,
            Self::Consumer(group) => group.state() == consumer::State::Empty,
            Self::Share(group) => group.state() == share::State::Empty,
            Self::Streams(group) => group.state() == streams::State::Empty,
        }
    }

    /// Offsets of such a topic are in use.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match self {
            Self::Classic(group) => group.is_subscribed_to(topic),
            Self::Consumer(group) => group.is_subscribed_to(topic),
            Self::Share(group) => group.is_subscribed_to(topic),
            Self::Streams(group) => group.is_subscribed_to(topic),
        }
    }

    /// Whether the group goes by itself once it has neither members nor offsets. A share group has no offsets here,
    /// and stays until it is deleted.
    pub(crate) const fn expires(&self) -> bool {
        !matches!(self, Self::Share(_))
    }

    /// See [`Classic::retention_start_ms`].
    pub(crate) fn retention_start_ms(&self) -> Option<Option<i64>> {
        match self {
            Self::Classic(group) => group.retention_start_ms(),
            Self::Consumer(_) | Self::Streams(_) => Some(None),
            Self::Share(_) => None,
        }
    }

    /// The records that delete the group.
    pub(crate) fn tombstones(&self, id: &StrBytes) -> Vec<GroupRecord> {
        match self {
            Self::Classic(_) => vec![GroupRecord::group_tombstone(id.clone())],
            Self::Consumer(group) => {
                let records = group.tombstones().into_iter();
                records.map(|record| GroupRecord::Consumer { group: id.clone(), record }).collect()
            }
            Self::Streams(group) => {
                let records = group.tombstones().into_iter();
                records.map(|record| GroupRecord::Streams { group: id.clone(), record }).collect()
            }
            Self::Share(group) => {
                let records = group.tombstones().into_iter();
                records.map(|record| GroupRecord::Share { group: id.clone(), record }).collect()
            }
        }
    }
}

impl GroupState {
    pub(crate) fn classic(value: &GroupMetadataValue) -> Self {
        Self::Classic(Arc::new(value.clone()))
    }

    /// A group of which nothing is written but offsets.
    pub(crate) fn simple() -> Self {
        Self::classic(&GroupMetadataValue { protocol: None, leader: None, ..GroupMetadataValue::default() })
    }

    pub(crate) const fn kind(&self) -> GroupKind {
        match self {
            Self::Classic(_) => GroupKind::Classic,
            Self::Consumer(_) => GroupKind::Consumer,
            Self::Share(_) => GroupKind::Share,
            Self::Streams(_) => GroupKind::Streams,
        }
    }
}
