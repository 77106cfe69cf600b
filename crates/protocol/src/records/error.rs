//! What can be wrong with the bytes of a batch.

use std::borrow::Cow;

/// A defect in the bytes of a record batch. The texts are those a Kafka broker shows to clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The length field is below the smallest record of any magic.
    #[error("Record size {size} is less than the minimum record overhead ({min})")]
    SizeTooSmall { size: i32, min: usize },
    /// The length field is above the caller's limit.
    #[error("Record size {size} exceeds the largest allowable message size ({max}).")]
    SizeTooLarge { size: i32, max: usize },
    /// Only magic 0, 1 and 2 exist.
    #[error("Invalid magic found in record: {0}")]
    Magic(i8),
    /// Fewer bytes than the header or its length field ask for.
    #[error("Record batch ends after {have} of {need} bytes")]
    Truncated { have: usize, need: usize },
    /// The checksum over the batch does not match the stored one.
    #[error("Record is corrupt (stored crc = {stored}, computed crc = {computed})")]
    Crc { stored: u32, computed: u32 },
    /// The records inside the batch are malformed.
    #[error("{0}")]
    InvalidRecord(Cow<'static, str>),
    /// Codec ids 5 to 7 are not assigned.
    #[error("Unknown compression type id: {0}")]
    UnknownCompression(u8),
    /// The codec refused the compressed bytes.
    #[error("Failed to decompress record stream: {0}")]
    Decompression(Cow<'static, str>),
    /// The batch inflates beyond what the caller allows.
    #[error("Record batch decompresses to more than {limit} bytes")]
    DecompressedTooLarge { limit: u64 },
}

impl BatchError {
    pub(crate) const fn invalid(text: &'static str) -> Self {
        Self::InvalidRecord(Cow::Borrowed(text))
    }

    pub(crate) const fn codec(text: &'static str) -> Self {
        Self::Decompression(Cow::Borrowed(text))
    }
}

impl From<std::io::Error> for BatchError {
    fn from(error: std::io::Error) -> Self {
        Self::Decompression(Cow::Owned(error.to_string()))
    }
}
