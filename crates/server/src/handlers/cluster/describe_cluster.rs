//! DescribeCluster (key 60), v0–2: the brokers of the cluster, or on a controller's listener its controllers.
//!
//! * v1  the caller says which kind of node it wants (KIP-919)
//! * v2  fenced brokers, if asked for (KIP-1073)
//!
//! On a controller's listener it takes a `metadata.version` of 3.7-IV0: before, controllers did not register.
//!
//! A voter counts as a controller before it has registered: Kafka's AdminClient waits for ever if the active controller,
//! which it is told the id of, is not in the list.

use klamm_metadata::image::{Endpoint, MetadataImage};
use klamm_protocol::{
    ErrorCode,
    api::describe_cluster::{DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse},
};

use super::{ClusterContext, alive_endpoint_of};
use crate::{
    authorize::{Resource, authorized_operations},
    dispatch::Call,
};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Answers DescribeCluster.
pub async fn handle(
    cx: &ClusterContext,
    call: &Call,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    let here = if call.connection.is_controller_listener { CONTROLLERS } else { BROKERS };
    let published = cx.node.metadata.load();
    if let Some(refusal) = refused(request.endpoint_type, here, call.api_version, &published.image) {
        return refusal;
    }
    let cluster = &published.image.cluster;
    let listener = &call.connection.listener;
    let mut response = DescribeClusterResponse {
        endpoint_type: here,
        cluster_id: cx.node.cluster_id.clone(),
        controller_id: -1,
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = authorized_operations(Resource::Cluster);
    }
    if here == BROKERS {
        let alive = |id: &i32| alive_endpoint_of(&published.image, *id, listener).is_some();
        response.controller_id = if alive(&cx.node.id) {
            cx.node.id
        } else {
            cluster.brokers.keys().copied().find(alive).unwrap_or(-1)
        };
    } else {
        response.controller_id = cx.node.controller.leader_id();
    }
    let named = |endpoints: &[Endpoint]| {
        let endpoint =
            endpoints.iter().find(|endpoint| endpoint.name.eq_ignore_ascii_case(listener.as_str()))?;
        Some((endpoint.host.clone(), i32::from(endpoint.port)))
    };
    if here == BROKERS {
        for broker in
            cluster.brokers.values().filter(|broker| !broker.fenced || request.include_fenced_brokers)
        {
            if let Some((host, port)) = named(&broker.listeners) {
                let rack = broker.rack.clone();
                let is_fenced = broker.fenced;
                let broker_id = broker.id;
                response.brokers.push(DescribeClusterBroker {
                    broker_id,
                    host,
                    port,
                    rack,
                    is_fenced,
                    ..Default::default()
                });
            }
        }
    } else {
        for controller in cluster.controllers.values() {
            if let Some((host, port)) = named(&controller.listeners) {
                let broker_id = controller.id;
                response.brokers.push(DescribeClusterBroker { broker_id, host, port, ..Default::default() });
            }
        }
        for voter in published.voters.iter() {
            let broker_id = voter.key.id;
            let is_known = response.brokers.iter().any(|known| known.broker_id == broker_id);
            if let Some(endpoint) =
                published.voters.endpoint(broker_id, listener.as_str()).filter(|_| !is_known)
            {
                let (host, port) = (endpoint.host.clone(), i32::from(endpoint.port));
                response.brokers.push(DescribeClusterBroker { broker_id, host, port, ..Default::default() });
            }
        }
    }
    response
}

/// Why nodes of that kind are not described here, if they are not.
fn refused(wanted: i8, here: i8, api_version: i16, image: &MetadataImage) -> Option<DescribeClusterResponse> {
    let name = |kind| if kind == BROKERS { "BROKER" } else { "CONTROLLER" };
    let version = image.features.metadata_version_or_minimum();
    let (code, message) = match wanted {
        _ if here == CONTROLLERS && image.features.metadata_version.is_none() => (
            ErrorCode::UnsupportedVersion,
            "this controller has no metadata yet: the quorum has elected no leader since it was formatted, or this node \
             has not found it; its log says what it waits for"
                .to_owned(),
        ),
        // Before, controllers were not to be asked but through brokers.
        _ if here == CONTROLLERS && !version.is_controller_registration_supported() => (
            ErrorCode::UnsupportedVersion,
            format!("controllers serve clients from metadata.version 3.7-IV0 on, and it is {version}"),
        ),
        _ if wanted == here => return None,
        BROKERS | CONTROLLERS => (
            ErrorCode::MismatchedEndpointType,
            format!(
                "The request was sent to an endpoint of type {}, but we wanted an endpoint of type {}",
                name(here),
                name(wanted)
            ),
        ),
        _ => (ErrorCode::UnsupportedEndpointType, format!("Unsupported endpoint type {wanted}")),
    };
    // v0 knows neither kinds of endpoints nor their errors.
    let is_of_kinds = matches!(code, ErrorCode::MismatchedEndpointType | ErrorCode::UnsupportedEndpointType);
    let code = if api_version == 0 && is_of_kinds { ErrorCode::InvalidRequest } else { code };
    Some(DescribeClusterResponse {
        error_code: code.code(),
        error_message: Some(message.into()),
        ..Default::default()
    })
}

#[cfg(test)]
mod tests {
    use klamm_metadata::features::MetadataVersion;

    use super::*;

    #[test]
    fn nodes_of_another_kind_are_refused_as_the_version_can_say_it() {
        let mut image = MetadataImage::default();
        image.features.metadata_version = Some(MetadataVersion::V3_7_IV0);
        for (wanted, here, version, expect) in [
            (BROKERS, BROKERS, 0, None),
            (BROKERS, CONTROLLERS, 0, Some(ErrorCode::InvalidRequest)),
            (BROKERS, CONTROLLERS, 1, Some(ErrorCode::MismatchedEndpointType)),
            (CONTROLLERS, BROKERS, 2, Some(ErrorCode::MismatchedEndpointType)),
            (7, BROKERS, 1, Some(ErrorCode::UnsupportedEndpointType)),
            (CONTROLLERS, CONTROLLERS, 1, None),
        ] {
            let refusal = refused(wanted, here, version, &image);
            let code = refusal.map(|refusal| ErrorCode::from_code(refusal.error_code));
            assert_eq!(code, expect, "{wanted} of {here} in v{version}");
        }
    }
}
