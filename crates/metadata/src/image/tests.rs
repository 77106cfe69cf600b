use super::{Loader, MetadataImage, Provenance, ReplayError, record_version};
use crate::features::MetadataVersion;
use klamm_protocol::metadata::*;
use klamm_protocol::{StrBytes, Uuid};
use klamm_timeline::StateMachine;

fn feature(name: &str, feature_level: i16) -> MetadataRecord {
    FeatureLevelRecord { name: name.into(), feature_level, ..Default::default() }.into()
}

fn broker(id: i32, epoch: i64) -> MetadataRecord {
    RegisterBrokerRecord {
        broker_id: id,
        broker_epoch: epoch,
        incarnation_id: Uuid::from_u128(77),
        end_points: vec![BrokerEndpoint {
            name: "PLAINTEXT".into(),
            host: "localhost".into(),
            port: 9092,
            ..Default::default()
        }],
        features: vec![BrokerFeature {
            name: "metadata.version".into(),
            min_supported_version: 7,
            max_supported_version: 30,
            ..Default::default()
        }],
        rack: (id % 2 == 0).then(|| StrBytes::from("rack")),
        fenced: true,
        log_dirs: vec![Uuid::from_u128(1000 + id as u128)],
        cordoned_log_dirs: (id % 3 == 0).then(Vec::new),
        ..Default::default()
    }
    .into()
}

fn topic(name: &str, id: u128) -> MetadataRecord {
    TopicRecord { name: name.into(), topic_id: Uuid::from_u128(id), ..Default::default() }.into()
}

fn partition(topic: u128, index: i32) -> MetadataRecord {
    PartitionRecord {
        partition_id: index,
        topic_id: Uuid::from_u128(topic),
        replicas: vec![1, 2],
        isr: vec![1],
        leader: 1,
        leader_epoch: 0,
        partition_epoch: 0,
        directories: vec![Uuid::from_u128(1001), Uuid::from_u128(1002)],
        eligible_leader_replicas: Some(vec![2]),
        ..Default::default()
    }
    .into()
}

fn change(topic: u128, index: i32) -> PartitionChangeRecord {
    PartitionChangeRecord { partition_id: index, topic_id: Uuid::from_u128(topic), ..Default::default() }
}

fn config(resource_type: i8, resource: &str, name: &str, value: Option<&str>) -> MetadataRecord {
    ConfigRecord {
        resource_type,
        resource_name: resource.into(),
        name: name.into(),
        value: value.map(StrBytes::from),
        ..Default::default()
    }
    .into()
}

/// A cluster with something of everything in it.
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn everything() -> Vec<MetadataRecord> {
    vec![
        feature("metadata.version", 30),
        feature("eligible.leader.replicas.version", 1),
        feature("group.version", 1),
        feature("share.version", 1),
        feature("share.version", 0),
        feature("kraft.version", 1),
        broker(1, 10),
        broker(2, 11),
        broker(3, 12),
        UnfenceBrokerRecord { id: 1, epoch: 10, ..Default::default() }.into(),
        BrokerRegistrationChangeRecord {
            broker_id: 2,
            broker_epoch: 11,
            fenced: 1,
            in_controlled_shutdown: 1,
            log_dirs: vec![Uuid::from_u128(2)],
            ..Default::default()
        }
        .into(),
        RegisterControllerRecord {
            controller_id: 3000,
            incarnation_id: Uuid::from_u128(5),
            features: vec![ControllerFeature {
                name: "kraft.version".into(),
                max_supported_version: 1,
                ..Default::default()
            }],
            ..Default::default()
        }
        .into(),
        topic("a.b", 1),
        config(2, "a.b", "retention.ms", Some("1000")),
        partition(1, 0),
        partition(1, 1),
        topic("c", 2),
        partition(2, 0),
        PartitionChangeRecord { isr: Some(vec![1, 2]), leader: 2, ..change(1, 1) }.into(),
        config(4, "", "log.retention.ms", Some("5")),
        config(32, "group", "consumer.session.timeout.ms", Some("45000")),
        config(16, "metrics", "interval.ms", Some("100")),
        ClientQuotaRecord {
            entity: vec![
                EntityData { entity_type: "user".into(), entity_name: None, ..Default::default() },
                EntityData {
                    entity_type: "client-id".into(),
                    entity_name: Some("c".into()),
                    ..Default::default()
                },
            ],
            key: "producer_byte_rate".into(),
            value: 1024.5,
            ..Default::default()
        }
        .into(),
        ProducerIdsRecord { broker_id: 1, broker_epoch: 10, next_producer_id: 2000, ..Default::default() }
            .into(),
        AccessControlEntryRecord {
            id: Uuid::from_u128(9),
            resource_type: 2,
            resource_name: "a".into(),
            principal: "User:x".into(),
            ..Default::default()
        }
        .into(),
        UserScramCredentialRecord {
            name: "alice".into(),
            mechanism: 1,
            iterations: 4096,
            ..Default::default()
        }
        .into(),
        DelegationTokenRecord { token_id: "t".into(), owner: "User:a".into(), ..Default::default() }.into(),
        NoOpRecord::default().into(),
    ]
}

fn image(records: &[MetadataRecord]) -> MetadataImage {
    let mut image = MetadataImage::default();
    for record in records {
        image.replay(record);
    }
    image
}

/// Writes every record in the version its image asks for, and reads it again.
fn through_bytes(version: MetadataVersion, records: &[MetadataRecord]) -> Vec<MetadataRecord> {
    records
        .iter()
        .map(|record| {
            let bytes = record.to_bytes(record_version(version, record)).expect("the version has the fields");
            MetadataRecord::decode(bytes).expect("what was written").0
        })
        .collect()
}

#[test]
fn a_snapshot_rebuilds_the_image() {
    let original = image(&everything());
    let snapshot: Vec<_> = original.snapshot().collect();
    assert_eq!(image(&snapshot), original);
    assert_eq!(image(&through_bytes(MetadataVersion::V4_3_IV0, &snapshot)), original);
    let again: Vec<_> = image(&snapshot).snapshot().collect();
    assert_eq!(again, snapshot, "the same image gives the same snapshot");
    assert_eq!(snapshot[0], feature("metadata.version", 30), "the version comes first");
}

#[test]
fn every_prefix_of_the_log_can_be_snapshotted_at_every_version() {
    for version in MetadataVersion::all() {
        let mut records = everything();
        records[0] = feature("metadata.version", version.level());
        for end in 1..=records.len() {
            let snapshot: Vec<_> = image(&records[..end]).snapshot().collect();
            let rebuilt = image(&through_bytes(version, &snapshot));
            let again: Vec<_> = rebuilt.snapshot().collect();
            assert_eq!(image(&through_bytes(version, &again)), rebuilt, "{version} {end}");
        }
    }
}

#[test]
fn a_change_of_leader_raises_the_epochs() {
    let mut image = image(&everything());
    let before = image.topics.partition("a.b", 0).expect("exists").clone();
    image.replay(&PartitionChangeRecord { isr: Some(vec![1, 2]), ..change(1, 0) }.into());
    let after = image.topics.partition("a.b", 0).expect("exists").clone();
    assert_eq!(
        (after.leader_epoch, after.partition_epoch),
        (before.leader_epoch, before.partition_epoch + 1)
    );
    image.replay(&PartitionChangeRecord { leader: -1, ..change(1, 0) }.into());
    let leaderless = image.topics.partition("a.b", 0).expect("exists");
    assert_eq!((leaderless.leader_epoch, leaderless.partition_epoch), (1, 2));
    assert!(!leaderless.has_leader());
}

#[test]
fn removing_a_topic_removes_its_configs_and_frees_its_name() {
    let mut image = image(&everything());
    assert_eq!(image.topics.colliding("a_b"), Some(&StrBytes::from("a.b")));
    image.replay(&RemoveTopicRecord { topic_id: Uuid::from_u128(1), ..Default::default() }.into());
    assert!(image.topics.by_name("a.b").is_none());
    assert_eq!(image.topics.colliding("a_b"), None);
    assert!(image.configs.iter().all(|(resource, _)| resource.name != *"a.b"));
}

#[test]
fn keys_that_are_no_more_leave_no_trace() {
    let mut image = image(&everything());
    let before = image.clone();
    for (kind, key) in
        [(2, "message.format.version"), (16, "nonsense"), (32, "nonsense"), (8, "kafka.server")]
    {
        image.replay(&config(kind, "a.b", key, Some("x")));
        assert_eq!(image, before, "{kind} {key}");
    }
    image.replay(&config(4, "1", "listener.name.mine.ssl.keystore.location", Some("x")));
    assert_ne!(image, before, "brokers may have keys that users name");
}

#[test]
fn clearing_the_elr_touches_only_partitions_that_have_one() {
    let mut image = image(&everything());
    let epoch = |image: &MetadataImage, name, index| {
        image.topics.partition(name, index).map(|partition| (partition.elr.len(), partition.partition_epoch))
    };
    image.replay(&ClearElrRecord { topic_name: "c".into(), ..Default::default() }.into());
    assert_eq!(epoch(&image, "c", 0), Some((0, 1)));
    assert_eq!(epoch(&image, "a.b", 0), Some((1, 0)));
    image.replay(&ClearElrRecord::default().into());
    assert_eq!(epoch(&image, "c", 0), Some((0, 1)));
    assert_eq!(epoch(&image, "a.b", 0), Some((0, 1)));
}

#[test]
fn contradictions_are_refused_and_leave_the_image_alone() {
    let original = image(&everything());
    for (record, expect) in [
        (
            FenceBrokerRecord { id: 1, epoch: 9, ..Default::default() }.into(),
            ReplayError::UnknownBroker { id: 1, epoch: 9 },
        ),
        (change(1, 7).into(), ReplayError::UnknownPartition { topic: Uuid::from_u128(1), index: 7 }),
        (partition(8, 0), ReplayError::UnknownTopic(Uuid::from_u128(8).to_string())),
        (feature("metadata.version", 99), ReplayError::UnknownValue { field: "metadata.version", value: 99 }),
        (config(3, "x", "y", None), ReplayError::UnknownValue { field: "ResourceType", value: 3 }),
    ] {
        let mut image = original.clone();
        let record: MetadataRecord = record;
        assert_eq!(image.try_replay(&record), Err(expect));
        assert_eq!(image, original);
    }
}

#[test]
fn nothing_of_an_open_transaction_is_shown() {
    let at = |last_offset| Provenance { last_offset, last_epoch: 1, last_timestamp_ms: 5 };
    for (end, shown) in
        [(EndTransactionRecord::default().into(), 2), (AbortTransactionRecord::default().into(), 1)]
    {
        let end: MetadataRecord = end;
        let mut loader = Loader::default();
        let first = [feature("metadata.version", 30), topic("x", 1)];
        assert_eq!(loader.apply(&first, at(1)), Ok(true));
        let begin = [BeginTransactionRecord::default().into(), topic("y", 2)];
        assert_eq!(loader.apply(&begin, at(3)), Ok(false));
        assert_eq!((loader.image().topics.len(), loader.provenance().last_offset), (1, 1));
        assert_eq!(loader.apply(&[end], at(4)), Ok(true));
        assert_eq!((loader.image().topics.len(), loader.provenance().last_offset), (shown, 4));
    }
}
