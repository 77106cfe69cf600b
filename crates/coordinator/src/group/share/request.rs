//! What is asked of the coordinator of share groups, and what it answers.
//!
//! Some of it takes two steps, because the share coordinator, which may be elsewhere, has to do its part in between:
//! the first answer says what to ask of it, and the second request says what came of that.

use crate::share::{InitialState, SharePartitionKey};
use klamm_protocol::api::alter_share_group_offsets::{
    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse,
};
use klamm_protocol::api::delete_share_group_offsets::{
    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse,
};
use klamm_protocol::api::share_group_describe::DescribedGroup;
use klamm_protocol::api::share_group_heartbeat::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// Partitions by topic id.
pub type TopicPartitions = BTreeMap<Uuid, BTreeSet<i32>>;

/// State to be made for share partitions.
pub type Initialize = Vec<(SharePartitionKey, InitialState)>;

/// A request that only share groups know.
#[derive(Clone, Debug, PartialEq)]
pub enum ShareGroupRequest {
    /// ShareGroupHeartbeat.
    Heartbeat(ShareGroupHeartbeatRequest),
    /// ShareGroupDescribe.
    Describe {
        /// The groups.
        groups: Vec<StrBytes>,
    },
    /// For which partitions a group has state.
    StatePartitions {
        /// The group.
        group: StrBytes,
    },
    /// The share coordinator has made state for these partitions, or it has not.
    Initialized {
        /// The group.
        group: StrBytes,
        /// Of the partitions that were asked for, those of which that is so.
        partitions: TopicPartitions,
        /// Whether they have it.
        is_done: bool,
    },
    /// AlterShareGroupOffsets.
    AlterOffsets(AlterShareGroupOffsetsRequest),
    /// DeleteShareGroupOffsets, the first step: which state has to be deleted.
    BeginDeleteOffsets(DeleteShareGroupOffsetsRequest),
    /// DeleteShareGroupOffsets, the second step: the state of these topics is deleted.
    EndDeleteOffsets {
        /// The group.
        group: StrBytes,
        /// The topics.
        topics: BTreeSet<Uuid>,
    },
    /// DeleteGroups, before the deletion itself: which state has to be deleted.
    BeginDelete {
        /// Groups of any kind.
        groups: Vec<StrBytes>,
    },
}

/// The answer to a [`ShareGroupRequest`].
#[derive(Clone, Debug, PartialEq)]
pub enum ShareGroupReply {
    /// To a heartbeat; the state is to be made afterwards.
    Heartbeat(ShareGroupHeartbeatResponse, Initialize),
    /// To Describe, for the groups asked of this coordinator.
    Describe(Vec<DescribedGroup>),
    /// To StatePartitions; nothing if there is no such group.
    StatePartitions(Result<TopicPartitions, ErrorCode>),
    /// To Initialized and EndDeleteOffsets.
    Noted(Result<(), ErrorCode>),
    /// To AlterOffsets; valid if the state is made.
    AlterOffsets(AlterShareGroupOffsetsResponse, Initialize),
    /// To BeginDeleteOffsets: the topics that are refused, or the request as a whole, and the partitions of the others.
    BeginDeleteOffsets(DeleteShareGroupOffsetsResponse, TopicPartitions),
    /// To BeginDelete: the groups that are refused, and the share groups whose state goes first.
    BeginDelete(Vec<(StrBytes, Result<TopicPartitions, ErrorCode>)>),
}

impl ShareGroupRequest {
    /// The answer if this broker does not coordinate the group, is still loading it, or cannot write.
    pub(crate) fn refuse(&self, error: ErrorCode) -> ShareGroupReply {
        let error_code = error.code();
        match self {
            Self::Heartbeat(_) => {
                let response = ShareGroupHeartbeatResponse { error_code, ..Default::default() };
                ShareGroupReply::Heartbeat(response, Vec::new())
            }
            Self::Describe { groups } => {
                let group =
                    |id: &StrBytes| DescribedGroup { group_id: id.clone(), error_code, ..Default::default() };
                ShareGroupReply::Describe(groups.iter().map(group).collect())
            }
            Self::StatePartitions { .. } => ShareGroupReply::StatePartitions(Err(error)),
            Self::Initialized { .. } | Self::EndDeleteOffsets { .. } => ShareGroupReply::Noted(Err(error)),
            Self::AlterOffsets(_) => {
                let error_message = Some(StrBytes::from(error.default_message()));
                let response =
                    AlterShareGroupOffsetsResponse { error_code, error_message, ..Default::default() };
                ShareGroupReply::AlterOffsets(response, Vec::new())
            }
            Self::BeginDeleteOffsets(_) => {
                let error_message = Some(StrBytes::from(error.default_message()));
                let response =
                    DeleteShareGroupOffsetsResponse { error_code, error_message, ..Default::default() };
                ShareGroupReply::BeginDeleteOffsets(response, TopicPartitions::new())
            }
            Self::BeginDelete { groups } => {
                ShareGroupReply::BeginDelete(groups.iter().map(|id| (id.clone(), Err(error))).collect())
            }
        }
    }
}
