//! ApiVersions (key 18), v0–4: what is spoken on this listener.
//!
//! * v3  the client tells its software's name and version (KIP-511); features (KIP-584)
//! * v4  features with a minimum level of 0 are listed (KIP-1022)
//!
//! A version that is not known is answered in v0 with UNSUPPORTED_VERSION (see `dispatch`).

use klamm_config::broker;
use klamm_metadata::features::{self, Feature, MetadataVersion};
use klamm_protocol::{
    ApiKey, ErrorCode,
    api::api_versions::{
        ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
    },
};

use super::ClusterContext;
use crate::{dispatch::Call, handlers, listener::connection::Connection};

/// Answers ApiVersions.
pub async fn handle(cx: &ClusterContext, call: &Call, request: ApiVersionsRequest) -> ApiVersionsResponse {
    if call.api_version >= 3 {
        let (name, version) = (&request.client_software_name, &request.client_software_version);
        if !is_software_name(name) || !is_software_name(version) {
            return ApiVersionsResponse {
                error_code: ErrorCode::InvalidRequest.code(),
                ..Default::default()
            };
        }
    }
    let published = cx.node.metadata.load();
    let features = &published.image.features;
    let mut finalized: Vec<_> = features
        .levels
        .iter()
        .filter(|(_, level)| **level > 0)
        .map(|(name, level)| finalized_feature(name, *level))
        .collect();
    if let Some(version) = features.metadata_version {
        finalized.push(finalized_feature(MetadataVersion::FEATURE_NAME, version.level()));
    }
    if published.kraft_version > 0 {
        finalized.push(finalized_feature(Feature::KRaft.name(), published.kraft_version));
    }
    let config = cx.node.config.load();
    // A controller answers by the key for APIs, as Kafka's does.
    let unstable = if call.connection.is_controller_listener {
        config.get(&broker::UNSTABLE_API_VERSIONS_ENABLE)
    } else {
        config.get(&broker::UNSTABLE_FEATURE_VERSIONS_ENABLE)
    };
    ApiVersionsResponse {
        api_keys: api_versions(&call.connection, config.get(&broker::UNSTABLE_API_VERSIONS_ENABLE)),
        supported_features: supported_features(call.api_version, unstable),
        finalized_features_epoch: published.provenance.last_offset,
        finalized_features: finalized,
        ..Default::default()
    }
}

/// What is answered to a version of ApiVersions that is not known: the range of ApiVersions itself.
pub fn own_range() -> Vec<ApiVersion> {
    handlers::SERVED
        .iter()
        .filter(|api| api.key == ApiKey::ApiVersions)
        .map(|api| ApiVersion {
            api_key: api.key.number(),
            min_version: api.min,
            max_version: api.max,
            ..Default::default()
        })
        .collect()
}

fn api_versions(connection: &Connection, with_unstable: bool) -> Vec<ApiVersion> {
    let is_controller = connection.is_controller_listener;
    handlers::SERVED
        .iter()
        .filter(|api| api.is_on(is_controller))
        .map(|api| ApiVersion {
            api_key: api.key.number(),
            // librdkafka before 2.11 compresses only if it sees Produce v0 (KAFKA-18659); it never sends that.
            min_version: if api.key == ApiKey::Produce && !is_controller { 0 } else { api.min },
            max_version: handlers::highest(api, with_unstable),
            ..Default::default()
        })
        .collect()
}

fn supported_features(version: i16, unstable: bool) -> Vec<SupportedFeatureKey> {
    features::supported_features(unstable)
        .into_iter()
        // Clients before v4 cannot parse a minimum of 0 (KAFKA-17492).
        .filter(|(_, min, _)| *min > 0 || version >= 4)
        .map(|(name, min_version, max_version)| SupportedFeatureKey {
            name: name.into(),
            min_version,
            max_version,
            ..Default::default()
        })
        .collect()
}

fn finalized_feature(name: &str, level: i16) -> FinalizedFeatureKey {
    FinalizedFeatureKey {
        name: name.into(),
        max_version_level: level,
        min_version_level: level,
        ..Default::default()
    }
}

/// Letters, digits, `-` and `.`, starting and ending with a letter or digit (KIP-511).
fn is_software_name(name: &str) -> bool {
    let is_end = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    is_end(bytes.first())
        && is_end(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_are_those_of_kip_511() {
        for (name, legal) in [
            ("apache-kafka-java", true),
            ("4.3.1", true),
            ("a", true),
            ("", false),
            ("-a", false),
            ("a.", false),
            ("a b", false),
        ] {
            assert_eq!(is_software_name(name), legal, "{name:?}");
        }
    }
}
