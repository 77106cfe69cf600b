use klamm_config::client::ClientKind;

use super::*;

const NODE: i32 = 1;

#[tokio::test]
async fn what_was_not_renewed_as_the_session_is_gone_is_not_given_out_as_renewed() {
    let pairs = [
        ("bootstrap.servers", "127.0.0.1:1"),
        ("group.id", "group"),
        ("share.acknowledgement.mode", "explicit"),
    ];
    let mut consumer = ShareConsumer::new(&ClientConfig::new(ClientKind::Consumer, pairs).unwrap()).unwrap();
    let record = ShareRecord {
        record: ConsumerRecord {
            topic: Arc::from("topic"),
            partition: 0,
            offset: 5,
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
    };
    consumer.open.insert(record.key(), Open { node: NODE, is_acknowledged: false });
    consumer.acknowledge(&record, AcknowledgeType::Renew).unwrap();
    consumer.commit().await.unwrap();
    // The first answer in the next session.
    consumer.take_renewed(NODE, &BTreeSet::new());
    assert!(consumer.buffered.is_empty());
}
