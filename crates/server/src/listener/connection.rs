//! Serves one connection: reads requests, starts them in order, writes the responses in the same order.
//!
//! Runs on one shard for life. Two loops of one task share the stream. The reading loop starts each request and waits
//! until it has taken its place in the order of things (for Produce: until its batches are appended); only what remains
//! to be waited for, such as replication, runs beside the requests that follow. The writing loop answers strictly in
//! the order in which requests came, with one system call for all responses that are ready. ListOffsets alone is not begun
//! before all that came before it is answered.
//!
//! Back-pressure: at most [`RESPONSES_MAX`] requests of a connection are unanswered, and beyond [`QUEUED_BYTES_MAX`] of
//! responses that it has not taken no further request is begun.
//!
//! A client that has closed its sending side still gets what it has asked for, as from Kafka.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::IpAddr,
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use klamm_io::{
    Clock, Instant,
    net::{Accepted, Stream},
};
use klamm_net::frame::FrameReader;
use klamm_protocol::{ApiKey, StrBytes};
use klamm_share::session::{SessionId, SessionKey};
use tokio::sync::{Notify, mpsc};
use tracing::{debug, info};

use super::{
    guard::{guarded, settled, settled_now},
    limits::Permit,
    memory_pool::{MemoryPool, PoolBytes},
};
use crate::{
    dispatch::{self, Refused},
    handlers::{Contexts, share},
    metrics::requests::{Asked, Begun, Handled, Requests},
    node::ListenerName,
    quorum::{ControllerHandle, presence::Presence},
    quotas::{Kind, Meter, Quotas},
    reply::{Chunk, Reply, Told},
};

/// Requests of one connection that may wait for their response.
const RESPONSES_MAX: usize = 64;
/// Bytes of responses in memory that may wait for the client to read them.
const QUEUED_BYTES_MAX: usize = 1 << 20;
/// How long the responses to what came before an unserviceable request may take.
const DRAIN_MAX: Duration = Duration::from_secs(1);
/// File slices up to this size are read and sent together with what surrounds them: cheaper than a call of their own.
const COPY_BYTES_MAX: u32 = 32 * 1024;
/// What is copied so for one write.
const COPIED_BYTES_MAX: u32 = 256 * 1024;
/// After so many bytes it is noted that the client still reads.
const PIECE_BYTES: usize = 1 << 20;

/// With so many share sessions opened by one connection, those that have ended otherwise are looked for.
const SHARE_SESSIONS_SWEPT_AT: usize = 8;

/// A connection on its way to its shard.
#[derive(Debug)]
pub struct NewConnection {
    /// Where it came in.
    pub listener: ListenerName,
    /// The socket.
    pub accepted: Accepted,
    /// Its place among the connections that may be open.
    pub permit: Permit,
}

/// What a handler may know of the connection that a request came by.
#[derive(Debug)]
pub struct Connection {
    /// Where it came in.
    pub listener: ListenerName,
    /// The peer, as Kafka shows a client's host: `/127.0.0.1`.
    pub client_host: String,
    /// The peer's address, 4 or 16 bytes.
    pub address: Bytes,
    /// Whether it is one of the controllers' listeners.
    pub is_controller_listener: bool,
    /// Whether the active controller turns out to serve other versions than the client was told: the connection is closed
    /// for it to ask anew.
    pub is_outdated: Arc<AtomicBool>,
    /// The client id of the last request.
    client_id: RefCell<StrBytes>,
    /// The node at the other end, once it has said which it is.
    presence: RefCell<Option<Presence>>,
    /// Whether a node has fetched by it.
    is_of_follower: Cell<bool>,
    quotas: Arc<Quotas>,
    /// Nothing is read before, since the client is over a quota.
    muted_until: Cell<Option<Instant>>,
    /// The share sessions that were opened by it, which end with it. Consumers open one.
    share_sessions: RefCell<BTreeMap<SessionKey, SessionId>>,
    /// What the request that is being begun takes of the memory for requests.
    request_bytes: RefCell<Option<PoolBytes>>,
}

impl Connection {
    /// Notes which node is at the other end, for the controller, which has to notice when it goes.
    pub fn identify(&self, node_id: i32, controller: &ControllerHandle) {
        let mut presence = self.presence.borrow_mut();
        let is_known = presence.as_ref().is_some_and(|presence| presence.node_id() == node_id);
        if self.is_controller_listener && node_id >= 0 && !is_known {
            *presence = controller.presence(node_id);
        }
    }

    /// Notes that it is a node that fetches by it, not a consumer.
    pub fn follows(&self) {
        self.is_of_follower.set(true);
    }

    /// What clients may do before they have to wait.
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// Has the client wait from now on, beside what it may be waiting for already.
    pub fn mute(&self, throttle_ms: i32) {
        let Ok(ms @ 1..) = u64::try_from(throttle_ms) else { return };
        let until = self.quotas.clock().now() + Duration::from_millis(ms);
        self.muted_until.set(self.muted_until.get().max(Some(until)));
    }

    /// Notes that a member of a share group has opened a session. `is_open` says which of them are still there; returns
    /// those that turn out not to be, and need not be ended with the connection.
    pub fn opened_share_session(
        &self,
        key: &SessionKey,
        id: SessionId,
        is_open: impl Fn(&SessionKey, SessionId) -> bool,
    ) -> Vec<(SessionKey, SessionId)> {
        let mut sessions = self.share_sessions.borrow_mut();
        let ended = if sessions.len() >= SHARE_SESSIONS_SWEPT_AT {
            sessions.extract_if(.., |key, id| !is_open(key, *id)).collect()
        } else {
            Vec::new()
        };
        sessions.insert(SessionKey { group: key.group.detached(), member: key.member.detached() }, id);
        ended
    }

    /// What the request that is being begun takes of the memory for requests, for whoever keeps its records until they
    /// are appended. To be dropped before anything else is waited for.
    pub fn take_request_bytes(&self) -> Option<PoolBytes> {
        self.request_bytes.take()
    }

    /// A client id that came in a request, in memory of its own: as a part of its request it would keep all of it, a
    /// large batch perhaps, for as long as the response takes. Clients hardly ever change it.
    pub fn own_client_id(&self, id: &StrBytes) -> StrBytes {
        let mut known = self.client_id.borrow_mut();
        if *known != *id {
            *known = id.detached();
        }
        known.clone()
    }
}

/// Limits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionOptions {
    /// `socket.request.max.bytes`.
    pub request_bytes_max: usize,
    /// `connections.max.idle.ms`; `None` if connections may be idle for ever.
    pub idle_max: Option<Duration>,
}

/// Serves the connection until either side closes it.
pub async fn serve(
    new: NewConnection,
    contexts: Rc<Contexts>,
    options: ConnectionOptions,
    clock: Clock,
    requests: Rc<Requests>,
) {
    let NewConnection { listener, accepted, permit } = new;
    let peer = accepted.peer;
    let stream = match accepted.into_stream() {
        Ok(stream) => stream,
        Err(error) => {
            debug!(%peer, %error, "connection lost before it was served");
            return;
        }
    };
    let connection = Rc::new(Connection {
        client_host: format!("/{}", peer.ip().to_canonical()),
        address: match peer.ip().to_canonical() {
            IpAddr::V4(ip) => Bytes::copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => Bytes::copy_from_slice(&ip.octets()),
        },
        is_controller_listener: contexts.is_controller_listener(&listener),
        listener,
        is_outdated: Arc::default(),
        client_id: RefCell::default(),
        presence: RefCell::default(),
        is_of_follower: Cell::default(),
        quotas: Arc::clone(&contexts.cluster.node.quotas),
        muted_until: Cell::default(),
        share_sessions: RefCell::default(),
        request_bytes: RefCell::default(),
    });
    let serving = Serving {
        stream,
        connection,
        contexts,
        options,
        clock,
        requests,
        last_active: Cell::new(clock.now()),
        permit,
        unanswered: Cell::new(0),
        is_handling: Cell::new(false),
        is_writing: Cell::new(false),
        queued_bytes: Cell::new(0),
        taken: Notify::new(),
    };
    let end = serving.run().await;
    for (key, id) in serving.connection.share_sessions.take() {
        share::sessions::disconnected(&serving.contexts.share, &key, id);
    }
    match end {
        End::Closed | End::HalfClosed => debug!(%peer, "connection closed by the client"),
        End::Idle => debug!(%peer, "connection closed: idle for longer than connections.max.idle.ms"),
        End::Evicted => debug!(%peer, "connection closed: there are more than max.connections"),
        End::Lost(error) => debug!(%peer, %error, "connection lost"),
        End::Defect(reason) => info!(%peer, reason, "connection closed: a request has no answer"),
        End::Refused(reason) => {
            let listener = &serving.connection.listener;
            info!(%peer, %listener, reason, "connection closed: the client sent what cannot be served");
        }
    }
}

enum End {
    Closed,
    /// The client sends nothing more, and may wait for responses.
    HalfClosed,
    Idle,
    /// Its place is needed for another.
    Evicted,
    Lost(std::io::Error),
    Refused(String),
    /// There is no response to what was asked, nor to anything that was asked after it.
    Defect(String),
}

/// Answers, in the order of their requests.
type Replies = mpsc::Sender<(Handled, Reply)>;
/// A place for one of them.
type Place<'a> = mpsc::Permit<'a, (Handled, Reply)>;

/// What the loops of one connection share.
struct Serving {
    stream: Stream,
    connection: Rc<Connection>,
    contexts: Rc<Contexts>,
    options: ConnectionOptions,
    clock: Clock,
    /// Counts what was answered.
    requests: Rc<Requests>,
    /// When bytes last came or went.
    last_active: Cell<Instant>,
    /// Its place among the connections that may be open.
    permit: Permit,
    /// Requests whose response is not written yet.
    unanswered: Cell<usize>,
    /// Whether a request has no response yet, not even one to wait for.
    is_handling: Cell<bool>,
    /// Whether a response is on its way into the socket.
    is_writing: Cell<bool>,
    /// Bytes in memory of responses that were there at once and are not written yet.
    queued_bytes: Cell<usize>,
    /// Rung when the client has taken responses.
    taken: Notify,
}

impl Serving {
    async fn run(&self) -> End {
        let (replies, responses) = mpsc::channel(RESPONSES_MAX);
        let mut writing = pin!(self.write_loop(responses));
        let end = tokio::select! {
            biased;
            end = self.read_loop(replies) => end,
            end = &mut writing => end,
            () = self.idle_watch() => End::Idle,
            () = self.permit.evicted() => End::Evicted,
        };
        // It can say nothing more by this connection.
        self.connection.presence.take();
        // What was asked properly before is answered still; the queue has no sender any more and runs dry.
        match end {
            End::HalfClosed => tokio::select! {
                biased;
                end = writing => end,
                () = self.idle_watch() => End::Idle,
                () = self.permit.evicted() => End::Evicted,
            },
            End::Refused(_) => {
                let _ = self.clock.timeout(DRAIN_MAX, writing).await;
                end
            }
            End::Closed | End::Idle | End::Evicted | End::Lost(_) | End::Defect(_) => end,
        }
    }

    /// Notes that bytes have come or gone.
    fn touch(&self) {
        let now = self.clock.now();
        self.last_active.set(now);
        self.permit.touch(now);
    }

    async fn read_loop(&self, replies: Replies) -> End {
        let mut frames = FrameReader::new(self.options.request_bytes_max);
        let mut bytes = None;
        let mut read_at = self.clock.now();
        loop {
            if bytes.is_none() && self.memory().is_limited() {
                match frames.frame_size() {
                    Ok(Some(size)) => match self.take_memory(size, &replies).await {
                        Some(taken) => {
                            bytes = Some(taken);
                            read_at = self.clock.now();
                        }
                        None => return End::Closed,
                    },
                    Ok(None) => {}
                    Err(error) => return End::Refused(error.to_string()),
                }
            }
            match frames.next_frame() {
                Ok(Some(frame)) => {
                    if self.has_to_wait(&replies) {
                        // Nobody else is to wait for what this client is made to wait for. It has been read already.
                        drop(bytes.take());
                    }
                    let Some((place, was_held)) = self.turn(&replies).await else { return End::Closed };
                    if was_held {
                        // Kafka would have read it, and what came with it, only now.
                        read_at = self.clock.now();
                    }
                    let begun = Begun { asked: Asked::peek(&frame), at: read_at };
                    let api_key = begun.asked.api_key;
                    self.keep_memory(bytes.take(), api_key);
                    if api_key == ApiKey::ListOffsets as i16 {
                        self.all_answered().await;
                    }
                    let is_timed = self.connection.quotas.is_enabled(Kind::Request);
                    let meter = is_timed.then(|| Rc::new(Meter::new(self.clock)));
                    let frame = frame.freeze();
                    let request = dispatch::dispatch(&self.contexts, &self.connection, frame, meter.clone());
                    self.is_handling.set(true);
                    let (started, reply) = {
                        let _queued = self.contexts.cluster.node.queue.enter_for(api_key).await;
                        (self.clock.now(), guarded(request, meter.as_deref()).await)
                    };
                    self.is_handling.set(false);
                    drop(self.connection.take_request_bytes());
                    if self.connection.is_outdated.load(Ordering::Relaxed) {
                        let reason = "the active controller does not serve this version".to_owned();
                        return End::Refused(reason);
                    }
                    let handled = Handled { begun, started, at: self.clock.now() };
                    match reply {
                        Ok(reply) => self.reply(place, handled, reply),
                        Err(Refused { reason, told }) => {
                            told.into_iter().for_each(|told| self.count_unanswered(handled, told));
                            return End::Refused(reason);
                        }
                    }
                }
                Ok(None) => match self.read(&mut frames).await {
                    Ok(at) => read_at = at,
                    Err(end) => return end,
                },
                Err(error) => return End::Refused(error.to_string()),
            }
        }
    }

    /// Reads what has come, and says when that was.
    async fn read(&self, frames: &mut FrameReader) -> Result<Instant, End> {
        let room = frames.room().map_err(|error| End::Refused(error.to_string()))?;
        if self.stream.read(room).await.map_err(End::Lost)? == 0 {
            return Err(End::HalfClosed);
        }
        self.touch();
        Ok(self.last_active.get())
    }

    /// The memory that requests of this listener may take.
    fn memory(&self) -> &Arc<MemoryPool> {
        let node = &self.contexts.cluster.node;
        if self.connection.is_controller_listener { &node.controller_memory } else { &node.request_memory }
    }

    /// Waits for the memory that a request takes, before more of it than its size is read. A client that is to wait
    /// anyway takes none meanwhile. `None` if the connection is going down.
    async fn take_memory(&self, size: usize, replies: &Replies) -> Option<PoolBytes> {
        // Only this loop fills the queue: the place that is given back here is still there later.
        drop(self.turn(replies).await?);
        Some(self.memory().take(size).await)
    }

    /// Waits until the client may have another request worked on, and keeps a place in the queue for its answer: a client
    /// that does not read its responses cannot make us do more work for it. Says besides whether it was held up because of
    /// a quota, or of responses that it has not read. `None` if the connection is going down.
    async fn turn<'a>(&self, replies: &'a Replies) -> Option<(Place<'a>, bool)> {
        let place = replies.reserve().await.ok()?;
        let was_held = self.answers_are_taken().await;
        Some((place, self.unmuted().await || was_held))
    }

    /// Whether the client is to wait before another of its requests is worked on.
    fn has_to_wait(&self, replies: &Replies) -> bool {
        let is_muted = self.connection.muted_until.get().is_some_and(|until| until > self.clock.now());
        is_muted || replies.capacity() == 0 || self.queued_bytes.get() > QUEUED_BYTES_MAX
    }

    /// Has a request answered in its turn.
    fn reply(&self, place: Place<'_>, handled: Handled, reply: Reply) {
        if matches!(reply, Reply::Nothing) {
            self.count_unanswered(handled, Told::default());
        } else {
            self.unanswered.set(self.unanswered.get() + 1);
            self.queued_bytes.set(self.queued_bytes.get() + reply.queued_bytes());
            place.send((handled, reply));
        }
    }

    /// Counts a request that gets no response.
    fn count_unanswered(&self, handled: Handled, told: Told) {
        let settled = handled.settled(handled.at, told);
        self.requests.answered(&settled, handled.at, handled.at, false);
    }

    /// Only what Produce brings is kept as it was read; whatever else a request says is in memory of its own by the
    /// time that it may have to wait.
    fn keep_memory(&self, bytes: Option<PoolBytes>, api_key: i16) {
        if api_key == ApiKey::Produce as i16 {
            self.connection.request_bytes.replace(bytes);
        }
    }

    /// Completes when the client has taken enough of its answers. Says whether that had to be waited for.
    async fn answers_are_taken(&self) -> bool {
        let mut was_held = false;
        while self.queued_bytes.get() > QUEUED_BYTES_MAX {
            was_held = true;
            self.taken.notified().await;
        }
        was_held
    }

    /// Completes when every request has its answer.
    ///
    /// An offset that was looked up while a fetch waited for records, but is told after those records were, is older
    /// than what the client knows by then: a consumer would take it for the end of the log and be stuck on a lag of less
    /// than nothing. Kafka begins no request of a connection before the one before is answered.
    async fn all_answered(&self) {
        while self.unanswered.get() > 0 {
            self.taken.notified().await;
        }
    }

    /// Completes when the client need not wait any more. Says whether it had to.
    async fn unmuted(&self) -> bool {
        let mut was_held = false;
        while let Some(until) = self.connection.muted_until.get() {
            if until > self.clock.now() {
                was_held = true;
                self.clock.sleep_until(until).await;
                self.touch();
            } else {
                self.connection.muted_until.set(None);
            }
        }
        was_held
    }

    async fn write_loop(&self, mut responses: mpsc::Receiver<(Handled, Reply)>) -> End {
        let mut pending = None;
        let mut answered = Vec::new();
        loop {
            let (handled, next) = match pending.take() {
                Some(next) => next,
                None => match responses.recv().await {
                    Some(next) => next,
                    None => return End::Closed,
                },
            };
            let mut queued_bytes = next.queued_bytes();
            let is_there = matches!(next, Reply::Now(_));
            let mut chunks = match settled(next).await {
                Ok(frame) => {
                    answered.push(handled.settled(self.settled_at(&handled, is_there), frame.told));
                    frame.chunks
                }
                Err(Refused { reason, .. }) => return End::Defect(reason),
            };
            let mut defect = None;
            // Whatever else is ready goes out in the same write.
            while let Ok((handled, mut reply)) = responses.try_recv() {
                let bytes = reply.queued_bytes();
                let is_there = matches!(reply, Reply::Now(_));
                match settled_now(&mut reply) {
                    Ok(Some(frame)) => {
                        chunks.extend(frame.chunks);
                        answered.push(handled.settled(self.settled_at(&handled, is_there), frame.told));
                        queued_bytes += bytes;
                    }
                    Ok(None) => {
                        pending = Some((handled, reply));
                        break;
                    }
                    Err(Refused { reason, .. }) => {
                        defect = Some(reason);
                        break;
                    }
                }
            }
            let sending = self.clock.now();
            self.touch();
            self.is_writing.set(true);
            if let Err(error) = write(&self.stream, chunks, || self.touch()).await {
                return End::Lost(error);
            }
            self.is_writing.set(false);
            self.unanswered.set(self.unanswered.get() - answered.len());
            self.queued_bytes.set(self.queued_bytes.get() - queued_bytes);
            self.taken.notify_one();
            let now = self.clock.now();
            self.touch();
            let follows = self.connection.is_of_follower.get();
            answered.drain(..).for_each(|settled| self.requests.answered(&settled, sending, now, follows));
            if let Some(reason) = defect {
                return End::Defect(reason);
            }
        }
    }

    /// When a response was there: as soon as its request was handled, or now.
    fn settled_at(&self, handled: &Handled, was_there: bool) -> Instant {
        if was_there { handled.at } else { self.clock.now() }
    }

    /// Completes when nothing has happened for too long. A client that waits for its response is not idle, one that does
    /// not read it is.
    async fn idle_watch(&self) {
        let Some(idle_max) = self.options.idle_max else { return std::future::pending().await };
        loop {
            let deadline = self.last_active.get() + idle_max;
            if self.clock.now() < deadline {
                self.clock.sleep_until(deadline).await;
            } else if (self.is_handling.get() || self.unanswered.get() > 0) && !self.is_writing.get() {
                self.clock.sleep(idle_max).await;
            } else {
                return;
            }
        }
    }
}

/// Writes chunks; `progressed` is called whenever the client has taken some.
///
/// Small file slices are copied, but never more than [`COPIED_BYTES_MAX`] of them at a time: a client that reads slowly
/// must not have its whole answer in our memory.
async fn write(stream: &Stream, chunks: Vec<Chunk>, progressed: impl Fn()) -> std::io::Result<()> {
    let mut bytes: Vec<Bytes> = Vec::with_capacity(chunks.len());
    let mut copied = 0;
    for chunk in chunks {
        match chunk {
            Chunk::Bytes(mut chunk) => {
                while chunk.len() > PIECE_BYTES {
                    bytes.push(chunk.split_to(PIECE_BYTES));
                    stream.write_all(&mut bytes).await?;
                    bytes.clear();
                    copied = 0;
                    progressed();
                }
                bytes.push(chunk);
            }
            Chunk::File(slice) if slice.len <= COPY_BYTES_MAX => {
                let mut copy = vec![0; slice.len as usize];
                slice.file.read_exact_at(&mut copy, slice.position).map_err(|error| error.source)?;
                bytes.push(copy.into());
                copied += slice.len;
                if copied >= COPIED_BYTES_MAX {
                    stream.write_all(&mut bytes).await?;
                    bytes.clear();
                    copied = 0;
                    progressed();
                }
            }
            Chunk::File(slice) => {
                stream.write_all(&mut bytes).await?;
                bytes.clear();
                copied = 0;
                let end = slice.position + u64::from(slice.len);
                for position in (slice.position..end).step_by(PIECE_BYTES) {
                    let piece = (end - position).min(PIECE_BYTES as u64);
                    stream.send_file(&slice.file, position, piece).await?;
                    progressed();
                }
            }
        }
    }
    stream.write_all(&mut bytes).await
}
