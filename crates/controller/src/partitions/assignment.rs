//! Assignments of replicas to brokers.

use crate::{ApiError, Context};
use klamm_metadata::image::{LeaderRecoveryState, Partition};
use klamm_protocol::ErrorCode;

/// Checks replicas that a person chose.
pub(crate) fn check_manual_assignment(
    context: &Context<'_>,
    replicas: &[i32],
    replication_factor: Option<usize>,
) -> Result<(), ApiError> {
    let refuse = |message: String| Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
    if replicas.is_empty() {
        return refuse("The manual partition assignment includes an empty replica list.".to_owned());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for broker in &sorted {
        if !context.image.cluster.brokers.contains_key(broker) {
            return refuse(format!(
                "The manual partition assignment includes broker {broker}, but no such broker is registered."
            ));
        }
        if previous == Some(broker) {
            return refuse(format!(
                "The manual partition assignment includes the broker {broker} more than once."
            ));
        }
        previous = Some(broker);
    }
    match replication_factor {
        Some(expected) if expected != sorted.len() => refuse(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not consistent with \
             previous partitions, which have {expected} replica(s).",
            sorted.len()
        )),
        _ => Ok(()),
    }
}

/// A partition on these replicas, led by the first that is active; `None` if none is.
pub(crate) fn new_partition(context: &Context<'_>, replicas: &[i32]) -> Option<Partition> {
    let isr: Vec<i32> =
        replicas.iter().copied().filter(|broker| context.image.cluster.is_active(*broker)).collect();
    let leader = *isr.first()?;
    Some(Partition {
        replicas: replicas.to_vec(),
        directories: replicas.iter().map(|broker| context.default_dir(*broker)).collect(),
        isr,
        leader,
        leader_recovery_state: LeaderRecoveryState::Recovered,
        leader_epoch: 0,
        partition_epoch: 0,
        ..Partition::default()
    })
}
