//! Keys that Kafka does not have. Their names begin with `klamm.`, and all of them are off unless asked for.

use crate::keys;

keys! { DEFS;
    /// Number of shards, each with its own thread, connections and partitions. 0: one for each core.
    KLAMM_SHARDS: i32 = "klamm.shards", default(0), at_least(0), Medium, ReadOnly;
}
