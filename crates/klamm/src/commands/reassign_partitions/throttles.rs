//! Throttles of the traffic that reassignments cause: set before they begin, cleared when they are done.

use std::collections::{BTreeMap, BTreeSet};

use klamm_client::TopicPartition;
use klamm_client::admin::{
    Admin, ConfigAlteration, ConfigOperation, ConfigResource, Reassignment, ResourceType,
};

use super::plan::{Plan, joined};
use crate::java;

const LEADER_RATE: &str = "leader.replication.throttled.rate";
const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";
const DIRECTORY_RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";
const LEADER_REPLICAS: &str = "leader.replication.throttled.replicas";
const FOLLOWER_REPLICAS: &str = "follower.replication.throttled.replicas";

type Alterations = Vec<(ConfigResource, Vec<ConfigAlteration>)>;

/// From which brokers to which a partition moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Move {
    sources: BTreeSet<i32>,
    destinations: BTreeSet<i32>,
}

/// All moves: those under way, and those that are proposed.
fn moves(
    current: &BTreeMap<(String, i32), Reassignment>,
    proposed: &BTreeMap<TopicPartition, Vec<i32>>,
    replicas: &BTreeMap<TopicPartition, Vec<i32>>,
) -> BTreeMap<TopicPartition, Move> {
    let mut moves: BTreeMap<TopicPartition, Move> = current
        .iter()
        .map(|((topic, partition), moving)| {
            let destinations: BTreeSet<i32> = moving.adding.iter().copied().collect();
            let sources = moving.replicas.iter().filter(|id| !destinations.contains(id)).copied().collect();
            (TopicPartition::new(topic.as_str(), *partition), Move { sources, destinations })
        })
        .collect();
    for (partition, target) in proposed {
        let sources = match moves.get(partition) {
            Some(moving) => moving.sources.clone(),
            None => replicas.get(partition).into_iter().flatten().copied().collect(),
        };
        let destinations = target.iter().filter(|id| !sources.contains(id)).copied().collect();
        moves.insert(partition.clone(), Move { sources, destinations });
    }
    moves
}

fn set(name: &str, value: String) -> ConfigAlteration {
    ConfigAlteration { name: name.to_owned(), operation: ConfigOperation::Set, value: Some(value) }
}

fn delete(name: &str) -> ConfigAlteration {
    ConfigAlteration { name: name.to_owned(), operation: ConfigOperation::Delete, value: None }
}

fn broker(id: i32) -> ConfigResource {
    ConfigResource { kind: ResourceType::Broker, name: id.to_string() }
}

fn topic(name: &str) -> ConfigResource {
    ConfigResource { kind: ResourceType::Topic, name: name.to_owned() }
}

/// The topic configurations that name the throttled replicas.
fn replica_lists(moves: &BTreeMap<TopicPartition, Move>) -> Alterations {
    let mut lists: BTreeMap<&str, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for (partition, moving) in moves {
        let (leaders, followers) = lists.entry(&partition.topic).or_default();
        let entry = |id: &i32| format!("{}:{id}", partition.partition);
        leaders.extend(moving.sources.iter().map(entry));
        followers.extend(moving.destinations.iter().map(entry));
    }
    let text = |list: BTreeSet<String>| list.into_iter().collect::<Vec<_>>().join(",");
    lists
        .into_iter()
        .map(|(name, (leaders, followers))| {
            let changes = vec![set(LEADER_REPLICAS, text(leaders)), set(FOLLOWER_REPLICAS, text(followers))];
            (topic(name), changes)
        })
        .collect()
}

async fn alter(admin: &Admin, alterations: Alterations) -> anyhow::Result<()> {
    for (_, result) in admin.alter_configs(&alterations, false).await? {
        result?;
    }
    Ok(())
}

/// Throttles what moves between brokers, what moves already included.
pub(super) async fn set_inter_broker(
    admin: &Admin,
    bytes_per_second: i64,
    current: &BTreeMap<(String, i32), Reassignment>,
    proposed: &BTreeMap<TopicPartition, Vec<i32>>,
    replicas: &BTreeMap<TopicPartition, Vec<i32>>,
) -> anyhow::Result<()> {
    let moves = moves(current, proposed, replicas);
    alter(admin, replica_lists(&moves)).await?;
    let brokers: BTreeSet<i32> =
        moves.values().flat_map(|moving| moving.sources.union(&moving.destinations).copied()).collect();
    let rate = || bytes_per_second.to_string();
    let rates = brokers
        .into_iter()
        .map(|id| (broker(id), vec![set(LEADER_RATE, rate()), set(FOLLOWER_RATE, rate())]));
    alter(admin, rates.collect()).await?;
    println!("The inter-broker throttle limit was set to {bytes_per_second} B/s");
    Ok(())
}

/// Throttles what moves between directories of these brokers.
pub(super) async fn set_log_dirs(
    admin: &Admin,
    bytes_per_second: i64,
    brokers: BTreeSet<i32>,
) -> anyhow::Result<()> {
    let rate = || vec![set(DIRECTORY_RATE, bytes_per_second.to_string())];
    alter(admin, brokers.into_iter().map(|id| (broker(id), rate())).collect()).await?;
    println!("The replica-alter-dir throttle limit was set to {bytes_per_second} B/s");
    Ok(())
}

/// Clears every throttle on all brokers and on the plan's topics: who took part in earlier moves is not known any more.
pub(super) async fn clear(admin: &Admin, plan: &Plan) -> anyhow::Result<()> {
    let mut brokers: BTreeSet<i32> =
        admin.describe_cluster(false).await?.brokers.iter().map(|broker| broker.id).collect();
    brokers.extend(plan.partitions.iter().flat_map(|(_, replicas)| replicas));
    let ids: Vec<i32> = brokers.iter().copied().collect();
    println!("Clearing broker-level throttles on broker{} {}", plural(ids.len()), joined(&ids));
    let rates = || vec![delete(LEADER_RATE), delete(FOLLOWER_RATE), delete(DIRECTORY_RATE)];
    alter(admin, brokers.into_iter().map(|id| (broker(id), rates())).collect()).await?;
    let topics: BTreeSet<&str> = plan.partitions.iter().map(|(partition, _)| &*partition.topic).collect();
    let shown = java::hash_map_order(topics.iter().copied().collect(), 16, |name| name);
    println!("Clearing topic-level throttles on topic{} {}", plural(shown.len()), joined(&shown));
    let lists = || vec![delete(LEADER_REPLICAS), delete(FOLLOWER_REPLICAS)];
    alter(admin, topics.into_iter().map(|name| (topic(name), lists())).collect()).await
}

/// The ending of a word that there are `count` of.
pub(super) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_lead_and_destinations_follow() {
        let partition = |number| TopicPartition::new("t", number);
        // 0 is on the way from 1 to 2 already, and shall go to 3; 1 shall go from 1,2 to 2,3.
        let moving = Reassignment { replicas: vec![1, 2], adding: vec![2], removing: vec![1] };
        let current = BTreeMap::from([(("t".to_owned(), 0), moving)]);
        let proposed = BTreeMap::from([(partition(0), vec![3]), (partition(1), vec![2, 3])]);
        let replicas = BTreeMap::from([(partition(0), vec![1, 2]), (partition(1), vec![1, 2])]);
        let moves = moves(&current, &proposed, &replicas);
        let lists = replica_lists(&moves);
        let (resource, changes) = &lists[0];
        assert_eq!((lists.len(), resource), (1, &topic("t")));
        assert_eq!(changes[0].value.as_deref(), Some("0:1,1:1,1:2"));
        assert_eq!(changes[1].value.as_deref(), Some("0:3,1:3"));
    }
}
