//! What a streams group has to say on the committing and fetching of its offsets.

use super::StreamsGroup;
use crate::offsets::Committer;
use klamm_protocol::{ErrorCode, StrBytes};

/// Members of streams groups have to commit with this version or a later one, whose errors they understand.
const COMMIT_SINCE: i16 = 9;

impl StreamsGroup {
    /// Whether offsets of these partitions, by topic name, may be committed. A member that is behind its epoch may still
    /// commit for the tasks that it has had since the epoch it knows.
    pub(crate) fn check_commit<'a>(
        &self,
        committer: &Committer<'_>,
        api_version: i16,
        mut partitions: impl Iterator<Item = (&'a StrBytes, i32)>,
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
        if !committer.is_transactional && api_version < COMMIT_SINCE {
            return Err(ErrorCode::UnsupportedVersion);
        }
        // TxnOffsetCommit has no code of its own for members of an earlier epoch.
        let stale = if committer.is_transactional {
            ErrorCode::IllegalGeneration
        } else {
            ErrorCode::StaleMemberEpoch
        };
        let topology = self.topology.as_deref();
        let may = |(topic, index): (&StrBytes, i32)| {
            let subtopology = topology.and_then(|topology| topology.reader_of(topic));
            let since = subtopology.and_then(|id| member.assignment_epoch(id, index));
            since.is_some_and(|since| epoch >= since)
        };
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
        if member.epoch == epoch { Ok(()) } else { Err(ErrorCode::StaleMemberEpoch) }
    }
}
