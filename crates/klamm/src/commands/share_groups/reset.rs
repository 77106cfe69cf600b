//! `klamm share-groups --reset-offsets`.

use std::collections::{BTreeMap, BTreeSet};

use klamm_client::{
    ClientError, TopicPartition,
    admin::{Admin, OffsetSpec},
};
use klamm_protocol::ErrorCode;

use super::Options;
use crate::commands::group_command::{
    Fatal, one_group,
    reset::{at_time, check_partitions, listed, parse_datetime, partitions_of, table},
};

pub(super) async fn reset(options: &Options, admin: &Admin) -> anyhow::Result<()> {
    let result = carry_out(options, admin).await;
    // Of these errors Kafka's tool prints what they say, and not what they are.
    result.map_err(|error| if error.is::<ClientError>() { anyhow::anyhow!("{error}") } else { error })
}

async fn carry_out(options: &Options, admin: &Admin) -> anyhow::Result<()> {
    let group = one_group(&options.group)?;
    let described = admin.describe_share_groups(std::slice::from_ref(group)).await.remove(group);
    match described {
        Some(Ok(description)) if !matches!(description.state.as_str(), "Empty" | "Dead") => {
            anyhow::bail!(Fatal(format!("Share group '{group}' is not empty.")));
        }
        // A group that does not exist is made by setting its offsets.
        Some(Err(error)) if error.code() != Some(ErrorCode::GroupIdNotFound) => {
            anyhow::bail!(Fatal(error.to_string()));
        }
        _ => {}
    }
    let offsets = prepare(options, admin, group).await?;
    if options.execute {
        for (_, result) in admin.alter_share_group_offsets(group, &offsets).await? {
            result?;
        }
    }
    println!("{}", table(&BTreeMap::from([(group.clone(), offsets)])));
    Ok(())
}

async fn prepare(
    options: &Options,
    admin: &Admin,
    group: &str,
) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
    let scope: BTreeSet<TopicPartition> = if options.topic.is_empty() {
        admin.share_group_offsets(group).await?.into_keys().collect()
    } else {
        partitions_of(admin, &options.topic).await?
    };
    check_partitions(admin, &scope).await?;
    match &options.to_datetime {
        Some(text) => at_time(admin, &scope, parse_datetime(text)?).await,
        None if options.to_earliest => listed(admin, &scope, OffsetSpec::Earliest).await,
        None => listed(admin, &scope, OffsetSpec::Latest).await,
    }
}
