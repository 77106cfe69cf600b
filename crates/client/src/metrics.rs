//! What a client has done, under the names of Kafka's clients: how that is measured, and what clients that read tell.
//!
//! Averages, maxima and rates are those of the last one to two windows of 30 s, as in Kafka by default; totals those of the
//! client's life.

use std::{collections::VecDeque, time::Duration};

use klamm_io::Instant;

/// `metrics.sample.window.ms`, by default.
const WINDOW: Duration = Duration::from_secs(30);
/// `metrics.num.samples`, by default.
const SAMPLES: usize = 2;

/// A number with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its group, as Kafka has it.
    pub group: &'static str,
    /// Its name in the group.
    pub name: &'static str,
    /// The client that it is about: the tag `client-id`.
    pub client_id: String,
    /// The topic that it is about, if it is about one: the tag `topic`.
    pub topic: Option<String>,
    /// The number; not a number if nothing was measured in the last windows.
    pub value: f64,
}

#[derive(Debug)]
pub(crate) struct Sample {
    start: Instant,
    sum: f64,
    count: f64,
    max: f64,
}

/// A quantity that is measured again and again.
#[derive(Debug, Default)]
pub(crate) struct Sensor {
    sum: f64,
    count: f64,
    samples: VecDeque<Sample>,
}

impl Sensor {
    pub(crate) fn record(&mut self, now: Instant, value: f64) {
        self.sum += value;
        self.count += 1.0;
        if self.samples.back().is_none_or(|sample| now - sample.start >= WINDOW) {
            self.samples.push_back(Sample { start: now, sum: 0.0, count: 0.0, max: f64::NAN });
            if self.samples.len() > SAMPLES {
                self.samples.pop_front();
            }
        }
        if let Some(sample) = self.samples.back_mut() {
            sample.sum += value;
            sample.count += 1.0;
            sample.max = sample.max.max(value);
        }
    }

    fn live(&self, now: Instant) -> impl Iterator<Item = &Sample> {
        let whole = WINDOW * u32::try_from(SAMPLES).unwrap_or(1);
        self.samples.iter().filter(move |sample| now - sample.start < whole)
    }

    pub(crate) fn avg(&self, now: Instant) -> f64 {
        let (sum, count) =
            self.live(now).fold((0.0, 0.0), |(sum, count), sample| (sum + sample.sum, count + sample.count));
        sum / count
    }

    pub(crate) fn max(&self, now: Instant) -> f64 {
        self.live(now).map(|sample| sample.max).fold(f64::NAN, f64::max)
    }

    /// Everything that was ever measured, together.
    pub(crate) const fn sum(&self) -> f64 {
        self.sum
    }

    /// What was measured lately, together, per second.
    pub(crate) fn sum_rate(&self, now: Instant) -> f64 {
        self.rate(now, |sample| sample.sum)
    }

    /// What `of` says of the samples, per second. At least one whole window counts, so that a beginning does not look
    /// faster than it is.
    fn rate(&self, now: Instant, of: impl Fn(&Sample) -> f64) -> f64 {
        let value = self.live(now).map(of).fold(0.0, |sum, value| sum + value);
        let elapsed = self.live(now).map(|sample| now - sample.start).max().unwrap_or_default();
        let over = if elapsed < WINDOW { elapsed + WINDOW } else { elapsed };
        value / over.as_secs_f64()
    }
}

/// What fetching has come to.
#[derive(Debug, Default)]
pub(crate) struct FetchMetrics {
    latency_ms: Sensor,
    throttle_ms: Sensor,
    bytes: Sensor,
    records: Sensor,
    acknowledgements: Sensor,
}

impl FetchMetrics {
    /// A broker has answered a fetch, after so long.
    pub(crate) fn answered(&mut self, now: Instant, latency: Duration, throttle_ms: i32) {
        self.latency_ms.record(now, f64::from(u32::try_from(latency.as_millis()).unwrap_or(u32::MAX)));
        self.throttle_ms.record(now, throttle_ms.into());
    }

    /// So many records, of so many bytes before compression, have been read: out of one answer or, with a consumer, by
    /// one poll.
    pub(crate) fn read(&mut self, now: Instant, records: usize, bytes: usize) {
        self.records.record(now, float(records));
        self.bytes.record(now, float(bytes));
    }

    /// So many acknowledgements were sent.
    pub(crate) fn acknowledged(&mut self, now: Instant, count: usize) {
        self.acknowledgements.record(now, float(count));
    }

    /// What a consumer tells.
    pub(crate) fn of_consumer(&self, client_id: &str, now: Instant) -> Vec<Metric> {
        named("consumer-fetch-manager-metrics", client_id, self.common(now))
    }

    /// What a share consumer tells.
    pub(crate) fn of_share_consumer(&self, client_id: &str, now: Instant) -> Vec<Metric> {
        let sent = &self.acknowledgements;
        let more = [
            ("fetch-size-avg", self.bytes.avg(now)),
            ("fetch-size-max", self.bytes.max(now)),
            ("records-per-request-avg", self.records.avg(now)),
            ("records-per-request-max", self.records.max(now)),
            ("acknowledgements-send-rate", sent.sum_rate(now)),
            ("acknowledgements-send-total", sent.sum),
        ];
        let all = self.common(now).into_iter().chain(more).collect();
        named("consumer-share-fetch-manager-metrics", client_id, all)
    }

    fn common(&self, now: Instant) -> Vec<(&'static str, f64)> {
        vec![
            ("fetch-latency-avg", self.latency_ms.avg(now)),
            ("fetch-latency-max", self.latency_ms.max(now)),
            ("fetch-rate", self.latency_ms.rate(now, |sample| sample.count)),
            ("fetch-total", self.latency_ms.count),
            ("fetch-throttle-time-avg", self.throttle_ms.avg(now)),
            ("fetch-throttle-time-max", self.throttle_ms.max(now)),
            ("bytes-consumed-rate", self.bytes.sum_rate(now)),
            ("bytes-consumed-total", self.bytes.sum),
            ("records-consumed-rate", self.records.sum_rate(now)),
            ("records-consumed-total", self.records.sum),
        ]
    }
}

fn named(group: &'static str, client_id: &str, values: Vec<(&'static str, f64)>) -> Vec<Metric> {
    let named = |(name, value)| Metric { group, name, client_id: client_id.to_owned(), topic: None, value };
    values.into_iter().map(named).collect()
}

pub(crate) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use klamm_io::Clock;

    use super::*;

    #[test]
    fn totals_stay_and_the_rest_is_of_the_last_windows() {
        let start = Clock::real().now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut metrics = FetchMetrics::default();
        metrics.answered(at(0), Duration::from_millis(10), 0);
        metrics.answered(at(10), Duration::from_millis(30), 7);
        metrics.read(at(10), 300, 6000);
        let value = |metrics: &FetchMetrics, name: &str, seconds| {
            let all = metrics.of_share_consumer("c", at(seconds));
            all.iter().find(|metric| metric.name == name).expect(name).value
        };
        for (name, seconds, expect) in [
            ("fetch-total", 10, 2.0),
            ("fetch-latency-avg", 10, 20.0),
            ("fetch-latency-max", 10, 30.0),
            ("fetch-throttle-time-max", 10, 7.0),
            ("fetch-rate", 10, 2.0 / 40.0),
            ("records-consumed-total", 10, 300.0),
            ("records-consumed-rate", 10, 10.0),
            ("records-consumed-rate", 50, 7.5),
            ("bytes-consumed-total", 500, 6000.0),
            ("records-consumed-rate", 500, 0.0),
            ("acknowledgements-send-total", 10, 0.0),
        ] {
            assert_eq!(value(&metrics, name, seconds), expect, "{name}");
        }
        assert!(value(&metrics, "fetch-latency-avg", 500).is_nan());
        let names: Vec<_> = metrics.of_consumer("c", at(10)).into_iter().map(|metric| metric.name).collect();
        assert!(!names.contains(&"acknowledgements-send-total"), "{names:?}");
    }
}
