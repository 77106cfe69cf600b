//! What a client knows of a cluster, and its connections to it.
//!
//! A [`Cluster`] is a cheap handle that producer, consumer and admin client share. Its state lies behind one short lock;
//! no lock is held across an await but the one that keeps two callers from connecting to one broker at once.

mod attempts;
mod backoff;
mod coordinators;
mod metadata;
mod retry;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use klamm_config::client::ClientConfig;
use klamm_io::{Clock, Entropy, Instant};
use klamm_net::client::{Connection, ConnectionError, Settings};
use klamm_protocol::{Request, StrBytes};

use attempts::{Attempts, Pacing};
pub use backoff::Backoff;
pub use coordinators::CoordinatorKind;
pub(crate) use metadata::CONTROLLER_ENDPOINTS;
pub use metadata::{Broker, Metadata, Partition, Topic, TopicSelection};

use crate::ClientError;

/// The largest answer a client accepts. Fetches are bounded by what they ask for, with one batch beyond it.
const RESPONSE_BYTES_MAX: usize = 1 << 30;

/// Handle to a cluster: metadata and connections. Clones share both.
#[derive(Clone, Debug)]
pub struct Cluster {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    bootstrap: Vec<(String, u16)>,
    bootstrap_text: String,
    /// Whether the bootstrap servers are controllers (KIP-919): `brokers` then are controllers too.
    asks_controllers: bool,
    settings: Arc<Settings>,
    backoff: Backoff,
    pacing: Pacing,
    /// How long to go on when no bootstrap server answers at all.
    patience: Duration,
    api_timeout: Duration,
    metadata_age_max: Duration,
    clock: Clock,
    entropy: Entropy,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    metadata: Arc<Metadata>,
    refreshed: Option<Instant>,
    nodes: BTreeMap<i32, Arc<tokio::sync::Mutex<Node>>>,
    coordinators: BTreeMap<(i8, String), i32>,
}

/// The connection to one broker. Bootstrap servers have negative numbers until metadata tells who they are.
#[derive(Debug, Default)]
struct Node {
    connection: Option<Connection>,
    address: (String, u16),
    attempts: Attempts,
}

impl Cluster {
    /// Prepares a client of the cluster that `bootstrap.servers` names. Connects to nothing yet.
    ///
    /// # Errors
    /// If there are no bootstrap servers or controllers, or both, an address cannot be read, or `security.protocol` asks for more than PLAINTEXT.
    pub fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let protocol = config.text("security.protocol").unwrap_or("PLAINTEXT");
        if !protocol.eq_ignore_ascii_case("PLAINTEXT") {
            return Err(ClientError::Invalid(format!(
                "security.protocol={protocol} is not supported yet: only PLAINTEXT is"
            )));
        }
        let (bootstrap, asks_controllers) = bootstrap_addresses(config)?;
        let patience =
            if config.is_set("default.api.timeout.ms") { Duration::MAX } else { Duration::from_secs(10) };
        let api_timeout = match config.number("default.api.timeout.ms") {
            0 => Duration::from_secs(60),
            _ => config.millis("default.api.timeout.ms"),
        };
        let settings = Settings {
            client_id: StrBytes::from(config.text("client.id").unwrap_or_default().to_owned()),
            software_name: StrBytes::from_static("klamm"),
            software_version: StrBytes::from_static(env!("CARGO_PKG_VERSION")),
            setup_timeout: config.millis("socket.connection.setup.timeout.ms"),
            request_timeout: config.millis("request.timeout.ms"),
            response_bytes_max: RESPONSE_BYTES_MAX,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                bootstrap_text: bootstrap
                    .iter()
                    .map(|(host, port)| format!("{host}:{port}"))
                    .collect::<Vec<_>>()
                    .join(","),
                bootstrap,
                asks_controllers,
                settings: Arc::new(settings),
                backoff: Backoff::new(
                    config.millis("retry.backoff.ms"),
                    config.millis("retry.backoff.max.ms"),
                ),
                pacing: Pacing {
                    pause: Backoff::new(
                        config.millis("reconnect.backoff.ms"),
                        config.millis("reconnect.backoff.max.ms"),
                    ),
                    setup: Backoff::new(
                        config.millis("socket.connection.setup.timeout.ms"),
                        config.millis("socket.connection.setup.timeout.max.ms"),
                    ),
                },
                patience,
                api_timeout,
                metadata_age_max: config.millis("metadata.max.age.ms"),
                clock: Clock::here(),
                entropy: Entropy::here(),
                state: Mutex::default(),
            }),
        })
    }

    /// The clock that all deadlines of this client follow.
    pub fn clock(&self) -> Clock {
        self.inner.clock
    }

    /// The client's source of randomness.
    pub fn entropy(&self) -> &Entropy {
        &self.inner.entropy
    }

    /// The pauses between repetitions of failed requests.
    pub fn backoff(&self) -> Backoff {
        self.inner.backoff
    }

    /// `default.api.timeout.ms`.
    pub fn api_timeout(&self) -> Duration {
        self.inner.api_timeout
    }

    /// `metadata.max.age.ms`.
    pub(crate) fn metadata_age_max(&self) -> Duration {
        self.inner.metadata_age_max
    }

    /// Whether this client talks to controllers rather than to brokers.
    pub fn asks_controllers(&self) -> bool {
        self.inner.asks_controllers
    }

    /// `client.id`.
    pub fn client_id(&self) -> &str {
        &self.inner.settings.client_id
    }

    /// `request.timeout.ms`.
    pub fn request_timeout(&self) -> Duration {
        self.inner.settings.request_timeout
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection to this broker, made if there is none, which waits for `reconnect.backoff.ms` and more after the last
    /// one that ended or was not made. The broker must be in the metadata.
    ///
    /// # Errors
    /// If it is not known or cannot be reached.
    pub async fn connection(&self, node: i32) -> Result<Connection, ClientError> {
        let Some(address) = self.address(node) else {
            return Err(ConnectionError::Connect {
                address: format!("broker {node}"),
                reason: "it is not in the cluster's metadata".to_owned(),
                nobody_listens: false,
            }
            .into());
        };
        let slot = Arc::clone(self.state().nodes.entry(node).or_default());
        let mut slot = slot.lock().await;
        if let Some(open) = slot.connection.as_ref().filter(|open| open.is_open() && slot.address == address)
        {
            return Ok(open.clone());
        }
        let Inner { pacing, entropy, clock, settings, .. } = &*self.inner;
        if slot.address != address {
            *slot = Node { address, ..Node::default() };
        } else if let Some(ended) = slot.connection.take() {
            slot.attempts.ended(ended.ended_at().unwrap_or_else(|| clock.now()), false, pacing, entropy);
        }
        if let Some(retry_at) = slot.attempts.retry_at() {
            clock.sleep_until(retry_at).await;
        }
        let (host, port) = slot.address.clone();
        let setup_timeout = slot.attempts.setup_timeout(pacing, entropy);
        let settings = Arc::new(Settings { setup_timeout, ..(**settings).clone() });
        match Connection::open(&host, port, settings, *clock).await {
            Ok(connection) => {
                slot.attempts.succeeded();
                slot.connection = Some(connection.clone());
                Ok(connection)
            }
            Err(error) => {
                let is_setup = matches!(error, ConnectionError::Connect { .. });
                slot.attempts.ended(clock.now(), is_setup, pacing, entropy);
                Err(error.into())
            }
        }
    }

    fn address(&self, node: i32) -> Option<(String, u16)> {
        if node < 0 {
            return self.inner.bootstrap.get(node.unsigned_abs() as usize - 1).cloned();
        }
        let state = self.state();
        let broker = state.metadata.brokers.get(&node)?;
        Some((broker.host.clone(), broker.port))
    }

    /// A connection to any broker: known brokers first, in random order, then the bootstrap servers; and after all these
    /// the ones that were tried not long ago, or are being connected to.
    ///
    /// # Errors
    /// If each was tried once and none could be reached.
    pub async fn any_connection(&self) -> Result<Connection, ClientError> {
        if let Some(open) = self.open_connection() {
            return Ok(open);
        }
        let mut candidates: Vec<i32> = self.state().metadata.brokers.keys().copied().collect();
        shuffle(&mut candidates, &self.inner.entropy);
        let mut servers: Vec<i32> = (1..=self.inner.bootstrap.len() as i32).map(|n| -n).collect();
        shuffle(&mut servers, &self.inner.entropy);
        candidates.extend(servers);
        candidates.sort_by_cached_key(|node| self.comes_after(*node));
        let mut reason = String::new();
        for node in candidates {
            match self.connection(node).await {
                Ok(connection) => return Ok(connection),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(ClientError::Unreachable { servers: self.inner.bootstrap_text.clone(), reason })
    }

    /// Whether others have to be tried before this broker because it is busy or would have to be waited for, and until
    /// when.
    fn comes_after(&self, node: i32) -> (bool, Instant) {
        let now = self.inner.clock.now();
        let Some(slot) = self.state().nodes.get(&node).map(Arc::clone) else { return (false, now) };
        slot.try_lock().map_or((true, now), |slot| {
            (false, slot.attempts.retry_at().map_or(now, |retry_at| retry_at.max(now)))
        })
    }

    fn open_connection(&self) -> Option<Connection> {
        let state = self.state();
        state
            .nodes
            .values()
            .filter_map(|node| node.try_lock().ok()?.connection.clone())
            .find(Connection::is_open)
    }

    /// Asks any broker, or the active controller if this client talks to controllers, once.
    ///
    /// # Errors
    /// If none can be reached or the exchange fails. An error code inside the answer is the caller's to see.
    pub async fn call_any<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        if !self.inner.asks_controllers {
            return Ok(self.any_connection().await?.call(request).await?);
        }
        let mut controller = self.metadata().controller_id;
        if controller < 0 {
            controller = self.refresh_controllers().await?.controller_id;
        }
        let result = self.call_node(controller, request).await;
        if result.is_err() {
            self.forget_controller();
        }
        result
    }

    /// Forgets who the active controller is, after it said that it is not.
    fn forget_controller(&self) {
        let mut state = self.state();
        let mut metadata = (*state.metadata).clone();
        metadata.controller_id = -1;
        state.metadata = Arc::new(metadata);
    }

    /// Asks one broker, once.
    ///
    /// # Errors
    /// As [`Cluster::call_any`].
    pub async fn call_node<R: Request>(&self, node: i32, request: &R) -> Result<R::Response, ClientError> {
        Ok(self.connection(node).await?.call(request).await?)
    }

    /// Closes all connections. The handle can still be used and then connects again.
    pub fn close(&self) {
        let nodes: Vec<_> = self.state().nodes.values().cloned().collect();
        for node in nodes {
            if let Ok(mut node) = node.try_lock()
                && let Some(connection) = node.connection.take()
            {
                connection.close();
            }
        }
    }
}

fn shuffle(items: &mut [i32], entropy: &Entropy) {
    for end in (1..items.len()).rev() {
        items.swap(end, entropy.below(end as u64 + 1) as usize);
    }
}

/// Reads host:port addresses, with IPv6 in brackets; and whether they are those of controllers.
fn bootstrap_addresses(config: &ClientConfig) -> Result<(Vec<(String, u16)>, bool), ClientError> {
    let (servers, controllers) = (config.list("bootstrap.servers"), config.list("bootstrap.controllers"));
    let (addresses, are_controllers) = match (servers.is_empty(), controllers.is_empty()) {
        (true, true) => {
            return Err(ClientError::Invalid(
                "bootstrap.servers is not set: it names the brokers to ask first".to_owned(),
            ));
        }
        (false, false) => {
            return Err(ClientError::Invalid(
                "Cannot set both bootstrap.servers and bootstrap.controllers".to_owned(),
            ));
        }
        (true, false) => (controllers, true),
        (false, true) => (servers, false),
    };
    let addresses: Result<Vec<_>, _> = addresses.into_iter().map(parse_address).collect();
    Ok((addresses?, are_controllers))
}

/// Reads one `host:port` or `[v6]:port`.
fn parse_address(text: &str) -> Result<(String, u16), ClientError> {
    let wrong = || {
        ClientError::Invalid(format!(
            "'{text}' is no address of a broker: it must be host:port (e.g. localhost:9092)"
        ))
    };
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (host, port) = bare.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().map_err(|_| wrong())?;
    if host.is_empty() {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use klamm_config::client::ClientKind;

    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, expect) in [
            ("a:1", Some(("a", 1))),
            ("[::1]:9092", Some(("::1", 9092))),
            ("PLAINTEXT://host:9092", Some(("host", 9092))),
            ("a", None),
            ("a:x", None),
            (":9092", None),
            ("a:99999", None),
        ] {
            let got = parse_address(text).ok();
            assert_eq!(got.as_ref().map(|(host, port)| (host.as_str(), *port)), expect, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_served_is_said_at_once() {
        for (pairs, expect) in [
            (vec![("bootstrap.servers", "")], "bootstrap.servers is not set"),
            (
                vec![("bootstrap.servers", "a:1"), ("security.protocol", "SSL")],
                "security.protocol=SSL is not supported yet: only PLAINTEXT is",
            ),
        ] {
            let config = ClientConfig::new(ClientKind::Admin, pairs).unwrap();
            let error = Cluster::new(&config).unwrap_err().to_string();
            assert!(error.starts_with(expect), "{error}");
        }
    }
}
