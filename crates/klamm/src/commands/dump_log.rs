//! `klamm dump-log` (kafka-dump-log): prints what is in segments, indexes and snapshots of a log directory.
//!
//! It reads single files and nothing around them but the segment of an index, so that it can be pointed at a damaged
//! directory.

mod decoder;
mod index;
mod segment;
mod snapshot;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::Call;
use decoder::Decoder;
pub(crate) use segment::Batches;

/// Prints and checks files of a log directory: .log, .index, .timeindex, .txnindex, .snapshot, .checkpoint.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Options {
    /// The files, with commas between.
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    files: Vec<PathBuf>,
    /// Prints keys and values of records.
    #[arg(long)]
    print_data_log: bool,
    /// Prints records, not only batches.
    #[arg(long)]
    deep_iteration: bool,
    /// Only checks indexes, without printing their entries.
    #[arg(long)]
    verify_index_only: bool,
    /// Only makes the check of an index that a node makes when it starts.
    #[arg(long)]
    index_sanity_check: bool,
    /// Reads at most so many bytes of each segment.
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u32>,
    /// The largest batch.
    #[arg(long, value_name = "BYTES", default_value_t = 5 * 1024 * 1024)]
    max_message_size: i32,
    /// Reads records as those of __consumer_offsets.
    #[arg(long, help_heading = "How records are read")]
    offsets_decoder: bool,
    /// Reads records as those of __transaction_state.
    #[arg(long, help_heading = "How records are read")]
    transaction_log_decoder: bool,
    /// Reads records as those of __cluster_metadata.
    #[arg(long, help_heading = "How records are read")]
    cluster_metadata_decoder: bool,
    /// Reads records as those of __share_group_state.
    #[arg(long, help_heading = "How records are read")]
    share_group_state_decoder: bool,
    /// Reads records as those of __remote_log_metadata.
    #[arg(long, help_heading = "How records are read")]
    remote_log_metadata_decoder: bool,
    /// Reads keys as Kafka's decoder of this name does: StringDecoder, IntegerDecoder, LongDecoder.
    #[arg(long, value_name = "CLASS", num_args = 0..=1, default_missing_value = "StringDecoder", help_heading = "How records are read")]
    key_decoder_class: Option<String>,
    /// Reads values as Kafka's decoder of this name does.
    #[arg(long, value_name = "CLASS", num_args = 0..=1, default_missing_value = "StringDecoder", help_heading = "How records are read")]
    value_decoder_class: Option<String>,
    /// Prints keys and values only; control records are left out.
    #[arg(long)]
    skip_record_metadata: bool,
}

const EXAMPLES: &str = "Examples:
  klamm dump-log --files klamm-data/orders-0/00000000000000000000.log --print-data-log
  klamm dump-log --cluster-metadata-decoder --files klamm-data/__cluster_metadata-0/00000000000000000000.log";

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if options.files.is_empty() {
        return Ok(call.usage_error("Missing required argument \"[files]\""));
    }
    let decoder = match options.decoder() {
        Ok(decoder) => decoder,
        Err(error) => return Ok(call.usage_error(&format!("{error:#}"))),
    };
    let mut findings = Findings::default();
    for file in &options.files {
        println!("Dumping {}", file.display());
        match file.extension().map(|suffix| suffix.to_string_lossy().into_owned()).as_deref() {
            Some("log" | "checkpoint") => segment::dump(file, &options, &decoder, &mut findings)?,
            Some("index") => index::dump_offsets(file, &options, &mut findings)?,
            Some("timeindex") => index::dump_times(file, &options, &mut findings)?,
            Some("snapshot") => snapshot::dump_producers(file)?,
            Some("txnindex") => snapshot::dump_transactions(file)?,
            _ => eprintln!("Ignoring unknown file {}", file.display()),
        }
    }
    findings.print();
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn decoder(&self) -> anyhow::Result<Decoder> {
        if self.offsets_decoder {
            return Ok(Decoder::Groups);
        }
        if self.transaction_log_decoder {
            return Ok(Decoder::Transactions);
        }
        if self.cluster_metadata_decoder {
            return Ok(Decoder::Metadata);
        }
        if self.remote_log_metadata_decoder {
            return Ok(Decoder::RemoteLog);
        }
        if self.share_group_state_decoder {
            return Ok(Decoder::ShareGroups);
        }
        Decoder::of_classes(self.key_decoder_class.as_deref(), self.value_decoder_class.as_deref())
    }

    const fn prints_contents(&self) -> bool {
        self.print_data_log
            || self.offsets_decoder
            || self.transaction_log_decoder
            || self.cluster_metadata_decoder
            || self.remote_log_metadata_decoder
            || self.share_group_state_decoder
            || self.key_decoder_class.is_some()
            || self.value_decoder_class.is_some()
    }

    const fn goes_deep(&self) -> bool {
        self.deep_iteration || self.prints_contents()
    }
}

/// What is wrong with the files; printed to standard error at the end.
#[derive(Default)]
struct Findings(Vec<(String, String)>);

impl Findings {
    /// Notes one line under a heading about a file.
    fn add(&mut self, heading: &str, file: &Path, line: String) {
        let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        self.0.push((format!("{heading}{}", path.display()), line));
    }

    fn print(&self) {
        let mut headings: Vec<&str> = Vec::new();
        for (heading, _) in &self.0 {
            if !headings.contains(&heading.as_str()) {
                headings.push(heading);
            }
        }
        for heading in headings {
            eprintln!("{heading}");
            for (_, line) in self.0.iter().filter(|(other, _)| other == heading) {
                eprintln!("{line}");
            }
        }
    }
}

/// The offset that a file is named after.
fn base_offset(file: &Path) -> anyhow::Result<i64> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let digits = name.split('.').next().unwrap_or_default();
    digits.parse().map_err(|_| anyhow::anyhow!("{}: the name does not begin with an offset", file.display()))
}
