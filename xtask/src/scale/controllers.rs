//! `scale --controllers`: controllers that are nothing else, on three nodes, and brokers that are only pretended.
//!
//! Brokers cannot hold 100,000 replicas each here when they are Kafka's, which keeps files of each open. Controllers hold
//! none, so that theirs is a figure which both products have. The brokers are a program that registers, sends heartbeats
//! and follows the metadata as brokers do (crates/server/examples/pretended_cluster); what is timed there is what brokers
//! see.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::{Figures, KAFKA_JVM, Size, TOPIC_PARTITIONS};
use crate::bench::{cpu_seconds, resident_mb};
use crate::node::{CLUSTER_ID, Node, Product, free_port};
use crate::shell::{command, run, signal, target};

/// `broker.session.timeout.ms` by default, in seconds.
const SESSION: f64 = 9.0;

/// Measures controllers of one product.
pub(super) fn measure(product: Product, size: &Size, figures: &mut Figures) -> Result<()> {
    let mut note = |name: &'static str, value: f64| {
        println!("  {name}: {value:.2}");
        figures.push((name, value));
    };
    let mut cluster = Cluster::start(product)?;
    create(&mut cluster, size, &mut note)?;
    silence(&mut cluster, &mut note)?;
    let [moved] = cluster.ask("die 2")?;
    note("broker killed: every partition has another leader, s", moved);
    let [back] = cluster.ask("live 2")?;
    note("it comes back with an empty disk and may serve, s", back);
    let [in_sync] = cluster.ask("in-sync")?;
    note("it is in sync again, s", in_sync);
    controllers_go(&mut cluster, &mut note)?;
    all_start_anew(&mut cluster, &mut note)
}

fn create(cluster: &mut Cluster, size: &Size, note: &mut impl FnMut(&'static str, f64)) -> Result<()> {
    let [ready] = cluster.ask("ready")?;
    note("three controllers and brokers started, s", ready);
    let _at_the_start: [f64; 4] = cluster.ask("latencies")?;
    let before = cluster.cpu_seconds()?;
    let topics = size.partitions.div_ceil(TOPIC_PARTITIONS);
    let [created, known, median, longest] = cluster.ask(&format!("create {topics}"))?;
    note("created (every request answered), s", created);
    note("known to every broker, s", known);
    note("a request that creates 1,000: median, ms", median);
    note("a request that creates 1,000: the longest, ms", longest);
    let [_, median, longest, failures] = cluster.ask("latencies")?;
    note("a heartbeat meanwhile: median, ms", median);
    note("a heartbeat meanwhile: the longest, ms", longest);
    note("heartbeats meanwhile that failed", failures);
    note("CPU of the controllers for it, s", cluster.cpu_seconds()? - before);
    note("resident memory of the largest controller, MB", cluster.largest()?);
    Ok(())
}

fn silence(cluster: &mut Cluster, note: &mut impl FnMut(&'static str, f64)) -> Result<()> {
    let before = cluster.cpu_seconds()?;
    let [moved] = cluster.ask("silence 1")?;
    note("broker falls silent: every partition has another leader, s", moved);
    note("of that after its session of 9 s, s", moved - SESSION);
    let [_, median, longest, failures] = cluster.ask("latencies")?;
    note("a heartbeat of the others meanwhile: median, ms", median);
    note("a heartbeat of the others meanwhile: the longest, ms", longest);
    note("heartbeats of the others meanwhile that failed", failures);
    let [back] = cluster.ask("live 1")?;
    note("it speaks again and may serve, s", back);
    let [in_sync] = cluster.ask("in-sync")?;
    note("it is in sync again (ISR changes asked for and known to all), s", in_sync);
    let [_, _, longest, _] = cluster.ask("latencies")?;
    note("a heartbeat meanwhile: the longest, ms", longest);
    note("CPU of the controllers for all that, s", cluster.cpu_seconds()? - before);
    Ok(())
}

fn controllers_go(cluster: &mut Cluster, note: &mut impl FnMut(&'static str, f64)) -> Result<()> {
    let active = cluster.active()?;
    let standby = (ID_FIRST..ID_FIRST + 3).find(|id| *id != active).context("there are three")?;
    cluster.node(standby)?.stop()?;
    let [caught_up] = cluster.start_again(standby)?;
    note("a standby controller is started again: it has caught up, s", caught_up);
    cluster.node(active)?.kill()?;
    let [heartbeat, created, all] = cluster.ask("answers after-a-controller")?;
    note("active controller killed: a heartbeat is accepted, s", heartbeat);
    note("a topic is created, s", created);
    note("every broker's heartbeat has been accepted, s", all);
    let [caught_up] = cluster.start_again(active)?;
    note("the killed controller is started again: it has caught up, s", caught_up);
    Ok(())
}

fn all_start_anew(cluster: &mut Cluster, note: &mut impl FnMut(&'static str, f64)) -> Result<()> {
    let begun = std::time::Instant::now();
    cluster.stop()?;
    note("all three stopped in an orderly way, s", begun.elapsed().as_secs_f64());
    let begun = std::time::Instant::now();
    for node in &mut cluster.nodes {
        node.start_until(|_| true)?;
    }
    let late = begun.elapsed().as_secs_f64();
    let [heartbeat, created, all] = cluster.ask("answers after-all-controllers")?;
    note("all three started: a heartbeat is accepted, s", late + heartbeat);
    note("a topic is created, s", late + created);
    note("every broker's heartbeat has been accepted, s", late + all);
    let [_ready] = cluster.ask("ready")?;
    note("every broker may serve and knows it, s", begun.elapsed().as_secs_f64());
    note("CPU of the controllers for the start, s", cluster.cpu_seconds()?);
    note("resident memory of the largest controller after the start, MB", cluster.largest()?);
    note("CPU of the pretended brokers in the whole run, s", cpu_seconds(cluster.brokers.id())?);
    cluster.stop()
}

/// The first controller's id.
const ID_FIRST: i32 = 101;

/// Three controllers, and the program that pretends brokers.
struct Cluster {
    nodes: Vec<Node>,
    brokers: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Cluster {
    fn start(product: Product) -> Result<Self> {
        let name = "pretended_cluster";
        let build =
            ["build", "--quiet", "--profile", "checked", "--package", "klamm-server", "--example", name];
        run(&mut command("cargo", &build))?;
        let ports: Vec<u16> = (0..3).map(|_| free_port()).collect::<Result<_>>()?;
        let voters: Vec<String> =
            ports.iter().zip(ID_FIRST..).map(|(port, id)| format!("{id}@127.0.0.1:{port}")).collect();
        let voters = voters.join(",");
        let mut nodes = Vec::new();
        for (port, id) in ports.iter().zip(ID_FIRST..) {
            let mut node = Node::create_with(product, &format!("scale/{id}"), *port, |folder| {
                format!(
                    "process.roles=controller\nnode.id={id}\nlisteners=CONTROLLER://127.0.0.1:{port}\n\
                     controller.listener.names=CONTROLLER\ncontroller.quorum.voters={voters}\nlog.dirs={}\n",
                    folder.join("data").display()
                )
            })?;
            node.set_environment("KAFKA_JVM", KAFKA_JVM);
            node.start_until(|_| true)?;
            nodes.push(node);
        }
        let mut brokers = Command::new(target().join("checked/examples").join(name))
            .args([CLUSTER_ID, &voters])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the pretended brokers")?;
        let orders = brokers.stdin.take().context("it has an input")?;
        let answers = BufReader::new(brokers.stdout.take().context("it has an output")?);
        Ok(Self { nodes, brokers, orders, answers })
    }

    /// Gives an order to the brokers, and waits for the figures that answer it.
    fn ask<const N: usize>(&mut self, order: &str) -> Result<[f64; N]> {
        writeln!(self.orders, "{order}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let Some(figures) = line.strip_prefix("ok ") else { bail!("{order}: {}", line.trim()) };
        let figures: Vec<f64> = figures.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let count = figures.len();
        figures.try_into().ok().with_context(|| format!("{order}: {count} figures"))
    }

    fn node(&mut self, id: i32) -> Result<&mut Node> {
        let index = usize::try_from(id - ID_FIRST).ok();
        index
            .and_then(|index| self.nodes.get_mut(index))
            .with_context(|| format!("there is no controller {id}"))
    }

    fn active(&mut self) -> Result<i32> {
        let [id] = self.ask("active")?;
        Ok(id as i32)
    }

    fn start_again(&mut self, id: i32) -> Result<[f64; 1]> {
        self.node(id)?.start_until(|_| true)?;
        self.ask(&format!("caught-up {id}"))
    }

    /// What the controllers that run have used.
    fn cpu_seconds(&self) -> Result<f64> {
        let used: Vec<f64> =
            self.nodes.iter().filter_map(Node::pid).map(cpu_seconds).collect::<Result<_>>()?;
        ensure!(used.len() == self.nodes.len(), "a controller does not run");
        Ok(used.iter().sum())
    }

    fn largest(&self) -> Result<f64> {
        let each: Vec<f64> =
            self.nodes.iter().filter_map(Node::pid).map(resident_mb).collect::<Result<_>>()?;
        Ok(each.into_iter().fold(0.0, f64::max))
    }

    fn stop(&mut self) -> Result<()> {
        for pid in self.nodes.iter().filter_map(Node::pid) {
            signal(pid, "TERM");
        }
        for node in &mut self.nodes {
            match node.stop() {
                // One that reads its metadata log while that is closed ends with the status 1.
                Err(error) if node.product == Product::Kafka => eprintln!("{error:#}"),
                done => done?,
            }
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.brokers.kill().and_then(|()| self.brokers.wait()) {
            eprintln!("cannot stop the pretended brokers: {error}");
        }
    }
}
