//! A member of a consumer group (KIP-848): what its heartbeats say, and what follows from the answers.
//!
//! Pure. The task in [`super::heartbeats`] exchanges the heartbeats; the consumer tells what it is subscribed to and
//! which partitions it has, and is told its target assignment. A heartbeat says only what has changed since the last one
//! that was answered; after a failure it says everything again.

use std::collections::{BTreeMap, BTreeSet};

use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::consumer_group_heartbeat::{
        ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatRequestTopicPartitions,
        ConsumerGroupHeartbeatResponse,
    },
};

/// Partitions by topic id.
pub(super) type ById = BTreeMap<Uuid, BTreeSet<i32>>;

/// Epoch of a member that wants to join.
const JOINING: i32 = 0;
/// Epoch of a member that leaves.
const LEAVING: i32 = -1;
/// Epoch of a static member that leaves for a while and keeps its assignment.
const LEAVING_STATIC: i32 = -2;

/// What a member is and never changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Fixed {
    pub(super) group_id: StrBytes,
    pub(super) instance_id: Option<StrBytes>,
    pub(super) rack_id: Option<StrBytes>,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) server_assignor: Option<StrBytes>,
}

/// What a member wants to read: topics, and a regular expression that the coordinator evaluates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) topics: BTreeSet<StrBytes>,
    pub(super) regex: Option<StrBytes>,
}

/// What an answer means for the consumer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The member has this epoch.
    Epoch,
    /// It has this epoch, and these partitions are to be its own.
    Target(ById),
    /// The coordinator knows it no more: its partitions are lost, and it joins again.
    Fenced,
    /// It is over.
    Fatal(ErrorCode, Option<String>),
    /// Try again, with another coordinator if `true`.
    Again(bool),
}

#[derive(Debug, Default)]
pub(super) struct Member {
    fixed: Fixed,
    pub(super) id: StrBytes,
    pub(super) epoch: i32,
    pub(super) wanted: Wanted,
    /// What the consumer has, once it has given up what it was to give up.
    pub(super) owned: ById,
    said: Option<(Wanted, ById)>,
}

impl Member {
    pub(super) fn new(fixed: Fixed, id: StrBytes) -> Self {
        Self { fixed, id, ..Self::default() }
    }

    /// Whether there is something to say before the next heartbeat is due.
    pub(super) fn has_something_to_say(&self) -> bool {
        self.said.as_ref().is_none_or(|(wanted, owned)| *wanted != self.wanted || *owned != self.owned)
    }

    /// The next heartbeat, and what the coordinator knows when it has answered.
    pub(super) fn heartbeat(&self) -> (ConsumerGroupHeartbeatRequest, (Wanted, ById)) {
        let joins = self.epoch == JOINING;
        let said = self.said.as_ref().filter(|_| !joins);
        let is_new_wish = said.is_none_or(|(wanted, _)| *wanted != self.wanted);
        let is_new_property = said.is_none_or(|(_, owned)| *owned != self.owned);
        let had_regex = said.is_some_and(|(wanted, _)| wanted.regex.is_some());
        let fixed = &self.fixed;
        let owned = self.owned.iter().map(|(topic_id, partitions)| {
            let partitions = partitions.iter().copied().collect();
            ConsumerGroupHeartbeatRequestTopicPartitions {
                topic_id: *topic_id,
                partitions,
                ..Default::default()
            }
        });
        let request = ConsumerGroupHeartbeatRequest {
            group_id: fixed.group_id.clone(),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            instance_id: fixed.instance_id.clone(),
            rack_id: fixed.rack_id.clone().filter(|_| said.is_none()),
            rebalance_timeout_ms: if said.is_none() { fixed.rebalance_timeout_ms } else { -1 },
            subscribed_topic_names: is_new_wish.then(|| self.wanted.topics.iter().cloned().collect()),
            // An empty one takes the earlier one back.
            subscribed_topic_regex: match &self.wanted.regex {
                Some(regex) if is_new_wish => Some(regex.clone()),
                None if had_regex && is_new_wish => Some(StrBytes::default()),
                _ => None,
            },
            server_assignor: fixed.server_assignor.clone().filter(|_| said.is_none()),
            topic_partitions: is_new_property.then(|| owned.collect()),
            ..Default::default()
        };
        (request, (self.wanted.clone(), self.owned.clone()))
    }

    /// The heartbeat that leaves the group.
    pub(super) fn farewell(&self) -> ConsumerGroupHeartbeatRequest {
        let epoch = if self.fixed.instance_id.is_some() { LEAVING_STATIC } else { LEAVING };
        ConsumerGroupHeartbeatRequest {
            group_id: self.fixed.group_id.clone(),
            member_id: self.id.clone(),
            member_epoch: epoch,
            instance_id: self.fixed.instance_id.clone(),
            ..Default::default()
        }
    }

    /// Takes an answer in. `said` is what the heartbeat told.
    pub(super) fn take(&mut self, answer: &ConsumerGroupHeartbeatResponse, said: (Wanted, ById)) -> News {
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => {}
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId => {
                self.join_anew();
                return News::Fenced;
            }
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.said = None;
                return News::Again(true);
            }
            code if code.is_retriable() && code != ErrorCode::InvalidRegularExpression => {
                self.said = None;
                return News::Again(false);
            }
            code => {
                self.said = None;
                return News::Fatal(code, answer.error_message.as_ref().map(ToString::to_string));
            }
        }
        if let Some(id) = answer.member_id.clone().filter(|id| !id.is_empty()) {
            self.id = id;
        }
        self.epoch = answer.member_epoch;
        self.said = Some(said);
        match &answer.assignment {
            None => News::Epoch,
            Some(assignment) => {
                let mut target = ById::new();
                for topic in &assignment.topic_partitions {
                    target.entry(topic.topic_id).or_default().extend(&topic.partitions);
                }
                News::Target(target)
            }
        }
    }

    /// Begins outside the group, with nothing.
    pub(super) fn join_anew(&mut self) {
        self.epoch = JOINING;
        self.owned.clear();
        self.said = None;
    }

    /// An answer did not come: whether the coordinator has heard us is not known.
    pub(super) fn lost_answer(&mut self) {
        self.said = None;
    }
}

#[cfg(test)]
mod tests;
