//! The two tasks of a connection: one writes requests, the other reads answers.
//!
//! Owned by the runtime that the connection was opened on. The writer notes each request as pending before its bytes
//! leave, so that an answer always finds its request at the front.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use bytes::Bytes;
use klamm_io::{Clock, Instant, net::Stream};
use tokio::sync::{mpsc, oneshot, watch};

use super::ConnectionError;
use crate::frame::FrameReader;

/// A request on its way to the writer.
pub(super) struct Outgoing {
    pub(super) frame: Bytes,
    pub(super) correlation_id: i32,
    /// Absent for requests that are never answered (Produce with acks=0).
    pub(super) reply: Option<Reply>,
}

pub(super) type Reply = oneshot::Sender<Result<Bytes, ConnectionError>>;

/// What both tasks and all handles of one connection share.
pub(super) struct Shared {
    pub(super) address: String,
    stream: Stream,
    pending: Mutex<VecDeque<(i32, Reply)>>,
    end: watch::Sender<Option<ConnectionError>>,
    ended_at: OnceLock<Instant>,
    clock: Clock,
}

impl Shared {
    pub(super) fn new(address: String, stream: Stream, clock: Clock) -> Self {
        let end = watch::Sender::new(None);
        Self { address, stream, pending: Mutex::default(), end, ended_at: OnceLock::new(), clock }
    }

    /// Why the connection is over, if it is.
    pub(super) fn end_reason(&self) -> Option<ConnectionError> {
        self.end.borrow().clone()
    }

    /// When the connection ended, if it has.
    pub(super) fn ended_at(&self) -> Option<Instant> {
        self.ended_at.get().copied()
    }

    /// Ends the connection. The first reason stands, and every pending request gets it.
    pub(super) fn end(&self, reason: ConnectionError) {
        let _ = self.ended_at.set(self.clock.now());
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            if first {
                *end = Some(reason);
            }
            first
        });
        let reason = self.closed();
        for (_, reply) in self.pending().drain(..) {
            let _ = reply.send(Err(reason.clone()));
        }
    }

    pub(super) fn closed(&self) -> ConnectionError {
        self.end_reason().unwrap_or_else(|| self.closed_because("it was not open"))
    }

    pub(super) fn closed_because(&self, reason: impl ToString) -> ConnectionError {
        ConnectionError::Closed { address: self.address.clone(), reason: reason.to_string() }
    }

    fn malformed(&self, reason: impl ToString) -> ConnectionError {
        ConnectionError::Malformed { address: self.address.clone(), reason: reason.to_string() }
    }

    fn pending(&self) -> MutexGuard<'_, VecDeque<(i32, Reply)>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes requests until the connection ends or every handle is gone. Requests that wait together leave together.
pub(super) async fn write(shared: Arc<Shared>, mut requests: mpsc::UnboundedReceiver<Outgoing>) {
    const TOGETHER_MAX: usize = 32;
    let mut end = shared.end.subscribe();
    let mut waiting = Vec::with_capacity(TOGETHER_MAX);
    loop {
        let count = tokio::select! {
            biased;
            count = requests.recv_many(&mut waiting, TOGETHER_MAX) => count,
            _ = end.wait_for(Option::is_some) => 0,
        };
        if count == 0 {
            break;
        }
        let mut chunks = Vec::new();
        {
            let mut pending = shared.pending();
            for request in waiting.drain(..) {
                chunks.push(request.frame);
                if let Some(reply) = request.reply {
                    pending.push_back((request.correlation_id, reply));
                }
            }
        }
        if shared.end_reason().is_some() {
            break;
        }
        let written = tokio::select! {
            biased;
            written = shared.stream.write_all(&mut chunks) => written,
            _ = end.wait_for(Option::is_some) => break,
        };
        if let Err(error) = written {
            shared.end(shared.closed_because(error));
            break;
        }
    }
    shared.end(shared.closed_because("this client closed it"));
    // Requests that were handed over after the end hear of it when their senders are dropped.
}

/// Reads answers until the connection ends.
pub(super) async fn read(shared: Arc<Shared>, mut frames: FrameReader) {
    let mut end = shared.end.subscribe();
    loop {
        match frames.next_frame() {
            Ok(Some(frame)) => {
                if let Err(error) = answer(&shared, frame.freeze()) {
                    shared.end(error);
                    return;
                }
                continue;
            }
            Ok(None) => {}
            Err(error) => {
                shared.end(shared.malformed(error));
                return;
            }
        }
        let room = match frames.room() {
            Ok(room) => room,
            Err(error) => {
                shared.end(shared.malformed(error));
                return;
            }
        };
        let read = tokio::select! {
            biased;
            read = shared.stream.read(room) => read,
            _ = end.wait_for(Option::is_some) => return,
        };
        match read {
            Ok(0) => {
                shared.end(shared.closed_because("the broker closed it"));
                return;
            }
            Ok(_) => {}
            Err(error) => {
                shared.end(shared.closed_because(error));
                return;
            }
        }
    }
}

/// Gives one frame to the request that has waited longest, whose answer it must be.
fn answer(shared: &Shared, frame: Bytes) -> Result<(), ConnectionError> {
    let Some(correlation_id) = frame.first_chunk::<4>() else {
        return Err(shared.malformed("the frame has no correlation id"));
    };
    let correlation_id = i32::from_be_bytes(*correlation_id);
    let Some((expected, reply)) = shared.pending().pop_front() else {
        return Err(shared.malformed("nothing was asked"));
    };
    if correlation_id != expected {
        let error =
            shared.malformed(format!("correlation id {correlation_id} where {expected} is the request's"));
        let _ = reply.send(Err(error.clone()));
        return Err(error);
    }
    let _ = reply.send(Ok(frame));
    Ok(())
}
