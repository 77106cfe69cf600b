//! Transactions that hang: open on a partition, and unknown to the coordinator that would have to end them.

use std::collections::{BTreeMap, BTreeSet};

use klamm_client::admin::{Admin, ProducerState, TransactionFilter};
use klamm_client::{ClientError, TopicPartition};
use klamm_protocol::ErrorCode;

use super::failed;
use crate::cli::padded_table;

/// Partitions that one request asks about.
const BATCH: usize = 500;
const MS_PER_MINUTE: i64 = 60_000;

/// Where to search, and for what.
#[derive(clap::Args)]
pub(super) struct Search {
    /// Only partitions with a replica on this broker, as this broker sees them.
    #[arg(long, value_name = "ID")]
    broker_id: Option<i32>,
    /// Only transactions that have been open for longer than that many minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 15)]
    max_transaction_timeout: i32,
    /// Only this topic.
    #[arg(long)]
    topic: Option<String>,
    /// Only this partition of the topic.
    #[arg(long, value_name = "NUMBER")]
    partition: Option<i32>,
}

/// A transaction that is open on a partition.
type Open = (TopicPartition, ProducerState);

impl Search {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.topic.is_none() && self.broker_id.is_none() {
            return Err(
                "The `find-hanging` command requires either --topic or --broker-id to limit the scope of the search",
            );
        }
        if self.partition.is_some() && self.topic.is_none() {
            return Err("The --partition argument requires --topic to be provided");
        }
        Ok(())
    }

    pub(super) async fn execute(&self, admin: &Admin) -> anyhow::Result<()> {
        let partitions = self.partitions(admin).await?;
        let mut candidates = Vec::new();
        for batch in partitions.chunks(BATCH) {
            candidates.extend(self.candidates(admin, batch).await?);
        }
        let now = admin.cluster().clock().wall_ms();
        let hanging = if candidates.is_empty() { candidates } else { unknown(admin, candidates).await? };
        print!("{}", table(&hanging, now));
        Ok(())
    }

    async fn partitions(&self, admin: &Admin) -> anyhow::Result<Vec<TopicPartition>> {
        if let (Some(topic), Some(partition)) = (&self.topic, self.partition) {
            return Ok(vec![TopicPartition::new(topic.as_str(), partition)]);
        }
        let topics: Vec<String> = match &self.topic {
            Some(topic) => vec![topic.clone()],
            None => {
                let listed = admin.list_topics(true).await;
                let listed = listed.map_err(failed("Failed to list topics".to_owned()))?;
                listed.into_iter().map(|topic| topic.name.to_string()).collect()
            }
        };
        let mut found = Vec::new();
        for names in topics.chunks(BATCH) {
            let what = format!("Failed to describe {} topics", names.len());
            for topic in admin.describe_topics(names, 2000).await.map_err(failed(what))? {
                let has_replica = |replicas: &[i32]| self.broker_id.is_none_or(|id| replicas.contains(&id));
                let wanted = topic.partitions.iter().filter(|partition| has_replica(&partition.replicas));
                found.extend(
                    wanted.map(|partition| TopicPartition::new(topic.name.as_str(), partition.index)),
                );
            }
        }
        Ok(found)
    }

    /// Transactions that have been open for too long.
    async fn candidates(&self, admin: &Admin, partitions: &[TopicPartition]) -> anyhow::Result<Vec<Open>> {
        let what = format!("Failed to describe producers for {} partitions", partitions.len());
        let described = admin.describe_producers(partitions, self.broker_id).await;
        let now = admin.cluster().clock().wall_ms();
        let limit = i64::from(self.max_transaction_timeout) * MS_PER_MINUTE;
        let mut found = Vec::new();
        for (partition, producers) in described.map_err(failed(what.clone()))? {
            for producer in producers.map_err(failed(what.clone()))? {
                if producer.current_txn_start_offset >= 0 && now - producer.last_timestamp > limit {
                    found.push((partition.clone(), producer));
                }
            }
        }
        Ok(found)
    }
}

/// Those that their coordinators will not end.
async fn unknown(admin: &Admin, candidates: Vec<Open>) -> anyhow::Result<Vec<Open>> {
    let ids: BTreeSet<i64> = candidates.iter().map(|(_, producer)| producer.producer_id).collect();
    let filter = TransactionFilter { producer_ids: ids.iter().copied().collect(), ..Default::default() };
    let what = format!("Failed to list transactions for {} producers", ids.len());
    let listed = admin.list_transactions(&filter).await.map_err(failed(what))?;
    let mut partitions_of: BTreeMap<i64, BTreeSet<TopicPartition>> = BTreeMap::new();
    for transaction in listed.into_iter().filter(|transaction| ids.contains(&transaction.producer_id)) {
        match admin.describe_transaction(&transaction.transactional_id).await {
            Ok(description) => drop(partitions_of.insert(transaction.producer_id, description.partitions)),
            Err(ClientError::Broker { code: ErrorCode::TransactionalIdNotFound, .. }) => {}
            Err(error) => {
                let what = format!("Failed to describe transaction {}", transaction.transactional_id);
                return Err(failed(what)(error));
            }
        }
    }
    Ok(left_over(candidates, &partitions_of))
}

/// A coordinator names all partitions that it will still write a marker to.
fn left_over(candidates: Vec<Open>, partitions_of: &BTreeMap<i64, BTreeSet<TopicPartition>>) -> Vec<Open> {
    let is_known = |(partition, producer): &Open| {
        partitions_of.get(&producer.producer_id).is_some_and(|partitions| partitions.contains(partition))
    };
    candidates.into_iter().filter(|open| !is_known(open)).collect()
}

fn table(hanging: &[Open], now_ms: i64) -> String {
    let headings = [
        "Topic",
        "Partition",
        "ProducerId",
        "ProducerEpoch",
        "CoordinatorEpoch",
        "StartOffset",
        "LastTimestamp",
        "Duration(min)",
    ];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    rows.extend(hanging.iter().map(|(partition, producer)| {
        vec![
            partition.topic.to_string(),
            partition.partition.to_string(),
            producer.producer_id.to_string(),
            producer.producer_epoch.to_string(),
            producer.coordinator_epoch.max(-1).to_string(),
            producer.current_txn_start_offset.to_string(),
            producer.last_timestamp.to_string(),
            ((now_ms - producer.last_timestamp) / MS_PER_MINUTE).to_string(),
        ]
    }));
    padded_table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_coordinator_will_end_does_not_hang() {
        let open = |number, producer_id| {
            (TopicPartition::new("t", number), ProducerState { producer_id, ..Default::default() })
        };
        let candidates = vec![open(0, 1), open(1, 1), open(0, 2)];
        let known = BTreeMap::from([(1, BTreeSet::from([TopicPartition::new("t", 0)]))]);
        let left = left_over(candidates, &known);
        assert_eq!(left, vec![open(1, 1), open(0, 2)]);
    }
}
