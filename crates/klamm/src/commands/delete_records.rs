//! `klamm delete-records` (kafka-delete-records): deletes the records below given offsets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use klamm_client::TopicPartition;

use crate::cli::Call;
use crate::{java, session};

/// Deletes the records below given offsets.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// JSON file with the new first offset of each partition (-1: delete all):
    /// {"partitions": [{"topic": "t", "partition": 0, "offset": 5}], "version": 1}
    #[arg(long, value_name = "FILE")]
    offset_json_file: Option<PathBuf>,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let (Some(bootstrap), Some(file)) = (&options.bootstrap_server, &options.offset_json_file) else {
        let missing =
            if options.bootstrap_server.is_none() { "bootstrap-server" } else { "offset-json-file" };
        return Ok(call.usage_error(&format!("Missing required argument \"[{missing}]\"")));
    };
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let offsets = parse(&text)?;
    session::block_on(async {
        let admin = session::admin(bootstrap, options.command_config.as_deref())?;
        println!("Executing records delete operation");
        let results = admin.delete_records(&offsets).await?;
        println!("Records delete operation completed:");
        for (partition, result) in results {
            match result {
                Ok(low_watermark) => println!("partition: {partition}\tlow_watermark: {low_watermark}"),
                Err(error) => println!("partition: {partition}\terror: {}", java::error_text(&error)),
            }
        }
        admin.close();
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn parse(text: &str) -> anyhow::Result<BTreeMap<TopicPartition, i64>> {
    let json: serde_json::Value =
        serde_json::from_str(text).context("The input string is not a valid JSON")?;
    let version = json.get("version").map_or(Some(1), serde_json::Value::as_i64);
    if version != Some(1) {
        bail!(
            "Not supported version field value {}",
            json.get("version").unwrap_or(&serde_json::Value::Null)
        );
    }
    let Some(partitions) = json.get("partitions").and_then(serde_json::Value::as_array) else {
        bail!("Missing partitions field");
    };
    let mut offsets = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for item in partitions {
        let topic = item.get("topic").and_then(serde_json::Value::as_str);
        let number = |key: &str| item.get(key).and_then(serde_json::Value::as_i64);
        let partition = number("partition").and_then(|partition| i32::try_from(partition).ok());
        let (Some(topic), Some(partition), Some(offset)) = (topic, partition, number("offset")) else {
            bail!("each partition needs topic, partition and offset, but this is given: {item}");
        };
        let key = TopicPartition::new(topic, partition);
        if offsets.insert(key.clone(), offset).is_some() {
            twice.insert(key.to_string());
        }
    }
    if !twice.is_empty() {
        let list: Vec<String> = twice.into_iter().collect();
        bail!("Offset json file contains duplicate topic partitions: {}", list.join(","));
    }
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_files_are_read() {
        let good = r#"{"partitions": [{"topic": "t", "partition": 1, "offset": -1}], "version": 1}"#;
        assert_eq!(parse(good).unwrap(), BTreeMap::from([(TopicPartition::new("t", 1), -1)]));
        for (text, expect) in [
            ("x", "The input string is not a valid JSON"),
            ("{}", "Missing partitions field"),
            (r#"{"version": 2}"#, "Not supported version field value 2"),
            (
                r#"{"partitions": [{"topic": "t", "partition": 1, "offset": 1}, {"topic": "t", "partition": 1, "offset": 2}]}"#,
                "Offset json file contains duplicate topic partitions: t-1",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), expect);
        }
    }
}
