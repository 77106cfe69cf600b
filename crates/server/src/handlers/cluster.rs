//! Handlers about the cluster as a whole: what it speaks, who is in it, which topics it has.

pub mod api_versions;
pub mod describe_cluster;
pub mod metadata;

use std::sync::Arc;

use klamm_metadata::image::{Broker, MetadataImage, Partition};
use klamm_protocol::StrBytes;

use crate::{
    node::{ListenerName, Node},
    topics_creator::TopicsCreator,
};

/// What these handlers use.
pub struct ClusterContext {
    /// The node: its metadata, id and config.
    pub node: Arc<Node>,
    /// Creates topics that clients ask about.
    pub creator: Arc<TopicsCreator>,
}

/// Where a broker is reached by clients of a listener; `None` if it is fenced or has no such listener.
pub fn alive_endpoint(broker: &Broker, listener: &ListenerName) -> Option<(StrBytes, i32)> {
    if broker.fenced {
        return None;
    }
    let endpoint =
        broker.listeners.iter().find(|endpoint| endpoint.name.eq_ignore_ascii_case(listener.as_str()))?;
    Some((endpoint.host.clone(), i32::from(endpoint.port)))
}

/// As [`alive_endpoint`], for a broker by id.
pub fn alive_endpoint_of(image: &MetadataImage, id: i32, listener: &ListenerName) -> Option<(StrBytes, i32)> {
    image.cluster.brokers.get(&id).and_then(|broker| alive_endpoint(broker, listener))
}

/// The replicas that clients of a listener hear to be offline: their brokers cannot be reached by it, or have lost the
/// log directory (KIP-858).
pub fn offline_replicas(image: &MetadataImage, partition: &Partition, listener: &ListenerName) -> Vec<i32> {
    let is_online = |id: &i32| {
        image.cluster.brokers.get(id).is_some_and(|broker| {
            alive_endpoint(broker, listener).is_some()
                && partition.directory_of(*id).is_none_or(|directory| broker.has_online_dir(&directory))
        })
    };
    partition.replicas.iter().copied().filter(|id| !is_online(id)).collect()
}
