//! BrokerRegistration.

use crate::partitions::{Affected, leader_and_isr_updates};
use crate::{ApiError, Context, Heartbeats, Outcome};
use klamm_metadata::features::{self, MetadataVersion};
use klamm_metadata::image::Partition;
use klamm_protocol::api::broker_registration::{
    BrokerRegistrationRequest, BrokerRegistrationResponse, Feature,
};
use klamm_protocol::metadata::{BrokerEndpoint, BrokerFeature, MetadataRecord, RegisterBrokerRecord};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a registration is decided on beside the image.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The cluster's id.
    pub cluster_id: &'a str,
    /// The level of `kraft.version` that the log's control records say.
    pub kraft_version: i16,
    /// The offset that the next record gets.
    pub end_offset: i64,
}

/// Registers a broker, or amends the registration of the same process.
///
/// A new process gets a new epoch, the offset that the next record gets, and starts fenced; what the process before it
/// held is cleaned up: an unclean shutdown costs it its place among the eligible leaders.
///
/// # Errors
/// INCONSISTENT_CLUSTER_ID, DUPLICATE_BROKER_REGISTRATION while another process has a session under this id,
/// INVALID_REGISTRATION, UNSUPPORTED_VERSION if the broker does not support a finalized feature.
pub fn register(
    context: &Context<'_>,
    heartbeats: &mut Heartbeats,
    now: Duration,
    claim: Claim<'_>,
    request: &BrokerRegistrationRequest,
) -> Result<Outcome<BrokerRegistrationResponse>, ApiError> {
    if request.cluster_id != *claim.cluster_id {
        return Err(ApiError::new(
            ErrorCode::InconsistentClusterId,
            format!("Expected cluster ID {}, but got cluster ID {}", claim.cluster_id, request.cluster_id),
        ));
    }
    let id = request.broker_id;
    let existing = context.image.cluster.brokers.get(&id);
    let same_process = existing.filter(|broker| broker.incarnation_id == request.incarnation_id);
    if let (Some(broker), None) = (existing, same_process)
        && heartbeats.has_session(id, broker.epoch, now)
    {
        return Err(ApiError::new(
            ErrorCode::DuplicateBrokerRegistration,
            "Another broker is registered with that broker id. If the broker was recently restarted this should \
             self-resolve once the heartbeat manager expires the broker's session.",
        ));
    }
    check(context, request)?;
    let mut records = Vec::new();
    let mut record = registration(context, claim.kraft_version, request)?;
    match same_process {
        Some(broker) => {
            record.fenced = broker.fenced;
            record.in_controlled_shutdown = broker.in_controlled_shutdown;
            record.broker_epoch = broker.epoch;
        }
        None => {
            let clean = existing.is_some_and(|broker| broker.epoch == request.previous_broker_epoch);
            clean_up(context, id, clean, &mut records);
            record.broker_epoch = claim.end_offset;
            heartbeats.remove(id);
        }
    }
    heartbeats.register(id, record.broker_epoch, record.fenced, now);
    let before = i64::try_from(records.len()).unwrap_or(0);
    heartbeats.note_registration(id, claim.end_offset.saturating_add(before));
    let response = BrokerRegistrationResponse { broker_epoch: record.broker_epoch, ..Default::default() };
    // Last, so that after a failure half-way the broker registers again and the clean-up is repeated.
    records.push(record.into());
    Ok(Outcome::new(records, response))
}

fn check(context: &Context<'_>, request: &BrokerRegistrationRequest) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new(ErrorCode::InvalidRegistration, message));
    if request.is_migrating_zk_broker {
        let message = "Controller does not support registering ZK brokers.";
        return Err(ApiError::new(ErrorCode::BrokerIdNotRegistered, message));
    }
    if !context.metadata_version().is_directory_assignment_supported() {
        return Ok(());
    }
    if request.log_dirs.is_empty() {
        return invalid("No directories specified in request".to_owned());
    }
    if request.log_dirs.iter().any(|directory| directory.is_reserved()) {
        return invalid("Reserved directory ID in request".to_owned());
    }
    let distinct: BTreeSet<&Uuid> = request.log_dirs.iter().collect();
    if distinct.len() != request.log_dirs.len() {
        return invalid("Duplicate directory ID in request".to_owned());
    }
    let mut others = context.image.cluster.brokers.values().filter(|broker| broker.id != request.broker_id);
    let taken = others.find_map(|broker| {
        let directory = broker.log_dirs.iter().find(|directory| distinct.contains(directory))?;
        Some((broker.id, *directory))
    });
    match taken {
        Some((broker, directory)) => {
            invalid(format!("Broker {broker} is already registered with directory {directory}"))
        }
        None => Ok(()),
    }
}

fn registration(
    context: &Context<'_>,
    kraft_version: i16,
    request: &BrokerRegistrationRequest,
) -> Result<RegisterBrokerRecord, ApiError> {
    let mut features = Vec::with_capacity(request.features.len());
    for feature in &request.features {
        check_feature(context, kraft_version, feature)?;
        features.push(BrokerFeature {
            name: feature.name.clone(),
            min_supported_version: feature.min_supported_version,
            max_supported_version: feature.max_supported_version,
            ..Default::default()
        });
    }
    if !request.features.iter().any(|feature| feature.name == *MetadataVersion::FEATURE_NAME) {
        let message = "Request features do not contain 'metadata.version'";
        return Err(ApiError::new(ErrorCode::InvalidRegistration, message));
    }
    // Features that the broker has not heard of, which then have to be off.
    let kraft = StrBytes::from(features::Feature::KRaft.name());
    for name in context.image.features.levels.keys().chain([&kraft]) {
        if !request.features.iter().any(|feature| feature.name == *name) {
            check_feature(context, kraft_version, &Feature { name: name.clone(), ..Default::default() })?;
        }
    }
    let directories = context.metadata_version().is_directory_assignment_supported();
    Ok(RegisterBrokerRecord {
        broker_id: request.broker_id,
        incarnation_id: request.incarnation_id,
        end_points: request
            .listeners
            .iter()
            .map(|listener| BrokerEndpoint {
                name: listener.name.clone(),
                host: listener.host.clone(),
                port: listener.port,
                security_protocol: listener.security_protocol,
                ..Default::default()
            })
            .collect(),
        features,
        rack: request.rack.clone(),
        fenced: true,
        log_dirs: if directories { request.log_dirs.clone() } else { Vec::new() },
        ..Default::default()
    })
}

fn check_feature(context: &Context<'_>, kraft_version: i16, feature: &Feature) -> Result<(), ApiError> {
    let finalized = if feature.name == *features::Feature::KRaft.name() {
        kraft_version
    } else {
        context.image.features.level_by_name(&feature.name).unwrap_or(0)
    };
    let (min, max) = (feature.min_supported_version, feature.max_supported_version);
    if (min..=max).contains(&finalized) {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::UnsupportedVersion,
        format!(
            "Unable to register because the broker does not support finalized version {finalized} of {}. The broker \
             wants a version between {min} and {max}, inclusive.",
            feature.name
        ),
    ))
}

fn clean_up(context: &Context<'_>, id: i32, clean: bool, records: &mut Vec<MetadataRecord>) {
    let in_sync = |partition: &Partition| partition.isr.contains(&id);
    let partitions = context.index.of_broker(id);
    if context.is_elr_enabled() && !clean {
        let concerned = |partition: &Partition| in_sync(partition) || partition.elr.contains(&id);
        leader_and_isr_updates(context, Affected::UncleanShutdown(id), partitions, concerned, records);
    } else {
        leader_and_isr_updates(context, Affected::Removed(id), partitions, in_sync, records);
    }
}
