//! The APIs of the protocol and their numbers.

use crate::error::DecodeErrorKind;
use crate::message::VersionRange;
use crate::schema::Listener;

macro_rules! api_keys {
    ($($name:ident = $key:literal $($flag:ident)*;)*) => {
        /// An API, by the number that a request header carries. Numbers 4 to 7 belonged to ZooKeeper clusters and are
        /// gone for good.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        #[expect(missing_docs, reason = "each is described in its file below `api`")]
        pub enum ApiKey {
            $($name = $key,)*
        }

        impl ApiKey {
            /// All APIs, ascending by number.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Kafka's name, as in metrics' `request` tag and in tools: `Produce`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The API with this number.
            pub const fn from_number(key: i16) -> Option<Self> {
                match key {
                    $($key => Some(Self::$name),)*
                    _ => None,
                }
            }

            const fn flags(self) -> Flags {
                match self {
                    $(Self::$name => {
                        #[allow(unused_mut, reason = "most have no flag")]
                        let mut flags = Flags::NONE;
                        $(flags.$flag = true;)*
                        flags
                    })*
                }
            }
        }
    };
}

struct Flags {
    cluster_action: bool,
    forwardable: bool,
}

impl Flags {
    const NONE: Self = Self { cluster_action: false, forwardable: false };
}

api_keys! {
    Produce = 0;
    Fetch = 1;
    ListOffsets = 2;
    Metadata = 3;
    OffsetCommit = 8;
    OffsetFetch = 9;
    FindCoordinator = 10;
    JoinGroup = 11;
    Heartbeat = 12;
    LeaveGroup = 13;
    SyncGroup = 14;
    DescribeGroups = 15;
    ListGroups = 16;
    SaslHandshake = 17;
    ApiVersions = 18;
    CreateTopics = 19 forwardable;
    DeleteTopics = 20 forwardable;
    DeleteRecords = 21;
    InitProducerId = 22;
    OffsetForLeaderEpoch = 23;
    AddPartitionsToTxn = 24;
    AddOffsetsToTxn = 25;
    EndTxn = 26;
    WriteTxnMarkers = 27 cluster_action;
    TxnOffsetCommit = 28;
    DescribeAcls = 29;
    CreateAcls = 30 forwardable;
    DeleteAcls = 31 forwardable;
    DescribeConfigs = 32;
    AlterConfigs = 33 forwardable;
    AlterReplicaLogDirs = 34;
    DescribeLogDirs = 35;
    SaslAuthenticate = 36;
    CreatePartitions = 37 forwardable;
    CreateDelegationToken = 38 forwardable;
    RenewDelegationToken = 39 forwardable;
    ExpireDelegationToken = 40 forwardable;
    DescribeDelegationToken = 41;
    DeleteGroups = 42;
    ElectLeaders = 43 forwardable;
    IncrementalAlterConfigs = 44 forwardable;
    AlterPartitionReassignments = 45 forwardable;
    ListPartitionReassignments = 46 forwardable;
    OffsetDelete = 47;
    DescribeClientQuotas = 48;
    AlterClientQuotas = 49 forwardable;
    DescribeUserScramCredentials = 50;
    AlterUserScramCredentials = 51 forwardable;
    Vote = 52 cluster_action;
    BeginQuorumEpoch = 53 cluster_action;
    EndQuorumEpoch = 54 cluster_action;
    DescribeQuorum = 55 cluster_action forwardable;
    AlterPartition = 56 cluster_action;
    UpdateFeatures = 57 cluster_action forwardable;
    Envelope = 58 cluster_action;
    FetchSnapshot = 59;
    DescribeCluster = 60;
    DescribeProducers = 61;
    BrokerRegistration = 62 cluster_action;
    BrokerHeartbeat = 63 cluster_action;
    UnregisterBroker = 64 forwardable;
    DescribeTransactions = 65;
    ListTransactions = 66;
    AllocateProducerIds = 67 cluster_action forwardable;
    ConsumerGroupHeartbeat = 68;
    ConsumerGroupDescribe = 69;
    ControllerRegistration = 70;
    GetTelemetrySubscriptions = 71;
    PushTelemetry = 72;
    AssignReplicasToDirs = 73;
    ListConfigResources = 74;
    DescribeTopicPartitions = 75;
    ShareGroupHeartbeat = 76;
    ShareGroupDescribe = 77;
    ShareFetch = 78;
    ShareAcknowledge = 79;
    AddRaftVoter = 80 forwardable;
    RemoveRaftVoter = 81 forwardable;
    UpdateRaftVoter = 82;
    InitializeShareGroupState = 83 cluster_action;
    ReadShareGroupState = 84 cluster_action;
    WriteShareGroupState = 85 cluster_action;
    DeleteShareGroupState = 86 cluster_action;
    ReadShareGroupStateSummary = 87 cluster_action;
    StreamsGroupHeartbeat = 88;
    StreamsGroupDescribe = 89;
    DescribeShareGroupOffsets = 90;
    AlterShareGroupOffsets = 91;
    DeleteShareGroupOffsets = 92;
}

impl ApiKey {
    /// The number.
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// Whether only brokers and controllers send it, authorised as `ClusterAction`.
    pub const fn is_cluster_action(self) -> bool {
        self.flags().cluster_action
    }

    /// Whether a broker passes it on to the controller in an `Envelope` (KIP-590).
    pub const fn is_forwardable(self) -> bool {
        self.flags().forwardable
    }

    /// The versions that exist, the unstable one included.
    pub fn versions(self) -> VersionRange {
        self.request_schema().versions
    }

    /// The versions that are served: without the unstable latest one unless it is enabled
    /// (`unstable.api.versions.enable`). May be empty.
    pub fn enabled_versions(self, unstable: bool) -> VersionRange {
        let schema = self.request_schema();
        let less = i16::from(schema.latest_version_unstable && !unstable);
        VersionRange::new(schema.versions.min, schema.versions.max - less)
    }

    /// The versions to tell a client of (ApiVersions). `Produce` claims to start at 0 on a broker, although it starts
    /// at 3: librdkafka takes a higher minimum for a broker too old for compression (KAFKA-18659).
    pub fn advertised_versions(self, unstable: bool, listener: Listener) -> VersionRange {
        let versions = self.enabled_versions(unstable);
        match (self, listener) {
            (Self::Produce, Listener::Broker) => VersionRange::new(0, versions.max),
            _ => versions,
        }
    }

    /// Whether `listener` serves it.
    pub fn is_served_by(self, listener: Listener) -> bool {
        self.request_schema().listeners.contains(&listener)
    }

    /// Version of the header in front of a request of `version`.
    pub fn request_header_version(self, version: i16) -> i16 {
        if self.request_schema().flexible.contains(version) { 2 } else { 1 }
    }

    /// Version of the header in front of a response of `version`. That of ApiVersions is always 0: the client may ask
    /// in a version the server lacks, and must be able to read the answer all the same (KIP-511).
    pub fn response_header_version(self, version: i16) -> i16 {
        i16::from(self != Self::ApiVersions && self.response_schema().flexible.contains(version))
    }
}

impl TryFrom<i16> for ApiKey {
    type Error = DecodeErrorKind;

    fn try_from(key: i16) -> Result<Self, DecodeErrorKind> {
        Self::from_number(key).ok_or(DecodeErrorKind::UnknownApiKey { key })
    }
}

impl std::fmt::Display for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
