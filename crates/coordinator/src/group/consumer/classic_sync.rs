//! SyncGroup (key 14) and Heartbeat (key 12) to a consumer group (KIP-848): how members that speak the classic protocol
//! get their partitions, and hear that they have to rejoin.

use super::decide::{join_key, session_key, sync_key};
use super::member::Member;
use super::{ConsumerGroup, MemberState};
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::Step;
use crate::group::GroupState;
use crate::group::assignor::Assignment;
use crate::group::classic::CONSUMER_PROTOCOL_TYPE;
use crate::group::embedded;
use klamm_protocol::api::heartbeat::HeartbeatRequest;
use klamm_protocol::api::sync_group::{SyncGroupRequest, SyncGroupResponse};
use klamm_protocol::coordinator::group::consumer_group_member_metadata::ClassicMemberMetadata;
use klamm_protocol::{ErrorCode, StrBytes};

impl GroupCoordinator {
    /// Decides on a SyncGroup to a consumer group.
    pub(crate) fn sync_consumer_group(
        &self,
        cluster: &dyn Cluster,
        request: &SyncGroupRequest,
        step: &mut Step,
    ) -> Result<SyncGroupResponse, ErrorCode> {
        let Some(GroupState::Consumer(group)) = self.state().group(&request.group_id) else {
            return Err(ErrorCode::UnknownMemberId);
        };
        let (group_id, id) = (&request.group_id, &request.member_id);
        let (member, classic) =
            group.classic_member(id, request.group_instance_id.as_ref(), request.generation_id)?;
        let protocol = classic.supported_protocols.first();
        let differs = |ours: Option<&str>, theirs: Option<&StrBytes>| {
            theirs.is_some_and(|theirs| ours != Some(&**theirs))
        };
        if differs(Some(CONSUMER_PROTOCOL_TYPE), request.protocol_type.as_ref())
            || differs(protocol.map(|protocol| &*protocol.name), request.protocol_name.as_ref())
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        // A member that is giving up partitions has rejoined already; it is told again when it has done so.
        if group.target_epoch > member.epoch && member.state != MemberState::UnrevokedPartitions {
            step.set_timer_if_absent(join_key(group_id, id), member.rebalance_timeout_ms.into());
            return Err(ErrorCode::RebalanceInProgress);
        }
        step.cancel_timer(sync_key(group_id, id));
        step.set_timer(session_key(group_id, id), classic.session_timeout_ms.into());
        let assigned: Assignment = member
            .assigned
            .iter()
            .map(|(topic, indexes)| (*topic, indexes.keys().copied().collect()))
            .collect();
        let subscription = protocol.map(|protocol| protocol.metadata.clone()).unwrap_or_default();
        Ok(SyncGroupResponse {
            protocol_type: request.protocol_type.clone(),
            protocol_name: request.protocol_name.clone(),
            assignment: embedded::write_assignment(&assigned, &subscription, cluster),
            ..SyncGroupResponse::default()
        })
    }

    /// Decides on a Heartbeat to a consumer group.
    pub(crate) fn heartbeat_consumer_group(
        &self,
        request: &HeartbeatRequest,
        step: &mut Step,
    ) -> Result<(), ErrorCode> {
        let Some(GroupState::Consumer(group)) = self.state().group(&request.group_id) else {
            return Err(ErrorCode::UnknownMemberId);
        };
        let (group_id, id) = (&request.group_id, &request.member_id);
        let (member, classic) =
            group.classic_member(id, request.group_instance_id.as_ref(), request.generation_id)?;
        step.set_timer(session_key(group_id, id), classic.session_timeout_ms.into());
        let must_rejoin = match member.state {
            _ if member.epoch < group.target_epoch => true,
            MemberState::UnrevokedPartitions => true,
            MemberState::UnreleasedPartitions => !group.is_waiting(id, member),
            MemberState::Stable | MemberState::Unknown => false,
        };
        if must_rejoin {
            step.set_timer_if_absent(join_key(group_id, id), member.rebalance_timeout_ms.into());
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }
}

impl ConsumerGroup {
    /// The member whom a classic request names, if it speaks the classic protocol and is in that generation.
    fn classic_member(
        &self,
        id: &StrBytes,
        instance: Option<&StrBytes>,
        generation: i32,
    ) -> Result<(&Member, &ClassicMemberMetadata), ErrorCode> {
        if let Some(instance) = instance {
            let (holder, _) = self.static_member(instance).ok_or(ErrorCode::UnknownMemberId)?;
            if holder != id {
                return Err(ErrorCode::FencedInstanceId);
            }
        }
        let member = self.member(id).ok_or(ErrorCode::UnknownMemberId)?;
        let classic = member.classic.as_ref().ok_or(ErrorCode::UnknownMemberId)?;
        if member.epoch == generation { Ok((member, classic)) } else { Err(ErrorCode::IllegalGeneration) }
    }

    /// Whether partitions of the member's target are still with others.
    fn is_waiting(&self, id: &StrBytes, member: &Member) -> bool {
        self.target_of(id).iter().any(|(topic, indexes)| {
            let assigned = member.assigned.get(topic);
            let has = |index: &i32| assigned.is_some_and(|assigned| assigned.contains_key(index));
            indexes.iter().any(|index| !has(index) && self.owned.contains_key(&(*topic, *index)))
        })
    }
}
