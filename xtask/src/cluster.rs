//! `cluster`: a local cluster to play with.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::node::{Node, Product};
use crate::nodes::{Controllers, Nodes};

/// Starts so many nodes in fresh directories, each broker and controller, and waits until one ends, which Ctrl-C makes
/// all of them do.
pub(crate) fn cluster(product: Product, count: u32) -> Result<()> {
    ensure!(count > 0, "a cluster has a node at least");
    product.prepare()?;
    let started = Instant::now();
    let (mut nodes, servers) = if count == 1 {
        let mut node = Node::create(product, "cluster", &[])?;
        node.start()?;
        let servers = node.servers();
        (vec![node], servers)
    } else {
        let products = vec![product; count as usize];
        let replicas = count.min(3).to_string();
        let in_sync = count.min(2).to_string();
        let settings = [
            ("offsets.topic.replication.factor", &*replicas),
            ("transaction.state.log.replication.factor", &*replicas),
            ("transaction.state.log.min.isr", &*in_sync),
            ("share.coordinator.state.topic.replication.factor", &*replicas),
            ("share.coordinator.state.topic.min.isr", &*in_sync),
            ("default.replication.factor", &*replicas),
            ("auto.create.topics.enable", "true"),
        ];
        let nodes = Nodes::start("cluster", Controllers::Combined, &products, &settings)?;
        let servers = nodes.servers();
        (nodes.into_brokers(), servers)
    };
    println!(
        "{product:?} serves after {:.2} s: --bootstrap-server {servers}",
        started.elapsed().as_secs_f64()
    );
    for (node, id) in nodes.iter().zip(1..) {
        let (port, pid) = (node.port, node.pid().unwrap_or_default());
        println!("node {id}: 127.0.0.1:{port}, process {pid}, {}", node.folder.display());
    }
    println!("server.properties, server.log and data are in these folders; Ctrl-C stops the cluster");
    loop {
        let mut running = 0;
        for node in &mut nodes {
            running += u32::from(node.ended()?.is_none());
        }
        if running == 0 {
            return Ok(());
        }
        sleep(Duration::from_millis(200));
    }
}
