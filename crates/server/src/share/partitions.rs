//! The share partitions of a shard: those of the partitions that it leads, for every group that fetches from them.
//!
//! A share partition is loaded when a member first asks for it, and given up when this broker does not lead the partition
//! any more, when its state turns out to be another's, or when the group has nobody left here. It lives on the shard that
//! has the partition, so that reading the log and giving out what was read is one step that nothing comes between.

pub mod acknowledge;
mod copying;
mod keep;
mod load;
mod pending;
mod timers;
pub mod visit;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use klamm_coordinator::share::SharePartitionKey;
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use klamm_share::SharePartition;
use tokio::sync::Notify;

use super::{
    measures::{InFlight, ShareCounts, ShareMeasures},
    settings::ShareSettings,
};
use crate::{
    error::ApiError,
    shard::{requests::TopicPartition, run::Shard, watch::Watchers},
};
use copying::Copying;
use keep::Writes;
use pending::Led;

/// A share partition's name: the partition first, so that those of one partition are neighbours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Topic and index.
    pub at: TopicPartition,
    /// The group.
    pub group: StrBytes,
}

/// See the module.
#[derive(Default)]
pub struct SharePartitions {
    held: RefCell<BTreeMap<Key, Held>>,
    /// When something is due, by share partition. Some entries are of times that have passed without.
    deadlines: RefCell<BTreeSet<(Duration, Key)>>,
    /// Rung when there is an earlier deadline.
    earlier: Notify,
    next_incarnation: Cell<u64>,
    /// Led since it was last looked where dead letters wait.
    newly_led: RefCell<Led>,
    /// Whether somebody looks.
    is_seeking: Cell<bool>,
    pub(super) counts: RefCell<ShareCounts>,
}

/// How far a share partition is.
enum Held {
    /// Its state is being read; if it is abandoned, for its dead letters only.
    Loading { incarnation: u64, waiting: Watchers, is_abandoned: bool },
    /// It could not be read. Whoever waited is told; the next one to come has it tried again.
    Failed(ApiError),
    /// It was given up, and writes are under way that have to be done before it is loaded again.
    Leaving { writes: Rc<Writes>, waiting: Watchers },
    /// It is there.
    Active(Box<Active>),
}

/// A share partition that is loaded.
struct Active {
    topic_id: Uuid,
    /// Tells it from those that had the same name before.
    incarnation: u64,
    machine: SharePartition,
    settings: ShareSettings,
    /// Fetches that wait for records that others have.
    waiting: Watchers,
    writes: Rc<Writes>,
    /// The deadline that it was last noted with.
    noted: Option<Duration>,
    /// What goes to the dead-letter queue.
    copying: Rc<Copying>,
    /// Whether the group has nobody left here, and it is to be given up when everything that has happened is kept, and
    /// nothing is being copied any more.
    is_abandoned: bool,
}

impl Active {
    fn state_key(&self, key: &Key) -> SharePartitionKey {
        SharePartitionKey { group: key.group.clone(), topic_id: self.topic_id, partition: key.at.index }
    }

    /// Whether giving it up would lose something: a delivery that is not kept, or may not be, or a record on its way to the
    /// dead-letter queue.
    fn has_unfinished(&self) -> bool {
        !self.copying.is_idle() || !self.writes.is_idle() || self.machine.has_unkept_deliveries()
    }
}

impl SharePartitions {
    /// Takes out what is known of a partition's share partitions.
    fn take_all_of(&self, at: &TopicPartition) -> Vec<(Key, Held)> {
        let mut held = self.held.borrow_mut();
        let from = Key { at: at.clone(), group: StrBytes::default() };
        let keys: Vec<Key> =
            held.range(from..).map(|(key, _)| key.clone()).take_while(|key| key.at == *at).collect();
        keys.into_iter().filter_map(|key| held.remove(&key).map(|gone| (key, gone))).collect()
    }

    /// Gives up a share partition whose state turned out to be another's, if it is still the same.
    fn fence(&self, key: &Key, incarnation: u64) {
        let mut held = self.held.borrow_mut();
        if matches!(held.get(key), Some(Held::Active(active)) if active.incarnation == incarnation) {
            give_up(&mut held, key);
        }
    }

    /// Runs `work` on a share partition that is loaded, if it is still the same.
    fn with_active<T>(&self, key: &Key, incarnation: u64, work: impl FnOnce(&mut Active) -> T) -> Option<T> {
        match self.held.borrow_mut().get_mut(key) {
            Some(Held::Active(active)) if active.incarnation == incarnation => Some(work(active)),
            _ => None,
        }
    }

    fn incarnation(&self) -> u64 {
        let next = self.next_incarnation.get();
        self.next_incarnation.set(next + 1);
        next
    }

    /// Their numbers.
    pub(crate) fn measure(&self, now: Duration) -> ShareMeasures {
        let held = self.held.borrow();
        let in_flight = held.iter().filter_map(|(key, held)| match held {
            Held::Active(active) => Some(InFlight {
                at: key.at.clone(),
                group: key.group.clone(),
                records: active.machine.in_flight(),
                batches: active.machine.in_flight_batches(),
                dead_letters: active.copying.records(),
                is_blocked: active.copying.is_blocked.get(),
                breaker: active.machine.breaker_state(now, &active.settings.partition),
            }),
            _ => None,
        });
        ShareMeasures { counts: self.counts.borrow().clone(), in_flight: in_flight.collect() }
    }
}

/// Takes a share partition out; what is being written of it is written first.
fn give_up(held: &mut BTreeMap<Key, Held>, key: &Key) {
    match held.remove(key) {
        Some(Held::Active(mut active)) => {
            active.waiting.wake_all();
            if !active.writes.is_idle() {
                let leaving =
                    Held::Leaving { writes: Rc::clone(&active.writes), waiting: Watchers::default() };
                held.insert(key.clone(), leaving);
            }
        }
        Some(leaving @ Held::Leaving { .. }) => {
            held.insert(key.clone(), leaving);
        }
        Some(other) => wake(other),
        None => {}
    }
}

fn wake(held: Held) {
    match held {
        Held::Loading { mut waiting, .. } | Held::Leaving { mut waiting, .. } => waiting.wake_all(),
        Held::Active(mut active) => active.waiting.wake_all(),
        Held::Failed(_) => {}
    }
}

impl Shard {
    /// The partition is not led here any more: everything that is known of its share partitions is void. The last that is
    /// written is what members have, so that the next leader, unless it has read already, knows of these deliveries.
    pub(crate) fn resign_share_partitions(self: &Rc<Self>, at: &TopicPartition) {
        let is_here = self.partitions.borrow().get(at).is_some();
        for (key, mut gone) in self.share().take_all_of(at) {
            if let Held::Active(active) = &mut gone
                && is_here
                && active.machine.has_unkept_deliveries()
            {
                active.settings = ShareSettings::of_group(self.node(), &key.group);
                if let Some(write) = active.machine.release_all(&active.settings.partition) {
                    self.keep(&key, active, write, None);
                }
            }
            wake(gone);
        }
    }

    /// Nobody of the group is left here. What is on its way to the dead-letter queue gets there still, and what was delivered
    /// is kept before it is forgotten.
    pub(crate) fn forget_group(self: &Rc<Self>, group: &StrBytes) {
        // Somebody may have come since that was said.
        if self.node().share_sessions().has_group(group) {
            return;
        }
        let share = self.share();
        let of_group = |key: &&Key| key.group == *group;
        let keys: Vec<Key> = share.held.borrow().keys().filter(of_group).cloned().collect();
        for key in keys {
            self.abandon(&key);
        }
    }

    fn abandon(self: &Rc<Self>, key: &Key) {
        let mut held = self.share().held.borrow_mut();
        match held.get_mut(key) {
            Some(Held::Active(active)) => {
                active.is_abandoned = true;
                active.waiting.wake_all();
                active.settings = ShareSettings::of_group(self.node(), &key.group);
                // Also of members that had it in no session any more.
                if let Some(write) = active.machine.release_all(&active.settings.partition) {
                    self.keep(key, active, write, None);
                }
                let incarnation = active.incarnation;
                drop(held);
                self.leave_if_abandoned(key, incarnation);
            }
            Some(Held::Loading { waiting, is_abandoned, .. }) => {
                *is_abandoned = true;
                waiting.wake_all();
            }
            Some(Held::Failed(_) | Held::Leaving { .. }) => {
                // Whether it has anything on its way to the dead-letter queue is not known.
                give_up(&mut held, key);
                drop(held);
                self.seek_dead_letters_again(&key.at);
            }
            None => {}
        }
    }

    /// Checks that this broker leads a partition of a topic.
    fn check_led(&self, at: &TopicPartition, topic_id: Uuid) -> Result<i32, ApiError> {
        let partitions = self.partitions.borrow();
        let Some(partition) = partitions.get(at) else { return Err(self.missing(at).into()) };
        if partition.topic_id() != topic_id {
            return Err(ErrorCode::UnknownTopicId.into());
        }
        if self.node().log_dirs.is_offline(partition.log_dir()) {
            return Err(ErrorCode::KafkaStorageError.into());
        }
        Ok(partition.check_leader(-1)?)
    }
}
