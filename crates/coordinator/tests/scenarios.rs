//! Runs the files of `scenarios/`: commands begin with `> `, and the lines after each are what comes of it: a `+` for
//! a record, and `12: OK ..` for the answer to the 12th request.
//!
//! `UPDATE=1 cargo test -p klamm-coordinator` writes what comes out into the files, to be read and committed.

mod harness;
mod script;

use harness::{Harness, parse};
use klamm_coordinator::GroupSettings;
use script::Script;

#[test]
fn scenarios_come_out_as_written() {
    script::check_folder::<Harness>("scenarios");
}

impl Script for Harness {
    fn begin(words: &str) -> Self {
        Self::new(settings(words))
    }

    fn run(&mut self, command: &str) -> Vec<String> {
        parse::run(self, command);
        self.check();
        self.output.drain(..).collect()
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
