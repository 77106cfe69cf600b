//! One partition on this broker: its log, its role, and who waits for it.
//!
//! Owned by its shard. A partition leads only while it is its own only in-sync replica: replication to others is not
//! here yet, and without it no offset beyond this broker may count as replicated.

use std::sync::Arc;

use klamm_log::Log;
use klamm_protocol::{ErrorCode, Uuid};

use crate::{
    shard::{
        requests::{PartitionOffsets, PartitionSize, TopicPartition},
        watch::Watchers,
    },
    topic_settings::TopicSettings,
};

/// What the metadata says that this broker is for a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Leads in an epoch.
    Leader {
        /// The leader epoch.
        epoch: i32,
        /// How many replicas are in sync, this one among them.
        in_sync: usize,
    },
    /// Does not lead.
    Follower {
        /// The leader epoch.
        epoch: i32,
    },
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
    pub watchers: Watchers,
    /// Bytes that are in the log; what watchers have been told.
    counted_bytes: u64,
}

impl Partition {
    /// A partition with its log opened, not leading yet.
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
            role: Role::Follower { epoch: -1 },
            settings,
            watchers: Watchers::default(),
            counted_bytes: 0,
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

    /// What it is.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The leader epoch of the metadata.
    pub const fn leader_epoch(&self) -> i32 {
        match self.role {
            Role::Leader { epoch, .. } | Role::Follower { epoch } => epoch,
        }
    }

    /// Takes a role. A new leader marks the start of its epoch in the log.
    ///
    /// # Errors
    /// If the epoch cannot be written down.
    pub fn assume(&mut self, role: Role) -> klamm_log::Result<()> {
        if role == self.role {
            return Ok(());
        }
        let was_epoch = self.leader_epoch();
        self.role = role;
        if let Role::Leader { epoch, .. } = role {
            if epoch != was_epoch {
                self.log.assign_epoch(epoch, self.log.log_end_offset())?;
            }
            self.advance();
        }
        self.watchers.wake_all();
        Ok(())
    }

    /// Moves the high watermark to the log's end, as the only in-sync replica may, and tells waiting fetches.
    pub fn advance(&mut self) {
        if let Role::Leader { in_sync: 1, .. } = self.role {
            self.log.set_high_watermark(self.log.log_end_offset());
        }
    }

    /// Tells waiting fetches that a batch of so many bytes can be read.
    pub fn appended(&mut self, bytes: u32) {
        self.advance();
        self.counted_bytes += u64::from(bytes);
        self.watchers.count(u64::from(bytes));
    }

    /// Checks that this broker leads, in the epoch that the client believes in (-1: any).
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH or UNKNOWN_LEADER_EPOCH.
    pub fn check_leader(&self, current_leader_epoch: i32) -> Result<i32, ErrorCode> {
        let epoch = self.leader_epoch();
        if current_leader_epoch >= 0 {
            // The epoch goes before the role: a client that is ahead of this broker has to hear so (KIP-320).
            match current_leader_epoch.cmp(&epoch) {
                std::cmp::Ordering::Less => return Err(ErrorCode::FencedLeaderEpoch),
                std::cmp::Ordering::Greater => return Err(ErrorCode::UnknownLeaderEpoch),
                std::cmp::Ordering::Equal => {}
            }
        }
        match self.role {
            Role::Leader { .. } => Ok(epoch),
            Role::Follower { .. } => Err(ErrorCode::NotLeaderOrFollower),
        }
    }

    /// Place and size.
    pub fn size(&self) -> PartitionSize {
        let lag = match self.role {
            Role::Leader { .. } => 0,
            Role::Follower { .. } => (self.log.high_watermark() - self.log.log_end_offset()).max(0),
        };
        PartitionSize { at: self.at.clone(), log_dir: self.log_dir, bytes: self.log.size(), offset_lag: lag }
    }

    /// What the checkpoint files say of it.
    pub fn offsets(&self) -> PartitionOffsets {
        PartitionOffsets {
            log_dir: self.log_dir,
            recovery_point: self.log.recovery_point(),
            log_start_offset: self.log.log_start_offset(),
            high_watermark: self.log.high_watermark(),
        }
    }
}
