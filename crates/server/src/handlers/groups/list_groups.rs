//! ListGroups (key 16), v0–5: the groups that this broker coordinates.
//!
//! * v4  state, and filter by it (KIP-518)  * v5  type, and filter by it (KIP-848)
//!
//! A broker that is still loading groups answers COORDINATOR_LOAD_IN_PROGRESS rather than a part of the list.

use klamm_coordinator::{Reply, Request};
use klamm_protocol::{
    ErrorCode,
    api::list_groups::{ListGroupsRequest, ListGroupsResponse},
};

use super::GroupsContext;
use crate::{dispatch::Call, shard::ShardRequest};

/// Answers ListGroups.
pub async fn handle(cx: &GroupsContext, call: &Call, request: ListGroupsRequest) -> ListGroupsResponse {
    let partitions = cx.shards.ask_all(|reply| ShardRequest::CoordinatedPartitions { reply }).await;
    let mut response = ListGroupsResponse::default();
    for partition in partitions.into_iter().flatten() {
        let (states, types) = (request.states_filter.clone(), request.types_filter.clone());
        match cx.ask_partition(call, partition, Request::ListGroups { states, types }).await {
            Reply::ListGroups(groups) => response.groups.extend(groups),
            // The partition has moved meanwhile; its new coordinator lists the groups.
            Reply::ListGroupsRefused(ErrorCode::NotCoordinator) => {}
            Reply::ListGroupsRefused(error) => {
                return ListGroupsResponse { error_code: error.code(), ..Default::default() };
            }
            other => unreachable!("a coordinator answers in kind, not {other:?}"),
        }
    }
    response
}
