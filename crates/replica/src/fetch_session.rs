//! Incremental fetch sessions (KIP-227).
//!
//! A client names its partitions once; later requests carry what changed, and responses only partitions with news. The
//! server remembers the partitions of each session in a cache of limited slots. A session is closed by its client, by a
//! request without partitions left, or evicted for a better one; the client then gets FETCH_SESSION_ID_NOT_FOUND and
//! starts anew, so sessions may be lost at any time, and each shard may keep its own.
//!
//! Use: [`FetchSessions::begin`], read the context's partitions, [`FetchSessions::finish`].

mod cache;
pub mod client;
mod partitions;

use std::time::Duration;

use klamm_protocol::api::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};

pub use cache::SessionLimits;
use cache::{Cache, Session};
use partitions::{Key, PartitionMap, requested};
pub use partitions::{PartitionFetch, SessionPartition};

/// Requests without a session say this id, and so do responses that make none.
pub const NO_SESSION: i32 = 0;
/// Epoch of a request that wants a new session.
pub const INITIAL_EPOCH: i32 = 0;
/// Epoch of a request that wants none, and closes the one it names.
pub const FINAL_EPOCH: i32 = -1;

/// From this version on, requests name topics by id (KIP-516).
const TOPIC_IDS_SINCE: i16 = 13;

/// The epoch after `epoch`: from `i32::MAX` it goes to 1, and the final one stays.
pub const fn next_epoch(epoch: i32) -> i32 {
    match epoch {
        i32::MAX => 1,
        ..0 => FINAL_EPOCH,
        _ => epoch + 1,
    }
}

/// Whether a replica fetches, not a consumer.
pub const fn is_follower(request: &FetchRequest, version: i16) -> bool {
    let replica_id = if version >= 15 { request.replica_state.replica_id } else { request.replica_id };
    replica_id >= 0
}

/// A fetch under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchContext {
    kind: Kind,
    uses_topic_ids: bool,
    /// What to read, in this order; the order is the fair one when the response's size is limited.
    pub partitions: Vec<SessionPartition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The session named is not usable; nothing is read.
    Error(ErrorCode),
    Sessionless,
    /// All partitions are named; a session is made if there is room.
    Full {
        privileged: bool,
    },
    /// `epoch` is that of the session while this request is under way.
    Incremental {
        session_id: i32,
        epoch: i32,
    },
}

/// What was read from one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchedPartition {
    /// Empty if the id is not known.
    pub topic: StrBytes,
    /// Zero if the request goes by names.
    pub topic_id: Uuid,
    pub data: PartitionData,
}

impl FetchedPartition {
    /// Whether the client has to be told, whatever it knows.
    fn is_news_by_itself(&self) -> bool {
        let data = &self.data;
        data.records.as_ref().is_some_and(|records| !records.is_empty())
            || data.error_code != 0
            || data.preferred_read_replica >= 0
            || data.diverging_epoch.epoch >= 0
    }
}

/// The sessions of one shard.
#[derive(Debug)]
pub struct FetchSessions {
    cache: Cache,
}

impl FetchSessions {
    /// No sessions. Ids are drawn from a generator started with `seed`.
    pub fn new(limits: SessionLimits, seed: u64) -> Self {
        Self { cache: Cache::new(limits, seed) }
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.cache.len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Partitions of all sessions.
    pub const fn partitions_count(&self) -> usize {
        self.cache.partitions_count()
    }

    /// Sessions evicted so far.
    pub const fn evictions(&self) -> u64 {
        self.cache.evictions()
    }

    /// Takes a request up: finds or prepares its session and lists what to read. `resolve` names the topic of an id;
    /// partitions of unknown ids have no `topic` and are to be answered with UNKNOWN_TOPIC_ID.
    pub fn begin(
        &mut self,
        request: &FetchRequest,
        version: i16,
        now: Duration,
        resolve: impl Fn(&Uuid) -> Option<StrBytes>,
    ) -> FetchContext {
        let uses_topic_ids = version >= TOPIC_IDS_SINCE;
        let context = |kind, partitions| FetchContext { kind, uses_topic_ids, partitions };
        let (session_id, epoch) = (request.session_id, request.session_epoch);
        let wanted = requested(request, uses_topic_ids, &resolve);
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            self.cache.remove(session_id);
            let privileged = is_follower(request, version);
            let kind = if epoch == FINAL_EPOCH { Kind::Sessionless } else { Kind::Full { privileged } };
            return context(kind, wanted);
        }
        let Some(session) = self.cache.get_mut(session_id) else {
            return context(Kind::Error(ErrorCode::FetchSessionIdNotFound), Vec::new());
        };
        if session.epoch != epoch {
            return context(Kind::Error(ErrorCode::InvalidFetchSessionEpoch), Vec::new());
        }
        if session.uses_topic_ids != uses_topic_ids {
            return context(Kind::Error(ErrorCode::FetchSessionTopicIdError), Vec::new());
        }
        update(session, request, &wanted);
        if session.partitions.is_empty() {
            self.cache.remove(session_id);
            return context(Kind::Sessionless, wanted);
        }
        session.epoch = next_epoch(epoch);
        let kind = Kind::Incremental { session_id, epoch: session.epoch };
        let partitions = session.partitions.list(resolve);
        self.cache.touch(session_id, now);
        context(kind, partitions)
    }

    /// Answers a request. `fetched` is in the order of the response, one entry for each of the context's partitions;
    /// those without news are left out if the session is incremental. Throttle time and node endpoints are left to the
    /// caller.
    pub fn finish(
        &mut self,
        context: FetchContext,
        fetched: Vec<FetchedPartition>,
        now: Duration,
    ) -> FetchResponse {
        let uses_topic_ids = context.uses_topic_ids;
        match context.kind {
            Kind::Error(error) => refused(error, NO_SESSION),
            Kind::Sessionless => response(NO_SESSION, fetched),
            Kind::Full { privileged } => {
                let size = fetched.len();
                let id = self.cache.create(privileged, uses_topic_ids, size, now, || {
                    PartitionMap::from_full(&context.partitions, &fetched, uses_topic_ids)
                });
                response(id.unwrap_or(NO_SESSION), fetched)
            }
            Kind::Incremental { session_id, epoch } => {
                // Evicted meanwhile: what there is of news is as good, and the client's next request is told.
                let Some(session) = self.cache.get_mut(session_id) else {
                    let mut fetched = fetched;
                    fetched.retain(FetchedPartition::is_news_by_itself);
                    return response(session_id, fetched);
                };
                if session.epoch != epoch {
                    return refused(ErrorCode::InvalidFetchSessionEpoch, session_id);
                }
                let mut fetched = fetched;
                fetched.retain(|part| session.partitions.must_respond(part, uses_topic_ids));
                response(session_id, fetched)
            }
        }
    }

    /// Answers a request that exceeds its quota: nothing is sent and the session is left as it is, so that the client
    /// asks the same again after `throttle_time_ms`.
    pub fn throttle(&self, context: &FetchContext, throttle_time_ms: i32) -> FetchResponse {
        let answer = match context.kind {
            Kind::Incremental { session_id, epoch } => match self.cache.get(session_id) {
                Some(session) if session.epoch != epoch => {
                    refused(ErrorCode::InvalidFetchSessionEpoch, session_id)
                }
                _ => response(session_id, Vec::new()),
            },
            _ => response(NO_SESSION, Vec::new()),
        };
        FetchResponse { throttle_time_ms, ..answer }
    }
}

fn update(session: &mut Session, request: &FetchRequest, wanted: &[SessionPartition]) {
    for partition in wanted {
        session.partitions.insert(partition, session.uses_topic_ids);
    }
    for topic in &request.forgotten_topics_data {
        for partition in &topic.partitions {
            let key = Key::new(session.uses_topic_ids, &topic.topic, topic.topic_id, *partition);
            session.partitions.remove(&key);
        }
    }
}

fn refused(error: ErrorCode, session_id: i32) -> FetchResponse {
    FetchResponse { error_code: error.code(), session_id, ..FetchResponse::default() }
}

/// Partitions of one topic that follow each other share an entry; the order is kept.
fn response(session_id: i32, fetched: Vec<FetchedPartition>) -> FetchResponse {
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    for FetchedPartition { topic, topic_id, data } in fetched {
        match responses.last_mut() {
            Some(last) if last.topic == topic && last.topic_id == topic_id => last.partitions.push(data),
            _ => {
                let partitions = vec![data];
                responses.push(FetchableTopicResponse { topic, topic_id, partitions, ..Default::default() });
            }
        }
    }
    FetchResponse { session_id, responses, ..Default::default() }
}

#[cfg(test)]
mod tests;
