//! FindCoordinator (key 10), v0–6: which broker coordinates a group, a transaction or a share partition.
//!
//! * v1  transactions (KIP-98)  * v4  several keys (KIP-699)  * v6  share partitions (KIP-932)
//!
//! The first call for a group creates `__consumer_offsets`, the first for a transaction `__transaction_state`, the first
//! for a share partition `__share_group_state`; until it is there the answer is COORDINATOR_NOT_AVAILABLE, on which clients retry.

use klamm_coordinator::share::SharePartitionKey;
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse},
};

use super::GroupsContext;
use crate::{
    coordinator::{partition_of, shares, transactions},
    dispatch::Call,
    handlers::cluster::alive_endpoint_of,
    topic_names,
};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;
const SEVERAL_KEYS_SINCE: i16 = 4;
const SHARE_SINCE: i16 = 6;

/// A broker: id, host and port.
type Found = Result<(i32, StrBytes, i32), ErrorCode>;

/// Answers FindCoordinator.
pub async fn handle(
    cx: &GroupsContext,
    call: &Call,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    if call.api_version < SEVERAL_KEYS_SINCE {
        return single(find(cx, call, request.key_type, &request.key).await);
    }
    let mut coordinators = Vec::with_capacity(request.coordinator_keys.len());
    for key in request.coordinator_keys {
        let found = find(cx, call, request.key_type, &key).await;
        let error_code = found.as_ref().err().map_or(0, |error| error.code());
        let (node_id, host, port) = found.unwrap_or((-1, StrBytes::default(), -1));
        coordinators.push(Coordinator { key, node_id, host, port, error_code, ..Default::default() });
    }
    FindCoordinatorResponse { coordinators, ..Default::default() }
}

/// Before v4 success has a message as well.
fn single(found: Found) -> FindCoordinatorResponse {
    let error = found.as_ref().err().copied().unwrap_or(ErrorCode::None);
    let message = if error == ErrorCode::None { "NONE" } else { error.default_message() };
    let (node_id, host, port) = found.unwrap_or((-1, StrBytes::default(), -1));
    FindCoordinatorResponse {
        error_code: error.code(),
        error_message: Some(message.into()),
        node_id,
        host,
        port,
        ..Default::default()
    }
}

/// Reads `group:topic id:partition`. A group's id may have colons in it.
fn share_partition(key: &str) -> Option<SharePartitionKey> {
    let (rest, partition) = key.rsplit_once(':')?;
    let (group, topic_id) = rest.rsplit_once(':')?;
    if group.trim().is_empty() {
        return None;
    }
    let (topic_id, partition) = (topic_id.parse().ok()?, partition.parse().ok()?);
    Some(SharePartitionKey { group: group.into(), topic_id, partition })
}

async fn find(cx: &GroupsContext, call: &Call, key_type: i8, key: &str) -> Found {
    let topic = match key_type {
        GROUP => topic_names::GROUP_METADATA,
        TRANSACTION => topic_names::TRANSACTION_STATE,
        SHARE if call.api_version < SHARE_SINCE => return Err(ErrorCode::InvalidRequest),
        // Before the topic is made: whoever asks for nonsense does not get it.
        SHARE if share_partition(key).is_none() => return Err(ErrorCode::InvalidRequest),
        SHARE => topic_names::SHARE_GROUP_STATE,
        _ => return Err(ErrorCode::UnknownServerError),
    };
    let published = cx.node.metadata.load();
    let image = &published.image;
    if image.topics.by_name(topic).is_none() {
        cx.creator.create_internal(topic).await;
        return Err(ErrorCode::CoordinatorNotAvailable);
    }
    let index = match key_type {
        TRANSACTION => transactions::partition_of(&cx.node, key),
        SHARE => shares::partition_of(&cx.node, &share_partition(key).ok_or(ErrorCode::InvalidRequest)?),
        _ => partition_of(&cx.node, key),
    };
    let partition = image.topics.partition(topic, index);
    let leader = partition.map_or(-1, |partition| partition.leader);
    let (host, port) = alive_endpoint_of(image, leader, &call.connection.listener)
        .ok_or(ErrorCode::CoordinatorNotAvailable)?;
    Ok((leader, host, port))
}
