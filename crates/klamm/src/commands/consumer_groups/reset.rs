//! `klamm consumer-groups --reset-offsets`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use klamm_client::{TopicPartition, admin::Admin, consumer::OffsetAndMetadata};
use klamm_protocol::ErrorCode;

use super::Options;
use crate::commands::group_command::{
    Usage,
    reset::{Plan, check_partitions, csv, partitions_of, table},
};

pub(super) async fn reset(options: &Options, admin: &Admin) -> anyhow::Result<()> {
    let groups = options.groups(admin).await?;
    let mut plan = Plan::new();
    for (group, result) in admin.describe_consumer_groups(&groups).await {
        let state = match result {
            Ok(description) => description.state,
            Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => "Dead".to_owned(),
            Err(error) => return Err(error.into()),
        };
        if state != "Empty" && state != "Dead" {
            println!(
                "\nError: Assignments can only be reset if the group '{group}' is inactive, but the current state is {state}."
            );
            plan.insert(group, BTreeMap::new());
            continue;
        }
        let offsets = prepare(options, admin, &group).await?;
        if options.execute {
            let wanted =
                offsets.iter().map(|(p, offset)| (p.clone(), OffsetAndMetadata::new(*offset))).collect();
            for (_, result) in admin.alter_consumer_group_offsets(&group, &wanted).await? {
                result?;
            }
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

async fn prepare(
    options: &Options,
    admin: &Admin,
    group: &str,
) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
    let scope = scope(options, admin, group).await?;
    check_partitions(admin, &scope).await?;
    let committed = async || Ok(admin.consumer_group_offsets(group).await?);
    options.to.offsets(admin, (group, &options.group), &scope, committed).await
}

async fn scope(options: &Options, admin: &Admin, group: &str) -> anyhow::Result<BTreeSet<TopicPartition>> {
    if options.all_topics {
        return Ok(admin.consumer_group_offsets(group).await?.into_keys().collect());
    }
    if options.topic.is_empty() {
        if options.to.from_file.is_none() {
            bail!(Usage("One of the reset scopes should be defined: --all-topics, --topic.".to_owned()));
        }
        return Ok(BTreeSet::new());
    }
    partitions_of(admin, &options.topic).await
}
