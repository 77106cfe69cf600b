//! Error codes, one row each.

macro_rules! error_codes {
    ($($code:literal $variant:ident $name:literal $retriable:ident $message:literal;)*) => {
        /// What a response says went wrong. Clients choose their exception by the code, so that a code is part of the
        /// interface even where its text is not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ErrorCode {
            $(#[doc = $message] $variant = $code,)*
        }

        impl ErrorCode {
            /// All codes, ascending.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code with this number.
            pub const fn from_number(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Kafka's name: `UNKNOWN_TOPIC_OR_PARTITION`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Whether the same request may succeed later, so that clients send it again.
            pub const fn is_retriable(self) -> bool {
                match self {
                    $(Self::$variant => $retriable,)*
                }
            }

            /// What to tell a person if nothing more exact is known.
            pub const fn default_message(self) -> &'static str {
                match self {
                    $(Self::$variant => $message,)*
                }
            }
        }
    };
}

#[expect(non_upper_case_globals, reason = "words of the table below")]
const retriable: bool = true;
#[expect(non_upper_case_globals, reason = "words of the table below")]
const permanent: bool = false;

error_codes! {
    -1 UnknownServerError "UNKNOWN_SERVER_ERROR" permanent "the server failed in a way it did not expect";
    0 None "NONE" permanent "no error";
    1 OffsetOutOfRange "OFFSET_OUT_OF_RANGE" permanent "the offset lies outside of what the partition holds";
    2 CorruptMessage "CORRUPT_MESSAGE" retriable "the record or batch is corrupt: its checksum or format is wrong, or a compacted topic got no key";
    3 UnknownTopicOrPartition "UNKNOWN_TOPIC_OR_PARTITION" retriable "this server does not host the topic or partition";
    4 InvalidFetchSize "INVALID_FETCH_SIZE" permanent "the fetch size is not valid";
    5 LeaderNotAvailable "LEADER_NOT_AVAILABLE" retriable "the partition has no leader at the moment";
    6 NotLeaderOrFollower "NOT_LEADER_OR_FOLLOWER" retriable "this broker is not the leader, or no replica, of the partition";
    7 RequestTimedOut "REQUEST_TIMED_OUT" retriable "the request was not done in time";
    8 BrokerNotAvailable "BROKER_NOT_AVAILABLE" permanent "the broker is not available";
    9 ReplicaNotAvailable "REPLICA_NOT_AVAILABLE" retriable "the replica is not available";
    10 MessageTooLarge "MESSAGE_TOO_LARGE" permanent "the message is larger than the server accepts";
    11 StaleControllerEpoch "STALE_CONTROLLER_EPOCH" permanent "the request comes from an older epoch of the controller";
    12 OffsetMetadataTooLarge "OFFSET_METADATA_TOO_LARGE" permanent "the metadata of the offset commit is too large";
    13 NetworkException "NETWORK_EXCEPTION" retriable "the connection was lost before the response";
    14 CoordinatorLoadInProgress "COORDINATOR_LOAD_IN_PROGRESS" retriable "the coordinator is still loading its state";
    15 CoordinatorNotAvailable "COORDINATOR_NOT_AVAILABLE" retriable "the coordinator is not available";
    16 NotCoordinator "NOT_COORDINATOR" retriable "this broker is not the coordinator";
    17 InvalidTopicException "INVALID_TOPIC_EXCEPTION" permanent "the topic is not valid for this operation";
    18 RecordListTooLarge "RECORD_LIST_TOO_LARGE" permanent "the batch is larger than a segment";
    19 NotEnoughReplicas "NOT_ENOUGH_REPLICAS" retriable "fewer replicas are in sync than min.insync.replicas asks for";
    20 NotEnoughReplicasAfterAppend "NOT_ENOUGH_REPLICAS_AFTER_APPEND" retriable "written, but to fewer in-sync replicas than min.insync.replicas asks for";
    21 InvalidRequiredAcks "INVALID_REQUIRED_ACKS" permanent "acks must be -1, 0 or 1";
    22 IllegalGeneration "ILLEGAL_GENERATION" permanent "the generation is not the group's current one";
    23 InconsistentGroupProtocol "INCONSISTENT_GROUP_PROTOCOL" permanent "the member's protocols do not fit those of the group";
    24 InvalidGroupId "INVALID_GROUP_ID" permanent "the group id is not valid";
    25 UnknownMemberId "UNKNOWN_MEMBER_ID" permanent "the group has no such member";
    26 InvalidSessionTimeout "INVALID_SESSION_TIMEOUT" permanent "the session timeout is outside of what the broker allows";
    27 RebalanceInProgress "REBALANCE_IN_PROGRESS" permanent "the group is rebalancing: the member has to join again";
    28 InvalidCommitOffsetSize "INVALID_COMMIT_OFFSET_SIZE" permanent "the size of the offset commit is not valid";
    29 TopicAuthorizationFailed "TOPIC_AUTHORIZATION_FAILED" permanent "not allowed for this topic";
    30 GroupAuthorizationFailed "GROUP_AUTHORIZATION_FAILED" permanent "not allowed for this group";
    31 ClusterAuthorizationFailed "CLUSTER_AUTHORIZATION_FAILED" permanent "not allowed for this cluster";
    32 InvalidTimestamp "INVALID_TIMESTAMP" permanent "the timestamp of the record is outside of what the topic allows";
    33 UnsupportedSaslMechanism "UNSUPPORTED_SASL_MECHANISM" permanent "the SASL mechanism is not enabled here";
    34 IllegalSaslState "ILLEGAL_SASL_STATE" permanent "the request does not fit the state of the SASL exchange";
    35 UnsupportedVersion "UNSUPPORTED_VERSION" permanent "this version of the API is not supported";
    36 TopicAlreadyExists "TOPIC_ALREADY_EXISTS" permanent "a topic of this name exists";
    37 InvalidPartitions "INVALID_PARTITIONS" permanent "the number of partitions is not valid";
    38 InvalidReplicationFactor "INVALID_REPLICATION_FACTOR" permanent "the replication factor is below 1 or above the number of available brokers";
    39 InvalidReplicaAssignment "INVALID_REPLICA_ASSIGNMENT" permanent "the assignment of replicas is not valid";
    40 InvalidConfig "INVALID_CONFIG" permanent "the configuration is not valid";
    41 NotController "NOT_CONTROLLER" retriable "this node is not the active controller";
    42 InvalidRequest "INVALID_REQUEST" permanent "the request is malformed or contradicts itself";
    43 UnsupportedForMessageFormat "UNSUPPORTED_FOR_MESSAGE_FORMAT" permanent "the message format of the partition does not support this";
    44 PolicyViolation "POLICY_VIOLATION" permanent "the request violates a configured policy";
    45 OutOfOrderSequenceNumber "OUT_OF_ORDER_SEQUENCE_NUMBER" permanent "the sequence number leaves a gap";
    46 DuplicateSequenceNumber "DUPLICATE_SEQUENCE_NUMBER" permanent "the sequence number was used before";
    47 InvalidProducerEpoch "INVALID_PRODUCER_EPOCH" permanent "the producer's epoch is not the current one";
    48 InvalidTxnState "INVALID_TXN_STATE" permanent "the transaction is not in a state that allows this";
    49 InvalidProducerIdMapping "INVALID_PRODUCER_ID_MAPPING" permanent "the producer id does not belong to the transactional id";
    50 InvalidTransactionTimeout "INVALID_TRANSACTION_TIMEOUT" permanent "the transaction timeout is above transaction.max.timeout.ms";
    51 ConcurrentTransactions "CONCURRENT_TRANSACTIONS" retriable "another operation on this transaction is still running";
    52 TransactionCoordinatorFenced "TRANSACTION_COORDINATOR_FENCED" permanent "the sender is no longer the coordinator of the transaction";
    53 TransactionalIdAuthorizationFailed "TRANSACTIONAL_ID_AUTHORIZATION_FAILED" permanent "not allowed for this transactional id";
    54 SecurityDisabled "SECURITY_DISABLED" permanent "security is not enabled";
    55 OperationNotAttempted "OPERATION_NOT_ATTEMPTED" permanent "not attempted, since another part of the request failed";
    56 KafkaStorageError "KAFKA_STORAGE_ERROR" retriable "the log dir cannot be read or written";
    57 LogDirNotFound "LOG_DIR_NOT_FOUND" permanent "the broker has no such log dir";
    58 SaslAuthenticationFailed "SASL_AUTHENTICATION_FAILED" permanent "SASL authentication failed";
    59 UnknownProducerId "UNKNOWN_PRODUCER_ID" permanent "nothing is known of this producer id, its records may have expired";
    60 ReassignmentInProgress "REASSIGNMENT_IN_PROGRESS" permanent "the partition is being reassigned";
    61 DelegationTokenAuthDisabled "DELEGATION_TOKEN_AUTH_DISABLED" permanent "delegation tokens are not enabled";
    62 DelegationTokenNotFound "DELEGATION_TOKEN_NOT_FOUND" permanent "there is no such delegation token";
    63 DelegationTokenOwnerMismatch "DELEGATION_TOKEN_OWNER_MISMATCH" permanent "the principal is neither owner nor renewer of the token";
    64 DelegationTokenRequestNotAllowed "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED" permanent "delegation tokens cannot be requested over this kind of connection";
    65 DelegationTokenAuthorizationFailed "DELEGATION_TOKEN_AUTHORIZATION_FAILED" permanent "not allowed for this delegation token";
    66 DelegationTokenExpired "DELEGATION_TOKEN_EXPIRED" permanent "the delegation token has expired";
    67 InvalidPrincipalType "INVALID_PRINCIPAL_TYPE" permanent "the type of principal is not supported";
    68 NonEmptyGroup "NON_EMPTY_GROUP" permanent "the group is not empty";
    69 GroupIdNotFound "GROUP_ID_NOT_FOUND" permanent "there is no such group";
    70 FetchSessionIdNotFound "FETCH_SESSION_ID_NOT_FOUND" retriable "there is no such fetch session";
    71 InvalidFetchSessionEpoch "INVALID_FETCH_SESSION_EPOCH" retriable "the epoch of the fetch session is not the expected one";
    72 ListenerNotFound "LISTENER_NOT_FOUND" retriable "the leader has no listener of the name the request came in on";
    73 TopicDeletionDisabled "TOPIC_DELETION_DISABLED" permanent "deleting topics is not enabled";
    74 FencedLeaderEpoch "FENCED_LEADER_EPOCH" retriable "the leader epoch is older than the broker's";
    75 UnknownLeaderEpoch "UNKNOWN_LEADER_EPOCH" retriable "the leader epoch is newer than the broker's";
    76 UnsupportedCompressionType "UNSUPPORTED_COMPRESSION_TYPE" permanent "the client does not support the compression of the partition";
    77 StaleBrokerEpoch "STALE_BROKER_EPOCH" permanent "the broker epoch is not the current one";
    78 OffsetNotAvailable "OFFSET_NOT_AVAILABLE" retriable "the leader is new and its high watermark may still be behind";
    79 MemberIdRequired "MEMBER_ID_REQUIRED" permanent "the member must join again with the member id it was given";
    80 PreferredLeaderNotAvailable "PREFERRED_LEADER_NOT_AVAILABLE" retriable "the preferred leader is not available";
    81 GroupMaxSizeReached "GROUP_MAX_SIZE_REACHED" permanent "the group has its maximum size";
    82 FencedInstanceId "FENCED_INSTANCE_ID" permanent "another member took over this group.instance.id";
    83 EligibleLeadersNotAvailable "ELIGIBLE_LEADERS_NOT_AVAILABLE" retriable "no eligible replica is available to become leader";
    84 ElectionNotNeeded "ELECTION_NOT_NEEDED" retriable "the partition already has the leader the election would give it";
    85 NoReassignmentInProgress "NO_REASSIGNMENT_IN_PROGRESS" permanent "the partition is not being reassigned";
    86 GroupSubscribedToTopic "GROUP_SUBSCRIBED_TO_TOPIC" permanent "the group is subscribed to the topic, so that its offsets cannot be deleted";
    87 InvalidRecord "INVALID_RECORD" permanent "the record did not pass the broker's checks";
    88 UnstableOffsetCommit "UNSTABLE_OFFSET_COMMIT" retriable "offsets of an open transaction are pending";
    89 ThrottlingQuotaExceeded "THROTTLING_QUOTA_EXCEEDED" retriable "the quota is used up";
    90 ProducerFenced "PRODUCER_FENCED" permanent "a newer producer with the same transactional id took over";
    91 ResourceNotFound "RESOURCE_NOT_FOUND" permanent "the request refers to something that does not exist";
    92 DuplicateResource "DUPLICATE_RESOURCE" permanent "the request names the same thing twice";
    93 UnacceptableCredential "UNACCEPTABLE_CREDENTIAL" permanent "the credential does not meet the requirements";
    94 InconsistentVoterSet "INCONSISTENT_VOTER_SET" permanent "sender and receiver disagree on the voters";
    95 InvalidUpdateVersion "INVALID_UPDATE_VERSION" permanent "the version of the feature update is not valid";
    96 FeatureUpdateFailed "FEATURE_UPDATE_FAILED" permanent "the feature could not be updated";
    97 PrincipalDeserializationFailure "PRINCIPAL_DESERIALIZATION_FAILURE" permanent "the principal of a forwarded request could not be read";
    98 SnapshotNotFound "SNAPSHOT_NOT_FOUND" permanent "there is no such snapshot";
    99 PositionOutOfRange "POSITION_OUT_OF_RANGE" permanent "the position is outside of the snapshot";
    100 UnknownTopicId "UNKNOWN_TOPIC_ID" retriable "this server does not know the topic id";
    101 DuplicateBrokerRegistration "DUPLICATE_BROKER_REGISTRATION" permanent "another broker is registered with this id";
    102 BrokerIdNotRegistered "BROKER_ID_NOT_REGISTERED" permanent "no broker is registered with this id";
    103 InconsistentTopicId "INCONSISTENT_TOPIC_ID" retriable "the topic id is not that of the log";
    104 InconsistentClusterId "INCONSISTENT_CLUSTER_ID" permanent "the cluster id is not that of the server";
    105 TransactionalIdNotFound "TRANSACTIONAL_ID_NOT_FOUND" permanent "there is no such transactional id";
    106 FetchSessionTopicIdError "FETCH_SESSION_TOPIC_ID_ERROR" retriable "the fetch session mixes topic ids and names";
    107 IneligibleReplica "INELIGIBLE_REPLICA" permanent "a replica of the new ISR is not eligible";
    108 NewLeaderElected "NEW_LEADER_ELECTED" permanent "the ISR was changed, and with it the leader";
    109 OffsetMovedToTieredStorage "OFFSET_MOVED_TO_TIERED_STORAGE" permanent "the offset is in tiered storage only";
    110 FencedMemberEpoch "FENCED_MEMBER_EPOCH" permanent "the member epoch was fenced: the member has to give up its partitions and join again";
    111 UnreleasedInstanceId "UNRELEASED_INSTANCE_ID" permanent "the instance id is held by a member that has not left yet";
    112 UnsupportedAssignor "UNSUPPORTED_ASSIGNOR" permanent "the group supports no such assignor";
    113 StaleMemberEpoch "STALE_MEMBER_EPOCH" permanent "the member epoch is stale: retry with the one from the next heartbeat";
    114 MismatchedEndpointType "MISMATCHED_ENDPOINT_TYPE" permanent "the request was sent to the wrong kind of endpoint";
    115 UnsupportedEndpointType "UNSUPPORTED_ENDPOINT_TYPE" permanent "this kind of endpoint is not supported";
    116 UnknownControllerId "UNKNOWN_CONTROLLER_ID" permanent "there is no such controller";
    117 UnknownSubscriptionId "UNKNOWN_SUBSCRIPTION_ID" permanent "the telemetry subscription is unknown or outdated";
    118 TelemetryTooLarge "TELEMETRY_TOO_LARGE" permanent "the telemetry is larger than the broker accepts";
    119 InvalidRegistration "INVALID_REGISTRATION" permanent "the controller rejects the broker's registration";
    120 TransactionAbortable "TRANSACTION_ABORTABLE" permanent "the transaction failed: abort it to go on with the transactional id";
    121 InvalidRecordState "INVALID_RECORD_STATE" permanent "the record is not in a state that allows this acknowledgement";
    122 ShareSessionNotFound "SHARE_SESSION_NOT_FOUND" retriable "there is no such share session";
    123 InvalidShareSessionEpoch "INVALID_SHARE_SESSION_EPOCH" retriable "the epoch of the share session is not the expected one";
    124 FencedStateEpoch "FENCED_STATE_EPOCH" permanent "the state epoch of the share group is not the current one";
    125 InvalidVoterKey "INVALID_VOTER_KEY" permanent "the voter key is not that of the receiving replica";
    126 DuplicateVoter "DUPLICATE_VOTER" permanent "the voter is in the set already";
    127 VoterNotFound "VOTER_NOT_FOUND" permanent "the voter is not in the set";
    128 InvalidRegularExpression "INVALID_REGULAR_EXPRESSION" permanent "the regular expression is not valid";
    129 RebootstrapRequired "REBOOTSTRAP_REQUIRED" permanent "the client's metadata is too old: it has to start over from its bootstrap servers";
    130 StreamsInvalidTopology "STREAMS_INVALID_TOPOLOGY" permanent "the topology is not valid";
    131 StreamsInvalidTopologyEpoch "STREAMS_INVALID_TOPOLOGY_EPOCH" permanent "the topology epoch is not valid";
    132 StreamsTopologyFenced "STREAMS_TOPOLOGY_FENCED" permanent "the topology epoch is outdated";
    133 ShareSessionLimitReached "SHARE_SESSION_LIMIT_REACHED" retriable "the broker has its maximum number of share sessions";
}

impl ErrorCode {
    /// The number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The code with this number. One that is not known is `UnknownServerError`, as clients take it.
    pub const fn from_code(code: i16) -> Self {
        match Self::from_number(code) {
            Some(known) => known,
            None => Self::UnknownServerError,
        }
    }

    /// Whether this is `None`.
    pub const fn is_none(self) -> bool {
        matches!(self, Self::None)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl From<ErrorCode> for i16 {
    fn from(code: ErrorCode) -> Self {
        code.code()
    }
}

/// No error: what a response's code is unless it is set.
impl Default for ErrorCode {
    fn default() -> Self {
        Self::None
    }
}
