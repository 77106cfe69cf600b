//! What the log cleaner's workers note for whoever reads metrics.

use std::{collections::BTreeMap, time::Duration};

use klamm_log::cleaner::CleaningStats;

use super::{
    families::{
        CLEANER_BUFFER_UTILIZATION, CLEANER_CLEAN_TIME, CLEANER_DIRTY_PERCENT, CLEANER_LAST_RUN,
        CLEANER_OVERDUE, CLEANER_RECOPY_PERCENT, CLEANER_UNCLEANABLE, CLEANER_UNCLEANABLE_BYTES,
    },
    samples::{Samples, count, signed},
};
use crate::{node::Node, shard::requests::CleanableLog};

/// See the module.
#[derive(Debug, Default)]
pub struct CleanerMeasures {
    /// Of the dirtiest log, 0 to 1, when it was last looked at.
    pub dirty_ratio: f64,
    /// How much longer than `max.compaction.lag.ms` a record had waited by then, in milliseconds.
    pub overdue_ms: i64,
    /// When logs were last looked at, since the node's start.
    pub looked_at: Duration,
    last: Option<Round>,
    /// Bytes of logs that are left alone, by log directory and partition.
    uncleanable: BTreeMap<(usize, String), u64>,
}

#[derive(Debug)]
struct Round {
    stats: CleaningStats,
    /// How many keys there was room for.
    room: u64,
    took: Duration,
}

/// Bytes of a key in the map of a cleaner: a hash and an offset.
const KEY_BYTES: u64 = 24;

impl CleanerMeasures {
    /// A log has been cleaned, with so much memory for keys.
    pub fn cleaned(&mut self, stats: CleaningStats, buffer_bytes: u64, took: Duration) {
        self.last = Some(Round { stats, room: buffer_bytes / KEY_BYTES, took });
    }

    /// A log is left alone from now on.
    pub fn gave_up(&mut self, log: &CleanableLog) {
        let bytes = log.cleanable.clean_bytes + log.cleanable.cleanable_bytes;
        self.uncleanable.insert((log.log_dir, log.at.to_string()), bytes);
    }

    /// Adds the samples, `now` since the node's start.
    pub fn sample(&self, node: &Node, now: Duration, samples: &mut Samples) {
        samples.add(CLEANER_DIRTY_PERCENT, &[], (100.0 * self.dirty_ratio).floor());
        samples.add(CLEANER_OVERDUE, &[], signed(self.overdue_ms / 1000));
        samples.add(CLEANER_LAST_RUN, &[], now.saturating_sub(self.looked_at).as_millis() as f64);
        let percent = |part: u64, whole: u64| (100.0 * part as f64 / whole.max(1) as f64).floor();
        let last = self.last.as_ref();
        let utilization = last.map_or(0.0, |round| percent(round.stats.keys, round.room));
        samples.add(CLEANER_BUFFER_UTILIZATION, &[], utilization);
        let recopied = last.map_or(0.0, |round| percent(round.stats.bytes_written, round.stats.bytes_read));
        samples.add(CLEANER_RECOPY_PERCENT, &[], recopied);
        samples.add(CLEANER_CLEAN_TIME, &[], last.map_or(0.0, |round| round.took.as_secs_f64().floor()));
        for (index, dir) in node.log_dirs.of_partitions().enumerate() {
            let left = || self.uncleanable.iter().filter(|((dir, _), _)| *dir == index);
            let path = dir.path().display().to_string();
            let labels = &[("logdirectory", path.as_str())];
            samples.add(CLEANER_UNCLEANABLE, labels, count(left().count() as u64));
            samples.add(CLEANER_UNCLEANABLE_BYTES, labels, count(left().map(|(_, bytes)| bytes).sum()));
        }
    }
}
