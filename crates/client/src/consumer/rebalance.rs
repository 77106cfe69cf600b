//! The consumer's side of group membership: when to join, what to give up, when to commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use klamm_io::{Instant, spawn};
use klamm_protocol::ErrorCode;

use super::{
    Consumer, Event, OffsetAndMetadata, Subscription,
    group::{self, HeartbeatNews, Identity, JoinFailed, JoinOrder, Joined, Pulse},
    offsets,
    partitions::Place,
    reconcile::Reconciling,
};
use crate::{ClientError, TopicPartition};

/// A change of the assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RebalanceEvent {
    /// These partitions are ours from now on, beside those that were.
    Assigned(BTreeSet<TopicPartition>),
    /// These partitions are given up; their positions have been committed if that is done automatically.
    Revoked(BTreeSet<TopicPartition>),
    /// These partitions were taken from us; another member may be reading them.
    Lost(BTreeSet<TopicPartition>),
}

/// Where we stand with the group.
#[derive(Default)]
pub(super) struct Membership {
    pub(super) identity: Identity,
    pub(super) wants_join: bool,
    is_joining: bool,
    pulse: Option<Arc<Pulse>>,
    /// For the leader: partition counts that the assignment was made for.
    watched: Option<BTreeMap<Arc<str>, usize>>,
    /// With `group.protocol=consumer`.
    pub(super) reconciling: Reconciling,
}

impl Membership {
    pub(super) fn polled(&self, now: Instant) {
        if let Some(pulse) = &self.pulse {
            pulse.polled(now);
        }
        if let Some(heart) = &self.reconciling.heart {
            heart.polled(now);
        }
    }

    pub(super) fn stop_heartbeats(&mut self) {
        if let Some(pulse) = self.pulse.take() {
            pulse.stop();
        }
    }
}

impl Consumer {
    /// Starts joining if that is due.
    pub(super) async fn keep_membership(&mut self) {
        let Some(group_id) = self.settings.group_id.clone() else { return };
        let is_managed = !matches!(self.subscription, Subscription::None | Subscription::Manual);
        if self.settings.is_consumer_protocol {
            if is_managed {
                self.keep_member(group_id).await;
            }
            return;
        }
        let now = self.cluster.clock().now();
        let may_join = !self.membership.is_joining && self.retry_at.is_none_or(|at| at <= now);
        if !is_managed || !self.membership.wants_join || !may_join || self.topics.is_empty() {
            return;
        }
        // The wait comes first: a poll that is dropped here begins anew the next time.
        if self.settings.auto_commit.is_some() && !self.partitions.is_empty() {
            let _ = self.commit_positions().await;
        }
        self.membership.wants_join = false;
        self.membership.is_joining = true;
        self.membership.stop_heartbeats();
        if !self.settings.is_cooperative() {
            self.give_up_all();
        }
        let order = JoinOrder {
            group_id,
            identity: self.membership.identity.clone(),
            topics: self.topics.iter().cloned().collect(),
            owned: self.partitions.keys(),
            settings: self.settings.clone(),
        };
        let (cluster, events) = (self.cluster.clone(), self.sender.clone());
        spawn::anywhere(async move {
            let joined = group::join(cluster, order, &events).await;
            let _ = events.send(Event::Joined(Box::new(joined)));
        });
    }

    fn give_up_all(&mut self) {
        let owned = self.partitions.keys();
        if !owned.is_empty() {
            self.partitions.assign(&BTreeSet::new());
            self.tell(RebalanceEvent::Revoked(owned));
        }
    }

    pub(super) fn tell(&mut self, event: RebalanceEvent) {
        if let Some(listener) = &mut self.listener {
            listener(event);
        }
    }

    pub(super) async fn take_joined(
        &mut self,
        result: Result<Joined, JoinFailed>,
    ) -> Result<(), ClientError> {
        self.membership.is_joining = false;
        let joined = match result {
            Ok(joined) => joined,
            Err(failed) => return self.take_join_failure(failed),
        };
        self.failures = 0;
        self.retry_at = None;
        self.membership.identity = joined.identity.clone();
        self.membership.watched = joined.watched;
        let before = self.partitions.keys();
        let revoked: BTreeSet<TopicPartition> = before.difference(&joined.assigned).cloned().collect();
        let added: BTreeSet<TopicPartition> = joined.assigned.difference(&before).cloned().collect();
        let mut given_up = self.offsets_to_commit();
        given_up.retain(|partition, _| revoked.contains(partition));
        if joined.assignor.is_cooperative() && !revoked.is_empty() {
            // What was given up here is assigned to another in the round that follows.
            self.membership.wants_join = true;
        }
        self.partitions.assign(&joined.assigned);
        if !revoked.is_empty() {
            self.tell(RebalanceEvent::Revoked(revoked));
        }
        self.tell(RebalanceEvent::Assigned(added));
        self.start_heartbeats();
        if self.settings.auto_commit.is_some() {
            let _ = self.commit_offsets(&given_up).await;
        }
        Ok(())
    }

    fn start_heartbeats(&mut self) {
        let Some(group_id) = self.settings.group_id.clone() else { return };
        let pulse = Arc::new(Pulse::new(self.cluster.clock().now()));
        self.membership.pulse = Some(Arc::clone(&pulse));
        spawn::anywhere(group::heartbeat(
            self.cluster.clone(),
            group_id,
            self.membership.identity.clone(),
            self.settings.clone(),
            pulse,
            self.sender.clone(),
        ));
    }

    fn take_join_failure(&mut self, failed: JoinFailed) -> Result<(), ClientError> {
        self.membership.identity = failed.identity;
        self.membership.wants_join = true;
        let error = failed.error;
        match error.code() {
            Some(ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration) => Ok(()),
            Some(ErrorCode::UnknownMemberId) => {
                self.lose_all();
                Ok(())
            }
            _ => {
                self.pause_after_failure();
                let passes = error.is_retriable() || matches!(error, ClientError::Unreachable { .. });
                if passes { Ok(()) } else { Err(error) }
            }
        }
    }

    pub(super) fn lose_all(&mut self) {
        let owned = self.partitions.keys();
        if !owned.is_empty() {
            self.partitions.assign(&BTreeSet::new());
            self.tell(RebalanceEvent::Lost(owned));
        }
    }

    pub(super) fn take_heartbeat(
        &mut self,
        identity: &Identity,
        news: HeartbeatNews,
    ) -> Result<(), ClientError> {
        if *identity != self.membership.identity {
            return Ok(());
        }
        self.membership.wants_join = true;
        match news {
            HeartbeatNews::Rebalance => {}
            HeartbeatNews::Lost(code) => {
                self.forget_generation(code == ErrorCode::UnknownMemberId);
                self.lose_all();
            }
            HeartbeatNews::Left => {
                self.forget_generation(true);
                self.lose_all();
            }
            HeartbeatNews::Fenced => {
                self.membership.wants_join = false;
                self.lose_all();
                return Err(ClientError::Broker { code: ErrorCode::FencedInstanceId, message: None });
            }
        }
        Ok(())
    }

    fn forget_generation(&mut self, and_member: bool) {
        self.membership.identity.generation = -1;
        if and_member {
            self.membership.identity.member_id.clear();
        }
        self.membership.stop_heartbeats();
    }

    /// Joins again when topics that the subscription matches, or their partition counts, have changed.
    pub(super) fn look_at_metadata(&mut self) {
        let metadata = self.cluster.metadata();
        if let Subscription::Matching(matches) = &self.subscription {
            let exclude_internal = self.settings.exclude_internal;
            let topics: BTreeSet<Arc<str>> = metadata
                .topics
                .values()
                .filter(|topic| !(exclude_internal && topic.is_internal) && matches(&topic.name))
                .map(|topic| Arc::clone(&topic.name))
                .collect();
            if topics != self.topics {
                self.topics = topics;
                self.membership.wants_join = true;
            }
        }
        if let Some(watched) = &self.membership.watched {
            let count = |topic: &Arc<str>| metadata.topics.get(topic).map(|topic| topic.partitions.len());
            if watched.iter().any(|(topic, before)| count(topic).is_some_and(|now| now != *before)) {
                self.membership.wants_join = true;
            }
        }
    }

    /// Starts a commit in the background when it is due.
    pub(super) fn keep_committing(&mut self) {
        let Some(interval) = self.settings.auto_commit else { return };
        if self.membership.is_joining {
            // Positions were committed before; the generation they belong to may be over any moment.
            return;
        }
        let now = self.cluster.clock().now();
        let due = *self.next_commit.get_or_insert(now + interval);
        if now < due || self.is_committing {
            return;
        }
        self.next_commit = Some(now + interval);
        let offsets = self.offsets_to_commit();
        let Some(group_id) = self.settings.group_id.clone().filter(|_| !offsets.is_empty()) else { return };
        self.is_committing = true;
        let (cluster, events) = (self.cluster.clone(), self.sender.clone());
        let (identity, settings) = (self.membership.identity.clone(), self.settings.clone());
        let current = self.current_identity();
        spawn::anywhere(async move {
            let limit = cluster.request_timeout();
            let instance = settings.instance_id.as_deref();
            let result = offsets::commit(&cluster, &group_id, current, instance, &offsets, limit).await;
            let _ = events.send(Event::Committed(identity, result));
        });
    }

    pub(super) fn after_commit_error(&mut self, identity: &Identity, error: &ClientError) {
        let is_old = *identity != self.membership.identity || self.membership.is_joining;
        if is_old || self.settings.is_consumer_protocol {
            // It was sent in an earlier generation, of which we know that it is over; or the heartbeats find out.
            return;
        }
        match error.code() {
            Some(code @ (ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration)) => {
                self.forget_generation(code == ErrorCode::UnknownMemberId);
                self.lose_all();
                self.membership.wants_join = true;
            }
            Some(ErrorCode::RebalanceInProgress) => self.membership.wants_join = true,
            _ => {}
        }
    }

    pub(super) fn offsets_to_commit(&self) -> BTreeMap<TopicPartition, OffsetAndMetadata> {
        let positions = self.partitions.positions();
        let committed = |place: Place| OffsetAndMetadata {
            offset: place.offset,
            leader_epoch: place.epoch,
            metadata: String::new(),
        };
        positions.map(|(partition, place)| (partition.clone(), committed(place))).collect()
    }

    /// Commits the positions of all partitions, and waits for it.
    ///
    /// # Errors
    /// If there is no `group.id` or the coordinator refuses.
    pub async fn commit(&mut self) -> Result<(), ClientError> {
        self.commit_positions().await
    }

    async fn commit_positions(&mut self) -> Result<(), ClientError> {
        let offsets = self.offsets_to_commit();
        self.commit_offsets(&offsets).await
    }

    /// Commits these offsets, and waits for it.
    ///
    /// # Errors
    /// As [`Consumer::commit`].
    pub async fn commit_offsets(
        &mut self,
        offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Result<(), ClientError> {
        let group_id = self.require_group("commit offsets")?.to_owned();
        let instance = self.settings.instance_id.as_deref();
        let limit = self.cluster.api_timeout();
        let identity = self.membership.identity.clone();
        let current = self.current_identity();
        let result = offsets::commit(&self.cluster, &group_id, current, instance, offsets, limit).await;
        if let Err(error) = &result {
            self.after_commit_error(&identity, error);
        }
        result
    }

    /// The committed offsets of these partitions; those that have none are not in the result.
    ///
    /// # Errors
    /// If there is no `group.id` or the coordinator does not answer.
    pub async fn committed(
        &self,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>, ClientError> {
        let group_id = self.require_group("ask for committed offsets")?;
        let member = self.settings.is_consumer_protocol.then(|| self.current_identity()());
        let limit = self.cluster.api_timeout();
        offsets::fetch_as(&self.cluster, group_id, member.as_ref(), Some(partitions), true, limit).await
    }

    /// Commits if that is done automatically, leaves the group and closes the connections.
    pub async fn close(mut self) {
        self.membership.stop_heartbeats();
        let limit = std::time::Duration::from_secs(5);
        let clock = self.cluster.clock();
        if self.settings.auto_commit.is_some() && !self.partitions.is_empty() {
            let _ = clock.timeout(limit, self.commit_positions()).await;
        }
        self.give_up_all();
        while let Ok(event) = self.events.try_recv() {
            match event {
                Event::Named(member_id) => self.membership.identity.member_id = member_id,
                Event::Joined(result) => {
                    self.membership.is_joining = false;
                    self.membership.identity = result.map_or_else(|failed| failed.identity, |j| j.identity);
                }
                _ => {}
            }
        }
        if self.membership.is_joining {
            // Behind a JoinGroup that waits for the other members, nothing else on its connection would be heard.
            self.cluster.close();
        }
        if self.settings.is_consumer_protocol {
            self.leave_consumer_group(limit).await;
        } else if let Some(group_id) = &self.settings.group_id {
            let identity = &self.membership.identity;
            let leave = group::leave(
                &self.cluster,
                group_id,
                identity,
                &self.settings,
                "the consumer is being closed",
            );
            let _ = clock.timeout(limit, leave).await;
        }
        self.cluster.close();
    }
}
