//! A reader of what is committed: along with the writers, and once more when they are done.

use std::time::Duration;

use klamm_client::{ClientError, ClientKind, TopicPartition, consumer::Consumer};

use super::{COPIES, Client, PATIENCE, SHARED, TRANSACTIONS, readers::wait_for_topics};
use crate::{
    history::{Committed, Ending, by_topic},
    plan::Special,
};

/// Reads until all writers are done, then everything from the start.
pub(super) async fn read(client: Client) {
    wait_for_topics(&client).await;
    let Some(mut along) = consumer(&client) else { return };
    while !is_written(&client) {
        match along.poll(Duration::from_millis(500)).await {
            Ok(records) => {
                let mut history = client.history.lock();
                for record in records {
                    history.count("committed records read");
                    let at = TopicPartition::new(record.topic, record.partition);
                    history.committed_along.insert((at, record.offset), text(record.value.as_deref()));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a reader of what is committed cannot read");
                client.pause(500).await;
            }
        }
        if client.entropy.below(100) == 0
            && let Some(another) = consumer(&client)
        {
            along = another;
        }
    }
    // A commit is answered before its markers are written, and a leader that has not heard of its successor tells of an end
    // that has moved on elsewhere, as Kafka's would: then what is missing comes a little later.
    let give_up_at = client.clock.now() + PATIENCE;
    loop {
        match read_all(&client).await {
            Ok(all) if !is_complete(&client, &all) && client.clock.now() < give_up_at => {
                client.pause(1000).await;
            }
            Ok(all) => {
                client.history.lock().committed = Some(all);
                break;
            }
            Err(error) => {
                tracing::warn!(%error, "the last reading of what is committed starts again");
                client.pause(500).await;
            }
        }
    }
    client.history.done("committed reader".to_owned());
}

/// Whether nothing is missing of the transactions that are known to be committed, and of the copies.
fn is_complete(client: &Client, all: &Committed) -> bool {
    let history = client.history.lock();
    let written = by_topic(all, TRANSACTIONS);
    let is_whole = |((writer, number), (count, ending)): (&(usize, u64), &(u64, Ending))| {
        let prefix = format!("{writer} {number} ");
        let found = written.values().filter(|value| value.starts_with(&prefix)).count();
        *ending != Ending::Committed || u64::try_from(found) == Ok(*count)
    };
    let copied = |at: &TopicPartition| {
        let of_partition = by_topic(all, COPIES).into_keys().filter(|(index, _)| *index == at.partition);
        of_partition.count()
    };
    let is_copied = history.read.iter().filter(|(at, _)| &*at.topic == SHARED).all(|(at, records)| {
        let last = records.last_key_value().map_or(-1, |(offset, _)| *offset);
        i64::try_from(copied(at)).is_ok_and(|copied| copied > last)
    });
    history.transactions.iter().all(is_whole) && (client.plan.copiers == 0 || is_copied)
}

fn is_written(client: &Client) -> bool {
    let history = client.history.lock();
    (0..client.plan.writers).all(|index| history.done.contains(&format!("writer {index}")))
        && (0..client.plan.copiers).all(|index| history.done.contains(&format!("copier {index}")))
}

fn partitions(client: &Client) -> Vec<TopicPartition> {
    let written = (0..2).map(|index| TopicPartition::new(TRANSACTIONS, index));
    let copied = (0..client.plan.topics.1).map(|index| TopicPartition::new(COPIES, index));
    written.chain(copied).collect()
}

fn consumer(client: &Client) -> Option<Consumer> {
    let isolation = match client.plan.special {
        Special::UncommittedReads => "read_uncommitted",
        _ => "read_committed",
    };
    let pairs =
        [("auto.offset.reset", "earliest"), ("enable.auto.commit", "false"), ("isolation.level", isolation)];
    let mut consumer = Consumer::new(&client.config(ClientKind::Consumer, &pairs).ok()?).ok()?;
    consumer.assign(partitions(client));
    Some(consumer)
}

fn text(value: Option<&[u8]>) -> String {
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}

async fn read_all(client: &Client) -> Result<Committed, ClientError> {
    let Some(mut consumer) = consumer(client) else { return Ok(Committed::new()) };
    let ends = consumer.end_offsets(partitions(client)).await?;
    let deadline = client.clock.now() + PATIENCE;
    let mut all = Committed::new();
    loop {
        let mut is_done = true;
        for (at, end) in &ends {
            is_done &= consumer.position(at).await? >= *end;
        }
        if is_done {
            return Ok(all);
        }
        for record in consumer.poll(Duration::from_millis(500)).await? {
            let at = TopicPartition::new(record.topic, record.partition);
            all.insert((at, record.offset), text(record.value.as_deref()));
        }
        if client.clock.now() > deadline {
            let doing = "reading what is committed".to_owned();
            return Err(ClientError::TimedOut { doing, after: PATIENCE, cause: None });
        }
    }
}
