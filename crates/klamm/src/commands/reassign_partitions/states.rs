//! How far moves are, and how the tool says it.

use std::collections::BTreeMap;

use klamm_client::TopicPartition;
use klamm_client::admin::{Admin, Reassignment};

use super::plan::{Plan, Replica, joined, replica_text};

type UnderWay = BTreeMap<(String, i32), Reassignment>;

/// Where a replica is with its move to another directory of its broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MoveState {
    /// No directory of the broker holds it.
    Missing,
    /// On its way to `future`.
    Active { current: String, target: String, future: String },
    /// Elsewhere, and not on its way.
    Cancelled { current: String, target: String },
    /// Where it should be.
    Completed,
}

impl MoveState {
    pub(super) const fn is_done(&self) -> bool {
        !matches!(self, Self::Active { .. })
    }

    /// The directory that a move came from, if it is under way.
    pub(super) fn way_back(self) -> Option<String> {
        match self {
            Self::Active { current, .. } => Some(current),
            _ => None,
        }
    }
}

/// The directory of a replica, and the one that it is moving to.
type Places = (Option<String>, Option<String>);

/// In which directories replicas lie.
async fn places(
    admin: &Admin,
    replicas: impl Iterator<Item = Replica>,
) -> anyhow::Result<BTreeMap<Replica, Places>> {
    let mut by_broker: BTreeMap<i32, BTreeMap<String, Vec<i32>>> = BTreeMap::new();
    for (broker, partition) in replicas {
        let topics = by_broker.entry(broker).or_default();
        topics.entry(partition.topic.to_string()).or_default().push(partition.partition);
    }
    let mut found: BTreeMap<Replica, Places> = BTreeMap::new();
    for (broker, topics) in by_broker {
        let topics: Vec<(String, Vec<i32>)> = topics.into_iter().collect();
        for dir in admin.describe_log_dirs(broker, Some(&topics)).await? {
            for (topic, partition, _, _, is_future) in dir.replicas {
                let places = found.entry((broker, TopicPartition::new(topic, partition))).or_default();
                let place = if is_future { &mut places.1 } else { &mut places.0 };
                *place = Some(dir.path.clone());
            }
        }
    }
    Ok(found)
}

/// The directories of all replicas on live brokers.
pub(super) async fn log_dirs_of(
    admin: &Admin,
    partitions: &BTreeMap<TopicPartition, Vec<i32>>,
) -> anyhow::Result<BTreeMap<Replica, String>> {
    let live: Vec<i32> =
        admin.describe_cluster(false).await?.brokers.iter().map(|broker| broker.id).collect();
    let replicas = partitions
        .iter()
        .flat_map(|(partition, ids)| ids.iter().map(|id| (*id, partition.clone())))
        .filter(|(broker, _)| live.contains(broker));
    let found = places(admin, replicas).await?;
    Ok(found.into_iter().filter_map(|(replica, (current, _))| Some((replica, current?))).collect())
}

/// How far moves to these directories are.
pub(super) async fn of_log_dirs(
    admin: &Admin,
    targets: &BTreeMap<Replica, String>,
) -> anyhow::Result<BTreeMap<Replica, MoveState>> {
    let mut found = places(admin, targets.keys().cloned()).await?;
    let state = |(replica, target): (&Replica, &String)| {
        let target = target.clone();
        let state = match found.remove(replica).unwrap_or_default() {
            (None, _) => MoveState::Missing,
            (Some(current), None) if current == target => MoveState::Completed,
            (Some(current), None) => MoveState::Cancelled { current, target },
            (Some(current), Some(future)) => MoveState::Active { current, target, future },
        };
        (replica.clone(), state)
    };
    Ok(targets.iter().map(state).collect())
}

/// What `--verify` says of partitions. `settled` has the replicas of topics by partition number.
pub(super) fn partitions_text(
    plan: &Plan,
    under_way: &UnderWay,
    settled: &BTreeMap<String, Vec<Vec<i32>>>,
) -> String {
    let targets: BTreeMap<&TopicPartition, &Vec<i32>> =
        plan.partitions.iter().map(|(partition, replicas)| (partition, replicas)).collect();
    let mut lines = vec!["Status of partition reassignment:".to_owned()];
    for (partition, target) in targets {
        if under_way.contains_key(&(partition.topic.to_string(), partition.partition)) {
            lines.push(format!("Reassignment of partition {partition} is still in progress."));
            continue;
        }
        let index = usize::try_from(partition.partition).unwrap_or(usize::MAX);
        let current = settled.get(&*partition.topic).and_then(|replicas| replicas.get(index));
        let current = current.map(Vec::as_slice).unwrap_or_default();
        lines.push(if current == target.as_slice() {
            format!("Reassignment of partition {partition} is completed.")
        } else {
            format!(
                "There is no active reassignment of partition {partition}, but replica set is {} rather than {}.",
                joined(current),
                joined(target)
            )
        });
    }
    lines.join("\n")
}

/// What `--verify` says of moves between directories.
pub(super) fn moves_text(moves: &BTreeMap<Replica, MoveState>) -> String {
    let line = |(replica, state): (&Replica, &MoveState)| {
        let (broker, partition) = replica;
        match state {
            MoveState::Missing => format!(
                "Partition {partition} is not found in any live log dir on broker {broker}. There is likely an offline log directory on the broker."
            ),
            MoveState::Active { target, future, .. } if target == future => {
                format!("Reassignment of replica {} is still in progress.", replica_text(replica))
            }
            MoveState::Active { target, future, .. } => format!(
                "Partition {partition} on broker {broker} is being moved to log dir {future} instead of {target}."
            ),
            MoveState::Cancelled { current, target } => format!(
                "Partition {partition} on broker {broker} is not being moved from log dir {current} to {target}."
            ),
            MoveState::Completed => {
                format!("Reassignment of replica {} completed successfully.", replica_text(replica))
            }
        }
    };
    moves.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What `--list` says.
pub(super) fn list_text(under_way: &UnderWay) -> String {
    if under_way.is_empty() {
        return "No partition reassignments found.".to_owned();
    }
    let mut text = "Current partition reassignments:".to_owned();
    for ((topic, partition), moving) in under_way {
        text.push_str(&format!("\n{topic}-{partition}: replicas: {}.", joined(&moving.replicas)));
        for (what, ids) in [("adding", &moving.adding), ("removing", &moving.removing)] {
            if !ids.is_empty() {
                text.push_str(&format!(" {what}: {}.", joined(ids)));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_said_as_kafka_says_them() {
        let moving = Reassignment { replicas: vec![1, 2], adding: vec![2], removing: vec![] };
        let under_way = BTreeMap::from([(("t".to_owned(), 1), moving)]);
        assert_eq!(list_text(&under_way), "Current partition reassignments:\nt-1: replicas: 1,2. adding: 2.");
        let partition = |number| TopicPartition::new("t", number);
        let plan = Plan {
            partitions: vec![(partition(2), vec![1]), (partition(1), vec![2]), (partition(0), vec![1, 2])],
            log_dirs: BTreeMap::new(),
        };
        let settled = BTreeMap::from([("t".to_owned(), vec![vec![1, 2], vec![1], vec![3, 4]])]);
        assert_eq!(
            partitions_text(&plan, &under_way, &settled),
            "Status of partition reassignment:\n\
             Reassignment of partition t-0 is completed.\n\
             Reassignment of partition t-1 is still in progress.\n\
             There is no active reassignment of partition t-2, but replica set is 3,4 rather than 1."
        );
    }
}
