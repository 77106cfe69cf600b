//! Streams groups in scenarios: `stream GROUP MEMBER EPOCH tasks...`, where a task is `subtopology_partition`, with a plus
//! sign before it if it is a standby; a `-` says that the member has none.

use super::parse::Line;
use klamm_coordinator::StreamsHeartbeat;
use klamm_protocol::StrBytes;
use klamm_protocol::api::streams_group_describe::{Assignment, DescribedGroup, TaskIds};
use klamm_protocol::api::streams_group_heartbeat::{
    CopartitionGroup, StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatRequestEndpoint,
    StreamsGroupHeartbeatRequestTaskIds, Subtopology, TopicInfo, TopicPartition, Topology,
};
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) fn heartbeat(line: &Line<'_>) -> StreamsGroupHeartbeatRequest {
    let words = line.positional.get(3..).unwrap_or_default();
    let has = |is_standby: bool| {
        let mut tasks: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for word in words.iter().filter(|word| **word != "-" && word.starts_with('+') == is_standby) {
            let (id, index) = word.trim_start_matches('+').split_once('_').expect("subtopology_partition");
            tasks.entry(id).or_default().push(index.parse().expect("a number"));
        }
        let ids = |(id, partitions): (&str, Vec<i32>)| StreamsGroupHeartbeatRequestTaskIds {
            subtopology_id: StrBytes::from(id),
            partitions,
            ..Default::default()
        };
        (!words.is_empty()).then(|| tasks.into_iter().map(ids).collect::<Vec<_>>())
    };
    let endpoint = line.options.get("endpoint").map(|host| StreamsGroupHeartbeatRequestEndpoint {
        host: StrBytes::from(*host),
        port: 9,
        ..Default::default()
    });
    StreamsGroupHeartbeatRequest {
        group_id: line.text(0),
        member_id: line.text(1),
        member_epoch: line.number(2),
        endpoint_information_epoch: line.option("endpoints", 0),
        instance_id: line.instance(),
        rebalance_timeout_ms: line.option("rebalance", -1),
        topology: line.options.get("topology").map(|text| {
            let mut topology = topology(text, line.option("version", 0));
            if line.option("reversed", false) {
                topology.subtopologies.reverse();
            }
            topology
        }),
        active_tasks: has(false),
        standby_tasks: has(true),
        warmup_tasks: (!words.is_empty()).then(Vec::new),
        process_id: line.options.get("process").map(|id| StrBytes::from(*id)),
        user_endpoint: endpoint,
        shutdown_application: line.option("shutdown", false),
        ..Default::default()
    }
}

/// Subtopologies by commas, their topics by plus signs: `a` is read, `>a` written and `<a` read as a repartition topic
/// (`<a:3` with so many partitions), `*a` a changelog; `=` says that what is read has to be copartitioned.
fn topology(text: &str, epoch: i32) -> Topology {
    let subtopologies = text.split(',').enumerate().map(|(at, text)| {
        let mut one = Subtopology { subtopology_id: StrBytes::from(at.to_string()), ..Default::default() };
        for word in text.split('+') {
            let (name, partitions) = word.split_once(':').unwrap_or((word, "0"));
            let topic = |name: &str| TopicInfo {
                name: StrBytes::from(name),
                partitions: partitions.parse().expect("a number"),
                ..Default::default()
            };
            match name.split_at(1) {
                (">", name) => one.repartition_sink_topics.push(StrBytes::from(name)),
                ("<", name) => one.repartition_source_topics.push(topic(name)),
                ("*", name) => one.state_changelog_topics.push(topic(name)),
                ("~", _) => one.copartition_groups.push(CopartitionGroup {
                    source_topics: (0..one.source_topics.len() as i16).collect(),
                    repartition_source_topics: (0..one.repartition_source_topics.len() as i16).collect(),
                    ..Default::default()
                }),
                _ => one.source_topics.push(StrBytes::from(name)),
            }
        }
        one
    });
    Topology { epoch, subtopologies: subtopologies.collect(), ..Default::default() }
}

pub(crate) fn print_heartbeat(line: &mut String, heartbeat: &StreamsHeartbeat) {
    let response = &heartbeat.response;
    if response.error_code != 0 {
        write!(line, " {}", response.error_message.as_deref().unwrap_or("")).expect("a string");
        return;
    }
    write!(line, " epoch {}", response.member_epoch).expect("a string");
    if let (Some(active), Some(standby)) = (&response.active_tasks, &response.standby_tasks) {
        let ids = |tasks: &[klamm_protocol::api::streams_group_heartbeat::StreamsGroupHeartbeatResponseTaskIds]| {
            tasks.iter().map(|task| (task.subtopology_id.to_string(), task.partitions.clone())).collect()
        };
        write!(line, " has {}", tasks([ids(active), ids(standby)])).expect("a string");
    }
    for status in response.status.iter().flatten() {
        write!(line, " [{} {}]", status.status_code, status.status_detail).expect("a string");
    }
    for topic in &heartbeat.internal_topics {
        write!(line, " needs {}:{}", topic.name, topic.num_partitions).expect("a string");
    }
    for endpoint in response.partitions_by_user_endpoint.iter().flatten() {
        let topics = |topics: &[TopicPartition]| {
            topics
                .iter()
                .map(|topic| format!("{}{:?}", topic.topic, topic.partitions))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let (active, standby) = (topics(&endpoint.active_partitions), topics(&endpoint.standby_partitions));
        write!(line, " at {}: {active} copies {standby}", endpoint.user_endpoint.host).expect("a string");
    }
    if response.endpoint_information_epoch != 0 {
        write!(line, " endpoints {}", response.endpoint_information_epoch).expect("a string");
    }
}

pub(crate) fn print_group(line: &mut String, group: &DescribedGroup) {
    let (epoch, target) = (group.group_epoch, group.assignment_epoch);
    write!(line, " {} epoch {epoch} target {target}", group.group_state).expect("a string");
    let subtopologies = group.topology.iter().flat_map(|topology| topology.subtopologies.iter().flatten());
    for subtopology in subtopologies {
        write!(line, " {}:", subtopology.subtopology_id).expect("a string");
        subtopology.source_topics.iter().for_each(|topic| write!(line, " {topic}").expect("a string"));
        for topic in subtopology.repartition_source_topics.iter().chain(&subtopology.state_changelog_topics) {
            write!(line, " {}:{}", topic.name, topic.partitions).expect("a string");
        }
    }
    for member in &group.members {
        let (has, is_to_have) = (assignment(&member.assignment), assignment(&member.target_assignment));
        write!(line, " [{} at {} has {has} of {is_to_have}]", member.member_id, member.member_epoch)
            .expect("a string");
    }
}

fn assignment(assignment: &Assignment) -> String {
    let ids = |tasks: &[TaskIds]| {
        tasks.iter().map(|task| (task.subtopology_id.to_string(), task.partitions.clone())).collect()
    };
    tasks([ids(&assignment.active_tasks), ids(&assignment.standby_tasks)])
}

/// Active tasks and, after a plus sign each, standby tasks.
pub(crate) fn tasks([active, standby]: [Vec<(String, Vec<i32>)>; 2]) -> String {
    let words = |tasks: &[(String, Vec<i32>)], sign: &str| {
        let one = |(id, indexes): &(String, Vec<i32>)| {
            indexes.iter().map(|index| format!("{sign}{id}_{index}")).collect::<Vec<_>>()
        };
        tasks.iter().flat_map(one).collect::<Vec<_>>()
    };
    let all = [words(&active, ""), words(&standby, "+")].concat();
    if all.is_empty() { "nothing".to_owned() } else { all.join(" ") }
}
