//! What a consumer group has to say on the committing and fetching of its offsets.

use super::ConsumerGroup;
use crate::offsets::Committer;
use klamm_protocol::{ErrorCode, StrBytes, Uuid};

/// Members of consumer groups have to commit with this version or a later one, whose errors they understand.
const COMMIT_SINCE: i16 = 9;

impl ConsumerGroup {
    /// Whether offsets of these partitions may be committed. A member that is behind its epoch may still commit what it
    /// has had since the epoch it knows (KIP-1251).
    pub(crate) fn check_commit(
        &self,
        committer: &Committer<'_>,
        api_version: i16,
        mut partitions: impl Iterator<Item = (Uuid, i32)>,
    ) -> Result<(), ErrorCode> {
        let epoch = committer.generation;
        if epoch < 0 && self.members.is_empty() {
            return Ok(());
        }
        let is_anonymous = epoch == -1 && committer.member.is_empty() && committer.instance.is_none();
        if committer.is_transactional && is_anonymous {
            return Ok(());
        }
        let member = self.members.get(committer.member).ok_or(ErrorCode::UnknownMemberId)?;
        if !committer.is_transactional && !member.uses_classic_protocol() && api_version < COMMIT_SINCE {
            return Err(ErrorCode::UnsupportedVersion);
        }
        let is_classic = member.uses_classic_protocol() || committer.is_transactional;
        let stale = if is_classic { ErrorCode::IllegalGeneration } else { ErrorCode::StaleMemberEpoch };
        let may = |(topic, index)| member.assignment_epoch(topic, index).is_some_and(|since| epoch >= since);
        match epoch.cmp(&member.epoch) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less if partitions.all(may) => Ok(()),
            std::cmp::Ordering::Less | std::cmp::Ordering::Greater => Err(stale),
        }
    }

    /// Members have to say which epoch they are in.
    pub(crate) fn check_fetch(&self, member: Option<&StrBytes>, epoch: i32) -> Result<(), ErrorCode> {
        let Some(id) = member else {
            return if epoch < 0 { Ok(()) } else { Err(ErrorCode::UnknownMemberId) };
        };
        let member = self.members.get(id).ok_or(ErrorCode::UnknownMemberId)?;
        match (member.epoch == epoch, member.uses_classic_protocol()) {
            (true, _) => Ok(()),
            (false, true) => Err(ErrorCode::IllegalGeneration),
            (false, false) => Err(ErrorCode::StaleMemberEpoch),
        }
    }
}
