//! Produces and deletions that wait for replicas.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Duration,
};

use klamm_io::Instant;
use klamm_protocol::ErrorCode;
use klamm_replica::{
    leader::{Acknowledged, Leader},
    purgatory::{DelayedProduce, Purgatory},
};
use tokio::sync::Notify;

use crate::{
    error::ApiError,
    metrics::replication::{ReplicationMeasures, WaitCounts},
    shard::{
        requests::{AppendAnswer, Reply, TopicPartition},
        run::Shard,
    },
};

/// A produce that waits: its answers so far, and the places of those that may still turn into refusals.
struct Produce {
    places: Vec<(usize, TopicPartition)>,
    answers: Vec<AppendAnswer>,
    reply: Reply<Vec<AppendAnswer>>,
}

/// A produce that waits for a sync which `flush.messages` has made due. Kafka syncs within the append: so far nothing is
/// answered, and the time in which replicas have to follow has not begun.
pub(crate) struct Unsynced {
    /// What replicas have to have then, with acks=all: place among the answers, and end offset.
    pub(crate) awaited: Vec<(usize, TopicPartition, i64)>,
    pub(crate) answers: Vec<AppendAnswer>,
    pub(crate) timeout: Duration,
    pub(crate) reply: Reply<Vec<AppendAnswer>>,
}

/// The places of answers that may still turn into refusals.
struct UnsyncedProduce {
    places: Vec<(usize, TopicPartition)>,
    produce: Unsynced,
}

/// A deletion that waits.
struct Deletion {
    /// Place of the answer, and the log start that every replica has to reach.
    missing: BTreeMap<TopicPartition, (usize, i64)>,
    answers: Vec<Result<i64, ApiError>>,
    reply: Reply<Vec<Result<i64, ApiError>>>,
}

/// What waits on one shard.
#[derive(Default)]
pub(super) struct Waiting {
    unsynced: RefCell<Purgatory<TopicPartition, DelayedProduce<TopicPartition, UnsyncedProduce>>>,
    produces: RefCell<Purgatory<TopicPartition, DelayedProduce<TopicPartition, Produce>>>,
    deletions: RefCell<Purgatory<TopicPartition, Deletion>>,
    /// Partitions for which produces, and deletions, have waited in vain.
    expired_produces: Cell<u64>,
    expired_deletions: Cell<u64>,
    /// When the timers look next.
    wakes_at: Cell<Option<Instant>>,
    changed: Notify,
}

impl Waiting {
    pub(super) fn add_unsynced(&self, unsynced: Vec<(usize, TopicPartition, i64)>, produce: Unsynced) {
        let all = unsynced.iter().chain(&produce.awaited);
        let places: Vec<_> = all.map(|(place, at, _)| (*place, at.clone())).collect();
        let keys: Vec<_> = places.iter().map(|(_, at)| at.clone()).collect();
        let required = unsynced.into_iter().map(|(_, at, end_offset)| (at, end_offset));
        let produce = DelayedProduce::new(required, UnsyncedProduce { places, produce });
        // A sync ends or fails: there is no telling when.
        self.unsynced.borrow_mut().watch(keys, Duration::MAX, produce);
    }

    pub(super) fn durable_end_moved(&self, shard: &Shard, at: &TopicPartition) {
        if !self.unsynced.borrow().is_watched(at) {
            return;
        }
        let durable_end = shard.partitions.borrow().get(at).map(|here| here.log.durable_end_offset());
        let Some(durable_end) = durable_end else { return };
        let acknowledged = |end_offset| match end_offset <= durable_end {
            true => Acknowledged::Done,
            false => Acknowledged::Waiting,
        };
        let done = self.unsynced.borrow_mut().check(at, |produce| produce.check(at, acknowledged));
        done.into_iter().for_each(|produce| self.synced(shard, produce));
    }

    pub(super) fn not_synced(&self, shard: &Shard, at: &TopicPartition) {
        self.revoke(shard, at, ErrorCode::KafkaStorageError);
    }

    fn revoke(&self, shard: &Shard, at: &TopicPartition, lost: ErrorCode) {
        let done = self.unsynced.borrow_mut().check(at, |produce| produce.revoked(at, lost));
        done.into_iter().for_each(|produce| self.synced(shard, produce));
    }

    /// Answers a produce that waits for no sync any more, or has it wait for replicas.
    fn synced(&self, shard: &Shard, produce: DelayedProduce<TopicPartition, UnsyncedProduce>) {
        let failed: Vec<_> =
            produce.reply.places.iter().map(|(place, at)| (*place, produce.error(at))).collect();
        let Unsynced { awaited, mut answers, timeout, reply } = produce.reply.produce;
        for (place, code) in failed {
            refuse(&mut answers, place, code);
        }
        let mut left = Vec::new();
        for (place, at, end_offset) in awaited {
            if !answers.get(place).is_some_and(Result::is_ok) {
                continue;
            }
            let acknowledged = match shard.partitions.borrow().get(&at) {
                Some(partition) => partition.acknowledged(end_offset),
                None => Err(shard.missing(&at)),
            };
            match acknowledged {
                Ok(true) => {}
                Ok(false) => left.push((place, at, end_offset)),
                Err(code) => refuse(&mut answers, place, code),
            }
        }
        if left.is_empty() {
            drop(reply.send(answers));
        } else {
            self.add_produce(left, answers, shard.node().world.clock.now() + timeout, reply);
        }
    }

    pub(super) fn add_produce(
        &self,
        awaited: Vec<(usize, TopicPartition, i64)>,
        answers: Vec<AppendAnswer>,
        deadline: Instant,
        reply: Reply<Vec<AppendAnswer>>,
    ) {
        let required: Vec<_> = awaited.iter().map(|(_, at, end_offset)| (at.clone(), *end_offset)).collect();
        let places = awaited.into_iter().map(|(place, at, _)| (place, at)).collect();
        let produce = DelayedProduce::new(required, Produce { places, answers, reply });
        let keys: Vec<_> = produce.keys().cloned().collect();
        self.produces.borrow_mut().watch(keys, deadline.since_start(), produce);
        self.wake_by(deadline);
    }

    pub(super) fn add_deletion(
        &self,
        awaited: Vec<(usize, TopicPartition, i64)>,
        answers: Vec<Result<i64, ApiError>>,
        deadline: Instant,
        reply: Reply<Vec<Result<i64, ApiError>>>,
    ) {
        let missing: BTreeMap<_, _> =
            awaited.into_iter().map(|(place, at, offset)| (at, (place, offset))).collect();
        let keys: Vec<_> = missing.keys().cloned().collect();
        let deletion = Deletion { missing, answers, reply };
        self.deletions.borrow_mut().watch(keys, deadline.since_start(), deletion);
        self.wake_by(deadline);
    }

    pub(super) fn high_watermark_moved(&self, shard: &Shard, at: &TopicPartition) {
        if !self.produces.borrow().is_watched(at) {
            return;
        }
        let partitions = shard.partitions.borrow();
        let Some(leader) = partitions.get(at).and_then(|partition| partition.leader()) else { return };
        let done = self
            .produces
            .borrow_mut()
            .check(at, |produce| produce.check(at, |end_offset| leader.acknowledged(end_offset)));
        drop(partitions);
        done.into_iter().for_each(finish);
    }

    pub(super) fn low_watermark_moved(&self, shard: &Shard, at: &TopicPartition) {
        if !self.deletions.borrow().is_watched(at) {
            return;
        }
        let low_watermark = shard
            .partitions
            .borrow()
            .get(at)
            .and_then(|partition| partition.leader().map(Leader::low_watermark));
        let Some(low_watermark) = low_watermark else { return };
        let done = self.deletions.borrow_mut().check(at, |deletion| {
            if let Some((place, offset)) = deletion.missing.get(at).copied()
                && low_watermark >= offset
            {
                deletion.answer(at, place, Ok(low_watermark));
            }
            deletion.missing.is_empty()
        });
        done.into_iter().for_each(Deletion::finish);
    }

    /// The partition is not led here any more, and whoever waits for it hears `lost`.
    pub(super) fn resigned(&self, shard: &Shard, at: &TopicPartition, lost: ErrorCode) {
        self.revoke(shard, at, lost);
        let done = self.produces.borrow_mut().check(at, |produce| produce.lost(at, lost));
        done.into_iter().for_each(finish);
        let done = self.deletions.borrow_mut().check(at, |deletion| {
            if let Some((place, _)) = deletion.missing.get(at).copied() {
                deletion.answer(at, place, Err(lost.into()));
            }
            deletion.missing.is_empty()
        });
        done.into_iter().for_each(Deletion::finish);
    }

    /// Answers what has waited for too long. Returns the next deadline.
    pub(super) fn expire(&self, now: Instant) -> Option<Instant> {
        let now = now.since_start();
        let produces = self.produces.borrow_mut().expire(now);
        let late: usize = produces.iter().map(missing).sum();
        self.expired_produces.set(self.expired_produces.get() + late as u64);
        produces.into_iter().for_each(finish);
        let deletions = self.deletions.borrow_mut().expire(now);
        let late: usize = deletions.iter().map(|deletion| deletion.missing.len()).sum();
        self.expired_deletions.set(self.expired_deletions.get() + late as u64);
        deletions.into_iter().for_each(Deletion::finish);
        let next = [self.produces.borrow().next_deadline(), self.deletions.borrow().next_deadline()];
        next.into_iter().flatten().min().map(Instant::from_start)
    }

    /// What waits, and has waited in vain.
    pub(super) fn measure(&self) -> ReplicationMeasures {
        let (produces, deletions) = (self.produces.borrow(), self.deletions.borrow());
        ReplicationMeasures {
            produces: WaitCounts { waiting: produces.len(), watches: produces.watch_count() },
            deletions: WaitCounts { waiting: deletions.len(), watches: deletions.watch_count() },
            expired_produces: self.expired_produces.get(),
            expired_deletions: self.expired_deletions.get(),
            ..ReplicationMeasures::default()
        }
    }

    /// Notes when [`Waiting::expire`] is called next.
    pub(super) fn wakes_at(&self, at: Instant) {
        self.wakes_at.set(Some(at));
    }

    /// Completes when something waits for less long than that.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn wake_by(&self, deadline: Instant) {
        if self.wakes_at.get().is_none_or(|wakes_at| deadline < wakes_at) {
            self.wakes_at.set(Some(deadline));
            self.changed.notify_one();
        }
    }
}

/// For how many partitions a produce still waits.
fn missing(produce: &DelayedProduce<TopicPartition, Produce>) -> usize {
    produce.reply.places.iter().filter(|(_, at)| produce.error(at) == ErrorCode::RequestTimedOut).count()
}

/// Answers a produce; what is still missing has timed out.
fn finish(produce: DelayedProduce<TopicPartition, Produce>) {
    let errors: Vec<_> = produce.reply.places.iter().map(|(place, at)| (*place, produce.error(at))).collect();
    let Produce { mut answers, reply, .. } = produce.reply;
    for (place, code) in errors {
        refuse(&mut answers, place, code);
    }
    // A client that has gone does not need an answer.
    drop(reply.send(answers));
}

/// Turns an answer into a refusal, if there is anything to refuse.
pub(crate) fn refuse(answers: &mut [AppendAnswer], place: usize, code: ErrorCode) {
    if code != ErrorCode::None
        && let Some(answer) = answers.get_mut(place)
    {
        *answer = Err(ApiError::from(code).into());
    }
}

impl Deletion {
    fn answer(&mut self, at: &TopicPartition, place: usize, answer: Result<i64, ApiError>) {
        self.missing.remove(at);
        if let Some(slot) = self.answers.get_mut(place) {
            *slot = answer;
        }
    }

    /// Answers; what is still missing has timed out.
    fn finish(mut self) {
        for (place, _) in std::mem::take(&mut self.missing).into_values() {
            if let Some(slot) = self.answers.get_mut(place) {
                *slot = Err(ErrorCode::RequestTimedOut.into());
            }
        }
        drop(self.reply.send(self.answers));
    }
}
