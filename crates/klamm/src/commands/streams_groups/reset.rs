//! `klamm streams-groups --reset-offsets`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use klamm_client::{ClientError, TopicPartition, admin::Admin, consumer::OffsetAndMetadata};
use klamm_protocol::ErrorCode;

use super::{Options, Usage, Wrapped, committed, internal_topics};
use crate::commands::group_command::reset::{Plan, check_partitions, csv, partitions_of, table_of};
use crate::java;

pub(super) async fn reset(options: &Options, admin: &Admin) -> anyhow::Result<()> {
    let groups = options.groups(admin).await?;
    let mut plan = Plan::new();
    for (group, result) in admin.describe_streams_groups(&groups).await {
        let state = match result {
            Ok(description) => Some(description.state),
            Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => None,
            Err(error) => return Err(Wrapped(error).into()),
        };
        if let Some(state) = state.as_deref().filter(|state| !matches!(*state, "Empty" | "Dead")) {
            println!(
                "\nError: Assignments can only be reset if the group '{group}' is inactive, but the current state is {state}."
            );
            plan.insert(group, BTreeMap::new());
            continue;
        }
        let offsets = reset_inactive(options, admin, &group).await?;
        if options.execute && state.is_some() {
            delete_internal_topics(options, admin, &group).await;
        }
        plan.insert(group, offsets);
    }
    if options.export {
        println!("{}", csv(&plan, options.group.len() == 1));
    } else {
        println!("{}", table(&plan));
    }
    Ok(())
}

async fn reset_inactive(
    options: &Options,
    admin: &Admin,
    group: &str,
) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
    let scope = scope(options, admin, group).await?;
    let offsets = async || committed(admin, group, true).await;
    let plan = options.to.offsets(admin, (group, &options.group), &scope, offsets).await?;
    if options.execute {
        let wanted = plan.iter().map(|(p, offset)| (p.clone(), OffsetAndMetadata::new(*offset))).collect();
        for (_, result) in admin.alter_consumer_group_offsets(group, &wanted).await.map_err(bare)? {
            result.map_err(bare)?;
        }
    }
    Ok(plan)
}

async fn scope(options: &Options, admin: &Admin, group: &str) -> anyhow::Result<BTreeSet<TopicPartition>> {
    if options.all_input_topics {
        return Ok(committed(admin, group, false).await?.into_keys().collect());
    }
    if options.input_topic.is_empty() {
        if options.to.from_file.is_none() {
            bail!(Usage("One of the reset scopes should be defined: --all-topics, --topic.".to_owned()));
        }
        return Ok(BTreeSet::new());
    }
    let partitions = match partitions_of(admin, &options.input_topic).await {
        Ok(partitions) => partitions,
        Err(error) => return Err(error.downcast::<ClientError>().map_or_else(|error| error, bare)),
    };
    check_partitions(admin, &partitions).await?;
    let known = admin.consumer_group_offsets(group).await.map_err(Wrapped)?;
    if partitions.iter().all(|partition| known.contains_key(partition)) {
        return Ok(partitions);
    }
    println!("\nError: One or more topics are not part of the group '{group}'.");
    Ok(BTreeSet::new())
}

/// Of these errors Kafka's tool prints what they say, and not what they are.
fn bare(error: ClientError) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

async fn delete_internal_topics(options: &Options, admin: &Admin, group: &str) {
    let topics = if options.delete_all_internal_topics {
        match admin.describe_streams_group(group).await {
            Ok(described) => internal_topics::of(&described),
            Err(error) => {
                println!("\nError: Retrieving internal topics failed due to {}", java::error_text(&error));
                return;
            }
        }
    } else {
        options.delete_internal_topic.clone()
    };
    if topics.is_empty() {
        return;
    }
    let first = match internal_topics::delete(admin, &topics).await {
        Ok(failed) => failed.into_iter().next().map(|(_, error)| error),
        Err(error) => Some(error),
    };
    match first {
        None => {}
        Some(error) if error.code() == Some(ErrorCode::UnknownTopicOrPartition) => println!(
            "\nError: Deleting internal topics for group '{group}' failed because the topics do not exist."
        ),
        Some(error) => println!(
            "\nError: Deleting internal topics for group '{group}' failed due to {}",
            java::error_text(&error)
        ),
    }
}

/// New offsets as a table; its columns are not those of the other group tools.
pub(super) fn table(plan: &Plan) -> String {
    table_of(plan, [30, 30, 10, 15])
}
