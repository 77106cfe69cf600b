//! Share sessions (KIP-932): the partitions that members fetch, and the order of their requests.
//!
//! A member names its partitions once; later requests carry what changed, and responses only partitions with news. Each
//! request carries the session's epoch, which grows with every one of them, so that none is carried out twice or after
//! another that came later. There is one session for each member, kept until the member closes it or its connection ends.
//!
//! Use: [`ShareSessions::begin`], fetch the context's partitions, [`ShareSessions::finish`]; for an acknowledgement
//! [`ShareSessions::acknowledge`]; and whatever ends a session gives back the partitions that the member had.

use std::collections::BTreeMap;

use klamm_protocol::{ErrorCode, StrBytes, Uuid};

/// Epoch of a request that opens a session.
pub const INITIAL_EPOCH: i32 = 0;
/// Epoch of a request that closes it.
pub const FINAL_EPOCH: i32 = -1;

/// The epoch after `epoch`: from `i32::MAX` it goes to 1, and the final one stays.
pub const fn next_epoch(epoch: i32) -> i32 {
    match epoch {
        i32::MAX => 1,
        ..0 => FINAL_EPOCH,
        _ => epoch + 1,
    }
}

/// A partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicIdPartition {
    /// The topic.
    pub topic_id: Uuid,
    /// The partition's index.
    pub index: i32,
}

/// Whose session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// The group.
    pub group: StrBytes,
    /// The member.
    pub member: StrBytes,
}

/// Tells one session of a member from its next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

/// A request of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchContext {
    /// The session that the request opened, if it did.
    pub opened: Option<SessionId>,
    /// What to fetch, in this order.
    pub partitions: Vec<TopicIdPartition>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Opening,
    /// The epoch that the session has after this request.
    GoingOn {
        epoch: i32,
    },
    Closing,
}

/// What a partition's answer is like, as far as sessions look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Whether there are records.
    pub has_records: bool,
    /// Whether there is an error.
    pub is_error: bool,
}

/// A session that has ended: what is to be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Whose it was.
    pub key: SessionKey,
    /// The partitions of which the member may have records.
    pub partitions: Vec<TopicIdPartition>,
}

/// What the end of a connection means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disconnected {
    /// The session that went with it.
    pub ended: Option<Ended>,
    /// Whether the group has no session here any more: nothing of its share partitions need be kept in memory.
    pub is_group_gone: bool,
}

#[derive(Debug)]
struct Session {
    id: SessionId,
    epoch: i32,
    partitions: BTreeMap<TopicIdPartition, Cached>,
    next_place: u64,
}

#[derive(Debug, Clone, Copy)]
struct Cached {
    /// What was just read goes to the end, so that others have their turn.
    place: u64,
    /// The response has to tell of it even without news.
    must_respond: bool,
}

impl Session {
    fn add(&mut self, partition: TopicIdPartition, must_respond: bool) {
        let place = self.next_place;
        self.partitions.entry(partition).or_insert(Cached { place, must_respond });
        self.next_place += 1;
    }

    fn in_order(&self) -> Vec<TopicIdPartition> {
        let mut partitions: Vec<_> =
            self.partitions.iter().map(|(key, cached)| (cached.place, *key)).collect();
        partitions.sort_unstable();
        partitions.into_iter().map(|(_, key)| key).collect()
    }
}

/// The sessions of a broker.
#[derive(Debug)]
pub struct ShareSessions {
    sessions: BTreeMap<SessionKey, Session>,
    sessions_max: usize,
    next_id: u64,
    /// Sessions that ended with their connection.
    evictions: u64,
}

impl ShareSessions {
    /// None yet, and at most `sessions_max` at a time (`group.share.max.share.sessions`).
    pub const fn new(sessions_max: usize) -> Self {
        Self { sessions: BTreeMap::new(), sessions_max, next_id: 0, evictions: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// How many partitions they have.
    pub fn partition_count(&self) -> usize {
        self.sessions.values().map(|session| session.partitions.len()).sum()
    }

    /// How many ended with their connection.
    pub const fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Begins a ShareFetch: `wanted` are the partitions that it names, `forgotten` those that it drops.
    ///
    /// # Errors
    /// SHARE_SESSION_NOT_FOUND, INVALID_SHARE_SESSION_EPOCH; SHARE_SESSION_LIMIT_REACHED; INVALID_REQUEST if
    /// acknowledgements come before there is a session.
    pub fn begin(
        &mut self,
        key: &SessionKey,
        epoch: i32,
        wanted: &[TopicIdPartition],
        forgotten: &[TopicIdPartition],
        has_acknowledgements: bool,
    ) -> Result<FetchContext, ErrorCode> {
        match epoch {
            INITIAL_EPOCH if has_acknowledgements => Err(ErrorCode::InvalidRequest),
            INITIAL_EPOCH => self.open(key, wanted),
            FINAL_EPOCH if !self.sessions.contains_key(key) => Err(ErrorCode::ShareSessionNotFound),
            FINAL_EPOCH => Ok(FetchContext { opened: None, partitions: Vec::new(), kind: Kind::Closing }),
            epoch => {
                let session = self.at_epoch(key, epoch)?;
                wanted.iter().for_each(|partition| session.add(*partition, true));
                for partition in forgotten {
                    session.partitions.remove(partition);
                }
                let kind = Kind::GoingOn { epoch: session.epoch };
                Ok(FetchContext { opened: None, partitions: session.in_order(), kind })
            }
        }
    }

    fn open(&mut self, key: &SessionKey, wanted: &[TopicIdPartition]) -> Result<FetchContext, ErrorCode> {
        self.sessions.remove(key);
        if self.sessions.len() >= self.sessions_max {
            return Err(ErrorCode::ShareSessionLimitReached);
        }
        let id = SessionId(self.next_id);
        self.next_id += 1;
        let mut session =
            Session { id, epoch: next_epoch(INITIAL_EPOCH), partitions: BTreeMap::new(), next_place: 0 };
        wanted.iter().for_each(|partition| session.add(*partition, false));
        let partitions = session.in_order();
        // Names outlive the request that they came in.
        let key = SessionKey { group: key.group.detached(), member: key.member.detached() };
        self.sessions.insert(key, session);
        Ok(FetchContext { opened: Some(id), partitions, kind: Kind::Opening })
    }

    /// The session, if this epoch is its next; the epoch is taken.
    fn at_epoch(&mut self, key: &SessionKey, epoch: i32) -> Result<&mut Session, ErrorCode> {
        let session = self.sessions.get_mut(key).ok_or(ErrorCode::ShareSessionNotFound)?;
        if session.epoch != epoch {
            return Err(ErrorCode::InvalidShareSessionEpoch);
        }
        session.epoch = next_epoch(epoch);
        Ok(session)
    }

    /// Begins a ShareAcknowledge.
    ///
    /// # Errors
    /// SHARE_SESSION_NOT_FOUND, INVALID_SHARE_SESSION_EPOCH.
    pub fn acknowledge(&mut self, key: &SessionKey, epoch: i32) -> Result<(), ErrorCode> {
        match epoch {
            INITIAL_EPOCH => Err(ErrorCode::InvalidShareSessionEpoch),
            FINAL_EPOCH if self.sessions.contains_key(key) => Ok(()),
            FINAL_EPOCH => Err(ErrorCode::ShareSessionNotFound),
            epoch => self.at_epoch(key, epoch).map(|_| ()),
        }
    }

    /// Ends a ShareFetch: tells for each partition whether the response is to have it.
    ///
    /// # Errors
    /// INVALID_SHARE_SESSION_EPOCH if another request was begun meanwhile.
    pub fn finish(
        &mut self,
        key: &SessionKey,
        context: &FetchContext,
        found: &[(TopicIdPartition, Found)],
    ) -> Result<Vec<bool>, ErrorCode> {
        let Kind::GoingOn { epoch } = context.kind else { return Ok(vec![true; found.len()]) };
        let session = self.sessions.get_mut(key).filter(|session| session.epoch == epoch);
        let session = session.ok_or(ErrorCode::InvalidShareSessionEpoch)?;
        let told = found.iter().map(|(partition, found)| {
            let place = session.next_place;
            let Some(cached) = session.partitions.get_mut(partition) else {
                return found.has_records || found.is_error;
            };
            let is_told = found.has_records || found.is_error || cached.must_respond;
            // An error is told of until it is gone, and that is news too.
            cached.must_respond = found.is_error;
            if found.has_records {
                cached.place = place;
                session.next_place += 1;
            }
            is_told
        });
        Ok(told.collect())
    }

    /// Whether a request may still be answered with records.
    pub fn is_current(&self, key: &SessionKey, context: &FetchContext) -> bool {
        match context.kind {
            Kind::GoingOn { epoch } => self.sessions.get(key).is_some_and(|session| session.epoch == epoch),
            Kind::Opening | Kind::Closing => true,
        }
    }

    /// Whether a session is still there.
    pub fn is_open(&self, key: &SessionKey, id: SessionId) -> bool {
        self.sessions.get(key).is_some_and(|session| session.id == id)
    }

    /// Closes a session.
    pub fn close(&mut self, key: &SessionKey) -> Option<Ended> {
        let session = self.sessions.remove(key)?;
        Some(Ended { key: key.clone(), partitions: session.in_order() })
    }

    /// Ends the session that came by a connection which has ended, unless its member has another one since.
    pub fn disconnected(&mut self, key: &SessionKey, id: SessionId) -> Disconnected {
        let ended = if self.is_open(key, id) { self.close(key) } else { None };
        self.evictions += u64::from(ended.is_some());
        Disconnected { ended, is_group_gone: !self.has_group(&key.group) }
    }

    /// Whether some member of a group has a session.
    pub fn has_group(&self, group: &StrBytes) -> bool {
        let from = SessionKey { group: group.clone(), member: StrBytes::default() };
        self.sessions.range(from..).next().is_some_and(|(next, _)| next.group == *group)
    }

    /// Ends all of them: share groups are not served any more.
    pub fn clear(&mut self) {
        self.sessions.clear();
    }
}
