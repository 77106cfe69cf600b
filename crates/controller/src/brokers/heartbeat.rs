//! BrokerHeartbeat.

use super::fence::{fence, registration_change, unfence};
use crate::partitions::{Affected, leader_and_isr_updates};
use crate::{ApiError, Context, Heartbeats, Outcome};
use klamm_metadata::image::{Broker, Partition};
use klamm_protocol::Uuid;
use klamm_protocol::api::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use klamm_protocol::metadata::MetadataRecord;
use std::time::Duration;

/// What the broker is told.
pub type HeartbeatReply = BrokerHeartbeatResponse;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fenced,
    Unfenced,
    ControlledShutdown,
    ShutdownNow,
}

/// Moves the broker between fenced, unfenced, shutting down and gone, as it asks and as far as it may.
///
/// `end_offset` is the offset that the next record gets: where a shutdown begins.
///
/// # Errors
/// STALE_BROKER_EPOCH.
pub fn heartbeat(
    context: &Context<'_>,
    heartbeats: &mut Heartbeats,
    now: Duration,
    request: &BrokerHeartbeatRequest,
    end_offset: i64,
) -> Result<Outcome<HeartbeatReply>, ApiError> {
    let broker = context.checked_broker(request.broker_id, request.broker_epoch)?;
    let current = current_state(broker, heartbeats);
    let next = next_state(context, heartbeats, broker, current, request);
    let mut records = Vec::new();
    if current != next {
        match next {
            State::Fenced | State::ShutdownNow => fence(context, broker, &mut records),
            State::Unfenced => unfence(context, broker, &mut records),
            State::ControlledShutdown => begin_shutdown(context, broker, &mut records),
        }
    }
    let fenced = matches!(next, State::Fenced | State::ShutdownNow);
    heartbeats.touch(broker.id, broker.epoch, fenced, request.current_metadata_offset, now);
    if next == State::ShutdownNow {
        heartbeats.end_session(broker.id);
    }
    if next == State::ControlledShutdown {
        // Everybody has to know of the new leaders before the broker goes.
        let records_end = end_offset.saturating_add(i64::try_from(records.len()).unwrap_or(0));
        heartbeats.begin_shutdown(broker.id, records_end.saturating_sub(1));
    }
    let version = context.metadata_version();
    if version.is_directory_assignment_supported() {
        offline_dirs(context, broker, &request.offline_log_dirs, &mut records);
    }
    if version.is_cordoned_log_dirs_supported() {
        cordoned_dirs(broker, request.cordoned_log_dirs.as_deref(), &mut records);
    }
    let reply = HeartbeatReply {
        is_caught_up: is_caught_up(broker, heartbeats, request),
        is_fenced: fenced,
        should_shut_down: next == State::ShutdownNow,
        ..Default::default()
    };
    Ok(Outcome::new(records, reply))
}

/// A shutdown is under way if this controller has seen it begin: one that an earlier controller began is begun again,
/// since not all of its leaderships may have been moved.
fn current_state(broker: &Broker, heartbeats: &Heartbeats) -> State {
    if heartbeats.shutdown_offset(broker.id).is_some() {
        State::ControlledShutdown
    } else if broker.fenced {
        State::Fenced
    } else {
        State::Unfenced
    }
}

/// Whether the broker has read its own registration. Its epoch is the offset from which the registration, and what is
/// cleaned up with it, was appended.
fn is_caught_up(broker: &Broker, heartbeats: &Heartbeats, request: &BrokerHeartbeatRequest) -> bool {
    request.current_metadata_offset >= heartbeats.registration_offset(broker.id).unwrap_or(broker.epoch)
}

fn next_state(
    context: &Context<'_>,
    heartbeats: &Heartbeats,
    broker: &Broker,
    current: State,
    request: &BrokerHeartbeatRequest,
) -> State {
    let leads = || context.index.leads(broker.id);
    match current {
        State::Fenced if request.want_shut_down => State::ShutdownNow,
        State::Fenced if !request.want_fence && is_caught_up(broker, heartbeats, request) => State::Unfenced,
        State::Fenced => State::Fenced,
        State::Unfenced if request.want_fence && request.want_shut_down => State::ShutdownNow,
        State::Unfenced if request.want_fence => State::Fenced,
        State::Unfenced if request.want_shut_down && leads() => State::ControlledShutdown,
        State::Unfenced if request.want_shut_down => State::ShutdownNow,
        State::Unfenced => State::Unfenced,
        State::ControlledShutdown if leads() => State::ControlledShutdown,
        State::ControlledShutdown => {
            let reached = heartbeats.shutdown_offset(broker.id).unwrap_or(-1);
            if reached <= heartbeats.lowest_active_offset() {
                State::ShutdownNow
            } else {
                State::ControlledShutdown
            }
        }
        State::ShutdownNow => State::ShutdownNow,
    }
}

/// Marks the broker and moves its leaderships away; a partition that nobody else can lead loses its leader.
fn begin_shutdown(context: &Context<'_>, broker: &Broker, records: &mut Vec<MetadataRecord>) {
    let id = broker.id;
    if !broker.in_controlled_shutdown {
        records.push(registration_change(broker, |change| change.in_controlled_shutdown = 1));
    }
    let in_sync = |partition: &Partition| partition.isr.contains(&id);
    leader_and_isr_updates(context, Affected::Removed(id), context.index.of_broker(id), in_sync, records);
}

fn offline_dirs(context: &Context<'_>, broker: &Broker, offline: &[Uuid], records: &mut Vec<MetadataRecord>) {
    let newly: Vec<Uuid> = offline.iter().copied().filter(|dir| broker.log_dirs.contains(dir)).collect();
    if newly.is_empty() {
        return;
    }
    let concerned =
        |partition: &Partition| partition.directory_of(broker.id).is_some_and(|dir| newly.contains(&dir));
    // Replicas that are neither in sync nor eligible are in no index, and have nothing to lose but a chance to lead
    // that they had not.
    leader_and_isr_updates(
        context,
        Affected::Removed(broker.id),
        context.index.of_broker(broker.id),
        concerned,
        records,
    );
    let online = broker.log_dirs.iter().copied().filter(|dir| !offline.contains(dir)).collect();
    records.push(registration_change(broker, |change| change.log_dirs = online));
}

fn cordoned_dirs(broker: &Broker, cordoned: Option<&[Uuid]>, records: &mut Vec<MetadataRecord>) {
    // Brokers leave it out until they have read the metadata.
    let Some(cordoned) = cordoned else { return };
    let mut cordoned = cordoned.to_vec();
    cordoned.sort_unstable();
    if broker.cordoned_log_dirs.as_ref() != Some(&cordoned) {
        records.push(registration_change(broker, |change| change.cordoned_log_dirs = Some(cordoned)));
    }
}
