//! DeleteGroups (key 42), v0-2: removes groups without members, with their offsets.

use crate::coordinator::GroupCoordinator;
use crate::effect::Step;
use crate::record::GroupRecord;
use klamm_protocol::api::delete_groups::DeletableGroupResult;
use klamm_protocol::{ErrorCode, StrBytes};

impl GroupCoordinator {
    /// Deletes one group.
    pub(crate) fn delete_group(&self, id: &StrBytes, step: &mut Step) -> DeletableGroupResult {
        let error = match self.group(id) {
            None => ErrorCode::GroupIdNotFound,
            Some(group) if !group.is_empty() => ErrorCode::NonEmptyGroup,
            Some(group) => {
                for (topic, partition) in self.state().offsets().partitions_of(id) {
                    step.record(GroupRecord::offset_tombstone(id.clone(), topic, partition));
                }
                group.tombstones(id).into_iter().for_each(|record| step.record(record));
                ErrorCode::None
            }
        };
        DeletableGroupResult { group_id: id.clone(), error_code: error.code(), ..Default::default() }
    }
}
