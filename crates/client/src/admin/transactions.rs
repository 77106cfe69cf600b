//! Transactions as coordinators and partitions see them (KIP-664).

use std::collections::{BTreeMap, BTreeSet};

pub use klamm_protocol::api::describe_producers::ProducerState;
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::{
        describe_producers::{DescribeProducersRequest, TopicRequest},
        describe_transactions::DescribeTransactionsRequest,
        init_producer_id::InitProducerIdRequest,
        list_transactions::ListTransactionsRequest,
        write_txn_markers::{WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest},
    },
};

use super::{Admin, ByPartition, offsets::by_leader, text};
use crate::{
    ClientError, TopicPartition,
    cluster::{CoordinatorKind, TopicSelection},
};

/// A transaction, in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionListing {
    /// The broker that coordinates it.
    pub coordinator: i32,
    /// Its transactional id.
    pub transactional_id: String,
    /// Its producer's id.
    pub producer_id: i64,
    /// Its state, as Kafka names it (`Ongoing`).
    pub state: String,
}

/// Which transactions to list; all by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionFilter {
    /// Those of these producers.
    pub producer_ids: Vec<i64>,
    /// Those that have been open for longer than that, in ms.
    pub duration_ms: Option<i64>,
    /// Those whose transactional id matches this regular expression (KIP-1152).
    pub transactional_id_pattern: Option<String>,
}

/// A transaction as its coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionDescription {
    /// The broker that coordinates it.
    pub coordinator: i32,
    /// Its state, as Kafka names it.
    pub state: String,
    /// Its producer's id.
    pub producer_id: i64,
    /// Its producer's epoch.
    pub producer_epoch: i16,
    /// After how many ms it is aborted.
    pub timeout_ms: i32,
    /// When it was begun, in ms since 1970, if it is open.
    pub start_time_ms: Option<i64>,
    /// Its partitions.
    pub partitions: BTreeSet<TopicPartition>,
}

/// A transaction to be aborted by force on one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbortSpec {
    /// The partition.
    pub partition: TopicPartition,
    /// The producer's id.
    pub producer_id: i64,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// The coordinator's epoch.
    pub coordinator_epoch: i32,
}

impl Admin {
    /// Transactions that all brokers coordinate.
    ///
    /// # Errors
    /// If a broker does not answer or cannot filter so.
    pub async fn list_transactions(
        &self,
        filter: &TransactionFilter,
    ) -> Result<Vec<TransactionListing>, ClientError> {
        let doing = "listing transactions";
        let limit = self.cluster.api_timeout();
        let metadata =
            self.cluster.retrying(doing, limit, || self.cluster.refresh(TopicSelection::None)).await?;
        let request = ListTransactionsRequest {
            producer_id_filters: filter.producer_ids.clone(),
            duration_filter: filter.duration_ms.unwrap_or(-1),
            transactional_id_pattern: filter.transactional_id_pattern.clone().map(StrBytes::from),
            ..Default::default()
        };
        let mut found = Vec::new();
        for broker in metadata.brokers.keys() {
            let answer = self
                .cluster
                .retrying(doing, limit, async || {
                    let answer = self.cluster.call_node(*broker, &request).await?;
                    ClientError::check(answer.error_code, None)?;
                    Ok(answer)
                })
                .await?;
            found.extend(answer.transaction_states.iter().map(|state| TransactionListing {
                coordinator: *broker,
                transactional_id: state.transactional_id.to_string(),
                producer_id: state.producer_id,
                state: state.transaction_state.to_string(),
            }));
        }
        Ok(found)
    }

    /// Describes one transaction.
    ///
    /// # Errors
    /// If its coordinator does not answer or does not know it.
    pub async fn describe_transaction(
        &self,
        transactional_id: &str,
    ) -> Result<TransactionDescription, ClientError> {
        let request = DescribeTransactionsRequest {
            transactional_ids: vec![StrBytes::from(transactional_id.to_owned())],
            ..Default::default()
        };
        let kind = CoordinatorKind::Transaction;
        self.cluster
            .retrying("describing a transaction", self.cluster.api_timeout(), async || {
                let coordinator = self.cluster.coordinator(kind, transactional_id).await?;
                let result = async {
                    let answer = self.cluster.call_node(coordinator, &request).await?;
                    let Some(state) = answer.transaction_states.first() else {
                        return Err(ClientError::Broker {
                            code: ErrorCode::TransactionalIdNotFound,
                            message: None,
                        });
                    };
                    ClientError::check(state.error_code, None)?;
                    let partitions = state.topics.iter().flat_map(|topic| {
                        topic.partitions.iter().map(|p| TopicPartition::new(&*topic.topic, *p))
                    });
                    Ok(TransactionDescription {
                        coordinator,
                        state: state.transaction_state.to_string(),
                        producer_id: state.producer_id,
                        producer_epoch: state.producer_epoch,
                        timeout_ms: state.transaction_timeout_ms,
                        start_time_ms: Some(state.transaction_start_time_ms).filter(|at| *at >= 0),
                        partitions: partitions.collect(),
                    })
                }
                .await;
                if result.as_ref().is_err_and(is_elsewhere) {
                    self.cluster.forget_coordinator(kind, transactional_id);
                }
                result
            })
            .await
    }

    /// The producers that partitions know, asked of their leaders or of one replica.
    ///
    /// # Errors
    /// If no broker answers; what became of each partition is in the map.
    pub async fn describe_producers(
        &self,
        partitions: &[TopicPartition],
        broker: Option<i32>,
    ) -> Result<ByPartition<Vec<ProducerState>>, ClientError> {
        let wanted: BTreeMap<TopicPartition, ()> = partitions.iter().map(|p| (p.clone(), ())).collect();
        self.cluster
            .retrying("describing producers", self.cluster.api_timeout(), async || {
                let (by_node, mut found) = match broker {
                    Some(broker) => {
                        if !self.cluster.metadata().brokers.contains_key(&broker) {
                            self.cluster.refresh(TopicSelection::None).await?;
                        }
                        (BTreeMap::from([(broker, wanted.clone())]), BTreeMap::new())
                    }
                    None => {
                        let (by_leader, unknown) = by_leader(&self.cluster, &wanted).await?;
                        let nodes =
                            by_leader.into_iter().map(|(node, list)| (node, list.into_iter().collect()));
                        (nodes.collect(), unknown)
                    }
                };
                for (node, partitions) in by_node {
                    self.producers_at(node, partitions.into_keys(), &mut found).await?;
                }
                let passing = found.values().find_map(|result: &Result<Vec<ProducerState>, ClientError>| {
                    result.as_ref().err().filter(|error| error.is_retriable() && broker.is_none()).cloned()
                });
                match passing {
                    // A partition that does not exist stays so.
                    Some(error) if error.code() != Some(ErrorCode::UnknownTopicOrPartition) => Err(error),
                    _ => Ok(found),
                }
            })
            .await
    }

    async fn producers_at(
        &self,
        node: i32,
        partitions: impl Iterator<Item = TopicPartition>,
        found: &mut ByPartition<Vec<ProducerState>>,
    ) -> Result<(), ClientError> {
        let mut topics: BTreeMap<std::sync::Arc<str>, Vec<i32>> = BTreeMap::new();
        for partition in partitions {
            topics.entry(partition.topic).or_default().push(partition.partition);
        }
        let topic = |(name, partition_indexes): (std::sync::Arc<str>, Vec<i32>)| TopicRequest {
            name: StrBytes::from(name.to_string()),
            partition_indexes,
            ..Default::default()
        };
        let request = DescribeProducersRequest {
            topics: topics.into_iter().map(topic).collect(),
            ..Default::default()
        };
        let answer = self.cluster.call_node(node, &request).await?;
        for topic in answer.topics {
            for partition in topic.partitions {
                let key = TopicPartition::new(&*topic.name, partition.partition_index);
                let check = ClientError::check(partition.error_code, text(&partition.error_message));
                found.insert(key, check.map(|()| partition.active_producers));
            }
        }
        Ok(())
    }

    /// Aborts a hanging transaction on one partition: what its coordinator has forgotten.
    ///
    /// # Errors
    /// If the partition's leader does not answer or refuses.
    pub async fn abort_transaction(&self, spec: &AbortSpec) -> Result<(), ClientError> {
        let marker = WritableTxnMarker {
            producer_id: spec.producer_id,
            producer_epoch: spec.producer_epoch,
            coordinator_epoch: spec.coordinator_epoch,
            transaction_result: false,
            topics: vec![WritableTxnMarkerTopic {
                name: StrBytes::from(spec.partition.topic.to_string()),
                partition_indexes: vec![spec.partition.partition],
                ..Default::default()
            }],
            ..Default::default()
        };
        let request = WriteTxnMarkersRequest { markers: vec![marker], ..Default::default() };
        let wanted = BTreeMap::from([(spec.partition.clone(), ())]);
        self.cluster
            .retrying("aborting a transaction", self.cluster.api_timeout(), async || {
                let (by_leader, unknown) = by_leader::<(), ()>(&self.cluster, &wanted).await?;
                for result in unknown.into_values() {
                    result?;
                }
                for node in by_leader.keys() {
                    let answer = self.cluster.call_node(*node, &request).await?;
                    let topics = answer.markers.iter().flat_map(|marker| &marker.topics);
                    for partition in topics.flat_map(|topic| &topic.partitions) {
                        ClientError::check(partition.error_code, None)?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// Ends whatever a transactional id has open, by fencing its producer (KIP-1152).
    ///
    /// # Errors
    /// If its coordinator does not answer or refuses.
    pub async fn force_terminate_transaction(&self, transactional_id: &str) -> Result<(), ClientError> {
        let request = InitProducerIdRequest {
            transactional_id: Some(StrBytes::from(transactional_id.to_owned())),
            // No transaction of this id goes on; the producer's own timeout comes with its next InitProducerId.
            transaction_timeout_ms: self.timeout_ms(),
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        let kind = CoordinatorKind::Transaction;
        self.cluster
            .retrying("terminating a transaction", self.cluster.api_timeout(), async || {
                let coordinator = self.cluster.coordinator(kind, transactional_id).await?;
                let result = match self.cluster.call_node(coordinator, &request).await {
                    Ok(answer) => ClientError::check(answer.error_code, None),
                    Err(error) => Err(error),
                };
                if result.as_ref().is_err_and(is_elsewhere) {
                    self.cluster.forget_coordinator(kind, transactional_id);
                }
                result
            })
            .await
    }
}

/// Whether another coordinator has to be found.
fn is_elsewhere(error: &ClientError) -> bool {
    matches!(error, ClientError::Connection(_))
        || matches!(error.code(), Some(ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable))
}
