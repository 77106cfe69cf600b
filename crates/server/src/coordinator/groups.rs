//! Group coordinators, as their shard hosts them.

use std::{cell::Cell, ops::Range, rc::Rc, sync::Arc};

use bytes::Bytes;
use klamm_coordinator::{GroupRecord, Loader, LogRecord};
use klamm_protocol::{ErrorCode, records::RecordBatch};

use super::{
    cluster::KnownCluster,
    commits::Ask,
    counts::{Cause, GroupCounts},
    driver::{Asked, Driver, GroupPartition, Partition},
    load,
    on_shard::{Coordinators, Hosted, Place},
    settings::{driver_settings, group_settings},
};
use crate::{
    metadata_change::MetadataChange,
    node::Node,
    shard::{requests::Transactional, run::Shard},
    topic_names,
};

/// A group coordinator at work on its shard.
pub type GroupDriver = Driver<Place>;

impl Partition for Place {
    fn append(&self, batch: Bytes, transactional: Transactional) -> Result<i64, ErrorCode> {
        Self::append(self, batch, transactional)
    }

    fn high_watermark(&self) -> i64 {
        Self::high_watermark(self)
    }

    fn batch_bytes_max(&self) -> usize {
        Self::batch_bytes_max(self)
    }
}

impl GroupPartition for Place {
    type Cluster = KnownCluster;

    fn count(&self, cause: Cause, records: &[GroupRecord]) {
        let Some(shard) = self.shard.upgrade() else { return };
        let mut counts = shard.groups().counts.get();
        counts.count(cause, records);
        shard.groups().counts.set(counts);
    }

    fn classic_group_rebalanced(&self) {
        let Some(shard) = self.shard.upgrade() else { return };
        let counts = shard.groups().counts.get();
        let classic_rebalances = counts.classic_rebalances + 1;
        shard.groups().counts.set(GroupCounts { classic_rebalances, ..counts });
    }

    fn cluster(&self) -> KnownCluster {
        let published = self.node.metadata.load();
        let last_offset = published.provenance.last_offset;
        let shard = self.shard.upgrade();
        let config = self.node.config.load_full();
        let (versions, hashes) = shard.map_or_else(
            || ((-1, -1), Rc::default()),
            |shard| (shard.groups().topics_versions(last_offset), shard.groups().topic_hashes()),
        );
        KnownCluster::new(published, config, versions, hashes)
    }
}

impl Hosted for GroupDriver {
    const TOPIC: &'static str = topic_names::GROUP_METADATA;
    const KIND: &'static str = "group";
    const IS_OF_ONE_EPOCH: bool = false;
    const ACKS: i16 = 1;
    type Loading = Loader;
    type Record = LogRecord;
    type Counts = Cell<GroupCounts>;

    fn all(shard: &Shard) -> &Coordinators<Self> {
        shard.groups()
    }

    fn load(node: &Node, log_start_offset: i64) -> Loader {
        Loader::new(group_settings(&node.config.load()), log_start_offset)
    }

    fn records(batch: &RecordBatch) -> Result<Vec<LogRecord>, String> {
        load::group_records(batch)
    }

    fn replay(loading: &mut Loader, records: Vec<LogRecord>, offsets: Range<i64>, high_watermark: i64) {
        loading.replay(&records, offsets.end, high_watermark);
    }

    fn start(loading: Loader, place: Place, end_offset: i64) -> Self {
        let node = Arc::clone(&place.node);
        let started = loading.finish(node.world.clock.wall_ms(), &place.cluster());
        let settings = driver_settings(&node.config.load());
        Self::begin(&node.world, settings, place, started, end_offset)
    }

    fn refuse(asked: Asked, error: ErrorCode) {
        asked.refuse(error);
    }
}

impl Coordinators<GroupDriver> {
    /// Has the coordinators forget the offsets of topics that were deleted.
    pub fn forget_deleted_topics(&self, change: &MetadataChange) {
        let deleted = change.deleted_topics();
        if !deleted.is_empty() {
            self.with_each(|driver| driver.topics_deleted(&deleted));
        }
    }
}
