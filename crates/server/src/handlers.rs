//! Every API that is served: which versions, on which listeners, by which handler.
//!
//! One file per API, under the area it belongs to. A handler gets the context of its area and nothing more; it holds no
//! state. An API that is not in the list below is not advertised and closes the connection that asks for it.

pub mod brokers;
pub mod cluster;
pub mod configs;
pub mod envelope;
pub mod groups;
pub mod quorum;
pub mod records;
pub mod security;
pub mod share;
pub mod topics;
pub mod transactions;

use std::rc::Rc;

use klamm_config::broker;
use klamm_protocol::{ApiKey, Message, Reader};

use crate::{
    dispatch::{Call, Refused, decode},
    listener::connection::Connection,
    node::ListenerName,
    reply::Reply,
};

/// The contexts of all areas, for one shard.
pub struct Contexts {
    /// What nodes ask of the controller.
    pub brokers: brokers::BrokersContext,
    /// Brokers, topics, versions.
    pub cluster: cluster::ClusterContext,
    /// Describing, altering and listing configs.
    pub configs: configs::ConfigsContext,
    /// Groups and their offsets.
    pub groups: groups::GroupsContext,
    /// The quorum's own protocol.
    pub quorum: quorum::QuorumContext,
    /// Producing, fetching, offsets.
    pub records: records::RecordsContext,
    /// SASL, access control, tokens, SCRAM credentials.
    pub security: security::SecurityContext,
    /// Share groups' records and state.
    pub share: Rc<share::ShareContext>,
    /// Creating, deleting, describing topics.
    pub topics: topics::TopicsContext,
    /// Transactions.
    pub transactions: transactions::TransactionsContext,
}

impl Contexts {
    /// Whether versions are served whose form is not settled.
    pub fn serves_unstable(&self) -> bool {
        self.cluster.node.config.load().get(&broker::UNSTABLE_API_VERSIONS_ENABLE)
    }

    /// Whether a listener is one of the controllers'.
    pub fn is_controller_listener(&self, listener: &ListenerName) -> bool {
        let config = self.cluster.node.config.load();
        config.controller_listener_names().iter().any(|name| name.eq_ignore_ascii_case(listener.as_str()))
    }
}

/// One API of the list.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    /// The API.
    pub key: ApiKey,
    /// Lowest version.
    pub min: i16,
    /// Highest version.
    pub max: i16,
    /// Where it is served.
    on: On,
}

/// Kinds of listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Brokers,
    Controllers,
    Both,
}

impl Served {
    /// Whether it is served on listeners of this kind.
    pub const fn is_on(&self, controller_listener: bool) -> bool {
        match self.on {
            On::Brokers => !controller_listener,
            On::Controllers => controller_listener,
            On::Both => true,
        }
    }
}

/// Versions whose form is not settled, which are served if `unstable.api.versions.enable` says so.
const UNSTABLE: &[(ApiKey, i16)] = &[(ApiKey::InitProducerId, 6)];

/// The highest version of an API that is served.
pub fn highest(api: &Served, with_unstable: bool) -> i16 {
    let unstable = UNSTABLE.iter().find(|(key, _)| *key == api.key && with_unstable);
    unstable.map_or(api.max, |(_, version)| *version)
}

/// Whether a version of an API is served to a connection.
pub fn is_served(contexts: &Contexts, key: ApiKey, version: i16, connection: &Connection) -> bool {
    let is_unstable = || UNSTABLE.contains(&(key, version)) && contexts.serves_unstable();
    SERVED.iter().any(|api| {
        api.key == key
            && ((api.min..=api.max).contains(&version) || is_unstable())
            && api.is_on(connection.is_controller_listener)
    })
}

/// What a handler returns: a response to be encoded, or a reply that it made itself.
pub trait IntoReply {
    /// The reply to `call`.
    fn into_reply(self, call: &Call) -> Result<Reply, Refused>;
}

impl<M: Message> IntoReply for M {
    fn into_reply(self, call: &Call) -> Result<Reply, Refused> {
        Ok(call.respond(&self))
    }
}

/// A reply that a handler has made itself, since it comes later or has no response.
pub struct Made(pub Result<Reply, Refused>);

impl IntoReply for Made {
    fn into_reply(self, _call: &Call) -> Result<Reply, Refused> {
        self.0
    }
}

macro_rules! served {
    ($($name:ident $min:literal..=$max:literal $on:ident $area:ident::$module:ident;)+) => {
        /// The list.
        pub const SERVED: &[Served] = &[
            $(Served { key: ApiKey::$name, min: $min, max: $max, on: On::$on },)+
            // It holds any of the others, and needs their contexts.
            Served { key: ApiKey::Envelope, min: 0, max: 0, on: On::Controllers },
        ];

        /// Decodes the body of a request in the list and has it handled.
        ///
        /// # Errors
        /// If the connection has to be closed.
        pub async fn handle(contexts: &Rc<Contexts>, call: Call, body: Reader) -> Result<Reply, Refused> {
            match call.api_key {
                $(ApiKey::$name => {
                    let request = decode(&call, body)?;
                    // Boxed, since the future of a connection would otherwise be as large as the largest handler's.
                    Box::pin($area::$module::handle(&contexts.$area, &call, request)).await.into_reply(&call)
                })+
                ApiKey::Envelope => {
                    let request = decode(&call, body)?;
                    envelope::handle(contexts, &call, request).await
                }
                other => Err(Refused::because(format!("{other:?} is not served"))),
            }
        }
    };
}

served! {
    Produce                  3..=13  Brokers  records::produce;
    Fetch                    4..=18  Both     records::fetch;
    ListOffsets              1..=11  Brokers  records::list_offsets;
    Metadata                 0..=13  Brokers  cluster::metadata;
    OffsetCommit             2..=10  Brokers  groups::offset_commit;
    OffsetFetch              1..=10  Brokers  groups::offset_fetch;
    FindCoordinator          0..=6   Brokers  groups::find_coordinator;
    JoinGroup                0..=9   Brokers  groups::join_group;
    Heartbeat                0..=4   Brokers  groups::heartbeat;
    LeaveGroup               0..=5   Brokers  groups::leave_group;
    SyncGroup                0..=5   Brokers  groups::sync_group;
    DescribeGroups           0..=6   Brokers  groups::describe_groups;
    ListGroups               0..=5   Brokers  groups::list_groups;
    SaslHandshake            0..=1   Both     security::sasl_handshake;
    ApiVersions              0..=4   Both     cluster::api_versions;
    CreateTopics             2..=7   Both     topics::create_topics;
    DeleteTopics             1..=6   Both     topics::delete_topics;
    DeleteRecords            0..=2   Brokers  records::delete_records;
    InitProducerId           0..=5   Brokers  transactions::init_producer_id;
    OffsetForLeaderEpoch     2..=4   Brokers  records::offset_for_leader_epoch;
    AddPartitionsToTxn       0..=5   Brokers  transactions::add_partitions_to_txn;
    AddOffsetsToTxn          0..=4   Brokers  transactions::add_offsets_to_txn;
    EndTxn                   0..=5   Brokers  transactions::end_txn;
    WriteTxnMarkers          1..=2   Brokers  transactions::write_txn_markers;
    TxnOffsetCommit          0..=5   Brokers  transactions::txn_offset_commit;
    AlterReplicaLogDirs      1..=2   Brokers  records::alter_replica_log_dirs;
    DescribeLogDirs          1..=5   Brokers  records::describe_log_dirs;
    DescribeAcls             1..=3   Both     security::describe_acls;
    CreateAcls               1..=3   Both     security::create_acls;
    DeleteAcls               1..=3   Both     security::delete_acls;
    DescribeConfigs          1..=4   Both     configs::describe_configs;
    AlterConfigs             0..=2   Both     configs::alter_configs;
    SaslAuthenticate         0..=2   Both     security::sasl_authenticate;
    CreatePartitions         0..=3   Both     topics::create_partitions;
    CreateDelegationToken    1..=3   Both     security::create_delegation_token;
    RenewDelegationToken     1..=2   Both     security::renew_delegation_token;
    ExpireDelegationToken    1..=2   Both     security::expire_delegation_token;
    DescribeDelegationToken  1..=3   Both     security::describe_delegation_token;
    ElectLeaders             0..=2   Both     topics::elect_leaders;
    AlterPartitionReassignments 0..=1 Both  topics::alter_partition_reassignments;
    ListPartitionReassignments 0..=0 Both   topics::list_partition_reassignments;
    IncrementalAlterConfigs  0..=1   Both     configs::incremental_alter_configs;
    DescribeClientQuotas     0..=1   Brokers  configs::describe_client_quotas;
    AlterClientQuotas        0..=1   Both     configs::alter_client_quotas;
    DescribeUserScramCredentials 0..=0 Both   security::describe_user_scram_credentials;
    AlterUserScramCredentials 0..=0  Both     security::alter_user_scram_credentials;
    DescribeCluster          0..=2   Both     cluster::describe_cluster;
    DeleteGroups             0..=2   Brokers  groups::delete_groups;
    OffsetDelete             0..=0   Brokers  groups::offset_delete;
    DescribeProducers        0..=0   Brokers  records::describe_producers;
    DescribeTransactions     0..=0   Brokers  transactions::describe_transactions;
    ListTransactions         0..=2   Brokers  transactions::list_transactions;
    ListConfigResources      0..=1   Brokers  configs::list_config_resources;
    ConsumerGroupHeartbeat   0..=1   Brokers  groups::consumer_group_heartbeat;
    ConsumerGroupDescribe    0..=1   Brokers  groups::consumer_group_describe;
    ShareGroupHeartbeat      1..=1   Brokers  groups::share_group_heartbeat;
    ShareGroupDescribe       1..=1   Brokers  groups::share_group_describe;
    ShareFetch               1..=2   Brokers  share::share_fetch;
    ShareAcknowledge         1..=2   Brokers  share::share_acknowledge;
    StreamsGroupHeartbeat    0..=0   Brokers  groups::streams_group_heartbeat;
    StreamsGroupDescribe     0..=0   Brokers  groups::streams_group_describe;
    DescribeTopicPartitions  0..=0   Brokers  topics::describe_topic_partitions;
    InitializeShareGroupState 0..=0 Brokers  share::initialize_share_group_state;
    ReadShareGroupState      0..=0   Brokers  share::read_share_group_state;
    WriteShareGroupState     0..=1   Brokers  share::write_share_group_state;
    DeleteShareGroupState    0..=0   Brokers  share::delete_share_group_state;
    ReadShareGroupStateSummary 0..=1 Brokers  share::read_share_group_state_summary;
    DescribeShareGroupOffsets 0..=1  Brokers  groups::describe_share_group_offsets;
    AlterShareGroupOffsets   0..=0   Brokers  groups::alter_share_group_offsets;
    DeleteShareGroupOffsets  0..=0   Brokers  groups::delete_share_group_offsets;
    Vote                     0..=2   Controllers quorum::vote;
    BeginQuorumEpoch         0..=1   Controllers quorum::begin_quorum_epoch;
    EndQuorumEpoch           0..=1   Controllers quorum::end_quorum_epoch;
    DescribeQuorum           0..=2   Both     quorum::describe_quorum;
    UpdateFeatures           0..=2   Both     quorum::update_features;
    FetchSnapshot            0..=1   Controllers quorum::fetch_snapshot;
    BrokerRegistration       0..=4   Controllers brokers::broker_registration;
    BrokerHeartbeat          0..=2   Controllers brokers::broker_heartbeat;
    UnregisterBroker         0..=0   Both     brokers::unregister_broker;
    AlterPartition           2..=3   Controllers brokers::alter_partition;
    AllocateProducerIds      0..=0   Controllers brokers::allocate_producer_ids;
    AssignReplicasToDirs     0..=0   Controllers brokers::assign_replicas_to_dirs;
    ControllerRegistration   0..=0   Controllers brokers::controller_registration;
    AddRaftVoter             0..=1   Both     quorum::add_raft_voter;
    RemoveRaftVoter          0..=0   Both     quorum::remove_raft_voter;
    UpdateRaftVoter          0..=0   Controllers quorum::update_raft_voter;
}
