//! A reader of what is committed: along with the writers, and once more when they are done.

use std::time::Duration;

use klamm_client::{ClientError, ClientKind, TopicPartition, consumer::Consumer};

use super::{COPIES, Client, PATIENCE, TRANSACTIONS, readers::wait_for_topics};
use crate::{history::Committed, plan::Special};

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
    loop {
        match read_all(&client).await {
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

fn is_written(client: &Client) -> bool {
    let history = client.history.lock();
    (0..client.plan.writers).all(|index| history.done.contains(&format!("writer {index}")))
        && (!client.plan.has_copier || history.done.contains("copier"))
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
