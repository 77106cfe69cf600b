//! StreamsGroupHeartbeat (key 88), v0: all that a member of a streams group says and learns (KIP-1071). The internal
//! topics that its application lacks are created here.

use std::{collections::BTreeSet, time::Duration};

use klamm_coordinator::{Request, StreamsHeartbeat};
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::streams_group_heartbeat::{StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse, Topology},
};

use super::{GroupsContext, expect_reply};
use crate::{dispatch::Call, topic_names};

/// The status by which members are told that internal topics are missing.
const MISSING_INTERNAL_TOPICS: i8 = 3;
/// How many topics a text tells of.
const TOLD_MAX: usize = 3;

/// Answers StreamsGroupHeartbeat.
pub async fn handle(
    cx: &GroupsContext,
    call: &Call,
    request: StreamsGroupHeartbeatRequest,
) -> StreamsGroupHeartbeatResponse {
    if !cx.serves_streams_groups() {
        return refuse(ErrorCode::UnsupportedVersion, None);
    }
    if let Some(message) = request.topology.as_ref().and_then(prohibited_topics) {
        return refuse(ErrorCode::StreamsInvalidTopology, Some(message));
    }
    let group = request.group_id.clone();
    let request = Request::StreamsGroupHeartbeat(Box::new(request));
    let heartbeat = *expect_reply!(cx.ask(call, &group, request).await, StreamsGroupHeartbeat);
    create_topics(cx, call, heartbeat)
}

fn refuse(code: ErrorCode, message: Option<String>) -> StreamsGroupHeartbeatResponse {
    StreamsGroupHeartbeatResponse {
        error_code: code.code(),
        error_message: message.map(StrBytes::from),
        ..Default::default()
    }
}

fn prohibited_topics(topology: &Topology) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut names = Vec::new();
    for subtopology in &topology.subtopologies {
        let internal =
            subtopology.repartition_source_topics.iter().chain(&subtopology.state_changelog_topics);
        let external = subtopology.source_topics.iter().chain(&subtopology.repartition_sink_topics);
        let all = external.chain(internal.map(|topic| &topic.name)).map(StrBytes::as_str);
        names.extend(all.filter(|name| seen.insert(*name)));
    }
    let are = |wanted: &dyn Fn(&str) -> bool| {
        let found: Vec<&str> = names.iter().copied().filter(|name| wanted(name)).collect();
        (!found.is_empty()).then(|| found.join(","))
    };
    if let Some(found) = are(&topic_names::is_internal) {
        return Some(format!(
            "Use of Kafka internal topics {found} in a Kafka Streams topology is prohibited."
        ));
    }
    are(&|name| !topic_names::is_legal(name))
        .map(|found| format!("Topic names {found} are not valid topic names."))
}

/// Has missing topics created, and tells of those that could not be.
fn create_topics(
    cx: &GroupsContext,
    call: &Call,
    heartbeat: StreamsHeartbeat,
) -> StreamsGroupHeartbeatResponse {
    let StreamsHeartbeat { mut response, internal_topics, heartbeat_interval_ms } = heartbeat;
    if internal_topics.is_empty() {
        return response;
    }
    let interval_ms = u64::try_from(heartbeat_interval_ms).unwrap_or(0);
    let failed =
        cx.creator.create_for_application(internal_topics, call, Duration::from_millis(2 * interval_ms));
    let mut statuses = response.status.iter_mut().flatten();
    let told = statuses.find(|status| status.status_code == MISSING_INTERNAL_TOPICS);
    if let Some(status) = told.filter(|_| !failed.is_empty()) {
        let shown: Vec<String> =
            failed.iter().take(TOLD_MAX).map(|(topic, reason)| format!("{topic} ({reason})")).collect();
        let more = match failed.len().saturating_sub(TOLD_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let detail = format!("{}; Creation failed: {}{more}.", status.status_detail, shown.join(", "));
        status.status_detail = StrBytes::from(detail);
    }
    response
}
