//! The cluster's metadata as this node has applied it.
//!
//! One writer, the metadata publisher; readers on every thread take a pointer and keep it for as long as they need a
//! consistent view. A topic appears here only after the shards have its partitions, so that whoever learns of it can use
//! it at once.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use klamm_metadata::image::{MetadataImage, Provenance};
use klamm_raft::VoterSet;
use tokio::sync::watch;

/// An image and where in the metadata log it stands.
#[derive(Debug, Default, Clone)]
pub struct Published {
    /// The state.
    pub image: MetadataImage,
    /// The record that it goes up to.
    pub provenance: Provenance,
    /// The `kraft.version`, which is no metadata record but raft's own.
    pub kraft_version: i16,
    /// The quorum's voters, likewise: of the configuration or of the log.
    pub voters: VoterSet,
}

/// The image that is valid now.
#[derive(Debug)]
pub struct Metadata {
    current: ArcSwap<Published>,
    /// What is committed and not to be acted on yet.
    ahead: ArcSwapOption<Published>,
    last_offset: watch::Sender<i64>,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            current: ArcSwap::from_pointee(Published::default()),
            ahead: ArcSwapOption::empty(),
            last_offset: watch::Sender::new(-1),
        }
    }
}

impl Metadata {
    /// The image that is valid now.
    pub fn load(&self) -> Arc<Published> {
        self.current.load_full()
    }

    /// The last image that this node has heard of, which may not be valid here yet: only to tell people of.
    pub fn latest(&self) -> Arc<Published> {
        self.ahead.load_full().unwrap_or_else(|| self.load())
    }

    /// Notes an image that is not to be acted on yet.
    pub fn foresee(&self, published: Arc<Published>) {
        self.ahead.store(Some(published));
    }

    /// Puts another image in place.
    pub fn publish(&self, published: Arc<Published>) {
        let offset = published.provenance.last_offset;
        self.ahead.store(None);
        self.current.store(published);
        self.last_offset.send_replace(offset);
    }

    /// Waits until the record at `offset` has been applied.
    pub async fn wait_for(&self, offset: i64) {
        // The sender lives as long as this, so that waiting cannot fail.
        let _ = self.last_offset.subscribe().wait_for(|last| *last >= offset).await;
    }

    /// Waits until an image says what is wanted.
    pub async fn wait_until(&self, is_there: impl Fn(&MetadataImage) -> bool) {
        let mut offsets = self.last_offset.subscribe();
        while !is_there(&self.load().image) {
            let _ = offsets.changed().await;
        }
    }

    /// Completes at the next change after the one at `offset`.
    pub async fn changed_since(&self, offset: i64) {
        let _ = self.last_offset.subscribe().wait_for(|last| *last != offset).await;
    }
}
