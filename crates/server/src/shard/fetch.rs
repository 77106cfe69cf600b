//! Reading from the partitions of a shard.

use std::{rc::Rc, sync::Arc, time::Duration};

use klamm_log::{Error, Log};
use klamm_protocol::{
    ErrorCode, Uuid,
    api::fetch::{AbortedTransaction, EpochEndOffset},
};

use super::{
    requests::{Isolation, PartitionRead, PartitionReadAnswer, ReadRequest, Reader},
    run::Shard,
    watch::FetchWatch,
};
use crate::{
    fault_to_api::log_error,
    metrics::traffic::Traffic,
    partition::{Effects, Partition},
    replication::Cause,
};

impl Shard {
    pub(super) fn read(self: &Rc<Self>, request: ReadRequest) {
        let ReadRequest { partitions, isolation, reader, closer, watch, reply } = request;
        let mut how = How { isolation, reader, closer: closer.as_deref(), min_one_batch: true };
        let mut answers = Vec::with_capacity(partitions.len());
        for read in &partitions {
            let (answer, effects) = self.read_and_count(read, how, watch.as_ref());
            // A batch that is larger than the limits comes only where nothing has come before.
            how.min_one_batch &= answer.bytes() == 0;
            answers.push(answer);
            self.settle(&read.at, effects, Cause::Other);
        }
        drop(reply.send(answers));
    }

    fn read_and_count(
        &self,
        read: &PartitionRead,
        how: How<'_>,
        watch: Option<&Arc<FetchWatch>>,
    ) -> (PartitionReadAnswer, Effects) {
        let mut partitions = self.partitions.borrow_mut();
        let mut partition = partitions.get_mut(&read.at);
        let (answer, effects) = match &mut partition {
            Some(partition) => self.read_one(partition, read, how, watch),
            None => (PartitionReadAnswer::failed(self.missing(&read.at)), Effects::default()),
        };
        if let (Reader::Follower { id, .. }, Some(partition)) = (how.reader, &partition)
            && answer.bytes() > 0
            && partition.leader().is_some_and(|leader| !leader.isr().contains(&id))
            && self.node.is_added_replica(&read.at, id)
        {
            self.reassignment_bytes_out.set(self.reassignment_bytes_out.get() + u64::from(answer.bytes()));
        }
        let counted = counted(&answer, how.reader);
        self.traffic.borrow_mut().add(&counted);
        if let Some(partition) = partition {
            partition.traffic.add(&counted);
        }
        (answer, effects)
    }

    fn read_one(
        &self,
        partition: &mut Partition,
        read: &PartitionRead,
        how: How<'_>,
        watch: Option<&Arc<FetchWatch>>,
    ) -> (PartitionReadAnswer, Effects) {
        let How { isolation, reader, closer, min_one_batch } = how;
        let refused = |code| (PartitionReadAnswer::failed(code), Effects::default());
        if read.topic_id != Uuid::ZERO && read.topic_id != partition.topic_id() {
            return refused(ErrorCode::InconsistentTopicId);
        }
        if self.node.log_dirs.is_offline(partition.log_dir()) {
            return refused(ErrorCode::KafkaStorageError);
        }
        if let Err(code) = check(partition, read, reader) {
            return refused(code);
        }
        if let Some(replica) = closer.and_then(|closer| preferred(partition, closer, read.fetch_offset)) {
            let bounds = bounds(&partition.log);
            return (PartitionReadAnswer { preferred_replica: Some(replica), ..bounds }, Effects::default());
        }
        let now = self.node.world.clock.now().since_start();
        let found = read_log(partition, read, isolation, min_one_batch).and_then(|mut answer| {
            let effects = note_follower(partition, read, reader, &mut answer, now)?;
            Ok((answer, effects))
        });
        let (mut answer, effects) = match found {
            Ok(found) => found,
            Err(error) => {
                if error.is_fault() {
                    self.node.log_dirs.fail(partition.log_dir(), &error);
                }
                return refused(log_error(&error).code);
            }
        };
        let is_held_back = self.throttle(partition, reader, &mut answer, now);
        if let Some(watch) = watch
            && !is_held_back
        {
            watch.count(u64::from(answer.bytes()));
            partition.readers.add(isolation, watch);
        }
        (answer, effects)
    }
}

impl Shard {
    /// Takes the records out of the answer to a follower that is not in sync while the throttle is exceeded; those in
    /// sync must not fall out by it. Returns whether it did.
    fn throttle(
        &self,
        partition: &Partition,
        reader: Reader,
        answer: &mut PartitionReadAnswer,
        now: Duration,
    ) -> bool {
        let (Reader::Follower { id, .. }, Some(leader)) = (reader, partition.leader()) else { return false };
        answer.is_throttled = partition.settings.throttled_leaders.contains(partition.at().index);
        let is_held_back = answer.is_throttled
            && self.node.leader_throttle.is_exceeded(&self.node.config.load(), now)
            && !leader.isr().contains(&id);
        if is_held_back {
            answer.records = None;
            answer.ends_segment = false;
        }
        is_held_back
    }
}

/// What a read adds to the numbers.
fn counted(answer: &PartitionReadAnswer, reader: Reader) -> Traffic {
    let bytes = u64::from(answer.bytes());
    let failed_fetch_requests = u64::from(answer.error != ErrorCode::None);
    let counted = Traffic { fetch_requests: 1, failed_fetch_requests, ..Traffic::default() };
    match reader {
        Reader::Follower { .. } => Traffic { replication_bytes_out: bytes, ..counted },
        Reader::OfLeader | Reader::OfAny => Traffic { bytes_out: bytes, ..counted },
    }
}

/// How to read.
#[derive(Clone, Copy)]
struct How<'a> {
    isolation: Isolation,
    reader: Reader,
    closer: Option<&'a [i32]>,
    /// Whether the first batch comes whole, however large.
    min_one_batch: bool,
}

/// Of the followers among `closer`, the one that has most, if it is in sync and has the offset.
fn preferred(partition: &Partition, closer: &[i32], offset: i64) -> Option<i32> {
    let leader = partition.leader()?;
    let isr = leader.isr();
    let candidates = closer.iter().filter(|id| isr.contains(id)).filter_map(|id| {
        let follower = leader.follower(*id)?;
        let has_it = follower.log_end >= offset && follower.log_start <= offset;
        has_it.then_some((follower.log_end, follower.last_caught_up, *id))
    });
    candidates.max().map(|(.., id)| id)
}

/// An answer that tells of the log, without records.
fn bounds(log: &Log) -> PartitionReadAnswer {
    PartitionReadAnswer {
        error: ErrorCode::None,
        high_watermark: log.high_watermark(),
        last_stable_offset: log.last_stable_offset(),
        log_start_offset: log.log_start_offset(),
        diverging_epoch: None,
        aborted_transactions: None,
        records: None,
        preferred_replica: None,
        is_throttled: false,
        ends_segment: false,
    }
}

fn check(partition: &Partition, read: &PartitionRead, reader: Reader) -> Result<(), ErrorCode> {
    partition.check(read.current_leader_epoch, reader != Reader::OfAny)?;
    if let (Reader::Follower { id, broker_epoch, .. }, Some(leader)) = (reader, partition.leader()) {
        leader.check_follower(id, broker_epoch, read.current_leader_epoch)?;
    }
    Ok(())
}

/// A follower that reads from an offset has everything before it, unless its log has turned out to be another.
fn note_follower(
    partition: &mut Partition,
    read: &PartitionRead,
    reader: Reader,
    answer: &mut PartitionReadAnswer,
    now: Duration,
) -> Result<Effects, Error> {
    let Reader::Follower { id, broker_epoch, is_news: true } = reader else { return Ok(Effects::default()) };
    if answer.diverging_epoch.is_some() {
        return Ok(Effects::default());
    }
    let at = (read.fetch_offset, read.log_start_offset);
    let effects = partition.fetched_by((id, broker_epoch), at, now)?;
    // What has just become committed need not wait for the follower's next fetch.
    answer.high_watermark = partition.log.high_watermark();
    Ok(effects)
}

fn read_log(
    partition: &mut Partition,
    read: &PartitionRead,
    isolation: Isolation,
    min_one_batch: bool,
) -> Result<PartitionReadAnswer, Error> {
    let diverging_epoch = diverging_epoch(partition, read)?;
    let log = &mut partition.log;
    let mut answer = PartitionReadAnswer { diverging_epoch, ..bounds(log) };
    if answer.diverging_epoch.is_some() {
        return Ok(answer);
    }
    let bound = match isolation {
        Isolation::Uncommitted => klamm_log::Isolation::HighWatermark,
        Isolation::Committed => klamm_log::Isolation::Committed,
        Isolation::LogEnd => klamm_log::Isolation::LogEnd,
    };
    let data = log.read(read.fetch_offset, read.bytes_max, bound, min_one_batch)?;
    // A part of a batch that comes first is of no use to the client.
    answer.records = data.records.filter(|_| !data.first_batch_incomplete);
    let end = match isolation {
        Isolation::Uncommitted => answer.high_watermark,
        Isolation::Committed => answer.last_stable_offset,
        Isolation::LogEnd => log.log_end_offset(),
    };
    answer.ends_segment = answer.bytes() > 0 && log.is_in_older_segment(read.fetch_offset, end);
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
    // No epoch of the client's is known here; or what it wants next is gone, whether the logs agree or not.
    if epoch < 0 || end_offset < 0 || read.fetch_offset < log.log_start_offset() {
        return Err(Error::OffsetOutOfRange {
            offset: read.fetch_offset,
            log_start_offset: log.log_start_offset(),
            log_end_offset: log.log_end_offset(),
        });
    }
    let is_diverging = epoch < read.last_fetched_epoch || end_offset < read.fetch_offset;
    Ok(is_diverging.then(|| EpochEndOffset { epoch, end_offset, ..Default::default() }))
}
