//! Looking things up in the partitions of a shard, and raising their start.

use std::{rc::Rc, time::Duration};

use klamm_log::{FoundOffset, OffsetSpec, VerificationGuard};
use klamm_protocol::{
    ErrorCode,
    api::{describe_producers::ProducerState, fetch::EpochEndOffset},
};
use klamm_replica::leader::Leader;

use super::{
    requests::{Isolation, OffsetAnswer, OffsetQuery, Reply, TopicPartition, Unverified},
    run::Shard,
};
use crate::{
    error::ApiError,
    fault_to_api::log_error,
    partition::{Effects, Partition},
    replication::Cause,
};

impl Shard {
    /// Runs `work` on a partition that this broker leads.
    fn with_leader<T>(
        &self,
        at: &TopicPartition,
        current_leader_epoch: i32,
        work: impl FnOnce(&mut Partition) -> klamm_log::Result<T>,
    ) -> Result<T, ApiError> {
        self.with_replica(at, current_leader_epoch, true, work)
    }

    fn with_replica<T>(
        &self,
        at: &TopicPartition,
        current_leader_epoch: i32,
        leader_only: bool,
        work: impl FnOnce(&mut Partition) -> klamm_log::Result<T>,
    ) -> Result<T, ApiError> {
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = partitions.get_mut(at) else { return Err(self.missing(at).into()) };
        if self.node.log_dirs.is_offline(partition.log_dir()) {
            return Err(ErrorCode::KafkaStorageError.into());
        }
        partition.check(current_leader_epoch, leader_only)?;
        work(partition).map_err(|error| {
            if error.is_fault() {
                self.node.log_dirs.fail(partition.log_dir(), &error);
            }
            log_error(&error)
        })
    }

    pub(crate) fn list_offset(&self, query: &OffsetQuery) -> Result<OffsetAnswer, ApiError> {
        let Some(spec) = OffsetSpec::from_wire(query.timestamp) else {
            return Err(ErrorCode::UnsupportedVersion.into());
        };
        self.with_replica(&query.at, query.current_leader_epoch, !query.of_any, |partition| {
            let epoch = partition.leader_epoch();
            let is_lagging = query.isolation != Isolation::LogEnd
                && partition.leader().is_some_and(Leader::is_high_watermark_lagging);
            let log = &mut partition.log;
            let last_fetchable = match query.isolation {
                Isolation::Committed => log.last_stable_offset(),
                Isolation::Uncommitted => log.high_watermark(),
                Isolation::LogEnd => log.log_end_offset(),
            };
            let none = OffsetAnswer { timestamp: -1, offset: -1, leader_epoch: -1 };
            Ok(match spec {
                OffsetSpec::Latest if is_lagging => Err(ErrorCode::OffsetNotAvailable),
                OffsetSpec::Latest => {
                    Ok(OffsetAnswer { timestamp: -1, offset: last_fetchable, leader_epoch: epoch })
                }
                OffsetSpec::Earliest | OffsetSpec::EarliestLocal => {
                    Ok(log.find_offset(spec)?.map_or(none, answer))
                }
                _ => match log.find_offset(spec)? {
                    Some(found) if found.offset < last_fetchable => Ok(answer(found)),
                    // A record that is there, or was a moment ago, may turn out to be committed (KIP-207).
                    _ if is_lagging => Err(ErrorCode::OffsetNotAvailable),
                    _ => Ok(none),
                },
            })
        })?
        .map_err(ApiError::from)
    }

    /// Starts the verification of a transaction whose first batch is on its way to a partition.
    pub(super) fn start_verification(
        &self,
        batch: &Unverified,
    ) -> Result<Option<VerificationGuard>, ApiError> {
        let now_ms = self.node.world.clock.wall_ms();
        self.with_leader(&batch.at, -1, |partition| {
            let producer = (batch.producer_id, batch.producer_epoch);
            partition.log.start_verification(producer, batch.base_sequence, batch.raises_epochs, now_ms)
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

    pub(crate) fn delete_records(
        self: &Rc<Self>,
        queries: &[(TopicPartition, i64)],
        timeout: Duration,
        reply: Reply<Vec<Result<i64, ApiError>>>,
    ) {
        let mut answers = Vec::with_capacity(queries.len());
        let mut awaited = Vec::new();
        for (at, offset) in queries {
            let (answer, effects) = self.delete_before(at, *offset);
            self.settle(at, effects, Cause::Other);
            if let Ok((log_start, low_watermark)) = answer
                && low_watermark < log_start
            {
                awaited.push((answers.len(), at.clone(), log_start));
            }
            answers.push(answer.map(|(_, low_watermark)| low_watermark));
        }
        if awaited.is_empty() {
            drop(reply.send(answers));
        } else {
            self.replication().wait_for_deletion(self, awaited, answers, timeout, reply);
        }
    }

    /// Raises the log start. Returns the offset to be reached by all replicas, and what they have reached.
    fn delete_before(&self, at: &TopicPartition, offset: i64) -> (Result<(i64, i64), ApiError>, Effects) {
        let mut is_compacted = false;
        let mut effects = Effects::default();
        let now = self.node.world.clock.now().since_start();
        let deleted = self.with_leader(at, -1, |partition| {
            // Topics that are only compacted lose no records by request (KAFKA-7400). Those without any policy do.
            let policy = &partition.settings.log;
            is_compacted = policy.compact && !policy.delete;
            if is_compacted {
                return Ok((-1, -1));
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
            effects = partition.log_start_moved(now)?;
            let low_watermark = partition.leader().map_or(-1, Leader::low_watermark);
            Ok((offset, low_watermark))
        });
        let deleted = if is_compacted { Err(ErrorCode::PolicyViolation.into()) } else { deleted };
        (deleted, effects)
    }

    /// The producers that a replica knows, whether it leads or not.
    pub(super) fn producers(&self, at: &TopicPartition) -> Result<Vec<ProducerState>, ApiError> {
        self.with_replica(at, -1, false, |partition| {
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
