//! Group coordinators, as their shard hosts them.

use std::{rc::Rc, sync::Arc};

use bytes::Bytes;
use klamm_coordinator::Loader;
use klamm_io::Instant;
use klamm_protocol::ErrorCode;

use super::{
    cluster::KnownCluster,
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
}

impl GroupPartition for Place {
    type Cluster = KnownCluster;

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
    type Asked = Asked;
    type Loading = Loader;

    fn all(shard: &Shard) -> &Coordinators<Self> {
        shard.groups()
    }

    fn load(node: &Node, log_start_offset: i64) -> Loader {
        Loader::new(group_settings(&node.config.load()), log_start_offset)
    }

    fn take(loading: &mut Loader, bytes: Bytes, from: i64, high_watermark: i64) -> Result<i64, String> {
        let mut offset = from;
        for batch in load::batches(bytes, load::group_records)? {
            // The first batch may start below the offset asked for, but never ends there.
            if batch.end_offset > offset {
                loading.replay(&batch.records, batch.end_offset, high_watermark);
                offset = batch.end_offset;
            }
        }
        Ok(offset)
    }

    fn start(loading: Loader, place: Place, end_offset: i64) -> Self {
        let node = Arc::clone(&place.node);
        let started = loading.finish(node.world.clock.wall_ms(), &place.cluster());
        let settings = driver_settings(&node.config.load());
        Self::begin(&node.world, settings, place, started, end_offset)
    }

    fn ask(&mut self, asked: Asked) {
        Self::ask(self, asked);
    }

    fn refuse(asked: Asked, error: ErrorCode) {
        asked.refuse(error);
    }

    fn fire_timers(&mut self, now: Instant) {
        Self::fire_timers(self, now);
    }

    fn next_deadline(&self) -> Option<Instant> {
        Self::next_deadline(self)
    }

    fn settle(&mut self) {
        Self::settle(self);
    }

    fn stop(self) {
        Self::stop(self);
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
