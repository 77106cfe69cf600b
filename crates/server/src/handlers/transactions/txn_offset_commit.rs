//! TxnOffsetCommit (key 28), v0–5: stores a group's offsets as part of a transaction (KIP-98).
//!
//! * v2  leader epoch  * v3  member and generation (KIP-447)  * v4  TRANSACTION_ABORTABLE (KIP-890)
//! * v5  adds the group's partition to the transaction by itself (KIP-890)
//!
//! The offsets count once the transaction is committed.

use klamm_coordinator::{Reply, Request};
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::txn_offset_commit::{
        TxnOffsetCommitRequest, TxnOffsetCommitRequestTopic, TxnOffsetCommitResponse,
        TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
    },
    records::NO_SEQUENCE,
};

use super::{
    TransactionsContext,
    verification::{Support, verify},
};
use crate::{
    coordinator::{driver::Asked, partition_of},
    dispatch::Call,
    shard::{
        ShardRequest,
        requests::{TopicPartition, Unverified},
    },
    topic_names,
};

/// Before, clients do not know COORDINATOR_LOAD_IN_PROGRESS (KAFKA-7296).
const LOAD_IN_PROGRESS_SINCE: i16 = 2;

/// Answers TxnOffsetCommit.
pub async fn handle(
    cx: &TransactionsContext,
    call: &Call,
    mut request: TxnOffsetCommitRequest,
) -> TxnOffsetCommitResponse {
    let mut response = TxnOffsetCommitResponse::default();
    let mut accepted = Vec::new();
    for mut topic in std::mem::take(&mut request.topics) {
        let published = cx.node.metadata.load();
        let topics = &published.image.topics;
        let (there, missing): (Vec<_>, Vec<_>) = std::mem::take(&mut topic.partitions)
            .into_iter()
            .partition(|partition| topics.partition(&topic.name, partition.partition_index).is_some());
        if !missing.is_empty() {
            let indexes = missing.iter().map(|partition| partition.partition_index);
            add(&mut response, &topic.name, indexes, ErrorCode::UnknownTopicOrPartition);
        }
        if !there.is_empty() {
            accepted.push(TxnOffsetCommitRequestTopic { partitions: there, ..topic });
        }
    }
    if accepted.is_empty() {
        return response;
    }
    request.topics = accepted;
    for topic in commit(cx, call, request).await.topics {
        for partition in topic.partitions {
            let error = match ErrorCode::from_code(partition.error_code) {
                ErrorCode::CoordinatorLoadInProgress if call.api_version < LOAD_IN_PROGRESS_SINCE => {
                    ErrorCode::CoordinatorNotAvailable
                }
                error => error,
            };
            add(&mut response, &topic.name, std::iter::once(partition.partition_index), error);
        }
    }
    response
}

fn add(
    response: &mut TxnOffsetCommitResponse,
    name: &StrBytes,
    indexes: impl Iterator<Item = i32>,
    error: ErrorCode,
) {
    let place = match response.topics.iter().position(|topic| topic.name == *name) {
        Some(place) => place,
        None => {
            let topic = TxnOffsetCommitResponseTopic { name: name.clone(), ..Default::default() };
            response.topics.push(topic);
            response.topics.len() - 1
        }
    };
    let partitions = indexes.map(|partition_index| TxnOffsetCommitResponsePartition {
        partition_index,
        error_code: error.code(),
        ..Default::default()
    });
    if let Some(topic) = response.topics.get_mut(place) {
        topic.partitions.extend(partitions);
    }
}

const fn support(version: i16) -> Support {
    match version {
        ..4 => Support::None,
        4 => Support::Abortable,
        5.. => Support::Adds,
    }
}

fn unverified(request: &TxnOffsetCommitRequest, partition: i32, support: Support) -> Unverified {
    Unverified {
        at: TopicPartition { topic: StrBytes::from(topic_names::GROUP_METADATA), index: partition },
        producer_id: request.producer_id,
        producer_epoch: request.producer_epoch,
        base_sequence: NO_SEQUENCE,
        raises_epochs: support.raises_epochs(),
    }
}

async fn commit(
    cx: &TransactionsContext,
    call: &Call,
    request: TxnOffsetCommitRequest,
) -> TxnOffsetCommitResponse {
    let partition = partition_of(&cx.node, &request.group_id);
    let support = support(call.api_version);
    let unverified = unverified(&request, partition, support);
    let id = request.transactional_id.clone();
    let is_nameless = request.group_id.is_empty();
    let request = Request::TxnOffsetCommit(request);
    if is_nameless {
        // Before its partition becomes part of the transaction.
        return expect_commit(request.refuse(ErrorCode::InvalidGroupId, call.api_version));
    }
    let verified = verify(cx, &id, vec![unverified], support).await.pop();
    let guard = match verified.unwrap_or(Err(ErrorCode::UnknownServerError)) {
        Ok(guard) => guard,
        Err(error) => return expect_commit(request.refuse(error, call.api_version)),
    };
    let refusal = request.refuse(ErrorCode::NotCoordinator, call.api_version);
    let shard = cx.shards.of(topic_names::GROUP_METADATA, partition);
    let answer = cx.shards.ask(shard, |reply| ShardRequest::Coordinate {
        partition,
        asked: Box::new(Asked {
            api_version: call.api_version,
            client_id: call.client_id.clone().unwrap_or_default(),
            client_host: StrBytes::from(call.connection.client_host.as_str()),
            request,
            guard,
            reply,
        }),
    });
    expect_commit(answer.await.unwrap_or(refusal))
}

fn expect_commit(reply: Reply) -> TxnOffsetCommitResponse {
    match reply {
        Reply::TxnOffsetCommit(response) => response,
        other => unreachable!("a coordinator answers in kind, not {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_before_does_not_end_what_comes_with_version_5() {
        let request = TxnOffsetCommitRequest::default();
        let raises = |version| unverified(&request, 0, support(version)).raises_epochs;
        assert_eq!([0, 3, 4, 5].map(raises), [false, false, false, true]);
    }
}
