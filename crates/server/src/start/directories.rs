//! The log directories at the start: each is locked, and has to belong to this node, to one cluster, and to itself.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use klamm_config::BrokerConfig;
use klamm_log::{
    log_dir::{LoadedLogDir, LogDir as Files},
    meta_properties::MetaProperties,
};
use klamm_protocol::{StrBytes, Uuid};
use klamm_raft::METADATA_TOPIC;
use tracing::{error, info};

mod lost_log;

use super::StartError;
use crate::{
    log_dirs::{LogDir, LogDirs, absolute},
    node::World,
};

/// What the log directories hold.
pub(super) struct Directories {
    pub(super) cluster_id: StrBytes,
    pub(super) metadata_directory_id: Uuid,
    pub(super) previous_broker_epoch: i64,
    pub(super) log_dirs: LogDirs,
}

/// Locks and checks every log directory. One that cannot be read is offline; the metadata log's has to work.
pub(super) fn open(config: &BrokerConfig, world: &World) -> Result<Directories, StartError> {
    let metadata_dir = world.disk.absolute(&config.metadata_log_dir());
    let mut known = Known::default();
    let mut metadata_directory_id = None;
    let mut epochs = Vec::new();
    let mut dirs = Vec::new();
    let mut loaded: Vec<(usize, LoadedLogDir)> = Vec::new();
    let mut paths = if config.is_broker() { absolute(world, &config.log_dirs()) } else { Vec::new() };
    let own_dirs = paths.len();
    if !paths.contains(&metadata_dir) {
        paths.push(metadata_dir.clone());
    }
    for (index, path) in paths.into_iter().enumerate() {
        let (files, meta, found) = match open_one(world, &path) {
            Ok(opened) => opened,
            Err(StartError::Log(error)) if error.is_fault() && path != metadata_dir => {
                error!(dir = %path.display(), %error, "log directory cannot be read and is offline");
                dirs.push(LogDir::new(path, Uuid::ZERO, None));
                epochs.push(None);
                continue;
            }
            Err(error) => return Err(error),
        };
        known.check(config, &meta, &path)?;
        if path != metadata_dir {
            holds_no_metadata_log(world, &path, &metadata_dir)?;
        }
        let id = match meta.directory_id {
            Some(id) => id,
            None => name(world, &path, meta)?,
        };
        if path == metadata_dir {
            metadata_directory_id = Some(id);
        }
        if index >= own_dirs {
            dirs.push(LogDir::new(path, id, Some(files)).for_metadata_only());
            continue;
        }
        epochs.push(found.broker_epoch);
        loaded.push((index, found));
        dirs.push(LogDir::new(path, id, Some(files)));
    }
    let (Some((cluster_id, _)), Some(metadata_directory_id)) = (known.cluster_id, metadata_directory_id)
    else {
        return Err(StartError::Config("log.dirs names no directory".to_owned()));
    };
    lost_log::check(config, world, &metadata_dir, dirs.iter().map(LogDir::path), &loaded)?;
    let log_dirs = LogDirs::new(dirs, loaded, &metadata_dir);
    log_dirs.cordon(&absolute(world, &config.cordoned_log_dirs()));
    Ok(Directories {
        cluster_id: cluster_id.into(),
        metadata_directory_id,
        previous_broker_epoch: previous_broker_epoch(&epochs),
        log_dirs,
    })
}

/// The epoch in which this broker was last shut down cleanly, else -1. All log directories have to say the same: one that
/// says nothing, or cannot be read, may lack acknowledged records (KIP-966).
fn previous_broker_epoch(told: &[Option<i64>]) -> i64 {
    match told {
        [first, rest @ ..] if rest.iter().all(|epoch| epoch == first) => first.unwrap_or(-1),
        _ => -1,
    }
}

fn open_one(world: &World, path: &Path) -> Result<(Files, MetaProperties, LoadedLogDir), StartError> {
    let files = Files::lock(&world.disk, path)?.ok_or_else(|| {
        StartError::Directory(format!(
            "log directory {} is in use by another process: stop that one, or choose another directory in log.dirs",
            path.display()
        ))
    })?;
    let meta = MetaProperties::read(&world.disk, path)?.ok_or_else(|| {
        StartError::Directory(format!(
            "log directory {} is not formatted: run `klamm storage format -t <cluster id> -c <server.properties>`",
            path.display()
        ))
    })?;
    let found = files.load()?;
    Ok((files, meta, found))
}

/// What the directories before have said.
#[derive(Default)]
struct Known {
    cluster_id: Option<(String, PathBuf)>,
    directory_ids: BTreeMap<Uuid, PathBuf>,
}

impl Known {
    /// Whether a directory belongs to this node and to the same cluster as the others, and is none of them.
    fn check(&mut self, config: &BrokerConfig, meta: &MetaProperties, path: &Path) -> Result<(), StartError> {
        let wrong = |text: String| Err(StartError::Directory(text));
        let own = config.node_id();
        let shown = path.display();
        match meta.node_id {
            Some(id) if id != own => {
                return wrong(format!(
                    "log directory {shown} belongs to node {id}, but node.id is {own}: set node.id={id}, or use \
                     another directory"
                ));
            }
            Some(_) => {}
            None => return wrong(format!("{shown}/meta.properties names no node.id: add node.id={own}")),
        }
        let Some(id) = &meta.cluster_id else {
            return wrong(format!("{shown}/meta.properties names no cluster.id: add that of its cluster"));
        };
        match &self.cluster_id {
            Some((known, other)) if known != id => {
                return wrong(format!(
                    "log directory {shown} belongs to cluster {id}, but {} belongs to cluster {known}: remove one \
                     from log.dirs",
                    other.display()
                ));
            }
            Some(_) => {}
            None => self.cluster_id = Some((id.clone(), path.to_path_buf())),
        }
        let Some(id) = meta.directory_id else { return Ok(()) };
        if id.is_reserved() {
            return wrong(format!(
                "{shown}/meta.properties has directory.id={id}, which no directory may have: remove that line, and \
                 the directory gets a new id"
            ));
        }
        match self.directory_ids.insert(id, path.to_path_buf()) {
            Some(other) => wrong(format!(
                "log directory {shown} has the directory.id of {}, {id}: one is a copy of the other, remove it from \
                 log.dirs",
                other.display()
            )),
            None => Ok(()),
        }
    }
}

/// Gives a directory its id. Those that were formatted before there were ids (KIP-858) have none.
fn name(world: &World, path: &Path, meta: MetaProperties) -> Result<Uuid, StartError> {
    let mut id = Uuid::from_random(world.entropy.next_16());
    while id.is_awkward() {
        id = Uuid::from_random(world.entropy.next_16());
    }
    info!(dir = %path.display(), %id, "log directory had no directory.id and gets one");
    MetaProperties { directory_id: Some(id), ..meta }.write(&world.disk, path)?;
    Ok(id)
}

/// A metadata log elsewhere than in the metadata log directory means that the directory has been changed, and the node
/// would begin with an empty one.
fn holds_no_metadata_log(world: &World, path: &Path, metadata_dir: &Path) -> Result<(), StartError> {
    let log = path.join(format!("{METADATA_TOPIC}-0"));
    if !world.disk.exists(&log) {
        return Ok(());
    }
    Err(StartError::Directory(format!(
        "there is a metadata log in {}, but the metadata log directory is {}: set metadata.log.dir={} (without it the \
         first of log.dirs is taken), or remove that log if it is old",
        log.display(),
        metadata_dir.display(),
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shutdown_was_clean_if_every_directory_says_so() {
        for (told, expect) in [
            (&[][..], -1),
            (&[Some(7)], 7),
            (&[Some(7), Some(7)], 7),
            (&[Some(7), None], -1),
            (&[None, Some(7)], -1),
            (&[Some(7), Some(8)], -1),
        ] {
            assert_eq!(previous_broker_epoch(told), expect, "{told:?}");
        }
    }
}
