//! Bytes and verdicts that Kafka 4.3.1's own classes gave; `tests/goldens-records/generate` writes them anew.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::*;

const BATCHES: &str = include_str!("../../../testdata/records/batches.txt");
const VALIDATION: &str = include_str!("../../../testdata/records/validation.txt");

/// The cases of a golden file: name and lines.
fn cases(text: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut cases: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("case ") {
            Some(name) => cases.push((name, Vec::new())),
            None => cases.last_mut().unwrap().1.push(line),
        }
    }
    cases
}

fn unhex(text: &str) -> Bytes {
    let digits = text.strip_prefix('x').unwrap();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(
        || "null".to_owned(),
        |bytes| bytes.iter().fold("x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
    )
}

/// Prints batches and records as the generator does.
fn dump(bytes: Bytes, with_crc: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for b in BatchIter::new(bytes) {
        let b = b.unwrap();
        b.check_crc().unwrap();
        let mut line = format!(
            "batch magic={} base={} last={} codec={} type={} max={} pid={} epoch={} seq={} lastSeq={} txn={} \
             control={} horizon={} leaderEpoch={} count={}",
            b.magic,
            b.first_offset().unwrap(),
            b.last_offset(),
            b.compression().unwrap(),
            b.timestamp_type(),
            b.max_timestamp,
            b.producer_id,
            b.producer_epoch,
            b.base_sequence,
            b.last_sequence(),
            b.is_transactional(),
            b.is_control(),
            b.delete_horizon_ms().unwrap_or(-1),
            b.partition_leader_epoch,
            b.records_count,
        );
        if with_crc {
            write!(line, " size={} crc={}", b.size(), b.crc).unwrap();
        }
        lines.push(line);
        for r in b.records().unwrap() {
            let r = r.unwrap();
            let headers = r.headers.iter().fold(String::new(), |text, h| {
                format!("{text}{}:{};", hex(Some(&h.key)), hex(h.value.as_deref()))
            });
            lines.push(format!(
                "record offset={} timestamp={} seq={} key={} value={} headers={headers}",
                r.offset,
                r.timestamp,
                r.sequence,
                hex(r.key.as_deref()),
                hex(r.value.as_deref()),
            ));
        }
    }
    lines
}

#[test]
fn batches_written_by_kafka_are_read_as_kafka_reads_them() {
    let cases = cases(BATCHES);
    assert!(cases.len() >= 30);
    for (name, lines) in cases {
        let bytes = unhex(lines[0].strip_prefix("hex ").unwrap());
        // Names of enums differ between magics in Kafka's own printing only.
        let expect: Vec<_> = lines[1..].iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(dump(bytes, true), expect, "{name}");
    }
}

#[test]
fn uncompressed_batches_are_written_byte_for_byte() {
    let mut compared = 0;
    for (name, lines) in cases(BATCHES) {
        let bytes = unhex(lines[0].strip_prefix("hex ").unwrap());
        let batch = RecordBatch::new(&bytes).unwrap();
        if batch.magic < 2 || batch.is_compressed() {
            continue;
        }
        let built = if batch.records_count == 0 {
            BatchBuilder::empty_like(&batch)
        } else {
            let mut builder = BatchBuilder::new(BatchOptions::like(&batch));
            for (index, record) in batch.records().unwrap().enumerate() {
                let mut record = record.unwrap();
                // The append time hides what the producer wrote; the goldens use one set of rows.
                if batch.timestamp_type() == TimestampType::LogAppendTime {
                    record.timestamp = batch.base_timestamp + [0, 500, -1000, 500][index];
                }
                builder.append_record(&record).unwrap();
            }
            builder.set_last_offset(batch.last_offset());
            builder.build().unwrap().freeze()
        };
        assert_eq!(hex(Some(&built)), hex(Some(&bytes)), "{name}");
        compared += 1;
    }
    assert!(compared >= 7);
}

fn rules(line: &str) -> (ProduceRules<'static>, i64) {
    let fields: BTreeMap<_, _> =
        line.strip_prefix("rules ").unwrap().split(' ').map(|f| f.split_once('=').unwrap()).collect();
    let number = |name: &str| fields[name].parse().unwrap();
    let rules = ProduceRules {
        topic_partition: "t-0",
        compression: CompressionType::from_name(fields["compression"]).map(Compression::new),
        compacted: fields["compacted"] == "true",
        timestamp_type: TimestampType::from_name(fields["type"]).unwrap(),
        timestamp_before_max_ms: number("before"),
        timestamp_after_max_ms: number("after"),
        ..Default::default()
    };
    (rules, number("now"))
}

/// Prints a verdict as the generator does, after an append at offset 1000 in epoch 7.
fn verdict(bytes: Bytes, rules: &ProduceRules<'_>, now: i64) -> Vec<String> {
    match validate_produce(bytes, rules, now) {
        Ok(mut validated) => {
            validated.batch.assign_offsets(1000, 7);
            let mut lines = vec![format!("ok max={} rebuilt={}", validated.max_timestamp, validated.rebuilt)];
            lines.extend(dump(validated.batch.to_bytes().freeze(), !validated.rebuilt));
            lines
        }
        Err(refusal) => match refusal.message {
            Some(message) => {
                let mut lines = vec![format!("error code={} message={message}", refusal.code.code())];
                let errors = refusal.record_errors.iter();
                lines.extend(errors.map(|e| format!("record-error {} {}", e.batch_index, e.message)));
                lines
            }
            None => vec![format!("error code={}", refusal.code.code()), format!("reason {}", refusal.reason)],
        },
    }
}

#[test]
fn appends_are_judged_as_kafka_judges_them() {
    let cases = cases(VALIDATION);
    assert!(cases.len() >= 80);
    for (name, lines) in cases {
        let (rules, now) = rules(lines[0]);
        let bytes = unhex(lines[1].strip_prefix("hex ").unwrap());
        assert_eq!(verdict(bytes, &rules, now), lines[2..], "{name}");
    }
}
