//! DescribeGroups (key 15), v0-6: classic groups, with their members.
//!
//! * v4 static members (KIP-345)  * v6 a group that does not exist is an error (KIP-1043); before, it is `Dead`

use crate::coordinator::GroupCoordinator;
use crate::group::GroupKind;
use crate::group::classic::{Member, State};
use klamm_protocol::api::describe_groups::{DescribedGroup, DescribedGroupMember};
use klamm_protocol::{ErrorCode, StrBytes};

const NOT_FOUND_SINCE: i16 = 6;

impl GroupCoordinator {
    /// Describes one group; what members have said is shown in stable groups only.
    pub(crate) fn describe_group(&self, id: &StrBytes, api_version: i16) -> DescribedGroup {
        let committed = self.committed_state().group(id);
        let is_classic = committed.is_some_and(|group| group.kind() == GroupKind::Classic);
        let Some(group) = self.classic_group(id).filter(|_| is_classic) else {
            return missing(id, api_version, committed.is_some());
        };
        let protocol = group.protocol_name().filter(|_| group.state() == State::Stable);
        let describe = |member: &Member| DescribedGroupMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            member_metadata: protocol.map(|protocol| member.metadata(Some(protocol))).unwrap_or_default(),
            member_assignment: member.assignment.clone(),
            ..DescribedGroupMember::default()
        };
        DescribedGroup {
            group_id: id.clone(),
            group_state: StrBytes::from(group.state().name()),
            protocol_type: group.protocol_type().cloned().unwrap_or_default(),
            protocol_data: protocol.cloned().unwrap_or_default(),
            members: group.members().map(describe).collect(),
            ..DescribedGroup::default()
        }
    }
}

fn missing(id: &StrBytes, api_version: i16, is_other_kind: bool) -> DescribedGroup {
    let mut group =
        DescribedGroup { group_id: id.clone(), group_state: StrBytes::from("Dead"), ..Default::default() };
    if api_version >= NOT_FOUND_SINCE {
        group.error_code = ErrorCode::GroupIdNotFound.code();
        let what = if is_other_kind { "is not a classic group" } else { "not found" };
        group.error_message = Some(StrBytes::from(format!("Group {id} {what}.")));
    }
    group
}
