//! `metadata.version`: which metadata records may be written, and with which of their versions.

use std::fmt;

/// One level of the feature `metadata.version`, from 3.3-IV3 (level 7) to 4.4-IV0 (level 31).
///
/// Ordered by level. Compare with the constants: `version >= MetadataVersion::V3_6_IV1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataVersion(i16);

/// One row of the table of levels.
struct Level {
    level: i16,
    name: &'static str,
    release: &'static str,
    /// Whether a record type or a record version came with it. Between two levels without such a change a downgrade
    /// loses nothing.
    changes_records: bool,
}

const fn row(level: i16, name: &'static str, release: &'static str, changes_records: bool) -> Level {
    Level { level, name, release, changes_records }
}

/// Every level that Kafka 4.3 knows, lowest first, without gaps.
const LEVELS: [Level; 25] = [
    row(7, "3.3-IV3", "3.3", true),
    row(8, "3.4-IV0", "3.4", true),
    row(9, "3.5-IV0", "3.5", false),
    row(10, "3.5-IV1", "3.5", false),
    row(11, "3.5-IV2", "3.5", true),
    row(12, "3.6-IV0", "3.6", false),
    row(13, "3.6-IV1", "3.6", true),
    row(14, "3.6-IV2", "3.6", true),
    row(15, "3.7-IV0", "3.7", true),
    row(16, "3.7-IV1", "3.7", false),
    row(17, "3.7-IV2", "3.7", true),
    row(18, "3.7-IV3", "3.7", false),
    row(19, "3.7-IV4", "3.7", false),
    row(20, "3.8-IV0", "3.8", false),
    row(21, "3.9-IV0", "3.9", false),
    row(22, "4.0-IV0", "4.0", false),
    row(23, "4.0-IV1", "4.0", true),
    row(24, "4.0-IV2", "4.0", false),
    row(25, "4.0-IV3", "4.0", false),
    row(26, "4.1-IV0", "4.1", false),
    row(27, "4.1-IV1", "4.1", false),
    row(28, "4.2-IV0", "4.2", false),
    row(29, "4.2-IV1", "4.2", false),
    row(30, "4.3-IV0", "4.3", true),
    row(31, "4.4-IV0", "4.4", false),
];

impl MetadataVersion {
    /// Name of the feature.
    pub const FEATURE_NAME: &'static str = "metadata.version";

    /// The lowest level: controlled shutdown state in broker registrations (KIP-841).
    pub const V3_3_IV3: Self = Self(7);
    /// ZooKeeper migration fields in broker registrations (KIP-866).
    pub const V3_4_IV0: Self = Self(8);
    /// Tiered storage (KIP-405).
    pub const V3_5_IV0: Self = Self(9);
    /// Replica epoch in Fetch (KIP-903).
    pub const V3_5_IV1: Self = Self(10);
    /// SCRAM credentials in the metadata log (KIP-900).
    pub const V3_5_IV2: Self = Self(11);
    /// Shrinking the ISR no longer raises the leader epoch.
    pub const V3_6_IV0: Self = Self(12);
    /// Metadata transactions (KIP-868).
    pub const V3_6_IV1: Self = Self(13);
    /// Delegation tokens in the metadata log.
    pub const V3_6_IV2: Self = Self(14);
    /// Controller registrations (KIP-919).
    pub const V3_7_IV0: Self = Self(15);
    /// Directory assignment: several log dirs per broker (KIP-858).
    pub const V3_7_IV2: Self = Self(17);
    /// Fetch v16 between brokers (KIP-951).
    pub const V3_7_IV4: Self = Self(19);
    /// The level of Kafka 3.8.
    pub const V3_8_IV0: Self = Self(20);
    /// ListOffsets v9 (KIP-1005); the lowest level with kraft.version 1 (KIP-853).
    pub const V3_9_IV0: Self = Self(21);
    /// group.version 1 by default (KIP-848).
    pub const V4_0_IV0: Self = Self(22);
    /// Records with eligible leader replicas (KIP-966).
    pub const V4_0_IV1: Self = Self(23);
    /// transaction.version 2 by default (KIP-890).
    pub const V4_0_IV2: Self = Self(24);
    /// Asynchronous remote ListOffsets (KIP-1075).
    pub const V4_0_IV3: Self = Self(25);
    /// Eligible leader replicas by default for new clusters (KIP-966).
    pub const V4_1_IV0: Self = Self(26);
    /// Fetch v18 between brokers (KIP-1166).
    pub const V4_1_IV1: Self = Self(27);
    /// Share groups by default for new clusters (KIP-932).
    pub const V4_2_IV0: Self = Self(28);
    /// Streams groups by default for new clusters (KIP-1071).
    pub const V4_2_IV1: Self = Self(29);
    /// Cordoned log dirs in broker registrations (KIP-1066).
    pub const V4_3_IV0: Self = Self(30);
    /// The unreleased level that Kafka's own tests ask for.
    pub const V4_4_IV0: Self = Self(31);

    /// The lowest level that a KRaft cluster can have.
    pub const MINIMUM: Self = Self::V3_3_IV3;
    /// The highest level that is released.
    pub const LATEST_PRODUCTION: Self = Self::V4_3_IV0;
    /// The highest level known, for `unstable.feature.versions.enable`.
    pub const LATEST_TESTING: Self = Self::V4_4_IV0;

    /// The version of a feature level, or `None` outside 7..=31.
    pub const fn from_level(level: i16) -> Option<Self> {
        if level >= Self::MINIMUM.0 && level <= Self::LATEST_TESTING.0 { Some(Self(level)) } else { None }
    }

    /// The error of an unknown level, as Kafka words it.
    pub fn unknown_level_message(level: i16) -> String {
        format!(
            "No MetadataVersion with feature level {level}. Valid feature levels are from {} to {}.",
            Self::MINIMUM.0,
            Self::LATEST_TESTING.0
        )
    }

    /// Parses `4.3-IV0`, or a release (`4.3`, `4.3.1`), which means the highest released level of that release.
    ///
    /// # Errors
    /// A message for the user that lists the versions allowed. Unreleased ones are only accepted if `unstable`.
    pub fn parse(text: &str, unstable: bool) -> Result<Self, String> {
        let key = match text.match_indices('.').nth(1) {
            Some((second_dot, _)) => &text[..second_dot],
            None => text,
        };
        let released = |row: &&Level| unstable || row.level <= Self::LATEST_PRODUCTION.0;
        LEVELS
            .iter()
            .filter(released)
            .find(|row| row.name == key)
            .or_else(|| {
                LEVELS.iter().rev().find(|row| row.release == key && row.level <= Self::LATEST_PRODUCTION.0)
            })
            .map(|row| Self(row.level))
            .ok_or_else(|| {
                let known: Vec<&str> = LEVELS.iter().filter(released).map(|row| row.name).collect();
                format!(
                    "Unknown metadata.version '{text}'. Supported metadata.version are: {}",
                    known.join(", ")
                )
            })
    }

    /// Every level, lowest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        LEVELS.iter().map(|row| Self(row.level))
    }

    /// The feature level as it is written in records.
    pub const fn level(self) -> i16 {
        self.0
    }

    fn row(self) -> &'static Level {
        &LEVELS[usize::from(self.0.unsigned_abs()) - 7]
    }

    /// For example `4.3-IV0`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// For example `4.3`.
    pub fn release(self) -> &'static str {
        self.row().release
    }

    /// Whether the level is released.
    pub const fn is_production(self) -> bool {
        self.0 <= Self::LATEST_PRODUCTION.0
    }

    /// Whether going from one to the other, in either direction, crosses a change of the records: a downgrade across
    /// one may lose metadata.
    pub fn records_differ(self, other: Self) -> bool {
        let (low, high) = if self <= other { (self, other) } else { (other, self) };
        LEVELS.iter().any(|row| row.level > low.0 && row.level <= high.0 && row.changes_records)
    }

    /// SCRAM credentials may be written.
    pub fn is_scram_supported(self) -> bool {
        self >= Self::V3_5_IV2
    }

    /// Shrinking the ISR has to raise the leader epoch.
    pub fn bumps_leader_epoch_on_isr_shrink(self) -> bool {
        self < Self::V3_6_IV0
    }

    /// Begin, end and abort of a metadata transaction may be written.
    pub fn is_metadata_transaction_supported(self) -> bool {
        self >= Self::V3_6_IV1
    }

    /// Delegation tokens may be written.
    pub fn is_delegation_token_supported(self) -> bool {
        self >= Self::V3_6_IV2
    }

    /// Controller registrations may be written.
    pub fn is_controller_registration_supported(self) -> bool {
        self >= Self::V3_7_IV0
    }

    /// Partitions know the log directory of each replica.
    pub fn is_directory_assignment_supported(self) -> bool {
        self >= Self::V3_7_IV2
    }

    /// Partitions may have eligible leader replicas.
    pub fn is_elr_supported(self) -> bool {
        self >= Self::V4_0_IV1
    }

    /// Broker registrations have cordoned log directories.
    pub fn is_cordoned_log_dirs_supported(self) -> bool {
        self >= Self::V4_3_IV0
    }

    /// The version of RegisterBrokerRecord to write.
    pub fn register_broker_record_version(self) -> i16 {
        match self {
            v if v >= Self::V4_3_IV0 => 4,
            v if v >= Self::V3_7_IV2 => 3,
            v if v >= Self::V3_4_IV0 => 2,
            _ => 1,
        }
    }

    /// The version of PartitionRecord and of PartitionChangeRecord to write.
    pub fn partition_record_version(self) -> i16 {
        match self {
            v if v.is_elr_supported() => 2,
            v if v.is_directory_assignment_supported() => 1,
            _ => 0,
        }
    }

    /// The version of Fetch that followers use.
    pub fn fetch_request_version(self) -> i16 {
        match self {
            v if v >= Self::V4_1_IV1 => 18,
            v if v >= Self::V3_9_IV0 => 17,
            v if v >= Self::V3_7_IV4 => 16,
            v if v >= Self::V3_5_IV1 => 15,
            v if v >= Self::V3_5_IV0 => 14,
            _ => 13,
        }
    }

    /// The version of ListOffsets that followers use.
    pub fn list_offsets_request_version(self) -> i16 {
        match self {
            v if v >= Self::V4_2_IV1 => 11,
            v if v >= Self::V4_0_IV3 => 10,
            v if v >= Self::V3_9_IV0 => 9,
            v if v >= Self::V3_5_IV0 => 8,
            _ => 7,
        }
    }
}

impl fmt::Display for MetadataVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
