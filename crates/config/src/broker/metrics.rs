//! Metrics and client telemetry.

use crate::keys;

keys! { DEFS;
    /// Polling interval of `kafka.metrics.reporters`, in seconds.
    KAFKA_METRICS_POLLING_INTERVAL_SECS: i32 = "kafka.metrics.polling.interval.secs", default(10), at_least(1), Low, ReadOnly;

    /// Classes that report server metrics. Klamm runs no Java classes, so a value has no effect.
    KAFKA_METRICS_REPORTERS: Vec<String> = "kafka.metrics.reporters", default(""), LIST, Low, ReadOnly;

    /// Classes that receive metrics. Klamm runs no Java classes, so a value has no effect.
    METRIC_REPORTERS: Vec<String> = "metric.reporters", default("org.apache.kafka.common.metrics.JmxReporter"), LIST, Low, ClusterWide;

    /// Number of samples from which metrics are computed.
    METRICS_NUM_SAMPLES: i32 = "metrics.num.samples", default(2), at_least(1), Low, ReadOnly;

    /// Level up to which metrics are recorded: INFO, DEBUG or TRACE.
    METRICS_RECORDING_LEVEL: String = "metrics.recording.level", default("INFO"), Any, Low, ReadOnly;

    /// Length of one sample of metrics, in milliseconds.
    METRICS_SAMPLE_WINDOW_MS: i64 = "metrics.sample.window.ms", default(30000), at_least(1), Low, ReadOnly;

    /// Largest metrics push of a client, in bytes, after compression.
    TELEMETRY_MAX_BYTES: i32 = "telemetry.max.bytes", default(1048576), at_least(1), Low, ReadOnly;
}
