//! What the decisions on streams groups have in common.

use super::{StreamsGroup, rebalance_key, session_key};
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::Step;
use crate::group::GroupState;
use crate::record::{GroupRecord, StreamsRecord};
use crate::settings::{GroupSettings, StreamsTiming};
use klamm_protocol::StrBytes;
use klamm_protocol::coordinator::group::StreamsGroupMetadataValue;
use klamm_protocol::coordinator::group::streams_group_metadata::LastAssignmentConfig;
use std::collections::BTreeMap;

/// A streams group as it will be: each record of the decision is written down and carried out on the draft at once, so
/// that what follows sees it.
pub(super) struct Draft<'a> {
    pub(super) id: StrBytes,
    pub(super) group: StreamsGroup,
    pub(super) settings: &'a GroupSettings,
    pub(super) cluster: &'a dyn Cluster,
    pub(super) step: &'a mut Step,
    pub(super) timing: StreamsTiming,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        id: StrBytes,
        group: StreamsGroup,
        settings: &'a GroupSettings,
        cluster: &'a dyn Cluster,
        step: &'a mut Step,
    ) -> Self {
        let timing = cluster.streams_timing(&id).unwrap_or(settings.streams_timing);
        Self { id, group, settings, cluster, step, timing }
    }
}

impl Draft<'_> {
    pub(super) fn write(&mut self, record: StreamsRecord) {
        self.group.replay(&record);
        self.step.record(GroupRecord::Streams { group: self.id.clone(), record });
    }

    /// Raises the group's epoch.
    pub(super) fn bump_epoch(
        &mut self,
        metadata_hash: i64,
        validated_topology_epoch: i32,
        assignment_configs: &BTreeMap<StrBytes, StrBytes>,
    ) {
        let config = |(key, value): (&StrBytes, &StrBytes)| LastAssignmentConfig {
            key: key.clone(),
            value: value.clone(),
            ..LastAssignmentConfig::default()
        };
        let value = StreamsGroupMetadataValue {
            epoch: self.group.epoch.saturating_add(1),
            metadata_hash,
            validated_topology_epoch,
            last_assignment_configs: Some(assignment_configs.iter().map(config).collect()),
            ..StreamsGroupMetadataValue::default()
        };
        self.write(StreamsRecord::Metadata(Some(Box::new(value))));
    }

    /// Removes a member, which raises the group's epoch.
    pub(super) fn remove(&mut self, id: &StrBytes) {
        self.write(StreamsRecord::CurrentMember(id.clone(), None));
        self.write(StreamsRecord::TargetMember(id.clone(), None));
        self.write(StreamsRecord::Member(id.clone(), None));
        let configs = self.group.assignment_configs.clone();
        self.bump_epoch(self.group.metadata_hash, self.group.validated_topology_epoch, &configs);
        self.step.cancel_timer(session_key(&self.id, id));
        self.step.cancel_timer(rebalance_key(&self.id, id));
    }
}

impl GroupCoordinator {
    /// A member's session is over, or its time for giving up tasks.
    pub(crate) fn streams_timer_fired(
        &self,
        cluster: &dyn Cluster,
        (id, member_id): (&StrBytes, &StrBytes),
        only_unrevoked: bool,
        step: &mut Step,
    ) {
        let Some(GroupState::Streams(group)) = self.state().group(id) else { return };
        let Some(member) = group.members.get(member_id) else { return };
        if !only_unrevoked || member.state == super::MemberState::UnrevokedTasks {
            let group = StreamsGroup::clone(group);
            Draft::new(id.clone(), group, self.settings(), cluster, step).remove(member_id);
        }
    }
}
