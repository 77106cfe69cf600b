//! Where a Streams application shall begin to read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use klamm_client::{
    TopicPartition,
    admin::{Admin, OffsetSpec},
};

use crate::commands::group_command::{
    at_most_one,
    reset::{listed, parse_datetime, time_before_now},
};

type Offsets = BTreeMap<TopicPartition, i64>;

// Not a doc comment: it would take the place of what the command says about itself.
#[derive(clap::Args)]
#[command(next_help_heading = "Where to reset to, instead of to the first record")]
pub(super) struct Target {
    /// To this offset.
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
    to_offset: Option<i64>,
    /// To the first record of this time or later: YYYY-MM-DDThh:mm:ss.sss, with Z, or an offset like +02:00.
    #[arg(long, value_name = "TIME")]
    to_datetime: Option<String>,
    /// To the first record that is no older than this: PnDTnHnMnS.
    #[arg(long, value_name = "DURATION")]
    by_duration: Option<String>,
    /// To the first record.
    #[arg(long)]
    to_earliest: bool,
    /// Behind the last record.
    #[arg(long)]
    to_latest: bool,
    /// To what a CSV file says: topic,partition,offset.
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// By so many records forwards, or backwards if negative.
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    shift_by: Option<i64>,
}

impl Target {
    /// Refuses more than one.
    pub(super) fn check(&self) -> Result<(), String> {
        at_most_one(&[
            ("to-offset", self.to_offset.is_some()),
            ("to-datetime", self.to_datetime.is_some()),
            ("by-duration", self.by_duration.is_some()),
            ("to-earliest", self.to_earliest),
            ("to-latest", self.to_latest),
            ("from-file", self.from_file.is_some()),
            ("shift-by", self.shift_by.is_some()),
        ])
    }

    /// The offset of each partition.
    pub(super) async fn offsets(
        &self,
        admin: &Admin,
        group: &str,
        partitions: &BTreeSet<TopicPartition>,
    ) -> anyhow::Result<Offsets> {
        if let Some(offset) = self.to_offset {
            let wanted = partitions.iter().map(|partition| (partition.clone(), offset)).collect();
            return within_range(admin, partitions, wanted).await;
        }
        if self.to_latest {
            return ends(admin, partitions).await;
        }
        if let Some(count) = self.shift_by {
            // A consumer without a committed offset stands behind the last record.
            let mut wanted = ends(admin, partitions).await?;
            let committed = admin.consumer_group_offsets(group).await?;
            for (partition, offset) in &mut wanted {
                let position = committed.get(partition).map_or(*offset, |committed| committed.offset);
                *offset = position.saturating_add(count);
            }
            return within_range(admin, partitions, wanted).await;
        }
        if let Some(text) = &self.to_datetime {
            return at_time(admin, partitions, parse_datetime(text)?).await;
        }
        if let Some(text) = &self.by_duration {
            return at_time(admin, partitions, time_before_now(admin, text)?).await;
        }
        if let Some(path) = &self.from_file {
            return within_range(admin, partitions, read_plan(path)?).await;
        }
        listed(admin, partitions, OffsetSpec::Earliest).await
    }
}

/// The end of each partition's log.
pub(super) async fn ends(admin: &Admin, partitions: &BTreeSet<TopicPartition>) -> anyhow::Result<Offsets> {
    listed(admin, partitions, OffsetSpec::Latest).await
}

async fn at_time(admin: &Admin, partitions: &BTreeSet<TopicPartition>, ms: i64) -> anyhow::Result<Offsets> {
    let mut offsets = listed(admin, partitions, OffsetSpec::Timestamp(ms)).await?;
    let without: BTreeSet<TopicPartition> =
        offsets.iter().filter(|(_, offset)| **offset < 0).map(|(partition, _)| partition.clone()).collect();
    for partition in &without {
        println!(
            "Partition {} from topic {} is empty, without a committed record. Falling back to latest known offset.",
            partition.partition, partition.topic
        );
    }
    offsets.extend(ends(admin, &without).await?);
    Ok(offsets)
}

/// The wanted offset of each partition, moved into its log; says so where it does not lie well inside.
async fn within_range(
    admin: &Admin,
    partitions: &BTreeSet<TopicPartition>,
    wanted: Offsets,
) -> anyhow::Result<Offsets> {
    let starts = listed(admin, partitions, OffsetSpec::Earliest).await?;
    let ends = ends(admin, partitions).await?;
    let mut offsets = Offsets::new();
    for partition in partitions {
        let (Some(offset), Some(start), Some(end)) =
            (wanted.get(partition), starts.get(partition), ends.get(partition))
        else {
            bail!("nothing is said of partition {partition}");
        };
        offsets.insert(partition.clone(), bounded(*offset, *start, *end));
    }
    Ok(offsets)
}

fn bounded(offset: i64, start: i64, end: i64) -> i64 {
    if offset >= end {
        println!("New offset ({offset}) is higher than latest offset. Value will be set to {end}");
        end
    } else if offset <= start {
        println!("New offset ({offset}) is lower than earliest offset. Value will be set to {start}");
        start
    } else {
        offset
    }
}

fn read_plan(path: &Path) -> anyhow::Result<Offsets> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    if text.is_empty() {
        bail!("Error parsing reset plan CSV file. It is empty,");
    }
    let mut plan = Offsets::new();
    for line in text.lines() {
        let [topic, partition, offset] = line.split(',').collect::<Vec<_>>()[..] else {
            bail!("Reset plan CSV file is not following the format `TOPIC,PARTITION,OFFSET`.");
        };
        let wrong = || format!("no number in line '{line}' of the file");
        let partition = partition.trim().parse().with_context(wrong)?;
        plan.insert(TopicPartition::new(topic, partition), offset.trim().parse().with_context(wrong)?);
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_stay_inside_the_log() {
        for (offset, expect) in [(0, 2), (2, 2), (3, 3), (9, 9), (10, 10), (11, 10)] {
            assert_eq!(bounded(offset, 2, 10), expect, "{offset}");
        }
    }
}
