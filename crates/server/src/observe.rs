//! What a simulation is told of a node while it runs, so that it can check what no client sees.
//!
//! Told through [`klamm_io::sim::tell`], which outside of a simulation costs one look at a thread-local.

use std::sync::Arc;

use klamm_io::sim;
use klamm_protocol::{Uuid, records::BatchHeader};
use klamm_share::AcquiredRecords;

use crate::{metadata::Published, partition::Partition, shard::requests::TopicPartition};

/// What has just happened on a node.
#[derive(Debug)]
pub enum Observation {
    /// It leads the quorum.
    QuorumLeader {
        /// In this epoch.
        epoch: i32,
    },
    /// It has learnt that a batch of the metadata log is committed.
    Committed {
        /// Offset of the first record.
        base_offset: i64,
        /// Offset of the last record.
        last_offset: i64,
        /// The batch's epoch.
        epoch: i32,
        /// The batch's checksum.
        crc: u32,
    },
    /// It has replayed the committed log up to an image.
    Published(Arc<Published>),
    /// A replica has moved to another of its broker's log directories: from now on it is the one there.
    Moved {
        /// The partition.
        at: TopicPartition,
        /// Its topic's id.
        topic_id: Uuid,
        /// `directory.id` of where it is now.
        directory: Uuid,
    },
    /// It gives records of a share partition out. The answer that has them may get lost.
    Acquired {
        /// The partition.
        at: TopicPartition,
        /// The leader epoch of the share partition.
        leader_epoch: i32,
        /// The first of the records.
        first_offset: i64,
        /// The last of them.
        last_offset: i64,
        /// How often they have been given out, this time included.
        delivery_count: i16,
    },
    /// A partition's log has grown or been cut, or its high watermark or role has changed.
    Replica(Replica),
}

/// A partition's replica on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The partition.
    pub at: TopicPartition,
    /// Its topic's id.
    pub topic_id: Uuid,
    /// The leader epoch it is in.
    pub leader_epoch: i32,
    /// Whether it leads.
    pub is_leader: bool,
    /// The offset after its last record.
    pub log_end: i64,
    /// Its high watermark.
    pub high_watermark: i64,
}

/// Tells of a partition as it is now.
#[inline]
pub(crate) fn replica(partition: &Partition) {
    sim::tell(|| {
        Observation::Replica(Replica {
            at: partition.at().clone(),
            topic_id: partition.topic_id(),
            leader_epoch: partition.leader_epoch(),
            is_leader: partition.leader().is_some(),
            log_end: partition.log.log_end_offset(),
            high_watermark: partition.log.high_watermark(),
        })
    });
}

/// Tells of a replica that is in another log directory now.
#[inline]
pub(crate) fn moved(at: &TopicPartition, topic_id: Uuid, directory: Uuid) {
    sim::tell(|| Observation::Moved { at: at.clone(), topic_id, directory });
}

/// Tells of records that a member of a share group gets.
#[inline]
pub(crate) fn acquired(at: &TopicPartition, leader_epoch: i32, runs: &[AcquiredRecords]) {
    for run in runs {
        sim::tell(|| Observation::Acquired {
            at: at.clone(),
            leader_epoch,
            first_offset: run.first_offset,
            last_offset: run.last_offset,
            delivery_count: run.delivery_count,
        });
    }
}

/// Tells of a batch that is committed.
#[inline]
pub(crate) fn committed(header: impl FnOnce() -> BatchHeader) {
    sim::tell(|| {
        let header = header();
        Observation::Committed {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            epoch: header.partition_leader_epoch,
            crc: header.crc,
        }
    });
}
