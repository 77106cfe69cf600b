//! What all messages have in common.

use std::fmt;

use crate::api_key::ApiKey;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::schema::MessageSchema;
use crate::wire::{Cx, Reader, Value, Writer};

/// Versions from `min` to `max`, both included; empty if `max < min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    /// Lowest version.
    pub min: i16,
    /// Highest version, [`i16::MAX`] for "and all that follow".
    pub max: i16,
}

impl VersionRange {
    /// No version.
    pub const NONE: Self = Self { min: 0, max: -1 };
    /// Every version.
    pub const ALL: Self = Self { min: 0, max: i16::MAX };

    /// From `min` to `max`, both included.
    pub const fn new(min: i16, max: i16) -> Self {
        Self { min, max }
    }

    /// Whether `version` is among them.
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.max < self.min
    }

    /// Those in both.
    pub const fn intersect(self, other: Self) -> Self {
        let min = if self.min > other.min { self.min } else { other.min };
        let max = if self.max < other.max { self.max } else { other.max };
        if max < min { Self::NONE } else { Self { min, max } }
    }

    /// Each of them, ascending.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = i16> {
        self.min..=self.max
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            range if range.is_empty() => f.write_str("none"),
            Self { min, max: i16::MAX } => write!(f, "{min}+"),
            Self { min, max } if min == max => write!(f, "{min}"),
            Self { min, max } => write!(f, "{min}-{max}"),
        }
    }
}

/// A message of the protocol or a record: anything that has versions of its own.
pub trait Message: Value + Default + Clone + fmt::Debug + PartialEq {
    /// Kafka's name, such as `FetchRequest`.
    const NAME: &'static str;
    /// The versions that Kafka 4.3 reads and writes, an unstable latest one included.
    const VERSIONS: VersionRange;
    /// The versions with compact lengths and tagged fields (KIP-482).
    const FLEXIBLE: VersionRange;
    /// Its description.
    const SCHEMA: &'static MessageSchema;

    /// `throttle_time_ms` of a response: how long its client is to send nothing more; 0 if it has no such field.
    fn throttle_time_ms(&self) -> i32 {
        0
    }

    /// Sets `throttle_time_ms`, if there is such a field.
    fn set_throttle_time_ms(&mut self, _ms: i32) {}

    /// Reads a message. The reader is left after its last byte: whether more may follow is for the caller to know.
    fn decode(reader: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(version) {
            return Err(reader.error(DecodeErrorKind::UnsupportedVersion { message: Self::NAME, version }));
        }
        Self::read(reader, Cx::new(version, Self::FLEXIBLE.contains(version)))
    }

    /// Writes the message.
    ///
    /// A field that the version lacks is dropped if Kafka calls it ignorable, and an error if it is set otherwise.
    fn encode(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError> {
        if !Self::VERSIONS.contains(version) {
            return Err(writer.error(EncodeErrorKind::UnsupportedVersion { message: Self::NAME, version }));
        }
        self.write(writer, Cx::new(version, Self::FLEXIBLE.contains(version)))
    }

    /// Reads a message that must fill `bytes`.
    fn from_bytes(bytes: impl Into<bytes::Bytes>, version: i16) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let message = Self::decode(&mut reader, version)?;
        reader.finish()?;
        Ok(message)
    }

    /// The message as bytes. Panics if it holds a [`crate::Records::Gap`].
    fn to_bytes(&self, version: i16) -> Result<bytes::Bytes, EncodeError> {
        let mut writer = Writer::new();
        self.encode(&mut writer, version)?;
        Ok(writer.into_bytes())
    }
}

/// A request.
pub trait Request: Message {
    /// Its API.
    const KEY: ApiKey;
    /// What answers it.
    type Response: Response;
}

/// A response.
pub trait Response: Message {
    /// Its API.
    const KEY: ApiKey;
}

/// A metadata, coordinator or remote-log record, told apart from others by a number in front of it.
pub trait Record: Message {
    /// The number.
    const KEY: i16;
}
