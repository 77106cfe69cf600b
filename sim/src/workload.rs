//! What clients do. Each is a process on a host of its own, from [`FIRST_HOST`] on.

mod committed_readers;
mod copiers;
mod dead_letters;
mod groups;
mod members;
mod moves;
mod producers;
mod readers;
mod reassignments;
mod sharers;
mod streams;
mod topics;
mod transactions;
mod voters;

use std::{rc::Rc, time::Duration};

use klamm_client::{ClientConfig, ClientError, ClientKind, admin::Admin};
use klamm_io::{
    Clock, Entropy,
    sim::{Host, Simulation},
};

use crate::{
    history::{History, Place, Shared},
    plan::{GroupProtocol, Plan},
};

/// Topic of the transactions.
pub const TRANSACTIONS: &str = "transactions";
/// Topic of the copies of records of the first topic.
pub const COPIES: &str = "copies";
/// Topic that the share group consumes.
pub const SHARED: &str = "topic-0";
/// Topic of what the share group gives up.
pub const DEAD_LETTERS: &str = "dlq.shared";
/// The host of the first client; the others follow.
pub const FIRST_HOST: u8 = 101;
/// What one attempt may take in which nothing goes wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// What every client is given.
#[derive(Clone)]
pub struct Client {
    plan: Rc<Plan>,
    servers: Rc<str>,
    history: Shared,
    clock: Clock,
    entropy: Entropy,
}

/// Names of the topics that are written to.
pub fn topic_names(plan: &Plan) -> Vec<String> {
    (0..plan.topics.0).map(|index| format!("topic-{index}")).collect()
}

/// All topics that are needed, and how many partitions each has.
pub fn topics(plan: &Plan) -> Vec<(String, i32)> {
    let mut topics: Vec<(String, i32)> =
        topic_names(plan).into_iter().map(|name| (name, plan.topics.1)).collect();
    if plan.has_transactions() {
        topics.push((TRANSACTIONS.to_owned(), 2));
        topics.push((COPIES.to_owned(), plan.topics.1));
    }
    if plan.has_dead_letters {
        topics.push((DEAD_LETTERS.to_owned(), plan.topics.1));
    }
    topics
}

/// Records that the share group has to get.
pub fn to_be_shared(history: &History) -> impl Iterator<Item = Place> {
    let known =
        history.acknowledged.iter().filter(|record| &*record.at.topic == SHARED && record.offset >= 0);
    known.map(|record| (record.at.clone(), record.offset))
}

/// Starts all clients. Returns the hosts they are on.
pub fn start(sim: &Simulation, plan: &Rc<Plan>, servers: &str, history: &Shared) -> Vec<Host> {
    history.lock().owners.may_restart = plan.protocol == GroupProtocol::Either;
    let start = Start { sim, plan, servers: servers.into(), history, hosts: Vec::new() };
    start.all()
}

struct Start<'a> {
    sim: &'a Simulation,
    plan: &'a Rc<Plan>,
    servers: Rc<str>,
    history: &'a Shared,
    hosts: Vec<Host>,
}

impl Start<'_> {
    fn all(mut self) -> Vec<Host> {
        self.one(topics::create_and_churn);
        for index in 0..self.plan.producers {
            self.one(move |client| producers::produce(client, index));
        }
        for index in 0..self.plan.readers {
            self.one(move |client| readers::read(client, index));
        }
        for index in 0..self.plan.members {
            self.one(move |client| members::consume(client, index));
        }
        for index in 0..self.plan.writers {
            self.one(move |client| transactions::write(client, index));
        }
        for index in 0..self.plan.copiers {
            self.one(move |client| copiers::copy(client, index));
        }
        if self.plan.has_transactions() {
            self.one(committed_readers::read);
        }
        if self.plan.log_dirs > 1 {
            self.one(moves::move_replicas);
        }
        for index in 0..self.plan.sharers {
            self.one(move |client| sharers::share(client, index));
        }
        if self.plan.has_dead_letters {
            self.one(dead_letters::read);
        }
        for index in 0..self.plan.streams_members {
            self.one(move |client| streams::take_part(client, index));
        }
        if self.plan.changes_voters {
            self.one(voters::change);
        }
        self.one(groups::commit);
        if self.plan.has_reassignments {
            self.one(reassignments::reassign);
        }
        self.hosts
    }

    fn one<F>(&mut self, main: impl FnOnce(Client) -> F + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let host = Host(FIRST_HOST + u8::try_from(self.hosts.len()).unwrap_or(0));
        self.hosts.push(host);
        let (plan, servers, history) = (Rc::clone(self.plan), Rc::clone(&self.servers), self.history.clone());
        self.sim.start(host, 1, move || {
            main(Client { plan, servers, history, clock: Clock::here(), entropy: Entropy::here() })
        });
    }
}

impl Client {
    fn config(&self, kind: ClientKind, pairs: &[(&str, &str)]) -> Result<ClientConfig, ClientError> {
        let fixed = [("bootstrap.servers", &*self.servers), ("default.api.timeout.ms", "20000")];
        Ok(ClientConfig::new(kind, fixed.iter().chain(pairs).map(|(key, value)| (*key, *value)))?)
    }

    fn admin(&self) -> Result<Admin, ClientError> {
        Admin::new(&self.config(ClientKind::Admin, &[("request.timeout.ms", "5000")])?)
    }

    /// Waits for up to `millis`.
    async fn pause(&self, millis: u64) {
        self.clock.sleep(Duration::from_millis(self.entropy.below(millis))).await;
    }
}

/// Names a record of a producer in its value.
pub fn value(producer: usize, number: u64) -> String {
    format!("{producer} {number}")
}

/// The record that a value names.
pub fn parse(value: &[u8]) -> Option<(usize, u64)> {
    let (producer, number) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    Some((producer.parse().ok()?, number.parse().ok()?))
}
