//! Keys of client metrics subscriptions (KIP-714).

use crate::keys;

keys! { DEFS;
    /// Time between two pushes of metrics by matching clients, in milliseconds, 100 to 3600000.
    INTERVAL_MS: i32 = "interval.ms", default(300000), Any, Medium, Resource;

    /// Which clients push, as `selector=regular expression`; all selectors must match. Empty: all clients.
    MATCH: Vec<String> = "match", default(""), LIST, Medium, Resource;

    /// Prefixes of the metrics that clients push; `*`: all.
    METRICS: Vec<String> = "metrics", default(""), LIST, Medium, Resource;
}
