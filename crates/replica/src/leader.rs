//! The leader of one partition: its followers, the ISR, and the offsets that follow from them.
//!
//! A protocol machine: [`Leader::step`] takes what happened and adds what to do. The offsets it keeps are those of the
//! log beside it, which the driver reports; it never reads the log.
//!
//! The controller decides on the ISR; the leader proposes (AlterPartition) and meanwhile counts on the stricter of
//! what it knows and what it proposed, the *maximal* ISR (KIP-497).

mod follower;
mod isr;

use std::collections::BTreeMap;
use std::time::Duration;

use klamm_protocol::ErrorCode;

pub use follower::FollowerState;
pub use isr::{BrokerEpoch, CommittedIsr, IsrChange, LeaderRecoveryState};

use isr::IsrState;

/// How far a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Followers: everything in the log.
    LogEnd,
    /// read_uncommitted.
    HighWatermark,
    /// read_committed.
    LastStable,
}

/// A partition's registration in the metadata log, as far as its leader needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub leader_epoch: i32,
    pub partition_epoch: i32,
    /// All replicas, this one included.
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
}

/// A broker as the metadata knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broker {
    pub epoch: i64,
    /// Neither fenced nor shutting down.
    pub may_join_isr: bool,
}

/// The node's and topic's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderConfig {
    /// `min.insync.replicas`.
    pub min_isr: usize,
    /// `replica.lag.time.max.ms`.
    pub lag_max: Duration,
}

/// Where the log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOffsets {
    pub log_start: i64,
    /// Offset of the next record.
    pub log_end: i64,
    /// What is before it counts for the high watermark: below the end while a sync is under way that has to come first.
    pub durable_end: i64,
    /// Start of the oldest open transaction; the last stable offset is never above.
    pub first_unstable: Option<i64>,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The log has changed: an append, a sync, a moved log start, a transaction ended.
    Log(LogOffsets),
    /// A follower has read from `fetch_offset`, which shows that it has everything before; `log_end` is what the
    /// log's end was before the read. Only for requests that [`Leader::check_follower`] let through.
    Fetched { replica_id: i32, broker_epoch: i64, fetch_offset: i64, log_start: i64, log_end: i64 },
    /// The metadata has a newer registration of this partition, still led by this node.
    Assignment(Assignment),
    /// The brokers that are alive, by id.
    Brokers(BTreeMap<i32, Broker>),
    /// The settings have changed.
    Config(LeaderConfig),
    /// The controller's answer to [`Action::AlterPartition`], with the change it answers.
    AlterPartition(IsrChange, Result<CommittedIsr, ErrorCode>),
    /// Time has passed.
    Tick,
}

/// Something to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Note in the leader epoch cache that the epoch starts at this offset.
    StartEpoch { epoch: i32, start_offset: i64 },
    /// The high watermark has risen: tell the log, and check waiting produces and fetches.
    HighWatermark(i64),
    /// The last stable offset has risen: check waiting read_committed fetches.
    LastStableOffset(i64),
    /// The lowest log start of all live replicas has risen: check waiting DeleteRecords.
    LowWatermark(i64),
    /// Ask the controller for this ISR. While one change is open no other is asked for.
    AlterPartition(IsrChange),
}

/// How far a produce with acks=all has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    Waiting,
    Done,
    /// All have it, but they have become fewer than `min.insync.replicas`.
    TooFewReplicas,
}

/// The leader's state of one partition. Dropped when the leadership goes.
#[derive(Debug)]
pub struct Leader {
    local_id: i32,
    local_broker_epoch: i64,
    config: LeaderConfig,
    leader_epoch: i32,
    partition_epoch: i32,
    /// Where the log ended when this epoch began; a follower must have come so far to join the ISR.
    epoch_start: i64,
    log: LogOffsets,
    high_watermark: i64,
    /// As last told by an action.
    last_stable_offset: i64,
    low_watermark: i64,
    isr: IsrState,
    followers: BTreeMap<i32, FollowerState>,
    brokers: BTreeMap<i32, Broker>,
}

/// What a node knows when it becomes the leader of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderStart {
    pub local_id: i32,
    /// Epoch under which this broker is registered.
    pub local_broker_epoch: i64,
    pub assignment: Assignment,
    pub config: LeaderConfig,
    pub log: LogOffsets,
    /// The log's high watermark, from the checkpoint or the time as a follower.
    pub high_watermark: i64,
    /// The brokers that are alive, by id.
    pub brokers: BTreeMap<i32, Broker>,
}

impl Leader {
    /// Takes the leadership. The high watermark may rise at once, when this is the only replica in sync.
    pub fn new(start: LeaderStart, now: Duration, actions: &mut Vec<Action>) -> Self {
        let LeaderStart { local_id, local_broker_epoch, assignment, config, log, high_watermark, brokers } =
            start;
        let high_watermark = high_watermark.clamp(log.log_start, log.log_end.max(log.log_start));
        let mut leader = Self {
            local_id,
            local_broker_epoch,
            config,
            leader_epoch: assignment.leader_epoch,
            partition_epoch: assignment.partition_epoch,
            epoch_start: log.log_end,
            log,
            high_watermark,
            last_stable_offset: stable(high_watermark, log.first_unstable),
            low_watermark: log.log_start,
            isr: IsrState::committed(&assignment),
            followers: BTreeMap::new(),
            brokers,
        };
        leader.set_replicas(&assignment);
        for (id, follower) in &mut leader.followers {
            follower.reset(now, log.log_end, true, assignment.isr.contains(id));
        }
        actions.push(Action::StartEpoch { epoch: leader.leader_epoch, start_offset: leader.epoch_start });
        leader.low_watermark = leader.lowest_log_start();
        leader.advance(now, actions);
        leader
    }

    /// Takes in what happened and adds what to do.
    pub fn step(&mut self, now: Duration, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Log(offsets) => self.log = offsets,
            Input::Fetched { replica_id, broker_epoch, fetch_offset, log_start, log_end } => {
                if self.check_follower(replica_id, broker_epoch, -1).is_err() {
                    return;
                }
                if let Some(follower) = self.followers.get_mut(&replica_id) {
                    follower.fetched(now, broker_epoch, fetch_offset, log_start, log_end);
                }
                self.maybe_expand_isr(replica_id, actions);
            }
            Input::Assignment(assignment) => self.assign(now, &assignment, actions),
            Input::Brokers(brokers) => {
                self.brokers = brokers;
                self.let_waiting_join(now, actions);
            }
            Input::Config(config) => self.config = config,
            Input::AlterPartition(change, answer) => self.altered(change, answer, actions),
            Input::Tick => self.maybe_shrink_isr(now, actions),
        }
        self.advance(now, actions);
    }

    /// When to step with [`Input::Tick`] next: when a follower in the ISR will have lagged too long. `None` while all
    /// keep up or a change of the ISR is open.
    pub fn next_deadline(&self) -> Option<Duration> {
        if self.isr.is_pending() {
            return None;
        }
        let lagging = self.isr.committed_members().filter_map(|id| {
            let follower = self.followers.get(&id)?;
            let late = || follower.last_caught_up.map_or(Duration::ZERO, |since| since + self.config.lag_max);
            (follower.log_end != self.log.log_end).then(late)
        });
        // A follower is late when *more* than the time allowed has passed.
        lagging.min().map(|late| late + Duration::from_millis(1))
    }

    fn set_replicas(&mut self, assignment: &Assignment) {
        let local = self.local_id;
        self.followers.retain(|id, _| assignment.replicas.contains(id));
        for id in assignment.replicas.iter().filter(|id| **id != local) {
            self.followers.entry(*id).or_insert(FollowerState::UNKNOWN);
        }
    }

    fn assign(&mut self, now: Duration, assignment: &Assignment, actions: &mut Vec<Action>) {
        if assignment.partition_epoch < self.partition_epoch {
            return;
        }
        self.set_replicas(assignment);
        for (id, follower) in &mut self.followers {
            if self.isr.contains(*id) && !assignment.isr.contains(id) {
                follower.left_isr();
            }
        }
        let is_known = assignment.partition_epoch == self.partition_epoch
            && assignment.leader_epoch == self.leader_epoch;
        // What the controller's answer has told already ends no proposal that was made since: the controller may have
        // granted it by now, so that it has to go on counting.
        if !is_known || !self.isr.is_pending() {
            self.isr = IsrState::committed(assignment);
        }
        self.partition_epoch = assignment.partition_epoch;
        if assignment.leader_epoch > self.leader_epoch {
            self.leader_epoch = assignment.leader_epoch;
            self.epoch_start = self.log.log_end;
            for (id, follower) in &mut self.followers {
                follower.reset(now, self.epoch_start, false, assignment.isr.contains(id));
            }
            actions.push(Action::StartEpoch { epoch: self.leader_epoch, start_offset: self.epoch_start });
        }
    }

    fn altered(
        &mut self,
        change: IsrChange,
        answer: Result<CommittedIsr, ErrorCode>,
        actions: &mut Vec<Action>,
    ) {
        if !self.isr.is_waiting_for(&change) {
            // The metadata has overtaken the answer.
            return;
        }
        match answer {
            Ok(committed) => {
                if committed.leader_epoch == self.leader_epoch
                    && committed.partition_epoch >= self.partition_epoch
                {
                    self.partition_epoch = committed.partition_epoch;
                    self.isr = IsrState::from_answer(&committed);
                }
            }
            // Only these say both that our partition epoch is right and that nothing was changed.
            Err(ErrorCode::OperationNotAttempted | ErrorCode::IneligibleReplica) => self.isr.give_up(),
            // Whether the change was made is not known, or it was: the metadata will tell.
            Err(
                ErrorCode::UnknownTopicOrPartition
                | ErrorCode::UnknownTopicId
                | ErrorCode::FencedLeaderEpoch
                | ErrorCode::InvalidUpdateVersion
                | ErrorCode::InvalidRequest
                | ErrorCode::NewLeaderElected,
            ) => {}
            Err(_) => actions.push(Action::AlterPartition(change)),
        }
    }

    fn may_join_isr(&self, replica_id: i32) -> bool {
        let Some(follower) = self.followers.get(&replica_id) else { return false };
        let (Some(broker), Some(epoch)) = (self.brokers.get(&replica_id), follower.broker_epoch) else {
            return false;
        };
        // Old versions of Fetch carry no broker epoch.
        broker.may_join_isr && (epoch == -1 || epoch == broker.epoch)
    }

    fn maybe_expand_isr(&mut self, replica_id: i32, actions: &mut Vec<Action>) {
        if self.isr.is_pending() || self.isr.contains(replica_id) || !self.may_join_isr(replica_id) {
            return;
        }
        if self.followers.get(&replica_id).is_some_and(|follower| self.has_what_counts(follower)) {
            let members = self.isr.committed_members().chain([replica_id]).collect();
            self.propose(members, actions);
        }
    }

    /// A broker that has just started fetches before everybody knows that it may join; its fetch then waits for records,
    /// which may be long in coming.
    fn let_waiting_join(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.isr.is_pending() {
            return;
        }
        // Under which registration an old version of Fetch came is not known: its next one will tell.
        let has_registered =
            |follower: &FollowerState| follower.broker_epoch.is_some_and(|epoch| epoch != -1);
        let joining: Vec<i32> = self
            .followers
            .iter()
            .filter(|(id, follower)| {
                follower.follows
                    && !self.isr.contains(**id)
                    && self.may_join_isr(**id)
                    && has_registered(follower)
                    && self.has_what_counts(follower)
                    && self.is_caught_up(follower, now)
            })
            .map(|(id, _)| *id)
            .collect();
        if !joining.is_empty() {
            let members = self.isr.committed_members().chain(joining).collect();
            self.propose(members, actions);
        }
    }

    /// Whether a follower has all that is committed, and has read up to where this leadership began.
    const fn has_what_counts(&self, follower: &FollowerState) -> bool {
        follower.log_end >= self.high_watermark && follower.log_end >= self.epoch_start
    }

    fn maybe_shrink_isr(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.isr.is_pending() {
            return;
        }
        let keeps_up = |id: &i32| {
            *id == self.local_id
                || self.followers.get(id).is_some_and(|follower| self.is_caught_up(follower, now))
        };
        let (kept, late): (Vec<i32>, Vec<i32>) = self.isr.committed_members().partition(keeps_up);
        if !late.is_empty() {
            self.propose(kept, actions);
        }
    }

    fn is_caught_up(&self, follower: &FollowerState, now: Duration) -> bool {
        follower.is_caught_up(self.log.log_end, now, self.config.lag_max)
    }

    fn propose(&mut self, members: Vec<i32>, actions: &mut Vec<Action>) {
        let epoch_of = |id: i32| {
            if id == self.local_id {
                return self.local_broker_epoch;
            }
            // -1 for a member that has not fetched since: the controller knows better.
            self.followers.get(&id).and_then(|follower| follower.broker_epoch).unwrap_or(-1)
        };
        let new_isr = members.iter().map(|id| BrokerEpoch { broker_id: *id, epoch: epoch_of(*id) }).collect();
        let change = IsrChange {
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            leader_recovery_state: self.isr.recovery(),
            new_isr,
        };
        self.isr.propose(change.clone());
        actions.push(Action::AlterPartition(change));
    }

    /// Raises what can be raised: high watermark, last stable offset, low watermark.
    fn advance(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if let Some(raised) = self.raised_high_watermark(now) {
            self.high_watermark = raised;
            actions.push(Action::HighWatermark(raised));
        }
        let stable = stable(self.high_watermark, self.log.first_unstable);
        if stable > self.last_stable_offset {
            self.last_stable_offset = stable;
            actions.push(Action::LastStableOffset(stable));
        }
        let lowest = self.lowest_log_start();
        if lowest > self.low_watermark {
            actions.push(Action::LowWatermark(lowest));
        }
        self.low_watermark = lowest;
    }

    fn raised_high_watermark(&self, now: Duration) -> Option<i64> {
        // DeleteRecords and retention may move the log start beyond it.
        let floor = self.high_watermark.max(self.log.log_start);
        let raised = if self.is_under_min_isr() {
            floor
        } else {
            let holds_back = |(id, follower): &(&i32, &FollowerState)| {
                self.isr.is_in_maximal(**id) || (self.is_caught_up(follower, now) && self.may_join_isr(**id))
            };
            let ends = self.followers.iter().filter(holds_back).map(|(_, follower)| follower.log_end);
            ends.fold(self.log.durable_end, i64::min).max(floor)
        };
        (raised > self.high_watermark).then_some(raised)
    }

    fn lowest_log_start(&self) -> i64 {
        let alive = self.followers.iter().filter(|(id, _)| self.brokers.contains_key(id));
        alive.map(|(_, follower)| follower.log_start).fold(self.log.log_start, i64::min)
    }
}

fn stable(high_watermark: i64, first_unstable: Option<i64>) -> i64 {
    first_unstable.map_or(high_watermark, |first| first.min(high_watermark))
}

/// Questions a driver asks.
impl Leader {
    pub const fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    pub const fn partition_epoch(&self) -> i32 {
        self.partition_epoch
    }

    /// Offset below which every record is on all in-sync replicas.
    pub const fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Offset below which no transaction is open, at most the high watermark.
    pub fn last_stable_offset(&self) -> i64 {
        stable(self.high_watermark, self.log.first_unstable)
    }

    /// Lowest log start of this and the live followers, which DeleteRecords waits for; -1 if a follower has not told
    /// its own.
    pub const fn low_watermark(&self) -> i64 {
        self.low_watermark
    }

    /// The ISR that the controller has confirmed.
    pub fn isr(&self) -> Vec<i32> {
        self.isr.committed_members().collect()
    }

    /// The ids of the assigned replicas other than this one.
    pub fn follower_ids(&self) -> impl Iterator<Item = i32> {
        self.followers.keys().copied()
    }

    /// How many replicas are assigned beside this one.
    pub fn follower_count(&self) -> usize {
        self.followers.len()
    }

    /// A follower's state; `None` if it is not assigned.
    pub fn follower(&self, replica_id: i32) -> Option<&FollowerState> {
        self.followers.get(&replica_id)
    }

    /// `min.insync.replicas`, but never more than there are replicas.
    pub fn effective_min_isr(&self) -> usize {
        self.config.min_isr.min(self.followers.len() + 1)
    }

    /// Whether too few replicas are in sync for acks=all.
    pub fn is_under_min_isr(&self) -> bool {
        self.isr.committed_members().count() < self.effective_min_isr()
    }

    /// Whether fewer replicas are in sync than are assigned.
    pub fn is_under_replicated(&self) -> bool {
        self.isr.committed_members().count() < self.followers.len() + 1
    }

    /// First offset and end of what a reader may have.
    pub fn readable_range(&self, isolation: Isolation) -> std::ops::Range<i64> {
        let end = match isolation {
            Isolation::LogEnd => self.log.log_end,
            Isolation::HighWatermark => self.high_watermark,
            Isolation::LastStable => self.last_stable_offset(),
        };
        self.log.log_start..end
    }

    /// Whether a request with this leader epoch (-1: it does not say) is meant for this leader.
    pub const fn check_epoch(&self, current_leader_epoch: i32) -> Result<(), ErrorCode> {
        if current_leader_epoch < 0 || current_leader_epoch == self.leader_epoch {
            Ok(())
        } else if current_leader_epoch < self.leader_epoch {
            Err(ErrorCode::FencedLeaderEpoch)
        } else {
            Err(ErrorCode::UnknownLeaderEpoch)
        }
    }

    /// Whether a produce with these acks may be appended.
    pub fn check_append(&self, acks: i16) -> Result<(), ErrorCode> {
        if acks == -1 && self.is_under_min_isr() { Err(ErrorCode::NotEnoughReplicas) } else { Ok(()) }
    }

    /// Whether a follower may fetch: it is assigned and its broker epoch is not outdated (-1: it does not say).
    pub fn check_follower(
        &self,
        replica_id: i32,
        broker_epoch: i64,
        current_leader_epoch: i32,
    ) -> Result<(), ErrorCode> {
        if !self.followers.contains_key(&replica_id) {
            // The follower may know of a newer assignment. With an epoch it can tell that it has to retry.
            let retry = current_leader_epoch >= 0;
            return Err(if retry { ErrorCode::UnknownLeaderEpoch } else { ErrorCode::NotLeaderOrFollower });
        }
        let outdated = self.brokers.get(&replica_id).is_some_and(|broker| broker.epoch > broker_epoch);
        if broker_epoch != -1 && outdated { Err(ErrorCode::NotLeaderOrFollower) } else { Ok(()) }
    }

    /// How far a produce with acks=all has come, the last record of which lies before `required_offset`.
    pub fn acknowledged(&self, required_offset: i64) -> Acknowledged {
        if self.high_watermark < required_offset {
            Acknowledged::Waiting
        } else if self.effective_min_isr() <= self.isr.maximal_len() {
            Acknowledged::Done
        } else {
            Acknowledged::TooFewReplicas
        }
    }

    /// Whether ListOffsets must wait (OFFSET_NOT_AVAILABLE): a new leader that has not yet learned how far its
    /// predecessor had confirmed (KIP-207).
    pub const fn is_high_watermark_lagging(&self) -> bool {
        self.epoch_start > self.high_watermark
    }
}

#[cfg(test)]
mod tests;
