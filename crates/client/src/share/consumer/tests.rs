use klamm_config::client::ClientKind;

use super::*;

const NODE: i32 = 1;

fn consumer() -> ShareConsumer {
    let pairs = [
        ("bootstrap.servers", "127.0.0.1:1"),
        ("group.id", "group"),
        ("share.acknowledgement.mode", "explicit"),
    ];
    ShareConsumer::new(&ClientConfig::new(ClientKind::Consumer, pairs).unwrap()).unwrap()
}

fn record(offset: i64) -> ShareRecord {
    ShareRecord {
        record: ConsumerRecord {
            topic: Arc::from("topic"),
            partition: 0,
            offset,
            timestamp: 0,
            timestamp_type: TimestampType::CreateTime,
            leader_epoch: None,
            key: None,
            value: None,
            headers: Vec::new(),
        },
        delivery_count: 1,
        topic_id: Uuid::from_u128(1),
        node: NODE,
    }
}

#[tokio::test]
async fn what_was_not_renewed_as_the_session_is_gone_is_not_given_out_as_renewed() {
    let mut consumer = consumer();
    let record = record(5);
    consumer.open.insert(record.key(), Open { node: NODE, is_acknowledged: false });
    consumer.acknowledge(&record, AcknowledgeType::Renew).unwrap();
    consumer.commit().await.unwrap();
    // The first answer in the next session.
    consumer.take_renewed(NODE, &BTreeSet::new());
    assert!(consumer.buffered.is_empty());
}

#[tokio::test]
async fn what_was_said_is_sent_also_if_the_next_records_are_there_already() {
    let mut consumer = consumer();
    // A session that has begun, whose broker has given more than one poll does.
    consumer.brokers.entry(NODE).or_default().session.advance();
    consumer.buffered.extend([vec![record(5)], vec![record(6)]]);
    let first = consumer.poll(Duration::ZERO).await.unwrap();
    assert!(!consumer.brokers[&NODE].is_busy, "there is nothing to be said");
    consumer.acknowledge(&first[0], AcknowledgeType::Accept).unwrap();
    assert_eq!(consumer.poll(Duration::ZERO).await.unwrap(), [record(6)]);
    assert!(consumer.brokers[&NODE].is_busy && consumer.acknowledgements.nodes().is_empty());
}
