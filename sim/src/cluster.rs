//! The nodes: their hosts, disks and processes.

use std::{cell::RefCell, collections::BTreeMap, path::Path, rc::Rc};

use anyhow::{Context, Result};
use bytes::Bytes;
use klamm_config::BrokerConfig;
use klamm_io::{
    Entropy,
    sim::{Host, Process, Simulation, disk::SimulatedDisk},
};
use klamm_log::meta_properties::MetaProperties;
use klamm_metadata::{bootstrap, features::MetadataVersion, format};
use klamm_protocol::Uuid;
use klamm_server::node::World;
use tokio::sync::oneshot;

use crate::{
    history::shares,
    plan::{Plan, Special},
};

/// Where a node keeps everything.
pub const DATA: &str = "/data";
/// Log directories of every node, the one of the metadata log first.
pub fn log_dirs(plan: &Plan) -> Vec<String> {
    match plan.log_dirs {
        0 | 1 => vec![DATA.to_owned()],
        count => (0..count).map(|index| format!("{DATA}/{index}")).collect(),
    }
}

const CLUSTER_ID: &str = "abcdefghijklmnopqrstuA";
const BROKER_PORT: u16 = 9092;
/// Port of the controllers' listener.
pub const CONTROLLER_PORT: u16 = 9093;

/// Why nodes ended by themselves, by node.
pub type Ends = Rc<RefCell<Vec<(i32, String)>>>;

/// One node.
pub struct Node {
    /// `node.id`, which is its host's number too.
    pub id: i32,
    /// Its disk.
    pub disk: SimulatedDisk,
    config: BTreeMap<String, String>,
    process: Option<Process>,
    stop: Option<oneshot::Sender<()>>,
    /// Whether its host has power.
    pub has_power: bool,
    /// Whether its process stands still.
    pub is_paused: bool,
}

impl Node {
    /// Its host.
    pub fn host(&self) -> Host {
        Host(u8::try_from(self.id).unwrap_or(u8::MAX))
    }

    /// Its process, if it was started.
    pub const fn process(&self) -> Option<Process> {
        self.process
    }

    /// Whether its process runs, be it paused.
    pub fn is_running(&self, sim: &Simulation) -> bool {
        self.process.is_some_and(|process| sim.is_running(process))
    }
}

/// All nodes.
pub struct Cluster {
    /// By id, from 1.
    pub nodes: Vec<Node>,
    ends: Ends,
}

impl Cluster {
    /// Formats the disks of all nodes. None is started.
    ///
    /// # Errors
    /// If the plan makes no sense.
    pub fn format(plan: &Plan) -> Result<Self> {
        let mut nodes = Vec::new();
        for id in 1..=plan.nodes {
            let disk = SimulatedDisk::new(Entropy::seeded(plan.seed.wrapping_mul(31) + u64::from(id)));
            format_disk(plan, &disk, id).context("a fresh disk takes everything")?;
            nodes.push(Node {
                id: i32::from(id),
                disk,
                config: config(plan, id),
                process: None,
                stop: None,
                has_power: true,
                is_paused: false,
            });
        }
        Ok(Self { nodes, ends: Ends::default() })
    }

    /// `bootstrap.servers` of all nodes.
    pub fn bootstrap_servers(&self) -> String {
        let servers: Vec<String> =
            self.nodes.iter().map(|node| format!("{}:{BROKER_PORT}", node.host().address())).collect();
        servers.join(",")
    }

    /// Starts a node whose process does not run.
    ///
    /// # Errors
    /// If its config makes no sense.
    pub fn start(&mut self, sim: &Simulation, index: usize) -> Result<()> {
        let node = &mut self.nodes[index];
        if !node.has_power {
            sim.power_on(node.host());
            node.has_power = true;
        }
        let config = BrokerConfig::from_properties(&node.config)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (disk, id, ends) = (node.disk.disk(), node.id, Rc::clone(&self.ends));
        let process = sim.start(node.host(), 2, move || async move {
            let world = World::here(disk);
            let stop = async move {
                if stopped.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            if let Err(error) = klamm_server::run_in(config, world, stop, |_| {}).await {
                tracing::error!(%error, "the node does not run");
                ends.borrow_mut().push((id, error.to_string()));
            }
        });
        node.process = Some(process);
        node.stop = Some(stop);
        node.is_paused = false;
        Ok(())
    }

    /// Asks a node to stop, as SIGTERM does.
    pub fn stop(&mut self, sim: &Simulation, index: usize) {
        self.resume(sim, index);
        if let Some(stop) = self.nodes[index].stop.take() {
            let _ = stop.send(());
        }
    }

    /// Kills a node's process.
    pub fn kill(&mut self, sim: &Simulation, index: usize) {
        if let Some(process) = self.nodes[index].process.take() {
            sim.kill(process);
        }
    }

    /// Takes the power of a node's host, and with it what its disk had not synced.
    pub fn power_off(&mut self, sim: &Simulation, index: usize) {
        let node = &mut self.nodes[index];
        sim.power_off(node.host());
        node.disk.lose_power();
        node.process = None;
        node.has_power = false;
    }

    /// Has a node's process stand still.
    pub fn pause(&mut self, sim: &Simulation, index: usize) {
        if let Some(process) = self.nodes[index].process {
            sim.pause(process);
            self.nodes[index].is_paused = true;
        }
    }

    /// Lets it go on.
    pub fn resume(&mut self, sim: &Simulation, index: usize) {
        if let Some(process) = self.nodes[index].process {
            sim.resume(process);
            self.nodes[index].is_paused = false;
        }
    }

    /// Has the first node find a replica in all of its log directories.
    ///
    /// # Errors
    /// If its disk does not take that.
    pub fn copy_replica(&self, plan: &Plan) -> Result<()> {
        let disk = self.nodes[0].disk.disk();
        for dir in log_dirs(plan) {
            disk.create_dir_all(&Path::new(&dir).join("topic-0-0"))?;
        }
        Ok(())
    }

    /// Why nodes ended by themselves.
    pub fn ends(&self) -> Vec<(i32, String)> {
        self.ends.borrow().clone()
    }
}

/// Nodes that are controllers.
pub fn controllers(plan: &Plan) -> impl Iterator<Item = u8> + use<> {
    1..=plan.controllers.min(plan.nodes)
}

/// `directory.id` of a node's log directory.
pub const fn directory_id(node: u8, index: u8) -> Uuid {
    let mut directory = [7; 16];
    directory[14] = index;
    directory[15] = node;
    Uuid::from_bytes(directory)
}

/// What `klamm storage format --initial-controllers` writes into the directory of the metadata log.
fn dynamic_quorum(plan: &Plan, id: u8) -> Result<Vec<(String, Bytes)>> {
    if !controllers(plan).any(|controller| controller == id) {
        return Ok(Vec::new());
    }
    let directory = log_dirs(plan).swap_remove(0);
    let voter = |id: u8| format::DynamicVoter {
        id: i32::from(id),
        host: Host(id).address().to_string(),
        port: CONTROLLER_PORT,
        directory_id: directory_id(id, 0),
    };
    let request = format::Request {
        node_id: i32::from(id),
        cluster_id: CLUSTER_ID.to_owned(),
        directories: BTreeMap::from([(directory.clone(), format::DirectoryState::Empty)]),
        metadata_directory: directory,
        release_version: None,
        features: BTreeMap::new(),
        scram: Vec::new(),
        unstable: false,
        ignore_formatted: false,
        has_dynamic_quorum: true,
        initial_controllers: controllers(plan).map(voter).collect(),
        controller_listener: "CONTROLLER".to_owned(),
    };
    let planned = format::plan(&request, 0, || Uuid::from_bytes([9; 16]))?;
    Ok(planned.directories.into_iter().flat_map(|directory| directory.files).collect())
}

/// Writes what `klamm storage format` writes.
fn format_disk(plan: &Plan, simulated: &SimulatedDisk, id: u8) -> Result<()> {
    let disk = simulated.disk();
    let version = MetadataVersion::LATEST_PRODUCTION;
    let records = bootstrap::records(version, &bootstrap::default_levels(version));
    for (index, dir) in (0_u8..).zip(log_dirs(plan)) {
        let dir = Path::new(&dir);
        disk.create_dir_all(dir)?;
        disk.sync_dir(Path::new("/"))?;
        disk.sync_dir(Path::new(DATA))?;
        if index == 0 {
            disk.replace_file(&dir.join(bootstrap::FILE_NAME), &bootstrap::encode(&records, 0)?)?;
        }
        if index == 0 && plan.changes_voters {
            // The first snapshot has the voters.
            for (name, content) in dynamic_quorum(plan, id)? {
                let path = dir.join(name);
                let parent = path.parent().unwrap_or(dir);
                disk.create_dir_all(parent)?;
                disk.sync_dir(dir)?;
                disk.replace_file(&path, &content)?;
            }
        }
        MetaProperties::new(CLUSTER_ID, i32::from(id), directory_id(id, index)).write(&disk, dir)?;
    }
    Ok(())
}

fn config(plan: &Plan, id: u8) -> BTreeMap<String, String> {
    let address = |id: u8| Host(id).address();
    let is_controller = controllers(plan).any(|controller| controller == id);
    let at = |id: u8| format!("{}:{CONTROLLER_PORT}", address(id));
    let (quorum, voters): (_, Vec<String>) = match plan.changes_voters {
        true => ("controller.quorum.bootstrap.servers", controllers(plan).map(at).collect()),
        false => {
            ("controller.quorum.voters", controllers(plan).map(|id| format!("{id}@{}", at(id))).collect())
        }
    };
    let broker = format!("PLAINTEXT://{}:{BROKER_PORT}", address(id));
    let listeners = match is_controller {
        true => format!("{broker},CONTROLLER://{}:{CONTROLLER_PORT}", address(id)),
        false => broker,
    };
    let factor = plan.replication_factor.to_string();
    let min_isr = plan.min_isr().to_string();
    let (lock_ms, deliveries) = match plan.special {
        Special::LooseShares => (1000, 10),
        _ => (shares::LOCK.as_millis(), shares::DELIVERIES_MAX),
    };
    let (lock_ms, deliveries) = (lock_ms.to_string(), deliveries.to_string());
    let pairs = [
        ("process.roles", if is_controller { "broker,controller" } else { "broker" }),
        ("node.id", &*id.to_string()),
        ("listeners", &*listeners),
        ("controller.listener.names", "CONTROLLER"),
        (quorum, &*voters.join(",")),
        ("log.dirs", &*log_dirs(plan).join(",")),
        ("default.replication.factor", &*factor),
        ("min.insync.replicas", &*min_isr),
        ("offsets.topic.replication.factor", &*factor),
        ("offsets.topic.num.partitions", "2"),
        ("transaction.state.log.replication.factor", &*factor),
        ("transaction.state.log.min.isr", &*min_isr),
        ("transaction.state.log.num.partitions", "2"),
        ("share.coordinator.state.topic.replication.factor", &*factor),
        ("share.coordinator.state.topic.min.isr", &*min_isr),
        ("share.coordinator.state.topic.num.partitions", "2"),
        ("group.share.min.record.lock.duration.ms", "1000"),
        ("group.share.record.lock.duration.ms", &*lock_ms),
        ("group.share.delivery.count.limit", &*deliveries),
        ("group.streams.min.session.timeout.ms", "5000"),
        ("group.streams.session.timeout.ms", "10000"),
        ("group.streams.min.heartbeat.interval.ms", "1000"),
        ("group.streams.heartbeat.interval.ms", "2000"),
        ("auto.create.topics.enable", "false"),
        ("group.initial.rebalance.delay.ms", "0"),
        // Files are kept in memory whole, several times.
        ("log.index.size.max.bytes", "4096"),
        ("metadata.log.max.snapshot.interval.ms", "20000"),
        ("log.segment.bytes", "1048576"),
        ("replica.lag.time.max.ms", "10000"),
    ];
    let short = [
        ("log.roll.ms", "4000"),
        ("log.cleaner.backoff.ms", "1000"),
        ("log.cleaner.min.cleanable.ratio", "0.1"),
        ("log.segment.delete.delay.ms", "2000"),
    ];
    let short = short.iter().filter(|_| plan.rolls_often);
    let synced = [("log.flush.interval.messages", "1")];
    let synced = synced.iter().filter(|_| plan.syncs_each);
    let timed = [("log.flush.interval.ms", "3000")];
    let timed = timed.iter().filter(|_| plan.syncs_each && plan.seed.is_multiple_of(2));
    pairs
        .iter()
        .chain(short)
        .chain(synced)
        .chain(timed)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}
