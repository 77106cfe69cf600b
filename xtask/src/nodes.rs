//! Several nodes that form one cluster, each of either product.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::clients::members::wait_until;
use crate::node::{Node, Product, free_port};
use crate::shell::{output, signal};
use crate::tools;
use crate::wire::{self, Partition};

const LIMIT: Duration = Duration::from_secs(90);

/// Where the controllers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Controllers {
    /// One node that is nothing else, of this product.
    Apart(Product),
    /// On every broker.
    Combined,
}

/// A running cluster. Broker `n` is at index `n - 1` and has the id `n`; a controller of its own has the id 100.
pub(crate) struct Nodes {
    controller: Option<Node>,
    pub(crate) brokers: Vec<Node>,
}

impl Nodes {
    /// Formats and starts a cluster in fresh folders: one broker for each of `brokers`.
    pub(crate) fn start(
        name: &str,
        controllers: Controllers,
        brokers: &[Product],
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let mut nodes = Self::format(name, controllers, brokers, settings)?;
        nodes.run()?;
        Ok(nodes)
    }

    /// Formats a cluster as [`Nodes::start`] does, and leaves it to be run.
    pub(crate) fn format(
        name: &str,
        controllers: Controllers,
        brokers: &[Product],
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let ports: Vec<(u16, u16)> =
            brokers.iter().map(|_| Ok((free_port()?, free_port()?))).collect::<Result<_>>()?;
        let apart = free_port()?;
        let voters = match controllers {
            Controllers::Apart(_) => format!("100@127.0.0.1:{apart}"),
            Controllers::Combined => {
                let voters = ports.iter().zip(1..).map(|((_, port), id)| format!("{id}@127.0.0.1:{port}"));
                voters.collect::<Vec<_>>().join(",")
            }
        };
        let common = |folder: &std::path::Path| {
            let own: Vec<_> = settings.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
            format!(
                "controller.listener.names=CONTROLLER\ncontroller.quorum.voters={voters}\nlog.dirs={}\n{COMMON}{}",
                folder.join("data").display(),
                own.concat()
            )
        };
        let mut controller = None;
        if let Controllers::Apart(product) = controllers {
            let node = Node::create_with(product, &format!("{name}/controller"), apart, |folder| {
                let listener = format!("CONTROLLER://127.0.0.1:{apart}");
                format!(
                    "process.roles=controller\nnode.id=100\nlisteners={listener}\nadvertised.listeners={listener}\n{}",
                    common(folder)
                )
            })?;
            controller = Some(node);
        }
        let mut nodes = Vec::new();
        for ((product, (port, own)), id) in brokers.iter().zip(ports).zip(1..) {
            let plaintext = format!("PLAINTEXT://127.0.0.1:{port}");
            let (roles, listeners) = match controllers {
                Controllers::Apart(_) => ("broker", plaintext.clone()),
                Controllers::Combined => {
                    ("broker,controller", format!("{plaintext},CONTROLLER://127.0.0.1:{own}"))
                }
            };
            nodes.push(Node::create_with(*product, &format!("{name}/{id}"), port, |folder| {
                format!(
                    "process.roles={roles}\nnode.id={id}\nlisteners={listeners}\nadvertised.listeners={plaintext}\n{}",
                    common(folder)
                )
            })?);
        }
        Ok(Self { controller, brokers: nodes })
    }

    /// Starts all nodes and waits until the brokers know each other.
    pub(crate) fn run(&mut self) -> Result<()> {
        if let Some(controller) = &mut self.controller {
            controller.start_until(|port| TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        }
        for broker in &mut self.brokers {
            // Nobody serves before a majority of the controllers runs.
            broker.start_until(|_| true)?;
        }
        let count = self.brokers.len() as i32;
        let all_know_all = || {
            let known = |node: &Node| wire::live_brokers(node.port).is_ok_and(|brokers| brokers == count);
            Ok(self.brokers.iter().all(known))
        };
        wait_until(LIMIT, all_know_all).context("the brokers did not find each other")
    }

    /// The brokers alone.
    pub(crate) fn into_brokers(self) -> Vec<Node> {
        self.brokers
    }

    /// All brokers' addresses.
    pub(crate) fn servers(&self) -> String {
        self.brokers.iter().map(Node::servers).collect::<Vec<_>>().join(",")
    }

    /// The broker of an id.
    pub(crate) fn broker(&mut self, id: i32) -> Result<&mut Node> {
        let index = usize::try_from(id - 1).ok();
        index
            .and_then(|index| self.brokers.get_mut(index))
            .with_context(|| format!("there is no broker {id}"))
    }

    /// The active controller of controllers that are brokers too, if all nodes that run name the same now.
    pub(crate) fn active_controller(&self) -> Option<i32> {
        let mut told = None;
        for node in self.brokers.iter().filter(|node| node.pid().is_some()) {
            let (leader, _) = wire::quorum_leader(node.port).ok()?;
            if leader < 0 || *told.get_or_insert(leader) != leader {
                return None;
            }
        }
        told
    }

    /// Creates a topic with a replica on every broker.
    pub(crate) fn create_topic(&self, topic: &str, partitions: u32) -> Result<()> {
        self.create_topic_with(topic, partitions, &[])
    }

    /// As [`Nodes::create_topic`], with further configs (`key=value`).
    pub(crate) fn create_topic_with(&self, topic: &str, partitions: u32, configs: &[&str]) -> Result<()> {
        let (servers, partitions, replicas) =
            (self.servers(), partitions.to_string(), self.brokers.len().to_string());
        let arguments = [
            "--bootstrap-server",
            &servers,
            "--create",
            "--topic",
            topic,
            "--partitions",
            &partitions,
            "--replication-factor",
            &replicas,
            "--config",
            "min.insync.replicas=2",
        ];
        let mut tool = tools::kafka("org.apache.kafka.tools.TopicCommand", &arguments);
        tool.args(configs.iter().flat_map(|config| ["--config", config]));
        output(&mut tool).map(drop)
    }

    /// The partitions of a topic, as the first broker that runs describes them.
    pub(crate) fn partitions(&self, topic: &str) -> Result<Vec<Partition>> {
        let running = self.brokers.iter().filter(|broker| broker.pid().is_some());
        let mut last = None;
        for broker in running {
            match wire::partitions(broker.port, topic) {
                Ok(partitions) => return Ok(partitions),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no broker runs")))
    }

    /// Waits until every broker says that all replicas of a topic are in sync and lead by one of them.
    pub(crate) fn wait_in_sync(&self, topic: &str) -> Result<()> {
        let whole = |partition: &Partition| {
            partition.isr.len() == partition.replicas.len() && partition.replicas.contains(&partition.leader)
        };
        let in_sync = |node: &Node| {
            wire::partitions(node.port, topic).is_ok_and(|partitions| partitions.iter().all(whole))
        };
        wait_until(LIMIT, || Ok(self.brokers.iter().all(in_sync)))
            .with_context(|| format!("{topic} was not in sync: {:?}", self.partitions(topic)))
    }

    /// Stops all nodes, controllers of their own last.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let mut failed = None;
        // Those of a product at once, and Kafka's first: the last of them would wait for controllers that are gone.
        for product in [Product::Kafka, Product::Klamm] {
            for pid in self.brokers.iter().filter(|node| node.product == product).filter_map(Node::pid) {
                signal(pid, "TERM");
            }
            for node in self.brokers.iter_mut().filter(|node| node.product == product) {
                failed = node.stop().err().or(failed);
            }
        }
        if let Some(controller) = &mut self.controller {
            failed = controller.stop().err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }
}

const COMMON: &str = "offsets.topic.num.partitions=4\n\
offsets.topic.replication.factor=3\n\
transaction.state.log.num.partitions=4\n\
transaction.state.log.replication.factor=3\n\
transaction.state.log.min.isr=2\n\
share.coordinator.state.topic.replication.factor=3\n\
share.coordinator.state.topic.min.isr=2\n\
auto.create.topics.enable=false\n";
