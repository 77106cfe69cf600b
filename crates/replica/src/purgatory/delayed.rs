//! What a waiting produce and a waiting fetch have reached so far.

use std::collections::BTreeMap;

use klamm_protocol::ErrorCode;

use crate::leader::Acknowledged;

/// A produce that waits: with acks=all until every in-sync replica has it, and before that, with any acks, until a sync is
/// done that has to come first.
///
/// `R` is the driver's part: where the answer goes, base offsets and the like.
#[derive(Debug)]
pub struct DelayedProduce<K, R> {
    /// Offset to be reached by what is waited for, as the high watermark, per partition.
    missing: BTreeMap<K, i64>,
    /// Partitions that ended with an error after the append.
    failed: BTreeMap<K, ErrorCode>,
    pub reply: R,
}

impl<K: Ord + Clone, R> DelayedProduce<K, R> {
    /// Waits for `required`: partitions that were appended to, each with the offset after its last record.
    pub fn new(required: impl IntoIterator<Item = (K, i64)>, reply: R) -> Self {
        Self { missing: required.into_iter().collect(), failed: BTreeMap::new(), reply }
    }

    /// The partitions still waited for.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.missing.keys()
    }

    /// Asks the leader of `key` how far it is; returns whether nothing is left to wait for. Fits
    /// [`super::Purgatory::check`].
    pub fn check(&mut self, key: &K, acknowledged: impl FnOnce(i64) -> Acknowledged) -> bool {
        if let Some(required) = self.missing.get(key) {
            match acknowledged(*required) {
                Acknowledged::Waiting => {}
                Acknowledged::Done => {
                    self.missing.remove(key);
                }
                Acknowledged::TooFewReplicas => self.fail(key, ErrorCode::NotEnoughReplicasAfterAppend),
            }
        }
        self.missing.is_empty()
    }

    /// The partition will not be acknowledged: its leadership is lost, for instance. Returns whether nothing is left.
    pub fn lost(&mut self, key: &K, error: ErrorCode) -> bool {
        if self.missing.contains_key(key) {
            self.fail(key, error);
        }
        self.missing.is_empty()
    }

    /// As [`Self::lost`], also if the partition is not waited for any more: with more to wait for after this, what it has
    /// reached counts only as long as it can be relied on. Returns whether nothing is left.
    pub fn revoked(&mut self, key: &K, error: ErrorCode) -> bool {
        self.fail(key, error);
        self.missing.is_empty()
    }

    fn fail(&mut self, key: &K, error: ErrorCode) {
        self.missing.remove(key);
        self.failed.insert(key.clone(), error);
    }

    /// What to answer for `key`: what is still missing when the deadline has come is REQUEST_TIMED_OUT.
    pub fn error(&self, key: &K) -> ErrorCode {
        if self.missing.contains_key(key) {
            return ErrorCode::RequestTimedOut;
        }
        self.failed.get(key).copied().unwrap_or(ErrorCode::None)
    }
}

/// A fetch that waits for `min_bytes`.
///
/// `R` is the driver's part: where the answer goes and what to read again.
#[derive(Debug)]
pub struct DelayedFetch<K, R> {
    min_bytes: u64,
    partitions: BTreeMap<K, FetchProgress>,
    pub reply: R,
}

/// Where a fetch waits in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchProgress {
    pub fetch_offset: i64,
    /// Most bytes wanted of the partition.
    pub bytes_max: u64,
    /// Bytes there are already.
    pub bytes: u64,
}

impl<K: Ord, R> DelayedFetch<K, R> {
    /// Waits for `min_bytes` over all partitions.
    pub fn new(min_bytes: u64, partitions: impl IntoIterator<Item = (K, FetchProgress)>, reply: R) -> Self {
        Self { min_bytes, partitions: partitions.into_iter().collect(), reply }
    }

    /// The partitions waited for.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.partitions.keys()
    }

    /// The partition can now be read to `end`, with `bytes` lying between the fetch offset and there. Returns whether
    /// to answer: there is enough, or the log was cut off below the fetch offset, which the client has to be told.
    ///
    /// An error of any partition (leadership lost, epoch fenced, topic deleted, log offline, epochs diverging), or a
    /// fetch offset that is no longer in the active segment, is a reason to answer at once without asking here.
    pub fn check(&mut self, key: &K, end: i64, bytes: impl FnOnce(i64) -> u64) -> bool {
        if let Some(progress) = self.partitions.get_mut(key) {
            if end < progress.fetch_offset {
                return true;
            }
            progress.bytes = bytes(progress.fetch_offset).min(progress.bytes_max);
        }
        self.partitions.values().map(|progress| progress.bytes).sum::<u64>() >= self.min_bytes
    }
}
