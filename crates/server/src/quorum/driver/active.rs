//! What a node does as the active controller: decide on the tentative image, propose, answer when it is committed.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use klamm_config::broker;
use klamm_controller::{Heartbeats, PartitionIndex};
use klamm_io::sim;
use klamm_metadata::{MetadataImage, image::record_version};
use klamm_protocol::MetadataRecord;
use klamm_raft::ProposeError;
use klamm_timeline::Timeline;
use tracing::{info, warn};

use super::{Driver, carry_out::Afterwards};
use crate::{
    metrics::quorum::ControllerCounts,
    observe::Observation,
    quorum::{command::CommandError, decide},
};

/// What only the active controller has.
pub(in crate::quorum) struct Active {
    pub(in crate::quorum) epoch: i32,
    pub(in crate::quorum) timeline: Timeline<MetadataImage>,
    /// Of the timeline's tentative image.
    pub(in crate::quorum) index: PartitionIndex,
    pub(in crate::quorum) heartbeats: Heartbeats,
    /// Answers that wait for the commit of everything before an offset.
    pub(super) waiting: VecDeque<(i64, Finish)>,
    /// When the next NoOp record is due (`metadata.max.idle.interval.ms`).
    pub(super) idle_deadline: Option<Duration>,
    /// When leaders are looked at unasked; `None` with `auto.leader.rebalance.enable` off.
    pub(in crate::quorum) balance_deadline: Option<Duration>,
    /// When partitions without a leader are looked at.
    pub(in crate::quorum) unclean_deadline: Duration,
}

/// Gives an answer: with the end offset of what was committed, or why it was not.
pub(in crate::quorum) type Finish = Box<dyn FnOnce(Result<i64, CommandError>)>;

impl Driver {
    pub(super) fn leader_changed(&mut self, epoch: i32, leader: Option<i32>) {
        match leader {
            Some(leader) => info!(epoch, leader, "leader of the quorum"),
            None => info!(epoch, "the quorum has no leader"),
        }
        self.afterwards.retain(|next| !matches!(next, Afterwards::Activate { .. }));
        self.resign(CommandError::NotController);
        let before = self.last_leader;
        self.last_leader = leader.or(before);
        self.handle.set_leader(leader);
        self.give_up.take().map(|give_up| give_up.send(()));
        self.own_commands.leader_changed();
        self.counts.new_leaders += u64::from(leader.is_some());
        if leader == Some(self.config.node_id()) {
            self.afterwards.push_back(Afterwards::Activate { epoch, before });
        }
    }

    pub(super) fn activate(&mut self, epoch: i32, before: Option<i32>) {
        sim::tell(|| Observation::QuorumLeader { epoch });
        let image = self.loader.image().clone();
        let end_offset = self.raft.log().end_offset();
        let now = self.now().monotonic;
        let heartbeats = decide::heartbeats(self, &image, now);
        self.active = Some(Active {
            epoch,
            index: PartitionIndex::of(&image),
            timeline: Timeline::new(image, end_offset),
            heartbeats,
            waiting: VecDeque::new(),
            idle_deadline: None,
            balance_deadline: decide::balance_interval(&self.config).map(|interval| now + interval),
            unclean_deadline: now + decide::unclean_interval(&self.config),
        });
        self.set_idle_deadline();
        // Kept: if this leadership ends before they are committed, the next one has to write them again.
        let bootstrap = self.bootstrap.clone();
        decide::activate(self, &bootstrap, self.loader.is_in_transaction());
        info!(epoch, "active controller");
        // The leader before had to be replaced: perhaps the broker of that node is gone as well.
        if let Some(before) = before {
            self.suspect(before);
        }
    }

    fn set_idle_deadline(&mut self) {
        let interval = self.config.get(&broker::METADATA_MAX_IDLE_INTERVAL_MS);
        let now = self.now().monotonic;
        if let Some(active) = &mut self.active {
            let interval = u64::try_from(interval).ok().filter(|ms| *ms > 0);
            active.idle_deadline = interval.map(|ms| now + Duration::from_millis(ms));
        }
    }

    pub(super) fn resign(&mut self, error: CommandError) {
        self.measured.resigned();
        if let Some(active) = self.active.take() {
            for (_, finish) in active.waiting {
                finish(Err(error));
            }
        }
    }

    /// Proposes a decision's records and has `finish` called when everything up to them is committed. Without records:
    /// when everything is that the decision has seen.
    pub(in crate::quorum) fn propose(&mut self, records: &[MetadataRecord], finish: Finish) {
        let Some(active) = &mut self.active else {
            finish(Err(CommandError::NotController));
            return;
        };
        if records.is_empty() {
            let end = active.timeline.tentative_end_offset();
            if active.timeline.committed_end_offset() >= end {
                finish(Ok(end));
            } else {
                active.waiting.push_back((end, finish));
            }
            return;
        }
        let version = active.timeline.tentative().features.metadata_version_or_minimum();
        let encoded: Vec<Bytes> =
            records.iter().map(|record| encode_record(record, record_version(version, record))).collect();
        let epoch = active.epoch;
        let mut actions = Vec::new();
        match self.raft.propose(self.now(), epoch, &encoded, &mut actions) {
            Ok(end) => {
                if let Some(active) = &mut self.active {
                    let before = active.timeline.tentative().clone();
                    count_elections(&mut self.counts, &before, records);
                    active.timeline.apply(records, end);
                    active.index.update(&before, active.timeline.tentative(), records);
                    active.waiting.push_back((end, finish));
                }
                self.measured.proposed(self.world.clock.now(), end, records.len());
                self.set_idle_deadline();
            }
            Err(error) => {
                warn!(%error, "a decision cannot be proposed");
                finish(Err(match error {
                    ProposeError::NotLeader(_) => CommandError::NotController,
                    ProposeError::TooLarge(_) => CommandError::TooLarge,
                }));
            }
        }
        self.carry_out(actions);
    }

    /// The offset that the next record gets.
    pub(in crate::quorum) fn next_offset(&self) -> i64 {
        self.active.as_ref().map_or(-1, |active| active.timeline.tentative_end_offset())
    }
}

fn encode_record(record: &MetadataRecord, version: i16) -> Bytes {
    match record.to_bytes(version) {
        Ok(bytes) => bytes,
        Err(error) => panic!("a {record:?} cannot be written in version {version}: {error}"),
    }
}

/// Counts the leaders among what is decided that were not in sync.
fn count_elections(counts: &mut ControllerCounts, before: &MetadataImage, records: &[MetadataRecord]) {
    for record in records {
        let MetadataRecord::PartitionChange(change) = record else { continue };
        let known = before.topics.by_id(&change.topic_id);
        let Some(known) = known.and_then(|topic| topic.partitions.get(&change.partition_id)) else {
            continue;
        };
        if change.leader < 0 || known.isr.contains(&change.leader) {
            continue;
        }
        if known.elr.contains(&change.leader) {
            counts.elr_elections += 1;
        } else {
            counts.unclean_elections += 1;
        }
    }
}
