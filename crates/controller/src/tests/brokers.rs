use super::world::World;
use crate::*;
use klamm_metadata::features::MetadataVersion;
use klamm_protocol::api::allocate_producer_ids::AllocateProducerIdsRequest;
use klamm_protocol::api::controller_registration::ControllerRegistrationRequest;
use klamm_protocol::api::update_features::{FeatureUpdateKey, UpdateFeaturesRequest};
use klamm_protocol::metadata::MetadataRecord;
use klamm_protocol::{ErrorCode, Uuid};
use std::time::Duration;

#[test]
fn a_broker_is_unfenced_once_it_has_read_its_registration() {
    let mut world = World::new(MetadataVersion::V4_3_IV0, &[]);
    let epoch = world.register(0, 1, -1).expect("registers");
    let reply = world.heartbeat(0, |request| request.current_metadata_offset = epoch - 1).expect("known");
    assert!(reply.is_fenced && !reply.is_caught_up);
    let reply = world.heartbeat(0, |request| request.want_fence = true).expect("known");
    assert!(reply.is_fenced && reply.is_caught_up);
    let reply = world.heartbeat(0, |_| {}).expect("known");
    assert!(!reply.is_fenced);
    let stale = world.heartbeat(0, |request| request.broker_epoch = epoch - 1).expect_err("another epoch");
    assert_eq!(stale.code, ErrorCode::StaleBrokerEpoch);
    assert_eq!(world.heartbeat(5, |_| {}).expect_err("unknown").code, ErrorCode::StaleBrokerEpoch);
}

#[test]
fn a_second_process_waits_until_the_first_ones_session_is_over() {
    let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, 1);
    let first = world.image.cluster.brokers.get(&0).expect("registered").epoch;
    assert_eq!(world.register(0, 1, -1), Ok(first), "the same process keeps its epoch");
    assert!(!world.image.cluster.brokers.get(&0).expect("registered").fenced);
    let refused = world.register(0, 2, -1).expect_err("a session is open");
    assert_eq!(refused.code, ErrorCode::DuplicateBrokerRegistration);
    world.now += Duration::from_secs(9);
    let second = world.register(0, 2, -1).expect("the session is over");
    assert!(second > first);
    assert!(world.image.cluster.brokers.get(&0).expect("registered").fenced);
}

#[test]
fn who_may_take_over_an_id() {
    // What the first process did last, and whether a second one may register a second later.
    type Act = fn(&mut World);
    let cases: [(&str, Act, bool); 4] = [
        ("registered and was not heard of again", |_| {}, true),
        ("is starting", |world| drop(world.heartbeat(0, |request| request.want_fence = true)), false),
        ("serves", |world| drop(world.heartbeat(0, |_| {})), false),
        ("has said goodbye", |world| drop(world.heartbeat(0, |request| request.want_shut_down = true)), true),
    ];
    for (what, act, expect) in cases {
        let mut world = World::new(MetadataVersion::V4_3_IV0, &[]);
        world.register(0, 1, -1).expect("registers");
        act(&mut world);
        world.now += Duration::from_secs(1);
        assert_eq!(world.register(0, 2, -1).is_ok(), expect, "the first process {what}");
    }
}

#[test]
fn a_nodes_own_broker_does_not_wait_for_its_predecessor() {
    let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, 2);
    world.heartbeats = Heartbeats::activate(&world.image, world.now, Duration::from_secs(9));
    world.heartbeats.release(0);
    assert!(world.register(0, 2, -1).is_ok());
    assert!(world.register(1, 2, -1).is_err());
}

#[test]
fn another_run_of_a_nodes_controller_says_that_its_broker_is_gone_unless_that_was_heard_of() {
    // The run of the controller that registers, whether the first process is heard of, and whether a second one may come.
    for (incarnation, is_heard, expect) in [(2, false, true), (1, false, false), (2, true, false)] {
        let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, 2);
        let run = |incarnation| ControllerRegistrationRequest {
            controller_id: 0,
            incarnation_id: Uuid::from_u128(incarnation),
            ..Default::default()
        };
        world.register_controller(&run(1));
        world.heartbeats = Heartbeats::activate(&world.image, world.now, Duration::from_secs(9));
        if is_heard {
            world.heartbeat(0, |_| {}).expect("known");
        }
        world.register_controller(&run(incarnation));
        let case = format!("run {incarnation}, heard: {is_heard}");
        assert_eq!(world.register(0, 2, -1).is_ok(), expect, "{case}");
        assert!(world.register(1, 2, -1).is_err(), "the broker of another node: {case}");
    }
}

#[test]
fn a_silent_broker_loses_its_leaderships() {
    let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, 2);
    world.create_on("t", &[&[0, 1]]);
    world.create_on("u", &[&[0]]);
    world.now += Duration::from_secs(8);
    world.heartbeat(1, |_| {}).expect("known");
    assert_eq!(world.heartbeats.next_deadline(), Some(Duration::from_secs(9)));
    world.now += Duration::from_secs(1);
    for expect in [Some(0), None] {
        let context =
            Context { image: &world.image, index: &world.index, config: &world.config, forwarded: false };
        let outcome = brokers::fence_expired(&context, &mut world.heartbeats, world.now);
        assert_eq!(world.run(outcome), expect);
    }
    assert_eq!(world.state("t", 0), (1, vec![1], vec![]));
    assert_eq!(world.state("u", 0), (-1, vec![], vec![0]), "the only replica stays eligible");
    world.heartbeat(0, |_| {}).expect("known");
    assert_eq!(world.state("u", 0), (0, vec![0], vec![]), "and leads again when it is back");
    assert_eq!(world.state("t", 0), (1, vec![1], vec![]));
}

#[test]
fn a_broker_whose_process_is_gone_is_not_waited_for() {
    let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, 2);
    world.create_on("t", &[&[0, 1]]);
    world.now += Duration::from_secs(1);
    let since = world.now;
    assert!(world.heartbeats.silent_epoch(0, since).is_some());
    let context =
        Context { image: &world.image, index: &world.index, config: &world.config, forwarded: false };
    let outcome = brokers::fence_departed(&context, &mut world.heartbeats, 0);
    world.run(outcome);
    assert_eq!(world.state("t", 0), (1, vec![1], vec![]));
    assert_eq!(world.heartbeats.silent_epoch(0, since), None, "it is fenced");
    world.register(0, 2, -1).expect("its session is over");
    // One that was heard of after its connection was lost is alive.
    world.now += Duration::from_secs(1);
    world.heartbeat(1, |_| {}).expect("known");
    assert_eq!(world.heartbeats.silent_epoch(1, since), None);
}

#[test]
fn an_unclean_restart_costs_eligibility() {
    for (clean, expect) in [(true, vec![0]), (false, vec![])] {
        let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, 1);
        world.create_on("t", &[&[0]]);
        let epoch = world.image.cluster.brokers.get(&0).expect("registered").epoch;
        world.now += Duration::from_secs(10);
        world.register(0, 2, if clean { epoch } else { -1 }).expect("the session is over");
        assert_eq!(world.state("t", 0).2, expect, "clean: {clean}");
    }
}

#[test]
fn a_broker_that_goes_waits_until_the_others_know_the_new_leaders() {
    let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, 2);
    world.create_on("t", &[&[0, 1]]);
    let behind = world.end_offset - 1;
    world.heartbeat(1, |_| {}).expect("known");
    let reply = world.heartbeat(0, |request| request.want_shut_down = true).expect("known");
    assert!(!reply.should_shut_down && !reply.is_fenced);
    assert_eq!(world.state("t", 0), (1, vec![1], vec![]));
    world.heartbeat(1, |request| request.current_metadata_offset = behind).expect("known");
    let reply = world.heartbeat(0, |request| request.want_shut_down = true).expect("known");
    assert!(!reply.should_shut_down);
    world.heartbeat(1, |_| {}).expect("known");
    let reply = world.heartbeat(0, |request| request.want_shut_down = true).expect("known");
    assert!(reply.should_shut_down && reply.is_fenced);
}

#[test]
fn a_shutdown_that_an_earlier_controller_began_goes_on() {
    let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, 2);
    world.create_on("t", &[&[0, 1]]);
    // All that the earlier controller got into the log; of the leaderships nothing.
    let broker_epoch = world.image.cluster.brokers.get(&0).expect("registered").epoch;
    let begun = klamm_protocol::metadata::BrokerRegistrationChangeRecord {
        broker_id: 0,
        broker_epoch,
        in_controlled_shutdown: 1,
        ..Default::default()
    };
    world.apply(&[begun.into()]);
    world.heartbeats = Heartbeats::activate(&world.image, world.now, Duration::from_secs(9));
    let reply = world.heartbeat(0, |request| request.want_shut_down = true).expect("known");
    assert!(!reply.should_shut_down && !reply.is_fenced);
    assert_eq!(world.state("t", 0), (1, vec![1], vec![]));
    assert!(
        matches!(world.log.last(), Some(MetadataRecord::PartitionChange(_))),
        "the mark is not set twice"
    );
}

#[test]
fn a_broker_that_has_not_read_its_registration_to_the_end_stays_fenced() {
    let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, 1);
    world.create_on("t", &[&[0]]);
    world.now += Duration::from_secs(10);
    let epoch = world.register(0, 2, -1).expect("the session is over");
    // The registration comes after the record that takes the broker out of the ISR.
    assert_eq!(world.end_offset, epoch + 2);
    let reply = world.heartbeat(0, |request| request.current_metadata_offset = epoch).expect("known");
    assert!(reply.is_fenced && !reply.is_caught_up);
    let reply = world.heartbeat(0, |request| request.current_metadata_offset = epoch + 1).expect("known");
    assert!(!reply.is_fenced && reply.is_caught_up);
}

#[test]
fn a_broker_has_to_know_the_kraft_version() {
    for (kraft_version, expect) in [(0, Ok(())), (1, Err(ErrorCode::UnsupportedVersion))] {
        let mut world = World::new(MetadataVersion::V3_9_IV0, &[]);
        let context =
            Context { image: &world.image, index: &world.index, config: &world.config, forwarded: false };
        let version = klamm_protocol::api::broker_registration::Feature {
            name: "metadata.version".into(),
            min_supported_version: 7,
            max_supported_version: 30,
            ..Default::default()
        };
        let request = klamm_protocol::api::broker_registration::BrokerRegistrationRequest {
            cluster_id: "cluster".into(),
            log_dirs: vec![super::world::log_dir(0)],
            features: vec![version],
            ..Default::default()
        };
        let claim = brokers::Claim { cluster_id: "cluster", kraft_version, end_offset: 9 };
        let outcome = brokers::register(&context, &mut world.heartbeats, world.now, claim, &request);
        assert_eq!(outcome.map(drop).map_err(|error| error.code), expect, "{kraft_version}");
    }
}

#[test]
fn registrations_are_checked() {
    let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, 1);
    let context =
        Context { image: &world.image, index: &world.index, config: &world.config, forwarded: false };
    let request = klamm_protocol::api::broker_registration::BrokerRegistrationRequest {
        broker_id: 1,
        cluster_id: "other".into(),
        ..Default::default()
    };
    let claim = brokers::Claim { cluster_id: "cluster", kraft_version: 1, end_offset: 9 };
    let refused = brokers::register(&context, &mut world.heartbeats, world.now, claim, &request);
    assert_eq!(refused.expect_err("of another cluster").code, ErrorCode::InconsistentClusterId);
}

#[test]
fn producer_ids_come_in_blocks() {
    let mut world = World::with_brokers(MetadataVersion::V4_3_IV0, 1);
    let broker_epoch = world.image.cluster.brokers.get(&0).expect("registered").epoch;
    let request = AllocateProducerIdsRequest { broker_id: 0, broker_epoch, ..Default::default() };
    for start in [0, 1000, 2000] {
        let outcome = producer_ids::allocate(&world.context(), &request).expect("known");
        let response = world.run(outcome);
        assert_eq!((response.producer_id_start, response.producer_id_len), (start, 1000));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn features_move_within_what_all_nodes_support() {
    let mut world = World::with_brokers(MetadataVersion::V4_2_IV1, 1);
    world.image.cluster.controllers.insert_mut(
        3000,
        klamm_metadata::image::Controller {
            id: 3000,
            incarnation_id: Uuid::ZERO,
            zk_migration_ready: false,
            listeners: Vec::new(),
            features: Default::default(),
        },
    );
    for (feature, level, upgrade_type, expect) in [
        (
            "group.version",
            0,
            1,
            Some(
                "Invalid update version 0 for feature group.version. Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
            ),
        ),
        ("group.version", 0, 2, None),
        (
            "group.version",
            1,
            2,
            Some("Invalid update version 1 for feature group.version. Can't downgrade to a newer version."),
        ),
        ("group.version", 1, 1, None),
        (
            "group.version",
            2,
            1,
            Some(
                "Invalid update version 2 for feature group.version. Local controller 3000 only supports versions 0-1",
            ),
        ),
        (
            "nonsense",
            0,
            2,
            Some("Invalid update version 0 for feature nonsense. Feature nonsense not found."),
        ),
        (
            "nonsense",
            1,
            1,
            Some(
                "Invalid update version 1 for feature nonsense. Local controller 3000 does not support this feature.",
            ),
        ),
        (
            "metadata.version",
            31,
            1,
            Some(
                "Invalid update version 31 for feature metadata.version. Local controller 3000 only supports versions 7-30",
            ),
        ),
        ("metadata.version", 30, 1, None),
        (
            "metadata.version",
            29,
            2,
            Some(
                "Unsupported metadata.version downgrade from 30 to 29. Refusing to perform the requested downgrade because it might delete metadata information.",
            ),
        ),
        (
            "metadata.version",
            29,
            3,
            Some(
                "Unsupported metadata.version downgrade from 30 to 29. Unsafe metadata downgrade is not supported in this version.",
            ),
        ),
        (
            "kraft.version",
            0,
            2,
            Some(
                "Invalid update version 0 for feature kraft.version. Can't downgrade the version of this feature.",
            ),
        ),
    ] {
        let request = UpdateFeaturesRequest {
            feature_updates: vec![FeatureUpdateKey {
                feature: feature.into(),
                max_version_level: level,
                upgrade_type,
                ..Default::default()
            }],
            ..Default::default()
        };
        let outcome = features::update_features(
            &world.context(),
            &request,
            2,
            &features::Quorum { kraft_version: 1, ids: vec![3000], upgrade: Ok(()) },
        );
        let response = world.run(outcome);
        let prefix = "The update failed for all features since the following feature had an error: ";
        let why =
            response.error_message.as_deref().map(|text| text.strip_prefix(prefix).expect("Kafka's prefix"));
        assert_eq!(why, expect, "{feature} {level}");
    }
    assert_eq!(world.image.features.metadata_version, Some(MetadataVersion::V4_3_IV0));
    let update =
        FeatureUpdateKey { feature: "kraft.version".into(), max_version_level: 1, ..Default::default() };
    let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
    let quorum = features::Quorum { kraft_version: 0, ids: vec![3000], upgrade: Err("raft says no".into()) };
    let response = features::update_features(&world.context(), &request, 2, &quorum).response;
    assert!(response.error_message.is_some_and(|message| message.ends_with("had an error: raft says no")));
}
