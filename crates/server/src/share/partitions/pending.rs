//! Dead letters that wait where nobody of the group has been yet.
//!
//! A share partition is loaded when a member comes. What it has to bring to the dead-letter queue must not wait for that, so
//! whoever begins to lead a partition asks for its states in all groups that have a queue, and loads those with records that
//! are archiving, for as long as it takes to copy them.

use std::{
    collections::BTreeMap,
    future::Future,
    rc::{Rc, Weak},
    time::Duration,
};

use klamm_config::group;
use klamm_coordinator::share::{SharePartitionKey, ShareState};
use klamm_io::spawn;
use klamm_metadata::image::{MetadataImage, ResourceType};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use klamm_share::RecordState;
use tokio::sync::Semaphore;
use tracing::{debug, error, info};

use super::{Held, Key};
use crate::{
    error::ApiError,
    shard::{requests::TopicPartition, run::Shard},
    share::{persister::Persister, settings::ShareSettings},
    topic_names,
};

/// What begins to be led within this time is asked for together.
const GATHER: Duration = Duration::from_millis(500);
/// After this time it is asked for again where there was no answer; that was tried for half a minute.
const AGAIN: Duration = Duration::from_secs(10);
/// States of a group that are asked for, and in memory, at a time.
const STATES_MAX: usize = 250;
/// Groups whose states are asked for at a time.
const GROUPS_MAX: usize = 32;

/// Partitions by topic id.
pub(super) type Led = BTreeMap<TopicPartition, Uuid>;

impl Shard {
    /// This broker leads a partition from now on.
    pub(crate) fn seek_dead_letters(self: &Rc<Self>, at: &TopicPartition, topic_id: Uuid) {
        if topic_names::is_internal(&at.topic) {
            return;
        }
        let share = self.share();
        share.newly_led.borrow_mut().insert(at.clone(), topic_id);
        if !share.is_seeking.replace(true) {
            spawn::local(seek(Rc::downgrade(self)));
        }
    }

    /// What waits for dead-letter queues in a partition is to be found out once more.
    pub(super) fn seek_dead_letters_again(self: &Rc<Self>, at: &TopicPartition) {
        let topic_id = self.partitions.borrow().get(at).map(|partition| partition.topic_id());
        if let Some(topic_id) = topic_id {
            self.seek_dead_letters(at, topic_id);
        }
    }

    /// Loads what has dead letters. Returns for which partitions there was no answer.
    async fn load_with_dead_letters(self: &Rc<Self>, led: Led) -> Led {
        let Some(contexts) = self.contexts() else { return led };
        let groups = {
            let published = self.node().metadata.load();
            let has_states = published.image.topics.by_name(topic_names::SHARE_GROUP_STATE).is_some();
            if has_states { groups_with_queue(&published.image) } else { Vec::new() }
        };
        // A share coordinator that is away holds up only whom it has the states of.
        let (led, turns) = (Rc::new(led), Rc::new(Semaphore::new(GROUPS_MAX)));
        let looks = groups.into_iter().map(|group| {
            let (shard, contexts) = (Rc::clone(self), Rc::clone(&contexts));
            let (led, turns, of) = (Rc::clone(&led), Rc::clone(&turns), group.clone());
            let look = async move {
                let _turn = turns.acquire().await;
                shard.load_with_letters_of(&of, &led, &contexts.share.persister).await
            };
            (group, look)
        });
        each_apart(looks).await.into_iter().flatten().collect()
    }

    /// As [`Self::load_with_dead_letters`], of one group.
    async fn load_with_letters_of(
        self: &Rc<Self>,
        group: &StrBytes,
        led: &Led,
        persister: &Persister,
    ) -> Led {
        let mut unanswered = Led::new();
        let mut asked = Vec::new();
        for (at, topic_id) in led {
            let Ok(leader_epoch) = self.check_led(at, *topic_id) else { continue };
            match self.standing(at, group) {
                Standing::Open => asked.push((at, *topic_id, leader_epoch)),
                Standing::Leaving => drop(unanswered.insert(at.clone(), *topic_id)),
                Standing::Here => {}
            }
        }
        for some in asked.chunks(STATES_MAX) {
            // This fences the leader before, which may be writing still: what comes after the look would be missed.
            let key = |(at, topic_id, leader_epoch): &(&TopicPartition, Uuid, i32)| {
                let (group, partition) = (group.clone(), at.index);
                (SharePartitionKey { group, topic_id: *topic_id, partition }, *leader_epoch)
            };
            let states = persister.read(some.iter().map(key).collect()).await;
            for ((at, topic_id, _), (_, answer)) in some.iter().zip(states) {
                let is_answered = match answer {
                    Ok(state) if has_dead_letters(&state) => self.load_for_letters(at, *topic_id, group),
                    Err(error) if is_no_answer(&error) => false,
                    // Most groups do not read most partitions.
                    Ok(_) | Err(_) => true,
                };
                if !is_answered {
                    unanswered.insert((*at).clone(), *topic_id);
                }
            }
        }
        unanswered
    }

    fn standing(&self, at: &TopicPartition, group: &StrBytes) -> Standing {
        let key = Key { at: at.clone(), group: group.clone() };
        match self.share().held.borrow().get(&key) {
            None | Some(Held::Failed(_)) => Standing::Open,
            Some(Held::Leaving { .. }) => Standing::Leaving,
            Some(Held::Loading { .. } | Held::Active(_)) => Standing::Here,
        }
    }

    /// Loads a share partition, unless it is loaded already. Returns whether it could be.
    fn load_for_letters(self: &Rc<Self>, at: &TopicPartition, topic_id: Uuid, group: &StrBytes) -> bool {
        let Ok(leader_epoch) = self.check_led(at, topic_id) else { return true };
        match self.standing(at, group) {
            Standing::Open => {}
            Standing::Leaving => return false,
            Standing::Here => return true,
        }
        info!(topic = %at.topic, partition = at.index, %group, "records that wait for the dead-letter queue are copied");
        let settings = ShareSettings::of_group(self.node(), group);
        let key = Key { at: at.clone(), group: group.clone() };
        let loading = self.load_share_partition(&key, topic_id, leader_epoch, settings, true);
        self.share().held.borrow_mut().insert(key, loading);
        true
    }
}

/// How far a share partition is that may have dead letters.
enum Standing {
    /// It is not loaded, or could not be.
    Open,
    /// What is being written has to be done before it is loaded again.
    Leaving,
    /// It is there, or will be; if not, and its group has nobody left here, it is sought again.
    Here,
}

/// Runs what is done for some groups beside each other. One that comes upon a defect loses nothing for the others, and
/// is not tried again, since it would come upon it again.
async fn each_apart<T: 'static>(
    all: impl Iterator<Item = (StrBytes, impl Future<Output = T> + 'static)>,
) -> Vec<T> {
    let tasks: Vec<_> = all.map(|(group, one)| (group, spawn::local(one))).collect();
    let mut done = Vec::with_capacity(tasks.len());
    for (group, task) in tasks {
        match task.await {
            Some(output) => done.push(output),
            None => error!(%group, "a defect: it is not known where records wait for the dead-letter queue"),
        }
    }
    done
}

/// Runs until everything that has begun to be led was asked for.
async fn seek(shard: Weak<Shard>) {
    let mut pause = GATHER;
    loop {
        let Some(clock) = shard.upgrade().map(|shard| shard.node().world.clock) else { return };
        clock.sleep(pause).await;
        let Some(shard) = shard.upgrade() else { return };
        let led = shard.share().newly_led.take();
        if led.is_empty() {
            shard.share().is_seeking.set(false);
            return;
        }
        let look = Rc::clone(&shard);
        let look = spawn::local(async move { look.load_with_dead_letters(led).await });
        // Or nobody would ever look again.
        let unanswered = look.await.unwrap_or_else(|| {
            error!("a defect: it is not known where records wait for dead-letter queues");
            Led::new()
        });
        pause = if unanswered.is_empty() { GATHER } else { AGAIN };
        if !unanswered.is_empty() {
            debug!(
                partitions = unanswered.len(),
                "it is not known yet where records wait for dead-letter queues"
            );
        }
        let mut newly_led = shard.share().newly_led.borrow_mut();
        for (at, topic_id) in unanswered {
            newly_led.entry(at).or_insert(topic_id);
        }
    }
}

fn groups_with_queue(image: &MetadataImage) -> Vec<StrBytes> {
    let groups = image.configs.iter().filter(|(resource, own)| {
        let name = group::ERRORS_DEADLETTERQUEUE_TOPIC_NAME.name();
        let queue = own.iter().find(|(key, _)| key.as_str() == name);
        resource.resource_type == ResourceType::Group && queue.is_some_and(|(_, topic)| !topic.is_empty())
    });
    groups.map(|(resource, _)| resource.name.detached()).collect()
}

fn has_dead_letters(state: &ShareState) -> bool {
    state.state_batches.iter().any(|batch| batch.delivery_state == RecordState::Archiving.id())
}

/// Whether a failure to read tells nothing of the state.
pub(super) fn is_no_answer(error: &ApiError) -> bool {
    matches!(
        error.code,
        ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::NotCoordinator
            | ErrorCode::NetworkException
            | ErrorCode::RequestTimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_in_one_groups_look_loses_nothing_for_the_others() {
        let looks = ["a", "b", "c"].map(|group| {
            let look = async move {
                assert_ne!(group, "b", "a defect");
                group
            };
            (StrBytes::from_static(group), look)
        });
        assert_eq!(spawn::block_on(each_apart(looks.into_iter())).unwrap(), ["a", "c"]);
    }
}
