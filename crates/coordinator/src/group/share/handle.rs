//! From a request to the part that decides on it.

use super::request::{ShareGroupReply, ShareGroupRequest, TopicPartitions};
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::{Reply, Step};
use crate::group::GroupState;
use crate::request::RequestContext;
use crate::token::Token;
use klamm_protocol::api::alter_share_group_offsets::AlterShareGroupOffsetsResponse;
use klamm_protocol::api::delete_share_group_offsets::DeleteShareGroupOffsetsResponse;
use klamm_protocol::api::share_group_heartbeat::ShareGroupHeartbeatResponse;
use klamm_protocol::{ErrorCode, StrBytes};

impl GroupCoordinator {
    pub(crate) fn handle_share_group(
        &mut self,
        context: &RequestContext,
        cluster: &dyn Cluster,
        (token, request): (Token, &ShareGroupRequest),
        step: &mut Step,
    ) {
        let reply = match request {
            ShareGroupRequest::Describe { groups } => {
                let groups = groups.iter().map(|id| self.describe_share_group(id, cluster)).collect();
                return step.complete(token, Reply::Share(ShareGroupReply::Describe(groups)));
            }
            ShareGroupRequest::StatePartitions { group } => {
                let partitions = self.initialized_share_partitions(group);
                let reply = ShareGroupReply::StatePartitions(Ok(partitions));
                return step.complete(token, Reply::Share(reply));
            }
            ShareGroupRequest::Heartbeat(request) => {
                match self.share_heartbeat(context, cluster, request, step) {
                    Ok((response, initialize)) => ShareGroupReply::Heartbeat(response, initialize),
                    Err(refusal) => {
                        step.discard();
                        let (error_code, error_message) = told((refusal.code, refusal.message));
                        let response =
                            ShareGroupHeartbeatResponse { error_code, error_message, ..Default::default() };
                        ShareGroupReply::Heartbeat(response, Vec::new())
                    }
                }
            }
            ShareGroupRequest::Initialized { group, partitions, is_done } => {
                self.share_state_initialized(cluster, (group, partitions, *is_done), step);
                ShareGroupReply::Noted(Ok(()))
            }
            ShareGroupRequest::AlterOffsets(request) => {
                match self.alter_share_offsets(cluster, request, step) {
                    Ok((response, initialize)) => ShareGroupReply::AlterOffsets(response, initialize),
                    Err(refusal) => {
                        let (error_code, error_message) = told(refusal);
                        let response = AlterShareGroupOffsetsResponse {
                            error_code,
                            error_message,
                            ..Default::default()
                        };
                        ShareGroupReply::AlterOffsets(response, Vec::new())
                    }
                }
            }
            ShareGroupRequest::BeginDeleteOffsets(request) => {
                match self.begin_delete_share_offsets(cluster, request, step) {
                    Ok((response, going)) => ShareGroupReply::BeginDeleteOffsets(response, going),
                    Err(refusal) => {
                        let (error_code, error_message) = told(refusal);
                        let response = DeleteShareGroupOffsetsResponse {
                            error_code,
                            error_message,
                            ..Default::default()
                        };
                        ShareGroupReply::BeginDeleteOffsets(response, TopicPartitions::new())
                    }
                }
            }
            ShareGroupRequest::EndDeleteOffsets { group, topics } => {
                self.end_delete_share_offsets(cluster, (group, topics), step);
                ShareGroupReply::Noted(Ok(()))
            }
            ShareGroupRequest::BeginDelete { groups } => {
                ShareGroupReply::BeginDelete(self.begin_delete_share_groups(cluster, groups, step))
            }
        };
        step.complete_when_committed(token, Reply::Share(reply));
    }

    fn initialized_share_partitions(&self, group: &str) -> TopicPartitions {
        let Some(GroupState::Share(group)) = self.committed_state().group(group) else {
            return TopicPartitions::new();
        };
        let initialized = group.state_partitions.iter().flat_map(|state| &state.initialized);
        initialized.map(|(id, topic)| (*id, topic.partitions.clone())).collect()
    }
}

fn told((code, message): (ErrorCode, String)) -> (i16, Option<StrBytes>) {
    (code.code(), Some(StrBytes::from(message)))
}
