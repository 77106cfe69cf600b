//! CreateTopics.

use super::names;
use crate::partitions::{check_manual_assignment, new_partition};
use crate::placement::Placer;
use crate::{Access, ApiError, Context, Outcome, PARTITIONS_PER_REQUEST_MAX, Random};
use klamm_config::broker::{DEFAULT_REPLICATION_FACTOR, NUM_PARTITIONS};
use klamm_metadata::image::{ConfigResource, Partition, ResourceType};
use klamm_protocol::api::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use klamm_protocol::metadata::{ClearElrRecord, ConfigRecord, MetadataRecord, TopicRecord};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};

const CLUSTER_METADATA: &str = "__cluster_metadata";

/// Decides which of the topics can be created, and where their replicas go. Each topic succeeds or fails on its own.
///
/// With `validate_only` the answer is the same and nothing is appended.
pub fn create_topics(
    context: &Context<'_>,
    random: &mut Random,
    access: Access<'_>,
    request: &CreateTopicsRequest,
) -> Outcome<CreateTopicsResponse> {
    let mut names = BTreeSet::new();
    let mut duplicates = BTreeSet::new();
    for topic in &request.topics {
        if !names.insert(&topic.name) {
            duplicates.insert(&topic.name);
        }
    }
    let excessive = is_excessive(context, &request.topics);
    let mut records = Vec::new();
    let mut topics: Vec<CreatableTopicResult> = Vec::new();
    let refused = |name: &StrBytes, error: &ApiError| CreatableTopicResult {
        name: name.clone(),
        error_code: error.code.code(),
        error_message: error.wire_message(),
        ..Default::default()
    };
    for topic in &request.topics {
        if duplicates.contains(&topic.name) {
            continue;
        }
        let result = if excessive {
            Err(ApiError::new(
                ErrorCode::PolicyViolation,
                "Excessively large number of partitions per request.",
            ))
        } else {
            create_topic(context, random, access, topic)
        };
        match result {
            Ok((result, new)) => {
                topics.push(result);
                records.extend(new);
            }
            Err(error) => topics.push(refused(&topic.name, &error)),
        }
    }
    if let Err(error) = ApiError::check_record_count(records.len()) {
        records.clear();
        topics.iter_mut().for_each(|topic| *topic = refused(&topic.name, &error));
    }
    let duplicate = ApiError::new(ErrorCode::InvalidRequest, "Duplicate topic name.");
    topics.extend(duplicates.into_iter().map(|name| refused(name, &duplicate)));
    if request.validate_only {
        records.clear();
    }
    Outcome::new(records, CreateTopicsResponse { topics, ..Default::default() })
}

fn is_excessive(context: &Context<'_>, topics: &[CreatableTopic]) -> bool {
    let count = |topic: &CreatableTopic| match topic.num_partitions {
        _ if !topic.assignments.is_empty() => topic.assignments.len(),
        -1 => usize::try_from(context.config.get(&NUM_PARTITIONS)).unwrap_or(0),
        count => usize::try_from(count).unwrap_or(0),
    };
    topics.iter().map(count).fold(0, usize::saturating_add) > PARTITIONS_PER_REQUEST_MAX
}

fn create_topic(
    context: &Context<'_>,
    random: &mut Random,
    access: Access<'_>,
    topic: &CreatableTopic,
) -> Result<(CreatableTopicResult, Vec<MetadataRecord>), ApiError> {
    check_name(context, access, &topic.name)?;
    let configs = creation_configs(context, topic)?;
    let partitions = if topic.assignments.is_empty() {
        placed_partitions(context, random, topic)?
    } else {
        assigned_partitions(context, topic)?
    };
    let topic_id = random.uuid();
    let result = success(context, access, topic, topic_id, &configs, &partitions);
    Ok((result, creation_records(context, topic, topic_id, &configs, &partitions)))
}

fn check_name(context: &Context<'_>, access: Access<'_>, name: &StrBytes) -> Result<(), ApiError> {
    if *name == *CLUSTER_METADATA {
        let message = format!("Creation of internal topic {CLUSTER_METADATA} is prohibited.");
        return Err(ApiError::new(ErrorCode::InvalidRequest, message));
    }
    if !(access.may_change)(name) {
        return Err(ApiError::new(ErrorCode::TopicAuthorizationFailed, "Authorization failed."));
    }
    if context.image.topics.by_name(name).is_some() {
        return Err(ApiError::new(ErrorCode::TopicAlreadyExists, format!("Topic '{name}' already exists.")));
    }
    if let Some(other) = context.image.topics.colliding(name) {
        let message = format!("Topic '{name}' collides with existing topic: {other}");
        return Err(ApiError::new(ErrorCode::InvalidTopicException, message));
    }
    names::check(name).map_err(|message| ApiError::new(ErrorCode::InvalidTopicException, message))
}

fn creation_configs(
    context: &Context<'_>,
    topic: &CreatableTopic,
) -> Result<BTreeMap<String, String>, ApiError> {
    let nulls: Vec<&str> = topic
        .configs
        .iter()
        .filter(|config| config.value.is_none())
        .map(|config| config.name.as_ref())
        .collect();
    if !nulls.is_empty() {
        let message = format!("Null value not supported for topic configs: {}", nulls.join(","));
        return Err(ApiError::new(ErrorCode::InvalidConfig, message));
    }
    let configs: BTreeMap<String, String> = topic
        .configs
        .iter()
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())))
        .collect();
    if !configs.is_empty() {
        klamm_config::alter::creation(context.config, &configs)?;
    }
    Ok(configs)
}

fn assigned_partitions(context: &Context<'_>, topic: &CreatableTopic) -> Result<Vec<Partition>, ApiError> {
    let invalid = |message: String| Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
    if topic.replication_factor != -1 {
        return Err(ApiError::new(
            ErrorCode::InvalidRequest,
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        ));
    }
    if topic.num_partitions != -1 {
        return Err(ApiError::new(
            ErrorCode::InvalidRequest,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ));
    }
    let mut partitions = BTreeMap::new();
    let mut replication_factor = None;
    for assignment in &topic.assignments {
        let index = assignment.partition_index;
        if partitions.contains_key(&index) {
            return invalid(format!("Found multiple manual partition assignments for partition {index}"));
        }
        check_manual_assignment(context, &assignment.broker_ids, replication_factor)?;
        replication_factor = Some(assignment.broker_ids.len());
        let Some(partition) = new_partition(context, &assignment.broker_ids) else {
            return invalid(format!(
                "All brokers specified in the manual partition assignment for partition {index} are fenced or in \
                 controlled shutdown."
            ));
        };
        partitions.insert(index, partition);
    }
    if (0..).zip(partitions.keys()).any(|(expected, index)| expected != *index) {
        return invalid("partitions should be a consecutive 0-based integer sequence".to_owned());
    }
    Ok(partitions.into_values().collect())
}

fn placed_partitions(
    context: &Context<'_>,
    random: &mut Random,
    topic: &CreatableTopic,
) -> Result<Vec<Partition>, ApiError> {
    if topic.replication_factor < -1 || topic.replication_factor == 0 {
        return Err(ApiError::new(
            ErrorCode::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ));
    }
    if topic.num_partitions < -1 || topic.num_partitions == 0 {
        return Err(ApiError::new(
            ErrorCode::InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ));
    }
    let count =
        if topic.num_partitions == -1 { context.config.get(&NUM_PARTITIONS) } else { topic.num_partitions };
    let replication_factor = if topic.replication_factor == -1 {
        i16::try_from(context.config.get(&DEFAULT_REPLICATION_FACTOR)).unwrap_or(i16::MAX)
    } else {
        topic.replication_factor
    };
    let refuse = |why: &str| {
        let message = format!("Unable to replicate the partition {replication_factor} time(s): {why}");
        ApiError::new(ErrorCode::InvalidReplicationFactor, message)
    };
    let placed = Placer::new(context, random)
        .place(usize::try_from(count).unwrap_or(0), replication_factor)
        .map_err(|error| refuse(error.message.as_deref().unwrap_or_default()))?;
    placed
        .iter()
        .map(|replicas| {
            new_partition(context, replicas)
                .ok_or_else(|| refuse("All brokers are currently fenced or in controlled shutdown."))
        })
        .collect()
}

fn success(
    context: &Context<'_>,
    access: Access<'_>,
    topic: &CreatableTopic,
    topic_id: Uuid,
    configs: &BTreeMap<String, String>,
    partitions: &[Partition],
) -> CreatableTopicResult {
    let mut result = CreatableTopicResult {
        name: topic.name.clone(),
        topic_id,
        error_message: None,
        configs: Some(Vec::new()),
        ..Default::default()
    };
    if !(access.may_describe)(&topic.name) {
        result.topic_config_error_code = ErrorCode::TopicAuthorizationFailed.code();
        return result;
    }
    let node = ConfigResource::broker(Some(context.config.node_id()));
    let mut described = klamm_config::describe::created_topic(
        context.config.originals(),
        &context.own_configs(&ConfigResource::broker(None)),
        &context.own_configs(&node),
        configs,
    );
    described.sort_by(|a, b| a.name.cmp(&b.name));
    let described = described.into_iter().map(|config| CreatableTopicConfigs {
        name: config.name.into(),
        value: config.value.filter(|_| !config.sensitive).map(StrBytes::from),
        read_only: config.read_only,
        config_source: config.source.code(),
        is_sensitive: config.sensitive,
        ..Default::default()
    });
    result.configs = Some(described.collect());
    result.num_partitions = i32::try_from(partitions.len()).unwrap_or(i32::MAX);
    let replicas = partitions.first().map_or(0, |partition| partition.replicas.len());
    result.replication_factor = i16::try_from(replicas).unwrap_or(i16::MAX);
    result
}

/// The topic, its configs, its partitions, in that order.
fn creation_records(
    context: &Context<'_>,
    topic: &CreatableTopic,
    topic_id: Uuid,
    configs: &BTreeMap<String, String>,
    partitions: &[Partition],
) -> Vec<MetadataRecord> {
    let (version, elr) = (context.metadata_version(), context.is_elr_enabled());
    let mut records: Vec<MetadataRecord> = Vec::with_capacity(1 + configs.len() + partitions.len());
    records.push(TopicRecord { name: topic.name.clone(), topic_id, ..Default::default() }.into());
    for (name, value) in configs {
        let record = ConfigRecord {
            resource_type: ResourceType::Topic.code(),
            resource_name: topic.name.clone(),
            name: name.as_str().into(),
            value: Some(value.as_str().into()),
            ..Default::default()
        };
        records.push(record.into());
    }
    if elr && configs.contains_key(klamm_config::topic::MIN_INSYNC_REPLICAS.def.name) {
        records.push(ClearElrRecord { topic_name: topic.name.clone(), ..Default::default() }.into());
    }
    for (index, partition) in (0..).zip(partitions) {
        records.push(partition.to_record(topic_id, index, version, elr).into());
    }
    records
}
