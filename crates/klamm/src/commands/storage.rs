//! `klamm storage` (kafka-storage): formats log directories and tells what is in them.
//!
//! What is decided lies in `klamm_metadata::format`; here are the flags, the files and what is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use klamm_config::{BrokerConfig, properties, providers};
use klamm_io::{Clock, Entropy, disk::Disk};
use klamm_log::meta_properties::MetaProperties;
use klamm_metadata::bootstrap;
use klamm_metadata::features::{Feature, MetadataVersion};
use klamm_metadata::format::{self, DirectoryState, DynamicVoter, Plan, Request};
use klamm_protocol::Uuid;

use crate::cli::Call;

/// The Kafka storage tool.
#[derive(clap::Parser)]
struct Options {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(clap::Subcommand)]
enum Subcommand {
    /// Get information about the Kafka log directories on this node.
    Info {
        /// The Kafka configuration file to use.
        #[arg(long, short)]
        config: PathBuf,
    },
    /// Format the Kafka log directories on this node.
    Format(Box<Format>),
    /// Look up the corresponding features for a given metadata version, by default for the latest stable one.
    VersionMapping {
        /// The release version to use for the corresponding feature mapping. The minimum is 3.3-IV3; the default is
        /// 4.3-IV0.
        #[arg(long, short)]
        release_version: Option<String>,
    },
    /// Look up dependencies for a given feature version. Multiple features can be specified.
    FeatureDependencies {
        /// The features and their versions to look up dependencies for, in feature=version format. For example:
        /// `metadata.version=5`.
        #[arg(long, short, required = true)]
        feature: Vec<String>,
    },
    /// Print a random UUID.
    RandomUuid,
}

#[derive(clap::Args)]
struct Format {
    /// The Kafka configuration file to use.
    #[arg(long, short)]
    config: PathBuf,
    /// The cluster ID to use.
    #[arg(long, short = 't')]
    cluster_id: String,
    /// A SCRAM_CREDENTIAL to add to the __cluster_metadata log, e.g. 'SCRAM-SHA-256=[name=alice,password=alice-secret]'.
    #[arg(long, short = 'S')]
    add_scram: Vec<String>,
    /// Skip over already formatted directories rather than failing.
    #[arg(long, short = 'g')]
    ignore_formatted: bool,
    /// The release version to use for the initial feature settings. The minimum is 3.3-IV3; the default is 4.3-IV0.
    #[arg(long, short)]
    release_version: Option<String>,
    /// The setting to use for a specific feature, in feature=level format. For example: `kraft.version=1`.
    #[arg(long, short)]
    feature: Vec<String>,
    /// Initialize a controller as a single-node dynamic quorum. controller.quorum.voters must not be set, and
    /// controller.quorum.bootstrap.servers is set instead.
    #[arg(long, short, group = "quorum")]
    standalone: bool,
    /// Initialize a server without specifying a dynamic quorum. controller.quorum.voters should not be set, and
    /// controller.quorum.bootstrap.servers is set instead.
    #[arg(long, short = 'N', group = "quorum")]
    no_initial_controllers: bool,
    /// Initialize a server with the specified dynamic quorum: a comma-separated list of id@hostname:port:directory. The
    /// same values must be used to format all nodes.
    #[arg(long, short = 'I', group = "quorum")]
    initial_controllers: Option<String>,
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let result = match options.command {
        Subcommand::RandomUuid => {
            println!("{}", random_uuid(&Entropy::real()));
            Ok(ExitCode::SUCCESS)
        }
        Subcommand::VersionMapping { release_version } => version_mapping(release_version.as_deref()),
        Subcommand::FeatureDependencies { feature } => feature_dependencies(&feature),
        Subcommand::Info { config } => load_config(&config).and_then(|config| info(&config)),
        Subcommand::Format(options) => run_format(&options),
    };
    // Kafka's tool prints a refusal as it is and ends with 1.
    result.or_else(|error| {
        eprintln!("{error:#}");
        Ok(ExitCode::FAILURE)
    })
}

/// A random id that a directory or cluster can have.
pub(crate) fn random_uuid(entropy: &Entropy) -> Uuid {
    loop {
        let id = Uuid::from_random(entropy.next_16());
        if !id.is_reserved() && !id.to_string().starts_with('-') {
            return id;
        }
    }
}

fn load_config(path: &Path) -> anyhow::Result<BrokerConfig> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let set = properties::parse_bytes(&bytes)?;
    let set = providers::resolve(&set, &super::config::Machine)?;
    Ok(BrokerConfig::from_properties(&set)?)
}

fn run_format(options: &Format) -> anyhow::Result<ExitCode> {
    let config = load_config(&options.config)?;
    if config.roles().is_empty() {
        bail!(
            "The kafka configuration file appears to be for a legacy cluster. Formatting is only supported for clusters \
             in KRaft mode."
        );
    }
    let entropy = Entropy::real();
    let disk = Disk::real();
    let mut request = request_for(&disk, &config, &options.cluster_id);
    request.ignore_formatted = options.ignore_formatted;
    request.release_version = options
        .release_version
        .as_deref()
        .map(|text| MetadataVersion::parse(text, request.unstable))
        .transpose()
        .map_err(anyhow::Error::msg)?;
    for feature in &options.feature {
        let (name, level) = name_and_level(feature)?;
        request.features.insert(name, level);
    }
    request.initial_controllers = initial_controllers(options, &config, &entropy)?;
    let must_say = config.is_controller() && request.has_dynamic_quorum && !options.no_initial_controllers;
    if must_say && request.initial_controllers.is_empty() {
        bail!(
            "Because controller.quorum.voters is not set on this controller, you must specify one of the following: \
             --standalone, --initial-controllers, or --no-initial-controllers."
        );
    }
    request.scram.clone_from(&options.add_scram);
    let plan = format::plan(&request, Clock::real().wall_ms(), || random_uuid(&entropy))?;
    carry_out(&disk, &request, &plan, |line| println!("{line}"))?;
    Ok(ExitCode::SUCCESS)
}

/// What there is to format for a node, with default levels.
pub(crate) fn request_for(disk: &Disk, config: &BrokerConfig, cluster_id: &str) -> Request {
    let metadata_directory = config.metadata_log_dir();
    let directories: BTreeMap<String, DirectoryState> = log_directories(config)
        .into_iter()
        .map(|path| {
            let state = match MetaProperties::read(disk, Path::new(&path)) {
                Ok(None) => DirectoryState::Empty,
                Ok(Some(found)) => DirectoryState::Formatted {
                    cluster_id: found.cluster_id,
                    node_id: found.node_id,
                    directory_id: found.directory_id,
                },
                Err(_) => DirectoryState::Error,
            };
            (path, state)
        })
        .collect();
    Request {
        node_id: config.node_id(),
        cluster_id: cluster_id.to_owned(),
        directories,
        metadata_directory,
        release_version: None,
        features: BTreeMap::new(),
        scram: Vec::new(),
        unstable: config.get(&klamm_config::broker::UNSTABLE_FEATURE_VERSIONS_ENABLE),
        ignore_formatted: false,
        has_dynamic_quorum: config.voters().is_empty(),
        initial_controllers: Vec::new(),
        controller_listener: config.controller_listener_names().first().cloned().unwrap_or_default(),
    }
}

/// Writes what was decided: per directory the files, then `meta.properties`, which marks it as formatted.
pub(crate) fn carry_out(
    disk: &Disk,
    request: &Request,
    plan: &Plan,
    mut say: impl FnMut(&str),
) -> anyhow::Result<()> {
    plan.lines.iter().for_each(|line| say(line));
    for directory in &plan.directories {
        say(&directory.line);
        let path = Path::new(&directory.path);
        disk.create_dir_all(path)?;
        for (name, content) in &directory.files {
            let file = path.join(name);
            if let Some(parent) = file.parent() {
                disk.create_dir_all(parent)?;
            }
            disk.replace_file(&file, content)?;
        }
        let meta = MetaProperties::new(request.cluster_id.as_str(), request.node_id, directory.directory_id);
        meta.write(disk, path)
            .with_context(|| format!("Error while writing meta.properties file {}", directory.path))?;
    }
    Ok(())
}

fn log_directories(config: &BrokerConfig) -> BTreeSet<String> {
    let mut directories: BTreeSet<String> = config.log_dirs().into_iter().collect();
    directories.insert(config.metadata_log_dir());
    directories
}

fn initial_controllers(
    options: &Format,
    config: &BrokerConfig,
    entropy: &Entropy,
) -> anyhow::Result<Vec<DynamicVoter>> {
    if !config.voters().is_empty() && (options.standalone || options.initial_controllers.is_some()) {
        bail!(
            "You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. \
             If you want to use dynamic quorum, please remove controller.quorum.voters and specify \
             controller.quorum.bootstrap.servers instead."
        );
    }
    if let Some(list) = &options.initial_controllers {
        return Ok(DynamicVoter::parse_list(list)?);
    }
    if options.standalone { Ok(vec![standalone(config, entropy)?]) } else { Ok(Vec::new()) }
}

/// The node itself, as the one voter.
pub(crate) fn standalone(config: &BrokerConfig, entropy: &Entropy) -> anyhow::Result<DynamicVoter> {
    if !config.is_controller() {
        bail!("You can only use --standalone on a controller.");
    }
    let listener =
        config.advertised_controller_listeners().first().context("No controller listeners found.")?;
    Ok(DynamicVoter {
        id: config.node_id(),
        host: listener.host.clone().unwrap_or_else(|| "localhost".to_owned()),
        port: listener.port,
        directory_id: random_uuid(entropy),
    })
}

/// Reads feature=level.
pub(crate) fn name_and_level(text: &str) -> anyhow::Result<(String, i16)> {
    let Some((name, level)) = text.split_once('=') else {
        bail!("Can't parse feature=level string {text}: equals sign not found.");
    };
    let level = level.trim();
    let parsed = level.parse().with_context(|| {
        format!("Can't parse feature=level string {text}: unable to parse {level} as a short.")
    })?;
    Ok((name.trim().to_owned(), parsed))
}

/// Prints the levels of a release.
pub(crate) fn version_mapping(release: Option<&str>) -> anyhow::Result<ExitCode> {
    let release = release.unwrap_or_else(|| MetadataVersion::LATEST_PRODUCTION.name());
    let version = MetadataVersion::parse(release, true).map_err(anyhow::Error::msg)?;
    println!("metadata.version={} ({release})", version.level());
    for feature in Feature::ALL {
        println!("{}={}", feature.name(), feature.default_level(version));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what levels need beside them.
pub(crate) fn feature_dependencies(features: &[String]) -> anyhow::Result<ExitCode> {
    for text in features {
        let Some((name, level)) = text.split_once('=') else {
            bail!(
                "Invalid feature format: {text}. Expected format: 'feature=version' (e.g. 'group.version=1')"
            );
        };
        let (name, level) = (name.trim(), level.trim());
        let Ok(level) = level.parse::<i16>() else {
            bail!("Invalid version format: {level} for feature {name}");
        };
        if name == MetadataVersion::FEATURE_NAME {
            let Some(version) = MetadataVersion::from_level(level) else {
                bail!("Unknown metadata.version {level}");
            };
            println!("{name}={level} ({version}) has no dependencies.");
            continue;
        }
        let Some(feature) = Feature::from_name(name) else { bail!("Unknown feature: {name}") };
        if !feature.has_level(level) {
            bail!("Feature level {level} is not supported for feature {name}");
        }
        let dependencies = feature.dependencies(level);
        if dependencies.is_empty() {
            println!("{name}={level} has no dependencies.");
            continue;
        }
        println!("{name}={level} requires:");
        for (dependency, least) in dependencies {
            match MetadataVersion::from_level(*least).filter(|_| *dependency == MetadataVersion::FEATURE_NAME)
            {
                Some(version) => println!("    {dependency}={least} ({version})"),
                None => println!("    {dependency}={least}"),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn info(config: &BrokerConfig) -> anyhow::Result<ExitCode> {
    let disk = Disk::real();
    let mut found: Vec<String> = Vec::new();
    let mut problems: Vec<String> = Vec::new();
    let mut first: Option<MetaProperties> = None;
    for directory in log_directories(config) {
        let path = Path::new(&directory);
        if !path.is_dir() {
            let what = if path.exists() { "is not a directory" } else { "does not exist" };
            problems.push(format!("{directory} {what}"));
            continue;
        }
        match MetaProperties::read(&disk, path) {
            Ok(None) => problems.push(format!("{directory} is not formatted.")),
            Ok(Some(meta)) => match &first {
                None => first = Some(meta),
                Some(known) if known.cluster_id != meta.cluster_id => {
                    problems.push("Mismatched cluster IDs between storage directories.".to_owned());
                }
                Some(known) if known.node_id != meta.node_id => {
                    problems.push("Mismatched node IDs between storage directories.".to_owned());
                }
                Some(_) => {}
            },
            Err(error) => problems.push(format!("Error loading {directory}/meta.properties: {error}")),
        }
        found.push(directory);
    }
    if let Some(meta) = first.as_ref().filter(|meta| meta.version == 0) {
        debug_assert_eq!(meta.version, 0, "only v0 is of a legacy cluster");
        problems.push(
            "The kafka configuration file appears to be for a cluster in KRaft mode, but the directories are formatted \
             for legacy mode."
                .to_owned(),
        );
    }
    print_list("Found log directory:", "Found log directories:", &found);
    if let Some(meta) = &first {
        println!("Found metadata: {}\n", describe(meta));
    }
    print_list("Found problem:", "Found problems:", &problems);
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_list(one: &str, many: &str, items: &[String]) {
    if !items.is_empty() {
        println!("{}", if items.len() == 1 { one } else { many });
        items.iter().for_each(|item| println!("  {item}"));
        println!();
    }
}

/// The file as Java prints a sorted map.
fn describe(meta: &MetaProperties) -> String {
    let node_key = if meta.version == 0 { "broker.id" } else { "node.id" };
    let entries = [
        ("cluster.id", meta.cluster_id.clone()),
        ("directory.id", meta.directory_id.map(|id| id.to_string())),
        (node_key, meta.node_id.map(|id| id.to_string())),
        ("version", Some(meta.version.to_string())),
    ];
    let mut shown: Vec<String> =
        entries.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?))).collect();
    shown.sort();
    format!("{{{}}}", shown.join(", "))
}

/// Formats the directories of a node that has none yet, as a cluster of its own with a random id and this node as the
/// one voter. Directories that are formatted stay as they are.
///
/// # Errors
/// If a directory holds something without being formatted: whatever it is, a new cluster must not be laid over it.
pub(crate) fn format_if_new(config: &BrokerConfig) -> anyhow::Result<()> {
    let (disk, entropy) = (Disk::real(), Entropy::real());
    let cluster_id = random_uuid(&entropy).to_string();
    let mut request = request_for(&disk, config, &cluster_id);
    for (directory, state) in &request.directories {
        // A directory of another node, or one that cannot be read, the server refuses by itself.
        let is_ours = matches!(
            state,
            DirectoryState::Formatted { cluster_id: Some(_), node_id: Some(id), .. } if *id == request.node_id
        );
        let has_metadata = is_ours && *directory == request.metadata_directory;
        refuse_foreign(&disk, directory, state, has_metadata)?;
    }
    if request.directories.values().any(|state| !matches!(state, DirectoryState::Empty)) {
        return Ok(());
    }
    if request.has_dynamic_quorum {
        request.initial_controllers = vec![standalone(config, &entropy)?];
    }
    let plan = format::plan(&request, Clock::real().wall_ms(), || random_uuid(&entropy))?;
    carry_out(&disk, &request, &plan, |line| tracing::debug!("{line}"))?;
    let directories: Vec<&str> = request.directories.keys().map(String::as_str).collect();
    tracing::info!(directories = directories.join(","), cluster_id, "formatted a new cluster");
    Ok(())
}

/// Refuses a directory that neither is empty nor was formatted, and one that should hold the cluster's metadata
/// (`has_metadata`) and does not.
fn refuse_foreign(
    disk: &Disk,
    directory: &str,
    state: &DirectoryState,
    has_metadata: bool,
) -> anyhow::Result<()> {
    let path = Path::new(directory);
    if !disk.exists(path) {
        return Ok(());
    }
    let mut names: Vec<String> = disk
        .read_dir(path)
        .with_context(|| format!("{directory} cannot be used as a data directory"))?
        .into_iter()
        .map(|entry| entry.name)
        .filter(|name| name != "lost+found")
        .collect();
    names.sort();
    let holds = |name: &str| names.iter().any(|other| other == name);
    match state {
        DirectoryState::Empty if holds(bootstrap::FILE_NAME) || holds(format::METADATA_PARTITION_DIR) => {
            bail!(
                "{directory} holds a node's files but no meta.properties: its formatting was interrupted, or that file was \
             lost. Nothing is written over it. If it may go, remove {directory} and start again; if it is wanted, \
             restore its meta.properties (cluster.id, node.id, directory.id, version=1)."
            )
        }
        DirectoryState::Empty if !names.is_empty() => bail!(
            "{directory} is not empty (it holds {}{}) and was never formatted for Kafka. Move it away, or name another \
             directory: `klamm server --override log.dirs=DIRECTORY`.",
            names[0],
            if names.len() > 1 { format!(" and {} more", names.len() - 1) } else { String::new() }
        ),
        DirectoryState::Formatted { .. }
            if has_metadata && !holds(bootstrap::FILE_NAME) && !holds(format::METADATA_PARTITION_DIR) =>
        {
            bail!(
                "{directory} was formatted, but neither {} nor {} is in it: the cluster's metadata is lost, and the \
                 node would wait for it for ever. Restore them, or remove {directory} and start again.",
                bootstrap::FILE_NAME,
                format::METADATA_PARTITION_DIR
            )
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_cluster_is_not_laid_over_what_is_there() {
        let disk = Disk::real();
        let formatted = || DirectoryState::Formatted { cluster_id: None, node_id: None, directory_id: None };
        let folder = std::env::temp_dir().join(format!("klamm-foreign-{}", std::process::id()));
        for (files, state, expect) in [
            (vec![], DirectoryState::Empty, None),
            (vec!["lost+found"], DirectoryState::Empty, None),
            (
                vec!["letter.txt", "photo"],
                DirectoryState::Empty,
                Some("is not empty (it holds letter.txt and 1 more)"),
            ),
            (vec!["bootstrap.checkpoint"], DirectoryState::Empty, Some("its formatting was interrupted")),
            (vec!["__cluster_metadata-0", "t-0"], DirectoryState::Empty, Some("but no meta.properties")),
            (vec!["bootstrap.checkpoint", "meta.properties"], formatted(), None),
            (vec!["meta.properties"], formatted(), Some("the cluster's metadata is lost")),
        ] {
            disk.create_dir_all(&folder).unwrap();
            for file in &files {
                disk.replace_file(&folder.join(file), b"").unwrap();
            }
            let refused =
                refuse_foreign(&disk, &folder.to_string_lossy(), &state, true).err().map(|e| e.to_string());
            disk.remove_dir_all(&folder).unwrap();
            assert_eq!(refused.is_some(), expect.is_some(), "{files:?}: {refused:?}");
            assert!(refused.unwrap_or_default().contains(expect.unwrap_or_default()), "{files:?}");
        }
    }
}
