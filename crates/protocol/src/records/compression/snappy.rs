//! Snappy in the framing of xerial's snappy-java, which Kafka's wire format inherited.
//!
//! 16 bytes of header (magic, version, lowest compatible version), then chunks: length as i32 big endian, one raw
//! snappy block. Streams may be concatenated. Input without the magic is one raw block, as some clients send it.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::BatchError;
use super::encoder::Blocks;

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER_BYTES: usize = 16;
const VERSION: i32 = 1;
/// Block size of snappy-java.
const BLOCK_BYTES: usize = 32 * 1024;
/// The densest snappy element copies 64 bytes with 3, so a block claiming more than this factor lies.
const RATIO_MAX: usize = 22;

pub(crate) struct SnappyDecoder {
    rest: Bytes,
    framed: bool,
}

impl SnappyDecoder {
    pub(super) fn new(mut input: Bytes) -> Result<Self, BatchError> {
        if input.is_empty() {
            return Err(BatchError::codec("snappy stream is empty"));
        }
        let framed = input.starts_with(&MAGIC);
        if framed {
            skip_header(&mut input)?;
        }
        Ok(Self { rest: input, framed })
    }

    pub(super) fn next_chunk(&mut self, mut space: BytesMut) -> Result<Bytes, BatchError> {
        loop {
            let block = self.next_block()?;
            if block.is_empty() {
                return Ok(Bytes::new());
            }
            let chunk = inflate(&block, std::mem::take(&mut space))?;
            if !chunk.is_empty() {
                return Ok(chunk);
            }
        }
    }

    /// The next compressed block, empty at the end.
    fn next_block(&mut self) -> Result<Bytes, BatchError> {
        if !self.framed {
            return Ok(std::mem::take(&mut self.rest));
        }
        loop {
            // As snappy-java: fewer than four bytes at the end are ignored.
            if self.rest.len() < 4 {
                return Ok(Bytes::new());
            }
            if self.rest.starts_with(&MAGIC) {
                skip_header(&mut self.rest)?;
                continue;
            }
            let size = self.rest.get_u32() as usize;
            if size > self.rest.len() {
                return Err(BatchError::codec("snappy chunk is cut off"));
            }
            if size > 0 {
                return Ok(self.rest.split_to(size));
            }
        }
    }
}

fn skip_header(input: &mut Bytes) -> Result<(), BatchError> {
    if input.len() < HEADER_BYTES {
        return Err(BatchError::codec("snappy header is cut off"));
    }
    input.advance(MAGIC.len());
    let version = input.get_i32();
    input.advance(4);
    if version < VERSION {
        return Err(BatchError::codec("snappy stream has an incompatible version"));
    }
    Ok(())
}

fn inflate(block: &[u8], mut space: BytesMut) -> Result<Bytes, BatchError> {
    let size =
        snap::raw::decompress_len(block).map_err(|_| BatchError::codec("snappy block has no length"))?;
    if size > block.len().saturating_mul(RATIO_MAX) {
        return Err(BatchError::codec("snappy block claims an impossible length"));
    }
    space.resize(size, 0);
    let written = snap::raw::Decoder::new()
        .decompress(block, &mut space)
        .map_err(|_| BatchError::codec("snappy block is corrupt"))?;
    space.truncate(written);
    Ok(space.freeze())
}

pub(crate) struct SnappyEncoder {
    out: BytesMut,
    blocks: Blocks,
    inner: snap::raw::Encoder,
}

impl SnappyEncoder {
    pub(super) fn new(mut out: BytesMut) -> Self {
        out.put_slice(&MAGIC);
        out.put_i32(VERSION);
        out.put_i32(VERSION);
        Self { out, blocks: Blocks::new(BLOCK_BYTES), inner: snap::raw::Encoder::new() }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Self { out, blocks, inner } = self;
        blocks.write(bytes, |block| put_block(out, inner, block))
    }

    pub(super) fn finish(mut self) -> io::Result<BytesMut> {
        if !self.blocks.rest().is_empty() {
            put_block(&mut self.out, &mut self.inner, self.blocks.rest())?;
        }
        Ok(self.out)
    }
}

fn put_block(out: &mut BytesMut, inner: &mut snap::raw::Encoder, block: &[u8]) -> io::Result<()> {
    let at = out.len();
    out.resize(at + 4 + snap::raw::max_compress_len(block.len()), 0);
    let size = inner.compress(block, &mut out[at + 4..]).map_err(io::Error::other)?;
    out[at..at + 4].copy_from_slice(&(size as u32).to_be_bytes());
    out.truncate(at + 4 + size);
    Ok(())
}
