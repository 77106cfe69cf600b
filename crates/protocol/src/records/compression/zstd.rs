//! Zstandard, with contexts kept per thread: making one costs more than a small batch.

use std::cell::RefCell;
use std::io;

use bytes::{Bytes, BytesMut};
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd::zstd_safe::{CCtx, CParameter, DCtx, InBuffer, OutBuffer, ResetDirective, get_error_name};

use super::BatchError;

/// How much is inflated at a time.
const CHUNK_BYTES: usize = 32 * 1024;
/// How much room the compressor gets at a time.
const OUT_BYTES: usize = 16 * 1024;
/// Contexts kept per thread; more are in use only while batches are read side by side.
const KEPT_MAX: usize = 4;
/// A context that has grown beyond this, for a large window say, is given back.
const CONTEXT_BYTES_MAX: usize = 4 << 20;

thread_local! {
    static DECODERS: RefCell<Vec<DCtx<'static>>> = const { RefCell::new(Vec::new()) };
    static ENCODERS: RefCell<Vec<CCtx<'static>>> = const { RefCell::new(Vec::new()) };
}

fn keep<T: 'static>(pool: &'static std::thread::LocalKey<RefCell<Vec<T>>>, context: T, bytes: usize) {
    if bytes > CONTEXT_BYTES_MAX {
        return;
    }
    // The thread may be ending, its pool gone; then the context goes too.
    let _ = pool.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < KEPT_MAX {
            pool.push(context);
        }
    });
}

fn pooled<T: 'static>(pool: &'static std::thread::LocalKey<RefCell<Vec<T>>>) -> Option<T> {
    pool.try_with(|pool| pool.borrow_mut().pop()).ok().flatten()
}

const OUT_OF_MEMORY: &str = "zstd context cannot be allocated";

pub(crate) struct ZstdDecoder {
    context: Option<DCtx<'static>>,
    input: Bytes,
    position: usize,
    /// Whether a frame has begun and not ended.
    in_frame: bool,
}

impl ZstdDecoder {
    pub(super) fn new(input: Bytes) -> Result<Self, BatchError> {
        let context = pooled(&DECODERS).or_else(DCtx::try_create).ok_or(BatchError::codec(OUT_OF_MEMORY))?;
        Ok(Self { context: Some(context), input, position: 0, in_frame: false })
    }

    pub(super) fn next_chunk(&mut self, mut space: BytesMut) -> Result<Bytes, BatchError> {
        let Some(context) = &mut self.context else { return Ok(Bytes::new()) };
        space.resize(CHUNK_BYTES, 0);
        let mut filled = 0;
        // Frames may follow each other. A full chunk is given out before the next look at the input.
        while filled < CHUNK_BYTES && (self.in_frame || self.position < self.input.len()) {
            let mut input = InBuffer { src: &self.input, pos: self.position };
            let mut output = OutBuffer::around_pos(&mut space[..], filled);
            let hint = context
                .decompress_stream(&mut output, &mut input)
                .map_err(|code| BatchError::codec(get_error_name(code)))?;
            let (read, written) = (input.pos, output.pos());
            if hint != 0 && read == self.position && written == filled {
                return Err(BatchError::codec("zstd frame is cut off"));
            }
            (self.position, filled, self.in_frame) = (read, written, hint != 0);
        }
        space.truncate(filled);
        Ok(space.freeze())
    }
}

impl Drop for ZstdDecoder {
    fn drop(&mut self) {
        if let Some(mut context) = self.context.take()
            && context.reset(ResetDirective::SessionOnly).is_ok()
        {
            let bytes = context.sizeof();
            keep(&DECODERS, context, bytes);
        }
    }
}

pub(crate) struct ZstdEncoder {
    context: Option<CCtx<'static>>,
    out: BytesMut,
}

fn failed(code: usize) -> io::Error {
    io::Error::other(get_error_name(code))
}

impl ZstdEncoder {
    /// `whole` lets zstd choose small tables for a small batch.
    pub(super) fn new(out: BytesMut, level: i32, whole: Option<u64>) -> io::Result<Self> {
        let context = pooled(&ENCODERS).or_else(CCtx::try_create);
        let mut context = context.ok_or_else(|| io::Error::other(OUT_OF_MEMORY))?;
        context.set_parameter(CParameter::CompressionLevel(level)).map_err(failed)?;
        context.set_pledged_src_size(whole).map_err(failed)?;
        Ok(Self { context: Some(context), out })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut input = InBuffer { src: bytes, pos: 0 };
        while input.pos < bytes.len() {
            self.step(&mut input, ZSTD_EndDirective::ZSTD_e_continue)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<BytesMut> {
        let mut input = InBuffer { src: &[], pos: 0 };
        while self.step(&mut input, ZSTD_EndDirective::ZSTD_e_end)? != 0 {}
        Ok(std::mem::take(&mut self.out))
    }

    /// Lets the compressor run once; returns how many bytes it still holds at least.
    fn step(&mut self, input: &mut InBuffer<'_>, directive: ZSTD_EndDirective) -> io::Result<usize> {
        let Some(context) = &mut self.context else { return Ok(0) };
        let written = self.out.len();
        self.out.resize(written + OUT_BYTES, 0);
        let mut output = OutBuffer::around_pos(&mut self.out[..], written);
        let result = context.compress_stream2(&mut output, input, directive);
        let end = output.pos();
        self.out.truncate(end);
        result.map_err(failed)
    }
}

impl Drop for ZstdEncoder {
    fn drop(&mut self) {
        if let Some(mut context) = self.context.take()
            && context.reset(ResetDirective::SessionAndParameters).is_ok()
        {
            let bytes = context.sizeof();
            keep(&ENCODERS, context, bytes);
        }
    }
}
