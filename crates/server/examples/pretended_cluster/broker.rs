//! A pretended broker: it registers, sends heartbeats, follows the metadata, and can fall silent or die.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use klamm_io::{
    Clock, Instant,
    net::{Listener, SocketOptions},
    spawn::{self, Task},
};
use klamm_metadata::features::supported_features;
use klamm_protocol::{
    ErrorCode, Request, Uuid,
    api::{
        broker_heartbeat::BrokerHeartbeatRequest,
        broker_registration::{BrokerRegistrationRequest, Feature, Listener as Endpoint},
    },
};
use klamm_raft::{Config, Server, VoterSet, parse_voters};
use klamm_server::quorum::peers::Peers;
use tokio::sync::watch;

use crate::observer::{Observer, View};

const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(100);
/// Between two tries while the controller does not answer as wanted.
pub(crate) const RETRY: Duration = Duration::from_millis(20);
/// `controller.quorum.request.timeout.ms`.
const QUORUM_REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// `controller.socket.timeout.ms`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What all brokers share.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) cluster_id: String,
    pub(crate) voters: VoterSet,
    /// How long each heartbeat took that was answered since they were last told.
    pub(crate) latencies: RefCell<Vec<Duration>>,
    /// How many were not answered, or with an error, since then.
    pub(crate) failures: Cell<u32>,
}

impl World {
    /// `voters` is `controller.quorum.voters`.
    pub(crate) fn new(cluster_id: String, voters: &str) -> Result<Rc<Self>, String> {
        let voters = parse_voters(voters, "CONTROLLER")?;
        Ok(Rc::new(Self {
            clock: Clock::real(),
            cluster_id,
            voters,
            latencies: RefCell::default(),
            failures: Cell::new(0),
        }))
    }

    /// Connections for what is not raft's.
    pub(crate) fn peers(&self, client_id: String) -> Peers {
        Peers::named(client_id, self.cluster_id.as_str().into(), REQUEST_TIMEOUT, self.clock)
    }

    pub(crate) fn controller(&self, id: i32) -> Option<Server> {
        let voter = self.voters.iter().find(|voter| voter.key.id == id)?;
        let endpoint = voter.endpoints.first()?;
        Some(Server { id, host: endpoint.host.clone(), port: endpoint.port })
    }
}

/// One broker, alive or dead.
pub(crate) struct Broker {
    pub(crate) id: i32,
    pub(crate) world: Rc<World>,
    pub(crate) view: watch::Receiver<View>,
    views: watch::Sender<View>,
    /// Whether it sends no heartbeats, though its connections stay open.
    silent: Cell<bool>,
    /// The epoch of its registration.
    pub(crate) epoch: Cell<i64>,
    /// When the last heartbeat was sent that was accepted, and whether the answer said that the broker is fenced.
    heard: Cell<Option<(Instant, bool)>>,
    lives: Cell<u64>,
    life: RefCell<Option<Task<()>>>,
}

impl Broker {
    /// A broker that has not begun to live.
    pub(crate) fn new(id: i32, world: Rc<World>) -> Rc<Self> {
        let (views, view) = watch::channel(View::default());
        Rc::new(Self {
            id,
            world,
            view,
            views,
            silent: Cell::new(false),
            epoch: Cell::new(-1),
            heard: Cell::new(None),
            lives: Cell::new(0),
            life: RefCell::default(),
        })
    }

    /// Begins, with nothing on its disk; or speaks again.
    pub(crate) fn live(self: &Rc<Self>) {
        self.silent.set(false);
        let mut life = self.life.borrow_mut();
        if life.is_none() {
            self.heard.set(None);
            self.lives.set(self.lives.get() + 1);
            let broker = Rc::clone(self);
            *life = Some(spawn::local(async move {
                if let Err(error) = broker.run().await {
                    eprintln!("broker {}: {error}", broker.id);
                }
            }));
        }
    }

    /// Sends no more heartbeats.
    pub(crate) fn fall_silent(&self) {
        self.silent.set(true);
    }

    /// Is gone at once, with its connections and its listener.
    pub(crate) fn die(&self) {
        if let Some(life) = self.life.take() {
            life.abort();
        }
    }

    /// When the last heartbeat was sent that was accepted.
    pub(crate) fn last_heard(&self) -> Option<Instant> {
        self.heard.get().map(|(sent, _)| sent)
    }

    /// Whether the answer to a heartbeat sent since then was that the broker may serve.
    pub(crate) fn serves_since(&self, since: Instant) -> bool {
        self.heard.get().is_some_and(|(sent, fenced)| sent >= since && !fenced)
    }

    /// Asks the active controller.
    pub(crate) async fn ask<R: Request>(&self, peers: &Peers, request: &R) -> Result<R::Response, String> {
        let leader = self.view.borrow().leader.and_then(|id| self.world.controller(id));
        let leader = leader.ok_or("no active controller is known")?;
        peers.call(&leader, request).await.map_err(|error| error.to_string())
    }

    async fn run(&self) -> Result<(), String> {
        // Whoever doubts that the broker lives finds that somebody listens.
        let listener = Listener::bind("127.0.0.1", 0, 50, SocketOptions::default());
        let listener = listener.map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let cluster_id = self.world.cluster_id.as_str();
        let mut config = Config::new(self.id, self.directory(), cluster_id.into());
        config.is_controller = false;
        config.static_voters = self.world.voters.clone();
        let peers = Peers::new(self.id, cluster_id.into(), QUORUM_REQUEST_TIMEOUT, self.world.clock);
        let observer = Observer::new(config, peers, self.world.clock, self.views.clone());
        tokio::select! {
            ended = observer.run() => ended,
            refused = self.take_part(port) => refused,
        }
    }

    /// Ends only with an error.
    async fn take_part(&self, port: u16) -> Result<(), String> {
        let clock = self.world.clock;
        let peers = self.world.peers(format!("broker-{}-heartbeat", self.id));
        self.epoch.set(-1);
        let registration = self.registration(port);
        while self.epoch.get() < 0 {
            match self.ask(&peers, &registration).await {
                Ok(answer) if answer.error_code == 0 => self.epoch.set(answer.broker_epoch),
                // An earlier process may still have its session, or nobody leads.
                _ => clock.sleep(RETRY).await,
            }
        }
        loop {
            let pause = if self.silent.get() { HEARTBEAT_INTERVAL } else { self.heartbeat(&peers).await? };
            clock.sleep(pause).await;
        }
    }

    async fn heartbeat(&self, peers: &Peers) -> Result<Duration, String> {
        let request = BrokerHeartbeatRequest {
            broker_id: self.id,
            broker_epoch: self.epoch.get(),
            current_metadata_offset: self.view.borrow().offset,
            cordoned_log_dirs: None,
            ..Default::default()
        };
        let sent = self.world.clock.now();
        let answer = self.ask(peers, &request).await;
        if !answer.as_ref().is_ok_and(|answer| answer.error_code == 0) {
            self.world.failures.set(self.world.failures.get() + 1);
        }
        let Ok(answer) = answer else { return Ok(RETRY) };
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => {
                self.world.latencies.borrow_mut().push(self.world.clock.now().saturating_since(sent));
                self.heard.set(Some((sent, answer.is_fenced)));
                Ok(HEARTBEAT_INTERVAL)
            }
            ErrorCode::StaleBrokerEpoch => Err("the controller knows another registration".to_owned()),
            _ => Ok(RETRY),
        }
    }

    fn registration(&self, port: u16) -> BrokerRegistrationRequest {
        let features = supported_features(true).into_iter().map(|(name, min, max)| Feature {
            name: name.into(),
            min_supported_version: min,
            max_supported_version: max,
            ..Default::default()
        });
        BrokerRegistrationRequest {
            broker_id: self.id,
            cluster_id: self.world.cluster_id.as_str().into(),
            incarnation_id: Uuid::from_u128(
                (u128::from(self.lives.get()) << 64) + u128::from(self.id.unsigned_abs()),
            ),
            listeners: vec![Endpoint {
                name: "PLAINTEXT".into(),
                host: "127.0.0.1".into(),
                port,
                ..Default::default()
            }],
            features: features.collect(),
            log_dirs: vec![self.directory()],
            ..Default::default()
        }
    }

    fn directory(&self) -> Uuid {
        Uuid::from_u128((9 << 64) + u128::from(self.id.unsigned_abs()))
    }
}
