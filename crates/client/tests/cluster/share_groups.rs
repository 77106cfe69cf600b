//! Members of share groups (KIP-932).

use klamm_client::share::{AcknowledgeType, ShareConsumer, ShareRecord};

use super::*;

async fn poll(consumer: &mut ShareConsumer) -> Vec<ShareRecord> {
    let clock = consumer.cluster().clock();
    let deadline = clock.now() + Duration::from_secs(30);
    while clock.now() < deadline {
        let records = consumer.poll(Duration::from_millis(500)).await.unwrap();
        if !records.is_empty() {
            return records;
        }
    }
    Vec::new()
}

/// With each record how often it was delivered.
fn told(records: &[ShareRecord]) -> Vec<(i64, i16)> {
    records.iter().map(|record| (record.record.offset, record.delivery_count)).collect()
}

#[tokio::test]
async fn renewed_records_are_given_out_again_and_the_last_word_counts() {
    let Some(topic) = topic(1, &[]).await else { return };
    let group = unique("share");
    let pairs = [("group.id", group.as_str()), ("share.acknowledgement.mode", "explicit")];
    let mut consumer = ShareConsumer::new(&config(ClientKind::Consumer, &pairs).unwrap()).unwrap();
    consumer.subscribe([topic.as_str()]);
    // The group begins at the end of the log, wherever that is by then.
    let mut records = Vec::new();
    for number in 0..30 {
        produce(&topic, number..number + 1, &[]).await;
        records = consumer.poll(Duration::from_secs(1)).await.unwrap();
        if !records.is_empty() {
            break;
        }
    }
    assert!(!records.is_empty());
    for record in &records {
        // The first word is taken back.
        consumer.acknowledge(record, AcknowledgeType::Reject).unwrap();
        consumer.acknowledge(record, AcknowledgeType::Renew).unwrap();
    }
    // Renewed with the next fetch: they come again, and are no new delivery.
    let again = poll(&mut consumer).await;
    assert_eq!(told(&again), told(&records));
    for record in &again {
        consumer.acknowledge(record, AcknowledgeType::Renew).unwrap();
    }
    // Renewed by itself.
    consumer.commit().await.unwrap();
    assert!(consumer.acknowledge(&again[0], AcknowledgeType::Accept).is_err(), "it is sent");
    let last = poll(&mut consumer).await;
    assert_eq!(told(&last), told(&again));
    for record in &last {
        consumer.acknowledge(record, AcknowledgeType::Accept).unwrap();
    }
    consumer.commit().await.unwrap();
    let rest = told(&consumer.poll(Duration::from_secs(1)).await.unwrap());
    assert!(rest.iter().all(|one| !told(&last).contains(one)), "{rest:?}");
    consumer.close().await;
}
