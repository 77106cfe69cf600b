//! Transactional producers, of which each has one transactional id for all its life and many incarnations.

use klamm_client::{
    ClientError, ClientKind,
    producer::{Producer, ProducerRecord},
};

use super::{Client, TRANSACTIONS, readers::wait_for_topics};
use crate::history::Ending;

/// Attempts at one step before the producer is given up for another.
const ATTEMPTS: usize = 4;

/// Writes transactions until nothing goes wrong any more, then one that has to succeed.
pub(super) async fn write(client: Client, index: usize) {
    wait_for_topics(&client).await;
    let mut writer = Writer { client, index, number: 0 };
    let mut producer = None;
    loop {
        let is_last = writer.client.history.is_healing();
        if !is_last {
            writer.client.pause(1500).await;
        }
        if producer.is_none() {
            producer = initialized(&writer.client, &format!("writer-{index}")).await;
        }
        let Some(ready) = &producer else { continue };
        match writer.transaction(ready, is_last).await {
            Outcome::Committed if is_last => break,
            Outcome::Committed | Outcome::Aborted => {}
            Outcome::GivenUp => producer = None,
        }
    }
    writer.client.history.done(format!("writer {index}"));
}

/// A producer that may begin transactions.
pub(super) async fn initialized(client: &Client, id: &str) -> Option<Producer> {
    let pairs = [
        ("transactional.id", id),
        ("delivery.timeout.ms", "20000"),
        ("request.timeout.ms", "8000"),
        ("max.block.ms", "15000"),
        ("transaction.timeout.ms", "20000"),
        ("linger.ms", "5"),
    ];
    let producer = Producer::new(&client.config(ClientKind::Producer, &pairs).ok()?).ok()?;
    match producer.init_transactions().await {
        Ok(()) => Some(producer),
        Err(error) => {
            tracing::info!(%error, id, "a producer cannot begin");
            client.pause(1000).await;
            None
        }
    }
}

/// How a transaction ended for its producer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is committed.
    Committed,
    /// It is aborted, and the producer can go on.
    Aborted,
    /// Nobody knows, or the producer is lost. Whoever comes next aborts it if it is open still.
    GivenUp,
}

struct Writer {
    client: Client,
    index: usize,
    number: u64,
}

impl Writer {
    async fn transaction(&mut self, producer: &Producer, must_commit: bool) -> Outcome {
        let number = self.number;
        self.number += 1;
        let count = 1 + self.client.entropy.below(5);
        let key = (self.index, number);
        self.client.history.lock().transactions.insert(key, (count, Ending::Aborted));
        if producer.begin_transaction().is_err() {
            return Outcome::GivenUp;
        }
        for record in 0..count {
            if !must_commit && self.client.entropy.below(30) == 0 {
                // It dies in the middle.
                return Outcome::GivenUp;
            }
            let partition = i32::try_from(self.client.entropy.below(PARTITIONS)).unwrap_or(0);
            let value = format!("{} {number} {record}", self.index);
            let record =
                ProducerRecord { partition: Some(partition), ..ProducerRecord::new(TRANSACTIONS, value) };
            if producer.send(record).await.is_err() {
                return abort(producer).await;
            }
        }
        if !must_commit && self.client.entropy.below(4) == 0 {
            // What is not written yet would never be.
            producer.flush().await;
            return abort(producer).await;
        }
        let history = self.client.history.clone();
        history.lock().transactions.insert(key, (count, Ending::Unknown));
        let outcome = commit(producer).await;
        let ending = match outcome {
            Outcome::Committed => Ending::Committed,
            // It was refused.
            Outcome::Aborted => Ending::Aborted,
            Outcome::GivenUp => Ending::Unknown,
        };
        let mut history = history.lock();
        history.transactions.insert(key, (count, ending));
        history.count(match outcome {
            Outcome::Committed => "transactions committed",
            Outcome::Aborted => "transactions refused",
            Outcome::GivenUp => "transactions given up",
        });
        outcome
    }
}

/// Partitions of the topic.
const PARTITIONS: u64 = 2;

/// Commits, asking again as long as nobody knows.
pub(super) async fn commit(producer: &Producer) -> Outcome {
    for _ in 0..ATTEMPTS {
        match producer.commit_transaction().await {
            Ok(()) => return Outcome::Committed,
            Err(error) if error.is_abortable() => return abort(producer).await,
            Err(error) if error.is_fatal() => return given_up(&error),
            Err(error) => tracing::info!(%error, "a commit was not answered"),
        }
    }
    Outcome::GivenUp
}

/// Aborts, asking again as long as nobody knows.
pub(super) async fn abort(producer: &Producer) -> Outcome {
    for _ in 0..ATTEMPTS {
        match producer.abort_transaction().await {
            Ok(()) => return Outcome::Aborted,
            Err(error) if error.is_fatal() => return given_up(&error),
            Err(error) => tracing::info!(%error, "an abort was not answered"),
        }
    }
    Outcome::GivenUp
}

fn given_up(error: &ClientError) -> Outcome {
    tracing::info!(%error, "a producer cannot go on");
    Outcome::GivenUp
}
