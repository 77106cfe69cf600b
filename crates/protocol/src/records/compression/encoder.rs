//! Compresses a batch's records behind its header.

use std::io::{self, Write};

use bytes::buf::Writer;
use bytes::{BufMut, BytesMut};
use flate2::write::GzEncoder;

use super::lz4::Lz4Encoder;
use super::snappy::SnappyEncoder;
use super::zstd::ZstdEncoder;
use super::{Compression, CompressionType};

/// A codec that appends to a buffer.
pub(crate) enum Encoder {
    None(BytesMut),
    Gzip(Box<GzEncoder<Writer<BytesMut>>>),
    Snappy(Box<SnappyEncoder>),
    Lz4(Lz4Encoder),
    Zstd(ZstdEncoder),
}

impl Encoder {
    /// Starts compressing to the end of `out`. `whole`: how many bytes will come, if known.
    pub(crate) fn new(compression: Compression, out: BytesMut, whole: Option<u64>) -> io::Result<Self> {
        Ok(match compression.kind() {
            CompressionType::None => Self::None(out),
            CompressionType::Gzip => {
                let level = u32::try_from(compression.level())
                    .map_or(flate2::Compression::default(), |level| flate2::Compression::new(level.min(9)));
                Self::Gzip(Box::new(GzEncoder::new(out.writer(), level)))
            }
            CompressionType::Snappy => Self::Snappy(Box::new(SnappyEncoder::new(out))),
            CompressionType::Lz4 => Self::Lz4(Lz4Encoder::new(out)),
            CompressionType::Zstd => Self::Zstd(ZstdEncoder::new(out, compression.level(), whole)?),
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::None(out) => out.extend_from_slice(bytes),
            Self::Gzip(inner) => inner.write_all(bytes)?,
            Self::Zstd(inner) => inner.write(bytes)?,
            Self::Snappy(inner) => inner.write(bytes)?,
            Self::Lz4(inner) => inner.write(bytes)?,
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> io::Result<BytesMut> {
        match self {
            Self::None(out) => Ok(out),
            Self::Gzip(inner) => Ok(inner.finish()?.into_inner()),
            Self::Zstd(inner) => inner.finish(),
            Self::Snappy(inner) => inner.finish(),
            Self::Lz4(inner) => inner.finish(),
        }
    }
}

/// Cuts what is written into blocks of one size, as the block codecs need it.
pub(super) struct Blocks {
    pending: Vec<u8>,
    size: usize,
}

impl Blocks {
    pub(super) const fn new(size: usize) -> Self {
        Self { pending: Vec::new(), size }
    }

    pub(super) fn write(
        &mut self,
        mut bytes: &[u8],
        mut block: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if !self.pending.is_empty() {
            let (head, tail) = bytes.split_at(bytes.len().min(self.size - self.pending.len()));
            self.pending.extend_from_slice(head);
            bytes = tail;
            if self.pending.len() < self.size {
                return Ok(());
            }
            block(&self.pending)?;
            self.pending.clear();
        }
        let mut whole = bytes.chunks_exact(self.size);
        for chunk in &mut whole {
            block(chunk)?;
        }
        self.pending.extend_from_slice(whole.remainder());
        Ok(())
    }

    /// What has not filled a block.
    pub(super) fn rest(&self) -> &[u8] {
        &self.pending
    }
}
