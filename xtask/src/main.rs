//! Development tasks: everything that is not the product, behind `cargo xtask <task>`.
//!
//! Not a place for anything that a node or a tool needs at run time. Read `test` first: it lists the stages that the
//! README's test command and `.ci/run` go through. Programs of other languages (Kafka's Java tools, other clients) lie
//! under `tests/` and are only driven from here.
//!
//! Non-obvious: tasks print what they run, keep what they download under the target folder, and never stop a process
//! that they did not start.
#![expect(
    clippy::disallowed_methods,
    reason = "xtask runs commands and waits for them; the door is for the product"
)]

mod bench;
mod check;
mod clients;
mod cluster;
mod conformance;
mod crash;
mod dead_letters;
mod disk;
mod docs;
mod exactly_once;
mod failover;
mod faults;
mod fuzz;
mod hostile;
mod load;
mod mixed;
mod node;
mod nodes;
mod scale;
mod setup;
mod shell;
mod sim;
mod tally;
mod test;
#[cfg(test)]
mod tidy;
mod tools;
mod wire;

use std::process::ExitCode;

use clap::Parser;

use node::Product;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development tasks of Klamm")]
enum Task {
    /// Checks format, lints and the rules of the tree; writes nothing
    Check,
    /// Formats the code and applies what clippy can mend by itself
    Fix,
    /// Installs what the tests need and runs them
    Test {
        /// Only these stages (without any: all of them)
        stages: Vec<String>,
        /// 100,000 records for each codec, 50 kills, five minutes for each fuzz target
        #[arg(long)]
        full: bool,
    },
    /// Installs what the tests need
    Setup,
    /// Runs unmodified clients of other projects against a node
    Clients {
        /// Only these clients (without any: all of them)
        names: Vec<String>,
        /// The server under test
        #[arg(long, value_enum, default_value = "klamm")]
        server: Product,
        /// Records for each codec
        #[arg(long, default_value_t = 100_000)]
        records: u32,
    },
    /// Runs Apache Kafka's own integration tests against a node
    Conformance {
        /// Sets, classes or methods, as tests/conformance/run.sh takes them
        #[arg(default_value = "one-node")]
        items: Vec<String>,
        #[arg(long, value_enum, default_value = "klamm")]
        server: Product,
        #[command(flatten)]
        how: conformance::How,
    },
    /// Gives damaged bytes to every decoder and to log recovery, for a bounded time
    Fuzz {
        /// Only these targets (without any: all of them)
        targets: Vec<String>,
        /// Seconds for each target
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// The seed to begin with (without it: one that differs from day to day)
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Runs whole clusters on simulated clocks, networks and disks, one for each seed
    Sim {
        #[command(flatten)]
        which: sim::Which,
    },
    /// Sends bad input of every kind to a running node
    Hostile {
        #[arg(long, value_enum, default_value = "klamm")]
        server: Product,
    },
    /// Runs the tests of Klamm's own client against a node
    OwnClient {
        #[arg(long, value_enum, default_value = "klamm")]
        server: Product,
    },
    /// Compares Klamm's tools with Kafka's: same arguments, same output, same status
    Tools,
    /// Starts a cluster of so many nodes in fresh directories and leaves it to you until Ctrl-C
    Cluster {
        #[arg(default_value_t = 1)]
        nodes: u32,
        #[arg(long, value_enum, default_value = "klamm")]
        server: Product,
    },
    /// Measures our node and Apache Kafka in one run and writes bench/RESULTS.md
    Bench {
        #[command(flatten)]
        size: bench::Size,
    },
    /// Fills a cluster of three nodes with partitions and measures creation, failovers and restarts
    Scale {
        #[command(flatten)]
        size: scale::Size,
    },
    /// Writes the pages that come from the code and from kept results
    Docs,
    /// Takes a data directory from Klamm to Apache Kafka and back
    Disk {
        #[arg(long, value_enum, default_value = "klamm")]
        server: Product,
    },
    /// Rejects records of a share group while the node is killed again and again: all are in the dead-letter queue
    DeadLetters {
        /// How often the node is killed
        #[arg(default_value_t = 10)]
        rounds: u32,
    },
    /// Kills a node under load, again and again
    Crash {
        #[arg(default_value_t = 50)]
        rounds: u32,
        #[arg(long, value_enum, default_value = "klamm")]
        server: Product,
    },
    /// Runs Klamm and Apache Kafka in one cluster and moves leaders, and whole nodes, between them
    Mixed {
        /// Only these scenarios (without any: all of them)
        names: Vec<String>,
        /// How often each broker goes and comes back
        #[arg(long, default_value_t = 2)]
        rounds: u32,
    },
    /// Kills leaders and measures how long a producer with acks=all gets no acknowledgement, or how long there is no
    /// active controller
    Failover {
        #[command(flatten)]
        plan: failover::Plan,
    },
    /// Kills members and brokers while records are read, transformed and written in transactions, and compares
    ExactlyOnce {
        #[arg(long, value_enum, default_value = "klamm")]
        server: Product,
        #[command(flatten)]
        plan: exactly_once::Plan,
    },
    /// Breaks three nodes and their network in every way while clients write and read, and judges what they saw
    Faults {
        #[arg(long, value_enum, default_value = "klamm")]
        server: Product,
        #[command(flatten)]
        plan: faults::Plan,
    },
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Check => check::check(),
        Task::Fix => check::fix(),
        Task::Test { stages, full } => test::test(&stages, full),
        Task::Setup => setup::setup(),
        Task::Clients { names, server, records } => {
            test::one("clients", || clients::clients(server, &names, records))
        }
        Task::Conformance { items, server, how } => {
            test::one("conformance", || conformance::conformance(server, &items, &how))
        }
        Task::Fuzz { targets, seconds, seed } => test::one("fuzz", || fuzz::fuzz(&targets, seconds, seed)),
        Task::Sim { which } => test::one("sim", || sim::sim(&which)),
        Task::Hostile { server } => test::one("hostile", || hostile::hostile(server)),
        Task::OwnClient { server } => test::one("own-client", || tools::own_client(server)),
        Task::Tools => test::one("tools", tools::compare),
        Task::Cluster { nodes, server } => cluster::cluster(server, nodes),
        Task::Bench { size } => bench::bench(&size),
        Task::Scale { size } => scale::scale(&size),
        Task::Docs => docs::docs(),
        Task::Disk { server } => test::one("disk", || disk::disk(server, Product::Kafka)),
        Task::Mixed { names, rounds } => test::one("mixed", || mixed::mixed(&names, rounds)),
        Task::Failover { plan } => test::one("failover", || failover::failover(&plan)),
        Task::ExactlyOnce { server, plan } => {
            test::one("exactly-once", || exactly_once::exactly_once(server, &plan))
        }
        Task::Faults { server, plan } => test::one("faults", || faults::faults(server, &plan)),
        Task::DeadLetters { rounds } => test::one("dead-letters", || dead_letters::dead_letters(rounds)),
        Task::Crash { rounds, server } => test::one("crash", || crash::crash(server, rounds)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
