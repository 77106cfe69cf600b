//! The consumer's configuration, read once.

use std::time::Duration;

use klamm_config::client::ClientConfig;

use super::assignor::Assignor;
use crate::{ClientError, admin::IsolationLevel};

/// Where to begin without a committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResetPolicy {
    Earliest,
    Latest,
    /// That long ago (KIP-1106).
    Ago(Duration),
    None,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) group_id: Option<String>,
    pub(super) instance_id: Option<String>,
    /// Whether the group is a consumer group (KIP-848) rather than a classic one.
    pub(super) is_consumer_protocol: bool,
    /// The assignor that the coordinator is asked to use.
    pub(super) remote_assignor: Option<String>,
    pub(super) session_timeout: Duration,
    pub(super) heartbeat_interval: Duration,
    pub(super) poll_interval_max: Duration,
    pub(super) assignors: Vec<Assignor>,
    pub(super) auto_commit: Option<Duration>,
    pub(super) reset: ResetPolicy,
    pub(super) isolation: IsolationLevel,
    pub(super) partition_bytes: i32,
    pub(super) fetch_bytes_min: i32,
    pub(super) fetch_bytes_max: i32,
    pub(super) fetch_wait_ms: i32,
    pub(super) poll_records_max: usize,
    pub(super) check_crcs: bool,
    pub(super) auto_create: bool,
    pub(super) exclude_internal: bool,
    pub(super) rack: String,
}

impl Settings {
    pub(super) fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let int = |key: &str| i32::try_from(config.number(key)).unwrap_or(i32::MAX);
        let protocol = config.text("group.protocol").unwrap_or("classic");
        let is_consumer_protocol = protocol.eq_ignore_ascii_case("consumer");
        // The coordinator has the say in these (KIP-848), or the member has.
        let foreign: &[&str] = if is_consumer_protocol {
            &["partition.assignment.strategy", "heartbeat.interval.ms", "session.timeout.ms"]
        } else {
            &["group.remote.assignor"]
        };
        if let Some(key) = foreign.iter().find(|key| config.is_set(key)) {
            let protocol = protocol.to_ascii_uppercase();
            return Err(ClientError::Invalid(format!("{key} cannot be set when group.protocol={protocol}")));
        }
        let group_id = config.text("group.id").map(str::to_owned);
        if group_id.as_deref() == Some("") {
            return Err(ClientError::Invalid(
                "The configured group.id should not be an empty string or whitespace.".to_owned(),
            ));
        }
        let (heartbeat_interval, session_timeout) =
            (config.millis("heartbeat.interval.ms"), config.millis("session.timeout.ms"));
        if heartbeat_interval >= session_timeout {
            return Err(ClientError::Invalid(
                "Heartbeat must be set lower than the session timeout".to_owned(),
            ));
        }
        let wants_commit = config.is_true("enable.auto.commit");
        if group_id.is_none() && wants_commit && config.is_set("enable.auto.commit") {
            return Err(ClientError::Invalid(
                "enable.auto.commit cannot be set to true when default group id (null) is used.".to_owned(),
            ));
        }
        let auto_commit = wants_commit && group_id.is_some();
        let assignors = config
            .list("partition.assignment.strategy")
            .into_iter()
            .map(|name| {
                Assignor::from_name(name).ok_or_else(|| {
                    ClientError::Invalid(format!(
                        "partition.assignment.strategy={name} is not known: range, roundrobin, sticky and cooperative-sticky are"
                    ))
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            group_id,
            instance_id: config.text("group.instance.id").filter(|id| !id.is_empty()).map(str::to_owned),
            is_consumer_protocol,
            remote_assignor: config.text("group.remote.assignor").map(str::to_owned),
            session_timeout,
            heartbeat_interval,
            poll_interval_max: config.millis("max.poll.interval.ms"),
            assignors,
            auto_commit: auto_commit.then(|| config.millis("auto.commit.interval.ms")),
            reset: reset_policy(config)?,
            isolation: match config.text("isolation.level") {
                Some(level) if level.eq_ignore_ascii_case("read_committed") => IsolationLevel::ReadCommitted,
                _ => IsolationLevel::ReadUncommitted,
            },
            partition_bytes: int("max.partition.fetch.bytes"),
            fetch_bytes_min: int("fetch.min.bytes"),
            fetch_bytes_max: int("fetch.max.bytes"),
            fetch_wait_ms: int("fetch.max.wait.ms"),
            poll_records_max: usize::try_from(config.number("max.poll.records")).unwrap_or(1).max(1),
            check_crcs: config.is_true("check.crcs"),
            auto_create: config.is_true("allow.auto.create.topics"),
            exclude_internal: config.is_true("exclude.internal.topics"),
            rack: config.text("client.rack").unwrap_or_default().to_owned(),
        })
    }

    /// Whether partitions may be kept over a rebalance: only if every assignor that might be chosen plays along
    /// (KIP-429).
    pub(super) fn is_cooperative(&self) -> bool {
        self.assignors.iter().all(|assignor| assignor.is_cooperative())
    }
}

fn reset_policy(config: &ClientConfig) -> Result<ResetPolicy, ClientError> {
    let text = config.text("auto.offset.reset").unwrap_or("latest").to_ascii_lowercase();
    Ok(match text.as_str() {
        "earliest" => ResetPolicy::Earliest,
        "latest" => ResetPolicy::Latest,
        "none" => ResetPolicy::None,
        other => {
            let duration = other.strip_prefix("by_duration:").map(str::to_ascii_uppercase);
            let ms = duration.as_deref().and_then(klamm_config::valid::iso_duration_ms);
            let ms = ms.and_then(|ms| u64::try_from(ms).ok()).ok_or_else(|| {
                ClientError::Invalid(format!("auto.offset.reset={text}: the duration must be like PT1H30M"))
            })?;
            ResetPolicy::Ago(Duration::from_millis(ms))
        }
    })
}

#[cfg(test)]
mod tests {
    use klamm_config::client::ClientKind;

    use super::*;

    #[test]
    fn settings_follow_the_configuration() {
        let read = |pairs: &[(&'static str, &'static str)]| {
            Settings::new(&ClientConfig::new(ClientKind::Consumer, pairs.iter().copied()).unwrap())
        };
        let settings = read(&[("group.id", "g")]).unwrap();
        assert_eq!(settings.auto_commit, Some(Duration::from_secs(5)));
        assert!(!settings.is_cooperative());
        assert!(read(&[]).unwrap().auto_commit.is_none());
        assert_eq!(
            read(&[("auto.offset.reset", "by_duration:PT1H")]).unwrap().reset,
            ResetPolicy::Ago(Duration::from_secs(3600))
        );
        for (pairs, start) in [
            (&[("group.id", "")][..], "The configured group.id should not be"),
            (
                &[("group.protocol", "consumer"), ("session.timeout.ms", "9000")],
                "session.timeout.ms cannot be set when group.protocol=CONSUMER",
            ),
            (&[("group.remote.assignor", "range")], "group.remote.assignor cannot be set when"),
            (&[("partition.assignment.strategy", "best")], "partition.assignment.strategy=best is not known"),
            (&[("heartbeat.interval.ms", "50000")], "Heartbeat must be set lower"),
        ] {
            let error = read(pairs).unwrap_err().to_string();
            assert!(error.starts_with(start), "{error}");
        }
    }
}
