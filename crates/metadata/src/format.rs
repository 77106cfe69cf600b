//! What `kafka-storage format` decides: feature levels, the kind of each directory, the files that go into it.
//!
//! Pure: the caller says what is in the directories, draws the ids, and writes the files.

use crate::bootstrap;
use crate::checkpoint::{self, Header};
use crate::features::{Feature, MetadataVersion};
use bytes::Bytes;
use klamm_protocol::control::{Endpoint, KRaftVersionFeature, VotersRecord, VotersRecordVoter};
use klamm_protocol::{StrBytes, Uuid};
use std::collections::BTreeMap;

mod scram_argument;
#[cfg(test)]
mod tests;

/// Name of the metadata partition's directory.
pub const METADATA_PARTITION_DIR: &str = "__cluster_metadata-0";

/// Why a node cannot be formatted, in Kafka's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FormatError(pub String);

fn refuse<T>(message: impl Into<String>) -> Result<T, FormatError> {
    Err(FormatError(message.into()))
}

/// A voter of a dynamic quorum as given to `--initial-controllers`: `id@host:port:directory-id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamicVoter {
    /// Node id.
    pub id: i32,
    /// Host of its controller listener.
    pub host: String,
    /// Port of its controller listener.
    pub port: u16,
    /// Id of its metadata log directory.
    pub directory_id: Uuid,
}

impl DynamicVoter {
    /// Parses one voter.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let text = text.trim();
        let Some((id, rest)) = text.split_once('@') else {
            return refuse("No @ found in dynamic voter string.");
        };
        if id.is_empty() {
            return refuse("Invalid @ at beginning of dynamic voter string.");
        }
        let Ok(id) = id.parse::<i32>() else {
            return refuse("Failed to parse node id in dynamic voter string.");
        };
        if id < 0 {
            return refuse(format!("Invalid negative node id {id} in dynamic voter string."));
        }
        if rest.is_empty() {
            return refuse("No hostname found after node id.");
        }
        let (host, rest) = match rest.strip_prefix('[') {
            Some(bracketed) => match bracketed.split_once(']') {
                Some(found) => found,
                None => return refuse("Hostname began with left bracket, but no right bracket was found."),
            },
            None => match rest.find(':') {
                Some(colon) => rest.split_at(colon),
                None => return refuse("No colon following hostname could be found."),
            },
        };
        let Some(rest) = rest.strip_prefix(':') else {
            return refuse("Port section must start with a colon.");
        };
        let Some((port, directory_id)) = rest.split_once(':') else {
            return refuse("No colon following port could be found.");
        };
        let Ok(port) = port.parse::<i32>() else {
            return refuse("Failed to parse port in dynamic voter string.");
        };
        let Ok(port) = u16::try_from(port) else {
            return refuse(format!("Invalid port {port} in dynamic voter string."));
        };
        let Ok(directory_id) = directory_id.parse() else {
            return refuse("Failed to parse directory ID in dynamic voter string.");
        };
        Ok(Self { id, host: host.to_owned(), port, directory_id })
    }

    /// Parses a list separated by commas.
    ///
    /// # Errors
    /// If a voter cannot be parsed, is named twice, or there is none.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, FormatError> {
        let mut voters: BTreeMap<i32, Self> = BTreeMap::new();
        for entry in text.trim().split(',').filter(|entry| !entry.is_empty()) {
            let voter = Self::parse(entry)?;
            let id = voter.id;
            if voters.insert(id, voter).is_some() {
                return refuse(format!("Node id {id} was specified more than once."));
            }
        }
        if voters.is_empty() {
            return refuse("No voters given.");
        }
        Ok(voters.into_values().collect())
    }
}

/// What is in a log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryState {
    /// No `meta.properties`; the directory may not even exist.
    Empty,
    /// A `meta.properties` with these ids.
    Formatted {
        /// `cluster.id`.
        cluster_id: Option<String>,
        /// `node.id` (or `broker.id`).
        node_id: Option<i32>,
        /// `directory.id`.
        directory_id: Option<Uuid>,
    },
    /// Cannot be read.
    Error,
}

/// What to format, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// `node.id`.
    pub node_id: i32,
    /// `--cluster-id`.
    pub cluster_id: String,
    /// Every log directory and the metadata log directory, with what is in them.
    pub directories: BTreeMap<String, DirectoryState>,
    /// The metadata log directory.
    pub metadata_directory: String,
    /// `--release-version`, parsed.
    pub release_version: Option<MetadataVersion>,
    /// `--feature`, by name.
    pub features: BTreeMap<String, i16>,
    /// `--add-scram`, one credential each.
    pub scram: Vec<String>,
    /// `unstable.feature.versions.enable`.
    pub unstable: bool,
    /// `--ignore-formatted`.
    pub ignore_formatted: bool,
    /// Whether `controller.quorum.voters` is empty.
    pub has_dynamic_quorum: bool,
    /// `--initial-controllers`, or the node itself for `--standalone`; empty: neither.
    pub initial_controllers: Vec<DynamicVoter>,
    /// First of `controller.listener.names`.
    pub controller_listener: String,
}

/// One directory to format. The directory is to be created first, `meta.properties` written last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryPlan {
    /// Its path.
    pub path: String,
    /// What to put into `meta.properties`, beside version 1, cluster and node id.
    pub directory_id: Uuid,
    /// To be printed before it is written.
    pub line: String,
    /// Paths inside the directory, and contents.
    pub files: Vec<(String, Bytes)>,
}

/// What is to be done and said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// To be printed first.
    pub lines: Vec<String>,
    /// To be formatted; empty if there is nothing to do.
    pub directories: Vec<DirectoryPlan>,
    /// The effective levels of all features.
    pub levels: BTreeMap<String, i16>,
}

/// Decides. `draw` gives random ids (and salt), `now_ms` is the time written into the files.
///
/// # Errors
/// Why the node cannot be formatted so.
pub fn plan(request: &Request, now_ms: i64, mut draw: impl FnMut() -> Uuid) -> Result<Plan, FormatError> {
    if request.node_id < 0 {
        return refuse("You must specify a valid non-negative node ID.");
    }
    if request.directories.is_empty() {
        return refuse("You must specify at least one directory to format");
    }
    let version = effective_version(request)?;
    let levels = effective_levels(request, version)?;
    let mut records = bootstrap::records(version, &levels);
    if !request.scram.is_empty() && !version.is_scram_supported() {
        return refuse("SCRAM is only supported in metadata.version 3.5-IV2 or later.");
    }
    for argument in &request.scram {
        records.push(scram_argument::credential(argument, &mut draw)?.into());
    }
    let bootstrap_file =
        bootstrap::encode(&records, now_ms).map_err(|error| FormatError(error.to_string()))?;
    let mut known = verify(request)?;
    let mut lines = Vec::new();
    check_formatted(request, &mut lines)?;
    let empty: Vec<&String> = request
        .directories
        .iter()
        .filter(|(_, state)| **state == DirectoryState::Empty)
        .map(|(path, _)| path)
        .collect();
    if empty.is_empty() {
        lines.push("All of the log directories are already formatted.".to_owned());
        return Ok(Plan { lines, directories: Vec::new(), levels });
    }
    lines.push(format!("Bootstrap metadata: {}", bootstrap::describe(&records, "format command")));
    let mut directories = Vec::with_capacity(empty.len());
    for path in empty {
        let kind = DirectoryKind::of(request, path);
        let own = request.initial_controllers.iter().find(|voter| voter.id == request.node_id);
        let directory_id = match own {
            Some(own) if kind == DirectoryKind::DynamicVoter => own.directory_id,
            _ => new_directory_id(&known, &mut draw),
        };
        known.push(directory_id);
        let mut files = vec![(bootstrap::FILE_NAME.to_owned(), bootstrap_file.clone())];
        if matches!(kind, DirectoryKind::DynamicVoter | DirectoryKind::Dynamic) {
            let name = format!("{METADATA_PARTITION_DIR}/{}", checkpoint::file_name(0, 0));
            files.push((name, first_snapshot(request, &levels, now_ms)?));
        }
        let line = format!("Formatting {} {path} with metadata.version {version}.", kind.description());
        directories.push(DirectoryPlan { path: path.clone(), directory_id, line, files });
    }
    Ok(Plan { lines, directories, levels })
}

fn effective_version(request: &Request) -> Result<MetadataVersion, FormatError> {
    let version = match (request.features.get(MetadataVersion::FEATURE_NAME), request.release_version) {
        (Some(_), Some(_)) => {
            return refuse(
                "Use --release-version instead of --feature metadata.version=X to avoid ambiguity.",
            );
        }
        (Some(level), None) => MetadataVersion::from_level(*level)
            .ok_or_else(|| FormatError(MetadataVersion::unknown_level_message(*level)))?,
        (None, Some(version)) => version,
        (None, None) if request.unstable => MetadataVersion::LATEST_TESTING,
        (None, None) => MetadataVersion::LATEST_PRODUCTION,
    };
    if !request.unstable && !version.is_production() {
        return refuse(format!("metadata.version {version} is not yet stable."));
    }
    Ok(version)
}

fn effective_levels(
    request: &Request,
    version: MetadataVersion,
) -> Result<BTreeMap<String, i16>, FormatError> {
    let mut levels = BTreeMap::new();
    for (name, level) in &request.features {
        if name != MetadataVersion::FEATURE_NAME && Feature::from_name(name).is_none() {
            let mut known: Vec<&str> = Feature::ALL.iter().map(|feature| feature.name()).collect();
            known.sort_unstable();
            return refuse(format!(
                "Unsupported feature: {name}. Supported features are: {}",
                known.join(", ")
            ));
        }
        levels.insert(name.clone(), *level);
    }
    levels.insert(MetadataVersion::FEATURE_NAME.to_owned(), version.level());
    let kraft = Feature::KRaft.name();
    levels.insert(kraft.to_owned(), effective_kraft_version(request, levels.get(kraft).copied())?);
    for feature in Feature::ALL {
        levels.entry(feature.name().to_owned()).or_insert_with(|| feature.default_level(version));
    }
    for (name, level) in &levels {
        let Some(feature) = Feature::from_name(name) else { continue };
        if !feature.has_level(*level) {
            return refuse(format!("No feature:{name} with feature level {level}"));
        }
        feature.validate_level(*level, |name| levels.get(name).copied()).map_err(FormatError)?;
    }
    Ok(levels)
}

fn effective_kraft_version(request: &Request, configured: Option<i16>) -> Result<i16, FormatError> {
    match configured {
        Some(0) if request.has_dynamic_quorum => refuse(
            "Cannot set kraft.version to 0 if controller.quorum.voters is empty and one of the flags --standalone, \
             --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try removing \
             the --feature flag for kraft.version.",
        ),
        Some(level) if level != 0 && !request.has_dynamic_quorum => refuse(format!(
            "Cannot set kraft.version to {level} unless controller.quorum.voters is empty and one of the flags \
             --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic controllers \
             support, try using one of --standalone, --initial-controllers, or --no-initial-controllers and removing \
             controller.quorum.voters."
        )),
        Some(level) => Ok(level),
        None => Ok(i16::from(request.has_dynamic_quorum)),
    }
}

/// Checks the directories against each other and the node; the ids that are taken.
fn verify(request: &Request) -> Result<Vec<Uuid>, FormatError> {
    let mut seen: Vec<(Uuid, &String)> = Vec::new();
    for (path, state) in &request.directories {
        let DirectoryState::Formatted { cluster_id, node_id, directory_id } = state else { continue };
        if let Some(other) = cluster_id.as_ref().filter(|id| **id != request.cluster_id) {
            return refuse(format!(
                "Invalid cluster.id in: {path}/meta.properties. Expected {}, but read {other}",
                request.cluster_id
            ));
        }
        if let Some(other) = node_id.filter(|id| *id != request.node_id) {
            return refuse(format!(
                "Stored node id {other} doesn't match previous node id {} in {path}/meta.properties. If you moved your \
                 data, make sure your configured node id matches. If you intend to create a new node, you should \
                 remove all data in your data directories.",
                request.node_id
            ));
        }
        let Some(id) = directory_id else { continue };
        if id.is_reserved() {
            return refuse(format!("Invalid reserved directory ID {id} found in {path}"));
        }
        if let Some((_, other)) = seen.iter().find(|(known, _)| known == id) {
            return refuse(format!(
                "Duplicate directory ID {id} found. It was the ID of {other}, but also of {path}"
            ));
        }
        seen.push((*id, path));
    }
    Ok(seen.into_iter().map(|(id, _)| id).collect())
}

fn check_formatted(request: &Request, lines: &mut Vec<String>) -> Result<(), FormatError> {
    let in_state = |wanted: fn(&DirectoryState) -> bool| {
        request.directories.iter().filter(move |(_, state)| wanted(state)).map(|(path, _)| path)
    };
    let mut formatted = in_state(|state| matches!(state, DirectoryState::Formatted { .. }));
    let first = formatted.next();
    if let Some(path) = first.filter(|_| !request.ignore_formatted) {
        return refuse(format!(
            "Log directory {path} is already formatted. Use --ignore-formatted to ignore this directory and format the \
             others."
        ));
    }
    for path in in_state(|state| *state == DirectoryState::Error) {
        lines.push(format!("I/O error trying to read log directory {path}. Ignoring..."));
    }
    let empty = in_state(|state| *state == DirectoryState::Empty).next();
    if !lines.is_empty() && empty.is_none() && first.is_none() {
        return refuse("No available log directories to format.");
    }
    Ok(())
}

fn new_directory_id(known: &[Uuid], draw: &mut impl FnMut() -> Uuid) -> Uuid {
    loop {
        let id = draw();
        if !id.is_reserved() && !known.contains(&id) && !id.to_string().starts_with('-') {
            return id;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DirectoryKind {
    Data,
    StaticMetadata,
    Dynamic,
    DynamicVoter,
}

impl DirectoryKind {
    fn of(request: &Request, path: &str) -> Self {
        if path != request.metadata_directory {
            Self::Data
        } else if request.initial_controllers.is_empty() {
            Self::StaticMetadata
        } else if request.initial_controllers.iter().any(|voter| voter.id == request.node_id) {
            Self::DynamicVoter
        } else {
            Self::Dynamic
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::Data => "data directory",
            Self::StaticMetadata => "metadata directory",
            Self::Dynamic => "dynamic metadata directory",
            Self::DynamicVoter => "dynamic metadata voter directory",
        }
    }
}

/// The snapshot that the first leader takes the voters from.
fn first_snapshot(
    request: &Request,
    levels: &BTreeMap<String, i16>,
    now_ms: i64,
) -> Result<Bytes, FormatError> {
    // Kafka keeps listener names in upper case.
    let listener = StrBytes::from(request.controller_listener.to_uppercase());
    let voters = request.initial_controllers.iter().map(|voter| VotersRecordVoter {
        voter_id: voter.id,
        voter_directory_id: voter.directory_id,
        endpoints: vec![Endpoint {
            name: listener.clone(),
            host: voter.host.as_str().into(),
            port: voter.port,
            ..Default::default()
        }],
        kraft_version_feature: KRaftVersionFeature {
            min_supported_version: 0,
            max_supported_version: 1,
            ..Default::default()
        },
        ..Default::default()
    });
    let header = Header {
        last_contained_timestamp_ms: now_ms,
        kraft_version: levels.get(Feature::KRaft.name()).copied().unwrap_or(0),
        voters: Some(VotersRecord { version: 0, voters: voters.collect(), ..Default::default() }),
    };
    checkpoint::encode(std::iter::empty(), MetadataVersion::MINIMUM, 0, &header, now_ms)
        .map_err(|error| FormatError(error.to_string()))
}
