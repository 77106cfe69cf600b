//! How a broker tells the controller on whose behalf it passes a request on (KIP-590): the bytes of
//! `Envelope`'s principal, with two bytes of version in front.

use bytes::Bytes;

use crate::Message;
use crate::error::{DecodeError, EncodeError};
use crate::wire::{RawTaggedField, Reader, StrBytes, Writer};

/// A principal, as brokers pass it on.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0, flexible = 0..)]
pub struct DefaultPrincipalData {
    /// Type of the principal, mostly `User`.
    pub r#type: StrBytes,
    /// Name of the principal.
    pub name: StrBytes,
    /// Whether the client authenticated with a delegation token.
    pub token_authenticated: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}

impl DefaultPrincipalData {
    /// A principal that has not authenticated with a token.
    pub fn new(r#type: &str, name: &str) -> Self {
        Self { r#type: r#type.into(), name: name.into(), ..Self::default() }
    }

    /// As Kafka's default principal builder writes it: two bytes of version, then the principal.
    ///
    /// # Errors
    /// If a name is longer than a string may be.
    pub fn to_versioned_bytes(&self) -> Result<Bytes, EncodeError> {
        let version = Self::VERSIONS.max;
        let mut writer = Writer::new();
        writer.i16(version);
        self.encode(&mut writer, version)?;
        Ok(writer.into_bytes())
    }

    /// Reads what [`Self::to_versioned_bytes`] has written. Bytes behind the end do not matter, as in Kafka.
    ///
    /// # Errors
    /// If the version is not known or the bytes are not a principal.
    pub fn from_versioned_bytes(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let version = reader.i16()?;
        Self::decode(&mut reader, version)
    }
}
