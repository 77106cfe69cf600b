//! The codecs of record batches and their levels.

mod decoder;
mod encoder;
mod lz4;
mod snappy;
mod xxh32;
mod zstd;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;

use super::BatchError;

/// Codec of a batch; the ids are those of the attributes' lowest three bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum CompressionType {
    #[default]
    None = 0,
    Gzip = 1,
    /// With the chunk framing of xerial's snappy-java; a raw block is read as well.
    Snappy = 2,
    /// LZ4 frames of independent blocks.
    Lz4 = 3,
    /// Produce v7 and fetch v10 at least (KIP-110).
    Zstd = 4,
}

impl CompressionType {
    /// All codecs, by id.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec of an id; 5 to 7 mean none.
    pub const fn from_id(id: u8) -> Result<Self, BatchError> {
        match id {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            _ => Err(BatchError::UnknownCompression(id)),
        }
    }

    /// The codec of a name of `compression.type`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }

    /// Id in the attributes.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// Name in `compression.type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Lowest and highest level (KIP-390); `None` for codecs without levels. Gzip also allows its default, -1.
    pub const fn levels(self) -> Option<(i32, i32)> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some((1, 9)),
            Self::Lz4 => Some((1, 17)),
            Self::Zstd => Some((-131_072, 22)),
        }
    }

    /// Level used when none is configured; 0 for codecs without levels.
    pub const fn default_level(self) -> i32 {
        match self {
            Self::None | Self::Snappy => 0,
            Self::Gzip => -1,
            Self::Lz4 => 9,
            Self::Zstd => 3,
        }
    }
}

impl std::fmt::Display for CompressionType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The level is not one of the codec's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{codec} doesn't support given compression level: {level}")]
pub struct LevelError {
    pub codec: CompressionType,
    pub level: i32,
}

/// A codec with its level.
///
/// The level of lz4 is accepted and kept but changes nothing: the encoder in use has a single one, which is that
/// of Kafka's default 9 (lz4-java's fast compressor). Every level decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Compression {
    kind: CompressionType,
    level: i32,
}

impl Compression {
    /// No compression.
    pub const NONE: Self = Self::new(CompressionType::None);

    /// The codec at its default level.
    pub const fn new(kind: CompressionType) -> Self {
        Self { kind, level: kind.default_level() }
    }

    /// The codec at a level; codecs without levels ignore it.
    pub const fn with_level(kind: CompressionType, level: i32) -> Result<Self, LevelError> {
        match kind.levels() {
            None => Ok(Self::new(kind)),
            Some((low, high)) if low <= level && level <= high || level == kind.default_level() => {
                Ok(Self { kind, level })
            }
            Some(_) => Err(LevelError { codec: kind, level }),
        }
    }

    /// The codec.
    pub const fn kind(self) -> CompressionType {
        self.kind
    }

    /// The level; 0 for codecs without.
    pub const fn level(self) -> i32 {
        self.level
    }
}

impl From<CompressionType> for Compression {
    fn from(kind: CompressionType) -> Self {
        Self::new(kind)
    }
}
