//! Against Kafka's own log (`kafka/KafkaLog.java`): the same operations give the same files, byte for byte, and either
//! opens what the other has written. Kafka's tool for segments finds no fault in our files.
//!
//! Needs Java 17 and Kafka's jars, which `tests/conformance/build.sh` fetches.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use klamm_log::{Append, AppendOrigin, LogConfig, OffsetSpec};
use klamm_protocol::Uuid;
use klamm_protocol::records::{BatchBuilder, BatchOptions, Compression, CompressionType, NewBatch};
use support::kafka::{assert_same_text, contents, java, now_ms};
use support::*;

const SEGMENT_BYTES: u32 = 1500;
const INDEX_INTERVAL_BYTES: u32 = 200;
const TOPIC_ID: Uuid = Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0);

/// Kafka's log does the script and tells what it has.
fn kafka(dir: &Path, clean: bool, end: &str, script: &str) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/KafkaLog.java");
    // Kafka refuses segments this small from outside, but has a key for its own tests.
    let internal_segment = format!("internal.segment.bytes={SEGMENT_BYTES}");
    let interval = format!("index.interval.bytes={INDEX_INTERVAL_BYTES}");
    java(
        &[
            program.to_str().unwrap(),
            dir.to_str().unwrap(),
            if clean { "true" } else { "false" },
            "0",
            end,
            &internal_segment,
            &interval,
            "segment.index.bytes=10000",
        ],
        script,
    )
}

fn config() -> Arc<LogConfig> {
    Arc::new(LogConfig {
        segment_bytes: SEGMENT_BYTES,
        index_interval_bytes: INDEX_INTERVAL_BYTES,
        segment_index_bytes: 10_000,
        ..LogConfig::default()
    })
}

/// Our log does the script and tells what it has.
fn klamm(dir: &Path, clean: bool, close: bool, script: &str, now_ms: i64) -> String {
    let handles = handles(50);
    let mut log = open(&handles, dir, &config(), &Opening { clean, now_ms, ..Opening::default() });
    for line in script.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<i64>().unwrap();
        let small = |at: usize| words[at].parse::<i32>().unwrap();
        match words[0] {
            "topic_id" => log.assign_topic_id(words[1].parse().unwrap()).unwrap(),
            "roll" => log.roll(now_ms).unwrap(),
            "high_watermark" => {
                log.set_high_watermark(number(1));
            }
            "start" => assert!(log.advance_log_start_offset(number(1)).unwrap()),
            "truncate" => assert!(log.truncate_to(number(1), now_ms).unwrap()),
            "marker" => {
                let epoch = i16::try_from(small(3)).unwrap();
                let new = marker(number(2), epoch, small(4), words[5] == "COMMIT", number(6));
                let append = Append { origin: AppendOrigin::Coordinator, ..Append::client(small(1), now_ms) };
                log.append_as_leader(&mut [new], append).unwrap();
            }
            "batch" => {
                let options = BatchOptions {
                    compression: Compression::new(CompressionType::from_name(words[2]).unwrap()),
                    producer_id: number(3),
                    producer_epoch: i16::try_from(small(4)).unwrap(),
                    base_sequence: small(5),
                    transactional: words[6] == "true",
                    ..BatchOptions::default()
                };
                let mut builder = BatchBuilder::new(options);
                for timestamp in words[7..].iter().map(|word| word.parse::<i64>().unwrap()) {
                    let value = format!("value {timestamp}");
                    builder.append(timestamp, Some(b"key"), Some(value.as_bytes()), &[]).unwrap();
                }
                let new = NewBatch::from_built(builder.build().unwrap()).unwrap();
                log.append_as_leader(&mut [new], Append::client(small(1), now_ms)).unwrap();
            }
            other => panic!("{other}"),
        }
    }
    let text = describe(&mut log);
    if close {
        log.close().unwrap().sync().unwrap();
    }
    text
}

fn describe(log: &mut klamm_log::Log) -> String {
    let mut out = String::new();
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    writeln!(out, "offsets {start} {end}").unwrap();
    let bases: Vec<i64> = log.segment_base_offsets().collect();
    for base in bases {
        let file = log.dir().join(format!("{base:020}.log"));
        writeln!(out, "segment {base} {}", std::fs::metadata(file).unwrap().len()).unwrap();
    }
    for b in read_all(log, start, 1).unwrap() {
        writeln!(
            out,
            "batch {} {} {} {} {} {} {}",
            b.base_offset,
            b.last_offset(),
            b.partition_leader_epoch,
            b.producer_id,
            b.base_sequence,
            b.max_timestamp,
            b.crc
        )
        .unwrap();
    }
    for entry in log.leader_epochs().entries() {
        writeln!(out, "epoch {} {}", entry.epoch, entry.start_offset).unwrap();
    }
    for p in log.producer_state().producers() {
        writeln!(
            out,
            "producer {} {} {} {} {} {}",
            p.producer_id(),
            p.producer_epoch(),
            p.last_sequence(),
            p.last_timestamp(),
            p.coordinator_epoch(),
            p.current_txn_first_offset().unwrap_or(-1)
        )
        .unwrap();
    }
    log.set_high_watermark(end);
    writeln!(out, "last_stable_offset {}", log.last_stable_offset()).unwrap();
    for t in log.aborted_transactions(start, end).unwrap() {
        writeln!(
            out,
            "aborted {} {} {} {}",
            t.producer_id, t.first_offset, t.last_offset, t.last_stable_offset
        )
        .unwrap();
    }
    if let Some(max) = log.find_offset(OffsetSpec::MaxTimestamp).unwrap() {
        writeln!(out, "max {} {}", max.timestamp, max.offset).unwrap();
        for back in (0..=2000).step_by(100) {
            let found = log.find_offset(OffsetSpec::Timestamp(max.timestamp - back)).unwrap();
            let found = found.map_or("none".to_owned(), |f| format!("{} {}", f.timestamp, f.offset));
            writeln!(out, "timestamp {back} {found}").unwrap();
        }
    }
    out
}

/// Plain, idempotent and transactional batches of several epochs, with rolls; timestamps near now, else producers
/// would have expired.
fn script(now_ms: i64, codecs: &[&str], seed: u64) -> String {
    let mut chance = Chance(seed);
    let mut out = format!("topic_id {TOPIC_ID}\n");
    let mut clock = now_ms - 100_000;
    let mut sequences: BTreeMap<i64, i32> = BTreeMap::new();
    let mut open = BTreeMap::new();
    for i in 0..120 {
        clock += chance.between(0, 60);
        let epoch = i / 40;
        let count = chance.between(1, 4);
        let timestamps: Vec<String> =
            (0..count).map(|_| (clock + chance.between(-30, 30)).to_string()).collect();
        let codec = codecs[usize::try_from(chance.below(codecs.len() as u64)).unwrap()];
        let id = chance.between(1, 5);
        match chance.below(10) {
            0..=3 => writeln!(out, "batch {epoch} {codec} -1 -1 -1 false {}", timestamps.join(" ")).unwrap(),
            4 if !open.is_empty() => {
                let (id, _) = open.pop_first().unwrap();
                let outcome = if chance.one_in(2) { "COMMIT" } else { "ABORT" };
                writeln!(out, "marker {epoch} {id} 0 7 {outcome} {clock}").unwrap();
            }
            5 if chance.one_in(3) => writeln!(out, "roll").unwrap(),
            _ => {
                // Odd producers are transactional.
                let sequence = sequences.entry(id).or_insert(0);
                let transactional = id % 2 == 1;
                writeln!(
                    out,
                    "batch {epoch} {codec} {id} 0 {sequence} {transactional} {}",
                    timestamps.join(" ")
                )
                .unwrap();
                *sequence += i32::try_from(count).unwrap();
                if transactional {
                    open.insert(id, ());
                }
            }
        }
    }
    out
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for (name, content) in contents(from) {
        std::fs::write(to.join(name), content).unwrap();
    }
}

fn assert_same_files(ours: &Path, theirs: &Path, what: &str) {
    let (ours, theirs) = (contents(ours), contents(theirs));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{what}");
    for (name, content) in &ours {
        assert!(content == &theirs[name], "{what}: {name} differs:\n{content:?}\n{:?}", theirs[name]);
    }
}

#[test]
fn the_same_operations_give_the_same_files() {
    let root = TempDir::new("kafka-same");
    let now = now_ms();
    for seed in 0..2 {
        let script = script(now, &["none"], seed);
        let (ours, theirs) = (root.0.join(format!("a{seed}-0")), root.0.join(format!("b{seed}-0")));
        let expect = kafka(&theirs, false, "close", &script);
        let found = klamm(&ours, false, true, &script, now);
        assert_same_text(&found, &expect, &format!("seed {seed}"));
        assert_same_files(&ours, &theirs, &format!("seed {seed}"));

        // What either writes after the other is the same as well. The log starts at a batch, since of a transaction that
        // began before Kafka gives the start of the batch as last stable offset, even if that is below the log's.
        let bases =
            expect.lines().filter_map(|line| line.strip_prefix("batch ")?.split(' ').next()?.parse().ok());
        let start = bases.filter(|base: &i64| *base >= 17).min().unwrap();
        let more = format!(
            "high_watermark 30\nstart {start}\nbatch 9 none -1 -1 -1 false {now}\nroll\n\
             batch 9 none 2 1 0 false {now} {now}\n"
        );
        let expect = kafka(&ours, true, "close", &more);
        let found = klamm(&theirs, true, true, &more, now);
        assert_same_text(&found, &expect, &format!("seed {seed}, continued"));
        assert_same_files(&ours, &theirs, &format!("seed {seed}, continued"));
    }
}

#[test]
fn either_recovers_what_the_other_left() {
    let root = TempDir::new("kafka-crash");
    let now = now_ms();
    let script = script(now, &["none", "gzip", "snappy", "lz4", "zstd"], 7);
    // Kafka dies; its indexes are still lengthened.
    let theirs = root.0.join("theirs-0");
    let expect = kafka(&theirs, false, "halt", &script);
    assert_same_text(&klamm(&theirs, false, true, "", now), &expect, "after Kafka's death");
    assert_same_text(&kafka(&theirs, true, "close", ""), &expect, "back to Kafka");
    // We die.
    let ours = root.0.join("ours-0");
    let expect = klamm(&ours, false, false, &script, now);
    let again = root.0.join("again-0");
    copy(&ours, &again);
    assert_same_text(&kafka(&ours, false, "close", ""), &expect, "after our death, by Kafka");
    assert_same_text(&klamm(&again, false, true, "", now), &expect, "after our death");
    assert_same_files(&again, &ours, "after recovery");
}

#[test]
fn kafka_finds_no_fault_in_our_files() {
    let root = TempDir::new("kafka-dump");
    let now = now_ms();
    let dir = root.0.join("dump-0");
    klamm(&dir, false, true, &script(now, &["none", "zstd", "gzip"], 11), now);
    let mut files: Vec<PathBuf> = Vec::new();
    for suffix in [".log", ".index", ".timeindex", ".txnindex", ".snapshot"] {
        let found = files_with(&dir, suffix);
        assert!(!found.is_empty(), "no {suffix}");
        files.extend(found);
    }
    let list = files.iter().map(|file| file.to_string_lossy()).collect::<Vec<_>>().join(",");
    let tool = "org.apache.kafka.tools.DumpLogSegments";
    for mode in ["--deep-iteration", "--verify-index-only", "--index-sanity-check"] {
        let out = java(&[tool, mode, "--files", &list], "");
        for fault in ["Mismatches", "Non-consecutive", "mismatch", "out of order", "Found", "invalid", "null"]
        {
            assert!(!out.contains(fault), "{mode} says {fault}:\n{out}");
        }
        assert!(out.contains(&*files[0].file_name().unwrap().to_string_lossy()), "{mode}:\n{out}");
    }
}
