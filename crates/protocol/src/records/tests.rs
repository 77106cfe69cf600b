use bytes::{BufMut, Bytes, BytesMut};

use super::*;

mod goldens;
mod mutation;

type Row = (i64, Option<&'static str>, Option<&'static str>, &'static [(&'static str, Option<&'static str>)]);

const ROWS: &[Row] = &[
    (1_700_000_000_000, Some("k1"), Some("v1"), &[]),
    (1_700_000_000_500, None, Some("value without key"), &[("h", Some("x")), ("h", None), ("", Some(""))]),
    (1_699_999_999_000, Some("k1"), None, &[]),
    (1_700_000_000_500, Some(""), Some(""), &[]),
];

fn headers(pairs: &[(&'static str, Option<&'static str>)]) -> Vec<RecordHeader> {
    let bytes = |s: &'static str| Bytes::from_static(s.as_bytes());
    pairs.iter().map(|(k, v)| RecordHeader { key: bytes(k), value: v.map(bytes) }).collect()
}

fn build(options: BatchOptions, rows: &[Row]) -> BytesMut {
    let mut builder = BatchBuilder::new(options);
    for (timestamp, key, value, pairs) in rows {
        builder
            .append(*timestamp, key.map(str::as_bytes), value.map(str::as_bytes), &headers(pairs))
            .unwrap();
    }
    builder.build().unwrap()
}

fn batch(bytes: BytesMut) -> RecordBatch {
    RecordBatch::new(&bytes.freeze()).unwrap()
}

fn all_levels() -> Vec<Compression> {
    let mut all: Vec<_> = CompressionType::ALL.into_iter().map(Compression::new).collect();
    for kind in CompressionType::ALL {
        if let Some((low, high)) = kind.levels() {
            all.extend((low.max(-7)..=high).filter_map(|level| Compression::with_level(kind, level).ok()));
        }
    }
    all
}

#[test]
fn every_codec_and_level_gives_the_records_back() {
    for compression in all_levels() {
        let options = BatchOptions { base_offset: 40, compression, ..Default::default() };
        let batch = batch(build(options, ROWS));
        batch.check_crc().unwrap();
        assert_eq!((batch.base_offset, batch.last_offset(), batch.records_count), (40, 43, 4));
        assert_eq!((batch.base_timestamp, batch.max_timestamp), (1_700_000_000_000, 1_700_000_000_500));
        assert_eq!(batch.compression(), Ok(compression.kind()));
        let records: Vec<_> = batch.records().unwrap().map(Result::unwrap).collect();
        let metas: Vec<_> =
            batch.record_metas(DecompressLimits::default()).unwrap().map(Result::unwrap).collect();
        assert_eq!(records.len(), ROWS.len());
        for (index, ((record, meta), row)) in records.iter().zip(&metas).zip(ROWS).enumerate() {
            assert_eq!(record.offset, 40 + index as i64);
            assert_eq!(record.timestamp, row.0);
            assert_eq!(record.key.as_deref(), row.1.map(str::as_bytes));
            assert_eq!(record.value.as_deref(), row.2.map(str::as_bytes));
            assert_eq!(record.headers, headers(row.3));
            assert_eq!(
                (meta.offset, meta.timestamp, meta.size),
                (record.offset, record.timestamp, record.size)
            );
            assert_eq!(meta.has_key(), record.key.is_some());
        }
    }
}

#[test]
fn batches_larger_than_every_block_and_chunk() {
    let mut noise = Noise(7);
    let random: Vec<u8> = (0..300_000).map(|_| noise.next() as u8).collect();
    let text = b"the quick brown fox ".repeat(20_000);
    for kind in CompressionType::ALL {
        let mut builder = BatchBuilder::new(BatchOptions { compression: kind.into(), ..Default::default() });
        for value in [&random[..], &text, &random[..70_000], b"", &random[..65_536]] {
            builder.append(5, None, Some(value), &[]).unwrap();
        }
        let whole = builder.uncompressed_size();
        let batch = batch(builder.build().unwrap());
        if kind != CompressionType::None {
            assert!(batch.size() < whole, "{kind}: {} of {whole}", batch.size());
        }
        let sizes: Vec<_> =
            batch.records().unwrap().map(|r| r.unwrap().value.map_or(0, |v| v.len())).collect();
        assert_eq!(sizes, [300_000, 400_000, 70_000, 0, 65_536], "{kind}");
        assert_eq!(batch.records().unwrap().nth(1).unwrap().unwrap().value.as_deref(), Some(&text[..]));
        assert_eq!(batch.record_metas(DecompressLimits::default()).unwrap().count(), 5);
    }
}

#[test]
fn header_flags_and_producer_state() {
    let options = BatchOptions {
        producer_id: 77,
        producer_epoch: 3,
        base_sequence: i32::MAX - 1,
        transactional: true,
        partition_leader_epoch: 9,
        log_append_time_ms: Some(1234),
        ..Default::default()
    };
    let batch = batch(build(options, ROWS));
    assert!(batch.is_transactional() && !batch.is_control() && batch.has_producer_id());
    assert_eq!((batch.producer_id, batch.producer_epoch, batch.partition_leader_epoch), (77, 3, 9));
    assert_eq!(batch.last_sequence(), 1);
    assert_eq!((batch.timestamp_type(), batch.max_timestamp), (TimestampType::LogAppendTime, 1234));
    let records: Vec<_> = batch.records().unwrap().map(Result::unwrap).collect();
    assert!(records.iter().all(|r| r.timestamp == 1234));
    assert_eq!(records.iter().map(|r| r.sequence).collect::<Vec<_>>(), [i32::MAX - 1, i32::MAX, 0, 1]);
    assert_eq!(BatchOptions::like(&batch), options);

    let horizon = BatchOptions { delete_horizon_ms: Some(5), ..Default::default() };
    let horizon = RecordBatch::new(&build(horizon, ROWS).freeze()).unwrap();
    assert_eq!(horizon.delete_horizon_ms(), Some(5));
    assert_eq!(horizon.records().unwrap().next().unwrap().unwrap().timestamp, ROWS[0].0);

    let empty = RecordBatch::new(&BatchBuilder::empty_like(&batch)).unwrap();
    empty.check_crc().unwrap();
    assert_eq!((empty.size(), empty.records_count, empty.last_sequence()), (BATCH_OVERHEAD, 0, 1));
    assert_eq!(empty.records().unwrap().count(), 0);
}

#[test]
fn control_batch_holds_key_and_value() {
    let options =
        BatchOptions { producer_id: 1, producer_epoch: 0, transactional: true, ..Default::default() };
    let batch = batch(BatchBuilder::control(options, 10, &[0, 0, 0, 1], &[0, 0, 0, 0, 0, 5]).unwrap());
    assert!(batch.is_control() && batch.is_transactional());
    let record = batch.records().unwrap().next().unwrap().unwrap();
    assert_eq!((record.key.as_deref(), record.sequence), (Some(&[0u8, 0, 0, 1][..]), NO_SEQUENCE));
}

#[test]
fn builder_refuses_what_kafka_refuses() {
    let mut builder = BatchBuilder::new(BatchOptions { base_offset: 5, ..Default::default() });
    assert_eq!(builder.append(-2, None, None, &[]), Err(BuildError::NegativeTimestamp(-2)));
    builder.append_at(7, 0, None, None, &[]).unwrap();
    assert_eq!(
        builder.append_at(7, 0, None, None, &[]),
        Err(BuildError::OffsetNotIncreasing { offset: 7, last: 7 })
    );
    assert!(matches!(builder.append_at(1 << 40, 0, None, None, &[]), Err(BuildError::OffsetDelta { .. })));
    assert_eq!(builder.build().map(|b| batch(b).last_offset()), Ok(7));

    assert_eq!(BatchBuilder::new(BatchOptions::default()).build(), Err(BuildError::Empty));
    for (options, expect) in [
        (BatchOptions { transactional: true, ..Default::default() }, BuildError::NoProducerId),
        (BatchOptions { producer_id: 1, ..Default::default() }, BuildError::NegativeProducerEpoch),
        (
            BatchOptions { producer_id: 1, producer_epoch: 0, ..Default::default() },
            BuildError::NegativeSequence,
        ),
    ] {
        let mut builder = BatchBuilder::new(options);
        builder.append(0, None, None, &[]).unwrap();
        assert_eq!(builder.build(), Err(expect));
    }
}

#[test]
fn patches_outside_the_crc_keep_it_and_inside_renew_it() {
    let mut bytes = build(BatchOptions::default(), ROWS);
    assert_eq!(patch::assign_offsets(&mut bytes, 100, 6), 104);
    let patched = RecordBatch::new(&bytes.clone().freeze()).unwrap();
    patched.check_crc().unwrap();
    assert_eq!((patched.base_offset, patched.partition_leader_epoch), (100, 6));
    assert!(!patch::set_max_timestamp(&mut bytes, TimestampType::CreateTime, patched.max_timestamp));
    assert!(patch::set_max_timestamp(&mut bytes, TimestampType::LogAppendTime, 99));
    patch::set_last_offset(&mut bytes, 3);
    let patched = batch(bytes);
    patched.check_crc().unwrap();
    assert_eq!((patched.base_offset, patched.timestamp_type()), (0, TimestampType::LogAppendTime));
}

#[test]
fn iterator_walks_to_the_torn_end_and_refuses_bad_sizes() {
    let one = build(BatchOptions::default(), ROWS);
    let mut two = one.clone();
    two.extend_from_slice(&one);
    two.extend_from_slice(&one[..one.len() - 1]);
    let mut iter = BatchIter::new(two.freeze());
    assert_eq!(iter.by_ref().map(|b| b.unwrap().size()).sum::<usize>(), 2 * one.len());
    assert_eq!((iter.position(), iter.remaining()), (2 * one.len(), one.len() - 1));

    let with = |at: usize, bytes: &[u8]| {
        let mut copy = one.clone();
        copy[at..at + bytes.len()].copy_from_slice(bytes);
        let mut iter = BatchIter::with_size_max(copy.freeze(), 1 << 20);
        (iter.next().and_then(Result::err), iter.next())
    };
    assert_eq!(with(8, &13i32.to_be_bytes()), (Some(BatchError::SizeTooSmall { size: 13, min: 14 }), None));
    assert_eq!(with(8, &48i32.to_be_bytes()), (Some(BatchError::SizeTooSmall { size: 48, min: 49 }), None));
    assert_eq!(with(8, &(-1i32).to_be_bytes()), (Some(BatchError::SizeTooSmall { size: -1, min: 14 }), None));
    let size = i32::MAX;
    assert_eq!(with(8, &size.to_be_bytes()), (Some(BatchError::SizeTooLarge { size, max: 1 << 20 }), None));
    assert_eq!(with(16, &[3]), (Some(BatchError::Magic(3)), None));
    assert_eq!(with(16, &[0x82]), (Some(BatchError::Magic(-126)), None));
    assert!(BatchIter::new(Bytes::from_static(&[0; 11])).next().is_none());
}

#[test]
fn finds_records_by_timestamp() {
    for kind in CompressionType::ALL {
        let options = BatchOptions { base_offset: 10, compression: kind.into(), ..Default::default() };
        let batch = batch(build(options, ROWS));
        let limits = DecompressLimits::default();
        let find =
            |timestamp, offset| batch.find_timestamp(timestamp, offset, limits).unwrap().map(|f| f.offset);
        assert_eq!(find(0, 0), Some(10));
        assert_eq!(find(0, 12), Some(12));
        assert_eq!(find(1_700_000_000_001, 0), Some(11));
        assert_eq!(find(1_700_000_000_001, 12), Some(13));
        assert_eq!(find(1_700_000_000_501, 0), None);
        assert_eq!(batch.offset_of_max_timestamp(limits).unwrap().unwrap().offset, 11);
        assert_eq!(batch.shallow_max_timestamp().unwrap().offset, 13);
    }
}

#[test]
fn wrong_counts_and_leftovers_are_refused() {
    for kind in CompressionType::ALL {
        for (count, text) in [
            (3, "Incorrect declared batch size, records still remaining in file"),
            (5, "Incorrect declared batch size, premature EOF reached"),
            (-1, "Found invalid record count -1 in magic v2 batch"),
        ] {
            let mut bytes = build(BatchOptions { compression: kind.into(), ..Default::default() }, ROWS);
            bytes[57..61].copy_from_slice(&i32::to_be_bytes(count));
            let batch = batch(bytes);
            let whole = batch.records().and_then(|records| records.collect::<Result<Vec<_>, _>>());
            assert_eq!(whole.unwrap_err().to_string(), text, "{kind}");
            let metas = batch.record_metas(DecompressLimits::default());
            let metas = metas.and_then(|metas| metas.collect::<Result<Vec<_>, _>>());
            assert_eq!(metas.unwrap_err().to_string(), text, "{kind}");
        }
    }
}

#[test]
fn zip_bombs_are_cut_at_the_limit() {
    let zeros = vec![0; 8 << 20];
    for kind in [CompressionType::Gzip, CompressionType::Snappy, CompressionType::Lz4, CompressionType::Zstd]
    {
        let mut builder = BatchBuilder::new(BatchOptions { compression: kind.into(), ..Default::default() });
        for _ in 0..4 {
            builder.append(0, None, Some(&zeros), &[]).unwrap();
        }
        let batch = batch(builder.build().unwrap());
        let limits = DecompressLimits { record_bytes_max: 1 << 20, total_bytes_max: 12 << 20 };
        let too_large = |limit| Some(BatchError::DecompressedTooLarge { limit });
        let first = batch.records_within(limits).unwrap().next().and_then(Result::err);
        assert_eq!(first, too_large(1 << 20), "{kind}");
        let metas: Vec<_> = batch.record_metas(limits).unwrap().collect();
        assert_eq!(metas.len(), 2, "{kind}: the second record crosses the limit");
        assert_eq!(metas.last().cloned().and_then(Result::err), too_large(12 << 20), "{kind}");
    }
}

#[test]
fn raw_and_concatenated_snappy_are_read() {
    let plain = build(BatchOptions::default(), ROWS);
    let raw = snap::raw::Encoder::new().compress_vec(&plain[BATCH_OVERHEAD..]).unwrap();
    let framed =
        build(BatchOptions { compression: CompressionType::Snappy.into(), ..Default::default() }, ROWS);
    let mut joined = framed[BATCH_OVERHEAD..BATCH_OVERHEAD + 16].to_vec();
    joined.extend_from_slice(&framed[BATCH_OVERHEAD..]);
    for records in [raw, joined] {
        let mut bytes = BytesMut::from(&framed[..BATCH_OVERHEAD]);
        bytes.extend_from_slice(&records);
        let length = (bytes.len() - LOG_OVERHEAD) as i32;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        assert_eq!(batch(bytes).records().unwrap().filter(Result::is_ok).count(), ROWS.len());
    }
}

fn message(magic: i8, attributes: i8, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Vec<u8> {
    let mut body = vec![magic as u8, attributes as u8];
    if magic == 1 {
        body.put_i64(timestamp);
    }
    for part in [key, value] {
        body.put_i32(part.map_or(-1, |p| p.len() as i32));
        body.put_slice(part.unwrap_or_default());
    }
    let mut out = crc32fast::hash(&body).to_be_bytes().to_vec();
    out.extend(body);
    out
}

fn message_set(entries: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (offset, message) in entries {
        out.put_i64(*offset);
        out.put_i32(message.len() as i32);
        out.put_slice(message);
    }
    out
}

#[test]
fn legacy_message_sets_are_read() {
    for magic in [0, 1] {
        for (kind, id) in
            [(CompressionType::None, 0), (CompressionType::Gzip, 1), (CompressionType::Snappy, 2)]
        {
            let first = if magic == 1 && id > 0 { 0 } else { 70 };
            let inner = message_set(&[
                (first, message(magic, 0, 500, Some(b"k"), Some(b"a"))),
                (first + 1, message(magic, 0, 400, None, None)),
            ]);
            let bytes = match kind {
                CompressionType::None => inner,
                CompressionType::Gzip => {
                    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                    std::io::Write::write_all(&mut gzip, &inner).unwrap();
                    message_set(&[(71, message(magic, id, 500, None, Some(&gzip.finish().unwrap())))])
                }
                _ => {
                    let raw = snap::raw::Encoder::new().compress_vec(&inner).unwrap();
                    message_set(&[(71, message(magic, id, 500, None, Some(&raw)))])
                }
            };
            let batches: Vec<_> = BatchIter::new(bytes.into()).map(Result::unwrap).collect();
            let records: Vec<_> =
                batches.iter().flat_map(|b| b.records().unwrap()).map(Result::unwrap).collect();
            assert!(batches.iter().all(|b| b.check_crc().is_ok()));
            assert_eq!(batches[0].first_offset(), Ok(70), "magic {magic} {kind}");
            assert_eq!(batches.last().unwrap().last_offset(), 71);
            assert_eq!(
                records.iter().map(|r| r.offset).collect::<Vec<_>>(),
                [70, 71],
                "magic {magic} {kind}"
            );
            let timestamps: Vec<_> = records.iter().map(|r| r.timestamp).collect();
            assert_eq!(timestamps, if magic == 0 { [-1, -1] } else { [500, 400] });
            assert_eq!((records[0].key.as_deref(), records[1].value.as_deref()), (Some(&b"k"[..]), None));
        }
    }
}

/// A small reproducible random source (xorshift).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}
