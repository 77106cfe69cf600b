//! LZ4 frames as Kafka's clients write and read them: independent blocks, no dictionary.
//!
//! Frame: magic 0x184D2204 little endian, FLG, BD, optional content size (8 bytes), header checksum; blocks, each a
//! u32 little endian length (top bit: stored) with an optional xxh32; a zero length ends the frame, an optional
//! content checksum follows and is not verified, as in Kafka. What follows the frame is ignored.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::BatchError;
use super::encoder::Blocks;
use super::xxh32::xxh32;

const MAGIC: u32 = 0x184D_2204;
const STORED: u32 = 0x8000_0000;
/// Version 1, independent blocks.
const FLG: u8 = 0x60;
/// Blocks of 64 KiB.
const BD: u8 = 0x40;
const BLOCK_BYTES: usize = 64 * 1024;
/// A compressed byte gives at most 255.
const RATIO_MAX: usize = 255;
const CUT_OFF: BatchError = BatchError::codec("Stream ended prematurely");

pub(crate) struct Lz4Decoder {
    rest: Bytes,
    block_max: usize,
    block_checksum: bool,
    finished: bool,
}

impl Lz4Decoder {
    /// `ignore_checksum`: magic 0 producers hashed the wrong bytes (KAFKA-3160).
    pub(super) fn new(mut rest: Bytes, ignore_checksum: bool) -> Result<Self, BatchError> {
        if rest.len() < 6 {
            return Err(CUT_OFF);
        }
        if rest.get_u32_le() != MAGIC {
            return Err(BatchError::codec("Stream unsupported (invalid magic bytes)"));
        }
        let descriptor = rest.clone();
        let (flg, bd) = (rest.get_u8(), rest.get_u8());
        if flg & 0x03 != 0 || flg >> 6 != 1 {
            return Err(BatchError::codec("lz4 frame version is unsupported"));
        }
        if flg & 0x20 == 0 {
            return Err(BatchError::codec("Dependent block stream is unsupported"));
        }
        let block_code = bd >> 4 & 7;
        if bd & 0x8f != 0 || block_code < 4 {
            return Err(BatchError::codec("lz4 block size is unsupported"));
        }
        let descriptor_bytes = if flg & 0x08 != 0 { 10 } else { 2 };
        if descriptor.len() < descriptor_bytes + 1 {
            return Err(CUT_OFF);
        }
        rest.advance(descriptor_bytes - 2);
        let stored = rest.get_u8();
        if !ignore_checksum && stored != (xxh32(&descriptor[..descriptor_bytes]) >> 8) as u8 {
            return Err(BatchError::codec("Stream frame descriptor corrupted"));
        }
        let block_max = 1 << (2 * block_code + 8);
        Ok(Self { rest, block_max, block_checksum: flg & 0x10 != 0, finished: false })
    }

    pub(super) fn next_chunk(&mut self, mut space: BytesMut) -> Result<Bytes, BatchError> {
        while !self.finished {
            let Some((block, stored)) = self.next_block()? else { break };
            if stored {
                return Ok(block);
            }
            space.resize(self.block_max.min(block.len().saturating_mul(RATIO_MAX)), 0);
            let size = lz4_flex::block::decompress_into(&block, &mut space)
                .map_err(|_| BatchError::codec("lz4 block is corrupt"))?;
            if size > 0 {
                space.truncate(size);
                return Ok(space.freeze());
            }
        }
        Ok(Bytes::new())
    }

    /// The next block and whether it is stored as it is; `None` at the end mark.
    fn next_block(&mut self) -> Result<Option<(Bytes, bool)>, BatchError> {
        if self.rest.len() < 4 {
            return Err(CUT_OFF);
        }
        let field = self.rest.get_u32_le();
        let size = (field & !STORED) as usize;
        if size == 0 {
            self.finished = true;
            return Ok(None);
        }
        if size > self.block_max {
            return Err(BatchError::codec("lz4 block exceeds the frame's maximum"));
        }
        let checksum_bytes = if self.block_checksum { 4 } else { 0 };
        if self.rest.len() < size + checksum_bytes {
            return Err(CUT_OFF);
        }
        let block = self.rest.split_to(size);
        if self.block_checksum && self.rest.get_u32_le() != xxh32(&block) {
            return Err(BatchError::codec("Block checksum mismatch"));
        }
        Ok(Some((block, field & STORED != 0)))
    }
}

pub(crate) struct Lz4Encoder {
    out: BytesMut,
    blocks: Blocks,
}

impl Lz4Encoder {
    pub(super) fn new(mut out: BytesMut) -> Self {
        out.put_u32_le(MAGIC);
        out.put_slice(&[FLG, BD, (xxh32(&[FLG, BD]) >> 8) as u8]);
        Self { out, blocks: Blocks::new(BLOCK_BYTES) }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Self { out, blocks } = self;
        blocks.write(bytes, |block| put_block(out, block))
    }

    pub(super) fn finish(mut self) -> io::Result<BytesMut> {
        if !self.blocks.rest().is_empty() {
            put_block(&mut self.out, self.blocks.rest())?;
        }
        self.out.put_u32_le(0);
        Ok(self.out)
    }
}

fn put_block(out: &mut BytesMut, block: &[u8]) -> io::Result<()> {
    let at = out.len();
    out.resize(at + 4 + lz4_flex::block::get_maximum_output_size(block.len()), 0);
    let size = lz4_flex::block::compress_into(block, &mut out[at + 4..]).map_err(io::Error::other)?;
    if size < block.len() {
        out[at..at + 4].copy_from_slice(&(size as u32).to_le_bytes());
        out.truncate(at + 4 + size);
    } else {
        out.truncate(at);
        out.put_u32_le(block.len() as u32 | STORED);
        out.put_slice(block);
    }
    Ok(())
}
