//! `klamm config`: explains keys, checks a properties file, writes the reference pages.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use klamm_config::{BrokerConfig, properties, providers, reference, table};

use crate::cli::Call;

/// Explain configuration keys and check a properties file.
///
/// Kafka has no such tool. Status 1 means that the file has errors, or that a key does not exist.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true)]
struct Options {
    /// Properties file of a node to check: errors, keys that no table has, keys without effect in Klamm.
    #[arg(value_name = "FILE", conflicts_with_all = ["describe", "unsupported", "markdown"])]
    file: Option<PathBuf>,
    /// What a key does, its type, default and valid values.
    #[arg(long, value_name = "KEY", num_args = 1.., conflicts_with_all = ["unsupported", "markdown"])]
    describe: Vec<String>,
    /// List the keys that are accepted but have no effect yet.
    #[arg(long, conflicts_with = "markdown")]
    unsupported: bool,
    /// Write the reference pages into a directory (docs/reference).
    #[arg(long, value_name = "DIRECTORY")]
    markdown: Option<PathBuf>,
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(code) => return Ok(code),
    };
    if let Some(directory) = options.markdown {
        return write_pages(&directory);
    }
    if options.unsupported {
        for (heading, names) in reference::unsupported() {
            println!("{heading}: {}", names.len());
            names.iter().for_each(|name| println!("  {name}"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    match options.file {
        Some(file) => check_file(&file),
        None => Ok(describe(&options.describe)),
    }
}

fn describe(names: &[String]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for name in names {
        let text = reference::explain(name);
        if !text.is_empty() {
            print!("{text}");
            continue;
        }
        code = ExitCode::FAILURE;
        let similar = reference::similar(name);
        let hint = if similar.is_empty() {
            String::new()
        } else {
            format!(" Did you mean: {}?", similar.join(", "))
        };
        eprintln!("There is no key {name}.{hint}");
    }
    code
}

fn write_pages(directory: &PathBuf) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for page in reference::pages() {
        let path = directory.join(page.file);
        std::fs::write(&path, page.text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn check_file(file: &PathBuf) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let set = properties::parse_bytes(&bytes).with_context(|| format!("{}", file.display()))?;
    let config = providers::resolve(&set, &Machine).and_then(|set| BrokerConfig::from_properties(&set));
    let errors = match &config {
        Ok(_) => &[][..],
        Err(errors) => &errors.0,
    };
    errors.iter().for_each(|error| println!("error: {error}"));
    if let Ok(config) = &config {
        config.unknown_keys().for_each(|name| println!("unknown: {name}"));
    }
    let without_effect = set.keys().filter_map(|name| table::BROKER.find(name)).filter(|def| !def.supported);
    without_effect.for_each(|def| println!("without effect: {}", def.name));
    println!("{}: {} keys, {} errors", file.display(), set.len(), errors.len());
    Ok(if errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// This machine, as config providers see it.
pub(crate) struct Machine;

impl providers::Outside for Machine {
    fn environment(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("could not read {path}: {error}")),
        }
    }
}
