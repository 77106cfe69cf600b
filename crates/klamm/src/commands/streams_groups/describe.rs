//! `klamm streams-groups --describe`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::bail;
use klamm_client::{
    TopicPartition,
    admin::{Admin, OffsetSpec, StreamsGroupDescription, StreamsTasks},
};

use super::{Options, Usage, committed};
use crate::commands::group_command::{
    reset::listed,
    tables::{coordinator, highlighted, or_missing, widest},
};
use crate::java;

/// How far a group is in a partition.
#[derive(Clone, Copy)]
pub(super) struct Progress {
    pub(super) committed: Option<i64>,
    pub(super) leader_epoch: Option<i32>,
    pub(super) end: i64,
    pub(super) lag: i64,
}

pub(super) async fn describe(options: &Options, admin: &Admin) -> anyhow::Result<()> {
    let verbose = options.views.verbose;
    for id in options.groups(admin).await? {
        let group = admin.describe_streams_group(&id).await?;
        if options.views.members {
            if tells(&group) {
                print!("{}", highlighted(&members(&group, verbose)));
            }
        } else if options.views.state.is_some() {
            say_if_empty(&group);
            print!("{}", highlighted(&state(&group, verbose)));
        } else {
            let progress = progress(admin, &group).await?;
            if tells(&group) {
                print!("{}", highlighted(&offsets(&group.group_id, &progress, verbose)));
            }
        }
    }
    Ok(())
}

/// Whether there is something to show of members; says what is special about the group's state.
fn tells(group: &StreamsGroupDescription) -> bool {
    let tells = group.state != "Dead" && !group.members.is_empty();
    if tells {
        say_if_empty(group);
    }
    tells
}

fn say_if_empty(group: &StreamsGroupDescription) {
    let id = &group.group_id;
    match group.state.as_str() {
        "Dead" => println!("\nError: Streams group '{id}' does not exist."),
        "Empty" => println!("\nError: Streams group '{id}' has no active members."),
        _ => {}
    }
}

async fn progress(
    admin: &Admin,
    group: &StreamsGroupDescription,
) -> anyhow::Result<Vec<(TopicPartition, Progress)>> {
    let partitions = active_partitions(group)?;
    let starts = listed(admin, &partitions, OffsetSpec::Earliest).await?;
    let ends = listed(admin, &partitions, OffsetSpec::Latest).await?;
    let committed = committed(admin, &group.group_id, true).await?;
    let mut found = Vec::new();
    for (partition, start) in starts {
        let end = ends.get(&partition).copied().unwrap_or(start);
        let offset = committed.get(&partition);
        let progress = Progress {
            committed: offset.map(|offset| offset.offset),
            leader_epoch: offset.map(|offset| offset.leader_epoch).filter(|epoch| *epoch >= 0),
            end,
            lag: end - offset.map_or(start, |offset| offset.offset),
        };
        found.push((partition, progress));
    }
    Ok(java::partition_order(found, |(partition, _)| partition))
}

/// What the members' active tasks read.
pub(super) fn active_partitions(group: &StreamsGroupDescription) -> anyhow::Result<BTreeSet<TopicPartition>> {
    let parts: BTreeMap<&str, _> = group.subtopologies.iter().map(|part| (part.id.as_str(), part)).collect();
    let mut partitions = BTreeSet::new();
    for (id, numbers) in group.members.iter().flat_map(|member| &member.assignment.active) {
        let Some(part) = parts.get(id.as_str()) else {
            bail!(Usage(format!("Subtopology {id} not found in group description!")));
        };
        for topic in part.source_topics.iter().chain(&part.repartition_source_topics) {
            partitions.extend(numbers.iter().map(|number| TopicPartition::new(topic.as_str(), *number)));
        }
    }
    Ok(partitions)
}

pub(super) fn offsets(group: &str, offsets: &[(TopicPartition, Progress)], verbose: bool) -> String {
    let name = group.len().max(15);
    let wide = widest(15, offsets.iter().map(|(partition, _)| &*partition.topic));
    let mut text = String::new();
    let mut line = |cells: [&str; 7]| {
        let _ = write!(text, "{:<name$} {:<wide$} {:<10} ", cells[0], cells[1], cells[2]);
        let _ = if verbose {
            writeln!(text, "{:<15} {:<15} {:<15} {:<15}", cells[3], cells[4], cells[5], cells[6])
        } else {
            writeln!(text, "{}", cells[6])
        };
    };
    line(["GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LEADER-EPOCH", "LOG-END-OFFSET", "OFFSET-LAG"]);
    for (partition, offset) in offsets {
        line([
            group,
            &partition.topic,
            &partition.partition.to_string(),
            &or_missing(offset.committed),
            &or_missing(offset.leader_epoch),
            &offset.end.to_string(),
            &offset.lag.to_string(),
        ]);
    }
    text
}

pub(super) fn state(group: &StreamsGroupDescription, verbose: bool) -> String {
    let coordinator = coordinator(&group.coordinator, " ");
    let wide = coordinator.len().max(25);
    let name = group.group_id.len().max(15);
    let line = |cells: [&str; 6]| {
        let mut text = format!("{:<name$} {:<wide$} {:<25} ", cells[0], cells[1], cells[2]);
        if verbose {
            let _ = write!(text, "{:<15} {:<25} ", cells[3], cells[4]);
        }
        text + cells[5] + "\n"
    };
    let heading =
        line(["GROUP", "COORDINATOR (ID)", "STATE", "GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH", "#MEMBERS"]);
    let cells = [&group.group_epoch, &group.assignment_epoch].map(ToString::to_string);
    let members = group.members.len().to_string();
    heading + &line([&group.group_id, &coordinator, &group.state, &cells[0], &cells[1], &members])
}

pub(super) fn members(group: &StreamsGroupDescription, verbose: bool) -> String {
    let name = group.group_id.len().max(15);
    let member = widest(15, group.members.iter().map(|member| member.member_id.as_str()));
    let process = widest(15, group.members.iter().map(|member| member.process_id.as_str()));
    let client = widest(15, group.members.iter().map(|member| member.client_id.as_str()));
    let line = |epochs: [&str; 2], cells: [&str; 7]| {
        let mut text = format!("{:<name$} ", cells[0]);
        if verbose {
            // Kafka's tool leaves no blank behind the topology's epoch.
            let _ = write!(text, "{:<25} {:<15}", epochs[0], epochs[1]);
        }
        let _ = write!(text, "{:<member$} ", cells[1]);
        if verbose {
            let _ = write!(text, "{:<15} {:<15} ", cells[2], cells[3]);
        }
        let _ = writeln!(text, "{:<process$} {:<client$} {}", cells[4], cells[5], cells[6]);
        text
    };
    let mut text = line(
        ["TARGET-ASSIGNMENT-EPOCH", "TOPOLOGY-EPOCH"],
        ["GROUP", "MEMBER", "MEMBER-PROTOCOL", "MEMBER-EPOCH", "PROCESS", "CLIENT-ID", "ASSIGNMENTS"],
    );
    let epochs = [group.assignment_epoch, group.topology_epoch].map(|epoch| epoch.to_string());
    for member in &group.members {
        let mut assigned = tasks("", &member.assignment);
        if verbose {
            assigned.push_str(&tasks("TARGET-", &member.target));
        }
        let cells = [
            group.group_id.as_str(),
            &member.member_id,
            if member.is_classic { "classic" } else { "streams" },
            &member.epoch.to_string(),
            &member.process_id,
            &member.client_id,
            &assigned,
        ];
        text.push_str(&line([&epochs[0], &epochs[1]], cells));
    }
    text
}

/// Tasks as `ACTIVE: 0:[0,1]; 1:[0]; STANDBY: 0:[2]; `.
fn tasks(prefix: &str, tasks: &StreamsTasks) -> String {
    let mut text = String::new();
    for (kind, tasks) in [("ACTIVE", &tasks.active), ("STANDBY", &tasks.standby), ("WARMUP", &tasks.warmup)] {
        if tasks.is_empty() {
            continue;
        }
        let _ = write!(text, "{prefix}{kind}: ");
        for (subtopology, partitions) in tasks {
            let numbers: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            let _ = write!(text, "{subtopology}:[{}]; ", numbers.join(","));
        }
    }
    text
}
