//! AlterClientQuotas (key 49), v0–1: sets and removes quotas of users, client ids and addresses (KIP-546). Decided by the
//! controller.

use klamm_metadata::image::{MetadataImage, QuotaEntity};
use klamm_protocol::api::alter_client_quotas::{
    AlterClientQuotasRequest, AlterClientQuotasRequestEntryData, AlterClientQuotasResponse,
    AlterClientQuotasResponseEntityData, AlterClientQuotasResponseEntryData,
};

use super::ConfigsContext;
use crate::dispatch::Call;

/// Answers AlterClientQuotas.
pub async fn handle(
    cx: &ConfigsContext,
    call: &Call,
    request: AlterClientQuotasRequest,
) -> AlterClientQuotasResponse {
    match cx.node.controller.alter_client_quotas(request.clone(), call).await {
        Ok(response) => {
            if !request.validate_only {
                let answered = request.entries.iter().zip(&response.entries);
                let taken: Vec<_> = answered.filter(|(_, answer)| answer.error_code == 0).collect();
                cx.node.applied(|image| taken.iter().all(|(entry, _)| has(image, entry))).await;
            }
            response
        }
        Err(error) => {
            let entries = request.entries.into_iter().map(|entry| AlterClientQuotasResponseEntryData {
                error_code: error.code().code(),
                error_message: Some(error.to_string().into()),
                entity: entry
                    .entity
                    .into_iter()
                    .map(|part| AlterClientQuotasResponseEntityData {
                        entity_type: part.entity_type,
                        entity_name: part.entity_name,
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            });
            AlterClientQuotasResponse { entries: entries.collect(), ..Default::default() }
        }
    }
}

/// Whether an image shows what was altered for an entity.
fn has(image: &MetadataImage, entry: &AlterClientQuotasRequestEntryData) -> bool {
    let parts = entry.entity.iter();
    let mut entity: QuotaEntity = parts.map(|p| (p.entity_type.clone(), p.entity_name.clone())).collect();
    entity.sort();
    let quotas = image.client_quotas.entity(&entity);
    entry.ops.iter().all(|op| {
        let is = quotas.and_then(|quotas| quotas.get(&op.key));
        if op.remove { is.is_none() } else { is.is_some_and(|value| value.0.to_bits() == op.value.to_bits()) }
    })
}
