//! `klamm metadata-shell` (kafka-metadata-shell): looks at a metadata snapshot or log as if it were a tree of files.

mod glob;
mod tree;
mod walk;
mod words;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use klamm_io::{disk::Disk, process};
use klamm_metadata::checkpoint;
use klamm_metadata::image::{Loader, MetadataImage, Provenance};
use klamm_protocol::metadata::MetadataRecord;

use super::dump_log::Batches;
use crate::cli::Call;
use walk::{Next, Shell};

/// No snapshot is larger than that; what claims to be is not read.
const SNAPSHOT_BYTES_MAX: u64 = 4 << 30;

/// Shows what a metadata snapshot or log holds, as a tree of files: ls, cat, cd, pwd, find, tree.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// A .checkpoint or .log file of __cluster_metadata-0. Given many times, the files are read one after the other: a
    /// snapshot first, then the segments behind it.
    #[arg(long, short, value_name = "FILE", required = true)]
    snapshot: Vec<PathBuf>,
    /// A command to run; without one they are read from standard input.
    command: Vec<String>,
}

const EXAMPLES: &str = "Examples:
  klamm metadata-shell -s klamm-data/__cluster_metadata-0/00000000000000000000.log ls /image/topics/byName
  klamm metadata-shell -s klamm-data/__cluster_metadata-0/00000000000000000000.log cat /image/cluster/brokers/1";

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    let mut loader = Loader::default();
    for path in &options.snapshot {
        loader = read(path, loader).with_context(|| path.display().to_string())?;
    }
    let mut shell = Shell::new(tree::of(loader.image(), loader.provenance()));
    if options.command.is_empty() {
        converse(shell)?;
        return Ok(ExitCode::SUCCESS);
    }
    let words: Vec<&str> = options.command.iter().map(String::as_str).collect();
    // As Kafka's shell has it, what is not there is told like any other answer, and is no failure.
    if let Next::Text(text) = shell.run(&words) {
        print!("{text}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads commands line by line until they end.
fn converse(shell: Shell) -> anyhow::Result<()> {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut shell = shell.conversing(is_terminal.then(process::terminal_columns).flatten());
    println!("[ Klamm Metadata Shell ]");
    let mut line = String::new();
    loop {
        if is_terminal {
            print!(">> ");
            std::io::stdout().flush()?;
        }
        line.clear();
        if std::io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match shell.run(&words) {
            Next::Text(text) => print!("{text}"),
            Next::Exit => return Ok(()),
        }
    }
}

/// Carries out what a file holds.
fn read(path: &Path, mut loader: Loader) -> anyhow::Result<Loader> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.ends_with(".checkpoint") {
        let content = Disk::real().read_file(path, SNAPSHOT_BYTES_MAX)?;
        let snapshot = checkpoint::decode(content.into())?;
        let (end, epoch) = checkpoint::parse_file_name(&name).unwrap_or((0, 0));
        let provenance = Provenance {
            last_offset: end - 1,
            last_epoch: epoch,
            last_timestamp_ms: snapshot.header.last_contained_timestamp_ms,
        };
        let mut fresh = Loader::new(MetadataImage::default(), provenance);
        fresh.apply(&snapshot.records, provenance)?;
        return Ok(fresh);
    }
    if !name.ends_with(".log") {
        bail!("the file has to be a .checkpoint or a .log of __cluster_metadata-0");
    }
    let mut batches = Batches::open(path, 0, u64::MAX)?;
    while let Some(batch) = batches.next()? {
        batch.check_crc()?;
        // What the snapshot before it holds already.
        if batch.last_offset() <= loader.provenance().last_offset {
            continue;
        }
        let provenance = Provenance {
            last_offset: batch.last_offset(),
            last_epoch: batch.partition_leader_epoch,
            last_timestamp_ms: batch.max_timestamp,
        };
        let mut records = Vec::new();
        if !batch.is_control() {
            for record in batch.records()? {
                let value = record?.value.context("a record of the metadata log has no value")?;
                records.push(MetadataRecord::decode(value)?.0);
            }
        }
        loader.apply(&records, provenance).context(
            "the log goes on from what is not there: name the snapshot before it (--snapshot SNAPSHOT --snapshot LOG)",
        )?;
    }
    Ok(loader)
}
