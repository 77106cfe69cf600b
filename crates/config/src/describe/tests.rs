use super::*;
use crate::broker_config::tests::config;

fn map(keys: &[(&str, &str)]) -> BTreeMap<String, String> {
    keys.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// `value source: synonym=value@source ...`
fn shown(all: &[Described], name: &str) -> String {
    let Some(one) = all.iter().find(|d| d.name == name) else { return "absent".to_owned() };
    let text = |v: &Option<String>| v.clone().unwrap_or_else(|| "null".to_owned());
    let synonyms = one.synonyms.iter().map(|s| format!(" {}={}@{}", s.name, text(&s.value), s.source.code()));
    format!("{} {}:{}", text(&one.value), one.source.code(), synonyms.collect::<String>())
}

#[test]
fn topics() {
    let broker = config("log.retention.hours=1\nlog.segment.bytes=2000000").unwrap();
    let broker = broker.altered(&map(&[("log.segment.bytes", "3000000")]), &map(&[])).unwrap();
    let all = topic(&broker, &map(&[("cleanup.policy", "compact,delete"), ("retention.bytes", "5")]));
    for (name, expected) in [
        ("cleanup.policy", "compact,delete 1: cleanup.policy=compact,delete@1 log.cleanup.policy=delete@5"),
        ("retention.bytes", "5 1: retention.bytes=5@1 log.retention.bytes=-1@5"),
        (
            "segment.bytes",
            "3000000 3: log.segment.bytes=3000000@3 log.segment.bytes=2000000@4 log.segment.bytes=1073741824@5",
        ),
        // Set through another unit, hence without synonyms.
        ("retention.ms", "3600000 5:"),
        ("remote.storage.enable", "false 5:"),
        ("internal.segment.bytes", "absent"),
        ("max.message.bytes", "1048588 5: message.max.bytes=1048588@5"),
    ] {
        assert_eq!(shown(&all, name), expected, "{name}");
    }
    assert_eq!(all.len(), 33);
    let all = topic(&broker, &map(&[("errors.deadletterqueue.group.enable", "true")]));
    assert_eq!(
        shown(&all, "errors.deadletterqueue.group.enable"),
        "true 1: errors.deadletterqueue.group.enable=true@1"
    );
    assert_eq!(all.len(), 34, "a key that Kafka 4.3 does not have is listed only where it is set");
    let all = topic(&broker, &map(&[("internal.segment.bytes", "7"), ("gone", "x")]));
    assert_eq!(shown(&all, "internal.segment.bytes"), "7 1: internal.segment.bytes=7@1");
    assert_eq!(shown(&all, "gone"), "null 1: gone=null@1");
}

#[test]
fn brokers() {
    let broker = config("num.io.threads=3\nlog.retention.minutes=5\nssl.key.password=x\nfoo=bar\nlistener.name.plaintext.max.connections=9")
        .unwrap();
    let defaults = map(&[("num.io.threads", "4"), ("leader.replication.throttled.rate", "7")]);
    let broker = broker.altered(&defaults, &map(&[("num.io.threads", "5")])).unwrap();
    let all = super::broker(&broker);
    for (name, expected) in [
        (
            "num.io.threads",
            "5 2: num.io.threads=5@2 num.io.threads=4@3 num.io.threads=3@4 num.io.threads=8@5",
        ),
        ("log.retention.ms", "null 5:"),
        ("log.retention.minutes", "5 4: log.retention.minutes=5@4 log.retention.hours=168@5"),
        ("log.retention.hours", "168 5: log.retention.hours=168@5"),
        ("ssl.key.password", "null 4: ssl.key.password=null@4"),
        ("foo", "null 4: foo=null@4"),
        (
            "listener.name.plaintext.max.connections",
            "9 4: listener.name.plaintext.max.connections=9@4 max.connections=2147483647@5",
        ),
        ("broker.id", "1 4: broker.id=1@4 broker.id=-1@5"),
        ("unstable.api.versions.enable", "absent"),
        ("leader.replication.throttled.rate", "7 3: leader.replication.throttled.rate=7@3"),
        ("follower.replication.throttled.rate", "absent"),
    ] {
        assert_eq!(shown(&all, name), expected, "{name}");
    }
    let read_only = |name: &str| all.iter().find(|d| d.name == name).map(|d| d.read_only);
    assert_eq!(read_only("num.io.threads"), Some(false));
    assert_eq!(read_only("node.id"), Some(true));
    assert_eq!(read_only("foo"), Some(true));
    let defaults = broker_defaults(&broker);
    assert_eq!(defaults.len(), 2);
    assert_eq!(shown(&defaults, "num.io.threads"), "4 3: num.io.threads=4@3");
}

#[test]
fn groups_and_client_metrics() {
    let broker = config("").unwrap();
    let all = group(&broker, &map(&[("consumer.session.timeout.ms", "50000")]));
    let expected = "50000 8: consumer.session.timeout.ms=50000@8 group.consumer.session.timeout.ms=45000@5";
    assert_eq!(shown(&all, "consumer.session.timeout.ms"), expected);
    assert_eq!(shown(&all, "share.auto.offset.reset"), "latest 5: share.auto.offset.reset=latest@5");
    // Clients of Kafka 4.3 do not know the keys of dead-letter queues.
    let own = map(&[("klamm.errors.deadletterqueue.retry.backoff.ms", "5")]);
    let all = group(&broker, &own);
    let beyond: Vec<&str> =
        all.iter().map(|key| &*key.name).filter(|name| name.contains("deadletter")).collect();
    assert_eq!(beyond, ["klamm.errors.deadletterqueue.retry.backoff.ms"]);
    let all = client_metrics(&map(&[("metrics", "a,b")]));
    assert_eq!(shown(&all, "metrics"), "a,b 7: metrics=a,b@7");
    assert_eq!(shown(&all, "interval.ms"), "300000 5:");
}

#[test]
fn created_topics() {
    let file = map(&[("log.retention.hours", "2")]);
    let all =
        created_topic(&file, &map(&[("log.segment.bytes", "9")]), &map(&[]), &map(&[("flush.ms", "3")]));
    assert_eq!(shown(&all, "retention.ms"), "7200000 4:");
    assert_eq!(shown(&all, "segment.bytes"), "9 3:");
    assert_eq!(shown(&all, "flush.ms"), "3 1:");
    assert_eq!(shown(&all, "segment.ms"), "604800000 5:");
}
