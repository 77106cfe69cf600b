//! The features beside `metadata.version`: their levels, and what each level needs.

use super::MetadataVersion;

/// A feature that a cluster finalizes at some level, `metadata.version` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// `kraft.version`: 1 lets the voters change at run time (KIP-853). Kept in control records, not in the image.
    KRaft,
    /// `transaction.version`: 1 flexible records, 2 epoch bump per transaction (KIP-890).
    Transaction,
    /// `group.version`: 1 is the consumer rebalance protocol (KIP-848).
    Group,
    /// `eligible.leader.replicas.version` (KIP-966).
    EligibleLeaderReplicas,
    /// `share.version`: 1 is share groups (KIP-932).
    Share,
    /// `streams.version`: 1 is streams groups (KIP-1071).
    Streams,
}

impl Feature {
    /// In Kafka's order, which `version-mapping` prints.
    pub const ALL: [Self; 6] = [
        Self::KRaft,
        Self::Transaction,
        Self::Group,
        Self::EligibleLeaderReplicas,
        Self::Share,
        Self::Streams,
    ];

    /// For example `group.version`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KRaft => "kraft.version",
            Self::Transaction => "transaction.version",
            Self::Group => "group.version",
            Self::EligibleLeaderReplicas => "eligible.leader.replicas.version",
            Self::Share => "share.version",
            Self::Streams => "streams.version",
        }
    }

    /// Finds a feature by name; `metadata.version` is none of these.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// For each level from 0 on: the `metadata.version` from which a newly formatted cluster has it.
    const fn levels(self) -> &'static [MetadataVersion] {
        const LOWEST: MetadataVersion = MetadataVersion::MINIMUM;
        match self {
            Self::KRaft => &[LOWEST, MetadataVersion::V3_9_IV0],
            Self::Transaction => &[LOWEST, MetadataVersion::V4_0_IV2, MetadataVersion::V4_0_IV2],
            Self::Group => &[LOWEST, MetadataVersion::V4_0_IV0],
            Self::EligibleLeaderReplicas => &[LOWEST, MetadataVersion::V4_1_IV0],
            Self::Share => &[LOWEST, MetadataVersion::V4_2_IV0],
            Self::Streams => &[LOWEST, MetadataVersion::V4_2_IV1],
        }
    }

    /// The highest level known. All of them are released.
    #[expect(clippy::cast_possible_truncation, reason = "at most three levels")]
    pub const fn level_max(self) -> i16 {
        self.levels().len() as i16 - 1
    }

    /// Whether the level exists.
    pub const fn has_level(self, level: i16) -> bool {
        level >= 0 && level <= self.level_max()
    }

    /// The level that a cluster formatted at `version` gets.
    pub fn default_level(self, version: MetadataVersion) -> i16 {
        (0i16..)
            .zip(self.levels())
            .take_while(|(_, bootstrap)| **bootstrap <= version)
            .map(|(level, _)| level)
            .last()
            .unwrap_or(0)
    }

    /// The levels of other features that a level needs: feature name and least level.
    pub fn dependencies(self, level: i16) -> &'static [(&'static str, i16)] {
        const ELR: [(&str, i16); 1] = [(MetadataVersion::FEATURE_NAME, MetadataVersion::V4_0_IV1.level())];
        match (self, level) {
            (Self::EligibleLeaderReplicas, 1) => &ELR,
            _ => &[],
        }
    }

    /// Checks that `level` can be finalized beside the levels that `finalized` answers (`None`: not finalized).
    ///
    /// # Errors
    /// Kafka's message, naming the dependency that is not met.
    pub fn validate_level(self, level: i16, finalized: impl Fn(&str) -> Option<i16>) -> Result<(), String> {
        let lowest = MetadataVersion::MINIMUM;
        let name = self.name();
        if level >= 1 && finalized(MetadataVersion::FEATURE_NAME).is_none_or(|v| v < lowest.level()) {
            return Err(format!(
                "{name} could not be set to {level} because it depends on metadata.version={} ({lowest})",
                lowest.level()
            ));
        }
        for (dependency, least) in self.dependencies(level) {
            if finalized(dependency).is_none_or(|v| v < *least) {
                return Err(format!(
                    "{name} could not be set to {level} because it depends on {dependency} level {least}"
                ));
            }
        }
        Ok(())
    }
}

/// What a node of ours supports, by feature name: lowest and highest level, sorted by name. This is what brokers and
/// controllers register and what ApiVersions answers; features without a level above 0 are none.
///
/// `unstable` is `unstable.feature.versions.enable`.
pub fn supported_features(unstable: bool) -> Vec<(&'static str, i16, i16)> {
    let version_max =
        if unstable { MetadataVersion::LATEST_TESTING } else { MetadataVersion::LATEST_PRODUCTION };
    let mut features: Vec<_> =
        Feature::ALL.into_iter().map(|feature| (feature.name(), 0, feature.level_max())).collect();
    features.push((MetadataVersion::FEATURE_NAME, MetadataVersion::MINIMUM.level(), version_max.level()));
    features.sort_unstable();
    features
}
