//! The cluster's topics, as coordinators ask for them.

use std::sync::Arc;

use klamm_coordinator::Topics;
use klamm_protocol::{StrBytes, Uuid};

use crate::{metadata::Published, node::Node};

/// The topics of the metadata that is valid now.
pub(super) struct KnownTopics(Arc<Published>);

impl KnownTopics {
    pub(super) fn of(node: &Node) -> Self {
        Self(node.metadata.load())
    }
}

impl Topics for KnownTopics {
    fn version(&self) -> i64 {
        self.0.provenance.last_offset
    }

    fn id(&self, name: &str) -> Option<Uuid> {
        self.0.image.topics.by_name(name).map(|topic| topic.id)
    }

    fn name(&self, id: Uuid) -> Option<StrBytes> {
        self.0.image.topics.by_id(&id).map(|topic| topic.name.clone())
    }

    fn partition_count(&self, id: Uuid) -> Option<i32> {
        let topic = self.0.image.topics.by_id(&id)?;
        i32::try_from(topic.partitions.size()).ok()
    }

    fn names(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<StrBytes> {
        self.0.image.topics.names().filter(|name| wanted(name)).cloned().collect()
    }
}
