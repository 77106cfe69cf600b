//! Finalized feature levels.

use super::Map;
use crate::features::{Feature, MetadataVersion};
use klamm_protocol::StrBytes;

/// The levels that the cluster has finalized.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    /// `None` before the first records of a new cluster.
    pub metadata_version: Option<MetadataVersion>,
    /// Levels above 0 of every other feature but `kraft.version`.
    pub levels: Map<StrBytes, i16>,
}

impl Features {
    /// The `metadata.version`, or the lowest one while there is none yet.
    pub fn metadata_version_or_minimum(&self) -> MetadataVersion {
        self.metadata_version.unwrap_or(MetadataVersion::MINIMUM)
    }

    /// The level of a feature, 0 if it is not finalized. `metadata.version` and `kraft.version` are not asked here.
    pub fn level(&self, feature: Feature) -> i16 {
        self.levels.get(feature.name()).copied().unwrap_or(0)
    }

    /// The finalized level by name, `metadata.version` included; `None` if not finalized.
    pub fn level_by_name(&self, name: &str) -> Option<i16> {
        if name == MetadataVersion::FEATURE_NAME {
            self.metadata_version.map(MetadataVersion::level)
        } else {
            self.levels.get(name).copied()
        }
    }

    /// Whether eligible leader replicas are kept (KIP-966).
    pub fn is_elr_enabled(&self) -> bool {
        self.level(Feature::EligibleLeaderReplicas) >= 1
    }
}
