//! Fetching from leaders: for each broker that leads partitions which this shard follows, one task with a connection of
//! its own.
//!
//! A task has one request under way at a time. It ends when nothing is left to be fetched from its leader, with whatever
//! it waits for.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use klamm_config::{BrokerConfig, broker};
use klamm_io::{Instant, spawn};
use klamm_net::client::{Connection, ConnectionError, Settings};
use klamm_protocol::{ErrorCode, api::fetch::FetchRequest};
use tokio::sync::Notify;
use tracing::{debug, warn};

use super::{exchange, exchange::Plan, fetch_backoff};
use crate::{
    node::Node,
    shard::{requests::TopicPartition, run::Shard},
};

/// Topics go by their ids from this version on; brokers that do not have it are older than any that can be in a cluster
/// with this one.
const FETCH_VERSION_MIN: i16 = 13;
/// The largest answer taken from a leader. `replica.fetch.response.max.bytes` bounds an answer but for its first batch.
const RESPONSE_BYTES_MAX: usize = i32::MAX as usize;
/// After so many bytes other work of the shard gets its turn.
const TURN_BYTES: usize = 1024 * 1024;

/// The fetchers of one shard, by leader.
#[derive(Default)]
pub(super) struct Fetchers {
    by_leader: RefCell<BTreeMap<i32, Fetcher>>,
}

struct Fetcher {
    followed: Rc<Followed>,
    task: spawn::Task<()>,
}

/// The partitions that a fetcher fetches.
#[derive(Default)]
struct Followed {
    partitions: RefCell<BTreeSet<TopicPartition>>,
    changed: Notify,
}

impl Fetchers {
    /// Has a partition fetched from its leader, or not any more if there is none.
    pub(super) fn follow(&self, shard: &Rc<Shard>, at: &TopicPartition, leader: Option<i32>) {
        let mut by_leader = self.by_leader.borrow_mut();
        by_leader.retain(|id, fetcher| {
            let mut partitions = fetcher.followed.partitions.borrow_mut();
            if Some(*id) != leader {
                partitions.remove(at);
            }
            let is_needed = !partitions.is_empty() || Some(*id) == leader;
            if !is_needed {
                fetcher.task.abort();
            }
            is_needed
        });
        let Some(leader) = leader else { return };
        let fetcher = by_leader.entry(leader).or_insert_with(|| {
            let followed = Rc::new(Followed::default());
            let run = run(Rc::downgrade(shard), Arc::clone(shard.node()), leader, Rc::clone(&followed));
            Fetcher { task: spawn::local(run), followed }
        });
        fetcher.followed.partitions.borrow_mut().insert(at.clone());
        // Also if it was there: its leader epoch may be another.
        fetcher.followed.changed.notify_one();
    }

    /// Ends all fetching.
    pub(super) fn stop(&self) {
        for (_, fetcher) in std::mem::take(&mut *self.by_leader.borrow_mut()) {
            fetcher.task.abort();
        }
    }
}

/// What a fetcher does after a round.
enum Next {
    Again,
    /// There is nothing to ask before this moment, or until something changes.
    Wait(Option<Instant>),
}

/// Why a round failed.
enum Failed {
    Connection(ConnectionError),
    /// The leader refused as a whole.
    Refused(ErrorCode),
    /// The metadata does not say where the leader listens.
    NoAddress,
    /// The shard has ended.
    Ended,
}

impl From<ConnectionError> for Failed {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(error)
    }
}

async fn run(shard: Weak<Shard>, node: Arc<Node>, leader: i32, followed: Rc<Followed>) {
    let clock = node.world.clock;
    let mut round = Round { shard, node, leader, followed, connection: None, turn: 0 };
    let mut is_failing = false;
    loop {
        match round.run().await {
            Ok(Next::Again) => is_failing = false,
            Ok(Next::Wait(until)) => {
                let sleep = async {
                    match until {
                        Some(until) => clock.sleep_until(until).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    () = sleep => {}
                    () = round.followed.changed.notified() => {}
                }
            }
            Err(Failed::Ended) => return,
            Err(failed) => {
                round.connection = None;
                if !std::mem::replace(&mut is_failing, true) {
                    tell(leader, &failed);
                }
                round.back_off().await;
            }
        }
    }
}

fn tell(leader: i32, failed: &Failed) {
    match failed {
        Failed::Connection(error) => warn!(leader, %error, "cannot fetch from the leader; trying on"),
        Failed::Refused(error) => {
            warn!(leader, error = error.name(), "the leader refuses to be fetched from")
        }
        Failed::NoAddress => debug!(leader, "waiting for the leader's address"),
        Failed::Ended => {}
    }
}

struct Round {
    shard: Weak<Shard>,
    node: Arc<Node>,
    leader: i32,
    followed: Rc<Followed>,
    connection: Option<Connection>,
    turn: usize,
}

impl Round {
    /// Asks once for whatever the partitions want.
    async fn run(&mut self) -> Result<Next, Failed> {
        let clock = self.node.world.clock;
        self.turn = self.turn.wrapping_add(1);
        let plan = {
            let shard = self.shard.upgrade().ok_or(Failed::Ended)?;
            Plan::new(&shard, self.followed.partitions.borrow().iter(), self.turn, clock.now().since_start())
        };
        if plan.wanted.is_empty() && plan.lost.is_empty() {
            return Ok(Next::Wait(plan.next.map(Instant::from_start)));
        }
        let config = self.node.config.load_full();
        let connection = self.connect(&config).await?;
        if !plan.lost.is_empty() {
            self.find_leaders_offsets(&connection, &plan).await?;
        }
        if !plan.wanted.is_empty() {
            self.fetch(&connection, &config, plan).await?;
        }
        Ok(Next::Again)
    }

    async fn find_leaders_offsets(&self, connection: &Connection, plan: &Plan) -> Result<(), Failed> {
        let ends = connection.call(&plan.offsets_request(&self.node, -1)).await?;
        let starts = connection.call(&plan.offsets_request(&self.node, -2)).await?;
        let shard = self.shard.upgrade().ok_or(Failed::Ended)?;
        for (at, input) in exchange::leader_offsets(plan, &starts, &ends) {
            shard.take_leaders_answer(&at, input, None);
        }
        Ok(())
    }

    async fn fetch(&self, connection: &Connection, config: &BrokerConfig, plan: Plan) -> Result<(), Failed> {
        let version = connection.version_of::<FetchRequest>()?;
        if version < FETCH_VERSION_MIN {
            return Err(Failed::Refused(ErrorCode::UnsupportedVersion));
        }
        let request = plan.fetch_request(&self.node, config);
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
        let response = connection.call_version(&request, version, wait).await?;
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {}
            error => return Err(Failed::Refused(error)),
        }
        let mut bytes = 0;
        for (at, input, records) in exchange::answers(plan, response) {
            bytes += records.as_ref().map_or(0, bytes::Bytes::len);
            {
                let shard = self.shard.upgrade().ok_or(Failed::Ended)?;
                shard.take_leaders_answer(&at, input, records);
            }
            if bytes >= TURN_BYTES {
                bytes = 0;
                spawn::yield_now().await;
            }
        }
        Ok(())
    }

    async fn connect(&mut self, config: &BrokerConfig) -> Result<Connection, Failed> {
        if let Some(connection) = self.connection.as_ref().filter(|connection| connection.is_open()) {
            return Ok(connection.clone());
        }
        let (host, port) = self.address(config).ok_or(Failed::NoAddress)?;
        let timeout = config.get(&broker::REPLICA_SOCKET_TIMEOUT_MS);
        let timeout = Duration::from_millis(u64::try_from(timeout).unwrap_or(30_000));
        let settings = Settings {
            client_id: format!("broker-{}-fetcher-{}", self.node.id, self.leader).into(),
            software_name: "klamm".into(),
            software_version: env!("CARGO_PKG_VERSION").into(),
            setup_timeout: timeout,
            request_timeout: timeout,
            response_bytes_max: RESPONSE_BYTES_MAX,
        };
        let connection = Connection::open(&host, port, Arc::new(settings), self.node.world.clock).await?;
        self.connection = Some(connection.clone());
        Ok(connection)
    }

    fn address(&self, config: &BrokerConfig) -> Option<(String, u16)> {
        let published = self.node.metadata.load();
        let broker = published.image.cluster.brokers.get(&self.leader)?;
        let endpoint = broker.listener(config.inter_broker_listener().0)?;
        Some((endpoint.host.to_string(), endpoint.port))
    }

    /// Waits before the next try; less long if the metadata changes, since it may name another address.
    async fn back_off(&self) {
        let clock = self.node.world.clock;
        let backoff = fetch_backoff(&self.node.config.load());
        let offset = self.node.metadata.load().provenance.last_offset;
        let _ = clock.timeout(backoff, self.node.metadata.changed_since(offset)).await;
        // Not at once again and again while the metadata changes.
        clock.sleep(backoff.min(Duration::from_millis(20))).await;
    }
}
