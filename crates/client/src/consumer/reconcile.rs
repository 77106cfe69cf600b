//! The consumer's side of membership in a consumer group (KIP-848): it gives up what its target assignment does not
//! have, commits before that if it commits automatically, takes what is new, and only then says what it has.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use klamm_io::spawn;
use klamm_protocol::{StrBytes, Uuid};

use super::{
    Consumer, RebalanceEvent, Subscription,
    group::Identity,
    heartbeats::{self, Heart, HeartNews},
    member::{ById, Fixed, Member, Wanted},
};
use crate::{ClientError, TopicPartition};

/// What the consumer remembers of its membership in a consumer group.
#[derive(Default)]
pub(super) struct Reconciling {
    pub(super) heart: Option<Arc<Heart>>,
    /// The life of the member that our partitions belong to.
    pub(super) life: u64,
    /// What we are to have, as long as we do not have exactly that.
    target: Option<ById>,
    /// Topics of the target whose names we do not know.
    pub(super) unnamed: BTreeSet<Uuid>,
}

impl Consumer {
    /// Joins if that is due, says what has changed in the subscription, and works on the target assignment.
    pub(super) async fn keep_member(&mut self, group_id: String) {
        let has_wish = !self.topics.is_empty() || matches!(self.subscription, Subscription::Pattern(_));
        if self.membership.wants_join && (has_wish || self.membership.reconciling.heart.is_some()) {
            self.membership.wants_join = false;
            let wanted = Wanted {
                topics: self.topics.iter().map(|topic| StrBytes::from(&**topic)).collect(),
                regex: match &self.subscription {
                    Subscription::Pattern(pattern) => Some(StrBytes::from(pattern.as_str())),
                    _ => None,
                },
            };
            match &self.membership.reconciling.heart {
                Some(heart) => heart.want(wanted),
                None => self.start_heart(group_id, wanted),
            }
        }
        self.reconcile().await;
    }

    fn start_heart(&mut self, group_id: String, wanted: Wanted) {
        let settings = &self.settings;
        let fixed = Fixed {
            group_id: StrBytes::from(group_id.as_str()),
            instance_id: settings.instance_id.as_deref().map(StrBytes::from),
            rack_id: Some(StrBytes::from(settings.rack.as_str())).filter(|rack| !rack.is_empty()),
            rebalance_timeout_ms: i32::try_from(settings.poll_interval_max.as_millis()).unwrap_or(i32::MAX),
            server_assignor: settings.remote_assignor.as_deref().map(StrBytes::from),
        };
        let id = Uuid::from_random(self.cluster.entropy().next_16());
        let mut member = Member::new(fixed, StrBytes::from(id.to_string()));
        member.wanted = wanted;
        let heart = Arc::new(Heart::new(member, self.cluster.clock().now()));
        self.membership.reconciling = Reconciling { heart: Some(Arc::clone(&heart)), ..Default::default() };
        let (cluster, events) = (self.cluster.clone(), self.sender.clone());
        spawn::anywhere(heartbeats::run(cluster, group_id, heart, settings.poll_interval_max, events));
    }

    pub(super) fn take_heart(&mut self, news: HeartNews) -> Result<(), ClientError> {
        let Some(heart) = self.membership.reconciling.heart.clone() else { return Ok(()) };
        match news {
            HeartNews::Named(identity) => self.membership.identity = identity,
            HeartNews::Target(identity, target) => {
                self.membership.identity = identity;
                self.membership.reconciling.target = Some(target);
            }
            HeartNews::Lost => {
                self.membership.reconciling.life = heart.life();
                self.membership.reconciling.target = None;
                self.membership.identity.generation = -1;
                self.lose_all();
            }
            HeartNews::Fatal(error) => {
                self.membership.reconciling = Reconciling::default();
                self.membership.identity = Identity::default();
                self.lose_all();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Comes as near to the target assignment as names of topics are known.
    async fn reconcile(&mut self) {
        let reconciling = &self.membership.reconciling;
        let (Some(target), Some(heart)) = (reconciling.target.clone(), reconciling.heart.clone()) else {
            return;
        };
        let (assigned, unnamed) = self.resolve(&target);
        let before = self.partitions.keys();
        let revoked: BTreeSet<TopicPartition> = before.difference(&assigned).cloned().collect();
        let added: BTreeSet<TopicPartition> = assigned.difference(&before).cloned().collect();
        if !revoked.is_empty() && self.settings.auto_commit.is_some() {
            // The wait comes before anything is changed: a poll that is dropped here begins anew the next time.
            let mut offsets = self.offsets_to_commit();
            offsets.retain(|partition, _| revoked.contains(partition));
            if let Err(error) = self.commit_offsets(&offsets).await {
                tracing::warn!(%error, "offsets of partitions that are given up could not be committed");
            }
        }
        if !unnamed.is_empty() {
            if self.membership.reconciling.unnamed != unnamed {
                self.membership.reconciling.unnamed = unnamed;
                self.refreshing.renew();
            }
            self.refreshing.want();
            if revoked.is_empty() && added.is_empty() {
                return;
            }
        } else {
            self.membership.reconciling.target = None;
            self.membership.reconciling.unnamed.clear();
        }
        self.partitions.assign(&assigned);
        if !revoked.is_empty() {
            self.tell(RebalanceEvent::Revoked(revoked));
        }
        self.tell(RebalanceEvent::Assigned(added));
        let metadata = self.cluster.metadata();
        let mut owned = ById::new();
        for partition in &assigned {
            if let Some(topic) = metadata.topics.get(&partition.topic) {
                owned.entry(topic.id).or_default().insert(partition.partition);
            }
        }
        heart.own(owned, self.membership.reconciling.life);
    }

    /// The partitions of a target, and the topics in it that have no name yet.
    fn resolve(&self, target: &ById) -> (BTreeSet<TopicPartition>, BTreeSet<Uuid>) {
        let metadata = self.cluster.metadata();
        let mut assigned = BTreeSet::new();
        let mut unnamed = BTreeSet::new();
        for (id, partitions) in target {
            let Some(topic) = metadata.topic_name(*id) else {
                unnamed.insert(*id);
                continue;
            };
            let partitions = partitions.iter();
            assigned.extend(partitions.map(|p| TopicPartition { topic: Arc::clone(topic), partition: *p }));
        }
        (assigned, unnamed)
    }

    /// Who we are to a coordinator that is asked now: epochs are raised without our doing, and the latest counts as long
    /// as the partitions are still ours.
    pub(super) fn current_identity(&self) -> impl Fn() -> Identity + Send + Sync + use<> {
        let identity = self.membership.identity.clone();
        let heart = self.membership.reconciling.heart.clone();
        let life = self.membership.reconciling.life;
        move || {
            let latest = heart.as_ref().and_then(|heart| heart.epoch_in(life));
            Identity { generation: latest.unwrap_or(identity.generation), ..identity.clone() }
        }
    }

    /// Leaves the consumer group.
    pub(super) async fn leave_consumer_group(&mut self, limit: Duration) {
        let Some(heart) = self.membership.reconciling.heart.take() else { return };
        let Some(group_id) = self.settings.group_id.clone() else { return };
        if let Some(farewell) = heart.stop() {
            let leave = heartbeats::exchange(&self.cluster, &group_id, &farewell);
            let _ = self.cluster.clock().timeout(limit, leave).await;
        }
    }
}
