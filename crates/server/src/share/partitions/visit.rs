//! A member's fetch at the partitions of one shard.

use std::{rc::Rc, sync::Arc};

use klamm_log::FileSlice;
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use klamm_share::{AbortedTransaction, AcquireMode, AcquireRequest, AcquiredRecords};

use super::{Active, Held, Key, give_up};
use crate::{
    error::ApiError,
    fault_to_api::log_error,
    metrics::traffic::Traffic,
    observe,
    shard::{
        requests::{Isolation, Reply, TopicPartition},
        run::Shard,
        watch::FetchWatch,
    },
    share::{batches::Batches, settings::ShareSettings},
};

/// Reads of one partition that may give nothing, as of an aborted transaction, before others have their turn.
const TRIES_MAX: usize = 16;

/// A fetch of a member from partitions of one shard.
#[derive(Debug)]
pub struct VisitRequest {
    /// The group.
    pub group: StrBytes,
    /// The member.
    pub member: StrBytes,
    /// The partitions, each with its topic's id.
    pub partitions: Vec<(TopicPartition, Uuid)>,
    /// What the group is configured to.
    pub settings: ShareSettings,
    /// What is wanted.
    pub wanted: Wanted,
    /// Whether the fetch has not been here before: what failed to load is tried again.
    pub is_first: bool,
    /// Left where nothing is to be had yet.
    pub watch: Option<Arc<FetchWatch>>,
    /// Answers in the order of the partitions.
    pub reply: Reply<Vec<VisitAnswer>>,
}

/// What a fetch wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// To know how many bytes there are.
    Bytes {
        /// Most bytes looked at of one partition.
        bytes_max: u32,
        /// Most bytes of one partition that count while the fetch waits for more.
        counted_max: u32,
    },
    /// Records.
    Records {
        /// How many bytes.
        budget: Budget,
        /// Most records of all partitions.
        records_max: i32,
        /// How many records a batch in flight had best have.
        batch_size: i32,
        /// How the number of records is limited.
        mode: AcquireMode,
    },
}

/// How many bytes a fetch may get. The partitions that can give records have equal parts of them, whether they need
/// theirs or not; only the first batch of all may be larger than its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most bytes of the whole fetch.
    pub bytes_max: u32,
    /// How many of them it has.
    pub bytes_taken: u32,
    /// How many partitions have a part.
    pub partitions: u32,
}

impl Budget {
    /// One partition's part, as far as it is left.
    fn part(&self) -> u32 {
        let part = self.bytes_max / self.partitions.max(1);
        part.min(self.bytes_max.saturating_sub(self.bytes_taken))
    }

    /// Takes note of what a partition has given, or that it cannot give anything.
    pub fn note(&mut self, answer: &VisitAnswer) {
        self.bytes_taken = self.bytes_taken.saturating_add(answer.bytes);
        self.partitions = self.partitions.saturating_sub(u32::from(!answer.can_give));
    }
}

/// What a fetch found at one partition.
#[derive(Debug, Clone, Default)]
pub struct VisitAnswer {
    /// What went wrong.
    pub error: Option<ApiError>,
    /// Whether that is that the state could not be read. A fetch hears of it only when it is over, as in Kafka: it would
    /// come again at once, and have it read again.
    pub is_unread: bool,
    /// What the member has now.
    pub acquired: Vec<AcquiredRecords>,
    /// The batches in which that is.
    pub records: Option<FileSlice>,
    /// How many bytes are there to be had.
    pub bytes: u32,
    /// Whether records of the partition could be acquired at all, if there are any.
    pub can_give: bool,
}

impl VisitAnswer {
    fn failed(error: impl Into<ApiError>) -> Self {
        Self { error: Some(error.into()), ..Self::default() }
    }

    /// Whether something went wrong that a fetch that waits has to hear of.
    pub const fn is_urgent(&self) -> bool {
        self.error.is_some() && !self.is_unread
    }

    /// How many offsets the member got.
    pub fn count(&self) -> i64 {
        self.acquired.iter().map(AcquiredRecords::count).sum()
    }
}

impl Shard {
    /// Serves a fetch at the partitions here, one after the other.
    pub(crate) fn visit(self: &Rc<Self>, request: VisitRequest) {
        let mut answers = Vec::with_capacity(request.partitions.len());
        let mut left = self.allowance(&request);
        for (at, topic_id) in &request.partitions {
            let answer = self.visit_one(at, *topic_id, &request, left);
            left.records -= answer.count();
            left.bytes.bytes_taken = left.bytes.bytes_taken.saturating_add(answer.bytes);
            if request.is_first {
                let mut counts = self.share().counts.borrow_mut();
                counts.fetch_requests += 1;
                counts.failed_fetch_requests += u64::from(answer.error.is_some());
            }
            answers.push(answer);
        }
        drop(request.reply.send(answers));
    }

    /// What a fetch may get here. What cannot give anything leaves its part of the bytes to the others.
    fn allowance(&self, request: &VisitRequest) -> Left {
        let Wanted::Records { mut budget, records_max, .. } = request.wanted else {
            let bytes = Budget { bytes_max: 0, bytes_taken: 0, partitions: 0 };
            return Left { records: i64::MAX, bytes };
        };
        let now = self.node().world.clock.now().since_start();
        let mut held = self.share().held.borrow_mut();
        for (at, topic_id) in &request.partitions {
            let key = Key { at: at.clone(), group: request.group.clone() };
            let can_give = match held.get_mut(&key) {
                Some(Held::Active(active)) if active.topic_id == *topic_id && !active.is_abandoned => {
                    active.machine.can_acquire(now, &request.settings.partition)
                }
                _ => false,
            };
            budget.partitions = budget.partitions.saturating_sub(u32::from(!can_give));
        }
        Left { records: i64::from(records_max), bytes: budget }
    }

    fn visit_one(
        self: &Rc<Self>,
        at: &TopicPartition,
        topic_id: Uuid,
        request: &VisitRequest,
        left: Left,
    ) -> VisitAnswer {
        let key = Key { at: at.clone(), group: request.group.clone() };
        let share = self.share();
        let leader_epoch = match self.check_led(at, topic_id) {
            Ok(epoch) => epoch,
            Err(error) => return VisitAnswer::failed(error),
        };
        let mut held = share.held.borrow_mut();
        match held.get_mut(&key) {
            // What is kept does not say yet what was delivered.
            Some(Held::Active(active)) if active.is_abandoned && active.machine.has_unkept_deliveries() => {
                if let Some(watch) = &request.watch {
                    active.waiting.add(watch);
                }
                return VisitAnswer::default();
            }
            // While nobody was here its state may have been deleted, altered or made anew. Records that are on their way to
            // the dead-letter queue may get there twice.
            Some(Held::Active(active)) if active.is_abandoned => give_up(&mut held, &key),
            Some(Held::Loading { is_abandoned: true, .. }) => give_up(&mut held, &key),
            _ => {}
        }
        let is_stale = match held.get(&key) {
            None => true,
            Some(Held::Failed(_)) => request.is_first,
            Some(Held::Active(active)) => active.topic_id != topic_id,
            Some(Held::Loading { .. } | Held::Leaving { .. }) => false,
        };
        if is_stale {
            // Names outlive the request that they came in.
            let at = TopicPartition { topic: key.at.topic.detached(), index: key.at.index };
            let key = Key { at, group: key.group.detached() };
            let loading = self.load_share_partition(&key, topic_id, leader_epoch, request.settings, false);
            held.insert(key, loading);
        }
        match held.get_mut(&key) {
            Some(Held::Loading { waiting, .. } | Held::Leaving { waiting, .. }) => {
                if let Some(watch) = &request.watch {
                    waiting.add(watch);
                }
                VisitAnswer::default()
            }
            Some(Held::Failed(error)) => {
                let error = error.clone();
                VisitAnswer { is_unread: true, ..VisitAnswer::failed(error) }
            }
            Some(Held::Active(active)) => {
                active.settings = request.settings;
                let answer = self.acquire(&key, active, request, left);
                if let Some(watch) = request.watch.as_ref().filter(|_| answer.acquired.is_empty()) {
                    active.waiting.add(watch);
                }
                self.follow_up(&key, active);
                answer
            }
            None => VisitAnswer::default(),
        }
    }

    /// Reads and acquires, or says how much there is.
    fn acquire(&self, key: &Key, active: &mut Active, request: &VisitRequest, left: Left) -> VisitAnswer {
        let now = self.node().world.clock.now().since_start();
        let mut can_give = false;
        for _ in 0..TRIES_MAX {
            if left.records <= 0 || !active.machine.can_acquire(now, &request.settings.partition) {
                return VisitAnswer { can_give, ..VisitAnswer::default() };
            }
            can_give = true;
            match self.try_acquire(key, active, request, left) {
                Ok(Tried::Done(answer)) => return VisitAnswer { can_give, ..answer },
                Ok(Tried::Again) => {}
                Err(error) => return VisitAnswer::failed(error),
            }
        }
        if let Some(watch) = &request.watch {
            watch.wake();
        }
        VisitAnswer { can_give, ..VisitAnswer::default() }
    }

    fn try_acquire(
        &self,
        key: &Key,
        active: &mut Active,
        request: &VisitRequest,
        left: Left,
    ) -> Result<Tried, ApiError> {
        let now = self.node().world.clock.now().since_start();
        let fetch_offset = active.machine.next_fetch_offset(now);
        let (slice, aborted) = match self.read_for_share(key, request, fetch_offset, left.bytes)? {
            Read::Found { slice, aborted } => (slice, aborted),
            Read::Nothing => return Ok(Tried::Done(VisitAnswer::default())),
            Read::LogStartsAt(start) => {
                if start <= active.machine.start_offset() {
                    return Ok(Tried::Done(VisitAnswer::default()));
                }
                active.machine.log_start_moved(start);
                return Ok(Tried::Again);
            }
        };
        let (batch_size, mode) = match request.wanted {
            Wanted::Records { batch_size, mode, .. } => (batch_size, mode),
            Wanted::Bytes { counted_max, .. } => {
                if let Some(watch) = &request.watch {
                    watch.count(u64::from(slice.len.min(counted_max)));
                }
                return Ok(Tried::Done(VisitAnswer { bytes: slice.len, ..VisitAnswer::default() }));
            }
        };
        // Behind what is in flight everything is free, so that no more than this can be given out.
        let last_wanted = fetch_offset.max(active.machine.end_offset()).saturating_add(left.records);
        let batches = Batches::scan(&slice, last_wanted).map_err(|error| log_error(&error))?;
        let wanted = AcquireRequest {
            member: &request.member,
            mode,
            batch_size,
            records_max: i32::try_from(left.records).unwrap_or(i32::MAX),
            fetch_offset,
            batches: &batches.spans,
            aborted: &aborted,
        };
        let acquired = active.machine.acquire(now, &wanted, &request.settings.partition);
        if acquired.is_empty() {
            // All of it may be of aborted transactions; then there is more behind it.
            let has_moved = active.machine.next_fetch_offset(now) != fetch_offset;
            return Ok(if has_moved { Tried::Again } else { Tried::Done(VisitAnswer::default()) });
        }
        observe::acquired(&key.at, active.machine.leader_epoch(), &acquired);
        let records = batches.cut(&slice, &acquired);
        let bytes = records.as_ref().map_or(0, |records| records.len);
        let out = Traffic { bytes_out: u64::from(bytes), ..Traffic::default() };
        self.add_traffic(&key.at, &out);
        Ok(Tried::Done(VisitAnswer { acquired, records, bytes, ..VisitAnswer::default() }))
    }

    fn read_for_share(
        &self,
        key: &Key,
        request: &VisitRequest,
        offset: i64,
        budget: Budget,
    ) -> Result<Read, ApiError> {
        let (bytes_max, min_one_batch) = match request.wanted {
            Wanted::Bytes { bytes_max, .. } => (bytes_max, true),
            Wanted::Records { .. } => (budget.part(), budget.bytes_taken == 0),
        };
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = partitions.get_mut(&key.at) else { return Err(self.missing(&key.at).into()) };
        let isolation = match request.settings.isolation {
            Isolation::Committed => klamm_log::Isolation::Committed,
            Isolation::Uncommitted | Isolation::LogEnd => klamm_log::Isolation::HighWatermark,
        };
        let read = partition.log.read(offset, bytes_max, isolation, min_one_batch);
        let data = match read {
            Ok(data) => data,
            Err(klamm_log::Error::OffsetOutOfRange { log_start_offset, .. }) => {
                if let Some(watch) = &request.watch {
                    // After an unclean election the log may end before the offset; it may get there again.
                    partition.readers.add(request.settings.isolation, watch);
                }
                return Ok(Read::LogStartsAt(log_start_offset));
            }
            Err(error) => {
                if error.is_fault() {
                    self.node().log_dirs.fail(partition.log_dir(), &error);
                }
                return Err(log_error(&error));
            }
        };
        let Some(slice) = data.records.filter(|slice| slice.len > 0) else {
            if let Some(watch) = &request.watch {
                partition.readers.add(request.settings.isolation, watch);
            }
            return Ok(Read::Nothing);
        };
        if let (Wanted::Bytes { .. }, Some(watch)) = (request.wanted, &request.watch) {
            // More may come until there is enough.
            partition.readers.add(request.settings.isolation, watch);
        }
        let aborted = data.aborted.unwrap_or_default().into_iter();
        let aborted = aborted
            .map(|transaction| AbortedTransaction {
                producer_id: transaction.producer_id,
                first_offset: transaction.first_offset,
            })
            .collect();
        Ok(Read::Found { slice, aborted })
    }
}

/// What a fetch may still get.
#[derive(Clone, Copy)]
struct Left {
    records: i64,
    bytes: Budget,
}

enum Tried {
    Done(VisitAnswer),
    /// The next offset to fetch is another now.
    Again,
}

enum Read {
    Found { slice: FileSlice, aborted: Vec<AbortedTransaction> },
    Nothing,
    LogStartsAt(i64),
}

impl From<ErrorCode> for VisitAnswer {
    fn from(code: ErrorCode) -> Self {
        Self::failed(code)
    }
}
