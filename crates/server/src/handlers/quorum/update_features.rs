//! UpdateFeatures (key 57), v0–2: raises or lowers finalized feature levels. Decided by the controller (KIP-584).
//!
//! * v1  safe and unsafe downgrades, and trying it out (KIP-778)  * v2  one error for the whole request

use klamm_protocol::api::update_features::{
    UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse,
};

use super::QuorumContext;
use crate::dispatch::Call;

/// Answers UpdateFeatures.
pub async fn handle(
    cx: &QuorumContext,
    call: &Call,
    request: UpdateFeaturesRequest,
) -> UpdateFeaturesResponse {
    let names: Vec<_> = request.feature_updates.iter().map(|update| update.feature.clone()).collect();
    match cx.node.controller.update_features(request, call).await {
        Ok(response) => response,
        Err(error) => UpdateFeaturesResponse {
            error_code: error.code().code(),
            error_message: Some(error.to_string().into()),
            results: names
                .into_iter()
                .map(|feature| UpdatableFeatureResult {
                    feature,
                    error_code: error.code().code(),
                    error_message: Some(error.to_string().into()),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        },
    }
}
