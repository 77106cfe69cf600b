//! `klamm share-groups --describe`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use klamm_client::{
    TopicPartition,
    admin::Admin,
    share::{ShareGroupDescription, ShareGroupMember, ShareOffset},
};

use super::{Options, share_groups};
use crate::commands::group_command::tables::{assignment, coordinator, highlighted, or_missing, widest};

pub(super) async fn describe(options: &Options, admin: &Admin) -> anyhow::Result<()> {
    let groups: Vec<String> = if options.all_groups {
        share_groups(admin, &[]).await?.into_iter().map(|group| group.group_id).collect()
    } else {
        options.group.clone()
    };
    let mut descriptions = Vec::new();
    for (_, described) in admin.describe_share_groups(&groups).await {
        descriptions.push(described?);
    }
    if options.views.members {
        for group in &descriptions {
            if should_print(group, group.members.len()) {
                println!("{}", highlighted(&members(group, options.views.verbose)));
            }
        }
    } else if options.views.state.is_some() {
        for group in &descriptions {
            should_print(group, 1);
            println!("{}", highlighted(&state(group, options.views.verbose)));
        }
    } else {
        let mut texts = Vec::new();
        for group in &descriptions {
            texts.push(offsets(
                &group.group_id,
                &admin.share_group_offsets(&group.group_id).await?,
                options.views.verbose,
            ));
        }
        texts.iter().for_each(|text| println!("{}", highlighted(text)));
    }
    Ok(())
}

/// Says on the side what is special about the group's state; false if there is nothing to show.
fn should_print(group: &ShareGroupDescription, rows: usize) -> bool {
    let id = &group.group_id;
    match group.state.as_str() {
        "Dead" => println!("\nError: Share group '{id}' does not exist."),
        "Empty" => eprintln!("\nShare group '{id}' has no active members."),
        _ => {}
    }
    group.state != "Dead" && rows > 0
}

pub(super) fn offsets(
    group: &str,
    offsets: &BTreeMap<TopicPartition, Option<ShareOffset>>,
    verbose: bool,
) -> String {
    if offsets.is_empty() {
        return format!("\nShare group '{group}' has no offset information.");
    }
    let name = group.len().max(15);
    let topic = widest(15, offsets.keys().map(|partition| &*partition.topic));
    let mut text = String::new();
    let mut line = |cells: [&str; 6]| {
        let _ = write!(text, "\n{:<name$} {:<topic$} {:<10} ", cells[0], cells[1], cells[2]);
        if verbose {
            let _ = write!(text, "{:<13} ", cells[3]);
        }
        let _ = write!(text, "{:<13} {}", cells[4], cells[5]);
    };
    line(["GROUP", "TOPIC", "PARTITION", "LEADER-EPOCH", "START-OFFSET", "LAG"]);
    for (partition, offset) in offsets {
        line([
            group,
            &partition.topic,
            &partition.partition.to_string(),
            &or_missing(offset.and_then(|offset| offset.leader_epoch)),
            &or_missing(offset.map(|offset| offset.start_offset)),
            &or_missing(offset.and_then(|offset| offset.lag)),
        ]);
    }
    text
}

pub(super) fn state(group: &ShareGroupDescription, verbose: bool) -> String {
    let coordinator = coordinator(&group.coordinator, "  ");
    let wide = coordinator.len().max(25);
    let name = group.group_id.len().max(15);
    let line = |cells: [&str; 6]| {
        let mut text = format!("\n{:<name$} {:<wide$} {:<15} ", cells[0], cells[1], cells[2]);
        if verbose {
            let _ = write!(text, "{:<12} {:<17} ", cells[3], cells[4]);
        }
        text + cells[5]
    };
    let heading = line(["GROUP", "COORDINATOR (ID)", "STATE", "GROUP-EPOCH", "ASSIGNMENT-EPOCH", "#MEMBERS"]);
    let cells = [&group.group_epoch, &group.assignment_epoch].map(ToString::to_string);
    let members = group.members.len().to_string();
    let row = line([&group.group_id, &coordinator, &group.state, &cells[0], &cells[1], &members]);
    heading + &row
}

pub(super) fn members(group: &ShareGroupDescription, verbose: bool) -> String {
    let mut members: Vec<&ShareGroupMember> = group.members.iter().collect();
    members.sort_by(|one, other| one.member_id.cmp(&other.member_id));
    let name = group.group_id.len().max(15);
    let consumer = widest(15, members.iter().map(|member| member.member_id.as_str()));
    let host = widest(15, members.iter().map(|member| member.host.as_str()));
    let client = widest(15, members.iter().map(|member| member.client_id.as_str()));
    let line = |cells: [&str; 7]| {
        let mut text = format!(
            "\n{:<name$} {:<consumer$} {:<host$} {:<client$} {:<12} ",
            cells[0], cells[1], cells[2], cells[3], cells[4]
        );
        if verbose {
            let _ = write!(text, "{:<13} ", cells[5]);
        }
        text + cells[6]
    };
    let mut text =
        line(["GROUP", "CONSUMER-ID", "HOST", "CLIENT-ID", "#PARTITIONS", "MEMBER-EPOCH", "ASSIGNMENT"]);
    for member in members {
        text.push_str(&line([
            &group.group_id,
            &member.member_id,
            &member.host,
            &member.client_id,
            &member.assignment.len().to_string(),
            &member.epoch.to_string(),
            &assignment(&member.assignment),
        ]));
    }
    text
}
