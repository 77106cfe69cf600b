//! How long a cluster is without an active controller when that is killed.
//!
//! Three nodes with default settings, each broker and controller. Again and again the active controller is killed with
//! SIGKILL. What counts is the time until the other two name the same new one, and until a topic that is asked for at the
//! moment of the kill has been created.

use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{LIMIT, Measured};
use crate::clients::members::wait_until;
use crate::node::Product;
use crate::nodes::{Controllers, Nodes};
use crate::tally::Tally;
use crate::wire;

/// Between two questions; each is answered without the controller.
const PACE: Duration = Duration::from_millis(5);

/// Kills the active controller `kills` times.
pub(super) fn kill_controllers(
    product: Product,
    kills: u32,
    measured: &mut Vec<Measured>,
    tally: &mut Tally,
) -> Result<()> {
    let mut nodes = Nodes::start("controller-failover", Controllers::Combined, &[product; 3], &[])?;
    let (mut elections, mut changes) = (Vec::new(), Vec::new());
    for kill in 0..kills {
        match kill_active(&mut nodes, kill) {
            Ok((election, change)) => {
                println!(
                    "another is active after {} ms, a topic created after {} ms",
                    election.as_millis(),
                    change.as_millis()
                );
                elections.push(election);
                changes.push(change);
            }
            Err(error) => {
                tally.note(&format!("kill {kill}"), Err(error));
                break;
            }
        }
    }
    let created = changes.len();
    measured.push(Measured { product, what: "another is active after", pauses: elections });
    measured.push(Measured { product, what: "a topic is created after", pauses: changes });
    for kill in 0..created {
        tally.note(&format!("topic {kill}"), nodes.wait_in_sync(&topic(kill as u32)));
    }
    tally.note("orderly stop", nodes.stop());
    Ok(())
}

fn topic(kill: u32) -> String {
    format!("after-{kill}")
}

fn kill_active(nodes: &mut Nodes, kill: u32) -> Result<(Duration, Duration)> {
    let active = settled(nodes, None)?;
    let killed = Instant::now();
    nodes.broker(active)?.kill()?;
    let alive: Vec<u16> =
        nodes.brokers.iter().filter(|node| node.pid().is_some()).map(|node| node.port).collect();
    let port = *alive.first().context("two run")?;
    let change = scope(|scope| {
        let change = scope.spawn(|| -> Result<Duration> {
            let mut last = None;
            while killed.elapsed() < LIMIT {
                match wire::create_topic(port, &topic(kill), 1, 2) {
                    Ok(()) => return Ok(killed.elapsed()),
                    Err(error) => last = Some(error),
                }
                sleep(PACE);
            }
            Err(last.context("nothing was asked")?)
        });
        let election = settled(nodes, Some(active)).map(|_| killed.elapsed());
        let change = change.join().map_err(|_| anyhow::anyhow!("the asker panicked"))?;
        Ok::<_, anyhow::Error>((election?, change?))
    })?;
    nodes.broker(active)?.start()?;
    let count = nodes.brokers.len() as i32;
    wait_until(LIMIT, || {
        Ok(nodes.brokers.iter().all(|node| wire::live_brokers(node.port).is_ok_and(|live| live == count)))
    })
    .context("the killed node did not come back")?;
    // Not always the same moment between two fetches of the voters.
    sleep(Duration::from_millis(u64::from(killed.elapsed().subsec_millis()) % 500));
    Ok(change)
}

/// The active controller as soon as all agree on it; not `except`.
fn settled(nodes: &Nodes, except: Option<i32>) -> Result<i32> {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if let Some(id) = nodes.active_controller().filter(|id| Some(*id) != except) {
            return Ok(id);
        }
        sleep(PACE);
    }
    ensure!(except.is_none(), "no other controller than {except:?} became active within {LIMIT:?}");
    anyhow::bail!("the nodes do not agree on an active controller")
}
