//! A share fetch on its way through the shards that have its partitions.

use std::{sync::Arc, time::Duration};

use klamm_protocol::{ErrorCode, StrBytes};
use klamm_share::{
    AcquireMode,
    session::{SessionKey, TopicIdPartition},
};
use tokio::sync::oneshot;

use crate::{
    handlers::records::ByShard,
    node::Node,
    shard::{ShardRequest, Shards, requests::TopicPartition, watch::FetchWatch},
    share::{
        partitions::visit::{Budget, VisitAnswer, VisitRequest, Wanted},
        settings::ShareSettings,
    },
};

/// See the module.
pub(super) struct Gather<'a> {
    pub(super) node: &'a Node,
    pub(super) shards: &'a Shards,
    pub(super) key: SessionKey,
    /// The partitions, in the order in which the limit of records is spent.
    pub(super) wanted: Vec<(TopicIdPartition, StrBytes)>,
    pub(super) settings: ShareSettings,
    pub(super) bytes_max: u32,
    pub(super) bytes_min: u32,
    pub(super) records_max: i32,
    pub(super) batch_size: i32,
    pub(super) mode: AcquireMode,
    pub(super) wait_max: Duration,
}

impl Gather<'_> {
    /// Acquires what there is, or waits for something.
    pub(super) async fn run(&self) -> Vec<(TopicIdPartition, VisitAnswer)> {
        let clock = self.shards.clock();
        let deadline = clock.now() + self.wait_max;
        let mut settings = self.settings;
        let mut is_first = true;
        loop {
            let left = deadline.since_start().saturating_sub(clock.now().since_start());
            let watch = (!left.is_zero()).then(|| FetchWatch::new(i64::from(self.bytes_min.max(1))));
            let looks = self.bytes_min > 1 && watch.is_some();
            if !looks || self.has_enough(is_first, settings, &watch).await {
                // A fetch that has looked for enough bytes has been everywhere once.
                let answers = self.acquire(is_first && !looks, settings, &watch).await;
                let is_news = |answer: &VisitAnswer| answer.is_urgent() || !answer.acquired.is_empty();
                if watch.is_none() || answers.iter().any(is_news) {
                    return self.wanted.iter().map(|(partition, _)| *partition).zip(answers).collect();
                }
            }
            if let Some(watch) = watch {
                let _ = clock.timeout(left, watch.woken()).await;
            }
            is_first = false;
            // What the group is configured to may have changed meanwhile; only what it sees is as it was, as in Kafka.
            let isolation = settings.isolation;
            settings = ShareSettings { isolation, ..ShareSettings::of_group(self.node, &self.key.group) };
        }
    }

    /// Whether there are as many bytes as the fetch wants at least, or something went wrong that it has to hear of.
    async fn has_enough(
        &self,
        is_first: bool,
        settings: ShareSettings,
        watch: &Option<Arc<FetchWatch>>,
    ) -> bool {
        let wanted = Wanted::Bytes { bytes_max: self.bytes_max, counted_max: self.part(self.wanted.len()) };
        let waiting: Vec<_> = self
            .by_shard()
            .map(|(shard, _, partitions)| {
                self.visit(shard, partitions, wanted, (is_first, settings), watch.clone())
            })
            .collect();
        let mut found = Vec::new();
        for answers in waiting {
            found.extend(answers.await.unwrap_or_default());
        }
        let part = self.part(found.iter().filter(|answer| answer.can_give).count());
        let bytes: u64 = found.iter().map(|answer| u64::from(answer.bytes.min(part))).sum();
        bytes >= u64::from(self.bytes_min) || found.iter().any(VisitAnswer::is_urgent)
    }

    /// Acquires records at one shard after the other, as long as more are wanted.
    async fn acquire(
        &self,
        is_first: bool,
        settings: ShareSettings,
        watch: &Option<Arc<FetchWatch>>,
    ) -> Vec<VisitAnswer> {
        let mut answers = vec![VisitAnswer::default(); self.wanted.len()];
        let mut left = i64::from(self.records_max);
        let partitions = u32::try_from(self.wanted.len()).unwrap_or(u32::MAX);
        let mut budget = Budget { bytes_max: self.bytes_max, bytes_taken: 0, partitions };
        for (shard, places, partitions) in self.by_shard() {
            if left <= 0 {
                break;
            }
            let wanted = Wanted::Records {
                budget,
                records_max: i32::try_from(left).unwrap_or(i32::MAX),
                batch_size: self.batch_size,
                mode: self.mode,
            };
            let found = self.visit(shard, partitions, wanted, (is_first, settings), watch.clone()).await;
            let mut found = found.unwrap_or_default().into_iter();
            for place in places {
                let answer = found.next().unwrap_or_else(|| ErrorCode::NotLeaderOrFollower.into());
                left -= answer.count();
                budget.note(&answer);
                if let Some(slot) = answers.get_mut(place) {
                    *slot = answer;
                }
            }
        }
        answers
    }

    fn visit(
        &self,
        shard: usize,
        partitions: Vec<(TopicPartition, klamm_protocol::Uuid)>,
        wanted: Wanted,
        (is_first, settings): (bool, ShareSettings),
        watch: Option<Arc<FetchWatch>>,
    ) -> oneshot::Receiver<Vec<VisitAnswer>> {
        let (reply, answers) = oneshot::channel();
        let request = VisitRequest {
            group: self.key.group.clone(),
            member: self.key.member.clone(),
            partitions,
            settings,
            wanted,
            is_first,
            watch,
            reply,
        };
        self.shards.send(shard, ShardRequest::ShareFetch(Box::new(request)));
        answers
    }

    /// The partitions by shard, the shard of the first one first.
    fn by_shard(
        &self,
    ) -> impl Iterator<Item = (usize, Vec<usize>, Vec<(TopicPartition, klamm_protocol::Uuid)>)> {
        let mut work = ByShard::new(self.shards.count());
        let mut order: Vec<usize> = Vec::new();
        for (place, (partition, topic)) in self.wanted.iter().enumerate() {
            let shard = self.shards.of(topic, partition.index);
            let at = TopicPartition { topic: topic.clone(), index: partition.index };
            work.push(shard, place, (at, partition.topic_id));
            if !order.contains(&shard) {
                order.push(shard);
            }
        }
        let mut parts: Vec<_> = work.into_parts().collect();
        parts.sort_by_key(|(shard, ..)| order.iter().position(|known| known == shard));
        parts.into_iter()
    }

    /// What each of so many partitions may give.
    fn part(&self, count: usize) -> u32 {
        self.bytes_max / u32::try_from(count).unwrap_or(u32::MAX).max(1)
    }
}
