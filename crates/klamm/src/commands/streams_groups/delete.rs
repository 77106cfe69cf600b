//! `klamm streams-groups --delete` and `--delete-offsets`.

use std::collections::{BTreeMap, BTreeSet};

use klamm_client::{ClientError, admin::Admin};
use klamm_protocol::ErrorCode;

use super::{Options, Wrapped, committed, internal_topics, listed};
use crate::commands::group_command::delete::{
    delete_each, delete_offsets as delete_and_print, partitions_of_each,
};
use crate::java;

pub(super) async fn delete(options: &Options, admin: &Admin) -> anyhow::Result<()> {
    let known = listed(admin, &[]).await.map_err(Wrapped)?;
    let wanted: BTreeSet<String> = options.groups(admin).await?.into_iter().collect();
    let mut failed: BTreeMap<String, String> = BTreeMap::new();
    for group in &wanted {
        let state = known.iter().find(|known| known.group_id == *group).map(|known| known.state.as_str());
        failed.extend(why_not(group, state).map(|why| (group.clone(), why)));
    }
    let deletable: Vec<String> = wanted.into_iter().filter(|group| !failed.contains_key(group)).collect();
    // Nobody knows a group's topics when it is gone.
    let topics = if options.delete_all_internal_topics {
        internal_topics_of(admin, &deletable).await
    } else {
        BTreeMap::new()
    };
    let deleted = delete_each(admin, &deletable, &mut failed).await;
    let topic_failures = delete_topics(admin, &deleted, &topics).await;
    let names = |groups: &[String]| format!("'{}'", groups.join("', '"));
    if failed.is_empty() {
        println!("Deletion of requested streams groups ({}) was successful.", names(&deleted));
    } else {
        println!("\nError: Deletion of some streams groups failed:");
        for (group, error) in java::hash_map_order(failed.into_iter().collect(), 16, |(group, _)| group) {
            println!("* Group '{group}' could not be deleted due to: {error}");
        }
        if !deleted.is_empty() {
            println!("\nThese streams groups were deleted successfully: {}.", names(&deleted));
        }
    }
    if topics.is_empty() || deleted.is_empty() {
        return Ok(());
    }
    if topic_failures.is_empty() {
        let with: Vec<String> = deleted.into_iter().filter(|group| topics.contains_key(group)).collect();
        println!(
            "Deletion of associated internal topics of the streams groups ({}) was successful.",
            names(&with)
        );
    } else {
        println!("Deletion of some associated internal topics failed:");
        for (group, error) in topic_failures {
            println!(
                "* Internal topics of the streams group '{group}' could not be deleted due to: {}",
                java::error_text(&error)
            );
        }
    }
    Ok(())
}

/// Why a group in this state (none: there is no such streams group) cannot be deleted.
pub(super) fn why_not(group: &str, state: Option<&str>) -> Option<String> {
    let (class, problem) = match state {
        None => ("java.lang.IllegalArgumentException".to_owned(), {
            format!("Group '{group}' does not exist or is not a streams group.")
        }),
        Some("Dead") => (
            "java.lang.IllegalStateException".to_owned(),
            format!("Streams group '{group}' group state is DEAD."),
        ),
        Some("Empty") => return None,
        Some(_) => (
            java::exception_class(ErrorCode::NonEmptyGroup),
            format!("Streams group '{group}' is not EMPTY."),
        ),
    };
    Some(format!("{class}: {problem}"))
}

async fn internal_topics_of(admin: &Admin, groups: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for (group, described) in admin.describe_streams_groups(groups).await {
        match described {
            Ok(described) => {
                let topics = internal_topics::of(&described);
                if !topics.is_empty() {
                    found.insert(group, topics);
                }
            }
            Err(error) => {
                println!("\nError: Retrieving internal topics failed due to {}", java::error_text(&error));
                return BTreeMap::new();
            }
        }
    }
    found
}

/// Deletes the topics of groups that are gone; gives why it failed, by group.
async fn delete_topics(
    admin: &Admin,
    deleted: &[String],
    topics: &BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, ClientError> {
    let mut failures = BTreeMap::new();
    for (group, topics) in topics.iter().filter(|(group, _)| deleted.contains(group)) {
        match internal_topics::delete(admin, topics).await {
            Ok(failed) => {
                for (topic, error) in failed {
                    println!("Failed to delete internal topic: {topic}");
                    failures.entry(group.clone()).or_insert(error);
                }
            }
            Err(error) => drop(failures.insert(group.clone(), error)),
        }
    }
    failures
}

pub(super) async fn delete_offsets(options: &Options, admin: &Admin) -> anyhow::Result<()> {
    let [group] = &options.group[..] else { return Ok(()) };
    let (partitions, unknown) = if options.all_input_topics {
        (committed(admin, group, false).await?.into_keys().collect(), BTreeMap::new())
    } else {
        partitions_of_each(admin, &options.input_topic).await?
    };
    delete_and_print(admin, group, partitions, unknown).await;
    Ok(())
}
