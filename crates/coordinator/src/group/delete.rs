//! DeleteGroups (key 42), v0-2: removes groups without members, with their offsets.

use crate::coordinator::GroupCoordinator;
use crate::effect::Step;
use crate::record::GroupRecord;
use klamm_protocol::api::delete_groups::DeletableGroupResult;
use klamm_protocol::{ErrorCode, StrBytes};

impl GroupCoordinator {
    /// Deletes one group.
    pub(crate) fn delete_group(&self, id: &StrBytes, step: &mut Step) -> DeletableGroupResult {
        let checked =
            self.classic_group(id).ok_or(ErrorCode::GroupIdNotFound).and_then(|group| group.check_delete());
        let error = match checked {
            Ok(()) => {
                for (topic, partition) in self.state().offsets().partitions_of(id) {
                    step.record(GroupRecord::offset_tombstone(id.clone(), topic, partition));
                }
                step.record(GroupRecord::group_tombstone(id.clone()));
                ErrorCode::None
            }
            Err(error) => error,
        };
        DeletableGroupResult { group_id: id.clone(), error_code: error.code(), ..Default::default() }
    }
}
