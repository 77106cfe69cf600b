//! Where the offsets of a group's partitions shall go: what the tools' --reset-offsets has in common.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use klamm_client::{
    TopicPartition,
    admin::{Admin, IsolationLevel, OffsetSpec},
    consumer::OffsetAndMetadata,
};

use super::{Usage, at_most_one};

/// New offsets by group.
pub(in crate::commands) type Plan = BTreeMap<String, BTreeMap<TopicPartition, i64>>;

// The scenarios of --reset-offsets, of which a command line names one.
#[derive(clap::Args)]
#[command(next_help_heading = "Where to reset to")]
pub(in crate::commands) struct Scenario {
    /// To this offset.
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
    to_offset: Option<i64>,
    /// To what a CSV file says: topic,partition,offset or group,topic,partition,offset.
    #[arg(long, value_name = "FILE")]
    pub(in crate::commands) from_file: Option<PathBuf>,
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
    /// To the committed offset; behind the last record where there is none.
    #[arg(long)]
    to_current: bool,
    /// By so many records forwards, or backwards if negative.
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    shift_by: Option<i64>,
}

impl Scenario {
    /// Refuses more than one.
    pub(in crate::commands) fn check(&self) -> Result<(), String> {
        at_most_one(&[
            ("to-offset", self.to_offset.is_some()),
            ("to-datetime", self.to_datetime.is_some()),
            ("by-duration", self.by_duration.is_some()),
            ("to-earliest", self.to_earliest),
            ("to-latest", self.to_latest),
            ("to-current", self.to_current),
            ("shift-by", self.shift_by.is_some()),
            ("from-file", self.from_file.is_some()),
        ])
    }

    /// The offsets that it says for the partitions of `scope`, or for those of its file; `groups` are those of the
    /// command line, and `committed` asks for the group's offsets.
    pub(in crate::commands) async fn offsets(
        &self,
        admin: &Admin,
        (group, groups): (&str, &[String]),
        scope: &BTreeSet<TopicPartition>,
        committed: impl AsyncFn() -> anyhow::Result<BTreeMap<TopicPartition, OffsetAndMetadata>>,
    ) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
        if let Some(offset) = self.to_offset {
            let wanted = scope.iter().map(|partition| (partition.clone(), offset)).collect();
            return within_range(admin, wanted).await;
        }
        if self.to_earliest {
            return listed(admin, scope, OffsetSpec::Earliest).await;
        }
        if self.to_latest {
            return listed(admin, scope, OffsetSpec::Latest).await;
        }
        if let Some(count) = self.shift_by {
            return within_range(admin, shifted(scope, &committed().await?, count)?).await;
        }
        if let Some(text) = &self.to_datetime {
            return at_time(admin, scope, parse_datetime(text)?).await;
        }
        if let Some(text) = &self.by_duration {
            return at_time(admin, scope, time_before_now(admin, text)?).await;
        }
        if let Some(path) = &self.from_file {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let mut plan = parse_csv(&text, groups)?;
            let Some(wanted) = plan.remove(group) else {
                println!("\nError: No reset plan for group {group} found");
                return Ok(BTreeMap::new());
            };
            return within_range(admin, wanted).await;
        }
        if self.to_current {
            let committed = committed().await?;
            let without: BTreeSet<TopicPartition> =
                scope.iter().filter(|partition| !committed.contains_key(*partition)).cloned().collect();
            let mut offsets = listed(admin, &without, OffsetSpec::Latest).await?;
            let with = scope.iter().filter_map(|p| Some((p.clone(), committed.get(p)?.offset)));
            offsets.extend(with);
            return Ok(offsets);
        }
        bail!(Usage(
            "Option '[reset-offsets]' requires one of the following scenarios: [[to-offset], [shift-by], [to-datetime], [by-duration], [to-earliest], [to-latest], [to-current], [from-file]]"
                .to_owned()
        ))
    }
}

/// Every partition's committed offset, moved by so many records.
fn shifted(
    scope: &BTreeSet<TopicPartition>,
    committed: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    count: i64,
) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
    let mut wanted = BTreeMap::new();
    for partition in scope {
        let Some(offset) = committed.get(partition) else {
            bail!(Usage(format!(
                "Cannot shift offset for partition {partition} since there is no current committed offset"
            )));
        };
        wanted.insert(partition.clone(), offset.offset.saturating_add(count));
    }
    Ok(wanted)
}

/// Reads `topic:0,1`.
pub(in crate::commands) fn parse_partitions(text: &str) -> anyhow::Result<Vec<TopicPartition>> {
    let Some((topic, partitions)) =
        text.split_once(':').filter(|(_, rest)| !rest.is_empty() && !rest.contains(':'))
    else {
        bail!(Usage(format!("Invalid topic arg '{text}', expected topic name and partitions")));
    };
    partitions
        .split(',')
        .map(|number| match number.parse::<i32>() {
            Ok(number) => Ok(TopicPartition::new(topic, number)),
            Err(_) => bail!(Usage(format!("Invalid partition '{number}' specified in topic arg '{text}''"))),
        })
        .collect()
}

/// The partitions that `--topic` names: all of a topic, or some as `topic:0,1`.
pub(in crate::commands) async fn partitions_of(
    admin: &Admin,
    topics: &[String],
) -> anyhow::Result<BTreeSet<TopicPartition>> {
    let mut partitions = BTreeSet::new();
    let mut whole = Vec::new();
    for topic in topics {
        if topic.contains(':') {
            partitions.extend(parse_partitions(topic)?);
        } else {
            whole.push(topic.clone());
        }
    }
    if !whole.is_empty() {
        for topic in admin.describe_topics(&whole, 2000).await? {
            let all = topic.partitions.iter().map(|p| TopicPartition::new(topic.name.as_str(), p.index));
            partitions.extend(all);
        }
    }
    Ok(partitions)
}

/// Fails if one of the partitions does not exist or has no leader.
pub(in crate::commands) async fn check_partitions(
    admin: &Admin,
    partitions: &BTreeSet<TopicPartition>,
) -> anyhow::Result<()> {
    if partitions.is_empty() {
        return Ok(());
    }
    let names: BTreeSet<String> = partitions.iter().map(|partition| partition.topic.to_string()).collect();
    let topics = admin.describe_topics(&names.into_iter().collect::<Vec<_>>(), 2000).await?;
    let mut known = BTreeMap::new();
    for topic in &topics {
        for partition in &topic.partitions {
            known.insert(
                TopicPartition::new(topic.name.as_str(), partition.index),
                partition.leader.is_some(),
            );
        }
    }
    let list = |keep: &dyn Fn(&TopicPartition) -> bool| {
        let found: Vec<String> = partitions.iter().filter(|p| keep(p)).map(ToString::to_string).collect();
        found.join(",")
    };
    let missing = list(&|partition| !known.contains_key(partition));
    let leaderless = list(&|partition| known.get(partition) == Some(&false));
    if !missing.is_empty() {
        bail!("The partitions \"{missing}\" do not exist");
    }
    if !leaderless.is_empty() {
        bail!("The partitions \"{leaderless}\" have no leader");
    }
    Ok(())
}

/// The offset that each partition's leader says for `spec`.
pub(in crate::commands) async fn listed(
    admin: &Admin,
    partitions: &BTreeSet<TopicPartition>,
    spec: OffsetSpec,
) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
    let specs = partitions.iter().map(|partition| (partition.clone(), spec)).collect();
    let found = admin.list_offsets(&specs, IsolationLevel::ReadUncommitted).await?;
    found.into_iter().map(|(partition, result)| Ok((partition, result?.offset))).collect()
}

/// The offset of each partition's first record of a time or later; its end, with a warning, if there is none.
pub(in crate::commands) async fn at_time(
    admin: &Admin,
    partitions: &BTreeSet<TopicPartition>,
    at_ms: i64,
) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
    let mut offsets = listed(admin, partitions, OffsetSpec::Timestamp(at_ms)).await?;
    let without: BTreeSet<TopicPartition> =
        offsets.iter().filter(|(_, offset)| **offset == -1).map(|(partition, _)| partition.clone()).collect();
    for partition in &without {
        println!(
            "\nWarn: Partition {} from topic {} is empty. Falling back to latest known offset.",
            partition.partition, partition.topic
        );
    }
    offsets.extend(listed(admin, &without, OffsetSpec::Latest).await?);
    Ok(offsets)
}

/// Moves offsets that lie outside the log to its nearest end.
async fn within_range(
    admin: &Admin,
    wanted: BTreeMap<TopicPartition, i64>,
) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
    let partitions: BTreeSet<TopicPartition> = wanted.keys().cloned().collect();
    let starts = listed(admin, &partitions, OffsetSpec::Earliest).await?;
    let ends = listed(admin, &partitions, OffsetSpec::Latest).await?;
    let mut offsets = BTreeMap::new();
    for (partition, offset) in wanted {
        let start = starts.get(&partition).copied().unwrap_or(offset);
        let end = ends.get(&partition).copied().unwrap_or(offset);
        let bounded = if offset > end { end } else { offset.max(start) };
        if bounded != offset {
            let (side, which) = if offset > end { ("higher", "latest") } else { ("lower", "earliest") };
            eprintln!(
                "New offset ({offset}) is {side} than {which} offset for topic partition {partition}. Value will be set to {bounded}"
            );
        }
        offsets.insert(partition, bounded);
    }
    Ok(offsets)
}

/// New offsets as a table.
pub(in crate::commands) fn table(plan: &Plan) -> String {
    let group_width = plan.keys().map(String::len).max().unwrap_or(0).max(15);
    let topics = plan.values().flat_map(BTreeMap::keys);
    let topic_width = topics.map(|partition| partition.topic.len()).max().unwrap_or(0).max(15);
    table_of(plan, [group_width, topic_width, 10, 0])
}

/// The same with columns of these widths.
pub(in crate::commands) fn table_of(plan: &Plan, widths: [usize; 4]) -> String {
    let [groups, topics, partitions, offsets] = widths;
    let mut text = String::new();
    let mut line = |group: &str, topic: &str, partition: &str, offset: &str| {
        let _ =
            write!(text, "\n{group:<groups$} {topic:<topics$} {partition:<partitions$} {offset:<offsets$}");
    };
    if !plan.is_empty() {
        line("GROUP", "TOPIC", "PARTITION", "NEW-OFFSET");
    }
    for (group, offsets) in plan {
        for (partition, offset) in offsets {
            line(group, &partition.topic, &partition.partition.to_string(), &offset.to_string());
        }
    }
    text
}

/// As a file that --from-file reads: with the group in each line unless there is but one.
pub(in crate::commands) fn csv(plan: &Plan, is_single: bool) -> String {
    let mut text = String::new();
    for (group, offsets) in plan {
        for (partition, offset) in offsets {
            if !is_single {
                let _ = write!(text, "{group},");
            }
            let _ = writeln!(text, "{},{},{offset}", partition.topic, partition.partition);
        }
    }
    text
}

fn parse_csv(text: &str, groups: &[String]) -> anyhow::Result<Plan> {
    let mut plan = Plan::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split(',').map(|field| field.trim().trim_matches('"')).collect();
        let (group, rest) = match (&fields[..], groups) {
            ([_, _, _], [group]) => (group.as_str(), &fields[..]),
            ([group, _, _, _], _) => (*group, &fields[1..]),
            _ => bail!(
                "line {} of the file is not topic,partition,offset or group,topic,partition,offset: {line}",
                index + 1
            ),
        };
        let number = |field: &str| {
            field
                .parse::<i64>()
                .with_context(|| format!("line {} of the file: '{field}' is no number", index + 1))
        };
        let partition = i32::try_from(number(rest[1])?).context("a partition's number is too large")?;
        let partition = TopicPartition::new(rest[0], partition);
        plan.entry(group.to_owned()).or_default().insert(partition, number(rest[2])?);
    }
    Ok(plan)
}

/// The time, in milliseconds since the epoch, that lies so long before now: PnDTnHnMnS.
pub(in crate::commands) fn time_before_now(admin: &Admin, text: &str) -> anyhow::Result<i64> {
    let ms = klamm_config::valid::iso_duration_ms(text)
        .with_context(|| format!("Text cannot be parsed to a Duration: {text}"))?;
    Ok(admin.cluster().clock().wall_ms().saturating_sub(ms))
}

/// The last whole year whose milliseconds are counted.
const YEAR_MAX: i64 = 292_278_993;

/// Reads YYYY-MM-DDThh:mm:ss[.sss] with Z, +hh, +hhmm, +hh:mm or nothing (UTC) behind it.
pub(in crate::commands) fn parse_datetime(text: &str) -> anyhow::Result<i64> {
    let wrong = || format!("Unparseable date: \"{text}\"");
    let (date, rest) = text.split_once('T').with_context(wrong)?;
    let split = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(split);
    let numbers = |text: &str, separator: char| {
        text.split(separator).map(|part| part.parse::<i64>().ok()).collect::<Option<Vec<i64>>>()
    };
    let (Some(date), Some((clock, fraction))) =
        (numbers(date, '-'), Some(time.split_once('.').unwrap_or((time, "0"))))
    else {
        bail!(wrong());
    };
    let clock = numbers(clock, ':').with_context(wrong)?;
    let ([year, month, day], [hour, minute, second]) = (&date[..], &clock[..]) else { bail!(wrong()) };
    let is_date = (0..=YEAR_MAX).contains(year)
        && (1..=12).contains(month)
        && (1..=days_of(*year + month / 12, month % 12 + 1, 1) - days_of(*year, *month, 1)).contains(day);
    let is_clock =
        (0..24).contains(hour) && [minute, second].into_iter().all(|number| (0..60).contains(number));
    if !is_date || !is_clock {
        bail!(wrong());
    }
    let digits: String = fraction.chars().chain("00".chars()).take(3).collect();
    let millis: i64 = digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
        .with_context(wrong)?;
    let zone = zone_minutes(zone).with_context(wrong)?;
    let minutes = days_of(*year, *month, *day) * 1440 + hour * 60 + minute - zone;
    Ok((minutes * 60 + second) * 1000 + millis)
}

/// Minutes by which a zone's clocks are before UTC's.
fn zone_minutes(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z") {
        return Some(0);
    }
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 = digits.get(2..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    let is_zone = hours < 24 && minutes < 60;
    is_zone.then_some((hours * 60 + minutes) * if zone.starts_with('-') { -1 } else { 1 })
}

/// Days from 1970 to a date (Howard Hinnant's days_from_civil).
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, expect) in [
            ("1970-01-01T00:00:00.000", Some(0)),
            ("2023-11-14T22:13:20.123Z", Some(1_700_000_000_123)),
            ("2023-11-14T23:13:20+01:00", Some(1_700_000_000_000)),
            ("2023-11-14T21:43:20-0030", Some(1_700_000_000_000)),
            ("2023-11-14", None),
            ("yesterday", None),
            ("2024-02-29T00:00:00", Some(1_709_164_800_000)),
            ("2023-02-29T00:00:00", None),
            ("2023-12-31T23:59:59.9", Some(1_704_067_199_900)),
            ("2023-13-01T00:00:00", None),
            ("2023-00-01T00:00:00", None),
            ("2023-01-00T00:00:00", None),
            ("2023-01-01T24:00:00", None),
            ("2023-01-01T00:60:00", None),
            ("2023-01-01T00:00:00+25", None),
            ("2023-01-01T00:00:00.-5", None),
            ("2023-01-01T00:00:00.é", None),
            ("2023-01-01T00:00:00+é", None),
            ("292278993-12-31T23:59:59.999Z", Some(9_223_372_017_129_599_999)),
            ("292278994-01-01T00:00:00", None),
            ("9223372036854775807-01-01T00:00:00", None),
            ("99999999999999999999-01-01T00:00:00", None),
            ("2023-9223372036854775807-01T00:00:00", None),
            ("2023-01-9223372036854775807T00:00:00", None),
            ("2023-01-01T9223372036854775807:00:00", None),
            ("2023-01-01T00:00:00+999999999999999999999", None),
        ] {
            assert_eq!(parse_datetime(text).ok(), expect, "{text}");
        }
    }

    #[test]
    fn plans_go_through_csv_and_back() {
        let mut plan = Plan::new();
        plan.entry("g".to_owned()).or_default().insert(TopicPartition::new("t", 1), 7);
        assert_eq!(csv(&plan, true), "t,1,7\n");
        assert_eq!(csv(&plan, false), "g,t,1,7\n");
        assert_eq!(parse_csv("t,1,7\n", &["g".to_owned()]).unwrap(), plan);
        assert_eq!(parse_csv("g,t,1,7\n", &[]).unwrap(), plan);
        assert!(parse_csv("t,1\n", &["g".to_owned()]).is_err());
        assert_eq!(
            table(&plan),
            "\nGROUP           TOPIC           PARTITION  NEW-OFFSET\ng               t               1          7"
        );
    }

    #[test]
    fn partitions_are_read() {
        assert_eq!(
            parse_partitions("t:0,2").unwrap(),
            [TopicPartition::new("t", 0), TopicPartition::new("t", 2)]
        );
        assert_eq!(
            parse_partitions("t:x").unwrap_err().to_string(),
            "Invalid partition 'x' specified in topic arg 't:x''"
        );
    }
}
