//! Whether a controller has the metadata log that it had.
//!
//! A voter without its log votes for others without theirs, and they would begin a new cluster: every partition on the
//! brokers would be a stray. So a controller whose directories show that it has run, and that has no log, does not start.
//!
//! Non-obvious:
//! * A directory that was formatted and holds nothing else cannot be told from a new one. That is also the way out: it is
//!   what a controller begins with whose disk was replaced.
//! * What is told by files other than partitions only says that there was a start, and a start that has found no quorum
//!   leaves an empty log. Partitions came from records of the log.
//! * With voters in the log (KIP-853) a new directory has another id and so no vote, whatever the other directories of the
//!   node hold: only what lies beside the log counts.
//! * A node that is only a broker has no vote and fetches the log again.

use std::path::{Path, PathBuf};

use klamm_config::BrokerConfig;
use klamm_io::disk::Disk;
use klamm_log::{
    checkpoints::{HIGH_WATERMARK_FILE, LOG_START_OFFSET_FILE, RECOVERY_POINT_FILE},
    clean_shutdown::CLEAN_SHUTDOWN_FILE,
    log_dir::LoadedLogDir,
    names::DirPurpose,
};
use klamm_metadata::checkpoint;
use klamm_raft::{METADATA_TOPIC, QuorumState};

use crate::{node::World, start::StartError};

/// Refuses a controller without its log.
pub(super) fn check<'a>(
    config: &BrokerConfig,
    world: &World,
    metadata_dir: &Path,
    dirs: impl Iterator<Item = &'a Path>,
    loaded: &[(usize, LoadedLogDir)],
) -> Result<(), StartError> {
    if !config.is_controller() {
        return Ok(());
    }
    let dirs: Vec<&Path> = dirs.collect();
    let voters = config.voters();
    let is_static = voters.iter().any(|voter| voter.id == config.node_id());
    let log = metadata_dir.join(format!("{METADATA_TOPIC}-0"));
    let has = Has::read(&world.disk, &log)?;
    let counts = |dir: &Path| is_static || dir == metadata_dir;
    let partition = loaded
        .iter()
        .filter(|(index, _)| dirs.get(*index).is_some_and(|dir| counts(dir)))
        .flat_map(|(_, found)| &found.partitions)
        .find(|found| matches!(found.purpose, DirPurpose::Current | DirPurpose::Future));
    let trace = match partition {
        Some(partition) if !has.records => Some(format!("{} holds a partition", partition.path.display())),
        _ if has.segment => None,
        _ => trace(&world.disk, &log, dirs.iter().copied().filter(|dir| counts(dir)))
            .map(|file| format!("{} shows that the node has run", file.display())),
    };
    let Some(trace) = trace else { return Ok(()) };
    let (own, shown) = (config.node_id(), log.display());
    let emptied = dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ");
    let rest = if is_static && voters.len() == 1 {
        format!(
            "Node {own} is the only voter: to begin a new cluster without any topic, empty {emptied} and format anew"
        )
    } else if is_static {
        format!(
            "If there is neither, and a majority of the other voters has its log and is at work: empty {emptied} and run \
             `klamm storage format -t <cluster id> -c <server.properties>`; the node fetches again what other nodes have too \
             (move the partitions of which it has the only replica away before, they are lost otherwise). One voter at a time"
        )
    } else {
        format!(
            "If there is neither, and a majority of the other voters has its log and is at work: remove this node from the \
             voters (klamm metadata-quorum remove-controller), empty {emptied}, run `klamm storage format \
             --no-initial-controllers -t <cluster id> -c <server.properties>`, start, and add it again (add-controller). \
             Partitions of which it has the only replica are lost by that: move their directories away before"
        )
    };
    Err(StartError::Directory(format!(
        "there is no metadata log in {}, yet {trace}. Controllers without their log would elect each other and begin a new \
         cluster without any topic. Bring {shown} back: from a copy, or from another controller that is stopped. {rest}",
        metadata_dir.display()
    )))
}

/// What the directory of the log has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Has {
    /// A file of the log: a start makes one.
    segment: bool,
    /// Records, or a snapshot of some. What `storage format` leaves for the first start is none.
    records: bool,
}

impl Has {
    fn read(disk: &Disk, log: &Path) -> Result<Self, StartError> {
        let mut has = Self::default();
        if !disk.exists(log) {
            return Ok(has);
        }
        let failed = |error: klamm_io::disk::Error| StartError::Log(error.into());
        for entry in disk.read_dir(log).map_err(failed)? {
            if entry.name.ends_with(".log") {
                has.segment = true;
                has.records |= disk.metadata(&log.join(&entry.name)).map_err(failed)?.len > 0;
            }
            // With a recovery point, what is missing shows when the log is opened.
            has.records |= entry.name == RECOVERY_POINT_FILE;
            // A crash while a fetched snapshot was put in the log's place leaves it alone.
            let is_snapshot = checkpoint::parse_file_name(&entry.name).is_some_and(|(offset, _)| offset > 0);
            has.segment |= is_snapshot;
            has.records |= is_snapshot;
        }
        has.records &= has.segment;
        Ok(has)
    }
}

/// A file that only a start leaves.
fn trace<'a>(disk: &Disk, log: &Path, mut dirs: impl Iterator<Item = &'a Path>) -> Option<PathBuf> {
    let names = [CLEAN_SHUTDOWN_FILE, RECOVERY_POINT_FILE, HIGH_WATERMARK_FILE, LOG_START_OFFSET_FILE];
    let found = |path: &PathBuf| disk.exists(path);
    let vote = Some(log.join(QuorumState::FILE_NAME)).filter(found);
    vote.or_else(|| dirs.find_map(|dir| names.iter().map(|name| dir.join(name)).find(found)))
}
