//! Produces and deletions that wait for replicas.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use klamm_io::Instant;
use klamm_protocol::ErrorCode;
use klamm_replica::{
    leader::Leader,
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
    pub(super) fn resigned(&self, at: &TopicPartition, lost: ErrorCode) {
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
        if code != ErrorCode::None
            && let Some(answer) = answers.get_mut(place)
        {
            *answer = Err(ApiError::from(code).into());
        }
    }
    // A client that has gone does not need an answer.
    drop(reply.send(answers));
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
