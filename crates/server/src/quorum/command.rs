//! What the rest of a node asks of the active controller.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
};

use klamm_protocol::{
    ErrorCode, StrBytes,
    api::{
        add_raft_voter::{AddRaftVoterRequest, AddRaftVoterResponse},
        allocate_producer_ids::{AllocateProducerIdsRequest, AllocateProducerIdsResponse},
        alter_client_quotas::{AlterClientQuotasRequest, AlterClientQuotasResponse},
        alter_configs::{AlterConfigsRequest, AlterConfigsResponse},
        alter_partition::{AlterPartitionRequest, AlterPartitionResponse},
        alter_partition_reassignments::{
            AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
        },
        alter_user_scram_credentials::{AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse},
        assign_replicas_to_dirs::{AssignReplicasToDirsRequest, AssignReplicasToDirsResponse},
        broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse},
        broker_registration::{BrokerRegistrationRequest, BrokerRegistrationResponse},
        controller_registration::{ControllerRegistrationRequest, ControllerRegistrationResponse},
        create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse},
        create_topics::{CreateTopicsRequest, CreateTopicsResponse},
        delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse},
        describe_quorum::{DescribeQuorumRequest, DescribeQuorumResponse},
        elect_leaders::{ElectLeadersRequest, ElectLeadersResponse},
        incremental_alter_configs::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse},
        list_partition_reassignments::{
            ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
        },
        remove_raft_voter::{RemoveRaftVoterRequest, RemoveRaftVoterResponse},
        unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse},
        update_features::{UpdateFeaturesRequest, UpdateFeaturesResponse},
    },
};
use klamm_raft::{RaftRequest, RaftResponse, Server};
use tokio::sync::{mpsc, oneshot};
use tracing::debug;

use crate::metrics::measures::QuorumMeasures;

use super::{
    driver::{Arrival, QuorumRequest},
    peers::Peers,
    presence::Presence,
};

/// Why the controller did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandError {
    /// This node is not the active controller.
    NotController,
    /// The quorum did not commit in time.
    TimedOut,
    /// The node is going down.
    ShuttingDown,
}

impl CommandError {
    /// The code that a client gets.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::NotController | Self::ShuttingDown => ErrorCode::NotController,
            Self::TimedOut => ErrorCode::RequestTimedOut,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotController => "this is not the active controller",
            Self::TimedOut => "the quorum did not commit the change in time",
            Self::ShuttingDown => "the node is shutting down",
        })
    }
}

/// The channel that an answer goes through.
pub type AnswerSender<T> = oneshot::Sender<Result<T, CommandError>>;

macro_rules! commands {
    ($($(#[$doc:meta])* $method:ident $name:ident ($request:ty) -> $response:ty;)+) => {
        /// One thing asked of the controller.
        #[derive(Debug)]
        pub enum Command {
            $($(#[$doc])* $name {
                /// What is asked, in the form of the API.
                request: $request,
                /// The version of the API in which the client asked.
                version: i16,
                /// Answered when it is committed.
                reply: AnswerSender<$response>,
            },)+
        }

        impl Command {
            /// Asks another node, which leads, and answers what it answers.
            pub async fn forward(self, peers: &Peers, leader: &Server) {
                match self {
                    $(Self::$name { request, version, reply } => {
                        let answer = peers.call_version(leader, &request, version).await;
                        drop(reply.send(answer.map_err(|error| {
                            debug!(%error, "the active controller does not answer");
                            CommandError::NotController
                        })));
                    })+
                }
            }

            /// Answers that it was not carried out.
            pub fn refuse(self, error: CommandError) {
                match self {
                    $(Self::$name { reply, .. } => drop(reply.send(Err(error))),)+
                }
            }
        }

        impl ControllerHandle {
            $($(#[$doc])*
            ///
            /// # Errors
            /// If there is no active controller here or the quorum does not commit.
            pub async fn $method(&self, request: $request, version: i16) -> Result<$response, CommandError> {
                let (reply, answer) = oneshot::channel();
                self.commands
                    .send(Command::$name { request, version, reply })
                    .map_err(|_| CommandError::ShuttingDown)?;
                answer.await.unwrap_or(Err(CommandError::ShuttingDown))
            })+
        }
    };
}

commands! {
    /// Creates topics.
    create_topics CreateTopics(CreateTopicsRequest) -> CreateTopicsResponse;
    /// Deletes topics.
    delete_topics DeleteTopics(DeleteTopicsRequest) -> DeleteTopicsResponse;
    /// Adds partitions to topics.
    create_partitions CreatePartitions(CreatePartitionsRequest) -> CreatePartitionsResponse;
    /// Sets, deletes, extends and shortens single config values.
    incremental_alter_configs IncrementalAlterConfigs(IncrementalAlterConfigsRequest) -> IncrementalAlterConfigsResponse;
    /// Replaces all config values of a resource.
    alter_configs AlterConfigs(AlterConfigsRequest) -> AlterConfigsResponse;
    /// Sets and removes client quotas.
    alter_client_quotas AlterClientQuotas(AlterClientQuotasRequest) -> AlterClientQuotasResponse;
    /// Adds, replaces and removes SCRAM credentials.
    alter_user_scram_credentials AlterUserScramCredentials(AlterUserScramCredentialsRequest) -> AlterUserScramCredentialsResponse;
    /// Raises or lowers feature levels.
    update_features UpdateFeatures(UpdateFeaturesRequest) -> UpdateFeaturesResponse;
    /// Registers a broker.
    register_broker RegisterBroker(BrokerRegistrationRequest) -> BrokerRegistrationResponse;
    /// A broker is alive, and wants to be fenced, unfenced or let go.
    broker_heartbeat BrokerHeartbeat(BrokerHeartbeatRequest) -> BrokerHeartbeatResponse;
    /// Forgets a broker.
    unregister_broker UnregisterBroker(UnregisterBrokerRequest) -> UnregisterBrokerResponse;
    /// Registers a controller.
    register_controller RegisterController(ControllerRegistrationRequest) -> ControllerRegistrationResponse;
    /// Tells the state of the quorum.
    describe_quorum DescribeQuorum(DescribeQuorumRequest) -> DescribeQuorumResponse;
    /// Adds a voter to the quorum.
    add_raft_voter AddRaftVoter(AddRaftVoterRequest) -> AddRaftVoterResponse;
    /// Removes a voter from the quorum.
    remove_raft_voter RemoveRaftVoter(RemoveRaftVoterRequest) -> RemoveRaftVoterResponse;
    /// Gives a broker a block of producer ids.
    allocate_producer_ids AllocateProducerIds(AllocateProducerIdsRequest) -> AllocateProducerIdsResponse;
    /// A leader changes the in-sync replicas of its partitions.
    alter_partition AlterPartition(AlterPartitionRequest) -> AlterPartitionResponse;
    /// Moves partitions to other brokers.
    alter_partition_reassignments AlterPartitionReassignments(AlterPartitionReassignmentsRequest) -> AlterPartitionReassignmentsResponse;
    /// Tells which partitions are being moved.
    list_partition_reassignments ListPartitionReassignments(ListPartitionReassignmentsRequest) -> ListPartitionReassignmentsResponse;
    /// Elects preferred leaders, or any.
    elect_leaders ElectLeaders(ElectLeadersRequest) -> ElectLeadersResponse;
    /// A broker says which log directories its replicas are in.
    assign_replicas_to_dirs AssignReplicasToDirs(AssignReplicasToDirsRequest) -> AssignReplicasToDirsResponse;
}

/// A command that the raft machine answers, rather than the controller.
pub trait RaftCommand: Sized {
    /// The answer.
    type Answer: Send + 'static;
    /// As the machine takes it.
    fn into_raft(self) -> RaftRequest;
    /// Out of what the machine answers; `None` if that is something else.
    fn from_raft(response: RaftResponse) -> Option<Self::Answer>;
}

macro_rules! raft_commands {
    ($($name:ident($request:ty) -> $answer:ty;)+) => {
        $(impl RaftCommand for $request {
            type Answer = $answer;

            fn into_raft(self) -> RaftRequest {
                RaftRequest::$name(self)
            }

            fn from_raft(response: RaftResponse) -> Option<$answer> {
                match response {
                    RaftResponse::$name(answer) => Some(answer),
                    _ => None,
                }
            }
        })+
    };
}

raft_commands! {
    DescribeQuorum(DescribeQuorumRequest) -> DescribeQuorumResponse;
    AddRaftVoter(AddRaftVoterRequest) -> AddRaftVoterResponse;
    RemoveRaftVoter(RemoveRaftVoterRequest) -> RemoveRaftVoterResponse;
}

/// Talks to the controller's thread. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ControllerHandle {
    commands: mpsc::UnboundedSender<Command>,
    quorum: Option<mpsc::UnboundedSender<Arrival>>,
    leader: Arc<AtomicI32>,
}

impl ControllerHandle {
    /// A handle, and the queue that the controller's thread takes commands from.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (commands, queue) = mpsc::unbounded_channel();
        (Self { commands, quorum: None, leader: Arc::new(AtomicI32::new(-1)) }, queue)
    }

    /// The same handle, that can also reach the quorum's protocol and tell of connections.
    #[must_use]
    pub fn with_quorum(self, quorum: mpsc::UnboundedSender<Arrival>) -> Self {
        Self { quorum: Some(quorum), ..self }
    }

    /// Tells that a node has a connection to this controller, until what is returned is dropped.
    pub fn presence(&self, node_id: i32) -> Option<Presence> {
        self.quorum.as_ref().map(|arrivals| Presence::new(node_id, arrivals.clone()))
    }

    /// Hands a request of the quorum's protocol to this node's part in it. `None` if the node is going down.
    pub async fn quorum(&self, listener: StrBytes, request: RaftRequest) -> Option<RaftResponse> {
        let (reply, answer) = oneshot::channel();
        self.quorum.as_ref()?.send(Arrival::Request(QuorumRequest { listener, request, reply })).ok()?;
        answer.await.ok()
    }

    /// How the quorum is. `None` if the node is going down.
    pub async fn measure(&self) -> Option<QuorumMeasures> {
        let (reply, answer) = oneshot::channel();
        self.quorum.as_ref()?.send(Arrival::Measure(reply)).ok()?;
        answer.await.ok()
    }

    /// The id of the active controller as far as it is known here, else -1.
    pub fn leader_id(&self) -> i32 {
        self.leader.load(Ordering::Acquire)
    }

    /// Notes who leads; for the quorum's thread.
    pub fn set_leader(&self, leader: Option<i32>) {
        self.leader.store(leader.unwrap_or(-1), Ordering::Release);
    }
}
