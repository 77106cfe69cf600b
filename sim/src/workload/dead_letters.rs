//! A reader of the share group's dead-letter queue.

use std::time::Duration;

use klamm_client::{
    ClientError, ClientKind, TopicPartition,
    consumer::{Consumer, ConsumerRecord},
};

use super::{Client, DEAD_LETTERS, PATIENCE, parse, readers::wait_for_topics};
use crate::history::Place;

/// Reads until the members of the group are done, and then to the end.
pub(super) async fn read(client: Client) {
    wait_for_topics(&client).await;
    let Some(mut consumer) = consumer(&client) else { return };
    while !is_shared(&client) {
        if let Err(error) = poll(&client, &mut consumer).await {
            tracing::warn!(%error, "a reader of dead letters cannot read");
            client.pause(500).await;
        }
    }
    while let Err(error) = read_to_end(&client, &mut consumer).await {
        tracing::warn!(%error, "the last dead letters are read again");
        client.pause(500).await;
    }
    client.history.done("dead letters".to_owned());
}

fn is_shared(client: &Client) -> bool {
    let history = client.history.lock();
    (0..client.plan.sharers).all(|index| history.done.contains(&format!("sharer {index}")))
}

fn partitions(client: &Client) -> impl Iterator<Item = TopicPartition> {
    (0..client.plan.topics.1).map(|index| TopicPartition::new(DEAD_LETTERS, index))
}

fn consumer(client: &Client) -> Option<Consumer> {
    let pairs = [("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")];
    let mut consumer = Consumer::new(&client.config(ClientKind::Consumer, &pairs).ok()?).ok()?;
    consumer.assign(partitions(client));
    Some(consumer)
}

async fn poll(client: &Client, consumer: &mut Consumer) -> Result<(), ClientError> {
    for record in consumer.poll(Duration::from_millis(500)).await? {
        let mut history = client.history.lock();
        history.count("dead letters read");
        let letter = (record.partition, record.offset);
        tracing::debug!(origin = ?origin(&record), ?letter, "dead letter");
        match origin(&record) {
            Some(place) => {
                let value = record.value.as_deref().and_then(parse);
                history.shares.letters.entry(place).or_default().push(value);
            }
            None => {
                let what = format!("dead letter at {}: it does not tell where it comes from", record.offset);
                history.contradictions.push(what);
            }
        }
    }
    Ok(())
}

/// Where a dead letter says that it comes from (KIP-1191).
fn origin(record: &ConsumerRecord) -> Option<Place> {
    let header = |name: &str| {
        let found = record.headers.iter().find(|header| header.key == name)?;
        std::str::from_utf8(found.value.as_deref()?).ok()
    };
    let partition = header("__dlq.errors.partition")?.parse().ok()?;
    let at = TopicPartition::new(header("__dlq.errors.topic")?, partition);
    Some((at, header("__dlq.errors.offset")?.parse().ok()?))
}

async fn read_to_end(client: &Client, consumer: &mut Consumer) -> Result<(), ClientError> {
    let ends = consumer.end_offsets(partitions(client).collect::<Vec<_>>()).await?;
    let deadline = client.clock.now() + PATIENCE;
    for (at, end) in &ends {
        while consumer.position(at).await? < *end {
            poll(client, consumer).await?;
            if client.clock.now() > deadline {
                let doing = "reading dead letters".to_owned();
                return Err(ClientError::TimedOut { doing, after: PATIENCE, cause: None });
            }
        }
    }
    Ok(())
}
