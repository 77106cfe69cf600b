//! Reads records, writes of each which one it was, and commits both in one transaction: exactly once.

use std::{collections::BTreeMap, time::Duration};

use klamm_client::{
    ClientError, ClientKind, TopicPartition,
    consumer::{Consumer, GroupMetadata, OffsetAndMetadata},
    producer::{Producer, ProducerRecord},
};

use super::{
    COPIES, Client,
    readers::{all_written, wait_for_topics},
    transactions::{Outcome, abort, commit, initialized},
};

const GROUP: &str = "copier";

/// Copies until everything that was written is copied.
pub(super) async fn copy(client: Client) {
    wait_for_topics(&client).await;
    while !is_done(&client).await {
        if let Some(producer) = initialized(&client, GROUP).await
            && let Err(error) = session(&client, &producer).await
        {
            tracing::info!(%error, "the copier starts again");
            client.pause(500).await;
        }
    }
    client.history.done("copier".to_owned());
}

fn partitions(client: &Client) -> Vec<TopicPartition> {
    (0..client.plan.topics.1).map(|index| TopicPartition::new("topic-0", index)).collect()
}

fn consumer(client: &Client) -> Result<Consumer, ClientError> {
    let pairs = [("group.id", GROUP), ("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")];
    Consumer::new(&client.config(ClientKind::Consumer, &pairs)?)
}

async fn is_done(client: &Client) -> bool {
    if !all_written(client) {
        return false;
    }
    let Ok(consumer) = consumer(client) else { return false };
    let Ok(ends) = consumer.end_offsets(partitions(client)).await else { return false };
    let Ok(committed) = consumer.committed(&partitions(client).into_iter().collect()).await else {
        return false;
    };
    ends.iter().all(|(at, end)| committed.get(at).map_or(0, |offset| offset.offset) >= *end)
}

/// Copies for a while, from where the last committed transaction has ended.
async fn session(client: &Client, producer: &Producer) -> Result<(), ClientError> {
    let mut consumer = consumer(client)?;
    consumer.assign(partitions(client));
    for _ in 0..20 + client.entropy.below(40) {
        client.pause(400).await;
        let records = consumer.poll(Duration::from_millis(500)).await?;
        if records.is_empty() {
            if all_written(client) {
                return Ok(());
            }
            continue;
        }
        producer.begin_transaction()?;
        let mut next = BTreeMap::new();
        let mut outcome = Outcome::Committed;
        for record in &records {
            let at = TopicPartition::new(&*record.topic, record.partition);
            let offset = OffsetAndMetadata { offset: record.offset + 1, ..OffsetAndMetadata::default() };
            next.insert(at, offset);
            let value = format!("{} {}", record.partition, record.offset);
            let copy =
                ProducerRecord { partition: Some(record.partition), ..ProducerRecord::new(COPIES, value) };
            if producer.send(copy).await.is_err() {
                outcome = Outcome::Aborted;
                break;
            }
        }
        if client.entropy.below(25) == 0 {
            // It dies in the middle.
            return Ok(());
        }
        let is_given = outcome == Outcome::Committed
            && producer.send_offsets_to_transaction(&next, &GroupMetadata::new(GROUP)).await.is_ok();
        outcome = match is_given {
            true if client.entropy.below(8) > 0 => commit(producer).await,
            _ => {
                producer.flush().await;
                abort(producer).await
            }
        };
        match outcome {
            Outcome::Committed => client.history.lock().count("copies committed"),
            // What was not copied is read again.
            Outcome::Aborted | Outcome::GivenUp => return Ok(()),
        }
    }
    Ok(())
}
