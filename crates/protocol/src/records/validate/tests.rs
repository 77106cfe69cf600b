use bytes::BytesMut;

use super::*;
use crate::records::{CompressionType, patch};

const NOW: i64 = 1_700_000_000_000;
const KINDS: [CompressionType; 5] = CompressionType::ALL;

fn build(options: BatchOptions, rows: &[(i64, Option<&str>)]) -> BytesMut {
    let mut builder = BatchBuilder::new(options);
    for (timestamp, key) in rows {
        builder.append(*timestamp, key.map(str::as_bytes), Some(b"value"), &[]).unwrap();
    }
    builder.build().unwrap()
}

fn good(kind: CompressionType) -> BytesMut {
    let options = BatchOptions { compression: kind.into(), ..Default::default() };
    build(options, &[(NOW, Some("a")), (NOW + 5, Some("b")), (NOW - 5, Some("c"))])
}

fn rules() -> ProduceRules<'static> {
    ProduceRules { topic_partition: "t-0", ..Default::default() }
}

/// Writes into the header and mends the checksum.
fn with(mut batch: BytesMut, at: usize, bytes: &[u8]) -> BytesMut {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    patch::recompute_crc(&mut batch);
    batch
}

fn refusal(batch: BytesMut, rules: &ProduceRules<'_>) -> (i16, String) {
    let refusal = validate_produce(batch.freeze(), rules, NOW).unwrap_err();
    (refusal.code.code(), refusal.reason)
}

#[test]
fn good_batches_pass_untouched() {
    for kind in KINDS {
        let bytes = good(kind);
        let mut validated = validate_produce(bytes.clone().freeze(), &rules(), NOW).unwrap();
        assert_eq!(validated.batch.to_bytes(), bytes, "{kind}");
        assert_eq!(
            (validated.max_timestamp, validated.records_count, validated.rebuilt),
            (NOW + 5, 3, false)
        );
        assert_eq!(validated.batch.assign_offsets(1000, 4), 1003);
        let batch = RecordBatch::new(&validated.batch.to_bytes().freeze()).unwrap();
        batch.check_crc().unwrap();
        let offsets: Vec<_> = batch.records().unwrap().map(|r| r.unwrap().offset).collect();
        assert_eq!(offsets, [1000, 1001, 1002]);
    }
}

#[test]
fn topics_codec_is_applied_and_its_level_alone_is_not() {
    for source in KINDS {
        for target in KINDS {
            let rules = ProduceRules { compression: Some(target.into()), ..rules() };
            let validated = validate_produce(good(source).freeze(), &rules, NOW).unwrap();
            assert_eq!(validated.rebuilt, source != target);
            let batch = RecordBatch::new(&validated.batch.to_bytes().freeze()).unwrap();
            batch.check_crc().unwrap();
            assert_eq!(batch.compression(), Ok(target));
            let keys: Vec<_> = batch.records().unwrap().map(|r| r.unwrap().key.unwrap()).collect();
            assert_eq!(keys, ["a", "b", "c"]);
        }
    }
    let level = Compression::with_level(CompressionType::Zstd, 19).unwrap();
    let rules = ProduceRules { compression: Some(level), ..rules() };
    assert!(!validate_produce(good(CompressionType::Zstd).freeze(), &rules, NOW).unwrap().rebuilt);
}

#[test]
fn append_time_replaces_timestamps() {
    for source in KINDS {
        for target in [None, Some(Compression::new(CompressionType::Gzip))] {
            let rules =
                ProduceRules { timestamp_type: TimestampType::LogAppendTime, compression: target, ..rules() };
            let validated = validate_produce(good(source).freeze(), &rules, NOW + 77).unwrap();
            assert_eq!((validated.max_timestamp, validated.log_append_time_ms), (NOW + 77, Some(NOW + 77)));
            let batch = RecordBatch::new(&validated.batch.to_bytes().freeze()).unwrap();
            batch.check_crc().unwrap();
            assert!(batch.records().unwrap().all(|r| r.unwrap().timestamp == NOW + 77));
        }
    }
}

#[test]
fn batches_are_refused_with_kafkas_codes() {
    let plain = || good(CompressionType::None);
    let mut two = plain();
    two.extend_from_slice(&plain());
    let mut flipped = plain();
    *flipped.last_mut().unwrap() ^= 1;
    let magic1 = with(plain(), 16, &[1]);
    let producer = BatchOptions { producer_id: 5, producer_epoch: 0, base_sequence: 0, ..Default::default() };
    let no_sequence = with(build(producer, &[(NOW, None)]), 53, &(-1i32).to_be_bytes());
    let cases: [(&str, BytesMut, i16, &str); 13] = [
        ("empty", BytesMut::new(), 87, "must have at least one record batch"),
        ("torn", plain().split_to(70), 87, "must have at least one record batch"),
        ("two batches", two, 87, "exactly one record batch"),
        ("magic 1", magic1, 87, "magic version 2"),
        ("size field", with(plain(), 8, &5i32.to_be_bytes()), 2, "less than the minimum"),
        ("magic 3", with(plain(), 16, &[3]), 2, "Invalid magic"),
        ("checksum", flipped, 2, "Record is corrupt (stored crc = "),
        ("base offset", with(plain(), 0, &1i64.to_be_bytes()), 87, "should be 0, but it is 1"),
        ("last delta", with(plain(), 23, &(-1i32).to_be_bytes()), 87, "invalid offset range: [0, -1]"),
        ("count", with(plain(), 57, &0i32.to_be_bytes()), 87, "Invalid reported count for record batch: 0"),
        ("range", with(plain(), 23, &3i32.to_be_bytes()), 87, "Inconsistent batch offset range [0, 3]"),
        ("control", with(plain(), 21, &0x20i16.to_be_bytes()), 87, "not allowed to write control records"),
        ("sequence", no_sequence, 87, "Invalid sequence number -1 in record batch with producerId 5"),
    ];
    for (name, bytes, code, text) in cases {
        let (got, reason) = refusal(bytes, &rules());
        assert_eq!(got, code, "{name}: {reason}");
        assert!(reason.contains(text), "{name}: {reason}");
    }
    assert_eq!(refusal(good(CompressionType::Zstd), &ProduceRules { api_version: 6, ..rules() }).0, 76);
    assert_eq!(refusal(plain(), &ProduceRules { size_max: 80, ..rules() }).0, 10);
    assert_eq!(refusal(with(plain(), 21, &5i16.to_be_bytes()), &rules()).0, -1);
    assert_eq!(refusal(with(plain(), 21, &1i16.to_be_bytes()), &rules()).0, -1, "not gzip at all");
}

#[test]
fn records_out_of_order_are_refused() {
    for kind in KINDS {
        let mut builder = BatchBuilder::new(BatchOptions { compression: kind.into(), ..Default::default() });
        for offset in [0, 2, 3] {
            builder.append_at(offset, NOW, None, None, &[]).unwrap();
        }
        let bytes = with(builder.build().unwrap(), 23, &2i32.to_be_bytes());
        let (code, reason) = refusal(bytes, &rules());
        assert_eq!(code, 87, "{kind}");
        assert!(reason.contains("Record 1 of the batch has offset 2 instead of 1"), "{reason}");
    }
}

#[test]
fn record_errors_name_each_record() {
    let rules = ProduceRules {
        compacted: true,
        timestamp_before_max_ms: 100,
        timestamp_after_max_ms: 200,
        ..rules()
    };
    for kind in KINDS {
        let options = BatchOptions { compression: kind.into(), ..Default::default() };
        let keys = build(options, &[(NOW, None), (NOW, Some("k")), (NOW, None), (NOW, None), (NOW, None)]);
        let refusal = validate_produce(keys.freeze(), &rules, NOW).unwrap_err();
        assert_eq!((refusal.code.code(), refusal.metric), (87, Some((InvalidMetric::NoKey, 4))));
        let text = "Compacted topic cannot accept message without key in topic partition t-0";
        let indexes: Vec<_> = refusal.record_errors.iter().map(|e| e.batch_index).collect();
        assert_eq!(indexes, [0, 2, 3, 4]);
        assert!(refusal.record_errors.iter().all(|e| e.message == text));
        assert_eq!(
            refusal.message.unwrap(),
            format!(
                "One or more records have been rejected due to 4 record errors in total, and only showing the \
                 first three errors at most: [RecordError(batchIndex=0, message='{text}'), \
                 RecordError(batchIndex=2, message='{text}'), RecordError(batchIndex=3, message='{text}')]"
            )
        );

        let times = [NOW - 101, NOW - 100, -1, NOW + 200, NOW + 201];
        let times: Vec<_> = times.iter().map(|t| (*t, Some("k"))).collect();
        let refusal = validate_produce(build(options, &times).freeze(), &rules, NOW).unwrap_err();
        assert_eq!(refusal.code.code(), 32);
        assert_eq!(
            refusal.message.as_deref(),
            Some("One or more records have been rejected due to invalid timestamp")
        );
        assert_eq!(refusal.record_errors.iter().map(|e| e.batch_index).collect::<Vec<_>>(), [0, 4]);
        assert_eq!(
            refusal.record_errors[1].message,
            "Timestamp 1700000000201 of message with offset 4 is out of range. The timestamp should be within \
             [1699999999900, 1700000000200]"
        );
    }
}

#[test]
fn a_bomb_is_refused_as_too_large() {
    for target in [None, Some(Compression::new(CompressionType::Lz4))] {
        let limits = DecompressLimits { record_bytes_max: 1 << 20, total_bytes_max: 1 << 20 };
        let rules = ProduceRules { limits, compression: target, ..rules() };
        let options = BatchOptions { compression: CompressionType::Zstd.into(), ..Default::default() };
        let mut builder = BatchBuilder::new(options);
        builder.append(NOW, None, Some(&vec![0; 2 << 20]), &[]).unwrap();
        let refusal = validate_produce(builder.build().unwrap().freeze(), &rules, NOW).unwrap_err();
        assert_eq!(refusal.code.code(), 10);
        assert!(refusal.message.is_some());
    }
}

#[test]
fn coordinators_may_write_what_clients_may_not() {
    let rules = ProduceRules { origin: AppendOrigin::Coordinator, ..rules() };
    let options =
        BatchOptions { producer_id: 4, producer_epoch: 1, transactional: true, ..Default::default() };
    let marker = BatchBuilder::control(options, NOW, &[0, 0, 0, 1], &[0; 6]).unwrap();
    assert!(!validate_produce(marker.freeze(), &rules, NOW).unwrap().rebuilt);
}
