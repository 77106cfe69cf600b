//! Has the state of share partitions kept, by the share coordinators of the cluster.
//!
//! One for each shard, in [`ShareContext`](crate::handlers::share::ShareContext). What is asked goes to the broker that
//! leads the share partition's part of `__share_group_state`: if that is this one, straight to its shard, otherwise with
//! whatever else waits for that broker. Where nothing can be done at present it is tried again for half a minute, as
//! Kafka does; but more often in the beginning, since coordinators move and load within milliseconds.

mod outgoing;

use std::{collections::BTreeMap, rc::Rc, sync::Arc, time::Duration};

use klamm_config::broker;
use klamm_coordinator::share::{
    InitialState, SharePartitionKey, ShareState, ShareStateReply, ShareStateRequest, StateRefusal,
    StateSummary, StateWrite,
};
use klamm_protocol::ErrorCode;
use tokio::sync::oneshot;

use self::outgoing::Outgoing;
use crate::{
    coordinator::shares::{driver::Asked, partition_of},
    error::ApiError,
    handlers::share::{AnsweredState, AskedState},
    inter_broker::InterBroker,
    node::Node,
    shard::{ShardRequest, Shards},
    topic_names,
    topics_creator::TopicsCreator,
};

/// Waiting before the second attempt; it doubles with each.
const RETRY: Duration = Duration::from_millis(50);
/// The longest waiting between attempts.
const RETRY_MAX: Duration = Duration::from_secs(4);
/// After this time there are no more attempts.
const GIVE_UP: Duration = Duration::from_secs(30);
/// Waiting varies by this part of it.
const JITTER_PERCENT: u64 = 20;

/// One answer for each share partition asked about, in the same order.
pub type Answers<T> = Vec<(SharePartitionKey, Result<T, ApiError>)>;

/// See the module.
pub struct Persister {
    node: Arc<Node>,
    shards: Rc<Shards>,
    outgoing: Rc<Outgoing>,
    creator: Arc<TopicsCreator>,
}

/// Errors of all of these: those of the share coordinator (INVALID_REQUEST, FENCED_LEADER_EPOCH, FENCED_STATE_EPOCH,
/// UNKNOWN_TOPIC_OR_PARTITION), and, if trying again for half a minute did not help, COORDINATOR_NOT_AVAILABLE,
/// NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS or NETWORK_EXCEPTION.
impl Persister {
    /// A persister for a shard.
    pub fn new(
        node: Arc<Node>,
        shards: Rc<Shards>,
        inter_broker: Rc<InterBroker>,
        creator: Arc<TopicsCreator>,
    ) -> Self {
        Self { node, shards, outgoing: Outgoing::new(inter_broker), creator }
    }

    /// Gives share partitions a new state, whatever state they had; the group coordinator's part.
    pub async fn initialize(&self, partitions: Vec<(SharePartitionKey, InitialState)>) -> Answers<()> {
        self.ask(partitions, ShareStateRequest::Initialize, done).await
    }

    /// Reads states for the leader of a leader epoch (-1: any), which fences those before it.
    pub async fn read(&self, partitions: Vec<(SharePartitionKey, i32)>) -> Answers<ShareState> {
        let read = |leader_epoch| ShareStateRequest::Read { leader_epoch };
        self.ask(partitions, read, |reply| match reply {
            ShareStateReply::State(state) => Some(state),
            _ => None,
        })
        .await
    }

    /// Writes what has changed; the leader's part.
    pub async fn write(&self, partitions: Vec<(SharePartitionKey, StateWrite)>) -> Answers<()> {
        self.ask(partitions, ShareStateRequest::Write, done).await
    }

    /// Deletes states; there need not be any. The group coordinator's part.
    pub async fn delete(&self, partitions: Vec<SharePartitionKey>) -> Answers<()> {
        let partitions = partitions.into_iter().map(|key| (key, ())).collect();
        self.ask(partitions, |()| ShareStateRequest::Delete, done).await
    }

    /// Reads how far share partitions are; the group coordinator's part.
    pub async fn read_summary(&self, partitions: Vec<SharePartitionKey>) -> Answers<StateSummary> {
        let partitions = partitions.into_iter().map(|key| (key, ())).collect();
        self.ask(
            partitions,
            |()| ShareStateRequest::ReadSummary,
            |reply| match reply {
                ShareStateReply::Summary(summary) => Some(summary),
                _ => None,
            },
        )
        .await
    }

    /// Asks the share coordinators of this broker.
    pub async fn coordinate(&self, asked: Vec<AskedState>) -> Vec<AnsweredState> {
        let keys: Vec<AskedState> = asked.clone();
        let replies = self.ask_here(asked);
        let mut answers = Vec::with_capacity(keys.len());
        for ((key, request), reply) in keys.into_iter().zip(replies) {
            // A shard that drops a request is going down with the node.
            let reply = reply.await.unwrap_or_else(|_| request.refuse_with(ErrorCode::NotCoordinator));
            answers.push((key, reply));
        }
        answers
    }

    async fn ask<P, T>(
        &self,
        partitions: Vec<(SharePartitionKey, P)>,
        request: impl Fn(P) -> ShareStateRequest,
        answer: impl Fn(ShareStateReply) -> Option<Result<T, StateRefusal>>,
    ) -> Answers<T> {
        let asked: Vec<AskedState> =
            partitions.into_iter().map(|(key, partition)| (key, request(partition))).collect();
        let keys: Vec<SharePartitionKey> = asked.iter().map(|(key, _)| key.clone()).collect();
        let replies = self.persist(asked).await;
        // Coordinators answer in kind; one that does not is not understood.
        let not_understood = || Err(ErrorCode::UnknownServerError.into());
        let answers = replies.into_iter().map(|reply| {
            answer(reply)
                .unwrap_or_else(not_understood)
                .map_err(|refusal: StateRefusal| ApiError { code: refusal.code, message: refusal.message })
        });
        keys.into_iter().zip(answers).collect()
    }

    /// Asks until everything is answered for good, or for as long as there is hope.
    async fn persist(&self, asked: Vec<AskedState>) -> Vec<ShareStateReply> {
        if self.node.config.load().get(&broker::GROUP_SHARE_PERSISTER_CLASS_NAME).is_empty() {
            return asked.into_iter().map(|(_, request)| nothing_kept(&request)).collect();
        }
        let clock = self.node.world.clock;
        let give_up_at = clock.now() + GIVE_UP;
        let mut wait = RETRY;
        let mut replies = self.attempt(asked.clone()).await;
        loop {
            let open: Vec<usize> =
                (0..replies.len()).filter(|index| replies.get(*index).is_some_and(may_change)).collect();
            if open.is_empty() || clock.now() + wait > give_up_at {
                return replies;
            }
            clock.sleep(self.jittered(wait)).await;
            wait = (wait * 2).min(RETRY_MAX);
            let again = open.iter().filter_map(|index| asked.get(*index).cloned()).collect();
            for (index, reply) in open.into_iter().zip(self.attempt(again).await) {
                if let Some(open) = replies.get_mut(index) {
                    *open = reply;
                }
            }
        }
    }

    fn jittered(&self, wait: Duration) -> Duration {
        let percent = 100 - JITTER_PERCENT + self.node.world.entropy.below(2 * JITTER_PERCENT + 1);
        wait * u32::try_from(percent).unwrap_or(100) / 100
    }

    /// Asks every share partition's coordinator once.
    async fn attempt(&self, asked: Vec<AskedState>) -> Vec<ShareStateReply> {
        let published = self.node.metadata.load();
        let refusals: Vec<ShareStateReply> = asked
            .iter()
            .map(|(_, request)| request.refuse_with(ErrorCode::CoordinatorNotAvailable))
            .collect();
        let topics = &published.image.topics;
        if topics.by_name(topic_names::SHARE_GROUP_STATE).is_none() {
            self.creator.create_internal(topic_names::SHARE_GROUP_STATE).await;
            return refusals;
        }
        let mut here = Vec::new();
        let mut places_here = Vec::new();
        let mut waiting: Vec<(usize, oneshot::Receiver<ShareStateReply>)> = Vec::new();
        for (place, (key, request)) in asked.into_iter().enumerate() {
            let index = partition_of(&self.node, &key);
            let partition = topics.partition(topic_names::SHARE_GROUP_STATE, index);
            match partition.map_or(-1, |partition| partition.leader) {
                leader if leader == self.node.id => {
                    places_here.push(place);
                    here.push((key, request));
                }
                leader if leader >= 0 => waiting.push((place, self.outgoing.ask(leader, key, request))),
                _ => {}
            }
        }
        waiting.extend(places_here.into_iter().zip(self.ask_here(here)));
        let mut replies = refusals;
        for (place, reply) in waiting {
            if let (Some(slot), Ok(reply)) = (replies.get_mut(place), reply.await) {
                *slot = reply;
            }
        }
        replies
    }

    /// Asks the coordinators of this broker, those of one partition together.
    fn ask_here(&self, asked: Vec<AskedState>) -> Vec<oneshot::Receiver<ShareStateReply>> {
        let mut by_partition: BTreeMap<i32, Vec<Asked>> = BTreeMap::new();
        let mut replies = Vec::with_capacity(asked.len());
        for (key, request) in asked {
            let (reply, answer) = oneshot::channel();
            replies.push(answer);
            let partition = partition_of(&self.node, &key);
            by_partition.entry(partition).or_default().push(Asked { key, request, reply });
        }
        for (partition, asked) in by_partition {
            let shard = self.shards.of(topic_names::SHARE_GROUP_STATE, partition);
            self.shards.send(shard, ShardRequest::CoordinateShares { partition, asked });
        }
        replies
    }
}

fn done(reply: ShareStateReply) -> Option<Result<(), StateRefusal>> {
    match reply {
        ShareStateReply::Done(reply) => Some(reply),
        _ => None,
    }
}

/// Whether asking again may help. Also of a topic that is not known: a coordinator may hear of it later.
fn may_change(reply: &ShareStateReply) -> bool {
    reply.refusal().is_some_and(|refusal| {
        matches!(
            refusal.code,
            ErrorCode::CoordinatorNotAvailable
                | ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::NotCoordinator
                | ErrorCode::UnknownTopicOrPartition
                | ErrorCode::NetworkException
                | ErrorCode::RequestTimedOut
        )
    })
}

/// The answer where no state is kept, as Kafka's tests want it.
const fn nothing_kept(request: &ShareStateRequest) -> ShareStateReply {
    match request {
        ShareStateRequest::Initialize(_) | ShareStateRequest::Write(_) | ShareStateRequest::Delete => {
            ShareStateReply::Done(Ok(()))
        }
        ShareStateRequest::Read { .. } => ShareStateReply::State(Ok(ShareState {
            state_epoch: 0,
            start_offset: -1,
            state_batches: Vec::new(),
        })),
        ShareStateRequest::ReadSummary => ShareStateReply::Summary(Ok(StateSummary {
            state_epoch: 0,
            leader_epoch: 0,
            start_offset: -1,
            delivery_complete_count: -1,
        })),
    }
}
