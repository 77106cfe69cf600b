//! Active controllers that go, in a quorum of both products.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::{Clients, LIMIT, wait_in_sync};
use crate::clients::members::wait_until;
use crate::node::{Node, Product};
use crate::nodes::Nodes;
use crate::wire;

/// Enough for each node to be elected, and to be so small that a quorum that does not settle fails.
const ELECTIONS_MAX: u32 = 24;

/// Stops and kills whoever is active, in turns, until every node was active and a node of each product was killed.
pub(super) fn elect(nodes: &mut Nodes, clients: &Clients) -> Result<()> {
    let (mut active, mut killed) = (BTreeSet::new(), BTreeSet::new());
    let mut epochs = BTreeSet::new();
    for round in 0..ELECTIONS_MAX {
        let (leader, epoch) = leader(nodes, None)?;
        ensure!(epochs.insert(epoch), "epoch {epoch} had two leaders");
        active.insert(leader);
        let product = nodes.broker(leader)?.product;
        let is_kill = round % 2 == 1 || active.len() == nodes.brokers.len();
        if active.len() == nodes.brokers.len() && killed.len() == 2 {
            return clients.wait_for_progress();
        }
        if is_kill {
            killed.insert(format!("{product:?}"));
        }
        replace(nodes, clients, leader, is_kill)
            .with_context(|| format!("controller {leader} ({product:?})"))?;
    }
    anyhow::bail!("{ELECTIONS_MAX} elections made only {active:?} active and killed only {killed:?}")
}

fn replace(nodes: &mut Nodes, clients: &Clients, id: i32, is_kill: bool) -> Result<()> {
    clients.wait_for_progress().context("before it goes")?;
    let node = nodes.broker(id)?;
    let product = node.product;
    let gone = Instant::now();
    if is_kill {
        node.kill()?;
    } else {
        node.stop()?;
    }
    let ended = gone.elapsed();
    let (next, _) = leader(nodes, Some(id))?;
    let next_product: Product = nodes.broker(next)?.product;
    println!(
        "controller {id} ({product:?}) {}: {next} ({next_product:?}) is active after {} ms",
        if is_kill { "killed" } else { "stopped" },
        (gone.elapsed() - if is_kill { Default::default() } else { ended }).as_millis()
    );
    clients.wait_for_progress().context("without it")?;
    nodes.broker(id)?.start()?;
    wait_in_sync(nodes)
}

/// The active controller and its epoch, as the running nodes agree; not `except`.
fn leader(nodes: &Nodes, except: Option<i32>) -> Result<(i32, i32)> {
    let mut found = None;
    wait_until(LIMIT, || {
        let running: Vec<&Node> = nodes.brokers.iter().filter(|node| node.pid().is_some()).collect();
        let told: Vec<_> = running.iter().filter_map(|node| wire::quorum_leader(node.port).ok()).collect();
        found = told.first().copied().filter(|first| {
            told.len() == running.len() && told.iter().all(|other| other == first) && Some(first.0) != except
        });
        Ok(found.is_some())
    })
    .context("the nodes do not agree on an active controller")?;
    found.context("nobody was found")
}
