//! What a classic group has to say on the committing, deleting and expiring of its offsets.

use super::{Classic, State};
use crate::effect::Step;
use crate::offsets::Committer;
use klamm_protocol::ErrorCode;

impl Classic {
    /// Whether offsets may be committed by whom the request names. A generation below zero without a member is one
    /// of those who use no group management; they may commit while the group is empty.
    pub(crate) fn check_commit(&self, committer: &Committer<'_>) -> Result<(), ErrorCode> {
        if committer.generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if committer.generation >= 0 || !committer.member.is_empty() || committer.instance.is_some() {
            self.check_member(committer.member, committer.instance)?;
            if committer.generation != self.generation {
                return Err(ErrorCode::IllegalGeneration);
            }
        } else if !committer.is_transactional {
            return Err(ErrorCode::UnknownMemberId);
        }
        if self.state == State::CompletingRebalance && !committer.is_transactional {
            // It knows the generation, so it has been told to send SyncGroup, which it should do first.
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }

    /// Commits count as heartbeats, except while the assignment is awaited.
    pub(crate) fn note_commit(&self, member: &str, step: &mut Step) {
        if matches!(self.state, State::Stable | State::PreparingRebalance)
            && let Some(member) = self.members.get(member)
        {
            self.set_heartbeat_timer(member, step);
        }
    }

    /// Offsets of a group with members may be deleted only if it is known what the members use.
    pub(crate) fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        if self.state == State::Empty || self.is_of_consumers() {
            Ok(())
        } else {
            Err(ErrorCode::NonEmptyGroup)
        }
    }

    /// From when on an offset's retention counts: `None` if the group's offsets do not expire at present, `Some(None)`
    /// if from the offset's own commit.
    pub(crate) fn retention_start_ms(&self) -> Option<Option<i64>> {
        if self.protocol_type.is_none() {
            // Offsets of consumers without group management.
            return Some(None);
        }
        match self.state {
            // KIP-211: an offset outlives the last member by the retention time.
            State::Empty => Some(self.state_since_ms),
            State::Stable if self.is_of_consumers() && self.subscribed_topics.is_some() => Some(None),
            State::Stable | State::PreparingRebalance | State::CompletingRebalance => None,
        }
    }
}
