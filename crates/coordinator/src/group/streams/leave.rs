//! Leaving a streams group, by StreamsGroupHeartbeat with an epoch of -1, which may ask the whole application to stop.

use super::StreamsGroup;
use super::decide::Draft;
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::{Step, StreamsHeartbeat};
use crate::group::GroupRef;
use crate::group::refusal::Refusal;
use klamm_protocol::ErrorCode;
use klamm_protocol::api::streams_group_heartbeat::{
    StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse,
};

impl GroupCoordinator {
    pub(super) fn streams_leave(
        &mut self,
        cluster: &dyn Cluster,
        request: &StreamsGroupHeartbeatRequest,
        step: &mut Step,
    ) -> Result<StreamsHeartbeat, Refusal> {
        let id = &request.group_id;
        let group: StreamsGroup = match self.group(id) {
            Some(GroupRef::Streams(group)) => group.clone(),
            Some(_) => {
                return Err(Refusal::new(
                    ErrorCode::GroupIdNotFound,
                    format!("Group {id} is not a streams group."),
                ));
            }
            None => return Err(Refusal::new(ErrorCode::GroupIdNotFound, format!("Group {id} not found."))),
        };
        if request.shutdown_application {
            let mut memory = self.take_streams_memory(id);
            memory.request_shutdown(&request.member_id);
            self.put_streams_memory(id, memory);
        }
        let mut draft = Draft::new(id.clone(), group, self.settings(), cluster, step);
        if !draft.group.members.contains_key(&request.member_id) {
            return Err(draft.unknown_member(&request.member_id));
        }
        draft.remove(&request.member_id);
        let response = StreamsGroupHeartbeatResponse {
            member_id: request.member_id.clone(),
            member_epoch: request.member_epoch,
            status: Some(Vec::new()),
            ..StreamsGroupHeartbeatResponse::default()
        };
        Ok(StreamsHeartbeat { response, internal_topics: Vec::new(), heartbeat_interval_ms: 0 })
    }
}
