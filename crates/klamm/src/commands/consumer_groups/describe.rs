//! `klamm consumer-groups --describe`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use klamm_client::{
    TopicPartition,
    admin::{Admin, GroupDescription, GroupMember, IsolationLevel, OffsetSpec},
    consumer::OffsetAndMetadata,
};

use super::Options;
use crate::commands::group_command::tables::{self, MISSING, coordinator, highlighted, or_missing, widest};

pub(super) async fn describe(options: &Options, admin: &Admin) -> anyhow::Result<()> {
    let groups = options.groups(admin).await?;
    let mut descriptions = BTreeMap::new();
    for (group, result) in admin.describe_consumer_groups(&groups).await {
        descriptions.insert(group, result?);
    }
    let mut json = Vec::new();
    for (group, description) in &descriptions {
        if options.json {
            let rows = rows(admin, description).await?;
            json.push(as_json(description, &rows));
        } else if options.views.members {
            let shown = should_print(group, &description.state, description.members.len());
            print!("{}", highlighted(&members(description, options.views.verbose, shown)));
        } else if options.views.state.is_some() {
            if should_print(group, &description.state, 1) {
                println!("{}", highlighted(&state(description, options.views.verbose)));
            }
        } else {
            let rows = rows(admin, description).await?;
            if should_print(group, &description.state, rows.len()) {
                println!("{}", highlighted(&offsets(&rows, options.views.verbose)));
            }
        }
    }
    if options.json {
        println!("{}", serde_json::Value::Array(json));
    }
    Ok(())
}

/// Says on the side what is special about the group's state; false if there is nothing to show.
fn should_print(group: &str, state: &str, rows: usize) -> bool {
    match state {
        "Dead" => println!("\nError: Consumer group '{group}' does not exist."),
        "Empty" => eprintln!("\nConsumer group '{group}' has no active members."),
        "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling" => {
            eprintln!("\nWarning: Consumer group '{group}' is rebalancing.");
        }
        _ => {}
    }
    state != "Dead" && rows > 0
}

/// One line about one partition.
struct Row {
    group: String,
    partition: TopicPartition,
    committed: Option<OffsetAndMetadata>,
    end_offset: Option<i64>,
    /// Member id, host and client id.
    member: [String; 3],
}

impl Row {
    fn lag(&self) -> Option<i64> {
        let committed =
            self.committed.as_ref().map(|committed| committed.offset).filter(|offset| *offset != -1)?;
        Some(self.end_offset? - committed)
    }
}

/// Partitions of the members, those with most first, then partitions that only have offsets.
async fn rows(admin: &Admin, group: &GroupDescription) -> anyhow::Result<Vec<Row>> {
    let committed = admin.consumer_group_offsets(&group.group_id).await?;
    let mut members: Vec<&GroupMember> = group.members.iter().filter(|m| !m.assignment.is_empty()).collect();
    members.sort_by_key(|member| std::cmp::Reverse(member.assignment.len()));
    let assigned: BTreeSet<TopicPartition> =
        members.iter().flat_map(|m| m.assignment.iter().cloned()).collect();
    let all: BTreeSet<TopicPartition> = assigned.iter().chain(committed.keys()).cloned().collect();
    let ends = end_offsets(admin, &all).await?;
    let row = |partition: &TopicPartition, member: [String; 3]| Row {
        group: group.group_id.clone(),
        committed: committed.get(partition).cloned(),
        end_offset: ends.get(partition).copied(),
        partition: partition.clone(),
        member,
    };
    let mut rows = Vec::new();
    for member in members {
        let names = [&member.member_id, &member.host, &member.client_id].map(String::clone);
        rows.extend(member.assignment.iter().map(|partition| row(partition, names.clone())));
    }
    let alone = committed.keys().filter(|partition| !assigned.contains(*partition));
    rows.extend(alone.map(|partition| row(partition, [MISSING; 3].map(str::to_owned))));
    Ok(rows)
}

/// End offsets of those partitions that have a leader.
async fn end_offsets(
    admin: &Admin,
    partitions: &BTreeSet<TopicPartition>,
) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
    if partitions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: BTreeSet<String> = partitions.iter().map(|partition| partition.topic.to_string()).collect();
    let topics = admin.describe_topics(&names.into_iter().collect::<Vec<_>>(), 2000).await?;
    let led: BTreeSet<TopicPartition> = topics
        .iter()
        .flat_map(|topic| {
            let led = topic.partitions.iter().filter(|partition| partition.leader.is_some());
            led.map(|partition| TopicPartition::new(topic.name.as_str(), partition.index))
        })
        .collect();
    let specs =
        partitions.intersection(&led).map(|partition| (partition.clone(), OffsetSpec::Latest)).collect();
    let listed = admin.list_offsets(&specs, IsolationLevel::ReadUncommitted).await?;
    let mut ends = BTreeMap::new();
    for (partition, result) in listed {
        ends.insert(partition, result?.offset);
    }
    Ok(ends)
}

fn offsets(rows: &[Row], verbose: bool) -> String {
    let group = widest(15, rows.iter().map(|row| row.group.as_str()));
    let topic = widest(15, rows.iter().map(|row| &*row.partition.topic));
    let consumer = widest(15, rows.iter().map(|row| row.member[0].as_str()));
    let host = widest(15, rows.iter().map(|row| row.member[1].as_str()));
    let mut text = String::new();
    let mut line = |c: [&str; 10]| {
        let _ = write!(text, "\n{:<group$} {:<topic$} {:<10} ", c[0], c[1], c[2]);
        if verbose {
            let _ = write!(text, "{:<15} ", c[3]);
        }
        let _ = write!(
            text,
            "{:<15} {:<15} {:<15} {:<consumer$} {:<host$} {}",
            c[4], c[5], c[6], c[7], c[8], c[9]
        );
    };
    line([
        "GROUP",
        "TOPIC",
        "PARTITION",
        "LEADER-EPOCH",
        "CURRENT-OFFSET",
        "LOG-END-OFFSET",
        "LAG",
        "CONSUMER-ID",
        "HOST",
        "CLIENT-ID",
    ]);
    for row in rows {
        let committed = row.committed.as_ref();
        line([
            &row.group,
            &row.partition.topic,
            &row.partition.partition.to_string(),
            &or_missing(committed.map(|c| c.leader_epoch).filter(|epoch| *epoch >= 0)),
            &or_missing(committed.map(|c| c.offset)),
            &or_missing(row.end_offset),
            &or_missing(row.lag()),
            &row.member[0],
            &row.member[1],
            &row.member[2],
        ]);
    }
    text
}

fn assignment(partitions: &BTreeSet<TopicPartition>) -> String {
    if partitions.is_empty() {
        return MISSING.to_owned();
    }
    tables::assignment(partitions)
}

fn members(group: &GroupDescription, verbose: bool, shown: bool) -> String {
    let list: &[GroupMember] = if shown { &group.members } else { &[] };
    let target = |member: &GroupMember| assignment(member.target.as_ref().unwrap_or(&BTreeSet::new()));
    let currents: Vec<String> = list.iter().map(|member| assignment(&member.assignment)).collect();
    let targets: Vec<String> = list.iter().map(target).collect();
    let instance = |member: &GroupMember| member.instance_id.clone().unwrap_or_default();
    let instances: Vec<String> = list.iter().map(instance).collect();
    let id = if shown { group.group_id.as_str() } else { "" };
    let group_width = widest(15, std::iter::once(id));
    let consumer = widest(15, list.iter().map(|m| m.member_id.as_str()));
    let instance_width = widest(17, instances.iter().map(String::as_str));
    let host = widest(15, list.iter().map(|m| m.host.as_str()));
    let client = widest(15, list.iter().map(|m| m.client_id.as_str()));
    let current = widest(20, currents.iter().map(String::as_str));
    let target = widest(20, targets.iter().map(String::as_str));
    let with_instance = instances.iter().any(|instance| !instance.is_empty());
    let is_mixed =
        list.iter().any(|m| m.is_upgraded == Some(true)) && list.iter().any(|m| m.is_upgraded == Some(false));
    let line = |c: [&str; 11]| {
        let mut text = format!("{:<group_width$} {:<consumer$} ", c[0], c[1]);
        if with_instance {
            let _ = write!(text, "{:<instance_width$} ", c[2]);
        }
        let _ = write!(text, "{:<host$} {:<client$} {:<15} ", c[3], c[4], c[5]);
        if verbose {
            let _ = write!(text, "{:<15} {:<current$} {:<15} {:<target$}", c[6], c[7], c[8], c[9]);
            if is_mixed {
                let _ = write!(text, " {}", c[10]);
            }
        }
        text + "\n"
    };
    let mut text = String::from("\n");
    text.push_str(&line([
        "GROUP",
        "CONSUMER-ID",
        "GROUP-INSTANCE-ID",
        "HOST",
        "CLIENT-ID",
        "#PARTITIONS",
        "CURRENT-EPOCH",
        "CURRENT-ASSIGNMENT",
        "TARGET-EPOCH",
        "TARGET-ASSIGNMENT",
        "UPGRADED",
    ]));
    for (index, member) in group.members.iter().enumerate() {
        text.push_str(&line([
            &group.group_id,
            &member.member_id,
            &instance(member),
            &member.host,
            &member.client_id,
            &member.assignment.len().to_string(),
            &or_missing(member.epoch),
            currents.get(index).map_or(MISSING, String::as_str),
            &or_missing(group.assignment_epoch),
            targets.get(index).map_or(MISSING, String::as_str),
            &or_missing(member.is_upgraded),
        ]));
    }
    text
}

fn state(group: &GroupDescription, verbose: bool) -> String {
    let coordinator = coordinator(&group.coordinator, "  ");
    let wide = coordinator.len().max(25);
    let name = group.group_id.len().max(15);
    let assignor = if group.assignor.is_empty() { MISSING } else { &group.assignor };
    let members = group.members.len().to_string();
    let line = |c: [&str; 7]| {
        let mut text = format!("\n{:<name$} {:<wide$} {:<20} {:<20} ", c[0], c[1], c[2], c[3]);
        if verbose {
            let _ = write!(text, "{:<15} {:<25} ", c[4], c[5]);
        }
        text + c[6]
    };
    line([
        "GROUP",
        "COORDINATOR (ID)",
        "ASSIGNMENT-STRATEGY",
        "STATE",
        "GROUP-EPOCH",
        "TARGET-ASSIGNMENT-EPOCH",
        "#MEMBERS",
    ]) + &line([
        &group.group_id,
        &coordinator,
        assignor,
        &group.state,
        &or_missing(group.group_epoch),
        &or_missing(group.assignment_epoch),
        &members,
    ])
}

fn as_json(group: &GroupDescription, rows: &[Row]) -> serde_json::Value {
    let partitions: Vec<serde_json::Value> = rows
        .iter()
        .map(|row| {
            serde_json::json!({ "topic": &*row.partition.topic, "partition": row.partition.partition,
                "currentOffset": row.committed.as_ref().map(|c| c.offset), "logEndOffset": row.end_offset,
                "lag": row.lag(), "consumerId": row.member[0] })
        })
        .collect();
    let members: Vec<serde_json::Value> = group
        .members
        .iter()
        .map(|m| {
            serde_json::json!({ "consumerId": m.member_id, "groupInstanceId": m.instance_id, "host": m.host,
                "clientId": m.client_id, "assignment": assignment(&m.assignment) })
        })
        .collect();
    serde_json::json!({ "group": group.group_id, "state": group.state, "assignmentStrategy": group.assignor,
        "coordinator": group.coordinator.id, "members": members, "partitions": partitions })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(topic: &str, committed: Option<i64>, end: Option<i64>) -> Row {
        Row {
            group: "g".to_owned(),
            partition: TopicPartition::new(topic, 0),
            committed: committed.map(OffsetAndMetadata::new),
            end_offset: end,
            member: [MISSING; 3].map(str::to_owned),
        }
    }

    #[test]
    fn offsets_stand_in_columns() {
        let text = offsets(&[row("t", Some(3), Some(5)), row("a-rather-long-topic", None, Some(5))], false);
        let expect = "
GROUP           TOPIC               PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID
g               t                   0          3               5               2               -               -               -
g               a-rather-long-topic 0          -               5               -               -               -               -";
        assert_eq!(text, expect);
    }
}
