//! How long a producer with acks=all gets no acknowledgement when the leader of its partition is killed.
//!
//! Three brokers with default settings and a controller apart (or on each of them), one topic of one partition on all of
//! them. Again and again the partition's leader is killed with SIGKILL, and started when another leads. What counts is the
//! longest pause between two acknowledgements around the kill. In the end every acknowledged record must be there.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{LIMIT, Measured};
use crate::clients::members::wait_until;
use crate::load::{Ack, Producer, verify};
use crate::node::Product;
use crate::nodes::{Controllers, Nodes};
use crate::setup;
use crate::tally::Tally;
use crate::tools;

const TOPIC: &str = "failover";
/// Records a second: one each two milliseconds, so that a pause is a pause.
const RATE: &str = "500";

/// Kills the leader `kills` times.
pub(super) fn kill_leaders(
    product: Product,
    kills: u32,
    combined: bool,
    measured: &mut Vec<Measured>,
    tally: &mut Tally,
) -> Result<()> {
    setup::java_client()?;
    let controllers = if combined { Controllers::Combined } else { Controllers::Apart(product) };
    let mut nodes = Nodes::start("failover", controllers, &[product; 3], &[])?;
    nodes.create_topic(TOPIC, 1)?;
    nodes.wait_in_sync(TOPIC)?;
    let program = tools::java_client(&["load", &nodes.servers(), TOPIC, RATE]);
    let log = nodes.brokers[0].folder.join("producer.log");
    let mut producer = Producer::start(program, &log)?;
    let mut pauses = Vec::new();
    for kill in 0..kills {
        match kill_leader(&mut nodes, &producer) {
            Ok(pause) => pauses.push(pause),
            Err(error) => {
                tally.note(&format!("kill {kill}"), Err(error));
                break;
            }
        }
    }
    measured.push(Measured { product, what: "no acknowledgement for", pauses });
    let acks = producer.stop()?;
    tally.note("records", verify(&nodes.servers(), TOPIC, &acks));
    tally.note("orderly stop", nodes.stop());
    Ok(())
}

fn kill_leader(nodes: &mut Nodes, producer: &Producer) -> Result<Duration> {
    let before = producer.count();
    wait_until(LIMIT, || Ok(producer.count() > before + 500)).context("no acknowledgements")?;
    let leader = nodes.partitions(TOPIC)?[0].leader;
    let killed = Instant::now();
    nodes.broker(leader)?.kill()?;
    let after = |count: usize| producer.acks().iter().rev().take(count).filter(|ack| ack.at > killed).count();
    wait_until(LIMIT, || Ok(after(1000) >= 1000)).context("nothing was acknowledged after the kill")?;
    let pause = longest_pause(&producer.acks(), killed);
    println!("leader {leader}: {} ms", pause.as_millis());
    nodes.broker(leader)?.start()?;
    nodes.wait_in_sync(TOPIC)?;
    // Not always the same moment between two heartbeats.
    sleep(Duration::from_millis(u64::from(killed.elapsed().subsec_millis()) % 500));
    Ok(pause)
}

/// The longest time without an acknowledgement that began after, or spans, the kill.
fn longest_pause(acks: &[Ack], killed: Instant) -> Duration {
    let pairs = acks.iter().zip(acks.iter().skip(1)).filter(|(_, later)| later.at > killed);
    pairs.map(|(earlier, later)| later.at.duration_since(earlier.at)).max().unwrap_or_default()
}
