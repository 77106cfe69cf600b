//! What Klamm has beyond Kafka: every key begins with `klamm.` and is off unless asked for.

use crate::keys;

keys! { DEFS;
    /// HOST:PORT at which metrics can be read by HTTP (`/metrics`), in the text format of OpenMetrics and under the names
    /// that the usual JMX exporter gives Kafka's. Empty: nowhere.
    KLAMM_METRICS_LISTENER: String = "klamm.metrics.listener", default(""), NonNull, Low, ReadOnly, supported;
}
