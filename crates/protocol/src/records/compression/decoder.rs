//! Inflates a batch's records chunk by chunk.

use std::io::Read;

use bytes::buf::Reader;
use bytes::{Buf, Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;

use super::lz4::Lz4Decoder;
use super::snappy::SnappyDecoder;
use super::zstd::ZstdDecoder;
use super::{BatchError, CompressionType};

/// How much gzip inflates at a time.
const CHUNK_BYTES: usize = 32 * 1024;

/// A codec reading compressed bytes; gives the inflated ones in chunks of at most a few megabytes.
pub(crate) enum Decoder {
    None(Bytes),
    Gzip(Box<MultiGzDecoder<Reader<Bytes>>>),
    Snappy(SnappyDecoder),
    Lz4(Lz4Decoder),
    Zstd(ZstdDecoder),
}

impl Decoder {
    /// Starts decoding. `magic` matters for lz4 only, the header checksum of which old clients got wrong.
    pub(crate) fn new(kind: CompressionType, magic: i8, input: Bytes) -> Result<Self, BatchError> {
        Ok(match kind {
            CompressionType::None => Self::None(input),
            CompressionType::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(input.reader()))),
            CompressionType::Snappy => Self::Snappy(SnappyDecoder::new(input)?),
            CompressionType::Lz4 => Self::Lz4(Lz4Decoder::new(input, magic == 0)?),
            CompressionType::Zstd => Self::Zstd(ZstdDecoder::new(input)?),
        })
    }

    /// The next chunk, empty at the end. `space` is reused for it where possible.
    pub(crate) fn next_chunk(&mut self, space: BytesMut) -> Result<Bytes, BatchError> {
        match self {
            Self::None(bytes) => Ok(std::mem::take(bytes)),
            Self::Gzip(inner) => read_chunk(inner, space),
            Self::Zstd(inner) => inner.next_chunk(space),
            Self::Snappy(inner) => inner.next_chunk(space),
            Self::Lz4(inner) => inner.next_chunk(space),
        }
    }
}

fn read_chunk(from: &mut impl Read, mut space: BytesMut) -> Result<Bytes, BatchError> {
    space.resize(CHUNK_BYTES, 0);
    let mut filled = 0;
    while filled < CHUNK_BYTES {
        match from.read(&mut space[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    space.truncate(filled);
    Ok(space.freeze())
}
