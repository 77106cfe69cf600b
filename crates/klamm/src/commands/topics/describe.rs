//! `klamm topics --describe`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::bail;
use klamm_client::admin::{
    Admin, ConfigEntry, ConfigResource, ConfigSource, PartitionDescription, Reassignment, ResourceType,
    TopicDescription,
};
use klamm_protocol::Uuid;

use super::Options;
use crate::cli::emphasised;
use crate::java::hash_map_order;

pub(super) async fn describe(options: &Options, admin: &Admin) -> anyhow::Result<()> {
    let names = names(options, admin).await?;
    if names.is_empty() {
        return Ok(());
    }
    let limit = options.partition_size_limit_per_response.unwrap_or(2000);
    let topics = admin.describe_topics(&names, limit).await?;
    let count = topics.len();
    let topics = hash_map_order(topics, count, |topic| &topic.name);
    let resources: Vec<ConfigResource> = topics
        .iter()
        .map(|topic| ConfigResource { kind: ResourceType::Topic, name: topic.name.clone() })
        .collect();
    let mut configs = admin.describe_configs(&resources, false).await?;
    let live: BTreeSet<i32> =
        admin.describe_cluster(false).await?.brokers.iter().map(|broker| broker.id).collect();
    let reassignments = admin.list_reassignments().await.unwrap_or_default();
    let mut json = Vec::new();
    for (topic, resource) in topics.iter().zip(&resources) {
        let entries = match configs.remove(resource) {
            Some(entries) => entries?,
            None => Vec::new(),
        };
        let view = View { options, topic, entries, live: &live, reassignments: &reassignments };
        if options.json {
            json.push(view.json());
        } else {
            print!("{}", emphasised(&view.text(), |line| line.starts_with("Topic: ")));
        }
    }
    if options.json {
        println!("{}", serde_json::Value::Array(json));
    }
    Ok(())
}

async fn names(options: &Options, admin: &Admin) -> anyhow::Result<Vec<String>> {
    let Some(text) = &options.topic_id else { return options.matching(admin).await };
    let Ok(id) = text.parse::<Uuid>() else {
        bail!(
            "Input string `{text}` decoded as 0 bytes, which is not equal to the expected 16 bytes of a base64-encoded uuid"
        );
    };
    if id == Uuid::ZERO {
        return options.matching(admin).await;
    }
    if options.topic.is_some() && options.if_exists {
        println!(
            "Only topic id will be used when both --topic and --topic-id are specified and topicId is not Uuid.ZERO_UUID"
        );
    }
    let topics = admin.list_topics(!options.exclude_internal).await?;
    match topics.iter().find(|topic| topic.id == id) {
        Some(topic) => Ok(vec![topic.name.to_string()]),
        None if options.if_exists => Ok(Vec::new()),
        None => bail!("TopicId '{text}' does not exist as expected"),
    }
}

/// One topic with what belongs to it.
struct View<'a> {
    options: &'a Options,
    topic: &'a TopicDescription,
    entries: Vec<ConfigEntry>,
    live: &'a BTreeSet<i32>,
    reassignments: &'a BTreeMap<(String, i32), Reassignment>,
}

impl View<'_> {
    fn text(&self) -> String {
        let mut text = String::new();
        let reports = self.options.under_replicated_partitions
            || self.options.unavailable_partitions
            || self.options.under_min_isr_partitions
            || self.options.at_min_isr_partitions;
        let overrides = self.overrides();
        if !reports && (!self.options.topics_with_overrides || !overrides.is_empty()) {
            let _ = write!(text, "Topic: {}", self.topic.name);
            if self.topic.id != Uuid::ZERO {
                let _ = write!(text, "\tTopicId: {}", self.topic.id);
            }
            let factor =
                self.topic.partitions.first().map_or(0, |partition| self.replication_factor(partition));
            let _ = writeln!(
                text,
                "\tPartitionCount: {}\tReplicationFactor: {factor}\tConfigs: {}",
                self.topic.partitions.len(),
                overrides.join(",")
            );
        }
        if !self.options.topics_with_overrides {
            for partition in &self.topic.partitions {
                if !reports || self.is_reported(partition) {
                    self.partition(&mut text, partition);
                }
            }
        }
        text
    }

    fn overrides(&self) -> Vec<String> {
        let count = self.entries.len();
        let set = self.entries.iter().collect();
        let ordered = hash_map_order(set, count, |entry: &&ConfigEntry| &entry.name);
        let value = |entry: &ConfigEntry| entry.value.clone().unwrap_or_else(|| "null".to_owned());
        ordered
            .iter()
            .filter(|entry| entry.source != ConfigSource::Default)
            .map(|entry| format!("{}={}", entry.name, value(entry)))
            .collect()
    }

    fn partition(&self, text: &mut String, partition: &PartitionDescription) {
        let leader = partition.leader.map_or_else(|| "none".to_owned(), |leader| leader.to_string());
        let _ = write!(
            text,
            "\tTopic: {}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}",
            self.topic.name,
            partition.index,
            list(&partition.replicas),
            list(&partition.isr)
        );
        if let Some(moving) = self.reassignment(partition) {
            let _ = write!(
                text,
                "\tAdding Replicas: {}\tRemoving Replicas: {}",
                list(&moving.adding),
                list(&moving.removing)
            );
        }
        let optional =
            |ids: &Option<Vec<i32>>| ids.as_ref().map_or_else(|| "N/A".to_owned(), |ids| list(ids));
        let _ = writeln!(
            text,
            "\tElr: {}\tLastKnownElr: {}",
            optional(&partition.elr),
            optional(&partition.last_known_elr)
        );
    }

    fn reassignment(&self, partition: &PartitionDescription) -> Option<&Reassignment> {
        self.reassignments.get(&(self.topic.name.clone(), partition.index))
    }

    /// The number of replicas there shall be, while a reassignment adds some that will replace others.
    fn replication_factor(&self, partition: &PartitionDescription) -> usize {
        let moving = self.reassignment(partition).filter(|moving| {
            let changing = moving.adding.iter().chain(&moving.removing);
            changing.into_iter().any(|id| partition.replicas.contains(id))
        });
        moving.map_or(partition.replicas.len(), |moving| moving.replicas.len() - moving.adding.len())
    }

    fn is_reported(&self, partition: &PartitionDescription) -> bool {
        let isr = partition.isr.len();
        let min_isr = self
            .entries
            .iter()
            .find(|entry| entry.name == "min.insync.replicas")
            .and_then(|entry| entry.value.as_ref()?.parse::<usize>().ok())
            .unwrap_or(1);
        let is_led = partition.leader.is_some();
        (self.options.under_replicated_partitions && self.replication_factor(partition) > isr)
            || (self.options.unavailable_partitions
                && !partition.leader.is_some_and(|leader| self.live.contains(&leader)))
            || (self.options.under_min_isr_partitions && (!is_led || isr < min_isr))
            || (self.options.at_min_isr_partitions && isr == min_isr)
    }

    fn json(&self) -> serde_json::Value {
        let partitions: Vec<serde_json::Value> = self
            .topic
            .partitions
            .iter()
            .map(|p| {
                serde_json::json!({ "partition": p.index, "leader": p.leader, "replicas": p.replicas, "isr": p.isr,
                    "elr": p.elr, "lastKnownElr": p.last_known_elr })
            })
            .collect();
        let configs: serde_json::Map<String, serde_json::Value> = self
            .entries
            .iter()
            .filter(|entry| entry.source != ConfigSource::Default)
            .map(|entry| (entry.name.clone(), serde_json::json!(entry.value)))
            .collect();
        serde_json::json!({ "topic": self.topic.name, "topicId": self.topic.id.to_string(),
            "isInternal": self.topic.is_internal, "configs": configs, "partitions": partitions })
    }
}

fn list(ids: &[i32]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
