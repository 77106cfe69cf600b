//! `bootstrap.checkpoint`: the records that the first active controller of a new cluster appends (KIP-778).

use crate::checkpoint::{self, CheckpointError, Header};
use crate::features::{Feature, MetadataVersion};
use bytes::Bytes;
use klamm_protocol::metadata::{FeatureLevelRecord, MetadataRecord, UserScramCredentialRecord};
use std::collections::BTreeMap;

/// Name of the file, in each formatted log directory.
pub const FILE_NAME: &str = "bootstrap.checkpoint";

/// The records for a `metadata.version` and levels of the other features; `kraft.version` and levels of 0 write none.
pub fn records(version: MetadataVersion, levels: &BTreeMap<String, i16>) -> Vec<MetadataRecord> {
    let record = |name: &str, feature_level| {
        MetadataRecord::from(FeatureLevelRecord { name: name.into(), feature_level, ..Default::default() })
    };
    let others = levels
        .iter()
        .filter(|(name, level)| {
            **level > 0 && *name != MetadataVersion::FEATURE_NAME && *name != Feature::KRaft.name()
        })
        .map(|(name, level)| record(name, *level));
    std::iter::once(record(MetadataVersion::FEATURE_NAME, version.level())).chain(others).collect()
}

/// The levels that a cluster formatted at `version` gets, `kraft.version` apart.
pub fn default_levels(version: MetadataVersion) -> BTreeMap<String, i16> {
    Feature::ALL
        .into_iter()
        .filter(|feature| *feature != Feature::KRaft)
        .map(|feature| (feature.name().to_owned(), feature.default_level(version)))
        .collect()
}

/// The records of a directory without the file: only the latest released `metadata.version`, as Kafka has it.
pub fn without_file() -> Vec<MetadataRecord> {
    records(MetadataVersion::LATEST_PRODUCTION, &BTreeMap::new())
}

/// The file's content.
///
/// # Errors
/// If a record cannot be encoded.
pub fn encode(records: &[MetadataRecord], now_ms: i64) -> Result<Bytes, CheckpointError> {
    // The records that can stand here have one version only.
    checkpoint::encode(
        records.iter().cloned(),
        MetadataVersion::LATEST_TESTING,
        0,
        &Header::default(),
        now_ms,
    )
}

/// Reads the file's content.
///
/// # Errors
/// If it is damaged.
pub fn decode(content: Bytes) -> Result<Vec<MetadataRecord>, CheckpointError> {
    Ok(checkpoint::decode(content)?.records)
}

/// The records as the storage tool prints them, after Kafka's `BootstrapMetadata`.
pub fn describe(records: &[MetadataRecord], source: &str) -> String {
    let shown: Vec<String> = records
        .iter()
        .map(|record| match record {
            MetadataRecord::FeatureLevel(level) => format!(
                "ApiMessageAndVersion(FeatureLevelRecord(name='{}', featureLevel={}) at version 0)",
                level.name, level.feature_level
            ),
            MetadataRecord::UserScramCredential(credential) => {
                format!("ApiMessageAndVersion({} at version 0)", describe_credential(credential))
            }
            other => format!("ApiMessageAndVersion({other:?} at version 0)"),
        })
        .collect();
    let level = records.iter().rev().find_map(|record| match record {
        MetadataRecord::FeatureLevel(level) if level.name == *MetadataVersion::FEATURE_NAME => {
            Some(level.feature_level)
        }
        _ => None,
    });
    format!(
        "BootstrapMetadata(records=[{}], metadataVersionLevel={}, source={source})",
        shown.join(", "),
        level.unwrap_or(-1)
    )
}

/// Java prints bytes as signed numbers.
fn describe_credential(credential: &UserScramCredentialRecord) -> String {
    let numbers = |bytes: &Bytes| {
        let shown: Vec<String> = bytes.iter().map(|byte| byte.cast_signed().to_string()).collect();
        format!("[{}]", shown.join(", "))
    };
    format!(
        "UserScramCredentialRecord(name='{}', mechanism={}, salt={}, storedKey={}, serverKey={}, iterations={})",
        credential.name,
        credential.mechanism,
        numbers(&credential.salt),
        numbers(&credential.stored_key),
        numbers(&credential.server_key),
        credential.iterations
    )
}
