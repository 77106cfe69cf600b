//! Looking things up in the partitions of a shard, and raising their start.

use klamm_log::{FoundOffset, OffsetSpec};
use klamm_protocol::{
    ErrorCode,
    api::{describe_producers::ProducerState, fetch::EpochEndOffset},
};

use super::{
    requests::{Isolation, OffsetAnswer, OffsetQuery, TopicPartition},
    run::Shard,
};
use crate::{error::ApiError, fault_to_api::log_error, partition::Partition};

impl Shard {
    /// Runs `work` on a partition that this broker leads.
    fn with_leader<T>(
        &self,
        at: &TopicPartition,
        current_leader_epoch: i32,
        work: impl FnOnce(&mut Partition) -> klamm_log::Result<T>,
    ) -> Result<T, ApiError> {
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = partitions.get_mut(at) else { return Err(self.missing(at).into()) };
        partition.check_leader(current_leader_epoch)?;
        work(partition).map_err(|error| {
            if error.is_fault() {
                self.node.log_dirs.fail(partition.log_dir(), &error);
            }
            log_error(&error)
        })
    }

    pub(super) fn list_offset(&self, query: &OffsetQuery) -> Result<OffsetAnswer, ApiError> {
        let Some(spec) = OffsetSpec::from_wire(query.timestamp) else {
            return Err(ErrorCode::UnsupportedVersion.into());
        };
        self.with_leader(&query.at, query.current_leader_epoch, |partition| {
            let epoch = partition.leader_epoch();
            let log = &mut partition.log;
            let last_fetchable = match query.isolation {
                Isolation::Committed => log.last_stable_offset(),
                Isolation::Uncommitted => log.high_watermark(),
                Isolation::LogEnd => log.log_end_offset(),
            };
            let none = OffsetAnswer { timestamp: -1, offset: -1, leader_epoch: -1 };
            Ok(match spec {
                OffsetSpec::Latest => {
                    OffsetAnswer { timestamp: -1, offset: last_fetchable, leader_epoch: epoch }
                }
                OffsetSpec::Earliest | OffsetSpec::EarliestLocal => {
                    log.find_offset(spec)?.map_or(none, answer)
                }
                _ => {
                    log.find_offset(spec)?.filter(|found| found.offset < last_fetchable).map_or(none, answer)
                }
            })
        })
    }

    pub(super) fn epoch_end(
        &self,
        at: &TopicPartition,
        current: i32,
        epoch: i32,
    ) -> Result<EpochEndOffset, ApiError> {
        self.with_leader(at, current, |partition| {
            let end = partition.log.end_offset_for_epoch(epoch);
            let (epoch, end_offset) = end.unwrap_or((-1, -1));
            Ok(EpochEndOffset { epoch, end_offset, ..Default::default() })
        })
    }

    pub(super) fn delete_records(&self, at: &TopicPartition, offset: i64) -> Result<i64, ApiError> {
        let mut is_compacted = false;
        let deleted = self.with_leader(at, -1, |partition| {
            // Only topics with `delete` among their policies lose records by request (KAFKA-7400).
            is_compacted = !partition.settings.log.delete;
            if is_compacted {
                return Ok(-1);
            }
            let log = &mut partition.log;
            let offset = if offset == -1 { log.high_watermark() } else { offset };
            if offset < 0 {
                return Err(klamm_log::Error::OffsetOutOfRange {
                    offset,
                    log_start_offset: log.log_start_offset(),
                    log_end_offset: log.log_end_offset(),
                });
            }
            log.advance_log_start_offset(offset)?;
            Ok(log.log_start_offset())
        })?;
        if is_compacted { Err(ErrorCode::PolicyViolation.into()) } else { Ok(deleted) }
    }

    pub(super) fn producers(&self, at: &TopicPartition) -> Result<Vec<ProducerState>, ApiError> {
        self.with_leader(at, -1, |partition| {
            let producers = partition.log.producer_state().producers();
            Ok(producers
                .map(|producer| ProducerState {
                    producer_id: producer.producer_id(),
                    producer_epoch: i32::from(producer.producer_epoch()),
                    last_sequence: producer.last_sequence(),
                    last_timestamp: producer.last_timestamp(),
                    coordinator_epoch: producer.coordinator_epoch(),
                    current_txn_start_offset: producer.current_txn_first_offset().unwrap_or(-1),
                    ..Default::default()
                })
                .collect())
        })
    }
}

fn answer(found: FoundOffset) -> OffsetAnswer {
    OffsetAnswer {
        timestamp: found.timestamp,
        offset: found.offset,
        leader_epoch: found.leader_epoch.unwrap_or(-1),
    }
}
