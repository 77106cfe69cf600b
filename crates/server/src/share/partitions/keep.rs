//! Having changes kept, one write of a share partition at a time.
//!
//! What changes while a write is under way goes into the next one together, unless it is of the same records: an order of
//! changes within a write is not told.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use klamm_coordinator::share;
use klamm_io::spawn;
use klamm_protocol::ErrorCode;
use klamm_share::{StateBatch, StateWrite, WriteId};
use tokio::sync::oneshot;
use tracing::debug;

use super::{Active, Held, Key};
use crate::{error::ApiError, shard::run::Shard};

/// Who is told what came of a write.
pub(super) type Waiter = oneshot::Sender<Result<(), ApiError>>;

/// The changes of one share partition that are to be kept.
#[derive(Default)]
pub(super) struct Writes {
    queue: RefCell<VecDeque<(StateWrite, Option<Waiter>)>>,
    is_writing: Cell<bool>,
}

/// Changes that are kept together.
struct Together {
    write: share::StateWrite,
    parts: Vec<(WriteId, Option<Waiter>)>,
}

impl Writes {
    /// Whether nothing is being written, nor to be.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_writing.get() && self.queue.borrow().is_empty()
    }

    fn next(&self) -> Option<Together> {
        let mut queue = self.queue.borrow_mut();
        let (first, waiter) = queue.pop_front()?;
        let mut together = Together {
            write: share::StateWrite {
                state_epoch: first.state_epoch,
                leader_epoch: first.leader_epoch,
                start_offset: first.start_offset,
                delivery_complete_count: first.delivery_complete_count,
                state_batches: Vec::new(),
            },
            parts: vec![(first.id, waiter)],
        };
        let mut batches: BTreeMap<i64, StateBatch> = by_offset(first.batches).collect();
        while let Some((next, _)) = queue.front() {
            if next.batches.iter().any(|batch| overlaps(&batches, batch)) {
                break;
            }
            let Some((next, waiter)) = queue.pop_front() else { break };
            batches.extend(by_offset(next.batches));
            together.write.start_offset = next.start_offset;
            together.write.delivery_complete_count = next.delivery_complete_count;
            together.parts.push((next.id, waiter));
        }
        together.write.state_batches = batches.into_values().map(kept).collect();
        Some(together)
    }
}

fn by_offset(batches: Vec<StateBatch>) -> impl Iterator<Item = (i64, StateBatch)> {
    batches.into_iter().map(|batch| (batch.first_offset, batch))
}

/// Whether a batch shares offsets with one of some that share none with each other.
fn overlaps(batches: &BTreeMap<i64, StateBatch>, batch: &StateBatch) -> bool {
    let before = batches.range(..=batch.last_offset).next_back();
    before.is_some_and(|(_, before)| before.last_offset >= batch.first_offset)
}

const fn kept(batch: StateBatch) -> share::StateBatch {
    share::StateBatch {
        first_offset: batch.first_offset,
        last_offset: batch.last_offset,
        delivery_count: batch.delivery_count,
        delivery_state: batch.state.id(),
    }
}

impl Shard {
    /// Has a change kept, and tells `waiter` when it is.
    pub(super) fn keep(
        self: &Rc<Self>,
        key: &Key,
        active: &Active,
        write: StateWrite,
        waiter: Option<Waiter>,
    ) {
        let writes = Rc::clone(&active.writes);
        writes.queue.borrow_mut().push_back((write, waiter));
        if writes.is_writing.replace(true) {
            return;
        }
        let (shard, key, state_key) = (Rc::clone(self), key.clone(), active.state_key(key));
        let incarnation = active.incarnation;
        spawn::local(async move {
            while let Some(together) = writes.next() {
                let written = shard.write_state(state_key.clone(), together.write).await;
                shard.state_written(&key, incarnation, &written, together.parts);
            }
            writes.is_writing.set(false);
            shard.writes_done(&key, &writes);
            shard.leave_if_abandoned(&key, incarnation);
        });
    }

    async fn write_state(
        &self,
        key: share::SharePartitionKey,
        write: share::StateWrite,
    ) -> Result<(), ApiError> {
        let Some(contexts) = self.contexts() else { return Err(ErrorCode::NotLeaderOrFollower.into()) };
        let answers = contexts.share.persister.write(vec![(key, write)]).await;
        let answer = answers.into_iter().next().map(|(_, answer)| answer);
        answer.unwrap_or_else(|| Err(ErrorCode::UnknownServerError.into()))
    }

    fn state_written(
        self: &Rc<Self>,
        key: &Key,
        incarnation: u64,
        written: &Result<(), ApiError>,
        parts: Vec<(WriteId, Option<Waiter>)>,
    ) {
        let now = self.node().world.clock.now().since_start();
        if let Err(error) = written {
            debug!(topic = %key.at.topic, partition = key.at.index, group = %key.group, %error, "a share partition's state could not be kept");
        }
        let share = self.share();
        share.with_active(key, incarnation, |active| {
            active.copying.note_write(written.is_ok());
            // Who has come to an abandoned one waits for it to be kept.
            let mut is_news = active.is_abandoned;
            for (id, _) in &parts {
                is_news |= active.machine.written(now, *id, written.is_ok(), &active.settings.partition);
            }
            if is_news {
                active.waiting.wake_all();
            }
            self.follow_up(key, active);
        });
        if written.as_ref().is_err_and(fences) {
            share.fence(key, incarnation);
        }
        let told = written.clone().map_err(as_clients_know);
        for waiter in parts.into_iter().filter_map(|(_, waiter)| waiter) {
            drop(waiter.send(told.clone()));
        }
    }

    /// A share partition that was given up may be loaded again.
    fn writes_done(&self, key: &Key, done: &Rc<Writes>) {
        let mut held = self.share().held.borrow_mut();
        if matches!(held.get(key), Some(Held::Leaving { writes, .. }) if Rc::ptr_eq(writes, done))
            && let Some(Held::Leaving { mut waiting, .. }) = held.remove(key)
        {
            waiting.wake_all();
        }
    }
}

/// What clients are told of a failure to keep or find state.
pub(super) fn as_clients_know(error: ApiError) -> ApiError {
    use ErrorCode as E;
    let code = match error.code {
        E::NotCoordinator | E::CoordinatorNotAvailable | E::CoordinatorLoadInProgress => {
            E::CoordinatorNotAvailable
        }
        code @ (E::GroupIdNotFound | E::UnknownTopicOrPartition) => code,
        E::NotLeaderOrFollower | E::FencedLeaderEpoch | E::FencedStateEpoch => E::NotLeaderOrFollower,
        _ => E::UnknownServerError,
    };
    ApiError { code, message: error.message }
}

/// Whether a failure to write tells that the state here is not the one that counts.
fn fences(error: &ApiError) -> bool {
    use ErrorCode as E;
    matches!(
        error.code,
        E::NotLeaderOrFollower
            | E::FencedLeaderEpoch
            | E::FencedStateEpoch
            | E::GroupIdNotFound
            | E::UnknownTopicOrPartition
            // The state was deleted, with the group or with its offsets.
            | E::InvalidRequest
    )
}
