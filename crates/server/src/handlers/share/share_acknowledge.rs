//! ShareAcknowledge (key 79), v1–2: what became of the records that a member has (KIP-932).
//!
//! * v2  renewal of locks (KIP-1222)
//!
//! Answered when everything is kept. The last request of a session, with epoch -1, gives back what is left.

use std::rc::Rc;

use klamm_protocol::{
    ErrorCode,
    api::share_acknowledge::{
        LeaderIdAndEpoch, NodeEndpoint, PartitionData, ShareAcknowledgeRequest, ShareAcknowledgeResponse,
        ShareAcknowledgeTopicResponse,
    },
};
use klamm_share::session::{FINAL_EPOCH, SessionKey};

use super::{
    ShareContext,
    acknowledgements::{self, Allowed, Outcomes, by_topic, is_member_id, named},
    sessions,
};
use crate::{
    dispatch::Call,
    handlers::{IntoReply, Made, records::LeaderHints},
    reply::Reply,
    share::settings::ShareSettings,
};

/// Answers ShareAcknowledge.
pub async fn handle(cx: &Rc<ShareContext>, call: &Call, request: ShareAcknowledgeRequest) -> Made {
    let version = call.api_version;
    let key = match check(cx, &request) {
        Ok(key) => key,
        Err(code) => {
            let refused = ShareAcknowledgeResponse { error_code: code.code(), ..Default::default() };
            return Made(refused.into_reply(call));
        }
    };
    let allowed = Allowed { has_renewal: version >= 2, is_renewal: version >= 2 && request.is_renew_ack };
    let pending = acknowledgements::begin(cx, &key, named!(request), allowed);
    let (cx, call) = (Rc::clone(cx), call.clone());
    let is_last = request.share_session_epoch == FINAL_EPOCH;
    Made(Ok(Reply::Later(Box::pin(async move {
        let outcomes = pending.settle().await;
        if is_last {
            sessions::close(&cx, &key);
        }
        call.encode(&respond(&cx, &call, &key, outcomes), &[])
    }))))
}

/// Whose session it is, which goes on by this request.
fn check(cx: &ShareContext, request: &ShareAcknowledgeRequest) -> Result<SessionKey, ErrorCode> {
    if !cx.serves_share_groups() {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let group = request.group_id.clone().ok_or(ErrorCode::InvalidRequest)?;
    let member = request.member_id.clone().filter(|_| is_member_id(request.member_id.as_ref()));
    let key = SessionKey { group, member: member.ok_or(ErrorCode::InvalidRequest)? };
    cx.node.share_sessions().acknowledge(&key, request.share_session_epoch)?;
    Ok(key)
}

fn respond(cx: &ShareContext, call: &Call, key: &SessionKey, outcomes: Outcomes) -> ShareAcknowledgeResponse {
    let published = cx.node.metadata.load();
    let mut hints = LeaderHints::new(&published.image, &call.connection.listener);
    let partitions = outcomes.into_iter().map(|(partition, outcome)| {
        let mut data = PartitionData { partition_index: partition.index, ..Default::default() };
        let Err(error) = outcome else { return (partition.topic_id, data) };
        data.error_code = error.code.code();
        data.error_message = Some(super::message_of(&error));
        let leader = super::leader_for(&mut hints, &published.image, &partition, error.code);
        if let Some((leader_id, leader_epoch)) = leader {
            data.current_leader = LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
        }
        (partition.topic_id, data)
    });
    let responses = by_topic(partitions).into_iter().map(|(topic_id, partitions)| {
        ShareAcknowledgeTopicResponse { topic_id, partitions, ..Default::default() }
    });
    let responses = responses.collect();
    let nodes = hints.into_nodes().map(|node| NodeEndpoint {
        node_id: node.id,
        host: node.host,
        port: node.port,
        rack: node.rack,
        ..Default::default()
    });
    ShareAcknowledgeResponse {
        responses,
        acquisition_lock_timeout_ms: ShareSettings::of_group(&cx.node, &key.group).lock_timeout_ms(),
        node_endpoints: nodes.collect(),
        ..Default::default()
    }
}
