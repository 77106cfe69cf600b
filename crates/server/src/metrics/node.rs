//! What a node tells of itself as a whole: how far it is in its life, its log directories, the features it knows.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use klamm_config::broker;
use klamm_io::process;
use klamm_metadata::features::{Feature, MetadataVersion, supported_features};

use super::{
    families::{
        BROKER_METADATA_LAG, BROKER_METADATA_OFFSET, BROKER_METADATA_TIMESTAMP, BROKER_STATE,
        CORDONED_LOG_DIRECTORY_COUNT, DISK_READ_BYTES, DISK_WRITE_BYTES, FINALIZED_LEVEL,
        LOG_DIRECTORY_CORDONED, LOG_DIRECTORY_OFFLINE, MAXIMUM_SUPPORTED_LEVEL, METADATA_APPLY_ERRORS,
        METADATA_ERRORS, METADATA_VERSION, MINIMUM_SUPPORTED_LEVEL, OFFLINE_LOG_DIRECTORY_COUNT,
        PROCESS_CPU_SECONDS, PROCESS_OPEN_FILES, PROCESS_RESIDENT_BYTES, PROCESS_THREADS,
    },
    measures::flag,
    samples::{Samples, count, signed},
};
use crate::{broker_lifecycle::BrokerState, metadata::Published, node::Node};

/// What a node notes of itself.
#[derive(Debug, Default)]
pub struct NodeMeasures {
    broker_state: AtomicU8,
    apply_errors: AtomicU64,
}

impl NodeMeasures {
    /// The broker has come so far in its life.
    pub fn enter(&self, state: BrokerState) {
        self.broker_state.store(state as u8, Ordering::Release);
    }

    /// A change of the metadata could not be put into effect here.
    pub fn apply_failed(&self) {
        self.apply_errors.fetch_add(1, Ordering::AcqRel);
    }
}

/// Adds what there is to tell of every node, and of a broker and a controller besides.
pub fn sample(node: &Node, published: &Published, samples: &mut Samples) {
    let config = node.config.load();
    let apply_errors = count(node.measures.apply_errors.load(Ordering::Acquire));
    if config.is_broker() {
        let state = node.measures.broker_state.load(Ordering::Acquire);
        samples.add(BROKER_STATE, &[], f64::from(state));
        samples.add(METADATA_APPLY_ERRORS, &[], apply_errors);
        let applied = published.provenance;
        samples.add(BROKER_METADATA_OFFSET, &[], signed(applied.last_offset));
        samples.add(BROKER_METADATA_TIMESTAMP, &[], signed(applied.last_timestamp_ms));
        let lag_ms = node.world.clock.wall_ms() - applied.last_timestamp_ms;
        samples.add(BROKER_METADATA_LAG, &[], signed(lag_ms));
        sample_log_dirs(node, samples);
    }
    if config.is_controller() {
        samples.add(METADATA_ERRORS, &[], apply_errors);
    }
    sample_features(published, config.get(&broker::UNSTABLE_FEATURE_VERSIONS_ENABLE), samples);
    sample_process(samples);
}

fn sample_log_dirs(node: &Node, samples: &mut Samples) {
    let (mut offline, mut cordoned) = (0, 0);
    for dir in node.log_dirs.of_partitions() {
        let path = dir.path().display().to_string();
        let labels = &[("logdirectory", path.as_str())];
        samples.add(LOG_DIRECTORY_OFFLINE, labels, flag(dir.is_offline()));
        samples.add(LOG_DIRECTORY_CORDONED, labels, flag(dir.is_cordoned()));
        offline += u64::from(dir.is_offline());
        cordoned += u64::from(dir.is_cordoned());
    }
    samples.add(OFFLINE_LOG_DIRECTORY_COUNT, &[], count(offline));
    samples.add(CORDONED_LOG_DIRECTORY_COUNT, &[], count(cordoned));
}

/// Kafka writes a feature's name in two ways: `metadataVersion` where it was finalized, `metadata-version` where it is
/// supported.
fn sample_features(published: &Published, unstable: bool, samples: &mut Samples) {
    let version = published.image.features.metadata_version_or_minimum().level();
    samples.add(METADATA_VERSION, &[], f64::from(version));
    let levels = published.image.features.levels.iter().map(|(name, level)| (&**name, *level));
    let others = [(MetadataVersion::FEATURE_NAME, version), (Feature::KRaft.name(), published.kraft_version)];
    for (name, level) in levels.chain(others) {
        samples.add(FINALIZED_LEVEL, &[("featurename", &camel_case(name))], f64::from(level));
    }
    for (name, min, max) in supported_features(unstable) {
        let name = name.replace('.', "-");
        let labels = &[("feature_name", name.as_str())];
        samples.add(MINIMUM_SUPPORTED_LEVEL, labels, f64::from(min));
        samples.add(MAXIMUM_SUPPORTED_LEVEL, labels, f64::from(max));
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('.');
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    }
    text
}

fn sample_process(samples: &mut Samples) {
    if let Some(usage) = process::usage() {
        samples.add(PROCESS_CPU_SECONDS, &[], usage.cpu.as_secs_f64());
        samples.add(PROCESS_RESIDENT_BYTES, &[], count(usage.resident_bytes));
        samples.add(PROCESS_OPEN_FILES, &[], count(usage.open_files));
        samples.add(PROCESS_THREADS, &[], count(usage.threads));
    }
    if let Some(io) = process::disk_io() {
        samples.add(DISK_READ_BYTES, &[], count(io.read_bytes));
        samples.add(DISK_WRITE_BYTES, &[], count(io.written_bytes));
    }
}
