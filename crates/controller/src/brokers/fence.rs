//! Fencing and unfencing.

use crate::partitions::{Affected, leader_and_isr_updates};
use crate::{Context, Heartbeats, Outcome};
use klamm_metadata::image::{Broker, Partition};
use klamm_protocol::metadata::{BrokerRegistrationChangeRecord, MetadataRecord};
use std::time::Duration;

/// Fences the broker that has been silent for longer than its session, one per call, so that the next call sees its
/// effect. The response is the broker's id; call again until it is `None`.
pub fn fence_expired(
    context: &Context<'_>,
    heartbeats: &mut Heartbeats,
    now: Duration,
) -> Outcome<Option<i32>> {
    let mut records = Vec::new();
    let Some((id, epoch)) = heartbeats.expired(now) else { return Outcome::unchanged(None) };
    match context.image.cluster.brokers.get(&id).filter(|broker| broker.epoch == epoch) {
        Some(broker) => {
            heartbeats.end_session(id);
            fence(context, broker, &mut records);
        }
        None => heartbeats.remove(id),
    }
    Outcome::new(records, Some(id))
}

/// Fences a broker whose process is known to be gone, without waiting for its session to end. Another process may take
/// its id at once.
pub fn fence_departed(context: &Context<'_>, heartbeats: &mut Heartbeats, id: i32) -> Outcome<()> {
    let mut records = Vec::new();
    if let Some(broker) = context.image.cluster.brokers.get(&id).filter(|broker| !broker.fenced) {
        heartbeats.end_session(id);
        fence(context, broker, &mut records);
    }
    Outcome::new(records, ())
}

/// Takes the broker out of every ISR, then marks it.
pub(super) fn fence(context: &Context<'_>, broker: &Broker, records: &mut Vec<MetadataRecord>) {
    let id = broker.id;
    let in_sync = |partition: &Partition| partition.isr.contains(&id);
    let partitions = context.index.of_broker(id);
    leader_and_isr_updates(context, Affected::Removed(id), partitions, in_sync, records);
    records.push(registration_change(broker, |change| change.fenced = 1));
}

/// Marks the broker, then gives partitions without a leader to it where it may lead.
pub(super) fn unfence(context: &Context<'_>, broker: &Broker, records: &mut Vec<MetadataRecord>) {
    records.push(registration_change(broker, |change| change.fenced = -1));
    leader_and_isr_updates(
        context,
        Affected::Added(broker.id),
        context.index.leaderless(),
        |_| true,
        records,
    );
}

pub(super) fn registration_change(
    broker: &Broker,
    set: impl FnOnce(&mut BrokerRegistrationChangeRecord),
) -> MetadataRecord {
    let mut change = BrokerRegistrationChangeRecord {
        broker_id: broker.id,
        broker_epoch: broker.epoch,
        ..Default::default()
    };
    set(&mut change);
    change.into()
}
