//! Configs of a running node: what clients are told, what they may alter, and that it has its effect at once and after a
//! restart.

use klamm_protocol::{
    ErrorCode,
    api::{
        alter_client_quotas::{
            AlterClientQuotasRequest, AlterClientQuotasRequestEntityData, AlterClientQuotasRequestEntryData,
            OpData,
        },
        api_versions::ApiVersionsRequest,
        describe_client_quotas::DescribeClientQuotasRequest,
        describe_configs::{DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResult},
        incremental_alter_configs::{AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest},
        list_config_resources::ListConfigResourcesRequest,
    },
    records::CompressionType,
};

use crate::{
    batches::{batch, produce},
    harness::{Client, TestNode, beside_others, eventually, fresh_dir},
};

pub(crate) const TOPIC: i8 = 2;
pub(crate) const BROKER: i8 = 4;
const LOGGER: i8 = 8;
const METRICS: i8 = 16;
const GROUP: i8 = 32;

pub(crate) const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;

pub(crate) type Keys<'a> = &'a [(&'a str, i8, Option<&'a str>)];

fn alteration(kind: i8, name: &str, keys: Keys<'_>) -> AlterConfigsResource {
    let configs = keys.iter().map(|(key, operation, value)| AlterableConfig {
        name: (*key).into(),
        config_operation: *operation,
        value: value.map(Into::into),
        ..Default::default()
    });
    AlterConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configs: configs.collect(),
        ..Default::default()
    }
}

/// The codes of all resources, and the message of the first.
fn alter_all(
    client: &mut Client,
    resources: Vec<AlterConfigsResource>,
    validate_only: bool,
) -> (Vec<ErrorCode>, String) {
    let request = IncrementalAlterConfigsRequest { resources, validate_only, ..Default::default() };
    let responses = client.call(&request, 1).responses;
    let message = responses[0].error_message.as_deref().unwrap_or_default().to_owned();
    (responses.iter().map(|r| ErrorCode::from_code(r.error_code)).collect(), message)
}

pub(crate) fn alter(client: &mut Client, kind: i8, name: &str, keys: Keys<'_>) -> (ErrorCode, String) {
    let (codes, message) = alter_all(client, vec![alteration(kind, name, keys)], false);
    (codes[0], message)
}

fn describe(client: &mut Client, kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).into()).collect()),
        ..Default::default()
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
        ..Default::default()
    };
    client.call(&request, 4).results.remove(0)
}

/// Value and source of one key.
fn told(client: &mut Client, kind: i8, name: &str, key: &str) -> (String, i8) {
    let result = describe(client, kind, name, Some(&[key]));
    assert_eq!((result.error_code, result.configs.len()), (0, 1), "{result:?}");
    let config = &result.configs[0];
    (config.value.as_deref().unwrap_or("null").to_owned(), config.config_source)
}

fn produced(client: &mut Client, topic: &str) -> ErrorCode {
    let request = produce(topic, Some(batch(100, CompressionType::None)), -1);
    ErrorCode::from_code(client.call(&request, 12).responses[0].partition_responses[0].error_code)
}

#[test]
fn a_change_made_through_a_broker_is_known_to_it_when_it_answers() {
    let _shared = beside_others();
    let node = TestNode::start("configs-forwarded", &[]);
    let broker = node.start_broker(fresh_dir("configs-forwarded-2"), 2, &[]);
    node.create_topic("orders", 1, &[]);
    let mut client = broker.connect();
    client.metadata(Some(&["orders"]));
    for round in 0..20 {
        let value = (1000 + round).to_string();
        let keys: Keys<'_> = &[("max.message.bytes", SET, Some(&value))];
        assert_eq!(alter(&mut client, TOPIC, "orders", keys).0, ErrorCode::None);
        assert_eq!(told(&mut client, TOPIC, "orders", "max.message.bytes").0, value);
        let unset: Keys<'_> = &[("max.message.bytes", DELETE, None)];
        assert_eq!(alter(&mut client, TOPIC, "orders", unset).0, ErrorCode::None);
        assert_eq!(told(&mut client, TOPIC, "orders", "max.message.bytes").1, 5, "the default again");
    }
}

#[test]
fn an_altered_size_limit_holds_at_once_and_after_a_restart() {
    let _shared = beside_others();
    let node = TestNode::start("configs-limit", &[]);
    node.create_topic("orders", 1, &[]);
    let mut client = node.connect();
    assert_eq!(produced(&mut client, "orders"), ErrorCode::None);

    let small: Keys<'_> = &[("max.message.bytes", SET, Some("500"))];
    assert_eq!(alter(&mut client, TOPIC, "orders", small).0, ErrorCode::None);
    assert_eq!(told(&mut client, TOPIC, "orders", "max.message.bytes"), ("500".to_owned(), 1));
    assert_eq!(produced(&mut client, "orders"), ErrorCode::MessageTooLarge);

    let unset: Keys<'_> = &[("max.message.bytes", DELETE, None)];
    assert_eq!(alter(&mut client, TOPIC, "orders", unset).0, ErrorCode::None);
    assert_eq!(produced(&mut client, "orders"), ErrorCode::None);

    // For all brokers, and then for this one, which comes first.
    let small: Keys<'_> = &[("message.max.bytes", SET, Some("600"))];
    assert_eq!(alter(&mut client, BROKER, "", small).0, ErrorCode::None);
    assert_eq!(told(&mut client, TOPIC, "orders", "max.message.bytes"), ("600".to_owned(), 3));
    assert_eq!(produced(&mut client, "orders"), ErrorCode::MessageTooLarge);
    let large: Keys<'_> = &[("message.max.bytes", SET, Some("1000000"))];
    assert_eq!(alter(&mut client, BROKER, "1", large).0, ErrorCode::None);
    assert_eq!(told(&mut client, TOPIC, "orders", "max.message.bytes"), ("1000000".to_owned(), 2));
    assert_eq!(produced(&mut client, "orders"), ErrorCode::None);

    let unset: Keys<'_> = &[("message.max.bytes", DELETE, None)];
    assert_eq!(alter(&mut client, BROKER, "1", unset).0, ErrorCode::None);
    drop(client);
    let node = TestNode::start_in(node.stop(), &[]);
    let mut client = node.connect();
    eventually("the restarted node leads the partition", || {
        produced(&mut client, "orders") == ErrorCode::MessageTooLarge
    });
    assert_eq!(told(&mut client, BROKER, "1", "message.max.bytes"), ("600".to_owned(), 3));
}

#[test]
fn an_altered_number_of_connections_holds_at_once() {
    let _shared = beside_others();
    let node = TestNode::start("configs-connections", &[]);
    let mut client = node.connect();
    client.metadata(None);
    let one: Keys<'_> = &[("max.connections.per.ip", SET, Some("1"))];
    assert_eq!(alter(&mut client, BROKER, "1", one).0, ErrorCode::None);
    node.connect().assert_closed("the second connection");
    let mut first = Client::connect(node.controller_port);
    first.call(&ApiVersionsRequest::default(), 0);
    Client::connect(node.controller_port).assert_closed("the second connection to the controller");
    let more: Keys<'_> = &[("max.connections.per.ip.overrides", SET, Some("127.0.0.1:9"))];
    assert_eq!(alter(&mut client, BROKER, "1", more).0, ErrorCode::None);
    node.assert_serves_others();
}

#[test]
fn what_may_not_be_altered_is_refused_with_kafkas_codes() {
    let _shared = beside_others();
    let node = TestNode::start("configs-refused", &[]);
    node.create_topic("orders", 1, &[]);
    let mut client = node.connect();
    use ErrorCode::{InvalidConfig, InvalidRequest, InvalidTopicException, UnknownTopicOrPartition};
    #[expect(clippy::type_complexity, reason = "a table of cases")]
    let cases: &[(i8, &str, &str, i8, Option<&str>, ErrorCode)] = &[
        (TOPIC, "orders", "retention.ms", SET, Some("-2"), InvalidConfig),
        (TOPIC, "orders", "retention.ms", SET, Some("99999999999999999999"), InvalidConfig),
        (TOPIC, "orders", "retention.ms", SET, None, InvalidRequest),
        (TOPIC, "orders", "retention.ms", APPEND, Some("5"), InvalidConfig),
        (TOPIC, "orders", "retention.ms", 9, Some("5"), InvalidRequest),
        (TOPIC, "orders", "cleanup.policy", SET, Some("burn"), InvalidConfig),
        (TOPIC, "orders", "no.such.key", SET, Some("5"), InvalidConfig),
        (TOPIC, "or/ders", "retention.ms", SET, Some("5"), InvalidTopicException),
        (TOPIC, "nosuch", "retention.ms", SET, Some("5"), UnknownTopicOrPartition),
        (TOPIC, "", "retention.ms", SET, Some("5"), InvalidRequest),
        (BROKER, "1", "num.io.threads", SET, Some("0"), InvalidRequest),
        (BROKER, "1", "num.partitions", SET, Some("2"), InvalidRequest),
        (BROKER, "1", "num.io.threads", APPEND, Some("2"), InvalidConfig),
        (BROKER, "2", "num.io.threads", SET, Some("9"), InvalidRequest),
        (BROKER, "x", "num.io.threads", SET, Some("9"), InvalidRequest),
        (BROKER, "", "ssl.keystore.location", SET, Some("/x"), InvalidRequest),
        (LOGGER, "1", "com.example", SET, Some("DEBUG"), InvalidConfig),
        (LOGGER, "1", "root", DELETE, None, InvalidRequest),
        (METRICS, "m", "interval.ms", SET, Some("1"), InvalidRequest),
        (METRICS, "", "interval.ms", SET, Some("1000"), InvalidRequest),
        (GROUP, "g", "consumer.session.timeout.ms", SET, Some("1"), InvalidConfig),
        (GROUP, "", "consumer.session.timeout.ms", SET, Some("50000"), InvalidRequest),
        (99, "what", "key", SET, Some("1"), InvalidRequest),
    ];
    for (kind, name, key, operation, value, expected) in cases {
        let (code, message) = alter(&mut client, *kind, name, &[(key, *operation, *value)]);
        assert_eq!(code, *expected, "{kind} {name} {key}: {message}");
        assert!(!message.is_empty(), "{kind} {name} {key}");
    }
    // One wrong key spoils its resource, one wrong resource spoils no other, and twice the same spoils both.
    let good: Keys<'_> = &[("flush.ms", SET, Some("7"))];
    let bad: Keys<'_> = &[("flush.ms", SET, Some("8")), ("retention.ms", SET, Some("x"))];
    let resources = vec![alteration(TOPIC, "orders", bad), alteration(GROUP, "g", &[])];
    let (codes, _) = alter_all(&mut client, resources, false);
    assert_eq!(codes, [InvalidConfig, ErrorCode::None]);
    let (codes, _) = alter_all(
        &mut client,
        vec![alteration(TOPIC, "orders", good), alteration(TOPIC, "orders", good)],
        false,
    );
    assert_eq!(codes, [InvalidRequest, InvalidRequest]);
    let (codes, _) = alter_all(&mut client, vec![alteration(TOPIC, "orders", good)], true);
    assert_eq!(codes, [ErrorCode::None]);
    assert_eq!(told(&mut client, TOPIC, "orders", "flush.ms"), (i64::MAX.to_string(), 5));
}

#[test]
fn what_clients_are_told() {
    let _shared = beside_others();
    let node = TestNode::start("configs-told", &[("ssl.key.password", "hush-hush"), ("some.plugin", "x")]);
    node.create_topic("orders", 1, &[("retention.ms", "5")]);
    let mut client = node.connect();
    for (kind, name, expected) in [
        (TOPIC, "orders", ErrorCode::None),
        (TOPIC, "nosuch", ErrorCode::UnknownTopicOrPartition),
        (TOPIC, "or/ders", ErrorCode::InvalidTopicException),
        (BROKER, "1", ErrorCode::None),
        (BROKER, "", ErrorCode::None),
        (BROKER, "2", ErrorCode::InvalidRequest),
        (BROKER, "x", ErrorCode::InvalidRequest),
        (LOGGER, "1", ErrorCode::None),
        (LOGGER, "", ErrorCode::InvalidRequest),
        (METRICS, "m", ErrorCode::None),
        (METRICS, "", ErrorCode::InvalidRequest),
        (GROUP, "g", ErrorCode::None),
        (GROUP, "", ErrorCode::InvalidRequest),
        (99, "x", ErrorCode::InvalidRequest),
    ] {
        let result = describe(&mut client, kind, name, None);
        assert_eq!(ErrorCode::from_code(result.error_code), expected, "{kind} {name}");
    }
    // No password leaves the node, nor the value of a key that nobody knows; everything known is explained.
    let broker = describe(&mut client, BROKER, "1", None);
    let find = |name: &str| broker.configs.iter().find(|config| config.name.as_str() == name).unwrap();
    assert_eq!(
        (find("ssl.key.password").value.as_deref(), find("ssl.key.password").is_sensitive),
        (None, true)
    );
    assert_eq!((find("some.plugin").value.as_deref(), find("some.plugin").is_sensitive), (None, true));
    assert!(find("num.io.threads").documentation.as_ref().is_some_and(|text| !text.is_empty()));
    assert!(find("num.io.threads").synonyms.iter().any(|synonym| synonym.source == 5));
    assert!(!format!("{broker:?}").contains("hush-hush"));

    alter(&mut client, GROUP, "g", &[("consumer.session.timeout.ms", SET, Some("50000"))]);
    let listed = |client: &mut Client, version: i16, types: Vec<i8>| {
        let request = ListConfigResourcesRequest { resource_types: types, ..Default::default() };
        let response = client.call(&request, version);
        let names =
            response.config_resources.iter().map(|r| format!("{}:{}", r.resource_type, r.resource_name));
        (ErrorCode::from_code(response.error_code), names.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(listed(&mut client, 1, Vec::new()), (ErrorCode::None, "32:g 8:1 4:1 2:orders".to_owned()));
    assert_eq!(listed(&mut client, 0, Vec::new()), (ErrorCode::None, String::new()));
    assert_eq!(listed(&mut client, 1, vec![3]).0, ErrorCode::UnsupportedVersion);
}

#[test]
fn client_quotas_are_kept() {
    let _shared = beside_others();
    let node = TestNode::start("configs-quotas", &[]);
    let mut client = node.connect();
    let entity = AlterClientQuotasRequestEntityData {
        entity_type: "user".into(),
        entity_name: Some("alice".into()),
        ..Default::default()
    };
    let op = OpData { key: "producer_byte_rate".into(), value: 1000.0, ..Default::default() };
    let entry =
        AlterClientQuotasRequestEntryData { entity: vec![entity], ops: vec![op], ..Default::default() };
    let request = AlterClientQuotasRequest { entries: vec![entry], ..Default::default() };
    assert_eq!(client.call(&request, 1).entries[0].error_code, 0);
    drop(client);
    let node = TestNode::start_in(node.stop(), &[]);
    let entries = node.connect().call(&DescribeClientQuotasRequest::default(), 1).entries.unwrap();
    assert_eq!((entries.len(), entries[0].values[0].value), (1, 1000.0));
}
