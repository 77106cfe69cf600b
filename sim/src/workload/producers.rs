//! Producers with the defaults, that is acks=all and idempotence.

use klamm_client::{
    ClientKind,
    producer::{Producer, ProducerRecord},
};

use super::{Client, readers::wait_for_topics, topic_names, value};
use crate::{history::Acknowledged, plan::Special};

/// Produces until nothing goes wrong any more; then every partition once, each of which has to succeed.
pub(super) async fn produce(client: Client, index: usize) {
    wait_for_topics(&client).await;
    let mut sender = Sender { topics: topic_names(&client.plan), client, index, number: 0 };
    let Some(mut producer) = sender.producer() else { return };
    while !sender.client.history.is_healing() {
        sender.client.pause(300).await;
        for _ in 0..sender.client.entropy.below(8) {
            let topic = usize::try_from(sender.client.entropy.below(sender.topics.len() as u64)).unwrap_or(0);
            let partitions = u64::try_from(sender.client.plan.topics.1).unwrap_or(1);
            let partition = i32::try_from(sender.client.entropy.below(partitions)).unwrap_or(0);
            sender.send(&producer, topic, partition).await;
        }
        if sender.client.entropy.below(200) == 0 {
            // A client comes and goes; what it had not sent it gives up.
            if let Some(another) = sender.producer() {
                producer = another;
            }
        }
    }
    producer.flush().await;
    sender.finish(producer).await;
    sender.client.history.done(format!("producer {index}"));
}

struct Sender {
    client: Client,
    topics: Vec<String>,
    index: usize,
    number: u64,
}

impl Sender {
    fn producer(&self) -> Option<Producer> {
        let acks = if self.client.plan.special == Special::EarlyAcknowledgement { "1" } else { "all" };
        let idempotence = (acks == "all").to_string();
        let in_flight = self.client.plan.in_flight.to_string();
        let pairs = [
            ("acks", acks),
            ("enable.idempotence", &*idempotence),
            ("delivery.timeout.ms", "40000"),
            ("request.timeout.ms", "10000"),
            ("max.block.ms", "10000"),
            ("linger.ms", "5"),
            ("max.in.flight.requests.per.connection", &*in_flight),
        ];
        Producer::new(&self.client.config(ClientKind::Producer, &pairs).ok()?).ok()
    }

    /// Hands a record over. What becomes of it is noted when it is known.
    async fn send(&mut self, producer: &Producer, topic: usize, partition: i32) {
        let number = self.number;
        self.number += 1;
        let record = ProducerRecord {
            partition: Some(partition),
            ..ProducerRecord::new(self.topics[topic].as_str(), value(self.index, number))
        };
        let (history, index) = (self.client.history.clone(), self.index);
        let sent = producer
            .send_with(record, move |outcome| {
                let mut history = history.lock();
                match outcome {
                    Ok(written) => {
                        history.count("records acknowledged");
                        history.acknowledged.push(Acknowledged {
                            at: written.partition,
                            offset: written.offset,
                            producer: index,
                            number,
                        });
                    }
                    Err(error) => {
                        tracing::info!(number, %error, "a record is not written, or it is not known");
                        history.count("records not acknowledged");
                    }
                }
            })
            .await;
        if let Err(error) = sent {
            tracing::info!(number, %error, "a record cannot be sent");
            self.client.history.lock().count("records not sent");
        }
    }

    /// Writes one record to every partition; again, until each is acknowledged.
    async fn finish(&mut self, mut producer: Producer) {
        for topic in 0..self.topics.len() {
            for partition in 0..self.client.plan.topics.1 {
                while !self.write(&producer, topic, partition).await {
                    self.client.pause(1000).await;
                    if let Some(another) = self.producer() {
                        producer = another;
                    }
                }
            }
        }
    }

    /// Writes one record, and says whether it was acknowledged.
    async fn write(&mut self, producer: &Producer, topic: usize, partition: i32) -> bool {
        let before = self.client.history.lock().acknowledged.len();
        let number = self.number;
        self.send(producer, topic, partition).await;
        producer.flush().await;
        let history = self.client.history.lock();
        let new = history.acknowledged.get(before..).unwrap_or_default();
        new.iter().any(|record| record.producer == self.index && record.number == number)
    }
}
