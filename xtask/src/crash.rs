//! `crash`: kill -9 under load, again and again.
//!
//! Two idempotent producers (librdkafka and Java) write without pause while the node is killed and started. In the end
//! every acknowledged record must be at the offset that the acknowledgement named, no record may be there twice, each
//! producer's records must be in order, and the offsets must have no holes.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::clients::members::wait_until;
use crate::load::{Producer, verify};
use crate::node::{Node, Product};
use crate::shell::output;
use crate::tally::Tally;
use crate::{setup, tools};

/// Records a second of each producer.
const RATE: &str = "2000";
const ACK_LIMIT: Duration = Duration::from_secs(60);

/// Kills the node `rounds` times.
pub(crate) fn crash(product: Product, rounds: u32) -> Result<Tally> {
    product.prepare()?;
    setup::java_client()?;
    setup::python()?;
    // A broker that comes back after a kill waits until the session of its former self has ended.
    let settings = [("broker.session.timeout.ms", "1000"), ("broker.heartbeat.interval.ms", "200")];
    let mut node = Node::create(product, "crash", &settings)?;
    node.start()?;
    for topic in ["librdkafka", "java"] {
        output(&mut tools::java_client(&["create", &node.servers(), topic, "3"]))?;
    }
    let mut python = tools::python("confluent_client.py");
    python.args(["load", &node.servers(), "librdkafka", RATE]);
    let log = node.folder.join("producers.log");
    let mut producers = [
        Producer::start(python, &log)?,
        Producer::start(tools::java_client(&["load", &node.servers(), "java", RATE]), &log)?,
    ];
    let killed = kill_again_and_again(&mut node, &producers, rounds);
    let mut tally = Tally::default();
    tally.note("kill and start", killed);
    for (producer, topic) in producers.iter_mut().zip(["librdkafka", "java"]) {
        tally.note(topic, producer.stop().and_then(|acks| verify(&node.servers(), topic, &acks)));
    }
    tally.note("orderly stop", node.stop());
    Ok(tally)
}

fn kill_again_and_again(node: &mut Node, producers: &[Producer], rounds: u32) -> Result<()> {
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let before: Vec<_> = producers.iter().map(Producer::count).collect();
        wait_until(ACK_LIMIT, || {
            Ok(producers.iter().zip(&before).all(|(producer, before)| producer.count() > *before))
        })
        .with_context(|| format!("round {round}: no acknowledgements after the start"))?;
        // Between 0.1 and 1.1 seconds of writing, different in every round.
        sleep(Duration::from_millis(100 + u64::from(round) * 379 % 1000));
        node.kill()?;
        slowest = slowest.max(node.start().with_context(|| format!("round {round}"))?);
    }
    println!("{rounds} kills, slowest start {:.1} s", slowest.as_secs_f64());
    Ok(())
}
