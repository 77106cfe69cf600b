//! Serves one connection: reads requests, starts them in order, writes the responses in the same order.
//!
//! Runs on one shard for life. Two loops of one task share the stream. The reading loop starts each request and waits
//! until it has taken its place in the order of things (for Produce: until its batches are appended); only what remains
//! to be waited for, such as replication, runs beside the requests that follow. The writing loop answers strictly in
//! the order in which requests came, with one system call for all responses that are ready.
//!
//! Back-pressure: at most [`RESPONSES_MAX`] requests of a connection are unanswered; beyond that it is not read.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use klamm_io::{
    Clock, Instant,
    net::{Accepted, Stream},
};
use klamm_net::frame::FrameReader;
use tokio::sync::mpsc;
use tracing::{debug, error, info};

use super::limits::Permit;
use crate::{
    dispatch::{self, Refused},
    handlers::Contexts,
    node::ListenerName,
    reply::{Chunk, Reply},
};

/// Requests of one connection that may wait for their response.
const RESPONSES_MAX: usize = 64;
/// How long the responses to what came before an unserviceable request may take.
const DRAIN_MAX: Duration = Duration::from_secs(1);
/// File slices up to this size are read and sent together with what surrounds them: cheaper than a call of their own.
const COPY_BYTES_MAX: u32 = 32 * 1024;
/// What is copied so for one write.
const COPIED_BYTES_MAX: u32 = 256 * 1024;

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
    /// Whether it is one of the controllers' listeners.
    pub is_controller_listener: bool,
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
pub async fn serve(new: NewConnection, contexts: Rc<Contexts>, options: ConnectionOptions, clock: Clock) {
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
        is_controller_listener: contexts.is_controller_listener(&listener),
        listener,
    });
    let serving = Serving {
        stream,
        connection,
        contexts,
        options,
        clock,
        last_active: Cell::new(clock.now()),
        unanswered: Cell::new(0),
        is_writing: Cell::new(false),
    };
    match serving.run().await {
        End::Closed => debug!(%peer, "connection closed by the client"),
        End::Idle => debug!(%peer, "connection closed: idle for longer than connections.max.idle.ms"),
        End::Lost(error) => debug!(%peer, %error, "connection lost"),
        End::Refused(reason) => {
            let listener = &serving.connection.listener;
            info!(%peer, %listener, reason, "connection closed: the client sent what cannot be served");
        }
    }
    drop(permit);
}

enum End {
    Closed,
    Idle,
    Lost(std::io::Error),
    Refused(String),
}

/// What the loops of one connection share.
struct Serving {
    stream: Stream,
    connection: Rc<Connection>,
    contexts: Rc<Contexts>,
    options: ConnectionOptions,
    clock: Clock,
    /// When bytes last came or went.
    last_active: Cell<Instant>,
    /// Requests whose response is not written yet.
    unanswered: Cell<usize>,
    /// Whether a response is on its way into the socket.
    is_writing: Cell<bool>,
}

impl Serving {
    async fn run(&self) -> End {
        let (replies, responses) = mpsc::channel(RESPONSES_MAX);
        let mut writing = pin!(self.write_loop(responses));
        let end = tokio::select! {
            end = self.read_loop(replies) => end,
            end = &mut writing => end,
            () = self.idle_watch() => End::Idle,
        };
        if matches!(end, End::Refused(_)) {
            // What was asked properly before is answered still; the queue has no sender any more and runs dry.
            let _ = self.clock.timeout(DRAIN_MAX, writing).await;
        }
        end
    }

    async fn read_loop(&self, replies: mpsc::Sender<Reply>) -> End {
        let mut frames = FrameReader::new(self.options.request_bytes_max);
        loop {
            match frames.next_frame() {
                Ok(Some(frame)) => {
                    // A place in the queue is taken first, so that a client that does not read its responses cannot
                    // make us do more work for it.
                    let Ok(place) = replies.reserve().await else { return End::Closed };
                    let reply =
                        guarded(dispatch::dispatch(&self.contexts, &self.connection, frame.freeze())).await;
                    match reply {
                        Ok(Reply::Nothing) => {}
                        Ok(reply) => {
                            self.unanswered.set(self.unanswered.get() + 1);
                            place.send(reply);
                        }
                        Err(Refused { reason }) => return End::Refused(reason),
                    }
                }
                Ok(None) => match frames.room() {
                    Ok(room) => match self.stream.read(room).await {
                        Ok(0) => return End::Closed,
                        Ok(_) => self.last_active.set(self.clock.now()),
                        Err(error) => return End::Lost(error),
                    },
                    Err(error) => return End::Refused(error.to_string()),
                },
                Err(error) => return End::Refused(error.to_string()),
            }
        }
    }

    async fn write_loop(&self, mut responses: mpsc::Receiver<Reply>) -> End {
        let mut pending = None;
        loop {
            let next = match pending.take() {
                Some(reply) => reply,
                None => match responses.recv().await {
                    Some(reply) => reply,
                    None => return End::Closed,
                },
            };
            let mut chunks = next.settle().await.chunks;
            let mut answered = 1;
            // Whatever else is ready goes out in the same write.
            while let Ok(mut reply) = responses.try_recv() {
                match reply.poll_now() {
                    Some(frame) => {
                        chunks.extend(frame.chunks);
                        answered += 1;
                    }
                    None => {
                        pending = Some(reply);
                        break;
                    }
                }
            }
            self.last_active.set(self.clock.now());
            self.is_writing.set(true);
            if let Err(error) = write(&self.stream, chunks, || self.last_active.set(self.clock.now())).await {
                return End::Lost(error);
            }
            self.is_writing.set(false);
            self.unanswered.set(self.unanswered.get() - answered);
            self.last_active.set(self.clock.now());
        }
    }

    /// Completes when nothing has happened for too long. A client that waits for its response is not idle, one that does
    /// not read it is.
    async fn idle_watch(&self) {
        let Some(idle_max) = self.options.idle_max else { return std::future::pending().await };
        loop {
            let deadline = self.last_active.get() + idle_max;
            if self.clock.now() < deadline {
                self.clock.sleep_until(deadline).await;
            } else if self.unanswered.get() > 0 && !self.is_writing.get() {
                self.clock.sleep(idle_max).await;
            } else {
                return;
            }
        }
    }
}

/// Runs a request; a panic in it closes this connection and no other (a poison request must not stop the node).
async fn guarded(request: impl Future<Output = Result<Reply, Refused>>) -> Result<Reply, Refused> {
    let mut request = pin!(request);
    poll_fn(|cx| match std::panic::catch_unwind(AssertUnwindSafe(|| request.as_mut().poll(cx))) {
        Ok(poll) => poll,
        Err(panic) => {
            let what = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            error!(panic = what, "a request handler failed");
            Poll::Ready(Err(Refused { reason: "a defect of the server in handling the request".to_owned() }))
        }
    })
    .await
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
            Chunk::Bytes(chunk) => bytes.push(chunk),
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
                stream.send_file(&slice.file, slice.position, u64::from(slice.len)).await?;
                progressed();
            }
        }
    }
    stream.write_all(&mut bytes).await
}
