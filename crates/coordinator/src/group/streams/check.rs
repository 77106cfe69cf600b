//! What a StreamsGroupHeartbeat has to be like, whatever the group.

use crate::group::member_epoch::LEFT_FOR_A_WHILE;
use crate::group::refusal::Refusal;
use klamm_protocol::ErrorCode;
use klamm_protocol::api::streams_group_heartbeat::{StreamsGroupHeartbeatRequest, Topology};

pub(super) fn check(request: &StreamsGroupHeartbeatRequest) -> Result<(), Refusal> {
    check_is_supported(request)?;
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    let is_blank = |text: &str| text.trim().is_empty();
    if is_blank(&request.member_id) {
        return invalid("MemberId can't be empty.");
    }
    if is_blank(&request.group_id) {
        return invalid("GroupId can't be empty.");
    }
    if request.rack_id.as_deref().is_some_and(is_blank) {
        return invalid("RackId can't be empty.");
    }
    let epoch = request.member_epoch;
    if epoch == 0 {
        check_join(request)?;
    } else if epoch == LEFT_FOR_A_WHILE {
        return invalid("InstanceId can't be null.");
    } else if epoch < LEFT_FOR_A_WHILE {
        let message = format!("MemberEpoch is {epoch}, but must be greater than or equal to -2.");
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    let tasks = [&request.active_tasks, &request.standby_tasks, &request.warmup_tasks];
    if tasks.iter().any(|tasks| tasks.is_some()) && tasks.iter().any(|tasks| tasks.is_none()) {
        return invalid("If one task-type is non-null, all must be non-null.");
    }
    if epoch != 0 && request.topology.is_some() {
        return invalid("Topology can only be provided when (re-)joining.");
    }
    Ok(())
}

/// What the protocol has and Kafka 4.3 does not do yet.
fn check_is_supported(request: &StreamsGroupHeartbeatRequest) -> Result<(), Refusal> {
    let has_regex = |topology: &Topology| {
        topology.subtopologies.iter().any(|subtopology| !subtopology.source_topic_regex.is_empty())
    };
    let unsupported = [
        (request.instance_id.is_some(), "Static membership is not yet supported."),
        (request.task_offsets.is_some(), "TaskOffsets are not supported yet."),
        (request.task_end_offsets.is_some(), "TaskEndOffsets are not supported yet."),
        (
            request.warmup_tasks.as_ref().is_some_and(|tasks| !tasks.is_empty()),
            "WarmupTasks are not supported yet.",
        ),
        (
            request.topology.as_ref().is_some_and(has_regex),
            "Regular expressions for source topics are not supported yet.",
        ),
    ];
    match unsupported.into_iter().find(|(is_there, _)| *is_there) {
        Some((_, message)) => Err(Refusal::new(ErrorCode::InvalidRequest, message)),
        None => Ok(()),
    }
}

fn check_join(request: &StreamsGroupHeartbeatRequest) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    if request.rebalance_timeout_ms == -1 {
        return invalid("RebalanceTimeoutMs must be provided in first request.");
    }
    let has_tasks = [
        (&request.active_tasks, "ActiveTasks must be empty when (re-)joining."),
        (&request.standby_tasks, "StandbyTasks must be empty when (re-)joining."),
        (&request.warmup_tasks, "WarmupTasks must be empty when (re-)joining."),
    ];
    if let Some((_, message)) =
        has_tasks.into_iter().find(|(tasks, _)| tasks.as_ref().is_none_or(|tasks| !tasks.is_empty()))
    {
        return invalid(message);
    }
    let Some(topology) = &request.topology else {
        return invalid("Topology must be non-null when (re-)joining.");
    };
    let mut changelogs = topology.subtopologies.iter().flat_map(|one| &one.state_changelog_topics);
    match changelogs.find(|topic| topic.partitions != 0) {
        Some(topic) => {
            let message = format!(
                "Changelog topic {} must have an undefined partition count, but it is set to {}.",
                topic.name, topic.partitions
            );
            Err(Refusal::new(ErrorCode::StreamsInvalidTopology, message))
        }
        None => Ok(()),
    }
}
