//! What a producer has done, under the names of Kafka's producer.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use klamm_io::Instant;
use klamm_protocol::records::BATCH_OVERHEAD;

use super::batch::Batch;
use crate::metrics::{Metric, Sensor, float};

const GROUP: &str = "producer-metrics";
const TOPIC_GROUP: &str = "producer-topic-metrics";

/// What is measured where it happens.
#[derive(Debug, Default)]
pub(super) struct ProduceMetrics {
    batch_bytes: Sensor,
    compression: Sensor,
    queue_ms: Sensor,
    latency_ms: Sensor,
    throttle_ms: Sensor,
    /// Of each request.
    records: Sensor,
    retries: Sensor,
    errors: Sensor,
    record_bytes: Sensor,
    splits: Sensor,
    room_wait: Sensor,
    exhausted: Sensor,
    /// What the owner's calls have taken.
    pub(super) spent: Spent,
    topics: BTreeMap<Arc<str>, OfTopic>,
}

/// Time that the owner has spent in each of its calls.
#[derive(Debug, Default)]
pub(super) struct Spent {
    pub(super) flush: Duration,
    pub(super) metadata_wait: Duration,
    pub(super) txn_init: Duration,
    pub(super) txn_begin: Duration,
    pub(super) txn_send_offsets: Duration,
    pub(super) txn_commit: Duration,
    pub(super) txn_abort: Duration,
}

#[derive(Debug, Default)]
struct OfTopic {
    records: Sensor,
    bytes: Sensor,
    compression: Sensor,
    retries: Sensor,
    errors: Sensor,
}

/// What is known without measuring.
#[derive(Debug)]
pub(super) struct Gauges {
    pub(super) in_flight: usize,
    pub(super) metadata_age: Option<Duration>,
    pub(super) buffer_bytes: usize,
    pub(super) free_bytes: usize,
}

impl ProduceMetrics {
    /// These batches go out in one request, as these bytes.
    pub(super) fn sent(&mut self, now: Instant, batches: &[Batch], data: &[Bytes]) {
        let mut records = 0.0;
        for (batch, bytes) in batches.iter().zip(data) {
            let (size, count) = (float(bytes.len()), f64::from(batch.records_count));
            let plain = float(batch.plain_bytes.saturating_sub(BATCH_OVERHEAD).max(1));
            let compression = float(bytes.len().saturating_sub(BATCH_OVERHEAD)) / plain;
            self.batch_bytes.record(now, size);
            self.queue_ms.record(now, milliseconds(now.saturating_since(batch.created)));
            self.compression.record(now, compression);
            self.record_bytes.record(now, float(batch.record_bytes_max));
            records += count;
            let topic = self.topics.entry(Arc::clone(&batch.partition.topic)).or_default();
            topic.records.record(now, count);
            topic.bytes.record(now, size);
            topic.compression.record(now, compression);
        }
        self.records.record(now, records);
    }

    /// A broker has answered, after so long.
    pub(super) fn answered(&mut self, now: Instant, latency: Duration, throttle_ms: i32) {
        self.latency_ms.record(now, milliseconds(latency));
        self.throttle_ms.record(now, throttle_ms.into());
    }

    /// A batch is sent again.
    pub(super) fn retried(&mut self, now: Instant, batch: &Batch) {
        let count = f64::from(batch.records_count);
        self.retries.record(now, count);
        if let Some(topic) = self.topics.get_mut(&batch.partition.topic) {
            topic.retries.record(now, count);
        }
    }

    /// A batch is given up.
    pub(super) fn failed(&mut self, now: Instant, batch: &Batch) {
        let count = f64::from(batch.records_count);
        self.errors.record(now, count);
        if let Some(topic) = self.topics.get_mut(&batch.partition.topic) {
            topic.errors.record(now, count);
        }
    }

    /// A record was not taken over.
    pub(super) fn refused(&mut self, now: Instant) {
        self.errors.record(now, 1.0);
    }

    /// A batch was too large.
    pub(super) fn split(&mut self, now: Instant) {
        self.splits.record(now, 1.0);
    }

    /// A record has waited so long for room in the buffer, and got it or not.
    pub(super) fn waited_for_room(&mut self, now: Instant, waited: Duration, in_vain: bool) {
        self.room_wait.record(now, waited.as_secs_f64());
        if in_vain {
            self.exhausted.record(now, 1.0);
        }
    }

    /// Everything, under Kafka's names.
    pub(super) fn tell(&self, client_id: &str, now: Instant, gauges: &Gauges) -> Vec<Metric> {
        let metric = |group, topic: Option<&Arc<str>>, name, value| Metric {
            group,
            name,
            client_id: client_id.to_owned(),
            topic: topic.map(ToString::to_string),
            value,
        };
        let of_producer =
            self.of_producer(now, gauges).into_iter().map(|(name, value)| metric(GROUP, None, name, value));
        let of_topics = self.topics.iter().flat_map(|(name, topic)| {
            topic.tell(now).into_iter().map(move |(metric, value)| (name, metric, value))
        });
        let of_topics = of_topics.map(|(topic, name, value)| metric(TOPIC_GROUP, Some(topic), name, value));
        of_producer.chain(of_topics).collect()
    }

    fn of_producer(&self, now: Instant, gauges: &Gauges) -> Vec<(&'static str, f64)> {
        let nanoseconds = |spent: Duration| spent.as_secs_f64() * 1e9;
        let Spent { flush, metadata_wait, txn_init, txn_begin, txn_send_offsets, txn_commit, txn_abort } =
            self.spent;
        vec![
            ("batch-size-avg", self.batch_bytes.avg(now)),
            ("batch-size-max", self.batch_bytes.max(now)),
            ("batch-split-rate", self.splits.sum_rate(now)),
            ("batch-split-total", self.splits.sum()),
            ("buffer-available-bytes", float(gauges.free_bytes)),
            ("buffer-exhausted-rate", self.exhausted.sum_rate(now)),
            ("buffer-exhausted-total", self.exhausted.sum()),
            ("buffer-total-bytes", float(gauges.buffer_bytes)),
            ("bufferpool-wait-ratio", self.room_wait.sum_rate(now)),
            ("bufferpool-wait-time-ns-total", self.room_wait.sum() * 1e9),
            ("compression-rate-avg", self.compression.avg(now)),
            ("flush-time-ns-total", nanoseconds(flush)),
            ("metadata-age", gauges.metadata_age.map_or(f64::NAN, |age| age.as_secs_f64())),
            ("metadata-wait-time-ns-total", nanoseconds(metadata_wait)),
            ("produce-throttle-time-avg", self.throttle_ms.avg(now)),
            ("produce-throttle-time-max", self.throttle_ms.max(now)),
            ("record-error-rate", self.errors.sum_rate(now)),
            ("record-error-total", self.errors.sum()),
            ("record-queue-time-avg", self.queue_ms.avg(now)),
            ("record-queue-time-max", self.queue_ms.max(now)),
            ("record-retry-rate", self.retries.sum_rate(now)),
            ("record-retry-total", self.retries.sum()),
            ("record-send-rate", self.records.sum_rate(now)),
            ("record-send-total", self.records.sum()),
            ("record-size-avg", self.record_bytes.avg(now)),
            ("record-size-max", self.record_bytes.max(now)),
            ("records-per-request-avg", self.records.avg(now)),
            ("request-latency-avg", self.latency_ms.avg(now)),
            ("request-latency-max", self.latency_ms.max(now)),
            ("requests-in-flight", float(gauges.in_flight)),
            ("txn-abort-time-ns-total", nanoseconds(txn_abort)),
            ("txn-begin-time-ns-total", nanoseconds(txn_begin)),
            ("txn-commit-time-ns-total", nanoseconds(txn_commit)),
            ("txn-init-time-ns-total", nanoseconds(txn_init)),
            ("txn-send-offsets-time-ns-total", nanoseconds(txn_send_offsets)),
        ]
    }
}

impl OfTopic {
    fn tell(&self, now: Instant) -> [(&'static str, f64); 9] {
        [
            ("byte-rate", self.bytes.sum_rate(now)),
            ("byte-total", self.bytes.sum()),
            ("compression-rate", self.compression.avg(now)),
            ("record-error-rate", self.errors.sum_rate(now)),
            ("record-error-total", self.errors.sum()),
            ("record-retry-rate", self.retries.sum_rate(now)),
            ("record-retry-total", self.retries.sum()),
            ("record-send-rate", self.records.sum_rate(now)),
            ("record-send-total", self.records.sum()),
        ]
    }
}

fn milliseconds(duration: Duration) -> f64 {
    f64::from(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use klamm_io::Clock;
    use klamm_protocol::records::{BatchBuilder, BatchOptions};

    use super::*;
    use crate::TopicPartition;

    fn batch(topic: &str, records: i64, created: Instant) -> Batch {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        for timestamp in 0..records {
            builder.append(timestamp, None, Some(&[7; 100]), &[]).unwrap();
        }
        let mut batch = Batch::new(1, TopicPartition::new(topic, 0), builder, created);
        batch.records_count = i32::try_from(records).unwrap();
        batch.record_bytes_max = 180;
        batch
    }

    #[test]
    fn what_happens_is_told_under_kafkas_names() {
        let start = Clock::real().now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut metrics = ProduceMetrics::default();
        let mut batches = vec![batch("a", 3, at(0)), batch("b", 1, at(20))];
        let data: Vec<Bytes> = batches.iter_mut().map(|batch| batch.bytes().unwrap()).collect();
        metrics.sent(at(50), &batches, &data);
        metrics.answered(at(60), Duration::from_millis(10), 5);
        metrics.retried(at(60), &batches[0]);
        metrics.sent(at(70), &batches[..1], &data[..1]);
        metrics.answered(at(100), Duration::from_millis(30), 0);
        metrics.failed(at(100), &batches[0]);
        metrics.split(at(100));
        metrics.refused(at(100));
        metrics.waited_for_room(at(100), Duration::from_millis(3), false);
        metrics.waited_for_room(at(100), Duration::from_millis(6), true);
        metrics.spent.flush += Duration::from_micros(7);
        let age = Some(Duration::from_secs(4));
        let gauges = Gauges { in_flight: 2, metadata_age: age, buffer_bytes: 1000, free_bytes: 900 };
        let told = metrics.tell("c", at(100), &gauges);
        assert!(told.iter().all(|metric| metric.client_id == "c"));
        let (of_a, of_b) = (data[0].len() as f64, data[1].len() as f64);
        let window = 30.05;
        for (topic, name, expected) in [
            ("", "batch-size-avg", (of_a + of_b + of_a) / 3.0),
            ("", "batch-size-max", of_a),
            ("", "batch-split-total", 1.0),
            ("", "buffer-available-bytes", 900.0),
            ("", "buffer-exhausted-total", 1.0),
            ("", "buffer-total-bytes", 1000.0),
            ("", "bufferpool-wait-time-ns-total", 9e6),
            ("", "compression-rate-avg", 1.0),
            ("", "flush-time-ns-total", 7000.0),
            ("", "metadata-age", 4.0),
            ("", "produce-throttle-time-max", 5.0),
            ("", "record-error-total", 4.0),
            ("", "record-queue-time-avg", 50.0),
            ("", "record-queue-time-max", 70.0),
            ("", "record-retry-total", 3.0),
            ("", "record-send-rate", 7.0 / window),
            ("", "record-send-total", 7.0),
            ("", "record-size-max", 180.0),
            ("", "records-per-request-avg", 3.5),
            ("", "request-latency-avg", 20.0),
            ("", "request-latency-max", 30.0),
            ("", "requests-in-flight", 2.0),
            ("a", "byte-total", 2.0 * of_a),
            ("a", "compression-rate", 1.0),
            ("a", "record-error-total", 3.0),
            ("a", "record-retry-total", 3.0),
            ("a", "record-send-total", 6.0),
            ("b", "record-error-total", 0.0),
            ("b", "record-send-rate", 1.0 / window),
        ] {
            let (group, topic) = match topic {
                "" => (GROUP, None),
                topic => (TOPIC_GROUP, Some(topic)),
            };
            let found = told
                .iter()
                .find(|metric| (metric.group, metric.topic.as_deref(), metric.name) == (group, topic, name));
            let found = found.unwrap_or_else(|| panic!("{name} of {topic:?}")).value;
            assert!((found - expected).abs() < 1e-6, "{name} of {topic:?}: {found}, not {expected}");
        }
    }
}
