use super::*;
use crate::broker_config::tests::config;

const CLUSTER: Cluster = Cluster { elr_enabled: false, cordoning_supported: true, forwarded: true };

fn map(text: &str) -> BTreeMap<String, String> {
    crate::properties::parse(&text.replace(';', "\n")).unwrap()
}

/// `key=value` sets, `-key` deletes, `key+=value` appends, `key-=value` subtracts.
fn alterations(text: &str) -> Vec<KeyAlteration> {
    let one = |part: &str| {
        let (operation, name, value) =
            match (part.split_once("+="), part.split_once("-="), part.split_once('=')) {
                (Some((name, value)), ..) => (Operation::Append, name, Some(value)),
                (_, Some((name, value)), _) => (Operation::Subtract, name, Some(value)),
                (.., Some((name, value))) => (Operation::Set, name, Some(value)),
                _ => (Operation::Delete, &part[1..], None),
            };
        KeyAlteration { name: name.to_owned(), operation, value: value.map(str::to_owned) }
    };
    text.split(';').map(one).collect()
}

fn alter(kind: ResourceKind, name: &str, current: &str, text: &str) -> String {
    let target = Target { kind, name, current: &map(current) };
    match incremental(&config("").unwrap(), CLUSTER, target, &alterations(text)) {
        Ok(changes) => {
            let shown = changes.iter().map(|(k, v)| match v {
                Some(v) => format!("{k}={v}"),
                None => format!("-{k}"),
            });
            shown.collect::<Vec<_>>().join(";")
        }
        Err(Refusal::InvalidConfig(text)) => format!("INVALID_CONFIG {text}"),
        Err(Refusal::InvalidRequest(text)) => format!("INVALID_REQUEST {text}"),
    }
}

fn check(kind: ResourceKind, current: &str, text: &str, expected: &str) {
    let result = alter(kind, "1", current, text);
    assert!(result.starts_with(expected), "{text}: {result}");
    if !expected.contains(' ') {
        assert_eq!(result, expected, "{text}");
    }
}

#[test]
fn topics() {
    let check =
        |current: &str, text: &str, expected: &str| check(ResourceKind::Topic, current, text, expected);
    check("", "retention.ms=5;flush.ms=7", "retention.ms=5;flush.ms=7");
    check("retention.ms=5", "retention.ms=5", "");
    check("retention.ms=5", "-retention.ms", "-retention.ms");
    check("", "-retention.ms", "");
    // Items are added to the default of a list that is not set.
    check("", "cleanup.policy+=compact", "cleanup.policy=delete,compact");
    check("cleanup.policy=compact", "cleanup.policy+=compact", "");
    check("cleanup.policy=compact,delete", "cleanup.policy-=delete", "cleanup.policy=compact");
    check("", "cleanup.policy-=delete", "cleanup.policy=");
    check(
        "",
        "retention.ms+=5",
        "INVALID_CONFIG Can't APPEND to key retention.ms because its type is not LIST.",
    );
    check(
        "",
        "retention.ms=-2",
        "INVALID_CONFIG Invalid value -2 for configuration retention.ms: Value must be at least -1",
    );
    check(
        "",
        "cleanup.policy=burn",
        "INVALID_CONFIG Invalid value burn for configuration cleanup.policy: String must be",
    );
    check("", "no.such=1", "INVALID_CONFIG Unknown topic config name: no.such");
    check(
        "",
        "min.compaction.lag.ms=5;max.compaction.lag.ms=4",
        "INVALID_CONFIG conflict topic config setting",
    );
    check(
        "",
        "remote.storage.enable=true",
        "INVALID_CONFIG Tiered Storage functionality is disabled in the broker.",
    );
    check(
        "remote.storage.enable=true",
        "-remote.storage.enable",
        "INVALID_CONFIG It is invalid to disable remote storage",
    );
    check(
        "remote.storage.enable=true",
        "remote.storage.enable=false;remote.log.delete.on.disable=true",
        "remote.storage.enable=false;remote.log.delete.on.disable=true",
    );
    check(
        "",
        "leader.replication.throttled.replicas=0",
        "INVALID_CONFIG Invalid value [0] for configuration leader.",
    );
    let nameless = alter(ResourceKind::Topic, "", "", "retention.ms=5");
    assert_eq!(nameless, "INVALID_REQUEST Default topic resources are not allowed.");
}

#[test]
fn a_value_may_be_so_long() {
    let too_long = "INVALID_CONFIG The configuration value cannot be added because it exceeds the maximum value size of \
                    32767 bytes.";
    for (unit, count, expected) in
        [("0", 32_767, false), ("0", 32_768, true), ("é", 32_767, false), ("😀", 16_384, true)]
    {
        let text = format!("compression.type={}", unit.repeat(count));
        let result = alter(ResourceKind::Topic, "t", "", &text);
        assert_eq!(result == too_long, expected, "{count} of {unit}");
    }
}

#[test]
fn remote_topics() {
    let broker = config("remote.log.storage.system.enable=true").unwrap();
    for (own, expected) in [
        ("retention.ms=10;local.retention.ms=5", ""),
        ("retention.ms=10;local.retention.ms=-1", "local.retention.ms: Value must not be -1"),
        ("retention.ms=10;local.retention.ms=11", "must not be more than retention.ms property value: 10"),
        ("retention.bytes=10;local.retention.bytes=11", "must not be more than retention.bytes"),
        ("cleanup.policy=compact", "cleanup.policy=delete"),
        ("remote.log.copy.disable=true;retention.ms=10;local.retention.ms=5", "`local.retention.ms`"),
    ] {
        let own_keys = map(&format!("remote.storage.enable=true;{own}"));
        let result = creation(&broker, &own_keys).map_or_else(|e| e.to_string(), |()| String::new());
        assert!(result.contains(expected) && result.is_empty() == expected.is_empty(), "{own}: {result}");
    }
}

#[test]
fn groups() {
    let check =
        |current: &str, text: &str, expected: &str| check(ResourceKind::Group, current, text, expected);
    check("", "consumer.session.timeout.ms=50000", "consumer.session.timeout.ms=50000");
    check(
        "",
        "consumer.session.timeout.ms=10",
        "INVALID_CONFIG consumer.session.timeout.ms must be greater than or equal to",
    );
    check(
        "",
        "consumer.heartbeat.interval.ms=70000",
        "INVALID_CONFIG consumer.heartbeat.interval.ms must be less than or equal",
    );
    check(
        "",
        "share.record.lock.duration.ms=999",
        "INVALID_CONFIG Invalid value 999 for configuration share.record.lock",
    );
    check("", "foo=1", "INVALID_CONFIG Unknown group config name: foo");
    check("", "share.auto.offset.reset=by_duration:PT1M", "share.auto.offset.reset=by_duration:PT1M");
    check(
        "",
        "share.auto.offset.reset=never",
        "INVALID_CONFIG Invalid value never for configuration share.auto.offset.reset",
    );
}

#[test]
fn dead_letter_queues_of_groups() {
    let check =
        |current: &str, text: &str, expected: &str| check(ResourceKind::Group, current, text, expected);
    const DLQ: &str = "errors.deadletterqueue";
    let taken = format!("{DLQ}.copy.record.enable=true;{DLQ}.topic.name=dlq.orders");
    check("", &taken, &taken);
    let backoff = format!("klamm.{DLQ}.retry.backoff");
    let taken = format!("{backoff}.jitter=0.5;{backoff}.ms=100;{backoff}.multiplier=3");
    check("", &taken, &taken);
    for (text, reason) in [
        (format!("{DLQ}.topic.name=__share_group_state"), "topics that begin with __ are Kafka's own"),
        (format!("{DLQ}.topic.name=dlq/orders"), "no topic can have this name"),
        (
            format!("{backoff}.ms=60001"),
            "must be no more than klamm.errors.deadletterqueue.retry.backoff.max.ms, which is 60000",
        ),
        (format!("{backoff}.multiplier=0.5"), "must be at least 1"),
        (format!("{backoff}.jitter=2.5"), "must be no more than 1"),
        (format!("klamm.{DLQ}.circuit.breaker.records=-1"), "must be at least 0"),
        (format!("klamm.{DLQ}.circuit.breaker.window.ms=1"), "must be at least 10"),
    ] {
        let (key, value) = text.split_once('=').unwrap();
        let answer = alter(ResourceKind::Group, "1", "", &text);
        let told = format!("INVALID_CONFIG Invalid value {value} for configuration {key}: ");
        assert!(answer.starts_with(&told) && answer.contains(reason), "{text}: {answer}");
    }
    // The greatest waiting may not be lowered below the first either.
    let lowered =
        alter(ResourceKind::Group, "1", &format!("{backoff}.ms=100"), &format!("{backoff}.max.ms=50"));
    assert!(lowered.starts_with("INVALID_CONFIG Invalid value 100"), "{lowered}");
}

#[test]
fn client_metrics() {
    let check = |current: &str, text: &str, expected: &str| {
        check(ResourceKind::ClientMetrics, current, text, expected)
    };
    check("", "metrics=a,b;interval.ms=1000", "metrics=a,b;interval.ms=1000");
    check(
        "",
        "interval.ms=99",
        "INVALID_REQUEST Invalid value 99 for interval.ms, interval must be between 100 and 3600000",
    );
    check("", "foo=1", "INVALID_REQUEST Unknown client metrics configuration: foo");
    check(
        "metrics=a",
        "metrics+=b",
        "INVALID_CONFIG Can't APPEND to key metrics because its type is not LIST.",
    );
    check("", "match=client_id=a.*", "match=client_id=a.*");
    for bad in ["client_id", "client_id=", "x=y", "client_id=(a", "client_id=a=b"] {
        check("", &format!("match={bad}"), "INVALID_CONFIG Illegal client matching pattern: ");
    }
}

#[test]
fn brokers_at_the_controller() {
    let check =
        |current: &str, text: &str, expected: &str| check(ResourceKind::Broker, current, text, expected);
    // The same value once more makes a broker load its files again.
    check("num.io.threads=4", "num.io.threads=4", "num.io.threads=4");
    let name = |name: &str| alter(ResourceKind::Broker, name, "", "num.io.threads=4");
    assert_eq!(name(""), "num.io.threads=4");
    assert!(name("x").starts_with("INVALID_REQUEST"));
    assert!(name("-1").starts_with("INVALID_REQUEST"));
    let current = map("cordoned.log.dirs=/a");
    let target = Target { kind: ResourceKind::Broker, name: "1", current: &current };
    let decide =
        |cluster, text: &str| incremental(&config("").unwrap(), cluster, target, &alterations(text)).is_ok();
    assert!(decide(CLUSTER, "cordoned.log.dirs=/a,/b"));
    assert!(!decide(Cluster { forwarded: false, ..CLUSTER }, "cordoned.log.dirs=/a,/b"));
    assert!(decide(Cluster { forwarded: false, ..CLUSTER }, "cordoned.log.dirs="));
    assert!(!decide(Cluster { cordoning_supported: false, ..CLUSTER }, "-cordoned.log.dirs"));
    assert!(!decide(Cluster { elr_enabled: true, ..CLUSTER }, "min.insync.replicas=2"));
}

#[test]
fn replacing_deletes_what_is_not_named() {
    let current = map("retention.ms=5;flush.ms=6");
    let target = Target { kind: ResourceKind::Topic, name: "t", current: &current };
    let changes = replacing(&config("").unwrap(), CLUSTER, target, &map("flush.ms=7")).unwrap();
    assert_eq!(changes, [("flush.ms".to_owned(), Some("7".to_owned())), ("retention.ms".to_owned(), None)]);
}

#[test]
fn brokers_at_the_broker() {
    let broker = config("").unwrap();
    for (new, own, expected) in [
        ("num.io.threads=9", true, ""),
        ("num.io.threads=9", false, ""),
        ("num.io.threads=17", false, "at most double the current value 8"),
        ("num.io.threads=3", false, "at least half"),
        (
            "num.io.threads=0",
            false,
            "Invalid value 0 for configuration num.io.threads: Value must be at least 1",
        ),
        ("num.partitions=3", true, "Cannot update these configs dynamically: [num.partitions]"),
        (
            "ssl.keystore.location=/x",
            true,
            "only per-listener using the listener prefix: [ssl.keystore.location]",
        ),
        ("listener.name.a.ssl.keystore.location=/x", true, ""),
        ("listener.name.a.ssl.keystore.location=/x", false, "broker id must be specified"),
        ("listener.name.a.max.connections=5", false, ""),
        ("listeners=PLAINTEXT://localhost:9092,CONTROLLER://:9093", false, "at default cluster level"),
        ("log.retention.ms=10\nlog.local.retention.ms=11", false, "must not be more than log.retention.ms"),
        ("some.plugin.key=1", true, ""),
        ("leader.replication.throttled.rate=5", true, ""),
        ("leader.replication.throttled.rate=-5", true, "must be at least 0"),
        ("cordoned.log.dirs=/a", true, ""),
        ("cordoned.log.dirs=/c", true, "Missing entries : /c"),
    ] {
        let result = broker::check(&broker, &map(new), own).map_or_else(|e| e.to_string(), |_| String::new());
        assert!(result.contains(expected) && result.is_empty() == expected.is_empty(), "{new}: {result}");
    }
    let applied =
        broker::apply(&map("log.cleanup.policy=delete"), &alterations("log.cleanup.policy+=compact"));
    assert_eq!(applied, Ok(map("log.cleanup.policy=delete,compact")));
    assert!(broker::apply(&map(""), &alterations("num.io.threads+=1")).is_err());
}
