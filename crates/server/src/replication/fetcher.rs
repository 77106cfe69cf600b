//! Fetching from leaders: for each broker that leads partitions which this shard follows, `num.replica.fetchers` tasks,
//! divided among the shards but at least one on each, with a connection and a fetch session of their own.
//!
//! A task has one request under way at a time. It ends when nothing is left to be fetched from its leader, with whatever
//! it waits for.
//!
//! Non-obvious
//! * A partition that comes while a request waits at the leader for records of others would have to wait with it, for up
//!   to `replica.fetch.wait.max.ms`, and with it every producer that waits for this replica. The request is given up for
//!   it, which takes a new connection, since answers come in the order of the requests.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use klamm_config::{BrokerConfig, broker};
use klamm_io::{Instant, spawn};
use klamm_net::client::{Connection, ConnectionError, Settings};
use klamm_protocol::{
    ErrorCode,
    api::fetch::{FetchRequest, ReplicaState},
};
use klamm_replica::{fetch_session::client::SessionClient, follower};
use rustc_hash::FxHasher;
use tokio::sync::Notify;
use tracing::{debug, warn};

use super::{exchange, exchange::Plan, fetch_backoff};
use crate::{
    inter_broker::SetupTimeout,
    metrics::{lately::Rate, replication::FetcherMeasures},
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

/// Until the other partitions are asked for again while one waits for a sync.
const SYNC_WAIT: Duration = Duration::from_millis(5);

/// How long a request that is under way may go on when another partition has come.
const GIVE_UP_AFTER: Duration = Duration::from_millis(20);

/// A leader, and which of the shard's fetchers of it.
type Lane = (i32, u64);

/// The fetchers of one shard.
#[derive(Default)]
pub(super) struct Fetchers {
    lanes: RefCell<BTreeMap<Lane, Fetcher>>,
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
    /// Whether there are partitions that the request under way does not know of.
    has_new: Cell<bool>,
    /// Whether a sync was done since the request under way was made.
    has_synced: Cell<bool>,
    /// Where the leader listens, once it was connected to.
    address: RefCell<Option<(String, u16)>>,
    /// Fetches that were sent, since the fetcher began and lately.
    requests: Cell<u64>,
    rate: Rate,
    /// Bytes of batches that came.
    bytes: Cell<u64>,
}

impl Fetchers {
    /// Has a partition fetched from its leader, or not any more if there is none.
    pub(super) fn follow(&self, shard: &Rc<Shard>, at: &TopicPartition, leader: Option<i32>) {
        let lane = leader.map(|leader| (leader, lane_of(at, lanes_per_leader(shard.node()))));
        let mut lanes = self.lanes.borrow_mut();
        lanes.retain(|id, fetcher| {
            let mut partitions = fetcher.followed.partitions.borrow_mut();
            if Some(*id) != lane {
                partitions.remove(at);
            }
            let is_needed = !partitions.is_empty() || Some(*id) == lane;
            if !is_needed {
                fetcher.task.abort();
            }
            is_needed
        });
        let Some(lane) = lane else { return };
        let fetcher = lanes.entry(lane).or_insert_with(|| {
            let followed = Rc::new(Followed::default());
            let run = run(Rc::downgrade(shard), Arc::clone(shard.node()), lane, Rc::clone(&followed));
            Fetcher { task: spawn::local(run), followed }
        });
        let is_new = fetcher.followed.partitions.borrow_mut().insert(at.clone());
        fetcher.followed.has_new.set(fetcher.followed.has_new.get() || is_new);
        // Also if it was there: its leader epoch may be another.
        fetcher.followed.changed.notify_one();
    }

    /// A partition need not wait for a sync any more, or for a later one.
    pub(super) fn durable_end_moved(&self, at: &TopicPartition) {
        for fetcher in self.lanes.borrow().values() {
            if fetcher.followed.partitions.borrow().contains(at) {
                fetcher.followed.has_synced.set(true);
                fetcher.followed.changed.notify_one();
            }
        }
    }

    /// Divides the partitions anew after `num.replica.fetchers` may have changed.
    pub(super) fn divide(&self, shard: &Rc<Shard>) {
        let followed: Vec<_> = self
            .lanes
            .borrow()
            .iter()
            .flat_map(|((leader, _), fetcher)| {
                let partitions = fetcher.followed.partitions.borrow();
                partitions.iter().map(|at| (at.clone(), *leader)).collect::<Vec<_>>()
            })
            .collect();
        let count = lanes_per_leader(shard.node());
        for (at, leader) in followed {
            let is_there = self
                .lanes
                .borrow()
                .get(&(leader, lane_of(&at, count)))
                .is_some_and(|fetcher| fetcher.followed.partitions.borrow().contains(&at));
            if !is_there {
                self.follow(shard, &at, Some(leader));
            }
        }
    }

    /// The number of a partition's fetcher among those of its leader on all shards.
    pub(super) fn number_of(shard: &Shard, at: &TopicPartition) -> u64 {
        number(shard.node(), shard.index(), lane_of(at, lanes_per_leader(shard.node())))
    }

    /// What each fetcher has done.
    pub(super) fn measure(&self, shard: &Shard) -> Vec<FetcherMeasures> {
        let now = shard.node().world.clock.now();
        let measure = |((leader, lane), fetcher): (&Lane, &Fetcher)| {
            let followed = &fetcher.followed;
            FetcherMeasures {
                leader: *leader,
                number: number(shard.node(), shard.index(), *lane),
                address: followed.address.borrow().clone(),
                requests: followed.requests.get(),
                requests_per_second: followed.rate.per_second(now),
                bytes: followed.bytes.get(),
                is_dead: fetcher.task.is_finished(),
            }
        };
        self.lanes.borrow().iter().map(measure).collect()
    }

    /// Ends all fetching.
    pub(super) fn stop(&self) {
        for (_, fetcher) in std::mem::take(&mut *self.lanes.borrow_mut()) {
            fetcher.task.abort();
        }
    }
}

/// How many fetchers a shard has for each leader.
fn lanes_per_leader(node: &Node) -> u64 {
    let wanted = node.config.load().get(&broker::NUM_REPLICA_FETCHERS);
    u64::try_from(wanted).unwrap_or(1).div_ceil(node.shard_count.max(1) as u64).max(1)
}

fn number(node: &Node, shard: usize, lane: u64) -> u64 {
    lane * node.shard_count as u64 + shard as u64
}

/// Which of its leader's fetchers has a partition.
fn lane_of(at: &TopicPartition, count: u64) -> u64 {
    let mut hasher = FxHasher::default();
    at.hash(&mut hasher);
    hasher.finish() % count
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

async fn run(shard: Weak<Shard>, node: Arc<Node>, lane: Lane, followed: Rc<Followed>) {
    let clock = node.world.clock;
    let mut round = Round {
        shard,
        node,
        lane,
        followed,
        connection: None,
        session: SessionClient::default(),
        turn: 0,
        failures: 0,
    };
    let mut failures = 0;
    loop {
        match round.run().await {
            Ok(Next::Again) => failures = 0,
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
                round.disconnect();
                if failures == 0 {
                    tell(lane.0, &failed);
                }
                round.back_off(failures).await;
                failures = failures.saturating_add(1);
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
    lane: Lane,
    followed: Rc<Followed>,
    connection: Option<Connection>,
    session: SessionClient,
    turn: usize,
    /// Attempts in a row to connect that failed.
    failures: u32,
}

impl Round {
    /// Asks once for whatever the partitions want.
    async fn run(&mut self) -> Result<Next, Failed> {
        let clock = self.node.world.clock;
        self.turn = self.turn.wrapping_add(1);
        self.followed.has_new.set(false);
        self.followed.has_synced.set(false);
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
        let is_syncing = plan.is_syncing;
        let has_news = match plan.wanted.is_empty() {
            true => false,
            false => self.fetch(&connection, &config, plan).await?,
        };
        if is_syncing && !has_news && !self.followed.has_synced.get() {
            return Ok(Next::Wait(Some(clock.now() + SYNC_WAIT)));
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

    /// Returns whether to go on at once: records have come, or the leader was not asked after all.
    async fn fetch(
        &mut self,
        connection: &Connection,
        config: &BrokerConfig,
        plan: Plan,
    ) -> Result<bool, Failed> {
        let version = connection.version_of::<FetchRequest>()?;
        if version < FETCH_VERSION_MIN {
            return Err(Failed::Refused(ErrorCode::UnsupportedVersion));
        }
        let this = ReplicaState {
            replica_id: self.node.id,
            replica_epoch: self.node.broker_epoch(),
            ..Default::default()
        };
        let request = plan.fetch_request(this, config, &mut self.session, version);
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
        self.followed.requests.set(self.followed.requests.get() + 1);
        self.followed.rate.note(self.node.world.clock.now(), 1);
        let response = tokio::select! {
            biased;
            response = connection.call_version(&request, version, wait) => response?,
            () = self.interrupted() => {
                self.disconnect();
                return Ok(true);
            }
        };
        match self.session.answered(&response) {
            Ok(()) => {}
            // The leader has forgotten the session, or never had it: the next request starts another.
            Err(
                ErrorCode::FetchSessionIdNotFound
                | ErrorCode::InvalidFetchSessionEpoch
                | ErrorCode::FetchSessionTopicIdError,
            ) => return Ok(true),
            Err(error) => return Err(Failed::Refused(error)),
        }
        let (mut bytes, mut has_news) = (0, false);
        for (at, input, records) in exchange::answers(plan, response) {
            let size = records.as_ref().map_or(0, bytes::Bytes::len);
            bytes += size;
            has_news |= size > 0;
            self.followed.bytes.set(self.followed.bytes.get() + size as u64);
            {
                let shard = self.shard.upgrade().ok_or(Failed::Ended)?;
                shard.take_leaders_answer(&at, input, records);
            }
            if bytes >= TURN_BYTES {
                bytes = 0;
                spawn::yield_now().await;
            }
        }
        Ok(has_news)
    }

    /// Completes when partitions have come that the request under way does not know of.
    async fn interrupted(&self) {
        loop {
            self.followed.changed.notified().await;
            if self.followed.has_new.get() {
                return self.node.world.clock.sleep(GIVE_UP_AFTER).await;
            }
        }
    }

    fn disconnect(&mut self) {
        self.connection = None;
        self.session.failed();
    }

    async fn connect(&mut self, config: &BrokerConfig) -> Result<Connection, Failed> {
        if let Some(connection) = self.connection.as_ref().filter(|connection| connection.is_open()) {
            return Ok(connection.clone());
        }
        let (host, port) = self.address(config).ok_or(Failed::NoAddress)?;
        let timeout = config.get(&broker::REPLICA_SOCKET_TIMEOUT_MS);
        let timeout = Duration::from_millis(u64::try_from(timeout).unwrap_or(30_000));
        let settings = Settings {
            client_id: format!("broker-{}-fetcher-{}", self.node.id, self.lane.1).into(),
            software_name: "klamm".into(),
            software_version: env!("CARGO_PKG_VERSION").into(),
            setup_timeout: SetupTimeout::of(config).after(self.failures).min(timeout),
            request_timeout: timeout,
            response_bytes_max: RESPONSE_BYTES_MAX,
        };
        self.failures = self.failures.saturating_add(1);
        let connection = Connection::open(&host, port, Arc::new(settings), self.node.world.clock).await?;
        self.failures = 0;
        self.connection = Some(connection.clone());
        self.followed.address.replace(Some((host, port)));
        Ok(connection)
    }

    fn address(&self, config: &BrokerConfig) -> Option<(String, u16)> {
        let published = self.node.metadata.load();
        let broker = published.image.cluster.brokers.get(&self.lane.0)?;
        let endpoint = broker.listener(config.inter_broker_listener().0)?;
        Some((endpoint.host.to_string(), endpoint.port))
    }

    /// Waits before the next try; less long if the metadata changes, since it may name another address.
    async fn back_off(&self, failures: u32) {
        let clock = self.node.world.clock;
        let backoff = follower::backoff(failures, fetch_backoff(&self.node.config.load()));
        let offset = self.node.metadata.load().provenance.last_offset;
        let _ = clock.timeout(backoff, self.node.metadata.changed_since(offset)).await;
        // Not at once again and again while the metadata changes.
        clock.sleep(backoff.min(Duration::from_millis(20))).await;
    }
}
