//! Brings committed metadata to this broker: first to its shards, then to everybody.
//!
//! Runs beside the quorum's driver. Images that arrive while the shards are busy are applied together.

use std::sync::Arc;

use klamm_config::BrokerConfig;
use klamm_metadata::image::ConfigResource;
use tokio::sync::mpsc;
use tracing::warn;

use crate::{
    metadata::Published,
    metadata_change::{MetadataChange, Touched},
    node::Node,
    shard::{ShardRequest, router::ShardSenders},
};

/// A committed image and what its records have touched since the one before.
#[derive(Debug)]
pub struct Update {
    /// The image.
    pub published: Arc<Published>,
    /// What differs.
    pub touched: Touched,
}

/// Applies updates until the sender is gone.
pub async fn run(node: Arc<Node>, shards: ShardSenders, mut updates: mpsc::UnboundedReceiver<Update>) {
    while let Some(mut update) = updates.recv().await {
        while let Ok(next) = updates.try_recv() {
            update.published = next.published;
            update.touched.merge(next.touched);
        }
        if update.touched.broker_configs {
            apply_broker_configs(&node, &update.published);
        }
        if !update.touched.is_empty() {
            let change = Arc::new(MetadataChange {
                before: node.metadata.load(),
                after: Arc::clone(&update.published),
                touched: update.touched,
            });
            shards.ask_all(|reply| ShardRequest::ApplyMetadata { change: Arc::clone(&change), reply }).await;
        }
        node.metadata.publish(update.published);
    }
}

fn apply_broker_configs(node: &Node, published: &Published) {
    let of = |resource: ConfigResource| {
        let values = published.image.configs.resource(&resource);
        values
            .map(|values| values.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
            .unwrap_or_default()
    };
    let (defaults, own) = (of(ConfigResource::broker(None)), of(ConfigResource::broker(Some(node.id))));
    let current: Arc<BrokerConfig> = node.config.load_full();
    match current.applied(&defaults, &own) {
        Ok(altered) => node.config.store(Arc::new(altered)),
        Err(errors) => warn!(%errors, "the altered config of this broker is not legal and does not count"),
    }
}
