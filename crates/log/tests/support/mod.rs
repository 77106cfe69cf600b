//! What the tests of logs share: a directory, batches, and chance that can be repeated.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test uses its part, and may fail")]

pub mod kafka;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use klamm_io::disk::Disk;
use klamm_log::{Handles, Isolation, Log, LogConfig, OpenLog, TopicPartition};
use klamm_protocol::records::{BatchBuilder, BatchIter, BatchOptions, NewBatch, RecordBatch};

/// A directory that is gone with its owner.
pub struct TempDir(pub PathBuf);

impl TempDir {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("klamm-log-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// SplitMix64.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// A number in `0..bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// A number in `from..=to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.below(u64::try_from(to - from + 1).unwrap())).unwrap()
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// How a log is opened in a test.
pub struct Opening {
    pub log_start_offset: i64,
    pub recovery_point: i64,
    pub clean: bool,
    pub now_ms: i64,
}

impl Default for Opening {
    fn default() -> Self {
        Self { log_start_offset: 0, recovery_point: 0, clean: false, now_ms: NOW_MS }
    }
}

pub const NOW_MS: i64 = 1_700_000_000_000;

pub fn handles(capacity: usize) -> Handles {
    Handles::new(Disk::real(), capacity)
}

pub fn try_open(
    handles: &Handles,
    dir: &Path,
    config: &Arc<LogConfig>,
    opening: &Opening,
) -> klamm_log::Result<Log> {
    Log::open(OpenLog {
        handles,
        dir,
        partition: TopicPartition::new("orders", 0),
        config: config.clone(),
        log_start_offset: opening.log_start_offset,
        recovery_point: opening.recovery_point,
        clean_shutdown: opening.clean,
        now_ms: opening.now_ms,
    })
}

pub fn open(handles: &Handles, dir: &Path, config: &Arc<LogConfig>, opening: &Opening) -> Log {
    try_open(handles, dir, config, opening).unwrap()
}

/// A batch of records with these timestamps; their values say which they are.
pub fn batch_with(options: BatchOptions, timestamps: &[i64], filler: usize) -> NewBatch {
    let mut builder = BatchBuilder::new(options);
    for (index, timestamp) in timestamps.iter().enumerate() {
        let value = format!("{timestamp}/{index}/{}", "x".repeat(filler));
        builder.append(*timestamp, Some(b"key"), Some(value.as_bytes()), &[]).unwrap();
    }
    NewBatch::from_built(builder.build().unwrap()).unwrap()
}

pub fn batch(timestamps: &[i64]) -> NewBatch {
    batch_with(BatchOptions::default(), timestamps, 20)
}

/// A batch of an idempotent or transactional producer.
pub fn producer_batch(
    id: i64,
    epoch: i16,
    sequence: i32,
    transactional: bool,
    timestamps: &[i64],
) -> NewBatch {
    let options = BatchOptions {
        producer_id: id,
        producer_epoch: epoch,
        base_sequence: sequence,
        transactional,
        ..BatchOptions::default()
    };
    batch_with(options, timestamps, 20)
}

/// The end of a transaction.
pub fn marker(id: i64, epoch: i16, coordinator_epoch: i32, commit: bool, timestamp: i64) -> NewBatch {
    let options = BatchOptions {
        producer_id: id,
        producer_epoch: epoch,
        transactional: true,
        control: true,
        ..BatchOptions::default()
    };
    let mut builder = BatchBuilder::new(options);
    let key = [0, 0, 0, u8::from(commit)];
    let mut value = vec![0, 0];
    value.extend_from_slice(&coordinator_epoch.to_be_bytes());
    builder.append(timestamp, Some(&key), Some(&value), &[]).unwrap();
    NewBatch::from_built(builder.build().unwrap()).unwrap()
}

/// Reads all batches from an offset on, a few bytes at a time.
pub fn read_all(log: &mut Log, from: i64, bytes_max: u32) -> klamm_log::Result<Vec<RecordBatch>> {
    let mut all = Vec::new();
    let mut offset = from;
    loop {
        let data = log.read(offset, bytes_max, Isolation::LogEnd, true)?;
        let Some(slice) = data.records else { return Ok(all) };
        let before = offset;
        for batch in BatchIter::new(slice.read()?) {
            let batch = batch.map_err(|source| klamm_log::Error::CorruptBatch { position: 0, source })?;
            offset = batch.next_offset();
            all.push(batch);
        }
        // A read that gives bytes gives at least the batch with the offset.
        if offset <= before {
            return Err(log_error(offset));
        }
    }
}

pub fn bytes_of(batch: &NewBatch) -> Bytes {
    batch.to_bytes().freeze()
}

/// Files of a directory with a suffix, sorted.
pub fn files_with(dir: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    files.sort();
    files
}

fn log_error(offset: i64) -> klamm_log::Error {
    klamm_log::Error::OffsetsOutOfOrder { offset, previous: offset }
}
