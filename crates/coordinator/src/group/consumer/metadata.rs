//! What a consumer group notes of the topics that it reads.

use super::ConsumerGroup;
use crate::cluster::Cluster;
use klamm_protocol::{StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};

impl ConsumerGroup {
    /// The topics that exist and that some member reads, by name.
    pub(super) fn subscribed_topics(&self, cluster: &dyn Cluster) -> BTreeMap<StrBytes, Uuid> {
        let names: BTreeSet<&StrBytes> =
            self.members.values().flat_map(|member| self.topics_of(member)).collect();
        names.into_iter().filter_map(|name| Some((name.clone(), cluster.id(name)?))).collect()
    }

    /// A number that changes when a subscribed topic comes, goes, is made anew, or gets more partitions; 0 if there is
    /// none. FNV-1a over names, ids and partition counts.
    pub(super) fn compute_metadata_hash(&self, cluster: &dyn Cluster) -> i64 {
        let subscribed = self.subscribed_topics(cluster);
        if subscribed.is_empty() {
            return 0;
        }
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for (name, id) in subscribed {
            add(name.as_str().as_bytes());
            add(&[0]);
            add(id.as_bytes());
            add(&cluster.partition_count(id).unwrap_or(0).to_be_bytes());
        }
        hash.cast_signed()
    }
}
