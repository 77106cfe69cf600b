//! `failover`: how long a producer with acks=all gets no acknowledgement when the leader is killed, or how long the
//! cluster has no active controller when that is killed: Klamm and Apache Kafka in one run.

mod controller;
mod leader;

use std::time::Duration;

use anyhow::Result;

use crate::node::{Product, load_average, use_release_build};
use crate::tally::Tally;

const LIMIT: Duration = Duration::from_secs(60);

/// What is killed, and how often.
#[derive(Clone, clap::Args)]
pub(crate) struct Plan {
    /// How often
    #[arg(default_value_t = 20)]
    kills: u32,
    /// Only this product (without it: both, one after the other)
    #[arg(long, value_enum)]
    server: Option<Product>,
    /// Every broker is a controller too
    #[arg(long)]
    combined: bool,
    /// Kill the active controller of three nodes that are brokers and controllers
    #[arg(long)]
    controller: bool,
}

/// How long it took each time.
struct Measured {
    product: Product,
    what: &'static str,
    pauses: Vec<Duration>,
}

/// Kills, and prints a table.
pub(crate) fn failover(plan: &Plan) -> Result<Tally> {
    let products = plan.server.map_or(vec![Product::Klamm, Product::Kafka], |only| vec![only]);
    let (mut tally, mut measured) = (Tally::default(), Vec::new());
    for product in products {
        match product {
            Product::Klamm => use_release_build()?,
            Product::Kafka => product.prepare()?,
        }
        println!("-- {product:?}, load average {}", load_average());
        if plan.controller {
            controller::kill_controllers(product, plan.kills, &mut measured, &mut tally)?;
        } else {
            leader::kill_leaders(product, plan.kills, plan.combined, &mut measured, &mut tally)?;
        }
    }
    println!("\nload average at the end: {}\n", load_average());
    print_table(&mut measured);
    Ok(tally)
}

fn print_table(measured: &mut [Measured]) {
    println!("| | kills | what, ms | median | 90% | most |\n|---|---|---|---|---|---|");
    for Measured { product, what, pauses } in measured {
        pauses.sort();
        let at = |share: usize| {
            pauses.get(pauses.len() * share / 100).or(pauses.last()).map_or(0, Duration::as_millis)
        };
        let (median, most_of, most) = (at(50), at(90), at(100));
        println!("| {product:?} | {} | {what} | {median} | {most_of} | {most} |", pauses.len());
    }
}
