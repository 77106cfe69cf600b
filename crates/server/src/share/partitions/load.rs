//! Reading a share partition's state, and finding out where a group starts that has none.

use std::rc::Rc;

use klamm_coordinator::share::{SharePartitionKey, ShareState};
use klamm_io::spawn;
use klamm_protocol::{ErrorCode, Uuid};
use klamm_share::{Loaded, RecordState, SharePartition, StateBatch, UNINITIALIZED_START_OFFSET};
use tracing::{error, warn};

use super::{Active, Held, Key, Writes, keep::as_clients_know, pending::is_no_answer};
use crate::{
    error::ApiError,
    shard::{
        requests::{Isolation, OffsetQuery},
        run::Shard,
        watch::Watchers,
    },
    share::settings::{OffsetReset, ShareSettings},
};

/// Kafka's codes for special offsets.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

impl Shard {
    /// Starts to load a share partition, perhaps without a member that wants it. Whoever waits for it is woken when it is
    /// there, or not to be had.
    pub(super) fn load_share_partition(
        self: &Rc<Self>,
        key: &Key,
        topic_id: Uuid,
        leader_epoch: i32,
        settings: ShareSettings,
        is_abandoned: bool,
    ) -> Held {
        let incarnation = self.share().incarnation();
        let (shard, key) = (Rc::clone(self), key.clone());
        spawn::local(async move {
            let (reader, of) = (Rc::clone(&shard), key.clone());
            let read = spawn::local(async move {
                let read = reader.read_state(&of, topic_id, leader_epoch).await;
                let is_unanswered = read.as_ref().is_err_and(is_no_answer);
                let read = read.map_err(as_clients_know);
                (is_unanswered, read.and_then(|state| reader.take_up(&of, leader_epoch, settings, state)))
            });
            // Whoever waits is told also of a defect.
            let unread = || (false, Err(ErrorCode::UnknownServerError.into()));
            let (is_unanswered, loaded) = read.await.unwrap_or_else(unread);
            let is_missed = shard.loaded(
                &key,
                incarnation,
                loaded.map(|machine| Active {
                    topic_id,
                    incarnation,
                    machine,
                    settings,
                    waiting: Watchers::default(),
                    writes: Rc::new(Writes::default()),
                    noted: None,
                    copying: Rc::default(),
                    is_abandoned,
                }),
            );
            if is_missed && is_unanswered {
                shard.seek_dead_letters_again(&key.at);
            }
        });
        Held::Loading { incarnation, waiting: Watchers::default(), is_abandoned }
    }

    async fn read_state(&self, key: &Key, topic_id: Uuid, leader_epoch: i32) -> Result<ShareState, ApiError> {
        let Some(contexts) = self.contexts() else { return Err(ErrorCode::NotLeaderOrFollower.into()) };
        let name = SharePartitionKey { group: key.group.clone(), topic_id, partition: key.at.index };
        let answers = contexts.share.persister.read(vec![(name, leader_epoch)]).await;
        let answer = answers.into_iter().next().map(|(_, answer)| answer);
        answer.unwrap_or_else(|| Err(ErrorCode::UnknownServerError.into()))
    }

    fn take_up(
        &self,
        key: &Key,
        leader_epoch: i32,
        settings: ShareSettings,
        state: ShareState,
    ) -> Result<SharePartition, ApiError> {
        let start_offset = match state.start_offset {
            UNINITIALIZED_START_OFFSET => self.first_offset(key, leader_epoch, settings.offset_reset)?,
            known => known,
        };
        let batches = state.state_batches.into_iter().map(|batch| {
            let state = RecordState::from_id(batch.delivery_state)?;
            let (first_offset, last_offset) = (batch.first_offset, batch.last_offset);
            Some(StateBatch { first_offset, last_offset, state, delivery_count: batch.delivery_count })
        });
        let unknown = || ApiError::from(ErrorCode::UnknownServerError);
        let batches = batches.collect::<Option<Vec<_>>>().ok_or_else(unknown)?;
        let loaded = Loaded { start_offset, state_epoch: state.state_epoch, batches };
        SharePartition::load(leader_epoch, loaded).map_err(|not| {
            error!(topic = %key.at.topic, partition = key.at.index, group = %key.group, reason = not.reason, "what was kept of a share partition makes no sense");
            unknown()
        })
    }

    /// Where a group starts that has not been here.
    fn first_offset(&self, key: &Key, leader_epoch: i32, reset: OffsetReset) -> Result<i64, ApiError> {
        let (timestamp, isolation) = match reset {
            OffsetReset::Earliest => (EARLIEST, Isolation::Uncommitted),
            OffsetReset::Latest => (LATEST, Isolation::Uncommitted),
            OffsetReset::ByDuration(age) => {
                let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
                // As in Kafka, it may be a record that not all replicas have yet.
                (self.node().world.clock.wall_ms().saturating_sub(age_ms).max(0), Isolation::LogEnd)
            }
        };
        let query = OffsetQuery {
            at: key.at.clone(),
            current_leader_epoch: leader_epoch,
            of_any: false,
            timestamp,
            isolation,
        };
        let answer = self.list_offset(&query)?;
        if answer.offset < 0 { Err(ErrorCode::OffsetNotAvailable.into()) } else { Ok(answer.offset) }
    }

    /// Takes note of what came of loading. Returns whether it failed, and there is nobody who would try again.
    fn loaded(self: &Rc<Self>, key: &Key, incarnation: u64, loaded: Result<Active, ApiError>) -> bool {
        let mut held = self.share().held.borrow_mut();
        // Given up meanwhile: whoever waited was told to come again.
        let Some(Held::Loading { incarnation: known, waiting, is_abandoned }) = held.get_mut(key) else {
            return false;
        };
        if *known != incarnation {
            return false;
        }
        let mut waiting = std::mem::take(waiting);
        let is_abandoned = *is_abandoned;
        let is_missed = is_abandoned && loaded.is_err();
        let now = match loaded {
            Ok(mut active) => {
                active.is_abandoned = is_abandoned;
                self.follow_up(key, &mut active);
                Held::Active(Box::new(active))
            }
            Err(error) => {
                warn!(topic = %key.at.topic, partition = key.at.index, group = %key.group, %error, "a share partition could not be loaded");
                Held::Failed(error)
            }
        };
        if is_missed {
            held.remove(key);
        } else {
            held.insert(key.clone(), now);
        }
        drop(held);
        waiting.wake_all();
        self.leave_if_abandoned(key, incarnation);
        is_missed
    }
}
