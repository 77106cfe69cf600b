//! What clients did and saw.

mod owners;
pub mod shares;
mod streams;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use klamm_client::TopicPartition;
pub use owners::{Given, Owners};
pub use shares::{Delivery, Kept, Place, Shares};
pub use streams::{Streams, Task};

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Phase {
    /// Clients work; things go wrong.
    #[default]
    Faults,
    /// Nothing goes wrong any more; clients bring what they do to an end.
    Healing,
}

/// How a transaction ended, as its producer knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its commit was answered.
    Committed,
    /// It was aborted, or its commit was never asked for.
    Aborted,
    /// Its commit was asked for and never answered.
    Unknown,
}

/// What readers of what is committed find where.
pub type Committed = BTreeMap<(TopicPartition, i64), String>;

/// What lies where in a topic, by partition and offset.
pub fn by_topic<'a>(committed: &'a Committed, topic: &str) -> BTreeMap<(i32, i64), &'a str> {
    let of = |((at, offset), value): (&'a (TopicPartition, i64), &'a String)| {
        (&*at.topic == topic).then_some(((at.partition, *offset), value.as_str()))
    };
    committed.iter().filter_map(of).collect()
}

/// A record that a producer was told is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Where.
    pub at: TopicPartition,
    /// -1 if the producer was not told.
    pub offset: i64,
    /// The number of the sending client.
    pub producer: usize,
    /// Counts what this client has sent, to all partitions.
    pub number: u64,
}

/// Everything, over all clients.
#[derive(Debug, Default)]
pub struct History {
    /// Where the run is.
    pub phase: Phase,
    /// Records that are written.
    pub acknowledged: Vec<Acknowledged>,
    /// What consumers have read: producer and number by place. Two different ones at one place: see `contradictions`.
    pub read: BTreeMap<TopicPartition, BTreeMap<i64, (usize, u64)>>,
    /// What consumers have seen that cannot be.
    pub contradictions: Vec<String>,
    /// What members of the group have read.
    pub group_read: BTreeMap<TopicPartition, BTreeSet<i64>>,
    /// Who owned which of its partitions.
    pub owners: Owners,
    /// What members of the streams group have.
    pub streams: Streams,
    /// Transactions by writer and number: how many records each has, and how it ended.
    pub transactions: BTreeMap<(usize, u64), (u64, Ending)>,
    /// What readers of what is committed have seen while things went wrong.
    pub committed_along: Committed,
    /// What they see in the end, once they have read it.
    pub committed: Option<Committed>,
    /// Topics that were created and have to be there.
    pub topics_kept: BTreeSet<String>,
    /// Topics that were there in the end, once they were listed.
    pub topics_listed: Option<BTreeSet<String>>,
    /// Committed offsets that are not what was committed.
    pub offset_contradictions: Vec<String>,
    /// What members of the share group were given.
    pub shares: Shares,
    /// Voters of the quorum that were asked for and answered, and those that it says it has.
    pub voters: Vec<(BTreeSet<i32>, BTreeSet<i32>)>,
    /// Nodes and replicas that are in more than one of their log directories, once all has healed.
    pub in_two_directories: Vec<(i32, String)>,
    /// Clients that have brought what they do to an end.
    pub done: BTreeSet<String>,
    /// How often what was done, for the report.
    pub counts: BTreeMap<&'static str, u64>,
}

impl History {
    /// Counts something for the report.
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// A consumer has read a record.
    pub fn saw(&mut self, at: &TopicPartition, offset: i64, value: (usize, u64)) {
        let before = self.read.entry(at.clone()).or_default().insert(offset, value);
        if let Some(before) = before.filter(|before| *before != value) {
            self.contradictions
                .push(format!("{at} at offset {offset}: first {before:?} was read there, then {value:?}"));
        }
    }
}

/// The history as all clients share it. Everything runs on one thread; the lock is for what has to be `Send`.
#[derive(Clone, Debug, Default)]
pub struct Shared(Arc<Mutex<History>>);

impl Shared {
    /// The history.
    pub fn lock(&self) -> MutexGuard<'_, History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether clients are to bring what they do to an end.
    pub fn is_healing(&self) -> bool {
        self.lock().phase == Phase::Healing
    }

    /// A client is at its end.
    pub fn done(&self, client: String) {
        self.lock().done.insert(client);
    }
}
