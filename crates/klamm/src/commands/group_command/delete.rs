//! Deleting groups and their committed offsets, and what is printed about it.

use std::collections::{BTreeMap, BTreeSet};

use klamm_client::{ClientError, TopicPartition, admin::Admin};
use klamm_protocol::ErrorCode;

use super::reset::parse_partitions;
use crate::java;

/// Deletes groups of one kind ("consumer", "share"); `failed` are those that cannot be, and why.
pub(in crate::commands) async fn delete_groups(
    admin: &Admin,
    kind: &str,
    groups: &[String],
    mut failed: BTreeMap<String, String>,
) {
    let deleted = delete_each(admin, groups, &mut failed).await;
    let names: Vec<String> = deleted.iter().map(|group| format!("'{group}'")).collect();
    if failed.is_empty() {
        println!("Deletion of requested {kind} groups ({}) was successful.", names.join(", "));
        return;
    }
    println!("\nError: Deletion of some {kind} groups failed:");
    for (group, error) in java::hash_map_order(failed.into_iter().collect(), 16, |(group, _)| group) {
        println!("* Group '{group}' could not be deleted due to: {error}");
    }
    if !names.is_empty() {
        println!("\nThese {kind} groups were deleted successfully: {}", names.join(", "));
    }
}

/// Deletes groups of any kind; gives those that are gone, in the order in which Kafka's tools name them, and puts why
/// the others are not into `failed`.
pub(in crate::commands) async fn delete_each(
    admin: &Admin,
    groups: &[String],
    failed: &mut BTreeMap<String, String>,
) -> Vec<String> {
    let mut deleted = Vec::new();
    for (group, result) in admin.delete_consumer_groups(groups).await {
        match result {
            Ok(()) => deleted.push(group),
            Err(error) => drop(failed.insert(group, java::error_text(&error))),
        }
    }
    java::hash_map_order(deleted, 16, |group| group)
}

/// The partitions that topics, or `topic:0,1`, name; and the errors of topics that could not be looked up, as of
/// partition -1.
pub(in crate::commands) async fn partitions_of_each(
    admin: &Admin,
    topics: &[String],
) -> anyhow::Result<(BTreeSet<TopicPartition>, BTreeMap<TopicPartition, Result<(), ClientError>>)> {
    let mut partitions = BTreeSet::new();
    let mut unknown = BTreeMap::new();
    for topic in topics {
        if topic.contains(':') {
            partitions.extend(parse_partitions(topic)?);
            continue;
        }
        match admin.describe_topics(std::slice::from_ref(topic), 2000).await {
            Ok(described) => {
                let all = described.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|p| TopicPartition::new(topic.name.as_str(), p.index))
                });
                partitions.extend(all);
            }
            Err(error) => drop(unknown.insert(TopicPartition::new(topic.as_str(), -1), Err(error))),
        }
    }
    Ok((partitions, unknown))
}

/// Deletes the committed offsets of partitions, and prints how it went with each, and with those of `results`.
pub(in crate::commands) async fn delete_offsets(
    admin: &Admin,
    group: &str,
    partitions: BTreeSet<TopicPartition>,
    mut results: BTreeMap<TopicPartition, Result<(), ClientError>>,
) {
    let mut whole: Result<(), ClientError> = Ok(());
    match admin.delete_consumer_group_offsets(group, &partitions).await {
        Ok(found) => {
            if let Some(error) = found.values().find_map(|result| result.as_ref().err()) {
                whole = Err(error.clone());
            }
            results.extend(found);
        }
        Err(error) => {
            results.extend(partitions.into_iter().map(|partition| (partition, Err(error.clone()))));
            whole = Err(error);
        }
    }
    match whole.as_ref().err().map(|error| (error, error.code())) {
        None => println!("Request succeeded for deleting offsets from group {group}."),
        Some((error, code)) if is_of_group(code) => println!("\nError: {error}"),
        Some((
            _,
            Some(
                ErrorCode::GroupSubscribedToTopic
                | ErrorCode::TopicAuthorizationFailed
                | ErrorCode::UnknownTopicOrPartition,
            ),
        )) => println!("\nError: Encountered some partition-level error, see the follow-up details."),
        Some((error, _)) => println!("\nError: Encountered some unknown error: {error}"),
    }
    print_offset_deletions(&results);
}

/// Whether an error is about the group as a whole: what it says is enough.
pub(in crate::commands) const fn is_of_group(code: Option<ErrorCode>) -> bool {
    matches!(
        code,
        Some(
            ErrorCode::InvalidGroupId
                | ErrorCode::GroupIdNotFound
                | ErrorCode::GroupAuthorizationFailed
                | ErrorCode::NonEmptyGroup
        )
    )
}

fn print_offset_deletions(results: &BTreeMap<TopicPartition, Result<(), ClientError>>) {
    let width = results.keys().map(|partition| partition.topic.len()).max().unwrap_or(0).max(15);
    let row = |topic: &str, partition: &str, status: &str| {
        print!("\n{topic:<width$} {partition:<10} {status:<15}");
    };
    row("TOPIC", "PARTITION", "STATUS");
    for (partition, result) in results {
        let status = match result {
            Ok(()) => "Successful".to_owned(),
            Err(error) => format!("Error: {}", java::error_text(error)),
        };
        let number = if partition.partition < 0 { "-".to_owned() } else { partition.partition.to_string() };
        row(&partition.topic, &number, &status);
    }
    println!();
}
