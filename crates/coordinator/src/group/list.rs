//! ListGroups (key 16), v0-5.
//!
//! * v3 groups whose state is known  * v4 filter by state (KIP-518)  * v5 type and filter by type (KIP-848)

use crate::coordinator::GroupCoordinator;
use crate::group::GroupState;
use crate::group::classic::CONSUMER_PROTOCOL_TYPE;
use crate::group::share::SHARE_PROTOCOL_TYPE;
use crate::group::streams;
use crate::group::streams::State::NotReady;
use crate::java_hash::table_order;
use klamm_protocol::StrBytes;
use klamm_protocol::api::list_groups::ListedGroup;

impl GroupCoordinator {
    /// The groups that exist as far as is committed, in the order in which Kafka lists them. Filters are compared without
    /// regard to case; a type that does not exist matches nothing.
    pub(crate) fn list_groups(&self, states: &[StrBytes], types: &[StrBytes]) -> Vec<ListedGroup> {
        let wanted = |filter: &[StrBytes], name: &str| {
            filter.is_empty() || filter.iter().any(|wanted| is_name(wanted.trim(), name))
        };
        let mut listed = Vec::new();
        for (id, state) in self.committed_state().groups() {
            let (group_state, protocol_type) = match state {
                GroupState::Consumer(group) => (group.state().name(), StrBytes::from(CONSUMER_PROTOCOL_TYPE)),
                GroupState::Streams(group) => (group.state().name(), StrBytes::from(streams::PROTOCOL_TYPE)),
                GroupState::Share(group) => (group.state().name(), StrBytes::from(SHARE_PROTOCOL_TYPE)),
                GroupState::Classic(_) => {
                    let Some(group) = self.classic_group(id) else { continue };
                    (group.state().name(), group.protocol_type().cloned().unwrap_or_default())
                }
            };
            if wanted(states, group_state) && wanted(types, state.kind().name()) {
                listed.push(ListedGroup {
                    group_id: id.clone(),
                    protocol_type,
                    group_state: StrBytes::from(group_state),
                    group_type: StrBytes::from(state.kind().name()),
                    ..ListedGroup::default()
                });
            }
        }
        listed.sort_by_cached_key(|group| table_order(&group.group_id));
        listed
    }
}

/// `not_ready` is what Kafka compares the state NotReady with.
fn is_name(wanted: &str, name: &str) -> bool {
    wanted.eq_ignore_ascii_case(name) || name == NotReady.name() && wanted.eq_ignore_ascii_case("not_ready")
}
