//! Against Kafka's own cleaner: the same log, cleaned by both, is the same afterwards. See `kafka.rs`.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use klamm_log::cleaner::{CleanerSettings, Step};
use klamm_log::{Append, AppendOrigin, Log, LogConfig};
use klamm_protocol::records::{
    BatchBuilder, BatchIter, BatchOptions, Compression, CompressionType, NewBatch,
};
use support::kafka::{assert_same_text, contents, java, now_ms};
use support::*;

const SEGMENT_BYTES: u32 = 2000;
const DELETE_RETENTION_MS: i64 = 50_000;

fn kafka(dir: &Path, clean: bool, script: &str) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/KafkaLog.java");
    let segment = format!("internal.segment.bytes={SEGMENT_BYTES}");
    let retention = format!("delete.retention.ms={DELETE_RETENTION_MS}");
    let out = java(
        &[
            program.to_str().unwrap(),
            dir.to_str().unwrap(),
            if clean { "true" } else { "false" },
            "0",
            "close",
            &segment,
            &retention,
            "cleanup.policy=compact",
            "index.interval.bytes=200",
            "segment.index.bytes=10000",
            "file.delete.delay.ms=0",
        ],
        script,
    );
    // What follows describes the log as a whole, which `kafka.rs` compares.
    out.lines().take_while(|line| !line.starts_with("offsets ")).map(|line| format!("{line}\n")).collect()
}

fn config() -> Arc<LogConfig> {
    Arc::new(LogConfig {
        segment_bytes: SEGMENT_BYTES,
        index_interval_bytes: 200,
        segment_index_bytes: 10_000,
        delete_retention_ms: DELETE_RETENTION_MS,
        file_delete_delay_ms: 0,
        compact: true,
        delete: false,
        ..LogConfig::default()
    })
}

fn klamm(dir: &Path, clean: bool, script: &str, now_ms: i64) -> String {
    let mut log = open(&handles(50), dir, &config(), &Opening { clean, now_ms, ..Opening::default() });
    let mut out = String::new();
    for line in script.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<i64>().unwrap();
        let small = |at: usize| words[at].parse::<i32>().unwrap();
        match words[0] {
            "roll" => log.roll(now_ms).unwrap(),
            "high_watermark" => drop(log.set_high_watermark(number(1))),
            "marker" => {
                let epoch = i16::try_from(small(3)).unwrap();
                let new = marker(number(2), epoch, small(4), words[5] == "COMMIT", number(6));
                let append = Append { origin: AppendOrigin::Coordinator, ..Append::client(small(1), now_ms) };
                log.append_as_leader(&mut [new], append).unwrap();
            }
            "keyed" => {
                let options = BatchOptions {
                    compression: Compression::new(CompressionType::from_name(words[2]).unwrap()),
                    producer_id: number(3),
                    producer_epoch: i16::try_from(small(4)).unwrap(),
                    base_sequence: small(5),
                    transactional: words[6] == "true",
                    ..BatchOptions::default()
                };
                let mut builder = BatchBuilder::new(options);
                for (index, word) in words.iter().enumerate().skip(8) {
                    let (key, value) = word
                        .split_once('=')
                        .map_or((*word, None), |(key, value)| (key, Some(value.as_bytes())));
                    let timestamp = number(7) + i64::try_from(index).unwrap();
                    builder.append(timestamp, Some(key.as_bytes()), value, &[]).unwrap();
                }
                let new = NewBatch::from_built(builder.build().unwrap()).unwrap();
                log.append_as_leader(&mut [new], Append::client(small(1), now_ms)).unwrap();
            }
            "clean" => clean_once(&mut log, number(1).cast_unsigned(), number(2), &mut out),
            "records" => records(&log, &mut out),
            other => panic!("{other}"),
        }
    }
    log.close().unwrap().sync().unwrap();
    for pending in log.take_pending_deletions() {
        pending.remove(&klamm_io::disk::Disk::real()).unwrap();
    }
    out
}

fn clean_once(log: &mut Log, dedupe_buffer_bytes: u64, now_ms: i64, out: &mut String) {
    let flushed = log.flush_handle(false).unwrap().sync().unwrap();
    log.mark_flushed(flushed, now_ms);
    log.mark_checkpointed(log.recovery_point());
    let cleanable = log.cleanable(now_ms).unwrap().unwrap();
    let (end, clean, dirty) =
        (cleanable.first_uncleanable_offset, cleanable.clean_bytes, cleanable.cleanable_bytes);
    writeln!(out, "cleanable {end} {clean} {dirty}").unwrap();
    let settings =
        CleanerSettings { dedupe_buffer_bytes, load_factor: 0.9, io_buffer_bytes: 1000, hash_key: [7; 16] };
    if let Some(mut cleaning) = log.start_cleaning(settings, now_ms).unwrap() {
        loop {
            match cleaning.step().unwrap() {
                Step::More { .. } => {}
                Step::Cleaned(segment) => assert!(log.swap_cleaned(&segment, now_ms).unwrap()),
                Step::Done { end_offset } => {
                    log.end_cleaning(&cleaning.id(), Some(end_offset));
                    break;
                }
                Step::Aborted => panic!("nobody has aborted it"),
            }
        }
    }
    writeln!(out, "cleaned {}", log.cleaner_checkpoint().unwrap_or(0)).unwrap();
}

fn records(log: &Log, out: &mut String) {
    for base in log.segment_base_offsets() {
        let content = std::fs::read(log.dir().join(format!("{base:020}.log"))).unwrap();
        for b in BatchIter::new(content.into()) {
            let b = b.unwrap();
            b.check_crc().unwrap();
            writeln!(
                out,
                "batch {} {} {} {} {} {} {} {} {} {} {} {}",
                b.base_offset,
                b.last_offset(),
                b.partition_leader_epoch,
                b.producer_id,
                b.producer_epoch,
                b.base_sequence,
                b.max_timestamp,
                b.compression().unwrap(),
                b.is_transactional(),
                b.is_control(),
                b.delete_horizon_ms().unwrap_or(-1),
                b.records_count
            )
            .unwrap();
            for r in b.records().unwrap() {
                let r = r.unwrap();
                let text = |bytes: Option<&[u8]>| {
                    bytes.map_or("null".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
                };
                let content = if b.is_control() {
                    "marker".to_owned()
                } else {
                    format!("{}={}", text(r.key.as_deref()), text(r.value.as_deref()))
                };
                writeln!(out, "record {} {} {} {content}", r.offset, r.timestamp, r.sequence).unwrap();
            }
        }
    }
}

/// Producers of every kind that write some keys again and again and take some back, in rounds of cleaning.
fn script(now_ms: i64, codecs: &[&str], dedupe_buffer_bytes: u64, transactions: bool, seed: u64) -> String {
    let mut chance = Chance(seed);
    let mut out = String::new();
    let mut clock = now_ms - 3_000_000;
    let mut sequences: BTreeMap<i64, i32> = BTreeMap::new();
    let mut open = BTreeMap::new();
    let mut end = 0;
    for i in 0..260 {
        clock += chance.between(0, 60);
        let epoch = i / 90;
        let records: Vec<String> = (0..chance.between(1, 5))
            .map(|_| match chance.one_in(4) {
                true => format!("key-{}", chance.below(30)),
                false => {
                    format!("key-{}=value-{i}-{}", chance.below(30), "x".repeat(chance.below(30) as usize))
                }
            })
            .collect();
        let count = i32::try_from(records.len()).unwrap();
        let records = records.join(" ");
        let codec = codecs[usize::try_from(chance.below(codecs.len() as u64)).unwrap()];
        let id = chance.between(1, 7);
        match chance.below(12) {
            0..=3 => {
                writeln!(out, "keyed {epoch} {codec} -1 -1 -1 false {clock} {records}").unwrap();
                end += count;
            }
            4..=6 if !open.is_empty() => {
                let (id, _) = open.pop_first().unwrap();
                let outcome = if chance.one_in(2) { "COMMIT" } else { "ABORT" };
                writeln!(out, "marker {epoch} {id} 0 7 {outcome} {clock}").unwrap();
                end += 1;
            }
            7 if chance.one_in(5) => writeln!(out, "roll").unwrap(),
            _ => {
                let sequence = sequences.entry(id).or_insert(0);
                let transactional = transactions && id % 2 == 1;
                writeln!(out, "keyed {epoch} {codec} {id} 0 {sequence} {transactional} {clock} {records}")
                    .unwrap();
                *sequence += count;
                end += count;
                if transactional {
                    open.insert(id, ());
                }
            }
        }
        if i % 40 == 39 {
            let high_watermark = i64::from(end) - chance.between(0, 40);
            writeln!(out, "high_watermark {high_watermark}\nclean {dedupe_buffer_bytes} {clock}\nrecords")
                .unwrap();
            clock += chance.between(0, 2 * DELETE_RETENTION_MS);
        }
    }
    // Until nothing changes any more.
    for _ in 0..3 {
        writeln!(out, "roll\nhigh_watermark {end}\nclean {dedupe_buffer_bytes} {clock}\nrecords").unwrap();
        writeln!(out, "keyed 5 none -1 -1 -1 false {clock} key-1=last").unwrap();
        end += 1;
        clock += 2 * DELETE_RETENTION_MS;
    }
    out
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = contents(dir);
    // Kafka removes them when it comes to it.
    files.retain(|name, _| !name.ends_with(".deleted"));
    files
}

#[test]
fn a_cleaned_log_is_the_same() {
    let root = TempDir::new("kafka-cleaned");
    let now = now_ms();
    // A map that has room for all keys, and one that is full before the end. The latter without transactions: where a
    // round begins within a segment, Kafka takes transactions for aborted whose producer has aborted one before.
    for (seed, bytes, transactions) in [(0, 1 << 20, true), (1, 1 << 20, true), (2, 24 * 17, false)] {
        let script = script(now, &["none"], bytes, transactions, seed);
        let (ours, theirs) = (root.0.join(format!("a{seed}-0")), root.0.join(format!("b{seed}-0")));
        let expect = kafka(&theirs, false, &script);
        let found = klamm(&ours, false, &script, now);
        assert_same_text(&found, &expect, &format!("seed {seed}"));
        let (ours, theirs) = (files(&ours), files(&theirs));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "seed {seed}");
        for (name, content) in &ours {
            assert!(
                content == &theirs[name],
                "seed {seed}: {name} differs:\n{content:?}\n{:?}",
                theirs[name]
            );
        }
        let has_aborts = ours.keys().any(|name| name.ends_with(".txnindex"));
        assert_eq!(has_aborts, transactions, "seed {seed}");
    }
}

#[test]
fn so_is_a_compressed_one() {
    let root = TempDir::new("kafka-cleaned-compressed");
    let now = now_ms();
    let script = script(now, &["none", "gzip", "snappy", "lz4", "zstd"], 1 << 20, true, 5);
    // Kafka writes the log, since its codecs make other bytes of the same records, and so segments would end elsewhere.
    let (write, clean): (Vec<_>, Vec<_>) =
        script.lines().partition(|line| !line.starts_with("clean") && *line != "records");
    let theirs = root.0.join("theirs-0");
    kafka(&theirs, false, &write.join("\n"));
    let ours = root.0.join("ours-0");
    std::fs::create_dir_all(&ours).unwrap();
    for (name, content) in contents(&theirs) {
        std::fs::write(ours.join(name), content).unwrap();
    }
    let high_watermark = write.iter().rev().find(|line| line.starts_with("high_watermark")).unwrap();
    let clean = format!("{high_watermark}\nroll\n{}", clean[clean.len() - 6..].join("\n"));
    let sizeless = |text: String| -> String {
        text.lines().filter(|line| !line.starts_with("cleanable")).map(|line| format!("{line}\n")).collect()
    };
    let found = sizeless(klamm(&ours, true, &clean, now));
    assert_same_text(&found, &sizeless(kafka(&theirs, true, &clean)), "compressed");
    assert!(found.lines().any(|line| line.contains(" zstd ")), "{found}");
}
