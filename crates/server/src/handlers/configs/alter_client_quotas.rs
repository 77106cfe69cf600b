//! AlterClientQuotas (key 49), v0–1: sets and removes quotas of users, client ids and addresses (KIP-546). Decided by the
//! controller.

use klamm_protocol::api::alter_client_quotas::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, AlterClientQuotasResponseEntityData,
    AlterClientQuotasResponseEntryData,
};

use super::ConfigsContext;
use crate::dispatch::Call;

/// Answers AlterClientQuotas.
pub async fn handle(
    cx: &ConfigsContext,
    call: &Call,
    request: AlterClientQuotasRequest,
) -> AlterClientQuotasResponse {
    let answer = cx.node.controller.alter_client_quotas(request.clone(), call.api_version).await;
    match cx.settled(answer).await {
        Ok(response) => response,
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
