//! DescribeTransactions (key 65) and ListTransactions (key 66) (KIP-664).
//!
//! * ListTransactions v1 by duration (KIP-994)  * v2 by a pattern of transactional ids (KIP-1152)

use super::TransactionCoordinator;
use super::request::ListFilters;
use super::state::{Transaction, TransactionsState, TxnPartition};
use crate::java_hash::table_order;
use klamm_protocol::api::describe_transactions::{TopicData, TransactionState as Described};
use klamm_protocol::api::list_transactions::TransactionState as Listed;
use klamm_protocol::{ErrorCode, StrBytes};

impl TransactionCoordinator {
    /// What clients may have been answered for: what is committed, or, by a new coordinator that is behind, all.
    fn answered_state(&self) -> &TransactionsState {
        if self.is_behind() { self.state() } else { self.committed_state() }
    }

    pub(super) fn describe(&self, id: &StrBytes) -> Described {
        let failed = |error: ErrorCode| Described {
            transactional_id: id.clone(),
            error_code: error.code(),
            ..Described::default()
        };
        if id.is_empty() {
            return failed(ErrorCode::InvalidRequest);
        }
        let Some(transaction) = self.answered_state().get(id) else {
            return failed(ErrorCode::TransactionalIdNotFound);
        };
        // Partitions that have their marker do not take part any more.
        let waiting = self.unacknowledged.get(id).filter(|_| transaction.state.is_decided());
        let partitions = waiting.map_or(&transaction.partitions, |waiting| &waiting.partitions);
        let mut topics: Vec<TopicData> = Vec::new();
        for TxnPartition { topic, index } in partitions {
            match topics.last_mut() {
                Some(last) if last.topic == *topic => last.partitions.push(*index),
                _ => topics.push(TopicData {
                    topic: topic.clone(),
                    partitions: vec![*index],
                    ..Default::default()
                }),
            }
        }
        Described {
            transactional_id: id.clone(),
            transaction_state: StrBytes::from(transaction.state.name()),
            transaction_timeout_ms: transaction.timeout_ms,
            transaction_start_time_ms: transaction.started_ms,
            producer_id: transaction.producer_id,
            producer_epoch: transaction.producer_epoch,
            topics,
            ..Described::default()
        }
    }

    pub(super) fn list(&self, filters: &ListFilters, now_ms: i64) -> Result<Vec<Listed>, ErrorCode> {
        let pattern = filters.whole_match()?;
        let is_wanted = |id: &StrBytes, transaction: &Transaction| {
            let state = transaction.state.name();
            let lasts_ms = now_ms.saturating_sub(transaction.started_ms);
            (filters.producer_ids.is_empty() || filters.producer_ids.contains(&transaction.producer_id))
                && (filters.states.is_empty() || filters.states.iter().any(|wanted| **wanted == *state))
                && (filters.duration_ms < 0 || lasts_ms > filters.duration_ms)
                && pattern.as_ref().is_none_or(|pattern| pattern.is_match(id))
        };
        let matching =
            self.answered_state().iter().filter(|(id, transaction)| is_wanted(id, transaction.as_ref()));
        let mut listed: Vec<Listed> = matching
            .map(|(id, transaction)| Listed {
                transactional_id: id.clone(),
                producer_id: transaction.producer_id,
                transaction_state: StrBytes::from(transaction.state.name()),
                ..Listed::default()
            })
            .collect();
        listed.sort_by_cached_key(|transaction| table_order(&transaction.transactional_id));
        Ok(listed)
    }
}
