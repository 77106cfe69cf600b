//! `klamm reassign-partitions` (kafka-reassign-partitions): moves replicas between brokers and directories.

mod placement;
mod plan;
mod states;
mod throttles;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use klamm_client::admin::{Admin, TopicDescription};
use klamm_client::{ClientError, TopicPartition};
use klamm_protocol::ErrorCode;

use crate::cli::Call;
use crate::{java, session};
use plan::{Plan, Replica, joined, replica_text};
use throttles::plural;

/// Moves replicas of partitions between brokers and between the directories of a broker.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// Propose where the partitions of --topics-to-move-json-file could go. Changes nothing.
    #[arg(long)]
    generate: bool,
    /// Begin to move partitions as --reassignment-json-file says.
    #[arg(long)]
    execute: bool,
    /// Show how far the moves of --reassignment-json-file are; when all are done, clear the throttles.
    #[arg(long)]
    verify: bool,
    /// Cancel the moves of --reassignment-json-file.
    #[arg(long)]
    cancel: bool,
    /// List all moves that are under way.
    #[arg(long)]
    list: bool,
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Controllers to connect to instead, for --cancel and --list.
    #[arg(long, value_name = "SERVER")]
    bootstrap_controller: Option<String>,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// JSON file: {"version": 1, "partitions": [{"topic": "t", "partition": 0, "replicas": [1,2], "log_dirs": ["any",
    /// "/data"]}]}. log_dirs may be left out.
    #[arg(long, value_name = "FILE")]
    reassignment_json_file: Option<PathBuf>,
    /// JSON file: {"version": 1, "topics": [{"topic": "t"}]}
    #[arg(long, value_name = "FILE")]
    topics_to_move_json_file: Option<PathBuf>,
    /// Brokers that --generate may use, as 0,1,2.
    #[arg(long, value_name = "IDS")]
    broker_list: Option<String>,
    /// Let --generate not look at racks.
    #[arg(long)]
    disable_rack_aware: bool,
    /// At most so many bytes per second between brokers. To change it, execute again with --additional.
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    throttle: Option<i64>,
    /// At most so many bytes per second between the directories of a broker.
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    replica_alter_log_dirs_throttle: Option<i64>,
    /// How long to wait for moves between directories to begin, in ms. [default: 10000]
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    timeout: Option<i64>,
    /// Execute beside moves that are under way.
    #[arg(long)]
    additional: bool,
    /// Leave throttles as they are.
    #[arg(long)]
    preserve_throttles: bool,
    /// Refuse a plan that changes the number of a partition's replicas.
    #[arg(long)]
    disallow_replication_factor_change: bool,
    /// Wait until the moves are done, with a progress bar on a terminal. Not among the options of Kafka's tool.
    #[arg(long)]
    wait: bool,
}

/// A refusal that is printed as it is.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Terse(String);

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if let Err(error) = options.check() {
        return Ok(call.usage_error(&error.to_string()));
    }
    let result = session::block_on(async {
        let admin = session::admin_of(
            options.bootstrap_server.as_deref(),
            options.bootstrap_controller.as_deref(),
            options.command_config.as_deref(),
        )?;
        let result = options.act(&admin).await;
        admin.close();
        result
    });
    let Err(error) = result else { return Ok(ExitCode::SUCCESS) };
    // Kafka's tool prints its errors to standard output.
    match error.downcast_ref::<Terse>() {
        Some(refusal) => println!("{refusal}"),
        None => println!("Error: {}", java::exception_text(&error)),
    }
    if let Some(remedy) = session::remedy_of(&error) {
        eprintln!("{remedy}");
    }
    Ok(ExitCode::FAILURE)
}

impl Options {
    /// Checks which options go together.
    fn check(&self) -> anyhow::Result<()> {
        let actions = [
            (self.generate, "generate"),
            (self.execute, "execute"),
            (self.verify, "verify"),
            (self.cancel, "cancel"),
            (self.list, "list"),
        ];
        let mut chosen = actions.iter().filter(|(is_chosen, _)| *is_chosen).map(|(_, name)| *name);
        let (Some(action), None) = (chosen.next(), chosen.next()) else {
            bail!(
                "Command must include exactly one action: --generate, --execute, --verify, --cancel, --list"
            );
        };
        match (&self.bootstrap_server, &self.bootstrap_controller) {
            (Some(_), Some(_)) => {
                bail!("Please don't specify both --bootstrap-server and --bootstrap-controller")
            }
            (None, None) => bail!("Please specify either --bootstrap-server or --bootstrap-controller"),
            _ => {}
        }
        for (needed_by, is_there, name) in [
            ("generate", self.topics_to_move_json_file.is_some(), "topics-to-move-json-file"),
            ("generate", self.broker_list.is_some(), "broker-list"),
            ("execute verify cancel", self.reassignment_json_file.is_some(), "reassignment-json-file"),
        ] {
            if needed_by.split(' ').any(|needs| needs == action) && !is_there {
                bail!("Missing required argument \"[{name}]\"");
            }
        }
        for (allowed_with, is_there, name) in [
            ("cancel list", self.bootstrap_controller.is_some(), "bootstrap-controller"),
            ("execute verify cancel", self.reassignment_json_file.is_some(), "reassignment-json-file"),
            ("generate", self.topics_to_move_json_file.is_some(), "topics-to-move-json-file"),
            ("generate", self.broker_list.is_some(), "broker-list"),
            ("generate", self.disable_rack_aware, "disable-rack-aware"),
            ("execute", self.throttle.is_some(), "throttle"),
            ("execute", self.replica_alter_log_dirs_throttle.is_some(), "replica-alter-log-dirs-throttle"),
            ("execute cancel", self.timeout.is_some(), "timeout"),
            ("execute", self.additional, "additional"),
            ("verify cancel", self.preserve_throttles, "preserve-throttles"),
            ("execute", self.disallow_replication_factor_change, "disallow-replication-factor-change"),
            ("execute verify", self.wait, "wait"),
        ] {
            if is_there && !allowed_with.split(' ').any(|allowed| allowed == action) {
                bail!("Option \"[{name}]\" can't be used with action \"[{action}]\"");
            }
        }
        Ok(())
    }

    async fn act(&self, admin: &Admin) -> anyhow::Result<()> {
        if self.list {
            println!("{}", states::list_text(&admin.list_reassignments().await?));
            return Ok(());
        }
        if self.generate {
            return self.generate(admin).await;
        }
        let plan = Plan::parse(&read(self.reassignment_json_file.as_deref())?)?;
        if self.execute {
            self.execute(admin, &plan).await?;
            if self.wait {
                wait::until_done(admin, &plan).await?;
            }
            return Ok(());
        }
        if self.cancel {
            return self.cancel(admin, &plan).await;
        }
        if self.wait {
            wait::until_done(admin, &plan).await?;
        }
        self.verify(admin, &plan).await
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.timeout.unwrap_or(10_000)).unwrap_or(0))
    }

    async fn generate(&self, admin: &Admin) -> anyhow::Result<()> {
        let brokers = plan::parse_brokers(self.broker_list.as_deref().unwrap_or_default())?;
        let topics = plan::parse_topics(&read(self.topics_to_move_json_file.as_deref())?)?;
        let described = describe(admin, topics.iter().map(String::as_str)).await?;
        let current = replicas_of(&described);
        let log_dirs = states::log_dirs_of(admin, &current).await?;
        let rack_of = |rack: Option<String>| rack.filter(|_| !self.disable_rack_aware);
        let usable: Vec<(i32, Option<String>)> = admin
            .describe_cluster(false)
            .await?
            .brokers
            .into_iter()
            .filter(|broker| brokers.contains(&broker.id))
            .map(|broker| (broker.id, rack_of(broker.rack)))
            .collect();
        let without = usable.iter().filter(|(_, rack)| rack.is_none()).count();
        if !self.disable_rack_aware && without != 0 && without != usable.len() {
            bail!(
                "Not all brokers have rack information. Add --disable-rack-aware in command line to make replica assignment without rack information."
            );
        }
        let mut proposed = BTreeMap::new();
        for topic in &described {
            let replicas = topic.partitions.first().map_or(0, |partition| partition.replicas.len());
            let entropy = admin.cluster().entropy();
            let placed = placement::place(&usable, topic.partitions.len(), replicas, entropy)?;
            for (number, replicas) in (0..).zip(placed) {
                proposed.insert(TopicPartition::new(topic.name.as_str(), number), replicas);
            }
        }
        println!("Current partition replica assignment\n{}\n", plan::to_json(&current, &log_dirs));
        let proposal = plan::to_json(&proposed, &BTreeMap::new());
        println!("Proposed partition reassignment configuration\n{proposal}");
        Ok(())
    }

    async fn execute(&self, admin: &Admin, plan: &Plan) -> anyhow::Result<()> {
        let proposed = plan.checked()?;
        let under_way = admin.list_reassignments().await?;
        if !self.additional && !under_way.is_empty() {
            bail!(Terse(
                "Cannot execute because there is an existing partition assignment.  Use --additional to override this and create a new partition assignment in addition to the existing one. The --additional flag can also be used to change the throttle by resubmitting the current reassignment."
                    .to_owned()
            ));
        }
        let live: BTreeSet<i32> =
            admin.describe_cluster(false).await?.brokers.iter().map(|broker| broker.id).collect();
        if let Some(unknown) = proposed.values().flatten().find(|id| !live.contains(id)) {
            bail!("Unknown broker id {unknown}");
        }
        let current = current_replicas(admin, &proposed).await?;
        let log_dirs = states::log_dirs_of(admin, &current).await?;
        println!(
            "Current partition replica assignment\n\n{}\n\nSave this to use as the --reassignment-json-file option during rollback",
            plan::to_json(&current, &log_dirs)
        );
        let throttle = self.throttle.filter(|rate| *rate >= 0);
        let log_dirs_throttle = self.replica_alter_log_dirs_throttle.filter(|rate| *rate >= 0);
        if throttle.is_some() || log_dirs_throttle.is_some() {
            println!(
                "Warning: You must run --verify periodically, until the reassignment completes, to ensure the throttle is removed."
            );
        }
        if let Some(rate) = throttle {
            throttles::set_inter_broker(admin, rate, &under_way, &proposed, &current).await?;
        }
        if let Some(rate) = log_dirs_throttle {
            let brokers = plan.log_dirs.keys().map(|(broker, _)| *broker).collect();
            throttles::set_log_dirs(admin, rate, brokers).await?;
        }
        let targets =
            proposed.iter().map(|(partition, ids)| (partition.clone(), Some(ids.clone()))).collect();
        let results = admin.alter_reassignments(&targets, !self.disallow_replication_factor_change).await?;
        refuse(results, "Error reassigning partition(s)")?;
        let partitions: Vec<&TopicPartition> = proposed.keys().collect();
        println!(
            "Successfully started partition reassignment{} for {}",
            plural(partitions.len()),
            joined(&partitions)
        );
        start_moves(admin, plan.log_dirs.clone(), self.timeout()).await
    }

    async fn verify(&self, admin: &Admin, plan: &Plan) -> anyhow::Result<()> {
        let under_way = admin.list_reassignments().await?;
        let mut settled: BTreeMap<String, Vec<Vec<i32>>> = BTreeMap::new();
        let moving = |p: &TopicPartition| under_way.contains_key(&(p.topic.to_string(), p.partition));
        let wanted: BTreeSet<&str> =
            plan.partitions.iter().filter(|(p, _)| !moving(p)).map(|(p, _)| &*p.topic).collect();
        for name in wanted {
            match admin.describe_topics(&[name.to_owned()], 2000).await {
                Ok(found) => {
                    let replicas = found.into_iter().flat_map(|topic| topic.partitions).map(|p| p.replicas);
                    settled.insert(name.to_owned(), replicas.collect());
                }
                Err(error) if error.code() == Some(ErrorCode::UnknownTopicOrPartition) => {}
                Err(error) => return Err(error.into()),
            }
        }
        println!("{}", states::partitions_text(plan, &under_way, &settled));
        let moves = states::of_log_dirs(admin, &plan.log_dirs).await?;
        println!("{}", states::moves_text(&moves));
        let is_moving = moves.values().any(|state| !state.is_done());
        if under_way.is_empty() && !is_moving && !self.preserve_throttles {
            throttles::clear(admin, plan).await?;
        }
        Ok(())
    }

    async fn cancel(&self, admin: &Admin, plan: &Plan) -> anyhow::Result<()> {
        let under_way = admin.list_reassignments().await?;
        let targets: BTreeMap<TopicPartition, Option<Vec<i32>>> = plan
            .partitions
            .iter()
            .filter(|(partition, _)| {
                let moving = under_way.get(&(partition.topic.to_string(), partition.partition));
                moving.is_some_and(|moving| !moving.adding.is_empty() || !moving.removing.is_empty())
            })
            .map(|(partition, _)| (partition.clone(), None))
            .collect();
        if targets.is_empty() {
            println!("None of the specified partition reassignments are active.");
        } else {
            let results = admin.alter_reassignments(&targets, true).await?;
            let failed = results.values().filter(|result| result.is_err()).count();
            refuse(results, &format!("Error cancelling partition reassignment{} for", plural(failed)))?;
            let partitions: Vec<&TopicPartition> = targets.keys().collect();
            println!(
                "Successfully cancelled partition reassignment{} for: {}",
                plural(partitions.len()),
                joined(&partitions)
            );
        }
        let moves = states::of_log_dirs(admin, &plan.log_dirs).await?;
        let back: BTreeMap<Replica, String> =
            moves.into_iter().filter_map(|(replica, state)| Some((replica, state.way_back()?))).collect();
        if back.is_empty() {
            // Kafka's tool does not end this line.
            print!("None of the specified partition moves are active.");
        } else {
            start_moves(admin, back, self.timeout()).await?;
        }
        if !self.preserve_throttles {
            throttles::clear(admin, plan).await?;
        }
        Ok(())
    }
}

fn read(path: Option<&Path>) -> anyhow::Result<String> {
    let path = path.unwrap_or(Path::new(""));
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// An error that names all partitions that were refused.
fn refuse(results: klamm_client::admin::ByPartition<()>, what: &str) -> anyhow::Result<()> {
    let refused: Vec<String> = results
        .into_iter()
        .filter_map(|(partition, result)| Some(format!("{partition}: {}", result.err()?)))
        .collect();
    if refused.is_empty() { Ok(()) } else { bail!(Terse(format!("{what}:\n{}", refused.join("\n")))) }
}

/// Describes topics; one that does not exist is named in the error.
async fn describe<'a>(
    admin: &Admin,
    topics: impl Iterator<Item = &'a str>,
) -> anyhow::Result<Vec<TopicDescription>> {
    let mut found = Vec::new();
    for name in topics {
        match admin.describe_topics(&[name.to_owned()], 2000).await {
            Ok(described) => found.extend(described),
            Err(error) if error.code() == Some(ErrorCode::UnknownTopicOrPartition) => {
                return Err(unknown(format!("Topic {name} not found.")));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

fn unknown(message: String) -> anyhow::Error {
    ClientError::Broker { code: ErrorCode::UnknownTopicOrPartition, message: Some(message) }.into()
}

fn replicas_of(topics: &[TopicDescription]) -> BTreeMap<TopicPartition, Vec<i32>> {
    let partitions = topics.iter().flat_map(|topic| {
        topic
            .partitions
            .iter()
            .map(|p| (TopicPartition::new(topic.name.as_str(), p.index), p.replicas.clone()))
    });
    partitions.collect()
}

/// The present replicas of exactly these partitions.
async fn current_replicas(
    admin: &Admin,
    proposed: &BTreeMap<TopicPartition, Vec<i32>>,
) -> anyhow::Result<BTreeMap<TopicPartition, Vec<i32>>> {
    let topics: BTreeSet<&str> = proposed.keys().map(|partition| &*partition.topic).collect();
    let mut current = replicas_of(&describe(admin, topics.into_iter()).await?);
    current.retain(|partition, _| proposed.contains_key(partition));
    let missing: Vec<String> = proposed
        .keys()
        .filter(|partition| !current.contains_key(partition))
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        return Err(unknown(format!("Unable to find partition: {}", missing.join(", "))));
    }
    Ok(current)
}

/// Begins moves between directories. A replica that is still on its way to its broker is asked for again and again.
async fn start_moves(
    admin: &Admin,
    mut pending: BTreeMap<Replica, String>,
    limit: Duration,
) -> anyhow::Result<()> {
    let clock = admin.cluster().clock();
    let start = clock.now();
    while !pending.is_empty() {
        for replica in try_moves(admin, &pending).await? {
            if let Some(dir) = pending.remove(&replica) {
                let (broker, partition) = replica;
                println!(
                    "Successfully started moving log directory to {dir} for replica {partition} with broker {broker} "
                );
            }
        }
        if pending.is_empty() {
            break;
        }
        if clock.now() - start >= limit {
            let left: Vec<String> = pending.keys().map(replica_text).collect();
            bail!(Terse(format!(
                "Timed out before log directory move{} could be started for: {}",
                plural(left.len()),
                left.join(",")
            )));
        }
        clock.sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Asks for all moves once; those that have begun.
async fn try_moves(admin: &Admin, pending: &BTreeMap<Replica, String>) -> anyhow::Result<Vec<Replica>> {
    let mut by_broker: BTreeMap<i32, BTreeMap<TopicPartition, String>> = BTreeMap::new();
    for ((broker, partition), dir) in pending {
        by_broker.entry(*broker).or_default().insert(partition.clone(), dir.clone());
    }
    let mut begun = Vec::new();
    for (broker, moves) in by_broker {
        for (partition, result) in admin.alter_replica_log_dirs(broker, &moves).await? {
            let replica = (broker, partition);
            match result {
                Ok(()) => begun.push(replica),
                Err(error) if error.code() == Some(ErrorCode::ReplicaNotAvailable) => {}
                Err(error) => bail!("Failed to alter dir for {}: {error}", replica_text(&replica)),
            }
        }
    }
    Ok(begun)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn options_that_do_not_go_together_are_refused() {
        for (line, expect) in [
            ("--bootstrap-server b", "Command must include exactly one action"),
            ("--bootstrap-server b --list --cancel", "Command must include exactly one action"),
            ("--list", "Please specify either"),
            ("--list --bootstrap-server a --bootstrap-controller b", "Please don't specify both"),
            ("--list --bootstrap-controller b", ""),
            ("--verify --bootstrap-server b", "Missing required argument \"[reassignment-json-file]\""),
            (
                "--verify --bootstrap-controller b --reassignment-json-file f",
                "Option \"[bootstrap-controller]\" can't be used with action \"[verify]\"",
            ),
            ("--list --bootstrap-server b --throttle 5", "Option \"[throttle]\" can't be used"),
            ("--execute --bootstrap-server b --reassignment-json-file f --throttle 5 --wait", ""),
        ] {
            let options = Options::parse_from(std::iter::once("x").chain(line.split(' ')));
            let error = options.check().err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(expect) && error.is_empty() == expect.is_empty(), "{line}: {error}");
        }
    }
}
