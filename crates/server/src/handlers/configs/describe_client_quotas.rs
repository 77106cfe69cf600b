//! DescribeClientQuotas (key 48), v0–1: the quotas of all entities that match a filter (KIP-546).
//!
//! A filter names entity types, each with a name, its default, or any name. A strict filter takes entities of exactly
//! these types, any other filter those that have further types too.

use std::collections::BTreeMap;

use klamm_metadata::image::QuotaEntity;
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::describe_client_quotas::{
        DescribeClientQuotasRequest, DescribeClientQuotasResponse, EntityData, EntryData, ValueData,
    },
};

use super::{ConfigsContext, invalid};
use crate::{dispatch::Call, error::ApiError};

/// What the name of an entity's type has to be.
enum Match {
    /// This name; `None`: the default.
    Name(Option<StrBytes>),
    /// Any name, or the default.
    Any,
}

/// Answers DescribeClientQuotas.
pub async fn handle(
    cx: &ConfigsContext,
    _call: &Call,
    request: DescribeClientQuotasRequest,
) -> DescribeClientQuotasResponse {
    let filter = match filter(&request) {
        Ok(filter) => filter,
        Err(error) => {
            return DescribeClientQuotasResponse {
                error_code: error.code.code(),
                error_message: Some(error.message.as_ref().into()),
                entries: None,
                ..Default::default()
            };
        }
    };
    let published = cx.node.metadata.load();
    let matching =
        published.image.client_quotas.iter().filter(|(entity, _)| is_match(entity, &filter, request.strict));
    let entries = matching.map(|(entity, quotas)| EntryData {
        entity: entity
            .iter()
            .map(|(kind, name)| EntityData {
                entity_type: kind.clone(),
                entity_name: name.clone(),
                ..Default::default()
            })
            .collect(),
        values: quotas
            .iter()
            .map(|(key, value)| ValueData { key: key.clone(), value: value.0, ..Default::default() })
            .collect(),
        ..Default::default()
    });
    DescribeClientQuotasResponse { entries: Some(entries.collect()), ..Default::default() }
}

fn filter(request: &DescribeClientQuotasRequest) -> Result<BTreeMap<&str, Match>, ApiError> {
    let mut filter = BTreeMap::new();
    for component in &request.components {
        let kind = component.entity_type.as_str();
        if kind.is_empty() {
            return Err(invalid("Invalid empty entity type.".to_owned()));
        }
        if filter.contains_key(kind) {
            return Err(invalid(format!("Entity type {kind} cannot appear more than once in the filter.")));
        }
        if !["user", "client-id", "ip"].contains(&kind) {
            return Err(ApiError::new(
                ErrorCode::UnsupportedVersion,
                format!("Unsupported entity type {kind}"),
            ));
        }
        let matched = match (component.match_type, &component.r#match) {
            (0, Some(name)) => Match::Name(Some(name.clone())),
            (0, None) => {
                return Err(invalid(format!("{kind} is to match exactly, but the name to match is null.")));
            }
            (1, None) => Match::Name(None),
            (2, None) => Match::Any,
            (1 | 2, Some(name)) => {
                return Err(invalid(format!(
                    "{kind} is to match without a name, but also specified {name}."
                )));
            }
            (other, _) => return Err(invalid(format!("Unknown match type {other}"))),
        };
        filter.insert(kind, matched);
    }
    if filter.contains_key("ip") && filter.len() > 1 {
        return Err(invalid(
            "Invalid entity filter component combination. IP filter component should not be used with user or clientId \
             filter component."
                .to_owned(),
        ));
    }
    Ok(filter)
}

fn is_match(entity: &QuotaEntity, filter: &BTreeMap<&str, Match>, strict: bool) -> bool {
    if strict && entity.len() != filter.len() {
        return false;
    }
    filter.iter().all(|(kind, matched)| {
        let part = entity.iter().find(|(other, _)| other.as_str() == *kind);
        match (part, matched) {
            (None, _) => false,
            (Some(_), Match::Any) => true,
            (Some((_, name)), Match::Name(wanted)) => name == wanted,
        }
    })
}
