//! Which sessions are kept when there are more than slots.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::partitions::PartitionMap;
use super::{INITIAL_EPOCH, next_epoch};

/// Slots and ids of one shard's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Most sessions.
    pub sessions_max: usize,
    /// How long a session is safe: younger ones are not evicted for larger ones, older ones unused for so long are
    /// stale. Kafka has two minutes.
    pub eviction_after: Duration,
    /// Ids handed out lie from here,
    pub first_id: i32,
    /// up to before here.
    pub end_id: i32,
}

impl SessionLimits {
    /// The share of shard `shard` of `shards`, when the node has
    /// `max.incremental.fetch.session.cache.slots` = `slots`. Each shard hands out ids of its own.
    pub fn for_shard(slots: usize, shard: usize, shards: usize) -> Self {
        let shards = i32::try_from(shards).unwrap_or(i32::MAX).max(1);
        let shard = i32::try_from(shard).unwrap_or(0).min(shards - 1);
        let range = i32::MAX / shards;
        Self {
            sessions_max: slots / shards as usize,
            eviction_after: Duration::from_secs(120),
            // Id 0 means no session.
            first_id: (shard * range).max(1),
            end_id: (shard * range + range).max(2),
        }
    }
}

#[derive(Debug)]
pub(super) struct Session {
    /// Belongs to a follower.
    privileged: bool,
    pub(super) uses_topic_ids: bool,
    created: Duration,
    last_used: Duration,
    /// Expected of the next request.
    pub(super) epoch: i32,
    pub(super) partitions: PartitionMap,
    /// `partitions.len()` when last touched, by which the session is filed.
    filed_size: usize,
}

/// Followers' sessions are worth more than consumers', large ones more than small ones.
type Worth = (bool, usize, i32);

#[derive(Debug)]
pub(super) struct Cache {
    limits: SessionLimits,
    sessions: BTreeMap<i32, Session>,
    by_last_used: BTreeSet<(Duration, i32)>,
    /// Sessions that a follower's session may push out: all consumers', and followers' old enough.
    for_followers: BTreeSet<Worth>,
    /// Sessions that a consumer's session may push out: those old enough.
    for_all: BTreeSet<Worth>,
    partitions_count: usize,
    evictions: u64,
    random: u64,
}

impl Cache {
    pub(super) const fn new(limits: SessionLimits, seed: u64) -> Self {
        Self {
            limits,
            sessions: BTreeMap::new(),
            by_last_used: BTreeSet::new(),
            for_followers: BTreeSet::new(),
            for_all: BTreeSet::new(),
            partitions_count: 0,
            evictions: 0,
            random: seed,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(super) const fn partitions_count(&self) -> usize {
        self.partitions_count
    }

    pub(super) const fn evictions(&self) -> u64 {
        self.evictions
    }

    pub(super) fn get(&self, id: i32) -> Option<&Session> {
        self.sessions.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: i32) -> Option<&mut Session> {
        self.sessions.get_mut(&id)
    }

    /// A new session of `size` partitions, unless all slots are taken by worthier ones.
    pub(super) fn create(
        &mut self,
        privileged: bool,
        uses_topic_ids: bool,
        size: usize,
        now: Duration,
        partitions: impl FnOnce() -> PartitionMap,
    ) -> Option<i32> {
        let ids = usize::try_from(self.limits.end_id - self.limits.first_id).unwrap_or(0);
        let slots = self.limits.sessions_max.min(ids);
        if slots == 0 {
            return None;
        }
        if self.sessions.len() >= slots && !self.evict_for((privileged, size, 0), now) {
            return None;
        }
        let id = self.new_id();
        let session = Session {
            privileged,
            uses_topic_ids,
            created: now,
            last_used: now,
            epoch: next_epoch(INITIAL_EPOCH),
            partitions: partitions(),
            filed_size: 0,
        };
        self.sessions.insert(id, session);
        self.touch(id, now);
        Some(id)
    }

    /// Makes room by dropping a stale session, or one worth no more than the newcomer.
    fn evict_for(&mut self, newcomer: Worth, now: Duration) -> bool {
        let Some(&(last_used, oldest)) = self.by_last_used.first() else { return false };
        let victim = if now.saturating_sub(last_used) > self.limits.eviction_after {
            Some(oldest)
        } else {
            let candidates = if newcomer.0 { &self.for_followers } else { &self.for_all };
            candidates.first().filter(|worth| newcomer >= **worth).map(|worth| worth.2)
        };
        let Some(id) = victim else { return false };
        self.remove(id);
        self.evictions += 1;
        true
    }

    /// Drops a session, if there is one of this id.
    pub(super) fn remove(&mut self, id: i32) {
        if let Some(session) = self.sessions.remove(&id) {
            self.unfile(id, &session);
        }
    }

    fn unfile(&mut self, id: i32, session: &Session) {
        self.by_last_used.remove(&(session.last_used, id));
        let worth = (session.privileged, session.filed_size, id);
        self.for_followers.remove(&worth);
        self.for_all.remove(&worth);
        self.partitions_count -= session.filed_size;
    }

    /// Notes that a session was used, and how large it is now.
    pub(super) fn touch(&mut self, id: i32, now: Duration) {
        let Some(mut session) = self.sessions.remove(&id) else { return };
        self.unfile(id, &session);
        session.last_used = now;
        session.filed_size = session.partitions.len();
        self.by_last_used.insert((now, id));
        let worth = (session.privileged, session.filed_size, id);
        let is_old = now.saturating_sub(session.created) > self.limits.eviction_after;
        if !session.privileged || is_old {
            self.for_followers.insert(worth);
        }
        if is_old {
            self.for_all.insert(worth);
        }
        self.partitions_count += session.filed_size;
        self.sessions.insert(id, session);
    }

    fn new_id(&mut self) -> i32 {
        let span = u64::try_from(self.limits.end_id - self.limits.first_id).unwrap_or(1).max(1);
        loop {
            // splitmix64: ids need to be spread, not secret.
            self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut x = self.random;
            x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let id = self.limits.first_id + ((x ^ (x >> 31)) % span) as i32;
            if !self.sessions.contains_key(&id) {
                return id;
            }
        }
    }
}
