//! UnregisterBroker.

use crate::partitions::{Affected, leader_and_isr_updates};
use crate::{ApiError, Context, Heartbeats, Outcome};
use klamm_protocol::ErrorCode;
use klamm_protocol::metadata::UnregisterBrokerRecord;

/// Forgets a broker, after it has lost its leaderships.
///
/// # Errors
/// BROKER_ID_NOT_REGISTERED, POLICY_VIOLATION if it is in more in-sync sets than one request may change.
pub fn unregister(
    context: &Context<'_>,
    heartbeats: &mut Heartbeats,
    id: i32,
) -> Result<Outcome<()>, ApiError> {
    let Some(broker) = context.image.cluster.brokers.get(&id) else {
        let message = format!("Broker ID {id} is not currently registered");
        return Err(ApiError::new(ErrorCode::BrokerIdNotRegistered, message));
    };
    let mut records = Vec::new();
    let concerned = |partition: &klamm_metadata::image::Partition| {
        partition.isr.contains(&id) || partition.elr.contains(&id)
    };
    let partitions = context.index.of_broker(id);
    leader_and_isr_updates(context, Affected::Removed(id), partitions, concerned, &mut records);
    let gone = UnregisterBrokerRecord { broker_id: id, broker_epoch: broker.epoch, ..Default::default() };
    records.push(gone.into());
    ApiError::check_record_count(records.len())?;
    heartbeats.remove(id);
    Ok(Outcome::new(records, ()))
}
