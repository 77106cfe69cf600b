//! What the decisions on streams groups have in common.

use super::assignor::{Worker, Workload, assign};
use super::configured::Configured;
use super::tasks::TaskSets;
use super::{Member, MemberState, StreamsGroup, rebalance_key, session_key};
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::{Step, TimerKey};
use crate::group::refusal::Refusal;
use crate::group::{GroupState, draft};
use crate::java_hash::table_order;
use crate::record::{GroupRecord, StreamsRecord};
use crate::settings::{GroupSettings, StreamsTiming};
use klamm_protocol::coordinator::group::streams_group_metadata::LastAssignmentConfig;
use klamm_protocol::coordinator::group::{
    StreamsGroupMetadataValue, StreamsGroupTargetAssignmentMetadataValue,
};
use klamm_protocol::{ErrorCode, StrBytes};
use std::collections::BTreeMap;

/// The group config that the target assignment goes by, as its records call it.
const NUM_STANDBY_REPLICAS: &str = "num.standby.replicas";

/// See [`draft::Draft`].
pub(super) type Draft<'a> = draft::Draft<'a, StreamsGroup>;

impl draft::Written for StreamsGroup {
    type Record = StreamsRecord;
    type Timing = StreamsTiming;

    fn replay(&mut self, record: &StreamsRecord) {
        Self::replay(self, record);
    }

    fn record_of(group: StrBytes, record: StreamsRecord) -> GroupRecord {
        GroupRecord::Streams { group, record }
    }

    fn timing(id: &str, cluster: &dyn Cluster, settings: &GroupSettings) -> StreamsTiming {
        cluster.streams_timing(id).unwrap_or(settings.streams_timing)
    }
}

impl Draft<'_> {
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

    /// The group's configs that the target assignment goes by, as they are now.
    pub(super) fn assignment_configs(&self) -> BTreeMap<StrBytes, StrBytes> {
        let standbys = StrBytes::from(self.timing.num_standby_replicas.to_string());
        BTreeMap::from([(StrBytes::from(NUM_STANDBY_REPLICAS), standbys)])
    }

    /// Computes the target assignment of the group's epoch. False: not now, since the last one is too fresh.
    pub(super) fn refresh_target(
        &mut self,
        configured: &Configured,
        newcomer: Option<&StrBytes>,
        configs: &BTreeMap<StrBytes, StrBytes>,
    ) -> bool {
        if self.group.target_epoch >= self.group.epoch {
            return true;
        }
        if self.is_fresh(self.group.target_timestamp_ms, self.timing.assignment_interval_ms) {
            return false;
        }
        for (member, target) in self.compute_target(configured, newcomer, configs) {
            if self.group.target.get(&member).is_none_or(|before| **before != target) {
                self.write(StreamsRecord::TargetMember(member, Some(Box::new(target.to_target()))));
            }
        }
        let value = StreamsGroupTargetAssignmentMetadataValue {
            assignment_epoch: self.group.epoch,
            assignment_timestamp: self.step.now_ms,
            ..StreamsGroupTargetAssignmentMetadataValue::default()
        };
        self.write(StreamsRecord::TargetMetadata(Some(value)));
        true
    }

    fn compute_target(
        &self,
        configured: &Configured,
        newcomer: Option<&StrBytes>,
        configs: &BTreeMap<StrBytes, StrBytes>,
    ) -> BTreeMap<StrBytes, TaskSets> {
        let known = configured.subtopologies.as_ref().filter(|_| configured.problem.is_none());
        let Some(known) = known else {
            return self.group.members.keys().map(|id| (id.clone(), TaskSets::default())).collect();
        };
        let workloads: Vec<Workload> = known
            .iter()
            .map(|(id, subtopology)| Workload {
                id: id.clone(),
                task_count: subtopology.task_count,
                is_stateful: !subtopology.state_changelog_topics.is_empty(),
            })
            .collect();
        let mut ids: Vec<&StrBytes> = self.group.members.keys().collect();
        ids.sort_by_cached_key(|id| table_order(id));
        if let Some(newcomer) = newcomer {
            ids.retain(|id| *id != newcomer);
            ids.push(newcomer);
        }
        let worker = |id: &StrBytes| Worker {
            id: id.clone(),
            process: self.group.members.get(id).map(|member| member.process_id.clone()).unwrap_or_default(),
            last: self.group.target.get(id).map(|target| TaskSets::clone(target)).unwrap_or_default(),
        };
        let standbys = configs.get(NUM_STANDBY_REPLICAS).and_then(|count| count.parse().ok()).unwrap_or(0);
        assign(&workloads, ids.into_iter().map(worker).collect(), standbys)
    }

    pub(super) fn set_session_timer(&mut self, member: &StrBytes) {
        let timeout_ms = self.timing.session_timeout_ms;
        self.step.set_timer(session_key(&self.id, member), timeout_ms.into());
    }

    pub(super) fn set_rebalance_timer(&mut self, id: &StrBytes, member: &Member) {
        let key = rebalance_key(&self.id, id);
        if member.state == MemberState::UnrevokedTasks {
            self.step.set_timer(key, member.rebalance_timeout_ms.into());
        } else {
            self.step.cancel_timer(key);
        }
    }

    pub(super) fn set_first_assignment_timer(&mut self, delay_ms: i32) {
        let key = TimerKey::StreamsInitialRebalance { group: self.id.clone() };
        self.step.set_timer(key, delay_ms.into());
    }

    pub(super) fn unknown_member(&self, id: &str) -> Refusal {
        let message = format!("Member {id} is not a member of group {}.", self.id);
        Refusal::new(ErrorCode::UnknownMemberId, message)
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
        if !only_unrevoked || member.state == MemberState::UnrevokedTasks {
            let group = StreamsGroup::clone(group);
            Draft::new(id.clone(), group, self.settings(), cluster, step).remove(member_id);
        }
    }
}
