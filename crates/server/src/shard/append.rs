//! Appending clients' and coordinators' batches to the partitions of a shard.

use std::rc::Rc;

use bytes::Bytes;
use klamm_log::{Append, AppendOrigin as LogOrigin};
use klamm_protocol::{
    ErrorCode,
    records::{AppendOrigin, DecompressLimits, ProduceRefusal, ProduceRules, validate_produce},
};

use super::{
    requests::{AppendAnswer, AppendRefusal, AppendRequest, Appended, TopicPartition},
    run::Shard,
};
use crate::{
    error::ApiError,
    fault_to_api::log_error,
    partition::{Partition, Role},
};

impl Shard {
    pub(super) fn append(self: &Rc<Self>, request: AppendRequest) {
        let AppendRequest { partitions, acks, timeout: _, api_version, origin, reply } = request;
        let answers = partitions
            .into_iter()
            .map(|(at, records)| self.append_to(&at, records, Terms { acks, api_version, origin }))
            .collect();
        drop(reply.send(answers));
    }

    /// Appends to one partition.
    pub(crate) fn append_to(&self, at: &TopicPartition, records: Bytes, terms: Terms) -> AppendAnswer {
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = partitions.get_mut(at) else {
            return Err(ApiError::from(self.missing(at)).into());
        };
        let now_ms = self.node.world.clock.wall_ms();
        let answer = append(partition, records, terms, now_ms);
        if let Err(Failed::Fault(error)) = &answer {
            self.node.log_dirs.fail(partition.log_dir(), error);
        }
        answer.map_err(|failed| match failed {
            Failed::Refused(refusal) => refusal,
            Failed::Fault(error) => log_error(&error).into(),
        })
    }

    /// Why a partition is not here.
    pub(super) fn missing(&self, at: &TopicPartition) -> ErrorCode {
        match self.node.metadata.load().image.topics.partition(&at.topic, at.index) {
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

fn append(partition: &mut Partition, records: Bytes, terms: Terms, now_ms: i64) -> Result<Appended, Failed> {
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
        transaction_version: 0,
        now_ms,
    };
    let done = match partition.log.append_as_leader(std::slice::from_mut(&mut validated.batch), how) {
        Ok(done) => done,
        Err(error) if error.is_fault() => return Err(Failed::Fault(error)),
        Err(error) => return Err(Box::<AppendRefusal>::from(log_error(&error)).into()),
    };
    if done.bytes > 0 {
        partition.appended(done.bytes);
    }
    Ok(Appended {
        base_offset: done.first_offset,
        end_offset: done.last_offset + 1,
        log_append_time_ms: done.duplicate_timestamp.or(validated.log_append_time_ms).unwrap_or(-1),
        log_start_offset: partition.log.log_start_offset(),
    })
}

/// acks=all needs `min.insync.replicas`.
fn check_in_sync(partition: &Partition, acks: i16) -> Result<(), Failed> {
    let Role::Leader { in_sync, .. } = partition.role() else { return Ok(()) };
    let wanted = partition.settings.insync_replicas_min;
    if acks == -1 && in_sync < wanted {
        let at = partition.at();
        let text = format!(
            "The size of the current ISR : {in_sync} is insufficient to satisfy the min.isr requirement of {wanted} for \
             partition {}-{}",
            at.topic, at.index
        );
        return Err(Box::<AppendRefusal>::from(ApiError::new(ErrorCode::NotEnoughReplicas, text)).into());
    }
    Ok(())
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
