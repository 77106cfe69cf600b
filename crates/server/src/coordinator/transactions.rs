//! Transaction coordinators, as their shard hosts them: one for each partition of `__transaction_state` that this broker
//! leads.

pub mod driver;
pub mod markers;

use std::{ops::Range, rc::Rc, sync::Arc};

use klamm_config::broker;
use klamm_coordinator::transaction::{
    MarkerOrder, TransactionLoader, TransactionRecord, TransactionSettings,
};
use klamm_io::spawn;
use klamm_protocol::{ErrorCode, records::RecordBatch};

use self::driver::{Asked, Driver, TransactionPartition};
use super::{
    commits::Ask,
    load,
    on_shard::{Coordinators, Hosted, Place},
    partition_for,
};
use crate::{node::Node, shard::run::Shard, topic_names};

/// A transaction coordinator at work on its shard.
pub type TransactionDriver = Driver<Place>;

/// The partition of `__transaction_state` that a transactional id's coordinator leads.
pub fn partition_of(node: &Node, transactional_id: &str) -> i32 {
    let config = &broker::TRANSACTION_STATE_LOG_NUM_PARTITIONS;
    partition_for(node, transactional_id, topic_names::TRANSACTION_STATE, config)
}

/// The cluster's `transaction.version`.
fn transaction_version(node: &Node) -> i16 {
    node.metadata.load().image.features.level_by_name("transaction.version").unwrap_or(0)
}

fn settings(node: &Node) -> TransactionSettings {
    let config = node.config.load();
    TransactionSettings {
        timeout_ms_max: config.get(&broker::TRANSACTION_MAX_TIMEOUT_MS),
        abort_interval_ms: i64::from(
            config.get(&broker::TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS),
        ),
        expiration_ms: i64::from(config.get(&broker::TRANSACTIONAL_ID_EXPIRATION_MS)),
        expiration_interval_ms: i64::from(
            config.get(&broker::TRANSACTION_REMOVE_EXPIRED_TRANSACTION_CLEANUP_INTERVAL_MS),
        ),
    }
}

impl TransactionPartition for Place {
    fn transaction_version(&self) -> i16 {
        transaction_version(&self.node)
    }

    fn order(&self, order: MarkerOrder) {
        if let Some(shard) = self.shard.upgrade() {
            shard.markers().order(self.at.index, order);
        }
    }

    fn want_producer_id(&self) {
        let (shard, partition) = (self.shard.clone(), self.at.index);
        spawn::local(async move {
            let Some(contexts) = shard.upgrade().and_then(|shard| shard.contexts()) else { return };
            let Ok(producer_id) = contexts.transactions.producer_ids.next().await else { return };
            if let Some(shard) = shard.upgrade() {
                shard.transactions().with(partition, |driver| driver.spare_producer_id(producer_id));
            }
        });
    }
}

impl Hosted for TransactionDriver {
    const TOPIC: &'static str = topic_names::TRANSACTION_STATE;
    const KIND: &'static str = "transaction";
    // Markers carry the epoch, and partitions take none of an older coordinator.
    const IS_OF_ONE_EPOCH: bool = true;
    const ACKS: i16 = -1;
    type Loading = TransactionLoader;
    type Record = TransactionRecord;
    type Counts = ();

    fn all(shard: &Shard) -> &Coordinators<Self> {
        shard.transactions()
    }

    fn load(node: &Node, log_start_offset: i64) -> TransactionLoader {
        TransactionLoader::new(settings(node), log_start_offset)
    }

    fn records(batch: &RecordBatch) -> Result<Vec<TransactionRecord>, String> {
        load::transaction_records(batch)
    }

    fn replay(
        loading: &mut TransactionLoader,
        records: Vec<TransactionRecord>,
        offsets: Range<i64>,
        high_watermark: i64,
    ) {
        loading.replay(&records, offsets.end, high_watermark);
    }

    fn start(loading: TransactionLoader, place: Place, end_offset: i64) -> Self {
        let node = Arc::clone(&place.node);
        let started = loading.finish(place.leader_epoch);
        Self::begin(&node.world, place, started, end_offset)
    }

    fn refuse(asked: Asked, error: ErrorCode) {
        asked.refuse(error);
    }
}

impl Shard {
    /// Tells a transaction coordinator what became of an order.
    fn markers_answered(self: &Rc<Self>, partition: i32, order: &MarkerOrder, results: &[markers::Written]) {
        self.transactions().with(partition, |driver| driver.markers_answered(order, results));
    }
}
