//! UpdateFeatures (KIP-584, KIP-1022).

use crate::activation::cluster_min_insync_replicas;
use crate::{ApiError, Context, Outcome};
use klamm_config::broker::UNSTABLE_FEATURE_VERSIONS_ENABLE;
use klamm_config::topic::MIN_INSYNC_REPLICAS;
use klamm_metadata::features::{Feature, MetadataVersion, supported_features};
use klamm_metadata::image::{ConfigResource, LevelRange, ResourceType};
use klamm_protocol::ErrorCode;
use klamm_protocol::api::update_features::{
    FeatureUpdateKey, UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use klamm_protocol::metadata::{ConfigRecord, FeatureLevelRecord, MetadataRecord, NoOpRecord};
use std::collections::BTreeMap;

/// How a level may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UpgradeType {
    Upgrade,
    SafeDowngrade,
    UnsafeDowngrade,
}

/// What the quorum says of itself.
#[derive(Clone, Debug)]
pub struct Quorum {
    /// The level of `kraft.version` that the log's control records say.
    pub kraft_version: i16,
    /// The ids of the controllers.
    pub ids: Vec<i32>,
    /// Whether the level that [`kraft_upgrade`] names can be had; otherwise why not.
    pub upgrade: Result<(), String>,
}

/// The level of `kraft.version` that a request raises the quorum to. If [`update_features`] then accepts the request,
/// raft is to write it into the log before the records of the outcome are proposed.
pub fn kraft_upgrade(request: &UpdateFeaturesRequest, kraft_version: i16) -> Option<i16> {
    let mut updates = request.feature_updates.iter();
    let update = updates.find(|update| update.feature == *Feature::KRaft.name())?;
    Some(update.max_version_level).filter(|level| *level > kraft_version && Feature::KRaft.has_level(*level))
}

/// Decides all updates together: all or none.
pub fn update_features(
    context: &Context<'_>,
    request: &UpdateFeaturesRequest,
    version: i16,
    quorum: &Quorum,
) -> Outcome<UpdateFeaturesResponse> {
    let refuse = |error: &ApiError| UpdateFeaturesResponse {
        error_code: error.code.code(),
        error_message: Some(
            format!(
                "The update failed for all features since the following feature had an error: {}",
                error.message.as_deref().unwrap_or_default()
            )
            .into(),
        ),
        ..Default::default()
    };
    let accept = || {
        let results = request.feature_updates.iter().map(|update| UpdatableFeatureResult {
            feature: update.feature.clone(),
            error_message: None,
            ..Default::default()
        });
        UpdateFeaturesResponse {
            error_message: None,
            // Later versions answer for the request as a whole.
            results: if version <= 1 { results.collect() } else { Vec::new() },
            ..Default::default()
        }
    };
    match decide(context, request, quorum) {
        Ok(records) if request.validate_only => {
            drop(records);
            Outcome::unchanged(accept())
        }
        Ok(records) => Outcome::new(records, accept()),
        Err(error) => Outcome::unchanged(refuse(&error)),
    }
}

fn decide(
    context: &Context<'_>,
    request: &UpdateFeaturesRequest,
    quorum: &Quorum,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let mut proposed: BTreeMap<&str, i16> =
        context.image.features.levels.iter().map(|(name, level)| (name.as_ref(), *level)).collect();
    proposed.insert(MetadataVersion::FEATURE_NAME, context.metadata_version().level());
    for update in &request.feature_updates {
        proposed.insert(update.feature.as_ref(), update.max_version_level);
    }
    let mut records = Vec::new();
    for update in &request.feature_updates {
        records.extend(update_feature(context, update, &proposed, quorum)?);
    }
    let elr = Feature::EligibleLeaderReplicas.name();
    let enables_elr =
        request.feature_updates.iter().any(|update| update.feature == *elr && update.max_version_level > 0);
    if enables_elr {
        let mut before = elr_safety(context);
        before.append(&mut records);
        records = before;
    }
    Ok(records)
}

fn invalid(feature: &str, level: i16, message: &str) -> ApiError {
    let message = format!("Invalid update version {level} for feature {feature}. {message}");
    ApiError::new(ErrorCode::InvalidUpdateVersion, message)
}

fn update_feature(
    context: &Context<'_>,
    update: &FeatureUpdateKey,
    proposed: &BTreeMap<&str, i16>,
    quorum: &Quorum,
) -> Result<Option<MetadataRecord>, ApiError> {
    let (name, level) = (update.feature.as_ref(), update.max_version_level);
    let refuse = |message: &str| Err(invalid(name, level, message));
    let upgrade_type = match (update.upgrade_type, update.allow_downgrade) {
        (1, true) | (2, _) => UpgradeType::SafeDowngrade,
        (3, _) => UpgradeType::UnsafeDowngrade,
        (1, false) => UpgradeType::Upgrade,
        _ => return refuse("The controller does not support the given upgrade type."),
    };
    let current = if name == Feature::KRaft.name() {
        quorum.kraft_version
    } else {
        context.image.features.level_by_name(name).unwrap_or(0)
    };
    if level < 0 {
        return refuse("A feature version cannot be less than 0.");
    }
    if let Some(reason) = reason_not_supported(context, name, level, &quorum.ids) {
        return refuse(&reason);
    }
    if level < current && upgrade_type == UpgradeType::Upgrade {
        return refuse(
            "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe \
             downgrade.",
        );
    }
    if level > current && upgrade_type != UpgradeType::Upgrade {
        return refuse("Can't downgrade to a newer version.");
    }
    let record =
        FeatureLevelRecord { name: update.feature.clone(), feature_level: level, ..Default::default() };
    if name == MetadataVersion::FEATURE_NAME {
        check_metadata_version(context, level, upgrade_type)?;
    } else if name == Feature::KRaft.name() {
        return match level {
            _ if level == current => Ok(None),
            _ if level < current => refuse("Can't downgrade the version of this feature."),
            // The level is raft's to write; the record gives the request something to be committed with.
            _ => match &quorum.upgrade {
                Ok(()) => Ok(Some(NoOpRecord::default().into())),
                Err(why) => Err(ApiError::new(ErrorCode::InvalidUpdateVersion, why.clone())),
            },
        };
    } else if let Some(feature) = Feature::from_name(name) {
        let finalized = |name: &str| proposed.get(name).copied();
        feature.validate_level(level, finalized).map_err(|message| invalid(name, level, &message))?;
    } else {
        return refuse(&format!("Feature {name} not found."));
    }
    Ok(Some(record.into()))
}

fn check_metadata_version(
    context: &Context<'_>,
    level: i16,
    upgrade_type: UpgradeType,
) -> Result<(), ApiError> {
    let current = context.metadata_version();
    let Some(new) = MetadataVersion::from_level(level) else {
        let message = format!(
            "Invalid metadata.version {level}. Valid versions are from {} to {}.",
            MetadataVersion::MINIMUM.level(),
            MetadataVersion::LATEST_TESTING.level()
        );
        return Err(ApiError::new(ErrorCode::InvalidUpdateVersion, message));
    };
    if new >= current || !current.records_differ(new) {
        return Ok(());
    }
    let why = if upgrade_type == UpgradeType::UnsafeDowngrade {
        "Unsafe metadata downgrade is not supported in this version."
    } else {
        "Refusing to perform the requested downgrade because it might delete metadata information."
    };
    let message =
        format!("Unsupported metadata.version downgrade from {} to {level}. {why}", current.level());
    Err(ApiError::new(ErrorCode::InvalidUpdateVersion, message))
}

/// Which node stands in the way of a level.
fn reason_not_supported(context: &Context<'_>, name: &str, level: i16, quorum: &[i32]) -> Option<String> {
    let reason = |what: String, range: LevelRange| {
        if range.contains(level) {
            None
        } else if range.max == 0 {
            Some(format!("{what} does not support this feature."))
        } else if range.min == range.max {
            Some(format!("{what} only supports versions {}", range.min))
        } else {
            Some(format!("{what} only supports versions {}-{}", range.min, range.max))
        }
    };
    let disabled = LevelRange { min: 0, max: 0 };
    let own_id = context.config.node_id();
    let unstable = context.config.get(&UNSTABLE_FEATURE_VERSIONS_ENABLE);
    let local = supported_features(unstable)
        .into_iter()
        .find(|(feature, ..)| *feature == name)
        .map_or(disabled, |(_, min, max)| LevelRange { min, max });
    if let Some(reason) = reason(format!("Local controller {own_id}"), local) {
        return Some(reason);
    }
    let cluster = &context.image.cluster;
    for broker in cluster.brokers.values() {
        let range = broker.features.get(name).copied().unwrap_or(disabled);
        if let Some(reason) = reason(format!("Broker {}", broker.id), range) {
            return Some(reason);
        }
    }
    if !context.metadata_version().is_controller_registration_supported() {
        return None;
    }
    for controller in cluster.controllers.values().filter(|controller| controller.id != own_id) {
        let range = controller.features.get(name).copied().unwrap_or(disabled);
        if let Some(reason) = reason(format!("Controller {}", controller.id), range) {
            return Some(reason);
        }
    }
    let missing = quorum.iter().find(|id| **id != own_id && !cluster.controllers.contains_key(id));
    missing.map(|id| format!("controller {id} has not registered, and may not support this feature"))
}

/// With eligible leader replicas, `min.insync.replicas` is the cluster's: it gets a value, and the brokers' own go.
fn elr_safety(context: &Context<'_>) -> Vec<MetadataRecord> {
    let key = MIN_INSYNC_REPLICAS.def.name;
    let mut records = Vec::new();
    if context.image.configs.value(&ConfigResource::broker(None), key).is_none() {
        records.push(cluster_min_insync_replicas(context));
    }
    for (resource, values) in context.image.configs.iter() {
        if resource.resource_type == ResourceType::Broker
            && !resource.name.is_empty()
            && values.contains_key(key)
        {
            let record = ConfigRecord {
                resource_type: resource.resource_type.code(),
                resource_name: resource.name.clone(),
                name: key.into(),
                value: None,
                ..Default::default()
            };
            records.push(record.into());
        }
    }
    records
}
