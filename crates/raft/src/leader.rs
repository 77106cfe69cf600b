//! The leader's view of its followers, and what waits for them.

use crate::Now;
use crate::control::ControlRecord;
use crate::control::control_batch;
use crate::message::ProposeError;
use crate::voter_change::VoterChange;
use crate::voters::{ReplicaKey, VoterSet};
use bytes::{Bytes, BytesMut};
use klamm_protocol::records::{BatchBuilder, BatchOptions};
use klamm_protocol::{StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An observer that has not fetched for so long is forgotten.
const OBSERVER_SESSION: Duration = Duration::from_secs(300);
/// An observer fetches anew after half a second at the latest; one that has not is not there.
const OBSERVER_SILENCE_MAX: Duration = Duration::from_secs(1);

/// So many observers are kept account of; anybody who can fetch can claim to be one.
const OBSERVERS_MAX: usize = 10_000;

/// How far a replica is.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    pub(crate) key: ReplicaKey,
    pub(crate) end_offset: Option<i64>,
    pub(crate) last_fetch_ms: i64,
    pub(crate) last_caught_up_ms: i64,
    pub(crate) last_fetch_at: Option<Duration>,
    /// The leader's log end at its last fetch.
    leader_end_at_fetch: i64,
    pub(crate) acknowledged: bool,
    /// The directory that its last fetch named; a static quorum's voters have none in their key.
    pub(crate) directory_id: Option<Uuid>,
}

impl Replica {
    const fn new(key: ReplicaKey) -> Self {
        Self {
            key,
            end_offset: None,
            last_fetch_ms: -1,
            last_caught_up_ms: -1,
            last_fetch_at: None,
            leader_end_at_fetch: -1,
            acknowledged: false,
            directory_id: None,
        }
    }

    fn fetched(&mut self, now: Now, offset: i64, leader_end: i64) {
        if offset >= leader_end {
            self.last_caught_up_ms = self.last_caught_up_ms.max(now.wall_ms);
        } else if self.leader_end_at_fetch > 0 && offset >= self.leader_end_at_fetch {
            // It has what the leader had at its fetch before: it was caught up then.
            self.last_caught_up_ms = self.last_caught_up_ms.max(self.last_fetch_ms);
        }
        self.leader_end_at_fetch = leader_end;
        self.last_fetch_ms = self.last_fetch_ms.max(now.wall_ms);
        self.last_fetch_at = Some(now.monotonic);
        self.end_offset = Some(offset);
        self.acknowledged = true;
    }
}

/// A fetch that waits for something to answer with.
#[derive(Clone, Debug)]
pub(crate) struct ParkedFetch {
    pub(crate) token: u64,
    pub(crate) listener: StrBytes,
    pub(crate) key: ReplicaKey,
    pub(crate) epoch: i32,
    pub(crate) offset: i64,
    pub(crate) last_epoch: i32,
    /// What the follower knows of it.
    pub(crate) high_watermark: i64,
    pub(crate) bytes_max: i32,
    pub(crate) deadline: Duration,
}

/// A leader's state.
#[derive(Clone, Debug)]
pub(crate) struct Leader {
    own: ReplicaKey,
    pub(crate) epoch_start: i64,
    pub(crate) granting: BTreeSet<i32>,
    pub(crate) high_watermark: Option<i64>,
    /// By node id; a voter set has at most one directory per node.
    pub(crate) voters: BTreeMap<i32, Replica>,
    pub(crate) observers: BTreeMap<ReplicaKey, Replica>,
    pub(crate) parked: Vec<ParkedFetch>,
    /// Batches that are not handed to the log yet.
    queue: BytesMut,
    queue_base: i64,
    /// The offset that the next record gets.
    next_offset: i64,
    /// Voters that have fetched since the check was last passed.
    fetched: BTreeSet<i32>,
    /// `None` while nobody else votes.
    check_quorum_deadline: Option<Duration>,
    pub(crate) begin_epoch_deadline: Duration,
    pub(crate) announced: bool,
    pub(crate) resign: bool,
    /// A change of the voters that is under way.
    pub(crate) change: Option<VoterChange>,
    /// The offset after the last voters that this leader has proposed, durable or not.
    pub(crate) voters_end: i64,
    /// What static voters have told of themselves (KIP-853): it goes into the log with the upgrade to dynamic voters.
    pub(crate) told: VoterSet,
}

impl Leader {
    pub(crate) fn new(
        own: ReplicaKey,
        voters: &VoterSet,
        granting: BTreeSet<i32>,
        log_end: i64,
        now: Duration,
        fetch_timeout: Duration,
    ) -> Self {
        let mut leader = Self {
            own,
            epoch_start: log_end,
            granting,
            high_watermark: None,
            voters: BTreeMap::new(),
            observers: BTreeMap::new(),
            parked: Vec::new(),
            queue: BytesMut::new(),
            queue_base: log_end,
            next_offset: log_end,
            fetched: BTreeSet::new(),
            check_quorum_deadline: Some(now + check_quorum_timeout(fetch_timeout)),
            begin_epoch_deadline: now,
            announced: false,
            resign: false,
            change: None,
            voters_end: 0,
            told: VoterSet::default(),
        };
        leader.set_voters(voters);
        leader
    }

    /// The voter set has changed.
    pub(crate) fn set_voters(&mut self, voters: &VoterSet) {
        let mut old = std::mem::take(&mut self.voters);
        for voter in voters.iter() {
            let known = match old.remove(&voter.key.id) {
                Some(replica) if voter.key.matches(&replica.key) || replica.key.matches(&voter.key) => {
                    Some(replica)
                }
                Some(other) => {
                    self.observers.insert(other.key, other);
                    self.observers.remove(&voter.key)
                }
                None => self.observers.remove(&voter.key),
            };
            let mut replica = known.unwrap_or_else(|| Replica::new(voter.key));
            replica.key = voter.key;
            replica.acknowledged |= voter.key.matches(&self.own);
            self.voters.insert(voter.key.id, replica);
        }
        for replica in old.into_values() {
            self.observers.insert(replica.key, replica);
        }
        let voters = &self.voters;
        self.fetched.retain(|id| voters.contains_key(id));
    }

    fn is_own(&self, key: &ReplicaKey) -> bool {
        key.matches(&self.own)
    }

    /// Notes a follower's fetch. Returns whether the high watermark moved.
    pub(crate) fn fetched(
        &mut self,
        now: Now,
        key: ReplicaKey,
        offset: i64,
        log_end: i64,
        fetch_timeout: Duration,
    ) -> bool {
        if key.id < 0 || self.is_own(&key) {
            return false;
        }
        let is_voter = self.voters.get(&key.id).is_some_and(|replica| replica.key.matches(&key));
        if !is_voter {
            if self.observers.len() >= OBSERVERS_MAX && !self.observers.contains_key(&key) {
                return false;
            }
            self.observers.entry(key).or_insert_with(|| Replica::new(key)).fetched(now, offset, log_end);
            return false;
        }
        if let Some(replica) = self.voters.get_mut(&key.id) {
            replica.fetched(now, offset, log_end);
            replica.directory_id = key.directory_id;
        }
        self.check_quorum(&key, now.monotonic, fetch_timeout);
        self.update_high_watermark()
    }

    /// A voter has shown that it follows.
    pub(crate) fn check_quorum(&mut self, key: &ReplicaKey, now: Duration, fetch_timeout: Duration) {
        let voter = self.voters.get(&key.id).is_some_and(|replica| replica.key.matches(key));
        if !voter || self.is_own(key) {
            return;
        }
        self.fetched.insert(key.id);
        let own_vote = usize::from(self.voters.get(&self.own.id).is_some_and(|own| self.is_own(&own.key)));
        if self.fetched.len() + own_vote > self.voters.len() / 2 {
            self.fetched.clear();
            self.check_quorum_deadline = Some(now + check_quorum_timeout(fetch_timeout));
        }
    }

    /// Whether a majority has not fetched for too long. The only voter is a majority by itself: once another votes, that
    /// one has all the time that there is from then on.
    pub(crate) fn has_lost_quorum(&mut self, alone: bool, now: Duration, fetch_timeout: Duration) -> bool {
        if alone {
            self.check_quorum_deadline = None;
            return false;
        }
        now >= *self.check_quorum_deadline.get_or_insert(now + check_quorum_timeout(fetch_timeout))
    }

    /// When something is to be done for or against the other voters.
    pub(crate) fn voters_deadline(&self) -> Duration {
        let begin = self.begin_epoch_deadline;
        self.check_quorum_deadline.map_or(begin, |deadline| deadline.min(begin))
    }

    /// Our own log has become durable up to `end`. Returns whether the high watermark moved.
    pub(crate) fn appended(&mut self, end: i64) -> bool {
        let own = self.own;
        if let Some(replica) = self.voters.get_mut(&own.id).filter(|replica| replica.key.matches(&own)) {
            replica.end_offset = Some(end);
        }
        self.update_high_watermark()
    }

    fn update_high_watermark(&mut self) -> bool {
        let mut ends: Vec<i64> =
            self.voters.values().map(|replica| replica.end_offset.unwrap_or(-1)).collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        let Some(candidate) = ends.get(ends.len() / 2).copied() else { return false };
        // Only a record of this epoch proves that what came before it is safe.
        if candidate <= self.epoch_start || self.high_watermark.is_some_and(|old| old >= candidate) {
            return false;
        }
        self.high_watermark = Some(candidate);
        true
    }

    /// Voters by how far they are, the furthest first, without ourselves.
    pub(crate) fn successors(&self) -> Vec<ReplicaKey> {
        let mut others: Vec<_> = self.voters.values().filter(|replica| !self.is_own(&replica.key)).collect();
        others.sort_by_key(|replica| (std::cmp::Reverse(replica.end_offset.unwrap_or(-1)), replica.key));
        others.into_iter().map(|replica| replica.key).collect()
    }

    /// Whether an observer has had everything, and has fetched since `since_ms`.
    pub(crate) fn is_caught_up(&self, key: &ReplicaKey, since_ms: i64) -> bool {
        self.observers
            .get(key)
            .is_some_and(|replica| replica.last_caught_up_ms > 0 && replica.last_fetch_ms > since_ms)
    }

    /// Whether every observer that lives knows all there is, and that it is committed: one that does has asked for more,
    /// and waits.
    pub(crate) fn has_told_observers(&self, now: Duration, log_end: i64) -> bool {
        let high_watermark = self.high_watermark.unwrap_or(0);
        let lives =
            |observer: &&Replica| observer.last_fetch_at.is_some_and(|at| now < at + OBSERVER_SILENCE_MAX);
        let is_told = |observer: &Replica| {
            let mut parked = self.parked.iter().filter(|fetch| fetch.key == observer.key);
            parked.any(|fetch| fetch.offset >= log_end && fetch.high_watermark >= high_watermark)
        };
        self.observers.values().filter(lives).all(is_told)
    }

    pub(crate) fn forget_idle_observers(&mut self, now: Duration) {
        self.observers
            .retain(|_, replica| replica.last_fetch_at.is_some_and(|at| now < at + OBSERVER_SESSION));
    }

    /// Queues control records. Returns their end offset.
    pub(crate) fn queue_control(&mut self, epoch: i32, now: Now, records: &[ControlRecord]) -> i64 {
        match control_batch(self.next_offset, epoch, now.wall_ms, records) {
            Ok(batch) => {
                self.queue.extend_from_slice(&batch);
                self.next_offset += i64::try_from(records.len()).unwrap_or(0);
            }
            Err(error) => panic!("control records always fit into a batch: {error}"),
        }
        self.next_offset
    }

    /// Queues records, in as few batches as `bytes_max` allows. Returns the offset after the last one.
    pub(crate) fn queue_records(
        &mut self,
        epoch: i32,
        now: Now,
        records: &[Bytes],
        bytes_max: usize,
    ) -> Result<i64, ProposeError> {
        // A record costs its value and some bytes of lengths and deltas.
        let size = |record: &Bytes| record.len() + 32;
        if let Some(large) = records.iter().find(|record| size(record) > bytes_max) {
            return Err(ProposeError::TooLarge(large.len()));
        }
        let mut rest = records;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fitting = rest.iter().take_while(|record| {
                bytes += size(record);
                bytes <= bytes_max
            });
            let (batch, later) = rest.split_at(fitting.count());
            let mut builder = BatchBuilder::with_capacity(
                BatchOptions {
                    base_offset: self.next_offset,
                    partition_leader_epoch: epoch,
                    ..BatchOptions::default()
                },
                bytes.min(bytes_max),
            );
            for record in batch {
                if let Err(error) = builder.append(now.wall_ms, None, Some(record), &[]) {
                    panic!("a proposal always fits into a batch: {error}");
                }
            }
            match builder.build() {
                Ok(built) => self.queue.extend_from_slice(&built),
                Err(error) => panic!("a proposal always fits into a batch: {error}"),
            }
            self.next_offset += i64::try_from(batch.len()).unwrap_or(0);
            rest = later;
        }
        Ok(self.next_offset)
    }

    /// Takes everything queued: batches and base offset. Whatever was proposed while the last append was being made
    /// durable shares the next one.
    pub(crate) fn take_queue(&mut self) -> Option<(Bytes, i64, i64)> {
        if self.queue.is_empty() {
            return None;
        }
        let batches = std::mem::take(&mut self.queue).freeze();
        let base_offset = std::mem::replace(&mut self.queue_base, self.next_offset);
        Some((batches, base_offset, self.next_offset))
    }
}

/// A leader that a majority has not fetched from for so long steps down.
fn check_quorum_timeout(fetch_timeout: Duration) -> Duration {
    fetch_timeout + fetch_timeout / 2
}
