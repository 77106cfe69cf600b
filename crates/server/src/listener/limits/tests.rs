use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
};

use super::*;

const NOW: Duration = Duration::from_secs(5);

fn config(more: &str) -> BrokerConfig {
    let text = "process.roles=broker,controller\nnode.id=1\n\
        listeners=PLAINTEXT://localhost:9092,BROKERS://localhost:9094,CONTROLLER://:9093\n\
        listener.security.protocol.map=PLAINTEXT:PLAINTEXT,BROKERS:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
        inter.broker.listener.name=BROKERS\n\
        controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@localhost:9093\n";
    BrokerConfig::from_properties(&klamm_config::properties::parse(&format!("{text}{more}")).unwrap())
        .unwrap()
}

fn limits(more: &str) -> Arc<ConnectionLimits> {
    let config = config(more);
    ConnectionLimits::of(&config, config.broker_listeners(), 100)
}

fn clients() -> ListenerName {
    ListenerName::new("PLAINTEXT")
}

fn brokers() -> ListenerName {
    ListenerName::new("BROKERS")
}

fn ip(last: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, last])
}

fn admit(limits: &Arc<ConnectionLimits>, listener: &ListenerName) -> Permit {
    limits.admit(listener, ip(1), NOW).unwrap()
}

fn is_ready(future: impl Future) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn limits_follow_the_config() {
    let config_2 = config("max.connections.per.ip=1");
    let limits = ConnectionLimits::of(&config_2, config_2.broker_listeners(), 2);
    let first = admit(&limits, &clients());
    assert!(limits.admit(&clients(), ip(1), NOW).is_err());
    limits.apply(&config("max.connections.per.ip=1\nmax.connections.per.ip.overrides=localhost:2"));
    assert!(is_ready(limits.room(&clients())));
    let second = admit(&limits, &clients());
    // No more than there are files, although the config knows no bound.
    assert!(!is_ready(limits.room(&clients())));
    // A broker takes a client's place, as long as there are files until that one has gone.
    assert!(is_ready(limits.room(&brokers())));
    let _broker = limits.admit(&brokers(), ip(2), NOW).unwrap();
    assert!(!is_ready(limits.room(&brokers())));
    let evicted = [is_ready(first.evicted()), is_ready(second.evicted())];
    assert_eq!(evicted.iter().filter(|is_evicted| **is_evicted).count(), 1);
    drop(second);
    drop(first);
    assert!(is_ready(limits.room(&clients())));
}

#[test]
fn a_listener_has_limits_of_its_own_and_else_the_brokers() {
    let limits = limits("max.connections=3\nlistener.name.plaintext.max.connections=1");
    let one = admit(&limits, &clients());
    assert!(!is_ready(limits.room(&clients())));
    assert!(is_ready(limits.room(&brokers())));
    drop(one);
    assert!(is_ready(limits.room(&clients())));
    let _brokers: Vec<_> = (0..3).map(|_| admit(&limits, &brokers())).collect();
    assert!(!is_ready(limits.room(&brokers())), "max.connections holds for a listener without a limit");
    assert!(!is_ready(limits.room(&clients())), "and for all of them together");
    limits.apply(&config("max.connections=4"));
    assert!(is_ready(limits.room(&brokers())));
    assert!(is_ready(limits.room(&clients())));
}

#[test]
fn a_broker_takes_the_place_of_the_client_that_was_silent_longest() {
    let limits = limits("max.connections=2");
    let (first, second) = (admit(&limits, &clients()), admit(&limits, &clients()));
    assert!(!is_ready(limits.room(&clients())));
    assert!(is_ready(limits.room(&brokers())));
    first.touch(Instant::from_start(NOW + Duration::from_secs(1)));
    let broker = admit(&limits, &brokers());
    assert!(is_ready(second.evicted()));
    assert!(!is_ready(first.evicted()));
    drop(second);
    assert!(!is_ready(limits.room(&clients())), "its place is taken");
    let _other = admit(&limits, &brokers());
    assert!(is_ready(first.evicted()));
    assert!(!is_ready(broker.evicted()), "brokers stay");
    drop(first);
    assert_eq!(limits.open(), 2);
    assert!(!is_ready(limits.room(&brokers())), "the limit of their own");
}

#[test]
fn connections_go_when_fewer_may_be_open() {
    let limits = limits("max.connections=5");
    let open: Vec<_> = (0..4).map(|_| admit(&limits, &clients())).collect();
    limits.apply(&config("max.connections=3"));
    assert_eq!(open.iter().filter(|permit| is_ready(permit.evicted())).count(), 1);
    limits.apply(&config("max.connections=2"));
    assert_eq!(open.iter().filter(|permit| is_ready(permit.evicted())).count(), 1, "one more");
}

#[test]
fn a_crowd_is_slowed_down_and_an_address_over_its_quota_refused() {
    let ms = Duration::from_millis;
    let window = "quota.window.num=2\nquota.window.size.seconds=1\nmax.connection.creation.rate=3\n";
    let limits = limits(&format!("{window}listener.name.brokers.max.connection.creation.rate=100"));
    limits.lock().creation.limit_addresses(None, BTreeMap::from([(ip(9), 1.0)]));
    let wait = |last, listener: ListenerName| limits.count_new(&listener, ip(last), ms(5000));
    assert_eq!(wait(9, clients()), Ok(ms(0)));
    for _ in 0..5 {
        assert_eq!(wait(9, clients()), Err(ms(1000)), "one a second");
        assert_eq!(wait(8, brokers()), Ok(ms(0)), "the brokers' own");
    }
    assert_eq!(wait(8, clients()), Ok(ms(0)), "what was refused does not count for others");
    assert_eq!(wait(8, clients()), Ok(ms(0)));
    assert!(wait(8, clients()).is_ok_and(|wait| wait > ms(300)));
    assert_eq!(limits.count_new(&clients(), ip(9), ms(7500)), Ok(ms(0)));
    // The brokers' listener has a limit of its own too.
    limits.apply(&config(window));
    assert!((0..9).any(|_| wait(8, brokers()).is_ok_and(|wait| wait > ms(300))));
}

#[test]
fn an_address_gets_its_share_and_gets_it_back() {
    let mapped = |last| IpAddr::from([0, 0, 0, 0, 0, 0xFFFF, 0x7F00, last]);
    let limits = limits("max.connections.per.ip=2\nmax.connections.per.ip.overrides=127.0.0.9:0,127.0.0.8:3");
    let admit = |ip| limits.admit(&clients(), ip, NOW);
    assert_eq!(admit(ip(9)).unwrap_err(), TooManyFromAddress { max: 0 });
    let first = admit(ip(1)).unwrap();
    let _second = admit(ip(1)).unwrap();
    assert_eq!(admit(ip(1)).unwrap_err(), TooManyFromAddress { max: 2 });
    assert_eq!(admit(mapped(1)).unwrap_err(), TooManyFromAddress { max: 2 });
    let _other: Vec<_> = (0..3).map(|_| admit(ip(8)).unwrap()).collect();
    drop(first);
    assert!(admit(ip(1)).is_ok());
    assert_eq!(limits.open(), 4);
}
