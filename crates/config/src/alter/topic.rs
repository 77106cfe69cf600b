//! What has to hold for the keys of a topic.

use std::collections::BTreeMap;

use super::Refusal;
use crate::broker;
use crate::broker_config::BrokerConfig;
use crate::error::ConfigError;
use crate::key::Key;
use crate::table;
use crate::topic;
use crate::topic_config::TopicConfig;

/// Checks a topic's keys, `new`, which come after `current`.
pub fn check(
    config: &BrokerConfig,
    current: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    if let Some(name) = new.keys().find(|name| table::TOPIC.find(name).is_none()) {
        return Err(Refusal::InvalidConfig(format!("Unknown topic config name: {name}")));
    }
    let (all, errors) = TopicConfig::resolve(config, new);
    if let Some(error) = errors.into_iter().next() {
        return Err(error.into());
    }
    let (least, most) = (all.get(&topic::MIN_COMPACTION_LAG_MS), all.get(&topic::MAX_COMPACTION_LAG_MS));
    if least > most {
        return refuse(format!(
            "conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})"
        ));
    }
    if all.get(&topic::REMOTE_STORAGE_ENABLE) {
        return check_remote(config, &all);
    }
    let was_remote =
        current.get(topic::REMOTE_STORAGE_ENABLE.name()).is_some_and(|v| v.eq_ignore_ascii_case("true"));
    if was_remote && !all.get(&topic::REMOTE_LOG_DELETE_ON_DISABLE) {
        return refuse(
            "It is invalid to disable remote storage without deleting remote data. To keep the data readable set \
             `remote.storage.enable=true,remote.log.copy.disable=true`; to delete it set \
             `remote.storage.enable=false,remote.log.delete.on.disable=true`."
                .to_owned(),
        );
    }
    Ok(())
}

fn refuse(text: String) -> Result<(), Refusal> {
    Err(Refusal::InvalidConfig(text))
}

fn check_remote(config: &BrokerConfig, all: &TopicConfig) -> Result<(), Refusal> {
    if !config.get(&broker::REMOTE_LOG_STORAGE_SYSTEM_ENABLE) {
        return refuse(
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."
                .to_owned(),
        );
    }
    let policy = all.get(&topic::CLEANUP_POLICY);
    if !policy.is_empty() && policy != ["delete"] {
        return refuse(format!(
            "Remote log storage only supports topics with cleanup.policy=delete or cleanup.policy being an empty list, yet \
             it is {}",
            policy.join(",")
        ));
    }
    let pairs = [
        (&topic::RETENTION_BYTES, &topic::LOCAL_RETENTION_BYTES),
        (&topic::RETENTION_MS, &topic::LOCAL_RETENTION_MS),
    ];
    for (total_key, local_key) in pairs {
        let (total, local) = (all.get(total_key), all.get(local_key));
        check_local(total_key, total, local_key, local)?;
        if all.get(&topic::REMOTE_LOG_COPY_DISABLE) && local != -2 && local != total {
            return refuse(format!(
                "When `remote.log.copy.disable` is set to true, the `{}` ({local}) and `{}` ({total}) must be set to the \
                 identical value because there will be no more logs copied to the remote storage.",
                local_key.name(),
                total_key.name()
            ));
        }
    }
    Ok(())
}

/// Local retention lies within the whole one; -2 takes the whole one.
pub(super) fn check_local(
    total_key: &Key<i64>,
    total: i64,
    local_key: &Key<i64>,
    local: i64,
) -> Result<(), ConfigError> {
    let invalid = |reason| Err(ConfigError::invalid(local_key.name(), local.to_string(), reason));
    match local {
        _ if total < 0 => Ok(()),
        -2 => Ok(()),
        -1 => invalid(format!("Value must not be -1 as {} value is set as {total}.", total_key.name())),
        _ if local > total => {
            invalid(format!("Value must not be more than {} property value: {total}", total_key.name()))
        }
        _ => Ok(()),
    }
}
