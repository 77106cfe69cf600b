//! ControllerRegistration (KIP-919).

use crate::{ApiError, Context, Heartbeats, Outcome};
use klamm_protocol::ErrorCode;
use klamm_protocol::api::controller_registration::{
    ControllerRegistrationRequest, ControllerRegistrationResponse,
};
use klamm_protocol::metadata::{ControllerEndpoint, ControllerFeature, RegisterControllerRecord};

/// Registers a controller: where it listens and which features it supports.
///
/// If it is another run than the one known before, so is the broker of the same node: a broker that has not been heard of
/// since this controller is active holds its id no longer.
///
/// # Errors
/// UNSUPPORTED_VERSION below 3.7-IV0.
pub fn register(
    context: &Context<'_>,
    heartbeats: &mut Heartbeats,
    request: &ControllerRegistrationRequest,
) -> Result<Outcome<ControllerRegistrationResponse>, ApiError> {
    if !context.metadata_version().is_controller_registration_supported() {
        return Err(ApiError::new(
            ErrorCode::UnsupportedVersion,
            "The current MetadataVersion is too old to support controller registrations.",
        ));
    }
    let known = context.image.cluster.controllers.get(&request.controller_id);
    if known.is_some_and(|known| known.incarnation_id != request.incarnation_id) {
        heartbeats.release_unheard(request.controller_id);
    }
    let record = RegisterControllerRecord {
        controller_id: request.controller_id,
        incarnation_id: request.incarnation_id,
        zk_migration_ready: false,
        end_points: request
            .listeners
            .iter()
            .map(|listener| ControllerEndpoint {
                name: listener.name.clone(),
                host: listener.host.clone(),
                port: listener.port,
                security_protocol: listener.security_protocol,
                ..Default::default()
            })
            .collect(),
        features: request
            .features
            .iter()
            .map(|feature| ControllerFeature {
                name: feature.name.clone(),
                min_supported_version: feature.min_supported_version,
                max_supported_version: feature.max_supported_version,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    let response = ControllerRegistrationResponse { error_message: None, ..Default::default() };
    Ok(Outcome::new(vec![record.into()], response))
}
