//! Connections to other nodes, by address: to controller listeners on the quorum's thread, to brokers on the shards'.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use klamm_io::Clock;
use klamm_net::client::{Connection, ConnectionError, Settings};
use klamm_protocol::{
    ApiKey, ErrorCode, Request, StrBytes,
    api::{
        describe_cluster::DescribeClusterRequest,
        fetch::{FetchRequest, FetchResponse},
    },
};
use klamm_raft::{RaftRequest, RaftResponse, RequestFailure, Server};
use rustc_hash::FxHashMap;
use tracing::warn;

use crate::inter_broker::SetupTimeout;

/// The largest answer taken from another controller: a fetch of the metadata log or a part of a snapshot.
const RESPONSE_BYTES_MAX: usize = 64 << 20;

/// The kind of nodes that DescribeCluster is asked for.
const CONTROLLERS: i8 = 2;

/// How often a server of another cluster, or of none, is complained about.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

type SharedSlot = Rc<tokio::sync::Mutex<Slot>>;

/// What there is to a server.
#[derive(Default)]
struct Slot {
    connection: Option<Connection>,
    /// Attempts in a row to make one that failed.
    failures: u32,
}

/// One connection for each address, made when it is needed.
#[derive(Clone)]
pub struct Peers {
    cluster_id: StrBytes,
    /// Servers of another cluster, or of none, that were complained about, and when.
    complaints: Rc<RefCell<FxHashMap<(String, u16), Duration>>>,
    slots: Rc<RefCell<FxHashMap<(String, u16), SharedSlot>>>,
    settings: Arc<Settings>,
    setup: SetupTimeout,
    clock: Clock,
}

impl Peers {
    /// No connections yet. `request_timeout` is `controller.quorum.request.timeout.ms`.
    pub fn new(node_id: i32, cluster_id: StrBytes, request_timeout: Duration, clock: Clock) -> Self {
        Self::named(format!("raft-client-{node_id}"), cluster_id, request_timeout, clock)
    }

    /// No connections yet; `client_id` is what the other nodes hear.
    pub fn named(client_id: String, cluster_id: StrBytes, request_timeout: Duration, clock: Clock) -> Self {
        let settings = Settings {
            client_id: client_id.into(),
            software_name: "klamm".into(),
            software_version: env!("CARGO_PKG_VERSION").into(),
            setup_timeout: request_timeout,
            request_timeout,
            response_bytes_max: RESPONSE_BYTES_MAX,
        };
        Self {
            cluster_id,
            complaints: Rc::default(),
            slots: Rc::default(),
            settings: Arc::new(settings),
            setup: SetupTimeout::always(request_timeout),
            clock,
        }
    }

    /// The same with a limit of its own on how long connecting may take; never longer than a request may.
    #[must_use]
    pub fn connecting(self, setup: SetupTimeout) -> Self {
        Self { setup, ..self }
    }

    /// The same with connections of its own, on which an answer may take so long.
    pub fn apart(&self, request_timeout: Duration) -> Self {
        let settings = Settings { request_timeout, ..Settings::clone(&self.settings) };
        Self { slots: Rc::default(), settings: Arc::new(settings), ..self.clone() }
    }

    /// The connection to a server, made anew if there is none or it is broken.
    ///
    /// # Errors
    /// If the server cannot be reached.
    pub async fn connection(&self, to: &Server) -> Result<Connection, ConnectionError> {
        let key = (to.host.to_string(), to.port);
        let slot = Rc::clone(self.slots.borrow_mut().entry(key).or_default());
        // Held while connecting, so that one attempt serves all who wait for it.
        let mut slot = slot.lock().await;
        if let Some(connection) = slot.connection.as_ref().filter(|connection| connection.is_open()) {
            return Ok(connection.clone());
        }
        let setup_timeout = self.setup.after(slot.failures).min(self.settings.request_timeout);
        let settings = Arc::new(Settings { setup_timeout, ..Settings::clone(&self.settings) });
        // Counted before, since whoever asks may give up.
        slot.failures = slot.failures.saturating_add(1);
        let connection = Connection::open(&to.host, to.port, settings, self.clock).await?;
        *slot = Slot { connection: Some(connection.clone()), failures: 0 };
        Ok(connection)
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// As [`Peers::connection`], or if there is no answer in time.
    pub async fn call<R: Request>(&self, to: &Server, request: &R) -> Result<R::Response, ConnectionError> {
        self.connection(to).await?.call(request).await
    }

    /// Sends a request in the version that it came in (what a request says depends on it), or in the highest that the
    /// server knows, if that is lower.
    ///
    /// # Errors
    /// As [`Peers::call`].
    pub async fn call_version<R: Request>(
        &self,
        to: &Server,
        request: &R,
        version: i16,
    ) -> Result<R::Response, ConnectionError> {
        let connection = self.connection(to).await?;
        let version = version.min(connection.version_of::<R>()?);
        connection.call_version(request, version, Duration::ZERO).await
    }

    /// The highest version of a request that the server and this node know.
    ///
    /// # Errors
    /// As [`Peers::connection`], or if there is none.
    pub async fn highest_version<R: Request>(&self, to: &Server) -> Result<i16, ConnectionError> {
        self.connection(to).await?.version_of::<R>()
    }

    /// Sends a request of the quorum's protocol.
    ///
    /// # Errors
    /// What the raft machine is told of it.
    pub async fn send(&self, to: &Server, request: RaftRequest) -> Result<RaftResponse, RequestFailure> {
        let answer = match request {
            RaftRequest::Fetch(request) => {
                self.fetch(to, *request).await.map(|answer| RaftResponse::Fetch(Box::new(answer)))
            }
            RaftRequest::FetchSnapshot(request) => {
                self.call(to, &request).await.map(RaftResponse::FetchSnapshot)
            }
            RaftRequest::Vote(request) => self.call(to, &request).await.map(RaftResponse::Vote),
            RaftRequest::BeginQuorumEpoch(request) => {
                self.call(to, &request).await.map(RaftResponse::BeginQuorumEpoch)
            }
            RaftRequest::EndQuorumEpoch(request) => {
                self.call(to, &request).await.map(RaftResponse::EndQuorumEpoch)
            }
            RaftRequest::DescribeQuorum(request) => {
                self.call(to, &request).await.map(RaftResponse::DescribeQuorum)
            }
            // Every connection begins with this exchange.
            RaftRequest::ApiVersions(_) => {
                let connection = self.connection(to).await;
                connection
                    .map(|connection| RaftResponse::ApiVersions(Box::new(connection.api_versions().clone())))
            }
            RaftRequest::AddRaftVoter(request) => {
                self.call(to, &request).await.map(RaftResponse::AddRaftVoter)
            }
            RaftRequest::RemoveRaftVoter(request) => {
                self.call(to, &request).await.map(RaftResponse::RemoveRaftVoter)
            }
            RaftRequest::UpdateRaftVoter(request) => {
                self.call(to, &request).await.map(RaftResponse::UpdateRaftVoter)
            }
        };
        match answer {
            Ok(answer) => {
                self.note_stranger(to, &answer).await;
                Ok(answer)
            }
            // Whether the process is gone or only the connection is told by the next attempt.
            Err(ConnectionError::Closed { .. }) => Err(self
                .connection(to)
                .await
                .err()
                .map_or(RequestFailure::Disconnected, |error| failure(&error))),
            Err(error) => Err(failure(&error)),
        }
    }

    async fn fetch(&self, to: &Server, mut request: FetchRequest) -> Result<FetchResponse, ConnectionError> {
        let connection = self.connection(to).await?;
        self.note_broker(to, &connection);
        let version = connection.version_of::<FetchRequest>()?;
        klamm_raft::fetch_in_version(&mut request, version);
        connection.call_version(&request, version, Duration::ZERO).await
    }

    /// Says so, now and then, when a server belongs to another cluster: nothing will come of asking it.
    async fn note_stranger(&self, to: &Server, answer: &RaftResponse) {
        let error_code = match answer {
            RaftResponse::Fetch(answer) => answer.error_code,
            RaftResponse::Vote(answer) => answer.error_code,
            RaftResponse::BeginQuorumEpoch(answer) => answer.error_code,
            RaftResponse::EndQuorumEpoch(answer) => answer.error_code,
            _ => return,
        };
        if ErrorCode::from_code(error_code) != ErrorCode::InconsistentClusterId || !self.is_to_tell(to) {
            return;
        }
        let ask = DescribeClusterRequest { endpoint_type: CONTROLLERS, ..Default::default() };
        let told = self.call(to, &ask).await.map(|answer| answer.cluster_id);
        // Below metadata.version 3.7 controllers do not say.
        let theirs = told.ok().filter(|id| !id.is_empty() && *id != self.cluster_id);
        warn!(
            host = %to.host,
            port = to.port,
            cluster_id = %self.cluster_id,
            their_cluster_id = theirs.as_deref().unwrap_or("another one"),
            "this controller belongs to another cluster than this node: correct controller.quorum.voters or \
             controller.quorum.bootstrap.servers, or format this node with the other's cluster id"
        );
    }

    /// Says so, now and then, when a server takes no part in any quorum, like a broker's listener.
    fn note_broker(&self, to: &Server, connection: &Connection) {
        if connection.broker_versions(ApiKey::Vote).is_none() && self.is_to_tell(to) {
            warn!(
                host = %to.host,
                port = to.port,
                "this address does not serve the quorum's protocol, as no listener of a broker does: \
                 controller.quorum.voters and controller.quorum.bootstrap.servers have to name listeners of controllers \
                 (controller.listener.names)"
            );
        }
    }

    /// Whether it is time to complain about that server.
    fn is_to_tell(&self, to: &Server) -> bool {
        let now = self.clock.now().since_start();
        let mut complaints = self.complaints.borrow_mut();
        let key = (to.host.to_string(), to.port);
        if complaints.get(&key).is_some_and(|last| now < *last + COMPLAINT_INTERVAL) {
            return false;
        }
        complaints.insert(key, now);
        true
    }
}

fn failure(error: &ConnectionError) -> RequestFailure {
    match error {
        // A pre-vote, for one, cannot be said to a voter that knows only votes.
        ConnectionError::UnsupportedVersion { .. } | ConnectionError::Encode { .. } => {
            RequestFailure::UnsupportedVersion
        }
        ConnectionError::Connect { nobody_listens: true, .. } => RequestFailure::Refused,
        _ => RequestFailure::Disconnected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_know_what_is_to_be_said_is_told_from_one_that_is_away() {
        let (address, api) = ("voter:1".to_owned(), "Vote");
        let reason = "pre_vote".to_owned();
        for (error, expect) in [
            (
                ConnectionError::UnsupportedVersion { address: address.clone(), api },
                RequestFailure::UnsupportedVersion,
            ),
            (ConnectionError::Encode { api, reason: reason.clone() }, RequestFailure::UnsupportedVersion),
            (
                ConnectionError::Connect {
                    address: address.clone(),
                    reason: reason.clone(),
                    nobody_listens: true,
                },
                RequestFailure::Refused,
            ),
            (
                ConnectionError::Connect {
                    address: address.clone(),
                    reason: reason.clone(),
                    nobody_listens: false,
                },
                RequestFailure::Disconnected,
            ),
            (ConnectionError::Closed { address, reason }, RequestFailure::Disconnected),
        ] {
            assert_eq!(failure(&error), expect, "{error}");
        }
    }
}
