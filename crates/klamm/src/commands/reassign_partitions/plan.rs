//! What the JSON files of the tool say, and how it writes them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use klamm_client::TopicPartition;
use serde_json::Value;

/// In place of a directory: wherever the broker likes.
pub(super) const ANY_LOG_DIR: &str = "any";

/// One replica: its broker and partition, ordered as the tool prints them.
pub(super) type Replica = (i32, TopicPartition);

/// Where partitions shall be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Replicas of each partition, in the order of the file. A partition may be named twice.
    pub(super) partitions: Vec<(TopicPartition, Vec<i32>)>,
    /// Directories that are asked for.
    pub(super) log_dirs: BTreeMap<Replica, String>,
}

/// How the tool writes a replica.
pub(super) fn replica_text((broker, partition): &Replica) -> String {
    format!("{partition}-{broker}")
}

impl Plan {
    /// Reads a reassignment file.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let json = json_of_version_1(text)?;
        let mut plan = Self::default();
        for item in json.get("partitions").and_then(Value::as_array).into_iter().flatten() {
            let topic = item.get("topic").and_then(Value::as_str);
            let number = item.get("partition").and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok());
            let replicas: Option<Vec<i32>> = item.get("replicas").and_then(Value::as_array).and_then(|ids| {
                ids.iter().map(|id| id.as_i64().and_then(|id| i32::try_from(id).ok())).collect()
            });
            let (Some(topic), Some(number), Some(replicas)) = (topic, number, replicas) else {
                bail!("each partition needs topic, partition and replicas, but this is given: {item}");
            };
            let partition = TopicPartition::new(topic, number);
            plan.take_log_dirs(item, &partition, &replicas)?;
            plan.partitions.push((partition, replicas));
        }
        Ok(plan)
    }

    fn take_log_dirs(
        &mut self,
        item: &Value,
        partition: &TopicPartition,
        replicas: &[i32],
    ) -> anyhow::Result<()> {
        let Some(dirs) = item.get("log_dirs") else { return Ok(()) };
        let dirs: Option<Vec<&str>> =
            dirs.as_array().and_then(|dirs| dirs.iter().map(Value::as_str).collect());
        let dirs = dirs.with_context(|| format!("log_dirs has to be a list of paths: {item}"))?;
        if dirs.len() != replicas.len() {
            bail!(
                "Size of replicas list {} is different from size of log dirs list {} for partition {partition}",
                bracketed(replicas),
                bracketed(&dirs)
            );
        }
        for (broker, dir) in replicas.iter().zip(dirs) {
            if dir != ANY_LOG_DIR {
                self.log_dirs.insert((*broker, partition.clone()), dir.to_owned());
            }
        }
        Ok(())
    }

    /// The replicas of each partition, if the plan can be carried out.
    pub(super) fn checked(&self) -> anyhow::Result<BTreeMap<TopicPartition, Vec<i32>>> {
        if self.partitions.is_empty() {
            bail!("Partition reassignment list cannot be empty");
        }
        if self.partitions.iter().any(|(_, replicas)| replicas.is_empty()) {
            bail!("Partition replica list cannot be empty");
        }
        let twice = duplicates(self.partitions.iter().map(|(partition, _)| partition));
        if !twice.is_empty() {
            bail!("Partition reassignment contains duplicate topic partitions: {}", joined(&twice));
        }
        let wrong: Vec<String> = self
            .partitions
            .iter()
            .map(|(partition, replicas)| (partition, duplicates(replicas)))
            .filter(|(_, twice)| !twice.is_empty())
            .map(|(partition, twice)| format!("{partition} contains multiple entries for {}", joined(&twice)))
            .collect();
        if !wrong.is_empty() {
            bail!("Partition replica lists may not contain duplicate entries: {}", wrong.join(". "));
        }
        Ok(self.partitions.iter().cloned().collect())
    }
}

/// Reads the file of `--generate`.
pub(super) fn parse_topics(text: &str) -> anyhow::Result<Vec<String>> {
    let json = json_of_version_1(text)?;
    let topics: Option<Vec<String>> = json
        .get("topics")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|item| item.get("topic").and_then(Value::as_str).map(str::to_owned))
        .collect();
    let topics = topics.context("each of the topics needs the field topic")?;
    let twice = duplicates(&topics);
    if !twice.is_empty() {
        bail!("List of topics to reassign contains duplicate entries: {}", bracketed(&twice));
    }
    Ok(topics)
}

/// Reads `--broker-list`.
pub(super) fn parse_brokers(list: &str) -> anyhow::Result<Vec<i32>> {
    let brokers: Result<Vec<i32>, _> = list.split(',').map(str::parse).collect();
    let brokers = brokers.with_context(|| format!("--broker-list {list}: has to be numbers, as 0,1"))?;
    let twice = duplicates(&brokers);
    if !twice.is_empty() {
        bail!("Broker list contains duplicate entries: {}", bracketed(&twice));
    }
    Ok(brokers)
}

fn json_of_version_1(text: &str) -> anyhow::Result<Value> {
    let json: Value = serde_json::from_str(text).context("The input string is not a valid JSON")?;
    match json.get("version") {
        None => Ok(json),
        Some(version) if version.as_i64() == Some(1) => Ok(json),
        Some(other) => bail!("Not supported version field value {other}"),
    }
}

fn duplicates<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for item in items {
        match seen.take(&item) {
            Some(_) => drop(twice.insert(item)),
            None => drop(seen.insert(item)),
        }
    }
    twice.into_iter().collect()
}

/// Items with commas between them.
pub(super) fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn bracketed<T: ToString>(items: &[T]) -> String {
    format!("[{}]", items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

/// A reassignment file for these partitions; replicas whose directory is not named may lie anywhere.
pub(super) fn to_json(
    partitions: &BTreeMap<TopicPartition, Vec<i32>>,
    log_dirs: &BTreeMap<Replica, String>,
) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let items: Vec<String> = partitions
        .iter()
        .map(|(partition, replicas)| {
            let dirs: Vec<String> = replicas
                .iter()
                .map(|broker| {
                    let dir = log_dirs.get(&(*broker, partition.clone()));
                    quoted(dir.map_or(ANY_LOG_DIR, String::as_str))
                })
                .collect();
            format!(
                r#"{{"topic":{},"partition":{},"replicas":[{}],"log_dirs":[{}]}}"#,
                quoted(&partition.topic),
                partition.partition,
                joined(replicas),
                dirs.join(",")
            )
        })
        .collect();
    format!(r#"{{"version":1,"partitions":[{}]}}"#, items.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_read_and_written() {
        let text = r#"{"version":1,"partitions":[{"topic":"t","partition":1,"replicas":[2,0],"log_dirs":["any","/b"]}]}"#;
        let plan = Plan::parse(text).unwrap();
        let partition = TopicPartition::new("t", 1);
        assert_eq!(plan.partitions, vec![(partition.clone(), vec![2, 0])]);
        assert_eq!(plan.log_dirs, BTreeMap::from([((0, partition), "/b".to_owned())]));
        assert_eq!(to_json(&plan.checked().unwrap(), &plan.log_dirs), text);
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused() {
        let one = |replicas: &str| format!(r#"{{"topic":"t","partition":0,"replicas":{replicas}}}"#);
        for (partitions, expect) in [
            (String::new(), "Partition reassignment list cannot be empty"),
            (one("[]"), "Partition replica list cannot be empty"),
            (
                format!("{},{}", one("[1]"), one("[2]")),
                "Partition reassignment contains duplicate topic partitions: t-0",
            ),
            (
                one("[1,1]"),
                "Partition replica lists may not contain duplicate entries: t-0 contains multiple entries for 1",
            ),
        ] {
            let text = format!(r#"{{"partitions":[{partitions}]}}"#);
            assert_eq!(Plan::parse(&text).unwrap().checked().unwrap_err().to_string(), expect);
        }
        for (text, expect) in [
            ("x", "The input string is not a valid JSON"),
            (r#"{"version":2}"#, "Not supported version field value 2"),
            (
                r#"{"partitions":[{"topic":"t","partition":0,"replicas":[1],"log_dirs":[]}]}"#,
                "Size of replicas list [1] is different from size of log dirs list [] for partition t-0",
            ),
        ] {
            assert_eq!(Plan::parse(text).unwrap_err().to_string(), expect);
        }
        assert_eq!(
            parse_brokers("1,2,1").unwrap_err().to_string(),
            "Broker list contains duplicate entries: [1]"
        );
    }
}
