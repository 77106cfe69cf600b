//! A partition's steps as leader and as follower: the machines of `klamm-replica`, and what their actions do to the log.

use std::collections::BTreeMap;

use bytes::Bytes;
use klamm_log::Flushed;
use klamm_replica::{
    follower::{Ask, Doubt, FollowerLog, Input as FollowerInput, Term},
    leader::{Action, Broker, Input, LeaderConfig, LeaderStart},
};
use tracing::{info, warn};

use crate::{log_dirs::LogDirs, observe};

use super::{
    Assignment, Cut, Duration, Effects, Follower, IsrChange, Leader, Log, LogOffsets, Partition, Role,
    follower, leader,
};

/// What a broker needs to lead.
pub struct Lead {
    /// This broker.
    pub local_id: i32,
    /// The epoch it is registered under.
    pub local_broker_epoch: i64,
    /// The partition's registration.
    pub assignment: Assignment,
    /// The replicas' brokers.
    pub brokers: BTreeMap<i32, Broker>,
    /// `replica.lag.time.max.ms`.
    pub lag_max: Duration,
}

/// A log as the follower's machine sees it.
pub(super) struct LogView<'a> {
    log: &'a Log,
    /// See [`Partition::settle_doubt`].
    counts: Option<bool>,
}

impl FollowerLog for LogView<'_> {
    fn log_end(&self) -> i64 {
        self.log.log_end_offset()
    }

    fn high_watermark(&self) -> i64 {
        self.log.high_watermark()
    }

    fn latest_epoch(&self) -> Option<i32> {
        self.log.leader_epochs().latest_epoch()
    }

    fn epoch_end(&self, epoch: i32) -> Option<(i32, i64)> {
        self.log.end_offset_for_epoch(epoch)
    }

    fn doubt(&self) -> Doubt {
        match (self.log.doubted_from(), self.counts) {
            (None, _) | (_, Some(true)) => Doubt::None,
            (Some(_), None) => Doubt::Open,
            (Some(offset), Some(false)) => Doubt::From(offset),
        }
    }
}

fn log_offsets(log: &Log) -> LogOffsets {
    // The log itself knows its last stable offset; the leader's machine is not asked for it.
    LogOffsets {
        log_start: log.log_start_offset(),
        log_end: log.log_end_offset(),
        durable_end: log.durable_end_offset(),
        first_unstable: None,
    }
}

/// As the leader.
impl Partition {
    /// Leads, or goes on leading under a newer registration.
    ///
    /// # Errors
    /// If the epoch cannot be written down.
    pub fn lead(&mut self, lead: Lead, now: Duration) -> klamm_log::Result<Effects> {
        let config = LeaderConfig { min_isr: self.settings.insync_replicas_min, lag_max: lead.lag_max };
        let mut actions = Vec::new();
        if let Role::Leader(leader) = &mut self.role {
            leader.step(now, Input::Assignment(lead.assignment), &mut actions);
            leader.step(now, Input::Brokers(lead.brokers), &mut actions);
        } else {
            let (epoch, isr) = (lead.assignment.leader_epoch, lead.assignment.isr.clone());
            let start = LeaderStart {
                local_id: lead.local_id,
                local_broker_epoch: lead.local_broker_epoch,
                assignment: lead.assignment,
                config,
                log: log_offsets(&self.log),
                high_watermark: self.log.high_watermark(),
                brokers: lead.brokers,
            };
            self.role = Role::Leader(Box::new(Leader::new(start, now, &mut actions)));
            if self.leader().is_some_and(|leader| leader.follower_count() > 0) {
                let at = &self.at;
                info!(topic = %at.topic, partition = at.index, epoch, ?isr, "became leader");
            }
            self.readers.wake_all();
        }
        let mut effects = self.carry_out(actions)?;
        // The ISR may have changed what is enough.
        effects.high_watermark = true;
        observe::replica(self);
        Ok(effects)
    }

    /// Has the leader's machine take something in; nothing if this broker does not lead.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn step(&mut self, input: Input, now: Duration) -> klamm_log::Result<Effects> {
        let mut actions = Vec::new();
        if let Role::Leader(leader) = &mut self.role {
            leader.step(now, input, &mut actions);
        }
        self.carry_out(actions)
    }

    /// Notes that a batch was appended as the leader.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn appended(&mut self, bytes: u32, now: Duration) -> klamm_log::Result<Effects> {
        self.progress.appended(self.log.log_end_offset(), u64::from(bytes));
        self.readers.followers.count(u64::from(bytes));
        observe::replica(self);
        self.step(Input::Log(log_offsets(&self.log)), now)
    }

    /// Notes that the log's start has moved.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn log_start_moved(&mut self, now: Duration) -> klamm_log::Result<Effects> {
        // What is deleted need not be synced.
        self.durable_end_moved(now)
    }

    /// A sync is done.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub(crate) fn flushed(
        &mut self,
        flushed: Flushed,
        now: Duration,
        now_ms: i64,
    ) -> klamm_log::Result<Effects> {
        self.log.mark_flushed(flushed, now_ms);
        self.durable_end_moved(now)
    }

    /// Notes that what waits for a sync may have become less.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub(crate) fn durable_end_moved(&mut self, now: Duration) -> klamm_log::Result<Effects> {
        let effects = self.step(Input::Log(log_offsets(&self.log)), now)?;
        Ok(Effects { durable_end: true, ..effects })
    }

    /// A follower reads from an offset.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn fetched_by(
        &mut self,
        (replica_id, broker_epoch): (i32, i64),
        (fetch_offset, log_start): (i64, i64),
        now: Duration,
    ) -> klamm_log::Result<Effects> {
        let log_end = self.log.log_end_offset();
        self.step(Input::Fetched { replica_id, broker_epoch, fetch_offset, log_start, log_end }, now)
    }

    /// The settings have changed.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub fn configured(&mut self, lag_max: Duration, now: Duration) -> klamm_log::Result<Effects> {
        let config = LeaderConfig { min_isr: self.settings.insync_replicas_min, lag_max };
        let effects = self.step(Input::Config(config), now)?;
        let more = self.durable_end_moved(now)?;
        Ok(effects.and(more))
    }

    fn carry_out(&mut self, actions: Vec<Action>) -> klamm_log::Result<Effects> {
        let mut effects = Effects::default();
        for action in actions {
            match action {
                Action::StartEpoch { epoch, start_offset } => self.log.assign_epoch(epoch, start_offset)?,
                Action::HighWatermark(offset) => {
                    self.log.set_high_watermark(offset);
                    effects.high_watermark = true;
                }
                Action::LastStableOffset(_) => {}
                Action::LowWatermark(_) => effects.low_watermark = true,
                Action::AlterPartition(change) => effects.isr_change = Some(change),
            }
        }
        if effects.high_watermark {
            observe::replica(self);
            self.tell_readers();
        }
        Ok(effects)
    }

    fn tell_readers(&mut self) {
        let (uncommitted, committed) =
            self.progress.moved(self.log.high_watermark(), self.log.last_stable_offset());
        if uncommitted > 0 {
            self.readers.uncommitted.count(uncommitted);
        }
        if committed > 0 {
            self.readers.committed.count(committed);
        }
    }
}

/// As a follower.
impl Partition {
    /// Follows `leader`, if anybody leads. What waits for this broker as a leader waits in vain.
    ///
    /// # Errors
    /// If the log cannot be cut back.
    pub fn follow(
        &mut self,
        epoch: i32,
        leader: Option<i32>,
        backoff: Duration,
        now_ms: i64,
    ) -> klamm_log::Result<Effects> {
        if let Role::Follower { leader: known, follower } = &mut self.role
            && follower.leader_epoch() == epoch
        {
            *known = leader;
            return Ok(Effects::default());
        }
        let resigned = matches!(self.role, Role::Leader(_));
        if resigned {
            info!(topic = %self.at.topic, partition = self.at.index, epoch, leader, "leads no more");
        }
        let mut actions = Vec::new();
        let term = Term { topic_id: self.topic_id, leader_epoch: epoch };
        let follower = Follower::new(term, backoff, &self.log_view(), &mut actions);
        self.role = Role::Follower { leader, follower };
        self.readers.wake_all();
        self.follow_actions(actions, None, now_ms)?;
        observe::replica(self);
        Ok(Effects { resigned, ..Effects::default() })
    }

    /// Takes in whether this replica counts as one that has what is committed: it is in the ISR, or an eligible leader.
    /// A log that may lack records since a crash is what there is if it does, or leads; else the leader's is, and the
    /// follower has them again from there.
    pub(crate) fn settle_doubt(&mut self, counts: bool) {
        let Some(doubted) = self.log.doubted_from() else { return };
        let at = &self.at;
        if matches!(self.role, Role::Leader(_)) {
            info!(topic = %at.topic, partition = at.index, offset = doubted, "compaction or the crash has left a gap, leading with it");
            self.log.trust();
        } else if !counts && self.counts != Some(false) {
            info!(topic = %at.topic, partition = at.index, offset = doubted, "compaction or the crash has left a gap, fetching again from there");
        }
        self.counts = Some(counts);
    }

    pub(super) const fn log_view(&self) -> LogView<'_> {
        LogView { log: &self.log, counts: self.counts }
    }

    /// What to ask the leader now; `None` if this broker does not follow.
    pub fn ask_leader(&self, now: Duration) -> Option<Ask> {
        match &self.role {
            Role::Follower { leader: Some(_), follower } => Some(follower.ask(now, &self.log_view())),
            Role::Follower { leader: None, .. } | Role::Leader(_) | Role::None => None,
        }
    }

    fn cut_below(&self, offset: i64) {
        self.cut_below_written(offset, self.log.recovery_point());
    }

    /// Notes what the checkpoint files say of the log, which was just opened.
    pub(crate) fn opened_with(&self, recovery_point: i64) {
        self.cut_below_written(self.log.log_end_offset(), recovery_point);
    }

    fn cut_below_written(&self, offset: i64, recovery_point: i64) {
        if offset < recovery_point {
            self.cut.set(Cut::Made);
            self.told.set(None);
        }
    }

    /// Whether the log was cut back below its recovery point and the checkpoint files may not say so yet. What is written
    /// now would count as synced after a loss of power.
    pub(crate) fn awaits_checkpoint(&self, log_dirs: &LogDirs) -> bool {
        match self.cut.get() {
            Cut::Written => return false,
            Cut::Made => self.cut.set(Cut::WrittenBy(log_dirs.want_pass())),
            Cut::WrittenBy(pass) if log_dirs.is_written(pass) => self.cut.set(Cut::Written),
            Cut::WrittenBy(_) => {}
        }
        self.cut.get() != Cut::Written
    }

    /// Notes which pass over the checkpoint files has the recovery point of now.
    pub(crate) fn tell_checkpoint(&mut self, log_dirs: &LogDirs) {
        self.take_checkpoint(log_dirs);
        self.told.set(Some((log_dirs.begun_pass(), self.log.recovery_point())));
    }

    /// Lets the log know what the checkpoint files say by now; only that much is compacted.
    pub(crate) fn take_checkpoint(&mut self, log_dirs: &LogDirs) {
        if let Some((pass, recovery_point)) = self.told.get()
            && log_dirs.is_written(pass)
        {
            self.log.mark_checkpointed(recovery_point);
            self.told.set(None);
        }
    }

    /// Whether this replica's fetching counts against `follower.replication.throttled.rate`.
    pub fn is_throttled_follower(&self) -> bool {
        self.settings.throttled_followers.contains(self.at.index)
    }

    /// Whether this follower has all that its leader has called committed.
    pub fn has_caught_up(&self) -> bool {
        match &self.role {
            Role::Follower { follower, .. } => follower.has_caught_up(&self.log_view()),
            Role::Leader(_) | Role::None => false,
        }
    }

    /// Takes what the leader answered, with the records if there are any.
    ///
    /// # Errors
    /// If the log failed. Records that the log refuses are fetched again later.
    pub fn leader_answered(
        &mut self,
        input: FollowerInput,
        records: Option<Bytes>,
        now: Duration,
        now_ms: i64,
    ) -> klamm_log::Result<()> {
        let mut actions = Vec::new();
        self.step_follower(input, now, &mut actions);
        match self.follow_actions(actions, records, now_ms) {
            Err(error) if !error.is_fault() => {
                let at = &self.at;
                warn!(topic = %at.topic, partition = at.index, %error, "what the leader sent is refused");
                self.step_follower(FollowerInput::Failed, now, &mut Vec::new());
                Ok(())
            }
            Err(error) => {
                self.step_follower(FollowerInput::LogFailed, now, &mut Vec::new());
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    fn step_follower(&mut self, input: FollowerInput, now: Duration, actions: &mut Vec<follower::Action>) {
        if let Role::Follower { follower, .. } = &mut self.role {
            follower.step(now, input, &LogView { log: &self.log, counts: self.counts }, actions);
        }
    }

    fn follow_actions(
        &mut self,
        actions: Vec<follower::Action>,
        mut records: Option<Bytes>,
        now_ms: i64,
    ) -> klamm_log::Result<()> {
        for action in actions {
            match action {
                follower::Action::Append { leader_epoch } => {
                    if let Some(records) = records.take().filter(|records| !records.is_empty()) {
                        let appended = append_as_follower(&mut self.log, records, leader_epoch, now_ms)?;
                        self.progress.appended(self.log.log_end_offset(), u64::from(appended.bytes));
                        self.traffic.replication_bytes_in += u64::from(appended.bytes);
                    }
                }
                follower::Action::TruncateTo(offset) => {
                    let at = &self.at;
                    let (from, high_watermark) = (self.log.log_end_offset(), self.log.high_watermark());
                    if offset < from {
                        info!(topic = %at.topic, partition = at.index, from, offset, high_watermark, "log cut back");
                    }
                    self.cut_below(offset);
                    self.log.truncate_to(offset, now_ms)?;
                    self.truncate_future(offset, now_ms);
                    self.progress.truncated(offset);
                }
                follower::Action::StartAt(offset) => {
                    let at = &self.at;
                    info!(topic = %at.topic, partition = at.index, offset, "log starts anew where the leader's does");
                    self.cut_below(offset);
                    self.log.truncate_fully_and_start_at(offset, None, now_ms)?;
                    self.truncate_future(offset, now_ms);
                    self.progress.truncated(offset);
                }
                follower::Action::HighWatermark(offset) => {
                    if offset.min(self.log.log_end_offset()) > self.log.high_watermark() {
                        self.log.set_high_watermark(offset);
                    }
                }
                follower::Action::LogStart(offset) => {
                    let offset = offset.min(self.log.high_watermark());
                    if offset > self.log.log_start_offset() {
                        self.log.advance_log_start_offset(offset)?;
                    }
                }
            }
        }
        self.tell_readers();
        observe::replica(self);
        Ok(())
    }
}

/// Appends what a leader's log has at the end of this one.
pub(super) fn append_as_follower(
    log: &mut Log,
    records: Bytes,
    leader_epoch: i32,
    now_ms: i64,
) -> klamm_log::Result<klamm_log::Appended> {
    match log.append_as_follower(records.clone(), leader_epoch, now_ms) {
        // The leader's log starts in the middle of a batch, which it sends whole. A log that is empty takes it from its
        // start, and keeps its own log start.
        Err(klamm_log::Error::UnexpectedAppendOffset { first_offset, last_offset, log_end_offset })
            if log.log_start_offset() == log_end_offset && last_offset >= log_end_offset =>
        {
            let log_start = log.log_start_offset();
            log.truncate_fully_and_start_at(first_offset, Some(log_start), now_ms)?;
            log.append_as_follower(records, leader_epoch, now_ms)
        }
        other => other,
    }
}

/// What the controller answered to a change of the ISR.
pub(crate) type IsrAnswer = Result<leader::CommittedIsr, klamm_protocol::ErrorCode>;

impl Partition {
    /// The controller has answered.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub(crate) fn isr_answered(
        &mut self,
        change: IsrChange,
        answer: IsrAnswer,
        now: Duration,
    ) -> klamm_log::Result<Effects> {
        let mut effects = self.step(Input::AlterPartition(change, answer), now)?;
        effects.high_watermark = true;
        Ok(effects)
    }
}
