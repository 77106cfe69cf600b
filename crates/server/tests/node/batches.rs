//! Batches that are not what they say: each is refused with the code that Kafka gives, and costs no more than it shows.

use bytes::Bytes;
use klamm_protocol::{
    ApiKey, ErrorCode, Records, Uuid,
    api::{
        fetch::{FetchPartition, FetchRequest, FetchTopic},
        list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
        produce::{PartitionProduceData, ProduceRequest, TopicProduceData},
    },
    records::{BatchBuilder, BatchOptions, Compression, CompressionType, patch},
};

use crate::harness::{Client, TestNode, alone, beside_others, forget_peak, framed, request_frame, resident};

const VERSION: i16 = 12;

/// A batch with `count` records.
pub(crate) fn batch(count: usize, codec: CompressionType) -> Vec<u8> {
    let options = BatchOptions { compression: Compression::new(codec), ..Default::default() };
    let mut builder = BatchBuilder::new(options);
    for index in 0..count {
        builder
            .append(1_700_000_000_000, Some(b"key"), Some(format!("value {index}").as_bytes()), &[])
            .unwrap();
    }
    builder.build().unwrap().to_vec()
}

pub(crate) fn produce(topic: &str, records: Option<Vec<u8>>, acks: i16) -> ProduceRequest {
    ProduceRequest {
        acks,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            partition_data: vec![PartitionProduceData {
                index: 0,
                records: records.map(|bytes| Records::Bytes(bytes.into())),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

pub(crate) fn fetch(topic: &str, topic_id: Uuid, max_wait_ms: i32) -> FetchRequest {
    FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 50 << 20,
        topics: vec![FetchTopic {
            topic: topic.into(),
            topic_id,
            partitions: vec![FetchPartition {
                partition: 0,
                partition_max_bytes: 50 << 20,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Frames that reach the partitions of `topic`, for the fuzzer.
pub(crate) fn frames_for(node: &TestNode, topic: &str) -> Vec<(ApiKey, Vec<u8>)> {
    let topic_id = node.connect().metadata(Some(&[topic])).topics[0].topic_id;
    let mut frames = Vec::new();
    for codec in CompressionType::ALL {
        for acks in [-1, 0, 1] {
            let request = produce(topic, Some(batch(5, codec)), acks);
            frames.push((ApiKey::Produce, request_frame(ApiKey::Produce, VERSION, 1, &request)));
        }
    }
    for version in 4..=18 {
        let request = match version {
            13.. => fetch("", topic_id, 5),
            _ => fetch(topic, Uuid::ZERO, 5),
        };
        frames.push((ApiKey::Fetch, request_frame(ApiKey::Fetch, version, 1, &request)));
    }
    for timestamp in [-1, -2, -3, -4, 0, 1_700_000_000_000] {
        let request = ListOffsetsRequest {
            topics: vec![ListOffsetsTopic {
                name: topic.into(),
                partitions: vec![ListOffsetsPartition { timestamp, ..Default::default() }],
                ..Default::default()
            }],
            ..Default::default()
        };
        frames.push((ApiKey::ListOffsets, request_frame(ApiKey::ListOffsets, 8, 1, &request)));
    }
    frames
}

fn error_of(client: &mut Client, records: Option<Vec<u8>>) -> ErrorCode {
    let response = client.call(&produce("topic", records, -1), VERSION);
    ErrorCode::from_code(response.responses[0].partition_responses[0].error_code)
}

/// A batch of three, changed; its checksum is made good again.
fn changed(at: usize, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut batch = batch(3, CompressionType::None);
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    patch::recompute_crc(&mut batch);
    Some(batch)
}

/// A batch whose checksum is as it was before the change.
fn damaged(at: usize, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut batch = batch(3, CompressionType::None);
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    Some(batch)
}

/// A compressed batch with noise where the records are.
fn noise_in(codec: CompressionType) -> Option<Vec<u8>> {
    let mut batch = batch(200, codec);
    for (index, byte) in batch[61..].iter_mut().enumerate() {
        *byte = byte.wrapping_mul(31).wrapping_add(index.to_le_bytes()[0]);
    }
    patch::recompute_crc(&mut batch);
    Some(batch)
}

#[test]
fn false_batches_are_refused_with_kafkas_codes() {
    use ErrorCode as E;
    let _shared = beside_others();
    let node = TestNode::start("batches", &[]);
    node.create_topic("topic", 1, &[]);
    let mut client = node.connect();
    let (count_at, delta_at, attributes_at, magic_at, length_at, first_record) = (57, 23, 21, 16, 8, 61);
    let two = [batch(1, CompressionType::None), batch(1, CompressionType::None)].concat();
    let cases = [
        ("nothing", None, E::InvalidRecord),
        ("no bytes", Some(Vec::new()), E::InvalidRecord),
        ("two batches", Some(two), E::InvalidRecord),
        ("half a batch", Some(batch(3, CompressionType::None)[..80].to_vec()), E::InvalidRecord),
        ("a flipped bit", damaged(70, &[0xFF]), E::CorruptMessage),
        ("a false checksum", damaged(17, &[1, 2, 3, 4]), E::CorruptMessage),
        ("2 GB long", damaged(length_at, &i32::MAX.to_be_bytes()), E::InvalidRecord),
        ("a negative length", damaged(length_at, &(-5i32).to_be_bytes()), E::CorruptMessage),
        ("a length of nothing", damaged(length_at, &0i32.to_be_bytes()), E::CorruptMessage),
        ("magic 1", changed(magic_at, &[1]), E::InvalidRecord),
        ("magic 3", changed(magic_at, &[3]), E::CorruptMessage),
        ("magic -1", changed(magic_at, &[0xFF]), E::CorruptMessage),
        ("more records than there are", changed(count_at, &4i32.to_be_bytes()), E::InvalidRecord),
        ("fewer records than there are", changed(count_at, &2i32.to_be_bytes()), E::InvalidRecord),
        ("no records", changed(count_at, &0i32.to_be_bytes()), E::InvalidRecord),
        ("minus one record", changed(count_at, &(-1i32).to_be_bytes()), E::InvalidRecord),
        ("two billion records", changed(count_at, &i32::MAX.to_be_bytes()), E::InvalidRecord),
        ("two billion offsets", changed(delta_at, &i32::MAX.to_be_bytes()), E::InvalidRecord),
        ("an offset range that is none", changed(delta_at, &(-1i32).to_be_bytes()), E::InvalidRecord),
        ("a base offset", changed(0, &7i64.to_be_bytes()), E::InvalidRecord),
        ("a control batch", changed(attributes_at, &0x20i16.to_be_bytes()), E::InvalidRecord),
        ("a codec that is none", changed(attributes_at, &7i16.to_be_bytes()), E::UnknownServerError),
        ("plain records as gzip", changed(attributes_at, &1i16.to_be_bytes()), E::UnknownServerError),
        (
            "a record of two billion bytes",
            changed(first_record, &[0xFE, 0xFF, 0xFF, 0xFF, 0x0F]),
            E::InvalidRecord,
        ),
        ("a record of minus one byte", changed(first_record, &[0x01]), E::InvalidRecord),
        ("noise in gzip", noise_in(CompressionType::Gzip), E::UnknownServerError),
        ("noise in snappy", noise_in(CompressionType::Snappy), E::UnknownServerError),
        ("noise in lz4", noise_in(CompressionType::Lz4), E::UnknownServerError),
        ("noise in zstd", noise_in(CompressionType::Zstd), E::UnknownServerError),
        ("too large", Some(large(2 << 20, CompressionType::None)), E::MessageTooLarge),
        ("a good one", Some(batch(3, CompressionType::Zstd)), E::None),
    ];
    let wrong: Vec<String> = cases
        .into_iter()
        .filter_map(|(what, records, expected)| {
            let found = error_of(&mut client, records);
            (found != expected).then(|| format!("{what}: {} instead of {}", found.name(), expected.name()))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Nothing of all that is in the log but the good one.
    let response = client.call(&fetch("topic", Uuid::ZERO, 0), 12);
    assert_eq!(response.responses[0].partitions[0].high_watermark, 3);
}

#[test]
fn a_refused_batch_without_acks_closes_the_connection() {
    let _shared = beside_others();
    let node = TestNode::start("acks-0", &[]);
    node.create_topic("topic", 1, &[]);
    let mut client = node.connect();
    client.send_request(&produce("topic", Some(batch(1, CompressionType::None)), 0), VERSION);
    client.send_request(&produce("topic", damaged(70, &[0xFF]), 0), VERSION);
    client.assert_closed("after a refused batch");
    node.assert_serves_others();
}

#[test]
fn a_batch_of_a_transaction_needs_the_transactions_id() {
    let _shared = beside_others();
    let node = TestNode::start("no-transactional-id", &[]);
    node.create_topic("topic", 2, &[]);
    let options = BatchOptions {
        producer_id: 7,
        base_sequence: 0,
        producer_epoch: 0,
        transactional: true,
        ..Default::default()
    };
    let mut builder = BatchBuilder::new(options);
    builder.append(1_700_000_000_000, None, Some(b"value"), &[]).unwrap();
    let mut request = produce("topic", Some(batch(1, CompressionType::None)), -1);
    let records = Some(Records::Bytes(builder.build().unwrap().freeze()));
    let partition = PartitionProduceData { index: 1, records, ..Default::default() };
    request.topic_data[0].partition_data.push(partition);
    let answer = node.connect().call(&request, VERSION);
    let codes = answer.responses[0].partition_responses.iter().map(|partition| partition.error_code);
    assert_eq!(codes.collect::<Vec<_>>(), [ErrorCode::TransactionalIdAuthorizationFailed.code(); 2]);
    assert_eq!(error_of(&mut node.connect(), Some(batch(1, CompressionType::None))), ErrorCode::None);
}

#[test]
fn a_fetch_does_not_wait_for_more_of_a_segment_that_has_ended() {
    let _shared = beside_others();
    let node = TestNode::start("segment-end", &[]);
    node.create_topic("topic", 1, &[("segment.bytes", "1048576")]);
    let mut client = node.connect();
    for _ in 0..3 {
        assert_eq!(error_of(&mut client, Some(large(600_000, CompressionType::None))), ErrorCode::None);
    }
    let mut request = FetchRequest { min_bytes: 1_000_000, ..fetch("topic", Uuid::ZERO, 30_000) };
    for (offset, is_at_once) in [(0, true), (1, true), (2, false)] {
        request.topics[0].partitions[0].fetch_offset = offset;
        request.max_wait_ms = if is_at_once { 30_000 } else { 500 };
        let begun = std::time::Instant::now();
        let answer = client.call(&request, VERSION);
        let bytes = answer.responses[0].partitions[0]
            .records
            .as_ref()
            .map_or(0, |records| records.bytes().unwrap().len());
        assert!(bytes > 600_000, "{offset}: {bytes}");
        let took = begun.elapsed().as_millis();
        assert_eq!(took < if is_at_once { 20_000 } else { 400 }, is_at_once, "{offset}: {took} ms");
    }
}

/// A batch with one record of `size` bytes that compress well.
pub(crate) fn large(size: usize, codec: CompressionType) -> Vec<u8> {
    let options = BatchOptions { compression: Compression::new(codec), ..Default::default() };
    let mut builder = BatchBuilder::new(options);
    builder.append(1_700_000_000_000, None, Some(&vec![0; size]), &[]).unwrap();
    builder.build().unwrap().to_vec()
}

#[test]
fn zip_bombs_cost_no_memory() {
    const INFLATED: usize = 96 << 20;
    const ALLOWED: u64 = 24 << 20;
    let _alone = alone();
    let node = TestNode::start("bombs", &[]);
    let codecs = &CompressionType::ALL[1..];
    // Kept as frames, so that nothing of the making is left when memory is measured.
    let frames: Vec<(CompressionType, Bytes)> = codecs
        .iter()
        .map(|codec| {
            let request = produce("topic", Some(large(INFLATED, *codec)), -1);
            (*codec, framed(&request_frame(ApiKey::Produce, VERSION, 0, &request)).into())
        })
        .collect();
    node.create_topic("topic", 1, &[("max.message.bytes", "20000000")]);
    for (codec, frame) in frames {
        node.assert_serves_others();
        let (before, _) = resident();
        forget_peak();
        let mut client = node.connect();
        client.send(&frame);
        client.read_frame().expect("an answer");
        let (_, peak) = resident();
        let grown = peak.saturating_sub(before).saturating_sub(2 * frame.len() as u64);
        assert!(grown < ALLOWED, "{} of {} bytes: {grown} more bytes", codec.name(), frame.len());
    }
    node.assert_serves_others();
}
