//! What the rest of a node asks of the active controller.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
};

use klamm_io::{Clock, Instant};
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

use crate::{
    dispatch::{Call, Origin},
    metrics::quorum::QuorumMeasures,
};

use super::{
    driver::{Arrival, QuorumRequest},
    envelope,
    peers::Peers,
    presence::Presence,
};

/// Why the controller did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandError {
    /// This node is not the active controller.
    NotController,
    /// The active controller has not answered in time.
    Silent,
    /// The quorum did not commit in time.
    TimedOut,
    /// The node is going down.
    ShuttingDown,
    /// It takes a record that no batch of the metadata log can hold.
    TooLarge,
    /// The active controller and this node do not understand each other.
    NotUnderstood,
    /// The active controller does not serve what the client has asked, in the version that it chose.
    NotServed,
}

impl CommandError {
    /// The code that a client gets.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::NotController | Self::Silent | Self::ShuttingDown => ErrorCode::NotController,
            Self::TimedOut => ErrorCode::RequestTimedOut,
            Self::TooLarge => ErrorCode::RecordListTooLarge,
            Self::NotUnderstood | Self::NotServed => ErrorCode::UnknownServerError,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotController => "this is not the active controller",
            Self::Silent => "the active controller has not answered in time",
            Self::TimedOut => "the quorum did not commit the change in time",
            Self::ShuttingDown => "the node is shutting down",
            Self::TooLarge => "the change is too large for a record of the metadata log",
            Self::NotUnderstood => "the active controller and this broker do not understand each other",
            Self::NotServed => "the active controller does not serve this version of the request",
        })
    }
}

/// Who asks, and in which version of the API.
#[derive(Debug)]
pub struct Asker {
    version: i16,
    caller: Option<Caller>,
    disowned: Option<Arc<AtomicBool>>,
    /// Set if the client has to connect anew.
    outdated: Option<Arc<AtomicBool>>,
}

/// A client that this node asks the controller for.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub origin: Origin,
    /// Its name for itself, which quotas go by.
    pub client_id: Option<StrBytes>,
    /// Of its request.
    pub correlation_id: i32,
    /// Whether it has asked this node as a controller. It is told if another one leads, and looks for that one itself.
    pub asks_controller: bool,
}

/// The node itself.
impl From<i16> for Asker {
    fn from(version: i16) -> Self {
        Self { version, caller: None, disowned: None, outdated: None }
    }
}

/// A client that has asked this node.
impl From<&Call> for Asker {
    fn from(call: &Call) -> Self {
        let (client_id, correlation_id) = (call.client_id.clone(), call.correlation_id);
        let asks_controller = call.connection.is_controller_listener;
        let caller = Caller { origin: call.origin(), client_id, correlation_id, asks_controller };
        Self {
            version: call.api_version,
            caller: Some(caller),
            disowned: call.disowned.clone(),
            outdated: call.outdated.clone(),
        }
    }
}

/// The channel that an answer goes through.
pub type AnswerSender<T> = oneshot::Sender<Result<T, CommandError>>;

/// What becomes of a command that this node decides; the command itself if it has not been decided after all.
pub type Attempt = Pin<Box<dyn Future<Output = Option<Command>>>>;

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
                /// The client on whose behalf it is asked; `None` if it is this node itself.
                caller: Option<Caller>,
                /// Answered when it is committed.
                reply: AnswerSender<$response>,
            },)+
        }

        impl Command {
            /// Asks another node, which leads, and answers what it answers. What a client asks comes back if that node
            /// does not answer, leads no more or is `given_up`.
            pub async fn forward(
                self,
                peers: &Peers,
                leader: &Server,
                given_up: impl Future<Output = ()>,
            ) -> Option<Self> {
                match self {
                    $(Self::$name { request, version, caller, reply } => {
                        let answer = envelope::pass_on(peers, leader, &request, version, caller.as_ref());
                        let answer = tokio::select! {
                            biased;
                            answer = answer => answer,
                            () = given_up => Err(CommandError::NotController),
                        };
                        let is_open = matches!(answer, Err(CommandError::NotController | CommandError::Silent));
                        if is_open && caller.is_some() {
                            return Some(Self::$name { request, version, caller, reply });
                        }
                        drop(reply.send(answer));
                    })+
                }
                None
            }

            /// The same to be decided here, and what becomes of that: the answer is passed on, but if this controller resigns
            /// before it has one the command comes back.
            pub fn attempt(self) -> (Self, Attempt) {
                match self {
                    $(Self::$name { request, version, caller, reply } => {
                        let (answers, answered) = oneshot::channel();
                        let again = (request.clone(), caller.clone());
                        let attempt = async move {
                            match answered.await {
                                Ok(Err(CommandError::NotController)) => {
                                    let (request, caller) = again;
                                    return Some(Self::$name { request, version, caller, reply });
                                }
                                Ok(answer) => drop(reply.send(answer)),
                                // The node ends, which whoever waits takes from the channel.
                                Err(_) => {}
                            }
                            None
                        };
                        (Self::$name { request, version, caller, reply: answers }, Box::pin(attempt))
                    })+
                }
            }

            /// The client on whose behalf it is asked; `None` if it is this node itself.
            pub const fn caller(&self) -> Option<&Caller> {
                match self {
                    $(Self::$name { caller, .. } => caller.as_ref(),)+
                }
            }

            /// Whether somebody waits for the answer.
            pub fn is_wanted(&self) -> bool {
                match self {
                    $(Self::$name { reply, .. } => !reply.is_closed(),)+
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
            pub async fn $method(
                &self,
                request: $request,
                asker: impl Into<Asker>,
            ) -> Result<$response, CommandError> {
                let (reply, answer) = oneshot::channel();
                let Asker { version, caller, disowned, outdated } = asker.into();
                let sent = self.commands.send((self.clock.now(), Command::$name { request, version, caller, reply }));
                let answer = match sent {
                    Ok(()) => answer.await.unwrap_or(Err(CommandError::ShuttingDown)),
                    Err(_) => Err(CommandError::ShuttingDown),
                };
                let flag = match answer {
                    Err(CommandError::NotController | CommandError::Silent | CommandError::ShuttingDown) => disowned,
                    Err(CommandError::NotServed) => outdated,
                    _ => None,
                };
                if let Some(flag) = flag {
                    flag.store(true, Ordering::Relaxed);
                }
                answer
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
    commands: mpsc::UnboundedSender<(Instant, Command)>,
    clock: Clock,
    quorum: Option<mpsc::UnboundedSender<Arrival>>,
    leader: Arc<AtomicI32>,
}

impl ControllerHandle {
    /// A handle, and the queue that the controller's thread takes commands from, each with the time when it was sent.
    pub fn channel(clock: Clock) -> (Self, mpsc::UnboundedReceiver<(Instant, Command)>) {
        let (commands, queue) = mpsc::unbounded_channel();
        (Self { commands, clock, quorum: None, leader: Arc::new(AtomicI32::new(-1)) }, queue)
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

    /// Hands a request of the quorum's protocol to this node's part in it. The answer is as `version` can say it. `None`
    /// if the node is going down.
    pub async fn quorum(
        &self,
        listener: StrBytes,
        version: i16,
        request: RaftRequest,
    ) -> Option<RaftResponse> {
        let (reply, answer) = oneshot::channel();
        self.quorum.as_ref()?.send(Arrival::Request(QuorumRequest { listener, request, reply })).ok()?;
        answer.await.ok().map(|answer: RaftResponse| answer.in_version(version))
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

#[cfg(test)]
mod tests {
    use klamm_io::spawn;

    use super::*;

    #[test]
    fn whoever_has_passed_a_request_on_hears_why_it_was_not_carried_out() {
        for (error, disowned, outdated) in [
            (CommandError::NotController, true, false),
            (CommandError::ShuttingDown, true, false),
            (CommandError::TimedOut, false, false),
            (CommandError::NotUnderstood, false, false),
            (CommandError::NotServed, false, true),
        ] {
            let (handle, mut commands) = ControllerHandle::channel(Clock::here());
            let flags = [Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false))];
            let asker = Asker {
                version: 7,
                caller: None,
                disowned: Some(Arc::clone(&flags[0])),
                outdated: Some(Arc::clone(&flags[1])),
            };
            let answer = spawn::block_on(async move {
                let asked = handle.create_topics(CreateTopicsRequest::default(), asker);
                let refused = async { commands.recv().await.unwrap().1.refuse(error) };
                tokio::join!(asked, refused).0
            });
            assert_eq!(answer.unwrap(), Err(error));
            assert_eq!(flags.map(|flag| flag.load(Ordering::Relaxed)), [disowned, outdated], "{error}");
        }
    }
}
