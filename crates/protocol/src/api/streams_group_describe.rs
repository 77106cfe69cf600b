//! StreamsGroupDescribe (key 89): describes streams groups (KIP-1071).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The request.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 89, versions = 0, flexible = 0.., listeners = [Broker])]
pub struct StreamsGroupDescribeRequest {
    /// Ids of the groups.
    pub group_ids: Vec<StrBytes>,
    /// Whether to say what the asker may do.
    pub include_authorized_operations: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The response.
#[derive(Debug, Clone, PartialEq, Message)]
#[api(key = 89, versions = 0, flexible = 0..)]
pub struct StreamsGroupDescribeResponse {
    /// How long the client is throttled because of a quota, in ms; 0 for not at all.
    pub throttle_time_ms: i32,
    /// The groups.
    pub groups: Vec<DescribedGroup>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`StreamsGroupDescribeResponse::groups`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct DescribedGroup {
    /// Error, 0 for none.
    pub error_code: i16,
    /// Text for the error; null if there is none.
    #[field(default = null)]
    pub error_message: Option<StrBytes>,
    /// Id of the group.
    pub group_id: StrBytes,
    /// State of the group, such as `Stable`.
    pub group_state: StrBytes,
    /// Epoch of the group: grows with every change that needs a new assignment.
    pub group_epoch: i32,
    /// Group epoch that the target assignment was made for.
    pub assignment_epoch: i32,
    /// The topology of the application.
    #[field(default = null)]
    pub topology: Option<Topology>,
    /// The members.
    pub members: Vec<Member>,
    /// Bits of the operations the asker may do, by the numbers of ACL operations; i32::MIN if not
    /// asked for.
    #[field(default = i32::MIN)]
    pub authorized_operations: i32,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`DescribedGroup::topology`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Topology {
    /// Epoch.
    pub epoch: i32,
    /// The parts of the topology that are connected by topics only.
    #[field(default = null)]
    pub subtopologies: Option<Vec<Subtopology>>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`Topology::subtopologies`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Subtopology {
    /// Id of the subtopology.
    pub subtopology_id: StrBytes,
    /// Topics the subtopology reads from.
    pub source_topics: Vec<StrBytes>,
    /// Repartition topics the subtopology writes to.
    pub repartition_sink_topics: Vec<StrBytes>,
    /// Changelog topics of the state stores.
    pub state_changelog_topics: Vec<TopicInfo>,
    /// Repartition topics the subtopology reads from.
    pub repartition_source_topics: Vec<TopicInfo>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`DescribedGroup::members`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Member {
    /// Id of the member.
    pub member_id: StrBytes,
    /// Epoch of the member: 0 joins, -1 leaves, -2 leaves for a while as a static member.
    pub member_epoch: i32,
    /// Id of a static member; null for a dynamic one.
    #[field(default = null)]
    pub instance_id: Option<StrBytes>,
    /// Rack of the client.
    #[field(default = null)]
    pub rack_id: Option<StrBytes>,
    /// Client id, as the client calls itself.
    pub client_id: StrBytes,
    /// Address the member connects from.
    pub client_host: StrBytes,
    /// Epoch of the topology, which the application raises when it changes.
    pub topology_epoch: i32,
    /// Id of the process the client runs in.
    pub process_id: StrBytes,
    /// Endpoint of the application for interactive queries; null for none, or if unchanged.
    #[field(default = null)]
    pub user_endpoint: Option<Endpoint>,
    /// Tags for rack-aware assignment.
    pub client_tags: Vec<KeyValue>,
    /// Offsets the tasks have reached in their changelogs.
    pub task_offsets: Vec<TaskOffset>,
    /// End offsets of the tasks' changelogs.
    pub task_end_offsets: Vec<TaskOffset>,
    /// What the member is assigned.
    pub assignment: Assignment,
    /// What the member is to be assigned in the end.
    pub target_assignment: Assignment,
    /// Whether the member still uses the classic protocol.
    pub is_classic: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`Member::user_endpoint`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Endpoint {
    /// Host name or address.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`Member::task_offsets`] and [`Member::task_end_offsets`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TaskOffset {
    /// Id of the subtopology.
    pub subtopology_id: StrBytes,
    /// Number of the partition within the topic.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// The value of [`Member::assignment`] and [`Member::target_assignment`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct Assignment {
    /// Tasks that process, by subtopology.
    pub active_tasks: Vec<TaskIds>,
    /// Tasks that keep a copy of state, by subtopology.
    pub standby_tasks: Vec<TaskIds>,
    /// Tasks that restore state before they take over, by subtopology.
    pub warmup_tasks: Vec<TaskIds>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`Assignment::active_tasks`], [`Assignment::standby_tasks`] and
/// [`Assignment::warmup_tasks`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TaskIds {
    /// Id of the subtopology.
    pub subtopology_id: StrBytes,
    /// The partitions.
    pub partitions: Vec<i32>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`Member::client_tags`] and [`TopicInfo::topic_configs`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct KeyValue {
    /// Name.
    pub key: StrBytes,
    /// Value.
    pub value: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

/// An element of [`Subtopology::state_changelog_topics`] and [`Subtopology::repartition_source_topics`].
#[derive(Debug, Clone, PartialEq, Message)]
pub struct TopicInfo {
    /// Name of the topic.
    pub name: StrBytes,
    /// The partitions.
    pub partitions: i32,
    /// Replicas per partition, -1 for the broker's default.
    pub replication_factor: i16,
    /// Configs of the topic.
    pub topic_configs: Vec<KeyValue>,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
