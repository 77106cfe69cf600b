//! A consumer group (KIP-848), as its records say. All of its life is written, so that this is all there is of it.
//!
//! The coordinator computes a target assignment for each epoch of the group and leads each member from what it has to
//! what it is to have; no partition is given to a member before the one that has it has let it go.

mod classic_join;
mod classic_sync;
mod decide;
mod describe;
mod heartbeat;
mod leave;
mod member;
mod metadata;
mod migrate;
mod offsets;
mod reconcile;
mod regexes;
mod replay;

pub(crate) use classic_join::begin_classic_member;
pub(crate) use decide::Draft;
use member::{Member, MemberState};

use crate::effect::Step;
use crate::group::assignor::Assignment;
use crate::settings::ConsumerTiming;
use klamm_protocol::{StrBytes, Uuid};
use rpds::RedBlackTreeMapSync;
use std::sync::Arc;

/// The state of a consumer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No members.
    Empty,
    /// The target assignment is older than the group's epoch.
    Assigning,
    /// Members are on their way to the target assignment.
    Reconciling,
    /// All have what they are to have.
    Stable,
}

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

/// A consumer group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConsumerGroup {
    /// Raised whenever members, subscriptions or topics change.
    epoch: i32,
    /// Tells whether subscribed topics have changed.
    metadata_hash: i64,
    members: RedBlackTreeMapSync<StrBytes, Arc<Member>>,
    /// `group.instance.id` to member id.
    static_members: RedBlackTreeMapSync<StrBytes, StrBytes>,
    /// The epoch that the target assignment was computed for.
    target_epoch: i32,
    /// When; 0 if not known.
    target_timestamp_ms: i64,
    target: RedBlackTreeMapSync<StrBytes, Arc<Assignment>>,
    /// Partitions that members have or are giving up.
    owned: RedBlackTreeMapSync<(Uuid, i32), i32>,
    /// The regular expressions that members subscribe to, and what they match.
    regexes: RedBlackTreeMapSync<StrBytes, Arc<ResolvedRegex>>,
    /// A record of Kafka before 4.1 is there and has to be deleted.
    has_partition_metadata: bool,
}

/// The topics that a regular expression matches.
#[derive(Clone, Debug, PartialEq)]
struct ResolvedRegex {
    topics: Vec<StrBytes>,
    /// Of the topics it has been compared with.
    version: i64,
    /// When that was.
    timestamp_ms: i64,
}

impl Default for ConsumerGroup {
    /// A group that is about to be. Its first members get epoch 2, as in Kafka.
    fn default() -> Self {
        Self {
            epoch: 1,
            metadata_hash: 0,
            members: RedBlackTreeMapSync::default(),
            static_members: RedBlackTreeMapSync::default(),
            target_epoch: 1,
            target_timestamp_ms: 0,
            target: RedBlackTreeMapSync::default(),
            owned: RedBlackTreeMapSync::default(),
            regexes: RedBlackTreeMapSync::default(),
            has_partition_metadata: false,
        }
    }
}

impl ConsumerGroup {
    pub(crate) fn state(&self) -> State {
        if self.members.is_empty() {
            State::Empty
        } else if self.epoch > self.target_epoch {
            State::Assigning
        } else if self.members.values().all(|member| member.is_reconciled_to(self.target_epoch)) {
            State::Stable
        } else {
            State::Reconciling
        }
    }

    /// Starts the members' sessions after a change of leader.
    pub(crate) fn loaded(&self, id: &StrBytes, timing: ConsumerTiming, step: &mut Step) {
        for (member_id, member) in self.members.iter() {
            step.set_timer(decide::session_key(id, member_id), timing.session_timeout_ms.into());
            if member.state == MemberState::UnrevokedPartitions {
                step.set_timer(decide::rebalance_key(id, member_id), member.rebalance_timeout_ms.into());
            }
        }
    }

    fn member(&self, id: &str) -> Option<&Arc<Member>> {
        self.members.get(id)
    }

    fn static_member(&self, instance: &str) -> Option<(&StrBytes, &Arc<Member>)> {
        self.members.get_key_value(self.static_members.get(instance)?)
    }

    fn target_of(&self, member: &str) -> Assignment {
        self.target.get(member).map(|target| Assignment::clone(target)).unwrap_or_default()
    }

    /// The topics that a member reads, those of its regular expression included.
    fn topics_of<'a>(&'a self, member: &'a Member) -> impl Iterator<Item = &'a StrBytes> {
        let matched = member.regex.as_ref().and_then(|regex| self.regexes.get(regex));
        member.topics.iter().chain(matched.into_iter().flat_map(|resolved| &resolved.topics))
    }

    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.members.values().any(|member| self.topics_of(member).any(|subscribed| **subscribed == *topic))
    }
}
