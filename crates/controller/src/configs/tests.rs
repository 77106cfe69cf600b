use super::*;
use crate::PartitionIndex;
use klamm_config::BrokerConfig;
use klamm_metadata::MetadataImage;
use klamm_protocol::Uuid;
use klamm_protocol::metadata::{FeatureLevelRecord, RegisterBrokerRecord, TopicRecord};

const FILE: &str = "process.roles=broker,controller\nnode.id=1\nlisteners=PLAINTEXT://localhost:9092,CONTROLLER://:9093\n\
    controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@localhost:9093\n";

fn image(elr: bool) -> MetadataImage {
    let mut image = MetadataImage::default();
    let mut records = vec![
        MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: "metadata.version".into(),
            feature_level: 30,
            ..Default::default()
        }),
        MetadataRecord::RegisterBroker(RegisterBrokerRecord {
            broker_id: 7,
            fenced: true,
            ..Default::default()
        }),
        MetadataRecord::Topic(TopicRecord {
            name: "orders".into(),
            topic_id: Uuid::from_bytes([1; 16]),
            ..Default::default()
        }),
        set(ResourceKind::Topic, "orders", "retention.ms", "5"),
    ];
    if elr {
        records.push(MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: "eligible.leader.replicas.version".into(),
            feature_level: 1,
            ..Default::default()
        }));
    }
    records.iter().for_each(|record| image.try_replay(record).unwrap());
    image
}

fn set(kind: ResourceKind, resource: &str, name: &str, value: &str) -> MetadataRecord {
    MetadataRecord::Config(ConfigRecord {
        resource_type: kind.code(),
        resource_name: resource.into(),
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    })
}

/// Each resource: kind code, name, and keys as (name, operation, value).
type Asked<'a> = (i8, &'a str, &'a [(&'a str, i8, Option<&'a str>)]);

fn alter(image: &MetadataImage, asked: &[Asked<'_>], validate_only: bool) -> (Vec<String>, Vec<String>) {
    let config = BrokerConfig::from_properties(&klamm_config::properties::parse(FILE).unwrap()).unwrap();
    let resources = asked.iter().map(|(kind, name, keys)| incremental::AlterConfigsResource {
        resource_type: *kind,
        resource_name: (*name).into(),
        configs: keys
            .iter()
            .map(|(name, operation, value)| incremental::AlterableConfig {
                name: (*name).into(),
                config_operation: *operation,
                value: value.map(Into::into),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    });
    let request = incremental::IncrementalAlterConfigsRequest {
        resources: resources.collect(),
        validate_only,
        ..Default::default()
    };
    let index = PartitionIndex::of(image);
    let view = Context { image, index: &index, config: &config, forwarded: true };
    let outcome = incremental_alter_configs(view, &request);
    (outcome.records.iter().map(shown).collect(), outcome.response.responses.iter().map(answered).collect())
}

fn shown(record: &MetadataRecord) -> String {
    match record {
        MetadataRecord::Config(c) => {
            format!(
                "{}:{} {}={}",
                c.resource_type,
                c.resource_name,
                c.name,
                c.value.as_deref().unwrap_or("null")
            )
        }
        MetadataRecord::ClearElr(c) => format!("clear {}", c.topic_name),
        other => format!("{other:?}"),
    }
}

fn answered(response: &incremental::AlterConfigsResourceResponse) -> String {
    let code = ErrorCode::from_code(response.error_code).name();
    format!("{}:{} {code}", response.resource_type, response.resource_name)
}

#[test]
fn each_resource_is_altered_for_itself() {
    let (records, answers) = alter(
        &image(false),
        &[
            (
                2,
                "orders",
                &[
                    ("flush.ms", 0, Some("3")),
                    ("retention.ms", 1, None),
                    ("cleanup.policy", 2, Some("compact")),
                ],
            ),
            (2, "nosuch", &[("flush.ms", 0, Some("3"))]),
            (2, "orders2", &[("flush.ms", 0, Some("x"))]),
            (4, "", &[("num.io.threads", 0, Some("9"))]),
            (4, "7", &[("num.io.threads", 0, Some("9"))]),
            (4, "8", &[("num.io.threads", 0, Some("9"))]),
            (32, "group", &[("consumer.session.timeout.ms", 0, Some("50000"))]),
            (99, "what", &[]),
            (16, "twice", &[]),
            (16, "twice", &[]),
            (2, "orders3", &[("flush.ms", 7, Some("3"))]),
            (2, "or/ders", &[("flush.ms", 0, Some("3"))]),
            (2, "", &[("flush.ms", 0, Some("3"))]),
        ],
        false,
    );
    assert_eq!(
        records,
        [
            "2:orders cleanup.policy=delete,compact",
            "2:orders flush.ms=3",
            "2:orders retention.ms=null",
            "4: num.io.threads=9",
            "4:7 num.io.threads=9",
            "32:group consumer.session.timeout.ms=50000",
        ]
    );
    assert_eq!(
        answers,
        [
            "2:orders NONE",
            "2:nosuch UNKNOWN_TOPIC_OR_PARTITION",
            "2:orders2 INVALID_CONFIG",
            "4: NONE",
            "4:7 NONE",
            "4:8 BROKER_ID_NOT_REGISTERED",
            "32:group NONE",
            "99:what UNSUPPORTED_VERSION",
            "16:twice INVALID_REQUEST",
            "16:twice INVALID_REQUEST",
            "2:orders3 INVALID_REQUEST",
            "2:or/ders INVALID_TOPIC_EXCEPTION",
            "2: INVALID_REQUEST",
        ]
    );
}

#[test]
fn validating_changes_nothing() {
    let (records, answers) = alter(&image(false), &[(2, "orders", &[("flush.ms", 0, Some("3"))])], true);
    assert!(records.is_empty());
    assert_eq!(answers, ["2:orders NONE"]);
}

#[test]
fn another_minimum_of_in_sync_replicas_clears_eligible_leaders() {
    let asked: &[Asked<'_>] = &[
        (2, "orders", &[("min.insync.replicas", 0, Some("2"))]),
        (4, "", &[("min.insync.replicas", 0, Some("2"))]),
    ];
    let (records, _) = alter(&image(true), asked, false);
    assert_eq!(records[2..], ["clear orders", "clear "]);
    assert_eq!(alter(&image(false), asked, false).0.len(), 2);
}

#[test]
fn replacing_deletes_what_is_not_named() {
    let config = BrokerConfig::from_properties(&klamm_config::properties::parse(FILE).unwrap()).unwrap();
    let request = legacy::AlterConfigsRequest {
        resources: vec![legacy::AlterConfigsResource {
            resource_type: 2,
            resource_name: "orders".into(),
            configs: vec![legacy::AlterableConfig {
                name: "flush.ms".into(),
                value: Some("3".into()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let image = image(false);
    let index = PartitionIndex::of(&image);
    let outcome =
        alter_configs(Context { image: &image, index: &index, config: &config, forwarded: true }, &request);
    let records: Vec<_> = outcome.records.iter().map(shown).collect();
    assert_eq!(records, ["2:orders flush.ms=3", "2:orders retention.ms=null"]);
}
