//! `klamm metadata-quorum` (kafka-metadata-quorum): the state of the KRaft quorum, and changes of its voters.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use klamm_client::admin::{Admin, QuorumDescription};
use klamm_protocol::{Uuid, api::describe_quorum::ReplicaState};

use crate::cli::{Call, padded_table};
use crate::{java, session};

mod voters;

/// Shows the state of the KRaft quorum, and changes its voters.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Controllers to connect to instead.
    #[arg(long, value_name = "SERVER", conflicts_with = "bootstrap_server")]
    bootstrap_controller: Option<String>,
    /// Properties file for the admin client; for add-controller that of the controller, too.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Describes the quorum: --status or --replication.
    Describe {
        /// A short summary.
        #[arg(long)]
        status: bool,
        /// Each replica, and how far it is behind.
        #[arg(long)]
        replication: bool,
        /// Times as how long ago.
        #[arg(long)]
        human_readable: bool,
    },
    /// Makes the controller of --command-config, which has to run and follow already, a voter.
    AddController {
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Takes a controller out of the voters.
    RemoveController {
        /// Its node id.
        #[arg(long, short = 'i', value_name = "ID", allow_negative_numbers = true)]
        controller_id: i32,
        /// The id of its metadata directory.
        #[arg(long, short = 'd', value_name = "UUID", allow_hyphen_values = true)]
        controller_directory_id: String,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if options.bootstrap_server.is_none() && options.bootstrap_controller.is_none() {
        return Ok(
            call.usage_error("one of the arguments --bootstrap-server --bootstrap-controller is required")
        );
    }
    execute(&options).or_else(|error| {
        eprintln!("{}", java::exception_text(&error));
        if let Some(remedy) = session::remedy_of(&error) {
            eprintln!("{remedy}");
        }
        Ok(ExitCode::FAILURE)
    })
}

fn execute(options: &Options) -> anyhow::Result<ExitCode> {
    if let Command::Describe { status, replication, human_readable } = options.command {
        match (status, replication, human_readable) {
            (true, true, _) => {
                bail!("Only one of --status or --replication should be specified with describe sub-command")
            }
            (false, false, _) => {
                bail!("One of --status or --replication must be specified with describe sub-command")
            }
            (true, false, true) => {
                bail!("The option --human-readable is only supported along with --replication")
            }
            _ => {}
        }
    }
    let config = options.command_config.as_deref();
    session::block_on(async {
        let admin = session::admin_of(
            options.bootstrap_server.as_deref(),
            options.bootstrap_controller.as_deref(),
            config,
        )?;
        let result = match &options.command {
            Command::Describe { status: true, .. } => describe_status(&admin).await,
            Command::Describe { human_readable, .. } => describe_replication(&admin, *human_readable).await,
            Command::AddController { dry_run } => voters::add(&admin, config, *dry_run).await,
            Command::RemoveController { controller_id, controller_directory_id, dry_run } => {
                voters::remove(&admin, *controller_id, controller_directory_id, *dry_run).await
            }
        };
        admin.close();
        result
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn describe_status(admin: &Admin) -> anyhow::Result<()> {
    let quorum = admin.describe_quorum().await?;
    let cluster = admin.describe_cluster(false).await?;
    println!("{}", status_text(&cluster.cluster_id, &quorum)?);
    Ok(())
}

async fn describe_replication(admin: &Admin, human_readable: bool) -> anyhow::Result<()> {
    let quorum = admin.describe_quorum().await?;
    let now = human_readable.then(|| admin.cluster().clock().wall_ms());
    print!("{}", replication_text(&quorum, now)?);
    Ok(())
}

fn leader(quorum: &QuorumDescription) -> anyhow::Result<&ReplicaState> {
    let leader = quorum.voters.iter().find(|voter| voter.replica_id == quorum.leader_id);
    leader.context("the leader is not among the voters")
}

fn status_text(cluster_id: &str, quorum: &QuorumDescription) -> anyhow::Result<String> {
    let leader = leader(quorum)?;
    let slowest = quorum.voters.iter().min_by_key(|voter| voter.log_end_offset).unwrap_or(leader);
    let lag_ms = if slowest.replica_id == leader.replica_id {
        0
    } else if leader.last_caught_up_timestamp >= 0 && slowest.last_caught_up_timestamp >= 0 {
        leader.last_caught_up_timestamp - slowest.last_caught_up_timestamp
    } else {
        -1
    };
    Ok(format!(
        "ClusterId:              {cluster_id}\nLeaderId:               {}\nLeaderEpoch:            {}\nHighWatermark:          {}\nMaxFollowerLag:         {}\nMaxFollowerLagTimeMs:   {lag_ms}\nCurrentVoters:          {}\nCurrentObservers:       {}",
        quorum.leader_id,
        quorum.leader_epoch,
        quorum.high_watermark,
        leader.log_end_offset - slowest.log_end_offset,
        replicas(quorum, &quorum.voters),
        replicas(quorum, &quorum.observers)
    ))
}

fn replicas(quorum: &QuorumDescription, replicas: &[ReplicaState]) -> String {
    let one = |replica: &ReplicaState| {
        let mut text = format!("{{\"id\": {}", replica.replica_id);
        if replica.replica_directory_id != Uuid::ZERO {
            text.push_str(&format!(", \"directoryId\": \"{}\"", replica.replica_directory_id));
        }
        let endpoints = quorum.nodes.get(&replica.replica_id).map(Vec::as_slice).unwrap_or_default();
        if !endpoints.is_empty() {
            let list: Vec<String> = endpoints
                .iter()
                .map(|(name, host, port)| {
                    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                    format!("\"{name}://{host}:{port}\"")
                })
                .collect();
            text.push_str(&format!(", \"endpoints\": [{}]", list.join(", ")));
        }
        text + "}"
    };
    let list: Vec<String> = replicas.iter().map(one).collect();
    format!("[{}]", list.join(", "))
}

fn replication_text(quorum: &QuorumDescription, now_ms: Option<i64>) -> anyhow::Result<String> {
    let leader = leader(quorum)?;
    let followers = quorum.voters.iter().filter(|voter| voter.replica_id != quorum.leader_id);
    let rows = std::iter::once((leader, "Leader"))
        .chain(followers.map(|voter| (voter, "Follower")))
        .chain(quorum.observers.iter().map(|observer| (observer, "Observer")));
    let mut table: Vec<Vec<String>> = vec![
        [
            "NodeId",
            "DirectoryId",
            "LogEndOffset",
            "Lag",
            "LastFetchTimestamp",
            "LastCaughtUpTimestamp",
            "Status",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for (replica, status) in rows {
        table.push(vec![
            replica.replica_id.to_string(),
            replica.replica_directory_id.to_string(),
            replica.log_end_offset.to_string(),
            (leader.log_end_offset - replica.log_end_offset).to_string(),
            moment(replica.last_fetch_timestamp, now_ms, "last fetch")?,
            moment(replica.last_caught_up_timestamp, now_ms, "last caught up")?,
            status.to_owned(),
        ]);
    }
    Ok(padded_table(&table))
}

fn moment(ms: i64, now_ms: Option<i64>, what: &str) -> anyhow::Result<String> {
    match now_ms {
        _ if ms < 0 => Ok("-1".to_owned()),
        None => Ok(ms.to_string()),
        Some(now) if ms > 0 && ms <= now => Ok(format!("{} ms ago", now - ms)),
        Some(now) => bail!(
            "Error while computing relative time, possible drift in system clock.\nCurrent timestamp is {now}, {what} timestamp is {ms}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quorum_is_described_as_kafka_does() {
        let voter = ReplicaState {
            replica_id: 1,
            log_end_offset: 9,
            last_caught_up_timestamp: 5,
            ..Default::default()
        };
        let observer = ReplicaState { replica_id: 2, log_end_offset: 7, ..Default::default() };
        let quorum = QuorumDescription {
            leader_id: 1,
            leader_epoch: 3,
            high_watermark: 9,
            voters: vec![voter],
            observers: vec![observer],
            nodes: [(1, vec![("C".to_owned(), "h".to_owned(), 9093)])].into(),
        };
        let status = status_text("id", &quorum).unwrap();
        assert!(status.ends_with(
            "CurrentVoters:          [{\"id\": 1, \"endpoints\": [\"C://h:9093\"]}]\nCurrentObservers:       [{\"id\": 2}]"
        ));
        let replication = replication_text(&quorum, None).unwrap();
        assert!(
            replication.starts_with("NodeId\tDirectoryId           \tLogEndOffset\tLag\t"),
            "{replication}"
        );
        assert_eq!(moment(90, Some(100), "x").unwrap(), "10 ms ago");
    }
}
