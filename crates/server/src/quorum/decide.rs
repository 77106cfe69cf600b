//! Which decision of the controller answers which command.
//!
//! Each arm gives the decision what it reads and turns what it answers into a proposal. The decisions themselves are in
//! `klamm_controller`.

use std::{sync::Arc, time::Duration};

use klamm_config::{BrokerConfig, broker};
use klamm_controller::{
    Access, ApiError, Context, Heartbeats, Outcome, PartitionIndex, activation, brokers, client_quotas,
    configs, controllers, features, partitions, periodic, producer_ids, scram, topics,
};
use klamm_metadata::MetadataImage;
use klamm_protocol::{
    MetadataRecord,
    api::{
        allocate_producer_ids::AllocateProducerIdsResponse, alter_partition::AlterPartitionResponse,
        assign_replicas_to_dirs::AssignReplicasToDirsResponse, broker_heartbeat::BrokerHeartbeatResponse,
        broker_registration::BrokerRegistrationResponse,
        controller_registration::ControllerRegistrationResponse, unregister_broker::UnregisterBrokerResponse,
    },
};
use tracing::{debug, info};

use super::{
    command::{AnswerSender, Command},
    driver::{Driver, Finish},
};

/// Newly elected controllers give every broker a whole session to be heard of.
pub(super) fn heartbeats(driver: &Driver, image: &MetadataImage, now: Duration) -> Heartbeats {
    let timeout = driver.config.get(&broker::BROKER_SESSION_TIMEOUT_MS);
    let timeout = Duration::from_millis(u64::try_from(timeout).unwrap_or(9000));
    let mut heartbeats = Heartbeats::activate(image, now, timeout);
    // After a kill this node's own broker need not wait for the session of its predecessor to end.
    heartbeats.release(driver.config.node_id());
    heartbeats
}

/// The first thing that a new controller does: what a new cluster starts with, if this is one.
pub(super) fn activate(driver: &mut Driver, bootstrap: &[MetadataRecord], in_transaction: bool) {
    let records = with_context(driver, |context| activation::activate(context, bootstrap, in_transaction));
    if records.is_empty() {
        return;
    }
    info!(records = records.len(), "the controller writes the records of a new cluster");
    driver.propose(&records, Box::new(|_| {}));
}

/// Proves that the quorum is alive.
pub(super) fn idle(driver: &mut Driver) {
    let outcome = periodic::no_op();
    driver.propose(&outcome.records, Box::new(|_| {}));
}

/// How often leaders are brought back to the preferred replicas, if that is wanted.
pub(super) fn balance_interval(config: &BrokerConfig) -> Option<Duration> {
    let seconds = config.get(&broker::LEADER_IMBALANCE_CHECK_INTERVAL_SECONDS);
    config
        .get(&broker::AUTO_LEADER_REBALANCE_ENABLE)
        .then(|| Duration::from_secs(u64::try_from(seconds).unwrap_or(300)))
}

/// How often partitions without a leader are looked at.
pub(super) fn unclean_interval(config: &BrokerConfig) -> Duration {
    let ms = config.get(&broker::UNCLEAN_LEADER_ELECTION_INTERVAL_MS);
    Duration::from_millis(u64::try_from(ms).unwrap_or(300_000).max(1))
}

/// The elections that nobody asks for, when their time has come. With more to elect than goes at once, again soon.
pub(super) fn elections(driver: &mut Driver, now: Duration) {
    let Some(active) = &mut driver.active else { return };
    let balance = active.balance_deadline.is_some_and(|deadline| now >= deadline);
    let unclean = now >= active.unclean_deadline;
    let soon = now + Duration::from_millis(10);
    if balance {
        let outcome = with_context(driver, periodic::balance_leaders);
        let interval = balance_interval(&driver.config).map(|interval| now + interval);
        if let Some(active) = &mut driver.active {
            active.balance_deadline = if outcome.response { Some(soon) } else { interval };
        }
        propose_elections(driver, &outcome.records);
    }
    if unclean {
        let outcome = with_context(driver, periodic::elect_unclean_leaders);
        let next = now + unclean_interval(&driver.config);
        if let Some(active) = &mut driver.active {
            active.unclean_deadline = if outcome.response { soon } else { next };
        }
        propose_elections(driver, &outcome.records);
    }
}

fn propose_elections(driver: &mut Driver, records: &[MetadataRecord]) {
    if !records.is_empty() {
        info!(partitions = records.len(), "the controller elects leaders");
        driver.propose(records, Box::new(|_| {}));
    }
}

/// Fences a broker that has been silent for too long. If there are more of them the deadline stays, and the next one's
/// turn comes after what has arrived meanwhile: in a large cluster the quorum's protocol and the heartbeats of the others
/// cannot wait for them all.
pub(super) fn session(driver: &mut Driver) {
    let now = driver.monotonic();
    let outcome =
        with_heartbeats(driver, |context, heartbeats| brokers::fence_expired(context, heartbeats, now));
    let Some(id) = outcome.response else { return };
    driver.counts.timed_out_heartbeats += 1;
    info!(broker = id, "broker fenced: no heartbeat within broker.session.timeout.ms");
    driver.propose(&outcome.records, Box::new(|_| {}));
}

/// The epoch of an unfenced broker that was not heard of since then.
pub(super) fn silent_epoch(driver: &Driver, id: i32, since: Duration) -> Option<i64> {
    driver.active.as_ref()?.heartbeats.silent_epoch(id, since)
}

/// Fences a broker whose process is gone.
pub(super) fn departed(driver: &mut Driver, id: i32) {
    let outcome =
        with_heartbeats(driver, |context, heartbeats| brokers::fence_departed(context, heartbeats, id));
    driver.propose(&outcome.records, Box::new(|_| {}));
}

/// Answers a command when its decision is committed.
#[expect(clippy::too_many_lines, reason = "one arm for each command, each a call of the decision")]
pub(super) fn command(driver: &mut Driver, command: Command) {
    let now = driver.monotonic();
    let next_offset = driver.next_offset();
    let mut random = driver.random();
    match command {
        Command::CreateTopics { request, reply, .. } => {
            let decide = |cx: &Context<'_>| topics::create_topics(cx, &mut random, Access::ALL, &request);
            settle(driver, with_context(driver, decide), reply);
        }
        Command::DeleteTopics { request, version, reply, .. } => {
            let decide =
                |cx: &Context<'_>| topics::delete_topics(cx, &mut random, Access::ALL, &request, version);
            settle(driver, with_context(driver, decide), reply);
        }
        Command::CreatePartitions { request, reply, .. } => {
            let decide =
                |cx: &Context<'_>| partitions::create_partitions(cx, &mut random, Access::ALL, &request);
            settle(driver, with_context(driver, decide), reply);
        }
        Command::IncrementalAlterConfigs { request, reply, .. } => {
            let decide = |cx: &Context<'_>| configs::incremental_alter_configs(*cx, &request);
            settle(driver, with_context(driver, decide), reply);
        }
        Command::AlterConfigs { request, reply, .. } => {
            let decide = |cx: &Context<'_>| configs::alter_configs(*cx, &request);
            settle(driver, with_context(driver, decide), reply);
        }
        Command::AlterClientQuotas { request, reply, .. } => {
            let decide = |cx: &Context<'_>| client_quotas::alter_client_quotas(cx.image, &request);
            settle(driver, with_context(driver, decide), reply);
        }
        Command::AlterUserScramCredentials { request, reply, .. } => {
            let decide = |cx: &Context<'_>| scram::alter_credentials(cx.image, &request);
            settle(driver, with_context(driver, decide), reply);
        }
        Command::UpdateFeatures { request, version, reply, .. } => {
            let (kraft_version, ids) = driver.quorum_features();
            let upgrade = features::kraft_upgrade(&request, kraft_version);
            let possible = upgrade.map_or(Ok(()), |level| driver.upgrade_kraft_version(level, true));
            let quorum = features::Quorum { kraft_version, ids, upgrade: possible };
            let outcome = with_context(driver, |context| {
                features::update_features(context, &request, version, &quorum)
            });
            if let Some(level) = upgrade.filter(|_| !outcome.records.is_empty()) {
                // It was possible a moment ago, and the node has not stopped to lead since.
                let _ = driver.upgrade_kraft_version(level, false);
            }
            settle(driver, outcome, reply);
        }
        Command::RegisterBroker { request, reply, .. } => {
            let cluster_id = driver.cluster_id.clone();
            let (kraft_version, _) = driver.quorum_features();
            let claim = brokers::Claim { cluster_id: &cluster_id, kraft_version, end_offset: next_offset };
            let outcome = with_heartbeats(driver, |cx, heartbeats| {
                brokers::register(cx, heartbeats, now, claim, &request)
            });
            driver.refusals.note(&request, outcome.as_ref().err());
            settle_or_refuse(driver, outcome, reply);
        }
        Command::BrokerHeartbeat { request, reply, .. } => {
            let outcome = with_heartbeats(driver, |cx, heartbeats| {
                brokers::heartbeat(cx, heartbeats, now, &request, next_offset)
            });
            settle_or_refuse(driver, outcome, reply);
        }
        Command::UnregisterBroker { request, reply, .. } => {
            let outcome = with_heartbeats(driver, |cx, heartbeats| {
                brokers::unregister(cx, heartbeats, request.broker_id)
            });
            settle_or_refuse(driver, outcome.map(|outcome| outcome.map(|()| Default::default())), reply);
        }
        Command::RegisterController { request, reply, .. } => {
            let outcome =
                with_heartbeats(driver, |cx, heartbeats| controllers::register(cx, heartbeats, &request));
            settle_or_refuse(driver, outcome, reply);
        }
        Command::DescribeQuorum { request, reply, .. } => driver.ask_raft(request, reply),
        Command::AddRaftVoter { request, reply, .. } => driver.ask_raft(request, reply),
        Command::RemoveRaftVoter { request, reply, .. } => driver.ask_raft(request, reply),
        Command::AllocateProducerIds { request, reply, .. } => {
            let outcome = with_context(driver, |cx| producer_ids::allocate(cx, &request));
            settle_or_refuse(driver, outcome, reply);
        }
        Command::AlterPartition { request, version, reply, .. } => {
            let outcome = with_context(driver, |cx| partitions::alter_partition(cx, &request, version));
            settle_or_refuse(driver, outcome, reply);
        }
        Command::AlterPartitionReassignments { request, reply, .. } => {
            let outcome =
                with_context(driver, |context| partitions::alter_partition_reassignments(context, &request));
            settle(driver, outcome, reply);
        }
        Command::ListPartitionReassignments { request, reply, .. } => {
            let response =
                with_context(driver, |context| partitions::list_partition_reassignments(context, &request));
            settle(driver, Outcome::unchanged(response), reply);
        }
        Command::ElectLeaders { request, reply, .. } => {
            let outcome = with_context(driver, |cx| partitions::elect_leaders(cx, &request));
            let outcome = outcome
                .unwrap_or_else(|error| Outcome::unchanged(partitions::refuse_elections(&request, &error)));
            settle(driver, outcome, reply);
        }
        Command::AssignReplicasToDirs { request, reply, .. } => {
            let outcome = with_context(driver, |cx| partitions::assign_replicas_to_dirs(cx, &request));
            settle_or_refuse(driver, outcome, reply);
        }
    }
}

/// A response that can refuse the whole request.
trait Refusal: Default {
    fn refused(error: &ApiError) -> Self;
}

macro_rules! refusals {
    ($($response:ident $($message:ident)?;)+) => {
        $(impl Refusal for $response {
            fn refused(error: &ApiError) -> Self {
                Self { error_code: error.code.code(), $($message: error.wire_message(),)? ..Default::default() }
            }
        })+
    };
}

refusals! {
    BrokerRegistrationResponse;
    BrokerHeartbeatResponse;
    UnregisterBrokerResponse error_message;
    ControllerRegistrationResponse error_message;
    AllocateProducerIdsResponse;
    AlterPartitionResponse;
    AssignReplicasToDirsResponse;
}

fn settle_or_refuse<T: Refusal + Send + 'static>(
    driver: &mut Driver,
    outcome: Result<Outcome<T>, ApiError>,
    reply: AnswerSender<T>,
) {
    let outcome = outcome.unwrap_or_else(|error| {
        debug!(%error, "the controller refuses a request");
        Outcome::unchanged(T::refused(&error))
    });
    settle(driver, outcome, reply);
}

/// Runs a decision on the tentative image.
fn with_context<T>(driver: &Driver, decide: impl FnOnce(&Context<'_>) -> T) -> T {
    let config = Arc::clone(&driver.config);
    let empty = (MetadataImage::default(), PartitionIndex::default());
    let (image, index) = match &driver.active {
        Some(active) => (active.timeline.tentative(), &active.index),
        None => (&empty.0, &empty.1),
    };
    decide(&Context { image, index, config: &config, forwarded: true })
}

/// Runs a decision on the tentative image that also changes the brokers' sessions.
fn with_heartbeats<T>(driver: &mut Driver, decide: impl FnOnce(&Context<'_>, &mut Heartbeats) -> T) -> T {
    let config = Arc::clone(&driver.config);
    let active = driver.active.as_mut().expect("commands are only decided by an active controller");
    let context = Context {
        image: active.timeline.tentative(),
        index: &active.index,
        config: &config,
        forwarded: true,
    };
    decide(&context, &mut active.heartbeats)
}

fn settle<T: Send + 'static>(driver: &mut Driver, outcome: Outcome<T>, reply: AnswerSender<T>) {
    let Outcome { records, response, .. } = outcome;
    let finish: Finish = Box::new(move |committed| {
        drop(reply.send(committed.map(|_| response)));
    });
    driver.propose(&records, finish);
}
