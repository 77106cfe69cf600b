//! How many partitions internal topics are to have: repartition topics as the topics that flow into them, unless the
//! application says so itself; topics that are joined all the same; changelogs as their subtopology has tasks.

use super::{Status, Unfit};
use crate::cluster::Cluster;
use crate::group::streams::topology::Topology;
use klamm_protocol::StrBytes;
use klamm_protocol::coordinator::group::streams_group_topology::{CopartitionGroup, Subtopology};
use std::collections::{BTreeMap, BTreeSet};

/// The partition counts of the topics that there are, and of those that there are to be.
pub(super) struct PartitionCounts<'a> {
    cluster: &'a dyn Cluster,
    decided: BTreeMap<&'a str, i32>,
}

impl<'a> PartitionCounts<'a> {
    pub(super) fn decide(topology: &'a Topology, cluster: &'a dyn Cluster) -> Result<Self, Unfit> {
        let mut counts = Self { cluster, decided: BTreeMap::new() };
        counts.decided = counts.of_repartition_topics(topology)?;
        for subtopology in topology.in_kafka_order() {
            for group in &subtopology.copartition_groups {
                let names = names_of(group, subtopology).ok_or_else(Unfit::unforeseen)?;
                counts.enforce(topology, &names)?;
            }
        }
        for subtopology in topology.in_kafka_order() {
            let sources = Topology::sources_of(subtopology).map(|topic| counts.get(topic));
            let sources = sources.collect::<Option<Vec<i32>>>().ok_or_else(Unfit::unforeseen)?;
            let id = &subtopology.subtopology_id;
            let most = sources.into_iter().max();
            let most =
                most.ok_or_else(|| Unfit::invalid(format!("No source topics found for subtopology {id}")))?;
            for topic in &subtopology.state_changelog_topics {
                counts.decided.insert(&topic.name, most);
            }
        }
        Ok(counts)
    }

    /// Of a topic, as it is or is to be.
    pub(super) fn get(&self, topic: &str) -> Option<i32> {
        let existing = self.cluster.id(topic).and_then(|id| self.cluster.partition_count(id));
        existing.or_else(|| self.decided(topic))
    }

    /// Of an internal topic, as it is to be.
    pub(super) fn decided(&self, topic: &str) -> Option<i32> {
        self.decided.get(topic).copied()
    }

    fn of_repartition_topics(&self, topology: &'a Topology) -> Result<BTreeMap<&'a str, i32>, Unfit> {
        let all_sources = || topology.subtopologies.values().flat_map(|one| &one.repartition_source_topics);
        let fixed = all_sources().filter(|topic| topic.partitions != 0);
        let mut counts: BTreeMap<&str, i32> =
            fixed.map(|topic| (topic.name.as_str(), topic.partitions)).collect();
        loop {
            let (mut is_needed, mut has_progressed) = (false, false);
            for subtopology in topology.in_kafka_order() {
                for sink in &subtopology.repartition_sink_topics {
                    if counts.contains_key(sink.as_str()) {
                        continue;
                    }
                    let internal = subtopology.repartition_source_topics.iter();
                    let internal = internal.filter_map(|topic| counts.get(topic.name.as_str()).copied());
                    let external = subtopology.source_topics.iter().filter_map(|topic| self.get(topic));
                    match internal.chain(external).max() {
                        Some(count) => {
                            counts.insert(sink, count);
                            has_progressed = true;
                        }
                        None => is_needed = true,
                    }
                }
            }
            if is_needed && !has_progressed {
                return Err(Unfit::invalid(
                    "Failed to compute number of partitions for all repartition topics. There may be loops in the topology \
                     that cannot be resolved.",
                ));
            }
            if !is_needed {
                break;
            }
        }
        if all_sources().any(|topic| !counts.contains_key(topic.name.as_str())) {
            return Err(Unfit::invalid(
                "Failed to compute number of partitions for all repartition topics, because a repartition source topic is \
                 never used as a sink topic.",
            ));
        }
        Ok(counts)
    }

    /// Topics that are joined need as many partitions as each other.
    fn enforce(&mut self, topology: &'a Topology, names: &BTreeSet<&'a str>) -> Result<(), Unfit> {
        if names.is_empty() {
            return Ok(());
        }
        let all = topology.subtopologies.values().flat_map(|one| &one.repartition_source_topics);
        let (fixed, flexible): (Vec<_>, Vec<_>) = all.partition(|topic| topic.partitions != 0);
        let fixed: BTreeSet<&str> = fixed.into_iter().map(|topic| topic.name.as_str()).collect();
        let flexible: BTreeSet<&str> = flexible.into_iter().map(|topic| topic.name.as_str()).collect();
        let mut internal: BTreeMap<&'a str, i32> = BTreeMap::new();
        let mut external: BTreeMap<&'a str, i32> = BTreeMap::new();
        for name in names {
            let count = self.get(name).ok_or_else(Unfit::unforeseen)?;
            let is_internal = fixed.contains(name) || flexible.contains(name);
            if is_internal { &mut internal } else { &mut external }.insert(name, count);
        }
        let mut wanted = external.values().copied();
        let count = match wanted.next() {
            Some(first) if wanted.all(|count| count == first) => first,
            Some(_) => return Err(not_the_same(&external)),
            // Kafka compares all topics that the application has fixed, be they of this group or not.
            None if !fixed.is_empty() => {
                let counts: BTreeSet<Option<i32>> = fixed.iter().map(|name| self.get(name)).collect();
                match (counts.len(), counts.first()) {
                    (1, Some(Some(count))) => *count,
                    _ => return Err(not_the_same(&internal)),
                }
            }
            None => internal.values().copied().max().unwrap_or(0),
        };
        for (name, had) in internal {
            if fixed.contains(name) && had != count {
                let detail = format!(
                    "Number of partitions [{had}] of repartition topic [{name}] doesn't match number of partitions \
                     [{count}] of the source topic."
                );
                return Err(Unfit::Topics(Status::IncorrectlyPartitionedTopics, detail));
            }
            self.decided.insert(name, count);
        }
        Ok(())
    }
}

/// `None` if an index is none of the subtopology's.
fn names_of<'a>(group: &CopartitionGroup, subtopology: &'a Subtopology) -> Option<BTreeSet<&'a str>> {
    let at = |index: &i16| usize::try_from(*index).ok();
    let sources = group.source_topics.iter().map(|index| subtopology.source_topics.get(at(index)?));
    let internal = group.repartition_source_topics.iter();
    let internal =
        internal.map(|index| subtopology.repartition_source_topics.get(at(index)?).map(|topic| &topic.name));
    sources.chain(internal).map(|name| name.map(StrBytes::as_str)).collect()
}

fn not_the_same(counts: &BTreeMap<&str, i32>) -> Unfit {
    let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{name}={count}")).collect();
    let detail =
        format!("Following topics do not have the same number of partitions: [{{{}}}]", counts.join(", "));
    Unfit::Topics(Status::IncorrectlyPartitionedTopics, detail)
}
