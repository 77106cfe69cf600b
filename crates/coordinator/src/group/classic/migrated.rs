//! A classic group that takes the place of a consumer group whose members all speak the classic protocol (KIP-848).

use super::{CONSUMER_PROTOCOL_TYPE, Classic, Member, State};
use crate::effect::Step;
use crate::record::GroupRecord;
use crate::settings::GroupSettings;
use bytes::Bytes;
use klamm_protocol::StrBytes;
use std::collections::BTreeMap;

impl Classic {
    /// The group of these members, stable in the generation that is the consumer group's epoch. `assignment` gives a
    /// member's, in the form of the subscription that goes with the group's protocol.
    pub(crate) fn migrated(
        (id, generation): (StrBytes, i32),
        members: Vec<Member>,
        now_ms: i64,
        assignment: impl Fn(&Member, &Bytes) -> Bytes,
    ) -> Self {
        let mut group = Self::new(id, now_ms);
        group.state = State::Stable;
        group.previous_state = State::PreparingRebalance;
        group.generation = generation;
        members.into_iter().for_each(|member| group.insert(member));
        group.protocol_type = Some(StrBytes::from(CONSUMER_PROTOCOL_TYPE));
        group.protocol_name = group.choose_protocol();
        group.subscribed_topics = group.read_subscribed_topics();
        let protocol = group.protocol_name.clone();
        for member in group.members.values_mut() {
            member.assignment = assignment(member, &member.metadata(protocol.as_ref()));
        }
        group
    }

    /// Notes the group, and has its members' sessions begin. With `must_rebalance` they have to rejoin.
    pub(crate) fn begin_migrated(&mut self, must_rebalance: bool, settings: &GroupSettings, step: &mut Step) {
        let assignments: BTreeMap<_, _> =
            self.members.values().map(|member| (member.id.clone(), member.assignment.clone())).collect();
        step.record(GroupRecord::group_metadata(self.id.clone(), self.to_record(&assignments)));
        for member in self.members.values() {
            self.set_heartbeat_timer(member, step);
        }
        if must_rebalance {
            self.prepare_rebalance(settings, step);
        }
    }

    /// The last generation.
    pub(crate) const fn generation(&self) -> i32 {
        self.generation
    }

    /// The protocol of the last generation, or of the next one if there has been none.
    pub(crate) fn current_protocol(&self) -> Option<StrBytes> {
        self.protocol_name.clone().or_else(|| self.choose_protocol())
    }
}
