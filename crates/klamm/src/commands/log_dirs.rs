//! `klamm log-dirs` (kafka-log-dirs): the directories of brokers and what lies in them, as JSON.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use klamm_client::TopicPartition;
use klamm_client::admin::LogDir;
use serde_json::Value;

use crate::cli::Call;
use crate::{java, session};

/// Shows the directories of brokers and the replicas in them.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Describe the directories.
    #[arg(long)]
    describe: bool,
    /// Topics, as a,b; all if it is left out.
    #[arg(long, value_name = "TOPICS", default_value = "", hide_default_value = true)]
    topic_list: String,
    /// Brokers, as 0,1; all if it is left out.
    #[arg(long, value_name = "IDS", default_value = "", hide_default_value = true)]
    broker_list: String,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let Some(bootstrap) = options.bootstrap_server.as_deref().filter(|_| options.describe) else {
        let missing = if options.describe { "bootstrap-server" } else { "describe" };
        return Ok(call.usage_error(&format!("Missing required argument \"[{missing}]\"")));
    };
    let split = |list: &str| -> Vec<String> {
        list.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let topics: BTreeSet<String> = split(&options.topic_list).into_iter().collect();
    let wanted: Result<BTreeSet<i32>, _> = split(&options.broker_list).iter().map(|id| id.parse()).collect();
    let Ok(wanted) = wanted else {
        return Ok(
            call.usage_error(&format!("--broker-list {}: has to be numbers, as 0,1", options.broker_list))
        );
    };
    session::block_on(async {
        let admin = session::admin(bootstrap, options.command_config.as_deref())?;
        let cluster = admin.describe_cluster(false).await?;
        let known: BTreeSet<i32> = cluster.brokers.iter().map(|broker| broker.id).collect();
        let unknown: Vec<i32> = wanted.difference(&known).copied().collect();
        if !unknown.is_empty() {
            eprintln!(
                "ERROR: The given brokers do not exist from --broker-list: {}. Current existent brokers: {}",
                list(&unknown),
                list(&known)
            );
            return Ok(ExitCode::FAILURE);
        }
        let brokers = if wanted.is_empty() { known } else { wanted };
        println!("Querying brokers for log directories information");
        let mut found = Vec::new();
        for broker in &brokers {
            found.push((*broker, admin.describe_log_dirs(*broker, None).await?));
        }
        admin.close();
        println!("Received log directory information from brokers {}", list(&brokers));
        println!("{}", json(&found, &topics));
        Ok(ExitCode::SUCCESS)
    })
}

fn list<'a>(ids: impl IntoIterator<Item = &'a i32>) -> String {
    ids.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The answer in the order in which Java's maps give it.
fn json(brokers: &[(i32, Vec<LogDir>)], topics: &BTreeSet<String>) -> String {
    let broker = |(id, dirs): &(i32, Vec<LogDir>)| {
        let ordered = java::hash_map_order(dirs.iter().collect(), 16, |dir| &dir.path);
        let dirs: Vec<String> = ordered.into_iter().map(|dir| log_dir(dir, topics)).collect();
        object(vec![("broker", id.to_string()), ("logDirs", array(&dirs))])
    };
    let brokers: Vec<String> = brokers.iter().map(broker).collect();
    object(vec![("version", "1".to_owned()), ("brokers", array(&brokers))])
}

fn log_dir(dir: &LogDir, topics: &BTreeSet<String>) -> String {
    let shown: Vec<_> = dir
        .replicas
        .iter()
        .filter(|(topic, ..)| topics.is_empty() || topics.contains(topic))
        .map(|(topic, partition, size, lag, is_future)| {
            (TopicPartition::new(topic.as_str(), *partition), *size, *lag, *is_future)
        })
        .collect();
    let partitions: Vec<String> = java::partition_order(shown, |(partition, ..)| partition)
        .into_iter()
        .map(|(partition, size, lag, is_future)| {
            object(vec![
                ("partition", quoted(&partition.to_string())),
                ("size", size.to_string()),
                ("offsetLag", lag.to_string()),
                ("isFuture", is_future.to_string()),
            ])
        })
        .collect();
    let error = dir.error.as_ref().and_then(|error| error.code());
    object(vec![
        ("logDir", quoted(&dir.path)),
        ("error", error.map_or_else(|| "null".to_owned(), |code| quoted(&java::exception_class(code)))),
        ("partitions", array(&partitions)),
    ])
}

fn object(entries: Vec<(&str, String)>) -> String {
    let ordered = java::hash_map_order(entries, 16, |(key, _)| key);
    let shown: Vec<String> = ordered.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", shown.join(","))
}

fn array(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_client::ClientError;
    use klamm_protocol::ErrorCode;

    #[test]
    fn the_json_is_that_of_kafka() {
        let dir = LogDir {
            path: "/data".to_owned(),
            error: None,
            replicas: vec![("t".to_owned(), 0, 120, 0, false), ("u".to_owned(), 1, 7, 2, true)],
        };
        let offline = LogDir {
            path: "/gone".to_owned(),
            error: Some(ClientError::Broker { code: ErrorCode::KafkaStorageError, message: None }),
            replicas: Vec::new(),
        };
        let text = json(&[(0, vec![dir])], &BTreeSet::from(["t".to_owned()]));
        assert_eq!(
            text,
            r#"{"brokers":[{"broker":0,"logDirs":[{"partitions":[{"partition":"t-0","size":120,"offsetLag":0,"isFuture":false}],"error":null,"logDir":"/data"}]}],"version":1}"#
        );
        let text = json(&[(0, vec![offline])], &BTreeSet::new());
        assert!(text.contains(r#""error":"org.apache.kafka.common.errors.KafkaStorageException""#), "{text}");
    }
}
