//! Handlers that write, read and look up records.

pub mod alter_replica_log_dirs;
pub mod delete_records;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod fetch;
pub mod list_offsets;
pub mod offset_for_leader_epoch;
pub mod produce;

use std::{rc::Rc, sync::Arc};

use klamm_metadata::image::{MetadataImage, Partition};
use klamm_protocol::{ErrorCode, StrBytes};

use crate::{
    error::ApiError,
    handlers::cluster::alive_endpoint_of,
    metrics::replication::FetchWaits,
    node::{ListenerName, Node},
    shard::Shards,
};

/// What these handlers use.
pub struct RecordsContext {
    /// The node: its metadata, config and directories.
    pub node: Arc<Node>,
    /// The way to the partitions.
    pub shards: Rc<Shards>,
    /// Fetches that wait.
    pub fetches: Rc<FetchWaits>,
}

/// Leaders that a response hints at, because the client has asked the wrong broker, and where they listen (KIP-951).
pub struct LeaderHints<'a> {
    image: &'a MetadataImage,
    listener: &'a ListenerName,
    nodes: Vec<LeaderNode>,
}

/// A node that a hint is about.
pub struct LeaderNode {
    /// Its id.
    pub id: i32,
    /// Where it listens.
    pub host: StrBytes,
    /// Its port there.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<StrBytes>,
}

impl<'a> LeaderHints<'a> {
    /// None yet, of leaders as clients of a listener see them.
    pub const fn new(image: &'a MetadataImage, listener: &'a ListenerName) -> Self {
        Self { image, listener, nodes: Vec::new() }
    }

    /// Id and epoch of the leader that a partition has now; the id is -1 if there is none.
    pub fn leader_of(&mut self, topic: &str, index: i32) -> Option<(i32, i32)> {
        let partition: &Partition = self.image.topics.partition(topic, index)?;
        let id = partition.leader;
        if self.nodes.iter().all(|node| node.id != id)
            && let Some((host, port)) = alive_endpoint_of(self.image, id, self.listener)
        {
            let rack = self.image.cluster.brokers.get(&id).and_then(|broker| broker.rack.clone());
            self.nodes.push(LeaderNode { id, host, port, rack });
        }
        Some((id, partition.leader_epoch))
    }

    /// Each leader's node once, in the order in which they were asked for.
    pub fn into_nodes(self) -> impl Iterator<Item = LeaderNode> {
        self.nodes.into_iter()
    }
}

/// Requests for partitions, gathered by the shard that has them, with the place of each in the response.
pub struct ByShard<T> {
    shards: Vec<(Vec<usize>, Vec<T>)>,
}

impl<T> ByShard<T> {
    /// Nothing yet, for `count` shards.
    pub fn new(count: usize) -> Self {
        Self { shards: (0..count).map(|_| (Vec::new(), Vec::new())).collect() }
    }

    /// Adds an item whose answer belongs at `place`.
    pub fn push(&mut self, shard: usize, place: usize, item: T) {
        if let Some((places, items)) = self.shards.get_mut(shard) {
            places.push(place);
            items.push(item);
        }
    }

    /// The shards that have something to do: shard, places, items.
    pub fn into_parts(self) -> impl Iterator<Item = (usize, Vec<usize>, Vec<T>)> {
        let parts = self.shards.into_iter().enumerate();
        parts
            .filter(|(_, (places, _))| !places.is_empty())
            .map(|(shard, (places, items))| (shard, places, items))
    }
}

/// Asks every shard for its share and puts the answers where they belong. Items of a shard that is going down are
/// refused.
pub async fn ask<T, A>(
    shards: &Shards,
    work: ByShard<T>,
    answers: &mut [Option<Result<A, ApiError>>],
    mut request: impl FnMut(
        Vec<T>,
        crate::shard::requests::Reply<Vec<Result<A, ApiError>>>,
    ) -> crate::shard::ShardRequest,
) {
    let mut waiting = Vec::new();
    for (shard, places, items) in work.into_parts() {
        let (reply, answer) = tokio::sync::oneshot::channel();
        shards.send(shard, request(items, reply));
        waiting.push((places, answer));
    }
    for (places, answer) in waiting {
        let mut found = answer.await.unwrap_or_default().into_iter();
        for place in places {
            let result = found.next().unwrap_or_else(|| Err(ErrorCode::NotLeaderOrFollower.into()));
            if let Some(slot) = answers.get_mut(place) {
                *slot = Some(result);
            }
        }
    }
}
