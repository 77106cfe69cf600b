//! Share coordinators, as their shard hosts them: one for each partition of `__share_group_state` that this broker
//! leads.

pub mod driver;

use std::{collections::BTreeSet, ops::Range, rc::Rc, sync::Arc, time::Duration};

use klamm_config::{BrokerConfig, broker};
use klamm_coordinator::share::{PlacedRecord, ShareLoader, SharePartitionKey, ShareSettings};
use klamm_io::{Instant, spawn};
use klamm_protocol::{ErrorCode, Uuid, records::RecordBatch};
use tokio::sync::oneshot;
use tracing::warn;

use self::driver::{Asked, Driver, ShareDriverSettings, SharePartition};
use super::{
    commits::Ask,
    counts::ShareStateCounts,
    load,
    on_shard::{Coordinators, Hosted, Place},
    partition_for, settings,
};
use crate::{metadata_change::MetadataChange, node::Node, shard::run::Shard, topic_names};

/// How long the replicas may take to delete what a coordinator needs no more; nobody waits for it.
const DELETE_TIMEOUT: Duration = Duration::from_secs(5);

/// A share coordinator at work on its shard.
pub type ShareDriver = Driver<Place>;

/// The partition of `__share_group_state` that a share partition's coordinator leads.
pub fn partition_of(node: &Node, key: &SharePartitionKey) -> i32 {
    let config = &broker::SHARE_COORDINATOR_STATE_TOPIC_NUM_PARTITIONS;
    partition_for(node, &key.coordinator_key(), topic_names::SHARE_GROUP_STATE, config)
}

fn share_settings(config: &BrokerConfig) -> ShareSettings {
    ShareSettings {
        updates_per_snapshot: config.get(&broker::SHARE_COORDINATOR_SNAPSHOT_UPDATE_RECORDS_PER_SNAPSHOT),
        prune_interval_ms: i64::from(config.get(&broker::SHARE_COORDINATOR_STATE_TOPIC_PRUNE_INTERVAL_MS)),
        cold_interval_ms: i64::from(
            config.get(&broker::SHARE_COORDINATOR_COLD_PARTITION_SNAPSHOT_INTERVAL_MS),
        ),
    }
}

fn driver_settings(config: &BrokerConfig) -> ShareDriverSettings {
    let timeout_ms = config.get(&broker::SHARE_COORDINATOR_WRITE_TIMEOUT_MS);
    ShareDriverSettings {
        compression: settings::compression(
            config.get(&broker::SHARE_COORDINATOR_STATE_TOPIC_COMPRESSION_CODEC),
        ),
        write_timeout: Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0)),
    }
}

impl SharePartition for Place {
    fn partition_count(&self, topic_id: Uuid) -> Option<i32> {
        let published = self.node.metadata.load();
        let topic = published.image.topics.by_id(&topic_id)?;
        i32::try_from(topic.partitions.size()).ok()
    }

    fn is_gone(&self, topic_id: &Uuid) -> bool {
        let Some(shard) = self.shard.upgrade() else { return false };
        let published = self.node.metadata.load();
        // States in the log are of topics that were there before this broker was elected, and it is elected before that is
        // published.
        shard.shares().is_up_to_date(published.provenance.last_offset)
            && published.image.topics.by_id(topic_id).is_none()
    }

    fn write_began(&self) {
        if let Some(shard) = self.shard.upgrade() {
            let writes = &shard.shares().counts.writes;
            writes.set(writes.get() + 1);
        }
    }

    fn write_ended(&self, now: Instant, took: Duration) {
        if let Some(shard) = self.shard.upgrade() {
            shard.shares().counts.write_times.note(now, took);
        }
    }

    fn delete_before(&self, offset: i64) {
        let (shard, at) = (self.shard.clone(), self.at.clone());
        // Later, since whatever comes of it may need the coordinators, which are being asked now.
        spawn::local(async move {
            let Some(shard) = shard.upgrade() else { return };
            let (reply, answer) = oneshot::channel();
            let partition = at.index;
            shard.delete_records(&[(at, offset)], DELETE_TIMEOUT, reply);
            let again = Rc::downgrade(&shard);
            drop(shard);
            if let Ok(Some(Err(error))) = answer.await.map(|answers| answers.into_iter().next()) {
                warn!(partition, offset, %error, "what share states need no more cannot be deleted");
            } else if let Some(shard) = again.upgrade() {
                shard.shares().counts.pruned.borrow_mut().insert(partition, offset);
            }
        });
    }
}

impl Hosted for ShareDriver {
    const TOPIC: &'static str = topic_names::SHARE_GROUP_STATE;
    const KIND: &'static str = "share";
    const IS_OF_ONE_EPOCH: bool = false;
    const ACKS: i16 = 1;
    type Loading = ShareLoader;
    type Record = PlacedRecord;
    type Counts = ShareStateCounts;

    fn all(shard: &Shard) -> &Coordinators<Self> {
        shard.shares()
    }

    fn load(node: &Node, log_start_offset: i64) -> ShareLoader {
        ShareLoader::new(share_settings(&node.config.load()), log_start_offset)
    }

    fn records(batch: &RecordBatch) -> Result<Vec<PlacedRecord>, String> {
        load::share_records(batch)
    }

    fn replay(
        loading: &mut ShareLoader,
        mut records: Vec<PlacedRecord>,
        offsets: Range<i64>,
        high_watermark: i64,
    ) {
        // The log may start within a batch.
        records.retain(|record| record.offset >= offsets.start);
        loading.replay(&records, offsets.end, high_watermark);
    }

    fn start(loading: ShareLoader, place: Place, end_offset: i64) -> Self {
        let node = Arc::clone(&place.node);
        let settings = driver_settings(&node.config.load());
        Self::begin(&node.world, place, settings, loading.finish(), end_offset)
    }

    fn refuse(asked: Vec<Asked>, error: ErrorCode) {
        asked.into_iter().for_each(|asked| asked.refuse(error));
    }
}

impl Coordinators<ShareDriver> {
    /// Deletes the states of share partitions whose topics have been deleted. A coordinator that is being loaded finds out
    /// later.
    pub fn forget_deleted_topics(&self, change: &MetadataChange) {
        let deleted = change.deleted_topics();
        if !deleted.is_empty() {
            let ids: BTreeSet<Uuid> = deleted.into_iter().map(|(_, id)| id).collect();
            self.with_each(|driver| driver.topics_deleted(&ids));
        }
    }
}
