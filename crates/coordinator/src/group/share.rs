//! A share group (KIP-932), as its records say. All of its life is written, so that this is all there is of it.
//!
//! Its members share partitions: each partition may be with several of them, and how far each record is, is the share
//! coordinator's business. A partition is assigned only once that one has state for it; the group coordinator asks for
//! it when a topic is subscribed to, and notes the answer.

mod alter_offsets;
mod decide;
mod delete;
mod describe;
mod handle;
mod heartbeat;
mod initialize;
mod member;
mod replay;
pub(crate) mod request;
mod state_partitions;

use crate::group::assignor::Assignment;
use klamm_protocol::StrBytes;
use member::Member;
use rpds::RedBlackTreeMapSync;
use state_partitions::StatePartitions;
use std::sync::Arc;

/// As ListGroups shows it.
pub(crate) const SHARE_PROTOCOL_TYPE: &str = "share";

/// The state of a share group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No members.
    Empty,
    /// Members.
    Stable,
}

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Stable => "Stable",
        }
    }
}

/// A share group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShareGroup {
    /// Raised whenever members, subscriptions or topics change.
    epoch: i32,
    /// Tells whether subscribed topics have changed.
    metadata_hash: i64,
    members: RedBlackTreeMapSync<StrBytes, Arc<Member>>,
    /// The epoch that the target assignment was computed for.
    target_epoch: i32,
    /// When; 0 if not known.
    target_timestamp_ms: i64,
    target: RedBlackTreeMapSync<StrBytes, Arc<Assignment>>,
    /// `None` until it is written for the first time.
    state_partitions: Option<Arc<StatePartitions>>,
}

impl Default for ShareGroup {
    /// A group that is about to be. Its first members get epoch 2, as in Kafka.
    fn default() -> Self {
        Self {
            epoch: 1,
            metadata_hash: 0,
            members: RedBlackTreeMapSync::default(),
            target_epoch: 1,
            target_timestamp_ms: 0,
            target: RedBlackTreeMapSync::default(),
            state_partitions: None,
        }
    }
}

impl ShareGroup {
    pub(crate) fn state(&self) -> State {
        if self.members.is_empty() { State::Empty } else { State::Stable }
    }

    pub(crate) fn has_members(&self) -> bool {
        !self.members.is_empty()
    }

    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.members.values().any(|member| member.topics.contains(topic))
    }
}
