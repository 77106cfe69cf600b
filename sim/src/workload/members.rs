//! Members of a consumer group that commit what they have processed.

use std::{collections::BTreeMap, time::Duration};

use klamm_client::{ClientError, ClientKind, TopicPartition, consumer::Consumer};

use super::{
    Client,
    readers::{all_written, wait_for_topics},
    topic_names,
};
use crate::{history::Given, plan::GroupProtocol};

/// Consumes until everything that was written has been given to some member.
pub(super) async fn consume(client: Client, index: usize) {
    wait_for_topics(&client).await;
    while !is_everything_read(&client) {
        let Some(mut consumer) = consumer(&client, index) else { return };
        if let Err(error) = session(&client, &mut consumer).await {
            tracing::warn!(%error, "a member of the group ends");
            client.pause(500).await;
        }
        if client.entropy.below(2) == 0 {
            // Or else it goes without a word.
            client.clock.timeout(Duration::from_secs(5), consumer.close()).await;
        }
    }
    client.history.done(format!("member {index}"));
}

fn consumer(client: &Client, index: usize) -> Option<Consumer> {
    let instance = format!("member-{index}");
    let protocol = match is_of_consumer_protocol(client) {
        true => ("group.protocol", "consumer"),
        false => ("session.timeout.ms", "10000"),
    };
    let mut pairs = vec![
        ("group.id", "members"),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        protocol,
    ];
    if client.plan.has_static_members {
        pairs.push(("group.instance.id", &instance));
    }
    let mut consumer = Consumer::new(&client.config(ClientKind::Consumer, &pairs).ok()?).ok()?;
    consumer.subscribe(topic_names(&client.plan)).ok()?;
    client.history.lock().count(match protocol.1 {
        "consumer" => "members of the consumer protocol",
        _ => "members of the classic protocol",
    });
    Some(consumer)
}

/// Of which protocol one is that joins now.
pub(super) fn is_of_consumer_protocol(client: &Client) -> bool {
    match client.plan.protocol {
        GroupProtocol::Classic => false,
        GroupProtocol::Consumer => true,
        GroupProtocol::Either => client.entropy.below(2) == 0,
    }
}

/// Processes and commits; for a while, or until there is nothing more to come.
async fn session(client: &Client, consumer: &mut Consumer) -> Result<(), ClientError> {
    for _ in 0..20 + client.entropy.below(200) {
        let records = consumer.poll(Duration::from_millis(500)).await?;
        if records.is_empty() && is_everything_read(client) {
            break;
        }
        let identity = consumer.group_metadata()?;
        if let Some(first) = records.first() {
            let (generation, member) = (identity.generation_id, &identity.member_id);
            tracing::debug!(member, generation, %first.topic, first.partition, first.offset, count = records.len(), "given");
        }
        let mut next = BTreeMap::new();
        {
            let mut history = client.history.lock();
            for record in &records {
                let at = TopicPartition::new(&*record.topic, record.partition);
                let generation = identity.generation_id;
                // The next one with the same name may take its place within a generation.
                let member = identity.group_instance_id.as_ref().unwrap_or(&identity.member_id).clone();
                history.owners.given(&Given { at: at.clone(), generation, member, offset: record.offset });
                next.insert(at.clone(), record.offset + 1);
                history.group_read.entry(at).or_default().insert(record.offset);
                history.count("records given to the group");
            }
        }
        if !records.is_empty() {
            let (generation, member) = (identity.generation_id, &identity.member_id);
            tracing::debug!(member, generation, ?next, "commits");
            consumer.commit().await?;
            tracing::debug!(member, generation, ?next, "has committed");
            let mut history = client.history.lock();
            let name = identity.group_instance_id.as_ref().unwrap_or(member);
            next.iter()
                .for_each(|(at, offset)| history.owners.committed(at, *offset, (generation, name.as_str())));
        }
    }
    Ok(())
}

fn is_everything_read(client: &Client) -> bool {
    if !all_written(client) {
        return false;
    }
    let history = client.history.lock();
    history.acknowledged.iter().all(|record| {
        record.offset < 0
            || history.group_read.get(&record.at).is_some_and(|read| read.contains(&record.offset))
    })
}
