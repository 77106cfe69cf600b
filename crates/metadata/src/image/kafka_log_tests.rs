//! A metadata log that Kafka 4.3.1 wrote: a standalone node formatted at 4.2-IV1, two topics created, one deleted.

use super::{ConfigResource, Loader, Provenance, record_version};
use bytes::Bytes;
use klamm_protocol::metadata::MetadataRecord;
use klamm_protocol::records::{BatchBuilder, BatchIter, BatchOptions, RecordBatch};

fn log() -> Bytes {
    let digits: Vec<u32> = include_str!("../../testdata/metadata-log-4.2.hex")
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("a byte")).collect()
}

fn batches() -> Vec<RecordBatch> {
    BatchIter::new(log()).map(|batch| batch.expect("undamaged")).collect()
}

fn values(batch: &RecordBatch) -> Vec<Bytes> {
    let records = batch.records().expect("not compressed");
    records.map(|record| record.expect("undamaged").value.expect("a value")).collect()
}

fn load() -> Loader {
    let mut loader = Loader::default();
    for batch in batches() {
        let header = batch.header();
        let records: Vec<MetadataRecord> = if header.is_control() {
            Vec::new()
        } else {
            values(&batch).into_iter().map(|value| MetadataRecord::decode(value).expect("known").0).collect()
        };
        let provenance = Provenance {
            last_offset: header.last_offset(),
            last_epoch: header.partition_leader_epoch,
            last_timestamp_ms: header.max_timestamp,
        };
        loader.apply(&records, provenance).expect("consistent");
    }
    loader
}

#[test]
fn the_image_is_what_kafka_had() {
    let loader = load();
    let image = loader.image();
    assert!(!loader.is_in_transaction());
    assert_eq!(loader.provenance().last_offset, 73);
    assert_eq!(image.features.metadata_version.map(|version| version.name()), Some("4.2-IV1"));
    assert!(image.features.is_elr_enabled());
    let names: Vec<&str> = image.topics.names().map(AsRef::as_ref).collect();
    assert_eq!(names, ["foo.bar"]);
    let topic = image.topics.by_name("foo.bar").expect("created");
    assert_eq!(topic.partitions.size(), 3);
    let value = image.configs.value(&ConfigResource::topic("foo.bar"), "retention.ms");
    assert_eq!(value.map(AsRef::as_ref), Some("1000"));
    let cluster_default = image.configs.value(&ConfigResource::broker(None), "min.insync.replicas");
    assert_eq!(cluster_default.map(AsRef::as_ref), Some("1"));
    let broker = image.cluster.brokers.get(&0).expect("registered");
    assert!(broker.fenced, "stopped in an orderly way");
    assert_eq!((broker.log_dirs.len(), broker.listeners[0].port), (2, 29101));
    assert!(image.cluster.controllers.contains_key(&0));
    let rebuilt: Vec<_> = image.snapshot().collect();
    let mut again = super::MetadataImage::default();
    rebuilt.iter().for_each(|record| again.try_replay(record).expect("consistent"));
    assert_eq!(again, *image);
}

#[test]
fn every_record_is_encoded_in_kafkas_version_and_bytes() {
    let version = crate::features::MetadataVersion::V4_2_IV1;
    for batch in batches().iter().filter(|batch| !batch.header().is_control()) {
        for value in values(batch) {
            let (record, its_version) = MetadataRecord::decode(value.clone()).expect("known");
            assert_eq!(record_version(version, &record), its_version, "{record:?}");
            assert_eq!(record.to_bytes(its_version).expect("encodes"), value, "{record:?}");
        }
    }
}

#[test]
fn a_batch_is_built_as_kafka_builds_it() {
    for batch in batches().iter().filter(|batch| !batch.header().is_control()) {
        let header = batch.header();
        let mut builder = BatchBuilder::new(BatchOptions {
            base_offset: header.base_offset,
            partition_leader_epoch: header.partition_leader_epoch,
            ..BatchOptions::default()
        });
        for value in values(batch) {
            builder.append(header.base_timestamp, None, Some(&value), &[]).expect("fits");
        }
        assert_eq!(builder.build().expect("whole"), *batch.bytes());
    }
}
