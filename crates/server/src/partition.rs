//! One partition on this broker: its log, its part in the replication, and who waits for it.
//!
//! Owned by its shard. What has to happen beyond the partition, as the answer to a produce that waited for replicas, is
//! handed to the shard as [`Effects`], which it carries out once it has let go of its partitions.

mod moving;
mod progress;
mod replica;

use std::{cell::Cell, sync::Arc, time::Duration};

use klamm_log::Log;
use klamm_protocol::{ErrorCode, Uuid};
use klamm_replica::{
    follower::{self, Follower},
    leader::{self, Acknowledged, Assignment, IsrChange, Leader, LogOffsets},
};

pub(crate) use moving::{FutureLog, MoveError, Piece};
pub(crate) use replica::IsrAnswer;
pub use replica::Lead;

use crate::{
    metrics::{
        measures::{FollowedMeasures, LedMeasures, PartitionMeasures},
        traffic::Traffic,
    },
    shard::{
        requests::{PartitionOffsets, PartitionSize, TopicPartition},
        watch::Readers,
    },
    topic_settings::TopicSettings,
};
use progress::Progress;

/// What the metadata says that this broker is for a partition.
enum Role {
    /// Leads.
    Leader(Box<Leader>),
    /// Does not lead.
    Follower {
        /// Who leads, if anybody does.
        leader: Option<i32>,
        /// Fetches from the leader.
        follower: Follower,
    },
    /// Has not heard of the metadata yet.
    None,
}

/// What a change of a partition means to others.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Effects {
    /// The high watermark has risen, or the ISR may have become smaller or larger.
    pub high_watermark: bool,
    /// What waits for a sync may have become less.
    pub durable_end: bool,
    /// The log start of the slowest replica has risen.
    pub low_watermark: bool,
    /// The controller has to be asked for this ISR.
    pub isr_change: Option<IsrChange>,
    /// This broker does not lead any more: whoever waits for replicas waits in vain.
    pub resigned: bool,
}

impl Effects {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What two changes in turn mean together.
    pub fn and(self, next: Self) -> Self {
        Self {
            high_watermark: self.high_watermark || next.high_watermark,
            durable_end: self.durable_end || next.durable_end,
            low_watermark: self.low_watermark || next.low_watermark,
            isr_change: next.isr_change.or(self.isr_change),
            resigned: self.resigned || next.resigned,
        }
    }
}

/// A partition.
pub struct Partition {
    at: TopicPartition,
    topic_id: Uuid,
    log_dir: usize,
    /// The log.
    pub log: Log,
    role: Role,
    /// The topic's config.
    pub settings: Arc<TopicSettings>,
    /// Fetches that wait for records.
    pub readers: Readers,
    progress: Progress,
    /// What went in and out, for metrics.
    pub traffic: Traffic,
    /// Grows in another directory while the partition moves there.
    future: Option<Box<FutureLog>>,
    /// What a cut of the log has to do with the checkpoint files.
    cut: Cell<Cut>,
    /// The pass over the checkpoint files that has its recovery point, and which that is.
    told: Cell<Option<(u64, i64)>>,
    /// Whether it counts as a replica that has what is committed, once that is known of a log in doubt.
    counts: Option<bool>,
}

/// Whether the log may be written to after it was cut back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// No checkpoint file has a recovery point beyond a cut.
    Written,
    /// One may have.
    Made,
    /// This pass, or a later one, has the recovery point as it is now.
    WrittenBy(u64),
}

impl Partition {
    /// A partition with its log opened, neither leading nor following yet.
    pub fn new(
        at: TopicPartition,
        topic_id: Uuid,
        log_dir: usize,
        log: Log,
        settings: Arc<TopicSettings>,
    ) -> Self {
        Self {
            at,
            topic_id,
            log_dir,
            log,
            role: Role::None,
            settings,
            readers: Readers::default(),
            progress: Progress::default(),
            traffic: Traffic::default(),
            future: None,
            cut: Cell::new(Cut::Written),
            told: Cell::new(None),
            counts: None,
        }
    }

    /// Which partition it is.
    pub const fn at(&self) -> &TopicPartition {
        &self.at
    }

    /// Its topic's id.
    pub const fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// Index of its log directory.
    pub const fn log_dir(&self) -> usize {
        self.log_dir
    }

    /// The leader epoch of the metadata.
    pub const fn leader_epoch(&self) -> i32 {
        match &self.role {
            Role::Leader(leader) => leader.leader_epoch(),
            Role::Follower { follower, .. } => follower.leader_epoch(),
            Role::None => -1,
        }
    }

    /// The leader's view, if this broker leads.
    pub fn leader(&self) -> Option<&Leader> {
        match &self.role {
            Role::Leader(leader) => Some(leader),
            Role::Follower { .. } | Role::None => None,
        }
    }

    /// Whom this broker follows.
    pub const fn followed(&self) -> Option<i32> {
        match &self.role {
            Role::Follower { leader, .. } => *leader,
            Role::Leader(_) | Role::None => None,
        }
    }

    /// Checks that a request is meant for this broker: it leads, or anything but a lead is asked for; and its epoch is
    /// the one that the client believes in (-1: any). Returns the epoch.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH or UNKNOWN_LEADER_EPOCH.
    pub fn check(&self, current_leader_epoch: i32, leader_only: bool) -> Result<i32, ErrorCode> {
        let epoch = self.leader_epoch();
        if current_leader_epoch >= 0 {
            // The epoch goes before the role: a client that is ahead of this broker has to hear so (KIP-320).
            match current_leader_epoch.cmp(&epoch) {
                std::cmp::Ordering::Less => return Err(ErrorCode::FencedLeaderEpoch),
                std::cmp::Ordering::Greater => return Err(ErrorCode::UnknownLeaderEpoch),
                std::cmp::Ordering::Equal => {}
            }
        }
        match &self.role {
            Role::Leader(_) => Ok(epoch),
            Role::Follower { .. } if !leader_only => Ok(epoch),
            Role::Follower { .. } | Role::None => Err(ErrorCode::NotLeaderOrFollower),
        }
    }

    /// Checks that this broker leads, in the epoch that the client believes in (-1: any).
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH or UNKNOWN_LEADER_EPOCH.
    pub fn check_leader(&self, current_leader_epoch: i32) -> Result<i32, ErrorCode> {
        self.check(current_leader_epoch, true)
    }

    /// Whether a produce with acks=all is done whose last record lies before `end_offset`.
    ///
    /// # Errors
    /// NOT_ENOUGH_REPLICAS_AFTER_APPEND, or NOT_LEADER_OR_FOLLOWER.
    pub fn acknowledged(&self, end_offset: i64) -> Result<bool, ErrorCode> {
        let leader = self.leader().ok_or(ErrorCode::NotLeaderOrFollower)?;
        match leader.acknowledged(end_offset) {
            Acknowledged::Waiting => Ok(false),
            Acknowledged::Done => Ok(true),
            Acknowledged::TooFewReplicas => Err(ErrorCode::NotEnoughReplicasAfterAppend),
        }
    }

    /// Place and size; those of the copy too, while it moves.
    pub fn sizes(&self) -> impl Iterator<Item = PartitionSize> {
        let future = self.future.as_ref().map(|future| PartitionSize {
            at: self.at.clone(),
            log_dir: future.log_dir,
            bytes: future.log.size(),
            offset_lag: (self.log.log_end_offset() - future.log.log_end_offset()).max(0),
            is_future: true,
        });
        [self.size()].into_iter().chain(future)
    }

    fn size(&self) -> PartitionSize {
        let lag = match &self.role {
            Role::Leader(_) => 0,
            Role::Follower { .. } | Role::None => {
                (self.log.high_watermark() - self.log.log_end_offset()).max(0)
            }
        };
        PartitionSize {
            at: self.at.clone(),
            log_dir: self.log_dir,
            bytes: self.log.size(),
            offset_lag: lag,
            is_future: false,
        }
    }

    /// Its numbers. If it is followed here, by the fetcher of this number.
    pub fn measure(&self, fetcher: u64) -> PartitionMeasures {
        PartitionMeasures {
            at: self.at.clone(),
            traffic: self.traffic,
            size: self.log.size(),
            segments: self.log.segment_count(),
            log_start_offset: self.log.log_start_offset(),
            log_end_offset: self.log.log_end_offset(),
            led: self.leader().map(|leader| LedMeasures {
                replicas: leader.follower_count() + 1,
                in_sync: leader.isr().len(),
                in_sync_min: leader.effective_min_isr(),
                lso_lag: self.log.high_watermark() - self.log.last_stable_offset(),
            }),
            followed: match &self.role {
                Role::Follower { leader: Some(leader), follower } => Some(FollowedMeasures {
                    leader: *leader,
                    fetcher,
                    lag: follower.lag(&self.log_view()),
                    has_failed: follower.has_failed(),
                }),
                Role::Follower { leader: None, .. } | Role::Leader(_) | Role::None => None,
            },
            copy_lag: self.future.as_ref().map(|copy| {
                self.log.log_end_offset() - copy.log.log_end_offset().max(self.log.log_start_offset())
            }),
            producers: self.log.producer_state().producers().count(),
            open_since_ms: {
                let producers = self.log.producer_state().producers();
                let open = producers.filter(|producer| producer.current_txn_first_offset().is_some());
                open.map(|producer| producer.last_timestamp()).min()
            },
        }
    }

    /// What the checkpoint files say of it.
    pub fn offsets(&self) -> PartitionOffsets {
        PartitionOffsets {
            log_dir: self.log_dir,
            recovery_point: self.log.recovery_point(),
            log_start_offset: self.log.log_start_offset(),
            high_watermark: self.log.high_watermark(),
            cleaner_checkpoint: self.log.cleaner_checkpoint(),
        }
    }
}
