//! Samples on their way to whoever asked, in the text format of OpenMetrics.

use std::{collections::BTreeMap, fmt};

use hdrhistogram::Histogram;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

/// What a family's numbers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How a quantity is distributed: its quantiles, with the label `quantile`.
    Quantiles,
}

/// A family of metrics.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name, without the suffix that counters get.
    pub name: &'static str,
    /// What its numbers mean.
    pub kind: Kind,
    /// What it says.
    pub help: &'static str,
}

type Labels = Vec<(&'static str, String)>;

/// Quantiles as the JMX exporter tells them.
const QUANTILES: [f64; 6] = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999];

/// Numbers by family and labels. What is added under the same labels is summed, so that shards add up to their broker.
#[derive(Default)]
pub struct Samples {
    values: BTreeMap<&'static str, (Family, BTreeMap<Labels, f64>)>,
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Samples").field("families", &self.values.len()).finish()
    }
}

impl Samples {
    /// Adds a number.
    pub fn add(&mut self, family: Family, labels: &[(&'static str, &str)], value: f64) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let (_, values) = self.values.entry(family.name).or_insert_with(|| (family, BTreeMap::new()));
        *values.entry(labels).or_default() += value;
    }

    /// Adds the quantiles of a distribution whose values are `scale` times too large. Not to be called twice for the same
    /// labels: quantiles do not add up.
    pub fn add_quantiles(
        &mut self,
        family: Family,
        labels: &[(&'static str, &str)],
        of: &Histogram<u32>,
        scale: f64,
    ) {
        for quantile in QUANTILES {
            let name = quantile.to_string();
            let labels: Vec<_> = labels.iter().copied().chain([("quantile", name.as_str())]).collect();
            self.add(family, &labels, count(of.value_at_quantile(quantile)) / scale);
        }
    }

    /// The text.
    ///
    /// # Errors
    /// Never, as long as names and labels are text.
    pub fn encode(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (family, values) in self.values.values() {
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge | Kind::Quantiles => MetricType::Gauge,
            };
            let mut metric = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            for (labels, value) in values {
                let encoder = match labels.is_empty() {
                    true => None,
                    false => Some(metric.encode_family(labels)?),
                };
                match (encoder, family.kind) {
                    (Some(encoder), Kind::Counter) => ConstCounter::new(*value).encode(encoder)?,
                    (Some(encoder), _) => ConstGauge::new(*value).encode(encoder)?,
                    (None, Kind::Counter) => metric.encode_counter::<NoLabelSet, f64, u64>(value, None)?,
                    (None, _) => metric.encode_gauge(value)?,
                }
            }
        }
        Ok(())
    }
}

/// A count as a sample. Beyond 2^53 the last digits go, as in every system that tells them as floating point.
#[expect(clippy::cast_precision_loss, reason = "OpenMetrics numbers are floating point")]
pub const fn count(value: u64) -> f64 {
    value as f64
}

/// An offset, timestamp or id as a sample.
#[expect(clippy::cast_precision_loss, reason = "OpenMetrics numbers are floating point")]
pub const fn signed(value: i64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::families;

    #[test]
    fn samples_are_text_that_prometheus_reads() {
        let mut samples = Samples::default();
        samples.add(families::LEADER_COUNT, &[], 2.0);
        samples.add(families::LEADER_COUNT, &[], 3.0);
        samples.add(families::BYTES_IN, &[], 7.0);
        samples.add(families::BYTES_IN, &[("topic", "a\"b")], 7.0);
        let mut latencies = Histogram::new(2).unwrap();
        (1..=100).for_each(|value| latencies.record(value * 1000).unwrap());
        samples.add_quantiles(families::REQUEST_TOTAL_TIME, &[("request", "Fetch")], &latencies, 1000.0);
        let text = samples.encode().unwrap();
        for line in [
            "# TYPE kafka_server_replicamanager_leadercount gauge",
            "kafka_server_replicamanager_leadercount 5.0",
            "# TYPE kafka_server_brokertopicmetrics_bytesin counter",
            "kafka_server_brokertopicmetrics_bytesin_total 7.0",
            "kafka_server_brokertopicmetrics_bytesin_total{topic=\"a\\\"b\"} 7.0",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        let median = text.lines().find(|line| line.contains("quantile=\"0.5\"")).unwrap();
        assert!(
            median.starts_with(
                "kafka_network_requestmetrics_totaltimems{request=\"Fetch\",quantile=\"0.5\"} 50"
            )
        );
    }
}
