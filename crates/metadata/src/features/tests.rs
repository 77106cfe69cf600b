use super::{Feature, MetadataVersion};

#[test]
fn a_release_means_its_highest_released_level() {
    for (text, unstable, expect) in [
        ("3.3-IV3", false, Ok(7)),
        ("4.3", false, Ok(30)),
        ("4.3.1", false, Ok(30)),
        ("3.7", false, Ok(19)),
        ("4.4-IV0", true, Ok(31)),
        ("4.4-IV0", false, Err(())),
        ("4.4", true, Err(())),
        ("2.8", true, Err(())),
        ("", false, Err(())),
    ] {
        let parsed = MetadataVersion::parse(text, unstable).map(MetadataVersion::level);
        assert_eq!(parsed.map_err(|_| ()), expect, "{text}");
    }
    let message = MetadataVersion::parse("4.4-IV0", false).expect_err("not released");
    assert!(
        message.starts_with(
            "Unknown metadata.version '4.4-IV0'. Supported metadata.version are: 3.3-IV3, 3.4-IV0"
        )
    );
    assert!(message.ends_with("4.2-IV1, 4.3-IV0"), "{message}");
}

#[test]
fn levels_and_names_go_together() {
    for version in MetadataVersion::all() {
        assert_eq!(MetadataVersion::from_level(version.level()), Some(version));
        assert_eq!(MetadataVersion::parse(version.name(), true), Ok(version));
        assert!(version.name().starts_with(version.release()));
    }
    assert_eq!(MetadataVersion::from_level(6), None);
    assert_eq!(MetadataVersion::from_level(32), None);
}

#[test]
fn a_downgrade_across_a_change_of_records_may_lose_metadata() {
    for (from, to, expect) in [
        (MetadataVersion::V4_2_IV1, MetadataVersion::V4_0_IV1, false),
        (MetadataVersion::V4_3_IV0, MetadataVersion::V4_2_IV1, true),
        (MetadataVersion::V4_4_IV0, MetadataVersion::V4_3_IV0, false),
        (MetadataVersion::V3_6_IV0, MetadataVersion::V3_6_IV1, true),
    ] {
        assert_eq!(from.records_differ(to), expect, "{from} {to}");
        assert_eq!(to.records_differ(from), expect, "{to} {from}");
    }
}

#[test]
fn default_levels_follow_the_metadata_version() {
    for (version, expect) in [
        (MetadataVersion::V3_3_IV3, [0, 0, 0, 0, 0, 0]),
        (MetadataVersion::V3_9_IV0, [1, 0, 0, 0, 0, 0]),
        (MetadataVersion::V4_0_IV3, [1, 2, 1, 0, 0, 0]),
        (MetadataVersion::V4_1_IV1, [1, 2, 1, 1, 0, 0]),
        (MetadataVersion::V4_3_IV0, [1, 2, 1, 1, 1, 1]),
    ] {
        assert_eq!(Feature::ALL.map(|feature| feature.default_level(version)), expect, "{version}");
    }
}

#[test]
fn a_level_needs_its_dependencies() {
    let at = |level| move |name: &str| (name == MetadataVersion::FEATURE_NAME).then_some(level);
    assert_eq!(Feature::EligibleLeaderReplicas.validate_level(1, at(23)), Ok(()));
    assert_eq!(
        Feature::EligibleLeaderReplicas.validate_level(1, at(22)),
        Err("eligible.leader.replicas.version could not be set to 1 because it depends on metadata.version level 23"
            .to_owned())
    );
    assert_eq!(
        Feature::Group.validate_level(1, |_| None),
        Err("group.version could not be set to 1 because it depends on metadata.version=7 (3.3-IV3)"
            .to_owned())
    );
}
