//! Measures what a broker does to produced batches: checksum, validation as it is and with recompression, and what
//! clients do: building and reading.
//!
//! `cargo run --release -p klamm-protocol --example bench_records`. Figures are MB/s of *uncompressed* records, per core;
//! batches of 100 records of 1 KiB that compress two to three times. Here, on one busy core of a small x86-64 machine:
//!
//! | codec  | build | read | crc   | validate | to zstd | validate 5 × 100 bytes |
//! |--------|-------|------|-------|----------|---------|------------------------|
//! | none   | 5100  | 9300 | 22000 | 12000    | 190     | 0.4 µs                 |
//! | gzip   | 56    | 400  | 43000 | 290      | 54      | 6.8 µs                 |
//! | snappy | 410   | 800  | 32000 | 890      | 130     | 1.0 µs                 |
//! | lz4    | 480   | 1600 | 20000 | 2300     | 110     | 2.4 µs                 |
//! | zstd   | 150   | 660  | 39000 | 1000     | –       | 7.5 µs                 |
//!
//! (crc counts uncompressed bytes too, so it is faster the better the codec packs.)

#![expect(clippy::disallowed_methods, reason = "a measurement needs a clock")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use klamm_protocol::records::{
    BatchBuilder, BatchOptions, Compression, CompressionType, ProduceRules, RecordBatch, validate_produce,
};

const NOW: i64 = 1_700_000_000_000;

/// Text-like values: words drawn from a small vocabulary.
fn values() -> Vec<Vec<u8>> {
    let mut state = 7u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 40
    };
    let words: Vec<Vec<u8>> =
        (0..500).map(|_| (0..3 + random() % 6).map(|_| b'a' + (random() % 26) as u8).collect()).collect();
    (0..100)
        .map(|_| {
            let mut value = Vec::new();
            while value.len() < 1024 {
                value.extend_from_slice(&words[random() as usize % words.len()]);
                value.push(b' ');
            }
            value.truncate(1024);
            value
        })
        .collect()
}

fn build(compression: Compression, values: &[Vec<u8>]) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions { compression, ..Default::default() });
    for (index, value) in values.iter().enumerate() {
        let key = (index as u32).to_be_bytes();
        builder.append(NOW, Some(&key), Some(value), &[]).expect("in order");
    }
    builder.build().expect("not empty").freeze()
}

/// MB/s of `bytes` per call.
fn rate(bytes: usize, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0u32;
    while start.elapsed() < Duration::from_millis(700) {
        for _ in 0..8 {
            work();
        }
        calls += 8;
    }
    bytes as f64 * f64::from(calls) / start.elapsed().as_secs_f64() / 1e6
}

fn main() {
    let values = values();
    let plain = build(Compression::NONE, &values);
    println!(
        "{:<8} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "codec", "ratio", "build", "read", "crc", "validate", "to zstd"
    );
    for kind in CompressionType::ALL {
        let batch = build(kind.into(), &values);
        let view = RecordBatch::new(&batch).expect("whole");
        let same = ProduceRules::default();
        let zstd = ProduceRules { compression: Some(CompressionType::Zstd.into()), ..Default::default() };
        let validate =
            |rules: &ProduceRules<'_>| drop(validate_produce(batch.clone(), rules, NOW).expect("valid"));
        println!(
            "{:<8} {:>6.2} {:>9.0} {:>9.0} {:>9.0} {:>9.0} {:>9.0}",
            kind.name(),
            plain.len() as f64 / batch.len() as f64,
            rate(plain.len(), || drop(build(kind.into(), &values))),
            rate(plain.len(), || assert_eq!(view.records().expect("records").flatten().count(), 100)),
            rate(plain.len(), || view.check_crc().expect("right")),
            rate(plain.len(), || validate(&same)),
            rate(plain.len(), || validate(&zstd)),
        );
    }
    println!("\n{:<8} {:>12} {:>12}", "codec", "build", "validate");
    println!("microseconds for a batch of five records of 100 bytes");
    let small: Vec<Vec<u8>> = values.iter().take(5).map(|value| value[..100].to_vec()).collect();
    for kind in CompressionType::ALL {
        let batch = build(kind.into(), &small);
        let rules = ProduceRules::default();
        println!(
            "{:<8} {:>12.2} {:>12.2}",
            kind.name(),
            1e6 / (rate(1_000_000, || drop(build(kind.into(), &small)))),
            1e6 / (rate(1_000_000, || drop(validate_produce(batch.clone(), &rules, NOW).expect("valid")))),
        );
    }
}
