//! Leading one member from what it has to what it is to have.
//!
//! A member first gives up what is not its any more, and only then gets the epoch of the target and the partitions that
//! are free; for the others it waits, in that epoch.

use super::member::{Member, MemberState, Partitions};
use crate::group::assignor::Assignment;
use klamm_protocol::Uuid;
use std::collections::BTreeSet;

/// Where a member is to go.
pub(super) struct Goal<'a> {
    pub(super) epoch: i32,
    pub(super) target: &'a Assignment,
    /// The topics that the member subscribes to now.
    pub(super) subscribed: &'a BTreeSet<Uuid>,
    /// Its subscription has just changed: what it does not read any more it has to give up at once.
    pub(super) has_subscription_changed: bool,
    /// What the member says it has; `None` if it does not say.
    pub(super) reported: Option<&'a Assignment>,
    /// Whether a partition is with some member.
    pub(super) is_owned: &'a dyn Fn(Uuid, i32) -> bool,
}

impl Goal<'_> {
    /// The member after this step; `None` if it has to be fenced.
    pub(super) fn step(&self, member: &Member) -> Option<Member> {
        match member.state {
            MemberState::Stable if member.epoch != self.epoch => Some(self.advance(member, member.epoch)),
            MemberState::Stable if self.has_subscription_changed => Some(self.drop_unsubscribed(member)),
            MemberState::Stable => Some(member.clone()),
            MemberState::UnrevokedPartitions if self.still_has(&member.pending_revocation) => {
                Some(if self.has_subscription_changed {
                    self.drop_unsubscribed(member)
                } else {
                    member.clone()
                })
            }
            MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => {
                Some(self.advance(member, member.epoch))
            }
            MemberState::Unknown if self.reported.is_some_and(Assignment::is_empty) => {
                Some(self.advance(member, self.epoch))
            }
            MemberState::Unknown => None,
        }
    }

    /// Who does not say what it has is taken to have it all.
    fn still_has(&self, partitions: &Partitions) -> bool {
        let Some(reported) = self.reported else { return true };
        reported.iter().any(|(topic, indexes)| {
            let pending = partitions.get(topic);
            pending.is_some_and(|pending| indexes.iter().any(|index| pending.contains_key(index)))
        })
    }

    fn drop_unsubscribed(&self, member: &Member) -> Member {
        let mut next = member.clone();
        next.assigned.retain(|topic, _| self.subscribed.contains(topic));
        if next.assigned == member.assigned {
            return next;
        }
        for (topic, partitions) in &member.assigned {
            if !self.subscribed.contains(topic) {
                next.pending_revocation.entry(*topic).or_default().extend(partitions);
            }
        }
        next.previous_epoch = member.epoch;
        if self.still_has(&next.pending_revocation) {
            next.state = MemberState::UnrevokedPartitions;
        } else {
            next.pending_revocation.clone_from(&member.pending_revocation);
        }
        next
    }

    fn advance(&self, member: &Member, epoch: i32) -> Member {
        let mut kept = Partitions::new();
        let mut revoked = Partitions::new();
        for (topic, partitions) in &member.assigned {
            let target = self.target.get(topic).filter(|_| self.subscribed.contains(topic));
            for (index, since) in partitions {
                let stays = target.is_some_and(|target| target.contains(index));
                let to = if stays { &mut kept } else { &mut revoked };
                to.entry(*topic).or_default().insert(*index, *since);
            }
        }
        let mut next = Member { previous_epoch: member.epoch, epoch, ..member.clone() };
        if !revoked.is_empty() && self.still_has(&revoked) {
            next.state = MemberState::UnrevokedPartitions;
            next.assigned = kept;
            next.pending_revocation = revoked;
            return next;
        }
        let mut is_waiting = false;
        for (topic, indexes) in self.target.iter().filter(|(topic, _)| self.subscribed.contains(*topic)) {
            let has = |index: &i32| kept.get(topic).is_some_and(|kept| kept.contains_key(index));
            for index in indexes.iter().copied().filter(|index| !has(index)).collect::<Vec<_>>() {
                // A partition that the member itself is giving up is free for it.
                let own = member.pending_revocation.get(topic).is_some_and(|own| own.contains_key(&index));
                if (self.is_owned)(*topic, index) && !own {
                    is_waiting = true;
                } else {
                    kept.entry(*topic).or_default().insert(index, self.epoch);
                }
            }
        }
        next.epoch = self.epoch;
        next.state = if is_waiting { MemberState::UnreleasedPartitions } else { MemberState::Stable };
        next.assigned = kept;
        next.pending_revocation = Partitions::new();
        next
    }
}
