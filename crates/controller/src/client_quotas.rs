//! Decides on altered client quotas: AlterClientQuotas (KIP-546, KIP-612).
//!
//! An entity is a user, a client id, both, or an address; a missing name stands for the default of its type. Each entity
//! is altered as a whole or not at all. All refusals are INVALID_REQUEST.

use std::collections::{BTreeMap, BTreeSet};

use crate::ApiError;
use klamm_config::{KeyDef, Type, table};
use klamm_metadata::MetadataImage;
use klamm_metadata::image::QuotaEntity;
use klamm_protocol::api::alter_client_quotas::{
    AlterClientQuotasRequest, AlterClientQuotasRequestEntryData, AlterClientQuotasResponse,
    AlterClientQuotasResponseEntityData, AlterClientQuotasResponseEntryData,
};
use klamm_protocol::metadata::{ClientQuotaRecord, EntityData};
use klamm_protocol::{ErrorCode, MetadataRecord, StrBytes};
use klamm_timeline::Outcome;

const USER: &str = "user";
const CLIENT_ID: &str = "client-id";
const IP: &str = "ip";

/// Sets and removes quotas.
pub fn alter_client_quotas(
    image: &MetadataImage,
    request: &AlterClientQuotasRequest,
) -> Outcome<MetadataRecord, AlterClientQuotasResponse> {
    let mut records = Vec::new();
    let mut entries = Vec::with_capacity(request.entries.len());
    let mut seen = BTreeSet::new();
    for entry in &request.entries {
        let result = entity(entry).and_then(|entity| {
            if !seen.insert(entity.clone()) {
                return Err(format!("Ignoring duplicate entity {}", shown(&entity)));
            }
            alter(image, &entity, entry)
        });
        let error = result.map(|new| records.extend(new)).err();
        entries.push(AlterClientQuotasResponseEntryData {
            error_code: if error.is_some() {
                ErrorCode::InvalidRequest.code()
            } else {
                ErrorCode::None.code()
            },
            error_message: error.map(StrBytes::from),
            entity: entry
                .entity
                .iter()
                .map(|part| AlterClientQuotasResponseEntityData {
                    entity_type: part.entity_type.clone(),
                    entity_name: part.entity_name.clone(),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        });
    }
    if let Err(error) = ApiError::check_record_count(records.len()) {
        records.clear();
        for entry in &mut entries {
            (entry.error_code, entry.error_message) = (error.code.code(), error.wire_message());
        }
    }
    let response = AlterClientQuotasResponse { entries, ..Default::default() };
    if request.validate_only { Outcome::unchanged(response) } else { Outcome::new(records, response) }
}

/// The entity of an entry, sorted by type as the image has it.
fn entity(entry: &AlterClientQuotasRequestEntryData) -> Result<QuotaEntity, String> {
    let mut parts: BTreeMap<StrBytes, Option<StrBytes>> = BTreeMap::new();
    for part in &entry.entity {
        let (kind, name) = (&part.entity_type, &part.entity_name);
        if ![USER, CLIENT_ID, IP].contains(&kind.as_str()) {
            return Err(format!("Unhandled client quota entity type: {kind}"));
        }
        if name.as_ref().is_some_and(|name| name.is_empty()) {
            return Err(format!("Empty {kind} not supported"));
        }
        if parts.insert(kind.clone(), name.clone()).is_some() {
            return Err(format!("Invalid client quota entity, duplicate entity entry {kind}"));
        }
    }
    if parts.is_empty() {
        return Err("Invalid empty client quota entity".to_owned());
    }
    let entity: QuotaEntity = parts.into_iter().collect();
    if let Some((_, name)) = entity.iter().find(|(kind, _)| kind.as_str() == IP) {
        if entity.len() > 1 {
            return Err(
                "Invalid quota entity combination, IP entity should not be combined with User or ClientId"
                    .to_owned(),
            );
        }
        // Kafka also takes names that its machine can resolve. A decision must not depend on a machine's resolver.
        if let Some(name) =
            name.as_ref().filter(|n| n.parse::<std::net::IpAddr>().is_err() && n.as_str() != "localhost")
        {
            return Err(format!("{name} is not a valid IP or resolvable host."));
        }
    }
    Ok(entity)
}

fn alter(
    image: &MetadataImage,
    entity: &QuotaEntity,
    entry: &AlterClientQuotasRequestEntryData,
) -> Result<Vec<MetadataRecord>, String> {
    let current = image.client_quotas.entity(entity);
    let mut records = Vec::new();
    let mut seen = BTreeSet::new();
    for op in &entry.ops {
        if !seen.insert(&op.key) {
            return Err(format!(
                "Duplicate quota key {} not updating quota for this entity {}",
                op.key,
                shown(entity)
            ));
        }
        let current = current.and_then(|quotas| quotas.get(&op.key)).map(|value| value.0);
        let is_change = if op.remove {
            current.is_some()
        } else {
            check_value(key(entity, &op.key)?, op.value)?;
            current != Some(op.value)
        };
        if is_change {
            records.push(MetadataRecord::ClientQuota(ClientQuotaRecord {
                entity: entity_data(entity),
                key: op.key.clone(),
                value: if op.remove { 0.0 } else { op.value },
                remove: op.remove,
                ..Default::default()
            }));
        }
    }
    Ok(records)
}

fn entity_data(entity: &QuotaEntity) -> Vec<EntityData> {
    let part = |(kind, name): &(StrBytes, Option<StrBytes>)| EntityData {
        entity_type: kind.clone(),
        entity_name: name.clone(),
        ..Default::default()
    };
    entity.iter().map(part).collect()
}

/// The quota's key, if entities of this kind have it.
fn key(entity: &QuotaEntity, name: &str) -> Result<&'static KeyDef, String> {
    let of_ip = entity.iter().any(|(kind, _)| kind.as_str() == IP);
    let is_ip_key = name == klamm_config::quota::CONNECTION_CREATION_RATE.name();
    let def = table::QUOTA.find(name).filter(|def| is_ip_key == of_ip && !def.name.starts_with("SCRAM"));
    def.ok_or_else(|| format!("Invalid configuration key {name}"))
}

fn check_value(def: &KeyDef, value: f64) -> Result<(), String> {
    let name = def.name;
    if value.is_nan() || value <= 0.0 {
        return Err(format!("Quota {name} must be greater than 0"));
    }
    let most = match def.value_type {
        Type::Int => f64::from(i32::MAX),
        Type::Long => i64::MAX as f64,
        _ => return Ok(()),
    };
    if value > most {
        let kind = if def.value_type == Type::Int { "an INT" } else { "a LONG" };
        return Err(format!("Proposed value for {name} is too large for {kind}."));
    }
    if (value % 1.0).abs() > 1e-6 {
        return Err(format!("{name} cannot be a fractional value."));
    }
    Ok(())
}

fn shown(entity: &QuotaEntity) -> String {
    let part = |(kind, name): &(StrBytes, Option<StrBytes>)| match name {
        Some(name) => format!("{kind}={name}"),
        None => format!("{kind}=<default>"),
    };
    entity.iter().map(part).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_protocol::api::alter_client_quotas::{AlterClientQuotasRequestEntityData, OpData};

    /// `user=a,client-id producer_byte_rate=5 -request_percentage`: entity, then keys set and removed.
    fn entry(text: &str) -> AlterClientQuotasRequestEntryData {
        let mut words = text.split_whitespace();
        let part = |part: &str| {
            let (kind, name) = part.split_once('=').map_or((part, None), |(kind, name)| (kind, Some(name)));
            AlterClientQuotasRequestEntityData {
                entity_type: kind.into(),
                entity_name: name.map(StrBytes::from),
                ..Default::default()
            }
        };
        let op = |word: &str| match (word.split_once('='), word.strip_prefix('-')) {
            (Some((key, value)), _) => {
                OpData { key: key.into(), value: value.parse().unwrap(), ..Default::default() }
            }
            (_, Some(key)) => OpData { key: key.into(), remove: true, ..Default::default() },
            _ => panic!("{word}"),
        };
        let entity = words.next().unwrap_or_default();
        AlterClientQuotasRequestEntryData {
            entity: entity.split(',').filter(|p| !p.is_empty()).map(part).collect(),
            ops: words.map(op).collect(),
            ..Default::default()
        }
    }

    fn alter_all(image: &mut MetadataImage, texts: &[&str]) -> Vec<String> {
        let request = AlterClientQuotasRequest {
            entries: texts.iter().map(|t| entry(t)).collect(),
            ..Default::default()
        };
        let outcome = alter_client_quotas(image, &request);
        for record in &outcome.records {
            image.try_replay(record).unwrap();
        }
        let mut shown = vec![format!("{} records", outcome.records.len())];
        let answers = outcome.response.entries.iter();
        shown.extend(answers.map(|entry| entry.error_message.as_deref().unwrap_or("ok").to_owned()));
        shown
    }

    #[test]
    fn quotas_are_set_and_removed() {
        let mut image = MetadataImage::default();
        let mut alter = |texts: &[&str]| alter_all(&mut image, texts);
        assert_eq!(
            alter(&["user=a,client-id producer_byte_rate=5 request_percentage=0.5"]),
            ["2 records", "ok"]
        );
        // The same once more, the types the other way round: nothing changes.
        assert_eq!(
            alter(&["client-id,user=a producer_byte_rate=5 -consumer_byte_rate"]),
            ["0 records", "ok"]
        );
        assert_eq!(
            alter(&["user=a,client-id -producer_byte_rate", "ip connection_creation_rate=7"]),
            ["2 records", "ok", "ok"]
        );
        assert_eq!(image.client_quotas.iter().count(), 2);
    }

    #[test]
    fn what_is_refused() {
        for (text, expected) in [
            ("", "Invalid empty client quota entity"),
            ("user= producer_byte_rate=5", "Empty user not supported"),
            ("group=a producer_byte_rate=5", "Unhandled client quota entity type: group"),
            (
                "user=a,user=b producer_byte_rate=5",
                "Invalid client quota entity, duplicate entity entry user",
            ),
            ("user=a,ip=1.2.3.4 producer_byte_rate=5", "Invalid quota entity combination"),
            ("ip=nowhere! connection_creation_rate=5", "nowhere! is not a valid IP or resolvable host."),
            ("ip=::1 producer_byte_rate=5", "Invalid configuration key producer_byte_rate"),
            ("user=a connection_creation_rate=5", "Invalid configuration key connection_creation_rate"),
            ("user=a SCRAM-SHA-256=5", "Invalid configuration key SCRAM-SHA-256"),
            ("user=a producer_byte_rate=0", "Quota producer_byte_rate must be greater than 0"),
            ("user=a producer_byte_rate=NaN", "Quota producer_byte_rate must be greater than 0"),
            ("user=a producer_byte_rate=1.5", "producer_byte_rate cannot be a fractional value."),
            (
                "ip connection_creation_rate=3e9",
                "Proposed value for connection_creation_rate is too large for an INT.",
            ),
            ("user=a producer_byte_rate=1 producer_byte_rate=2", "Duplicate quota key producer_byte_rate"),
        ] {
            let shown = alter_all(&mut MetadataImage::default(), &[text]);
            assert!(shown[0] == "0 records" && shown[1].starts_with(expected), "{text}: {shown:?}");
        }
        let twice = alter_all(
            &mut MetadataImage::default(),
            &["user=a producer_byte_rate=1", "user=a producer_byte_rate=2"],
        );
        assert_eq!(twice, ["1 records", "ok", "Ignoring duplicate entity user=a"]);
    }
}
