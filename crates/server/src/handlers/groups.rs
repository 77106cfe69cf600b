//! Handlers of groups and their offsets. What is decided is in `klamm-coordinator`; here a request is brought to the
//! coordinators that it concerns, and their answers into the form of its version.

pub mod alter_share_group_offsets;
pub mod consumer_group_describe;
pub mod consumer_group_heartbeat;
pub mod delete_groups;
pub mod delete_share_group_offsets;
pub mod describe_groups;
pub mod describe_share_group_offsets;
pub mod find_coordinator;
pub mod heartbeat;
pub mod join_group;
pub mod leave_group;
pub mod list_groups;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod share_group_describe;
pub mod share_group_heartbeat;
mod share_state;
pub mod streams_group_describe;
pub mod streams_group_heartbeat;
pub mod sync_group;

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use klamm_config::broker;
use klamm_coordinator::{Reply, Request};
use klamm_protocol::{ErrorCode, StrBytes};
use tokio::sync::oneshot;

use crate::{
    coordinator::{driver::Asked, partition_of},
    dispatch::Call,
    inter_broker::InterBroker,
    node::Node,
    shard::{ShardRequest, Shards},
    share::persister::Persister,
    topic_names,
    topics_creator::TopicsCreator,
};

/// What these handlers use.
#[derive(Clone)]
pub struct GroupsContext {
    /// The node: its metadata and config.
    pub node: Arc<Node>,
    /// The way to the coordinators.
    pub shards: Rc<Shards>,
    /// Creates `__consumer_offsets`.
    pub creator: Arc<TopicsCreator>,
    /// Keeps the state of share partitions.
    pub persister: Rc<Persister>,
    /// The way to the leaders of other partitions.
    pub inter_broker: Rc<InterBroker>,
}

impl GroupsContext {
    /// Asks the coordinator of a group. A JoinGroup or SyncGroup may take as long as a rebalance.
    async fn ask(&self, call: &Call, group: &str, request: Request) -> Reply {
        self.ask_partition(call, partition_of(&self.node, group), request).await
    }

    async fn ask_partition(&self, call: &Call, partition: i32, request: Request) -> Reply {
        let shard = self.shards.of(topic_names::GROUP_METADATA, partition);
        // Should the shard go down, this is what is left to answer.
        let refusal = request.refuse(ErrorCode::NotCoordinator, call.api_version);
        let answer = self.shards.ask(shard, |reply| ask(call, partition, request, reply)).await;
        answer.unwrap_or(refusal)
    }

    /// Whether consumer groups are on: by `group.coordinator.rebalance.protocols`, and the feature `group.version`.
    fn serves_consumer_groups(&self) -> bool {
        let is_configured = self.node.config.load().get(&broker::GROUP_COORDINATOR_REBALANCE_PROTOCOLS);
        let level = self.node.metadata.load().image.features.level_by_name("group.version");
        is_configured.iter().any(|name| name == "consumer") && level.unwrap_or(0) >= 1
    }

    /// Whether streams groups are on: by `group.coordinator.rebalance.protocols`, and the feature `streams.version`.
    fn serves_streams_groups(&self) -> bool {
        let is_configured = self.node.config.load().get(&broker::GROUP_COORDINATOR_REBALANCE_PROTOCOLS);
        let level = self.node.metadata.load().image.features.level_by_name("streams.version");
        is_configured.iter().any(|name| name == "streams") && level.unwrap_or(0) >= 1
    }

    /// Asks each coordinator for its part of several groups.
    async fn ask_each(
        &self,
        call: &Call,
        groups: Vec<StrBytes>,
        request: impl Fn(Vec<StrBytes>) -> Request,
    ) -> Vec<Reply> {
        let mut by_partition: BTreeMap<i32, Vec<StrBytes>> = BTreeMap::new();
        for group in groups {
            by_partition.entry(partition_of(&self.node, &group)).or_default().push(group);
        }
        let mut waiting = Vec::new();
        for (partition, groups) in by_partition {
            let request = request(groups);
            let refusal = request.refuse(ErrorCode::NotCoordinator, call.api_version);
            let shard = self.shards.of(topic_names::GROUP_METADATA, partition);
            let (reply, answer) = oneshot::channel();
            self.shards.send(shard, ask(call, partition, request, reply));
            waiting.push((answer, refusal));
        }
        let mut replies = Vec::with_capacity(waiting.len());
        for (answer, refusal) in waiting {
            replies.push(answer.await.unwrap_or(refusal));
        }
        replies
    }
}

fn ask(call: &Call, partition: i32, request: Request, reply: oneshot::Sender<Reply>) -> ShardRequest {
    let asked = Asked {
        api_version: call.api_version,
        client_id: call.client_id.clone().unwrap_or_default(),
        client_host: StrBytes::from(call.connection.client_host.as_str()),
        request,
        guard: None,
        reply,
    };
    ShardRequest::Coordinate { partition, asked: Box::new(asked) }
}

/// What a coordinator answers to one request is of that request's kind.
macro_rules! expect_reply {
    ($reply:expr, $kind:ident) => {
        match $reply {
            klamm_coordinator::Reply::$kind(reply) => reply,
            other => unreachable!("a coordinator answers in kind, not {other:?}"),
        }
    };
}
pub(crate) use expect_reply;
