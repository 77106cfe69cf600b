//! Consume, transform, produce, each record exactly once: `exactly_once SERVERS INPUT OUTPUT GROUP NAME PROTOCOL`.
//!
//! A member of GROUP reads INPUT and writes, for each record, one with the same key to the same partition of OUTPUT, whose
//! value says where the record lay. Records and positions are committed in one transaction. Whatever goes wrong, it goes
//! on from what was committed. NAME is the transactional id; of two processes with the same name the older is fenced.
//! `cargo xtask exactly-once --client klamm` drives it.

use std::{collections::BTreeMap, time::Duration};

use klamm_client::{
    ClientConfig, ClientError, ClientKind, TopicPartition,
    admin::OffsetSpec,
    consumer::{Consumer, ConsumerRecord, OffsetAndMetadata},
    producer::{Producer, ProducerRecord},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, input, output, group, name, protocol] = arguments.as_slice() else {
        return Err("exactly_once SERVERS INPUT OUTPUT GROUP NAME PROTOCOL".into());
    };
    let producer = Producer::new(&ClientConfig::new(
        ClientKind::Producer,
        [
            ("bootstrap.servers", servers.as_str()),
            ("transactional.id", name),
            ("transaction.timeout.ms", "10000"),
        ],
    )?)?;
    producer.init_transactions().await?;
    let mut consumer = Consumer::new(&ClientConfig::new(
        ClientKind::Consumer,
        [
            ("bootstrap.servers", servers.as_str()),
            ("group.id", group),
            ("group.protocol", protocol),
            ("isolation.level", "read_committed"),
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "earliest"),
        ],
    )?)?;
    consumer.subscribe([input.as_str()])?;
    loop {
        let records = consumer.poll(Duration::from_millis(200)).await?;
        if records.is_empty() {
            continue;
        }
        match transform(&producer, &consumer, &records, output).await {
            Ok(()) => {}
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(error) => {
                eprintln!("the transaction is aborted: {error}");
                producer.abort_transaction().await?;
                rewind(&mut consumer).await?;
            }
        }
    }
}

/// One transaction.
async fn transform(
    producer: &Producer,
    consumer: &Consumer,
    records: &[ConsumerRecord],
    output: &str,
) -> Result<(), ClientError> {
    producer.begin_transaction()?;
    let mut positions = BTreeMap::new();
    for record in records {
        let _delivery = producer
            .send(ProducerRecord {
                partition: Some(record.partition),
                key: record.key.clone(),
                ..ProducerRecord::new(output, format!("{}-{}", record.partition, record.offset))
            })
            .await?;
        let partition = TopicPartition::new(&*record.topic, record.partition);
        positions.insert(partition, OffsetAndMetadata::new(record.offset + 1));
    }
    producer.send_offsets_to_transaction(&positions, &consumer.group_metadata()?).await?;
    loop {
        match producer.commit_transaction().await {
            // Nobody knows whether it is committed: only asking again tells.
            Err(ClientError::TimedOut { .. }) => {}
            result => return result,
        }
    }
}

/// Goes back to what was committed.
async fn rewind(consumer: &mut Consumer) -> Result<(), ClientError> {
    let assigned = consumer.assignment();
    let committed = loop {
        match consumer.committed(&assigned).await {
            Ok(committed) => break committed,
            // The group may have moved on; the next poll finds out, and begins at what is committed anyway.
            Err(error) => eprintln!("committed offsets are not known: {error}"),
        }
        let _dropped = consumer.poll(Duration::from_millis(100)).await?;
    };
    for partition in consumer.assignment() {
        match committed.get(&partition) {
            Some(found) => consumer.seek(&partition, found.offset)?,
            None => consumer.seek_to(&partition, OffsetSpec::Earliest)?,
        }
    }
    Ok(())
}
