//! What a member is told.

use super::configured::{Configured, ConfiguredSubtopology, Status};
use super::decide::Draft;
use super::member::Member;
use super::memory::Memory;
use super::tasks::{EpochTasks, Tasks};
use crate::cluster::Cluster;
use crate::effect::{Reply, Step, StreamsHeartbeat};
use crate::group::refusal::Refusal;
use klamm_protocol::StrBytes;
use klamm_protocol::api::streams_group_heartbeat::{
    EndpointToPartitions, Status as ResponseStatus, StreamsGroupHeartbeatRequest,
    StreamsGroupHeartbeatResponse, StreamsGroupHeartbeatResponseEndpoint,
    StreamsGroupHeartbeatResponseTaskIds, TopicPartition,
};
use std::collections::{BTreeMap, BTreeSet};

/// The answer to a heartbeat. If it is refused, nothing of what has been decided on it is done.
pub(crate) fn reply(heartbeat: Result<StreamsHeartbeat, Refusal>, step: &mut Step) -> Reply {
    let heartbeat = heartbeat.unwrap_or_else(|refusal| {
        step.discard();
        let message = Some(refusal.message).filter(|message| !message.is_empty());
        let response = StreamsGroupHeartbeatResponse {
            error_code: refusal.code.code(),
            error_message: message.map(StrBytes::from),
            ..StreamsGroupHeartbeatResponse::default()
        };
        StreamsHeartbeat { response, ..StreamsHeartbeat::default() }
    });
    Reply::StreamsGroupHeartbeat(Box::new(heartbeat))
}

pub(super) fn status(status: Status, detail: impl Into<String>) -> ResponseStatus {
    let status_detail = StrBytes::from(detail.into());
    ResponseStatus { status_code: status.code(), status_detail, ..ResponseStatus::default() }
}

/// Whatever else there is to be told: that topics are missing, that the application is to stop.
pub(super) fn statuses(
    mut statuses: Vec<ResponseStatus>,
    configured: &Configured,
    memory: &Memory,
) -> Vec<ResponseStatus> {
    if let Some((problem, detail)) = &configured.problem {
        statuses.push(status(*problem, detail.clone()));
    }
    if let Some(member) = memory.shutdown_requested_by() {
        let detail = format!(
            "Streams group member {member} encountered a fatal error and requested a shutdown for the entire application."
        );
        statuses.push(status(Status::ShutdownApplication, detail));
    }
    statuses
}

pub(super) fn response(draft: &Draft<'_>, id: &StrBytes, member: &Member) -> StreamsGroupHeartbeatResponse {
    StreamsGroupHeartbeatResponse {
        member_id: id.clone(),
        member_epoch: member.epoch,
        heartbeat_interval_ms: draft.timing.heartbeat_interval_ms,
        ..StreamsGroupHeartbeatResponse::default()
    }
}

/// Tells the member's tasks if it joins, or if they have changed.
pub(super) fn put_tasks(
    response: &mut StreamsGroupHeartbeatResponse,
    memory: &mut Memory,
    request: &StreamsGroupHeartbeatRequest,
    (before, after): (&Member, &Member),
) {
    if request.member_epoch != 0 && before.assigned == after.assigned {
        return;
    }
    response.active_tasks = Some(epoch_task_ids(&after.assigned.active));
    response.standby_tasks = Some(task_ids(&after.assigned.standby));
    response.warmup_tasks = Some(task_ids(&after.assigned.warmup));
    if after.endpoint.is_some() {
        memory.endpoint_epoch = memory.endpoint_epoch.wrapping_add(1);
    }
}

/// Tells which partitions can be asked for where, if the member does not know the newest.
pub(super) fn put_endpoints(
    response: &mut StreamsGroupHeartbeatResponse,
    draft: &Draft<'_>,
    memory: &Memory,
    request: &StreamsGroupHeartbeatRequest,
    (id, configured, is_new): (&StrBytes, &Configured, bool),
) {
    if memory.endpoint_epoch != request.endpoint_information_epoch {
        let others = draft.group.members.iter().filter(|(other, _)| *other != id);
        let own = draft.group.members.get_key_value(id);
        let endpoints =
            others.chain(own).filter_map(|(_, member)| endpoint(member, configured, draft.cluster));
        response.partitions_by_user_endpoint = Some(endpoints.collect());
    }
    // A group that is only about to be has not kept the epoch.
    if !is_new {
        response.endpoint_information_epoch = memory.endpoint_epoch;
    }
}

fn endpoint(member: &Member, configured: &Configured, cluster: &dyn Cluster) -> Option<EndpointToPartitions> {
    let (host, port) = member.endpoint.clone()?;
    let active = member.assigned.active.iter().map(|(id, indexes)| (id, indexes.keys().copied().collect()));
    let standby = member.assigned.standby.iter().map(|(id, indexes)| (id, indexes.iter().copied().collect()));
    let subtopologies = configured.subtopologies.as_ref();
    let partitions = |tasks: &mut dyn Iterator<Item = (&StrBytes, Vec<i32>)>| {
        let of_task = |(id, indexes): (&StrBytes, Vec<i32>)| {
            let subtopology = subtopologies.and_then(|known| known.get(id));
            subtopology.map(|known| topic_partitions(known, &indexes, cluster)).unwrap_or_default()
        };
        tasks.flat_map(of_task).collect()
    };
    Some(EndpointToPartitions {
        user_endpoint: StreamsGroupHeartbeatResponseEndpoint { host, port, ..Default::default() },
        active_partitions: partitions(&mut { active }),
        standby_partitions: partitions(&mut { standby }),
        ..EndpointToPartitions::default()
    })
}

/// A topic with fewer partitions than there are tasks has its first ones with the first tasks, as in Kafka.
fn topic_partitions(
    subtopology: &ConfiguredSubtopology,
    indexes: &[i32],
    cluster: &dyn Cluster,
) -> Vec<TopicPartition> {
    let repartition = subtopology.repartition_source_topics.keys();
    let topics: BTreeSet<&StrBytes> = subtopology.source_topics.iter().chain(repartition).collect();
    let one = |topic: &StrBytes| {
        let count = cluster.partition_count(cluster.id(topic)?)?;
        let shown = indexes.len().min(usize::try_from(count).unwrap_or(0));
        let partitions = indexes.iter().copied().take(shown).collect();
        Some(TopicPartition { topic: topic.clone(), partitions, ..TopicPartition::default() })
    };
    topics.into_iter().filter_map(one).collect()
}

fn task_ids(tasks: &Tasks) -> Vec<StreamsGroupHeartbeatResponseTaskIds> {
    let one = |(id, indexes): (&StrBytes, &BTreeSet<i32>)| StreamsGroupHeartbeatResponseTaskIds {
        subtopology_id: id.clone(),
        partitions: indexes.iter().copied().collect(),
        ..Default::default()
    };
    tasks.iter().map(one).collect()
}

fn epoch_task_ids(tasks: &EpochTasks) -> Vec<StreamsGroupHeartbeatResponseTaskIds> {
    let one = |(id, indexes): (&StrBytes, &BTreeMap<i32, i32>)| StreamsGroupHeartbeatResponseTaskIds {
        subtopology_id: id.clone(),
        partitions: indexes.keys().copied().collect(),
        ..Default::default()
    };
    tasks.iter().map(one).collect()
}
