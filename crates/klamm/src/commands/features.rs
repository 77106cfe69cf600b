//! `klamm features` (kafka-features): feature levels that the cluster supports and has, and changes of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use klamm_client::admin::{Admin, UpgradeType};
use klamm_metadata::features::{Feature, MetadataVersion};
use klamm_protocol::api::api_versions::ApiVersionsResponse;

use super::storage::{self, name_and_level};
use crate::cli::Call;
use crate::session;

/// Shows and changes feature levels.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Controllers to connect to instead.
    #[arg(long, value_name = "SERVER", conflicts_with = "bootstrap_server")]
    bootstrap_controller: Option<String>,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Shows the levels that are supported and the level that is in force.
    Describe {
        /// The node to ask; any if it is left out.
        #[arg(long, value_name = "ID", allow_negative_numbers = true)]
        node_id: Option<i32>,
    },
    /// Raises levels.
    Upgrade(Change),
    /// Lowers levels.
    Downgrade {
        #[command(flatten)]
        change: Change,
        /// Even if that destroys metadata for good.
        #[arg(long)]
        r#unsafe: bool,
    },
    /// Lowers levels to zero.
    Disable {
        /// A feature to disable. Can be given many times.
        #[arg(long, value_name = "NAME")]
        feature: Vec<String>,
        /// Even if that destroys metadata for good.
        #[arg(long)]
        r#unsafe: bool,
        /// Only say what would come of it.
        #[arg(long)]
        dry_run: bool,
    },
    /// Shows which levels a release has.
    VersionMapping {
        /// The release, from 3.3-IV3 on; the latest stable one if it is left out.
        #[arg(long, value_name = "RELEASE")]
        release_version: Option<String>,
    },
    /// Shows which levels a level needs beside it.
    FeatureDependencies {
        /// The level, as feature=level. Can be given many times.
        #[arg(long, value_name = "FEATURE=LEVEL", required = true)]
        feature: Vec<String>,
    },
}

/// Levels to go to.
#[derive(clap::Args)]
struct Change {
    /// The level of metadata.version, by name. Deprecated.
    #[arg(long, value_name = "RELEASE")]
    metadata: Option<String>,
    /// The release whose levels all features shall have, e.g. 4.2-IV1.
    #[arg(long, value_name = "RELEASE")]
    release_version: Option<String>,
    /// The level of one feature, as feature=level. Can be given many times.
    #[arg(long, value_name = "FEATURE=LEVEL")]
    feature: Vec<String>,
    /// Only say what would come of it.
    #[arg(long)]
    dry_run: bool,
}

/// What is asked of the cluster.
struct Update {
    /// As in "Could not upgrade x".
    operation: &'static str,
    levels: BTreeMap<String, i16>,
    upgrade_type: UpgradeType,
    dry_run: bool,
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    execute(call, &options).or_else(|error| {
        eprintln!("{error:#}");
        if let Some(remedy) = session::remedy_of(&error) {
            eprintln!("{remedy}");
        }
        Ok(ExitCode::FAILURE)
    })
}

fn execute(call: &Call, options: &Options) -> anyhow::Result<ExitCode> {
    match &options.command {
        Command::VersionMapping { release_version } => {
            return storage::version_mapping(release_version.as_deref());
        }
        Command::FeatureDependencies { feature } => {
            for feature in feature {
                name_and_level(feature)?;
            }
            return storage::feature_dependencies(feature);
        }
        _ => {}
    }
    if options.bootstrap_server.is_none() && options.bootstrap_controller.is_none() {
        return Ok(call.usage_error("You must specify either --bootstrap-controller or --bootstrap-server."));
    }
    session::block_on(async {
        let admin = session::admin_of(
            options.bootstrap_server.as_deref(),
            options.bootstrap_controller.as_deref(),
            options.command_config.as_deref(),
        )?;
        let result = match &options.command {
            Command::Describe { node_id: Some(id) } if *id < 0 => {
                bail!("Invalid node id {id}: must be non-negative.")
            }
            Command::Describe { node_id } => {
                print!("{}", text(&admin.describe_features(*node_id).await?));
                Ok(ExitCode::SUCCESS)
            }
            other => match other.update()? {
                Some(update) => change(&admin, update).await,
                None => Ok(ExitCode::SUCCESS),
            },
        };
        admin.close();
        result
    })
}

impl Command {
    /// The change that this command asks for, if it asks for one.
    fn update(&self) -> anyhow::Result<Option<Update>> {
        let downgrade = |r#unsafe: &bool| {
            if *r#unsafe { UpgradeType::UnsafeDowngrade } else { UpgradeType::SafeDowngrade }
        };
        let (operation, levels, upgrade_type, dry_run) = match self {
            Self::Upgrade(change) => {
                let upgrade_type = UpgradeType::Upgrade;
                ("upgrade", change.levels(upgrade_type)?, upgrade_type, change.dry_run)
            }
            Self::Downgrade { change, r#unsafe } => {
                let upgrade_type = downgrade(r#unsafe);
                ("downgrade", change.levels(upgrade_type)?, upgrade_type, change.dry_run)
            }
            Self::Disable { feature, r#unsafe, dry_run } => {
                let mut levels = BTreeMap::new();
                for name in feature {
                    once(&mut levels, name.clone(), 0)?;
                }
                ("disable", levels, downgrade(r#unsafe), *dry_run)
            }
            Self::Describe { .. } | Self::VersionMapping { .. } | Self::FeatureDependencies { .. } => {
                return Ok(None);
            }
        };
        if levels.is_empty() {
            bail!("You must specify at least one feature to {operation}");
        }
        Ok(Some(Update { operation, levels, upgrade_type, dry_run }))
    }
}

impl Change {
    fn levels(&self, upgrade_type: UpgradeType) -> anyhow::Result<BTreeMap<String, i16>> {
        let mut levels = BTreeMap::new();
        if let Some(release) = &self.release_version {
            if self.metadata.is_some() || !self.feature.is_empty() {
                bail!("Can not specify `release-version` with other feature flags.");
            }
            let version = MetadataVersion::parse(release, true).map_err(anyhow::Error::msg)?;
            levels.insert(MetadataVersion::FEATURE_NAME.to_owned(), version.level());
            for feature in Feature::ALL {
                let level = feature.default_level(version);
                // Nothing is raised to zero.
                if level > 0 || upgrade_type != UpgradeType::Upgrade {
                    levels.insert(feature.name().to_owned(), level);
                }
            }
            return Ok(levels);
        }
        if let Some(metadata) = &self.metadata {
            println!(" `metadata` flag is deprecated and may be removed in a future release.");
            let version = MetadataVersion::parse(metadata, true).map_err(anyhow::Error::msg)?;
            levels.insert(MetadataVersion::FEATURE_NAME.to_owned(), version.level());
        }
        for feature in &self.feature {
            let (name, level) = name_and_level(feature)?;
            once(&mut levels, name, level)?;
        }
        Ok(levels)
    }
}

fn once(levels: &mut BTreeMap<String, i16>, name: String, level: i16) -> anyhow::Result<()> {
    if levels.insert(name.clone(), level).is_some() {
        bail!("Feature {name} was specified more than once.");
    }
    Ok(())
}

async fn change(admin: &Admin, update: Update) -> anyhow::Result<ExitCode> {
    let Update { operation, levels, upgrade_type, dry_run } = update;
    let results = match admin.update_features(&levels, upgrade_type, dry_run).await {
        Ok(results) => results,
        // One failure is that of every feature.
        Err(error) => levels.keys().map(|name| (name.clone(), Err(error.clone()))).collect(),
    };
    let mut failed = 0;
    for (name, result) in &results {
        let level = levels.get(name).copied().unwrap_or_default();
        let to = if operation == "disable" { String::new() } else { format!(" to {level}") };
        match result {
            Ok(()) => {
                let verb = if dry_run { "can be" } else { "was" };
                println!("{name} {verb} {operation}d{to}.");
            }
            Err(error) => {
                failed += 1;
                let helper = if dry_run { "Can not" } else { "Could not" };
                println!("{helper} {operation} {name}{to}. {error}");
            }
        }
    }
    if failed > 0 {
        bail!("{failed} out of {} operation(s) failed.", levels.len());
    }
    Ok(ExitCode::SUCCESS)
}

fn text(answer: &ApiVersionsResponse) -> String {
    let mut features: Vec<_> = answer.supported_features.iter().collect();
    features.sort_by(|a, b| a.name.cmp(&b.name));
    let epoch = answer.finalized_features_epoch;
    let epoch = if epoch >= 0 { epoch.to_string() } else { "-".to_owned() };
    let mut text = String::new();
    for feature in features {
        let finalized = answer.finalized_features.iter().find(|f| f.name == feature.name);
        let level = finalized.map_or(0, |feature| feature.max_version_level);
        text.push_str(&format!(
            "Feature: {:<40}  SupportedMinVersion: {:<15}  SupportedMaxVersion: {:<15}  FinalizedVersionLevel: {:<15}  Epoch: {epoch}\n",
            &*feature.name,
            level_text(&feature.name, feature.min_version),
            level_text(&feature.name, feature.max_version),
            level_text(&feature.name, level),
        ));
    }
    text
}

fn level_text(feature: &str, level: i16) -> String {
    if feature != MetadataVersion::FEATURE_NAME {
        return level.to_string();
    }
    MetadataVersion::from_level(level)
        .map_or_else(|| format!("UNKNOWN {level}"), |version| version.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_versions_have_names() {
        assert_eq!(level_text("metadata.version", 7), "3.3-IV3");
        assert_eq!(level_text("metadata.version", 1000), "UNKNOWN 1000");
        assert_eq!(level_text("group.version", 1), "1");
    }

    #[test]
    fn a_release_names_the_levels_of_all_features() {
        let change = |release: Option<&str>, feature: &[&str]| Change {
            metadata: None,
            release_version: release.map(str::to_owned),
            feature: feature.iter().map(|text| (*text).to_owned()).collect(),
            dry_run: false,
        };
        let levels = change(Some("3.7-IV4"), &[]).levels(UpgradeType::Upgrade).unwrap();
        assert_eq!(levels, BTreeMap::from([("metadata.version".to_owned(), 19)]));
        let levels = change(Some("3.7-IV4"), &[]).levels(UpgradeType::SafeDowngrade).unwrap();
        assert_eq!(levels.get("group.version"), Some(&0));
        for (release, features, expect) in [
            (Some("4.0-IV0"), &["a=1"][..], "Can not specify `release-version` with other feature flags."),
            (None, &["a=1", "a=2"], "Feature a was specified more than once."),
            (None, &["a"], "Can't parse feature=level string a: equals sign not found."),
        ] {
            let error = change(release, features).levels(UpgradeType::Upgrade).unwrap_err();
            assert_eq!(error.to_string(), expect);
        }
    }
}
