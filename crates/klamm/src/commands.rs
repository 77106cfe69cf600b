//! The list of commands: name, Kafka's script of that tool, what it does, and where it is.
//!
//! A new command is one file in `commands/` with `pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode>` and one
//! row here.

mod broker_api_versions;
mod client_metrics;
mod cluster;
mod config;
mod configs;
mod console;
mod console_consumer;
mod console_producer;
mod console_share_consumer;
mod consumer_groups;
mod consumer_perf_test;
mod delete_records;
mod dump_log;
mod end_to_end_latency;
mod features;
mod get_offsets;
mod group_command;
mod groups;
mod leader_election;
mod log_dirs;
mod metadata_quorum;
mod metadata_shell;
mod producer_perf_test;
mod reassign_partitions;
mod replica_verification;
mod server;
mod share_consumer_perf_test;
mod share_groups;
mod storage;
mod streams_application_reset;
mod streams_groups;
mod topics;
mod transactions;

use std::process::ExitCode;

use crate::command::{Area, Command};

/// Every command there is.
#[rustfmt::skip]
pub(crate) const COMMANDS: &[Command] = &[
    Command { name: "server", script: "kafka-server-start", area: Area::Node, run: server::run,
        about: "Run a node (without a properties file: 127.0.0.1:9092, data in ./klamm-data)" },
    Command { name: "storage", script: "kafka-storage", area: Area::Node, run: storage::run,
        about: "Format a node's directories, or look at them" },
    Command { name: "config", script: "", area: Area::Node, run: config::run,
        about: "Explain configuration keys and check a properties file" },
    Command { name: "topics", script: "kafka-topics", area: Area::Data, run: topics::run,
        about: "List, create, describe, enlarge and delete topics" },
    Command { name: "console-producer", script: "kafka-console-producer", area: Area::Data,
        run: console_producer::run, about: "Write each line of standard input as a record" },
    Command { name: "console-consumer", script: "kafka-console-consumer", area: Area::Data,
        run: console_consumer::run, about: "Print the records of topics" },
    Command { name: "console-share-consumer", script: "kafka-console-share-consumer", area: Area::Data,
        run: console_share_consumer::run, about: "Print the records that a share group is given" },
    Command { name: "get-offsets", script: "kafka-get-offsets", area: Area::Data, run: get_offsets::run,
        about: "Print offsets of partitions: ends, beginnings, by time" },
    Command { name: "delete-records", script: "kafka-delete-records", area: Area::Data, run: delete_records::run,
        about: "Delete the records below given offsets" },
    Command { name: "dump-log", script: "kafka-dump-log", area: Area::Data, run: dump_log::run,
        about: "Print and check segments, indexes and snapshots of a log directory" },
    Command { name: "metadata-shell", script: "kafka-metadata-shell", area: Area::Data, run: metadata_shell::run,
        about: "Look into a metadata snapshot or log as a tree of files" },
    Command { name: "consumer-groups", script: "kafka-consumer-groups", area: Area::Cluster,
        run: consumer_groups::run, about: "List, describe and delete groups; reset their offsets" },
    Command { name: "share-groups", script: "kafka-share-groups", area: Area::Cluster,
        run: share_groups::run, about: "List, describe and delete share groups; reset their offsets" },
    Command { name: "streams-groups", script: "kafka-streams-groups", area: Area::Cluster,
        run: streams_groups::run, about: "List, describe and delete streams groups; reset their offsets" },
    Command { name: "streams-application-reset", script: "kafka-streams-application-reset", area: Area::Cluster,
        run: streams_application_reset::run, about: "Set a stopped Streams application back to its beginning" },
    Command { name: "groups", script: "kafka-groups", area: Area::Cluster, run: groups::run,
        about: "List groups of all types" },
    Command { name: "configs", script: "kafka-configs", area: Area::Cluster, run: configs::run,
        about: "Describe and change configurations, quotas, SCRAM credentials" },
    Command { name: "client-metrics", script: "kafka-client-metrics", area: Area::Cluster,
        run: client_metrics::run, about: "List, describe and change subscriptions to clients' metrics" },
    Command { name: "transactions", script: "kafka-transactions", area: Area::Cluster, run: transactions::run,
        about: "Show transactions and producers, end transactions that hang" },
    Command { name: "features", script: "kafka-features", area: Area::Cluster, run: features::run,
        about: "Show and change feature levels" },
    Command { name: "metadata-quorum", script: "kafka-metadata-quorum", area: Area::Cluster,
        run: metadata_quorum::run, about: "Show the state of the KRaft quorum, change its voters" },
    Command { name: "cluster", script: "kafka-cluster", area: Area::Cluster, run: cluster::run,
        about: "Show the cluster's id and nodes, unregister brokers" },
    Command { name: "log-dirs", script: "kafka-log-dirs", area: Area::Cluster, run: log_dirs::run,
        about: "Show the directories of brokers and what lies in them" },
    Command { name: "leader-election", script: "kafka-leader-election", area: Area::Cluster,
        run: leader_election::run, about: "Elect leaders of partitions" },
    Command { name: "reassign-partitions", script: "kafka-reassign-partitions", area: Area::Cluster,
        run: reassign_partitions::run, about: "Move replicas between brokers and directories" },
    Command { name: "replica-verification", script: "kafka-replica-verification", area: Area::Cluster,
        run: replica_verification::run, about: "Compare the replicas of partitions record by record" },
    Command { name: "broker-api-versions", script: "kafka-broker-api-versions", area: Area::Cluster,
        run: broker_api_versions::run, about: "Print the API versions that each broker serves" },
    Command { name: "producer-perf-test", script: "kafka-producer-perf-test", area: Area::Measure,
        run: producer_perf_test::run, about: "Measure how fast records can be written" },
    Command { name: "consumer-perf-test", script: "kafka-consumer-perf-test", area: Area::Measure,
        run: consumer_perf_test::run, about: "Measure how fast records can be read" },
    Command { name: "share-consumer-perf-test", script: "kafka-share-consumer-perf-test", area: Area::Measure,
        run: share_consumer_perf_test::run, about: "Measure how fast share consumers read records" },
    Command { name: "end-to-end-latency", script: "kafka-e2e-latency", area: Area::Measure,
        run: end_to_end_latency::run, about: "Measure the time from writing a record to reading it" },
];

/// `klamm` without any argument: a node with data in `./klamm-data`.
pub(crate) fn run_default() -> anyhow::Result<ExitCode> {
    server::run_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<_> = COMMANDS.iter().map(|c| c.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
