//! What a consumer group notes of the topics that it reads.

use super::ConsumerGroup;
use crate::cluster::Cluster;
use crate::topic_hash::group_hash;
use klamm_protocol::{StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};

impl ConsumerGroup {
    /// The topics that exist and that some member reads, by name.
    pub(super) fn subscribed_topics(&self, cluster: &dyn Cluster) -> BTreeMap<StrBytes, Uuid> {
        let names: BTreeSet<&StrBytes> =
            self.members.values().flat_map(|member| self.topics_of(member)).collect();
        names.into_iter().filter_map(|name| Some((name.clone(), cluster.id(name)?))).collect()
    }

    /// A number that changes when a subscribed topic comes, goes, or becomes another; 0 if there is none.
    pub(super) fn compute_metadata_hash(&self, cluster: &dyn Cluster) -> i64 {
        group_hash(self.subscribed_topics(cluster).keys().filter_map(|name| cluster.topic_hash(name)))
    }
}
