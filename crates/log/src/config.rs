//! The settings of one topic that its logs go by.

/// Effective values of the topic keys, as `kafka-configs` would describe them. The server fills it; logs of one topic
/// share it.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment never grows beyond this many bytes.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment is closed once it spans this much record time, in milliseconds.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: largest part of `segment_ms` that is taken off by chance.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: largest size of an offset or time index.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: record bytes between two index entries.
    pub index_interval_bytes: u32,
    /// `flush.messages`: records after which a sync is due.
    pub flush_messages: i64,
    /// `flush.ms`: milliseconds after which a sync is due.
    pub flush_ms: i64,
    /// `retention.bytes`: segments are deleted above this size of the log; -1 is no limit.
    pub retention_bytes: i64,
    /// `retention.ms`: segments are deleted once all their records are older; -1 is no limit.
    pub retention_ms: i64,
    /// `cleanup.policy` contains `delete`.
    pub delete: bool,
    /// `cleanup.policy` contains `compact`.
    pub compact: bool,
    /// `min.cleanable.dirty.ratio`: the part of the log that must be dirty before it is compacted, 0 to 1.
    pub dirty_ratio_min: f64,
    /// `min.compaction.lag.ms`: a segment with a record younger than this is not compacted.
    pub min_compaction_lag_ms: i64,
    /// `delete.retention.ms`: how long a tombstone or a marker stays after everything else of it has gone.
    pub delete_retention_ms: i64,
    /// `max.compaction.lag.ms`: a segment of a compacted topic is closed at least this often, and compacted if it has
    /// waited longer.
    pub max_compaction_lag_ms: i64,
    /// `file.delete.delay.ms`: how long a deleted segment stays on disk under its `.deleted` name.
    pub file_delete_delay_ms: i64,
    /// `preallocate`: take the space of a segment when it is made.
    pub preallocate: bool,
    /// `producer.id.expiration.ms` of the broker: an idle producer is forgotten after this time.
    pub producer_id_expiration_ms: i64,
    /// `transaction.max.timeout.ms` of the broker, by which a transaction counts as late.
    pub transaction_timeout_ms_max: i64,
    /// `transaction.partition.verification.enable` of the broker: the first batch of a transaction is taken only if its
    /// coordinator knows of it.
    pub transaction_verification: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        Self {
            segment_bytes: 1024 * 1024 * 1024,
            segment_ms: 7 * DAY_MS,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 * 1024 * 1024,
            index_interval_bytes: 4096,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            retention_bytes: -1,
            retention_ms: 7 * DAY_MS,
            delete: true,
            compact: false,
            dirty_ratio_min: 0.5,
            min_compaction_lag_ms: 0,
            delete_retention_ms: DAY_MS,
            max_compaction_lag_ms: i64::MAX,
            file_delete_delay_ms: 60_000,
            preallocate: false,
            producer_id_expiration_ms: DAY_MS,
            transaction_timeout_ms_max: 15 * 60 * 1000,
            transaction_verification: false,
        }
    }
}

impl LogConfig {
    /// The time after which a segment is closed: of a compacted topic also bounded by `max.compaction.lag.ms`, since
    /// only closed segments are compacted.
    pub fn segment_ms_max(&self) -> i64 {
        if self.compact && self.max_compaction_lag_ms > 0 {
            self.max_compaction_lag_ms.min(self.segment_ms)
        } else {
            self.segment_ms
        }
    }

    /// Jitter of the segment with this base offset. By chance, but the same for the same `seed` and offset, so that
    /// nothing here needs a source of entropy.
    pub(crate) fn segment_jitter(&self, seed: u64, base_offset: i64) -> i64 {
        let bound = self.segment_jitter_ms.min(self.segment_ms);
        if bound <= 0 {
            return 0;
        }
        // SplitMix64's finaliser.
        let mut x = seed ^ base_offset.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 31;
        (x % bound.cast_unsigned()).cast_signed()
    }
}
