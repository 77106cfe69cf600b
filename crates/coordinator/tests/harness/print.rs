//! Records and replies on one line each: what a reader of a scenario cares for.

use super::streams::{print_group, print_heartbeat, tasks};
use bytes::Bytes;
use klamm_coordinator::{ConsumerRecord, GroupRecord, Reply, ShareRecord, StreamsRecord};
use klamm_protocol::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolAssignmentTopicPartition,
};
use klamm_protocol::coordinator::group::streams_group_current_member_assignment::TaskIds;
use klamm_protocol::coordinator::group::streams_group_target_assignment_member::TaskIds as TargetTaskIds;
use klamm_protocol::{ErrorCode, Message, Reader, Uuid};
use std::fmt::Write;

pub(crate) fn record(record: &GroupRecord) -> String {
    match record {
        GroupRecord::GroupMetadata { group, value: None } => format!("+ group {group} gone"),
        GroupRecord::GroupMetadata { group, value: Some(value) } => {
            let mut line = format!("+ group {group} generation {}", value.generation);
            if let Some(protocol) = &value.protocol {
                write!(
                    line,
                    " {}/{protocol} leader {}",
                    value.protocol_type,
                    id(value.leader.as_deref().unwrap_or("none"))
                )
                .expect("a string");
            }
            for member in &value.members {
                write!(line, " [{} {}]", id(&member.member_id), text(&member.assignment)).expect("a string");
            }
            line
        }
        GroupRecord::Consumer { group, record } => format!("+ consumer group {group} {}", consumer(record)),
        GroupRecord::Streams { group, record } => format!("+ streams group {group} {}", streams(record)),
        GroupRecord::Share { group, record } => format!("+ share group {group} {}", share(record)),
        GroupRecord::OffsetCommit { group, topic, partition, value: None } => {
            format!("+ offset {group} {topic}-{partition} gone")
        }
        GroupRecord::OffsetCommit { group, topic, partition, value: Some(value) } => {
            format!("+ offset {group} {topic}-{partition} {}", value.offset)
        }
    }
}

fn consumer(record: &ConsumerRecord) -> String {
    match record {
        ConsumerRecord::Metadata(Some(value)) => format!("epoch {}", value.epoch),
        ConsumerRecord::Metadata(None) => "gone".to_owned(),
        ConsumerRecord::PartitionMetadata(_) => "partition metadata gone".to_owned(),
        ConsumerRecord::Member(member, Some(value)) => {
            let classic = if value.classic_member_metadata.is_some() { " (classic)" } else { "" };
            format!(
                "member {}{classic} reads {}",
                id(member),
                value.subscribed_topic_names.iter().map(|name| &**name).collect::<Vec<_>>().join(",")
            )
        }
        ConsumerRecord::Member(member, None) => format!("member {} gone", id(member)),
        ConsumerRecord::TargetMetadata(Some(value)) => format!("target epoch {}", value.assignment_epoch),
        ConsumerRecord::TargetMetadata(None) => "target gone".to_owned(),
        ConsumerRecord::TargetMember(member, Some(value)) => {
            let topics = value.topic_partitions.iter().map(|topic| (topic.topic_id, &topic.partitions));
            format!("target of {}: {}", id(member), partitions(topics))
        }
        ConsumerRecord::TargetMember(member, None) => format!("target of {} gone", id(member)),
        ConsumerRecord::CurrentMember(member, Some(value)) => {
            let has = value.assigned_partitions.iter().map(|topic| (topic.topic_id, &topic.partitions));
            let gives_up =
                value.partitions_pending_revocation.iter().map(|topic| (topic.topic_id, &topic.partitions));
            let (epoch, state) = (value.member_epoch, value.state);
            format!(
                "{} at {epoch} state {state} has {} gives up {}",
                id(member),
                partitions(has),
                partitions(gives_up)
            )
        }
        ConsumerRecord::CurrentMember(member, None) => format!("{} has nothing", id(member)),
        ConsumerRecord::Regex(regex, Some(value)) => {
            format!(
                "{regex} matches {}",
                value.topics.iter().map(|name| &**name).collect::<Vec<_>>().join(",")
            )
        }
        ConsumerRecord::Regex(regex, None) => format!("{regex} gone"),
    }
}

fn share(record: &ShareRecord) -> String {
    match record {
        ShareRecord::Metadata(Some(value)) => format!("epoch {}", value.epoch),
        ShareRecord::Metadata(None) => "gone".to_owned(),
        ShareRecord::Member(member, Some(value)) => {
            let names = value.subscribed_topic_names.iter().map(|name| &**name).collect::<Vec<_>>();
            format!("member {member} reads {}", names.join(","))
        }
        ShareRecord::Member(member, None) => format!("member {member} gone"),
        ShareRecord::TargetMetadata(Some(value)) => format!("target epoch {}", value.assignment_epoch),
        ShareRecord::TargetMetadata(None) => "target gone".to_owned(),
        ShareRecord::TargetMember(member, Some(value)) => {
            let topics = value.topic_partitions.iter().map(|topic| (topic.topic_id, &topic.partitions));
            format!("target of {member}: {}", partitions(topics))
        }
        ShareRecord::TargetMember(member, None) => format!("target of {member} gone"),
        ShareRecord::CurrentMember(member, Some(value)) => {
            let has = value.assigned_partitions.iter().map(|topic| (topic.topic_id, &topic.partitions));
            format!("{member} at {} has {}", value.member_epoch, partitions(has))
        }
        ShareRecord::CurrentMember(member, None) => format!("{member} has nothing"),
        ShareRecord::StatePartitions(Some(value)) => {
            let asked = value.initializing_topics.iter().map(|topic| (topic.topic_id, &topic.partitions));
            let there = value.initialized_topics.iter().map(|topic| (topic.topic_id, &topic.partitions));
            let names = value.deleting_topics.iter().map(|topic| &*topic.topic_name).collect::<Vec<_>>();
            let going = if names.is_empty() { "nothing".to_owned() } else { names.join(",") };
            format!("state of {} asked for {} deleting {going}", partitions(there), partitions(asked))
        }
        ShareRecord::StatePartitions(None) => "state gone".to_owned(),
    }
}

fn streams(record: &StreamsRecord) -> String {
    match record {
        StreamsRecord::Metadata(Some(value)) => {
            format!("epoch {} validated {}", value.epoch, value.validated_topology_epoch)
        }
        StreamsRecord::Metadata(None) => "gone".to_owned(),
        StreamsRecord::Topology(Some(value)) => format!("topology {}", value.epoch),
        StreamsRecord::Topology(None) => "topology gone".to_owned(),
        StreamsRecord::Member(member, Some(value)) => format!("member {member} of {}", value.process_id),
        StreamsRecord::Member(member, None) => format!("member {member} gone"),
        StreamsRecord::TargetMetadata(Some(value)) => format!("target epoch {}", value.assignment_epoch),
        StreamsRecord::TargetMetadata(None) => "target gone".to_owned(),
        StreamsRecord::TargetMember(member, Some(value)) => {
            let ids = |tasks: &'_ [TargetTaskIds]| {
                tasks.iter().map(|task| (task.subtopology_id.to_string(), task.partitions.clone())).collect()
            };
            format!("target of {member}: {}", tasks([ids(&value.active_tasks), ids(&value.standby_tasks)]))
        }
        StreamsRecord::TargetMember(member, None) => format!("target of {member} gone"),
        StreamsRecord::CurrentMember(member, Some(value)) => {
            let ids = |tasks: &'_ [TaskIds]| {
                tasks.iter().map(|task| (task.subtopology_id.to_string(), task.partitions.clone())).collect()
            };
            let has = tasks([ids(&value.active_tasks), ids(&value.standby_tasks)]);
            let gives_up = tasks([
                ids(&value.active_tasks_pending_revocation),
                ids(&value.standby_tasks_pending_revocation),
            ]);
            format!("{member} at {} state {} has {has} gives up {gives_up}", value.member_epoch, value.state)
        }
        StreamsRecord::CurrentMember(member, None) => format!("{member} has nothing"),
    }
}

pub(crate) fn partitions<'a>(topics: impl Iterator<Item = (Uuid, &'a Vec<i32>)>) -> String {
    let one = |(topic, indexes): (Uuid, &Vec<i32>)| {
        let name: String =
            topic.as_bytes().iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
        indexes.iter().map(|index| format!("{name}-{index}")).collect::<Vec<_>>().join(" ")
    };
    let all = topics.map(one).collect::<Vec<_>>().join(" ");
    if all.is_empty() { "nothing".to_owned() } else { all }
}

/// An assignment: Kafka's, or what a scenario has put there.
fn text(bytes: &Bytes) -> String {
    let mut reader = Reader::new(bytes.clone());
    match reader.i16().and_then(|version| ConsumerProtocolAssignment::decode(&mut reader, version)) {
        Ok(assignment) => {
            let topics = assignment.assigned_partitions.iter();
            let of = |topic: &ConsumerProtocolAssignmentTopicPartition| {
                let one = |index: &i32| format!("{}-{index}", topic.topic);
                topic.partitions.iter().map(one).collect::<Vec<_>>().join("+")
            };
            topics.map(of).collect::<Vec<_>>().join("+")
        }
        Err(_) if bytes.is_empty() => "nothing".to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// `client-00000000-0000-4000-8000-00000000000c` as `client#12`.
fn id(id: &str) -> String {
    match id.split_once("-00000000-0000-4000-8000-") {
        Some((prefix, number)) => {
            format!("{prefix}#{}", u64::from_str_radix(number, 16).expect("hexadecimal"))
        }
        None if id.is_empty() => "-".to_owned(),
        None if id.len() == 22 => id.parse().map_or_else(
            |_| id.to_owned(),
            |uuid: Uuid| format!("uuid#{}", u128::from_be_bytes(*uuid.as_bytes())),
        ),
        None => id.to_owned(),
    }
}

pub(crate) fn error(code: i16) -> String {
    if code == 0 { "OK".to_owned() } else { ErrorCode::from_code(code).name().to_owned() }
}

pub(crate) fn reply(reply: &Reply) -> String {
    match reply {
        Reply::JoinGroup(join) if join.error_code != 0 => {
            format!("{} {}", error(join.error_code), id(&join.member_id))
        }
        Reply::JoinGroup(join) => {
            let members: Vec<String> = join.members.iter().map(|member| id(&member.member_id)).collect();
            let members =
                if members.is_empty() { String::new() } else { format!(" of {}", members.join(" ")) };
            let skip = if join.skip_assignment { " skip assignment" } else { "" };
            let protocol = join.protocol_name.as_deref().unwrap_or("null");
            let (me, leader) = (id(&join.member_id), id(&join.leader));
            format!("OK {me} generation {} {protocol} leader {leader}{members}{skip}", join.generation_id)
        }
        Reply::SyncGroup(sync) if sync.error_code != 0 => error(sync.error_code),
        Reply::SyncGroup(sync) => {
            format!("OK {} {}", sync.protocol_name.as_deref().unwrap_or("null"), text(&sync.assignment))
        }
        Reply::Heartbeat(heartbeat) => error(heartbeat.error_code),
        Reply::LeaveGroup(leave) => {
            let members = leave.members.iter().map(|member| error(member.error_code));
            std::iter::once(error(leave.error_code)).chain(members).collect::<Vec<_>>().join(" ")
        }
        Reply::DescribeGroups(groups) => {
            let one = |group: &klamm_protocol::api::describe_groups::DescribedGroup| {
                let mut line = format!("{} {}", error(group.error_code), group.group_state);
                write!(line, " {}/{}", group.protocol_type, group.protocol_data).expect("a string");
                for member in &group.members {
                    let (who, what) = (id(&member.member_id), text(&member.member_assignment));
                    write!(line, " [{who} {what} {} {}]", member.client_id, member.client_host)
                        .expect("a string");
                }
                line
            };
            groups.iter().map(one).collect::<Vec<_>>().join("; ")
        }
        Reply::ListGroupsRefused(code) => error(code.code()),
        Reply::ListGroups(groups) => {
            let one = |group: &klamm_protocol::api::list_groups::ListedGroup| {
                let (state, kind) = (&group.group_state, &group.group_type);
                format!("{} {state} {kind} {:?}", group.group_id, &*group.protocol_type)
            };
            groups.iter().map(one).collect::<Vec<_>>().join("; ")
        }
        Reply::DeleteGroups(results) => {
            results.iter().map(|result| error(result.error_code)).collect::<Vec<_>>().join(" ")
        }
        other => consumers(other),
    }
}

fn consumers(reply: &Reply) -> String {
    match reply {
        Reply::ConsumerGroupHeartbeat(heartbeat) => {
            let mut line = error(heartbeat.error_code);
            if heartbeat.error_code == 0 {
                write!(line, " epoch {}", heartbeat.member_epoch).expect("a string");
            }
            if let Some(assignment) = &heartbeat.assignment {
                let topics =
                    assignment.topic_partitions.iter().map(|topic| (topic.topic_id, &topic.partitions));
                write!(line, " has {}", partitions(topics)).expect("a string");
            }
            line
        }
        Reply::StreamsGroupHeartbeat(heartbeat) => {
            let mut line = error(heartbeat.response.error_code);
            print_heartbeat(&mut line, heartbeat);
            line
        }
        Reply::StreamsGroupDescribe(groups) => {
            let mut line = String::new();
            for group in groups {
                line.push_str(&error(group.error_code));
                print_group(&mut line, group);
            }
            line
        }
        Reply::ConsumerGroupDescribe(groups) => {
            let one = |group: &klamm_protocol::api::consumer_group_describe::DescribedGroup| {
                let (epoch, target) = (group.group_epoch, group.assignment_epoch);
                let mut line = format!(
                    "{} {} epoch {epoch} target {target} {}",
                    error(group.error_code),
                    group.group_state,
                    group.assignor_name
                );
                for member in &group.members {
                    let has = member
                        .assignment
                        .topic_partitions
                        .iter()
                        .map(|topic| (topic.topic_id, &topic.partitions));
                    let is_to_have = member.target_assignment.topic_partitions.iter();
                    let is_to_have = is_to_have.map(|topic| (topic.topic_id, &topic.partitions));
                    write!(
                        line,
                        " [{}{} at {} has {} of {}]",
                        id(&member.member_id),
                        if member.member_type == 0 { " (classic)" } else { "" },
                        member.member_epoch,
                        partitions(has),
                        partitions(is_to_have)
                    )
                    .expect("a string");
                }
                line
            };
            groups.iter().map(one).collect::<Vec<_>>().join("; ")
        }
        other => offsets(other),
    }
}

fn offsets(reply: &Reply) -> String {
    let mut words = Vec::new();
    match reply {
        Reply::OffsetCommit(commit) => {
            let partitions = commit.topics.iter().flat_map(|topic| &topic.partitions);
            words.extend(partitions.map(|partition| error(partition.error_code)));
        }
        Reply::TxnOffsetCommit(commit) => {
            let partitions = commit.topics.iter().flat_map(|topic| &topic.partitions);
            words.extend(partitions.map(|partition| error(partition.error_code)));
        }
        Reply::OffsetDelete(delete) => {
            words.push(error(delete.error_code));
            let partitions = delete.topics.iter().flat_map(|topic| &topic.partitions);
            words.extend(partitions.map(|partition| error(partition.error_code)));
        }
        Reply::OffsetFetch(group) => {
            words.push(error(group.error_code));
            for topic in &group.topics {
                for partition in &topic.partitions {
                    let (index, offset) = (partition.partition_index, partition.committed_offset);
                    let metadata = partition.metadata.as_deref().unwrap_or("null");
                    let problem =
                        if partition.error_code == 0 { String::new() } else { error(partition.error_code) };
                    words.push(format!("{}-{index} {offset}{metadata}{problem}", topic.name));
                }
            }
        }
        Reply::Share(reply) => words.push(super::share::reply(reply)),
        other => words.push(format!("{other:?}")),
    }
    words.join(" ")
}
