use super::*;

const COMBINED: &str = "process.roles=broker,controller\nnode.id=1\nlisteners=PLAINTEXT://localhost:9092,CONTROLLER://:9093\n\
    controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@localhost:9093\nlog.dirs=/a,/b\n";

pub(crate) fn config(more: &str) -> Result<BrokerConfig, ConfigErrors> {
    BrokerConfig::from_properties(&crate::properties::parse(&format!("{COMBINED}{more}")).unwrap())
}

#[test]
fn a_combined_node() {
    let config = config("").unwrap();
    assert_eq!(config.node_id(), 1);
    assert_eq!(config.get(&broker::BROKER_ID), 1);
    assert_eq!(config.roles().len(), 2);
    let names = |it: &[Endpoint]| it.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!(names(config.listeners()), "PLAINTEXT://localhost:9092 CONTROLLER://:9093");
    assert_eq!(names(config.advertised_listeners()), "PLAINTEXT://localhost:9092");
    // It listens on all addresses, so its entry among the voters is what others are told.
    assert_eq!(names(config.advertised_controller_listeners()), "CONTROLLER://localhost:9093");
    assert_eq!(config.inter_broker_listener(), ("PLAINTEXT", SecurityProtocol::Plaintext));
    assert_eq!(config.log_dirs(), ["/a", "/b"]);
    assert_eq!(config.metadata_log_dir(), "/a");
    assert_eq!(config.log_retention_ms(), 7 * 24 * HOURS);
    assert_eq!(config.get(&broker::NUM_PARTITIONS), 1);
}

#[test]
fn units_and_their_order() {
    let retention = |more: &str| config(more).unwrap().log_retention_ms();
    assert_eq!(retention("log.retention.hours=1"), HOURS);
    assert_eq!(retention("log.retention.hours=1\nlog.retention.minutes=2"), 2 * MINUTES);
    assert_eq!(retention("log.retention.hours=1\nlog.retention.minutes=2\nlog.retention.ms=3"), 3);
    assert_eq!(retention("log.retention.hours=-1"), -1);
    assert_eq!(config("log.roll.hours=2").unwrap().log_roll_ms(), 2 * HOURS);
}

#[test]
fn keys_of_listeners() {
    let config = config(
        "max.connections=5\nlistener.name.plaintext.max.connections=7\n\
         listener.name.plaintext.plain.sasl.jaas.config=a b required;\nsuper.users=User:x",
    )
    .unwrap();
    assert_eq!(config.get_for_listener("PLAINTEXT", &broker::MAX_CONNECTIONS), 7);
    assert_eq!(config.get_for_listener("OTHER", &broker::MAX_CONNECTIONS), 5);
    let jaas = config.get_for_mechanism("PLAINTEXT", "PLAIN", &broker::SASL_JAAS_CONFIG);
    assert_eq!(jaas.map(|p| p.0).as_deref(), Some("a b required;"));
    assert_eq!(config.unknown_keys().collect::<Vec<_>>(), ["super.users"]);
    assert_eq!(config.text("super.users"), Some("User:x"));
}

#[test]
fn altered_values_come_first() {
    let map = |k: &str, v: &str| BTreeMap::from([(k.to_owned(), v.to_owned())]);
    let config = config("num.io.threads=3").unwrap();
    let altered = config.altered(&map("num.io.threads", "4"), &BTreeMap::new()).unwrap();
    assert_eq!(altered.get(&broker::NUM_IO_THREADS), 4);
    let altered = altered.altered(&map("num.io.threads", "4"), &map("num.io.threads", "5")).unwrap();
    assert_eq!(altered.get(&broker::NUM_IO_THREADS), 5);
    assert!(altered.altered(&map("num.io.threads", "0"), &BTreeMap::new()).is_err());
}

#[test]
fn altered_in_one_unit_replaces_another() {
    let map = |text: &str| crate::properties::parse(text).unwrap();
    let config = config("log.retention.hours=5").unwrap();
    let altered = config.altered(&map("log.retention.ms=7"), &map("")).unwrap();
    assert_eq!(altered.log_retention_ms(), 7);
    // As Kafka tells it: the value in the file is gone, not hidden.
    assert_eq!(altered.get(&broker::LOG_RETENTION_HOURS), 168);
}

#[test]
fn what_does_not_count_is_left_out() {
    let map = |text: &str| crate::properties::parse(text).unwrap();
    let config = config("group.consumer.max.assignment.interval.ms=2000").unwrap();
    let defaults = map("num.io.threads=x\nnum.partitions=5\nbackground.threads=3\nlisteners=FOO://:1");
    let own = map("group.consumer.assignment.interval.ms=9000");
    let applied = config.applied(&defaults, &own).unwrap();
    assert_eq!(applied.get(&broker::NUM_IO_THREADS), 8);
    assert_eq!(applied.get(&broker::NUM_PARTITIONS), 1);
    assert_eq!(applied.get(&broker::BACKGROUND_THREADS), 3);
    assert_eq!(applied.get(&broker::GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS), 2000);
}

#[test]
fn what_is_wrong_is_said() {
    for (more, expected) in [
        ("num.partitions=0", "Invalid value 0 for configuration num.partitions: Value must be at least 1"),
        (
            "num.partitions=many",
            "Invalid value many for configuration num.partitions: Not a number of type INT",
        ),
        ("process.roles=broker,king", "String must be one of: broker, controller"),
        ("broker.id=7", "node.id and broker.id must have the same value"),
        (
            "create.topic.policy.class.name=x.Y",
            "create.topic.policy.class.name names the Java class x.Y, which",
        ),
        ("alter.config.policy.class.name=x.Y", "which Klamm cannot load: remove the key"),
        ("log.retention.ms=0", "log.retention.ms must be -1 (unlimited) or at least 1, yet it comes to 0 ms"),
        ("log.retention.hours=0", "log.retention.hours must be -1 (unlimited)"),
        ("log.cleaner.threads=0", "for 0 threads"),
        ("cordoned.log.dirs=/c", "Missing entries : /c"),
        ("cordoned.log.dirs=/a,*", "must not have other entries"),
        ("controller.quorum.voters=2@localhost:9093", "the node id 1 must be included"),
        ("controller.quorum.voters=localhost:9093", "{id}@{host}:{port}"),
        ("controller.quorum.voters=", "controller.quorum.bootstrap.servers"),
        ("listeners=PLAINTEXT://:1,CONTROLLER://:1", "different port"),
        (
            "listeners=PLAINTEXT://:1,FOO://:2,CONTROLLER://:3",
            "No security protocol defined for listener FOO",
        ),
        ("listeners=CONTROLLER://:1", "there must be at least one broker listener"),
        (
            "listeners=PLAINTEXT://:1",
            "controller.listener.names must contain at least one value appearing in listeners",
        ),
        ("listeners=PLAINTEXT://0.0.0.0:1,CONTROLLER://:2", "nonroutable meta-address 0.0.0.0"),
        ("advertised.listeners=SSL://h:1", "subset of the ones defined in listeners"),
        ("inter.broker.listener.name=FOO", "not found in listener.security.protocol.map"),
        (
            "inter.broker.listener.name=PLAINTEXT\nsecurity.inter.broker.protocol=PLAINTEXT",
            "Only one of inter.broker.listener.name and security.inter.broker.protocol",
        ),
        ("listener.security.protocol.map=PLAINTEXT:FOO,CONTROLLER:SSL", "invalid security protocol FOO"),
        (
            "group.consumer.heartbeat.interval.ms=1",
            "greater than or equal to group.consumer.min.heartbeat.interval.ms",
        ),
        ("group.coordinator.rebalance.protocols=consumer", "must contain classic"),
        ("max.connections.per.ip=0", "max.connections.per.ip.overrides"),
        ("max.connections.per.ip.overrides=h:x", "h:x is not of the form"),
        ("connections.max.idle.ms=50", "connection.failed.authentication.delay.ms=100"),
        (
            "listener.name.plaintext.max.connections=x",
            "listener.name.plaintext.max.connections: Not a number",
        ),
        ("offsets.topic.compression.codec=5", "must be a codec's number, 0 to 4"),
        ("principal.builder.class=", "must not be empty"),
        ("queued.max.request.bytes=5", "socket.request.max.bytes"),
    ] {
        let error = config(more).expect_err(more).to_string();
        assert!(error.contains(expected), "{more}: {error}");
    }
}

#[test]
fn assignors_that_are_not_there_are_refused() {
    for (more, expected) in [
        (
            "group.consumer.assignors=range,foo.Bar",
            "group.consumer.assignors names foo.Bar, which Klamm cannot load: it has uniform, range",
        ),
        ("group.consumer.assignors=simple", "names simple, which Klamm cannot load: it has uniform, range"),
        (
            "group.share.assignors=uniform",
            "group.share.assignors names uniform, which Klamm cannot load: it has simple",
        ),
        (
            "group.share.assignors=simple,org.apache.kafka.coordinator.group.assignor.SimpleAssignor",
            "group.share.assignors must contain exactly one assignor, but found 2",
        ),
    ] {
        let error = config(more).expect_err(more).to_string();
        assert!(error.contains(expected), "{more}: {error}");
    }
    let class = "org.apache.kafka.coordinator.group.assignor";
    let both = format!("group.consumer.assignors=range,{class}.UniformAssignor\n");
    config(&format!("{both}group.share.assignors={class}.SimpleAssignor")).expect("Kafka's own classes");
}

#[test]
fn what_is_probably_not_meant_is_said() {
    let text =
        "foo=1\nssl.provider=x\nbroker.heartbeat.interval.ms=5000\ngroup.coordinator.append.linger.ms=5";
    let warnings = config(text).unwrap().warnings().join("\n");
    for part in [
        "foo is not a key",
        "ssl.provider has no effect in Klamm yet",
        "group.coordinator.append.linger.ms has no effect in Klamm: records are written at once",
        "broker.heartbeat.interval.ms (5000)",
    ] {
        assert!(warnings.contains(part), "{warnings}");
    }
}

#[test]
fn all_errors_are_reported_at_once() {
    let errors = config("num.partitions=0\nnum.io.threads=x\nlog.segment.bytes=1").unwrap_err();
    assert_eq!(errors.0.len(), 3, "{errors}");
    let missing = BrokerConfig::from_properties(&BTreeMap::new()).unwrap_err().to_string();
    for key in ["process.roles", "node.id", "controller.listener.names"] {
        assert!(missing.contains(&format!("Missing required configuration \"{key}\"")), "{missing}");
    }
}
