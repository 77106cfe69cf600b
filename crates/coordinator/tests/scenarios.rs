//! Runs the files of `scenarios/`: commands begin with `> `, and the lines after each are what comes of it: a `+` for
//! a record, and `12: OK ..` for the answer to the 12th request.
//!
//! `UPDATE=1 cargo test -p klamm-coordinator` writes what comes out into the files, to be read and committed.

mod harness;

use harness::{Harness, parse};
use klamm_coordinator::GroupSettings;
use std::fmt::Write;
use std::path::Path;

#[test]
fn scenarios_come_out_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a file");
        let actual = run(&text);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, actual).expect("to write");
        } else {
            assert_eq!(actual, text, "{}", file.display());
        }
    }
}

fn settings(line: &str) -> GroupSettings {
    let mut settings = GroupSettings::default();
    for word in line.split_whitespace() {
        let (name, value) = word.split_once('=').expect("name=value");
        let value: i64 = value.parse().expect("a number");
        match name {
            "size" => settings.classic_size_max = value as usize,
            "streams-size" => settings.streams_size_max = value as usize,
            "streams-delay" => settings.streams_timing.initial_rebalance_delay_ms = value as i32,
            "streams-interval" => settings.streams_timing.assignment_interval_ms = value as i32,
            "standbys" => settings.streams_timing.num_standby_replicas = value as i32,
            "delay" => settings.classic_initial_rebalance_delay_ms = value as i32,
            "interval" => settings.consumer_timing.assignment_interval_ms = value as i32,
            "share-size" => settings.share_size_max = value as usize,
            "share-interval" => settings.share_timing.assignment_interval_ms = value as i32,
            "retention" => settings.offsets_retention_ms = value,
            "check" => settings.offsets_retention_check_interval_ms = value,
            "upgrade" => settings.consumer_migration.upgrades = value != 0,
            "downgrade" => settings.consumer_migration.downgrades = value != 0,
            "metadata" => settings.offset_metadata_length_max = value as usize,
            other => panic!("unknown setting {other}"),
        }
    }
    settings
}

/// The text with every command's output made anew; comments and empty lines stay, `# new` starts over.
fn run(text: &str) -> String {
    let mut out = String::new();
    let mut harness = Harness::new(GroupSettings::default());
    for line in text.lines() {
        if let Some(values) = line.strip_prefix("= ") {
            writeln!(out, "{line}").expect("a string");
            harness = Harness::new(settings(values));
        } else if let Some(command) = line.strip_prefix("> ") {
            parse::run(&mut harness, command);
            harness.check();
            writeln!(out, "{line}").expect("a string");
            for line in harness.output.drain(..) {
                writeln!(out, "{line}").expect("a string");
            }
        } else if line.is_empty() || line.starts_with('#') {
            writeln!(out, "{line}").expect("a string");
        }
    }
    out
}
