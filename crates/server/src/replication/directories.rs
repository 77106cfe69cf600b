//! Telling the controller which log directory each replica of this shard is in, where it does not know (KIP-858): a broker
//! with several chooses one itself for a new replica.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use klamm_protocol::{
    ErrorCode, Uuid,
    api::assign_replicas_to_dirs::{
        AssignReplicasToDirsRequest, AssignReplicasToDirsRequestDirectoryData,
        AssignReplicasToDirsRequestPartitionData, AssignReplicasToDirsRequestTopicData,
        AssignReplicasToDirsResponse,
    },
};
use tokio::sync::{Notify, oneshot};
use tracing::{debug, info};

use crate::{node::Node, shard::run::Shard};

const VERSION: i16 = 0;
/// What comes up within this time is told together.
const GATHER: Duration = Duration::from_millis(20);
/// Between two tries.
const RETRY: Duration = Duration::from_millis(500);

/// Directory, topic and partition: the order that the request has.
type Placed = (Uuid, Uuid, i32);

/// Topic and partition.
type Replica = (Uuid, i32);

/// The directory of a replica, and who waits until the controller knows it.
struct Told {
    directory: Uuid,
    waiter: Option<oneshot::Sender<()>>,
}

/// Replicas whose directory is to be told.
#[derive(Default)]
pub(super) struct Directories {
    pending: RefCell<BTreeMap<Replica, Told>>,
    /// How many the controller is being told of.
    under_way: Cell<usize>,
    changed: Notify,
}

impl Directories {
    pub(super) fn tell(&self, topic_id: Uuid, index: i32, directory: Uuid) {
        self.add((topic_id, index), Told { directory, waiter: None });
    }

    pub(super) fn place(&self, topic_id: Uuid, index: i32, directory: Uuid) -> oneshot::Receiver<()> {
        let (waiter, answer) = oneshot::channel();
        self.add((topic_id, index), Told { directory, waiter: Some(waiter) });
        answer
    }

    /// Replicas of which the controller has not taken note.
    pub(super) fn queued(&self) -> usize {
        self.pending.borrow().len() + self.under_way.get()
    }

    fn add(&self, replica: Replica, told: Told) {
        self.pending.borrow_mut().insert(replica, told);
        self.changed.notify_one();
    }
}

/// Answers those who wait for what the controller has taken. What it does not take now has changed, and the metadata will
/// tell.
fn settle(mut told: BTreeMap<Replica, Told>, answer: &AssignReplicasToDirsResponse) {
    let topics = answer.directories.iter().flat_map(|directory| &directory.topics);
    let each = topics.flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic_id, partition)));
    for (topic_id, partition) in each.filter(|(_, partition)| partition.error_code == ErrorCode::None.code())
    {
        if let Some(waiter) = told.remove(&(topic_id, partition.partition_index)).and_then(|told| told.waiter)
        {
            let _ = waiter.send(());
        }
    }
}

/// Tells for as long as the shard runs.
pub(super) async fn run(shard: Rc<Shard>) {
    let directories = &shard.replication().directories;
    let clock = shard.node().world.clock;
    loop {
        if directories.pending.borrow().is_empty() {
            directories.changed.notified().await;
            clock.sleep(GATHER).await;
        }
        if shard.node().broker_epoch() < 0 {
            clock.sleep(RETRY).await;
            continue;
        }
        let told = std::mem::take(&mut *directories.pending.borrow_mut());
        let request = request(shard.node(), &told);
        directories.under_way.set(told.len());
        let answer = shard.node().controller.assign_replicas_to_dirs(request, VERSION).await;
        directories.under_way.set(0);
        let failed = match answer {
            Ok(answer) if answer.error_code == ErrorCode::None.code() => {
                settle(told, &answer);
                continue;
            }
            Ok(answer) => ErrorCode::from_code(answer.error_code),
            Err(error) => error.code(),
        };
        if failed == ErrorCode::UnsupportedVersion {
            info!("the cluster's metadata version knows no log directories");
            for waiter in told.into_values().filter_map(|told| told.waiter) {
                let _ = waiter.send(());
            }
            continue;
        }
        debug!(error = failed.name(), "the controller does not take the replicas' directories");
        for (replica, directory) in told {
            directories.pending.borrow_mut().entry(replica).or_insert(directory);
        }
        clock.sleep(RETRY).await;
    }
}

fn request(node: &Node, told: &BTreeMap<Replica, Told>) -> AssignReplicasToDirsRequest {
    let mut placed: Vec<Placed> =
        told.iter().map(|((topic, index), told)| (told.directory, *topic, *index)).collect();
    placed.sort_unstable();
    let mut directories: Vec<AssignReplicasToDirsRequestDirectoryData> = Vec::new();
    for (directory, topic_id, partition_index) in placed {
        if directories.last().is_none_or(|last| last.id != directory) {
            directories
                .push(AssignReplicasToDirsRequestDirectoryData { id: directory, ..Default::default() });
        }
        let Some(last) = directories.last_mut() else { continue };
        if last.topics.last().is_none_or(|last| last.topic_id != topic_id) {
            last.topics.push(AssignReplicasToDirsRequestTopicData { topic_id, ..Default::default() });
        }
        if let Some(topic) = last.topics.last_mut() {
            topic
                .partitions
                .push(AssignReplicasToDirsRequestPartitionData { partition_index, ..Default::default() });
        }
    }
    AssignReplicasToDirsRequest {
        broker_id: node.id,
        broker_epoch: node.broker_epoch(),
        directories,
        ..Default::default()
    }
}
