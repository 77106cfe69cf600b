//! Groups: the kinds there are, and the requests that concern any of them.

pub(crate) mod classic;
mod delete;
mod describe;
mod list;

use klamm_protocol::coordinator::group::GroupMetadataValue;
use std::sync::Arc;

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
        }
    }
}
