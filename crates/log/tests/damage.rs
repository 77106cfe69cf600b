//! Any file of a log cut or flipped anywhere: no panic, and nothing lost that lies whole before the damage.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use klamm_log::{Append, AppendOrigin, Isolation, LogConfig, OffsetSpec};
use klamm_protocol::records::{BatchOptions, Compression, CompressionType, RecordBatch};
use support::*;

/// A log with a bit of everything, and its batches.
fn write_log(dir: &Path, config: &Arc<LogConfig>, chance: &mut Chance) -> Vec<RecordBatch> {
    let mut log = open(&handles(10), dir, config, &Opening::default());
    let codecs = [CompressionType::None, CompressionType::Zstd, CompressionType::Gzip];
    let mut sequence = 0;
    for i in 0..40_i64 {
        let timestamp = NOW_MS + chance.between(-100, 100);
        let new = match i % 8 {
            3 | 5 => {
                sequence += 2;
                producer_batch(1, 0, sequence - 2, true, &[timestamp; 2])
            }
            4 => producer_batch(2, 1, i32::try_from(i / 8).unwrap(), false, &[timestamp]),
            6 => marker(1, 0, 0, i % 16 == 6, timestamp),
            _ => {
                let codec = codecs[usize::try_from(chance.below(3)).unwrap()];
                let options =
                    BatchOptions { compression: Compression::new(codec), ..BatchOptions::default() };
                batch_with(options, &[timestamp, timestamp + 1], 40)
            }
        };
        let origin = if new.header().is_control() { AppendOrigin::Coordinator } else { AppendOrigin::Client };
        let epoch = i32::try_from(i / 15).unwrap();
        let append = Append { origin, ..Append::client(epoch, NOW_MS) };
        log.append_as_leader(&mut [new], append).unwrap();
    }
    log.assign_topic_id(klamm_protocol::Uuid::from_u128(500)).unwrap();
    log.close().unwrap().sync().unwrap();
    read_all(&mut log, 0, 100_000).unwrap()
}

fn copy(from: &Path, to: &Path) -> Vec<PathBuf> {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in &files {
        std::fs::copy(file, to.join(file.file_name().unwrap())).unwrap();
    }
    files.iter().map(|file| to.join(file.file_name().unwrap())).collect()
}

/// Cuts or flips, and returns where.
fn damage(file: &Path, chance: &mut Chance) -> usize {
    let mut content = std::fs::read(file).unwrap();
    let at = usize::try_from(chance.below(content.len() as u64 + 1)).unwrap();
    match chance.below(3) {
        0 => content.truncate(at),
        1 => {
            if let Some(byte) = content.get_mut(at) {
                *byte ^= 1 << chance.below(8);
            }
        }
        _ => {
            // A page that never reached the disk.
            for byte in content.iter_mut().skip(at).take(64) {
                *byte = 0;
            }
        }
    }
    std::fs::write(file, content).unwrap();
    at
}

#[test]
fn damage_anywhere_is_survived() {
    // KLAMM_TEST_SEEDS=100000 for a longer run, KLAMM_FUZZ_SEED for one that starts elsewhere.
    let setting = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = setting("KLAMM_TEST_SEEDS").unwrap_or(200);
    let first = setting("KLAMM_FUZZ_SEED").unwrap_or(0);
    let (original, work) = (TempDir::new("damage-original"), TempDir::new("damage-work"));
    let config =
        Arc::new(LogConfig { segment_bytes: 2000, index_interval_bytes: 200, ..LogConfig::default() });
    let batches = write_log(&original.0, &config, &mut Chance(1));
    for seed in first..first.saturating_add(rounds) {
        let mut chance = Chance(seed);
        let files = copy(&original.0, &work.0);
        let victim = &files[usize::try_from(chance.below(files.len() as u64)).unwrap()];
        let name = victim.file_name().unwrap().to_string_lossy().into_owned();
        let at = damage(victim, &mut chance);
        let clean = chance.one_in(3);
        // Nothing before the recovery point is looked at.
        let recovery_point = if chance.one_in(2) { 0 } else { chance.between(0, 100) };
        let what = format!("seed {seed}: {name} at {at}, clean {clean}, recovery point {recovery_point}");
        let opening = Opening { clean, recovery_point, ..Opening::default() };
        let outcome = std::panic::catch_unwind(|| {
            use_log(&work.0, &config, &opening, &batches, &name, at);
        });
        assert!(outcome.is_ok(), "{what}");
    }
}

fn use_log(
    dir: &Path,
    config: &Arc<LogConfig>,
    opening: &Opening,
    batches: &[RecordBatch],
    victim: &str,
    at: usize,
) {
    let mut log = open(&handles(10), dir, config, opening);
    let found = read_all(&mut log, 0, 1500);
    let mut must_keep = batches.len();
    if let Some(base) = victim.strip_suffix(".log") {
        let base: i64 = base.parse().unwrap();
        let mut end = 0;
        must_keep = batches
            .iter()
            .take_while(|batch| {
                if batch.base_offset >= base {
                    end += batch.size();
                }
                end <= at
            })
            .count();
    }
    match found {
        Ok(found) => {
            for (index, (found, expect)) in found.iter().zip(batches).take(must_keep).enumerate() {
                assert_eq!(found, expect, "batch {index}");
            }
            assert!(found.len() >= must_keep, "{} of {must_keep} batches are there", found.len());
        }
        // Damage that is not looked for must be seen where it is read.
        Err(e) => {
            assert!((opening.clean || opening.recovery_point > 0) && victim.ends_with(".log"), "{e}");
        }
    }
    for timestamp in [-1, -3, 0, NOW_MS, NOW_MS + 200] {
        let _ = log.find_offset(OffsetSpec::from_wire(timestamp).unwrap());
    }
    let end = log.log_end_offset();
    log.set_high_watermark(end);
    let _ = log.read(log.log_start_offset(), 5000, Isolation::Committed, true);
    let appended = log.append_as_leader(&mut [batch(&[NOW_MS])], Append::client(9, NOW_MS)).unwrap();
    assert_eq!(appended.first_offset, end);
    let _ = log.truncate_to(end / 2, NOW_MS);
    let _ = log.delete_old_segments(NOW_MS);
    log.close().unwrap();
}
