//! Asking the controller for the ISRs that this shard's leaders propose.
//!
//! One request at a time, with all changes that have come up meanwhile. A change is asked for until the controller
//! answers it or the partition's leader proposes another.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use klamm_protocol::{
    ErrorCode, Uuid,
    api::alter_partition::{
        AlterPartitionRequest, AlterPartitionRequestPartitionData, AlterPartitionRequestTopicData,
        AlterPartitionResponse, AlterPartitionResponsePartitionData, BrokerState,
    },
};
use klamm_replica::leader::{CommittedIsr, IsrChange, LeaderRecoveryState};
use tokio::sync::Notify;
use tracing::{debug, info};

use crate::{
    partition::IsrAnswer,
    shard::{requests::TopicPartition, run::Shard},
};

const VERSION: i16 = 3;
/// Between two tries, as Kafka has it.
const RETRY: Duration = Duration::from_millis(50);

type Key = (Uuid, i32);

/// Changes that are to be asked for.
#[derive(Default)]
pub(super) struct IsrChanges {
    pending: RefCell<BTreeMap<Key, (TopicPartition, IsrChange)>>,
    changed: Notify,
}

impl IsrChanges {
    pub(super) fn propose(&self, shard: &Shard, at: &TopicPartition, change: IsrChange) {
        let topic_id = shard.partitions.borrow().get(at).map(|partition| partition.topic_id());
        let Some(topic_id) = topic_id else { return };
        self.pending.borrow_mut().insert((topic_id, at.index), (at.clone(), change));
        self.changed.notify_one();
    }
}

/// Asks for changes for as long as the shard runs.
pub(super) async fn run(shard: Rc<Shard>) {
    let changes = &shard.replication().isr_changes;
    let clock = shard.node().world.clock;
    loop {
        let asked = std::mem::take(&mut *changes.pending.borrow_mut());
        if asked.is_empty() {
            changes.changed.notified().await;
            continue;
        }
        let request = request(&shard, &asked);
        let answer = shard.node().controller.alter_partition(request, VERSION).await;
        let (left, is_refused) = match answer {
            Ok(answer) if answer.error_code == ErrorCode::None.code() => take_answers(&shard, asked, &answer),
            Ok(answer) => {
                let error = ErrorCode::from_code(answer.error_code);
                info!(error = error.name(), "the controller refuses changes of in-sync replicas");
                (asked, true)
            }
            Err(error) => {
                debug!(%error, "no controller for changes of in-sync replicas");
                (asked, true)
            }
        };
        if is_refused || !left.is_empty() {
            // A newer proposal of the same partition goes first.
            for (key, change) in left {
                changes.pending.borrow_mut().entry(key).or_insert(change);
            }
            clock.sleep(RETRY).await;
            forget_outdated(&shard, changes);
        }
    }
}

/// Drops what no leader here waits for any more.
fn forget_outdated(shard: &Shard, changes: &IsrChanges) {
    let partitions = shard.partitions.borrow();
    changes.pending.borrow_mut().retain(|_, (at, change)| {
        let leader = partitions.get(at).and_then(|partition| partition.leader());
        leader.is_some_and(|leader| {
            leader.leader_epoch() == change.leader_epoch && leader.partition_epoch() == change.partition_epoch
        })
    });
}

fn request(shard: &Shard, asked: &BTreeMap<Key, (TopicPartition, IsrChange)>) -> AlterPartitionRequest {
    let node = shard.node();
    let mut topics: Vec<AlterPartitionRequestTopicData> = Vec::new();
    for ((topic_id, partition_index), (_, change)) in asked {
        let member = |member: &klamm_replica::leader::BrokerEpoch| BrokerState {
            broker_id: member.broker_id,
            // The epoch of this broker may be newer than its leaderships.
            broker_epoch: if member.broker_id == node.id { node.broker_epoch() } else { member.epoch },
            ..Default::default()
        };
        let partition = AlterPartitionRequestPartitionData {
            partition_index: *partition_index,
            leader_epoch: change.leader_epoch,
            new_isr_with_epochs: change.new_isr.iter().map(member).collect(),
            leader_recovery_state: match change.leader_recovery_state {
                LeaderRecoveryState::Recovered => 0,
                LeaderRecoveryState::Recovering => 1,
            },
            partition_epoch: change.partition_epoch,
            ..Default::default()
        };
        match topics.last_mut() {
            Some(topic) if topic.topic_id == *topic_id => topic.partitions.push(partition),
            _ => topics.push(AlterPartitionRequestTopicData {
                topic_id: *topic_id,
                partitions: vec![partition],
                ..Default::default()
            }),
        }
    }
    AlterPartitionRequest {
        broker_id: node.id,
        broker_epoch: node.broker_epoch(),
        topics,
        ..Default::default()
    }
}

/// Gives every leader its answer. Returns what was not answered, and whether something was refused: a leader may ask for
/// the same again at once.
fn take_answers(
    shard: &Rc<Shard>,
    mut asked: BTreeMap<Key, (TopicPartition, IsrChange)>,
    response: &AlterPartitionResponse,
) -> (BTreeMap<Key, (TopicPartition, IsrChange)>, bool) {
    let mut is_refused = false;
    let now = shard.node().world.clock.now().since_start();
    for topic in &response.topics {
        for answered in &topic.partitions {
            let Some((at, change)) = asked.remove(&(topic.topic_id, answered.partition_index)) else {
                continue;
            };
            let answer = isr_answer(answered);
            match &answer {
                Ok(committed) => {
                    info!(topic = %at.topic, partition = at.index, isr = ?committed.isr, "in-sync replicas changed");
                }
                Err(error) => {
                    is_refused = true;
                    info!(topic = %at.topic, partition = at.index, error = error.name(), "change of in-sync replicas refused");
                }
            }
            let mut partitions = shard.partitions.borrow_mut();
            let partition = partitions.get_mut(&at);
            // By now it may be another topic's of the same name.
            let Some(partition) = partition.filter(|partition| partition.topic_id() == topic.topic_id) else {
                continue;
            };
            let log_dir = partition.log_dir();
            let in_sync = partition.leader().map_or(0, |leader| leader.isr().len());
            shard.isr_changes.set(shard.isr_changes.get().with(&answer, in_sync));
            let effects = partition.isr_answered(change, answer, now);
            drop(partitions);
            shard.settle_or_fail(&at, log_dir, effects);
        }
    }
    (asked, is_refused)
}

fn isr_answer(answered: &AlterPartitionResponsePartitionData) -> IsrAnswer {
    match ErrorCode::from_code(answered.error_code) {
        ErrorCode::None => Ok(CommittedIsr {
            leader_epoch: answered.leader_epoch,
            partition_epoch: answered.partition_epoch,
            isr: answered.isr.clone(),
            leader_recovery_state: match answered.leader_recovery_state {
                1 => LeaderRecoveryState::Recovering,
                _ => LeaderRecoveryState::Recovered,
            },
        }),
        error => Err(error),
    }
}
