//! What the decisions on share groups have in common.

use super::ShareGroup;
use super::member::Member;
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::{Step, TimerKey};
use crate::group::{GroupState, draft};
use crate::record::{GroupRecord, ShareRecord};
use crate::settings::{GroupSettings, ShareTiming};
use crate::topic_hash::group_hash;
use klamm_protocol::StrBytes;
use klamm_protocol::coordinator::group::ShareGroupMetadataValue;
use std::collections::BTreeSet;
use std::sync::Arc;

/// See [`draft::Draft`].
pub(super) type Draft<'a> = draft::Draft<'a, ShareGroup>;

impl draft::Written for ShareGroup {
    type Record = ShareRecord;
    type Timing = ShareTiming;

    fn replay(&mut self, record: &ShareRecord) {
        Self::replay(self, record);
    }

    fn record_of(group: StrBytes, record: ShareRecord) -> GroupRecord {
        GroupRecord::Share { group, record }
    }

    fn timing(id: &str, cluster: &dyn Cluster, settings: &GroupSettings) -> ShareTiming {
        cluster.share_timing(id).unwrap_or(settings.share_timing)
    }
}

impl Draft<'_> {
    /// Raises the group's epoch if asked to, or if the subscribed topics have changed. Whether it has.
    pub(super) fn refresh_epoch(&mut self, must_bump: bool) -> bool {
        let names = self.group.subscribed_names().into_iter();
        let metadata_hash = group_hash(names.filter_map(|name| self.cluster.topic_hash(name)));
        let bumps = must_bump || metadata_hash != self.group.metadata_hash;
        if bumps {
            let epoch = self.group.epoch.saturating_add(1);
            let value = ShareGroupMetadataValue { epoch, metadata_hash, ..Default::default() };
            self.write(ShareRecord::Metadata(Some(value)));
        }
        bumps
    }

    /// Removes a member, which raises the group's epoch.
    pub(super) fn remove(&mut self, member: &StrBytes) {
        self.write(ShareRecord::CurrentMember(member.clone(), None));
        self.write(ShareRecord::TargetMember(member.clone(), None));
        self.write(ShareRecord::Member(member.clone(), None));
        self.refresh_epoch(true);
        self.step.cancel_timer(session_key(&self.id, member));
    }
}

impl ShareGroup {
    /// Starts the members' sessions after a change of leader.
    pub(crate) fn loaded(&self, id: &StrBytes, timing: ShareTiming, step: &mut Step) {
        for member in self.members.keys() {
            step.set_timer(session_key(id, member), timing.session_timeout_ms.into());
        }
    }

    pub(super) fn member(&self, id: &str) -> Option<&Arc<Member>> {
        self.members.get(id)
    }

    pub(super) fn subscribed_names(&self) -> BTreeSet<&StrBytes> {
        self.members.values().flat_map(|member| &member.topics).collect()
    }

    /// The records that delete the group.
    pub(crate) fn tombstones(&self) -> Vec<ShareRecord> {
        let ids = || self.members.keys().cloned();
        let mut records: Vec<_> = ids().map(|id| ShareRecord::CurrentMember(id, None)).collect();
        records.extend(ids().map(|id| ShareRecord::TargetMember(id, None)));
        records.push(ShareRecord::TargetMetadata(None));
        records.extend(ids().map(|id| ShareRecord::Member(id, None)));
        records.push(ShareRecord::StatePartitions(None));
        records.push(ShareRecord::Metadata(None));
        records
    }
}

pub(super) fn session_key(group: &StrBytes, member: &StrBytes) -> TimerKey {
    TimerKey::ShareSession { group: group.clone(), member: member.clone() }
}

impl GroupCoordinator {
    /// A member's session is over.
    pub(crate) fn share_session_over(
        &self,
        cluster: &dyn Cluster,
        (id, member): (&StrBytes, &StrBytes),
        step: &mut Step,
    ) {
        let Some(GroupState::Share(group)) = self.state().group(id) else { return };
        if group.member(member).is_some() {
            let group = ShareGroup::clone(group);
            Draft::new(id.clone(), group, self.settings(), cluster, step).remove(member);
        }
    }
}
