//! The first records of an active controller.

use crate::Context;
use klamm_config::topic::MIN_INSYNC_REPLICAS;
use klamm_metadata::features::{Feature, MetadataVersion};
use klamm_metadata::image::ResourceType;
use klamm_protocol::metadata::{
    AbortTransactionRecord, BeginTransactionRecord, ConfigRecord, EndTransactionRecord, MetadataRecord,
};

/// What a controller appends when it becomes active, before anything else.
///
/// On a log without records: `bootstrap` (the content of `bootstrap.checkpoint`, or
/// the default feature levels), inside a metadata transaction if the level knows them. A transaction
/// that the controller before left open is aborted. Often there is nothing to append.
///
/// `in_transaction`: whether the log ends inside an open transaction. The records are to be replayed as the ones of any
/// other outcome; for them the image skips the bounds.
pub fn activate(
    context: &Context<'_>,
    bootstrap: &[MetadataRecord],
    in_transaction: bool,
) -> Vec<MetadataRecord> {
    let mut records: Vec<MetadataRecord> = Vec::new();
    if in_transaction {
        let abort =
            AbortTransactionRecord { reason: Some("Controller failover".into()), ..Default::default() };
        records.push(abort.into());
    }
    if context.image.features.metadata_version.is_some() {
        return records;
    }
    let level = |feature: &str| {
        bootstrap.iter().rev().find_map(|record| match record {
            MetadataRecord::FeatureLevel(level) if level.name == *feature => Some(level.feature_level),
            _ => None,
        })
    };
    let transactional = level(MetadataVersion::FEATURE_NAME)
        .and_then(MetadataVersion::from_level)
        .is_some_and(MetadataVersion::is_metadata_transaction_supported);
    if transactional {
        let begin = BeginTransactionRecord { name: Some("Bootstrap records".into()), ..Default::default() };
        records.push(begin.into());
    }
    records.extend(bootstrap.iter().cloned());
    if level(Feature::EligibleLeaderReplicas.name()).is_some_and(|level| level > 0) {
        records.push(cluster_min_insync_replicas(context));
    }
    if transactional {
        records.push(EndTransactionRecord::default().into());
    }
    records
}

/// Eligible leader replicas need one minimum for the whole cluster: that of the properties file.
pub(crate) fn cluster_min_insync_replicas(context: &Context<'_>) -> MetadataRecord {
    let name = MIN_INSYNC_REPLICAS.def.name;
    let value = context.config.text(name).map_or_else(|| "1".to_owned(), str::to_owned);
    ConfigRecord {
        resource_type: ResourceType::Broker.code(),
        resource_name: "".into(),
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    }
    .into()
}
