//! Giving up the state of a share group: DeleteShareGroupOffsets (key 92), v0, DeleteGroups, and the deletion of topics
//! (KIP-932).
//!
//! What is to go is written down as being deleted, then the share coordinator is asked to delete it, and then the note
//! goes, or the group. If something fails in between, the same request finishes it.

use super::decide::Draft;
use super::request::TopicPartitions;
use super::state_partitions::StatePartitions;
use super::{ShareGroup, State};
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::Step;
use crate::group::GroupState;
use klamm_protocol::api::delete_share_group_offsets::{
    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse, DeleteShareGroupOffsetsResponseTopic,
};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use std::collections::BTreeSet;

impl GroupCoordinator {
    /// Before DeleteGroups: the groups that are refused, and the state that goes before a share group does. Groups of
    /// other kinds, and those that do not exist, are not this one's business.
    pub(crate) fn begin_delete_share_groups(
        &self,
        cluster: &dyn Cluster,
        groups: &[StrBytes],
        step: &mut Step,
    ) -> Vec<(StrBytes, Result<TopicPartitions, ErrorCode>)> {
        let mut answers = Vec::new();
        for id in groups {
            let Some(GroupState::Share(group)) = self.state().group(id) else { continue };
            if group.state() != State::Empty {
                answers.push((id.clone(), Err(ErrorCode::NonEmptyGroup)));
                continue;
            }
            if group.state_partitions.is_none() {
                continue;
            }
            let group = ShareGroup::clone(group);
            let partitions =
                Draft::new(id.clone(), group, self.settings(), cluster, step).give_up_everything();
            if !partitions.is_empty() {
                answers.push((id.clone(), Ok(partitions)));
            }
        }
        answers
    }

    /// The topics that are refused, and the partitions whose state goes.
    pub(crate) fn begin_delete_share_offsets(
        &self,
        cluster: &dyn Cluster,
        request: &DeleteShareGroupOffsetsRequest,
        step: &mut Step,
    ) -> Result<(DeleteShareGroupOffsetsResponse, TopicPartitions), (ErrorCode, String)> {
        let id = &request.group_id;
        let group = match self.state().group(id) {
            _ if id.is_empty() => {
                let code = ErrorCode::InvalidGroupId;
                return Err((code, code.default_message().to_owned()));
            }
            None => return Err((ErrorCode::GroupIdNotFound, format!("Group {id} not found."))),
            Some(GroupState::Share(group)) if group.state() == State::Empty => ShareGroup::clone(group),
            Some(GroupState::Share(_)) => {
                let code = ErrorCode::NonEmptyGroup;
                return Err((code, code.default_message().to_owned()));
            }
            Some(_) => {
                return Err((ErrorCode::GroupIdNotFound, format!("Group {id} is not a share group.")));
            }
        };
        let mut response = DeleteShareGroupOffsetsResponse::default();
        let mut going = TopicPartitions::new();
        if group.state_partitions.is_none() {
            return Ok((response, going));
        }
        let mut draft = Draft::new(id.clone(), group, self.settings(), cluster, step);
        let mut state = draft.state_partitions();
        for topic in &request.topics {
            match give_up_topic(&mut state, cluster, &topic.topic_name) {
                Ok((topic_id, partitions)) => drop(going.insert(topic_id, partitions)),
                Err(message) => response.responses.push(DeleteShareGroupOffsetsResponseTopic {
                    topic_name: topic.topic_name.clone(),
                    error_code: ErrorCode::UnknownTopicOrPartition.code(),
                    error_message: Some(StrBytes::from(message)),
                    ..Default::default()
                }),
            }
        }
        draft.write_state_partitions(&state);
        Ok((response, going))
    }

    /// The state of these topics is deleted. If that took so long that it was made anew meanwhile, that state is gone as
    /// well, or may be: the next heartbeat asks for it, which leaves alone what is there.
    pub(crate) fn end_delete_share_offsets(
        &self,
        cluster: &dyn Cluster,
        (id, topics): (&StrBytes, &BTreeSet<Uuid>),
        step: &mut Step,
    ) {
        let Some(GroupState::Share(group)) = self.state().group(id) else { return };
        let Some(state) = &group.state_partitions else { return };
        let mut state = StatePartitions::clone(state);
        for topic in topics {
            state.initializing.remove(topic);
            state.initialized.remove(topic);
            state.deleting.remove(topic);
        }
        let group = ShareGroup::clone(group);
        Draft::new(id.clone(), group, self.settings(), cluster, step).write_state_partitions(&state);
    }

    /// Topics have been deleted, and their state with them: that is the share coordinator's own business.
    pub(crate) fn forget_share_state_of_topics(
        &self,
        cluster: &dyn Cluster,
        topics: &[(StrBytes, Uuid)],
        step: &mut Step,
    ) {
        for (id, group) in self.state().groups() {
            let GroupState::Share(group) = group else { continue };
            let Some(before) = &group.state_partitions else { continue };
            let mut state = StatePartitions::clone(before);
            for (_, topic) in topics {
                state.initializing.remove(topic);
                state.initialized.remove(topic);
                state.deleting.remove(topic);
            }
            if state != **before {
                let group = ShareGroup::clone(group);
                Draft::new(id.clone(), group, self.settings(), cluster, step).write_state_partitions(&state);
            }
        }
    }
}

impl Draft<'_> {
    /// Writes down that all state of the group is deleted. Which that is, leftovers of earlier attempts included.
    fn give_up_everything(&mut self) -> TopicPartitions {
        let state = self.state_partitions();
        let mut going = TopicPartitions::new();
        for (id, topic) in state.initialized.iter().chain(&state.initializing) {
            // A topic that was deleted while no coordinator heard of it: no state of it can be, and it is in nobody's way.
            if self.cluster.partition_count(*id).is_none() {
                continue;
            }
            going.entry(*id).or_default().extend(&topic.partitions);
        }
        for topic in &state.deleting {
            if let Some(count) = self.cluster.partition_count(*topic) {
                going.entry(*topic).or_default().extend(0..count);
            }
        }
        let deleting = going.keys().copied().collect();
        self.write_state_partitions(&StatePartitions { deleting, ..Default::default() });
        going
    }
}

/// The topic's id and the partitions whose state goes; if there is none, why.
fn give_up_topic(
    state: &mut StatePartitions,
    cluster: &dyn Cluster,
    name: &str,
) -> Result<(Uuid, BTreeSet<i32>), &'static str> {
    let Some(id) = cluster.id(name) else { return Err(ErrorCode::UnknownTopicOrPartition.default_message()) };
    // What is asked for may be made before the deletion is carried out, and then it goes too.
    let noted = [state.initialized.remove(&id), state.initializing.remove(&id)];
    let going: BTreeSet<i32> = noted.into_iter().flatten().flat_map(|topic| topic.partitions).collect();
    if !going.is_empty() {
        state.deleting.insert(id);
        return Ok((id, going));
    }
    if state.deleting.contains(&id) {
        return Ok((id, (0..cluster.partition_count(id).unwrap_or(0)).collect()));
    }
    Err("There is no offset information to delete.")
}
