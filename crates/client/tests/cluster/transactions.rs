//! Transactional producers and readers of what is committed. The same tests hold with both versions of transactions.

use super::*;
use klamm_client::{ClientError, consumer::GroupMetadata};

async fn transactional(id: &str, more: Pairs<'_>) -> Option<Producer> {
    let pairs: Vec<(&str, &str)> = [("transactional.id", id), ("max.block.ms", "30000")]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let producer = Producer::new(&config(ClientKind::Producer, &pairs)?).unwrap();
    Some(producer)
}

async fn write(producer: &Producer, topic: &str, partition: i32, value: &str) -> Result<(), ClientError> {
    let record =
        ProducerRecord { partition: Some(partition), ..ProducerRecord::new(topic, value.to_owned()) };
    let _delivery = producer.send(record).await?;
    Ok(())
}

/// Everything that readers of this isolation level see, when they have read to the end of each partition.
async fn seen(topic: &str, partitions: i32, level: &str) -> Vec<String> {
    let pairs = [("auto.offset.reset", "earliest"), ("isolation.level", level)];
    let mut consumer = Consumer::new(&config(ClientKind::Consumer, &pairs).unwrap()).unwrap();
    let all = all(topic, partitions);
    let ends = consumer.end_offsets(all.clone()).await.unwrap();
    consumer.assign(all.clone());
    let mut values = Vec::new();
    for _ in 0..100 {
        let records = consumer.poll(Duration::from_millis(300)).await.unwrap();
        values.extend(records.iter().map(|r| String::from_utf8(r.value.clone().unwrap().to_vec()).unwrap()));
        let mut done = true;
        for partition in &all {
            done &= consumer.position(partition).await.unwrap() >= ends[partition];
        }
        if done {
            break;
        }
    }
    consumer.close().await;
    values.sort();
    values
}

#[tokio::test]
async fn a_transaction_is_seen_whole_or_not_at_all() {
    let Some(topic) = topic(2, &[]).await else { return };
    let producer = transactional(&unique("txn"), &[("linger.ms", "2")]).await.unwrap();
    assert!(producer.begin_transaction().is_err(), "not initialized");
    assert!(write(&producer, &topic, 0, "x").await.is_err(), "not initialized");
    producer.init_transactions().await.unwrap();
    assert!(write(&producer, &topic, 0, "x").await.is_err(), "no transaction is open");
    let mut committed = Vec::new();
    for round in 0..6 {
        producer.begin_transaction().unwrap();
        for number in 0..20 {
            let value = format!("{round}-{number:02}");
            write(&producer, &topic, number % 2, &value).await.unwrap();
            if round % 3 != 1 {
                committed.push(value);
            }
        }
        if round % 3 == 1 {
            producer.flush().await;
            producer.abort_transaction().await.unwrap();
        } else {
            producer.commit_transaction().await.unwrap();
        }
    }
    // An empty one, and one that is open yet.
    producer.begin_transaction().unwrap();
    producer.commit_transaction().await.unwrap();
    producer.begin_transaction().unwrap();
    write(&producer, &topic, 0, "open").await.unwrap();
    producer.flush().await;
    committed.sort();
    assert_eq!(seen(&topic, 2, "read_committed").await, committed);
    assert_eq!(seen(&topic, 2, "read_uncommitted").await.len(), 121);
    producer.close().await;
    assert_eq!(seen(&topic, 2, "read_committed").await, committed, "closing has aborted it");
}

#[tokio::test]
async fn a_transactional_id_has_one_producer() {
    let Some(topic) = topic(1, &[]).await else { return };
    let id = unique("txn");
    let old = transactional(&id, &[]).await.unwrap();
    old.init_transactions().await.unwrap();
    old.begin_transaction().unwrap();
    write(&old, &topic, 0, "old").await.unwrap();
    old.flush().await;
    let new = transactional(&id, &[]).await.unwrap();
    new.init_transactions().await.unwrap();
    new.begin_transaction().unwrap();
    write(&new, &topic, 0, "new").await.unwrap();
    new.commit_transaction().await.unwrap();
    let error = old.commit_transaction().await.unwrap_err();
    assert!(error.is_fatal(), "{error:?}");
    assert!(old.abort_transaction().await.unwrap_err().is_fatal());
    assert!(old.begin_transaction().unwrap_err().is_fatal());
    assert_eq!(seen(&topic, 1, "read_committed").await, ["new"]);
    old.close().await;
    new.close().await;
}

#[tokio::test]
async fn offsets_are_committed_with_their_transaction() {
    let Some(topic) = topic(1, &[]).await else { return };
    let group = unique("group");
    let producer = transactional(&unique("txn"), &[]).await.unwrap();
    producer.init_transactions().await.unwrap();
    let pairs = [("group.id", group.as_str())];
    let mut consumer = Consumer::new(&config(ClientKind::Consumer, &pairs).unwrap()).unwrap();
    let partition = TopicPartition::new(topic.as_str(), 0);
    let only = BTreeSet::from([partition.clone()]);
    let of = |offset| {
        let offset = OffsetAndMetadata { offset, leader_epoch: -1, metadata: String::new() };
        BTreeMap::from([(partition.clone(), offset)])
    };
    consumer.assign(only.clone());
    for (offset, commits, expect) in [(5, false, None), (7, true, Some(7)), (9, false, Some(7))] {
        producer.begin_transaction().unwrap();
        let nobody = GroupMetadata::new(group.as_str());
        producer.send_offsets_to_transaction(&of(offset), &nobody).await.unwrap();
        if commits {
            producer.commit_transaction().await.unwrap();
        } else {
            producer.abort_transaction().await.unwrap();
        }
        let committed = consumer.committed(&only).await.unwrap();
        assert_eq!(committed.get(&partition).map(|found| found.offset), expect);
    }
    // A member that is none costs the transaction, and not the producer.
    producer.begin_transaction().unwrap();
    let stranger =
        GroupMetadata { member_id: "stranger".to_owned(), generation_id: 3, ..GroupMetadata::new(group) };
    let error = producer.send_offsets_to_transaction(&of(11), &stranger).await.unwrap_err();
    assert!(error.is_abortable(), "{error:?}");
    assert!(producer.commit_transaction().await.unwrap_err().is_abortable());
    producer.abort_transaction().await.unwrap();
    assert_eq!(consumer.committed(&only).await.unwrap()[&partition].offset, 7);
    producer.close().await;
    consumer.close().await;
}

#[tokio::test]
async fn what_cannot_be_written_costs_the_transaction_only() {
    let Some(topic) = topic(2, &[("max.message.bytes", "2000")]).await else { return };
    let producer = transactional(&unique("txn"), &[("linger.ms", "0")]).await.unwrap();
    producer.init_transactions().await.unwrap();
    for round in 0..3 {
        producer.begin_transaction().unwrap();
        write(&producer, &topic, 0, &format!("lost-{round}")).await.unwrap();
        write(&producer, &topic, 1, &"x".repeat(5000)).await.unwrap();
        write(&producer, &topic, 1, &format!("lost-{round}")).await.unwrap();
        let error = producer.commit_transaction().await.unwrap_err();
        assert!(error.is_abortable(), "{error:?}");
        assert_eq!(error.code(), Some(klamm_protocol::ErrorCode::MessageTooLarge));
        producer.abort_transaction().await.unwrap();
        producer.begin_transaction().unwrap();
        write(&producer, &topic, 0, &format!("kept-{round}")).await.unwrap();
        write(&producer, &topic, 1, &format!("kept-{round}")).await.unwrap();
        producer.commit_transaction().await.unwrap();
    }
    let seen = seen(&topic, 2, "read_committed").await;
    assert_eq!(seen, ["kept-0", "kept-0", "kept-1", "kept-1", "kept-2", "kept-2"]);
    producer.close().await;
}

#[tokio::test]
async fn a_transaction_that_stays_open_is_aborted() {
    let Some(topic) = topic(1, &[]).await else { return };
    let id = unique("txn");
    let producer = transactional(&id, &[("transaction.timeout.ms", "1000")]).await.unwrap();
    producer.init_transactions().await.unwrap();
    producer.begin_transaction().unwrap();
    write(&producer, &topic, 0, "late").await.unwrap();
    producer.flush().await;
    // The coordinator looks every ten seconds.
    tokio::time::sleep(Duration::from_secs(13)).await;
    let error = producer.commit_transaction().await.unwrap_err();
    assert!(error.is_fatal(), "{error:?}");
    producer.close().await;
    let again = transactional(&id, &[]).await.unwrap();
    again.init_transactions().await.unwrap();
    again.begin_transaction().unwrap();
    write(&again, &topic, 0, "in time").await.unwrap();
    again.commit_transaction().await.unwrap();
    assert_eq!(seen(&topic, 1, "read_committed").await, ["in time"]);
    again.close().await;
}
