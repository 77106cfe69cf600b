//! Responses on their way to the socket.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use klamm_log::FileSlice;
use klamm_protocol::{EncodeError, Message, Writer, header::ResponseHeader};

use crate::metrics::requests::Asked;

/// A piece of a response.
#[derive(Debug)]
pub enum Chunk {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes in a file.
    File(FileSlice),
}

/// A whole encoded response, with its size prefix.
#[derive(Debug, Default)]
pub struct Frame {
    /// In order.
    pub chunks: Vec<Chunk>,
    /// What of it is counted.
    pub told: Told,
}

/// What a response tells its client, for whoever counts.
#[derive(Debug, Default)]
pub struct Told {
    /// How long the client is to wait, in milliseconds.
    pub throttle_ms: i32,
    /// How many items, or the response as a whole, are without an error, of those that Kafka counts.
    pub successes: u32,
    /// How many have an error, by code.
    pub errors: Vec<(i16, u32)>,
    /// The request that it answers, if that came in an envelope.
    pub enclosed: Option<Asked>,
}

impl Told {
    fn by<R: Message>(response: &R, version: i16) -> Self {
        let mut told = Self { throttle_ms: response.throttle_time_ms(), ..Self::default() };
        response.error_codes(version, &mut |code| told.note(code));
        told
    }

    /// That items have these codes, 0 for none.
    pub fn of_codes(codes: impl IntoIterator<Item = i16>) -> Self {
        let mut told = Self::default();
        codes.into_iter().for_each(|code| told.note(code));
        told
    }

    fn note(&mut self, code: i16) {
        if code == 0 {
            self.successes += 1;
        } else if let Some((_, count)) = self.errors.iter_mut().find(|(known, _)| *known == code) {
            *count += 1;
        } else {
            self.errors.push((code, 1));
        }
    }
}

/// What a request is answered with.
pub enum Reply {
    /// The response is there.
    Now(Frame),
    /// The request has taken effect and waits for something else (replication, data to arrive).
    Later(Pin<Box<dyn Future<Output = Frame>>>),
    /// The client expects no response (Produce with acks=0).
    Nothing,
}

impl Reply {
    /// The response, once it is there.
    pub async fn settle(self) -> Frame {
        match self {
            Self::Now(frame) => frame,
            Self::Later(future) => future.await,
            Self::Nothing => Frame::default(),
        }
    }

    /// Bytes of a response that is there already, as far as they are in memory.
    pub fn queued_bytes(&self) -> usize {
        match self {
            Self::Now(frame) => frame
                .chunks
                .iter()
                .map(|chunk| match chunk {
                    Chunk::Bytes(bytes) => bytes.len(),
                    Chunk::File(_) => 0,
                })
                .sum(),
            Self::Later(_) | Self::Nothing => 0,
        }
    }

    /// The response if it is there already. Not to be polled again after it was given.
    pub fn poll_now(&mut self) -> Option<Frame> {
        match std::mem::replace(self, Self::Nothing) {
            Self::Now(frame) => Some(frame),
            Self::Nothing => Some(Frame::default()),
            Self::Later(mut future) => {
                // A waker is not needed: whoever keeps the reply polls it again with its own.
                match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(frame) => Some(frame),
                    Poll::Pending => {
                        *self = Self::Later(future);
                        None
                    }
                }
            }
        }
    }
}

/// Encodes a response with its header and size prefix. `slices` are what the response's record gaps stand for, by
/// token.
///
/// # Errors
/// If the response cannot be expressed in `version`: a defect of the handler.
pub fn encode<R: Message>(
    response: &R,
    version: i16,
    header: &ResponseHeader,
    header_version: i16,
    slices: &[FileSlice],
) -> Result<Frame, EncodeError> {
    let mut writer = Writer::new();
    writer.i32(0);
    header.encode(&mut writer, header_version)?;
    response.encode(&mut writer, version)?;
    writer.patch_i32(0, i32::try_from(writer.total_len() - 4).unwrap_or(i32::MAX));
    let (mut bytes, gaps) = writer.into_parts();
    let mut chunks = Vec::with_capacity(1 + 2 * gaps.len());
    let mut taken = 0;
    for gap in gaps {
        push_bytes(&mut chunks, bytes.split_to(gap.at - taken));
        taken = gap.at;
        if let Some(slice) = slices.get(gap.token as usize) {
            debug_assert_eq!(slice.len, gap.len, "a gap is filled exactly");
            chunks.push(Chunk::File(slice.clone()));
        }
    }
    push_bytes(&mut chunks, bytes);
    Ok(Frame { chunks, told: Told::by(response, version) })
}

fn push_bytes(chunks: &mut Vec<Chunk>, bytes: BytesMut) {
    if !bytes.is_empty() {
        chunks.push(Chunk::Bytes(bytes.freeze()));
    }
}
