//! AlterPartition: a leader changes the in-sync replicas of its partitions.

use super::change::{Change, Election};
use crate::{ApiError, Context, Outcome};
use klamm_metadata::image::{LeaderRecoveryState, Partition, Topic};
use klamm_protocol::ErrorCode;
use klamm_protocol::api::alter_partition::{
    AlterPartitionRequest, AlterPartitionRequestPartitionData, AlterPartitionRequestTopicData,
    AlterPartitionResponse, AlterPartitionResponsePartitionData, AlterPartitionResponseTopicData,
    BrokerState,
};
use klamm_protocol::metadata::MetadataRecord;

/// Decides partition by partition.
///
/// # Errors
/// STALE_BROKER_EPOCH, for the whole request.
pub fn alter_partition(
    context: &Context<'_>,
    request: &AlterPartitionRequest,
    version: i16,
) -> Result<Outcome<AlterPartitionResponse>, ApiError> {
    context.checked_broker(request.broker_id, request.broker_epoch)?;
    let mut records = Vec::new();
    let topics = request
        .topics
        .iter()
        .map(|data| alter_topic(context, request.broker_id, data, version, &mut records));
    let topics = topics.collect();
    Ok(Outcome::new(records, AlterPartitionResponse { topics, ..Default::default() }))
}

fn alter_topic(
    context: &Context<'_>,
    broker: i32,
    data: &AlterPartitionRequestTopicData,
    version: i16,
    records: &mut Vec<MetadataRecord>,
) -> AlterPartitionResponseTopicData {
    let topic = context.image.topics.by_id(&data.topic_id);
    let partitions = data.partitions.iter().map(|request| {
        let result = match topic {
            Some(topic) => alter(context, broker, topic, request, version, records),
            None => Err(ErrorCode::UnknownTopicId),
        };
        let partition_index = request.partition_index;
        match result {
            Err(code) => AlterPartitionResponsePartitionData {
                partition_index,
                error_code: code.code(),
                ..Default::default()
            },
            Ok(partition) => AlterPartitionResponsePartitionData {
                partition_index,
                leader_id: partition.leader,
                leader_epoch: partition.leader_epoch,
                isr: partition.isr,
                leader_recovery_state: partition.leader_recovery_state.code(),
                partition_epoch: partition.partition_epoch,
                ..Default::default()
            },
        }
    });
    AlterPartitionResponseTopicData {
        topic_id: data.topic_id,
        partitions: partitions.collect(),
        ..Default::default()
    }
}

fn alter(
    context: &Context<'_>,
    broker: i32,
    topic: &Topic,
    request: &AlterPartitionRequestPartitionData,
    version: i16,
    records: &mut Vec<MetadataRecord>,
) -> Result<Partition, ErrorCode> {
    let partition =
        topic.partitions.get(&request.partition_index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let isr: Vec<BrokerState> = if version < 3 {
        let state = |id: &i32| BrokerState { broker_id: *id, broker_epoch: -1, ..Default::default() };
        request.new_isr.iter().map(state).collect()
    } else {
        request.new_isr_with_epochs.clone()
    };
    let recovery = check(context, broker, partition, request, &isr)?;
    let active = |id: i32| context.image.cluster.is_active(id);
    let mut change = Change::new(context, topic, request.partition_index, partition, &active);
    if context.is_unclean_election_enabled(&topic.name) {
        change.election = Election::Unclean;
    }
    change.isr = isr.iter().map(|state| state.broker_id).collect();
    change.leader_recovery_state = recovery;
    let Some(record) = change.build() else { return Ok((**partition).clone()) };
    let changed = partition.merged(&record);
    // A finished reassignment may move the lead away from the one who reported it: it has to learn of that first. The
    // record stands all the same.
    let deposed = record.leader >= 0 && record.leader != broker;
    records.push(record.into());
    if deposed { Err(ErrorCode::NewLeaderElected) } else { Ok(changed) }
}

fn check(
    context: &Context<'_>,
    broker: i32,
    partition: &Partition,
    request: &AlterPartitionRequestPartitionData,
    isr: &[BrokerState],
) -> Result<LeaderRecoveryState, ErrorCode> {
    // A leader that knows more than we do has heard of it from a newer controller.
    if request.leader_epoch > partition.leader_epoch || request.partition_epoch > partition.partition_epoch {
        return Err(ErrorCode::NotController);
    }
    if request.leader_epoch < partition.leader_epoch {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    if broker != partition.leader {
        return Err(ErrorCode::InvalidRequest);
    }
    if request.partition_epoch < partition.partition_epoch {
        return Err(ErrorCode::InvalidUpdateVersion);
    }
    let mut ids: Vec<i32> = isr.iter().map(|state| state.broker_id).collect();
    let leader_in_sync = ids.contains(&partition.leader);
    ids.sort_unstable();
    let distinct = ids.windows(2).all(|pair| pair[0] != pair[1]);
    let replicas_only = ids.iter().all(|id| partition.replicas.contains(id));
    if !distinct || !replicas_only || !leader_in_sync {
        return Err(ErrorCode::InvalidRequest);
    }
    let recovery =
        LeaderRecoveryState::from_code(request.leader_recovery_state).ok_or(ErrorCode::InvalidRequest)?;
    let recovering = recovery == LeaderRecoveryState::Recovering;
    if recovering && (ids.len() > 1 || partition.leader_recovery_state == LeaderRecoveryState::Recovered) {
        return Err(ErrorCode::InvalidRequest);
    }
    let eligible = |state: &BrokerState| {
        context.image.cluster.brokers.get(&state.broker_id).is_some_and(|registration| {
            registration.is_active() && (state.broker_epoch == -1 || registration.epoch == state.broker_epoch)
        })
    };
    if isr.iter().all(eligible) { Ok(recovery) } else { Err(ErrorCode::IneligibleReplica) }
}
