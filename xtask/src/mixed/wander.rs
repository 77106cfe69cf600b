//! A partition with two replicas of three goes round all brokers under load, by Kafka's `kafka-reassign-partitions`.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::clients::members::wait_until;
use crate::load::{Producer, verify};
use crate::nodes::Nodes;
use crate::shell::output;
use crate::tools;

const TOPIC: &str = "wandering";
const RATE: &str = "1000";
const LIMIT: Duration = Duration::from_secs(60);
/// Nobody may notice: shorter than a client waits before it asks for new metadata.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Moves it round and checks what was acknowledged meanwhile.
pub(super) fn wander(nodes: &Nodes) -> Result<()> {
    let servers = nodes.servers();
    let topic = ["--create", "--topic", TOPIC, "--replica-assignment", "1:2"];
    let mut create = tools::kafka("org.apache.kafka.tools.TopicCommand", &["--bootstrap-server", &servers]);
    output(create.args(topic)).context("create the topic")?;
    let log = nodes.brokers[0].folder.join("wander.log");
    let mut producer = Producer::start(tools::java_client(&["load", &servers, TOPIC, RATE]), &log)?;
    wait_until(LIMIT, || Ok(producer.count() > 0)).context("nothing is acknowledged")?;
    let begun = Instant::now();
    for replicas in [[2, 3], [3, 1], [1, 2]] {
        let before = producer.count();
        move_to(nodes, replicas).with_context(|| format!("to {replicas:?}"))?;
        wait_until(LIMIT, || Ok(producer.count() > before + 1000)).context("nothing is acknowledged")?;
    }
    let took = begun.elapsed();
    let acks = producer.stop()?;
    let pairs = acks.iter().zip(acks.iter().skip(1)).filter(|(earlier, _)| earlier.at > begun);
    let pause = pairs.map(|(a, b)| b.at.duration_since(a.at)).max().unwrap_or_default();
    println!("three moves in {:.1} s, longest pause {} ms", took.as_secs_f64(), pause.as_millis());
    verify(&servers, TOPIC, &acks)?;
    ensure!(pause < PAUSE_MAX, "a producer had to wait for {pause:?}");
    Ok(())
}

fn move_to(nodes: &Nodes, replicas: [i32; 2]) -> Result<()> {
    let plan = nodes.brokers[0].folder.join("reassignment.json");
    let [first, second] = replicas;
    fs::write(
        &plan,
        format!(
            "{{\"version\":1,\"partitions\":[{{\"topic\":\"{TOPIC}\",\"partition\":0,\"replicas\":[{first},{second}]}}]}}"
        ),
    )?;
    // The throttle lets the records of several seconds through in one.
    let arguments = ["--execute", "--throttle", "10000000", "--reassignment-json-file"];
    let mut tool = tools::kafka(
        "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
        &["--bootstrap-server", &nodes.servers()],
    );
    output(tool.args(arguments).arg(plan))?;
    wait_until(LIMIT, || {
        let partitions = nodes.partitions(TOPIC)?;
        let is_there = |wanted: &[i32]| {
            let mut sorted = wanted.to_vec();
            sorted.sort_unstable();
            let mut goal = replicas.to_vec();
            goal.sort_unstable();
            sorted == goal
        };
        Ok(partitions
            .iter()
            .all(|found| is_there(&found.replicas) && is_there(&found.isr) && found.leader > 0))
    })
}
