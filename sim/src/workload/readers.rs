//! Consumers that read all partitions from the start, and in the end everything once more.

use std::{collections::BTreeMap, time::Duration};

use klamm_client::{ClientError, ClientKind, TopicPartition, consumer::Consumer};

use super::{Client, PATIENCE, parse, topic_names, topics};

/// Reads until nothing goes wrong any more and all producers are done; then, as the first reader, from the start again to
/// the end.
pub(super) async fn read(client: Client, index: usize) {
    wait_for_topics(&client).await;
    let Some(mut consumer) = consumer(&client) else { return };
    let mut next = BTreeMap::new();
    while !all_written(&client) {
        // One that comes and goes starts from the beginning.
        if client.entropy.below(100) == 0
            && let Some(another) = self::consumer(&client)
        {
            consumer = another;
            next.clear();
        }
        if let Err(error) = poll(&client, &mut consumer, &mut next).await {
            tracing::warn!(%error, "a reader cannot read");
            client.pause(500).await;
        }
    }
    if index == 0 {
        while let Err(error) = read_all(&client).await {
            tracing::warn!(%error, "the last reading starts again");
            client.pause(500).await;
        }
    }
    client.history.done(format!("reader {index}"));
}

/// Whether every producer has written what it wanted to.
pub(super) fn all_written(client: &Client) -> bool {
    let history = client.history.lock();
    (0..client.plan.producers).all(|index| history.done.contains(&format!("producer {index}")))
}

pub(super) async fn wait_for_topics(client: &Client) {
    let needed = topics(&client.plan);
    while !needed.iter().all(|(name, _)| client.history.lock().topics_kept.contains(name)) {
        client.clock.sleep(Duration::from_millis(100)).await;
    }
}

fn partitions(client: &Client) -> Vec<TopicPartition> {
    let names = topic_names(&client.plan);
    let of = |name: String| (0..client.plan.topics.1).map(move |index| TopicPartition::new(&*name, index));
    names.into_iter().flat_map(of).collect()
}

fn consumer(client: &Client) -> Option<Consumer> {
    let pairs = [("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")];
    let mut consumer = Consumer::new(&client.config(ClientKind::Consumer, &pairs).ok()?).ok()?;
    consumer.assign(partitions(client));
    Some(consumer)
}

/// Reads a little, and checks that nothing is skipped or comes twice.
async fn poll(
    client: &Client,
    consumer: &mut Consumer,
    next: &mut BTreeMap<TopicPartition, i64>,
) -> Result<(), ClientError> {
    for record in consumer.poll(Duration::from_millis(500)).await? {
        let at = TopicPartition::new(record.topic, record.partition);
        let mut history = client.history.lock();
        let expected = next.insert(at.clone(), record.offset + 1).unwrap_or(0);
        if record.offset != expected {
            let what = format!("{at}: {} was read where {expected} comes next", record.offset);
            history.contradictions.push(what);
        }
        match record.value.as_deref().and_then(parse) {
            Some(value) => history.saw(&at, record.offset, value),
            None => history.contradictions.push(format!("{at} at {}: nobody wrote that", record.offset)),
        }
        history.count("records read");
    }
    Ok(())
}

type Read = BTreeMap<TopicPartition, BTreeMap<i64, (usize, u64)>>;

/// What has been read, and where each partition ends at least, by that and by what producers were told.
fn known(client: &Client) -> (Read, BTreeMap<TopicPartition, i64>) {
    let history = client.history.lock();
    let mut known = BTreeMap::new();
    let read = history.read.iter().filter_map(|(at, records)| Some((at, *records.last_key_value()?.0)));
    for (at, offset) in read.chain(history.acknowledged.iter().map(|record| (&record.at, record.offset))) {
        let end = known.entry(at.clone()).or_insert(0);
        *end = (*end).max(offset + 1);
    }
    (history.read.clone(), known)
}

/// Reads everything from the start, and notes what is there and what is there no more.
async fn read_all(client: &Client) -> Result<(), ClientError> {
    let Some(mut consumer) = consumer(client) else { return Ok(()) };
    let (before, known) = known(client);
    let deadline = client.clock.now() + PATIENCE;
    let mut ends = consumer.end_offsets(partitions(client)).await?;
    // A leader that has not heard of its successor tells of an end that has moved on elsewhere, as Kafka's would.
    while known.iter().any(|(at, end)| ends.get(at).is_some_and(|told| told < end))
        && client.clock.now() <= deadline
    {
        client.pause(500).await;
        ends = consumer.end_offsets(partitions(client)).await?;
    }
    let mut next = BTreeMap::new();
    while ends.iter().any(|(at, end)| next.get(at).copied().unwrap_or(0) < *end) {
        poll(client, &mut consumer, &mut next).await?;
        if client.clock.now() > deadline {
            let doing = "reading everything".to_owned();
            return Err(ClientError::TimedOut { doing, after: PATIENCE, cause: None });
        }
    }
    // What somebody has read before and is not there now is beyond an end.
    let mut history = client.history.lock();
    for (at, end) in &ends {
        let beyond = before.get(at).and_then(|records| records.range(*end..).next());
        if let Some((offset, _)) = beyond {
            history.contradictions.push(format!("{at}: {offset} was read once, the end is now {end}"));
        }
        // Records that were acknowledged and never read have to have come now.
        history.read.entry(at.clone()).or_default();
    }
    Ok(())
}
