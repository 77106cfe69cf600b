//! The requests that a group coordinator serves, and how each is refused.

use crate::effect::{Reply, StreamsHeartbeat};
use crate::group::classic::{refuse_join, refuse_sync};
use crate::group::share::request::ShareGroupRequest;
use crate::write_error::coordinator_error;
use klamm_protocol::api::consumer_group_describe::DescribedGroup as DescribedConsumerGroup;
use klamm_protocol::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use klamm_protocol::api::delete_groups::DeletableGroupResult;
use klamm_protocol::api::describe_groups::DescribedGroup;
use klamm_protocol::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use klamm_protocol::api::join_group::JoinGroupRequest;
use klamm_protocol::api::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
use klamm_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use klamm_protocol::api::offset_delete::{OffsetDeleteRequest, OffsetDeleteResponse};
use klamm_protocol::api::offset_fetch::OffsetFetchRequestGroup;
use klamm_protocol::api::streams_group_describe::DescribedGroup as DescribedStreamsGroup;
use klamm_protocol::api::streams_group_heartbeat::{
    StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse,
};
use klamm_protocol::api::sync_group::SyncGroupRequest;
use klamm_protocol::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
};
use klamm_protocol::{ErrorCode, StrBytes};

/// Who asks, when, and what the machine cannot find out by itself.
#[derive(Clone, Debug, Default)]
pub struct RequestContext {
    /// The version of the request.
    pub api_version: i16,
    /// The `client.id` of the request's header; empty if it has none.
    pub client_id: StrBytes,
    /// The client's address as Kafka shows it: a slash and the IP address.
    pub client_host: StrBytes,
    /// Milliseconds since the epoch.
    pub now_ms: i64,
    /// Randomness for a member id, should one be needed.
    pub entropy: [u8; 16],
}

impl RequestContext {
    /// A member id as Kafka makes them: a prefix, a dash and a random UUID.
    pub(crate) fn new_member_id(&self, prefix: &str) -> StrBytes {
        let mut bits = u128::from_be_bytes(self.entropy);
        bits = (bits & !(0xf << 76)) | (0x4 << 76); // version 4
        bits = (bits & !(0x3 << 62)) | (0x2 << 62); // RFC 4122
        let hex = format!("{bits:032x}");
        let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        StrBytes::from(format!("{prefix}-{a}-{b}-{c}-{d}-{e}"))
    }
}

/// A request to the coordinator of one partition of `__consumer_offsets`. The groups in it belong to that partition;
/// authorization and the resolving of topic names and ids have been done by the handler.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// JoinGroup.
    JoinGroup(JoinGroupRequest),
    /// SyncGroup.
    SyncGroup(SyncGroupRequest),
    /// Heartbeat.
    Heartbeat(HeartbeatRequest),
    /// LeaveGroup.
    LeaveGroup(LeaveGroupRequest),
    /// ConsumerGroupHeartbeat.
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatRequest),
    /// ConsumerGroupDescribe.
    ConsumerGroupDescribe {
        /// The groups.
        groups: Vec<StrBytes>,
    },
    /// StreamsGroupHeartbeat.
    StreamsGroupHeartbeat(Box<StreamsGroupHeartbeatRequest>),
    /// StreamsGroupDescribe.
    StreamsGroupDescribe {
        /// The groups.
        groups: Vec<StrBytes>,
    },
    /// DescribeGroups.
    DescribeGroups {
        /// The groups.
        groups: Vec<StrBytes>,
    },
    /// ListGroups.
    ListGroups {
        /// In any case; empty: every state.
        states: Vec<StrBytes>,
        /// In any case; empty: every type.
        types: Vec<StrBytes>,
    },
    /// DeleteGroups.
    DeleteGroups {
        /// The groups.
        groups: Vec<StrBytes>,
    },
    /// OffsetCommit.
    OffsetCommit(OffsetCommitRequest),
    /// TxnOffsetCommit. Its records belong to the request's transaction.
    TxnOffsetCommit(TxnOffsetCommitRequest),
    /// OffsetFetch.
    OffsetFetch {
        /// One group; without topics: all of them.
        group: OffsetFetchRequestGroup,
        /// Partitions with offsets in an open transaction are answered UNSTABLE_OFFSET_COMMIT (KIP-447).
        require_stable: bool,
    },
    /// OffsetDelete.
    OffsetDelete(OffsetDeleteRequest),
    /// What only share groups know.
    Share(ShareGroupRequest),
    /// WriteTxnMarkers, for the coordinator's own partition. The driver writes the marker by itself.
    EndTransaction(EndTransaction),
}

/// The end of a transaction in which offsets were committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTransaction {
    /// The transaction's producer.
    pub producer_id: i64,
    /// The epoch that the marker carries.
    pub producer_epoch: i16,
    /// Commit or abort.
    pub is_commit: bool,
    /// The epoch of the transaction's coordinator.
    pub coordinator_epoch: i32,
    /// `transaction.version` by which it was decided.
    pub transaction_version: i16,
}

impl Request {
    /// The answer if this broker does not coordinate the group, is still loading it, or cannot write.
    pub fn refuse(&self, error: ErrorCode, api_version: i16) -> Reply {
        let error = coordinator_error(error);
        let code = error.code();
        match self {
            Self::JoinGroup(request) => refuse_join(&request.member_id, error),
            Self::SyncGroup(_) => refuse_sync(error),
            Self::Heartbeat(_) => {
                // Members must not be thrown out while their group is being loaded.
                let code = if error == ErrorCode::CoordinatorLoadInProgress { 0 } else { code };
                Reply::Heartbeat(HeartbeatResponse { error_code: code, ..Default::default() })
            }
            Self::LeaveGroup(_) => {
                Reply::LeaveGroup(LeaveGroupResponse { error_code: code, ..Default::default() })
            }
            Self::ConsumerGroupHeartbeat(_) => {
                Reply::ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse {
                    error_code: code,
                    ..Default::default()
                })
            }
            Self::ConsumerGroupDescribe { groups } => {
                let group = |id: &StrBytes| DescribedConsumerGroup {
                    group_id: id.clone(),
                    error_code: code,
                    ..Default::default()
                };
                Reply::ConsumerGroupDescribe(groups.iter().map(group).collect())
            }
            Self::StreamsGroupHeartbeat(_) => {
                let response = StreamsGroupHeartbeatResponse { error_code: code, ..Default::default() };
                Reply::StreamsGroupHeartbeat(Box::new(StreamsHeartbeat { response, ..Default::default() }))
            }
            Self::StreamsGroupDescribe { groups } => {
                let group = |id: &StrBytes| DescribedStreamsGroup {
                    group_id: id.clone(),
                    error_code: code,
                    ..Default::default()
                };
                Reply::StreamsGroupDescribe(groups.iter().map(group).collect())
            }
            Self::DescribeGroups { groups } => {
                let group = |id: &StrBytes| DescribedGroup {
                    group_id: id.clone(),
                    error_code: code,
                    ..Default::default()
                };
                Reply::DescribeGroups(groups.iter().map(group).collect())
            }
            Self::ListGroups { .. } => Reply::ListGroupsRefused(error),
            Self::DeleteGroups { groups } => {
                let result = |id: &StrBytes| DeletableGroupResult {
                    group_id: id.clone(),
                    error_code: code,
                    ..Default::default()
                };
                Reply::DeleteGroups(groups.iter().map(result).collect())
            }
            Self::OffsetCommit(request) => refuse_commit(request, error),
            Self::TxnOffsetCommit(request) => refuse_txn_commit(request, error),
            Self::OffsetFetch { group, .. } => {
                // Consumers before 3.9 do not retry the others.
                let not_coordinator = error == ErrorCode::CoordinatorNotAvailable;
                let error = if not_coordinator { ErrorCode::NotCoordinator } else { error };
                crate::offsets::refuse_fetch(group, error, api_version)
            }
            Self::EndTransaction(_) => Reply::EndTransaction(error),
            Self::Share(request) => Reply::Share(request.refuse(error)),
            Self::OffsetDelete(_) => {
                Reply::OffsetDelete(OffsetDeleteResponse { error_code: code, ..Default::default() })
            }
        }
    }
}

fn refuse_commit(request: &OffsetCommitRequest, error: ErrorCode) -> Reply {
    let mut response = OffsetCommitResponse::default();
    for topic in &request.topics {
        let partition = |index| OffsetCommitResponsePartition {
            partition_index: index,
            error_code: error.code(),
            ..Default::default()
        };
        response.topics.push(OffsetCommitResponseTopic {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions: topic.partitions.iter().map(|p| partition(p.partition_index)).collect(),
            ..Default::default()
        });
    }
    Reply::OffsetCommit(response)
}

fn refuse_txn_commit(request: &TxnOffsetCommitRequest, error: ErrorCode) -> Reply {
    let mut response = TxnOffsetCommitResponse::default();
    for topic in &request.topics {
        let partition = |index| TxnOffsetCommitResponsePartition {
            partition_index: index,
            error_code: error.code(),
            ..Default::default()
        };
        response.topics.push(TxnOffsetCommitResponseTopic {
            name: topic.name.clone(),
            partitions: topic.partitions.iter().map(|p| partition(p.partition_index)).collect(),
            ..Default::default()
        });
    }
    Reply::TxnOffsetCommit(response)
}
