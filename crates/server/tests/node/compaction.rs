//! The log cleaner of a running node: when it cleans, what its config keys do at run time, and what a restart finds.

use std::{collections::BTreeMap, path::Path};

use klamm_protocol::{
    ErrorCode, Records,
    api::fetch::{FetchPartition, FetchRequest, FetchTopic},
    records::{BatchBuilder, BatchIter, BatchOptions},
};

use crate::{
    batches::produce,
    configs::{BROKER, SET, alter},
    harness::{Client, TestNode, beside_others, eventually, log_lines},
};

const COMPACTED: &[(&str, &str)] =
    &[("cleanup.policy", "compact"), ("segment.ms", "100"), ("min.cleanable.dirty.ratio", "0.01")];

/// One record, as late as `index` seconds after the first.
fn put(client: &mut Client, index: i64, key: &str, value: Option<&str>) {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    let timestamp = 1_700_000_000_000 + 1000 * index;
    builder.append(timestamp, Some(key.as_bytes()), value.map(str::as_bytes), &[]).unwrap();
    let request = produce("compacted", Some(builder.build().unwrap().to_vec()), -1);
    eventually("the batch is appended", || {
        let response = client.call(&request, 12);
        ErrorCode::from_code(response.responses[0].partition_responses[0].error_code) == ErrorCode::None
    });
}

/// All records, by offset.
fn records(client: &mut Client) -> BTreeMap<i64, String> {
    let mut all = BTreeMap::new();
    let mut fetch_offset = 0;
    let topic_id = client.metadata(Some(&["compacted"])).topics[0].topic_id;
    loop {
        let partition =
            FetchPartition { partition: 0, fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() };
        let topic = FetchTopic { topic_id, partitions: vec![partition], ..Default::default() };
        let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
        let response = client.call(&request, 16);
        let Some(Records::Bytes(bytes)) = response.responses[0].partitions[0].records.clone() else {
            return all;
        };
        if bytes.is_empty() {
            return all;
        }
        for batch in BatchIter::new(bytes) {
            let batch = batch.unwrap();
            fetch_offset = batch.next_offset();
            for record in batch.records().unwrap() {
                let record = record.unwrap();
                let text = |bytes: Option<bytes::Bytes>| {
                    bytes.map_or("-".to_owned(), |bytes| String::from_utf8(bytes.to_vec()).unwrap())
                };
                all.insert(record.offset, format!("{}={}", text(record.key), text(record.value)));
            }
        }
    }
}

fn segments(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir.join("compacted-0")).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "log")).count()
}

#[test]
fn a_compacted_topic_is_compacted() {
    let _shared = beside_others();
    let settings =
        &[("log.cleaner.backoff.ms", "1000000"), ("replica.high.watermark.checkpoint.interval.ms", "200")];
    let node = TestNode::start("compaction", settings);
    node.create_topic("compacted", 1, COMPACTED);
    let mut client = node.connect();
    for index in 0..20 {
        put(&mut client, index, &format!("key-{}", index % 3), Some(&index.to_string()));
    }
    put(&mut client, 20, "key-0", None);
    put(&mut client, 21, "last", Some("21"));
    assert_eq!(segments(&node.dir()), 22);
    assert_eq!(records(&mut client).len(), 22);
    // The cleaner has looked once, at the start, and would again in a quarter of an hour.
    let soon: &[_] = &[("log.cleaner.backoff.ms", SET, Some("100"))];
    assert_eq!(alter(&mut client, BROKER, "", soon).0, ErrorCode::None);
    eventually("segments become one, apart from the active one", || segments(&node.dir()) == 2);
    let expect = [(17, "key-2=17"), (19, "key-1=19"), (20, "key-0=-"), (21, "last=21")];
    let expect: BTreeMap<i64, String> = expect.map(|(offset, text)| (offset, text.to_owned())).into();
    assert_eq!(records(&mut client), expect);
    let checkpoint = node.dir().join("cleaner-offset-checkpoint");
    eventually("the checkpoint is written", || {
        std::fs::read_to_string(&checkpoint).is_ok_and(|text| text == "0\n1\ncompacted 0 21\n")
    });
    let too_many: &[_] = &[("log.cleaner.threads", SET, Some("3"))];
    let (code, message) = alter(&mut client, BROKER, "", too_many);
    assert_eq!(code, ErrorCode::InvalidRequest);
    assert!(message.contains("cannot be increased to more than double the current value 1"), "{message}");
    let two: &[_] = &[("log.cleaner.threads", SET, Some("2"))];
    assert_eq!(alter(&mut client, BROKER, "", two).0, ErrorCode::None);

    drop(client);
    let node = TestNode::start_in(node.stop(), settings);
    let mut client = node.connect();
    put(&mut client, 22, "key-2", Some("22"));
    put(&mut client, 23, "last", Some("23"));
    eventually("the cleaner goes on where it was", || {
        let lines = log_lines("partition=compacted-0");
        // In one round or, since only what is synced is cleaned, in two.
        lines.iter().any(|l| l.contains(" from=21 ")) && lines.iter().any(|l| l.contains(" to=23 "))
    });
    let expect = [(19, "key-1=19"), (20, "key-0=-"), (21, "last=21"), (22, "key-2=22"), (23, "last=23")];
    let expect: BTreeMap<i64, String> = expect.map(|(offset, text)| (offset, text.to_owned())).into();
    assert_eq!(records(&mut client), expect);
}
