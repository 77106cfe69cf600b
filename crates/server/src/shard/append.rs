//! Appending clients' and coordinators' batches to the partitions of a shard.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use klamm_log::{Append, AppendOrigin as LogOrigin};
use klamm_protocol::{
    ErrorCode,
    records::{AppendOrigin, DecompressLimits, ProduceRefusal, ProduceRules, validate_produce},
};

use super::{
    requests::{
        AppendAnswer, AppendRefusal, AppendRequest, Appended, PartitionAppend, TopicPartition, Transactional,
    },
    run::Shard,
};
use crate::{
    error::ApiError,
    fault_to_api::log_error,
    metrics::traffic::Traffic,
    partition::{Effects, Partition},
    replication::{Cause, Unsynced, refuse},
};

impl Shard {
    pub(super) fn append(self: &Rc<Self>, request: AppendRequest) {
        let AppendRequest { partitions, acks, timeout, api_version, origin, place, memory, reply } = request;
        drop(place);
        let mut answers = Vec::with_capacity(partitions.len());
        let (mut awaited, mut unsynced) = (Vec::new(), Vec::new());
        for PartitionAppend { at, records, transactional } in partitions {
            let terms = Terms { acks, api_version, origin, transactional };
            let mut answer = self.append_and_settle(&at, records, terms);
            if let Ok(done) = &answer
                && !done.is_durable
            {
                unsynced.push((answers.len(), at.clone(), done.appended.end_offset));
            }
            if let (-1, Ok(done)) = (acks, &answer) {
                match done.acknowledged {
                    Ok(true) => {}
                    Ok(false) => awaited.push((answers.len(), at, done.appended.end_offset)),
                    Err(code) => answer = Err(ApiError::from(code).into()),
                }
            }
            answers.push(answer.map(|done| done.appended));
        }
        drop(memory);
        if !unsynced.is_empty() {
            self.refuse_unsynced(&unsynced, &mut answers);
            let is_answered = |place: &usize| !answers.get(*place).is_some_and(Result::is_ok);
            unsynced.retain(|(place, ..)| !is_answered(place));
            awaited.retain(|(place, ..)| !is_answered(place));
        }
        if !unsynced.is_empty() {
            self.replication().wait_for_sync(unsynced, Unsynced { awaited, answers, timeout, reply });
        } else if awaited.is_empty() {
            drop(reply.send(answers));
        } else {
            self.replication().wait_for_replicas(self, awaited, answers, timeout, reply);
        }
    }

    /// A sync may have been asked for, and have failed, before anybody waited for it.
    fn refuse_unsynced(&self, unsynced: &[(usize, TopicPartition, i64)], answers: &mut [AppendAnswer]) {
        let partitions = self.partitions.borrow();
        for (place, at, _) in unsynced {
            let log_dir = partitions.get(at).map(Partition::log_dir);
            if log_dir.is_some_and(|log_dir| self.node.log_dirs.is_offline(log_dir)) {
                refuse(answers, *place, ErrorCode::KafkaStorageError);
            }
        }
    }

    /// Appends to one partition, for a coordinator; does not wait for replicas, nor for a sync, without which the high
    /// watermark does not rise.
    pub(crate) fn append_to(
        self: &Rc<Self>,
        at: &TopicPartition,
        records: Bytes,
        terms: Terms,
    ) -> AppendAnswer {
        self.append_and_settle(at, records, terms).map(|done| done.appended)
    }

    fn append_and_settle(
        self: &Rc<Self>,
        at: &TopicPartition,
        records: Bytes,
        terms: Terms,
    ) -> Result<Done, Box<AppendRefusal>> {
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = partitions.get_mut(at) else {
            return Err(ApiError::from(self.missing(at)).into());
        };
        if self.node.log_dirs.is_offline(partition.log_dir()) {
            return Err(ApiError::from(ErrorCode::KafkaStorageError).into());
        }
        // As after a cut a follower waits before it fetches, what clients have waits at them for the few milliseconds that
        // the files take. Coordinators do not know such waits; they do not fill a segment in that time, and whatever is
        // in the segment that was cut back is checked after a crash.
        if partition.awaits_checkpoint(&self.node.log_dirs) && terms.origin == AppendOrigin::Client {
            return Err(ApiError::from(ErrorCode::NotLeaderOrFollower).into());
        }
        let clock = self.node.world.clock;
        let answer = append(partition, records, terms, clock.wall_ms(), clock.now().since_start());
        if let Err(Failed::Fault(error)) = &answer {
            self.node.log_dirs.fail(partition.log_dir(), error);
        }
        let counted = counted(&answer);
        partition.traffic.add(&counted);
        let is_flush_due = partition.log.reaches_flush_messages();
        self.traffic.borrow_mut().add(&counted);
        drop(partitions);
        if is_flush_due {
            self.flush_due();
        }
        let (done, effects) = answer.map_err(|failed| match failed {
            Failed::Refused(refusal) => refusal,
            Failed::Fault(error) => log_error(&error).into(),
        })?;
        let cause = match terms.origin {
            AppendOrigin::Coordinator => Cause::Coordinator,
            AppendOrigin::Client => Cause::Other,
        };
        self.settle(at, effects, cause);
        Ok(done)
    }

    /// Why a partition is not here.
    pub(crate) fn missing(&self, at: &TopicPartition) -> ErrorCode {
        match self.node.metadata.load().image.topics.partition(&at.topic, at.index) {
            // It is in a directory that has failed, or would have to be looked for there.
            Some(placed) if self.node.log_dirs.has_offline() && placed.replicas.contains(&self.node.id) => {
                ErrorCode::KafkaStorageError
            }
            Some(_) => ErrorCode::NotLeaderOrFollower,
            None => ErrorCode::UnknownTopicOrPartition,
        }
    }
}

/// On which terms batches are appended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) acks: i16,
    pub(crate) api_version: i16,
    pub(crate) origin: AppendOrigin,
    pub(crate) transactional: Transactional,
}

/// Batches that are in the log, and whether all in-sync replicas have them.
struct Done {
    appended: Appended,
    /// What they take up; 0 of a duplicate.
    bytes: u32,
    acknowledged: Result<bool, ErrorCode>,
    /// Whether nobody has to wait for a sync.
    is_durable: bool,
}

enum Failed {
    Refused(Box<AppendRefusal>),
    Fault(klamm_log::Error),
}

impl From<Box<AppendRefusal>> for Failed {
    fn from(refusal: Box<AppendRefusal>) -> Self {
        Self::Refused(refusal)
    }
}

fn append(
    partition: &mut Partition,
    records: Bytes,
    terms: Terms,
    now_ms: i64,
    now: Duration,
) -> Result<(Done, Effects), Failed> {
    let epoch =
        partition.check_leader(-1).map_err(|code| Box::<AppendRefusal>::from(ApiError::from(code)))?;
    check_in_sync(partition, terms.acks)?;
    let name = format!("{}-{}", partition.at().topic, partition.at().index);
    let settings = &partition.settings;
    let rules = ProduceRules {
        topic_partition: &name,
        api_version: terms.api_version,
        origin: terms.origin,
        size_max: settings.batch_bytes_max,
        compacted: settings.log.compact,
        compression: settings.compression,
        timestamp_type: settings.timestamp_type,
        timestamp_before_max_ms: settings.timestamp_before_max_ms,
        timestamp_after_max_ms: settings.timestamp_after_max_ms,
        limits: DecompressLimits::default(),
    };
    let mut validated =
        validate_produce(records, &rules, now_ms).map_err(|refusal| refused_records(partition, refusal))?;
    let how = Append {
        leader_epoch: epoch,
        origin: match terms.origin {
            AppendOrigin::Client => LogOrigin::Client,
            AppendOrigin::Coordinator => LogOrigin::Coordinator,
        },
        transaction_version: terms.transactional.version,
        verification_guard: terms.transactional.guard,
        now_ms,
    };
    let done = match partition.log.append_as_leader(std::slice::from_mut(&mut validated.batch), how) {
        Ok(done) => done,
        Err(error) if error.is_fault() => return Err(Failed::Fault(error)),
        Err(error) => return Err(Box::<AppendRefusal>::from(log_error(&error)).into()),
    };
    let effects = match done.bytes {
        0 => Effects::default(),
        bytes => partition.appended(bytes, now).map_err(Failed::Fault)?,
    };
    let appended = Appended {
        base_offset: done.first_offset,
        end_offset: done.last_offset + 1,
        log_append_time_ms: done.duplicate_timestamp.or(validated.log_append_time_ms).unwrap_or(-1),
        log_start_offset: partition.log.log_start_offset(),
    };
    let acknowledged = partition.acknowledged(appended.end_offset);
    // Also of a duplicate: what it repeats may not be synced yet.
    let is_durable = appended.end_offset <= partition.log.durable_end_offset();
    Ok((Done { appended, bytes: done.bytes, acknowledged, is_durable }, effects))
}

/// What an append adds to the numbers.
fn counted(answer: &Result<(Done, Effects), Failed>) -> Traffic {
    match answer {
        Ok((Done { bytes: 0, .. }, _)) => Traffic { produce_requests: 1, ..Traffic::default() },
        Ok((done, _)) => Traffic {
            produce_requests: 1,
            messages_in: (done.appended.end_offset - done.appended.base_offset).unsigned_abs(),
            bytes_in: u64::from(done.bytes),
            ..Traffic::default()
        },
        Err(_) => Traffic { produce_requests: 1, failed_produce_requests: 1, ..Traffic::default() },
    }
}

/// acks=all needs `min.insync.replicas`.
fn check_in_sync(partition: &Partition, acks: i16) -> Result<(), Failed> {
    let Some(leader) = partition.leader() else { return Ok(()) };
    let Err(code) = leader.check_append(acks) else { return Ok(()) };
    let (isr, wanted) = (leader.isr(), leader.effective_min_isr());
    let ids: Vec<String> = isr.iter().map(ToString::to_string).collect();
    let at = partition.at();
    let text = format!(
        "The size of the current ISR : {} is insufficient to satisfy the min.isr requirement of {wanted} for partition \
         {}-{}, live replica(s) broker.id are : Set({})",
        isr.len(),
        at.topic,
        at.index,
        ids.join(", ")
    );
    Err(Box::<AppendRefusal>::from(ApiError::new(code, text)).into())
}

fn refused_records(partition: &Partition, refusal: ProduceRefusal) -> Box<AppendRefusal> {
    Box::new(AppendRefusal {
        log_start_offset: if refusal.record_errors.is_empty() {
            -1
        } else {
            partition.log.log_start_offset()
        },
        error: ApiError { code: refusal.code, message: refusal.message.unwrap_or_default() },
        records: refusal
            .record_errors
            .into_iter()
            .map(|record| (record.batch_index, record.message))
            .collect(),
    })
}
