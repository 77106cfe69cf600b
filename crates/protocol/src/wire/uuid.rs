//! Kafka's UUIDs: topic ids, directory ids, member ids.

use std::fmt;
use std::str::FromStr;

/// 128 bits, shown as 22 characters of URL-safe base64 without padding, as Kafka shows them in files and output.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

/// The text is not 22 characters of URL-safe base64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a uuid of 22 characters of URL-safe base64: {text}")]
pub struct ParseUuidError {
    text: String,
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const TEXT_LENGTH: usize = 22;

impl Uuid {
    /// All bits zero: no id.
    pub const ZERO: Self = Self([0; 16]);
    /// The id of `__cluster_metadata`.
    pub const METADATA_TOPIC: Self = Self::from_u128(1);
    /// Directory id of replicas before directories had ids (KIP-858): `DirectoryId.MIGRATING`.
    pub const MIGRATING_DIRECTORY: Self = Self::ZERO;
    /// Directory id of a replica whose directory is not chosen yet: `DirectoryId.UNASSIGNED`.
    pub const UNASSIGNED_DIRECTORY: Self = Self::from_u128(1);
    /// Directory id of a replica in an offline directory: `DirectoryId.LOST`.
    pub const LOST_DIRECTORY: Self = Self::from_u128(2);

    /// From sixteen bytes, most significant first.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// From a number.
    pub const fn from_u128(value: u128) -> Self {
        Self(value.to_be_bytes())
    }

    /// Sets the version and variant bits of a random UUID (version 4) on 16 random bytes. Where [`Uuid::is_awkward`],
    /// draw again.
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// The sixteen bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// As a number.
    pub const fn to_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// Whether this is [`Uuid::ZERO`].
    pub const fn is_zero(&self) -> bool {
        self.to_u128() == 0
    }

    /// The upper 64 bits, by which Kafka's Java code names halves of an id.
    pub const fn most_significant_bits(self) -> i64 {
        ((self.to_u128() >> 64) as u64).cast_signed()
    }

    /// The lower 64 bits.
    pub const fn least_significant_bits(self) -> i64 {
        (self.to_u128() as u64).cast_signed()
    }

    /// Whether Kafka keeps this id for itself: the first hundred numbers.
    pub const fn is_reserved(self) -> bool {
        self.to_u128() < 100
    }

    /// Whether Kafka would not take this for a new id: reserved, or its text begins with `-` and looks like a flag on a
    /// command line.
    pub const fn is_awkward(self) -> bool {
        self.is_reserved() || self.to_u128() >> 122 == 62
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 128 bits are 21 characters of six bits and a last one of two, which base64 fills up with zeros.
        let value = self.to_u128();
        let mut text = [0u8; TEXT_LENGTH];
        for (index, character) in text.iter_mut().enumerate() {
            let bits = match 122usize.checked_sub(index * 6) {
                Some(shift) => (value >> shift) & 0x3f,
                None => (value << 4) & 0x3f,
            };
            *character = ALPHABET[bits as usize];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, ParseUuidError> {
        let error = || ParseUuidError { text: text.to_owned() };
        // Kafka writes no padding but reads it.
        let digits = text.strip_suffix("==").unwrap_or(text).as_bytes();
        if digits.len() != TEXT_LENGTH {
            return Err(error());
        }
        let mut value = 0u128;
        for (index, digit) in digits.iter().enumerate() {
            let bits = ALPHABET.iter().position(|known| known == digit).ok_or_else(error)? as u128;
            value = match 122usize.checked_sub(index * 6) {
                Some(shift) => value | bits << shift,
                None => value | bits >> 4,
            };
        }
        Ok(Self::from_u128(value))
    }
}
