//! Feature levels.

use std::collections::BTreeMap;

use klamm_protocol::{
    StrBytes,
    api::{
        api_versions::ApiVersionsResponse,
        update_features::{FeatureUpdateKey, UpdateFeaturesRequest},
    },
};

use super::{Admin, ByName, text};
use crate::{ClientError, cluster::TopicSelection};

/// What a change of a feature's level may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeType {
    /// Raise it.
    Upgrade,
    /// Lower it, if that loses nothing.
    SafeDowngrade,
    /// Lower it, whatever that loses.
    UnsafeDowngrade,
}

impl UpgradeType {
    const fn number(self) -> i8 {
        match self {
            Self::Upgrade => 1,
            Self::SafeDowngrade => 2,
            Self::UnsafeDowngrade => 3,
        }
    }
}

impl Admin {
    /// What a node tells of its features when it is connected to: this one, or any.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn describe_features(&self, node: Option<i32>) -> Result<ApiVersionsResponse, ClientError> {
        self.cluster
            .retrying("describing features", self.cluster.api_timeout(), async || {
                let Some(node) = node else {
                    return Ok(self.cluster.any_connection().await?.api_versions().clone());
                };
                if !self.cluster.metadata().brokers.contains_key(&node) {
                    self.cluster.refresh(TopicSelection::None).await?;
                }
                Ok(self.cluster.connection(node).await?.api_versions().clone())
            })
            .await
    }

    /// Changes levels of features: all, or none.
    ///
    /// # Errors
    /// If the controller does not answer; what became of each feature is in the map.
    pub async fn update_features(
        &self,
        levels: &BTreeMap<String, i16>,
        upgrade_type: UpgradeType,
        validate_only: bool,
    ) -> Result<ByName, ClientError> {
        let update = |(name, level): (&String, &i16)| FeatureUpdateKey {
            feature: StrBytes::from(name.clone()),
            max_version_level: *level,
            upgrade_type: upgrade_type.number(),
            ..Default::default()
        };
        let request = UpdateFeaturesRequest {
            timeout_ms: self.timeout_ms(),
            feature_updates: levels.iter().map(update).collect(),
            validate_only,
            ..Default::default()
        };
        let answer = self.call_at("changing features", None, &request).await?;
        // Newer answers have one result for all.
        let whole = ClientError::check(answer.error_code, text(&answer.error_message));
        let mut results: ByName = levels.keys().map(|name| (name.clone(), whole.clone())).collect();
        for one in &answer.results {
            let result = ClientError::check(one.error_code, text(&one.error_message));
            results.insert(one.feature.to_string(), whole.clone().and(result));
        }
        Ok(results)
    }
}
