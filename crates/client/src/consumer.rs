//! Reads records, alone or as a member of a group: a classic one, or a consumer group (`group.protocol=consumer`, KIP-848).
//!
//! One owner calls [`Consumer::poll`]; fetches, joins, commits and heartbeats run in tasks of their own and tell the
//! consumer by events, which `poll` takes in. Dropping a `poll` midway loses nothing.

mod assignor;
mod fetcher;
mod group;
mod heartbeats;
mod member;
mod offsets;
mod partitions;
mod positions;
mod rebalance;
mod reconcile;
mod records;
mod refreshing;
mod settings;
mod validation;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use klamm_config::client::ClientConfig;
use klamm_io::Instant;
pub use klamm_protocol::records::TimestampType;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use fetcher::{FetchDone, Fetcher};
pub(crate) use group::decode_assignment;
use group::{HeartbeatNews, Identity, JoinFailed, Joined};
use heartbeats::HeartNews;
pub use offsets::OffsetAndMetadata;
pub(crate) use offsets::{commit_alone as commit_offsets_once, fetch as fetch_offsets};
use partitions::{Partitions, Place, Position};
use positions::{Committed, Listed};
use rebalance::Membership;
pub use rebalance::RebalanceEvent;
pub use records::ConsumerRecord;
use refreshing::Refreshing;
use settings::Settings;
use validation::Validated;

use crate::{
    ClientError, TopicPartition,
    admin::{ListedOffset, OffsetSpec, list_offsets},
    cluster::Cluster,
    metrics::{FetchMetrics, Metric},
};

/// What tasks tell the consumer.
enum Event {
    Fetched(FetchDone),
    Joined(Box<Result<Joined, JoinFailed>>),
    /// The coordinator has given us this member id, while we are joining.
    Named(String),
    Heartbeat(Identity, HeartbeatNews),
    Heart(HeartNews),
    Positions(Committed),
    Listed(Listed),
    Validated(Validated),
    Committed(Identity, Result<(), ClientError>),
    /// Metadata was asked for; with `true` the answer tells something new.
    Refreshed(bool),
}

/// Which topics are read.
enum Subscription {
    None,
    /// Partitions that the caller chose.
    Manual,
    /// Those in `Consumer::topics`.
    Topics,
    Matching(Box<dyn Fn(&str) -> bool + Send>),
    /// A regular expression that the coordinator evaluates.
    Pattern(String),
}

/// Who a consumer is in its group, for [`crate::producer::Producer::send_offsets_to_transaction`] (KIP-447).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// `group.id`.
    pub group_id: String,
    /// The generation, or the member's epoch; -1 outside the group.
    pub generation_id: i32,
    /// The member's id; empty outside the group.
    pub member_id: String,
    /// `group.instance.id`.
    pub group_instance_id: Option<String>,
}

impl GroupMetadata {
    /// Of somebody who is no member, and knows by other means that nobody else commits.
    pub fn new(group_id: impl Into<String>) -> Self {
        Self {
            group_id: group_id.into(),
            generation_id: -1,
            member_id: String::new(),
            group_instance_id: None,
        }
    }
}

/// Reads records from a cluster.
pub struct Consumer {
    cluster: Cluster,
    settings: Settings,
    subscription: Subscription,
    /// Topics that the subscription stands for at present.
    topics: BTreeSet<Arc<str>>,
    partitions: Partitions,
    fetcher: Fetcher,
    membership: Membership,
    listener: Option<Box<dyn FnMut(RebalanceEvent) + Send>>,
    next_commit: Option<Instant>,
    is_positioning: bool,
    /// Leaders that are being asked for offsets.
    listing: BTreeSet<i32>,
    /// Leaders that are being asked whether positions hold.
    validating: BTreeSet<i32>,
    is_committing: bool,
    refreshing: Refreshing,
    retry_at: Option<Instant>,
    failures: u32,
    events: UnboundedReceiver<Event>,
    sender: UnboundedSender<Event>,
    metrics: FetchMetrics,
}

impl Consumer {
    /// A consumer with this configuration. Connects with the first poll.
    ///
    /// # Errors
    /// If settings contradict each other or ask for what is not supported.
    pub fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let settings = Settings::new(config)?;
        let (sender, events) = unbounded_channel();
        Ok(Self {
            cluster: Cluster::new(config)?,
            settings,
            subscription: Subscription::None,
            topics: BTreeSet::new(),
            partitions: Partitions::default(),
            fetcher: Fetcher::default(),
            membership: Membership::default(),
            listener: None,
            next_commit: None,
            is_positioning: false,
            listing: BTreeSet::new(),
            validating: BTreeSet::new(),
            is_committing: false,
            refreshing: Refreshing::default(),
            retry_at: None,
            failures: 0,
            events,
            sender,
            metrics: FetchMetrics::default(),
        })
    }

    /// What it has done so far, under the names that Kafka's consumer has for it.
    pub fn metrics(&self) -> Vec<Metric> {
        self.metrics.of_consumer(self.cluster.client_id(), self.cluster.clock().now())
    }

    /// The cluster that it reads from.
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Reads these topics as a member of `group.id`.
    ///
    /// # Errors
    /// If there is no `group.id`.
    pub fn subscribe<T: Into<Arc<str>>>(
        &mut self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<(), ClientError> {
        self.require_group("subscribe to topics")?;
        self.topics = topics.into_iter().map(Into::into).collect();
        self.subscription = Subscription::Topics;
        self.refreshing.renew();
        self.membership.wants_join = true;
        Ok(())
    }

    /// Reads every topic that `matches`, now and later, as a member of `group.id`.
    ///
    /// # Errors
    /// If there is no `group.id`.
    pub fn subscribe_matching(
        &mut self,
        matches: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<(), ClientError> {
        self.require_group("subscribe to topics")?;
        self.subscription = Subscription::Matching(Box::new(matches));
        self.refreshing.renew();
        self.refreshing.want();
        self.topics.clear();
        Ok(())
    }

    /// Reads every topic that the regular expression (of RE2, the whole name has to match) matches, now and later. The
    /// coordinator evaluates it.
    ///
    /// # Errors
    /// If there is no `group.id`, or the group protocol is the classic one.
    pub fn subscribe_pattern(&mut self, pattern: &str) -> Result<(), ClientError> {
        self.require_group("subscribe to topics")?;
        if !self.settings.is_consumer_protocol {
            return Err(ClientError::Invalid(
                "Subscribe to RE2/J pattern is not supported when using the CLASSIC protocol defined in config group.protocol"
                    .to_owned(),
            ));
        }
        if pattern.is_empty() {
            return Err(ClientError::Invalid("Topic pattern to subscribe to cannot be empty".to_owned()));
        }
        self.subscription = Subscription::Pattern(pattern.to_owned());
        self.topics.clear();
        self.membership.wants_join = true;
        Ok(())
    }

    /// Is called with every change of the assignment, during `poll` or `close`.
    pub fn on_rebalance(&mut self, listener: impl FnMut(RebalanceEvent) + Send + 'static) {
        self.listener = Some(Box::new(listener));
    }

    /// Reads exactly these partitions, without a group's help.
    pub fn assign(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        let wanted: BTreeSet<TopicPartition> = partitions.into_iter().collect();
        self.subscription = Subscription::Manual;
        self.topics = wanted.iter().map(|partition| Arc::clone(&partition.topic)).collect();
        self.partitions.assign(&wanted);
        self.refreshing.renew();
    }

    fn require_group(&self, what: &str) -> Result<&str, ClientError> {
        self.settings.group_id.as_deref().ok_or_else(|| {
            ClientError::Invalid(format!(
                "To use the group management or offset commit APIs, you must provide a valid group.id in the consumer configuration: it is needed to {what}."
            ))
        })
    }

    /// Who we are in the group at present.
    ///
    /// # Errors
    /// If there is no `group.id`.
    pub fn group_metadata(&self) -> Result<GroupMetadata, ClientError> {
        let group_id = self.require_group("use the group's metadata")?.to_owned();
        Ok(GroupMetadata {
            group_id,
            generation_id: self.membership.identity.generation,
            member_id: self.membership.identity.member_id.clone(),
            group_instance_id: self.settings.instance_id.clone(),
        })
    }

    /// The partitions that are read at present.
    pub fn assignment(&self) -> BTreeSet<TopicPartition> {
        self.partitions.keys()
    }

    /// The next records, at most `max.poll.records`; none if none arrive within `timeout`. A member of a group must call
    /// it at least every `max.poll.interval.ms`.
    ///
    /// # Errors
    /// What no repetition can mend: a damaged batch, an offset outside the log with `auto.offset.reset=none`, a log that was cut
    /// back below what was read with the same, a fenced member, missing rights. The next call goes on where it can.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Vec<ConsumerRecord>, ClientError> {
        if matches!(self.subscription, Subscription::None) {
            return Err(ClientError::Invalid(
                "Consumer is not subscribed to any topics or assigned any partitions".to_owned(),
            ));
        }
        let clock = self.cluster.clock();
        let deadline = clock.now() + timeout;
        loop {
            while let Ok(event) = self.events.try_recv() {
                self.take_event(event).await?;
            }
            self.membership.polled(clock.now());
            self.keep_metadata();
            self.keep_membership().await;
            self.keep_committing();
            self.find_positions();
            self.look_at_leaders();
            self.validate_positions();
            let records = self.collect()?;
            if self.fetcher.send(&self.cluster, &self.settings, &mut self.partitions, &self.sender) {
                self.refreshing.want();
            }
            self.keep_refreshing();
            if !records.is_empty() {
                return Ok(records);
            }
            if clock.now() >= deadline {
                return Ok(Vec::new());
            }
            let wake = self.next_wake(deadline);
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => self.take_event(event).await?,
                () = clock.sleep_until(wake) => {}
            }
        }
    }

    fn next_wake(&self, deadline: Instant) -> Instant {
        let now = self.cluster.clock().now();
        let pauses = self.partitions.iter().filter_map(|(_, reading)| reading.retry_at);
        // What is due already waits for an event, not for a moment.
        let moments = pauses.chain(self.retry_at).chain(self.next_commit).chain(self.refreshing.due());
        let moments = moments.filter(|at| *at > now);
        // Whoever waits in here is alive: heartbeats must hear of it well within `max.poll.interval.ms`.
        let next_sign_of_life = now + self.settings.poll_interval_max / 3;
        let wake = moments.fold(deadline, Instant::min).min(next_sign_of_life);
        wake.max(now + Duration::from_millis(1))
    }

    async fn take_event(&mut self, event: Event) -> Result<(), ClientError> {
        match event {
            Event::Fetched(done) => {
                if let Some((latency, throttle_ms)) = done.times() {
                    self.metrics.answered(self.cluster.clock().now(), latency, throttle_ms);
                }
                let findings = self.fetcher.take(done, &self.cluster, &self.settings, &mut self.partitions);
                if findings.is_metadata_old {
                    self.refreshing.want();
                }
                findings.into_result()
            }
            Event::Joined(result) => self.take_joined(*result).await,
            Event::Named(member_id) => {
                self.membership.identity.member_id = member_id;
                Ok(())
            }
            Event::Heart(news) => self.take_heart(news),
            Event::Heartbeat(identity, news) => self.take_heartbeat(&identity, news),
            Event::Positions(answer) => self.take_committed(answer),
            Event::Listed(answer) => self.take_listed(answer),
            Event::Validated(answer) => self.take_validated(answer),
            Event::Committed(identity, result) => {
                self.is_committing = false;
                if let Err(error) = result {
                    tracing::warn!(%error, "offsets could not be committed in the background");
                    self.after_commit_error(&identity, &error);
                }
                Ok(())
            }
            Event::Refreshed(has_news) => {
                self.take_refreshed(has_news);
                Ok(())
            }
        }
    }

    /// Gives out what is buffered, each partition in its turn.
    fn collect(&mut self) -> Result<Vec<ConsumerRecord>, ClientError> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        let how = (self.settings.isolation, self.settings.check_crcs);
        for partition in self.partitions.in_turn() {
            let left = self.settings.poll_records_max - taken.len();
            if left == 0 {
                break;
            }
            let Some(reading) = self.partitions.get_mut(&partition) else { continue };
            if reading.is_paused || reading.buffered.is_empty() {
                continue;
            }
            let result = records::take(&partition, reading, left, how, &mut taken, &mut bytes);
            if let Err(error) = result {
                // What was taken before the damage is given out first; the error comes again with the next poll.
                if taken.is_empty() {
                    return Err(error);
                }
                break;
            }
            if taken.len() >= self.settings.poll_records_max && !reading.buffered.is_empty() {
                // The same partition goes on next time, until its buffer is empty.
                break;
            }
            self.partitions.last_served = Some(partition);
        }
        if !taken.is_empty() {
            self.metrics.read(self.cluster.clock().now(), taken.len(), bytes);
        }
        Ok(taken)
    }

    /// The offset of the next record that `poll` gives out of a partition, found out if need be.
    ///
    /// # Errors
    /// If the partition is not assigned or its position cannot be found in time.
    pub async fn position(&mut self, partition: &TopicPartition) -> Result<i64, ClientError> {
        let limit = self.cluster.api_timeout();
        let clock = self.cluster.clock();
        let deadline = clock.now() + limit;
        loop {
            self.look_at_leaders();
            let reading = self.partitions.get(partition).ok_or_else(|| not_assigned(partition))?;
            if let Some(place) = reading.valid() {
                return Ok(place.offset);
            }
            if clock.now() >= deadline {
                let doing = format!("finding the position of {partition}");
                return Err(ClientError::TimedOut { doing, after: limit, cause: None });
            }
            self.keep_metadata();
            self.find_positions();
            self.validate_positions();
            self.keep_refreshing();
            let wake = self.next_wake(deadline);
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => self.take_event(event).await?,
                () = clock.sleep_until(wake) => {}
            }
        }
    }

    /// Goes on reading a partition at this offset.
    ///
    /// # Errors
    /// If the partition is not assigned.
    pub fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), ClientError> {
        self.move_to(partition, Position::At(Place::at(offset)))
    }

    /// Goes on reading a partition at the offset that `spec` stands for when it is found out.
    ///
    /// # Errors
    /// If the partition is not assigned.
    pub fn seek_to(&mut self, partition: &TopicPartition, spec: OffsetSpec) -> Result<(), ClientError> {
        self.move_to(partition, Position::Reset(spec))
    }

    fn move_to(&mut self, partition: &TopicPartition, position: Position) -> Result<(), ClientError> {
        let reading = self.partitions.get_mut(partition).ok_or_else(|| not_assigned(partition))?;
        reading.move_to(position);
        Ok(())
    }

    /// Stops giving out records of a partition, or goes on.
    ///
    /// # Errors
    /// If the partition is not assigned.
    pub fn pause(&mut self, partition: &TopicPartition, is_paused: bool) -> Result<(), ClientError> {
        let reading = self.partitions.get_mut(partition).ok_or_else(|| not_assigned(partition))?;
        reading.is_paused = is_paused;
        Ok(())
    }

    /// Finds offsets: first, last, by timestamp. Asks the cluster each time, and changes no position.
    ///
    /// # Errors
    /// If no broker answers; what became of each partition is in the map.
    pub async fn find_offsets(
        &self,
        specs: &BTreeMap<TopicPartition, OffsetSpec>,
    ) -> Result<BTreeMap<TopicPartition, Result<ListedOffset, ClientError>>, ClientError> {
        list_offsets(&self.cluster, specs, self.settings.isolation, self.cluster.api_timeout()).await
    }

    /// The first offset of each partition.
    ///
    /// # Errors
    /// If one cannot be found.
    pub async fn beginning_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, i64>, ClientError> {
        self.offsets_of(partitions, OffsetSpec::Earliest).await
    }

    /// The offset behind the last record of each partition, as far as `isolation.level` lets it be read.
    ///
    /// # Errors
    /// If one cannot be found.
    pub async fn end_offsets(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, i64>, ClientError> {
        self.offsets_of(partitions, OffsetSpec::Latest).await
    }

    /// The first record with each timestamp or a later one; none if all are older.
    ///
    /// # Errors
    /// If one cannot be found.
    pub async fn offsets_for_times(
        &self,
        times: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Option<ListedOffset>>, ClientError> {
        let specs = times.iter().map(|(p, at)| (p.clone(), OffsetSpec::Timestamp(*at))).collect();
        let found = self.find_offsets(&specs).await?;
        found.into_iter().map(|(p, r)| Ok((p, Some(r?).filter(|listed| listed.offset >= 0)))).collect()
    }

    async fn offsets_of(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
        spec: OffsetSpec,
    ) -> Result<BTreeMap<TopicPartition, i64>, ClientError> {
        let specs = partitions.into_iter().map(|partition| (partition, spec)).collect();
        let found = self.find_offsets(&specs).await?;
        found.into_iter().map(|(partition, result)| Ok((partition, result?.offset))).collect()
    }
}

fn not_assigned(partition: &TopicPartition) -> ClientError {
    ClientError::Invalid(format!("No current assignment for partition {partition}"))
}

impl Drop for Consumer {
    /// A consumer that is dropped without [`Consumer::close`] falls silent; its group takes it for dead when its session
    /// ends.
    fn drop(&mut self) {
        self.membership.stop_heartbeats();
        self.cluster.close();
    }
}
