//! Reading from the partitions of a shard.

use std::{rc::Rc, sync::Arc};

use klamm_log::Error;
use klamm_protocol::{
    ErrorCode, Uuid,
    api::fetch::{AbortedTransaction, EpochEndOffset},
};

use super::{
    requests::{Isolation, PartitionRead, PartitionReadAnswer, ReadRequest},
    run::Shard,
    watch::FetchWatch,
};
use crate::{fault_to_api::log_error, partition::Partition};

impl Shard {
    pub(super) fn read(self: &Rc<Self>, request: ReadRequest) {
        let ReadRequest { partitions, isolation, watch, reply } = request;
        let answers = partitions.iter().map(|read| self.read_one(read, isolation, watch.as_ref())).collect();
        drop(reply.send(answers));
    }

    fn read_one(
        &self,
        read: &PartitionRead,
        isolation: Isolation,
        watch: Option<&Arc<FetchWatch>>,
    ) -> PartitionReadAnswer {
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = partitions.get_mut(&read.at) else {
            return PartitionReadAnswer::failed(self.missing(&read.at));
        };
        if read.topic_id != Uuid::ZERO && read.topic_id != partition.topic_id() {
            return PartitionReadAnswer::failed(ErrorCode::InconsistentTopicId);
        }
        if let Err(code) = partition.check_leader(read.current_leader_epoch) {
            return PartitionReadAnswer::failed(code);
        }
        let answer = match read_log(partition, read, isolation) {
            Ok(answer) => answer,
            Err(error) => {
                if error.is_fault() {
                    self.node.log_dirs.fail(partition.log_dir(), &error);
                }
                return PartitionReadAnswer::failed(log_error(&error).code);
            }
        };
        if let Some(watch) = watch {
            watch.count(u64::from(answer.bytes()));
            partition.watchers.add(watch);
        }
        answer
    }
}

fn read_log(
    partition: &mut Partition,
    read: &PartitionRead,
    isolation: Isolation,
) -> Result<PartitionReadAnswer, Error> {
    let diverging_epoch = diverging_epoch(partition, read)?;
    let log = &mut partition.log;
    let mut answer = PartitionReadAnswer {
        error: ErrorCode::None,
        high_watermark: log.high_watermark(),
        last_stable_offset: log.last_stable_offset(),
        log_start_offset: log.log_start_offset(),
        diverging_epoch,
        aborted_transactions: None,
        records: None,
    };
    if answer.diverging_epoch.is_some() {
        return Ok(answer);
    }
    let bound = match isolation {
        Isolation::Uncommitted => klamm_log::Isolation::HighWatermark,
        Isolation::Committed => klamm_log::Isolation::Committed,
        Isolation::LogEnd => klamm_log::Isolation::LogEnd,
    };
    let data = log.read(read.fetch_offset, read.bytes_max, bound, true)?;
    answer.records = data.records;
    answer.aborted_transactions = data.aborted.map(|aborted| {
        aborted
            .into_iter()
            .map(|txn| AbortedTransaction {
                producer_id: txn.producer_id,
                first_offset: txn.first_offset,
                ..Default::default()
            })
            .collect()
    });
    Ok(answer)
}

/// Where the client's log departs from this one, if it says in which epoch its last record was written (KIP-595).
fn diverging_epoch(partition: &Partition, read: &PartitionRead) -> Result<Option<EpochEndOffset>, Error> {
    if read.last_fetched_epoch < 0 {
        return Ok(None);
    }
    let log = &partition.log;
    let (epoch, end_offset) = log.end_offset_for_epoch(read.last_fetched_epoch).unwrap_or((-1, -1));
    // The client's position is beyond what this log ever had, and no epoch of it is known: out of range.
    if epoch < 0 || end_offset < 0 {
        return Err(Error::OffsetOutOfRange {
            offset: read.fetch_offset,
            log_start_offset: log.log_start_offset(),
            log_end_offset: log.log_end_offset(),
        });
    }
    let is_diverging = epoch < read.last_fetched_epoch || end_offset < read.fetch_offset;
    Ok(is_diverging.then(|| EpochEndOffset { epoch, end_offset, ..Default::default() }))
}
