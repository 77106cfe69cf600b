//! The headers in front of every request and response.
//!
//! Non-obvious: the version of a header follows from the API and the version of the body, see
//! [`ApiKey::request_header_version`] and [`ApiKey::response_header_version`]; the client id keeps its old form even in
//! the flexible header; the response to ApiVersions always has header version 0.

mod messages;

pub use messages::{RequestHeader, ResponseHeader};

use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError};
use crate::message::Message;
use crate::wire::{Reader, StrBytes, Writer};

impl RequestHeader {
    /// A header for a request of `key` in `version`.
    pub fn new(key: ApiKey, version: i16, correlation_id: i32, client_id: Option<StrBytes>) -> Self {
        Self {
            request_api_key: key.number(),
            request_api_version: version,
            correlation_id,
            client_id,
            ..Self::default()
        }
    }

    /// Reads the header of a request whose API is not known yet. The version of the request may be one we do not
    /// have: that is for the caller to refuse, for ApiVersions with an answer in version 0.
    pub fn decode_any(reader: &mut Reader) -> Result<(ApiKey, Self), DecodeError> {
        let mut ahead = reader.clone();
        ahead.enter("request_api_key");
        let key = ahead.i16()?;
        let version = ahead.i16()?;
        let key = ApiKey::try_from(key).map_err(|kind| reader.error(kind))?;
        Ok((key, Self::decode(reader, key.request_header_version(version))?))
    }

    /// Writes the header in the version that belongs to `key` and the request's version.
    pub fn encode_for(&self, key: ApiKey, writer: &mut Writer) -> Result<(), EncodeError> {
        self.encode(writer, key.request_header_version(self.request_api_version))
    }
}

impl ResponseHeader {
    /// A header that answers `correlation_id`.
    pub fn new(correlation_id: i32) -> Self {
        Self { correlation_id, ..Self::default() }
    }

    /// Reads the header of a response to `key` in `version`.
    pub fn decode_for(key: ApiKey, reader: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Self::decode(reader, key.response_header_version(version))
    }

    /// Writes the header of a response to `key` in `version`.
    pub fn encode_for(&self, key: ApiKey, writer: &mut Writer, version: i16) -> Result<(), EncodeError> {
        self.encode(writer, key.response_header_version(version))
    }
}
