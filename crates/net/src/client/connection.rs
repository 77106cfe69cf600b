//! One connection to one broker: connects, agrees on versions, sends requests, gives answers.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use klamm_io::{Clock, Instant, net::Stream, spawn};
use klamm_protocol::{
    ApiKey, ErrorCode, Message, Reader, Request, StrBytes, Writer,
    api::api_versions::{ApiVersionsRequest, ApiVersionsResponse},
    header::{RequestHeader, ResponseHeader},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    ConnectionError,
    tasks::{self, Outgoing, Shared},
};
use crate::frame::FrameReader;

/// How a connection is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Sent in every request header.
    pub client_id: StrBytes,
    /// Name of the client's software, which brokers count connections by (KIP-511).
    pub software_name: StrBytes,
    /// Version of the client's software.
    pub software_version: StrBytes,
    /// How long the connecting may take per address.
    pub setup_timeout: Duration,
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// The largest answer that is accepted, in bytes.
    pub response_bytes_max: usize,
}

/// The versions that a broker has of one API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiRange {
    /// Lowest version.
    pub min: i16,
    /// Highest version.
    pub max: i16,
}

/// A connection to a broker. Clones are handles to one stream, which closes when the last is dropped.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
    requests: mpsc::UnboundedSender<Outgoing>,
    correlation: Arc<AtomicI32>,
    settings: Arc<Settings>,
    versions: Arc<BTreeMap<i16, ApiRange>>,
    api_versions: Arc<ApiVersionsResponse>,
    clock: Clock,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

/// An answer that has been asked for and may be awaited.
#[must_use]
pub struct Answer<R: Request> {
    connection: Connection,
    version: i16,
    reply: oneshot::Receiver<Result<Bytes, ConnectionError>>,
    request: std::marker::PhantomData<fn() -> R>,
}

impl Connection {
    /// Connects and asks for the broker's API versions. Must be called in a tokio runtime, which carries the
    /// connection's two tasks from then on.
    ///
    /// # Errors
    /// If the broker cannot be reached, does not answer in time or speaks something else than Kafka.
    pub async fn open(
        host: &str,
        port: u16,
        settings: Arc<Settings>,
        clock: Clock,
    ) -> Result<Self, ConnectionError> {
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let stream = Stream::connect(host, port, settings.setup_timeout).await.map_err(|error| {
            ConnectionError::Connect {
                address: address.clone(),
                reason: error.to_string(),
                nobody_listens: error.kind() == std::io::ErrorKind::ConnectionRefused,
            }
        })?;
        let shared = Arc::new(Shared::new(address, stream, clock));
        let (requests, receiver) = mpsc::unbounded_channel();
        spawn::anywhere(tasks::write(Arc::clone(&shared), receiver));
        spawn::anywhere(tasks::read(Arc::clone(&shared), FrameReader::new(settings.response_bytes_max)));
        let mut connection = Self {
            shared,
            requests,
            correlation: Arc::new(AtomicI32::new(0)),
            settings,
            versions: Arc::default(),
            api_versions: Arc::default(),
            clock,
        };
        let answer = connection.agree_on_versions().await?;
        connection.versions = Arc::new(
            answer
                .api_keys
                .iter()
                .map(|api| (api.api_key, ApiRange { min: api.min_version, max: api.max_version }))
                .collect(),
        );
        connection.api_versions = Arc::new(answer);
        Ok(connection)
    }

    /// Asks with our newest version; a broker that does not know it answers in version 0 with the versions it knows
    /// (KIP-35, KIP-511), and is asked again.
    async fn agree_on_versions(&self) -> Result<ApiVersionsResponse, ConnectionError> {
        let request = ApiVersionsRequest {
            client_software_name: self.settings.software_name.clone(),
            client_software_version: self.settings.software_version.clone(),
            ..Default::default()
        };
        let mut version = ApiVersionsRequest::VERSIONS.max;
        loop {
            // The header of this answer is the correlation id alone, in every version.
            let body = self.start_version(&request, version)?.raw(Duration::ZERO).await?.split_off(4);
            let code = body.get(..2).map_or(0, |b| i16::from_be_bytes([b[0], b[1]]));
            let unsupported = code == ErrorCode::UnsupportedVersion.code();
            let answer: ApiVersionsResponse = self.decode(body, if unsupported { 0 } else { version })?;
            if !unsupported && code == 0 {
                return Ok(answer);
            }
            let key = ApiKey::ApiVersions as i16;
            let highest =
                answer.api_keys.iter().find(|api| api.api_key == key).map_or(0, |api| api.max_version);
            if !unsupported || version == 0 || highest >= version {
                let code = ErrorCode::from_code(code);
                return Err(ConnectionError::Refused { address: self.shared.address.clone(), code });
            }
            version = highest;
        }
    }

    /// The broker as host:port.
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// Whether requests can still be sent.
    pub fn is_open(&self) -> bool {
        self.shared.end_reason().is_none()
    }

    /// When the connection ended, if it has.
    pub fn ended_at(&self) -> Option<Instant> {
        self.shared.ended_at()
    }

    /// Ends the connection. What waits for an answer fails.
    pub fn close(&self) {
        self.shared.end(self.shared.closed_because("this client closed it"));
    }

    /// What the broker told about itself when the connection was made: versions and features.
    pub fn api_versions(&self) -> &ApiVersionsResponse {
        &self.api_versions
    }

    /// The broker's versions of one API; `None` if it does not serve it.
    pub fn broker_versions(&self, key: ApiKey) -> Option<ApiRange> {
        self.versions.get(&(key as i16)).copied()
    }

    /// The highest version of `R` that both sides speak.
    ///
    /// # Errors
    /// If there is none.
    pub fn version_of<R: Request>(&self) -> Result<i16, ConnectionError> {
        let range = self.versions.get(&(R::KEY as i16));
        range
            .map(|range| (range.min.max(R::VERSIONS.min), range.max.min(highest_stable::<R>())))
            .filter(|(low, high)| low <= high)
            .map(|(_, high)| high)
            .ok_or_else(|| ConnectionError::UnsupportedVersion {
                address: self.shared.address.clone(),
                api: R::KEY.name(),
            })
    }

    /// Sends a request in the highest common version and waits for the answer.
    ///
    /// # Errors
    /// If the connection ends, the answer does not come in time or cannot be read.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Response, ConnectionError> {
        self.call_version(request, self.version_of::<R>()?, Duration::ZERO).await
    }

    /// Sends a request in the given version; the answer may take `longer` than `request.timeout.ms`, for requests that
    /// wait at the broker.
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub async fn call_version<R: Request>(
        &self,
        request: &R,
        version: i16,
        longer: Duration,
    ) -> Result<R::Response, ConnectionError> {
        self.start_version(request, version)?.wait(longer).await
    }

    /// Sends a request in the given version without waiting. The order of calls is the order on the wire.
    ///
    /// # Errors
    /// If the request cannot be encoded or the connection has ended.
    pub fn start_version<R: Request>(&self, request: &R, version: i16) -> Result<Answer<R>, ConnectionError> {
        let (sender, reply) = oneshot::channel();
        self.hand_over(request, version, Some(sender))?;
        Ok(Answer { connection: self.clone(), version, reply, request: std::marker::PhantomData })
    }

    /// Sends a request that the broker does not answer (Produce with acks=0).
    ///
    /// # Errors
    /// As [`Connection::start_version`].
    pub fn send_unanswered<R: Request>(&self, request: &R, version: i16) -> Result<(), ConnectionError> {
        self.hand_over(request, version, None)
    }

    fn hand_over<R: Request>(
        &self,
        request: &R,
        version: i16,
        reply: Option<tasks::Reply>,
    ) -> Result<(), ConnectionError> {
        if let Some(reason) = self.shared.end_reason() {
            return Err(reason);
        }
        let correlation_id = self.correlation.fetch_add(1, Ordering::Relaxed) & i32::MAX;
        let frame = self.encode(request, version, correlation_id)?;
        self.requests.send(Outgoing { frame, correlation_id, reply }).map_err(|_| self.shared.closed())
    }

    fn encode<R: Request>(
        &self,
        request: &R,
        version: i16,
        correlation_id: i32,
    ) -> Result<Bytes, ConnectionError> {
        let failed = |reason: String| ConnectionError::Encode { api: R::KEY.name(), reason };
        let client_id = Some(self.settings.client_id.clone());
        let header = RequestHeader::new(R::KEY, version, correlation_id, client_id);
        let mut writer = Writer::new();
        writer.i32(0);
        header.encode_for(R::KEY, &mut writer).map_err(|error| failed(error.to_string()))?;
        request.encode(&mut writer, version).map_err(|error| failed(error.to_string()))?;
        let size = i32::try_from(writer.len() - 4).map_err(|_| failed("larger than 2 GiB".to_owned()))?;
        writer.patch_i32(0, size);
        Ok(writer.into_bytes())
    }

    fn decode<M: Message>(&self, body: Bytes, version: i16) -> Result<M, ConnectionError> {
        let mut reader = Reader::new(body);
        M::decode(&mut reader, version).map_err(|error| {
            let error = ConnectionError::Malformed {
                address: self.shared.address.clone(),
                reason: error.to_string(),
            };
            self.shared.end(error.clone());
            error
        })
    }
}

/// Our highest version of an API whose form is settled.
fn highest_stable<R: Request>() -> i16 {
    R::VERSIONS.max - i16::from(R::SCHEMA.latest_version_unstable)
}

impl<R: Request> Answer<R> {
    /// Waits for the answer, `longer` than `request.timeout.ms` if need be. A broker that stays silent loses its
    /// connection, since what it answers later would answer nothing.
    ///
    /// # Errors
    /// If the connection ends, the time passes or the answer cannot be read.
    pub async fn wait(self, longer: Duration) -> Result<R::Response, ConnectionError> {
        let connection = self.connection.clone();
        let version = self.version;
        let body = self.raw(longer).await?;
        let mut reader = Reader::new(body);
        ResponseHeader::decode_for(R::KEY, &mut reader, version)
            .and_then(|_| R::Response::decode(&mut reader, version))
            .map_err(|error| {
                let error = ConnectionError::Malformed {
                    address: connection.shared.address.clone(),
                    reason: format!("{} version {version}: {error}", R::KEY.name()),
                };
                connection.shared.end(error.clone());
                error
            })
    }

    /// The answer's bytes, header included.
    async fn raw(self, longer: Duration) -> Result<Bytes, ConnectionError> {
        let Self { connection, reply, .. } = self;
        let limit = connection.settings.request_timeout.saturating_add(longer);
        match connection.clock.timeout(limit, reply).await {
            Some(Ok(body)) => body,
            Some(Err(_)) => Err(connection.shared.closed()),
            None => {
                let error = ConnectionError::TimedOut {
                    address: connection.shared.address.clone(),
                    api: R::KEY.name(),
                    after: limit,
                };
                connection.shared.end(error.clone());
                Err(error)
            }
        }
    }
}
